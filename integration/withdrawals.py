"""Withdrawal statements under consumer law: objects of their own, apart from ordinary returns.

Source: Directive 2011/83/EU art. 11 and 11a (statement, acknowledgement on a durable medium), 13
(refund) and 14 (sending back). What the law of the delivery country says of days is data of the engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from integration import audit, returns
from integration.customers import ORDER_PARTS, find_order
from integration.db.orders import Order
from integration.db.policies import Withdrawal
from integration.eligibility.calendar import local_day
from integration.errors import BadInput, Conflict, NotFound
from integration.identity import lock_account
from integration.ids import child_id
from integration.notices import statements_of
from integration.order_facts import delivery_address
from integration.plain_orders import AnyOrder
from integration.work import Work
from integration.zones import zone_of

CHANNELS = ("form", "email", "chat", "phone", "letter", "other")
DURABLE = ("email", "letter", "account")
"""What a customer can keep and read again unchanged; a phone call is not. Source: 2011/83/EU art. 2(10)."""
WARN = 3
"""Days ahead that a clock is shown as pressing."""
DAY = timedelta(days=1)
"""How far a statement's clock may be off, its zone included: nobody withdraws from what is not bought."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """One legal clock that runs: who must act, and until when."""

    withdrawal_id: int
    order_id: int
    kind: str
    """acknowledge: tell the customer, at once. refund: pay back. send_back: the customer sends the goods."""
    due: date
    left: int
    """Days at the delivery address; below zero it is over."""

    @property
    def pressing(self) -> bool:
        return self.left <= WARN


def record(
    work: Work,
    order: Order,
    *,
    received_at: datetime,
    channel: str,
    by: str,
    quantities: Mapping[str, int] | None = None,
    conversation: str | None = None,
    proof: str = "session",
) -> Withdrawal:
    """Write down a statement: when it arrived, how, and for what (public line id → pieces; None: all).

    The clocks follow from the law of the delivery country; where there is none, or it sets no term,
    they stay open. Raises :exc:`BadInput` for what cannot be.
    """
    if channel not in CHANNELS:
        raise BadInput(f"channel: want one of {', '.join(CHANNELS)}", code="bad_channel")
    if received_at.tzinfo is None or received_at > work.now() + timedelta(minutes=5):
        raise BadInput("a statement is received before it is recorded", code="bad_time")
    if received_at < order.placed_at - DAY:
        raise BadInput("a statement is received after the order was placed", code="bad_time")
    lines = {child_id(order.id, line.platform_id): line for line in order.lines}
    for line_id, count in (quantities or {}).items():
        if line_id not in lines or not 0 < count <= lines[line_id].quantity:
            raise BadInput("this order has no such pieces", code="unknown_line")
    row = Withdrawal(
        order_id=order.id,
        lines=[
            {"line_id": lines[line_id].platform_id, "quantity": count}
            for line_id, count in (quantities or {}).items()
        ],
        received_at=received_at,
        channel=channel,
        recorded_at=work.now(),
        recorded_by=by,
        acknowledged_how="",
        conversation=conversation,
    )
    _set_clocks(work, order, row)
    work.add(row)
    work.session.flush()
    _note(work, row, "recorded", by, proof, {"channel": channel})
    return row


def acknowledge(work: Work, withdrawal_id: int, how: str, by: str, *, proof: str = "session") -> Withdrawal:
    """The customer was told on a durable medium that the statement arrived, and when. Said once."""
    if how not in DURABLE:
        raise BadInput(f"how: want one of {', '.join(DURABLE)}", code="not_durable")
    row = find(work, withdrawal_id)
    if row.acknowledged_at is not None:
        raise Conflict("this was acknowledged already", code="already_acknowledged")
    row.acknowledged_at = work.now()
    row.acknowledged_how = how
    _note(work, row, "acknowledged", by, proof, {"how": row.acknowledged_how})
    return row


def goods_or_proof(
    work: Work,
    withdrawal_id: int,
    by: str,
    *,
    goods: str | None = None,
    sent: str | None = None,
    proof: str = "session",
) -> Withdrawal:
    """The goods are back, or the customer has shown that they were sent; ISO days. Moves the clocks."""
    row = find(work, withdrawal_id)
    if not (goods or sent):
        raise BadInput("want the day of the goods or of the proof", code="no_day")
    try:
        row.goods_at = date.fromisoformat(goods) if goods else row.goods_at
        row.proof_at = date.fromisoformat(sent) if sent else row.proof_at
    except ValueError as error:
        raise BadInput("want a day such as 2026-11-21", code="bad_day") from error
    latest = max(day for day in (row.goods_at, row.proof_at) if day)
    if latest > (work.now() + timedelta(hours=14)).date():  # somewhere on earth it is tomorrow already
        raise BadInput("a day that has not come yet", code="bad_day")
    _set_clocks(work, find_order(work, row.order_id), row)
    _note(work, row, "moved", by, proof, {"goods": row.goods_at, "sent": row.proof_at})
    return row


