"""A page that stands in for a helpdesk: sample conversations with the sidebar beside them.

It lives on an origin of its own, as helpdesks do, knows the sidebar by the generic host protocol alone,
and imports nothing of the sidebar. `make demo` runs it; it is also the shortest complete example of how a
desk of one's own frames the sidebar.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from flask import Flask, Response, abort, jsonify, render_template, request

HERE = Path(__file__).parent
LIFETIME = 60
"""Seconds that a token is good for: made when the frame is opened, never earlier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    who: str
    """customer or agent."""
    text: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One ticket of the pretended desk."""

    id: str
    subject: str
    language: str
    name: str
    emails: tuple[str, ...]
    phones: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskAgent:
    id: str
    email: str
    name: str


CONVERSATIONS = (
    Conversation(
        id="48211",
        subject="Kus mu lamp on?",
        language="et",
        name="Kadri Tamm",
        emails=("kadri.tamm@example.ee",),
        messages=(
            Message(
                who="customer",
                at="10:31",
                text="Tere! Tellisin teilt rohkem kui kaks nädalat tagasi laualambi „Kuu“, aga see ei ole "
                "ikka kohale jõudnud. Kas oskate öelda, kus see on? Ja kas pleedi võin tagasi saata, "
                "kui see tuppa ei sobi?",
            ),
        ),
    ),
    Conversation(
        id="48207",
        subject="Retur covor și perne",
        language="ro",
        name="Andrei Țurcanu",
        emails=("andrei.turcanu@example.ro",),
        messages=(
            Message(
                who="customer",
                at="09:58",
                text="Bună ziua, am primit comanda, dar pernele nu se potrivesc. Până când le pot returna?",
            ),
        ),
    ),
    Conversation(
        id="48204",
        subject="สอบถามสถานะพัสดุ",
        language="th",
        name="ณัฐยา ศรีสุข",
        emails=(),
        phones=("+66812345678",),
        messages=(Message(who="customer", at="09:12", text="สวัสดีค่ะ ผ้าเช็ดตัวที่สั่งไว้จะมาถึงวันไหนคะ"),),
    ),
    Conversation(
        id="48199",
        subject="المصباح لا يعمل",
        language="ar",
        name="فاطمة الغامدي",
        emails=("fatima.alghamdi@example.sa",),
        messages=(
            Message(
                who="customer",
                at="08:47",
                text="السلام عليكم، المصباح الذي وصلني لا يعمل. أود إرجاعه واسترداد المبلغ.",
            ),
        ),
    ),
    Conversation(
        id="48190",
        subject="My order from the spring",
        language="en",
        name="Olivia O’Brien-Smythe",
        emails=("olivia.obrien@example.co.uk",),
        messages=(
            Message(
                who="customer",
                at="08:05",
                text="Hello, the pot has a crack on the inside. What can you do about it?",
            ),
        ),
    ),
)


def create_host(
    *,
    door: str,
    app_url: str,
    key: str,
    secret: str,
    agent: DeskAgent,
    conversations: Sequence[Conversation] = CONVERSATIONS,
    clock: Callable[[], float] = time.time,
) -> Flask:
    """The desk. `door`, `key`, `secret`: address, id and secret that `helpdesks add generic` printed."""
    app = Flask(
        "demo_host",
        template_folder=str(HERE / "templates" / "demo"),
        static_folder=str(HERE / "static" / "demo"),
        static_url_path="/static",
    )
    by_id = {one.id: one for one in conversations}

    def token(one: Conversation) -> str:
        now = int(clock())
        claims: Mapping[str, Any] = {
            "iss": key,
            "aud": app_url,
            "sub": agent.id,
            "email": agent.email,
            "name": agent.name,
            "conversation": one.id,
            "subject": one.subject,
            "language": one.language,
            "customer": {"emails": one.emails, "phones": one.phones, "external_id": one.id, "name": one.name},
            "iat": now,
            "exp": now + LIFETIME,
            "jti": secrets.token_urlsafe(16),
        }
        return jwt.encode(dict(claims), secret, algorithm="HS256")

    def find(number: str) -> Conversation:
        return by_id[number] if number in by_id else abort(404)

    @app.get("/")
    def desk() -> str:
        one = find(request.args.get("conversation", conversations[0].id))
        return render_template(
            "host.html",
            conversations=conversations,
            one=one,
            door=door,
            token=token(one),
            agent=agent,
            app_url=app_url,
        )

    @app.get("/context/<number>")
    def context(number: str) -> Response:
        """What the desk's page hands to the sidebar when another conversation is opened."""
        one = find(number)
        return jsonify(
            token=token(one),
            context={"conversation": one.id, "subject": one.subject, "language": one.language},
        )

    @app.after_request
    def headers(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = (
            f"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
            f"img-src 'self' data:; "
            f"frame-src {app_url}; form-action {app_url}; base-uri 'none'; frame-ancestors 'none'"
        )
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return app
