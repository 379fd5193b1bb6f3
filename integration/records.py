"""What a store tells us, as frozen values in the trade's words.

Connectors decode platform JSON into these; nothing else travels inward. All amounts of an
order are in the currency that the customer paid in. Times are aware UTC. Platform ids are the
store's own ids as its API takes them (Shopify: ``gid://…``, WooCommerce: decimal text).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from integration.money import Money


class Platform(StrEnum):
    SHOPIFY = "shopify"
    WOOCOMMERCE = "woocommerce"


class FinancialStatus(StrEnum):
    PENDING = "pending"
    AUTHORIZED = "authorized"
    PAID = "paid"
    PARTIALLY_PAID = "partially_paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    VOIDED = "voided"
    FAILED = "failed"


class FulfillmentStatus(StrEnum):
    UNFULFILLED = "unfulfilled"
    PARTIALLY_FULFILLED = "partially_fulfilled"
    FULFILLED = "fulfilled"
    IN_TRANSIT = "in_transit"
    DELIVERED = "delivered"


class Value(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of all records: immutable, compared by value."""


class Address(Value, frozen=True):
    name: str = ""
    company: str = ""
    address1: str = ""
    address2: str = ""
    city: str = ""
    province: str = ""
    zip: str = ""
    country: str = ""
    """ISO 3166 alpha-2, upper case; empty if the store has none."""
    phone: str = ""


class CustomerRecord(Value, frozen=True):
    """The store's own idea of who bought. A guest has no `platform_id`."""

    platform_id: str | None = None
    name: str = ""
    email: str | None = None
    phone: str | None = None
    locale: str | None = None
    country: str | None = None
    note: str = ""
    tags: tuple[str, ...] = ()
    created_at: datetime | None = None


class TaxRecord(Value, frozen=True):
    """Part of a line's tax. `rate_id` is the store's id of the rate; WooCommerce refunds name it."""

    amount: Money
    rate_id: str = ""
    title: str = ""


class LineRecord(Value, frozen=True):
    platform_id: str
    title: str
    quantity: int
    """As ordered; never shrinks."""
    current_quantity: int
    """After edits, removals and refunds."""
    refundable_quantity: int
    """How many the store would still refund."""
    unit_price: Money
    """Paid for one, after discounts, tax included (informative: rounding may differ from `total`)."""
    total: Money
    """Charged for the whole line after discounts, tax included."""
    tax: Money
    """The tax inside `total`."""
    taxes: tuple[TaxRecord, ...] = ()
    variant_title: str = ""
    sku: str = ""
    vendor: str = ""
    product_id: str | None = None
    variant_id: str | None = None
    image_url: str | None = None
    requires_shipping: bool = True
    is_gift_card: bool = False
    properties: dict[str, str] = {}
    """What the customer chose or typed: engraving, gift message."""
    added_at: datetime | None = None
    """When an order edit added the line; None: sold with the order."""


class ShippingLineRecord(Value, frozen=True):
    """A delivery charge (or, `kind="fee"`, an extra fee) of the order. `total` includes `tax`."""

    platform_id: str
    title: str
    total: Money
    tax: Money
    taxes: tuple[TaxRecord, ...] = ()
    kind: str = "shipping"
    code: str = ""


class Tracking(Value, frozen=True):
    company: str = ""
    number: str = ""
    url: str | None = None
    """http or https only; anything else was dropped at the edge."""


class ShipmentEvent(Value, frozen=True):
    """A carrier's scan. `status` is one of Shopify's FulfillmentEventStatus words, lower case."""

    status: str
    at: datetime
    message: str = ""
    place: str = ""
    platform_id: str = ""


class QuantityOf(Value, frozen=True):
    """`quantity` pieces of order line `line_id` (platform id). `platform_id`: of the pairing, if any."""

    line_id: str
    quantity: int
    platform_id: str = ""


class FulfillmentRecord(Value, frozen=True):
    platform_id: str
    status: str
    """success, cancelled, error, failure, pending, open; or the platform's own word, lower case."""
    shipment_status: str = ""
    """Latest known of the parcel, as in ShipmentEvent.status; empty: the store does not know."""
    name: str = ""
    shipped_at: datetime | None = None
    updated_at: datetime | None = None
    delivered_at: datetime | None = None
    delivered_source: str | None = None
    """carrier, store, agent, estimate; None while not delivered."""
    estimated_delivery_at: datetime | None = None
    tracking: tuple[Tracking, ...] = ()
    lines: tuple[QuantityOf, ...] = ()
    events: tuple[ShipmentEvent, ...] = ()
    """Oldest first."""


class ReturnLineRecord(Value, frozen=True):
    platform_id: str
    quantity: int
    line_id: str | None = None
    """Platform id of the order line; None where the store does not say."""
    reason: str = ""
    """Own code of the return reasons (changed_mind, defective, …) or the platform's handle."""
    note: str = ""
    processed_quantity: int = 0
    refunded_quantity: int = 0


