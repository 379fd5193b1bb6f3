"""Zendesk's ticket sidebar (apps framework 2): a form POST with a token signed by Zendesk, RS256.

The token proves the tenant and the agent, not the ticket: ticket and requester come from the browser
and stay claims. Without signed addresses the frame is opened by GET and proves only that somebody knows
the address. Source: our helpdesk facts, "Zendesk: Apps framework"; "Building a server-side app", part 5.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from flask import Request

from integration.errors import ForgedMessage
from sidebar.arrivals import Teammate, arrive, bare, note_refusal
from sidebar.context import services
from sidebar.doors import Desk, Door
from sidebar.visit import Proof, Visit

SDK = "https://static.zdassets.com/zendesk_app_framework_sdk/2.0/zaf_sdk.min.js"
"""The vendor serves it from here alone, unversioned: a copy of ours would grow old unseen."""
LONGEST_AGE = timedelta(minutes=5)
LEEWAY = timedelta(seconds=30)
LONGEST_TOKEN = 8192
LOCATIONS = frozenset({"ticket_sidebar", "new_ticket_sidebar"})
USER = re.compile(r"/users/([0-9]{1,20})(?:\.json)?")
CAPABILITIES = ("insertReply", "resize", "notify", "openUrl")


class Where(msgspec.Struct, frozen=True):
    product: str = "support"
    location: str = "ticket_sidebar"


class Claims(msgspec.Struct, frozen=True):
    iss: str
    sub: str
    iat: float
    exp: float
    nbf: float = 0
    context: Where = Where()


def host(desk: Desk) -> str:
    return f"{desk.settings['subdomain']}.zendesk.com"


def read(token: str, desk: Desk, now: datetime) -> Claims:
    """The claims of a token that holds. Raises :exc:`ForgedMessage`.

    RS256 and nothing beside it: with HS256 allowed too, the public key itself could be used to sign. No
    key is ever fetched from an address inside the token (`cnf.jku`): that would be anybody's address.
    """
    pem, installation = desk.settings["public_key"], desk.settings["installation_id"]
    if not token or len(token) > LONGEST_TOKEN:
        raise ForgedMessage("no usable token")
    try:
        raw: dict[str, Any] = jwt.decode(
            token,
            _key(pem),
            algorithms=["RS256"],
            audience=f"https://{host(desk)}/api/v2/apps/installations/{installation}.json",
            issuer=[host(desk), f"https://{host(desk)}"],
            options={
                "require": ["iss", "aud", "exp", "iat", "sub"],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
        claims = msgspec.convert(raw, Claims)
    except jwt.InvalidSignatureError:
        raise ForgedMessage("signed with another key", code="other_key") from None
    except jwt.InvalidAudienceError:  # signed with the app's key: only the number here is another one
        raise ForgedMessage("the token of another installation", code="other_installation") from None
    except (jwt.InvalidTokenError, msgspec.ValidationError, ValueError):
        raise ForgedMessage("the token does not hold") from None
    if claims.context.product != "support" or claims.context.location not in LOCATIONS:
        raise ForgedMessage("a token for another place")
    _check_times(claims, now)
    return claims


def _check_times(claims: Claims, now: datetime) -> None:
    """By our clock, and no older than five minutes whatever the token says of itself."""
    try:
        issued, expires, begins = (
            datetime.fromtimestamp(moment, UTC) for moment in (claims.iat, claims.exp, claims.nbf)
        )
    except (OverflowError, OSError, ValueError):
        raise ForgedMessage("a time that is none") from None
    if expires + LEEWAY <= now or issued + LONGEST_AGE + LEEWAY < now:
        raise ForgedMessage("the token is over", code="expired")
    if max(issued, begins) > now + LEEWAY:
        raise ForgedMessage("the token is of the future", code="expired")


@lru_cache(maxsize=256)
def _key(pem: str) -> RSAPublicKey:
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA key")
    return key


def user_id(sub: str, desk: Desk) -> str:
    """The agent's number in `sub`, the address of their own record. Raises :exc:`ForgedMessage`."""
    prefix, found, path = sub.partition(host(desk))
    number = USER.search(path) if found and prefix in ("", "https://") else None
    if number is None or number.end() != len(path):
        raise ForgedMessage("the token names nobody")
    return number.group(1)


def can_prove(desk: Desk) -> bool:
    """Whether the merchant has told us what to check a token against; before that every call is a claim."""
    return bool(desk.settings.get("public_key") and desk.settings.get("installation_id"))


def _trouble(request: Request, desk: Desk) -> str:
    """Why a call that Zendesk's framework made proves nothing, as a code; "" where nothing is known.

    It adds `origin`, which nobody believes.
    """
    origin = request.args.get("origin", "")
    if not origin:
        return ""
    if origin != f"https://{host(desk)}":
        return "other_subdomain"  # the browser refuses the frame: its page stays empty
    if not can_prove(desk):
        return "no_key"
    return "unsigned" if request.method == "GET" else ""


def open_door(request: Request, desk: Desk) -> Visit:
    trouble = _trouble(request, desk)
    if request.method == "GET" or not can_prove(desk):
        if trouble:
            note_refusal(desk, trouble)
        return bare(desk, tenant=Proof.SHARED_SECRET, capabilities=CAPABILITIES)
    token = request.form.get("token", "")
    try:
        claims = read(token, desk, services().now())
    except ForgedMessage as error:  # of another Zendesk nothing in the token can fit
        raise ForgedMessage(str(error), code=trouble or error.code) from None
    visit = bare(desk, tenant=Proof.SIGNED, capabilities=CAPABILITIES)
    agent = Teammate(id=user_id(claims.sub, desk))
    return arrive(visit, desk, agent, proof=token, kept=LONGEST_AGE + 2 * LEEWAY)


DOOR = Door(
    kind="zendesk",
    open=open_door,
    framed_by=lambda desk: (f"https://{host(desk)}",),
    sdk=(SDK,),
    bridge="hosts/zendesk.js",
)
