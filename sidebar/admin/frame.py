"""What every page of the merchant shares: its blueprint, navigation, checks, and how times are written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from babel.dates import format_timedelta
from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from integration.db.accounts import Role
from integration.errors import AppError, Forbidden
from integration.ledger import waiting
from integration.money import Money
from integration.people import SignedIn
from sidebar import formats
from sidebar.admin import cookies, guard
from sidebar.admin.amounts import text_of
from sidebar.context import services
from sidebar.languages import current, enumerated

bp = Blueprint("admin", __name__, url_prefix="/admin")


@dataclass(frozen=True)
class Place:
    """One entry of the navigation."""

    endpoint: str
    label: str
    icon: str
    least: Role


NAVIGATION: tuple[tuple[str, tuple[Place, ...]], ...] = (
    (
        lazy_gettext("Today"),
        (
            Place("admin.approvals", lazy_gettext("Approvals"), "stamp", Role.LEAD),
            Place("admin.actions", lazy_gettext("Actions taken"), "coins", Role.AGENT),
            Place("admin.withdrawals", lazy_gettext("Withdrawals"), "scales", Role.LEAD),
        ),
    ),
    (
        lazy_gettext("Rules"),
        (
            Place("admin.policy", lazy_gettext("Return policy"), "policy", Role.LEAD),
            Place("admin.what_if", lazy_gettext("What-if"), "branch", Role.LEAD),
            Place("admin.replies", lazy_gettext("Replies"), "copy", Role.LEAD),
        ),
    ),
    (
        lazy_gettext("Set-up"),
        (
            Place("admin.stores", lazy_gettext("Stores"), "store", Role.LEAD),
            Place("admin.helpdesks", lazy_gettext("Helpdesks"), "desk", Role.ADMIN),
            Place("admin.agents", lazy_gettext("Agents"), "people", Role.LEAD),
            Place("admin.settings", lazy_gettext("Limits"), "gear", Role.ADMIN),
        ),
    ),
    (lazy_gettext("Record"), (Place("admin.audit", lazy_gettext("Audit log"), "log", Role.LEAD),)),
)

ROLE_NAMES = {
    Role.AGENT: lazy_gettext("Agent"),
    Role.LEAD: lazy_gettext("Lead"),
    Role.ADMIN: lazy_gettext("Admin"),
}
METHOD_NAMES = {
    "passkey": lazy_gettext("Passkey"),
    "password+totp": lazy_gettext("Password and code"),
    "invitation": lazy_gettext("Invitation"),
    "shopify": lazy_gettext("From Shopify"),
    "wordpress": lazy_gettext("From WordPress"),
}

OPEN = {"sign_in", "invitation", "enter"}
"""First words of endpoints that are for people who are not signed in."""


@bp.before_request
def check_form() -> ResponseReturnValue | None:
    """Forms are good only from the browser that got them. Runs before any view, so none can forget it."""
    g.now = services().now()
    guard.signed_in()
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return None
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("a form from another site", code="csrf")
    if not cookies.csrf_fits():
        raise Forbidden("the form is not of this browser", code="csrf")
    return None


bp.after_request(cookies.keep_visitor)


@bp.errorhandler(AppError)
@bp.errorhandler(HTTPException)
def problem(error: Exception) -> ResponseReturnValue:
    """What went wrong, in the page's own frame, with the way on."""
    if isinstance(error, HTTPException) and (error.code is None or error.code < 400):
        return error
    status = error.status if isinstance(error, AppError) else (error.code or 500)  # type: ignore[attr-defined] # an HTTPException
    code = error.code if isinstance(error, AppError) else ""
    if request.accept_mimetypes.best == "application/json" or request.is_json:
        return {"code": code, "message": words(str(code), status)}, status
    step = error.next_step if isinstance(error, AppError) else ""
    page = render_template(
        "admin/problem.html",
        title=headline(HTTPStatus.BAD_REQUEST if code == "csrf" else status),
        text=meaning(str(code)),
        step=_(step) if step else "",
        reference=getattr(g, "request_id", "")[:8],
        status=status,
    )
    return page, status


def words(code: str, status: int = 400) -> str:
    """What a code of `errors` means to the person at the page; of an unknown one what its status means."""
    return meaning(code) or headline(status)


