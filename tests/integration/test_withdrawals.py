"""Withdrawal statements and their clocks."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
import pytest
from sqlalchemy import select

from integration import customers, notices, returns, settling, withdrawals
from integration.db.audit import AuditEntry
from integration.db.stores import Product
from integration.errors import BadInput, Conflict, NotFound
from integration.money import Money
from integration.records import Address, RefundLineRecord, RefundRecord


@pytest.fixture
def store(world, account):
    return world.store(account)


@pytest.fixture
def order_id(world, account, store):
    line = world.line("gid://shopify/LineItem/1", quantity=2)
    return world.sell(account, store, world.record(line, fulfillments=(world.parcel(line),)))[0]


def record(work, order_id, world, **more):
    order = customers.find_order(work, order_id)
    values = {"received_at": world.clock() - timedelta(hours=2), "channel": "form", "by": "liis@lumi.example"}
    return withdrawals.record(work, order, **{**values, **more})


def clocks(work, **more):
    return {
        clock.kind: (clock.due, clock.left, clock.pressing) for clock in withdrawals.open_clocks(work, **more)
    }


def test_a_statement_starts_the_clocks_of_its_law(world, account, order_id):
    with world.database.transaction(account) as work:
        row = record(work, order_id, world, quantities={f"{order_id}.1": 1}, conversation="zendesk 7")
        assert row.lines == [{"line_id": "gid://shopify/LineItem/1", "quantity": 1}]
        assert (row.refund_due, row.return_due) == (date(2026, 12, 5), date(2026, 12, 7))
        assert clocks(work) == {
            "acknowledge": (date(2026, 11, 21), 0, True),
            "refund": (date(2026, 12, 5), 14, False),
            "send_back": (date(2026, 12, 7), 16, False),
        }


def test_three_days_ahead_a_clock_is_pressing(world, account, order_id):
    with world.database.transaction(account) as work:
        record(work, order_id, world)
    world.clock.advance(timedelta(days=10))
    with world.database.reading(account) as work:
        assert clocks(work)["refund"] == (date(2026, 12, 5), 4, False)
    world.clock.advance(timedelta(days=1))
    with world.database.reading(account) as work:
        assert clocks(work)["refund"] == (date(2026, 12, 5), 3, True)
    world.clock.advance(timedelta(days=5))
    with world.database.reading(account) as work:
        assert clocks(work)["refund"][1] == -2


def test_an_acknowledgement_is_said_once_and_stops_its_clock(world, account, order_id):
    with world.database.transaction(account) as work:
        row = record(work, order_id, world)
        with pytest.raises(BadInput):
            withdrawals.acknowledge(work, row.id, "phone", "liis@lumi.example")
        assert row.acknowledged_at is None
        withdrawals.acknowledge(work, row.id, "email", "liis@lumi.example")
        assert "acknowledge" not in clocks(work)
        with pytest.raises(Conflict):
            withdrawals.acknowledge(work, row.id, "email", "liis@lumi.example")


def test_goods_that_come_late_move_the_day_to_pay_where_the_seller_may_wait(world, account, order_id):
    with world.database.transaction(account) as work:
        row = record(work, order_id, world)
        for nothing_good in ({}, {"goods": "2026-12-09"}, {"sent": "soon"}):
            with pytest.raises(BadInput):
                withdrawals.goods_or_proof(work, row.id, "liis@lumi.example", **nothing_good)
    world.clock.advance(timedelta(days=18))
    with world.database.transaction(account) as work:
        row = withdrawals.goods_or_proof(work, row.id, "liis@lumi.example", goods="2026-12-09")
        assert row.refund_due == date(2026, 12, 9)
        assert "send_back" not in clocks(work)


def test_a_closed_one_has_no_clocks_and_closing_repeats_safely(world, account, order_id):
    with world.database.transaction(account) as work:
        row = record(work, order_id, world)
        withdrawals.close(work, row.id, "liis@lumi.example")
        withdrawals.close(work, row.id, "liis@lumi.example")
        assert clocks(work) == {}
        events = [entry.event for entry in work.session.query(AuditEntry).order_by(AuditEntry.number)]
        assert events == ["withdrawal.recorded", "withdrawal.closed"]


def test_a_fact_said_later_starts_the_clock_that_waited_for_it(world, account, store):
    line = world.line(product_id="scrub")
    sold = world.record(line, fulfillments=(world.parcel(line),))
    [order_id] = world.sell(account, store, sold)
    with world.database.transaction(account) as work:
        work.add(
            Product(
                store_id=store,
                platform_id="scrub",
                title="Sauna scrub",
                tags=["hygiene-seal"],
                categories=[],
                product_type="",
                downloadable=False,
                virtual=False,
                synced_at=world.clock(),
            )
        )
        row = record(work, order_id, world)
        assert (row.refund_due, row.return_due) == (None, None), "whether the seal is broken decides"
        order = customers.find_order(work, order_id)
        for word, due in (("no", date(2026, 12, 5)), ("yes", None), ("no", date(2026, 12, 5))):
            returns.say_fact(work, order, order.lines[0], "unsealed", word, "liis@lumi.example")
            withdrawals.follow(work, order, "liis@lumi.example")
            assert row.refund_due == due
        withdrawals.follow(work, order, "liis@lumi.example")
        moved = select(AuditEntry).where(AuditEntry.event == "withdrawal.moved")
        assert len(work.session.scalars(moved).all()) == 3, "what stays as it is leaves no entry"


def test_clocks_of_goods_without_a_parcel_tick_where_the_buyer_lives(world, account, store):
    line = world.line(requires_shipping=False)
    home = Address(name="A", country="TH")
    sold = world.record(line, fulfillments=(), shipping_address=None, billing_address=home)
    [order_id] = world.sell(account, store, sold)
    world.clock.advance(timedelta(hours=6))  # 18:00 UTC: in Bangkok it is tomorrow
    with world.database.transaction(account) as work:
        record(work, order_id, world, received_at=world.clock())
        assert clocks(work)["acknowledge"] == (date(2026, 11, 22), 0, True)


def test_where_no_law_grants_it_no_clock_runs(world, account, store):
    line = world.line()
    home = Address(name="A", country="US", province="NY")
    (order_id,) = world.sell(
        account, store, world.record(line, fulfillments=(world.parcel(line),), shipping_address=home)
    )
    with world.database.transaction(account) as work:
        record(work, order_id, world)
        assert set(clocks(work)) == {"acknowledge"}


@pytest.mark.parametrize(
    "wrong",
    [{"channel": "pigeon"}, {"quantities": {"x": 1}}, {"quantities": {"1.1": 3}}, {"quantities": {"1.1": 0}}],
)
def test_what_cannot_be_is_refused(world, account, order_id, wrong):
    with world.database.transaction(account) as work, pytest.raises(BadInput):
        record(work, order_id, world, **wrong)
    with world.database.transaction(account) as work, pytest.raises(BadInput):
        record(work, order_id, world, received_at=world.clock() + timedelta(days=1))
    with world.database.transaction(account) as work, pytest.raises(BadInput):
        record(work, order_id, world, received_at=world.clock() - timedelta(days=365))  # before the order
    with world.database.reading(account) as work:
        assert notices.statements_of(work, [order_id]) == []


def test_another_accounts_statement_does_not_exist(world, account, order_id):
    with world.database.transaction(account) as work:
        row_id = record(work, order_id, world).id
    with world.database.transaction(world.account("Other")) as work:
        assert clocks(work) == {}
        with pytest.raises(NotFound):
            withdrawals.close(work, row_id, "them@other.example")


# -- settled by the refund itself ----------------------------------------------------------------


def paid_back(world, line, quantity, *, days=0, **more):
    return RefundRecord(
        platform_id=f"r{days}{quantity}",
        created_at=world.clock() + timedelta(days=days),
        amount=Money(2000 * quantity, "EUR"),
        lines=(
            RefundLineRecord(
                line_id=line.platform_id, quantity=quantity, amount=Money(2000 * quantity, "EUR")
            ),
        ),
        **{"paid_back": True, **more},
    )


@pytest.mark.parametrize(
    ("stated", "refunds", "ends"),
    [
        ({"1": 1}, [(1, {})], True),
        ({"1": 2}, [(1, {})], False),
        (None, [(1, {})], False),
        (None, [(1, {}), (1, {"days": 1})], True),
        (None, [(2, {})], True),
        ({"1": 1}, [(1, {"days": -3})], False),  # went back before the statement: another piece
        ({"1": 2}, [(1, {"days": -3}), (1, {})], True),  # and now none is left
        ({"1": 1}, [(1, {"paid_back": False})], False),  # written down, not paid
        ({"1": 1}, [], False),
    ],
)
def test_a_statement_ends_when_its_pieces_were_paid_back_in_the_store(
    world, account, store, stated, refunds, ends
):
    line = world.line(quantity=2)
    sold = world.record(line, fulfillments=(world.parcel(line),))
    (order_id,) = world.sell(account, store, sold)
    with world.database.transaction(account) as work:
        wanted = stated and {f"{order_id}.{name}": count for name, count in stated.items()}
        row_id = record(work, order_id, world, quantities=wanted).id
    made = tuple(paid_back(world, line, count, **more) for count, more in refunds)
    newer = msgspec.structs.replace(
        sold, refunds=made, updated_at=world.clock(), fetched_at=world.clock() + timedelta(seconds=1)
    )
    world.sell(account, store, newer)

    with world.database.transaction(account) as work:
        assert settling.close_paid(work) == ([row_id] if ends else [])
        assert settling.close_paid(work) == []
        assert (withdrawals.find(work, row_id).closed_at is not None) is ends


def test_another_orders_refund_ends_nothing(world, account, store, order_id):
    line = world.line("9", quantity=1)
    made = (paid_back(world, line, 1),)
    other = world.record(line, fulfillments=(world.parcel(line),), refunds=made)
    (other_id,) = world.sell(account, store, other)
    with world.database.transaction(account) as work:
        record(work, order_id, world)
        assert settling.close_paid(work) == settling.close_paid(work, order_id=other_id) == []


def test_the_same_statement_told_twice_is_one(world, account, order_id):
    with world.database.transaction(account) as work:
        order = customers.find_order(work, order_id)
        told = {"received_at": world.clock() - timedelta(hours=2), "channel": "email", "by": "a"}
        first = withdrawals.record_once(work, order, **told)
        assert withdrawals.record_once(work, order, **told) is first
        pieces = withdrawals.record_once(work, order, **told, quantities={f"{order_id}.1": 1})
        assert pieces is not first
        assert withdrawals.record_once(work, order, **told, quantities={f"{order_id}.1": 1}) is pieces
