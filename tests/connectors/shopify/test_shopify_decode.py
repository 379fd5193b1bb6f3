"""One order as Shopify tells it → ours, field by field; and the same order put together from bulk rows."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.shopify import assembly, decode
from connectors.shopify.shapes import OrderShape
from connectors.shopify.spool import Spool
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

SAMPLES = Path(__file__).parents[2] / "samples" / "shopify"
SEEN = datetime(2026, 11, 21, 12, tzinfo=UTC)
THROW, CANDLE = "gid://shopify/LineItem/21", "gid://shopify/LineItem/22"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def eur(text: str) -> Money:
    return Money.parse(text, "EUR")


@pytest.fixture
def doc() -> dict[str, Any]:
    return json.loads((SAMPLES / "order.json").read_text("utf-8"))


def read(doc: dict[str, Any]) -> OrderRecord:
    return decode.order(msgspec.convert(doc, OrderShape), SEEN)


def test_every_field_of_an_order(doc):
    assert read(doc) == OrderRecord(
        platform_id="gid://shopify/Order/11",
        name="#1042",
        number="QX7K2M9ZP",
        placed_at=at("2026-11-02T09:14:10"),
        updated_at=at("2026-11-12T08:00:00"),
        fetched_at=SEEN,
        currency="EUR",
        total=eur("94.90"),
        subtotal=eur("90.00"),
        shipping=eur("4.90"),
        tax=eur("18.37"),
        discount=eur("10.00"),
        refunded=eur("20.00"),
        refundable=eur("74.90"),
        financial_status=FinancialStatus.PARTIALLY_REFUNDED,
        fulfillment_status=FulfillmentStatus.DELIVERED,
        platform_status="FULFILLED",
        return_status="in_progress",
        email="mari@example.ee",
        locale="et",
        customer=CustomerRecord(
            platform_id="gid://shopify/Customer/7",
            name="Mari Tamm",
            email="mari@example.ee",
            locale="et",
            country="EE",
            tags=("loyal",),
            created_at=at("2024-01-05T00:00:00"),
        ),
        shipping_address=Address(
            name="Mari Tamm",
            company="Lumi",
            address1="Pikk 1",
            address2="2",
            city="Tallinn",
            zip="10123",
            country="EE",
            phone="+3725551234",
        ),
        billing_address=Address(
            name="Mari Tamm", address1="Pikk 1", city="Tallinn", zip="10123", country="EE"
        ),
        note="Ring twice",
        tags=("vip", "gift"),
        source="web",
        discount_codes=("AUTUMN10",),
        payment_methods=("Visa",),
        attributes={"gift": "yes", "empty": ""},
        lines=(
            LineRecord(
                platform_id=THROW,
                title="Wool throw",
                variant_title="Grey",
                sku="THROW-G",
                vendor="Lumi",
                quantity=2,
                current_quantity=1,
                refundable_quantity=1,
                unit_price=eur("35.00"),
                total=eur("70.00"),
                tax=eur("13.55"),
                taxes=(TaxRecord(amount=eur("13.55"), title="KM 24%"),),
                product_id="gid://shopify/Product/51",
                variant_id="gid://shopify/ProductVariant/61",
                image_url="https://cdn.example.com/throw.jpg",
                properties={"Engraving": "M.T."},
            ),
            LineRecord(
                platform_id=CANDLE,
                title="Candle",
                quantity=4,
                current_quantity=4,
                refundable_quantity=4,
                unit_price=eur("5.00"),
                total=eur("20.00"),
                tax=eur("3.87"),
                taxes=(TaxRecord(amount=eur("3.87"), title="KM 24%"),),
            ),
        ),
        shipping_lines=(
            ShippingLineRecord(
                platform_id="gid://shopify/ShippingLine/41",
                title="Omniva",
                code="omniva",
                total=eur("4.90"),
                tax=eur("0.95"),
            ),
        ),
        fulfillments=(
            FulfillmentRecord(
                platform_id="gid://shopify/Fulfillment/71",
                status="success",
                shipment_status="delivered",
                name="#1042.1",
                shipped_at=at("2026-11-03T08:00:00"),
                updated_at=at("2026-11-06T08:00:00"),
                delivered_at=at("2026-11-05T12:30:00"),
                delivered_source="store",
                estimated_delivery_at=at("2026-11-06T16:00:00"),
                tracking=(
                    Tracking(
                        company="Omniva",
                        number="CE123456789EE",
                        url="https://track.example.com/CE123456789EE",
                    ),
                    Tracking(number="X"),
                ),
                lines=(
                    QuantityOf(line_id=THROW, quantity=2, platform_id="gid://shopify/FulfillmentLineItem/81"),
                    QuantityOf(
                        line_id=CANDLE, quantity=4, platform_id="gid://shopify/FulfillmentLineItem/82"
                    ),
                ),
                events=(
                    ShipmentEvent(
                        platform_id="gid://shopify/FulfillmentEvent/91",
                        status="carrier_picked_up",
                        at=at("2026-11-03T15:00:00"),
                        place="Tartu, EE",
                    ),
                    ShipmentEvent(
                        platform_id="gid://shopify/FulfillmentEvent/92",
                        status="delivered",
                        at=at("2026-11-05T12:30:00"),
                    ),
                    ShipmentEvent(
                        platform_id="gid://shopify/FulfillmentEvent/93",
                        status="in_transit",
                        at=at("2026-11-06T07:00:00"),
                        message="Sorted",
                        place="Tallinn, EE",
                    ),
                ),
            ),
        ),
        returns=(
            ReturnRecord(
                platform_id="gid://shopify/Return/111",
                status="open",
                name="#1042-R1",
                created_at=at("2026-11-12T08:00:00"),
                lines=(
                    ReturnLineRecord(
                        platform_id="gid://shopify/ReturnLineItem/121",
                        line_id=THROW,
                        quantity=1,
                        reason="size_large",
                        note="too big",
                    ),
                    ReturnLineRecord(
                        platform_id="gid://shopify/UnverifiedReturnLineItem/122", quantity=1, note="broken"
                    ),
                ),
            ),
        ),
        refunds=(
            RefundRecord(
                platform_id="gid://shopify/Refund/101",
                created_at=at("2026-11-10T10:00:00"),
                amount=eur("20.00"),
                lines=(RefundLineRecord(line_id=THROW, quantity=1, amount=eur("17.50"), restocked=False),),
                shipping=eur("2.50"),
                note="Scratched",
                marker="act_9f3",
                paid_back=True,
            ),
        ),
        transactions=(
            TransactionRecord(
                platform_id="gid://shopify/OrderTransaction/31",
                kind="sale",
                status="success",
                amount=eur("94.90"),
                gateway="shopify_payments",
                gateway_title="Visa",
                created_at=at("2026-11-02T09:14:10"),
                account="•••• 4242",
            ),
            TransactionRecord(
                platform_id="gid://shopify/OrderTransaction/32",
                kind="refund",
                status="success",
                amount=eur("20.00"),
                gateway="shopify_payments",
                gateway_title="Visa",
                parent_id="gid://shopify/OrderTransaction/31",
                created_at=at("2026-11-10T10:00:00"),
                account="•••• 4242",
            ),
        ),
    )


def test_bulk_rows_and_details_make_the_same_order(doc, tmp_path):
    spool = Spool(tmp_path / "rows", 3)
    spool.fill((SAMPLES / "bulk.jsonl").read_bytes().splitlines())
    groups = [rows for bucket in range(3) for rows in spool.read(bucket)]
    (shape,), poisoned = assembly.orders(groups)
    assert poisoned == []
    assert assembly.is_incomplete(shape)
    assert assembly.add_details(shape, (SAMPLES / "details.json").read_bytes())
    assert decode.order(shape, SEEN) == read(doc)


def test_details_of_a_later_picture_are_not_mixed_in(tmp_path):
    spool = Spool(tmp_path / "rows", 1)
    spool.fill((SAMPLES / "bulk.jsonl").read_bytes().splitlines())
    (shape,), _ = assembly.orders(spool.read(0))
    later = json.loads((SAMPLES / "details.json").read_text("utf-8")) | {"updatedAt": "2026-11-12T08:00:01Z"}
    assert not assembly.add_details(shape, json.dumps(later).encode())
    assert shape.refunds == []


def taxed(doc: dict[str, Any]) -> dict[str, Any]:
    """The same order in a shop whose prices exclude tax, paid in another currency than the shop's."""
    text = json.dumps(doc).replace('"currencyCode": "EUR"', '"currencyCode": "CAD"')
    found = json.loads(text)
    found |= {"taxesIncluded": False, "presentmentCurrencyCode": "CAD", "currencyCode": "USD"}
    found["totalPriceSet"] = {
        "presentmentMoney": {"amount": "113.27", "currencyCode": "CAD"},
        "shopMoney": {"amount": "81.4", "currencyCode": "USD"},
    }
    return found


