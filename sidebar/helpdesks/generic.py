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

from integration import one_time
from integration.contacts import email_key
from integration.errors import ForgedMessage
from sidebar.agents import claim_agent
from sidebar.context import services
from sidebar.helpdesks import Desk, Door
from sidebar.languages import known
from sidebar.visit import Assurance, Proof, Visit

LONGEST_LIFE = timedelta(seconds=120)
SKEW = timedelta(seconds=30)
"""How far the desk's clock may run ahead of ours."""
LONGEST_TOKEN = 8192


CAPABILITIES = ("insertReply", "resize", "notify", "openUrl")


class People(msgspec.Struct, frozen=True):
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    external_id: str = ""
    name: str = ""


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
    customer: People = People()


class Context(msgspec.Struct, frozen=True):
    """The host's `context` message."""

    conversation: str = ""
    subject: str = ""
    language: str = ""
    customer: People = People()


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
    if expires <= now or issued > now + SKEW or expires - issued > LONGEST_LIFE:
        raise ForgedMessage("the token is not valid now")
    return claims


def open_door(request: Request, desk: Desk) -> Visit | None:
    if request.method == "GET":
        return None
    if "token" not in request.form and "context" in request.form:
        return claimed(request.form["context"], desk)
    return visit_of(request.form.get("token", ""), desk)


def claimed(text: str, desk: Desk) -> Visit:
    """What the host's message says without a token: a claim, good for asking to be paired."""
    try:
        context = msgspec.json.decode(text[:LONGEST_TOKEN], type=Context)
    except (msgspec.DecodeError, UnicodeDecodeError):
        context = Context()
    return Visit(
        account_id=desk.account_id,
        helpdesk_id=desk.id,
        helpdesk=desk.kind,
        assurance=Assurance(agent=Proof.CLAIMED, customer=Proof.CLAIMED),
        born=services().now(),
        emails=_few(context.customer.emails),
        phones=_few(context.customer.phones),
        conversation=context.conversation[:200],
        subject=context.subject[:500],
        language=known(context.language) or "",
        capabilities=CAPABILITIES,
    )


def visit_of(token: str, desk: Desk) -> Visit:
    now = services().now()
    claims = read(token, desk, services().settings.app_url, now)
    with services().transaction(desk.account_id) as work:
        # Reloading a frame sends the same form again: good for reading until it expires, not for money.
        fresh = one_time.first_time(work, "generic-token", f"{desk.key}\n{claims.jti}", LONGEST_LIFE * 2)
        agent = claim_agent(work, desk.id, claims.sub, email_key(claims.email), proven=True)
    return Visit(
        account_id=desk.account_id,
        helpdesk_id=desk.id,
        helpdesk=desk.kind,
        assurance=Assurance(tenant=Proof.SIGNED, agent=Proof.SIGNED, customer=Proof.SIGNED),
        born=now,
        agent_id=agent.id if agent else None,
        agent_version=agent.token_version if agent else 0,
        agent_name=(agent.name if agent else claims.name)[:200],
        agent_external=claims.sub[:200],
        fresh=fresh,
        emails=_few(claims.customer.emails),
        phones=_few(claims.customer.phones),
        external_id=claims.customer.external_id[:200],
        customer_name=claims.customer.name[:200],
        conversation=claims.conversation[:200],
        subject=claims.subject[:500],
        language=known(claims.language) or "",
        interface=agent.locale if agent else "",
        capabilities=CAPABILITIES,
    )


def _few(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.strip()[:254] for text in texts[:20] if text.strip()))


def _moment(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        raise ForgedMessage("a time that is none") from None


DOOR = Door(kind="generic", open=open_door, framed_by=lambda desk: (desk.origin,))
