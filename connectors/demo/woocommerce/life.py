"""The shop goes on living: orders come in, parcels leave, carriers scan them, buyers get them.

Each step is one change as a plugin or a checkout would make it, so its webhooks are the real ones.
"""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta

from connectors.demo.woocommerce import orders, seeding, status, tracking
from connectors.demo.woocommerce.shop import Shop
from connectors.demo.woocommerce.wire import SITE_ZONE, Json
from connectors.demo.world import SHIPPING, Store, World, tracking_number

NEXT_SCAN = {
    "pre_transit": ("in_transit", "Accepted by the carrier"),
    "in_transit": ("out_for_delivery", "Out for delivery"),
    "out_for_delivery": ("delivered", "Delivered"),
}


class Life:
    def __init__(self, shop: Shop, world: World) -> None:
        self._shop, self._world = shop, world
        self._goods = seeding.Goods(shop)
        self._stop = threading.Event()

    def start(self, every: float) -> None:
        """A step every so many seconds, in the background, until :meth:`stop`."""

        def go_on() -> None:
            while not self._stop.wait(every):
                self.tick()

        threading.Thread(target=go_on, name="life", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def tick(self) -> Json:
        """One thing happens; says what: `{"step", "what", "order_id"}`."""
        shop = self._shop
        with shop.database.change():
            step = shop.database.next("life")
            rng = random.Random(f"{self._world.seed} life {step}")
            what = rng.choices(["order", "parcel", "scan"], [2, 3, 4])[0]
            id_ = {"parcel": self._parcel, "scan": self._scan}.get(what, self._order)(rng)
            if id_ is None:  # nothing to send or to scan: then somebody buys
                what, id_ = "order", self._order(rng)
        return {"step": step, "what": what, "order_id": id_}

    def _order(self, rng: random.Random) -> int | None:
        """A checkout, paid at once."""
        shop = self._shop
        now = datetime.fromtimestamp(shop.now(), UTC)
        number = shop.database.next("live order")
        plan = self._world.fresh(Store.WOOCOMMERCE, number, now)
        customer_id = 0 if plan.guest else self._account(plan.email)
        document = seeding.draft(shop, self._goods, plan, customer_id)
        document["status"] = "processing" if document["needs_processing"] else "completed"
        document["paid"] = shop.now()
        status.born(shop, document)
        return int(document["id"])

    def _account(self, email: str) -> int:
        sql = "SELECT id FROM document WHERE kind = 'customer' AND name = ?"
        return self._shop.database.count(sql, email.lower())

    def _recent(self, statuses: str, rng: random.Random) -> Json | None:
        sql = f"SELECT id FROM shop_order WHERE status IN ({statuses}) ORDER BY created DESC LIMIT 12"  # noqa: S608
        rows = self._shop.database.rows(sql)
        return orders.fetch(self._shop, rng.choice(rows)[0]) if rows else None

    def _parcel(self, rng: random.Random) -> int | None:
        """The merchant sends everything that one order still waits for."""
        document = self._recent("'processing'", rng)
        if document is None:
            return None
        shop = self._shop
        country = document["shipping"]["country"] or "EE"
        carrier = rng.choice(SHIPPING.get(country, SHIPPING["EE"])).carrier
        now = datetime.fromtimestamp(shop.now(), UTC)
        inside = tracking.everything(document)
        parcel = tracking.entry(carrier, tracking_number(carrier, rng), shop.now(), inside, whole=True)
        estimate = (now + timedelta(days=3)).astimezone(SITE_ZONE).date().isoformat()
        events = [tracking.event("pre_transit", now, "Label created")]
        tracking.add(shop, document, parcel, tracking.status("pre_transit", now, estimate, events))
        status.change(shop, document, "shipped")
        return int(document["id"])

    def _scan(self, rng: random.Random) -> int | None:
        """A carrier scans a parcel that is on its way; the last one delivered makes the order delivered."""
        document = self._recent("'shipped', 'partial-shipped'", rng)
        known = orders.meta_value(document, tracking.STATUS) if document else None
        if document is None or not known:
            return None
        moving = [place for place, row in enumerate(known) if row["status"] in NEXT_SCAN]
        if not moving:
            return None
        deliver_or_scan(self._shop, document, rng.choice(moving))
        return int(document["id"])


def deliver_or_scan(shop: Shop, document: Json, place: int, *, at_once: bool = False) -> None:
    """The next scan of one parcel; `at_once` takes it to the buyer's door."""
    known = orders.meta_value(document, tracking.STATUS)
    state, message = NEXT_SCAN.get(known[place]["status"], ("delivered", "Delivered"))
    if at_once:
        state, message = "delivered", "Delivered"
    tracking.scan(shop, document, place, state, message)
    now_known = orders.meta_value(document, tracking.STATUS)
    if document["status"] == "shipped" and all(row["status"] == "delivered" for row in now_known):
        status.change(shop, document, "delivered")
    else:
        orders.touch(shop, document)
