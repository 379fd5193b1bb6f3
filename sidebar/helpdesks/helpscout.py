"""Help Scout: a signed GET of the app platform, or the older dynamic app's signed POST.

The signature has no time in it: whoever once saw the address can open it for ever, so its agent reads but
moves money only with a recent pairing of the same person. The customer's addresses come from the host's
page and stay claims. Source: our helpdesk facts, "Help Scout"; "Signature Validation"; "Dynamic apps".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import timedelta

import msgspec
from flask import Request, jsonify
from flask.typing import ResponseReturnValue
from msgspec.structs import replace

from integration import pairings
from integration.db.accounts import Agent
from integration.errors import Conflict, ForgedMessage
from sidebar import summary
from sidebar.arrivals import Context, Person, Teammate, arrive, bare, tell
from sidebar.context import services
from sidebar.doors import Desk, Door, agent_id, query_pairs
from sidebar.visit import Proof, State, Visit

SIGNATURE = "X-HelpScout-Signature"
"""A parameter of the address, and of old the name of a header."""
NAMES = frozenset(
    {
        "conversation-id",
        "conversation-number",
        "customer-id",
        "mailbox-id",
        "user-id",
        "application-id",
        "application-slug",
        "installation-ids",
    }
)
"""What Help Scout itself adds to the address. Source: "Signature Validation"."""
REMEMBERED = timedelta(days=1)
CAPABILITIES = ("insertReply", "resize", "notify", "openUrl")


def canonical(pairs: Sequence[tuple[str, str]]) -> bytes:
    """What is signed: a JSON object in the order received, slashes escaped, nothing outside ASCII."""
    return json.dumps(dict(pairs), separators=(",", ":")).replace("/", "\\/").encode()


def sign(secret: str, message: bytes) -> str:
    """HMAC-SHA1 is the vendor's choice."""
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha1).digest()).decode()


def read(query: str, secret: str) -> dict[str, str]:
    """What Help Scout signed in this query. Raises :exc:`ForgedMessage`.

    Parameters that are in the configured address itself are not signed and are left out.
    """
    given = query_pairs(query)
    signatures = [value for name, value in given if name == SIGNATURE]
    others = [(name, value) for name, value in given if name != SIGNATURE]
    if not secret or len(signatures) != 1 or len({name for name, _value in others}) != len(others):
        raise ForgedMessage("no usable signature")
    own = [(name, value) for name, value in others if name in NAMES]
    for signed in (others, own):
        if hmac.compare_digest(sign(secret, canonical(signed)).encode(), signatures[0].encode()):
            found = dict(signed)
            if found.get("user-id") and found.get("conversation-id"):
                return found
    raise ForgedMessage("the signature does not hold")


def open_door(request: Request, desk: Desk) -> Visit:
    query = request.query_string.decode("ascii", "replace")
    signed = read(query, desk.secrets.get("secret", ""))
    visit = arrive(
        bare(desk, tenant=Proof.SIGNED, capabilities=CAPABILITIES),
        desk,
        Teammate(id=agent_id(signed["user-id"])),
        proof=hashlib.sha256(query.encode()).hexdigest(),
        kept=REMEMBERED,
    )
    return replace(
        visit,
        fresh=_vouched(visit, desk),
        conversation=signed["conversation-id"][:200],
        external_id=signed.get("customer-id", "")[:200],
    )


def _vouched(visit: Visit, desk: Desk) -> bool:
    """The signed person lately paired with their own sign-in: the address was not just found somewhere."""
    if visit.agent_id is None:
        return False
    with services().reading(desk.account_id) as work:
        agent = work.session.get_one(Agent, visit.agent_id)
        return pairings.vouches(work, desk.id, agent, visit.agent_external)


def weigh(visit: Visit, desk: Desk, context: Context) -> Visit:
    """Addresses are the browser's word; the conversation is the signed one and no other."""
    if context.state is State.SINGLE and context.conversation != visit.conversation:
        raise Conflict("another conversation than the signed one", code="expired")
    told = tell(visit, context)
    return replace(told, conversation=visit.conversation, external_id=visit.external_id or told.external_id)


class OldCustomer(msgspec.Struct, frozen=True):
    id: int | str = ""
    fname: str | None = None
    lname: str | None = None
    email: str | None = None
    emails: tuple[str, ...] | None = None


class OldTicket(msgspec.Struct, frozen=True):
    id: int | str
    number: int | str = ""
    subject: str | None = None


class OldUser(msgspec.Struct, frozen=True):
    id: int | str = ""
    fname: str | None = None
    lname: str | None = None


class OldCall(msgspec.Struct, frozen=True):
    ticket: OldTicket
    customer: OldCustomer = OldCustomer()
    user: OldUser = OldUser()


def answer(request: Request, desk: Desk) -> ResponseReturnValue | None:
    """The dynamic app of old: Help Scout's server asks with a signed body and takes a piece of HTML."""
    if request.method != "POST" or not request.is_json:
        return None
    body = request.get_data()
    given, secret = request.headers.get(SIGNATURE, ""), desk.secrets.get("secret", "")
    if not secret or not hmac.compare_digest(sign(secret, body).encode(), given.encode()):
        raise ForgedMessage("the signature does not hold")
    try:
        call = msgspec.json.decode(body, type=OldCall)
    except (msgspec.DecodeError, UnicodeError):
        raise ForgedMessage("not a call of the dynamic app") from None
    visit = arrive(
        bare(desk, tenant=Proof.SIGNED),
        desk,
        Teammate(id=agent_id(str(call.user.id)), name=_name(call.user.fname, call.user.lname)),
        proof=hashlib.sha256(body).hexdigest(),
        kept=REMEMBERED,
    )
    customer = call.customer
    person = Person(
        emails=tuple(filter(None, (customer.email, *(customer.emails or ())))),
        external_id=str(customer.id),
        name=_name(customer.fname, customer.lname),
    )
    context = Context(conversation=str(call.ticket.id), subject=call.ticket.subject or "", customer=person)
    visit = replace(tell(visit, context, customer=Proof.SIGNED), fresh=False)
    return jsonify(html=summary.as_html(summary.look(visit, desk)))


def _name(*parts: str | None) -> str:
    return " ".join(filter(None, parts))


DOOR = Door(
    kind="helpscout",
    open=open_door,
    tell=weigh,
    answer=answer,
    framed_by=lambda desk: ("https://secure.helpscout.net",),
    bridge="hosts/helpscout.js",
)
