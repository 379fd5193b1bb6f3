"""The demo world: the same for everybody who asks, and money that adds up."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import phonenumbers
import pytest

from connectors.demo.world import (
    HEROES,
    PRODUCTS,
    OrderPlan,
    ParcelState,
    RefundPlan,
    ReturnState,
    Store,
    World,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(params=list(Store), scope="module")
def plans(request: pytest.FixtureRequest) -> list[OrderPlan]:
    return list(World(now=NOW, orders=400).plans(request.param))


def test_the_same_seed_tells_the_same_story(plans: list[OrderPlan]) -> None:
    store = Store.SHOPIFY if any("lamp" in plan.key for plan in plans) else Store.WOOCOMMERCE

    assert list(World(now=NOW, orders=400).plans(store)) == plans
    assert list(World(now=NOW, orders=400, seed=2).plans(store)) != plans


def test_plans_come_in_the_order_they_were_placed(plans: list[OrderPlan]) -> None:
    placed = [plan.placed_at for plan in plans]

    assert placed == sorted(placed)
    assert len(plans) == 400
    assert len({plan.key for plan in plans}) == 400


def test_nothing_has_happened_yet_that_lies_ahead(plans: list[OrderPlan]) -> None:
    assert max(plan.last_event for plan in plans) <= NOW


def test_money_adds_up(plans: list[OrderPlan]) -> None:
    for plan in plans:
        assert sum(cents for _, cents in plan.tenders) == plan.total
        assert all(0 <= line.discount <= line.gross for line in plan.lines)
        assert sum(plan.refund_amount(refund) for refund in plan.refunds) <= plan.total


def test_no_parcel_holds_more_than_was_ordered(plans: list[OrderPlan]) -> None:
    for plan in plans:
        for place, line in enumerate(plan.lines):
            inside = sum(count for parcel in plan.parcels for index, count in parcel.lines if index == place)
            assert inside <= (line.quantity if line.product.shipped else 0)


def test_every_state_is_on_show(plans: list[OrderPlan]) -> None:
    parcels = {parcel.state for plan in plans for parcel in plan.parcels}
    returns = {ret.state for plan in plans for ret in plan.returns}

    assert parcels == set(ParcelState)
    assert {ReturnState.OPEN, ReturnState.CLOSED} <= returns
    assert any(not plan.parcels and plan.settled for plan in plans)
    assert any(refund.amount for plan in plans for refund in plan.refunds)
    assert {product.kind for product in PRODUCTS} == {
        line.product.kind for plan in plans for line in plan.lines
    }


def test_heroes_buy_in_both_stores() -> None:
    for store in Store:
        buyers = {plan.person.hero for plan in World(now=NOW, orders=30).plans(store)}
        assert {hero.hero for hero in HEROES} <= buyers


def test_people_can_be_called_and_told_apart() -> None:
    crowd = list(World(now=NOW).people())

    assert len({person.email for person in crowd}) == len(crowd) == 120
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(person.phone)) for person in crowd)
    assert {person.country for person in crowd} == {"EE", "RO", "TH", "SA", "AE", "GB", "US"}


def test_the_late_lamp() -> None:
    """The sample conversation: three things came eight days ago, the lamp is late."""
    order = next(plan for plan in World(now=NOW).plans(Store.SHOPIFY) if plan.key == "kadri-lamp")

    delivered, late = order.parcels
    assert (delivered.state, late.state) == (ParcelState.DELIVERED, ParcelState.LATE)
    assert delivered.delivered_at == NOW - timedelta(days=8)
    assert [order.lines[place].product.sku for place, _ in late.lines] == ["LAMP-KUU"]
    assert len(order.tenders) == 2


def test_a_hundred_thousand_orders_can_be_asked_for_one_by_one() -> None:
    first = list(itertools.islice(World(now=NOW, orders=100_000).plans(Store.SHOPIFY), 50))

    assert len(first) == 50


def test_a_refund_of_pieces_is_their_share() -> None:
    order = next(plan for plan in World(now=NOW).plans(Store.WOOCOMMERCE) if plan.key == "fatima-scrubs")
    line = order.lines[0]

    parts = [order.line_refund(0, 1), order.line_refund(0, line.quantity - 1)]

    assert abs(sum(parts) - line.paid) <= 1
    assert order.refund_amount(RefundPlan(at=NOW, reason="", lines=((0, line.quantity),))) == line.paid
