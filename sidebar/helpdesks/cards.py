"""One address for the desks that draw a card themselves: Gorgias, Gladly, Groove, There There.

Each proves the tenant in its own way, by the one secret of this helpdesk; none proves the agent. So the
card is read-only and links to the pane for whoever is signed in.
Source: our helpdesk facts, "Gorgias" and "Others, short"; Gladly's "Request Signing", "Lookup Adaptor" and
"Lookup Adaptor FAQs" (one result or none, except where an agent searches).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from flask import Request, jsonify
from flask.typing import ResponseReturnValue

from integration.customers import Match
from integration.errors import BadInput, ForgedMessage, NotFound
from integration.ids import row_id
from sidebar import summary
from sidebar.arrivals import Context, Person, arrive, bare, tell
from sidebar.context import services
from sidebar.doors import Desk, Door
from sidebar.formats import number
from sidebar.visit import Proof, Visit

AROUND = timedelta(minutes=5)
"""How far a signed time may be from ours."""
AUTHORIZATION = re.compile(
    r"SigningAlgorithm=hmac-sha256, ?SignedHeaders=([a-z0-9;-]{1,500}), ?Signature=([0-9a-f]{64})"
)


class Query(msgspec.Struct, frozen=True):
    """Whom the desk asks about. Gladly sends one address or a list of them."""

    emails: tuple[str, ...] | str = ()
    phones: tuple[str, ...] | str = ()
    externalCustomerId: str | None = None
    name: str | None = None


class Lookup(msgspec.Struct, frozen=True):
    query: Query
    uniqueMatchRequired: bool = True
    """False while an agent searches and chooses among several; Gladly links by itself to the only one."""


class Flat(msgspec.Struct, frozen=True):
    """What a merchant's own template sends: Gorgias's variables, There There's e-mail."""

    email: str | None = None
    phone: str | None = None
    ticket: str | int | None = None
    subject: str | None = None
    name: str | None = None


# -- how each proves itself -------------------------------------------------------------------------


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def gladly_signature(request: Request, secret: str, names: str, at: str) -> str:
    """In the style of AWS: method, path, query, the signed headers, the body's digest; the key is dated."""
    headers = "".join(f"{name}:{_header(request, name)}\n" for name in names.split(";"))
    query = "&".join(sorted(filter(None, request.query_string.decode("ascii", "replace").split("&"))))
    body = hashlib.sha256(request.get_data()).hexdigest()
    whole = f"{request.method}\n{request.path}\n{query}\n{headers}\n{names}\n{body}"
    message = f"hmac-sha256\n{at}\n{hashlib.sha256(whole.encode()).hexdigest()}"
    key = hmac.new(secret.encode(), at.partition("T")[0].encode(), hashlib.sha256).digest()
    return hmac.new(key, message.encode(), hashlib.sha256).hexdigest()


def _header(request: Request, name: str) -> str:
    return " ".join(request.headers.get(name, "").split())


