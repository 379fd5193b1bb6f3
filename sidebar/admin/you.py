"""Your own sign-in: where you are signed in, your passkeys, your language."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from integration.errors import Conflict
from integration.people import SignedIn, change_agent, find_agent, passkeys, sessions
from sidebar.admin import guard
from sidebar.admin.frame import bp
from sidebar.admin.signin import _json, _party, _party_or_404
from sidebar.context import services
from sidebar.languages import LANGUAGES, known


@bp.get("/you")
@guard.person_required()
def you(person: SignedIn) -> ResponseReturnValue:
    with services().reading(person.account_id) as work:
        return render_template(
            "admin/you.html",
            sessions=sessions.of_agent(work, person.agent_id),
            passkeys=passkeys.of_agent(work, person.agent_id),
            agent=find_agent(work, person.agent_id),
            can_add=_party() is not None,
        )


@bp.post("/you/sessions/<int:session_id>/revoke")
@guard.person_required()
def you_revoke(person: SignedIn, session_id: int) -> ResponseReturnValue:
    with services().transaction(person.account_id) as work:
        sessions.revoke(work, person.agent_id, session_id)
    return redirect(url_for("admin.you"), 303)


@bp.post("/you/sessions/revoke-others")
@guard.person_required()
def you_revoke_others(person: SignedIn) -> ResponseReturnValue:
    with services().transaction(person.account_id) as work:
        sessions.revoke_others(work, person.agent_id, person.session_id)
    return redirect(url_for("admin.you"), 303)


@bp.post("/you/language")
@guard.person_required()
def you_language(person: SignedIn) -> ResponseReturnValue:
    language = known(request.form.get("language")) or next(iter(LANGUAGES))
    with services().transaction(person.account_id) as work:
        change_agent(work, person.agent_id, locale=language)
    return redirect(url_for("admin.you"), 303)


@bp.post("/you/passkeys/options")
@guard.person_required()
def you_passkey_options(person: SignedIn) -> ResponseReturnValue:
    with services().transaction(person.account_id) as work:
        agent = find_agent(work, person.agent_id)
        return _json(passkeys.registration_options(work, _party_or_404(), agent))


@bp.post("/you/passkeys")
@guard.person_required()
def you_passkey(person: SignedIn) -> ResponseReturnValue:
    """Only soon after a proof: a session left open must not become a key of its own."""
    if not person.is_fresh(services().now()):
        return {"next": url_for("admin.prove", next=url_for("admin.you"))}
    with services().transaction(person.account_id) as work:
        agent = find_agent(work, person.agent_id)
        passkeys.register(work, _party_or_404(), agent, request.get_data(as_text=True)[:20_000])
    return {"next": url_for("admin.you")}


@bp.post("/you/passkeys/<int:passkey_id>/remove")
@guard.person_required()
def you_passkey_remove(person: SignedIn, passkey_id: int) -> ResponseReturnValue:
    with services().transaction(person.account_id) as work:
        agent = find_agent(work, person.agent_id)
        if agent.password_hash is None and len(passkeys.of_agent(work, person.agent_id)) < 2:
            raise Conflict("the last way to sign in", code="last_passkey")
        passkeys.remove(work, person.agent_id, passkey_id)
    return redirect(url_for("admin.you"), 303)
