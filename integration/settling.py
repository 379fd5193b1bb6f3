"""Withdrawal statements end by themselves once what they are about was paid back.

The legal clock runs until the money is on its way; whoever paid, here or in the store, stops it.
Source: Directive 2011/83/EU art. 13(1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
from sqlalchemy import select

from integration import audit
from integration.customers import ORDER_PARTS
from integration.db.actions import Action, ActionStatus
from integration.db.orders import Order
from integration.db.policies import Withdrawal
from integration.ports import ActionKind, ActionRequest
from integration.work import Work

ACTOR, PROOF = "Deskside", "system"
BATCH = 200


@dataclass(slots=True)
class Fresh:
    """What was paid back here and the copy of the order does not show yet."""

    pieces: Counter[str] = field(default_factory=Counter)
    money: int = 0
    whole: bool = False
    """The order was cancelled, and all of its money went back."""


def close_paid(work: Work, *, order_id: int | None = None) -> list[int]:
    """Close the open statements, of one order or of all, whose pieces were all paid back. Safe to repeat."""
    query = select(Withdrawal).where(Withdrawal.closed_at.is_(None)).order_by(Withdrawal.id)
    if order_id is not None:
        query = query.where(Withdrawal.order_id == order_id)
    rows = list(work.session.scalars(query))
    closed: list[int] = []
    for first in range(0, len(rows), BATCH):
        closed += _close(work, rows[first : first + BATCH])
    return closed


def _close(work: Work, rows: Sequence[Withdrawal]) -> list[int]:
    ids = {row.order_id for row in rows}
    found = work.session.scalars(select(Order).where(Order.id.in_(ids)).options(*ORDER_PARTS))
    orders = {order.id: order for order in found}
    fresh = _fresh(work, orders.values())
    closed = []
    for row in rows:
        order = orders.get(row.order_id)
        if order is None or not _paid(row, order, fresh.get(row.order_id, Fresh())):
            continue
        row.closed_at = work.now()
        audit.record(
            work,
            "withdrawal.closed",
            actor=ACTOR,
            proof=PROOF,
            order_id=row.order_id,
            detail={"withdrawal": row.id, "why": "paid back"},
        )
        closed.append(row.id)
    return closed


def _fresh(work: Work, orders: Iterable[Order]) -> dict[int, Fresh]:
    by_id = {order.id: order for order in orders}
    rows = work.session.scalars(
        select(Action).where(
            Action.order_id.in_(by_id),
            Action.kind.in_([ActionKind.REFUND, ActionKind.CANCEL]),
            Action.status == ActionStatus.SUCCEEDED,
        )
    )
    found: dict[int, Fresh] = {}
    for action in rows:
        order = by_id[action.order_id]
        shown = {refund.platform_id for refund in order.refunds} | {refund.marker for refund in order.refunds}
        if action.request is None or {action.platform_id, action.key} & shown:
            continue
        if order.cancelled_at is not None and action.kind is ActionKind.CANCEL:
            continue
        request = msgspec.convert(action.request, ActionRequest)
        if request.method == "manual" or (action.receipt or {}).get("paid_back") is False:
            continue  # written down, to be paid by hand: a person says when that was done
        mine = found.setdefault(order.id, Fresh())
        mine.whole |= request.kind is ActionKind.CANCEL and request.refund_on_cancel
        mine.money += request.amount.minor if request.amount else 0
        mine.pieces.update({line.line_id: line.quantity for line in request.lines})
    return found


def _paid(row: Withdrawal, order: Order, fresh: Fresh) -> bool:
    """Whether everything that the statement is about was paid back.

    Pieces named by the statement count from the day it arrived; those of a line that has none left count
    in any case. Money without pieces settles a statement only when it is all the order cost.
    """
    unpaid = sum(refund.amount for refund in order.refunds if refund.paid_back is False)
    if fresh.whole or 0 < order.total <= order.refunded - unpaid + fresh.money:
        return True
    stated = {str(part["line_id"]): int(part["quantity"]) for part in row.lines}
    since = _back(order, row.received_at) + fresh.pieces
    ever = _back(order) + fresh.pieces
    lines = {line.platform_id: line for line in order.lines}
    if not lines or not stated.keys() <= lines.keys():
        return False
    return all(
        since[line_id] >= count or ever[line_id] >= lines[line_id].quantity
        for line_id, count in (stated or {line_id: line.quantity for line_id, line in lines.items()}).items()
    )


def _back(order: Order, since: datetime | None = None) -> Counter[str]:
    """Line → pieces whose money went back. What was only written down has paid nothing yet."""
    found: Counter[str] = Counter()
    for refund in order.refunds:
        if refund.paid_back is False or (since is not None and refund.created_at < since):
            continue
        for part in refund.lines:
            found[str(part.get("line_id"))] += int(part.get("quantity") or 0)
    return found
