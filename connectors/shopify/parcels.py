"""Shipments as Shopify tells them → ours: what is known of the parcel, and who says so. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import urlsplit

from connectors.shopify.shapes import EventShape, ShipmentShape
from integration.records import FulfillmentRecord, FulfillmentStatus, QuantityOf, ShipmentEvent, Tracking

MOVING = frozenset({"carrier_picked_up", "in_transit", "out_for_delivery", "attempted_delivery", "delayed"})
"""Display and event words of a parcel that is under way."""


def fulfillment(shape: ShipmentShape) -> FulfillmentRecord:
    events = tuple(_event(each) for each in sorted(shape.events.nodes, key=lambda e: (e.happenedAt, e.id)))
    delivered_at, source = _delivery(shape, events)
    return FulfillmentRecord(
        platform_id=shape.id,
        status=shape.status.lower(),
        shipment_status=_parcel_status(shape, events, delivered_at),
        name=shape.name,
        shipped_at=shape.createdAt.astimezone(UTC),
        updated_at=shape.updatedAt.astimezone(UTC) if shape.updatedAt else None,
        delivered_at=delivered_at,
        delivered_source=source,
        estimated_delivery_at=shape.estimatedDeliveryAt.astimezone(UTC)
        if shape.estimatedDeliveryAt
        else None,
        tracking=tuple(
            Tracking(company=each.company or "", number=each.number or "", url=web_address(each.url))
            for each in shape.trackingInfo
        ),
        lines=tuple(
            QuantityOf(line_id=each.lineItem.id, quantity=each.quantity or 0, platform_id=each.id)
            for each in shape.fulfillmentLineItems.nodes
        ),
        events=events,
    )


def _event(shape: EventShape) -> ShipmentEvent:
    return ShipmentEvent(
        platform_id=shape.id,
        status=shape.status.lower(),
        at=shape.happenedAt.astimezone(UTC),
        message=shape.message or "",
        place=", ".join(filter(None, (shape.city, shape.province, shape.country))),
    )


def _delivery(shape: ShipmentShape, events: Sequence[ShipmentEvent]) -> tuple[datetime | None, str | None]:
    """When it arrived and who says so.

    `deliveredAt` is filled only where Shopify itself follows the carrier; a DELIVERED event without it
    was written by the shop or one of its apps. The first such event counts: later scans change nothing.
    """
    if shape.deliveredAt:
        return shape.deliveredAt.astimezone(UTC), "carrier"
    for event in events:
        if event.status == "delivered":
            return event.at, "store"
    return None, None


def _parcel_status(
    shape: ShipmentShape, events: Sequence[ShipmentEvent], delivered_at: datetime | None
) -> str:
    """A late scan ("in transit", reported after the door) never takes a delivery back."""
    if delivered_at is not None:
        return "delivered"
    if shape.displayStatus:
        return shape.displayStatus.lower()
    return events[-1].status if events else ""


def status_of(word: str, fulfillments: Sequence[FulfillmentRecord]) -> FulfillmentStatus:
    """The order as a whole. FULFILLED only means handed over; the parcels know how far they are."""
    sent = [each for each in fulfillments if each.status == "success"]
    if word in ("PARTIALLY_FULFILLED", "IN_PROGRESS") and sent:
        return FulfillmentStatus.PARTIALLY_FULFILLED
    if word not in ("FULFILLED", "FULFILLMENT_NOT_REQUIRED"):
        return FulfillmentStatus.UNFULFILLED
    if sent and all(each.shipment_status in ("delivered", "picked_up") for each in sent):
        return FulfillmentStatus.DELIVERED
    if any(each.shipment_status in MOVING for each in sent):
        return FulfillmentStatus.IN_TRANSIT
    return FulfillmentStatus.FULFILLED


@lru_cache(maxsize=4096)
def web_address(text: str | None) -> str | None:
    """`text` if it is an http or https address with a host, else None: it becomes a link for agents."""
    if not text or len(text) > 2000:
        return None
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        return None
    return text.strip() if parts.scheme in ("http", "https") and parts.netloc else None
