"""Orders as real stores wrote them, in our words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.woocommerce import decode, items
from connectors.woocommerce.raw import Unreadable
from integration.money import Money
from integration.records import FinancialStatus, FulfillmentStatus, OrderRecord, QuantityOf

FETCHED = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
Sample = Callable[[str], Any]


def body_of(sample: Sample, name: str) -> Any:
    return sample(name)["response"]["body"]


def read(raw: Any, refunds: Any = (), **more: Any) -> OrderRecord:
    return decode.order(raw, refunds, fetched_at=FETCHED, **more)


def found_orders(value: Any) -> Iterator[Any]:
    """Every complete order anywhere inside a recording."""
    if isinstance(value, dict):
        if isinstance(value.get("line_items"), list) and value.get("order_key") and "total" in value:
            yield value
        for inner in value.values():
            yield from found_orders(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from found_orders(inner)


def test_every_recorded_order_adds_up(exchanges: Any) -> None:
    seen = 0
    for exchange in exchanges:
        for raw in found_orders(exchange.body):
            if not raw.get("date_created_gmt") or "dp=" in exchange.request["query"]:
                continue
            order = read(raw)
            charges = sum(charge.total.minor for charge in order.shipping_lines)
            # Each part is rounded for itself, so yen orders with cents may miss the total by one.
            assert abs(order.subtotal.minor + charges - order.total.minor) <= 1, (exchange.name, raw["id"])
            assert order.platform_id == str(raw["id"])
            assert order.placed_at.tzinfo is UTC
            assert all(line.total.currency == raw["currency"] for line in order.lines)
            seen += 1
    assert seen > 150


def test_every_recorded_refund_is_read(exchanges: Any) -> None:
    seen = 0
    for exchange in exchanges:
        rows = exchange.body if isinstance(exchange.body, list) else [exchange.body]
        for raw in rows:
            if not isinstance(raw, dict) or "refunded_payment" not in raw or "deleted" in raw:
                continue
            refund = items.refund(raw, "EUR")
            assert refund.amount == items.money(Decimal(raw["amount"]), "EUR")
            assert refund.paid_back is raw["refunded_payment"]
            assert all(line.quantity >= 0 and line.amount.minor >= 0 for line in refund.lines)
            seen += 1
    assert seen > 80


@pytest.mark.parametrize("number", range(8))
def test_an_order_and_its_refunds_agree(sample: Sample, number: int) -> None:
    parent = body_of(sample, f"refunds/order_refunds_parent_{number}.json")
    refunds = body_of(sample, f"refunds/order_refunds_list_{number}.json")

    order = read(parent, refunds)

    assert len(order.refunds) == len(parent["refunds"])
    told = sum(abs(Decimal(row["total"])) for row in parent["refunds"])
    assert order.refunded == items.money(told, order.currency)
    for line in order.lines:
        back = sum(part.quantity for refund in order.refunds for part in refund.lines
                   if part.line_id == line.platform_id)  # fmt: skip
        assert line.refundable_quantity == max(line.quantity - back, 0)


def test_a_line_includes_its_tax(sample: Sample) -> None:
    order = read(body_of(sample, "orders_single/status_completed.json"))

    power_bank = order.lines[2]
    assert power_bank.title == "Power bank 20,000 mAh"
    assert power_bank.total == Money(31218, "EUR")
    assert power_bank.tax == Money(5418, "EUR")
    assert power_bank.unit_price == Money(15609, "EUR")
    assert [(tax.rate_id, tax.amount.minor) for tax in power_bank.taxes] == [("3", 5418)]
    assert order.total == Money(70747, "EUR")
    assert order.shipping == Money(2419, "EUR")


def test_a_variation_is_parted_from_its_product(sample: Sample) -> None:
    line = read(body_of(sample, "orders_single/status_completed.json")).lines[0]
    assert (line.title, line.variant_title) == ("Ie românească", "M, Black")
    assert (line.product_id, line.variant_id, line.sku) == ("74", "76", "VAR-010-M")
    assert line.properties == {}


def test_an_engraving_is_plain_text(exchanges: Any) -> None:
    typed = {
        line.properties["Engraving"]
        for exchange in exchanges
        for raw in found_orders(exchange.body)
        if raw.get("date_created_gmt")
        for line in read(raw).lines
        if "Engraving" in line.properties
    }
    assert typed == {"Õnne! สุขสันต์ <3"}


def test_only_the_dates_that_say_gmt_count(sample: Sample) -> None:
    order = read(body_of(sample, "orders_single/status_completed.json"))
    assert order.placed_at == datetime(2025, 10, 22, 14, 29, 51, tzinfo=UTC)
    assert order.updated_at == datetime(2026, 11, 21, 19, 28, 14, tzinfo=UTC)


def test_a_negative_fee_lowers_the_order(sample: Sample) -> None:
    order = read(body_of(sample, "orders_single/with_negative_fee.json"))
    fee = order.shipping_lines[1]
    assert (fee.kind, fee.title, fee.total) == ("fee", "Loyalty discount", Money(-363, "EUR"))
    assert order.shipping == Money(2419, "EUR")


def test_a_coupon_is_named(sample: Sample) -> None:
    order = read(body_of(sample, "orders_single/with_coupon.json"))
    assert order.discount_codes == ("minus5",)
    assert order.discount == Money(575, "EUR")


@pytest.mark.parametrize(
    ("currency", "total", "shipping"),
    [("JPY", 21, 5), ("KWD", 878300, 4340), ("RON", None, None), ("THB", None, None)],
)
def test_the_stores_decimals_are_not_the_currencys(
    sample: Sample, currency: str, total: int | None, shipping: int | None
) -> None:
    raw = body_of(sample, f"orders_single/currency_{currency}.json")
    order = read(raw)
    assert order.currency == currency
    assert order.total.minor == (total if total is not None else Decimal(raw["total"]) * 100)
    if shipping is not None:
        assert order.shipping.minor == shipping


def test_prices_with_tax_are_still_sums_without(sample: Sample) -> None:
    order = read(body_of(sample, "legacy_store/order_prices_include_tax.json"))
    assert order.taxes_included is True
    assert order.lines[0].total == Money(199000, "USD")
    assert order.lines[0].unit_price == Money(199, "USD")


@pytest.mark.parametrize(
    ("name", "financial", "fulfillment"),
    [
        ("pending", FinancialStatus.PENDING, FulfillmentStatus.UNFULFILLED),
        ("on-hold", FinancialStatus.PENDING, FulfillmentStatus.UNFULFILLED),
        ("failed", FinancialStatus.FAILED, FulfillmentStatus.UNFULFILLED),
        ("completed", FinancialStatus.PAID, FulfillmentStatus.FULFILLED),
        ("partial-shipped", FinancialStatus.PAID, FulfillmentStatus.PARTIALLY_FULFILLED),
        ("shipped", FinancialStatus.PAID, FulfillmentStatus.FULFILLED),
        ("delivered", FinancialStatus.PAID, FulfillmentStatus.DELIVERED),
        ("refunded", FinancialStatus.REFUNDED, FulfillmentStatus.FULFILLED),
        ("return-request", FinancialStatus.PAID, FulfillmentStatus.FULFILLED),
    ],
)
def test_a_status_says_what_it_can(
    sample: Sample, name: str, financial: FinancialStatus, fulfillment: FulfillmentStatus
) -> None:
    order = read(body_of(sample, f"orders_single/status_{name}.json"))
    assert (order.financial_status, order.fulfillment_status) == (financial, fulfillment)
    assert order.platform_status == name


@pytest.mark.parametrize(
    ("status", "paid", "expected"),
    [
        ("cancelled", None, FinancialStatus.VOIDED),
        ("cancelled", "2026-01-01T10:00:00", FinancialStatus.PAID),
        ("on-hold", "2026-01-01T10:00:00", FinancialStatus.PAID),
        ("packing", None, FinancialStatus.PAID),
    ],
)
def test_a_date_of_payment_speaks_louder(
    sample: Sample, status: str, paid: str | None, expected: FinancialStatus
) -> None:
    raw = body_of(sample, "orders_single/status_completed.json") | {"status": status, "date_paid_gmt": paid}
    assert read(raw).financial_status is expected


def test_cash_on_delivery_is_not_paid_before_delivery(sample: Sample) -> None:
    raw = body_of(sample, "orders_single/status_completed.json")
    raw = raw | {"status": "processing", "payment_method": "cod", "date_paid_gmt": None}
    assert read(raw).financial_status is FinancialStatus.PENDING
    assert read(raw | {"status": "delivered"}).financial_status is FinancialStatus.PAID


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("to-be-shipped", FulfillmentStatus.UNFULFILLED),
        ("not-delivered", FulfillmentStatus.UNFULFILLED),
        ("awaiting-shipment", FulfillmentStatus.UNFULFILLED),
        ("in-transit", FulfillmentStatus.IN_TRANSIT),
        ("out-for-delivery", FulfillmentStatus.IN_TRANSIT),
        ("partially-shipped", FulfillmentStatus.PARTIALLY_FULFILLED),
        ("picked-up", FulfillmentStatus.DELIVERED),
    ],
)
def test_statuses_of_plugins_are_understood(sample: Sample, status: str, expected: FulfillmentStatus) -> None:
    raw = body_of(sample, "orders_single/status_processing.json") | {"status": status, "meta_data": []}
    assert read(raw).fulfillment_status is expected


def test_completed_is_not_delivered(sample: Sample) -> None:
    order = read(body_of(sample, "orders_single/status_completed.json"))
    assert all(
        parcel.delivered_at is None and parcel.delivered_source is None for parcel in order.fulfillments
    )


def test_the_trash_keeps_an_order(sample: Sample) -> None:
    order = read(body_of(sample, "orders_single/status_trash.json"))
    assert order.gone is True
    assert order.platform_status == "trash"


@pytest.mark.parametrize("name", ["status_checkout_draft_storefront"])
def test_a_basket_is_no_order(sample: Sample, name: str) -> None:
    assert decode.is_order(body_of(sample, f"orders_single/{name}.json")) is False


def test_a_guest_has_no_id(sample: Sample) -> None:
    order = read(body_of(sample, "orders_single/guest.json"))
    assert order.customer is not None
    assert order.customer.platform_id is None
    assert order.customer.email == order.email != ""


def test_an_erased_person_leaves_no_trace(sample: Sample) -> None:
    before = read(body_of(sample, "orders_single/before_privacy_eraser.json"))
    after = read(body_of(sample, "orders_single/after_privacy_eraser.json"))

    assert before.customer is not None
    assert before.customer.name
    assert (after.customer, after.email, after.phone, after.note) == (None, None, None, "")
    assert (after.shipping_address, after.billing_address) == (None, None)
    assert after.total == before.total
    assert "deleted" not in repr(after).lower()


def test_a_refund_names_lines_amounts_and_whether_money_moved(sample: Sample) -> None:
    (refund,) = (items.refund(row, "EUR") for row in body_of(sample, "refunds/order_refunds_list_1.json"))
    assert refund.amount == Money(73209, "EUR")
    assert refund.paid_back is True
    assert refund.shipping == Money(535, "EUR")
    assert [(line.line_id, line.quantity, line.amount.minor) for line in refund.lines][:2] == [
        ("99", 1, 26682),
        ("100", 3, 4616),
    ]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"meta_data": [{"key": "_deskside_key", "value": "act-1"}]}, "act-1"),
        ({"reason": "Broken [deskside:act-2]"}, "act-2"),
        ({"reason": "Broken", "meta_data": []}, ""),
    ],
)
def test_our_own_refunds_are_known(raw: dict[str, Any], expected: str) -> None:
    assert items.marker(raw) == expected


def test_refunds_stand_in_the_order_in_which_they_happened(sample: Sample) -> None:
    """However the store lists them, so that the same order is the same record."""
    parent = body_of(sample, "refund_posts/34_order_after_all.json")
    refunds = body_of(sample, "refund_posts/35_refunds_after_all.json")
    assert len(refunds) > 2
    order = read(parent, refunds)
    assert order == read(parent, refunds[::-1])
    assert list(order.refunds) == sorted(
        order.refunds, key=lambda one: (one.created_at, int(one.platform_id))
    )


def test_more_refunded_than_sold_leaves_nothing_negative(sample: Sample) -> None:
    parent = body_of(sample, "refund_posts/34_order_after_all.json")
    refunds = body_of(sample, "refund_posts/35_refunds_after_all.json")
    order = read(parent, refunds)
    mug = order.lines[1]
    back = sum(
        part.quantity for one in order.refunds for part in one.lines if part.line_id == mug.platform_id
    )
    assert back > mug.quantity
    assert all(line.refundable_quantity >= 0 for line in order.lines)
    assert order.refundable is not None
    assert order.refundable.minor >= 0


def test_a_deleted_refund_leaves_the_word_refunded(sample: Sample) -> None:
    order = read(body_of(sample, "refund_posts/50_order_after_refund_deleted.json"))
    assert (order.financial_status, order.refunded.minor) == (FinancialStatus.REFUNDED, 0)


def test_core_fulfilments_join_the_plugins_parcels(sample: Sample) -> None:
    raw = body_of(sample, "orders_single/with_fulfillment.json")
    rows = body_of(sample, "orders_single/fulfillments_list.json")["fulfillments"]

    zone = ZoneInfo("Europe/Tallinn")
    order = read(raw, fulfillments=rows, setting=decode.Setting(zone=zone))

    core, *plugin = order.fulfillments
    assert core.platform_id == "fulfillment:21"
    assert core.shipped_at == datetime(2026, 11, 21, 19, 28, 14, tzinfo=UTC)
    assert core.lines == (QuantityOf(line_id="10", quantity=1),)
    assert core.tracking[0].company == "DHL"
    assert core.tracking[0].url == "https://track.example.test/FF00000093"
    assert [parcel.tracking[0].company for parcel in plugin] == ["FAN Courier", "FAN Courier"]


def test_a_manual_gateway_is_marked(sample: Sample) -> None:
    raw = body_of(sample, "orders_single/status_completed.json")
    (payment,) = read(raw, setting=decode.Setting(gateways={"testpay": False})).transactions
    assert payment.manual is True
    assert (payment.platform_id, payment.gateway, payment.status) == ("tp_96a4a078", "testpay", "success")


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"id": None}, "no id"),
        ({"currency": ""}, "currency"),
        ({"total": "12,50"}, "total"),
        ({"total": None}, "total"),
        ({"date_created_gmt": None}, "date"),
        ({"line_items": [{"id": 1, "quantity": "many", "total": "1.00"}]}, "quantity"),
        ({"line_items": [{"id": 1, "quantity": 1, "total": "NaN"}]}, "line total"),
    ],
)
def test_what_cannot_be_read_is_said(sample: Sample, broken: dict[str, Any], reason: str) -> None:
    raw = body_of(sample, "orders_single/status_completed.json") | broken
    with pytest.raises(Unreadable, match=reason):
        read(raw)


@pytest.mark.parametrize(
    "odd",
    [
        {"meta_data": ""},
        {"meta_data": {"0": {"key": "a", "value": "b"}}},
        {"line_items": None, "shipping_lines": False, "fee_lines": {}, "coupon_lines": "x"},
        {"billing": [], "shipping": ""},
        {"customer_note": "a\x00b\ud800c"},
        {"number": None, "payment_method": None, "transaction_id": []},
    ],
)
def test_what_php_may_write_is_taken(sample: Sample, odd: dict[str, Any]) -> None:
    order = read(body_of(sample, "orders_single/status_completed.json") | odd)
    assert order.platform_id == "93"
    assert "\x00" not in order.note
    order.note.encode()
