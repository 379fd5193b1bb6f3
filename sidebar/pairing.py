"""A frame of a helpdesk that proves nobody, paired with the agent who is signed in beside it.

The frame asks for a code and shows it; the agent opens `/pair`, signed in, compares and confirms; the
frame, which asks every two seconds, gets an app token with `agent=session`.
"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from msgspec.structs import replace

from integration import pairings
from integration.errors import BadInput, Forbidden
from integration.ids import row_id
from sidebar import panel, remembered, tokens
from sidebar.context import services
from sidebar.throttle import TooMany, allowed
from sidebar.visit import Proof, Visit, enter, visitor_required

bp = Blueprint("pairing", __name__)

STARTS = 10
"""Codes that one frame may ask for within the life of a code."""


@bp.post("/sidebar/pair/start")
@visitor_required
def start(visit: Visit) -> Response:
    """A code for this frame, to be compared and confirmed by whoever is signed in."""
    if not visit.frame:
        raise BadInput("this frame cannot be paired")
    seconds = int(pairings.LIFETIME.total_seconds())
    if not (
        allowed("pair-start", visit.frame, times=STARTS, seconds=seconds)
        and allowed("pair-address", request.remote_addr or "", times=STARTS * 20, seconds=seconds)
    ):
        raise TooMany("too many codes")
    frame = {
        "frame": visit.frame,
        "conversation": visit.conversation,
        "external": visit.agent_external,
        "name": visit.agent_name,
        "signed": visit.assurance.agent is Proof.SIGNED,
    }
    with services().transaction(visit.account_id) as work:
        device, code = pairings.begin(work, visit.helpdesk_id, frame)
    return jsonify(
        device_code=device,
        user_code=code,
        url=f"{services().settings.app_url}/pair?code={code}",
        expires_in=seconds,
        interval=pairings.INTERVAL,
    )


@bp.post("/sidebar/pair/poll")
@visitor_required
def poll(visit: Visit) -> Response:
    """Whether it was confirmed; then the pane again, by somebody known."""
    code = request.form.get("device_code", "")[:100]
    with services().transaction(visit.account_id) as work:
        agent = pairings.take(work, code, visit.helpdesk_id, visit.frame)
        if agent is None:
            return jsonify(status="pending")
        if visit.agent_id is not None and visit.agent_id != agent.id:
            raise Forbidden("this frame belongs to another agent", code="other_agent")
        visit = _proven(visit, agent.id, agent.token_version, agent.name, agent.locale)
    with services().reading(visit.account_id) as work:
        enter(work, visit)
    customer = request.form.get("customer", "")
    shown = panel.found(visit, customer_id=row_id(customer) if customer else None)
    response = jsonify(status="paired", html=shown.html, title=shown.title, token=tokens.mint(visit))
    remembered.keep(response, visit, services().now() + remembered.WORKING_DAY)
    return response


def _proven(visit: Visit, agent_id: int, version: int, name: str, language: str) -> Visit:
    """The agent confirmed here and now, so the frame's day begins anew."""
    return replace(
        visit,
        assurance=replace(visit.assurance, agent=Proof.SESSION),
        agent_id=agent_id,
        agent_version=version,
        agent_name=name,
        born=services().now(),
        fresh=True,
        interface=visit.interface or language,
    )


@bp.get("/pair")
def page() -> ResponseReturnValue:
    """The short address; the page itself stands among those that need a sign-in."""
    return redirect(url_for("admin.pair", code=request.args.get("code", "")[:20]), 303)
