"""Refunds and the rest, exactly once: ask, claim, look, send, finish.

    awaiting_approval ─ approve ─→ pending ─ claim ─→ running ─→ succeeded | failed | needs_attention
            └─ reject, withdraw, stale ─→ rejected           needs_attention ─ looked again, or decided ─→ …

The intent is committed before any call; the exact message and `sent_at` are committed before it is
sent. Once `sent_at` is set, whoever comes next looks at the store before anything is sent again.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import and_, func, or_, select, update

from integration import audit
from integration.db.actions import Action, ActionStatus
from integration.db.orders import Order, Refund
from integration.errors import AppError, Conflict, Forbidden, NotFound, Unprocessable
from integration.money import Money
from integration.ports import ActionKind, ActionRequest, Receipt
from integration.wishes import Who, Wish
from integration.work import JobName, Work

HOLD = timedelta(seconds=150)
"""A worker's time for one try: longer than the longest answer we wait for (a slow gateway: 100 s)."""
LOOKS = 6
"""How often an unclear end is looked up before a person is asked."""
LOOK_WAITS = (2, 5, 15, 40, 90, 180)
"""Seconds between those looks: together longer than a store lets one request live."""
ATTENTION_EVERY = timedelta(minutes=10)
"""A case that waits for a person is still looked up now and then: the truth may show by itself."""
KEY_LIFE = timedelta(hours=20)
"""Shopify keeps an idempotency key 24 h; sending again later could pay again."""

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


@dataclass(frozen=True)
class Claim:
    """One worker's right to carry one action out."""

    action_id: int
    account_id: int
    store_id: int
    order_id: int
    request: ActionRequest
    prepared: str | None
    sent_at: datetime | None
    attempts: int
    hold: str


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
    """One decision about an order at a time. Raises NotFound."""
    found = work.session.scalar(select(Order.id).where(Order.id == order_id).with_for_update())
    if found is None:
        raise NotFound(f"no order {order_id}")


def add(work: Work, who: Who, order: Order, kind: ActionKind, wish: Wish, key: str, plan: Plan) -> Action:
    """Write the decision down. Hold `lock_order`."""
    if not who.may_act:
        raise Forbidden("who you are is not proven here", next_step="Pair this sidebar with your sign-in.")
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
        requested_role=who.role.value,
        assurance={**who.assurance, "proof": who.proof},
        conversation=msgspec.to_builtins(wish.conversation),
        created_at=now,
        due_at=now,
        attempts=0,
    )
    work.add(action)
    work.session.flush()
    _record(work, action, "requested", who.name, who.proof, note=wish.note, exception=wish.exception)
    if status == ActionStatus.PENDING:
        _wake(work, action)
    return action


def new_key() -> str:
    """An action's own key: random, safe in a note, a header and an address."""
    return "ds_" + secrets.token_hex(16)


def find(work: Work, action_id: int, *, lock: bool = False) -> Action:
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
    """What this caller has had paid back, or asked for, since `since`: minor units of `currency`."""
    query = select(func.coalesce(func.sum(Action.amount), 0)).where(
        Action.caller == who.caller,
        Action.currency == currency,
        Action.created_at >= since,
        Action.status.not_in([ActionStatus.FAILED, ActionStatus.REJECTED]),
        Action.id != (besides or 0),
    )
    return int(work.session.scalar(query) or 0)


def spent_on_order(work: Work, who: Who, order_id: int, *, besides: int | None = None) -> int:
    """What this caller has had paid back, or asked for, on one order: minor units."""
    query = select(func.coalesce(func.sum(Action.amount), 0)).where(
        Action.caller == who.caller,
        Action.order_id == order_id,
        Action.status.not_in([ActionStatus.FAILED, ActionStatus.REJECTED]),
        Action.id != (besides or 0),
    )
    return int(work.session.scalar(query) or 0)


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
    if who.caller == action.caller or (who.agent_id is not None and who.agent_id == action.requested_by_id):
        raise Forbidden("nobody approves their own request", code="own_request")
    action.request = msgspec.to_builtins(plan.request)
    action.order_version = plan.order_version
    action.verdict = plan.verdict
    action.status = ActionStatus.PENDING
    action.approved_by, action.approved_by_id = who.name, who.agent_id
    action.decision_note = note or None
    action.decided_at = work.now()
    action.due_at = work.now()
    _record(work, action, "approved", who.name, who.proof, note=note)
    _wake(work, action)


