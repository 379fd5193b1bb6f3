"""Notices on file: when a customer said that something comes back, whatever day it is handled.

Deadlines are tested against the notice, not against the day an agent looks at it: a withdrawal statement
that somebody recorded, or a return that was asked for in the store, holds its day for the pieces it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from integration.db.policies import Withdrawal
from integration.ids import child_id
from integration.plain_orders import AnyOrder
from integration.work import Work

ASKED = frozenset({"requested", "open"})
"""Statuses of returns that wait to be settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    at: datetime
    pieces: Mapping[str, int]
    """The store's id of a line → pieces; empty: the whole order."""
    proof: date | None = None
    goods: date | None = None

    def covers(self, line_id: str, quantity: int) -> bool:
        return not self.pieces or self.pieces.get(line_id, 0) >= quantity


def statements_of(work: Work, order_ids: Iterable[int]) -> list[Withdrawal]:
    """Withdrawal statements, the oldest first, settled ones too. One query."""
    query = select(Withdrawal).where(Withdrawal.order_id.in_(list(order_ids)))
    return list(work.session.scalars(query.order_by(Withdrawal.received_at, Withdrawal.id)))


def on_file(orders: Sequence[AnyOrder], rows: Iterable[Withdrawal]) -> dict[int, tuple[Notice, ...]]:
    """What waits to be settled, by order id, the earliest first; `rows`: the orders' statements."""
    found: dict[int, list[Notice]] = {}
    for row in rows:
        if row.closed_at is not None:
            continue
        pieces = {str(part["line_id"]): int(part["quantity"]) for part in row.lines}
        notice = Notice(at=row.received_at, pieces=pieces, proof=row.proof_at, goods=row.goods_at)
        found.setdefault(row.order_id, []).append(notice)
    for order in orders:
        for item in order.returns:
            if item.status in ASKED and item.created_at is not None and item.lines:
                pieces = {}
                for part in item.lines:
                    name = str(part.get("line_id") or "")
                    pieces[name] = pieces.get(name, 0) + int(part.get("quantity") or 0)
                found.setdefault(order.id, []).append(Notice(at=item.created_at, pieces=pieces))
    return {order_id: tuple(sorted(kept, key=lambda one: one.at)) for order_id, kept in found.items()}


def days_of_lines(
    order: AnyOrder, kept: Sequence[Notice], quantities: Mapping[str, int], now: datetime
) -> dict[str, datetime]:
    """Public line id → the earliest notice on file that covers all the pieces asked for."""
    found: dict[str, datetime] = {}
    if not kept:  # as of most orders
        return found
    for line in order.lines:
        public = child_id(order.id, line.platform_id)
        asked = quantities.get(public, 0)
        covering = [one.at for one in kept if asked and one.covers(line.platform_id, asked)]
        if covering and covering[0] < now:
            found[public] = covering[0]
    return found
