"""Carrying a decision out, exactly once: claim, look, promise, send, finish.

The intent is committed before any call; the exact message and `sent_at` are committed before it is
sent. Once a message is prepared, whoever comes next looks at the store before anything is sent.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import or_, select, update

from integration import actions, identity, settling
from integration.db.actions import Action, ActionStatus
from integration.ports import ActionKind, ActionRequest, Receipt
from integration.work import Work

HOLD = timedelta(seconds=150)
"""A worker's time for one try: longer than the longest answer we wait for (a slow gateway: 100 s)."""
LOOKS = 6
"""How often an unclear end is looked up before a person is asked."""
LOOK_WAITS = (2, 5, 15, 40, 90, 180)
"""Seconds between those looks: together longer than a store lets one request live."""
REQUEST_LIFE = timedelta(seconds=100)
"""After so long nothing that we sent is on its way any more."""
ATTENTION_EVERY = timedelta(minutes=10)
"""A case that waits for a person is still looked up now and then: the truth may show by itself."""
KEY_LIFE = timedelta(hours=20)
"""Shopify keeps an idempotency key 24 h; sending again later could pay again."""
TRIES = 100
"""How often a store that cannot be reached is tried before the action is given up, never having been sent."""

GATEWAY = "gateway_unclear"
"""The store lost contact with its payment gateway: only there it can be seen whether money moved."""

ACTOR, PROOF = "Deskside", "system"
"""Who the record names for what workers do."""


@dataclass(frozen=True)
class Claim:
    """One worker's right to carry one action out."""

    action_id: int
    account_id: int
    store_id: int
    order_id: int
    request: ActionRequest
    prepared: str | None
    """Set: an earlier try may have sent it, so look before sending."""
    sent_at: datetime | None
    """Set: nobody knows whether it arrived. None with `prepared`: it did not, or a person said to send."""
    last_sent_at: datetime | None
    attempts: int
    hold: str


def claim(work: Work, action_id: int) -> Claim | None:
    """Take the action, if it is due and nobody else has it. The hold of a dead worker ends by itself."""
    now = work.now()
    hold = secrets.token_hex(8)
    taken = work.session.execute(
        update(Action)
        .where(
            Action.id == action_id,
            Action.status.in_(actions.OPEN),
            Action.due_at <= now,
            or_(Action.held_until.is_(None), Action.held_until < now),
        )
        .values(held_until=now + HOLD, hold=hold, attempts=Action.attempts + 1)
        .execution_options(synchronize_session=False)
    )
    if not taken.rowcount:  # type: ignore[attr-defined] # an UPDATE has one
        return None
    action = actions.find(work, action_id)
    if action.status == ActionStatus.PENDING:
        action.status = ActionStatus.RUNNING
    return looking(action)


def looking(action: Action) -> Claim:
    """What is needed to look an action up. Without the action's hold it is a right to look only."""
    return Claim(
        action_id=action.id,
        account_id=action.account_id,
        store_id=action.store_id,
        order_id=action.order_id,
        request=msgspec.convert(action.request, ActionRequest),
        prepared=action.prepared,
        sent_at=action.sent_at,
        last_sent_at=action.last_sent_at,
        attempts=action.attempts,
        hold=action.hold or "",
    )


def _mine(work: Work, claim: Claim) -> Action | None:
    """The action, if the claim still holds it and nobody has ended it meanwhile."""
    identity.lock_account(work)
    return work.session.scalar(
        select(Action)
        .where(Action.id == claim.action_id, Action.hold == claim.hold, Action.status.in_(actions.OPEN))
        .with_for_update()
    )


def about_to_send(work: Work, claim: Claim, prepared: str) -> bool:
    """Commit this before sending. False: the hold is lost; send nothing."""
    action = _held(work, claim)
    if action is None:
        return False
    action.prepared, action.last_sent_at = prepared, work.now()
    actions.record(work, action, "sent", ACTOR, PROOF)
    return True


def about_to_complete(work: Work, claim: Claim) -> bool:
    """The same before the rest of a half-done action, of which the record has told already."""
    return _held(work, claim) is not None


def _held(work: Work, claim: Claim) -> Action | None:
    """The action, held anew and from now on taken for sent; None if the hold is lost."""
    action = _mine(work, claim)
    now = work.now()
    if action is None or action.held_until is None or action.held_until <= now:
        return None
    if action.sent_at is None:
        action.sent_at = now  # of the first time: a key's life counts from there
        action.attempts = 0  # from here on they count looks
    action.held_until = now + HOLD
    return action


