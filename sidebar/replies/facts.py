"""What a reply may say: read off the cards on screen, never more than they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from integration.money import Money
from sidebar.cards import LineCard, OrderCard
from sidebar.formats import day, first_name
from sidebar.languages import gettext as _
from sidebar.parcels import Parcel
from sidebar.replies.dates import Writing
from sidebar.replies.draft import Used
from sidebar.verdicts import short_question, short_refusal

if TYPE_CHECKING:
    from sidebar.pane import Pane

BANK_DAYS = 5
"""Working days that a card refund usually needs. A usual time, no promise; the texts say so."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item in the reply's own language."""

    title: str
    until: str
    open: bool
    amount: str
    why: str


def facts(pane: Pane, order: OrderCard | None, write: Writing) -> dict[str, Any]:
    """Variables of the templates; texts in the language of the request at hand, which is the reply's."""
    assert pane.profile is not None
    values: dict[str, Any] = {
        "name": first_name(pane.profile.name),
        "full_name": pane.profile.name,
        "agent": pane.visit.agent_name,
        "store": order.store_name if order else "",
        "order": write.token(order.name) if order else "",
    }
    if order is None:
        return values
    values |= _parcels(order, write) | _rights(order, write) | _money(order, write)
    values |= _withdrawal(order, write) | _basis(order, write)
    values["address"] = order.address
    values["cancelled"] = write.day(order.cancelled_at, "on")
    values["today"] = write.day(write.today)
    return values


def _parcels(order: OrderCard, write: Writing) -> dict[str, Any]:
    late = order.late
    on_way = [parcel for parcel in order.parcels if parcel.delivered_at is None]
    chosen = late or (on_way[0] if on_way else (order.parcels[0] if order.parcels else None))
    values: dict[str, Any] = {
        "unsent": bool(order.unsent),
        "parcels": [_parcel(parcel, write) for parcel in order.parcels],
    }
    if chosen is not None:
        values |= _parcel(chosen, write)
    return values


def _parcel(parcel: Parcel, write: Writing) -> dict[str, Any]:
    return {
        "item": parcel.items,
        "carrier": parcel.carrier,
        "number": write.token(parcel.number),
        "link": write.token(parcel.url or ""),
        "seen": write.day(parcel.seen_at, "on"),
        "place": parcel.seen,
        "due": write.day(parcel.expected, "on"),
        "late": write.days(parcel.late_days) if parcel.late else "",
        "delivered": write.day(parcel.delivered_at, "on"),
    }


def _rights(order: OrderCard, write: Writing) -> dict[str, Any]:
    found: dict[str, list[Item]] = {"accept": [], "refuse": [], "review": []}
    for line in order.lines:
        if line.verdict is not None:
            found[line.verdict.verdict].append(_item(line, write))
    late = order.late
    swap = [line for line in order.lines if late and late.items == line.title and _accepted(line)]
    return {
        "may": found["accept"],
        "ask": found["review"],
        "no": found["refuse"],
        "instead": write.money(swap[0].total) if swap else "",
    }


MOST_SOURCES = 2


def _basis(order: OrderCard, write: Writing) -> dict[str, Any]:
    """Where the rights of a text come from: the law as it is cited, and whether the policy speaks."""
    verdicts = [line.verdict.line for line in order.lines if line.verdict is not None]
    grounds = [
        next((ground.source for ground in verdict.law.grounds if ground.source), "") for verdict in verdicts
    ]
    law = list(dict.fromkeys(filter(None, grounds)))[:MOST_SOURCES]
    return {
        "law": ", ".join(map(write.token, law)),
        "policy": any(verdict.policy.grounds for verdict in verdicts),
    }


def _accepted(line: LineCard) -> bool:
    return line.verdict is not None and line.verdict.verdict == "accept"


def _item(line: LineCard, write: Writing) -> Item:
    card = line.verdict
    assert card is not None
    last = card.last_day
    why = short_question(card.line) if card.verdict == "review" else ""
    return Item(
        title=line.title,
        until=write.day(last, "until") if isinstance(last, date) else "",
        open=last == "open",
        amount=write.money(line.total),
        why=short_refusal(card.line) if card.verdict == "refuse" else why,
    )


def _money(order: OrderCard, write: Writing) -> dict[str, Any]:
    sent = order.refunds
    done = [a for a in order.actions if a["kind"] == "refund" and a["status"] == "succeeded" and a["money"]]
    at, amount = None, None
    if sent:
        newest = max(sent, key=lambda row: row.at)
        at, amount = newest.at, newest.amount
    if done and (at is None or done[0]["created_at"] > at):
        at, amount = done[0]["finished_at"] or done[0]["created_at"], done[0]["money"]
    if at is None or not isinstance(amount, Money):
        return {"amount": "", "sent": "", "arrives": "", "means": ""}
    return {
        "amount": write.money(amount),
        "sent": write.day(at, "on"),
        "arrives": write.day(working_days(at.astimezone(write.zone).date(), BANK_DAYS), "until"),
    }


def _withdrawal(order: OrderCard, write: Writing) -> dict[str, Any]:
    """The statement that waits for its acknowledgement, else the newest; without one, gaps to fill in."""
    waiting = [one for one in order.statements if one.acknowledged_at is None and one.closed_at is None]
    chosen = next(reversed(waiting or list(order.statements)), None)
    if chosen is None:
        gaps = {"received": "…", "received_time": "…", "withdrawn": "", "send_back": "", "refund_by": ""}
        return {**gaps, "may_wait": False}
    time = chosen.received_at.astimezone(write.zone).strftime("%H:%M")
    return {
        "received": write.day(chosen.received_at, "on"),
        "received_time": write.token(write.digits(time)),
        "withdrawn": chosen.what,
        "send_back": write.day(chosen.return_due, "on") if chosen.waits else "",
        "refund_by": write.day(chosen.refund_due, "on"),
        "may_wait": chosen.may_wait,
    }


def working_days(start: date, count: int) -> date:
    while count:
        start += timedelta(days=1)
        if start.weekday() < 5:
            count -= 1
    return start


def used(situation: str, order: OrderCard | None) -> list[Used]:
    """Where the text's facts come from, in the agent's language."""
    if order is None:
        return []
    found: list[Used] = []
    for parcel in order.parcels:
        if situation in ("late", "where") and parcel.delivered_at is None:
            if parcel.seen_at:
                found.append(
                    Used(
                        _("Last scan %(place)s", place=parcel.seen).strip(),
                        f"{parcel.carrier}, {day(parcel.seen_at)}",
                    )
                )
            if parcel.expected:
                found.append(Used(_("Expected %(day)s", day=day(parcel.expected)), parcel.carrier))
    if situation in ("may_return", "how_return", "not_eligible"):
        found += _grounds(order.lines)
    if situation == "refund_sent":
        found += [Used(_("Refunded"), day(row.at)) for row in order.refunds[-1:]]
    return found[:5]


def _grounds(lines: Sequence[LineCard]) -> list[Used]:
    rows = []
    for line in lines:
        if line.verdict is not None:
            sources = [rule.source or rule.rule for rule in line.verdict.rules if rule.source or rule.rule]
            rows.append(Used(f"{line.title}: {line.verdict.until_text}", sources[0] if sources else ""))
    return rows
