"""Backfill and reconciliation: the store's orders, copied and kept."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from time import monotonic

from integration import identity, stores, sync, syncing
from integration.errors import RateLimited, StoreDenied, StoreError, StoreRefused, UnreadableAnswer
from integration.ports import Batch, Poisoned, StoreApi
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
LOOK_AGAIN = timedelta(hours=6)
"""An order under way that was not read for so long is read, whatever its modification time says."""
UNDER_WAY = timedelta(days=45)
LOOKS_A_TURN = 30
RETRIES_A_TURN = 20
"""Unreadable orders that one reconciliation tries again."""


class _Lost(Exception):
    """Another worker owns the sync now, or the store was let go: leave everything to them."""


def run(services: Services, *, store_id: int) -> None:
    """One turn of copying for one store: a slice of the backfill, or a reconciliation."""
    account_id = account_of(services, store_id)
    began = services.now()
    with services.transaction(account_id) as work:
        hold = syncing.claim(work, store_id, owner=secrets.token_hex(8))
    if hold is None:
        return
    try:
        api = services.api(store_id)
        try:
            _subscribe(services, account_id, store_id, api, hold)
            ended = _copy(services, account_id, store_id, api, hold)
            if ended and not hold.backfilling:
                retry_poison(services, account_id, store_id, api)
                look_again(services, account_id, store_id, api)
        finally:
            api.close()
    except _Lost:
        return
    except StoreError as error:
        _failed(services, account_id, store_id, hold, error, began)
        return
    with services.transaction(account_id) as work:
        identity.lock_account(work)
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
    if changes:
        log.info("store %s: webhooks mended: %s", store_id, "; ".join(changes))
    with services.transaction(account_id) as work:
        syncing.webhooks_checked(work, hold)


def _copy(services: Services, account_id: int, store_id: int, api: StoreApi, hold: Hold) -> bool:
    """Copy for one turn. True when the backfill or window is complete."""
    until = monotonic() + SLICE_SECONDS
    for batch in _batches(api, hold):
        with services.transaction(account_id) as work:
            identity.lock_account(work)
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


def _failed(
    services: Services, account_id: int, store_id: int, hold: Hold, error: StoreError, began: datetime
) -> None:
    log.warning("store %s: sync stopped: %s: %s", store_id, error.code, error)
    with services.transaction(account_id) as work:
        identity.lock_account(work)
        if isinstance(error, StoreDenied):
            stores.denied(work, stores.find(work, store_id), error, asked_at=began)
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
        identity.lock_account(work)
        store = stores.find(work, store_id)
        if record is None:
            sync.mark_gone(work, store, [platform_id], begun)
            sync.unpoison(work, store, [platform_id])
        else:
            sync.apply(work, store, [record])
    return record is not None


def mend(services: Services, account_id: int, store_id: int, api: StoreApi, platform_id: str) -> bool:
    """Read an order again; False if it could not be read, and is kept aside with its reason.

    Raises StoreError where the store itself is the trouble.
    """
    try:
        _refetch(services, account_id, store_id, api, platform_id)
    except (UnreadableAnswer, StoreRefused) as error:
        with services.transaction(account_id) as work:
            bad = Poisoned(platform_id=platform_id, reason=str(error))
            sync.poison(work, stores.find(work, store_id), [bad])
        return False
    return True


def retry_poison(services: Services, account_id: int, store_id: int, api: StoreApi) -> None:
    """Try the orders that could not be read once more, as far as their time has come."""
    with services.reading(account_id) as work:
        due = sync.due_poison(work, store_id)
    for platform_id in due[:RETRIES_A_TURN]:
        mend(services, account_id, store_id, api, platform_id)


def look_again(services: Services, account_id: int, store_id: int, api: StoreApi) -> None:
    """Read some of the orders whose parcels are under way: their progress may move no date."""
    now = services.now()
    with services.reading(account_id) as work:
        due = sync.worth_a_look(
            work, store_id, placed_after=now - UNDER_WAY, not_since=now - LOOK_AGAIN, most=LOOKS_A_TURN
        )
    for platform_id in due:
        mend(services, account_id, store_id, api, platform_id)
