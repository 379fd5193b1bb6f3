"""An order's events as local days, worked out once for all its lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from integration.eligibility.calendar import local_day
from integration.eligibility.facts import Kind, LineFacts, OrderFacts, Request


@dataclass(frozen=True, slots=True)
class LineDays:
    """One line's days. `last` and `first` speak of its pieces' deliveries."""

    bought: date
    shipped: date | None
    first: date | None
    """Earliest known delivery."""
    last: date | None
    """Delivery of the last piece; None while any piece's is not known."""
    latest: date | None
    """Latest known delivery, whatever else is still out."""
    unsent: bool
    """Goods that were still in the store's hands at the notice."""
    exchanged: date | None


@dataclass(frozen=True, slots=True)
class Timeline:
    asked: date
    ordered: date
    lines: dict[str, LineDays]
    waits: bool
    """Whether the order has goods that its clock waits for."""
    last_good: date | None
    """Delivery of the last of them; None while any one's is not known."""
    untouched: bool
    """No good had left the store at the notice."""

    @classmethod
    def of(cls, order: OrderFacts, request: Request) -> Timeline:
        zone = order.zone
        asked, ordered = local_day(request.notice, zone), local_day(order.ordered, zone)
        by_id = {line.id: line for line in order.lines}
        lines = {line.id: _days(_with_parcel(line, by_id), order, ordered, asked) for line in order.lines}
        goods = [line for line in order.lines if line.kind is Kind.GOODS and not line.cancelled]
        ends = [lines[line.id].last for line in goods if _counts(line, lines[line.id])]
        return cls(
            asked=asked,
            ordered=ordered,
            lines=lines,
            waits=bool(ends),
            last_good=_last(ends),
            untouched=all(lines[line.id].unsent for line in goods),
        )


def _counts(line: LineFacts, days: LineDays) -> bool:
    """Whether the clock of the whole order waits for this good.

    A free gift was not ordered; regular deliveries have a clock of their own; what was paid
    back before it was sent will never arrive.
    """
    return line.gift_of is None and not line.regular and not (days.unsent and line.left == 0)


def _with_parcel(line: LineFacts, by_id: dict[str, LineFacts]) -> LineFacts:
    """A free gift of which no parcel is told travels with the line it came with."""
    parent = by_id.get(line.gift_of or "")
    if parent is None or line.delivered or line.shipped is not None:
        return line
    return replace(line, delivered=parent.delivered, shipped=parent.shipped)


def _days(line: LineFacts, order: OrderFacts, ordered: date, asked: date) -> LineDays:
    zone = order.zone
    known = [local_day(piece, zone) for piece in line.delivered if piece is not None]
    complete = bool(known) and len(known) == len(line.delivered)
    shipped = None if line.shipped is None else local_day(line.shipped, zone)
    sent = any(day <= asked for day in known) or (shipped is not None and shipped <= asked)
    return LineDays(
        bought=ordered if line.added is None else local_day(line.added, zone),
        shipped=shipped,
        first=min(known, default=None),
        last=max(known) if complete else None,
        latest=max(known, default=None),
        unsent=line.kind is Kind.GOODS and not sent,
        exchanged=None if line.exchanged_at is None else local_day(line.exchanged_at, zone),
    )


def _last(days: Iterable[date | None]) -> date | None:
    latest: date | None = None
    for day in days:
        if day is None:
            return None
        latest = day if latest is None else max(latest, day)
    return latest
