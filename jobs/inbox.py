"""Webhooks become changes of the cache: the store is asked what the order looks like now."""

from __future__ import annotations

import logging
from datetime import timedelta
from time import monotonic

from integration import inbox, privacy, stores, sync
from integration.db.stores import Store
from integration.errors import NotFound, RateLimited, StoreDenied, StoreError
from integration.inbox import Claim
from integration.ports import StoreApi, Topic
from integration.work import JobName, Work
from jobs.boot import Services
from jobs.stores import account_of

log = logging.getLogger(__name__)

SLICE_SECONDS = 5.0
"""One store's turn; then the next store's, so that a busy store never keeps others waiting long."""


def drain(services: Services, *, store_id: int) -> None:
    """Settle what is due in one store's inbox, for one turn."""
    account_id = account_of(services, store_id)
    until = monotonic() + SLICE_SECONDS
    api: StoreApi | None = None
    try:
        while True:
            with services.transaction(account_id) as work:
                claims = inbox.claim(work, store_id)
            if not claims:
                return
            for claim in claims:
                try:
                    if api is None and claim.topic in ASKS_STORE:
                        api = services.api(store_id)
                    _settle(services, account_id, store_id, claim, api)
                except StoreError as error:
                    _postpone(services, account_id, store_id, claim, error)
            if monotonic() > until:
                with services.transaction(account_id) as work:
                    work.wake(JobName.DRAIN_INBOX, store_id=store_id)
                return
    finally:
        if api is not None:
            api.close()


ASKS_STORE = frozenset({Topic.ORDER, Topic.ORDER_GONE, Topic.RETURN, Topic.PRODUCT, Topic.SCOPES, Topic.SHOP})


def _settle(services: Services, account_id: int, store_id: int, claim: Claim, api: StoreApi | None) -> None:
    """Do what one group of deliveries asks for, then mark them done in the same transaction."""
    topic, resource = claim.topic, claim.resource
    if topic == Topic.RETURN and api and resource:
        topic, resource = Topic.ORDER, api.order_of(resource)
    if topic in (Topic.ORDER, Topic.ORDER_GONE) and api and resource:
        begun = services.now()
        record = api.order(resource)
        with services.transaction(account_id) as work:
            store = stores.find(work, store_id)
            if record is None:
                sync.mark_gone(work, store, [resource], begun)
            else:
                sync.apply(work, store, [record])
            _done(work, store_id, claim)
        if record is not None:
            learn_products(services, account_id, store_id, api, [line.product_id for line in record.lines])
        return
    products = api.products([resource]) if topic == Topic.PRODUCT and api and resource else ()
    shop = api.shop() if topic in (Topic.SCOPES, Topic.SHOP) and api else None
    with services.transaction(account_id) as work:
        store = stores.find(work, store_id)
        sync.apply_products(work, store, products)
        if shop is not None:
            stores.describe(store, shop)
        if topic == Topic.UNINSTALLED:
            _uninstalled(work, store, claim)
        elif topic == Topic.BULK:
            work.wake(JobName.SYNC, store_id=store_id)
        elif topic in (Topic.DATA_REQUEST, Topic.REDACT_CUSTOMER, Topic.REDACT_SHOP):
            privacy.receive(work, services.vault, store, claim.ids)
        _done(work, store_id, claim)


def _done(work: Work, store_id: int, claim: Claim) -> None:
    inbox.settle(work, claim.ids)
    inbox.note_arrival(work, store_id, work.now())


def _uninstalled(work: Work, store: Store, claim: Claim) -> None:
    """The merchant removed the app, unless it was installed again since: the word may come late."""
    said = inbox.newest_trigger(work, claim.ids)
    if said is None or said >= store.installed_at - timedelta(seconds=1):
        stores.disconnect(work, store, by="store", reason="uninstalled")


def _postpone(services: Services, account_id: int, store_id: int, claim: Claim, error: StoreError) -> None:
    log.info("store %s: %s is put off: %s", store_id, claim.topic, error.code)
    with services.transaction(account_id) as work:
        problem = stores.problem(error, work.now())
        # A store that is down is no fault of its deliveries: they wait, however long it takes.
        wait = max(error.wait, 2.0) if isinstance(error, RateLimited) else None
        inbox.postpone(work, claim.ids, problem, wait=wait)
        if isinstance(error, StoreDenied):
            try:
                stores.denied(work, stores.find(work, store_id), error)
            except NotFound:
                return


def learn_products(
    services: Services, account_id: int, store_id: int, api: StoreApi, ids: list[str | None]
) -> None:
    """Fetch what kind of things these are, where the cache does not know yet. Failing is no failure."""
    with services.reading(account_id) as work:
        missing = sync.unknown_products(work, store_id, {one for one in ids if one})
    if not missing:
        return
    try:
        products = api.products(missing)
    except StoreError as error:
        log.info("store %s: products not read: %s", store_id, error.code)
        return
    with services.transaction(account_id) as work:
        sync.apply_products(work, stores.find(work, store_id), products)
