"""The body of a refund: every amount as meant, every cent accounted for."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.woocommerce import refunding
from integration.errors import StoreRefused
from integration.money import Money
from integration.ports import ActionKind, ActionRequest, RefundLineWish

ORDER = {
    "id": 500,
    "currency": "EUR",
    "total": "131.42",
    "line_items": [
        {
            "id": 1,
            "quantity": 3,
            "total": "90.00",
            "total_tax": "21.60",
            "taxes": [{"id": 1, "total": "21.60"}],
        },
        {
            "id": 2,
            "quantity": 1,
            "total": "10.00",
            "total_tax": "2.40",
            "taxes": [{"id": 1, "total": "1.37"}, {"id": 4, "total": "1.02"}],
        },
    ],
    "shipping_lines": [
        {"id": 3, "total": "6.00", "total_tax": "1.42", "taxes": [{"id": 1, "total": "1.42"}]}
    ],
    "fee_lines": [],
}
PART = {
    "id": 9,
    "amount": "37.20",
    "line_items": [
        {
            "id": 90,
            "quantity": -1,
            "total": "-30.00",
            "total_tax": "-7.20",
            "taxes": [{"id": 1, "total": "-7.20"}],
            "meta_data": [{"key": "_refunded_item_id", "value": "1"}],
        }
    ],
}


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def asking(**more: Any) -> ActionRequest:
    return ActionRequest(key="act-7", kind=ActionKind.REFUND, order_id="500", currency="EUR", **more)


def line(line_id: str, quantity: int, minor: int, *, restock: bool = False) -> RefundLineWish:
    return RefundLineWish(line_id=line_id, quantity=quantity, amount=eur(minor), restock=restock)


def sum_of(row: dict[str, Any]) -> Decimal:
    parts = [row["refund_total"], *(tax["refund_total"] for tax in row["refund_tax"])]
    return sum((Decimal(str(part)) for part in parts), Decimal(0))


def body(request: ActionRequest, *refunds: Any, order: Any = ORDER, places: int = 2) -> dict[str, Any]:
    return refunding.body(refunding.ledger(order, refunds, places), request, through_gateway=True)


def test_a_whole_line_gives_back_its_own_tax() -> None:
    sent = body(asking(lines=(line("2", 1, 1240),), amount=eur(1240), reason="Broken"))
    assert sent == {
        "amount": "12.40",
        "reason": "Broken [deskside:act-7]",
        "api_refund": True,
        "api_restock": False,
        "line_items": [
            {
                "id": 2,
                "quantity": 1,
                "refund_total": 10.0,
                "refund_tax": [{"id": 1, "refund_total": 1.38}, {"id": 4, "refund_total": 1.02}],
            }
        ],
        "meta_data": [{"key": "_deskside_key", "value": "act-7"}],
    }


def test_everything_is_everything_to_the_cent() -> None:
    sent = body(asking(lines=(line("1", 3, 11160), line("2", 1, 1240)), shipping=eur(742), amount=eur(13142)))
    assert sent["amount"] == "131.42"
    assert sum(map(sum_of, sent["line_items"])) == Decimal("131.42")


def test_what_went_back_before_is_not_given_again() -> None:
    rest = body(asking(lines=(line("1", 2, 7440),), amount=eur(7440)), PART)
    assert rest["line_items"][0]["refund_total"] == 60.0
    for wish in (line("1", 3, 7440), line("1", 2, 7441)):
        with pytest.raises(StoreRefused):
            body(asking(lines=(wish,), amount=wish.amount), PART)


@given(st.integers(1, 11160), st.integers(0, 742))
def test_parts_always_add_up_to_the_amount(goods: int, delivery: int) -> None:
    request = asking(
        lines=(line("1", 1, goods),),
        shipping=eur(delivery) if delivery else None,
        amount=eur(goods + delivery),
    )
    sent = body(request)
    assert sum(map(sum_of, sent["line_items"])) == Decimal(sent["amount"])
    assert refunding.AMOUNT.fullmatch(sent["amount"])
    json.dumps(sent)


@given(st.integers(1, 13142))
def test_deductions_are_borne_by_all_lines(amount: int) -> None:
    sent = body(
        asking(lines=(line("1", 3, 11160), line("2", 1, 1240)), shipping=eur(742), amount=eur(amount))
    )
    assert sum(map(sum_of, sent["line_items"])) == Decimal(amount).scaleb(-2)
    assert all(sum_of(row) >= 0 for row in sent["line_items"])


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (asking(), "nothing to pay back"),
        (asking(amount=eur(0)), "nothing to pay back"),
        (asking(amount=eur(-100)), "nothing to pay back"),
        (asking(amount=eur(13143)), "only 131.42 EUR is left"),
        (asking(amount=Money(100, "USD")), "not in USD"),
        (asking(lines=(line("1", 4, 100),)), "only 3 of line 1"),
        (asking(lines=(line("1", -1, 100),)), "only 3 of line 1"),
        (asking(lines=(line("1", 1, 11161),)), "only 111.60 of line 1"),
        (asking(lines=(line("77", 1, 100),)), "no line 77"),
        (asking(lines=(line("1", 1, 100), line("1", 1, 100))), "named twice"),
        (asking(shipping=eur(743)), "of the delivery"),
    ],
)
def test_what_the_store_would_not_mind_we_do(request_: ActionRequest, reason: str) -> None:
    with pytest.raises(StoreRefused, match=reason):
        body(request_)


def test_an_amount_alone_names_no_lines() -> None:
    sent = body(asking(amount=eur(150)))
    assert (sent["amount"], sent["line_items"]) == ("1.50", [])


@pytest.mark.parametrize(
    ("units", "places", "expected"),
    [
        (150, 2, "1.50"),
        (1, 2, "0.01"),
        (100000, 2, "1000.00"),
        (21, 0, "21.00"),
        (1500, 3, "1.50"),
    ],
)
def test_amounts_are_written_one_way(units: int, places: int, expected: str) -> None:
    assert refunding.amount_text(units, places) == expected


def test_a_third_decimal_that_one_store_rounds_and_another_reads_as_thousands_is_refused() -> None:
    with pytest.raises(StoreRefused) as refused:
        refunding.amount_text(1505, 3)
    assert refused.value.code == "third_decimal"


def test_restocking_needs_every_line() -> None:
    both = (line("1", 1, 100, restock=True), line("2", 1, 100, restock=True))
    one = (line("1", 1, 100, restock=True), line("2", 1, 100))
    assert body(asking(lines=both))["api_restock"] is True
    assert body(asking(lines=one))["api_restock"] is False


def test_yen_with_cents_go_back_whole(sample: Callable[[str], Any]) -> None:
    """The store wrote 21.40 yen; all of ¥21 is all of 21.40, or the order would never count as refunded."""
    order = sample("orders_single/currency_JPY.json")["response"]["body"]
    whole = ActionRequest(
        key="k", kind=ActionKind.REFUND, order_id="366", currency="JPY", amount=Money(21, "JPY")
    )
    part = ActionRequest(
        key="k", kind=ActionKind.REFUND, order_id="366", currency="JPY", amount=Money(5, "JPY")
    )
    assert body(whole, order=order)["amount"] == "21.40"
    assert body(part, order=order)["amount"] == "5.00"


def test_a_third_decimal_that_the_store_would_round_is_refused(sample: Callable[[str], Any]) -> None:
    order = sample("orders_single/currency_KWD.json")["response"]["body"]
    request = ActionRequest(
        key="k", kind=ActionKind.REFUND, order_id="343", currency="KWD", amount=Money(1335, "KWD")
    )
    with pytest.raises(StoreRefused, match="keeps 2 decimals"):
        body(request, order=order)


def test_a_line_whose_taxes_do_not_add_up_still_goes_back_whole(sample: Callable[[str], Any]) -> None:
    """The recorded shipping line has 0.35 of tax in all and 0.36 by rate."""
    order = sample("legacy_store/order_prices_include_tax.json")["response"]["body"]
    request = ActionRequest(
        key="k",
        kind=ActionKind.REFUND,
        order_id="12",
        currency="USD",
        shipping=Money(435, "USD"),
        amount=Money(435, "USD"),
    )
    (row,) = body(request, order=order)["line_items"]
    assert row["refund_tax"] == [{"id": 1, "refund_total": 0.35}]


def test_every_recorded_order_can_be_given_back_whole(exchanges: Any) -> None:
    seen = 0
    for exchange in exchanges:
        order = exchange.body
        if not isinstance(order, dict) or not order.get("line_items") or order.get("refunds") != []:
            continue
        book = refunding.ledger(order, (), 2)
        wishes = tuple(
            RefundLineWish(line_id=share.item_id, quantity=share.quantity, amount=book.money(share.whole))
            for share in book.shares
            if share.kind == "line_items"
        )
        request = ActionRequest(
            key="k",
            kind=ActionKind.REFUND,
            order_id=str(order["id"]),
            currency=order["currency"],
            lines=wishes,
            amount=book.money(sum(share.whole for share in book.shares if share.kind == "line_items")),
        )
        if book.units(request.amount or Money(0, "EUR"), book.remaining) > book.remaining:
            continue  # a loyalty discount makes the order cheaper than its lines
        sent = refunding.body(book, request, through_gateway=False)
        assert sum(map(sum_of, sent["line_items"])) == Decimal(sent["amount"]), exchange.name
        seen += 1
    assert seen > 30
