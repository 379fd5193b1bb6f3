"""An order's record as rows of the cache: what `integration.recorded` reads back. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from integration.contacts import key, number_keys
from integration.db.base import Base
from integration.db.orders import (
    Fulfillment,
    OrderKey,
    OrderLine,
    OrderReturn,
    PaymentTransaction,
    Refund,
)
from integration.money import Money
from integration.records import Address, OrderRecord

Row = dict[str, Any]

LONGEST_KEY = 200
"""What is longer nobody quotes, and an index of the database might not take it."""

CHILDREN: tuple[type[Base], ...] = (OrderLine, Fulfillment, OrderReturn, Refund, PaymentTransaction, OrderKey)


class MixedCurrencies(ValueError):
    """An order with an amount that is not in the order's currency: nothing of it can be summed."""


def strip_person(record: OrderRecord) -> OrderRecord:
    """The order without anything that tells who bought. Sums, goods and times stay."""

    def place(address: Address | None) -> Address | None:
        return None if address is None else Address(country=address.country)

    change = msgspec.structs.replace
    return change(
        record,
        email=None,
        phone=None,
        customer=None,
        shipping_address=place(record.shipping_address),
        billing_address=place(record.billing_address),
        note="",
        attributes={},
        lines=tuple(change(line, properties={}) for line in record.lines),
        returns=tuple(
            change(item, lines=tuple(change(line, note="") for line in item.lines)) for item in record.returns
        ),
        refunds=tuple(change(refund, note="") for refund in record.refunds),
        transactions=tuple(change(item, account="") for item in record.transactions),
        fulfillments=tuple(
            change(
                item,
                tracking=(),
                events=tuple(change(scan, message="", place="") for scan in item.events),
            )
            for item in record.fulfillments
        ),
    )


def order_row(record: OrderRecord, **more: Any) -> Row:
    """The order's own row. Raises :exc:`MixedCurrencies`."""
    minor = _Minor(record.currency)
    shop_total = record.shop_total
    return {
        "platform_id": record.platform_id,
        "name": record.name,
        "number": record.number,
        "placed_at": record.placed_at,
        "updated_at": record.updated_at,
        "fetched_at": record.fetched_at,
        "currency": record.currency,
        "total": minor(record.total),
        "subtotal": minor(record.subtotal),
        "shipping": minor(record.shipping),
        "tax": minor(record.tax),
        "discount": minor(record.discount),
        "refunded": minor(record.refunded),
        "refundable": minor(record.refundable),
        "tip": minor(record.tip),
        "shop_total": None if shop_total is None else shop_total.minor,
        "shop_currency": None if shop_total is None else shop_total.currency,
        "financial_status": record.financial_status.value,
        "fulfillment_status": record.fulfillment_status.value,
        "platform_status": record.platform_status,
        "return_status": record.return_status,
        "cancelled_at": record.cancelled_at,
        "cancel_reason": record.cancel_reason,
        "closed_at": record.closed_at,
        "promised_ship_at": record.promised_ship_at,
        "test": record.test,
        "edited": record.edited,
        "taxes_included": record.taxes_included,
        "email": record.email,
        "phone": record.phone,
        "locale": record.locale,
        "customer_record": record.customer,
        "shipping_address": record.shipping_address,
        "billing_address": record.billing_address,
        "note": record.note,
        "tags": record.tags,
        "source": record.source,
        "discount_codes": record.discount_codes,
        "payment_methods": record.payment_methods,
        "risk": record.risk,
        "attributes": record.attributes,
        "shipping_lines": record.shipping_lines,
        **more,
    }


def child_rows(record: OrderRecord, common: Row) -> dict[type[Base], list[Row]]:
    """Rows of all that hangs on the order, each with `common`. Raises :exc:`MixedCurrencies`."""
    minor = _Minor(record.currency)
    return {
        OrderLine: [
            {
                **common,
                "platform_id": line.platform_id,
                "position": position,
                "title": line.title,
                "variant_title": line.variant_title,
                "sku": line.sku,
                "vendor": line.vendor,
                "product_id": line.product_id,
                "variant_id": line.variant_id,
                "image_url": line.image_url,
                "quantity": line.quantity,
                "current_quantity": line.current_quantity,
                "refundable_quantity": line.refundable_quantity,
                "unit_price": minor(line.unit_price),
                "total": minor(line.total),
                "tax": minor(line.tax),
                "taxes": line.taxes,
                "requires_shipping": line.requires_shipping,
                "is_gift_card": line.is_gift_card,
                "properties": line.properties,
                "added_at": line.added_at,
            }
            for position, line in enumerate(record.lines)
        ],
        Fulfillment: [
            {
                **common,
                "platform_id": parcel.platform_id,
                "position": position,
                "status": parcel.status,
                "shipment_status": parcel.shipment_status,
                "name": parcel.name,
                "shipped_at": parcel.shipped_at,
                "updated_at": parcel.updated_at,
                "delivered_at": parcel.delivered_at,
                "delivered_source": parcel.delivered_source,
                "estimated_delivery_at": parcel.estimated_delivery_at,
                "tracking": parcel.tracking,
                "lines": parcel.lines,
                "events": parcel.events,
            }
            for position, parcel in enumerate(record.fulfillments)
        ],
        OrderReturn: [
            {
                **common,
                "platform_id": item.platform_id,
                "position": position,
                "status": item.status,
                "name": item.name,
                "created_at": item.created_at,
                "closed_at": item.closed_at,
                "decline_reason": item.decline_reason,
                "lines": item.lines,
            }
            for position, item in enumerate(record.returns)
        ],
        Refund: [
            {
                **common,
                "platform_id": refund.platform_id,
                "position": position,
                "created_at": refund.created_at,
                "amount": minor(refund.amount),
                "shipping": minor(refund.shipping),
                "note": refund.note,
                "marker": refund.marker,
                "return_id": refund.return_id,
                "paid_back": refund.paid_back,
                "lines": refund.lines,
            }
            for position, refund in enumerate(record.refunds)
        ],
        PaymentTransaction: [
            {
                **common,
                "platform_id": payment.platform_id,
                "position": position,
                "kind": payment.kind,
                "status": payment.status,
                "amount": payment.amount.minor,
                "currency": payment.amount.currency,
                "gateway": payment.gateway,
                "gateway_title": payment.gateway_title,
                "manual": payment.manual,
                "parent_id": payment.parent_id,
                "created_at": payment.created_at,
                "account": payment.account,
            }
            for position, payment in enumerate(record.transactions)
        ],
        OrderKey: [{**common, "kind": kind, "value": value} for kind, value in quoted(record)],
    }


def quoted(record: OrderRecord) -> list[tuple[str, str]]:
    """What people may quote for this order, as `contacts.key` writes it."""
    numbers = number_keys(record.name, record.number)
    tracking = {key(item.number) for parcel in record.fulfillments for item in parcel.tracking}
    keys = [("number", value) for value in numbers] + [("tracking", value) for value in tracking]
    return sorted((kind, value) for kind, value in keys if 0 < len(value) <= LONGEST_KEY)


class _Minor:
    """Minor units of amounts that have to be in one currency."""

    def __init__(self, currency: str) -> None:
        self._currency = currency

    def __call__(self, amount: Money | None) -> int | None:
        if amount is None:
            return None
        if amount.currency != self._currency:
            raise MixedCurrencies(f"an amount in {amount.currency} on an order in {self._currency}")
        return amount.minor
