"""Helpdesks: add one, follow its steps, see what a check says is wrong, remove it."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from flask import Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from integration import helpdesks as desks
from integration.db.accounts import Role
from integration.db.helpdesks import Helpdesk
from integration.errors import BadInput, NotFound
from integration.people import SignedIn, list_agents
from integration.work import Work
from sidebar import zendesk_app
from sidebar.admin import guard, helpdesk_steps
from sidebar.admin.frame import bp
from sidebar.context import services
from sidebar.helpdesks import desk_of, door


@bp.get("/helpdesks")
@guard.person_required(Role.ADMIN)
def helpdesks(person: SignedIn) -> ResponseReturnValue:
    with services().reading(person.account_id) as work:
        rows = [(row, _progress(work, row)) for row in desks.everyone(work)]
    return render_template("admin/helpdesks.html", rows=rows, kinds=desks.KINDS)


@bp.get("/helpdesks/add/<kind>")
@guard.person_required(Role.ADMIN)
def helpdesks_add(person: SignedIn, kind: str) -> ResponseReturnValue:
    return _form(kind)


@bp.post("/helpdesks/add/<kind>")
@guard.person_required(Role.ADMIN)
def helpdesks_add_post(person: SignedIn, kind: str) -> ResponseReturnValue:
    """The address stays on the helpdesk's page; a secret that we chose is shown on this answer only."""
    form = request.form
    try:
        with services().transaction(person.account_id) as work:
            row, address, secret = desks.add(
                work,
                services().vault,
                kind,
                form.get("name", ""),
                form.get("origin", ""),
                _given(kind),
                app_url=services().settings.app_url,
                by=person.email,
            )
    except BadInput as error:
        return _form(kind, str(error)), 400
    if not secret:
        return redirect(url_for("admin.helpdesks_one", helpdesk_id=row.id), 303)
    frames = desks.KINDS[kind].frames
    return render_template(
        "admin/helpdesk_added.html", row=row, address=address, secret=secret, frames=frames
    )


@bp.get("/helpdesks/<int:helpdesk_id>")
@guard.person_required(Role.ADMIN)
def helpdesks_one(person: SignedIn, helpdesk_id: int) -> ResponseReturnValue:
    return _page(person, helpdesk_id)


@bp.post("/helpdesks/<int:helpdesk_id>")
@guard.person_required(Role.ADMIN)
def helpdesks_one_post(person: SignedIn, helpdesk_id: int) -> ResponseReturnValue:
    """Keep what was filled in; fields left empty stay as they are."""
    try:
        with services().transaction(person.account_id) as work:
            kind = desks.find(work, helpdesk_id).kind
            desks.change(
                work,
                services().vault,
                helpdesk_id,
                name=request.form.get("name"),
                origin=request.form.get("origin"),
                settings=_given(kind),
                by=person.email,
            )
    except BadInput as error:
        return _page(person, helpdesk_id, error=str(error)), 400
    return redirect(url_for("admin.helpdesks_one", helpdesk_id=helpdesk_id, _anchor="now"), 303)


@bp.get("/helpdesks/<int:helpdesk_id>/app.zip")
@guard.person_required(Role.ADMIN)
def helpdesks_zip(person: SignedIn, helpdesk_id: int) -> ResponseReturnValue:
    """The private app for this Zendesk: made for its address alone."""
    with services().reading(person.account_id) as work:
        row = desks.find(work, helpdesk_id)
    if row.kind != "zendesk":
        raise NotFound("only Zendesk takes an app")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "app.zip"
        zendesk_app.build_zip(file, desks.address(services().settings.app_url, row), email=person.email)
        data = file.read_bytes()
    name = f"deskside-{row.settings['subdomain']}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, mimetype="application/zip", headers=headers)


