"""When the law wants the money back with the buyer, and the goods back with the seller."""

from __future__ import annotations

from datetime import date

from integration.eligibility import calendar
from integration.eligibility.facts import OrderFacts
from integration.eligibility.law import LawRow, Refund

NO_TERM = "no fixed term in the sources"


def due(order: OrderFacts, asked: date, terms: Refund, goods_move: bool) -> date | str | None:
    """Latest day to pay. The seller's own duties never move to a later working day (D13)."""
    if terms.days is None:
        return NO_TERM
    zone = order.zone
    seen = [calendar.local_day(event, zone) for event in (order.received, order.proof) if event is not None]
    back = min(seen, default=None)
    if terms.working_days:
        return calendar.plus_working_days(asked, terms.days, order.country or "")
    if terms.from_ == "goods_or_proof" and goods_move:
        return None if back is None else calendar.plus_days(back, terms.days)
    last = calendar.plus_days(asked, terms.days)
    if terms.may_hold and goods_move and back is not None:
        return max(last, back)
    return last


def send_back_by(asked: date, row: LawRow, days: int, country: str) -> date:
    """The buyer's own act: it moves to a working day where the law moves periods."""
    last = calendar.plus_days(asked, days)
    moves = row.withdrawal is not None and row.withdrawal.roll_rule
    return calendar.roll(last, country) if moves else last
