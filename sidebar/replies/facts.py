"""What a reply may say: read off the cards on screen, never more than they show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from integration.eligibility.verdict import Basis, LineVerdict
from integration.money import Money
from sidebar.cards import LineCard, OrderCard
from sidebar.citations import citation
from sidebar.formats import day, first_name, is_company
from sidebar.languages import enumerated
from sidebar.languages import gettext as _
from sidebar.parcels import PACKED, Parcel
from sidebar.replies.dates import Writing
from sidebar.replies.draft import Used
from sidebar.verdicts import short_refusal

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
    fault: bool
    """Accepted as a claim for a fault, which is no return: repair or replacement comes first."""
    amount: str
    """What goes back for it."""
    why: str
    """Why not, or what the customer can tell us; empty where there is nothing that they could."""


NO_PARCEL: dict[str, Any] = {
    **dict.fromkeys(("item", "carrier", "number", "link", "seen", "place", "due", "late", "delivered"), ""),
    **dict.fromkeys(("collect", "went_back", "failed", "packed"), False),
}

TO_COLLECT = ("ready_for_pickup", "available_for_pickup")
ON_THE_WAY_BACK = ("returned", "returned_to_sender")


def facts(pane: Pane, order: OrderCard | None, write: Writing) -> dict[str, Any]:
    """Variables of the templates; texts in the language of the request at hand, which is the reply's."""
    assert pane.profile is not None
    name = pane.profile.name
    values: dict[str, Any] = {
        "name": "" if is_company(name) else first_name(name),  # who reads a company's mail is somebody
        "full_name": name,
        "agent": pane.visit.agent_name,
        "store": order.store_name if order else "",
        "order": write.token(order.name) if order else "",
    }
    if order is None:
        return values
    values |= _parcels(order, write) | _rights(order, write) | _money(order, write)
    values |= _withdrawal(order, write) | _basis(order, write)
    values["refund_law"] = values["refund_law"] or values["law"]
    values["address"] = order.address
    values["cancelled"] = write.day(order.cancelled_at, "on")
    values["today"] = write.day(write.today)
    return values


def _parcels(order: OrderCard, write: Writing) -> dict[str, Any]:
    on_way = [parcel for parcel in order.parcels if parcel.delivered_at is None]
    chosen = next(iter((*filter(None, [order.late]), *on_way, *order.parcels)), None)
    return {
        **(NO_PARCEL if chosen is None else _parcel(chosen, write)),
        "unsent": bool(order.unsent),
        "parcels": [_parcel(parcel, write) for parcel in order.parcels],
        "late_parcels": [_parcel(parcel, write) for parcel in order.parcels if parcel.late],
    }


def _parcel(parcel: Parcel, write: Writing) -> dict[str, Any]:
    packed = parcel.status in PACKED  # and no carrier has seen it, whatever the store marked
    return {
        "item": write.aside(parcel.items),
        "carrier": write.aside(parcel.carrier),
        "number": write.token(parcel.number),
        "link": parcel.url or "",
        "seen": "" if packed else write.day(parcel.seen_at, "on"),
        "place": "" if packed else write.aside(parcel.seen),
        "due": write.day(parcel.expected, "on"),
        "late": write.days(parcel.late_days) if parcel.late else "",
        "delivered": write.day(parcel.delivered_at, "on"),
        "collect": parcel.status in TO_COLLECT,
        "went_back": parcel.status in ON_THE_WAY_BACK,
        "failed": parcel.status == "failure",
        "packed": packed,
    }


def _rights(order: OrderCard, write: Writing) -> dict[str, Any]:
    found: dict[str, list[Item]] = {"accept": [], "refuse": [], "review": []}
    for line in order.lines:
        if line.verdict is not None:
            found[line.verdict.verdict].append(_item(line, write))
    ways = [line.verdict.line.resolutions for line in order.lines if line.verdict and _accepted(line)]
    return {
        "may": found["accept"],
        "ask": found["review"],
        "no": found["refuse"],
        "instead": _instead(order, write),
        "money": not ways or any("refund" in way for way in ways),
    }


def _instead(order: OrderCard, write: Writing) -> str:
    """What goes back for all that is late; empty where it is not known of every parcel."""
    parcels = [parcel.pieces for parcel in order.parcels if parcel.late]
    late = sum(map(Counter, parcels), Counter[str]())
    lines = [line for line in order.lines if late[line.id]]
    sums = [line.verdict.money for line in lines if line.verdict and _accepted(line) and line.verdict.money]
    if not (sums and all(parcels)) or len(sums) < len(lines):
        return ""
    if any(late[line.id] < line.refundable for line in lines):
        return ""  # the sum of the line is for pieces too that are not late
    return write.money(sum(sums[1:], start=sums[0]))


