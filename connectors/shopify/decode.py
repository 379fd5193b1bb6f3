"""An order as Shopify tells it → an order in our words. Pure.

Amounts are those of the customer's side (presentment money). Source of what fields mean: Admin schema
2026-10 and shopify.dev, "Order".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from connectors.shopify import aftersales, parcels
from connectors.shopify.shapes import (
    AddressShape,
    CustomerShape,
    LineShape,
    OrderShape,
    Pair,
    ShippingLineShape,
    TaxLine,
    TransactionShape,
)
from connectors.shopify.values import maybe_utc, money, paid, utc
from integration.money import Money, half_up, split, total
from integration.records import (
    Address,
    CustomerRecord,
    FinancialStatus,
    LineRecord,
    OrderRecord,
    ShippingLineRecord,
    TaxRecord,
    TransactionRecord,
)

FINANCIAL = {
    "PENDING": FinancialStatus.PENDING,
    "AUTHORIZED": FinancialStatus.AUTHORIZED,
    "PAID": FinancialStatus.PAID,
    "PARTIALLY_PAID": FinancialStatus.PARTIALLY_PAID,
    "PARTIALLY_REFUNDED": FinancialStatus.PARTIALLY_REFUNDED,
    "REFUNDED": FinancialStatus.REFUNDED,
    "VOIDED": FinancialStatus.VOIDED,
    "EXPIRED": FinancialStatus.VOIDED,
}
"""Unknown words count as pending: no money that we know of."""

MONEY_IN = frozenset({"SALE", "CAPTURE", "AUTHORIZATION", "EMV_AUTHORIZATION"})


def order(shape: OrderShape, fetched_at: datetime) -> OrderRecord:
    """The whole order. Raises :exc:`ValueError` if its parts contradict each other (mixed currencies)."""
    currency = shape.presentmentCurrencyCode
    lines = tuple(line(each, taxes_included=shape.taxesIncluded) for each in shape.lineItems.nodes)
    charged = _total(shape)
    tax = paid(shape.totalTaxSet) if shape.totalTaxSet else Money(0, currency)
    shipping_lines = _shipping_lines(shape, tax, lines)
    shipping = total((each.total for each in shipping_lines), currency)
    fulfillments = tuple(parcels.fulfillment(each) for each in shape.fulfillments)
    net = paid(shape.netPaymentSet)
    customer_name = shape.customer.displayName if shape.customer else ""
    return OrderRecord(
        platform_id=shape.id,
        name=shape.name,
        number=shape.confirmationNumber or "",
        placed_at=utc(shape.processedAt),
        updated_at=utc(shape.updatedAt),
        fetched_at=fetched_at,
        currency=currency,
        total=charged,
        shop_total=_shop_total(shape),
        subtotal=charged - shipping,
        shipping=shipping,
        tax=tax,
        discount=paid(shape.totalDiscountsSet) if shape.totalDiscountsSet else Money(0, currency),
        refunded=paid(shape.totalRefundedSet),
        refundable=net if net.minor > 0 else Money(0, currency),
        financial_status=FINANCIAL.get(shape.displayFinancialStatus or "", FinancialStatus.PENDING),
        fulfillment_status=parcels.status_of(shape.displayFulfillmentStatus, fulfillments),
        platform_status=shape.displayFulfillmentStatus,
        return_status=shape.returnStatus.lower().removeprefix("no_return"),
        cancelled_at=maybe_utc(shape.cancelledAt),
        cancel_reason=(shape.cancelReason or "").lower(),
        closed_at=maybe_utc(shape.closedAt),
        test=shape.test,
        edited=shape.edited,
        taxes_included=shape.taxesIncluded,
        email=shape.email or None,
        phone=shape.phone or None,
        locale=shape.customer.locale if shape.customer else None,
        customer=_customer(shape, customer_name),
        shipping_address=address(shape.shippingAddress),
        billing_address=address(shape.billingAddress),
        note=shape.note or "",
        tags=tuple(shape.tags),
        source=shape.sourceName or "",
        discount_codes=tuple(shape.discountCodes),
        payment_methods=_payment_methods(shape),
        risk=_risk(shape),
        attributes=_pairs(shape.customAttributes),
        lines=lines,
        shipping_lines=shipping_lines,
        fulfillments=fulfillments,
        returns=tuple(aftersales.return_(each) for each in aftersales.by_age(shape.returns.nodes)),
        refunds=tuple(aftersales.refund(each, taxes_included=shape.taxesIncluded) for each in shape.refunds),
        transactions=tuple(transaction(each) for each in shape.transactions),
    )


def _total(shape: OrderShape) -> Money:
    """Charged as sold and edited: `totalPriceSet` knows no edits, the current total knows refunds too."""
    if shape.edited:
        return paid(shape.currentTotalPriceSet) + paid(shape.totalRefundedSet)
    return paid(shape.totalPriceSet)


def _shop_total(shape: OrderShape) -> Money | None:
    bag = shape.currentTotalPriceSet if shape.edited else shape.totalPriceSet
    if shape.edited or bag.shopMoney is None or shape.currencyCode == shape.presentmentCurrencyCode:
        return None
    return money(bag.shopMoney)


def line(shape: LineShape, *, taxes_included: bool) -> LineRecord:
    charged = paid(shape.discountedTotalSet)
    taxes = tuple(_tax(each) for each in shape.taxLines)
    tax = total((each.amount for each in taxes), charged.currency)
    unit = paid(shape.discountedUnitPriceAfterAllDiscountsSet)
    if not taxes_included and tax:
        charged = charged + tax
        unit = Money(unit.minor + half_up(tax.minor, max(shape.quantity, 1)), unit.currency)
    return LineRecord(
        platform_id=shape.id,
        title=shape.title,
        variant_title=shape.variantTitle or "",
        sku=shape.sku or "",
        vendor=shape.vendor or "",
        quantity=shape.quantity,
        current_quantity=shape.currentQuantity,
        refundable_quantity=shape.refundableQuantity,
        unit_price=unit,
        total=charged,
        tax=tax,
        taxes=taxes,
        product_id=shape.product.id if shape.product else None,
        variant_id=shape.variant.id if shape.variant else None,
        image_url=parcels.web_address(shape.image.url) if shape.image else None,
        requires_shipping=shape.requiresShipping,
        is_gift_card=shape.isGiftCard,
        properties=_pairs(shape.customAttributes),
    )


def _tax(shape: TaxLine) -> TaxRecord:
    return TaxRecord(amount=paid(shape.priceSet), title=shape.title)


def _shipping_lines(
    shape: OrderShape, tax: Money, lines: Sequence[LineRecord]
) -> tuple[ShippingLineRecord, ...]:
    """Delivery charges with their tax: what of the order's tax is on no line, in proportion to the prices."""
    charges = [each for each in shape.shippingLines.nodes if not each.isRemoved]
    prices = [paid(each.discountedPriceSet) for each in charges]
    rest = max(0, tax.minor - sum(each.tax.minor for each in lines))
    if not shape.edited and sum(price.minor for price in prices) > 0:
        taxes = split(rest, [max(0, price.minor) for price in prices])
    else:
        taxes = [0] * len(prices)
    return tuple(
        _shipping_line(charge, price, Money(part, price.currency), taxes_included=shape.taxesIncluded)
        for charge, price, part in zip(charges, prices, taxes, strict=True)
    )


