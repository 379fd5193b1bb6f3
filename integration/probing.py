"""The probe: once a minute a live store is asked which order changed last, and the cache whether it knows.

Events get lost, and stores stop sending them without a word. What a probe misses is measured from the
change itself to now, end to end, and fetched at once: long before an agent sees the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update

from integration.db.inbox import Poison
from integration.db.orders import Order
from integration.db.stores import SyncPhase, SyncState
from integration.ports import OrderVersion
from integration.work import JobName, Work

EVERY = timedelta(seconds=60)
PATIENCE = timedelta(seconds=30)
"""A younger change may still be on its way as an event."""
ALARM_AFTER = timedelta(minutes=5)
"""Fetching at once did not help for so long: somebody has to know."""


def due(work: Work) -> Sequence[int]:
    """Live stores whose turn has come. For the sweep."""
    return work.session.scalars(
        select(SyncState.store_id)
        .where(SyncState.probe_due_at <= work.now(), SyncState.phase == SyncPhase.LIVE)
        .order_by(SyncState.probe_due_at)
    ).all()


def claim(work: Work, store_id: int) -> bool:
    """Take the turn, so that no other worker asks too."""
    now = work.now()
    taken = work.session.execute(
        update(SyncState)
        .where(
            SyncState.store_id == store_id, SyncState.probe_due_at <= now, SyncState.phase == SyncPhase.LIVE
        )
        .values(probe_due_at=now + EVERY)
        .execution_options(synchronize_session=False)
    )
    return bool(taken.rowcount)  # type: ignore[attr-defined] # an UPDATE has one


def note(work: Work, store_id: int, newest: OrderVersion | None) -> timedelta | None:
    """Write down since when the store's newest change is overdue, if it is, and make a reconciliation due.

    Returns its age then. Only a reconciliation takes it back: a still newer change that came by itself says
    nothing of the one before it.
    """
    state = work.session.scalars(
        select(SyncState).where(SyncState.store_id == store_id, SyncState.phase == SyncPhase.LIVE)
    ).one_or_none()
    now = work.now()
    if state is None or newest is None or now - newest.updated_at < PATIENCE:
        return None  # let go meanwhile; without orders; perhaps on its way
    if _is_here(work, store_id, newest):
        return None
    state.behind_since = min(state.behind_since or now, newest.updated_at)
    if not state.error:  # a store in trouble is asked again when its wait is over
        state.due_at = _sooner(state.due_at, now)
        work.wake(JobName.SYNC, store_id=store_id)
    return now - state.behind_since


def _is_here(work: Work, store_id: int, newest: OrderVersion) -> bool:
    """Orders that cannot be read are told of elsewhere."""
    known = work.session.scalar(
        select(Order.updated_at).where(Order.store_id == store_id, Order.platform_id == newest.platform_id)
    )
    if known is not None and known >= newest.updated_at:
        return True
    poisoned = select(Poison.id).where(Poison.store_id == store_id, Poison.platform_id == newest.platform_id)
    return work.session.scalar(poisoned) is not None


def _sooner(due_at: datetime | None, now: datetime) -> datetime:
    return now if due_at is None else min(due_at, now)
