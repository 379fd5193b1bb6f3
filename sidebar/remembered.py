"""A browser that was paired, remembered where it keeps a partitioned cookie.

Nothing depends on it: where the cookie is refused, the next frame asks for a new code. It names no
conversation and opens no page but the door of its own desk, and it is one jar per helpdesk's site
(`Partitioned`), so that one helpdesk's frame never rides on another's.
Source: our helpdesk facts, "Own session inside a frame"; CHIPS.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from flask import Response, request
from msgspec.structs import replace
from sqlalchemy import select

from integration.db.accounts import Agent
from sidebar.context import derived_key, services
from sidebar.doors import Desk
from sidebar.visit import PROVEN_AGENT, Proof, Visit

COOKIE = "__Host-deskside-frame"
WORKING_DAY = timedelta(hours=12)
"""How long a pairing counts. Source: facts on helpdesks, "Own session inside a frame"."""
AUDIENCE = "frame"


def keep(response: Response, visit: Visit, until: datetime) -> None:
    """After a pairing. On plain http browsers would refuse the cookie, so none is sent."""
    if not services().settings.app_url.startswith("https://"):
        return
    claims = {
        "aud": AUDIENCE,
        "exp": int(until.timestamp()),
        "desk": visit.helpdesk_id,
        "agent": visit.agent_id,
        "version": visit.agent_version,
        "external": visit.agent_external,
    }
    response.set_cookie(
        COOKIE,
        jwt.encode(claims, derived_key("paired browser"), algorithm="HS256"),
        max_age=int((until - services().now()).total_seconds()),
        path="/",
        secure=True,
        httponly=True,
        samesite="None",
        partitioned=True,
    )


def recall(visit: Visit, desk: Desk) -> Visit:
    """The visit with the agent who paired this browser, if that still holds; else as it came."""
    if visit.assurance.agent in PROVEN_AGENT:
        return visit
    claims = _claims(request.cookies.get(COOKIE, ""))
    if claims is None or claims.get("desk") != desk.id:
        return visit
    with services().reading(desk.account_id) as work:
        agent = work.session.scalar(select(Agent).where(Agent.id == claims.get("agent")))
        if agent is None or agent.disabled_at is not None or agent.token_version != claims.get("version"):
            return visit
        return replace(
            visit,
            assurance=replace(visit.assurance, agent=Proof.SESSION),
            agent_id=agent.id,
            agent_version=agent.token_version,
            agent_name=agent.name,
            agent_external=str(claims.get("external", "")),
            interface=agent.locale,
        )


def _claims(token: str) -> dict[str, Any] | None:
    if not token or len(token) > 2000:
        return None
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            derived_key("paired browser"),
            algorithms=["HS256"],
            audience=AUDIENCE,
            options={"require": ["exp", "aud", "agent", "desk", "version"], "verify_exp": False},
        )
    except jwt.InvalidTokenError:
        return None
    return claims if datetime.fromtimestamp(claims["exp"], UTC) > services().now() else None
