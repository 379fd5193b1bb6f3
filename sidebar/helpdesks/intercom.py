"""Intercom's inbox app: no frame, but signed JSON, answered with a canvas that Intercom draws.

The body names the agent and is signed, without a time: what moves money hangs on a step that we keep here
and hand out as a random id, so that a repeated submit is the same action. What comes back through Intercom
(`stored_data`, `current_canvas`) is not read at all.
Source: our helpdesk facts, "Intercom"; Intercom's "Canvas Kit".
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import Any

import msgspec
from flask import Request, Response, jsonify
from flask_babel import gettext as _
from msgspec.structs import replace

from integration.contacts import email_key
from integration.errors import ForgedMessage
from sidebar import intercom_refund, summary
from sidebar.arrivals import Context, Person, Teammate, arrive, bare, tell
from sidebar.doors import Desk, Door, agent_id
from sidebar.intercom_canvas import button, canvas, link, rows, text, title
from sidebar.visit import Proof, Visit

HEADER = "X-Body-Signature"
REMEMBERED = timedelta(days=1)


class Admin(msgspec.Struct, frozen=True):
    id: str | int
    email: str | None = None
    name: str | None = None


class Contact(msgspec.Struct, frozen=True):
    id: str | int | None = None
    email: str | None = None
    phone: str | None = None
    external_id: str | int | None = None
    name: str | None = None
    role: str | None = None


class Where(msgspec.Struct, frozen=True):
    conversation_id: str | int | None = None
    locale: str | None = None


class Talk(msgspec.Struct, frozen=True):
    id: str | int | None = None
    title: str | None = None


class Call(msgspec.Struct, frozen=True):
    """Initialize, or with `component_id` Submit. Anything else in the body is ignored."""

    workspace_id: str
    admin: Admin
    context: Where = Where()
    conversation: Talk | None = None
    contact: Contact | None = None
    component_id: str | None = None
    input_values: dict[str, Any] = {}


def read(body: bytes, signature: str, desk: Desk) -> Call:
    """The signed call. The raw bytes are what is signed. Raises :exc:`ForgedMessage`."""
    secret = desk.secrets.get("client_secret", "")
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not secret or not hmac.compare_digest(expected.encode(), signature.strip().lower().encode()):
        raise ForgedMessage("the signature does not hold")
    try:
        call = msgspec.json.decode(body, type=Call)
    except (msgspec.DecodeError, UnicodeError):
        raise ForgedMessage("not a call of an inbox app") from None
    if call.workspace_id != desk.settings.get("workspace_id"):
        raise ForgedMessage("another workspace")
    return call


def visit_of(call: Call, body: bytes, desk: Desk) -> Visit:
    email = email_key(call.admin.email) or ""
    visit = arrive(
        bare(desk, tenant=Proof.SIGNED),
        desk,
        Teammate(id=agent_id(str(call.admin.id)), email=email, name=call.admin.name or ""),
        proof=hashlib.sha256(body).hexdigest(),
        kept=REMEMBERED,
        signed_email=True,
    )
    contact, talk = call.contact or Contact(), call.conversation or Talk()
    context = Context(
        conversation=str(call.context.conversation_id or talk.id or ""),
        subject=talk.title or "",
        language=call.context.locale or "",
        customer=Person(
            emails=tuple(filter(None, (contact.email,))),
            phones=tuple(filter(None, (contact.phone,))),
            external_id=str(contact.external_id or contact.id or ""),
            name=contact.name or "",
        ),
    )
    # A first opening and a reopening are the same bytes: only a step of ours makes a call good for money.
    return replace(tell(visit, context, customer=Proof.SIGNED), fresh=False)


def answer(request: Request, desk: Desk) -> Response:
    body = request.get_data()
    call = read(body, request.headers.get(HEADER, ""), desk)
    visit = visit_of(call, body, desk)
    wanted, _sep, rest = (call.component_id or "").partition(".")
    if wanted in intercom_refund.STEPS:
        return jsonify(intercom_refund.STEPS[wanted](visit, rest, call.input_values))
    return jsonify(first(visit, desk))


def first(visit: Visit, desk: Desk) -> dict[str, Any]:
    """Who is asking and their last orders."""
    found = summary.look(visit, desk)
    parts = [title(found.title)]
    if found.note:
        parts.append(text(found.note, muted=True))
    if found.rows:
        parts.append(rows([(label, value) for _name, label, value in found.rows]))
    for order in found.orders:
        parts += [
            {"type": "divider"},
            text(f"*{order.name}* · {order.total} · {order.placed}"),
            text(f"{order.state} · {order.store}", muted=True),
        ]
        if visit.agent_id is not None:
            parts.append(button(f"refund.{order.id}", _("Refund…")))
    parts += [{"type": "divider"}, link("open", _("Open the sidebar"), found.link)]
    parts += [button("look", _("Look again")), text(found.age, muted=True)]
    return canvas(parts)


def open_door(request: Request, desk: Desk) -> Visit:
    raise ForgedMessage("only signed calls come here")


DOOR = Door(kind="intercom", open=open_door, answer=answer)
