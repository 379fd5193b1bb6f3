"""Withdrawal statements as the pane shows them: received, acknowledged, what runs. No returns among them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from flask_babel import gettext as _

from integration import withdrawals
from integration.db.policies import Withdrawal
from integration.eligibility.law import row_for
from integration.order_facts import delivery_address
from integration.plain_orders import SeenOrder
from integration.withdrawals import Clock
from sidebar.languages import enumerated


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement under an order."""

    id: int
    anchor: str
    received_at: datetime
    channel: str
    how: str
    """The channel, in words."""
    what: str
    """Items, or empty for the whole order."""
    by: str
    acknowledged_at: datetime | None
    acknowledged_how: str
    goods_at: date | None
    proof_at: date | None
    refund_due: date | None
    return_due: date | None
    closed_at: datetime | None
    clocks: tuple[Clock, ...]
    source: str
    """The law that sets the days, as it is cited; empty where our data sets none."""
    may_hold: bool
    """That law lets the refund wait for the goods, as art. 13(3) of 2011/83/EU does."""

    @property
    def waits(self) -> bool:
        """Neither the goods nor the proof that they were sent are here."""
        return self.closed_at is None and self.goods_at is None and self.proof_at is None

    @property
    def may_wait(self) -> bool:
        """The refund may wait for them, as there are goods to come and the law says so."""
        return self.waits and self.may_hold and self.return_due is not None


def channels() -> dict[str, str]:
    """How a statement arrives."""
    return {
        "form": _("Withdrawal form"),
        "email": _("E-mail"),
        "chat": _("Chat"),
        "phone": _("Phone"),
        "letter": _("Letter"),
        "other": _("Another way"),
    }


def durable_media() -> dict[str, str]:
    """`withdrawals.DURABLE`, in words."""
    return {"email": _("E-mail"), "letter": _("Letter"), "account": _("Message in the customer's account")}


def statements(
    rows: Sequence[Withdrawal], orders: Iterable[SeenOrder], now: datetime
) -> dict[int, list[Statement]]:
    """By order, oldest first; `rows`: the statements of these orders."""
    by_id = {order.id: order for order in orders}
    running = withdrawals.clocks(rows, by_id, now)
    found: dict[int, list[Statement]] = {}
    for row in rows:
        mine = tuple(clock for clock in running if clock.withdrawal_id == row.id)
        found.setdefault(row.order_id, []).append(_statement(row, by_id[row.order_id], mine))
    return found


def _statement(row: Withdrawal, order: SeenOrder, clocks: tuple[Clock, ...]) -> Statement:
    country = str((delivery_address(order) or {}).get("country") or "").upper()
    law = row_for(country)
    titles = {line.platform_id: line.title for line in order.lines}
    return Statement(
        id=row.id,
        anchor=f"order-{order.id}-withdrawal-{row.id}",
        received_at=row.received_at,
        channel=row.channel,
        how=channels().get(row.channel, row.channel),
        what=enumerated(
            f"{titles.get(part['line_id'], '')} × {part['quantity']}"
            if part["quantity"] > 1
            else titles.get(part["line_id"], "")
            for part in row.lines
        ),
        by=row.recorded_by,
        acknowledged_at=row.acknowledged_at,
        acknowledged_how=durable_media().get(row.acknowledged_how, row.acknowledged_how),
        goods_at=row.goods_at,
        proof_at=row.proof_at,
        refund_due=row.refund_due,
        return_due=row.return_due,
        closed_at=row.closed_at,
        clocks=clocks,
        source=law.rule(law.refund.rule, country).source if law and law.refund else "",
        may_hold=bool(law and law.refund and law.refund.may_hold),
    )