def reject(work: Work, action: Action, who: Who, note: str, *, error: dict[str, str] | None = None) -> None:
    """Say no, withdraw the own request, or (with `error`) find it stale."""
    must_await(action)
    action.status = ActionStatus.REJECTED
    action.decision_note = note or None
    action.decided_at = action.finished_at = work.now()
    if who.caller != action.caller:
        action.approved_by_id = who.agent_id
    action.error = error
    event = "stale" if error else "withdrawn" if who.caller == action.caller else "rejected"
    _record(work, action, event, who.name, who.proof, note=note)


def must_await(action: Action) -> None:
    if action.status != ActionStatus.AWAITING_APPROVAL:
        raise Conflict(f"the request is {action.status.value} already", code="already_decided")


def settle_by_person(work: Work, action: Action, who: Who, decision: str, note: str) -> None:
    """A lead decides a case that reading back did not settle: it was done, it was not, or send again.

    Sending again still looks first; the record names who took it upon themselves.
    """
    if action.status != ActionStatus.NEEDS_ATTENTION:
        raise Conflict(f"the action is {action.status.value}", code="already_decided")
    now = work.now()
    action.decision_note = note or None
    action.decided_at = now
    action.approved_by, action.approved_by_id = who.name, who.agent_id
    if decision == "done":
        action.status, action.finished_at = ActionStatus.SUCCEEDED, now
        action.receipt = {"said_by": who.name}
    elif decision == "not_done":
        action.status, action.finished_at = ActionStatus.FAILED, now
        action.error = {
            "code": "not_done",
            "message": "A person looked at the store: it was not done.",
            "next_step": "Ask again if it is still wanted.",
        }
    elif decision == "send_again":
        action.status = ActionStatus.PENDING
        action.sent_at, action.attempts, action.due_at = None, 0, now
        action.verdict = {**action.verdict, "sent_again_by": who.name}
        _wake(work, action)
    else:
        raise AppError("unknown decision")
    _record(work, action, f"settled.{decision}", who.name, who.proof, note=note)


# Carrying out


def claim(work: Work, action_id: int) -> Claim | None:
    """Take the action, if it is due and nobody else has it. The hold of a dead worker ends by itself."""
    now = work.now()
    hold = secrets.token_hex(8)
    taken = work.session.execute(
        update(Action)
        .where(
            Action.id == action_id,
            Action.status.in_(OPEN),
            Action.due_at <= now,
            or_(Action.held_until.is_(None), Action.held_until < now),
        )
        .values(held_until=now + HOLD, hold=hold, attempts=Action.attempts + 1)
        .execution_options(synchronize_session=False)
    )
    if not taken.rowcount:  # type: ignore[attr-defined] # an UPDATE has one
        return None
    action = find(work, action_id)
    if action.status == ActionStatus.PENDING:
        action.status = ActionStatus.RUNNING
    return Claim(
        action_id=action.id,
        account_id=action.account_id,
        store_id=action.store_id,
        order_id=action.order_id,
        request=msgspec.convert(action.request, ActionRequest),
        prepared=action.prepared,
        sent_at=action.sent_at,
        attempts=action.attempts,
        hold=hold,
    )


def _mine(work: Work, claim: Claim) -> Action | None:
    """The action, if the claim still holds it."""
    return work.session.scalar(
        select(Action).where(Action.id == claim.action_id, Action.hold == claim.hold).with_for_update()
    )