def gladly(request: Request, desk: Desk) -> bool:
    found = AUTHORIZATION.fullmatch(request.headers.get("Gladly-Authorization", ""))
    at = request.headers.get("Gladly-Time", "")
    if found is None or "gladly-time" not in found.group(1).split(";"):
        return False
    try:
        moment = datetime.strptime(at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    if abs(services().now() - moment) > AROUND:
        raise ForgedMessage("the call is over", code="expired")
    return _same(found.group(2), gladly_signature(request, desk.secrets["secret"], found.group(1), at))


def groove(request: Request, desk: Desk) -> bool:
    given = request.args.getlist("api_token")
    return len(given) == 1 and _same(given[0], desk.secrets["secret"])


def there_there(request: Request, desk: Desk) -> bool:
    expected = hmac.new(desk.secrets["secret"].encode(), request.get_data(), hashlib.sha256).hexdigest()
    return _same(request.headers.get("X-There-There-Signature", "").lower(), expected)


def gorgias(request: Request, desk: Desk) -> bool:
    """A header that the merchant configures in the HTTP integration: `Authorization: Bearer <secret>`."""
    scheme, _sep, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and _same(given.strip(), desk.secrets["secret"])


def vendor(request: Request) -> str:
    """Who calls, by what only they send. It chooses the proof to check; it proves nothing."""
    if "Gladly-Authorization" in request.headers:
        return "gladly"
    if "X-There-There-Signature" in request.headers:
        return "there_there"
    return "groove" if "api_token" in request.args else "gorgias"


PROOFS: dict[str, tuple[Callable[[Request, Desk], bool], Proof]] = {
    "gladly": (gladly, Proof.SIGNED),
    "there_there": (there_there, Proof.SIGNED),
    "groove": (groove, Proof.SHARED_SECRET),
    "gorgias": (gorgias, Proof.SHARED_SECRET),
}


# -- what each asks and is told ---------------------------------------------------------------------


OURS = "deskside-"
"""What our ids of customers begin with at Gladly, where other adaptors give theirs."""


def _lookup(request: Request) -> Lookup:
    return msgspec.json.decode(request.get_data(), type=Lookup)


def _context(request: Request, name: str) -> Context:
    try:
        if name == "gladly":
            query = _lookup(request).query
            person = Person(
                emails=_many(query.emails),
                phones=_many(query.phones),
                external_id=query.externalCustomerId or "",
                name=query.name or "",
            )
            return Context(customer=person)
        body = request.get_data()
        sent: Any = msgspec.json.decode(body) if body and request.is_json else request.values.to_dict()
        flat = msgspec.convert(sent, Flat)
    except (msgspec.DecodeError, UnicodeError):
        raise BadInput("not a question about a customer") from None
    person = Person(emails=_many(flat.email or ""), phones=_many(flat.phone or ""), name=flat.name or "")
    return Context(conversation=str(flat.ticket or ""), subject=flat.subject or "", customer=person)


def _many(value: tuple[str, ...] | str) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _chosen(name: str, visit: Visit) -> int | None:
    """The customer whom a desk has linked to one of ours."""
    if name != "gladly" or not visit.external_id.startswith(OURS):
        return None
    with suppress(NotFound):
        return row_id(visit.external_id.removeprefix(OURS))
    return None


def _told(request: Request, name: str, found: summary.Summary, visit: Visit) -> dict[str, Any]:
    if name == "gladly":
        return _for_gladly(found, visit, alone=_lookup(request).uniqueMatchRequired)
    if name == "there_there":
        pairs = [("", found.title), *((label, value) for _name, label, value in found.rows)]
        pairs += [(order.name, f"{order.total} · {order.state}") for order in found.orders]
        data = [{"name": label, "value": value, "type": "text"} for label, value in pairs]
        return {"data": [*data, {"name": found.age, "value": found.link, "type": "link"}]}
    return summary.as_flat(found) if name == "groove" else summary.as_json(found)


def _for_gladly(found: summary.Summary, visit: Visit, *, alone: bool) -> dict[str, Any]:
    """An empty list would read "no such customer", so a failed lookup has none (and see `answer`).

    `alone`: one customer or none is asked for, which several are not.
    """
    if found.state == "failed":
        return {"error": found.title}
    if found.state == "several" and not alone:
        return {"results": [_candidate(match) for match in found.matches]}
    if found.customer_id is None:
        return {"results": []}
    plain = summary.as_json(found)
    orders = plain.pop("orders_shown")
    return {
        "results": [
            {
                "externalCustomerId": visit.external_id or f"{OURS}{found.customer_id}",
                "name": found.title,
                "emails": [{"original": email} for email in visit.emails],
                "phones": [{"original": phone} for phone in visit.phones],
                "customAttributes": {name: value for name, value in plain.items() if value},
                "transactions": [{"type": "ORDER", **order} for order in orders],
            }
        ]
    }


def _candidate(match: Match) -> dict[str, Any]:
    """One of several to choose from: of their contacts those that were asked about, and no orders yet."""
    reasons = [reason.partition(":") for reason in match.why]
    emails = [value for kind, _colon, value in reasons if kind == "email"]
    phones = [value for kind, _colon, value in reasons if kind == "phone"]
    return {
        "externalCustomerId": f"{OURS}{match.customer_id}",
        "name": match.name or (*emails, *phones)[0],
        "emails": [{"original": email} for email in emails],
        "phones": [{"original": phone} for phone in phones],
        "customAttributes": {"orders": number(match.orders_count)},
    }


def answer(request: Request, desk: Desk) -> ResponseReturnValue:
    name = vendor(request)
    proves, level = PROOFS[name]
    if not desk.secrets.get("secret") or not proves(request, desk):
        raise ForgedMessage("the call does not prove itself")
    visit = arrive(bare(desk, tenant=level), desk, proof=_digest(request), kept=AROUND)
    visit = tell(visit, _context(request, name), customer=level)
    found = summary.look(visit, desk, customer_id=_chosen(name, visit))
    status = 503 if found.state == "failed" else 200
    return jsonify(_told(request, name, found, visit)), status


def _digest(request: Request) -> str:
    return hashlib.sha256(request.url.encode() + b"\n" + request.get_data()).hexdigest()


def open_door(request: Request, desk: Desk) -> Visit:
    raise ForgedMessage("only calls from a helpdesk's server come here")


DOOR = Door(kind="cards", open=open_door, answer=answer)
