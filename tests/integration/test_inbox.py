"""Deliveries: written down once, claimed by one, settled together, put off with patience."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select

from integration import inbox
from integration.db.inbox import Delivery, DeliveryStatus
from integration.db.stores import Store
from integration.ports import Topic, WebhookEvent
from integration.records import Platform
from integration.vault import Vault
from integration.work import JobName

BODY = b'{"id": 1, "email": "kadri@example.ee"}'


class Box:
    """The inbox of one store."""

    def __init__(self, world: Any, account_id: int, store_id: int) -> None:
        self.world, self.account_id, self.store_id = world, account_id, store_id
        self.vault = Vault([Fernet.generate_key().decode()])
        self.woken: list[Any] = []
        world.database.on_commit = self.woken.extend

    def arrive(self, number: int, resource: str | None = "order-1", topic: Topic = Topic.ORDER) -> bool:
        event = WebhookEvent(
            topic=topic, platform_topic="x", delivery_id=f"d{number}", domain="", resource_id=resource
        )
        with self.world.database.transaction(self.account_id) as work:
            return inbox.accept(work, self.vault, work.session.get_one(Store, self.store_id), event, BODY)

    def take(self, domain: str) -> bool:
        event = WebhookEvent(topic=Topic.ORDER, platform_topic="x", delivery_id="d1", domain=domain)
        sender = {"platform": Platform.SHOPIFY, "domain": domain}
        return inbox.take(self.world.database, self.vault, event, BODY, sender=sender)

    def claim(self, **more: Any) -> list[inbox.Claim]:
        with self.world.database.transaction(self.account_id) as work:
            return inbox.claim(work, self.store_id, **more)

    def settle(self, claim: inbox.Claim) -> None:
        with self.world.database.transaction(self.account_id) as work:
            inbox.settle(work, claim.ids)

    def postpone(self, claim: inbox.Claim, **more: Any) -> None:
        with self.world.database.transaction(self.account_id) as work:
            inbox.postpone(work, claim.ids, {"code": "trouble"}, **more)

    def rows(self) -> list[Delivery]:
        with self.world.database.reading(self.account_id) as work:
            return list(work.session.scalars(select(Delivery).order_by(Delivery.id)))


@pytest.fixture
def box(world: Any, account: int) -> Box:
    return Box(world, account, world.store(account))


def test_a_delivery_is_kept_sealed_and_wakes_a_worker(box: Box) -> None:
    assert box.arrive(1)
    (row,) = box.rows()

    assert row.body is not None
    assert b"kadri" not in row.body
    assert box.vault.open(row.body) == BODY
    assert box.woken == [(JobName.DRAIN_INBOX, {"store_id": box.store_id})]


def test_a_repetition_is_known_and_wakes_nobody(box: Box) -> None:
    box.arrive(1)
    box.woken.clear()

    assert not box.arrive(1)
    assert (len(box.rows()), box.woken) == (1, [])


def test_the_same_id_from_two_stores_is_two_deliveries(box: Box, world: Any) -> None:
    box.arrive(1)
    other = Box(world, box.account_id, world.store(box.account_id))

    assert other.arrive(1)


def test_one_statement_takes_in_what_a_connected_store_says(box: Box, world: Any) -> None:
    store_id = world.store(box.account_id, domain="lumi.myshopify.com", credentials=b"sealed")

    assert box.take("lumi.myshopify.com")
    (row,) = box.rows()
    assert (row.account_id, row.store_id, row.topic) == (box.account_id, store_id, Topic.ORDER)
    assert (row.status, row.received_at, row.due_at) == (DeliveryStatus.PENDING, world.clock(), world.clock())
    assert row.body is not None
    assert box.vault.open(row.body) == BODY
    assert box.woken == [(JobName.DRAIN_INBOX, {"store_id": store_id})]


def test_one_statement_takes_nothing_in_twice_and_nothing_of_strangers(box: Box, world: Any) -> None:
    world.store(box.account_id, domain="lumi.myshopify.com", credentials=b"sealed")
    world.store(box.account_id, domain="gone.myshopify.com", credentials=None)

    assert box.take("lumi.myshopify.com")
    for stranger in ("lumi.myshopify.com", "gone.myshopify.com", "nobody.myshopify.com", ""):
        assert not box.take(stranger)
    assert (len(box.rows()), len(box.woken)) == (1, 1)


def test_all_deliveries_of_one_order_are_one_claim(box: Box) -> None:
    for number in range(50):
        box.arrive(number, resource=f"order-{number % 2}")
    claims = box.claim()

    assert [(claim.resource, len(claim.ids)) for claim in claims] == [("order-0", 25), ("order-1", 25)]


def test_deliveries_without_a_resource_are_settled_one_by_one(box: Box) -> None:
    box.arrive(1, None, Topic.DATA_REQUEST)
    box.arrive(2, None, Topic.DATA_REQUEST)

    assert [len(claim.ids) for claim in box.claim()] == [1, 1]


def test_what_one_worker_claimed_no_other_gets_until_it_is_given_up(box: Box, clock: Any) -> None:
    box.arrive(1)
    (first,) = box.claim()
    assert box.claim() == []

    clock.advance(inbox.HOLD + timedelta(seconds=1))  # that worker was killed
    (again,) = box.claim()
    assert again.ids == first.ids
    assert box.rows()[0].attempts == 2


def test_what_arrives_during_a_fetch_is_not_settled_by_it(box: Box) -> None:
    box.arrive(1)
    (claim,) = box.claim()
    box.arrive(2)
    box.settle(claim)

    assert [row.status for row in box.rows()] == [DeliveryStatus.DONE, DeliveryStatus.PENDING]
    assert [each.ids for each in box.claim()] == [(box.rows()[1].id,)]


def test_a_settled_delivery_keeps_no_body(box: Box) -> None:
    box.arrive(1)
    box.settle(box.claim()[0])

    assert (box.rows()[0].body, box.rows()[0].done_at) == (None, box.world.clock())
    assert not box.arrive(1)


def test_a_failing_delivery_waits_ever_longer_and_is_then_set_aside(box: Box, clock: Any) -> None:
    box.arrive(1)
    waits = []
    for _ in range(inbox.GIVE_UP_AFTER):
        (claim,) = box.claim()
        box.postpone(claim)
        (row,) = box.rows()
        waits.append((row.due_at - clock()).total_seconds())
        clock.advance(row.due_at - clock())

    assert waits[:4] == [2, 4, 8, 16]
    assert max(waits) <= 2048
    assert (row.status, row.error) == (DeliveryStatus.POISONED, {"code": "trouble"})
    assert row.body is not None
    assert box.claim() == []


def test_one_that_is_set_aside_is_tried_again_by_command(box: Box, clock: Any) -> None:
    test_a_failing_delivery_waits_ever_longer_and_is_then_set_aside(box, clock)
    with box.world.database.transaction(box.account_id) as work:
        assert inbox.retry_poisoned(work, box.store_id) == 1

    assert len(box.claim()) == 1
    assert box.woken[-1] == (JobName.DRAIN_INBOX, {"store_id": box.store_id})


def test_a_store_that_is_down_is_no_fault_of_its_deliveries(box: Box, clock: Any) -> None:
    box.arrive(1)
    for _ in range(40):
        (claim,) = box.claim()
        box.postpone(claim, patient=True)
        clock.advance(timedelta(hours=1))

    assert box.rows()[0].status is DeliveryStatus.PENDING


def test_being_told_to_wait_counts_as_nothing(box: Box, clock: Any) -> None:
    box.arrive(1)
    (claim,) = box.claim()
    box.postpone(claim, wait=7.0, patient=True)
    (row,) = box.rows()

    assert (row.attempts, row.due_at) == (0, clock() + timedelta(seconds=7))


def test_untried_claims_are_given_back_as_they_were(box: Box, clock: Any) -> None:
    box.arrive(1)
    claims = box.claim()
    with box.world.database.transaction(box.account_id) as work:
        inbox.give_back(work, claims, wait=0)

    assert box.rows()[0].attempts == 0
    assert len(box.claim()) == 1


def test_a_turn_takes_a_bounded_number_of_orders_oldest_first(box: Box) -> None:
    for number in range(30):
        box.arrive(number, resource=f"order-{number}")

    assert [claim.resource for claim in box.claim(limit=3)] == ["order-0", "order-1", "order-2"]
    assert box.claim(limit=1)[0].resource == "order-3"


def test_the_sweep_finds_every_store_with_something_due_the_longest_waiting_first(
    box: Box, world: Any, clock: Any
) -> None:
    rival = world.account("Rival")
    other = Box(world, rival, world.store(rival))
    other.arrive(1)
    clock.advance(timedelta(seconds=1))
    box.arrive(1)
    with world.database.everywhere(write=False) as work:
        assert inbox.stores_with_due(work) == [(rival, other.store_id), (box.account_id, box.store_id)]

    other.claim()
    with world.database.everywhere(write=False) as work:
        assert inbox.stores_with_due(work) == [(box.account_id, box.store_id)]


def test_old_deliveries_are_forgotten_in_steps(box: Box, clock: Any) -> None:
    box.arrive(1)
    box.settle(box.claim()[0])
    box.arrive(2)
    for _ in range(inbox.GIVE_UP_AFTER):
        box.postpone(box.claim()[0])
        clock.advance(timedelta(hours=1))

    def forget() -> list[tuple[DeliveryStatus, bool]]:
        with box.world.database.everywhere() as work:
            inbox.forget_old(work)
        return [(row.status, row.body is not None) for row in box.rows()]

    assert forget() == [(DeliveryStatus.DONE, False), (DeliveryStatus.POISONED, True)]
    clock.advance(inbox.KEEP_BODIES)
    assert forget() == [(DeliveryStatus.DONE, False), (DeliveryStatus.POISONED, False)]
    clock.advance(inbox.KEEP_SETTLED)
    assert forget() == [(DeliveryStatus.POISONED, False)]


def test_a_tenant_claims_nothing_of_another(box: Box, world: Any) -> None:
    box.arrive(1)
    with world.database.transaction(world.account("Rival")) as work:
        assert inbox.claim(work, box.store_id) == []
