"""Decisions to change an order: written down, approved, rejected, settled. Carrying them out is next door.

    awaiting_approval ─ approve ─→ pending ─ claim ─→ running ─→ succeeded | failed | needs_attention
            └─ reject, withdraw, stale ─→ rejected           needs_attention ─ looked again, or decided ─→ …

Every function that writes takes the account's lock first, then the order's or the action's: one
decision about an account's money at a time, so that no limit is passed by two at once, and no two
transactions wait for each other.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import and_, func, or_, select

from integration import audit, identity
from integration.db.accounts import Agent, ApiToken
from integration.db.actions import Action, ActionStatus
from integration.db.orders import Order, Refund
from integration.errors import BadInput, Conflict, Forbidden, NotFound, Unprocessable
from integration.money import Money
from integration.ports import ActionKind, ActionRequest
from integration.wishes import Who, Wish
from integration.work import JobName, Work

OPEN = (ActionStatus.PENDING, ActionStatus.RUNNING, ActionStatus.NEEDS_ATTENTION)


@dataclass(frozen=True)
class Plan:
    """What was decided about a wish: the request to the store and the grounds."""

    request: ActionRequest
    amount: Money | None
    order_version: str
    verdict: dict[str, Any]
    needs_approval: bool
    reasons: tuple[dict[str, str], ...] = ()
    before: dict[str, Any] = field(default_factory=dict)
    """What it was before, for the record: sums and states."""
    personal: dict[str, Any] = field(default_factory=dict)
    """The same where it is about a person: an address. Erased with the person."""


def again(work: Work, who: Who, kind: ActionKind, order_id: int, wish: Wish, key: str) -> Action | None:
    """The action that this caller asked for earlier under the same key; None for a new key.

    Raises :exc:`Unprocessable` when the key was used for something else.
    """
    action = work.session.scalar(
        select(Action).where(Action.caller == who.caller, Action.idempotency_key == key)
    )
    if action is None:
        return None
    if (action.body_hash, action.kind, action.order_id) != (wish.fingerprint, kind, order_id):
        raise Unprocessable(
            "this Idempotency-Key was used for another request",
            code="idempotency_key_reused",
            next_step="Use a new key for a new request.",
        )
    return action


def lock_order(work: Work, order_id: int) -> None:
    """One decision about an account's money at a time, then one writer of the order. Raises NotFound."""
    identity.lock_account(work)
    found = work.session.scalar(select(Order.id).where(Order.id == order_id).with_for_update())
    if found is None:
        raise NotFound(f"no order {order_id}")


def add(work: Work, who: Who, order: Order, kind: ActionKind, wish: Wish, key: str, plan: Plan) -> Action:
    """Write the decision down. Hold `lock_order`."""
    must_be_let_in(work, who)
    now = work.now()
    status = ActionStatus.AWAITING_APPROVAL if plan.needs_approval else ActionStatus.PENDING
    action = Action(
        key=plan.request.key,
        caller=who.caller,
        idempotency_key=key,
        body_hash=wish.fingerprint,
        kind=kind,
        store_id=order.store_id,
        order_id=order.id,
        status=status,
        amount=plan.amount.minor if plan.amount else None,
        currency=plan.amount.currency if plan.amount else None,
        wish=msgspec.to_builtins(wish),
        request=msgspec.to_builtins(plan.request),
        order_version=plan.order_version,
        verdict=plan.verdict,
        exception=wish.exception,
        requested_by=who.name,
        requested_by_id=who.agent_id,
        person_id=who.person_id,
        requested_role=who.role.value,
        assurance={**who.assurance, "proof": who.proof},
        conversation=msgspec.to_builtins(wish.conversation),
        created_at=now,
        due_at=now,
        attempts=0,
    )
    work.add(action)
    work.session.flush()
    said = {"note": wish.note, "exception": wish.exception, **plan.personal}
    record(work, action, "requested", who.name, who.proof, personal=said, before=plan.before)
    if status == ActionStatus.PENDING:
        wake(work, action)
    return action


def must_be_let_in(work: Work, who: Who) -> None:
    """Somebody proven, and nobody who was shut out or given another role since their request came in.

    Before a decision a store may be read for many seconds. The row is held until the decision stands.
    """
    if not who.may_act:
        raise Forbidden(
            "who you are is not proven here",
            code="not_proven",
            next_step="Pair this sidebar with your own sign-in, then try again.",
        )
    agent = select(Agent.disabled_at, Agent.role).where(Agent.id == who.agent_id)
    token = select(ApiToken.revoked_at, ApiToken.role).where(ApiToken.id == who.token_id)
    for known, query in ((who.agent_id, agent), (who.token_id, token)):
        row = None if known is None else work.session.execute(query.with_for_update(read=True)).first()
        if row is not None and (row[0] is not None or row.role is not who.role):
            raise Forbidden("your access has ended meanwhile", code="access_ended")


