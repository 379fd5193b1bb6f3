"""Limits: how far each role may go alone, when a second person or a fresh proof is asked for."""

from __future__ import annotations

from zoneinfo import available_timezones

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from integration import limits, store_status
from integration.db.accounts import Account, Role
from integration.errors import BadInput
from integration.limits import Ceiling, Choices
from integration.people import SignedIn
from integration.people.agents import clean_name
from integration.work import Work
from sidebar.admin import guard
from sidebar.admin.amounts import minor_from
from sidebar.admin.frame import bp, words
from sidebar.context import services
from sidebar.languages import LANGUAGES, known

SUMS = ("approval_above", "step_up_above", "exception_budget")


@bp.get("/settings")
@guard.person_required(Role.ADMIN)
def settings(person: SignedIn) -> ResponseReturnValue:
    return _page(person)


@bp.post("/settings")
@guard.person_required(Role.ADMIN)
def settings_post(person: SignedIn) -> ResponseReturnValue:
    try:
        with services().transaction(person.account_id) as work:
            limits.save(work, _from_form(work), by=person.email)
    except BadInput as error:
        return _page(person, error=words(error.code)), 400
    return redirect(url_for("admin.settings", saved=1), 303)


@bp.post("/settings/account")
@guard.person_required(Role.ADMIN)
def settings_account(person: SignedIn) -> ResponseReturnValue:
    """Name, zone and first language of the account."""
    zone = request.form.get("timezone", "")
    try:
        with services().transaction(person.account_id) as work:
            account = _account(work)
            account.name = clean_name(request.form.get("name", ""))
            account.timezone = zone if zone in available_timezones() else account.timezone
            account.locale = known(request.form.get("locale")) or account.locale
    except BadInput as error:
        return _page(person, error=words(error.code)), 400
    return redirect(url_for("admin.settings", saved=1), 303)


def _from_form(work: Work) -> Choices:
    form = request.form
    before = limits.load(work)
    used = _currencies(work, before)
    ceilings = {
        role: {
            currency: Ceiling(
                **{
                    name: minor_from(form.get(f"{role}.{currency}.{name}", ""), currency)
                    for name in ("action", "day", "order")
                }
            )
            for currency in used
        }
        for role in Role
    }
    sums = {
        name: {
            currency: minor
            for currency in used
            if (minor := minor_from(form.get(f"{name}.{currency}", ""), currency)) is not None
        }
        for name in SUMS
    }
    return Choices(offline="queue" if form.get("offline") == "queue" else "refuse", ceilings=ceilings, **sums)


def _page(person: SignedIn, *, error: str = "") -> str:
    with services().reading(person.account_id) as work:
        account = _account(work)
        choices = limits.load(work)
        used = _currencies(work, choices)
    held = {
        role: {currency: limits.limits_for(account.settings, role, {}, currency) for currency in used}
        for role in Role
    }
    return render_template(
        "admin/settings.html",
        account=account,
        choices=choices,
        currencies=used,
        held=held,
        error=error,
        saved=request.args.get("saved"),
        zones=sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC"),
        all_languages=LANGUAGES,
    )


def _currencies(work: Work, choices: Choices) -> list[str]:
    """Those of the stores, then any that were set before."""
    set_before = [currency for ceilings in choices.ceilings.values() for currency in ceilings]
    return list(dict.fromkeys([*store_status.currencies(work), *set_before]))


def _account(work: Work) -> Account:
    account = work.session.get(Account, work.account_id)
    assert account is not None
    return account
