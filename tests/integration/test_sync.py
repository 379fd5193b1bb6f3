"""The one way into the cache: newer pictures only, whole, however they come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select
from sqlalchemy.exc import OperationalError

from integration import sync
from integration.db.customers import Customer
from integration.db.inbox import Poison
from integration.db.orders import Order, OrderKey, OrderLine
from integration.db.stores import Product, Store
from integration.errors import NotFound
from integration.money import Money
from integration.ports import Poisoned
from integration.recorded import loaded, record_of
from integration.records import OrderRecord, Platform, ProductRecord, RefundRecord
from tests.integration import order_records

change = msgspec.structs.replace


class Cache:
    """One store's part of the cache, as a test speaks of it."""

    def __init__(self, world: Any, account_id: int, store_id: int) -> None:
        self.world, self.account_id, self.store_id = world, account_id, store_id

    def apply(self, *records: OrderRecord) -> sync.Applied:
        with self.world.database.transaction(self.account_id) as work:
            return sync.apply(work, work.session.get_one(Store, self.store_id), records)

    def order(self, platform_id: str) -> Order:
        with self.world.database.reading(self.account_id) as work:
            query = loaded(select(Order)).where(
                Order.store_id == self.store_id, Order.platform_id == platform_id
            )
            return work.session.scalars(query).one()

    def record(self, platform_id: str) -> OrderRecord:
        return record_of(self.order(platform_id))

    def count(self, table: Any) -> int:
        with self.world.database.reading(self.account_id) as work:
            return len(work.session.scalars(select(table)).all())

    def mark_gone(self, *platform_ids: str, at: Any) -> int:
        with self.world.database.transaction(self.account_id) as work:
            store = work.session.get_one(Store, self.store_id)
            return sync.mark_gone(work, store, platform_ids, at)

    def poisoned(self) -> list[Poison]:
        with self.world.database.reading(self.account_id) as work:
            return list(work.session.scalars(select(Poison).order_by(Poison.platform_id)))


@pytest.fixture
def cache(world: Any, account: int) -> Cache:
    return Cache(world, account, world.store(account))


def later(record: OrderRecord, seconds: int, **more: Any) -> OrderRecord:
    return change(
        record,
        updated_at=record.updated_at + timedelta(seconds=seconds),
        fetched_at=record.fetched_at + timedelta(seconds=seconds),
        **more,
    )


# Versions


def test_an_order_comes_back_as_it_was_applied(cache: Cache) -> None:
    record = cache.world.record(note="Please ring twice", tags=("vip", "gift"))

    assert cache.apply(record).written == [record.platform_id]
    assert cache.record(record.platform_id) == record


def test_an_older_picture_never_replaces_a_newer_one(cache: Cache) -> None:
    old = cache.world.record(note="first")
    new = later(old, 10, note="second")
    cache.apply(new)

    assert cache.apply(old).stale == [old.platform_id]
    assert cache.record(old.platform_id) == new


def test_of_two_pictures_of_the_same_second_the_one_fetched_later_stays(cache: Cache) -> None:
    early = cache.world.record(note="early")
    late = change(early, fetched_at=early.fetched_at + timedelta(milliseconds=1), note="late")
    cache.apply(late)

    assert cache.apply(early).stale == [early.platform_id]
    assert cache.record(early.platform_id).note == "late"
    assert cache.apply(late).unchanged == [early.platform_id]


def test_the_same_picture_twice_changes_nothing_but_when_it_was_seen(cache: Cache) -> None:
    record = cache.world.record()
    cache.apply(record)
    first = cache.order(record.platform_id)
    cache.world.clock.advance(timedelta(minutes=5))
    again = change(record, fetched_at=cache.world.clock())

    assert cache.apply(again).unchanged == [record.platform_id]
    second = cache.order(record.platform_id)
    assert (second.id, second.digest) == (first.id, first.digest)
    assert second.synced_at == cache.world.clock()
    assert second.fetched_at == cache.world.clock()


