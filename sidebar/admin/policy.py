"""The return policy: its versions, the draft of the next one, what it would do to real orders, the law."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, time

import msgspec
from flask import Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from integration import policies, policy_draft, store_status, what_if
from integration.db.accounts import Role
from integration.eligibility import Policy, Rule, Verdicts
from integration.eligibility.engine import judge
from integration.eligibility.facts import Request
from integration.eligibility.law import LawRow, row_for
from integration.eligibility.policy import dump, load
from integration.errors import BadInput
from integration.people import SignedIn
from integration.returns import open_books, whole
from integration.work import Work
from sidebar.admin import guard, rule_form
from sidebar.admin.frame import bp
from sidebar.citations import citation
from sidebar.context import services
from sidebar.formats import zone_of

LARGEST_FILE = 1_000_000


@bp.get("/policy")
@guard.person_required(Role.LEAD)
def policy(person: SignedIn) -> ResponseReturnValue:
    return _page(person)


@bp.get("/policy/rules/<int:position>")
@guard.person_required(Role.ADMIN)
def policy_rule(person: SignedIn, position: int) -> ResponseReturnValue:
    return _page(person, open_rule=position)


@bp.get("/policy/rules/add")
@guard.person_required(Role.ADMIN)
def policy_add(person: SignedIn) -> ResponseReturnValue:
    return _page(person, adding=True)


@bp.post("/policy/rules/add")
@guard.person_required(Role.ADMIN)
def policy_add_post(person: SignedIn) -> ResponseReturnValue:
    return _keep_rule(person, None)


@bp.post("/policy/rules/<int:position>")
@guard.person_required(Role.ADMIN)
def policy_rule_post(person: SignedIn, position: int) -> ResponseReturnValue:
    return _keep_rule(person, position)


@bp.post("/policy/rules/<int:position>/move/<any(up, down):way>")
@guard.person_required(Role.ADMIN)
def policy_move(person: SignedIn, position: int, way: str) -> ResponseReturnValue:
    with services().transaction(person.account_id) as work:
        policy_draft.move(work, position, -1 if way == "up" else 1)
    return redirect(url_for("admin.policy") + "#r-h", 303)


@bp.post("/policy/rules/<int:position>/remove")
@guard.person_required(Role.ADMIN)
def policy_remove(person: SignedIn, position: int) -> ResponseReturnValue:
    with services().transaction(person.account_id) as work:
        policy_draft.remove(work, position)
    return redirect(url_for("admin.policy") + "#r-h", 303)


@bp.post("/policy/save")
@guard.person_required(Role.ADMIN)
def policy_save(person: SignedIn) -> ResponseReturnValue:
    """The draft becomes the next version. Earlier versions stay as they are."""
    try:
        start = _start(request.form.get("valid_from", ""), person)
        with services().transaction(person.account_id) as work:
            draft = policy_draft.draft(work)
            if draft is None:
                raise BadInput("there is no draft", code="no_draft")
            policies.ensure_policy(work)
            policies.save_policy(
                work, draft, person.name, request.form.get("note", "").strip(), valid_from=start
            )
            policy_draft.drop(work)
    except BadInput as error:
        return _page(person, error=_said(error)), 400
    return redirect(url_for("admin.policy"), 303)


@bp.post("/policy/discard")
@guard.person_required(Role.ADMIN)
def policy_discard(person: SignedIn) -> ResponseReturnValue:
    with services().transaction(person.account_id) as work:
        policy_draft.drop(work)
    return redirect(url_for("admin.policy"), 303)


@bp.get("/policy/export")
@guard.person_required(Role.LEAD)
def policy_export(person: SignedIn) -> ResponseReturnValue:
    """All saved versions, in the form that the import takes."""
    with services().reading(person.account_id) as work:
        rows = sorted(policies.policy_versions(work), key=lambda row: row.number)
        versions = [policies.read(row, first=number == 0) for number, row in enumerate(rows)]
        body = dump(versions or [policy_draft.in_force(work)])
    return Response(
        body,
        mimetype="application/json",
        headers={"Content-Disposition": 'attachment; filename="return-policy.json"'},
    )


@bp.post("/policy/import")
@guard.person_required(Role.ADMIN)
def policy_import(person: SignedIn) -> ResponseReturnValue:
    """The newest version of the file becomes the draft; nothing is saved yet."""
    file = request.files.get("file")
    data = b""
    if file is not None:
        with closing(file):
            data = file.read(LARGEST_FILE + 1)
    try:
        if not data or len(data) > LARGEST_FILE:
            raise BadInput("file: missing or too large", code="policy_unreadable")
        try:
            newest = max(load(data), key=lambda version: version.version)
        except (msgspec.MsgspecError, ValueError) as error:
            raise BadInput(f"this policy cannot be read: {error}", code="policy_unreadable") from error
        with services().transaction(person.account_id) as work:
            policy_draft.keep(work, newest.rules, newest.name)
    except BadInput as error:
        return _page(person, error=_said(error)), 400
    return redirect(url_for("admin.policy"), 303)


@bp.post("/policy/law/<country>/confirm")
@guard.person_required(Role.ADMIN)
def policy_law(person: SignedIn, country: str) -> ResponseReturnValue:
    """The account's own word that a country's law was checked, with name and date."""
    with services().transaction(person.account_id) as work:
        policies.confirm_law(work, country, person.name)
    return redirect(url_for("admin.policy") + "#l-h", 303)


def _keep_rule(person: SignedIn, position: int | None) -> ResponseReturnValue:
    try:
        with services().transaction(person.account_id) as work:
            currencies = store_status.currencies(work)
            rules = policy_draft.begun(work).rules
            before = rules[position] if position is not None and position < len(rules) else None
            policy_draft.put(work, position, rule_form.rule_from(request.form, currencies, before))
    except BadInput as error:
        return _page(
            person, open_rule=position, adding=position is None, error=_said(error), filled=True
        ), 400
    return redirect(url_for("admin.policy") + "#r-h", 303)


def _said(error: BadInput) -> str:
    """What is wrong, in words."""
    known: dict[str, str] = {
        "rule_name": _("A rule needs a name."),
        "rule_countries": _("A country is two letters, such as EE or TH."),
        "rule_days": _("A period is a whole number of days, or empty for no last day."),
        "rule_percent": _("A percentage is a number from 0 to 100."),
        "rule_holidays": _("A holiday range has three dates: bought from, bought to, may come back until."),
        "bad_limit": _("A sum is a number that is not below zero."),
        "policy_in_the_past": _("A version cannot start in the past: what customers were promised stays."),
        "policy_out_of_order": _("A later version is already planned. Choose a day after it."),
        "no_draft": _("There is no draft to save."),
        "last_rule": _("A policy has at least one rule."),
    }
    if error.code == "policy_unreadable":
        return str(_("This file cannot be read as a policy.")) + f" {error}"
    return known.get(error.code, str(error))


def _start(text: str, person: SignedIn) -> datetime | None:
    """The start of a day in the account's zone; None: from now on."""
    if not text:
        return None
    try:
        day = datetime.fromisoformat(text).date()
    except ValueError:
        raise BadInput("not a date", code="policy_in_the_past") from None
    zone = zone_of(person.timezone)
    if day <= services().now().astimezone(zone).date():
        return None if day == services().now().astimezone(zone).date() else _past()
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def _past() -> datetime:
    raise BadInput("a policy cannot start in the past", code="policy_in_the_past")