def follow(work: Work, order: Order, by: str, *, proof: str = "session") -> None:
    """Set the clocks of an order's open statements anew, after something was learned that may decide."""
    for row in statements_of(work, [order.id]):
        if row.closed_at is not None:
            continue
        before = row.refund_due, row.return_due
        _set_clocks(work, order, row)
        if before != (row.refund_due, row.return_due):
            _note(work, row, "moved", by, proof, {"refund": row.refund_due, "send_back": row.return_due})


def close(work: Work, withdrawal_id: int, by: str, *, proof: str = "session") -> Withdrawal:
    """Paid back, or found to be none. Its clocks stop. Safe to repeat."""
    row = find(work, withdrawal_id)
    if row.closed_at is None:
        row.closed_at = work.now()
        _note(work, row, "closed", by, proof, {})
    return row


def find(work: Work, withdrawal_id: int, *, lock: bool = True) -> Withdrawal:
    query = select(Withdrawal).where(Withdrawal.id == withdrawal_id)
    row = work.session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound("there is no withdrawal with this id")
    return row


def record_once(
    work: Work,
    order: Order,
    *,
    received_at: datetime,
    channel: str,
    by: str,
    quantities: Mapping[str, int] | None = None,
    conversation: str | None = None,
    proof: str = "session",
) -> Withdrawal:
    """`record`, or the very same statement if it is written down already: a second press, a repeated call."""
    lock_account(work)
    return _known(work, order, received_at, channel, quantities) or record(
        work,
        order,
        received_at=received_at,
        channel=channel,
        by=by,
        quantities=quantities,
        conversation=conversation,
        proof=proof,
    )


def _known(
    work: Work,
    order: Order,
    received_at: datetime,
    channel: str,
    quantities: Mapping[str, int] | None,
) -> Withdrawal | None:
    public = {line.platform_id: child_id(order.id, line.platform_id) for line in order.lines}
    for row in statements_of(work, [order.id]):
        kept = {public.get(part["line_id"]): part["quantity"] for part in row.lines}
        if (row.received_at, row.channel, kept) == (received_at, channel, dict(quantities or {})):
            return row
    return None


def listed(
    work: Work, *, order_id: int | None = None, running: bool = False, after: int = 0, limit: int = 50
) -> list[Withdrawal]:
    """Statements in the order they were written down; `running`: only those that are not settled."""
    query = select(Withdrawal).where(Withdrawal.id > after).order_by(Withdrawal.id).limit(limit)
    if order_id is not None:
        query = query.where(Withdrawal.order_id == order_id)
    if running:
        query = query.where(Withdrawal.closed_at.is_(None))
    return list(work.session.scalars(query))


def open_clocks(work: Work, order_ids: Iterable[int] | None = None) -> list[Clock]:
    """Clocks that run, the most pressing first; of these orders, or of the whole account. Two queries."""
    query = select(Withdrawal).where(Withdrawal.closed_at.is_(None))
    if order_ids is not None:
        query = query.where(Withdrawal.order_id.in_(list(order_ids)))
    rows = list(work.session.scalars(query.order_by(Withdrawal.id)))
    orders = {
        order.id: order
        for order in work.session.scalars(select(Order).where(Order.id.in_({row.order_id for row in rows})))
    }
    return clocks(rows, orders, work.now())


def clocks(rows: Iterable[Withdrawal], orders: Mapping[int, AnyOrder], now: datetime) -> list[Clock]:
    """What runs of these statements, the most pressing first. Pure."""
    found: list[Clock] = []
    for row in rows:
        if row.closed_at is not None:
            continue
        zone = zone_of(delivery_address(orders[row.order_id]))
        today = local_day(now, zone)
        dues = {
            "acknowledge": None if row.acknowledged_at else local_day(row.received_at, zone),
            "refund": row.refund_due,
            "send_back": None if row.goods_at or row.proof_at else row.return_due,
        }
        found += [
            Clock(
                withdrawal_id=row.id,
                order_id=row.order_id,
                kind=kind,
                due=due,
                left=(due - today).days,
            )
            for kind, due in dues.items()
            if due is not None
        ]
    return sorted(found, key=lambda clock: (clock.due, clock.withdrawal_id, clock.kind))


def _set_clocks(work: Work, order: Order, row: Withdrawal) -> None:
    """What the engine says of a change of mind at that moment, with what is known of the goods."""
    if "lines" not in order.__dict__:
        order = work.session.scalars(select(Order).where(Order.id == order.id).options(*ORDER_PARTS)).one()
    public = {line.platform_id: child_id(order.id, line.platform_id) for line in order.lines}
    quantities = {
        public[part["line_id"]]: part["quantity"] for part in row.lines if part["line_id"] in public
    }
    refund = returns.withdrawal_terms(
        work,
        order,
        notice_at=row.received_at,
        quantities=quantities or None,
        sent=row.proof_at,
        back=row.goods_at,
    )
    row.refund_due = refund.due if isinstance(refund.due, date) else None
    row.return_due = refund.send_back_by


def _note(work: Work, row: Withdrawal, what: str, by: str, proof: str, detail: Mapping[str, Any]) -> None:
    audit.record(
        work,
        f"withdrawal.{what}",
        actor=by,
        proof=proof,
        order_id=row.order_id,
        detail={"withdrawal": row.id, **detail},
    )