def test_tax_on_top_is_put_into_the_lines_and_the_delivery(doc):
    order = read(taxed(doc))
    assert [line.total.text for line in order.lines] == ["83.55", "23.87"]
    assert order.lines[0].unit_price == Money(4178, "CAD")
    assert (order.shipping_lines[0].total.text, order.shipping_lines[0].tax.text) == ("5.85", "0.95")
    assert (order.total.text, order.subtotal.text, order.shipping.text) == ("113.27", "107.42", "5.85")
    assert order.refunds[0].lines[0].amount.text == "20.89"
    assert order.refunds[0].shipping == Money(298, "CAD")


def test_amounts_are_the_customers_and_the_shops_total_stands_beside(doc):
    order = read(taxed(doc))
    assert order.currency == "CAD"
    assert order.shop_total == Money(8140, "USD")
    assert read(doc).shop_total is None


def test_an_edited_order_is_worth_what_it_became(doc):
    doc |= {"edited": True}
    doc["currentTotalPriceSet"] = {"presentmentMoney": {"amount": "54.90", "currencyCode": "EUR"}}
    order = read(doc)
    assert (order.total, order.subtotal) == (eur("74.90"), eur("70.00"))


def test_the_carriers_own_delivery_wins_over_a_recorded_scan(doc):
    doc["fulfillments"][0]["deliveredAt"] = "2026-11-05T11:00:00Z"
    parcel = read(doc).fulfillments[0]
    assert (parcel.delivered_at, parcel.delivered_source) == (at("2026-11-05T11:00:00"), "carrier")


