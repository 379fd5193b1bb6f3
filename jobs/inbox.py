"""Webhooks become changes of the cache: the store is asked what the order looks like now."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from time import monotonic

from integration import identity, inbox, privacy, stores, sync
from integration.db.stores import Store, SyncPhase
from integration.errors import (
    NotFound,
    RateLimited,
    StoreDenied,
    StoreError,
    StoreUnavailable,
    UnreadableAnswer,
)
from integration.inbox import Claim
from integration.ports import Poisoned, StoreApi, Topic
from integration.work import JobName, Work
from jobs import queues
from jobs.boot import Services
from jobs.stores import account_of

log = logging.getLogger(__name__)

SLICE_SECONDS = 5.0
"""One store's turn; then the next store's, so that a busy store never keeps others waiting long."""
SLOW_SECONDS = 8.0
"""A call that failed after so long held others up: the store's next turns come from the patient queue."""
FAILURES = 3
"""Deliveries that may fail in a row before the store itself counts as unwell."""


def drain(services: Services, *, store_id: int) -> None:
    """Settle what is due in one store's inbox, for one turn."""
    account_id = account_of(services, store_id)
    with ExitStack() as stack:
        turn = _Turn(services, account_id, store_id, stack)
        while turn.goes_on():
            with services.transaction(account_id) as work:
                claims = inbox.claim(work, store_id)
                if stores.state(work, store_id).phase is SyncPhase.WAITING:
                    claims = _without_copies(work, claims)
            if not claims:
                break
            left = turn.settle_together(claims)
            settled = len(left) < len(claims)
            while left and (turn.goes_on() or not settled):  # however short a turn, something gets done
                turn.settle(left.pop(0))
                settled = True
            if left or not turn.goes_on():
                turn.give_back(left)
                break


def _without_copies(work: Work, claims: Sequence[Claim]) -> list[Claim]:
    """A store that nobody has confirmed is not copied; if somebody does, its backfill brings all of it."""
    inbox.settle(work, [one for claim in claims if claim.topic in COPIES for one in claim.ids])
    return [claim for claim in claims if claim.topic not in COPIES]


class _Turn:
    """One store's turn: ends when its time is over or the store turns out to be unwell."""

    def __init__(self, services: Services, account_id: int, store_id: int, stack: ExitStack) -> None:
        self.services, self.account_id, self.store_id = services, account_id, store_id
        self._stack = stack
        self._began = services.now()
        self._until = monotonic() + SLICE_SECONDS
        self._api: StoreApi | None = None
        self._failures = 0
        self._wait: float | None = None

    def goes_on(self) -> bool:
        return self._wait is None and monotonic() < self._until

    def _client(self) -> StoreApi:
        if self._api is None:
            # One attempt: others wait behind this call, and a delivery is tried again in any case.
            self._api = self.services.api(self.store_id, attempts=1)
            self._stack.callback(self._api.close)
        return self._api

    def settle_together(self, claims: Sequence[Claim]) -> list[Claim]:
        """Settle the orders that one question brings; the claims that want a question of their own are left.

        Those are also the ones that it failed for: each failure is to be laid at the right door.
        """
        asked = [claim for claim in claims if claim.topic in ABOUT_ORDERS and claim.resource]
        began = monotonic()
        try:
            if len(asked) < 2 or (api := self._client()).at_once < 2:
                return list(claims)
            settled = _settle_orders(self.services, self.account_id, self.store_id, asked, api)
        except (StoreUnavailable, StoreDenied) as error:
            self._failed(asked[0], error, began)
            settled = {asked[0]}
        except StoreError as error:
            log.info("store %s: orders are asked for one by one: %s", self.store_id, error.code)
            settled = set()
        except Exception:  # one delivery's fault: found by settling each by itself
            log.exception("store %s: orders could not be settled together", self.store_id)
            settled = set()
        else:
            self._failures = 0
        return [claim for claim in claims if claim not in settled]

    def settle(self, claim: Claim) -> None:
        began = monotonic()
        try:
            api = self._client() if claim.topic in ASKS_STORE else None
            _settle(self.services, self.account_id, self.store_id, claim, api)
        except StoreError as error:
            self._failed(claim, error, began)
        except Exception as error:  # one delivery's edge: the others must not wait behind it for ever
            log.exception("store %s: a delivery about %s failed", self.store_id, claim.topic)
            problem = {"code": "internal", "message": type(error).__name__, "next_step": ""}
            with self.services.transaction(self.account_id) as work:
                inbox.postpone(work, claim.ids, problem)
        else:
            self._failures = 0

    def _failed(self, claim: Claim, error: StoreError, began: float) -> None:
        self._failures += 1
        unwell = isinstance(error, RateLimited | StoreDenied) or self._failures >= FAILURES
        if monotonic() - began > SLOW_SECONDS:
            queues.note_slow(self.services.redis, self.store_id)
            unwell = True
        if unwell:
            self._wait = max(error.wait, 2.0) if isinstance(error, RateLimited) else 2.0
        _postpone(self.services, self.account_id, self.store_id, claim, error, self._began)

    def give_back(self, claims: Sequence[Claim]) -> None:
        """Untried deliveries wait with the store if it is unwell, else only for the next turn."""
        with self.services.transaction(self.account_id) as work:
            if claims:
                inbox.give_back(work, claims, wait=self._wait or 0.0)
            if self._wait is None:
                work.wake(JobName.DRAIN_INBOX, store_id=self.store_id)


