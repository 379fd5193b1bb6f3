"""The actions taken: who asked for what, and what became of it."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TypeVar

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext

from integration import ledger
from integration import stores as connected
from integration.db.accounts import Role
from integration.db.actions import ActionStatus
from integration.people import SignedIn, find_agent, names_of
from integration.ports import ActionKind
from sidebar.admin import guard
from sidebar.admin.frame import bp
from sidebar.context import services

KIND_NAMES = {
    ActionKind.REFUND: lazy_gettext("Refund"),
    ActionKind.CANCEL: lazy_gettext("Cancel the order"),
    ActionKind.RETURN: lazy_gettext("Open a return"),
    ActionKind.RETURN_APPROVE: lazy_gettext("Approve a return"),
    ActionKind.RETURN_DECLINE: lazy_gettext("Decline a return"),
    ActionKind.RETURN_CLOSE: lazy_gettext("Close a return"),
    ActionKind.RETURN_RECEIVE: lazy_gettext("Goods received"),
    ActionKind.REPLACEMENT: lazy_gettext("Replacement"),
    ActionKind.ADDRESS: lazy_gettext("Change the address"),
    ActionKind.NOTE: lazy_gettext("Note"),
    ActionKind.TAGS: lazy_gettext("Tags"),
}
STATUS_NAMES = {
    ActionStatus.AWAITING_APPROVAL: lazy_gettext("Waits for approval"),
    ActionStatus.PENDING: lazy_gettext("About to be sent"),
    ActionStatus.RUNNING: lazy_gettext("Being sent"),
    ActionStatus.SUCCEEDED: lazy_gettext("Carried out"),
    ActionStatus.FAILED: lazy_gettext("Declined by the store"),
    ActionStatus.REJECTED: lazy_gettext("Rejected"),
    ActionStatus.NEEDS_ATTENTION: lazy_gettext("Answer unclear"),
}
STATUS_LOOKS = {
    ActionStatus.AWAITING_APPROVAL: ("warn", "stamp"),
    ActionStatus.PENDING: ("busy", "wait"),
    ActionStatus.RUNNING: ("busy", "sync"),
    ActionStatus.SUCCEEDED: ("ok", "check"),
    ActionStatus.FAILED: ("bad", "badc"),
    ActionStatus.REJECTED: ("", "dash"),
    ActionStatus.NEEDS_ATTENTION: ("bad", "warn"),
}
PERIODS = {
    "1": lazy_gettext("Today and yesterday"),
    "7": lazy_gettext("Last 7 days"),
    "30": lazy_gettext("Last 30 days"),
    "": lazy_gettext("Any time"),
}

Chosen = TypeVar("Chosen", bound=StrEnum)


@bp.get("/actions")
@guard.person_required()
def actions(person: SignedIn) -> ResponseReturnValue:
    """Agents see what they asked for themselves; leads and admins see everybody's."""
    own = not guard.may(person, Role.LEAD)
    period = request.args.get("period", "30")
    wanted = ledger.Wanted(
        status=chosen(ActionStatus, request.args.get("status")),
        kind=chosen(ActionKind, request.args.get("kind")),
        store_id=_whole(request.args.get("store")),
        agent_id=person.agent_id if own else _whole(request.args.get("agent")),
        text=request.args.get("q", "").strip()[:100],
        since=services().now() - timedelta(days=int(period)) if period in ("1", "7", "30") else None,
    )
    with services().reading(person.account_id) as work:
        rows, further = ledger.actions(work, wanted, before=_whole(request.args.get("before")))
        stores = {store.id: store for store in connected.everyone(work)}
        people = names_of(work)
        who = find_agent(work, wanted.agent_id) if wanted.agent_id and not own else None
    return render_template(
        "admin/actions.html",
        rows=rows,
        further=further,
        stores=stores,
        people=people,
        wanted=wanted,
        period=period,
        own=own,
        who=who,
        narrowed=any((wanted.status, wanted.kind, wanted.store_id, wanted.text, period != "30")),
        **names(),
    )


def names() -> dict[str, object]:
    """What templates need to name actions."""
    return {
        "kind_names": KIND_NAMES,
        "status_names": STATUS_NAMES,
        "status_looks": STATUS_LOOKS,
        "periods": PERIODS,
    }


def chosen(kind: type[Chosen], text: str | None) -> Chosen | None:
    return kind(text) if text and text in [member.value for member in kind] else None


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None
