"""The copy of the stores' orders. Sums are minor units of the order's own currency.

Children are keyed by the order and the store's own id, so that a line keeps its identity however
often the order is written again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from integration.db.base import AccountRow, Base, BigId, word
from integration.records import FinancialStatus, FulfillmentStatus


class Order(AccountRow, Base):
    """One order as the store had it at `fetched_at`. (`updated_at`, `fetched_at`) never goes back."""

    __tablename__ = "sales_order"
    __table_args__ = (
        UniqueConstraint("store_id", "platform_id"),
        Index(None, "account_id", "customer_id", "placed_at"),
        Index(None, "account_id", "updated_at", "id"),
        Index(None, "store_id", "placed_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    store_id: Mapped[int] = mapped_column(ForeignKey("store.id", ondelete="CASCADE"))
    platform_id: Mapped[str]
    customer_id: Mapped[int | None] = mapped_column(
        ForeignKey("customer.id", ondelete="SET NULL"), index=True
    )
    name: Mapped[str]
    number: Mapped[str]
    placed_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    """The store's own modification time."""
    fetched_at: Mapped[datetime]
    """When the request that brought this picture was begun."""
    synced_at: Mapped[datetime]
    """When we last knew this picture to be the store's."""
    digest: Mapped[str]
    """Of the whole record without its times of fetching: equal digests, equal orders."""
    currency: Mapped[str]
    total: Mapped[int]
    subtotal: Mapped[int]
    shipping: Mapped[int]
    tax: Mapped[int]
    discount: Mapped[int]
    refunded: Mapped[int]
    refundable: Mapped[int | None]
    tip: Mapped[int | None]
    shop_total: Mapped[int | None]
    shop_currency: Mapped[str | None]
    financial_status: Mapped[FinancialStatus] = mapped_column(word(FinancialStatus))
    fulfillment_status: Mapped[FulfillmentStatus] = mapped_column(word(FulfillmentStatus))
    platform_status: Mapped[str]
    return_status: Mapped[str]
    cancelled_at: Mapped[datetime | None]
    cancel_reason: Mapped[str]
    closed_at: Mapped[datetime | None]
    promised_ship_at: Mapped[datetime | None]
    test: Mapped[bool]
    gone_at: Mapped[datetime | None]
    """When we learnt that the store had trashed or deleted it; kept for the record, shown as gone."""
    edited: Mapped[bool]
    taxes_included: Mapped[bool]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    locale: Mapped[str | None]
    customer_record: Mapped[dict[str, Any] | None]
    """The store's customer as of this order: records.CustomerRecord as JSON."""
    shipping_address: Mapped[dict[str, Any] | None]
    billing_address: Mapped[dict[str, Any] | None]
    note: Mapped[str]
    tags: Mapped[list[Any]]
    source: Mapped[str]
    discount_codes: Mapped[list[Any]]
    payment_methods: Mapped[list[Any]]
    risk: Mapped[str]
    attributes: Mapped[dict[str, Any]]
    shipping_lines: Mapped[list[Any]]
    """records.ShippingLineRecord as JSON."""
    redacted_at: Mapped[datetime | None]

    lines: Mapped[list[OrderLine]] = relationship(
        order_by="OrderLine.position", lazy="raise", viewonly=True, back_populates="order"
    )
    fulfillments: Mapped[list[Fulfillment]] = relationship(
        order_by="Fulfillment.position", lazy="raise", viewonly=True
    )
    returns: Mapped[list[OrderReturn]] = relationship(
        order_by="OrderReturn.position", lazy="raise", viewonly=True
    )
    refunds: Mapped[list[Refund]] = relationship(order_by="Refund.position", lazy="raise", viewonly=True)
    transactions: Mapped[list[PaymentTransaction]] = relationship(
        order_by="PaymentTransaction.position", lazy="raise", viewonly=True
    )


class OrderChild(AccountRow):
    """Rows that live and die with their order; `position` keeps the store's own sequence."""

    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id", ondelete="CASCADE"), primary_key=True)
    platform_id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]


class OrderLine(OrderChild, Base):
    __tablename__ = "order_line"

    title: Mapped[str]
    variant_title: Mapped[str]
    sku: Mapped[str]
    vendor: Mapped[str]
    product_id: Mapped[str | None]
    variant_id: Mapped[str | None]
    image_url: Mapped[str | None]
    quantity: Mapped[int]
    current_quantity: Mapped[int]
    refundable_quantity: Mapped[int]
    unit_price: Mapped[int]
    total: Mapped[int]
    tax: Mapped[int]
    taxes: Mapped[list[Any]]
    """records.TaxRecord as JSON."""
    requires_shipping: Mapped[bool]
    is_gift_card: Mapped[bool]
    properties: Mapped[dict[str, Any]]
    added_at: Mapped[datetime | None]

    order: Mapped[Order] = relationship(back_populates="lines", lazy="raise", viewonly=True)


class Fulfillment(OrderChild, Base):
    __tablename__ = "fulfillment"

    status: Mapped[str]
    shipment_status: Mapped[str]
    name: Mapped[str]
    shipped_at: Mapped[datetime | None]
    updated_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    delivered_source: Mapped[str | None]
    estimated_delivery_at: Mapped[datetime | None]
    tracking: Mapped[list[Any]]
    """records.Tracking as JSON."""
    lines: Mapped[list[Any]]
    """records.QuantityOf as JSON."""
    events: Mapped[list[Any]]
    """records.ShipmentEvent as JSON, oldest first."""


class OrderReturn(OrderChild, Base):
    __tablename__ = "order_return"

    status: Mapped[str]
    name: Mapped[str]
    created_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    decline_reason: Mapped[str]
    lines: Mapped[list[Any]]
    """records.ReturnLineRecord as JSON."""


class Refund(OrderChild, Base):
    __tablename__ = "refund"

    created_at: Mapped[datetime]
    amount: Mapped[int]
    shipping: Mapped[int | None]
    note: Mapped[str]
    marker: Mapped[str]
    return_id: Mapped[str | None]
    paid_back: Mapped[bool | None]
    lines: Mapped[list[Any]]
    """records.RefundLineRecord as JSON."""


class PaymentTransaction(OrderChild, Base):
    __tablename__ = "payment_transaction"

    kind: Mapped[str]
    status: Mapped[str]
    amount: Mapped[int]
    currency: Mapped[str]
    gateway: Mapped[str]
    gateway_title: Mapped[str]
    manual: Mapped[bool]
    parent_id: Mapped[str | None]
    created_at: Mapped[datetime | None]
    account: Mapped[str]


class OrderKey(AccountRow, Base):
    """What people quote to find an order: its number in every usual writing, its tracking numbers."""

    __tablename__ = "order_key"
    __table_args__ = (Index(None, "account_id", "value"),)

    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    """number or tracking."""
    value: Mapped[str] = mapped_column(primary_key=True)
    """Upper case letters and digits only."""
