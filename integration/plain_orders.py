"""Orders as plain values, each with all that belongs to it, read by one statement.

For reading many: a what-if judges a year of orders, a pane shows a person's. Mapped rows would cost more
than what is done with them: each carries its state, and each attribute is looked up through it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Select, bindparam, select

from integration.db.as_json import Writer
from integration.db.orders import Fulfillment, Order, OrderLine, OrderReturn, PaymentTransaction, Refund
from integration.db.stores import Product
from integration.prepared import CUSTOMER, Prepared
from integration.records import FinancialStatus, FulfillmentStatus
from integration.work import Work

P = TypeVar("P", bound="PlainOrder")


class PlainLine(msgspec.Struct, array_like=True):
    platform_id: str
    product_id: str | None
    quantity: int
    current_quantity: int
    refundable_quantity: int
    total: int
    requires_shipping: bool
    is_gift_card: bool
    properties: dict[str, Any]
    added_at: datetime | None


class PlainParcel(msgspec.Struct, array_like=True):
    status: str
    shipped_at: datetime | None
    updated_at: datetime | None
    delivered_at: datetime | None
    delivered_source: str | None
    lines: list[Any]


class PlainReturn(msgspec.Struct, array_like=True):
    status: str
    created_at: datetime | None
    lines: list[Any]


class PlainRefund(msgspec.Struct, array_like=True):
    created_at: datetime
    shipping: int | None
    lines: list[Any]


class PlainPayment(msgspec.Struct, array_like=True):
    kind: str
    status: str
    amount: int
    currency: str
    gateway: str


class PlainOrder(msgspec.Struct, array_like=True):
    """One order as far as rights depend on it; the names are those of the mapped row."""

    id: int
    store_id: int
    placed_at: datetime
    updated_at: datetime
    closed_at: datetime | None
    cancelled_at: datetime | None
    promised_ship_at: datetime | None
    currency: str
    total: int
    shipping: int
    refunded: int
    tip: int | None
    financial_status: FinancialStatus
    fulfillment_status: FulfillmentStatus
    edited: bool
    customer_record: dict[str, Any] | None
    shipping_address: dict[str, Any] | None
    billing_address: dict[str, Any] | None
    source: str
    payment_methods: list[Any]
    shipping_lines: list[Any]
    lines: Sequence[PlainLine]
    fulfillments: Sequence[PlainParcel]
    returns: Sequence[PlainReturn]
    refunds: Sequence[PlainRefund]
    transactions: Sequence[PlainPayment]


class PlainProduct(msgspec.Struct, frozen=True, array_like=True):
    """What a product says of itself that may decide."""

    tags: list[Any]
    categories: list[Any]
    product_type: str
    downloadable: bool
    virtual: bool


class ShownLine(PlainLine):
    title: str
    variant_title: str
    image_url: str | None
    unit_price: int
    product: PlainProduct | None


class ShownParcel(PlainParcel):
    platform_id: str
    shipment_status: str
    estimated_delivery_at: datetime | None
    tracking: list[Any]
    events: list[Any]


class ShownRefund(PlainRefund):
    amount: int
    note: str
    paid_back: bool | None


class ShownOrder(PlainOrder):
    """The same with what an agent reads of it."""

    platform_id: str
    customer_id: int | None
    name: str
    number: str
    digest: str
    refundable: int | None
    gone_at: datetime | None
    note: str
    tags: list[Any]
    lines: Sequence[ShownLine]
    fulfillments: Sequence[ShownParcel]
    refunds: Sequence[ShownRefund]


AnyOrder = Order | PlainOrder
AnyLine = OrderLine | PlainLine
AnyParcel = Fulfillment | PlainParcel
AnyProduct = Product | PlainProduct
"""What `order_facts` translates: a mapped row, or the plain one of the same names."""

SeenOrder = Order | ShownOrder
SeenLine = OrderLine | ShownLine
SeenParcel = Fulfillment | ShownParcel
"""What a pane is drawn from, likewise."""

CHILDREN: dict[str, type[Any]] = {
    "lines": OrderLine,
    "fulfillments": Fulfillment,
    "returns": OrderReturn,
    "refunds": Refund,
    "transactions": PaymentTransaction,
}


def read_orders(work: Work, *wanted: ColumnElement[bool], limit: int) -> list[PlainOrder]:
    """Orders that fit, by id."""
    writer = Writer(work.session.get_bind().dialect.name)
    query = writer.as_text(_orders(PlainOrder, writer))
    rows = work.session.scalars(query.where(*wanted).order_by(Order.id).limit(limit))
    return [_decode(text) for text in rows]


_decode = msgspec.json.Decoder(PlainOrder).decode


def read_history(work: Work, customer_id: int, *, limit: int) -> list[ShownOrder]:
    """A person's orders, newest first. Orders in the store's trash are left out."""
    return _history.rows(work, customer=customer_id, most=limit)


def write_history(writer: Writer, person: ColumnElement[int] = CUSTOMER) -> Select[Any]:
    """No more than `most`."""
    return (
        _orders(ShownOrder, writer)
        .where(Order.customer_id == person, Order.gone_at.is_(None))
        .order_by(Order.placed_at.desc(), Order.id.desc())
        .limit(bindparam("most"))
    )


_history = Prepared(ShownOrder, write_history)


def read_products(work: Work, store_id: int, names: Iterable[str]) -> dict[str, PlainProduct]:
    """By the store's id of the product."""
    wanted = list(names)
    columns = [getattr(Product, field) for field in PlainProduct.__struct_fields__]
    found: dict[str, PlainProduct] = {}
    for first in range(0, len(wanted), 500):
        rows = work.session.execute(
            select(Product.platform_id, *columns).where(
                Product.store_id == store_id, Product.platform_id.in_(wanted[first : first + 500])
            )
        )
        found.update({row[0]: PlainProduct(*row[1:]) for row in rows})
    return found


def _orders(plain: type[PlainOrder], writer: Writer) -> Select[Any]:
    """One JSON text an order: the columns that the plain value names, in its order, and its children's."""
    values = [
        _children(field.type.__args__[0], CHILDREN[field.name], writer)
        if field.name in CHILDREN
        else getattr(Order, field.name)
        for field in msgspec.structs.fields(plain)
    ]
    return select(writer.row(*values))


def _children(plain: type[msgspec.Struct], table: type[Any], writer: Writer) -> ColumnElement[Any]:
    """In the store's own sequence.

    By the order alone, which is this account's: asked for the account as well, SQLite walks through all of
    the account's rows.
    """
    columns = table.__table__.c
    values = [_product(writer) if field == "product" else columns[field] for field in plain.__struct_fields__]
    rows = select(writer.row(*values)).where(columns.order_id == Order.id)
    return writer.all(rows.order_by(columns.position).correlate(Order))


def _product(writer: Writer) -> ColumnElement[Any]:
    """Of an order's line."""
    columns = Product.__table__.c
    row = writer.row(*(columns[field] for field in PlainProduct.__struct_fields__))
    sold = OrderLine.__table__.c.product_id
    of_line = select(row).where(columns.store_id == Order.store_id, columns.platform_id == sold)
    return writer.one(of_line.correlate(Order, OrderLine.__table__))
