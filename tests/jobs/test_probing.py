"""The probe: a change whose event was lost is found within a minute, measured and fetched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from connectors.demo.shopify.control import VERBS
from connectors.woocommerce import reads
from integration import probing as probes
from integration import stores, sync, syncing
from integration.db.stores import StoreStatus
from integration.ports import OrderVersion, Poisoned
from integration.store_status import one as store_view
from integration.views import lag
from jobs import probing
from tests.jobs import stores_state

MINUTE = timedelta(seconds=61)
PLATFORMS = ("shopify", "woocommerce")


@pytest.fixture
def live(
    connected: dict[str, int], run_due: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> dict[str, int]:
    """Both stores copied and reconciled; no webhook reaches us, for nothing is served."""
    monkeypatch.setattr(reads, "SETTLING", timedelta(seconds=-2))  # nobody waits for seconds to settle
    run_due()
    return connected


@pytest.fixture
def change(
    services: Any, account_id: int, live: dict[str, int], shopify: Any, woocommerce: Any
) -> Callable[[], None]:
    """One order of each store changes, and says so to nobody."""

    def made() -> None:
        first = {}
        for platform, store_id in live.items():
            cached = stores_state.cached(services.db, account_id, store_id)
            first[platform] = min(cached)
        VERBS["touch"](shopify.shop(), order=first["shopify"], note="leave it with the neighbour")
        woocommerce.command("orders/change", id=int(first["woocommerce"]), customer_note="gate code 12")

    return made


class Held:
    """How the copies stand."""

    def __init__(self, services: Any, account_id: int) -> None:
        self.services, self.account_id = services, account_id

    def state(self, store_id: int) -> Any:
        with self.services.reading(self.account_id) as work:
            return stores.state(work, store_id)

    def lag(self, store_id: int) -> float:
        with self.services.reading(self.account_id) as work:
            store = stores.find(work, store_id)
            store.sync = stores.state(work, store_id)
            return lag(store, self.services.now(), None) or 0.0

    def status(self, store_id: int) -> StoreStatus:
        with self.services.reading(self.account_id) as work:
            return store_view(work, store_id).status


@pytest.fixture
def held(services: Any, account_id: int) -> Held:
    return Held(services, account_id)


def test_a_lost_event_is_made_good_within_minutes(
    live: dict[str, int],
    change: Callable[[], None],
    run_due: Callable[[], int],
    services: Any,
    account_id: int,
    time: Any,
    shopify: Any,
    woocommerce: Any,
) -> None:
    change()
    time.advance(MINUTE)
    run_due()  # asks, and fetches what it missed; the next reconciliation would be nine minutes away

    setting = stores_state.setting_of(woocommerce.url, *woocommerce.key())
    truth = stores_state.held_by(shopify, woocommerce, setting)
    for platform, store_id in live.items():
        cached = stores_state.cached(services.db, account_id, store_id)
        assert stores_state.differences(truth[platform], cached) == []


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_is_missing_is_measured_from_the_change_and_alarms_until_it_is_here(
    platform: str,
    live: dict[str, int],
    change: Callable[[], None],
    run_due: Callable[[], int],
    services: Any,
    held: Held,
    time: Any,
) -> None:
    store_id = live[platform]
    assert held.lag(store_id) == 0
    change()
    time.advance(MINUTE)
    probing.run(services, store_id=store_id)

    assert held.state(store_id).due_at <= services.now()
    assert 60 <= held.lag(store_id) < 120
    time.advance(probes.ALARM_AFTER)
    with services.everywhere() as work:
        assert list(syncing.note_late(work)) == [store_id]
    assert held.status(store_id) is StoreStatus.DEGRADED
    run_due()
    assert held.status(store_id) is StoreStatus.ACTIVE
    assert held.lag(store_id) == 0


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_change_just_made_may_still_come_by_itself(
    platform: str,
    live: dict[str, int],
    change: Callable[[], None],
    services: Any,
    held: Held,
    account_id: int,
) -> None:
    store_id = live[platform]
    due = held.state(store_id).due_at
    change()
    with services.transaction(account_id) as work:
        stores.state(work, store_id).probe_due_at = services.now()
    probing.run(services, store_id=store_id)

    assert held.state(store_id).due_at == due
    assert held.state(store_id).behind_since is None
    assert held.lag(store_id) == 0


def test_a_newer_change_that_came_by_itself_hides_no_older_one(
    live: dict[str, int], change: Callable[[], None], services: Any, held: Held, account_id: int, time: Any
) -> None:
    store_id = live["shopify"]
    change()
    time.advance(MINUTE)
    probing.run(services, store_id=store_id)
    since = held.state(store_id).behind_since
    newest = max(
        stores_state.cached(services.db, account_id, store_id).values(), key=lambda order: order.updated_at
    )
    with services.transaction(account_id) as work:
        here = OrderVersion(
            platform_id=newest.platform_id, placed_at=newest.placed_at, updated_at=newest.updated_at
        )
        assert probes.note(work, store_id, here) is None

    assert since is not None
    assert held.state(store_id).behind_since == since


def test_a_turn_is_taken_once(live: dict[str, int], services: Any, account_id: int, time: Any) -> None:
    time.advance(MINUTE)
    with services.everywhere(write=False) as work:
        assert sorted(probes.due(work)) == sorted(live.values())
    with services.transaction(account_id) as work:
        assert [probes.claim(work, live["shopify"]) for _ in range(2)] == [True, False]


def test_an_order_that_cannot_be_read_is_told_of_elsewhere(
    live: dict[str, int], change: Callable[[], None], services: Any, held: Held, account_id: int, time: Any
) -> None:
    store_id = live["shopify"]
    change()
    changed = min(stores_state.cached(services.db, account_id, store_id))
    with services.transaction(account_id) as work:
        bad = Poisoned(platform_id=changed, reason="no total")
        sync.poison(work, stores.find(work, store_id), [bad])
    time.advance(MINUTE)
    probing.run(services, store_id=store_id)

    assert held.state(store_id).behind_since is None


def test_a_store_that_is_down_is_left_to_its_reconciliation(
    live: dict[str, int], change: Callable[[], None], services: Any, held: Held, time: Any, shopify: Any
) -> None:
    store_id = live["shopify"]
    change()
    before = held.state(store_id).due_at
    time.advance(MINUTE)
    shopify.faults.add(action="hangup_before", operation="NewestOrder", times=9)
    probing.run(services, store_id=store_id)

    assert held.state(store_id).due_at == before
    assert held.state(store_id).behind_since is None
    assert held.state(store_id).probe_due_at > services.now()
