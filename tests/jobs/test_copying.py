"""Backfill, webhooks, reconciliation and proof: whatever happens, the cache ends equal to the stores."""

from __future__ import annotations

import os
import signal
import time as clock_of_the_wall
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from connectors.woocommerce import reads
from integration import stores, syncing
from integration.db.inbox import Poison
from integration.db.orders import Order
from integration.db.stores import Product, StoreStatus, SyncPhase
from jobs import proving, queues, schedule
from jobs import sync as copying
from tests.jobs import stores_state


class Truth:
    """Both stores' own books against the cache."""

    def __init__(self, services: Any, account_id: int, shopify: Any, woocommerce: Any) -> None:
        self.services, self.account_id = services, account_id
        self.shopify, self.woocommerce = shopify, woocommerce
        self.setting = stores_state.setting_of(woocommerce.url, *woocommerce.key())

    def differences(self, ids: dict[str, int]) -> list[str]:
        held = stores_state.held_by(self.shopify, self.woocommerce, self.setting)
        return [
            difference
            for platform, store_id in ids.items()
            for difference in stores_state.differences(
                held[platform], stores_state.cached(self.services.db, self.account_id, store_id)
            )
        ]

    def state(self, store_id: int) -> Any:
        with self.services.reading(self.account_id) as work:
            return stores.state(work, store_id)

    def status(self, store_id: int) -> StoreStatus:
        with self.services.reading(self.account_id) as work:
            return stores.find(work, store_id).status

    def order_ids(self, store_id: int) -> list[str]:
        with self.services.reading(self.account_id) as work:
            query = select(Order.platform_id).where(Order.store_id == store_id).order_by(Order.placed_at)
            return list(work.session.scalars(query))


@pytest.fixture
def truth(services: Any, account_id: int, shopify: Any, woocommerce: Any) -> Truth:
    return Truth(services, account_id, shopify, woocommerce)


def test_a_backfill_ends_with_exactly_the_stores_orders(connected: dict[str, int], truth: Truth) -> None:
    held = stores_state.held_by(truth.shopify, truth.woocommerce, truth.setting)

    assert {platform: len(orders) >= 12 for platform, orders in held.items()} == dict.fromkeys(held, True)
    assert truth.differences(connected) == []


def test_a_second_backfill_changes_nothing(
    connected: dict[str, int], truth: Truth, services: Any, account_id: int
) -> None:
    def rows() -> list[Any]:
        with services.reading(account_id) as work:
            return work.session.execute(select(Order.id, Order.digest).order_by(Order.id)).all()

    before = rows()
    for store_id in connected.values():
        with services.transaction(account_id) as work:
            stores.begin_backfill(stores.state(work, store_id), services.now())
        _copy(services, truth, store_id)

    assert rows() == before
    assert truth.differences(connected) == []


def _copy(services: Any, truth: Truth, store_id: int) -> None:
    for _ in range(100):
        copying.run(services, store_id=store_id)
        if truth.state(store_id).phase is SyncPhase.LIVE:
            return
    raise AssertionError("the backfill does not end")


def test_the_copy_says_how_far_it_came(connected: dict[str, int], truth: Truth, services: Any) -> None:
    state = truth.state(connected["woocommerce"])
    held = stores_state.in_woocommerce(truth.woocommerce.command("state"), truth.setting)

    assert (state.done, state.total) == (len(held), len(held))
    assert state.oldest_order_at == min(record.placed_at for record in held.values())
    assert truth.status(connected["woocommerce"]) is StoreStatus.INSTALLING
    copying.run(services, store_id=connected["woocommerce"])
    assert truth.status(connected["woocommerce"]) is StoreStatus.ACTIVE


def test_goods_are_learnt_with_the_orders(connected: dict[str, int], services: Any, account_id: int) -> None:
    with services.reading(account_id) as work:
        counts = dict(
            work.session.execute(select(Product.store_id, func.count()).group_by(Product.store_id)).all()
        )

    assert set(counts) == set(connected.values())


