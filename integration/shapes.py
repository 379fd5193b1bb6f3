"""The JSON API's shapes, as the contract has them. From these types its description is generated."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from integration.db.actions import ActionStatus
from integration.db.stores import StoreStatus, SyncPhase
from integration.ports import ActionKind
from integration.records import FinancialStatus, FulfillmentStatus, Platform

Id = Annotated[str, Meta(min_length=1, max_length=100)]


class Shape(Struct, frozen=True, kw_only=True):
    """Base of what the API answers with. Every field is always there."""


class Money(Shape, frozen=True, kw_only=True):
    amount: Annotated[str, Meta(pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
    """Decimal text with the currency's own digits."""
    currency: Annotated[str, Meta(min_length=3, max_length=3)]


class Address(Shape, frozen=True, kw_only=True):
    name: str
    company: str
    address1: str
    address2: str
    city: str
    province: str
    zip: str
    country: str
    phone: str


class Line(Shape, frozen=True, kw_only=True):
    id: Id
    platform_id: str
    sku: str
    title: str
    variant_title: str
    image_url: str | None
    quantity: int
    current_quantity: int
    refundable_quantity: int
    returned_quantity: int
    unit_price: Money
    total: Money
    """Charged for the line after discounts, tax included."""


class Tracking(Shape, frozen=True, kw_only=True):
    company: str
    number: str
    url: str | None


class Pieces(Shape, frozen=True, kw_only=True):
    line_id: Id
    quantity: int


class Scan(Shape, frozen=True, kw_only=True):
    status: str
    at: datetime
    message: str


class Fulfillment(Shape, frozen=True, kw_only=True):
    id: Id
    platform_id: str
    status: str
    shipped_at: datetime | None
    delivered_at: datetime | None
    delivered_source: Literal["carrier", "store", "agent", "estimate"] | None
    estimated_delivery_at: datetime | None
    tracking: list[Tracking]
    lines: list[Pieces]
    events: list[Scan]


class ReturnLine(Shape, frozen=True, kw_only=True):
    line_id: Id | None
    quantity: int
    reason: str
    note: str


class Return(Shape, frozen=True, kw_only=True):
    id: Id
    platform_id: str
    status: str
    lines: list[ReturnLine]


class RefundLine(Shape, frozen=True, kw_only=True):
    line_id: Id
    quantity: int
    amount: Money


class Refund(Shape, frozen=True, kw_only=True):
    id: Id
    platform_id: str
    created_at: datetime
    amount: Money
    lines: list[RefundLine]
    shipping: Money | None
    note: str


class Order(Shape, frozen=True, kw_only=True):
    id: Id
    store_id: Id
    platform: Platform
    platform_id: str
    name: str
    placed_at: datetime
    updated_at: datetime
    synced_at: datetime
    currency: str
    total: Money
    subtotal: Money
    shipping: Money
    tax: Money
    discount: Money
    refunded: Money
    financial_status: FinancialStatus
    fulfillment_status: FulfillmentStatus
    cancelled_at: datetime | None
    gone_at: datetime | None
    """When the store had trashed or deleted it."""
    test: bool
    customer_id: Id | None
    email: str | None
    phone: str | None
    shipping_address: Address | None
    lines: list[Line]
    fulfillments: list[Fulfillment]
    returns: list[Return]
    refunds: list[Refund]
    admin_url: str | None


class OrderPage(Shape, frozen=True, kw_only=True):
    items: list[Order]
    next_cursor: str | None


class Match(Shape, frozen=True, kw_only=True):
    id: Id
    name: str
    match: list[str]
    """Why, best first: `email:mari@example.ee`, `order:#1042`."""
    emails: list[str]
    phones: list[str]
    country: str | None
    orders_count: int
    last_order_at: datetime | None


class MatchList(Shape, frozen=True, kw_only=True):
    items: list[Match]


class KnownStore(Shape, frozen=True, kw_only=True):
    id: Id
    platform: Platform
    domain: str
    name: str
    orders_count: int


class Customer(Shape, frozen=True, kw_only=True):
    id: Id
    name: str
    emails: list[str]
    phones: list[str]
    locale: str | None
    country: str | None
    orders_count: int
    total_spent: list[Money]
    first_order_at: datetime | None
    last_order_at: datetime | None
    returns_count: int
    stores: list[KnownStore]


class SyncError(Shape, frozen=True, kw_only=True):
    code: str
    message: str
    next_step: str
    at: datetime | None


class Sync(Shape, frozen=True, kw_only=True):
    phase: SyncPhase
    done: int
    total: int | None
    orders_per_second: float | None
    """While orders are copied, once it can be told."""
    seconds_left: float | None
    """An estimate, while orders are copied."""
    lag_seconds: float | None
    """How far the copy may be behind; null while the first copy is not finished."""
    last_event_at: datetime | None
    last_reconciled_at: datetime | None
    oldest_order_at: datetime | None
    error: SyncError | None