def _back(line: LineCard, write: Writing) -> str:
    """What goes back for a line: what is left of it, not all that was paid."""
    return write.money(line.verdict.money) if line.verdict and line.verdict.money else ""


MOST_SOURCES = 2


def _basis(order: OrderCard, write: Writing) -> dict[str, Any]:
    """Where the rights of a text come from: the law as it is cited, and whether the policy speaks."""
    verdicts = [line.verdict.line for line in order.lines if line.verdict is not None]
    grounds = [
        next((ground.source for ground in verdict.law.grounds if ground.source), "") for verdict in verdicts
    ]
    law = list(dict.fromkeys(filter(None, grounds)))[:MOST_SOURCES]
    return {
        "law": enumerated(write.aside(citation(source)) for source in law),
        "policy": any(verdict.policy.grounds for verdict in verdicts),
    }


def _accepted(line: LineCard) -> bool:
    return line.verdict is not None and line.verdict.verdict == "accept"


def _item(line: LineCard, write: Writing) -> Item:
    card = line.verdict
    assert card is not None
    last = card.last_day
    question = _question(card.line) if card.verdict == "review" else ""
    return Item(
        title=write.aside(line.title),
        until=write.day(last, "until") if isinstance(last, date) else "",
        open=last == "open",
        fault=card.line.basis is Basis.CONFORMITY,
        amount=_back(line, write),
        why=short_refusal(card.line, lambda end: write.day(end, "on"))
        if card.verdict == "refuse"
        else question,
    )


def _question(line: LineVerdict) -> str:
    """The deciding fact that the customer can tell. What we have to find out ourselves is no question."""
    words = {
        "unsealed": _("is the seal unbroken?"),
        "used": _("have you used it?"),
        "delivered": _("on which day did it reach you?"),
        "reason": _("why would you like to return it?"),
    }
    return next((words[one.fact] for one in line.missing if one.decides and one.fact in words), "")


def _money(order: OrderCard, write: Writing) -> dict[str, Any]:
    """The newest refund: how much, when, and by which way, since only one way goes through a bank."""
    sent = order.refunds
    done = [a for a in order.actions if a["kind"] == "refund" and a["status"] == "succeeded" and a["money"]]
    at, amount, by_hand = None, None, False
    if sent:
        newest = max(sent, key=lambda row: row.at)
        at, amount, by_hand = newest.at, newest.amount, newest.paid is False
    if done and (at is None or done[0]["created_at"] > at):
        at, amount = done[0]["finished_at"] or done[0]["created_at"], done[0]["money"]
    if at is None or not isinstance(amount, Money):
        texts = dict.fromkeys(("amount", "sent", "arrives"), "")
        return {**texts, **dict.fromkeys(("arrived", "by_hand", "as_credit"), False)}
    ours = done[0] if done and done[0]["money"] == amount else None
    there = working_days(at.astimezone(write.zone).date(), BANK_DAYS)
    return {
        "amount": write.money(amount),
        "sent": write.day(at, "on"),
        "arrives": write.day(there, "by"),
        "arrived": there < write.today,
        "by_hand": bool(ours["by_hand"] or ours["method"] == "manual") if ours else by_hand,
        "as_credit": ours is not None and ours["method"] == "store_credit",
    }


def _withdrawal(order: OrderCard, write: Writing) -> dict[str, Any]:
    """The statement that waits for its acknowledgement, else the newest; without one, gaps to fill in."""
    waiting = [one for one in order.statements if one.acknowledged_at is None and one.closed_at is None]
    chosen = next(reversed(waiting or list(order.statements)), None)
    if chosen is None:
        gaps = {"received": "…", "received_time": "…", "withdrawn": "", "send_back": "", "refund_by": ""}
        return {**gaps, "may_wait": False, "refund_law": ""}
    time = chosen.received_at.astimezone(write.zone).strftime("%H:%M")
    return {
        "received": write.day(chosen.received_at, "on"),
        "received_time": write.token(write.digits(time)),
        "withdrawn": write.aside(chosen.what),
        "send_back": write.day(chosen.return_due, "on") if chosen.waits else "",
        "refund_by": write.day(chosen.refund_due, "on"),
        "may_wait": chosen.may_wait,
        "refund_law": write.aside(citation(chosen.source)),
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
