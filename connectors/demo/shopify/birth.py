"""From a plan of the shared demo world to an order as this platform keeps it."""

from __future__ import annotations

from itertools import islice

from connectors.demo.plans import (
    OrderPlan,
    Parcel,
    ParcelState,
    RefundPlan,
    ReturnPlan,
    ReturnState,
    Stage,
    Store,
)
from connectors.demo.shopify import drafting, payloads, refunds, returns, shipping
from connectors.demo.shopify.bags import Doc, Purse, minor
from connectors.demo.shopify.books import settle
from connectors.demo.shopify.shop import Shop, stamp
from connectors.demo.world import World

BATCH = 500
"""Orders written in one transaction while a shop is filled."""


def seed(shop: Shop, world: World) -> int:
    """Fill an empty shop with the world's orders; returns how many it then has."""
    if shop.archive.kept("settings", "seeded"):
        return shop.archive.count()
    with shop.archive.change():  # a first start that was cut short begins again
        shop.archive.forget_everything()
    plans = enumerate(world.plans(Store.SHOPIFY), start=1001)
    while batch := list(islice(plans, BATCH)):
        with shop.archive.change():
            for place, plan in batch:
                bear(shop, plan, place)
    with shop.archive.change():
        count = shop.archive.count()
        shop.archive.keep("settings", "seeded", {"number": 1001 + count})
    return count


def next_number(shop: Shop) -> int:
    """The number for the next new order."""
    kept = shop.archive.kept("settings", "seeded") or {"number": 1001}
    shop.archive.keep("settings", "seeded", {"number": kept["number"] + 1})
    return int(kept["number"])


def bear(shop: Shop, plan: OrderPlan, place: int) -> Doc:
    """Write one plan down as order number `place`; only inside a change. Tells nobody."""
    customer = drafting.customer(shop, plan)
    order = drafting.order(shop, plan, place, customer)
    drafting.pay(shop, plan, order)
    settle(order)
    for parcel in plan.parcels:
        _parcel(shop, order, parcel)
    settle(order)
    for back in sorted(plan.returns, key=lambda each: each.at):
        _return(shop, order, plan, back)
        settle(order)
    for refund in sorted(plan.refunds, key=lambda each: each.at):
        _refund(shop, order, plan, refund)
        settle(order)
    if plan.cancelled_at:
        order["cancelledAt"] = stamp(plan.cancelled_at)
        order["cancelReason"] = "CUSTOMER"
        order["cancellation"] = {"staffNote": None}
    if plan.settled and not plan.returns:
        order["closedAt"] = stamp(plan.last_event)
    order["updatedAt"] = stamp(plan.last_event)
    settle(order)
    shop.archive.save_order(order)
    if customer:
        shop.archive.count_purchase(customer["id"], minor(order["netPaymentSet"]["shopMoney"]))
    return order


SCANS = {
    ParcelState.LABEL: "LABEL_PRINTED",
    ParcelState.IN_TRANSIT: "IN_TRANSIT",
    ParcelState.OUT_FOR_DELIVERY: "OUT_FOR_DELIVERY",
    ParcelState.DELIVERED: "DELIVERED",
    ParcelState.RETURNED: "FAILURE",
}


def _parcel(shop: Shop, order: Doc, parcel: Parcel) -> None:
    lines = [(order["lineItems"][index]["id"], quantity) for index, quantity in parcel.lines]
    tracking = {"company": parcel.carrier.company, "number": parcel.number, "url": parcel.url}
    fulfillment = shipping.pack(shop, order, lines, [tracking], parcel.packed_at, parcel.estimate)
    for scan in parcel.scans:
        shipping.add_event(shop, fulfillment, SCANS[scan.state], scan.at, scan.message)


REASONS = {
    "changed_mind": "unwanted",
    "too_small": "size-too-small",
    "not_as_described": "not-as-described",
    "defective": "defective",
    "wrong_item": "wrong-item",
    "arrived_late": "arrived-late",
}


def _return(shop: Shop, order: Doc, plan: OrderPlan, back: ReturnPlan) -> None:
    wanted = list(
        returns.lines_from(order, [(order["lineItems"][index]["id"], many) for index, many in back.lines])
    )
    if not wanted:
        return
    made = returns.make(
        shop,
        order,
        [
            {
                "fulfillmentLineItemId": item,
                "quantity": many,
                "reason": REASONS[back.reason],
                "note": back.note,
            }
            for item, many in wanted
        ],
        status="REQUESTED" if back.state in (ReturnState.REQUESTED, ReturnState.DECLINED) else "OPEN",
        at=back.at,
    )
    if back.state is ReturnState.DECLINED:
        made["status"] = "DECLINED"
        made["decline"] = {"reason": "RETURN_PERIOD_ENDED", "note": "Asked too late"}
    elif back.state is ReturnState.CLOSED:
        for item in made["returnLineItems"]:
            item["processedQuantity"] = item["refundedQuantity"] = item["quantity"]
        made["status"], made["closedAt"] = "CLOSED", stamp(plan.last_event)
        for reverse in made["reverseFulfillmentOrders"]:
            reverse["status"] = "CLOSED"


def _refund(shop: Shop, order: Doc, plan: OrderPlan, refund: RefundPlan) -> None:
    restock = "CANCEL" if plan.stage is Stage.CANCELLED else "RETURN" if plan.returns else "NO_RESTOCK"
    lines = [
        {"lineItemId": order["lineItems"][index]["id"], "quantity": many, "restockType": restock}
        for index, many in refund.lines
    ]
    suggestion = refunds.suggest(order, lines, full_shipping=refund.shipping)
    purse = Purse.of(order)
    amount = suggestion.amount if refund.amount is None else drafting.exchange(purse, refund.amount)
    closed = [each for each in order["returns"] if each["status"] == "CLOSED" and not each["refunds"]]
    refunds.write(
        shop,
        order,
        suggestion,
        refunds.allocate(order, min(amount, suggestion.maximum)),
        at=stamp(refund.at),
        note=refund.reason,
        return_id=closed[0]["id"] if closed and refund.lines else None,
    )


def fresh(shop: Shop, world: World, serial: int) -> Doc:
    """A new order, placed this moment, told to every subscriber."""
    with shop.archive.change():
        order = bear(shop, world.fresh(Store.SHOPIFY, serial, shop.now()), next_number(shop))
        shop.announce("orders/create", payloads.order_payload(shop, order))
        for transaction in order["transactions"]:
            payload = payloads.transaction_payload(order, transaction)
            shop.announce("order_transactions/create", payload)
    return order