@bp.post("/helpdesks/<int:helpdesk_id>/remove")
@guard.person_required(Role.ADMIN)
def helpdesks_remove(person: SignedIn, helpdesk_id: int) -> ResponseReturnValue:
    with services().transaction(person.account_id) as work:
        desks.remove(work, helpdesk_id, by=person.email)
    return redirect(url_for("admin.helpdesks"), 303)


def _form(kind: str, error: str = "") -> str:
    if kind not in desks.KINDS:
        raise BadInput("no such kind of helpdesk", code="not_found")
    return render_template(
        "admin/helpdesk_add.html",
        kind=desks.KINDS[kind],
        form=request.form,
        **_spoken(error),
    )


def _page(person: SignedIn, helpdesk_id: int, *, error: str = "") -> str:
    with services().reading(person.account_id) as work:
        row = desks.find(work, helpdesk_id)
        state = _state(work, row)
        desk = desk_of(row)
        others = [one for one in desks.everyone(work) if one.id != row.id]
    check = door(row.kind).check
    if check is not None and not state.lacking:
        state = replace(state, asked=check(desk))
    form = desks.KINDS[row.kind]
    steps = helpdesk_steps.steps(state)
    done = [step.done(set(state.lacking)) for step in steps]
    return render_template(
        "admin/helpdesk.html",
        row=row,
        kind=form,
        address=desks.address(services().settings.app_url, row),
        steps=list(zip(steps, done, strict=True)),
        now=next((at for at, step in enumerate(steps) if not (done[at] or step.optional)), None),
        state=state,
        others=others,
        settings={setting.name: setting for setting in form.settings},
        typed=request.form,
        **_spoken(error),
    )


def _spoken(error: str) -> dict[str, object]:
    """Names and hints of settings, and an error beside the field it is about."""
    name, _colon, text = error.partition(": ")
    at_field = name in helpdesk_steps.labels() or name in ("origin", "name")
    return {
        "labels": helpdesk_steps.labels(),
        "hints": helpdesk_steps.hints(),
        "errors": {name: _wrong(name, text)} if at_field else {},
        "error": "" if at_field else error,
    }


def _wrong(name: str, text: str) -> str:
    """What is wrong with one setting, for the person who typed it."""
    if text.endswith("needs it"):
        return str(_("This is needed."))
    known: dict[str, str] = {
        "subdomain": _("This is not the part before .zendesk.com: letters, digits and hyphens."),
        "app_id": _("This is not a number."),
        "installation_id": _("This is not a number."),
        "account_id": _("This is not a number."),
        "public_key": _(
            "This is not a public key. It begins with “-----BEGIN PUBLIC KEY-----”; copy it whole."
        ),
        "brand": _("This is not the part before .reamaze.com: letters, digits and hyphens."),
        "workspace_id": _("This is not a workspace id: letters and digits."),
        "origin": _(
            "This is not the address of a desk. It begins with https:// and ends before the next slash, like "
            "https://desk.example.com."
        ),
    }
    return known.get(name, str(_("This cannot be used.")))


def _given(kind: str) -> dict[str, str]:
    if kind not in desks.KINDS:
        return {}
    found = {setting.name: request.form.get(setting.name, "") for setting in desks.KINDS[kind].settings}
    return {name: text for name, text in found.items() if text.strip()}


def _state(work: Work, row: Helpdesk) -> helpdesk_steps.State:
    return helpdesk_steps.State(
        helpdesk=row,
        lacking=frozenset(desks.lacking(row, services().vault)),
        matched=tuple(agent for agent, _how in desks.matched_agents(work, row.id)),
        enabled=sum(agent.disabled_at is None for agent in list_agents(work)),
        refused=desks.last_refusal(row),
        address=desks.address(services().settings.app_url, row),
    )


def _progress(work: Work, row: Helpdesk) -> tuple[int, int]:
    """(steps done, steps in all)."""
    state = _state(work, row)
    steps = [step for step in helpdesk_steps.steps(state) if not step.optional]
    return sum(step.done(set(state.lacking)) for step in steps), len(steps)
