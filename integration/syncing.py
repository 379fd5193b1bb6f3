"""How far a store's copy has come: who may work at it, what was reached, what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select, update

from integration import probing
from integration.db.inbox import Poison
from integration.db.orders import Order
from integration.db.stores import Store, StoreStatus, SyncPhase, SyncState
from integration.errors import KEY_REFUSED
from integration.ports import Batch
from integration.work import Work

HOLD = timedelta(seconds=120)
"""A worker that commits nothing for so long has lost the store to another."""
PROVE_EVERY = timedelta(hours=24)
PROOF_HOLD = timedelta(minutes=5)
"""A worker that proves and says nothing for so long has died."""
PROOF_AGAIN = timedelta(minutes=20)
"""After the store could not be read to the end."""
LATE_AFTER = timedelta(minutes=30)
"""A store that was not reconciled for so long is late, whatever the reason."""


@dataclass(frozen=True)
class Hold:
    """One worker's right to copy one store, and where it goes on."""

    store_id: int
    owner: str
    backfilling: bool
    since: datetime | None
    cursor: dict[str, Any]
    webhooks_checked_at: datetime | None


def claim(work: Work, store_id: int, *, owner: str) -> Hold | None:
    """Take the store's sync if something is due and nobody else has it."""
    now = work.now()
    taken = work.session.execute(
        update(SyncState)
        .where(
            SyncState.store_id == store_id,
            SyncState.due_at <= now,
            SyncState.phase.in_([SyncPhase.BACKFILL, SyncPhase.LIVE]),
            or_(SyncState.held_until.is_(None), SyncState.held_until < now),
        )
        .values(held_until=now + HOLD, held_by=owner)
        .execution_options(synchronize_session=False)
    )
    if not taken.rowcount:  # type: ignore[attr-defined] # an UPDATE has one
        return None
    state = work.session.scalars(select(SyncState).where(SyncState.store_id == store_id)).one()
    backfilling = state.phase == SyncPhase.BACKFILL
    if not backfilling and state.changed_until is None:
        state.changed_until = now
    return Hold(
        store_id=store_id,
        owner=owner,
        backfilling=backfilling,
        since=state.backfill_since if backfilling else state.changed_since,
        cursor=dict(state.cursor if backfilling else state.changed_cursor),
        webhooks_checked_at=state.webhooks_checked_at,
    )


def keep(work: Work, hold: Hold) -> bool:
    """Prolong the hold within the transaction that writes; False: it is lost, write nothing."""
    kept = work.session.execute(
        update(SyncState)
        .where(SyncState.store_id == hold.store_id, SyncState.held_by == hold.owner)
        .where(SyncState.phase == (SyncPhase.BACKFILL if hold.backfilling else SyncPhase.LIVE))
        .values(held_until=work.now() + HOLD)
        .execution_options(synchronize_session=False)
    )
    return bool(kept.rowcount)  # type: ignore[attr-defined] # an UPDATE has one


def take_back_all(work: Work) -> None:
    """Free every store's sync, where workers of an earlier start are known to be gone, however they went.

    One that is not gone after all finds its hold lost before it writes: see :func:`keep`.
    """
    work.session.execute(
        update(SyncState)
        .where(SyncState.held_until.is_not(None))
        .values(held_until=None, held_by=None)
        .execution_options(synchronize_session=False)
    )


def _mine(work: Work, hold: Hold) -> SyncState | None:
    return work.session.scalar(
        select(SyncState).where(SyncState.store_id == hold.store_id, SyncState.held_by == hold.owner)
    )


def advance(work: Work, hold: Hold, batch: Batch) -> None:
    """What was reached; in the same transaction as the orders it speaks of."""
    state = _mine(work, hold)
    if state is None:
        return
    if hold.backfilling:
        state.cursor = batch.cursor
        state.done = batch.done
        state.total = batch.total if batch.total is not None else state.total
    else:
        state.changed_cursor = batch.cursor
    placed = [order.placed_at for order in batch.orders]
    if placed and (state.oldest_order_at is None or min(placed) < state.oldest_order_at):
        state.oldest_order_at = min(placed)


def webhooks_checked(work: Work, hold: Hold) -> None:
    state = _mine(work, hold)
    if state is not None:
        state.webhooks_checked_at = work.now()


def release(work: Work, hold: Hold, *, ended: bool, every: timedelta, overlap: timedelta) -> None:
    """Give the hold back: at once due again if there is more, else when the next window is."""
    state = _mine(work, hold)
    if state is None:
        return
    now = work.now()
    state.held_until, state.held_by = None, None
    state.failures, state.error = 0, None
    state.due_at = now
    if not ended:
        return
    store = work.session.scalars(select(Store).where(Store.id == hold.store_id)).one()
    if hold.backfilling:
        # What changed while the backfill ran comes with the first window, from before its start.
        state.phase = SyncPhase.LIVE
        state.backfilled_at = now
        state.cursor = {}
        state.done = state.total = _count(work, hold.store_id)
        state.changed_since = (state.backfill_started_at or now) - overlap
        state.proof_due_at = now + PROVE_EVERY
        state.probe_due_at = now + probing.EVERY
    else:
        state.changed_since = _reached(state, now) - overlap
        state.last_reconciled_at = state.changed_until or now
        state.behind_since = None
        state.due_at = now + every
    state.changed_cursor, state.changed_until = {}, None
    if not hold.backfilling or store.status == StoreStatus.DEGRADED:
        store.status = StoreStatus.ACTIVE


