"""The audit log: who did what, when and why; whether the chain is whole; the file for elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from flask import Response, render_template, request, stream_with_context
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from integration import audit as chain
from integration import audit_pages
from integration.db.accounts import Role
from integration.people import SignedIn
from sidebar.admin import guard
from sidebar.admin.actions import KIND_NAMES, chosen
from sidebar.admin.frame import bp
from sidebar.context import services

TOPIC_NAMES = {
    audit_pages.Topic.MONEY: lazy_gettext("Money and orders"),
    audit_pages.Topic.RULES: lazy_gettext("Rules and limits"),
    audit_pages.Topic.ACCESS: lazy_gettext("Access"),
    audit_pages.Topic.READING: lazy_gettext("Reading and privacy"),
}
PERIODS = {
    "1": lazy_gettext("Since yesterday"),
    "7": lazy_gettext("Last 7 days"),
    "30": lazy_gettext("Last 30 days"),
    "all": lazy_gettext("Any time"),
}

EVENTS = {
    "session.started": lazy_gettext("Signed in"),
    "agent.added": lazy_gettext("Invited an agent"),
    "agent.role_changed": lazy_gettext("Changed a role"),
    "agent.disabled": lazy_gettext("Disabled an agent"),
    "agent.enabled": lazy_gettext("Enabled an agent"),
    "agent.invitation_taken": lazy_gettext("Took an invitation"),
    "token.created": lazy_gettext("Made a token"),
    "token.revoked": lazy_gettext("Revoked a token"),
    "limits.changed": lazy_gettext("Changed limits"),
    "policy.saved": lazy_gettext("Saved a policy version"),
    "law.confirmed": lazy_gettext("Confirmed a law"),
    "fact.said": lazy_gettext("Recorded a fact"),
    "reply.worded": lazy_gettext("Put a reply in own words"),
    "reply.reset": lazy_gettext("Went back to our words for a reply"),
    "companions.switched": lazy_gettext("Switched “What else fits” on or off"),
    "withdrawal.recorded": lazy_gettext("Wrote a withdrawal down"),
    "withdrawal.acknowledged": lazy_gettext("Acknowledged a withdrawal"),
    "withdrawal.moved": lazy_gettext("Days of a withdrawal changed"),
    "withdrawal.closed": lazy_gettext("Settled a withdrawal"),
    "contact.noted": lazy_gettext("Wrote a hand-over"),
    "customer.searched": lazy_gettext("Searched customers"),
    "customer.looked_up": lazy_gettext("Looked up a customer"),
    "customer.glimpsed": lazy_gettext("Saw the masked last order"),
    "customer.viewed": lazy_gettext("Opened a customer"),
    "customers.looked_up": lazy_gettext("Looked up customers"),
    "privacy.redacted": lazy_gettext("Removed a person"),
    "privacy.data_request": lazy_gettext("The store passed on a request for a person’s data"),
    "privacy.redact_customer": lazy_gettext("The store asked to remove a person"),
    "privacy.redact_shop": lazy_gettext("The store asked to remove all its data"),
    "frame.paired": lazy_gettext("Paired a sidebar"),
    "helpdesk.added": lazy_gettext("Added a helpdesk"),
    "helpdesk.changed": lazy_gettext("Changed a helpdesk"),
    "helpdesk.removed": lazy_gettext("Removed a helpdesk"),
    "store.connected": lazy_gettext("Connected a store"),
    "store.confirmed": lazy_gettext("Confirmed a store"),
    "store.reconnected": lazy_gettext("Reconnected a store"),
    "store.disconnected": lazy_gettext("Disconnected a store"),
}
STEPS = {
    "requested": lazy_gettext("asked for"),
    "approved": lazy_gettext("approved"),
    "rejected": lazy_gettext("rejected"),
    "withdrawn": lazy_gettext("withdrawn"),
    "stale": lazy_gettext("order had changed"),
    "sent": lazy_gettext("sent"),
    "succeeded": lazy_gettext("done"),
    "failed": lazy_gettext("declined by the store"),
    "needs_attention": lazy_gettext("answer unclear"),
    "settled.done": lazy_gettext("settled: it was done"),
    "settled.not_done": lazy_gettext("settled: it was not done"),
    "settled.send_again": lazy_gettext("settled: send again"),
}
PROOFS = {
    "none": lazy_gettext("Not proven"),
    "claimed": lazy_gettext("Named by the helpdesk, not proven"),
    "shared_secret": lazy_gettext("By the helpdesk’s shared secret"),
    "api_verified": lazy_gettext("Confirmed by the helpdesk"),
    "session": lazy_gettext("Signed in here"),
    "signed": lazy_gettext("Signed by the helpdesk"),
    "token": lazy_gettext("Token"),
    "system": lazy_gettext("Deskside itself"),
    "install": lazy_gettext("Approved in the store"),
    "passkey": lazy_gettext("Passkey"),
    "password+totp": lazy_gettext("Password and code"),
    "shopify": lazy_gettext("From Shopify"),
    "wordpress": lazy_gettext("From WordPress"),
}

ACTORS = {
    "command": lazy_gettext("Command on the server"),
    "system": lazy_gettext("Deskside itself"),
    "store": lazy_gettext("The store itself"),
    "install link": lazy_gettext("A link for installing"),
    "unknown agent": lazy_gettext("Somebody unknown"),
}
"""Those who have no name of their own."""


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
        actor_name=lambda actor: ACTORS.get(actor, actor),
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
