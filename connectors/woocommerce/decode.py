"""An order as WooCommerce writes it → an order as we know it. Pure: no clock, no network.

Facts that shape this file (measured): sums of lines are without tax and tax stands beside them; refunds
never lower `total`; only `…_gmt` dates mean anything; statuses are an open list; there is no date of
delivery in the core.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo

from msgspec import Struct
from msgspec.structs import replace

from connectors.woocommerce import items, statuses
from connectors.woocommerce.raw import (
    Raw,
    Unreadable,
    decimal,
    identity,
    meta,
    moment,
    required_id,
    rows,
    text,
)
from connectors.woocommerce.tracking import shipments
from integration.money import Money, total
from integration.records import (
    Address,
    CustomerRecord,
    FinancialStatus,
    OrderRecord,
    ProductRecord,
    RefundRecord,
    TransactionRecord,
)

NOT_ORDERS = frozenset({"checkout-draft", "auto-draft"})
"""Baskets that the block checkout keeps as orders. Nobody ordered anything."""
CURRENCY = re.compile(r"[A-Z]{3}")
COUNTRY = re.compile(r"[A-Z]{2}")


class Setting(Struct, frozen=True, kw_only=True):
    """What reading an order needs to know of its store."""

    zone: tzinfo = UTC
    gateways: Mapping[str, bool] = {}
    """Gateway id → whether it pays back by itself. Empty: not known."""


UNKNOWN_SETTING = Setting()


def is_order(raw: Raw) -> bool:
    return text(raw, "status") not in NOT_ORDERS


def order(
    raw: Raw,
    refunds: Sequence[Raw],
    *,
    fetched_at: datetime,
    setting: Setting = UNKNOWN_SETTING,
    fulfillments: Sequence[Raw] = (),
) -> OrderRecord:
    """Raises :exc:`Unreadable` where a sum, an id or a date cannot be what the store meant."""
    platform_id, currency, placed_at = _heading(raw)
    own = meta(raw)
    masked = text({"value": own.get("_anonymized")}, "value").lower() in ("yes", "1")
    # As they happened: stores list the newest first, and in any order what happened in one second.
    back = tuple(sorted((items.refund(row, currency) for row in refunds), key=_when_refunded))
    refunded = total((one.amount for one in back), currency)
    taken = items.taken_back(refunds)
    ships = raw.get("needs_processing") is not False
    lines = tuple(items.line(row, currency, taken, ships=ships) for row in rows(raw, "line_items"))
    charges = items.charges(raw, currency)
    charged = items.money(decimal(raw, "total", "total"), currency)
    status = text(raw, "status")
    updated_at = moment(raw, "date_modified_gmt") or placed_at
    parcels = statuses.told_delivered(
        shipments(raw, fulfillments=fulfillments, zone=setting.zone, products=_sellers(raw)),
        raw,
        updated_at,
    )
    financial = statuses.financial(raw, charged, refunded)
    number = text(raw, "number") or platform_id
    email, phone = text(_part(raw, "billing"), "email"), text(_part(raw, "billing"), "phone")
    return OrderRecord(
        platform_id=platform_id,
        name=f"#{number}" if number.isdigit() else number,
        number=number,
        placed_at=placed_at,
        updated_at=updated_at,
        fetched_at=fetched_at,
        currency=currency,
        total=charged,
        subtotal=total((line.total for line in lines), currency),
        shipping=total((one.total for one in charges if one.kind == "shipping"), currency),
        tax=items.money(decimal(raw, "total_tax"), currency),
        discount=items.money(decimal(raw, "discount_total") + decimal(raw, "discount_tax"), currency),
        refunded=refunded,
        refundable=_refundable(financial, charged, refunded),
        financial_status=financial,
        fulfillment_status=statuses.fulfillment(raw, lines, parcels),
        platform_status=status,
        return_status=status if statuses.speaks_of_return(status) else "",
        cancelled_at=updated_at if status == "cancelled" else None,
        gone=status == "trash",
        taxes_included=raw.get("prices_include_tax") is True,
        email=None if masked else email or None,
        phone=None if masked else phone or None,
        locale=text({"value": own.get("wpml_language")}, "value") or None,
        customer=None if masked else customer(raw),
        shipping_address=None if masked else address(_part(raw, "shipping")),
        billing_address=None if masked else address(_part(raw, "billing")),
        note="" if masked else text(raw, "customer_note"),
        source=text(raw, "created_via"),
        discount_codes=tuple(filter(None, (text(row, "code") for row in rows(raw, "coupon_lines")))),
        payment_methods=tuple(filter(None, [text(raw, "payment_method_title")])),
        attributes={} if masked else _attributes(raw),
        lines=tuple(replace(line, properties={}) for line in lines) if masked else lines,
        shipping_lines=charges,
        fulfillments=tuple(replace(one, tracking=(), events=()) for one in parcels) if masked else parcels,
        refunds=back,
        transactions=_payment(raw, charged, financial, setting, platform_id),
    )


def _heading(raw: Raw) -> tuple[str, str, datetime]:
    platform_id = required_id(raw, "order")
    currency, placed_at = text(raw, "currency").upper(), moment(raw, "date_created_gmt")
    if not CURRENCY.fullmatch(currency):
        raise Unreadable("order: no currency")
    if placed_at is None:
        raise Unreadable("order: no date of creation")
    if raw.get("total") in (None, ""):
        raise Unreadable("order: no total")
    return platform_id, currency, placed_at


def _part(raw: Raw, key: str) -> Raw:
    value = raw.get(key)
    return value if isinstance(value, Mapping) else {}


def customer(raw: Raw) -> CustomerRecord:
    """The buyer as this order names them. A guest (`customer_id` 0) has no id: 0 is many people."""
    billing = _part(raw, "billing")
    country = text(billing, "country").upper()
    return CustomerRecord(
        platform_id=identity(raw, "customer_id") or None,
        name=_name(billing),
        email=text(billing, "email") or None,
        phone=text(billing, "phone") or None,
        country=country if COUNTRY.fullmatch(country) else None,
    )


def address(raw: Raw) -> Address | None:
    """None where nothing is filled in (digital goods, orders made by hand)."""
    country = text(raw, "country").upper()
    found = Address(
        name=_name(raw),
        company=text(raw, "company"),
        address1=text(raw, "address_1"),
        address2=text(raw, "address_2"),
        city=text(raw, "city"),
        province=text(raw, "state"),
        zip=text(raw, "postcode"),
        country=country if COUNTRY.fullmatch(country) else "",
        phone=text(raw, "phone"),
    )
    return found if found != Address() else None


def product(raw: Raw) -> ProductRecord:
    return ProductRecord(
        platform_id=required_id(raw, "product"),
        title=text(raw, "name"),
        updated_at=moment(raw, "date_modified_gmt"),
        tags=tuple(filter(None, (text(row, "slug") for row in rows(raw, "tags")))),
        categories=tuple(filter(None, (text(row, "slug") for row in rows(raw, "categories")))),
        product_type=text(raw, "type"),
        downloadable=raw.get("downloadable") is True,
        virtual=raw.get("virtual") is True,
    )


def _name(raw: Raw) -> str:
    return f"{text(raw, 'first_name')} {text(raw, 'last_name')}".strip()


def _sellers(raw: Raw) -> dict[str, list[str]]:
    sellers: dict[str, list[str]] = {}
    for row in rows(raw, "line_items"):
        for product_id in {identity(row, "product_id"), identity(row, "variation_id")} - {""}:
            sellers.setdefault(product_id, []).append(identity(row))
    return sellers


def _when_refunded(refund: RefundRecord) -> tuple[datetime, int, str]:
    return refund.created_at, len(refund.platform_id), refund.platform_id


def _refundable(status: FinancialStatus, charged: Money, refunded: Money) -> Money:
    paid = status in (FinancialStatus.PAID, FinancialStatus.PARTIALLY_REFUNDED)
    return max(charged - refunded, Money.zero(charged.currency)) if paid else Money.zero(charged.currency)


def _payment(
    raw: Raw, charged: Money, status: FinancialStatus, setting: Setting, platform_id: str
) -> tuple[TransactionRecord, ...]:
    gateway = text(raw, "payment_method")
    if not gateway and not text(raw, "transaction_id"):
        return ()
    outcomes = {FinancialStatus.PENDING: "pending", FinancialStatus.FAILED: "failure"}
    outcomes[FinancialStatus.VOIDED] = "failure"
    return (
        TransactionRecord(
            platform_id=text(raw, "transaction_id") or f"payment:{platform_id}",
            kind="sale",
            status=outcomes.get(status, "success"),
            amount=charged,
            gateway=gateway,
            gateway_title=text(raw, "payment_method_title"),
            manual=bool(setting.gateways) and not setting.gateways.get(gateway, False),
            created_at=moment(raw, "date_paid_gmt"),
        ),
    )


def _attributes(raw: Raw) -> dict[str, str]:
    """Meta that people may read: no underscore, plain text, not too long."""
    readable = ((text(row, "key"), text(row, "value")) for row in rows(raw, "meta_data"))
    kept = [(key, value) for key, value in readable if key[:1] not in ("", "_") and 0 < len(value) <= 500]
    return dict(kept[:30])
