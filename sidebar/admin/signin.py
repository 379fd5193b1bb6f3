"""Signing in: by invitation the first time, then by passkey, or password and code, or a store's link.

Every refusal reads the same and takes the same time, whoever it is about.
"""

from __future__ import annotations

import msgspec
import segno
from cryptography.fernet import InvalidToken
from flask import Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup

from integration import audit
from integration.db.accounts import Agent
from integration.errors import AppError, BadInput, ForgedMessage, NotFound
from integration.people import (
    Invited,
    SignedIn,
    find_agent,
    find_invitation,
    passkeys,
    passwords,
    sessions,
    signing_in,
    take_invitation,
    totp,
    use_link,
)
from integration.people.agents import end_everything
from sidebar.admin import cookies, guard
from sidebar.admin.frame import bp, words
from sidebar.context import services
from sidebar.throttle import limited


class Setup(msgspec.Struct):
    """A code secret on its way through the invitation's form, sealed."""

    secret: str
    invitation: int


# -- with password and code ------------------------------------------------------------------------


@bp.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    if guard.signed_in() is not None:
        return redirect(_target(), 303)
    return _sign_in_page()


@bp.post("/sign-in")
@limited("sign-in", times=20, seconds=300)
def sign_in_post() -> ResponseReturnValue:
    email, password = request.form.get("email", "")[:300], request.form.get("password", "")
    agent = prove_by_password(email, password, request.form.get("code", ""))
    if agent is None:
        return _sign_in_page(refused=True), 401
    return _entered(agent, "password+totp", _target())


def prove_by_password(email: str, password: str, code: str) -> Agent | None:
    """Whoever shows password and a new code; None says nothing about why."""
    with services().everywhere(write=False) as work:
        found = signing_in.candidates(work, email)[:3]
    fitting = [one for one in found if passwords.matches(one.password_hash, password)]
    if not found:
        passwords.matches(None, password)
    for one in fitting or found:
        with services().transaction(one.account_id) as work:
            agent = signing_in.decide(
                work, services().vault, one.agent_id, password_fits=bool(fitting), code=code
            )
        if agent is not None:
            return agent
    return None


def _sign_in_page(*, refused: bool = False) -> str:
    return render_template(
        "admin/sign_in.html",
        refused=refused,
        email=request.form.get("email", "")[:300],
        next=guard.local_target(request.values.get("next"), ""),
        passkeys=_party() is not None,
    )


# -- with a passkey --------------------------------------------------------------------------------


@bp.post("/sign-in/passkey/options")
@limited("passkey", times=60, seconds=300)
def sign_in_passkey_options() -> ResponseReturnValue:
    with services().everywhere() as work:
        return _json(passkeys.sign_in_options(work, _party_or_404()))


@bp.post("/sign-in/passkey")
@limited("passkey", times=60, seconds=300)
def sign_in_passkey() -> ResponseReturnValue:
    with services().everywhere() as work:
        agent = passkeys.verify(work, _party_or_404(), request.get_data(as_text=True)[:20_000])
    target = guard.local_target(request.args.get("next"), url_for("admin.home"))
    return _entered(agent, "passkey", target, script=True)


# -- by invitation ---------------------------------------------------------------------------------


@bp.get("/invitations/<token>")
@limited("invitation", times=60, seconds=300)
def invitation(token: str) -> ResponseReturnValue:
    """Looking at it does not use it up: mail programs look at links too."""
    invited = _invited(token)
    if invited is None:
        return render_template("admin/invitation_over.html"), 404
    return _invitation_page(invited, token, totp.new_secret())


@bp.post("/invitations/<token>")
@limited("invitation", times=60, seconds=300)
def invitation_post(token: str) -> ResponseReturnValue:
    """Set password and code, use the invitation up, sign in."""
    invited = _invited(token)
    if invited is None:
        return render_template("admin/invitation_over.html"), 404
    secret = _open_setup(request.form.get("setup", ""), invited)
    password = request.form.get("password", "")
    errors = {}
    stored = ""
    try:
        stored = passwords.hash_password(password, email=invited.email)
    except BadInput as error:
        errors["password"] = words(error.code)
    step = totp.matching_step(secret, request.form.get("code", ""), services().now(), None)
    if step is None:
        errors["code"] = _("This is not the code that the app shows now. Check the clock of your phone.")
    if errors or step is None:
        return _invitation_page(invited, token, secret, errors), 400
    with services().transaction(invited.account_id) as work:
        take_invitation(work, invited.id)
        agent = find_agent(work, invited.agent_id)
        end_everything(work, agent)
        signing_in.set_password(work, services().vault, agent, stored, secret, step)
    return _entered(agent, "password+totp", url_for("admin.home"))


@bp.post("/invitations/<token>/passkey/options")
@limited("invitation", times=60, seconds=300)
def invitation_passkey_options(token: str) -> ResponseReturnValue:
    invited = _invited_or_404(token)
    with services().transaction(invited.account_id) as work:
        agent = find_agent(work, invited.agent_id)
        return _json(passkeys.registration_options(work, _party_or_404(), agent))


@bp.post("/invitations/<token>/passkey")
@limited("invitation", times=60, seconds=300)
def invitation_passkey(token: str) -> ResponseReturnValue:
    invited = _invited_or_404(token)
    with services().transaction(invited.account_id) as work:
        agent = find_agent(work, invited.agent_id)
        passkeys.register(work, _party_or_404(), agent, request.get_data(as_text=True)[:20_000])
        take_invitation(work, invited.id)
        end_everything(work, agent)
    return _entered(agent, "passkey", url_for("admin.home"), script=True)


