"""The page beside a helpdesk's frame where its agent proves who they are, before much money moves."""

from __future__ import annotations

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from integration.people import SignedIn
from sidebar.admin import guard
from sidebar.admin.frame import bp
from sidebar.context import services


@bp.get("/step-up")
@guard.person_required()
def step_up(person: SignedIn) -> ResponseReturnValue:
    """Proven: back to the helpdesk. Else to the page that asks for it, and from there to here."""
    if not person.is_fresh(services().now()):
        return redirect(url_for("admin.prove", next=url_for("admin.step_up")), 303)
    return render_template("admin/stepped_up.html")