def test_of_several_pictures_in_one_batch_the_newest_counts(cache: Cache) -> None:
    old = cache.world.record(note="old")
    cache.apply(later(old, 5, note="newest"), old, later(old, 2, note="middle"))

    assert cache.record(old.platform_id).note == "newest"


def test_a_changed_order_keeps_its_id_and_loses_what_the_store_dropped(cache: Cache) -> None:
    line = cache.world.line
    record = cache.world.record(line("1"), line("2"), line("3"))
    cache.apply(record)
    before = cache.order(record.platform_id).id
    shorter = later(record, 1, lines=(line("3", title="Blue mug"), line("1")))
    cache.apply(shorter)

    assert cache.order(record.platform_id).id == before
    assert cache.record(record.platform_id) == shorter
    assert cache.count(OrderLine) == 2


def test_whatever_the_order_of_arrival_the_newest_picture_stays(cache: Cache) -> None:
    first = cache.world.record()
    pictures = [later(first, step, note=f"picture {step}") for step in range(8)]
    for seed in range(5):
        shuffled = list(pictures)
        Random(seed).shuffle(shuffled)
        for picture in shuffled:
            cache.apply(picture)
        assert cache.record(first.platform_id) == pictures[-1]
        with cache.world.database.transaction(cache.account_id) as work:
            work.session.execute(delete(Order))


# What orders hold


@given(records=st.lists(order_records.orders, min_size=1, max_size=4, unique_by=lambda r: r.platform_id))
@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_order_comes_back_equal(cache: Cache, records: list[OrderRecord]) -> None:
    with cache.world.database.transaction(cache.account_id) as work:
        work.session.execute(delete(Order))  # hypothesis runs all its examples in one test
    result = cache.apply(*records)

    assert sorted(result.written) == sorted(record.platform_id for record in records)
    for record in records:
        assert cache.record(record.platform_id) == record


def test_an_order_of_three_hundred_lines_is_whole(cache: Cache) -> None:
    lines = [cache.world.line(str(number), title=f"Part {number}") for number in range(300)]
    record = cache.world.record(*lines)
    cache.apply(record)

    assert cache.record(record.platform_id) == record


def test_huge_texts_are_kept_whole(cache: Cache) -> None:
    record = cache.world.record(note="ส" * 200_000, attributes={"gift message": "x" * 100_000})
    cache.apply(record)

    assert cache.record(record.platform_id) == record


def test_nul_characters_are_left_out_and_what_only_looks_like_one_is_kept(cache: Cache) -> None:
    record = cache.world.record(note="a\0b", tags=("\\u0000 as text", "c\0"))
    cache.apply(record)

    kept = cache.record(record.platform_id)
    assert kept.note == "ab"
    assert kept.tags == ("\\u0000 as text", "c")


def test_numbers_and_parcels_are_found_by_what_people_quote(cache: Cache) -> None:
    record = cache.world.record(name="#L-5531", number="L-5531")
    cache.apply(record)
    with cache.world.database.reading(cache.account_id) as work:
        keys = {(row.kind, row.value) for row in work.session.scalars(select(OrderKey))}

    assert keys == {("number", "L5531"), ("number", "5531")}


# Poison


def test_one_order_in_two_currencies_is_kept_aside_and_stops_nobody(cache: Cache) -> None:
    good, other = cache.world.record(), cache.world.record()
    bad = change(cache.world.record(), tax=Money(100, "USD"))
    result = cache.apply(good, bad, other)

    assert sorted(result.written) == sorted([good.platform_id, other.platform_id])
    assert result.poisoned == [bad.platform_id]
    assert [row.platform_id for row in cache.poisoned()] == [bad.platform_id]
    assert cache.count(Order) == 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda record: change(record, total=Money(10**30, "EUR")),
        lambda record: change(record, lines=(*record.lines, *record.lines)),
        lambda record: change(
            record,
            refunds=(RefundRecord(platform_id="1", created_at=record.placed_at, amount=Money(1, "JPY")),),
        ),
    ],
    ids=["a sum beyond 64 bits", "two lines of one id", "a refund in another currency"],
)
def test_an_order_that_the_database_refuses_leaves_no_trace_but_its_reason(
    cache: Cache, spoil: Callable[[OrderRecord], OrderRecord]
) -> None:
    good = cache.world.record()
    bad = spoil(cache.world.record())
    result = cache.apply(bad, good)

    assert (result.written, result.poisoned) == ([good.platform_id], [bad.platform_id])
    assert cache.poisoned()[0].reason == "the database refused it"
    assert cache.count(OrderLine) == 1