def _invited(token: str) -> Invited | None:
    with services().everywhere(write=False) as work:
        return find_invitation(work, token[:200])


def _invited_or_404(token: str) -> Invited:
    invited = _invited(token)
    if invited is None:
        raise NotFound("no such invitation", code="invitation_used")
    return invited


def _invitation_page(invited: Invited, token: str, secret: str, errors: dict[str, str] | None = None) -> str:
    sealed = services().vault.seal_record(Setup(secret=secret, invitation=invited.id)).decode()
    return render_template(
        "admin/invitation.html",
        invited=invited,
        token=token,
        setup=sealed,
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        picture=qr_picture(totp.address(secret, invited.email)),
        passkeys=_party() is not None,
        errors=errors or {},
    )


def qr_picture(address: str) -> Markup:
    """The address as an SVG; drawn by us, so it may stand in the page as it is."""
    drawn = segno.make(address, error="m").svg_inline(scale=4, border=4, omitsize=True)
    return Markup(drawn)  # noqa: S704 - segno's own markup of paths and numbers


def _open_setup(sealed: str, invited: Invited) -> str:
    try:
        setup = services().vault.open_record(sealed.encode(), Setup)
    except (AppError, InvalidToken, msgspec.MsgspecError, ValueError):
        raise ForgedMessage("the form was changed", code="csrf") from None
    if setup.invitation != invited.id:
        raise ForgedMessage("the form belongs to another invitation", code="csrf")
    return setup.secret


# -- by a one-time link from a store's admin -------------------------------------------------------


@bp.get("/enter/<token>")
def enter(token: str) -> ResponseReturnValue:
    """Asks before it signs in: a link alone must not sign anybody in to somebody else's account."""
    return render_template("admin/enter.html", token=token)


@bp.post("/enter/<token>")
@limited("enter", times=30, seconds=300)
def enter_post(token: str) -> ResponseReturnValue:
    with services().everywhere() as work:
        entering = use_link(work, token[:200])
    if entering is None:
        return render_template("admin/enter.html", token="", over=True), 404
    agent, method = entering
    return _entered(agent, method, url_for("admin.home"))


# -- step-up, and the end --------------------------------------------------------------------------


@bp.get("/prove")
@guard.person_required()
def prove(person: SignedIn) -> ResponseReturnValue:
    """Show once more what only you have: before much money moves."""
    return _prove_page(person)


@bp.post("/prove")
@limited("sign-in", times=20, seconds=300)
@guard.person_required()
def prove_post(person: SignedIn) -> ResponseReturnValue:
    agent = prove_by_password(person.email, request.form.get("password", ""), request.form.get("code", ""))
    if agent is None or agent.id != person.agent_id:
        return _prove_page(person, refused=True), 401
    with services().transaction(person.account_id) as work:
        sessions.prove_again(work, person.session_id)
    return redirect(_target(), 303)


@bp.post("/prove/passkey")
@limited("passkey", times=60, seconds=300)
@guard.person_required()
def prove_passkey(person: SignedIn) -> ResponseReturnValue:
    with services().everywhere() as work:
        agent = passkeys.verify(work, _party_or_404(), request.get_data(as_text=True)[:20_000])
    if agent.id != person.agent_id:
        raise ForgedMessage("the passkey of somebody else", code="passkey")
    with services().transaction(person.account_id) as work:
        sessions.prove_again(work, person.session_id)
    return {"next": guard.local_target(request.args.get("next"), url_for("admin.home"))}


def _prove_page(person: SignedIn, *, refused: bool = False) -> str:
    with services().reading(person.account_id) as work:
        agent = find_agent(work, person.agent_id)
        has_passkey = bool(passkeys.of_agent(work, person.agent_id))
    return render_template(
        "admin/prove.html",
        refused=refused,
        next=guard.local_target(request.values.get("next"), ""),
        passkeys=_party() is not None and has_passkey,
        has_password=agent.password_hash is not None,
    )


@bp.post("/sign-out")
@guard.person_required()
def sign_out(person: SignedIn) -> ResponseReturnValue:
    with services().transaction(person.account_id) as work:
        sessions.revoke(work, person.agent_id, person.session_id)
    response = redirect(url_for("admin.sign_in"), 303)
    cookies.forget_session(response)  # type: ignore[arg-type] # werkzeug's base of Flask's Response
    return response


# -- shared ----------------------------------------------------------------------------------------


def _entered(agent: Agent, method: str, target: str, *, script: bool = False) -> Response:
    """A new session under a new secret, whatever cookie came with the request."""
    with services().transaction(agent.account_id) as work:
        current = find_agent(work, agent.id)
        secret = sessions.start(work, current, method, request.headers.get("User-Agent", ""))
        audit.record(work, "session.started", actor=current.name, proof=method, detail={"agent": current.id})
    response = _json(msgspec.json.encode({"next": target}).decode()) if script else redirect(target, 303)
    cookies.set_session(response, secret)  # type: ignore[arg-type] # werkzeug's base of Flask's Response
    return response  # type: ignore[return-value] # likewise


def _target() -> str:
    return guard.local_target(request.values.get("next"), url_for("admin.home"))


def _party() -> passkeys.RelyingParty | None:
    return passkeys.relying_party(services().settings.app_url)


def _party_or_404() -> passkeys.RelyingParty:
    party = _party()
    if party is None:
        raise NotFound("browsers offer no passkeys at this address", code="passkey")
    return party


def _json(text: str) -> Response:
    return Response(text, mimetype="application/json")
