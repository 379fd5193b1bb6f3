"""The cached rows of an order, back as the record they came from."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Select
from sqlalchemy.orm import selectinload

from integration.db.orders import Order
from integration.money import Money
from integration.records import (
    Address,
    CustomerRecord,
    FulfillmentRecord,
    LineRecord,
    OrderRecord,
    QuantityOf,
    RefundLineRecord,
    RefundRecord,
    ReturnLineRecord,
    ReturnRecord,
    ShipmentEvent,
    ShippingLineRecord,
    TaxRecord,
    Tracking,
    TransactionRecord,
)

CHILDREN = (Order.lines, Order.fulfillments, Order.returns, Order.refunds, Order.transactions)


def loaded(query: Select[Order]) -> Select[Order]:
    """The query for orders, with everything that `record_of` needs."""
    return query.options(*(selectinload(child) for child in CHILDREN))


def record_of(order: Order) -> OrderRecord:
    """`sync.apply` backwards: with all children loaded, equal to what was applied (and not redacted)."""

    def money(minor: int | None) -> Any:
        return None if minor is None else Money(minor, order.currency)

    shop_total = (
        Money(order.shop_total, order.shop_currency)
        if order.shop_total is not None and order.shop_currency
        else None
    )
    return OrderRecord(
        platform_id=order.platform_id,
        name=order.name,
        placed_at=order.placed_at,
        updated_at=order.updated_at,
        fetched_at=order.fetched_at,
        currency=order.currency,
        total=money(order.total),
        subtotal=money(order.subtotal),
        shipping=money(order.shipping),
        tax=money(order.tax),
        discount=money(order.discount),
        refunded=money(order.refunded),
        financial_status=order.financial_status,
        fulfillment_status=order.fulfillment_status,
        number=order.number,
        shop_total=shop_total,
        platform_status=order.platform_status,
        return_status=order.return_status,
        cancelled_at=order.cancelled_at,
        cancel_reason=order.cancel_reason,
        closed_at=order.closed_at,
        test=order.test,
        gone=order.gone_at is not None,
        edited=order.edited,
        taxes_included=order.taxes_included,
        email=order.email,
        phone=order.phone,
        locale=order.locale,
        customer=_part(order.customer_record, CustomerRecord),
        shipping_address=_part(order.shipping_address, Address),
        billing_address=_part(order.billing_address, Address),
        note=order.note,
        tags=tuple(order.tags),
        source=order.source,
        discount_codes=tuple(order.discount_codes),
        payment_methods=tuple(order.payment_methods),
        risk=order.risk,
        attributes=order.attributes,
        promised_ship_at=order.promised_ship_at,
        tip=money(order.tip),
        refundable=money(order.refundable),
        lines=tuple(
            LineRecord(
                platform_id=line.platform_id,
                title=line.title,
                quantity=line.quantity,
                current_quantity=line.current_quantity,
                refundable_quantity=line.refundable_quantity,
                unit_price=money(line.unit_price),
                total=money(line.total),
                tax=money(line.tax),
                taxes=_parts(line.taxes, TaxRecord),
                variant_title=line.variant_title,
                sku=line.sku,
                vendor=line.vendor,
                product_id=line.product_id,
                variant_id=line.variant_id,
                image_url=line.image_url,
                requires_shipping=line.requires_shipping,
                is_gift_card=line.is_gift_card,
                properties=line.properties,
                added_at=line.added_at,
            )
            for line in order.lines
        ),
        shipping_lines=_parts(order.shipping_lines, ShippingLineRecord),
        fulfillments=tuple(
            FulfillmentRecord(
                platform_id=shipment.platform_id,
                status=shipment.status,
                shipment_status=shipment.shipment_status,
                name=shipment.name,
                shipped_at=shipment.shipped_at,
                updated_at=shipment.updated_at,
                delivered_at=shipment.delivered_at,
                delivered_source=shipment.delivered_source,
                estimated_delivery_at=shipment.estimated_delivery_at,
                tracking=_parts(shipment.tracking, Tracking),
                lines=_parts(shipment.lines, QuantityOf),
                events=_parts(shipment.events, ShipmentEvent),
            )
            for shipment in order.fulfillments
        ),
        returns=tuple(
            ReturnRecord(
                platform_id=item.platform_id,
                status=item.status,
                name=item.name,
                created_at=item.created_at,
                closed_at=item.closed_at,
                decline_reason=item.decline_reason,
                lines=_parts(item.lines, ReturnLineRecord),
            )
            for item in order.returns
        ),
        refunds=tuple(
            RefundRecord(
                platform_id=refund.platform_id,
                created_at=refund.created_at,
                amount=money(refund.amount),
                lines=_parts(refund.lines, RefundLineRecord),
                shipping=money(refund.shipping),
                note=refund.note,
                marker=refund.marker,
                return_id=refund.return_id,
                paid_back=refund.paid_back,
            )
            for refund in order.refunds
        ),
        transactions=tuple(
            TransactionRecord(
                platform_id=payment.platform_id,
                kind=payment.kind,
                status=payment.status,
                amount=Money(payment.amount, payment.currency),
                gateway=payment.gateway,
                gateway_title=payment.gateway_title,
                manual=payment.manual,
                parent_id=payment.parent_id,
                created_at=payment.created_at,
                account=payment.account,
            )
            for payment in order.transactions
        ),
    )


def _part(value: Any, kind: Any) -> Any:
    return None if value is None else msgspec.convert(value, kind)


def _parts(values: list[Any], kind: Any) -> Any:
    return tuple(msgspec.convert(value, kind) for value in values)
