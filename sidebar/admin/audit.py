"""The audit log: who did what, when and why; whether the chain is whole; the file for elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from flask import Response, render_template, request, stream_with_context
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from integration import audit as chain
from integration import audit_pages
from integration.db.accounts import Role
from integration.people import SignedIn
from sidebar.admin import guard
from sidebar.admin.actions import KIND_NAMES, chosen
from sidebar.admin.frame import bp
from sidebar.context import services

TOPIC_NAMES = {
    audit_pages.Topic.MONEY: _l("Money and orders"),
    audit_pages.Topic.RULES: _l("Rules and limits"),
    audit_pages.Topic.ACCESS: _l("Access"),
    audit_pages.Topic.READING: _l("Reading and privacy"),
}
PERIODS = {
    "1": _l("Since yesterday"),
    "7": _l("Last 7 days"),
    "30": _l("Last 30 days"),
    "all": _l("Any time"),
}

EVENTS = {
    "session.started": _l("Signed in"),
    "agent.added": _l("Invited an agent"),
    "agent.role_changed": _l("Changed a role"),
    "agent.disabled": _l("Disabled an agent"),
    "agent.enabled": _l("Enabled an agent"),
    "agent.invitation_taken": _l("Took an invitation"),
    "token.created": _l("Made a token"),
    "token.revoked": _l("Revoked a token"),
    "limits.changed": _l("Changed limits"),
    "policy.saved": _l("Saved a policy version"),
    "law.confirmed": _l("Confirmed a law"),
    "fact.said": _l("Recorded a fact"),
    "contact.noted": _l("Wrote a hand-over"),
    "customer.searched": _l("Searched customers"),
    "privacy.redacted": _l("Removed a person"),
    "helpdesk.added": _l("Added a helpdesk"),
    "helpdesk.changed": _l("Changed a helpdesk"),
    "helpdesk.removed": _l("Removed a helpdesk"),
    "store.connected": _l("Connected a store"),
    "store.reconnected": _l("Reconnected a store"),
    "store.disconnected": _l("Disconnected a store"),
}
STEPS = {
    "requested": _l("asked for"),
    "approved": _l("approved"),
    "rejected": _l("rejected"),
    "withdrawn": _l("withdrawn"),
    "stale": _l("order had changed"),
    "sent": _l("sent"),
    "succeeded": _l("done"),
    "failed": _l("declined by the store"),
    "needs_attention": _l("answer unclear"),
    "settled.done": _l("settled: it was done"),
    "settled.not_done": _l("settled: it was not done"),
    "settled.send_again": _l("settled: send again"),
}
PROOFS = {
    "session": _l("Signed in here"),
    "signed": _l("Signed by the helpdesk"),
    "token": _l("Token"),
    "system": _l("Deskside itself"),
    "install": _l("Approved in the store"),
    "passkey": _l("Passkey"),
    "password+totp": _l("Password and code"),
    "shopify": _l("From Shopify"),
    "wordpress": _l("From WordPress"),
}


@bp.get("/audit")
@guard.person_required(Role.LEAD)
def audit(person: SignedIn) -> ResponseReturnValue:
    return _page(person)


@bp.post("/audit/verify")
@guard.person_required(Role.LEAD)
def audit_verify(person: SignedIn) -> ResponseReturnValue:
    """Walk the whole chain now."""
    with services().reading(person.account_id) as work:
        whole, fault = chain.verify(work)
    return _page(person, checked=(whole, fault))


@bp.get("/audit/export")
@guard.person_required(Role.ADMIN)
def audit_export(person: SignedIn) -> ResponseReturnValue:
    sought = _sought()

    def lines() -> Iterator[str]:
        with services().reading(person.account_id) as work:
            yield from audit_pages.export(work, sought)

    name = f"deskside-audit-{services().now():%Y-%m-%d}.csv"
    return Response(
        stream_with_context(lines()),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _page(person: SignedIn, *, checked: tuple[int, chain.Fault | None] | None = None) -> str:
    sought, now = _sought(), services().now()
    before, opened = request.args.get("before", type=int), request.args.get("entry", type=int)
    with services().reading(person.account_id) as work:
        rows, further = audit_pages.entries(work, sought, before=before)
        number, head = chain.head(work)
        since = audit_pages.first_at(work)
        shown = audit_pages.entry(work, opened) if opened else None
        orders = audit_pages.order_names(work, [*rows, *(row for row in shown or () if row)])
        actors = audit_pages.actors(work, now - timedelta(days=90))
        total = audit_pages.count(work, sought)
    return render_template(
        "admin/audit.html",
        rows=rows,
        further=further,
        number=number,
        head=head,
        since=since,
        shown=shown,
        orders=orders,
        actors=actors,
        total=total,
        sought=sought,
        period=_period(),
        topics=TOPIC_NAMES,
        periods=PERIODS,
        checked=checked,
        now=now,
        event_name=event_name,
        proof_name=lambda proof: PROOFS.get(proof, proof),
        args={key: value for key, value in request.args.items() if key in ("q", "topic", "actor", "period")},
    )


def event_name(event: str) -> str:
    """An event in words; an unknown one as it is written."""
    if event in EVENTS:
        return str(EVENTS[event])
    kind, _dot, step = event.partition(".")
    if step in STEPS and kind in {member.value for member in KIND_NAMES}:
        names = {member.value: name for member, name in KIND_NAMES.items()}
        return str(_("%(what)s: %(step)s", what=names[kind], step=STEPS[step]))
    return event


def _period() -> str:
    period = request.args.get("period", "7")
    return period if period in PERIODS else "7"


def _sought() -> audit_pages.Sought:
    period = _period()
    return audit_pages.Sought(
        topic=chosen(audit_pages.Topic, request.args.get("topic")),
        actor=request.args.get("actor", "")[:200],
        text=request.args.get("q", "").strip()[:100],
        since=None if period == "all" else services().now() - timedelta(days=int(period)),
    )
