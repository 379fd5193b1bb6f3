"""Backfill, reconciliation, and the proof that cache and store are equal."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from time import monotonic
from typing import Any

from integration import stores, sync, syncing
from integration.errors import RateLimited, StoreDenied, StoreError
from integration.ports import Batch, OrderVersion, StoreApi
from integration.syncing import Hold
from integration.work import JobName
from jobs.boot import Services
from jobs.inbox import learn_products
from jobs.stores import account_of

log = logging.getLogger(__name__)

SLICE_SECONDS = 30.0
"""One store's turn at copying; then others have theirs."""
OVERLAP = timedelta(minutes=5)
"""Windows begin this much before the last one ended: search indexes and clocks lag behind writes."""
EVERY = timedelta(minutes=10)
"""Between two reconciliations of a store that is well."""
WEBHOOKS_EVERY = timedelta(minutes=30)
DEEP_DAYS = 30
"""Orders of so many days whose quiet changes (a deleted refund) are looked for in every proof."""


class _Lost(Exception):
    """Another worker owns the sync now, or the store was let go: leave everything to them."""


def run(services: Services, *, store_id: int) -> None:
    """One turn of copying for one store: a slice of the backfill, or a reconciliation."""
    account_id = account_of(services, store_id)
    with services.transaction(account_id) as work:
        hold = syncing.claim(work, store_id, owner=secrets.token_hex(8))
    if hold is None:
        return
    try:
        api = services.api(store_id)
        try:
            _subscribe(services, account_id, store_id, api, hold)
            ended = _copy(services, account_id, store_id, api, hold)
        finally:
            api.close()
    except _Lost:
        return
    except StoreError as error:
        _failed(services, account_id, store_id, hold, error)
        return
    with services.transaction(account_id) as work:
        syncing.release(work, hold, ended=ended, every=EVERY, overlap=OVERLAP)
        if not ended or hold.backfilling:
            work.wake(JobName.SYNC, store_id=store_id)


def _subscribe(services: Services, account_id: int, store_id: int, api: StoreApi, hold: Hold) -> None:
    """See that the store's webhooks are as we need them, before the copying starts and now and then."""
    now = services.now()
    if hold.webhooks_checked_at and hold.webhooks_checked_at > now - WEBHOOKS_EVERY:
        return
    with services.reading(account_id) as work:
        store = stores.find(work, store_id)
        secret = services.vault.open(store.webhook_secret).decode() if store.webhook_secret else ""
        address = stores.webhook_address(services.settings.app_url, store)
    try:
        changes = api.subscribe(address, secret)
    except (RateLimited, StoreDenied):
        raise
    except StoreError as error:
        # Copying works without webhooks, only later: say so and go on.
        log.warning("store %s: webhooks not checked: %s", store_id, error.code)
        return
    with services.transaction(account_id) as work:
        syncing.webhooks_checked(work, hold, changes)


def _copy(services: Services, account_id: int, store_id: int, api: StoreApi, hold: Hold) -> bool:
    """Copy for one turn. True when the backfill or window is complete."""
    until = monotonic() + SLICE_SECONDS
    for batch in _batches(api, hold):
        with services.transaction(account_id) as work:
            if not syncing.keep(work, hold):
                raise _Lost
            store = stores.find(work, store_id)
            sync.apply(work, store, batch.orders)
            sync.poison(work, store, batch.poisoned)
            syncing.advance(work, hold, batch)
        learn_products(
            services,
            account_id,
            store_id,
            api,
            [line.product_id for order in batch.orders for line in order.lines],
        )
        if monotonic() > until:
            return False
    return True


def _batches(api: StoreApi, hold: Hold) -> Iterator[Batch]:
    if hold.backfilling:
        return api.backfill(hold.since, hold.cursor)
    assert hold.since is not None
    return api.changed(hold.since, hold.cursor)


def _failed(services: Services, account_id: int, store_id: int, hold: Hold, error: StoreError) -> None:
    log.warning("store %s: sync stopped: %s: %s", store_id, error.code, error)
    with services.transaction(account_id) as work:
        if isinstance(error, StoreDenied):
            stores.denied(work, stores.find(work, store_id), error)
        # Being told to wait is no failure; a store that cannot be reached is one.
        told = isinstance(error, RateLimited) and error.code == RateLimited.code
        wait = error.wait if told and isinstance(error, RateLimited) else None
        syncing.failed(work, hold, stores.problem(error, work.now()), wait=wait)


