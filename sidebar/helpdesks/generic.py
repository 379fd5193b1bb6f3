"""Any desk that can frame a page and sign a token: our own protocol, and the reference host in tests.

A form POST brings `token`, a JWT signed with the secret that `helpdesks add generic` printed. Without
one (GET) nothing is proven; the host's `context` message may bring a token later.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import msgspec
from flask import Request

from integration.contacts import email_key
from integration.errors import ForgedMessage
from sidebar.arrivals import Context, Person, Teammate, arrive, bare, tell
from sidebar.context import services
from sidebar.doors import Desk, Door, agent_id
from sidebar.visit import Proof, Visit

LONGEST_LIFE = timedelta(seconds=120)
SKEW = timedelta(seconds=30)
"""How far the desk's clock may run ahead of ours."""
LONGEST_TOKEN = 8192
CAPABILITIES = ("insertReply", "resize", "notify", "openUrl")


class Claims(msgspec.Struct, frozen=True):
    """What the token must say. Anything else in it is ignored."""

    iss: str
    aud: str | tuple[str, ...]
    sub: str
    iat: int
    exp: int
    jti: str
    email: str = ""
    name: str = ""
    conversation: str = ""
    subject: str = ""
    language: str = ""
    customer: Person = Person()


def read(token: str, desk: Desk, app_url: str, now: datetime) -> Claims:
    """The claims of a token that holds. Raises :exc:`ForgedMessage`, saying nothing to the sender.

    The algorithm is ours to choose, never the header's; the times are checked against our clock.
    """
    secret = desk.secrets.get("secret", "")
    if not secret or not token or len(token) > LONGEST_TOKEN:
        raise ForgedMessage("no usable token")
    try:
        raw: dict[str, Any] = jwt.decode(
            token,
            secret.encode(),
            algorithms=["HS256"],
            audience=app_url,
            issuer=desk.key,
            options={
                "require": ["iss", "aud", "sub", "iat", "exp", "jti"],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
        claims = msgspec.convert(raw, Claims, strict=True)
    except (jwt.InvalidTokenError, msgspec.ValidationError, ValueError):
        raise ForgedMessage("the token does not hold") from None
    issued = _moment(claims.iat)
    expires = _moment(claims.exp)
    if not claims.sub or not claims.jti:
        raise ForgedMessage("the token names nobody")
    if expires - issued > LONGEST_LIFE:
        raise ForgedMessage("the token is good for too long", code="long_life")
    if expires <= now or issued > now + SKEW:
        raise ForgedMessage("the token is not valid now", code="expired")
    return claims


def open_door(request: Request, desk: Desk) -> Visit:
    if request.method == "GET":
        return bare(desk, capabilities=CAPABILITIES)
    return visit_of(request.form.get("token", ""), desk)


def visit_of(token: str, desk: Desk) -> Visit:
    claims = read(token, desk, services().settings.app_url, services().now())
    visit = arrive(
        bare(desk, tenant=Proof.SIGNED, capabilities=CAPABILITIES),
        desk,
        Teammate(id=agent_id(claims.sub), email=email_key(claims.email) or "", name=claims.name),
        proof=claims.jti,
        kept=LONGEST_LIFE * 2,
        signed_email=True,
    )
    said = Context(
        conversation=claims.conversation,
        subject=claims.subject,
        language=claims.language,
        customer=claims.customer,
    )
    return tell(visit, said, customer=Proof.SIGNED)


def _moment(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        raise ForgedMessage("a time that is none") from None


DOOR = Door(kind="generic", open=open_door, framed_by=lambda desk: (desk.origin,), bridge="hosts/generic.js")
