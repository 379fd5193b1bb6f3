"""Confirming that the frame in the helpdesk is one's own."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue

from integration import pairings
from integration.errors import Conflict, NotFound
from integration.people import SignedIn, find_agent
from sidebar.admin import guard
from sidebar.admin.frame import bp
from sidebar.context import services
from sidebar.throttle import TooMany, allowed

TRIES = 20
"""Codes that one person may look up within the life of a code."""


@bp.get("/pair", endpoint="pair")
@guard.person_required()
def ask(person: SignedIn) -> ResponseReturnValue:
    """Helpdesk, conversation and code, to be compared with what the sidebar shows. Nothing is done yet."""
    code = request.args.get("code", "")[:20]
    if not code:
        return render_template("admin/pair.html", state="empty")
    _count(person)
    try:
        with services().reading(person.account_id) as work:
            pairing, helpdesk = pairings.find(work, code)
    except NotFound:
        return render_template("admin/pair.html", state="over"), 404
    return render_template("admin/pair.html", state="ask", pairing=pairing, helpdesk=helpdesk)


@bp.post("/pair", endpoint="pair_post")
@guard.person_required()
def confirm(person: SignedIn) -> ResponseReturnValue:
    _count(person)
    try:
        with services().transaction(person.account_id) as work:
            pairings.confirm(work, request.form.get("code", "")[:20], find_agent(work, person.agent_id))
    except NotFound:
        return render_template("admin/pair.html", state="over"), 404
    except Conflict:
        return render_template("admin/pair.html", state="other"), 409
    return render_template("admin/pair.html", state="done")


def _count(person: SignedIn) -> None:
    """Guessing at codes ends early."""
    seconds = int(pairings.LIFETIME.total_seconds())
    if not allowed("pair-code", str(person.agent_id), times=TRIES, seconds=seconds):
        raise TooMany("too many codes tried")