def new_key() -> str:
    """An action's own key: random, safe in a note, a header and an address."""
    return "ds_" + secrets.token_hex(16)


def find(work: Work, action_id: int, *, lock: bool = False) -> Action:
    """Raises NotFound. With `lock`: the account's lock, then the row's."""
    if lock:
        identity.lock_account(work)
    query = select(Action).where(Action.id == action_id)
    action = work.session.scalar(query.with_for_update() if lock else query)
    if action is None:
        raise NotFound(f"no action {action_id}")
    return action


# What is spoken for


def reserved(work: Work, order: Order, *, besides: int | None = None) -> list[Action]:
    """Refunds of the order that the cached picture does not show yet: under way, unclear, or just done."""
    rows = work.session.scalars(
        select(Action).where(
            Action.order_id == order.id,
            Action.kind.in_([ActionKind.REFUND, ActionKind.CANCEL]),
            or_(
                Action.status.in_(OPEN),
                and_(Action.status == ActionStatus.SUCCEEDED, Action.finished_at >= order.fetched_at),
            ),
        )
    ).all()
    shown = set(work.session.scalars(select(Refund.platform_id).where(Refund.order_id == order.id)))
    markers = set(work.session.scalars(select(Refund.marker).where(Refund.order_id == order.id)))
    return [
        row for row in rows if row.id != besides and row.platform_id not in shown and row.key not in markers
    ]


def spent_today(work: Work, who: Who, currency: str, since: datetime, *, besides: int | None = None) -> int:
    """What this person has asked for or approved since `since`: minor units of `currency`."""
    query = select(func.coalesce(func.sum(Action.amount), 0)).where(
        or_(
            and_(Action.caller == who.caller, Action.created_at >= since),
            and_(Action.approved_by == who.name, Action.decided_at >= since),
        ),
        Action.currency == currency,
        Action.status.not_in([ActionStatus.FAILED, ActionStatus.REJECTED]),
        Action.id != (besides or 0),
    )
    return int(work.session.scalar(query) or 0)


def spent_on_order(work: Work, who: Who, order_id: int, *, besides: int | None = None) -> int:
    """What this person has asked for or approved on one order: minor units."""
    query = select(func.coalesce(func.sum(Action.amount), 0)).where(
        # Whoever says yes answers for the money too.
        or_(Action.caller == who.caller, Action.approved_by == who.name),
        Action.order_id == order_id,
        Action.status.not_in([ActionStatus.FAILED, ActionStatus.REJECTED]),
        Action.id != (besides or 0),
    )
    return int(work.session.scalar(query) or 0)


def granted_loosely(work: Work, order_id: int, *, besides: int | None = None) -> int:
    """What went back on verdicts by amount alone: no line shows it, and the verdict grants it once."""
    rows = work.session.execute(
        select(Action.amount, Action.verdict, Action.wish).where(
            Action.order_id == order_id,
            Action.kind == ActionKind.REFUND,
            Action.status.in_([*OPEN, ActionStatus.SUCCEEDED]),
            Action.id != (besides or 0),
        )
    )
    return sum(
        max(0, (row.amount or 0) - int((row.verdict or {}).get("beyond", 0)))
        for row in rows
        if (row.wish or {}).get("amount")
    )


def exceptions_since(work: Work, currency: str, since: datetime, *, besides: int | None = None) -> int:
    """What the account paid back beyond its verdicts since `since`, approved ones not counted."""
    rows = work.session.execute(
        select(Action.verdict).where(
            Action.currency == currency,
            Action.created_at >= since,
            Action.exception.is_not(None),
            Action.approved_by.is_(None),
            Action.status.not_in([ActionStatus.FAILED, ActionStatus.REJECTED]),
            Action.id != (besides or 0),
        )
    )
    return sum(int((row.verdict or {}).get("beyond", 0)) for row in rows)


# Decisions


def approve(work: Work, action: Action, who: Who, plan: Plan, note: str) -> None:
    """A second person says yes, on the order as it now is. The plan was made again by the caller."""
    must_await(action)
    must_be_let_in(work, who)
    must_be_another(action, who)
    action.request = msgspec.to_builtins(plan.request)
    action.order_version = plan.order_version
    action.verdict = plan.verdict
    action.status = ActionStatus.PENDING
    action.approved_by, action.approved_by_id = who.name, who.agent_id
    action.decision_note = note or None
    action.decided_at = work.now()
    action.due_at = work.now()
    record(work, action, "approved", who.name, who.proof, personal={"note": note}, before=plan.before)
    wake(work, action)


