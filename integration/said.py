"""Facts that only people know: asked when they decide, kept with who said them and when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from integration import audit
from integration.db.orders import Order, OrderLine
from integration.db.policies import Fact
from integration.eligibility.facts import Buyer, ReturnReason
from integration.errors import BadInput
from integration.work import Work

Said = Mapping[str, Any]
"""Name of a fact → its value, read."""
Words = Mapping[str | None, Mapping[str, str]]
"""Platform id of a line (None: the whole order) → name of a fact → its value, as it was written."""


def yes_no(text: str) -> bool | None:
    """None: it was asked, and nobody knows."""
    if text not in ("yes", "no", "unknown"):
        raise ValueError("want yes, no or unknown")
    return {"yes": True, "no": False}.get(text)


def day(text: str) -> date:
    """A bare day, or an aware moment."""
    if len(text) == 10:
        return date.fromisoformat(text)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("want a date, or a time with its zone")
    return moment


def yes_no_or_day(text: str) -> bool | date | None:
    return yes_no(text) if text in ("yes", "no", "unknown") else day(text)


def minor_units(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise ValueError("want whole minor units")
    return int(text)


OF_LINES: Mapping[str, Callable[[str], Any]] = {
    "unsealed": yes_no,
    "used": yes_no,
    "personalised": yes_no,
    "consent": yes_no,
    "acknowledged": yes_no,
    "confirmed": yes_no,
    "started": yes_no,
    "sent_late": yes_no,
    "gift_returned": yes_no,
    "delivered": day,
    "exchanged_at": day,
    "diminished": minor_units,
}
"""What may be said of a line (or, for all its lines, of an order)."""

OF_ORDERS: Mapping[str, Callable[[str], Any]] = {
    "buyer": Buyer,
    "informed": yes_no_or_day,
    "delay_consent": yes_no,
    "proof": day,
    "received": day,
    "reason": ReturnReason,
}
"""What may be said of an order."""


@dataclass(frozen=True, slots=True)
class OrderSaid:
    """Everything people said of one order: of all of it, and of each line by its platform id."""

    order: Said
    lines: Mapping[str, Said]

    def of_line(self, platform_id: str) -> Said:
        return {**self.order, **self.lines.get(platform_id, {})}


NOTHING = OrderSaid({}, {})


def say(
    work: Work,
    order: Order,
    line: OrderLine | None,
    name: str,
    value: str,
    *,
    by: str,
    conversation: str | None = None,
    proof: str = "session",
) -> Fact:
    """Write down what somebody said. The newest word counts; the older ones stay for the record.

    Raises :exc:`BadInput` for a fact we do not know or a value that it cannot have.
    """
    known = {**OF_LINES, **({} if line is not None else OF_ORDERS)}
    if name not in known:
        raise BadInput("there is no such fact", code="unknown_fact")
    try:
        known[name](value)
    except (ValueError, OverflowError) as error:
        raise BadInput(f"this fact cannot have that value: {error}", code="bad_fact") from error
    row = Fact(
        order_id=order.id,
        line_id=line.platform_id if line is not None else None,
        name=name,
        value=value,
        said_at=work.now(),
        said_by=by,
        conversation=conversation,
    )
    work.add(row)
    work.session.flush()
    audit.record(
        work,
        "fact.said",
        actor=by,
        proof=proof,
        order_id=order.id,
        detail={"fact": name, "value": value, "line": row.line_id},
    )
    return row


def words_of(work: Work, order_ids: Iterable[int]) -> dict[int, dict[str | None, dict[str, str]]]:
    """What people said, newest word each: order → platform id of the line (None: all of it) → name → value.

    One query.
    """
    rows = work.session.execute(
        select(Fact.order_id, Fact.line_id, Fact.name, Fact.value)
        .where(Fact.order_id.in_(list(order_ids)))
        .order_by(Fact.said_at, Fact.id)
    )
    return newest((order_id, line_id, name, value) for order_id, line_id, name, value in rows)


def newest(rows: Iterable[tuple[int, str | None, str, str]]) -> dict[int, dict[str | None, dict[str, str]]]:
    """By order, line and name, of rows that come oldest first."""
    found: dict[int, dict[str | None, dict[str, str]]] = {}
    for order_id, line_id, name, value in rows:
        found.setdefault(order_id, {}).setdefault(line_id, {})[name] = value
    return found


def understood(words: Words) -> OrderSaid:
    read = {**OF_LINES, **OF_ORDERS}
    values = {
        line_id: {name: read[name](value) for name, value in facts.items() if name in read}
        for line_id, facts in words.items()
    }
    return OrderSaid(
        order=values.get(None, {}),
        lines={line_id: facts for line_id, facts in values.items() if line_id is not None},
    )