def about_to_send(work: Work, claim: Claim, prepared: str) -> bool:
    """Commit this before sending. False: the hold is lost; send nothing."""
    action = _mine(work, claim)
    if action is None or action.held_until is None or action.held_until <= work.now():
        return False
    action.prepared = prepared
    action.sent_at = action.sent_at or work.now()  # of the first time: a key's life counts from there
    action.held_until = work.now() + HOLD
    return True


def not_sent(work: Work, claim: Claim, wait: float) -> None:
    """It certainly did not reach the store: try again later, as if never tried."""
    action = _mine(work, claim)
    if action is None:
        return
    action.sent_at = claim.sent_at
    action.held_until, action.hold = None, None
    action.due_at = work.now() + timedelta(seconds=max(1.0, wait))


def finish(work: Work, claim: Claim, receipt: Receipt) -> None:
    """The store's word that it was done. True whoever brings it, so no hold is asked for."""
    action = find(work, claim.action_id, lock=True)
    if action.status == ActionStatus.SUCCEEDED:
        return
    action.status = ActionStatus.SUCCEEDED
    action.finished_at = work.now()
    action.platform_id = receipt.platform_id
    action.receipt = msgspec.to_builtins(receipt)
    action.error = None
    action.held_until, action.hold = None, None
    _record(work, action, "succeeded", "Deskside", "system", receipt=action.receipt)


def refuse(work: Work, claim: Claim, error: dict[str, str]) -> None:
    """The store said no: nothing was done."""
    action = _mine(work, claim)
    if action is None or action.status in (ActionStatus.SUCCEEDED, ActionStatus.FAILED):
        return
    action.status = ActionStatus.FAILED
    action.finished_at = work.now()
    action.error = error
    action.held_until, action.hold = None, None
    _record(work, action, "failed", "Deskside", "system", error=error)


def unclear(work: Work, claim: Claim, error: dict[str, str]) -> None:
    """Nobody knows yet: look again soon, and after some looks let a person see it."""
    action = _mine(work, claim)
    if action is None:
        return
    action.held_until, action.hold = None, None
    waits = min(max(claim.attempts - 1, 0), len(LOOK_WAITS) - 1)
    action.due_at = work.now() + timedelta(seconds=LOOK_WAITS[waits])
    if claim.attempts >= LOOKS or action.status == ActionStatus.NEEDS_ATTENTION:
        fresh = action.status != ActionStatus.NEEDS_ATTENTION
        action.status = ActionStatus.NEEDS_ATTENTION
        action.error = error
        action.due_at = work.now() + ATTENTION_EVERY
        if fresh:
            _record(work, action, "needs_attention", "Deskside", "system", error=error)


def due(work: Work) -> Sequence[tuple[int, int]]:
    """(account, action) of everything that is due and free. For the sweep."""
    now = work.now()
    rows = work.session.execute(
        select(Action.account_id, Action.id)
        .where(
            Action.status.in_(OPEN),
            Action.due_at <= now,
            or_(Action.held_until.is_(None), Action.held_until < now),
        )
        .order_by(Action.due_at)
    )
    return [(row.account_id, row.id) for row in rows]


def _wake(work: Work, action: Action) -> None:
    work.wake(JobName.ACTION, account_id=work.account_id, action_id=action.id)


def _record(
    work: Work,
    action: Action,
    what: str,
    actor: str,
    proof: str,
    *,
    note: str | None = None,
    exception: str | None = None,
    receipt: Any = None,
    error: Any = None,
) -> None:
    personal = {key: text for key, text in (("note", note), ("exception", exception)) if text}
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
            "order_version": action.order_version,
            "policy_version": action.verdict.get("policy_version"),
            "verdict": action.verdict.get("lines"),
            "assurance": action.assurance,
            "helpdesk": conversation.get("helpdesk"),
            "conversation": conversation.get("id"),
            "receipt": {key: receipt.get(key) for key in ("platform_id", "amount")} if receipt else None,
            "error": {"code": error.get("code")} if error else None,
        },
        personal=personal or None,
    )
