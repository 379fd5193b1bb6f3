"""Orders as hypothesis thinks them up: every field filled, in every script, within what the types promise."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from integration.money import Money
from integration.records import (
    Address,
    CustomerRecord,
    FinancialStatus,
    FulfillmentRecord,
    FulfillmentStatus,
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

CURRENCIES = ("EUR", "USD", "JPY", "KWD", "RON", "THB")
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
ids = st.integers(1, 10**12).map(str)
times = st.datetimes(datetime(2015, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
counts = st.integers(0, 10**6)
maps = st.dictionaries(texts, texts, max_size=2)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def several(strategy: st.SearchStrategy[Any], most: int = 2) -> st.SearchStrategy[Any]:
    return st.lists(strategy, max_size=most).map(tuple)


def apart(strategy: st.SearchStrategy[Any], most: int = 2) -> st.SearchStrategy[Any]:
    """Several with ids of their own."""
    return st.lists(strategy, max_size=most, unique_by=lambda each: each.platform_id).map(tuple)


addresses = st.builds(
    Address, name=texts, address1=texts, city=texts, country=st.sampled_from(["EE", "TH", ""])
)
customers = st.builds(
    CustomerRecord,
    platform_id=maybe(ids),
    name=texts,
    email=maybe(texts),
    phone=maybe(texts),
    locale=maybe(texts),
    tags=several(texts),
    created_at=maybe(times),
)


def in_currency(currency: str) -> st.SearchStrategy[OrderRecord]:
    money = st.integers(-(10**13), 10**13).map(lambda minor: Money(minor, currency))
    taxes = several(st.builds(TaxRecord, amount=money, rate_id=texts, title=texts))
    line = st.builds(
        LineRecord,
        platform_id=ids,
        title=texts,
        quantity=counts,
        current_quantity=counts,
        refundable_quantity=counts,
        unit_price=money,
        total=money,
        tax=money,
        taxes=taxes,
        variant_title=texts,
        sku=texts,
        vendor=texts,
        product_id=maybe(ids),
        variant_id=maybe(ids),
        image_url=maybe(texts),
        requires_shipping=st.booleans(),
        is_gift_card=st.booleans(),
        properties=maps,
        added_at=maybe(times),
    )
    parcel = st.builds(
        FulfillmentRecord,
        platform_id=ids,
        status=texts,
        shipment_status=texts,
        name=texts,
        shipped_at=maybe(times),
        updated_at=maybe(times),
        delivered_at=maybe(times),
        delivered_source=maybe(st.sampled_from(["carrier", "store"])),
        estimated_delivery_at=maybe(times),
        tracking=several(st.builds(Tracking, company=texts, number=texts, url=maybe(texts))),
        lines=several(st.builds(QuantityOf, line_id=ids, quantity=counts, platform_id=texts)),
        events=several(st.builds(ShipmentEvent, status=texts, at=times, message=texts, place=texts)),
    )
    returned = st.builds(
        ReturnRecord,
        platform_id=ids,
        status=texts,
        name=texts,
        created_at=maybe(times),
        closed_at=maybe(times),
        decline_reason=texts,
        lines=several(
            st.builds(ReturnLineRecord, platform_id=ids, quantity=counts, line_id=maybe(ids), note=texts)
        ),
    )
    refund = st.builds(
        RefundRecord,
        platform_id=ids,
        created_at=times,
        amount=money,
        lines=several(
            st.builds(
                RefundLineRecord, line_id=ids, quantity=counts, amount=money, restocked=maybe(st.booleans())
            )
        ),
        shipping=maybe(money),
        note=texts,
        marker=texts,
        return_id=maybe(ids),
        paid_back=maybe(st.booleans()),
    )
    payment = st.builds(
        TransactionRecord,
        platform_id=ids,
        kind=texts,
        status=texts,
        amount=st.builds(Money, st.integers(0, 10**13), st.sampled_from(CURRENCIES)),
        gateway=texts,
        manual=st.booleans(),
        parent_id=maybe(ids),
        created_at=maybe(times),
        account=texts,
    )
    return st.builds(
        OrderRecord,
        platform_id=ids,
        name=texts,
        placed_at=times,
        updated_at=times,
        fetched_at=times,
        currency=st.just(currency),
        total=money,
        subtotal=money,
        shipping=money,
        tax=money,
        discount=money,
        refunded=money,
        financial_status=st.sampled_from(FinancialStatus),
        fulfillment_status=st.sampled_from(FulfillmentStatus),
        number=texts,
        shop_total=maybe(st.builds(Money, st.integers(0, 10**13), st.sampled_from(CURRENCIES))),
        platform_status=texts,
        return_status=texts,
        cancelled_at=maybe(times),
        cancel_reason=texts,
        closed_at=maybe(times),
        test=st.booleans(),
        gone=st.booleans(),
        edited=st.booleans(),
        taxes_included=st.booleans(),
        email=maybe(st.sampled_from(["a@example.ee", "B@Example.ee", "ü@müük.ee", "nonsense"])),
        phone=maybe(st.sampled_from(["+372 5551 2345", "555", "0812345678"])),
        locale=maybe(texts),
        customer=maybe(customers),
        shipping_address=maybe(addresses),
        billing_address=maybe(addresses),
        note=texts,
        tags=several(texts),
        source=texts,
        discount_codes=several(texts),
        payment_methods=several(texts),
        risk=texts,
        attributes=maps,
        promised_ship_at=maybe(times),
        tip=maybe(money),
        refundable=maybe(money),
        lines=apart(line, 3),
        shipping_lines=several(
            st.builds(ShippingLineRecord, platform_id=ids, title=texts, total=money, tax=money, taxes=taxes)
        ),
        fulfillments=apart(parcel),
        returns=apart(returned),
        refunds=apart(refund),
        transactions=apart(payment),
    )


orders = st.sampled_from(CURRENCIES).flatmap(in_currency)
