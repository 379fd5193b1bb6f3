"""Re:amaze's custom module: a GET whose query names agent, customer and time, and is signed.

How the query is joined before signing could not be read in the vendor's page: `canonical` holds the usual
form in one place, to be confirmed with one live request.
Source: our helpdesk facts, "Re:amaze"; Re:amaze's "Custom Module".
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from flask import Request

from integration.contacts import email_key
from integration.errors import ForgedMessage
from sidebar.arrivals import Context, Person, Teammate, arrive, bare, tell
from sidebar.context import services
from sidebar.doors import Desk, Door, query_pairs
from sidebar.visit import Proof, Visit

AROUND = timedelta(minutes=5)
"""How far the signed time may be from ours, either way."""


def canonical(values: Mapping[str, str]) -> bytes:
    """By name, `name=value` joined with `&`, values as they are after decoding."""
    return "&".join(f"{name}={values[name]}" for name in sorted(values)).encode()


def sign(secret: str, values: Mapping[str, str]) -> str:
    return hmac.new(secret.encode(), canonical(values), hashlib.sha256).hexdigest()


def read(query: str, desk: Desk, now: datetime) -> dict[str, str]:
    """What Re:amaze signed. Raises :exc:`ForgedMessage`."""
    pairs = query_pairs(query)
    values = dict(pairs)
    given = values.pop("hmac", "")
    secret = desk.secrets.get("sso_secret", "")
    if not secret or not given or len(values) + 1 != len(pairs):
        raise ForgedMessage("no usable signature")
    if not hmac.compare_digest(sign(secret, values).encode(), given.lower().encode()):
        raise ForgedMessage("the signature does not hold")
    if values.get("brand") != desk.settings.get("brand") or not email_key(values.get("staff")):
        raise ForgedMessage("another brand, or nobody")
    try:
        at = datetime.fromtimestamp(int(values.get("timestamp", "")), UTC)
    except (ValueError, OverflowError, OSError):
        raise ForgedMessage("a time that is none") from None
    if abs(now - at) > AROUND:
        raise ForgedMessage("the address is over", code="expired")
    return values


def open_door(request: Request, desk: Desk) -> Visit:
    query = request.query_string.decode("ascii", "replace")
    values = read(query, desk, services().now())
    staff = email_key(values["staff"]) or ""
    visit = arrive(
        bare(desk, tenant=Proof.SIGNED, capabilities=("openUrl",)),
        desk,
        Teammate(id=staff, email=staff),
        proof=sign(desk.secrets["sso_secret"], values),
        kept=2 * AROUND,
        signed_email=True,
    )
    person = Person(
        emails=tuple(filter(None, (values.get("email"),))),
        phones=tuple(filter(None, (values.get("mobile"),))),
        external_id=values.get("id", ""),
    )
    told = Context(conversation=values.get("slug") or values.get("thread_id", ""), customer=person)
    return tell(visit, told, customer=Proof.SIGNED)


DOOR = Door(kind="reamaze", open=open_door, framed_by=lambda desk: ("https://*.reamaze.com",))
