"""Whoever writes to several tables of a store locks the account first: so nobody waits in a circle.

Each job is started while the test holds the account. Once it waits, the test writes to the store's rows:
a job that had locked one of them by then would never be let on, and Postgres would end one of the two.
"""

from __future__ import annotations

import time as clock_of_the_wall
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text, update

from connectors.demo.shopify.control import VERBS
from integration import identity, inbox, stores
from integration.db.inbox import Delivery
from integration.db.orders import Order
from integration.db.stores import Store, SyncState
from integration.ports import Topic, WebhookEvent
from jobs import inbox as settling
from jobs import sync as copying


@pytest.fixture
def orders_in_each() -> int:
    return 4


@pytest.fixture
def make_due(services: Any, account_id: int) -> Callable[[int], None]:
    def due(store_id: int) -> None:
        with services.transaction(account_id) as work:
            state = stores.state(work, store_id)
            state.due_at = state.changed_since = services.now() - timedelta(days=900)

    return due


def _copy(services: Any, account_id: int, store_id: int) -> None:
    copying.run(services, store_id=store_id)


def _settle(services: Any, account_id: int, store_id: int) -> None:
    settling.drain(services, store_id=store_id)


def _disconnect(services: Any, account_id: int, store_id: int) -> None:
    with services.transaction(account_id) as work:
        stores.disconnect(work, stores.find(work, store_id), by="tests")


def _reconnect(services: Any, account_id: int, store_id: int) -> None:
    with services.transaction(account_id) as work:
        store = stores.find(work, store_id)
        held = stores.credentials(services.vault, store)
    api = services.api(store_id)
    try:
        shop = api.shop()
    finally:
        api.close()
    with services.transaction(account_id) as work:
        stores.connect(work, services.vault, store.platform, shop, held, url=store.url, by="tests")


@pytest.mark.parametrize("job", [_copy, _settle, _disconnect, _reconnect])
def test_a_job_that_waits_for_the_account_holds_nothing_of_the_store(
    job: Callable[..., None],
    services: Any,
    account_id: int,
    connected: dict[str, int],
    shopify: Any,
    make_due: Any,
) -> None:
    store_id, shop = connected["shopify"], shopify.shop()
    (changed, deleted, *_) = (order["id"] for order in shop.archive.find("1", ()))
    VERBS["touch"](shop, order=changed, note="call first")
    VERBS["delete"](shop, order=deleted)
    for topic, order in ((Topic.ORDER, changed), (Topic.ORDER_GONE, deleted)):
        event = WebhookEvent(
            delivery_id=order,
            topic=topic,
            platform_topic=topic.value,
            domain="",
            resource_id=order,
            triggered_at=None,
        )
        with services.transaction(account_id) as work:
            inbox.accept(work, services.vault, stores.find(work, store_id), event, b"{}")
    make_due(store_id)

    with ThreadPoolExecutor(1) as pool:
        with services.transaction(account_id) as work:
            identity.lock_account(work)
            running = pool.submit(job, services, account_id, store_id)
            _until_it_waits(work, running)
            for table, values in (
                (Store, {"name": "Lumi Home"}),
                (SyncState, {"failures": 0}),
                (Order, {"note": "written meanwhile"}),
                (Delivery, {"attempts": 1}),
            ):
                work.session.execute(update(table).values(**values))
        running.result(30)


def _until_it_waits(work: Any, running: Future[None]) -> None:
    """SQLite has one writer, so there is nothing to see: the job waits for its turn as a whole."""
    if work.session.get_bind().dialect.name == "sqlite":
        return
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    while not work.session.scalar(waiting):
        assert not running.done(), running.exception()
        clock_of_the_wall.sleep(0.02)