def _reached(state: SyncState, now: datetime) -> datetime:
    """Until when the window that ended now has looked: by our clock when it began, or what the store said."""
    until = state.changed_until or now
    said = state.changed_cursor.get("until")
    return min(until, datetime.fromisoformat(said)) if said else until


def _count(work: Work, store_id: int) -> int:
    return work.session.scalar(select(func.count()).where(Order.store_id == store_id)) or 0


def failed(work: Work, hold: Hold, problem: dict[str, Any], *, wait: float | None) -> None:
    """Write the failure down and try again, ever more rarely. Being told to wait is no failure."""
    state = _mine(work, hold)
    if state is None:
        return
    now = work.now()
    state.held_until, state.held_by = None, None
    if wait is not None:
        state.due_at = now + timedelta(seconds=wait)
        return
    state.failures += 1
    state.error = problem
    asked_rarely = state.due_at if problem["code"] in KEY_REFUSED else None
    backoff = now + min(timedelta(seconds=5) * 2 ** min(state.failures, 12), timedelta(minutes=15))
    state.due_at = max(backoff, asked_rarely) if asked_rarely else backoff
    if state.failures >= 3:
        store = work.session.scalars(select(Store).where(Store.id == hold.store_id)).one()
        if store.status == StoreStatus.ACTIVE:
            store.status = StoreStatus.DEGRADED


def claim_proof(work: Work, store_id: int) -> dict[str, Any] | None:
    """What is kept of the store's proof, if it is due and no other worker is at it."""
    now = work.now()
    taken = work.session.execute(
        update(SyncState)
        .where(
            SyncState.store_id == store_id,
            SyncState.proof_due_at <= now,
            SyncState.phase == SyncPhase.LIVE,
        )
        .values(proof_due_at=now + PROOF_HOLD)
        .execution_options(synchronize_session=False)
    )
    if not taken.rowcount:  # type: ignore[attr-defined] # an UPDATE has one
        return None
    return dict(_state(work, store_id).proof)


def proved(work: Work, store_id: int, result: dict[str, Any]) -> None:
    state = _state(work, store_id)
    state.proof = result
    state.proof_due_at = work.now() + PROVE_EVERY if state.phase == SyncPhase.LIVE else None


def proof_goes_on(work: Work, store_id: int, progress: dict[str, Any]) -> None:
    """So far in this turn; the next one is due at once."""
    state = _state(work, store_id)
    state.proof = {**state.proof, "running": progress}
    state.proof_due_at = work.now() if state.phase == SyncPhase.LIVE else None


def proof_failed(work: Work, store_id: int, problem: dict[str, Any], progress: dict[str, Any]) -> None:
    state = _state(work, store_id)
    state.proof = {**state.proof, "running": progress, "error": problem}
    state.proof_due_at = work.now() + PROOF_AGAIN if state.phase == SyncPhase.LIVE else None


def _state(work: Work, store_id: int) -> SyncState:
    return work.session.scalars(select(SyncState).where(SyncState.store_id == store_id)).one()


def due(work: Work) -> Sequence[tuple[int, int]]:
    """(account, store) of every store whose copying is due and free. For the sweep."""
    now = work.now()
    rows = work.session.execute(
        select(SyncState.account_id, SyncState.store_id)
        .where(
            SyncState.due_at <= now,
            SyncState.phase.in_([SyncPhase.BACKFILL, SyncPhase.LIVE]),
            or_(SyncState.held_until.is_(None), SyncState.held_until < now),
        )
        .order_by(SyncState.due_at)
    )
    return [(row.account_id, row.store_id) for row in rows]


def note_late(work: Work) -> Sequence[int]:
    """Mark live stores that nobody has reconciled for too long, or that a probe found behind for minutes.

    The next reconciliation takes it back.

    Returns those that were well until now. For the sweep.
    """
    reached = func.coalesce(SyncState.last_reconciled_at, SyncState.backfilled_at)
    late = select(SyncState.store_id).where(
        SyncState.phase == SyncPhase.LIVE,
        or_(reached < work.now() - LATE_AFTER, SyncState.behind_since < work.now() - probing.ALARM_AFTER),
    )
    marked = work.session.execute(
        update(Store)
        .where(Store.status == StoreStatus.ACTIVE, Store.id.in_(late))
        .values(status=StoreStatus.DEGRADED)
        .returning(Store.id)
        .execution_options(synchronize_session=False)
    )
    return marked.scalars().all()


def due_proofs(work: Work) -> Sequence[tuple[int, int]]:
    rows = work.session.execute(
        select(SyncState.account_id, SyncState.store_id).where(
            SyncState.proof_due_at <= work.now(), SyncState.phase == SyncPhase.LIVE
        )
    )
    return [(row.account_id, row.store_id) for row in rows]


def retry_poison(work: Work, store_id: int) -> int:
    """Let the next proof try every unreadable order again, now. Returns how many there are."""
    done = work.session.execute(update(Poison).where(Poison.store_id == store_id).values(due_at=work.now()))
    work.session.execute(
        update(SyncState)
        .where(SyncState.store_id == store_id, SyncState.phase == SyncPhase.LIVE)
        .values(proof_due_at=work.now())
    )
    return int(done.rowcount)  # type: ignore[attr-defined] # an UPDATE has one