def _shipping_line(
    shape: ShippingLineShape, price: Money, tax: Money, *, taxes_included: bool
) -> ShippingLineRecord:
    return ShippingLineRecord(
        platform_id=shape.id or "",
        title=shape.title,
        code=shape.code or "",
        total=price if taxes_included else price + tax,
        tax=tax,
    )


def transaction(shape: TransactionShape) -> TransactionRecord:
    return TransactionRecord(
        platform_id=shape.id,
        kind=shape.kind.lower(),
        status=shape.status.lower(),
        amount=paid(shape.amountSet),
        gateway=shape.gateway or "",
        gateway_title=shape.formattedGateway or "",
        manual=shape.manualPaymentGateway,
        parent_id=shape.parentTransaction.id if shape.parentTransaction else None,
        created_at=maybe_utc(shape.createdAt),
        account=shape.accountNumber or "",
    )


def _customer(shape: OrderShape, name: str) -> CustomerRecord | None:
    """A guest is whoever gave an email, a phone or a name with the order."""
    buyer = shape.customer
    if buyer is not None:
        return _known(buyer, name)
    at = shape.billingAddress or shape.shippingAddress
    guest = CustomerRecord(
        name=(at.name if at else None) or "",
        email=shape.email or None,
        phone=shape.phone or None,
        country=(at.countryCodeV2 if at else None) or None,
    )
    return guest if guest.name or guest.email or guest.phone else None


def _known(buyer: CustomerShape, name: str) -> CustomerRecord:
    home = buyer.defaultAddress
    return CustomerRecord(
        platform_id=buyer.id,
        name=name,
        email=(buyer.defaultEmailAddress.emailAddress if buyer.defaultEmailAddress else None) or None,
        phone=(buyer.defaultPhoneNumber.phoneNumber if buyer.defaultPhoneNumber else None) or None,
        locale=buyer.locale,
        country=home.countryCodeV2 if home else None,
        note=buyer.note or "",
        tags=tuple(buyer.tags),
        created_at=maybe_utc(buyer.createdAt),
    )


def address(shape: AddressShape | None) -> Address | None:
    if shape is None:
        return None
    return Address(
        name=shape.name or "",
        company=shape.company or "",
        address1=shape.address1 or "",
        address2=shape.address2 or "",
        city=shape.city or "",
        province=shape.provinceCode or "",
        zip=shape.zip or "",
        country=(shape.countryCodeV2 or "").upper(),
        phone=shape.phone or "",
    )


def _payment_methods(shape: OrderShape) -> tuple[str, ...]:
    titles = [
        each.formattedGateway or each.gateway or "" for each in shape.transactions if each.kind in MONEY_IN
    ]
    return tuple(dict.fromkeys(title for title in titles or shape.paymentGatewayNames if title))


def _risk(shape: OrderShape) -> str:
    word = (shape.risk.recommendation if shape.risk else None) or ""
    return "" if word == "NONE" else word.lower()


def _pairs(pairs: list[Pair]) -> dict[str, str]:
    return {each.key: each.value or "" for each in pairs}