def meaning(code: str) -> str:
    """In words what went wrong and what to do, or "" for a code that the person cannot act on."""
    known: dict[str, str] = {
        "csrf": _("This page was open too long. Go back, reload it and try again."),
        "role": _("Your role does not open this page. An admin can change it under Agents."),
        "too_many": _("Too many tries from your network."),
        "agent_exists": _("There is already an agent with this address."),
        "bad_email": _("This is not an e-mail address."),
        "bad_name": _("A name has 1 to 120 characters."),
        "last_admin": _("This is the last admin. Make somebody else an admin first."),
        "invitation_used": _("This invitation was used or has expired. Ask for a new one."),
        "password_length": _("A password has at least 12 characters."),
        "password_easy": _("This password is too easy to guess."),
        "passkey": _("The passkey was not accepted. Try again, or use password and code."),
        "agent_disabled": _("Your access has ended. An admin can restore it."),
        "not_https": _("Helpdesks open https addresses only. Set APP_URL on the server to one."),
        "bad_limit": _("A limit is a number that is not below zero."),
        "bad_currency": _("A currency is three letters, such as EUR."),
    }
    return known.get(code, "")


def headline(status: int) -> str:
    """The shortest sentence that is true of every error of this status."""
    if status == 404:
        return str(_("There is nothing here."))
    if status == 403:
        return str(_("This is not allowed."))
    return str(_("This could not be done.") if status < 500 else _("Something went wrong on our side."))


@bp.app_context_processor
def tools() -> dict[str, object]:
    if request.blueprint not in ("admin", "install"):
        return {}
    return {
        "csrf": cookies.csrf_field,
        "csrf_token": cookies.csrf_token,
        "person": guard.signed_in(),
        "navigation": navigation,
        "role_names": ROLE_NAMES,
        "method_names": METHOD_NAMES,
        "when": when,
        "ago": ago,
        "sum_text": sum_text,
        "roughly": roughly,
    }


def navigation() -> list[tuple[str, list[tuple[Place, bool, int]]]]:
    """(group, [(place, is it here, how many wait)]) for the person's role."""
    person = guard.signed_in()
    if person is None:
        return []
    here = (request.endpoint or "").removeprefix("admin.").split("_")[0]
    waits = _waiting(person)
    groups = []
    for label, places in NAVIGATION:
        shown = [
            (place, _is_here(place, here), waits if place.endpoint == "admin.approvals" else 0)
            for place in places
            if guard.may(person, place.least)
        ]
        if shown:
            groups.append((label, shown))
    return groups


def _is_here(place: Place, here: str) -> bool:
    return place.endpoint.removeprefix("admin.").split("_")[0].rstrip("s") == here.rstrip("s")


def _waiting(person: SignedIn) -> int:
    if not guard.may(person, Role.LEAD):
        return 0
    with services().reading(person.account_id) as work:
        return waiting(work)


@bp.get("/")
def home() -> ResponseReturnValue:
    """The first page that the person's role opens."""
    person = guard.signed_in()
    if person is None:
        return redirect(url_for("admin.sign_in"), 303)
    if guard.may(person, Role.ADMIN):
        return redirect(url_for("admin.stores"), 303)
    return redirect(url_for("admin.approvals" if guard.may(person, Role.LEAD) else "admin.actions"), 303)


def when(moment: datetime | None) -> str:
    """The clock for today, day and clock for any other day; in the account's zone."""
    if moment is None:
        return "–"
    if formats.local(moment) == formats.today():
        return formats.clock(moment)
    return enumerated([formats.short_day(moment), formats.clock(moment)])


def ago(moment: datetime | None) -> str:
    if moment is None:
        return "–"
    return formats.age(int((services().now() - moment).total_seconds()))


def roughly(seconds: float) -> str:
    """ "about 4 minutes", in words: an estimate does not pretend to know the second."""
    span = format_timedelta(int(seconds), threshold=1.2, locale=formats.locale_of(current()))
    return str(_("about %(span)s", span=span))


def sum_text(minor: int | None, currency: str | None) -> Markup | str:
    return "–" if minor is None or not currency else formats.money(Money(minor, currency))


@bp.app_template_filter("moment")
def moment(text: str | None) -> str:
    """A time that a JSON column keeps as text."""
    try:
        return when(datetime.fromisoformat(text)) if text else "–"
    except (TypeError, ValueError):
        return "–"


bp.app_template_filter("plain_sum")(text_of)
