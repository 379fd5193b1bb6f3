"""The store goes on living: orders come in, parcels move, people ask to return things."""

from __future__ import annotations

import random
import threading
from contextlib import suppress
from datetime import timedelta

from connectors.demo.plans import SHIPPING
from connectors.demo.shopify import birth, returns, shipping
from connectors.demo.shopify.bags import Doc
from connectors.demo.shopify.problems import Problem
from connectors.demo.shopify.shop import Shop, UnknownOrder
from connectors.demo.world import World, tracking_number

NEXT_SCAN = {
    "FULFILLED": ("LABEL_PRINTED", "Label created"),
    "LABEL_PRINTED": ("IN_TRANSIT", "Accepted at the terminal"),
    "IN_TRANSIT": ("OUT_FOR_DELIVERY", "Out for delivery"),
    "OUT_FOR_DELIVERY": ("DELIVERED", "Delivered"),
}
"""What usually follows the display status of a shipment."""


class Life:
    """Something happens about every `seconds`, until stopped."""

    def __init__(self, shop: Shop, world: World, seconds: float, seed: int = 1) -> None:
        self._shop, self._world, self._seconds = shop, world, seconds
        self._dice = random.Random(f"{seed} life")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="life", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._stop.wait(self._seconds * self._dice.uniform(0.5, 1.5)):
            self.happen()
        self._shop.archive.release()

    def happen(self) -> None:
        """One event: mostly parcels on their way, now and then a new order or a return."""
        step = self._dice.choices(
            (self._move_parcel, self._pack, self._new_order, self._ask_back), (50, 25, 18, 7)
        )[0]
        with suppress(Problem, UnknownOrder):  # somebody changed the order in between: next time
            step()

    def _some(self, where: str) -> Doc | None:
        """One of the thirty latest orders that fit."""
        found = list(self._shop.archive.find(f"status != 'cancelled' AND {where}", (), "processed DESC", 30))
        return self._dice.choice(found) if found else None

    def _new_order(self) -> None:
        serial = (self._shop.archive.kept("settings", "life") or {"serial": 0})["serial"]
        with self._shop.archive.change():
            self._shop.archive.keep("settings", "life", {"serial": serial + 1})
            birth.fresh(self._shop, self._world, serial)

    def _pack(self) -> None:
        order = self._some("fulfillment IN ('unfulfilled', 'partially_fulfilled') AND financial = 'paid'")
        if order is None:
            return
        country = (order["shippingAddress"] or {}).get("countryCodeV2", "EE")
        way = self._dice.choice(SHIPPING.get(country, SHIPPING["EE"]))
        number = tracking_number(way.carrier, self._dice)
        tracking = {"company": way.carrier.company, "number": number, "url": way.carrier.url.format(number)}
        lines = [
            (line["id"], line["unfulfilledQuantity"])
            for line in order["lineItems"]
            if line["unfulfilledQuantity"] and line["requiresShipping"]
        ]
        if lines:
            estimate = self._shop.now() + timedelta(days=way.days[1] + 1)
            shipping.fulfil(self._shop, order["id"], lines, [tracking], estimate)

    def _move_parcel(self) -> None:
        order = self._some("fulfillment IN ('fulfilled', 'partially_fulfilled')")
        moving = [
            each for each in (order["fulfillments"] if order else []) if each["displayStatus"] in NEXT_SCAN
        ]
        if moving:
            parcel = self._dice.choice(moving)
            status, message = NEXT_SCAN[parcel["displayStatus"]]
            shipping.event(self._shop, parcel["id"], status, message=message)

    def _ask_back(self) -> None:
        order = self._some("fulfillment = 'fulfilled' AND returns = 'no_return'")
        free = [item for _, items in returns.returnable(order) for item in items] if order else []
        if order and free:
            item, _ = self._dice.choice(free)
            reason = self._dice.choice(returns.REASONS[:9])
            line = {
                "fulfillmentLineItemId": item["id"],
                "quantity": 1,
                "returnReasonDefinitionId": reason["id"],
                "customerNote": "",
            }
            returns.open_return(
                self._shop, {"orderId": order["id"], "returnLineItems": [line]}, requested=True
            )
