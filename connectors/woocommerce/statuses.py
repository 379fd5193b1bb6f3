"""What WooCommerce's status words mean for money and goods.

The list of statuses is open: plugins add "shipped", "partial-shipped", "delivered", "return-requested"
and whatever a shop needs. An unknown word is a paid order unless a date or a parcel says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from connectors.woocommerce.raw import Raw, meta, moment, text
from integration.money import Money
from integration.records import (
    FinancialStatus,
    FulfillmentRecord,
    FulfillmentStatus,
    LineRecord,
)

WAITING = frozenset({"pending", "on-hold", "checkout-draft", "auto-draft"})
PARTIAL = re.compile(r"part(ial)?(ly)?-?(shipped|sent|fulfilled|dispatched|complete)")
DELIVERED = re.compile(r"(^|-)(delivered|picked-up|collected)($|-)")
ON_THE_WAY = re.compile(r"in-transit|out-for-delivery|on-the-way")
SHIPPED = re.compile(r"(^|-)(shipped|dispatched|despatched|sent|completed?|fulfilled|handed-over)($|-)")
NOT_YET = re.compile(r"(^|-)(not|to-be|ready|await(ing)?|never|un)-")
"""Joined to the next word, so that "to-be-shipped" no longer reads as "shipped"."""
RETURN = re.compile(r"return|exchange|rma")

CORE = {
    "fulfilled": FulfillmentStatus.FULFILLED,
    "partially_fulfilled": FulfillmentStatus.PARTIALLY_FULFILLED,
}
"""Order meta `_fulfillment_status` of the core's fulfilments (measured on 10.2)."""


def status_of(raw: Raw) -> str:
    """The status; of an order in the trash, the one it had before. Source: meta seen on both stores."""
    status = text(raw, "status")
    if status == "trash":
        before = text({"value": meta(raw).get("_wp_trash_meta_status")}, "value")
        return before.removeprefix("wc-") or status
    return status


def financial(raw: Raw, charged: Money, refunded: Money) -> FinancialStatus:
    status = status_of(raw)
    paid = moment(raw, "date_paid_gmt") is not None
    if status == "refunded" or (refunded and refunded >= charged):
        return FinancialStatus.REFUNDED
    if refunded:
        return FinancialStatus.PARTIALLY_REFUNDED
    if status == "failed":
        return FinancialStatus.FAILED
    if status == "cancelled":
        return FinancialStatus.PAID if paid else FinancialStatus.VOIDED
    if status in WAITING or (status == "trash" and not paid):
        return FinancialStatus.PAID if paid else FinancialStatus.PENDING
    if not paid and text(raw, "payment_method") == "cod" and not DELIVERED.search(status):
        return FinancialStatus.PENDING  # the carrier collects; the store dates the payment on completion
    return FinancialStatus.PAID


def fulfillment(
    raw: Raw, lines: Sequence[LineRecord], parcels: Sequence[FulfillmentRecord]
) -> FulfillmentStatus:
    """How far the goods are, by the surest source that says something: parcels, the core, the status."""
    status = NOT_YET.sub("-not", status_of(raw))
    sent = [parcel for parcel in parcels if parcel.status == "success"]
    if (sent and all(parcel.shipment_status == "delivered" for parcel in sent)) or DELIVERED.search(status):
        partly = PARTIAL.search(status) or _core(raw) is FulfillmentStatus.PARTIALLY_FULFILLED
        return FulfillmentStatus.PARTIALLY_FULFILLED if partly else FulfillmentStatus.DELIVERED
    if PARTIAL.search(status):
        return FulfillmentStatus.PARTIALLY_FULFILLED
    if ON_THE_WAY.search(status) or any(parcel.shipment_status in MOVING for parcel in sent):
        return FulfillmentStatus.IN_TRANSIT
    if SHIPPED.search(status) or moment(raw, "date_completed_gmt"):
        return FulfillmentStatus.FULFILLED
    if (core := _core(raw)) is not None:
        return core
    if sent:
        return FulfillmentStatus.FULFILLED if _covers(sent, lines) else FulfillmentStatus.PARTIALLY_FULFILLED
    return FulfillmentStatus.UNFULFILLED


MOVING = frozenset({"in_transit", "out_for_delivery", "attempted_delivery", "ready_for_pickup"})


def _core(raw: Raw) -> FulfillmentStatus | None:
    return CORE.get(text({"value": meta(raw).get("_fulfillment_status")}, "value"))


def _covers(sent: Sequence[FulfillmentRecord], lines: Sequence[LineRecord]) -> bool:
    """Whether the parcels hold all that had to be sent. A parcel without a list holds everything."""
    if any(not parcel.lines for parcel in sent):
        return True
    packed: dict[str, int] = {}
    for parcel in sent:
        for part in parcel.lines:
            packed[part.line_id] = packed.get(part.line_id, 0) + part.quantity
    return all(packed.get(line.platform_id, 0) >= line.current_quantity for line in lines)


def told_delivered(
    parcels: Sequence[FulfillmentRecord], raw: Raw, updated_at: datetime
) -> tuple[FulfillmentRecord, ...]:
    """Mark parcels delivered where only the order's status says so.

    The store keeps no date for it; the order's last change is the latest it can have been. A later
    change of the order moves it, so whoever stores this keeps the earliest.
    """
    status = NOT_YET.sub("-not", status_of(raw))
    if not DELIVERED.search(status) or PARTIAL.search(status):
        return tuple(parcels)
    known = parcels or (FulfillmentRecord(platform_id=f"status:{text(raw, 'id')}", status="success"),)
    return tuple(
        parcel
        if parcel.shipment_status == "delivered"
        else replace(parcel, shipment_status="delivered", delivered_at=updated_at, delivered_source="store")
        for parcel in known
    )


def speaks_of_return(status: str) -> bool:
    return bool(RETURN.search(status))