class ReturnRecord(Value, frozen=True):
    platform_id: str
    status: str
    """requested, open, closed, declined, canceled."""
    name: str = ""
    created_at: datetime | None = None
    closed_at: datetime | None = None
    decline_reason: str = ""
    lines: tuple[ReturnLineRecord, ...] = ()


class RefundLineRecord(Value, frozen=True):
    line_id: str
    quantity: int
    amount: Money
    """Tax included."""
    restocked: bool | None = None


class RefundRecord(Value, frozen=True):
    platform_id: str
    created_at: datetime
    amount: Money
    """What the store counts as refunded; zero is possible."""
    lines: tuple[RefundLineRecord, ...] = ()
    shipping: Money | None = None
    note: str = ""
    marker: str = ""
    """Our action's key, where the store carries it back to us."""
    return_id: str | None = None
    paid_back: bool | None = None
    """Whether the gateway moved the money; None: pending or unknown; False: recorded only."""


class TransactionRecord(Value, frozen=True):
    platform_id: str
    kind: str
    """sale, authorization, capture, refund, void, change …: the platform's word, lower case."""
    status: str
    """success, pending, failure, error …"""
    amount: Money
    gateway: str = ""
    gateway_title: str = ""
    manual: bool = False
    """True: the store only records; the merchant pays by hand."""
    parent_id: str | None = None
    created_at: datetime | None = None
    account: str = ""
    """What may be shown of the means of payment, such as "•••• 4242"."""


class OrderRecord(Value, frozen=True):
    """One order as it was at `fetched_at`. Version: (`updated_at`, `fetched_at`)."""

    platform_id: str
    name: str
    """What people quote: "#1042", "L-5531"."""
    placed_at: datetime
    updated_at: datetime
    """The store's own modification time."""
    fetched_at: datetime
    """When the request that brought this picture was begun."""
    currency: str
    total: Money
    """Charged, as sold and edited, before refunds."""
    subtotal: Money
    """Lines after discounts, tax included as charged."""
    shipping: Money
    """Delivery as charged, tax included."""
    tax: Money
    discount: Money
    refunded: Money
    financial_status: FinancialStatus
    fulfillment_status: FulfillmentStatus
    number: str = ""
    shop_total: Money | None = None
    """The total in the shop's own currency, where it differs."""
    platform_status: str = ""
    """The platform's own status words, for people: "processing", "PARTIALLY_FULFILLED"."""
    return_status: str = ""
    cancelled_at: datetime | None = None
    cancel_reason: str = ""
    closed_at: datetime | None = None
    test: bool = False
    gone: bool = False
    """In the store's trash: kept, but not shown among the orders."""
    edited: bool = False
    taxes_included: bool = True
    email: str | None = None
    phone: str | None = None
    locale: str | None = None
    customer: CustomerRecord | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None
    note: str = ""
    tags: tuple[str, ...] = ()
    source: str = ""
    discount_codes: tuple[str, ...] = ()
    payment_methods: tuple[str, ...] = ()
    """Titles for people: "Visa", "Bank transfer"."""
    risk: str = ""
    """accept, investigate, cancel or empty."""
    attributes: dict[str, str] = {}
    promised_ship_at: datetime | None = None
    tip: Money | None = None
    refundable: Money | None = None
    """What the store would still pay back, where it says so."""
    lines: tuple[LineRecord, ...] = ()
    shipping_lines: tuple[ShippingLineRecord, ...] = ()
    fulfillments: tuple[FulfillmentRecord, ...] = ()
    returns: tuple[ReturnRecord, ...] = ()
    refunds: tuple[RefundRecord, ...] = ()
    transactions: tuple[TransactionRecord, ...] = ()


class ProductRecord(Value, frozen=True):
    """As far as eligibility needs it: what kind of thing it is."""

    platform_id: str
    title: str
    updated_at: datetime | None = None
    tags: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    """Collections (Shopify) or categories (WooCommerce), by handle or slug."""
    product_type: str = ""
    downloadable: bool = False
    virtual: bool = False


class ShopRecord(Value, frozen=True):
    """The shop itself, from its own settings."""

    platform_id: str
    domain: str
    """Host name people know: lumi-home.myshopify.com, shop.example.ee."""
    name: str
    currency: str
    timezone: str
    """IANA name, or "UTC+03:00" where a store only knows an offset."""
    country: str = ""
    version: str = ""
    scopes: tuple[str, ...] = ()
    gateways: dict[str, bool] = {}
    """Gateway id → whether it can pay back by itself."""
    taxes_included: bool | None = None
    plan: str = ""
    features: dict[str, bool] = {}