TOO_LONG = "".join(Random(1).choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=20_000))
"""For an index of Postgres, however well it packs."""


def test_an_id_too_long_for_an_index_stops_nobody(cache: Cache) -> None:
    good, long = cache.world.record(), cache.world.record(lines=(cache.world.line(platform_id=TOO_LONG),))
    result = cache.apply(long, good)

    assert good.platform_id in result.written
    assert sorted(result.written + result.poisoned) == sorted([good.platform_id, long.platform_id])


def test_a_number_that_nobody_could_quote_is_kept_and_not_searched(cache: Cache) -> None:
    record = cache.world.record(number=TOO_LONG, name=f"#{TOO_LONG}")
    assert cache.apply(record).written == [record.platform_id]
    assert cache.record(record.platform_id).number == TOO_LONG
    assert cache.count(OrderKey) == 0


DISK_FULL = {
    "sqlite": ("PRAGMA max_page_count = 1",),
    "postgresql": (
        "CREATE FUNCTION pg_temp.full() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$",
        "CREATE TRIGGER full_disk BEFORE INSERT ON sales_order EXECUTE FUNCTION pg_temp.full()",
    ),
}


def test_a_database_in_trouble_is_no_fault_of_the_order(cache: Cache) -> None:
    """A full disk, a deadlock, a lost connection: nothing was read, so the same is tried again."""
    record = cache.world.record(note="x" * 100_000)

    def apply_on_full_disk() -> None:
        with cache.world.database.transaction(cache.account_id) as work:
            store = work.session.get_one(Store, cache.store_id)
            for statement in DISK_FULL[work.session.get_bind().dialect.name]:
                work.session.connection().exec_driver_sql(statement)
            sync.apply(work, store, [record])

    with pytest.raises(OperationalError):
        apply_on_full_disk()

    assert cache.poisoned() == []
    assert cache.apply(record).written == [record.platform_id]


def test_a_spoiled_newer_picture_leaves_the_older_one_in_place(cache: Cache) -> None:
    good = cache.world.record()
    cache.apply(good)
    cache.apply(later(good, 1, tax=Money(1, "USD")))

    assert cache.record(good.platform_id) == good


def test_a_poisoned_order_that_heals_is_forgotten_as_such(cache: Cache) -> None:
    record = cache.world.record()
    with cache.world.database.transaction(cache.account_id) as work:
        store = work.session.get_one(Store, cache.store_id)
        sync.poison(work, store, [Poisoned(platform_id=record.platform_id, reason="no total")])
        sync.poison(work, store, [Poisoned(platform_id=record.platform_id, reason="no total")])
    assert cache.poisoned()[0].attempts == 2

    cache.apply(record)
    assert cache.poisoned() == []


def test_poison_is_tried_again_ever_less_often(cache: Cache) -> None:
    waits = []
    for _ in range(12):
        with cache.world.database.transaction(cache.account_id) as work:
            store = work.session.get_one(Store, cache.store_id)
            sync.poison(work, store, [Poisoned(platform_id="7", reason="unexpected form")])
        waits.append(cache.poisoned()[0].due_at - cache.world.clock())

    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (timedelta(minutes=10), timedelta(hours=24))


# Gone, trashed, and back


def test_a_deleted_order_is_kept_and_marked(cache: Cache) -> None:
    record = cache.world.record()
    cache.apply(record)

    assert cache.mark_gone(record.platform_id, at=record.fetched_at + timedelta(seconds=1)) == 1
    assert cache.record(record.platform_id).gone
    assert cache.count(OrderLine) == 1