def refresh_order(services: Services, account_id: int, order_id: int, *, interactive: bool = True) -> bool:
    """Read one order through from its store into the cache. False: the store no longer has it.

    Raises StoreError; the cache then stays as it is.
    """
    with services.reading(account_id) as work:
        store_id, platform_id = sync.whereabouts(work, order_id)
    api = services.api(store_id, interactive)
    try:
        return _refetch(services, account_id, store_id, api, platform_id)
    finally:
        api.close()


def _refetch(services: Services, account_id: int, store_id: int, api: StoreApi, platform_id: str) -> bool:
    begun = services.now()
    record = api.order(platform_id)
    with services.transaction(account_id) as work:
        store = stores.find(work, store_id)
        if record is None:
            sync.mark_gone(work, store, [platform_id], begun)
        else:
            sync.apply(work, store, [record])
    return record is not None


def prove(services: Services, *, store_id: int, days: int | None = None) -> dict[str, Any]:
    """Compare the cache with the store order by order, repair what differs, and write the result down.

    Modification times alone miss deleted orders and deleted refunds, so ids are compared both ways
    and recent refunded orders are read again whatever their time says.
    """
    account_id = account_of(services, store_id)
    now = services.now()
    with services.reading(account_id) as work:
        oldest = stores.state(work, store_id).oldest_order_at
    since = now - timedelta(days=days) if days is not None else (oldest or now)
    since = datetime.combine(since.date(), time.min, tzinfo=UTC)
    differences: dict[str, dict[str, int]] = {}
    compared = repaired = 0
    api = services.api(store_id)
    try:
        for start, end in _months(since, now + timedelta(days=1)):
            theirs = {version.platform_id: version for page in api.versions(start, end) for version in page}
            with services.reading(account_id) as work:
                ours = sync.versions(work, store_id, start, end)
                again = sync.refunded_since(work, store_id, max(start, now - timedelta(days=DEEP_DAYS)), end)
            compared += len(theirs)
            wrong = _differing(ours, theirs)
            for kind, day in wrong.values():
                differences.setdefault(day, {}).setdefault(kind, 0)
                differences[day][kind] += 1
            for platform_id in [*wrong, *(again - wrong.keys())]:
                _refetch(services, account_id, store_id, api, platform_id)
            repaired += len(wrong)
        for platform_id in _due_poison(services, account_id, store_id):
            _refetch(services, account_id, store_id, api, platform_id)
    except StoreError as error:
        with services.transaction(account_id) as work:
            syncing.proof_failed(work, store_id, stores.problem(error, work.now()))
        return {"error": error.code, "compared": compared}
    finally:
        api.close()
    result = {
        "at": now.isoformat(),
        "since": since.isoformat(),
        "compared": compared,
        "differences": differences,
        "repaired": repaired,
    }
    with services.transaction(account_id) as work:
        syncing.proved(work, store_id, result)
    return result


def _due_poison(services: Services, account_id: int, store_id: int) -> list[str]:
    with services.reading(account_id) as work:
        return sync.due_poison(work, store_id)


def _months(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Windows of 30 days: large enough to be cheap, small enough to stay under every paging limit."""
    start = since
    while start < until:
        end = min(start + timedelta(days=30), until)
        yield start, end
        start = end


def _differing(
    ours: dict[str, tuple[datetime, datetime, bool]], theirs: dict[str, OrderVersion]
) -> dict[str, tuple[str, str]]:
    """What to read again: platform id → (kind of difference, day the order was placed)."""
    wrong: dict[str, tuple[str, str]] = {}
    for platform_id, version in theirs.items():
        mine = ours.get(platform_id)
        day = version.placed_at.date().isoformat()
        if mine is None:
            wrong[platform_id] = ("missing", day)
        elif mine[1] < version.updated_at or mine[2] is not version.gone:
            wrong[platform_id] = ("stale", day)
    for platform_id, (placed_at, _, gone) in ours.items():
        if platform_id not in theirs and not gone:
            wrong[platform_id] = ("extra", placed_at.date().isoformat())
    return wrong