def not_sent(work: Work, claim: Claim, error: dict[str, str], wait: float) -> None:
    """It certainly did not reach the store: try again later, as if never tried."""
    action = _mine(work, claim)
    if action is None:
        return
    action.sent_at, action.last_sent_at = claim.sent_at, claim.last_sent_at
    action.attempts = claim.attempts
    action.error = error
    action.held_until, action.hold = None, None
    action.due_at = work.now() + timedelta(seconds=max(1.0, wait))


def finish(work: Work, claim: Claim, receipt: Receipt) -> None:
    """The store's word that it was done. True whoever brings it, so no hold is asked for."""
    action = actions.find(work, claim.action_id, lock=True)
    if action.status == ActionStatus.SUCCEEDED:
        return
    short = _short(claim.request, receipt)
    if short is not None:
        _wait_for_person(work, action, short, receipt)
        return
    action.status = ActionStatus.SUCCEEDED
    action.finished_at = work.now()
    action.platform_id = receipt.platform_id
    action.receipt = msgspec.to_builtins(receipt)
    action.error = None
    action.held_until, action.hold = None, None
    actions.record(work, action, "succeeded", ACTOR, PROOF, receipt=action.receipt)
    work.session.flush()
    settling.close_paid(work, order_id=action.order_id)


def _short(request: ActionRequest, receipt: Receipt) -> dict[str, str] | None:
    """What is wrong with a change that the store wrote down, but whose money did not move as meant."""
    if request.kind not in (ActionKind.REFUND, ActionKind.CANCEL):
        return None
    if request.amount is None or receipt.amount is None or receipt.amount.minor >= request.amount.minor:
        return None
    what = "refund" if request.kind is ActionKind.REFUND else "cancellation"
    return {
        "code": "paid_less",
        "message": f"The store wrote the {what} down, but paid back {receipt.amount.text}"
        f" instead of {request.amount.text} {request.amount.currency}.",
        "next_step": "Look at the payment in the store, then say whether it was done.",
    }


def refuse(work: Work, claim: Claim, error: dict[str, str]) -> None:
    """The store said no: nothing was done."""
    action = _mine(work, claim)
    if action is None:
        return
    action.status = ActionStatus.FAILED
    action.finished_at = work.now()
    action.error = error
    action.held_until, action.hold = None, None
    actions.record(work, action, "failed", ACTOR, PROOF, error=error)


def unclear(work: Work, claim: Claim, error: dict[str, str]) -> None:
    """Nobody knows yet: look again soon, and after some looks let a person see it."""
    action = _mine(work, claim)
    if action is None:
        return
    if error.get("code") == GATEWAY:
        action.error = error
    elif action.error and action.error.get("code") == GATEWAY:
        error = action.error  # the store will never show a trace: where to look stays said
    looks = action.attempts
    if looks >= LOOKS or action.status == ActionStatus.NEEDS_ATTENTION:
        _wait_for_person(work, action, error)
        return
    action.held_until, action.hold = None, None
    action.due_at = work.now() + timedelta(seconds=LOOK_WAITS[min(looks, len(LOOK_WAITS) - 1)])


def _wait_for_person(
    work: Work, action: Action, error: dict[str, str], receipt: Receipt | None = None
) -> None:
    """Neither repeated nor forgotten; looked up every now and then."""
    fresh = action.status != ActionStatus.NEEDS_ATTENTION
    action.status = ActionStatus.NEEDS_ATTENTION
    action.error = error
    action.held_until, action.hold = None, None
    action.due_at = work.now() + ATTENTION_EVERY
    if receipt is not None:
        action.platform_id, action.receipt = receipt.platform_id, msgspec.to_builtins(receipt)
    if fresh:
        actions.record(work, action, "needs_attention", ACTOR, PROOF, error=error, receipt=action.receipt)


def due(work: Work) -> Sequence[tuple[int, int]]:
    """(account, action) of everything that is due and free. For the sweep."""
    now = work.now()
    rows = work.session.execute(
        select(Action.account_id, Action.id)
        .where(
            Action.status.in_(actions.OPEN),
            Action.due_at <= now,
            or_(Action.held_until.is_(None), Action.held_until < now),
        )
        .order_by(Action.due_at)
    )
    return [(row.account_id, row.id) for row in rows]
