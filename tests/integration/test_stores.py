"""Stores: connected, taken over, let go; their keys sealed and refreshed by one process at a time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select

from integration import stores, syncing
from integration.db.audit import AuditEntry
from integration.db.inbox import Delivery, DeliveryStatus
from integration.db.orders import Order
from integration.db.stores import Store, StoreStatus, SyncPhase
from integration.errors import Conflict, NotFound, StoreDenied
from integration.ports import ShopifyCredentials, Topic
from integration.records import Platform, ShopRecord
from integration.vault import Vault

SHOP = ShopRecord(
    platform_id="1", domain="lumi.myshopify.com", name="Lumi", currency="EUR", timezone="Europe/Tallinn"
)
KEY = ShopifyCredentials(shop=SHOP.domain, access_token="shpat_first", refresh_token="shprt_first")


@pytest.fixture
def vault() -> Vault:
    return Vault([Fernet.generate_key().decode()])


class Desk:
    def __init__(self, world: Any, account_id: int, vault: Vault) -> None:
        self.world, self.account_id, self.vault = world, account_id, vault

    def connect(self, key: ShopifyCredentials = KEY) -> int:
        with self.world.database.transaction(self.account_id) as work:
            store = stores.connect(
                work, self.vault, Platform.SHOPIFY, SHOP, key, url="https://lumi.myshopify.com", by="tests"
            )
            return store.id

    def store(self, store_id: int) -> Store:
        with self.world.database.reading(self.account_id) as work:
            return stores.find(work, store_id)

    def key(self, store_id: int) -> Any:
        with self.world.database.reading(self.account_id) as work:
            return stores.credentials(self.vault, stores.find(work, store_id))


@pytest.fixture
def desk(world: Any, account: int, vault: Vault) -> Desk:
    return Desk(world, account, vault)


def test_a_new_store_is_due_for_copying_and_its_key_is_sealed(desk: Desk) -> None:
    store_id = desk.connect()
    store = desk.store(store_id)
    with desk.world.database.reading(desk.account_id) as work:
        state = stores.state(work, store_id)

    assert (store.status, state.phase, state.due_at) == (
        StoreStatus.INSTALLING,
        SyncPhase.BACKFILL,
        desk.world.clock(),
    )
    assert store.credentials is not None
    assert b"shpat" not in store.credentials
    assert desk.key(store_id) == KEY


def test_a_store_that_comes_back_keeps_its_data_and_gets_the_new_key(desk: Desk) -> None:
    store_id = desk.connect()
    desk.world.sell(desk.account_id, store_id, desk.world.record())
    with desk.world.database.transaction(desk.account_id) as work:
        stores.disconnect(work, stores.find(work, store_id), by="store")
    fresh = ShopifyCredentials(shop=SHOP.domain, access_token="shpat_second")

    assert desk.connect(fresh) == store_id
    assert desk.key(store_id) == fresh
    with desk.world.database.reading(desk.account_id) as work:
        assert len(work.session.scalars(select(Order)).all()) == 1
        events = work.session.scalars(select(AuditEntry.event).order_by(AuditEntry.number)).all()
    assert events == ["store.connected", "store.disconnected", "store.reconnected"]


def test_another_account_cannot_take_a_store(desk: Desk, world: Any, vault: Vault) -> None:
    store_id = desk.connect()
    rival = Desk(world, world.account("Rival"), vault)
    with pytest.raises(Conflict):
        rival.connect(ShopifyCredentials(shop=SHOP.domain, access_token="shpat_rival"))

    assert desk.key(store_id) == KEY
    with pytest.raises(NotFound):
        rival.store(store_id)


def test_letting_go_drops_the_key_and_the_work_but_no_duty(desk: Desk, world: Any) -> None:
    store_id = desk.connect()
    with world.database.transaction(desk.account_id) as work:
        for number, topic in enumerate((Topic.ORDER, Topic.REDACT_CUSTOMER)):
            work.add(
                Delivery(
                    store_id=store_id,
                    delivery_id=str(number),
                    topic=topic,
                    platform_topic="x",
                    received_at=work.now(),
                    status=DeliveryStatus.PENDING,
                    due_at=work.now(),
                    attempts=0,
                )
            )
    for _ in range(2):
        with world.database.transaction(desk.account_id) as work:
            stores.disconnect(work, stores.find(work, store_id), by="agent:1")
    with world.database.reading(desk.account_id) as work:
        state = stores.state(work, store_id)
        left = work.session.scalars(
            select(Delivery.topic).where(Delivery.status == DeliveryStatus.PENDING)
        ).all()

    assert (desk.store(store_id).status, desk.store(store_id).credentials) == (StoreStatus.DISCONNECTED, None)
    assert (state.phase, state.due_at, state.proof_due_at) == (SyncPhase.STOPPED, None, None)
    assert left == [Topic.REDACT_CUSTOMER]
    with pytest.raises(NotFound):
        desk.key(store_id)


def test_a_refused_key_is_said_and_asked_about_only_rarely(desk: Desk, world: Any) -> None:
    store_id = desk.connect()
    with world.database.transaction(desk.account_id) as work:
        refusal = StoreDenied("HTTP 401")
        stores.denied(work, stores.find(work, store_id), refusal, asked_at=world.clock())
    with world.database.reading(desk.account_id) as work:
        state = stores.state(work, store_id)

    assert desk.store(store_id).status is StoreStatus.DEGRADED
    assert state.error["code"] == "store_denied"
    assert state.error["next_step"] == StoreDenied.next_step
    assert state.due_at == world.clock() + timedelta(hours=1)


@pytest.mark.parametrize("meanwhile", ["another key", "a goodbye"])
def test_a_refusal_of_a_key_that_is_gone_says_nothing(desk: Desk, world: Any, meanwhile: str) -> None:
    """A worker that was busy with the old key while the merchant brought a new one, or let the store go."""
    store_id, asked_at = desk.connect(), world.clock()
    world.clock.advance(timedelta(seconds=5))
    if meanwhile == "another key":
        desk.connect(ShopifyCredentials(shop=SHOP.domain, access_token="shpat_second"))
    with world.database.transaction(desk.account_id) as work:
        if meanwhile == "a goodbye":
            stores.disconnect(work, stores.find(work, store_id), by="tests")
        stores.denied(work, stores.find(work, store_id), StoreDenied("HTTP 401"), asked_at=asked_at)
    with world.database.reading(desk.account_id) as work:
        assert stores.state(work, store_id).error is None

    wanted = StoreStatus.INSTALLING if meanwhile == "another key" else StoreStatus.DISCONNECTED
    assert desk.store(store_id).status is wanted


def test_a_backfill_begun_anew_is_not_carried_on_from_where_the_old_one_was(desk: Desk, world: Any) -> None:
    store_id = desk.connect()
    with world.database.transaction(desk.account_id) as work:
        hold = syncing.claim(work, store_id, owner="busy")
        assert hold is not None
    with world.database.transaction(desk.account_id) as work:
        stores.copy_again(work, store_id)
    with world.database.transaction(desk.account_id) as work:
        assert not syncing.keep(work, hold)
        syncing.release(work, hold, ended=True, every=timedelta(minutes=10), overlap=timedelta(minutes=5))
    with world.database.reading(desk.account_id) as work:
        assert (stores.state(work, store_id).phase, stores.state(work, store_id).cursor) == (
            SyncPhase.BACKFILL,
            {},
        )


def test_a_start_that_is_alone_takes_back_what_a_killed_worker_held(desk: Desk, world: Any) -> None:
    store_id = desk.connect()
    with world.database.transaction(desk.account_id) as work:
        killed = syncing.claim(work, store_id, owner="killed")
        assert killed is not None
        assert syncing.claim(work, store_id, owner="next") is None
    with world.database.everywhere() as work:
        syncing.take_back_all(work)
    with world.database.transaction(desk.account_id) as work:
        assert syncing.claim(work, store_id, owner="next") is not None
        assert not syncing.keep(work, killed), "it was not dead after all: it writes nothing more"


# Refreshing


def test_one_process_refreshes_and_the_others_see_it(desk: Desk, world: Any, vault: Vault) -> None:
    store_id = desk.connect()
    version = desk.store(store_id).credentials_version

    def claim() -> bool:
        with world.database.transaction(desk.account_id) as work:
            return stores.claim_refresh(work, store_id, version)

    assert [claim(), claim()] == [True, False]
    fresh = ShopifyCredentials(shop=SHOP.domain, access_token="shpat_fresh")
    with world.database.transaction(desk.account_id) as work:
        assert stores.save_refreshed(work, vault, store_id, version, fresh)
    assert desk.key(store_id) == fresh
    assert not claim()


def test_a_process_that_died_while_refreshing_holds_nobody_up_for_long(desk: Desk, world: Any) -> None:
    store_id = desk.connect()
    version = desk.store(store_id).credentials_version
    for expected in (True, False):
        with world.database.transaction(desk.account_id) as work:
            assert stores.claim_refresh(work, store_id, version) is expected
    world.clock.advance(stores.REFRESH_HOLD + timedelta(seconds=1))
    with world.database.transaction(desk.account_id) as work:
        assert stores.claim_refresh(work, store_id, version)


def test_a_refresh_that_ends_after_a_reconnection_or_a_goodbye_is_thrown_away(
    desk: Desk, world: Any, vault: Vault
) -> None:
    store_id = desk.connect()
    version = desk.store(store_id).credentials_version
    second = ShopifyCredentials(shop=SHOP.domain, access_token="shpat_second")
    desk.connect(second)
    with world.database.transaction(desk.account_id) as work:
        assert not stores.save_refreshed(work, vault, store_id, version, KEY)
    assert desk.key(store_id) == second

    version = desk.store(store_id).credentials_version
    with world.database.transaction(desk.account_id) as work:
        stores.disconnect(work, stores.find(work, store_id), by="store")
    with world.database.transaction(desk.account_id) as work:
        assert not stores.save_refreshed(work, vault, store_id, version, KEY)
    assert desk.store(store_id).credentials is None