def test_without_a_delivery_the_parcel_is_where_the_shop_says(doc):
    events = doc["fulfillments"][0]["events"]["nodes"]
    events[:] = [event for event in events if event["status"] != "DELIVERED"]
    order = read(doc)
    assert order.fulfillments[0].delivered_at is None
    assert order.fulfillments[0].shipment_status == "in_transit"
    assert order.fulfillment_status is FulfillmentStatus.IN_TRANSIT
    doc["fulfillments"][0]["displayStatus"] = None
    doc["fulfillments"][0]["events"]["nodes"] = []
    assert read(doc).fulfillments[0].shipment_status == ""
    assert read(doc).fulfillment_status is FulfillmentStatus.FULFILLED


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("UNFULFILLED", FulfillmentStatus.UNFULFILLED),
        ("ON_HOLD", FulfillmentStatus.UNFULFILLED),
        ("PARTIALLY_FULFILLED", FulfillmentStatus.PARTIALLY_FULFILLED),
        ("IN_PROGRESS", FulfillmentStatus.PARTIALLY_FULFILLED),
        ("A_WORD_OF_2027", FulfillmentStatus.UNFULFILLED),
        ("FULFILLMENT_NOT_REQUIRED", FulfillmentStatus.DELIVERED),
    ],
)
def test_words_for_the_whole_order(doc, word: str, expected: FulfillmentStatus):
    assert read(doc | {"displayFulfillmentStatus": word}).fulfillment_status is expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [("EXPIRED", FinancialStatus.VOIDED), (None, FinancialStatus.PENDING), ("NEW", FinancialStatus.PENDING)],
)
def test_words_for_the_payment(doc, word: str | None, expected: FinancialStatus):
    assert read(doc | {"displayFinancialStatus": word}).financial_status is expected


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        ([], False),
        ([{"status": "SUCCESS", "manualPaymentGateway": True}], False),
        ([{"status": "FAILURE"}], False),
        ([{"status": "SUCCESS"}, {"status": "PENDING"}], None),
        ([{"status": "SUCCESS"}], True),
    ],
)
def test_a_refund_row_is_no_proof_of_money(doc, moves: list[dict[str, Any]], expected: bool | None):
    doc["refunds"][0]["transactions"]["nodes"] = moves
    assert read(doc).refunds[0].paid_back is expected