class Store(Shape, frozen=True, kw_only=True):
    id: Id
    platform: Platform
    domain: str
    name: str
    status: StoreStatus
    sync: Sync


class StoreList(Shape, frozen=True, kw_only=True):
    items: list[Store]


class ActionError(Shape, frozen=True, kw_only=True):
    code: str
    message: str
    next_step: str


class Action(Shape, frozen=True, kw_only=True):
    id: Id
    kind: ActionKind
    order_id: Id
    status: ActionStatus
    amount: Money | None
    requested_by: str
    approved_by: str | None
    created_at: datetime
    finished_at: datetime | None
    platform_id: str | None
    error: ActionError | None
    paid_back: bool | None = None
    """Of a refund that succeeded: false where the store only wrote it down, to be paid by hand."""


class AuditEntry(Shape, frozen=True, kw_only=True):
    id: Id
    number: int
    at: datetime
    event: str
    actor: str
    proof: str
    order_id: Id | None
    action_id: Id | None
    detail: dict[str, Any]
    note: str | None
    """The words said then, while they may still be kept."""
    hash: str


class AuditPage(Shape, frozen=True, kw_only=True):
    items: list[AuditEntry]
    next_cursor: str | None


class Tender(Shape, frozen=True, kw_only=True):
    gateway: str
    amount: Money


class Law(Shape, frozen=True, kw_only=True):
    id: str | None
    citation: str
    status: str
    confirmed_by: str | None
    """Who of the merchant's side read the source and said that it holds, and the day."""
    confirmed_on: str | None


class Reason(Shape, frozen=True, kw_only=True):
    rule: str
    text: str
    source: str
    status: str
    """How well the source was checked."""


class Verdict(Shape, frozen=True, kw_only=True):
    line_id: Id
    quantity: int
    refused_quantity: int
    """Asked for beyond what is left to return."""
    verdict: Literal["accept", "refuse", "review"]
    basis: Literal["law", "policy", "law+policy", "conformity", "none"]
    summary: str
    """The verdict in one sentence."""
    law_until: str | None
    """A day, `open`, or null."""
    policy_until: str | None
    policy_estimated: bool
    """The policy's day was reckoned from an estimated arrival."""
    policy_version: str | None
    reasons: list[Reason]
    facts: list[dict[str, Any]]
    missing: list[dict[str, Any]]
    resolutions: list[str]


class Due(Shape, frozen=True, kw_only=True):
    items: Money
    outbound: Money
    restock: Money
    label: Money
    diminished: Money
    total: Money
    due: str | None
    """Last day to pay back."""
    send_back_by: str | None
    tenders: list[Tender]
    keep_item: bool
    """The goods are not worth sending back."""
    store_credit_total: Money | None
    """With the bonus, where credit is taken."""
    reasons: list[Reason]


class Eligibility(Shape, frozen=True, kw_only=True):
    order_id: Id
    evaluated_at: datetime
    notice_at: datetime
    country: str | None
    law: Law
    lines: list[Verdict]
    refund: Due
    disclaimer: str


class PreviewLine(Shape, frozen=True, kw_only=True):
    line_id: Id
    quantity: int
    amount: Money
    verdict: Literal["accept", "refuse", "review"]


class Preview(Shape, frozen=True, kw_only=True):
    amount: Money
    lines: list[PreviewLine]
    shipping: Money | None
    fees: Money | None
    tenders: list[Tender]
    platform_amount: Money | None
    difference: str | None
    allowed: bool
    needs_approval: bool
    needs_exception: bool
    """Goes beyond the verdict: `exception` has to say why."""
    needs_step_up: bool
    most: Money | None
    """The most that the order has left to give back."""
    granted: int | None
    """What the verdict grants, in minor units."""
    reasons: list[dict[str, str]]
    order_version: str
    """Changes with whatever the decision rests on."""


class WithdrawalLine(Shape, frozen=True, kw_only=True):
    line_id: Id
    quantity: int


class Withdrawal(Shape, frozen=True, kw_only=True):
    """A withdrawal statement under consumer law, apart from returns. Information, not legal advice."""

    id: Id
    order_id: Id
    lines: list[WithdrawalLine]
    """What it is about; empty: the whole order."""
    received_at: datetime
    channel: Literal["form", "email", "chat", "phone", "letter", "other"]
    recorded_at: datetime
    recorded_by: str
    acknowledged_at: datetime | None
    acknowledged_how: Literal["email", "letter", "account"] | None
    """The durable medium."""
    goods_at: date | None
    """The goods were back."""
    proof_at: date | None
    """The customer showed that they were sent."""
    refund_due: date | None
    """Last day to pay back by the law of the delivery country; null: none is known yet."""
    return_due: date | None
    """Last day for the customer to send the goods."""
    closed_at: datetime | None


class WithdrawalPage(Shape, frozen=True, kw_only=True):
    items: list[Withdrawal]
    next_cursor: str | None


class Problem(Shape, frozen=True, kw_only=True):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    code: str
