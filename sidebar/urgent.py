"""What cannot wait: late parcels, legal clocks, promises, approvals. The most pressing first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from flask import g

from integration.db.actions import Contact
from integration.money import Money
from integration.withdrawals import Clock
from sidebar.cards import ShutOrder
from sidebar.formats import clock, day, local, money_text, today
from sidebar.languages import current, ngettext
from sidebar.languages import gettext as _
from sidebar.parcels import Parcel, days_late
from sidebar.statements import Statement

SOON = 3
"""Days: a right that ends later than this is not urgent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Urgent:
    kind: str
    """bad or warn."""
    icon: str
    what: str
    left: str
    detail: str
    anchor: str
    rank: tuple[int, int]
    order: str = ""
    """Id of the order in which it is found."""
    right: bool = False
    """It states a right, so it is said that this is no advice."""


def urgent_rows(
    orders: Sequence[ShutOrder],
    contacts: Sequence[Contact],
) -> list[Urgent]:
    rows = [_late(order, parcel) for order in orders for parcel in order.parcels if parcel.late]
    rows += [_promise(contact) for contact in contacts if contact.promised_by and contact.settled_at is None]
    for order in orders:
        rows += _legal(order)
        rows += _attention(order)
        rows += _ending(order)
    return sorted(rows, key=lambda row: row.rank)


def _late(order: ShutOrder, parcel: Parcel) -> Urgent:
    what = _("%(item)s has not arrived", item=parcel.items) if parcel.items else _("A parcel has not arrived")
    seen = _("last seen %(day)s", day=day(parcel.seen_at)) if parcel.seen_at else _("never seen")
    return Urgent(
        kind="bad",
        icon="lorry",
        what=what,
        left=days_late(parcel.late_days),
        detail=" · ".join(filter(None, (order.name, parcel.carrier, seen))),
        anchor=parcel.anchor,
        order=order.id,
        rank=(0, -parcel.late_days),
    )


def _legal(order: ShutOrder) -> list[Urgent]:
    """Clocks of withdrawal statements that are over, or will be within days."""
    return [
        _legal_row(order, statement, clock)
        for statement in order.statements
        for clock in statement.clocks
        if clock.pressing and (clock.kind != "send_back" or clock.left >= 0)
    ]


def _legal_row(order: ShutOrder, statement: Statement, clock: Clock) -> Urgent:
    """A refund that may wait for the goods is not overdue while they are out."""
    what, detail = {
        "refund": (_("Refund is due"), _("by law until %(day)s", day=day(clock.due))),
        "acknowledge": (
            _("Acknowledge the withdrawal"),
            _("received %(day)s, to be answered at once", day=day(clock.due)),
        ),
        "send_back": (
            _("The customer sends the goods back"),
            _("by law until %(day)s", day=day(clock.due)),
        ),
    }[clock.kind]
    waits = clock.kind == "refund" and statement.may_wait
    if waits:
        detail = f"{detail} · " + _("may wait for the goods or proof that they were sent")
    source = statement.source if clock.kind != "acknowledge" else ""
    return Urgent(
        kind="bad" if clock.left < 0 and not waits else "warn",
        icon="clock",
        what=what,
        left=_("now") if clock.kind == "acknowledge" and clock.left >= 0 else days_left(clock.due),
        detail=" · ".join(filter(None, (order.name, detail, source))),
        anchor=statement.anchor,
        order=order.id,
        rank=(1, clock.left),
        right=True,
    )


def _promise(contact: Contact) -> Urgent:
    by: datetime = contact.promised_by  # type: ignore[assignment]  # the caller looked
    now: datetime = g.now
    over = by < now
    if over:
        left = _("overdue")
    elif local(by) == today():
        left = _("today %(time)s", time=clock(by))
    else:
        left = days_left(local(by))
    return Urgent(
        kind="bad" if over else "warn",
        icon="clock",
        what=contact.promised or _("A promise is due"),
        left=left,
        detail=_("promised by %(agent)s, %(day)s", agent=contact.agent, day=day(contact.at)),
        anchor="hand",
        rank=(2, int((by - now).total_seconds() // 86400)),
    )


def _attention(order: ShutOrder) -> list[Urgent]:
    rows = []
    for action in order.actions:
        if action["status"] not in ("awaiting_approval", "needs_attention"):
            continue
        amount = action.get("money")
        text = money_text(amount, current()) if isinstance(amount, Money) else ""
        waiting = action["status"] == "awaiting_approval"
        what = (
            _("Waiting for a lead: %(amount)s", amount=text)
            if waiting
            else _("Not known yet: %(amount)s", amount=text)
        )
        rows.append(
            Urgent(
                kind="warn",
                icon="lock" if waiting else "warning",
                what=what,
                left="",
                detail=order.name,
                anchor=f"action-{action['id']}",
                order=order.id,
                rank=(1, 0),
            )
        )
    return rows


def _ending(order: ShutOrder) -> list[Urgent]:
    """Rights that end within days: the one the customer may still use."""
    ending = order.ending
    if ending is None or (left := (ending.last_day - today()).days) > SOON:
        return []
    return [
        Urgent(
            kind="warn",
            icon="clock",
            what=_("Return of %(item)s ends", item=ending.title),
            left=days_left(ending.last_day),
            detail=f"{order.name} · " + _("until %(day)s", day=day(ending.last_day)),
            anchor=f"line-{ending.line_id}",
            order=order.id,
            rank=(3, left),
            right=True,
        )
    ]


def days_left(due: date) -> str:
    left = (due - today()).days
    if left < 0:
        return days_late(-left)
    if left == 0:
        return _("ends today")
    return ngettext("%(num)s day left", "%(num)s days left", left)