ABOUT_ORDERS = frozenset({Topic.ORDER, Topic.ORDER_GONE})
COPIES = ABOUT_ORDERS | {Topic.RETURN, Topic.PRODUCT}
ASKS_STORE = COPIES | {Topic.SCOPES, Topic.SHOP}


def _settle_orders(
    services: Services, account_id: int, store_id: int, claims: Sequence[Claim], api: StoreApi
) -> set[Claim]:
    """Settle many orders with one question and one transaction; returns the claims that are done."""
    begun = services.now()
    wanted = list(dict.fromkeys(claim.resource for claim in claims if claim.resource))
    records, poisoned = api.orders(wanted)
    unread = {each.platform_id for each in poisoned}
    gone = set(wanted) - {record.platform_id for record in records} - unread
    done = {claim for claim in claims if claim.resource not in unread}
    with services.transaction(account_id) as work:
        identity.lock_account(work)
        store = stores.find(work, store_id)
        sync.apply(work, store, records)
        if gone:
            sync.mark_gone(work, store, sorted(gone), begun)
        inbox.settle(work, [one for claim in done for one in claim.ids])
        inbox.note_arrival(work, store_id, work.now())
    learn_products(
        services,
        account_id,
        store_id,
        api,
        [line.product_id for record in records for line in record.lines],
    )
    return done


def _settle(services: Services, account_id: int, store_id: int, claim: Claim, api: StoreApi | None) -> None:
    """Do what one group of deliveries asks for, then mark them done in the same transaction."""
    topic, resource = claim.topic, claim.resource
    if topic == Topic.RETURN and api and resource:
        topic, resource = Topic.ORDER, api.order_of(resource)
    if topic in ABOUT_ORDERS and api and resource:
        begun = services.now()
        record = api.order(resource)
        with services.transaction(account_id) as work:
            identity.lock_account(work)
            store = stores.find(work, store_id)
            if record is None:
                sync.mark_gone(work, store, [resource], begun)
            else:
                sync.apply(work, store, [record])
            _done(work, store_id, claim)
        if record is not None:
            learn_products(services, account_id, store_id, api, [line.product_id for line in record.lines])
        return
    if topic == Topic.UNINSTALLED and _lets_us_in(services, store_id):
        with services.transaction(account_id) as work:
            identity.lock_account(work)
            _done(work, store_id, claim)
        return
    products = api.products([resource]) if topic == Topic.PRODUCT and api and resource else ()
    shop = api.shop() if topic in (Topic.SCOPES, Topic.SHOP) and api else None
    with services.transaction(account_id) as work:
        identity.lock_account(work)
        store = stores.find(work, store_id)
        sync.apply_products(work, store, products)
        if shop is not None:
            stores.describe(store, shop)
        if topic == Topic.UNINSTALLED:
            _uninstalled(work, store, claim)
        elif topic == Topic.BULK:
            work.wake(JobName.SYNC, store_id=store_id)
        elif topic in (Topic.DATA_REQUEST, Topic.REDACT_CUSTOMER, Topic.REDACT_SHOP):
            privacy.receive(work, store, claim.ids)
        _done(work, store_id, claim)


def _done(work: Work, store_id: int, claim: Claim) -> None:
    inbox.settle(work, claim.ids)
    inbox.note_arrival(work, store_id, work.now())


def _lets_us_in(services: Services, store_id: int) -> bool:
    """Whether the store still takes our token: then nobody removed the app, or it is back."""
    try:
        api = services.api(store_id, attempts=1)
        try:
            api.shop()
        finally:
            api.close()
    except StoreError:
        return False
    return True


def _uninstalled(work: Work, store: Store, claim: Claim) -> None:
    """The merchant removed the app, unless it was installed again since: the word may come late."""
    said = inbox.newest_trigger(work, claim.ids)
    if said is None or said >= store.installed_at - timedelta(seconds=1):
        stores.disconnect(work, store, by="store", reason="uninstalled")


def _postpone(
    services: Services, account_id: int, store_id: int, claim: Claim, error: StoreError, began: datetime
) -> None:
    log.info("store %s: %s is put off: %s", store_id, claim.topic, error.code)
    with services.transaction(account_id) as work:
        identity.lock_account(work)
        problem = stores.problem(error, work.now())
        # A store that is down or shut is no fault of its deliveries: they wait, however long it takes.
        wait = max(error.wait, 2.0) if isinstance(error, RateLimited) else None
        inbox.postpone(
            work, claim.ids, problem, wait=wait, patient=isinstance(error, StoreUnavailable | StoreDenied)
        )
        try:
            store = stores.find(work, store_id)
        except NotFound:
            return
        if isinstance(error, StoreDenied):
            stores.denied(work, store, error, asked_at=began)
        elif isinstance(error, UnreadableAnswer) and claim.topic == Topic.ORDER and claim.resource:
            sync.poison(work, store, [Poisoned(platform_id=claim.resource, reason=str(error))])


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
