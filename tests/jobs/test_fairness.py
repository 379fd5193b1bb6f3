"""Hundreds of stores share the workers: nobody's copying or flood keeps another's news waiting.

Real queues, a real worker in this process; what is looked at is who was served in which order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import select

from integration import inbox, stores
from integration.db.inbox import Delivery, DeliveryStatus
from integration.db.orders import Order
from integration.ports import Topic, WebhookEvent
from integration.work import JobName
from jobs import inbox as draining
from jobs import queues, run
from jobs import sync as copying

Served = list[tuple[JobName, int]]


@pytest.fixture
def orders_in_each() -> int:
    return 80


@pytest.fixture
def served(services: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Which job a worker has done for which store, in order; wakes go to the real queue."""
    log: Served = []

    def noting(name: JobName, handler: Callable[..., object]) -> Callable[..., object]:
        def handle(given: Any, **arguments: Any) -> None:
            handler(given, **arguments)
            log.append((name, arguments.get("store_id", 0)))

        return handle

    monkeypatch.setattr(run, "HANDLERS", {name: noting(name, each) for name, each in run.HANDLERS.items()})
    monkeypatch.setattr(run, "_services", None)
    services.redis.flushdb()
    services.enqueue = queues.enqueue
    yield log
    services.redis.flushdb()


def tell(services: Any, account_id: int, store_id: int, *resources: str, topic: Topic = Topic.ORDER) -> None:
    """Webhooks of this store come in."""
    with services.transaction(account_id) as work:
        store = stores.find(work, store_id)
        for resource in resources:
            event = WebhookEvent(
                topic=topic,
                platform_topic="order.updated",
                delivery_id=f"{store_id} {resource}",
                domain=store.domain,
                resource_id=resource,
            )
            assert inbox.accept(work, services.vault, store, event, b"{}")


def test_a_webhook_is_served_before_the_next_slice_of_anothers_backfill(
    connect_both: Callable[[], dict[str, int]],
    services: Any,
    account_id: int,
    woocommerce: Any,
    served: Served,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even by a worker that was in the middle of the copying when it came."""
    ids = connect_both()
    services.redis.flushdb()
    changed = str(woocommerce.command("state")["orders"][0]["id"])
    monkeypatch.setattr(copying, "SLICE_SECONDS", 0.0)
    copy, news = run.HANDLERS[JobName.SYNC], [changed]

    def copy_and_hear(given: Any, **arguments: Any) -> None:
        if news:
            tell(services, account_id, ids["woocommerce"], news.pop())
        copy(given, **arguments)

    monkeypatch.setitem(run.HANDLERS, JobName.SYNC, copy_and_hear)
    queues.enqueue(services.redis, JobName.SYNC, {"store_id": ids["shopify"]})
    run.work(services, queues.ALL, burst=True)

    copied = (JobName.SYNC, ids["shopify"])
    assert served[:2] == [copied, (JobName.DRAIN_INBOX, ids["woocommerce"])]
    assert served.count(copied) > 3
    with services.reading(account_id) as work:
        here = work.session.scalars(select(Order.platform_id).where(Order.store_id == ids["woocommerce"]))
        assert list(here) == [changed]


def test_one_worker_never_copies(services: Any, served: Served, account_id: int, world: Any) -> None:
    store_id = world.store(account_id)
    queues.enqueue(services.redis, JobName.SYNC, {"store_id": store_id})
    queues.enqueue(services.redis, JobName.DRAIN_INBOX, {"store_id": store_id})
    run.work(services, queues.FAST, burst=True)

    assert served == [(JobName.DRAIN_INBOX, store_id)]


def test_a_flood_of_one_store_lets_the_others_in_between(
    services: Any, served: Served, account_id: int, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store has the worker for one turn; who came meanwhile has the next."""
    loud, *quiet = (world.store(account_id) for _ in range(6))
    monkeypatch.setattr(draining, "SLICE_SECONDS", 0.02)
    tell(services, account_id, loud, *(f"event {number}" for number in range(60)), topic=Topic.UNKNOWN)
    for store_id in quiet:
        tell(services, account_id, store_id, "the only one", topic=Topic.UNKNOWN)
    run.work(services, queues.FAST, burst=True)

    turns = [store_id for _, store_id in served]
    assert turns[: len(quiet) + 1] == [loud, *quiet]
    assert turns.count(loud) > 1
    with services.reading(account_id) as work:
        assert set(work.session.scalars(select(Delivery.status))) == {DeliveryStatus.DONE}


def test_a_store_that_keeps_workers_waiting_waits_with_the_copying(
    services: Any, served: Served, account_id: int, world: Any
) -> None:
    slow, other = world.store(account_id), world.store(account_id)
    queues.note_slow(services.redis, slow)
    for store_id in (slow, other):
        tell(services, account_id, store_id, "news", topic=Topic.UNKNOWN)
    run.work(services, queues.FAST, burst=True)
    assert served == [(JobName.DRAIN_INBOX, other)]

    run.work(services, queues.ALL, burst=True)
    assert served[1:] == [(JobName.DRAIN_INBOX, slow)]


def test_a_worker_outlives_a_queue_that_is_away(
    services: Any, served: Served, account_id: int, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It greets the queue as soon as it is made: that must not be the end of it either."""
    store_id = world.store(account_id)
    queues.enqueue(services.redis, JobName.DRAIN_INBOX, {"store_id": store_id})
    real, addresses = services.settings.redis_url, ["unix:///nowhere/redis.sock"]
    connect = Redis.from_url

    def away_once(url: str, **more: Any) -> Redis:
        assert url == real
        return connect(addresses.pop() if addresses else url, **more)

    monkeypatch.setattr(run.Redis, "from_url", away_once)
    monkeypatch.setattr(run, "QUEUE_AWAY_SECONDS", 0.0)
    run.work(services, queues.FAST, burst=True)

    assert served == [(JobName.DRAIN_INBOX, store_id)]
