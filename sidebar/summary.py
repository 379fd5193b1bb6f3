"""The customer in a few rows, for desks that draw by themselves and take data only.

One view model, three dialects here (HTML of a few tags, nested JSON, flat JSON); Intercom's canvas is in its
own door. Read-only: whoever wants to act follows the link to the pane, signed in.
"""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import render_template
from flask_babel import gettext as _
from flask_babel import refresh
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from integration import customers
from integration.customers import Match
from integration.db.accounts import Account
from integration.errors import NotFound
from integration.work import Work
from sidebar import lookups, opened
from sidebar.cards import ShutOrder
from sidebar.context import services
from sidebar.doors import Desk
from sidebar.formats import clock, known_as, money_text, number, short_day
from sidebar.languages import current
from sidebar.pane import Pane
from sidebar.pane import look as look_at
from sidebar.visit import Visit, enter

log = logging.getLogger(__name__)

ORDERS = 5
"""Orders in a summary, newest first; the pane has the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    id: str
    name: str
    placed: str
    total: str
    state: str
    store: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """`state`: one, several, empty, failed. What failed never reads as empty."""

    state: str
    title: str
    note: str
    link: str
    """The pane at this conversation, for somebody who is signed in."""
    as_of: datetime
    age: str
    """In words: how old what is shown is."""
    rows: tuple[tuple[str, str, str], ...] = ()
    """(name for programs, label, value)."""
    orders: tuple[OrderRow, ...] = ()
    customer_id: int | None = None
    matches: tuple[Match, ...] = ()
    """Where there are several: who fits, best first."""


def look(visit: Visit, desk: Desk, *, customer_id: int | None = None) -> Summary:
    """A lookup, counted and kept on record like any other.

    It goes to the helpdesk's own server, which has proven the tenant; no browser can ask for it.
    `customer_id`: whom the helpdesk has linked, once the agent chose; theirs are the only orders, or none.
    """
    lookups.note(visit)
    visit = _spoken(visit)
    link = opened.link(visit, desk)
    try:
        with services().reading(visit.account_id) as work:
            enter(work, visit)
            refresh()
            return _summary(_pane(work, visit, customer_id), link)
    except (SQLAlchemyError, OSError) as error:
        log.error("lookup failed: %s", type(error).__name__)
        return _failed(link)


def _pane(work: Work, visit: Visit, linked: int | None) -> Pane:
    """An id opens nobody by itself: the contacts that were asked about must be theirs."""
    if linked is None:
        return look_at(work, visit, limit=ORDERS)
    with suppress(NotFound):
        today = customers.current_id(work, linked)
        if customers.named_by(work, today, emails=visit.emails, phones=visit.phones):
            return look_at(work, visit, customer_id=today, limit=ORDERS)
    return Pane(state="empty", visit=visit)


def _spoken(visit: Visit) -> Visit:
    """In the agent's language, else in the account's: who asks is a server, which has none."""
    if visit.interface:
        return visit
    with services().reading(visit.account_id) as work:
        language = select(Account.locale).where(Account.id == visit.account_id)
        return visit.speaking(work.session.scalars(language).one())


def _failed(link: str) -> Summary:
    now = services().now()
    note = _("This does not mean that there are no orders.")
    return Summary(
        state="failed", title=_("The lookup failed"), note=note, link=link, as_of=now, age=_as_of(now)
    )


def _as_of(moment: datetime) -> str:
    return str(_("As of %(time)s", time=f"{short_day(moment)} {clock(moment)}"))


def _summary(pane: Pane, link: str) -> Summary:
    moment = pane.fresh.at or services().now()
    common: dict[str, Any] = {"link": link, "as_of": moment, "age": _as_of(moment)}
    if pane.state == "several":
        note = _("Several customers match. Open the sidebar to choose.")
        title = _("Several customers match")
        return Summary(state="several", title=title, note=note, matches=pane.matches, **common)
    if pane.state == "empty" or pane.profile is None:
        note = _("The order may stand under another address.")
        return Summary(state="empty", title=_("No orders for this address"), note=note, **common)
    profile = pane.profile
    spent = " + ".join(money_text(money, current()) for money in profile.total_spent[:2]) or "–"
    return Summary(
        state="one",
        customer_id=profile.id,
        title=known_as(profile),
        note=" · ".join(filter(None, (pane.urgent[0].what, pane.urgent[0].left))) if pane.urgent else "",
        rows=(
            ("orders", _("orders"), number(profile.orders_count)),
            ("spent", _("spent"), spent),
            ("returned", _("returned"), number(profile.returns_count)),
            ("since", _("since"), str(profile.first_order_at.year) if profile.first_order_at else "–"),
        ),
        orders=tuple(_order_row(order) for order in sorted(pane.orders, key=_placed, reverse=True)[:ORDERS]),
        **common,
    )


def _placed(order: ShutOrder) -> datetime:
    return order.placed_at


def _order_row(order: ShutOrder) -> OrderRow:
    return OrderRow(
        id=order.id,
        name=order.name,
        placed=short_day(order.placed_at),
        total=money_text(order.total, current()),
        state=". ".join(say.text for say in order.say),
        store=order.store_name,
    )


def as_html(summary: Summary) -> str:
    """A few tags without style or script, everything escaped: it is put into the helpdesk's own page."""
    return render_template("_summary.html", summary=summary)


def as_json(summary: Summary) -> dict[str, Any]:
    return {
        "state": summary.state,
        "title": summary.title,
        "note": summary.note,
        "as_of": summary.as_of.isoformat().replace("+00:00", "Z"),
        "age": summary.age,
        "link": summary.link,
        **{name: value for name, _label, value in summary.rows},
        "orders_shown": [
            {
                "name": order.name,
                "placed": order.placed,
                "total": order.total,
                "state": order.state,
                "store": order.store,
            }
            for order in summary.orders
        ],
    }


def as_flat(summary: Summary) -> dict[str, str]:
    """For templates that know no lists: `order_1_name`, `order_1_state` …; keys without spaces."""
    found = {key: value for key, value in as_json(summary).items() if isinstance(value, str)}
    # Groove overrides these names with its own. Source: "Setting up your custom profile app".
    found = {re.sub(r"^(name|status|email)$", r"customer_\1", key): value for key, value in found.items()}
    for place, order in enumerate(summary.orders, 1):
        for name in ("name", "placed", "total", "state", "store"):
            found[f"order_{place}_{name}"] = getattr(order, name)
    return found