def _page(
    person: SignedIn,
    *,
    open_rule: int | None = None,
    adding: bool = False,
    error: str = "",
    filled: bool = False,
) -> str:
    with services().reading(person.account_id) as work:
        draft = policy_draft.draft(work)
        in_force = policy_draft.in_force(work)
        versions = sorted(policies.policy_versions(work), key=lambda row: row.number)
        shown = draft or in_force
        chosen = request.args.get("version", type=int)
        old = what_if.saved(work, chosen) if chosen else None
        return render_template(
            "admin/policy.html",
            versions=versions,
            draft=draft,
            in_force=in_force,
            shown=old or shown,
            old=chosen if old else None,
            changes=policy_draft.changes(in_force, draft) if draft and not old else {},
            open_rule=open_rule if open_rule is not None and open_rule < len(shown.rules) else None,
            adding=adding,
            blank=Rule(name="", days=30),
            error=error,
            form=request.form if filled else None,
            currencies=store_status.currencies(work),
            words=rule_form.in_words,
            forms=rule_form,
            preview=_preview(work, draft),
            law=_law(work),
        )


class Preview(msgspec.Struct, frozen=True):
    """One real order under the version in force and under the draft."""

    name: str
    place: str
    title: str
    delivered: datetime | None
    old: Verdicts
    new: Verdicts | None


def _preview(work: Work, draft: Policy | None) -> list[Preview]:
    """A few real orders, as if asked today."""
    orders = what_if.recent_deliveries(work)
    books = open_books(work, orders)
    found = []
    for order in orders:
        facts = books.facts(order)
        wish = Request(notice=work.now(), quantities=whole(facts))
        address = order.shipping_address or {}
        found.append(
            Preview(
                name=order.name,
                place=", ".join(
                    part for part in (str(address.get("name", "")), str(address.get("city", ""))) if part
                ),
                title=order.lines[0].title,
                delivered=max(
                    (sent.delivered_at for sent in order.fulfillments if sent.delivered_at), default=None
                ),
                old=judge(facts, wish, books.policies.bound),
                new=judge(facts, wish, what_if.binds(draft)) if draft else None,
            )
        )
    return found


class Floor(msgspec.Struct, frozen=True):
    """What the law of a country asks at least, as the data has it."""

    country: str
    row: LawRow | None
    status: str
    citation: str
    confirmed_by: str = ""
    confirmed_at: datetime | None = None


def _law(work: Work) -> list[Floor]:
    """Of the countries that were delivered to, most orders first."""
    confirmed = policies.law_confirmations(work)
    found = []
    for country in store_status.countries(work)[:12]:
        row = row_for(country)
        said = confirmed.get((row.id, country)) if row else None
        found.append(
            Floor(
                country=country,
                row=row,
                status="confirmed" if said else (row.checked(country).value if row else ""),
                citation=citation(row.citation(country)) if row else "",
                confirmed_by=said.confirmed_by if said else "",
                confirmed_at=said.confirmed_at if said else None,
            )
        )
    return found
