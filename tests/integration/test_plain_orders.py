"""Orders read as plain values say what the mapped rows say, in every field."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import msgspec
from hypothesis import HealthCheck, Phase, given, settings
from sqlalchemy import delete

from integration.customers import find_order
from integration.db.orders import Order
from integration.db.stores import Product
from integration.plain_orders import (
    CHILDREN,
    PlainOrder,
    PlainProduct,
    ShownOrder,
    read_history,
    read_orders,
)
from integration.records import OrderRecord
from integration.work import Work
from tests.integration import order_records


def described(kind: type[msgspec.Struct], value: Any) -> dict[str, Any]:
    """The fields of that kind, of a plain value or of a mapped row."""
    found = {}
    for field in msgspec.structs.fields(kind):
        if field.name == "product":  # of another table: see the test of its own
            continue
        held = getattr(value, field.name)
        if issubclass(kind, PlainOrder) and field.name in CHILDREN:
            held = [described(field.type.__args__[0], child) for child in held]
        found[field.name] = held
    return found


@given(record=order_records.orders)
@settings(
    max_examples=30,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_order_reads_as_its_row(world: Any, account: int, record: OrderRecord) -> None:
    with world.database.transaction(account) as work:
        work.session.execute(delete(Order))  # hypothesis runs all its examples in one test
    (order_id,) = world.sell(account, world.store(account), record)

    with world.database.reading(account) as work:
        row = find_order(work, order_id)
        (judged,) = read_orders(work, Order.id == order_id, limit=1)
        assert described(PlainOrder, judged) == described(PlainOrder, row)
        if row.customer_id is not None and row.gone_at is None:
            shown = next(one for one in read_history(work, row.customer_id, limit=50) if one.id == order_id)
            assert described(ShownOrder, shown) == described(ShownOrder, row)


def test_a_line_brings_its_product_of_the_same_store(world: Any, account: int) -> None:
    here, there = world.store(account), world.store(account)
    bare, sold = world.line("1", product_id="none"), world.line("2", product_id="p7")
    world.sell(account, here, world.record(bare, sold))
    with world.database.transaction(account) as work:
        for store, word in ((here, "final-sale"), (there, "digital")):
            work.add(
                Product(store_id=store, platform_id="p7", title="Mug", tags=[word], synced_at=world.clock())
            )
        person = work.session.query(Order.customer_id).scalar()

    with world.database.reading(account) as work:
        (order,) = read_history(work, person, limit=5)
    assert order.lines[0].product is None
    assert order.lines[1].product == PlainProduct(["final-sale"], [], "", False, False)


def test_times_are_utc_whatever_the_zone_of_the_connection(world: Any, account: int) -> None:
    world.sell(account, world.store(account), record := world.record())
    with world.database.reading(account) as work:
        if work.session.get_bind().dialect.name == "postgresql":
            work.session.connection().exec_driver_sql("SET LOCAL TIME ZONE 'Asia/Bangkok'")
        (order,) = every_order(work)
    assert order.placed_at == record.placed_at
    assert order.placed_at.tzinfo is UTC


def test_another_accounts_orders_are_never_read(world: Any, account: int) -> None:
    world.sell(account, world.store(account), world.record())
    with world.database.reading(world.account("Other")) as work:
        assert every_order(work) == []


def every_order(work: Work) -> list[PlainOrder]:
    return read_orders(work, limit=10)
