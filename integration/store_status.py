"""How each store's copy stands, as people read it: done, rate, lag, oldest order, what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from integration.db.inbox import Delivery, DeliveryStatus, Poison
from integration.db.orders import Order
from integration.db.stores import Store, StoreStatus, SyncPhase, SyncState
from integration.errors import KEY_REFUSED, NotFound
from integration.records import Platform
from integration.work import JobName, Work

RECENT = 200
"""Settled deliveries from which the usual delay is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreView:
    id: int
    platform: Platform
    name: str
    domain: str
    url: str
    status: StoreStatus
    orders: int
    installed_at: datetime
    disconnected_at: datetime | None
    waiting: bool
    """For an admin to confirm it: it came by a link that anybody can open."""
    copying: bool
    done: int
    total: int | None
    per_second: float | None
    """Orders copied a second since the backfill began; None until it can be told."""
    seconds_left: float | None
    arrives_within: timedelta | None
    """From event to changed cache, for 95 of the last hundred; None while nothing has arrived."""
    last_event_at: datetime | None
    last_reconciled_at: datetime | None
    oldest_order_at: datetime | None
    sees_all_orders: bool
    webhooks_checked_at: datetime | None
    proof: Mapping[str, Any]
    """{at, days, compared, differences, repaired} of the last comparison with the store."""
    error: Mapping[str, Any] | None
    next_try_at: datetime | None
    poisoned: int
    """Orders that the store sends in a form we cannot read."""
    set_aside: int
    """Webhook deliveries that were given up."""
    th_direct_marketer: bool | None
    country: str
    hand_made: bool

    @property
    def connected(self) -> bool:
        return self.status is not StoreStatus.DISCONNECTED

    @property
    def key_refused(self) -> bool:
        return self.error is not None and self.error.get("code") in KEY_REFUSED


def overview(work: Work) -> list[StoreView]:
    """Those that need somebody first, then those at work, then those that are well."""
    stores = work.session.scalars(select(Store).options(selectinload(Store.sync))).all()
    views = [_view(work, store) for store in stores]
    return sorted(views, key=lambda view: (_urgency(view), view.name.casefold(), view.id))


def one(work: Work, store_id: int) -> StoreView:
    """Raises :exc:`NotFound`."""
    store = work.session.scalar(select(Store).options(selectinload(Store.sync)).where(Store.id == store_id))
    if store is None:
        raise NotFound("no such store")
    return _view(work, store)


def look_now(work: Work, store_id: int) -> None:
    """Compare with the store as soon as a worker is free, also after a failure."""
    store = work.session.scalar(select(Store).options(selectinload(Store.sync)).where(Store.id == store_id))
    if store is None or store.sync.phase in (SyncPhase.STOPPED, SyncPhase.WAITING):
        raise NotFound("no such connected store")
    store.sync.due_at = work.now()
    work.wake(JobName.SYNC, store_id=store.id)


def poisoned_orders(work: Work, store_id: int) -> list[Poison]:
    return list(
        work.session.scalars(
            select(Poison).where(Poison.store_id == store_id).order_by(Poison.last_seen_at.desc()).limit(50)
        )
    )


def retry_poisoned_orders(work: Work, store_id: int) -> None:
    for row in poisoned_orders(work, store_id):
        row.due_at = work.now()
    look_now(work, store_id)


def _view(work: Work, store: Store) -> StoreView:
    sync, now = store.sync, work.now()
    copying = sync.phase is SyncPhase.BACKFILL and store.status is not StoreStatus.DISCONNECTED
    rate, left = pace(sync, now)
    return StoreView(
        id=store.id,
        platform=store.platform,
        name=store.name,
        domain=store.domain,
        url=store.url,
        status=store.status,
        orders=_count(work, select(func.count()).select_from(Order).where(Order.store_id == store.id)),
        installed_at=store.installed_at,
        disconnected_at=store.disconnected_at,
        waiting=sync.phase is SyncPhase.WAITING and store.status is not StoreStatus.DISCONNECTED,
        copying=copying,
        done=sync.done,
        total=sync.total,
        per_second=rate,
        seconds_left=left,
        arrives_within=_usual_delay(work, store.id),
        last_event_at=sync.last_event_at,
        last_reconciled_at=sync.last_reconciled_at,
        oldest_order_at=sync.oldest_order_at,
        sees_all_orders=store.platform is not Platform.SHOPIFY or "read_all_orders" in store.scopes,
        webhooks_checked_at=sync.webhooks_checked_at,
        proof=sync.proof,
        error=sync.error,
        next_try_at=sync.due_at if sync.error else None,
        poisoned=_count(work, select(func.count()).select_from(Poison).where(Poison.store_id == store.id)),
        set_aside=_count(
            work,
            select(func.count())
            .select_from(Delivery)
            .where(Delivery.store_id == store.id, Delivery.status == DeliveryStatus.POISONED),
        ),
        th_direct_marketer=store.th_direct_marketer,
        country=store.country,
        hand_made=store.hand_made,
    )


def _urgency(view: StoreView) -> int:
    if view.connected and (view.waiting or view.key_refused or view.status is StoreStatus.DEGRADED):
        return 0
    if view.copying:
        return 1
    return 2 if view.connected else 3


def pace(sync: SyncState, now: datetime) -> tuple[float | None, float | None]:
    """(orders a second, seconds left) of the copying under way; None for what cannot be told yet."""
    since = sync.backfill_started_at
    seconds = (now - since).total_seconds() if since and sync.phase is SyncPhase.BACKFILL else 0.0
    if not sync.done or seconds < 1:
        return None, None
    rate = sync.done / seconds
    return rate, (sync.total - sync.done) / rate if sync.total and sync.total > sync.done else None


def _usual_delay(work: Work, store_id: int) -> timedelta | None:
    rows = work.session.execute(
        select(Delivery.received_at, Delivery.triggered_at, Delivery.done_at)
        .where(
            Delivery.store_id == store_id,
            Delivery.status == DeliveryStatus.DONE,
            Delivery.done_at.is_not(None),
        )
        .order_by(Delivery.id.desc())
        .limit(RECENT)
    )
    delays = sorted(
        done - max(min(received, triggered or received), received - timedelta(minutes=10))
        for received, triggered, done in rows
        if done is not None
    )
    return delays[(len(delays) * 95) // 100] if delays else None


def _count(work: Work, query: Any) -> int:
    return work.session.scalar(query) or 0


def currencies(work: Work) -> list[str]:
    """Currencies of the connected stores, the most used first; EUR while there is none."""
    rows = work.session.execute(
        select(Store.currency, func.count())
        .group_by(Store.currency)
        .order_by(func.count().desc(), func.min(Store.id))
    )
    return [currency for currency, _ in rows if currency] or ["EUR"]


def countries(work: Work) -> list[str]:
    """Countries that orders of the last thousand went to, the most frequent first."""
    recent = work.session.scalars(
        select(Order.shipping_address)
        .where(Order.shipping_address.is_not(None))
        .order_by(Order.placed_at.desc())
        .limit(1000)
    )
    counts = Counter(str((address or {}).get("country", "")) for address in recent)
    return [country for country, _ in counts.most_common() if len(country) == 2]