def test_changes_without_any_webhook_are_found_by_reconciling(
    connected: dict[str, int], truth: Truth, run_due: Callable[[], int], time: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(reads, "SETTLING", timedelta(seconds=-2))  # nobody waits for seconds to settle
    run_due()
    orders = truth.order_ids(connected["shopify"])
    shop = truth.shopify.shop()
    _do(shop, "touch", order=orders[0], note="an old order, edited")
    _do(shop, "touch", order=orders[-1], tags=["vip"])
    fresh = truth.woocommerce.command("tick", times=6)
    truth.woocommerce.command(
        "orders/change", id=int(truth.order_ids(connected["woocommerce"])[0]), customer_note="gate code 12"
    )
    assert fresh["steps"]
    assert truth.differences(connected) != []
    time.advance(timedelta(minutes=11))
    run_due()

    assert truth.differences(connected) == []


def _do(shop: Any, verb: str, **more: Any) -> Any:
    from connectors.demo.shopify.control import VERBS

    return VERBS[verb](shop, **more)


@pytest.fixture
def proven(services: Any, connected: dict[str, int], run_due: Callable[[], int]) -> Callable[[], list[Any]]:
    run_due()
    return lambda: [proving.prove(services, store_id=store_id) for store_id in connected.values()]


def test_a_proof_of_an_equal_cache_finds_nothing(
    proven: Callable[[], list[Any]], truth: Truth, connected: dict[str, int]
) -> None:
    results = proven()

    assert [result["differences"] for result in results] == [{}, {}]
    assert [result["compared"] for result in results] == [
        len(truth.order_ids(connected[platform])) for platform in ("shopify", "woocommerce")
    ]


def test_a_proof_finds_and_repairs_what_no_date_tells(
    proven: Callable[[], list[Any]], truth: Truth, connected: dict[str, int], services: Any
) -> None:
    shopify, woocommerce = (truth.order_ids(connected[name]) for name in ("shopify", "woocommerce"))
    _do(truth.shopify.shop(), "delete", order=shopify[0])
    truth.woocommerce.command("orders/delete", id=int(woocommerce[0]))
    truth.woocommerce.command("orders/trash", id=int(woocommerce[1]))
    refunds = truth.woocommerce.command("state")["refunds"]
    old = next(row for row in refunds if str(row["parent_id"]) not in woocommerce[:2])
    truth.woocommerce.command("refunds/delete", order_id=old["parent_id"], id=old["id"])
    with services.transaction(truth.account_id) as work:
        lost = work.session.scalars(select(Order).where(Order.platform_id == shopify[3])).one()
        work.session.delete(lost)
    first = proven()
    kinds = [sorted({kind for day in one["differences"].values() for kind in day}) for one in first]

    assert kinds == [["extra", "missing"], ["extra", "stale"]]
    assert [one["repaired"] for one in first] == [2, 3]
    assert truth.differences(connected) == []
    assert [one["differences"] for one in proven()] == [{}, {}]


def test_a_proof_in_turns_goes_on_where_it_was(
    proven: Callable[[], list[Any]],
    connected: dict[str, int],
    services: Any,
    truth: Truth,
    monkeypatch: pytest.MonkeyPatch,
    wakes: list[Any],
) -> None:
    store_id = connected["woocommerce"]
    monkeypatch.setattr(proving, "SLICE_SECONDS", 0.0)
    monkeypatch.setattr(proving, "LONGEST", 30)
    with services.transaction(truth.account_id) as work:
        stores.state(work, store_id).proof_due_at = services.now()
    seen = []
    for _ in range(200):
        proving.run(services, store_id=store_id)
        state = truth.state(store_id)
        if "running" not in state.proof:
            break
        seen.append(state.proof["running"]["next"])

    assert len(seen) > 2
    assert seen == sorted(set(seen))
    assert state.proof["compared"] == len(truth.order_ids(store_id))
    assert state.proof_due_at > services.now() + timedelta(hours=23)


def test_two_workers_do_not_prove_at_once(connected: dict[str, int], services: Any, truth: Truth) -> None:
    store_id = connected["shopify"]
    with services.transaction(truth.account_id) as work:
        stores.state(work, store_id).proof_due_at = services.now()
    with services.transaction(truth.account_id) as work:
        assert syncing.claim_proof(work, store_id) is not None
    with services.transaction(truth.account_id) as work:
        assert syncing.claim_proof(work, store_id) is None


# Poison


def test_one_unreadable_order_stops_no_backfill_and_heals(
    connect_both: Callable[[], dict[str, int]],
    truth: Truth,
    services: Any,
    run_due: Callable[[], int],
    time: Any,
) -> None:
    ids = connect_both()
    poisoned = truth.woocommerce.command("state")["orders"][0]["id"]
    truth.woocommerce.command(
        "faults",
        rules=[
            {"action": "status_before", "path": "/orders$", "times": 4, "skip": 2, "status": 500},
            {"action": "status_before", "path": f"/orders/{poisoned}$", "times": 10**6, "status": 500},
        ],
    )
    for store_id in ids.values():
        _copy(services, truth, store_id)
    found = truth.differences(ids)
    assert {line.split(":")[0] for line in found} <= {str(poisoned)}

    truth.woocommerce.command("faults", rules=[])
    for _ in range(3):
        time.advance(timedelta(minutes=21))
        run_due()
    assert truth.differences(ids) == []
    with services.reading(truth.account_id) as work:
        assert work.session.scalars(select(Poison)).all() == []


# Failures


def test_a_revoked_key_degrades_the_store_and_says_what_to_do(
    connected: dict[str, int], truth: Truth, run_due: Callable[[], int], time: Any
) -> None:
    run_due()
    store_id = connected["woocommerce"]
    assert truth.status(store_id) is StoreStatus.ACTIVE
    truth.woocommerce.command("keys/revoke")
    time.advance(timedelta(minutes=11))
    run_due()

    state = truth.state(store_id)
    assert truth.status(store_id) is StoreStatus.DEGRADED
    assert state.error["code"] == "store_denied"
    assert "reconnect" in state.error["next_step"]
    assert state.due_at >= time() + timedelta(minutes=50)
    assert truth.status(connected["shopify"]) is StoreStatus.ACTIVE


def test_a_store_that_is_down_is_asked_ever_less_often(
    connected: dict[str, int], truth: Truth, run_due: Callable[[], int], time: Any
) -> None:
    run_due()
    store_id = connected["woocommerce"]
    rule = {"action": "status_before", "times": 10**6, "status": 503}
    truth.woocommerce.command("faults", rules=[rule])
    time.advance(timedelta(minutes=11))
    waits = []
    for _ in range(4):
        run_due()
        state = truth.state(store_id)
        waits.append(state.due_at - time())
        time.advance(state.due_at - time() + timedelta(seconds=1))

    assert state.failures >= 1
    assert truth.state(store_id).error["code"] in ("store_unavailable", "circuit_open")
    truth.woocommerce.command("faults", rules=[])


# Killed


def test_workers_killed_in_the_middle_of_a_backfill_lose_nothing(
    connect_both: Callable[[], dict[str, int]],
    truth: Truth,
    services: Any,
    workers: Callable[..., Any],
) -> None:
    ids = connect_both()
    truth.woocommerce.command(
        "faults", rules=[{"action": "delay", "path": "/refunds$", "seconds": 0.05, "times": 10**6}]
    )
    for store_id in ids.values():
        queues.enqueue(services.redis, queues.JobName.SYNC, {"store_id": store_id})
    with workers(1) as running:
        _until(lambda: any(truth.order_ids(store_id) for store_id in ids.values()))
        os.killpg(running[0].pid, signal.SIGKILL)
        running[0].wait(10)
    with services.transaction(truth.account_id) as work:
        for store_id in ids.values():  # the dead worker's hold, as two minutes later
            stores.state(work, store_id).held_until = None
    for store_id in ids.values():
        _copy(services, truth, store_id)

    assert truth.differences(ids) == []


def _until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = clock_of_the_wall.monotonic() + seconds
    while not condition():
        assert clock_of_the_wall.monotonic() < end, "it does not happen"
        clock_of_the_wall.sleep(0.02)


def test_a_store_that_nobody_reconciles_is_late_until_somebody_does(
    connected: dict[str, int], truth: Truth, services: Any, run_due: Callable[[], int], time: Any
) -> None:
    """Whoever is asleep: the sweep says so even where the store itself is well and no event waits."""
    run_due()
    assert {truth.status(store_id) for store_id in connected.values()} == {StoreStatus.ACTIVE}
    time.advance(syncing.LATE_AFTER + timedelta(minutes=1))
    services.redis.delete("deskside:lateness")  # which keeps real time: this is looked at once a minute
    schedule.sweep(services)
    assert {truth.status(store_id) for store_id in connected.values()} == {StoreStatus.DEGRADED}

    run_due()
    assert {truth.status(store_id) for store_id in connected.values()} == {StoreStatus.ACTIVE}
