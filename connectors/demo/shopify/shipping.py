"""Shipments: packing, carrier events, delivery.

Source for statuses: fact sheet, 2.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from connectors.demo.shopify import payloads
from connectors.demo.shopify.bags import Doc
from connectors.demo.shopify.problems import Problem
from connectors.demo.shopify.shop import Shop, number, stamp

DISPLAY = {
    "LABEL_PRINTED": "LABEL_PRINTED",
    "LABEL_PURCHASED": "LABEL_PURCHASED",
    "CONFIRMED": "CONFIRMED",
    "CARRIER_PICKED_UP": "CARRIER_PICKED_UP",
    "IN_TRANSIT": "IN_TRANSIT",
    "OUT_FOR_DELIVERY": "OUT_FOR_DELIVERY",
    "ATTEMPTED_DELIVERY": "ATTEMPTED_DELIVERY",
    "DELAYED": "DELAYED",
    "DELIVERED": "DELIVERED",
    "FAILURE": "NOT_DELIVERED",
    "READY_FOR_PICKUP": "READY_FOR_PICKUP",
}
"""The display status of a shipment, by its latest event."""


def pack(
    shop: Shop,
    order: Doc,
    lines: Sequence[tuple[str, int]],
    tracking: Sequence[Doc],
    at: datetime,
    estimate: datetime | None = None,
) -> Doc:
    """Add a shipment of `(line id, quantity)` to the order document."""
    by_id = {line["id"]: line for line in order["lineItems"]}
    for line_id, quantity in lines:
        if line_id not in by_id or not 0 < quantity <= by_id[line_id]["unfulfilledQuantity"]:
            raise Problem("lineItems", "Not that many pieces of this line are left to ship")
    gid = shop.archive.gid("Fulfillment")
    fulfillment: Doc = {
        "id": gid,
        "legacyResourceId": str(number(gid)),
        "name": f"{order['name']}-F{len(order['fulfillments']) + 1}",
        "status": "SUCCESS",
        "displayStatus": "FULFILLED",
        "createdAt": stamp(at),
        "updatedAt": stamp(at),
        "inTransitAt": None,
        "deliveredAt": None,
        "estimatedDeliveryAt": stamp(estimate) if estimate else None,
        "totalQuantity": sum(quantity for _, quantity in lines),
        "requiresShipping": any(by_id[line_id]["requiresShipping"] for line_id, _ in lines),
        "trackingInfo": [dict(each) for each in tracking],
        "fulfillmentLineItems": [
            {"id": shop.archive.gid("FulfillmentLineItem"), "quantity": quantity, "lineItem": {"id": line_id}}
            for line_id, quantity in lines
        ],
        "events": [],
        "order": {"id": order["id"]},
    }
    order["fulfillments"].append(fulfillment)
    return fulfillment


def add_event(shop: Shop, fulfillment: Doc, status: str, at: datetime, message: str | None) -> Doc:
    """Note a carrier's event; milestones follow from the kind of event, the status from the latest one."""
    happened = stamp(at)
    event: Doc = {
        "id": shop.archive.gid("FulfillmentEvent"),
        "status": status,
        "happenedAt": happened,
        "message": message,
        "city": None,
        "province": None,
        "country": None,
        "estimatedDeliveryAt": fulfillment["estimatedDeliveryAt"],
    }
    events = fulfillment["events"]
    events.append(event)
    events.sort(key=lambda each: str(each["happenedAt"]))
    fulfillment["displayStatus"] = DISPLAY[events[-1]["status"]]
    fulfillment["updatedAt"] = max(happened, fulfillment["updatedAt"])
    if status in ("IN_TRANSIT", "CARRIER_PICKED_UP") and not fulfillment["inTransitAt"]:
        fulfillment["inTransitAt"] = happened
    if status == "DELIVERED" and not fulfillment["deliveredAt"]:
        fulfillment["deliveredAt"] = happened
    return event


def fulfil(
    shop: Shop,
    order_gid: str,
    lines: Sequence[tuple[str, int]] | None = None,
    tracking: Sequence[Doc] = (),
    estimate: datetime | None = None,
) -> str:
    """Ship these lines, or all that are left; returns the fulfillment's id. Raises :exc:`Problem`."""
    with shop.editing(order_gid) as change:
        order = change.order
        wanted = lines or [
            (line["id"], line["unfulfilledQuantity"])
            for line in order["lineItems"]
            if line["unfulfilledQuantity"]
        ]
        if not wanted:
            raise Problem("lineItems", "Nothing is left to ship")
        fulfillment = pack(shop, order, wanted, tracking, shop.now(), estimate)
        change.tell("fulfillments/create", lambda: payloads.fulfillment_payload(order, fulfillment))
        return str(fulfillment["id"])


def event(
    shop: Shop, fulfillment_gid: str, status: str, at: datetime | None = None, message: str | None = None
) -> None:
    """A carrier reports; `at` may lie in the past, as late scans do. Raises :exc:`Problem`."""
    with shop.archive.change():
        owner = shop.archive.owner_of(fulfillment_gid)
        if owner is None:
            raise Problem("fulfillmentId", "No such fulfillment")
        with shop.editing(owner["id"], touch=shop.conduct.events_touch_orders) as change:
            order = change.order
            fulfillment = next(each for each in order["fulfillments"] if each["id"] == fulfillment_gid)
            noted = add_event(shop, fulfillment, status, at or shop.now(), message)
            fulfillment["updatedAt"] = max(shop.stamp(), fulfillment["updatedAt"])
            change.tell(
                "fulfillment_events/create", lambda: payloads.event_payload(shop, order, fulfillment, noted)
            )
            change.tell("fulfillments/update", lambda: payloads.fulfillment_payload(order, fulfillment))


def update_tracking(shop: Shop, fulfillment_gid: str, tracking: Doc) -> Doc:
    """`fulfillmentTrackingInfoUpdate`: replaces what was there."""
    numbers = tracking.get("numbers") or ([tracking["number"]] if tracking.get("number") else [])
    urls = tracking.get("urls") or ([tracking["url"]] if tracking.get("url") else [])
    info = [
        {
            "company": tracking.get("company"),
            "number": each,
            "url": urls[place] if place < len(urls) else None,
        }
        for place, each in enumerate(numbers)
    ]
    with shop.archive.change():
        owner = shop.archive.owner_of(fulfillment_gid)
        if owner is None or "/Fulfillment/" not in fulfillment_gid:
            error = {"field": ["fulfillmentId"], "message": "Fulfillment does not exist"}
            return {"fulfillment": None, "userErrors": [error]}
        with shop.editing(owner["id"]) as change:
            order = change.order
            fulfillment = next(each for each in order["fulfillments"] if each["id"] == fulfillment_gid)
            fulfillment["trackingInfo"] = info
            fulfillment["updatedAt"] = shop.stamp()
            change.tell("fulfillments/update", lambda: payloads.fulfillment_payload(order, fulfillment))
    return {"fulfillment": {"id": fulfillment_gid}, "userErrors": []}
