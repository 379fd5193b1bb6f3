"""Parcels that need somebody."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integration import customers, shipping
from integration.records import ShipmentEvent
from integration.shipping import Concern


@pytest.fixture
def parcel(world, account):
    """Sell one order in one parcel; what is wrong with it, if anything."""
    store = world.store(account)

    def look(order=None, **more):
        line = world.line()
        parcel = world.parcel(line, **{"delivered_at": None, "delivered_source": None, **more})
        record = world.record(line, fulfillments=(parcel,), **(order or {}))
        (order_id,) = world.sell(account, store, record)
        with world.database.reading(account) as work:
            row = customers.find_order(work, order_id)
            return [(worry.concern, worry.days) for worry in shipping.worries([row], world.clock())]

    return look


def ago(world, **time):
    return world.clock() - timedelta(**time)


def test_a_parcel_is_late_from_the_day_after_its_day(world, parcel):
    assert parcel(estimated_delivery_at=ago(world, days=3)) == [(Concern.LATE, 3)]
    assert parcel(estimated_delivery_at=ago(world, hours=2)) == []
    assert parcel(estimated_delivery_at=ago(world, days=-1)) == []


def test_one_that_arrived_is_never_late_but_an_estimate_is_no_arrival(world, parcel):
    due = ago(world, days=3)
    assert parcel(estimated_delivery_at=due, delivered_at=ago(world, days=1), delivered_source="store") == []
    guess = {"delivered_at": ago(world, days=1), "delivered_source": "estimate"}
    assert parcel(estimated_delivery_at=due, **guess) == [(Concern.LATE, 3)]


def test_a_carriers_trouble_and_long_silence_are_told(world, parcel):
    scan = ShipmentEvent(status="failure", at=ago(world, days=2))
    assert parcel(shipment_status="failure", events=(scan,)) == [(Concern.TROUBLE, 2)]
    assert parcel(shipped_at=ago(world, days=6)) == [(Concern.SILENT, 6)]
    seen = ShipmentEvent(status="in_transit", at=ago(world, days=1))
    assert parcel(shipped_at=ago(world, days=6), events=(seen,)) == []


def test_a_promised_day_of_shipping_that_passed_is_told(world, parcel):
    promised = {"promised_ship_at": ago(world, days=2)}
    assert parcel(promised, status="open", shipped_at=None) == [(Concern.NOT_SHIPPED, 2)]
    assert parcel(promised) == [(Concern.SILENT, 10)]


def test_cancelled_and_trashed_orders_need_nobody(world, parcel):
    late = ago(world, days=3)
    assert parcel({"cancelled_at": late}, estimated_delivery_at=late) == []
    assert parcel({"gone": True}, estimated_delivery_at=late) == []


def test_the_accounts_late_parcels_the_latest_first_in_two_queries(world, account, count_queries):
    store = world.store(account)
    for days in (2, 9, 4):
        line = world.line()
        late = world.parcel(
            line, delivered_at=None, delivered_source=None, estimated_delivery_at=ago(world, days=days)
        )
        world.sell(account, store, world.record(line, fulfillments=(late,)))
    with world.database.reading(account) as work:
        count_queries()
        assert [worry.days for worry in shipping.late_parcels(work)] == [9, 4, 2]
        assert len(count_queries()) == 2
    with world.database.reading(world.account("Other")) as work:
        assert shipping.late_parcels(work) == []