def test_a_picture_fetched_later_than_the_order_was_missed_proves_that_it_is_there(cache: Cache) -> None:
    record = cache.world.record()
    cache.apply(record)

    assert cache.mark_gone(record.platform_id, at=record.fetched_at - timedelta(seconds=1)) == 0
    assert not cache.record(record.platform_id).gone


def test_an_order_taken_out_of_the_trash_unchanged_is_back(cache: Cache) -> None:
    record = cache.world.record()
    cache.apply(record)
    cache.mark_gone(record.platform_id, at=record.fetched_at + timedelta(seconds=1))
    back = change(record, fetched_at=record.fetched_at + timedelta(seconds=2))

    assert cache.apply(back).written == [record.platform_id]
    assert cache.record(record.platform_id) == back


def test_the_trash_is_a_state_of_the_order_like_others(cache: Cache) -> None:
    record = cache.world.record()
    cache.apply(record)
    trashed = later(record, 1, gone=True, platform_status="trash")
    cache.apply(trashed)
    assert cache.record(record.platform_id) == trashed
    assert cache.apply(change(trashed, fetched_at=trashed.fetched_at + timedelta(seconds=1))).unchanged

    cache.apply(later(trashed, 1, gone=False, platform_status="processing"))
    assert not cache.record(record.platform_id).gone


# Whose


def test_two_tenants_with_the_same_ids_never_meet(world: Any) -> None:
    ours, theirs = world.account("Lumi"), world.account("Rival")
    mine, yours = Cache(world, ours, world.store(ours)), Cache(world, theirs, world.store(theirs))
    record = world.record()
    mine.apply(record)
    yours.apply(change(record, note="of the rival"))
    mine.mark_gone(record.platform_id, at=record.fetched_at)

    assert yours.record(record.platform_id).note == "of the rival"
    assert not yours.record(record.platform_id).gone
    assert (mine.count(Order), mine.count(Customer)) == (1, 1)
    assert mine.order(record.platform_id).customer_id != yours.order(record.platform_id).customer_id


def test_another_tenants_order_is_not_there(world: Any) -> None:
    ours, theirs = world.account("Lumi"), world.account("Rival")
    (order_id,) = world.sell(theirs, world.store(theirs), world.record())

    with world.database.reading(ours) as work, pytest.raises(NotFound):
        sync.whereabouts(work, order_id)


def test_one_id_in_two_stores_of_one_account_is_two_orders(world: Any, account: int) -> None:
    first = Cache(world, account, world.store(account))
    second = Cache(world, account, world.store(account, Platform.WOOCOMMERCE, domain="outlet.example"))
    record = world.record()
    first.apply(record)
    second.apply(change(record, note="of the outlet"))

    assert first.record(record.platform_id) == record
    assert first.order(record.platform_id).customer_id == second.order(record.platform_id).customer_id


# Cost, and products


def test_a_batch_costs_the_same_number_of_statements_however_large(
    cache: Cache, count_queries: Callable[[], Sequence[str]]
) -> None:
    cache.apply(cache.world.record(email="one@example.ee"))
    count_queries()
    cache.apply(*[cache.world.record(email=f"few{number}@example.ee") for number in range(3)])
    few = len(count_queries())
    cache.apply(*[cache.world.record(email=f"many{number}@example.ee") for number in range(120)])

    assert len(count_queries()) == few


def test_products_are_learnt_once_and_refreshed(cache: Cache) -> None:
    def learn(**more: Any) -> None:
        with cache.world.database.transaction(cache.account_id) as work:
            store = work.session.get_one(Store, cache.store_id)
            sync.apply_products(
                work, store, [ProductRecord(platform_id="p1", title="Mug", tags=("final-sale",), **more)]
            )

    learn()
    learn(product_type="Kitchen")
    with cache.world.database.reading(cache.account_id) as work:
        assert sync.unknown_products(work, cache.store_id, {"p1", "p2"}) == ["p2"]
        (product,) = work.session.scalars(select(Product)).all()
    assert (product.tags, product.product_type) == (["final-sale"], "Kitchen")