def test_a_guest_is_who_ordered(doc):
    assert read(doc | {"customer": None}).customer == CustomerRecord(
        name="Mari Tamm", email="mari@example.ee", country="EE"
    )
    nobody = {"customer": None, "email": None, "billingAddress": None, "shippingAddress": None}
    assert read(doc | nobody).customer is None


def test_yen_have_no_cents(doc):
    yen = json.loads(json.dumps(doc).replace("EUR", "JPY").replace('.9"', '.0"'))
    assert read(yen).total == Money(94, "JPY")


@pytest.mark.parametrize("amount", ["", "12,50", "1e3", "NaN", "12.50 EUR"])
def test_what_is_no_amount_is_an_error_not_a_zero(doc, amount: str):
    doc["totalPriceSet"]["presentmentMoney"]["amount"] = amount
    with pytest.raises(ValueError):
        read(doc)


def test_one_bad_row_spoils_its_order_only(tmp_path):
    good = (SAMPLES / "bulk.jsonl").read_bytes()
    bad = good.replace(b"/Order/11", b"/Order/12").replace(b'"quantity": 4', b'"quantity": "many"')
    for number in (21, 22, 111, 121, 122):
        bad = bad.replace(b'/%d"' % number, b'/9%d"' % number)
    cut = bad.replace(b"/Order/12", b"/Order/13").replace(b"/9", b"/8").splitlines()
    cut[0] = cut[0][:400]
    orphan = bad.replace(b"/Order/12", b"/Order/14").replace(b"/9", b"/7").splitlines()[2]
    spool = Spool(tmp_path / "rows", 2)
    spool.fill([*good.splitlines(), *bad.splitlines(), *cut, orphan])
    groups = [rows for bucket in range(2) for rows in spool.read(bucket)]
    shapes, poisoned = assembly.orders(groups)
    assert [shape.id for shape in shapes] == ["gid://shopify/Order/11"]
    assert sorted(each.platform_id[-2:] for each in poisoned) == ["12", "13", "14"]


def test_the_reason_of_a_poisoned_order_names_the_place_and_not_the_person(doc, tmp_path):
    row = json.loads((SAMPLES / "bulk.jsonl").read_text("utf-8").splitlines()[0])
    row["email"] = ["mari@example.ee"]
    spool = Spool(tmp_path / "rows", 1)
    spool.fill([json.dumps(row).encode()])
    _, (poisoned,) = assembly.orders(spool.read(0))
    assert "email" in poisoned.reason
    assert "mari" not in poisoned.reason


def test_an_order_without_shipments_needs_no_second_question(doc, tmp_path):
    row = json.loads((SAMPLES / "bulk.jsonl").read_text("utf-8").splitlines()[0])
    plain = copy.deepcopy(row) | {"shipments": [], "paidBack": []}
    two_charges = copy.deepcopy(plain)
    two_charges["totalShippingPriceSet"]["presentmentMoney"]["amount"] = "9.80"
    two_charges["id"] = "gid://shopify/Order/12"
    spool = Spool(tmp_path / "rows", 1)
    spool.fill(json.dumps(each).encode() for each in (plain, two_charges))
    (one, other), _ = assembly.orders(spool.read(0))
    assert not assembly.is_incomplete(one)
    assert assembly.is_incomplete(other)
