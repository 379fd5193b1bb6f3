"""Approvals: what waits for a second person, what the first one saw, and what changed since."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from integration import ledger
from integration.db.accounts import Role
from integration.db.actions import ActionStatus
from integration.errors import AppError, Conflict, Forbidden, StoreError
from integration.people import SignedIn, find_agent, names_of
from integration.wishes import Who
from integration.work import Work
from jobs import actions as moments
from sidebar.admin import guard
from sidebar.admin.actions import names
from sidebar.admin.frame import bp, words
from sidebar.admin.requests import RequestView, look
from sidebar.context import services

SETTLEMENTS = ("done", "not_done", "send_again")


@bp.get("/approvals")
@guard.person_required(Role.LEAD)
def approvals(person: SignedIn) -> ResponseReturnValue:
    return _page(person, None)


@bp.get("/approvals/<int:action_id>")
@guard.person_required(Role.LEAD)
def approvals_one(person: SignedIn, action_id: int) -> ResponseReturnValue:
    return _page(person, action_id)


@bp.post("/approvals/<int:action_id>/approve")
@guard.person_required(Role.LEAD)
def approvals_approve(person: SignedIn, action_id: int) -> ResponseReturnValue:
    """The order is read once more from the store before anything is approved."""
    return _decided(
        person,
        action_id,
        lambda who, note: moments.approve(services(), person.account_id, action_id, who, note),
    )


@bp.post("/approvals/<int:action_id>/reject")
@guard.person_required(Role.LEAD)
def approvals_reject(person: SignedIn, action_id: int) -> ResponseReturnValue:
    """A no has a reason: whoever asked has to tell the customer something."""
    if not request.form.get("note", "").strip():
        return _page(person, action_id, note_error=_("Write why: the person who asked reads it.")), 400
    return _decided(
        person,
        action_id,
        lambda who, note: moments.reject(services(), person.account_id, action_id, who, note),
    )


@bp.post("/approvals/<int:action_id>/withdraw")
@guard.person_required()
def approvals_withdraw(person: SignedIn, action_id: int) -> ResponseReturnValue:
    """Take the own request back; `reject` refuses anybody else below lead."""
    return _decided(
        person,
        action_id,
        lambda who, note: moments.reject(services(), person.account_id, action_id, who, note),
    )


@bp.post("/approvals/<int:action_id>/settle")
@guard.person_required(Role.LEAD)
def approvals_settle(person: SignedIn, action_id: int) -> ResponseReturnValue:
    """Say what happened to a refund whose answer never came. Whoever says so is in the record."""
    decision = request.form.get("decision", "")
    if decision not in SETTLEMENTS or not request.form.get("note", "").strip():
        return _page(person, action_id, note_error=_("Choose one, and write what you saw in the store.")), 400
    return _decided(
        person,
        action_id,
        lambda who, note: moments.settle(services(), person.account_id, action_id, who, decision, note),
    )


@bp.get("/actions/<int:action_id>")
@guard.person_required()
def actions_one(person: SignedIn, action_id: int) -> ResponseReturnValue:
    """One action as far as it has come. Agents see their own only."""
    with services().reading(person.account_id) as work:
        action = ledger.action(work, action_id)
        if not guard.may(person, Role.LEAD) and action.requested_by_id != person.agent_id:
            raise Forbidden("somebody else's request", code="role")
        view = look(work, action)
    return render_template("admin/action.html", view=view, mine=_is_own(person, view), **names())


def who_of(work: Work, person: SignedIn) -> Who:
    """The signed-in person as actions know people."""
    return Who(
        name=person.email,
        role=person.role,
        caller=f"agent:{person.agent_id}",
        proof="session",
        agent_id=person.agent_id,
        limits=find_agent(work, person.agent_id).limits,
        assurance={"tenant": "session", "agent": "session", "customer": "none", "method": person.method},
        stepped_up=person.is_fresh(services().now()),
    )


def _decided(
    person: SignedIn, action_id: int, decide: Callable[[Who, str], dict[str, Any]]
) -> ResponseReturnValue:
    note = request.form.get("note", "").strip()[:2000]
    with services().reading(person.account_id) as work:
        who = who_of(work, person)
    try:
        decide(who, note)
    except (Conflict, Forbidden, StoreError) as error:
        if error.code == "step_up":
            here = url_for("admin.approvals_one", action_id=action_id)
            return redirect(url_for("admin.prove", next=here), 303)
        return _page(person, action_id, refused=_refusal(error)), error.status
    if guard.may(person, Role.LEAD):
        return redirect(url_for("admin.approvals"), 303)
    return redirect(url_for("admin.actions"), 303)


def _refusal(error: AppError) -> str:
    known = {
        "stale": _("The order has changed since this was asked. It was not approved; let it be asked again."),
        "own_request": _("You asked for this yourself: another lead or admin decides."),
        "already_decided": _("Somebody has decided this already."),
        "limit_action": _("This is above your own limit. Somebody with a higher one decides."),
        "limit_day": _(
            "With this you would be above your own limit for a day. Somebody with a higher one decides."
        ),
        "limit_order": _("With this you would be above your own limit for one order. Somebody else decides."),
        "rate_limited": _(
            "The store cannot be read just now, so nothing was approved. Try again in a moment."
        ),
    }
    return known.get(error.code) or (
        _(error.next_step) if error.next_step else words(error.code, error.status)
    )


def _page(person: SignedIn, action_id: int | None, *, refused: str = "", note_error: str = "") -> str:
    with services().reading(person.account_id) as work:
        queue = ledger.queue(work)
        chosen = action_id or (queue[0].id if queue else None)
        view = look(work, ledger.action(work, chosen)) if chosen else None
        decided = ledger.decided_since(work, services().now() - timedelta(days=7))
        stores = {row.id: row.name for row in ledger.stores_of(work, queue)}
        who = names_of(work)
    return render_template(
        "admin/approvals.html",
        queue=queue,
        view=view,
        stores=stores,
        who=who,
        decided=decided,
        refused=refused,
        note_error=note_error,
        note=request.form.get("note", ""),
        mine=view is not None and _is_own(person, view),
        waits=view is not None and view.action.status is ActionStatus.AWAITING_APPROVAL,
        unclear=view is not None and view.action.status is ActionStatus.NEEDS_ATTENTION,
        **names(),
    )


def _is_own(person: SignedIn, view: RequestView) -> bool:
    return person.agent_id in (view.action.requested_by_id, view.action.person_id)
