"""The GraphQL answers that we read, as types: what does not fit is turned away at the edge.

Field names are Shopify's. Everything that Shopify may leave null is optional here; words of an enum
stay text, as new ones appear between versions. Source: Admin schema 2026-10.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec import Struct, field

T = TypeVar("T")


class Shape(Struct, kw_only=True):
    """Base: unknown fields are ignored."""


class PageInfo(Shape):
    hasNextPage: bool = False
    endCursor: str | None = None


class Nodes(Struct, Generic[T]):
    nodes: list[T]
    pageInfo: PageInfo = field(default_factory=PageInfo)


class Amount(Shape):
    amount: str
    currencyCode: str


class Bag(Shape):
    presentmentMoney: Amount
    shopMoney: Amount | None = None


class Ref(Shape):
    id: str


class Pair(Shape):
    key: str
    value: str | None = None


class Url(Shape):
    url: str | None = None


class AddressShape(Shape):
    name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    provinceCode: str | None = None
    zip: str | None = None
    countryCodeV2: str | None = None
    phone: str | None = None


class Email(Shape):
    emailAddress: str | None = None


class Phone(Shape):
    phoneNumber: str | None = None


class CustomerShape(Shape):
    id: str
    displayName: str = ""
    locale: str | None = None
    note: str | None = None
    tags: list[str] = []
    createdAt: datetime | None = None
    defaultEmailAddress: Email | None = None
    defaultPhoneNumber: Phone | None = None
    defaultAddress: AddressShape | None = None


class TaxLine(Shape):
    title: str
    priceSet: Bag


class LineShape(Shape):
    id: str
    title: str
    quantity: int
    currentQuantity: int
    refundableQuantity: int
    discountedTotalSet: Bag
    discountedUnitPriceAfterAllDiscountsSet: Bag
    variantTitle: str | None = None
    sku: str | None = None
    vendor: str | None = None
    requiresShipping: bool = True
    isGiftCard: bool = False
    image: Url | None = None
    product: Ref | None = None
    variant: Ref | None = None
    customAttributes: list[Pair] = []
    taxLines: list[TaxLine] = []


class ShippingLineShape(Shape):
    title: str
    discountedPriceSet: Bag
    id: str | None = None
    code: str | None = None
    isRemoved: bool = False


class TransactionShape(Shape):
    id: str
    kind: str
    status: str
    amountSet: Bag
    gateway: str | None = None
    formattedGateway: str | None = None
    manualPaymentGateway: bool = False
    accountNumber: str | None = None
    createdAt: datetime | None = None
    parentTransaction: Ref | None = None


class TrackingShape(Shape):
    company: str | None = None
    number: str | None = None
    url: str | None = None


class ShipmentLineShape(Shape):
    id: str
    lineItem: Ref
    quantity: int | None = None


class EventShape(Shape):
    id: str
    status: str
    happenedAt: datetime
    message: str | None = None
    city: str | None = None
    province: str | None = None
    country: str | None = None


class ShipmentShape(Shape):
    id: str
    status: str
    createdAt: datetime
    fulfillmentLineItems: Nodes[ShipmentLineShape]
    events: Nodes[EventShape]
    name: str = ""
    displayStatus: str | None = None
    updatedAt: datetime | None = None
    deliveredAt: datetime | None = None
    estimatedDeliveryAt: datetime | None = None
    trackingInfo: list[TrackingShape] = []


class RefundLineShape(Shape):
    quantity: int
    lineItem: Ref
    subtotalSet: Bag
    totalTaxSet: Bag
    restocked: bool | None = None


class RefundShippingShape(Shape):
    subtotalAmountSet: Bag
    taxAmountSet: Bag


class RefundMoveShape(Shape):
    status: str
    manualPaymentGateway: bool = False


class RefundShape(Shape):
    id: str
    processedAt: datetime
    totalRefundedSet: Bag
    refundLineItems: Nodes[RefundLineShape]
    refundShippingLines: Nodes[RefundShippingShape]
    transactions: Nodes[RefundMoveShape]
    note: str | None = None
    createdAt: datetime | None = None
    return_: Ref | None = field(name="return", default=None)


class Decline(Shape):
    reason: str = ""
    note: str | None = None


class Reason(Shape):
    handle: str = ""


class ReturnedPiece(Shape):
    """The shipment's line that a return line names."""

    lineItem: Ref


class ReturnLineShape(Shape):
    id: str
    quantity: int
    processedQuantity: int = 0
    refundedQuantity: int = 0
    customerNote: str | None = None
    returnReasonNote: str | None = None
    returnReasonDefinition: Reason | None = None
    fulfillmentLineItem: ReturnedPiece | None = None


class ReturnShape(Shape):
    id: str
    status: str
    name: str = ""
    createdAt: datetime | None = None
    closedAt: datetime | None = None
    decline: Decline | None = None
    returnLineItems: Nodes[ReturnLineShape] = field(default_factory=lambda: Nodes(nodes=[]))


class Risk(Shape):
    recommendation: str | None = None


class OrderShape(Shape):
    """One order. Lists that came whole are filled; in bulk rows, children are hung on later."""

    id: str
    name: str
    processedAt: datetime
    updatedAt: datetime
    currencyCode: str
    presentmentCurrencyCode: str
    totalPriceSet: Bag
    currentTotalPriceSet: Bag
    totalShippingPriceSet: Bag
    totalRefundedSet: Bag
    netPaymentSet: Bag
    totalDiscountsSet: Bag | None = None
    totalTaxSet: Bag | None = None
    confirmationNumber: str | None = None
    createdAt: datetime | None = None
    closedAt: datetime | None = None
    cancelledAt: datetime | None = None
    cancelReason: str | None = None
    test: bool = False
    edited: bool = False
    taxesIncluded: bool = True
    displayFinancialStatus: str | None = None
    displayFulfillmentStatus: str = ""
    returnStatus: str = ""
    email: str | None = None
    phone: str | None = None
    note: str | None = None
    tags: list[str] = []
    sourceName: str | None = None
    discountCodes: list[str] = []
    paymentGatewayNames: list[str] = []
    customAttributes: list[Pair] = []
    risk: Risk | None = None
    billingAddress: AddressShape | None = None
    shippingAddress: AddressShape | None = None
    customer: CustomerShape | None = None
    transactions: list[TransactionShape] = []
    shippingLines: Nodes[ShippingLineShape] = field(default_factory=lambda: Nodes(nodes=[]))
    lineItems: Nodes[LineShape] = field(default_factory=lambda: Nodes(nodes=[]))
    fulfillments: list[ShipmentShape] = []
    refunds: list[RefundShape] = []
    returns: Nodes[ReturnShape] = field(default_factory=lambda: Nodes(nodes=[]))


class DetailShape(Shape):
    """What document 19 adds to a bulk row."""

    id: str
    updatedAt: datetime
    shippingLines: Nodes[ShippingLineShape]
    fulfillments: list[ShipmentShape]
    refunds: list[RefundShape]


class Page(Struct, Generic[T]):
    """The one connection of a "more" document, under whatever owns it."""

    page: Nodes[T]


class VersionShape(Shape):
    id: str
    updatedAt: datetime
    processedAt: datetime | None = None


class UserError(Shape):
    message: str = ""
    code: str | None = None
    field: Any = None
