"""An order's events as local days, worked out once for all its lines."""

from __future__ import annotations

from datetime import date

import msgspec

from integration.eligibility.calendar import local_day
from integration.eligibility.facts import Kind, LineFacts, OrderFacts, Request


class LineDays(msgspec.Struct, frozen=True):
    """One line's days. `first`, `last` and `latest` speak of its pieces' deliveries."""

    bought: date
    asked: date
    shipped: date | None
    first: date | None
    """Earliest known delivery; of regular deliveries, that of their first good."""
    last: date | None
    """Delivery of the last piece; None while any piece's is not known."""
    latest: date | None
    """Latest known delivery, whatever else is still out."""
    unsent: bool
    """Goods that were still in the store's hands at the notice."""
    exchanged: date | None
    order_last: date | None
    """Delivery of the last good that the order's clock waits for; None while any one's is not
    known. The line's own last delivery where the order's clock waits for nothing."""


class Timeline(msgspec.Struct, frozen=True):
    lines: dict[str, LineDays]
    untouched: bool
    """No good had left the store at the notice."""

    @classmethod
    def of(cls, order: OrderFacts, request: Request) -> Timeline:
        zone = order.zone
        asked, ordered = local_day(request.notice, zone), local_day(order.ordered, zone)
        earlier = {name: local_day(notice, zone) for name, notice in request.notices.items()}
        by_id = {line.id: line for line in order.lines}
        parcels = {
            line.id: _Parcel.of(_with_parcel(line, by_id), order, earlier.get(line.id, asked))
            for line in order.lines
        }
        goods = [line for line in order.lines if line.kind is Kind.GOODS and not line.cancelled]
        waited = [parcels[line.id].last for line in goods if _counts(line, parcels[line.id])]
        known = [day for day in waited if day is not None]
        order_last = max(known) if known and len(known) == len(waited) else None
        series = _first_of_series(goods, parcels)
        lines = {}
        for line in order.lines:
            parcel = parcels[line.id]
            lines[line.id] = LineDays(
                bought=ordered if line.added is None else local_day(line.added, zone),
                asked=earlier.get(line.id, asked),
                shipped=parcel.shipped,
                first=series.get(line.product_id, parcel.first) if line.regular else parcel.first,
                last=parcel.last,
                latest=parcel.latest,
                unsent=parcel.unsent,
                exchanged=None if line.exchanged_at is None else local_day(line.exchanged_at, zone),
                order_last=order_last if waited else parcel.last,
            )
        return cls(lines, all(parcels[line.id].unsent for line in goods))


class _Parcel(msgspec.Struct, frozen=True):
    """Shipping and delivery of one line."""

    shipped: date | None
    first: date | None
    last: date | None
    latest: date | None
    unsent: bool

    @classmethod
    def of(cls, line: LineFacts, order: OrderFacts, asked: date) -> _Parcel:
        """What was shipped only after the notice was still in the store's hands when it came."""
        zone = order.zone
        shipped = None if line.shipped is None else local_day(line.shipped, zone)
        known = [local_day(piece, zone) for piece in line.delivered if piece is not None]
        if not known:
            gone = shipped is not None and shipped <= asked
            return cls(shipped, None, None, None, line.kind is Kind.GOODS and not gone)
        first, latest = min(known), max(known)
        gone = first <= asked or (shipped is not None and shipped <= asked)
        last = latest if len(known) == len(line.delivered) else None
        return cls(shipped, first, last, latest, line.kind is Kind.GOODS and not gone)


def _first_of_series(goods: list[LineFacts], parcels: dict[str, _Parcel]) -> dict[str, date]:
    """When each series of regular deliveries began, by product: every line of one is a part of it."""
    found: dict[str, date] = {}
    for line in goods:
        first = parcels[line.id].first
        if line.regular and first is not None:
            found[line.product_id] = min(first, found.get(line.product_id, first))
    return found


def _with_parcel(line: LineFacts, by_id: dict[str, LineFacts]) -> LineFacts:
    """A free gift of which no parcel is told travels with the line it came with."""
    if line.gift_of is None or line.delivered or line.shipped is not None:
        return line
    return by_id.get(line.gift_of, line)


def _counts(line: LineFacts, parcel: _Parcel) -> bool:
    """Whether the clock of the whole order waits for this good.

    A free gift was not ordered; regular deliveries have a clock of their own; what was paid
    back before it was sent will never arrive. What did arrive, if only after the notice, counts.
    """
    never_arrives = parcel.unsent and parcel.first is None and line.left == 0
    return line.gift_of is None and not line.regular and not never_arrives
