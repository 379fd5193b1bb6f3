"""Where parcels are: what is late, since when, and what was heard last. Pure, from cached orders.

A carrier's scan is the best word, then the store's, then a person's. An estimate is a promise to hold
the parcel to, never a delivery.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from integration.db.orders import Fulfillment, Order
from integration.order_facts import NOT_SENT
from integration.work import Work
from integration.zones import zone_of

SILENT = timedelta(days=5)
"""A parcel on its way that nobody has seen for so long is worth a look."""
OLDEST = timedelta(days=120)
"""Parcels of older orders are no longer looked for."""
TROUBLE = frozenset({"failure", "attempted_delivery", "delayed", "returned", "returned_to_sender"})


class Concern(StrEnum):
    """Why a parcel needs somebody."""

    LATE = "late"  # past its estimated day of delivery
    TROUBLE = "trouble"  # the carrier says that something went wrong
    SILENT = "silent"  # on its way, and not seen for days
    NOT_SHIPPED = "not_shipped"  # past the promised day of shipping


@dataclass(frozen=True, slots=True, kw_only=True)
class Worry:
    """One parcel, or an order without one, that needs somebody."""

    order: Order
    parcel: Fulfillment | None
    concern: Concern
    days: int
    """Since it should have been, or was last seen; in days at the delivery address."""


def delivered(parcel: Fulfillment) -> bool:
    return parcel.delivered_at is not None and parcel.delivered_source != "estimate"


def last_seen(parcel: Fulfillment) -> datetime | None:
    """The newest scan, else when it left."""
    scans = [datetime.fromisoformat(scan["at"]).astimezone(UTC) for scan in parcel.events if scan.get("at")]
    return max(scans, default=parcel.shipped_at)


def concern(parcel: Fulfillment, now: datetime, zone: ZoneInfo) -> tuple[Concern, int] | None:
    """What is wrong with a parcel, and for how many days; None: nothing, or it has arrived."""
    if parcel.status in NOT_SENT or delivered(parcel):
        return None
    due = parcel.estimated_delivery_at
    if due is not None and (late := _days(due, now, zone)) > 0:
        return Concern.LATE, late
    seen = last_seen(parcel)
    silent = _days(seen, now, zone) if seen is not None else 0
    if parcel.shipment_status in TROUBLE:
        return Concern.TROUBLE, max(0, silent)
    if seen is not None and now - seen > SILENT and due is None:
        return Concern.SILENT, silent
    return None


def worries(orders: Iterable[Order], now: datetime) -> list[Worry]:
    """What needs somebody among these orders, the longest wait first."""
    found: list[Worry] = []
    for order in orders:
        if order.cancelled_at is not None or order.gone_at is not None:
            continue
        zone = zone_of(order.shipping_address)
        for parcel in order.fulfillments:
            if wrong := concern(parcel, now, zone):
                found.append(Worry(order=order, parcel=parcel, concern=wrong[0], days=wrong[1]))
        promised = order.promised_ship_at
        sent = any(parcel.status not in NOT_SENT for parcel in order.fulfillments)
        if promised is not None and not sent and (days := _days(promised, now, zone)) > 0:
            found.append(Worry(order=order, parcel=None, concern=Concern.NOT_SHIPPED, days=days))
    return sorted(found, key=lambda worry: (-worry.days, worry.order.id))


def late_parcels(work: Work, *, limit: int = 100) -> list[Worry]:
    """Parcels of the account that are past their day, the latest first. Two queries."""
    now = work.now()
    overdue = (
        select(Fulfillment.order_id)
        .where(
            Fulfillment.delivered_at.is_(None),
            Fulfillment.status.not_in(NOT_SENT),
            Fulfillment.estimated_delivery_at < now,
        )
        .distinct()
    )
    orders = work.session.scalars(
        select(Order)
        .where(
            Order.id.in_(overdue),
            Order.cancelled_at.is_(None),
            Order.gone_at.is_(None),
            Order.placed_at > now - OLDEST,
        )
        .options(selectinload(Order.fulfillments))
    )
    late = [worry for worry in worries(orders, now) if worry.concern is Concern.LATE]
    return late[:limit]


def _days(since: datetime, now: datetime, zone: ZoneInfo) -> int:
    return (now.astimezone(zone).date() - since.astimezone(zone).date()).days