def reject(work: Work, action: Action, who: Who, note: str, *, error: dict[str, str] | None = None) -> None:
    """Say no, withdraw the own request, or (with `error`) find it stale."""
    must_await(action)
    must_be_let_in(work, who)
    action.status = ActionStatus.REJECTED
    action.decision_note = note or None
    action.decided_at = action.finished_at = work.now()
    if who.caller != action.caller:
        action.approved_by_id = who.agent_id
    action.error = error
    event = "stale" if error else "withdrawn" if who.caller == action.caller else "rejected"
    record(work, action, event, who.name, who.proof, personal={"note": note}, error=error)


def must_be_another(action: Action, who: Who) -> None:
    """Nor the same person by another way in: by session what their own token asked, or by a second token."""
    behind = {action.requested_by_id, action.person_id} - {None}
    if who.person_id in behind or who.caller == action.caller:
        raise Forbidden("nobody approves their own request", code="own_request")


def must_await(action: Action) -> None:
    if action.status != ActionStatus.AWAITING_APPROVAL:
        raise Conflict(f"the request is {action.status.value} already", code="already_decided")


def settle_by_person(work: Work, action: Action, who: Who, decision: str, note: str) -> None:
    """A lead decides a case that reading back did not settle: it was done, it was not, or send again.

    Sending again still looks first (see `carrying.claim`); the record names who took it upon themselves.
    """
    must_be_let_in(work, who)
    if action.status != ActionStatus.NEEDS_ATTENTION:
        raise Conflict(f"the action is {action.status.value}", code="already_decided")
    now = work.now()
    if action.held_until is not None and action.held_until > now:
        # A worker may be sending it once more at this moment: any word on it would be a guess.
        raise Conflict(
            "a worker is looking at it just now",
            code="being_looked_at",
            next_step="Wait for it to end, or look at it in the list of actions.",
        )
    # Not an approval: who approved it, if anybody had to, stays as it was; so do limits and the budget.
    action.decision_note = note or None
    action.decided_at = action.decided_at or now
    action.held_until, action.hold = None, None
    if decision == "done":
        action.status, action.finished_at = ActionStatus.SUCCEEDED, now
        action.receipt = {**(action.receipt or {}), "said_by": who.name}
    elif decision == "not_done":
        action.status, action.finished_at = ActionStatus.FAILED, now
        action.error = {
            "code": "not_done",
            "message": "A person looked at the store: it was not done.",
            "next_step": "Ask again if it is still wanted.",
            "said_by": who.name,
        }
    elif decision == "send_again":
        # A message that was prepared is looked for before it is sent, whoever sends it.
        action.status = ActionStatus.PENDING
        action.sent_at, action.attempts, action.due_at, action.error = None, 0, now, None
        wake(work, action)
    else:
        raise BadInput("a decision is done, not_done or send_again")
    record(work, action, f"settled.{decision}", who.name, who.proof, personal={"note": note})


def wake(work: Work, action: Action) -> None:
    work.wake(JobName.ACTION, account_id=work.account_id, action_id=action.id)


def record(
    work: Work,
    action: Action,
    what: str,
    actor: str,
    proof: str,
    *,
    personal: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
    receipt: Mapping[str, Any] | None = None,
    error: Mapping[str, Any] | None = None,
) -> None:
    """One entry about an action. What people wrote goes to `personal`; codes and sums to the detail."""
    said = {key: text for key, text in (personal or {}).items() if text}
    conversation = action.conversation or {}
    audit.record(
        work,
        f"{action.kind.value}.{what}",
        actor=actor,
        proof=proof,
        order_id=action.order_id,
        action_id=action.id,
        detail={
            "status": action.status.value,
            "amount": action.amount,
            "currency": action.currency,
            "method": action.wish.get("method") if action.amount is not None else None,
            "order_version": action.order_version,
            "policy_version": action.verdict.get("policy_version"),
            "verdict": action.verdict.get("lines"),
            "before": dict(before) if before else None,
            "assurance": action.assurance,
            "helpdesk": conversation.get("helpdesk"),
            "conversation": conversation.get("id"),
            "receipt": {key: receipt.get(key) for key in ("platform_id", "amount", "settled", "paid_back")}
            if receipt
            else None,
            "error": {"code": error.get("code")} if error else None,
        },
        personal=said or None,
    )
