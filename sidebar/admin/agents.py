"""Agents: who may see orders and who may move money, up to where, and the end of it."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from integration import ledger, limits, store_status
from integration.db.accounts import Account, Agent, Role
from integration.db.actions import Action, ActionStatus
from integration.errors import BadInput, Conflict
from integration.people import (
    SignedIn,
    add_agent,
    change_agent,
    create_token,
    disable_agent,
    enable_agent,
    find_agent,
    invite,
    list_tokens,
    revoke_token,
    sessions,
)
from integration.people.invitations import address
from integration.people.roster import roster
from integration.work import Work
from sidebar.admin import guard
from sidebar.admin.actions import chosen, names
from sidebar.admin.amounts import minor_from
from sidebar.admin.frame import bp, words
from sidebar.context import services


@bp.get("/agents")
@guard.person_required(Role.LEAD)
def agents(person: SignedIn) -> ResponseReturnValue:
    with services().reading(person.account_id) as work:
        currency = store_status.currencies(work)[0]
        members = roster(work)
        held = {member.agent.id: _limits(work, member.agent, currency) for member in members}
        tokens = list_tokens(work)
    return render_template(
        "admin/agents.html", members=members, limits=held, currency=currency, tokens=tokens
    )


@bp.get("/agents/invite")
@guard.person_required(Role.ADMIN)
def agents_invite(person: SignedIn) -> ResponseReturnValue:
    return render_template("admin/agent_invite.html", form={}, error="")


@bp.post("/agents/invite")
@guard.person_required(Role.ADMIN)
def agents_invite_post(person: SignedIn) -> ResponseReturnValue:
    """The address is shown once, on the answer itself: it is in no list and no log."""
    role = chosen(Role, request.form.get("role")) or Role.AGENT
    try:
        with services().transaction(person.account_id) as work:
            agent, token = add_agent(
                work, request.form.get("email", ""), request.form.get("name", ""), role, by=person.email
            )
    except (BadInput, Conflict) as error:
        page = render_template(
            "admin/agent_invite.html", form=request.form, error=words(error.code), code=error.code
        )
        return page, error.status
    return _invitation(agent, token)


@bp.get("/agents/<int:agent_id>")
@guard.person_required(Role.ADMIN)
def agents_one(person: SignedIn, agent_id: int) -> ResponseReturnValue:
    return _agent_page(person, agent_id)


@bp.post("/agents/<int:agent_id>")
@guard.person_required(Role.ADMIN)
def agents_one_post(person: SignedIn, agent_id: int) -> ResponseReturnValue:
    form = request.form
    try:
        with services().transaction(person.account_id) as work:
            change_agent(
                work,
                agent_id,
                name=form.get("name", ""),
                role=chosen(Role, form.get("role")),
                limits=_own_limits(work) if form.get("own") == "yes" else {},
                by=person.email,
            )
    except (BadInput, Conflict) as error:
        return _agent_page(person, agent_id, error=words(error.code)), error.status
    return redirect(url_for("admin.agents"), 303)


@bp.post("/agents/<int:agent_id>/invite")
@guard.person_required(Role.ADMIN)
def agents_invite_again(person: SignedIn, agent_id: int) -> ResponseReturnValue:
    """For a lost phone or an invitation that ran out. The old proofs work until it is taken."""
    with services().transaction(person.account_id) as work:
        agent = find_agent(work, agent_id)
        if agent.disabled_at is not None:
            agent, token = enable_agent(work, agent_id, by=person.email)
        else:
            token = invite(work, agent_id)
    return _invitation(agent, token)


@bp.post("/agents/<int:agent_id>/disable")
@guard.person_required(Role.ADMIN)
def agents_disable(person: SignedIn, agent_id: int) -> ResponseReturnValue:
    try:
        with services().transaction(person.account_id) as work:
            disable_agent(work, agent_id, by=person.email)
    except Conflict as error:
        return _agent_page(person, agent_id, error=words(error.code)), error.status
    return redirect(url_for("admin.agents"), 303)


@bp.post("/agents/tokens")
@guard.person_required(Role.ADMIN)
def agents_token(person: SignedIn) -> ResponseReturnValue:
    if not person.is_fresh(services().now()):
        return redirect(url_for("admin.prove", next=url_for("admin.agents") + "#tokens"), 303)
    role = chosen(Role, request.form.get("role")) or Role.AGENT
    with services().transaction(person.account_id) as work:
        row, token = create_token(
            work, request.form.get("name", ""), role, by=person.email, made_by_id=person.agent_id
        )
    return render_template("admin/token_made.html", row=row, token=token)


@bp.post("/agents/tokens/<int:token_id>/revoke")
@guard.person_required(Role.ADMIN)
def agents_token_revoke(person: SignedIn, token_id: int) -> ResponseReturnValue:
    with services().transaction(person.account_id) as work:
        revoke_token(work, token_id, by=person.email)
    return redirect(url_for("admin.agents") + "#tokens", 303)


def _invitation(agent: Agent, token: str) -> str:
    return render_template(
        "admin/agent_invited.html", agent=agent, address=address(services().settings.app_url, token)
    )


def _agent_page(person: SignedIn, agent_id: int, *, error: str = "") -> str:
    with services().reading(person.account_id) as work:
        agent = find_agent(work, agent_id)
        currencies = list(dict.fromkeys([*agent.limits, *store_status.currencies(work)]))
        return render_template(
            "admin/agent.html",
            agent=agent,
            currencies=currencies,
            limits={currency: _limits(work, agent, currency) for currency in currencies},
            own=bool(agent.limits),
            sessions=sessions.of_agent(work, agent_id),
            waiting=_waiting(work, agent_id),
            error=error,
            **names(),
        )


def _waiting(work: Work, agent_id: int) -> list[Action]:
    wanted = ledger.Wanted(agent_id=agent_id, status=ActionStatus.AWAITING_APPROVAL)
    return ledger.actions(work, wanted)[0]


def _limits(work: Work, agent: Agent, currency: str) -> limits.Limits:
    account = work.session.get(Account, work.account_id)
    settings = account.settings if account else {}
    return limits.limits_for(settings, agent.role, agent.limits, currency)


def _own_limits(work: Work) -> dict[str, dict[str, int]]:
    """Currency → what the form says; an empty field is no limit."""
    found = {}
    for currency in store_status.currencies(work):
        one = {
            name: minor_from(request.form.get(f"{currency}.{name}", ""), currency)
            for name in ("action", "day", "order")
        }
        found[currency] = {name: minor for name, minor in one.items() if minor is not None}
    return found
