"""Money back: suggested, moved once per key, refused beyond what was paid."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from connectors.demo.shopify import refunds
from integration.money import Money

from .conftest import Program, document


def find(program: Program, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    return next(order for order in program.store.state() if wanted(order))


def plain(order: dict[str, Any]) -> bool:
    """Paid in the shop's currency by one payment, with two pieces or more left and nothing refunded."""
    left = sum(line["refundableQuantity"] for line in order["lineItems"]["nodes"])
    return (
        order["displayFinancialStatus"] == "PAID"
        and order["presentmentCurrencyCode"] == "EUR"
        and len(order["transactions"]) == 1
        and left > 1
        and order["customer"] is not None
        and not order["returns"]["nodes"]
        and not order["cancelledAt"]
    )


def net(order: dict[str, Any]) -> Money:
    side = order["netPaymentSet"]["presentmentMoney"]
    return Money.parse(side["amount"], side["currencyCode"])


def one_piece(order: dict[str, Any]) -> list[dict[str, Any]]:
    line = next(line for line in order["lineItems"]["nodes"] if line["refundableQuantity"])
    return [{"lineItemId": line["id"], "quantity": 1, "restockType": "NO_RESTOCK"}]


def suggestion(program: Program, order: dict[str, Any], **wish: Any) -> dict[str, Any]:
    found: dict[str, Any] = program.data("25_", id=order["id"], **wish)["order"]["suggestedRefund"]
    return found


def payments(order: dict[str, Any], suggested: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "orderId": order["id"],
            "parentId": each["parentTransaction"]["id"],
            "kind": "REFUND",
            "gateway": each["gateway"],
            "amount": each["amountSet"]["presentmentMoney"]["amount"],
        }
        for each in suggested["suggestedTransactions"]
    ]


def amount_of(bag: dict[str, Any]) -> Money:
    side = bag["presentmentMoney"]
    return Money.parse(side["amount"], side["currencyCode"])


@pytest.fixture
def program(own_store: Callable[..., Program]) -> Program:
    return own_store()


def refund(program: Program, key: str, **given: Any) -> dict[str, Any]:
    found: dict[str, Any] = program.data("40_", key=key, input=given)["refundCreate"]
    return found


def test_the_suggested_refund_moves_as_suggested(program: Program) -> None:
    order = find(program, plain)
    lines = one_piece(order)
    suggested = suggestion(program, order, lines=lines)
    made = refund(
        program,
        "k1",
        orderId=order["id"],
        note="ticket 7",
        refundLineItems=lines,
        transactions=payments(order, suggested),
    )
    amount = amount_of(suggested["amountSet"])
    assert made["userErrors"] == []
    assert amount_of(made["refund"]["totalRefundedSet"]) == amount
    assert made["order"]["displayFinancialStatus"] == "PARTIALLY_REFUNDED"
    assert made["order"]["updatedAt"] > order["updatedAt"]
    assert program.store.paid_back() == [amount]
    entry = program.store.ledger()[0]
    assert (entry["order_id"], entry["key"], entry["note"]) == (order["id"], "k1", "ticket 7")
    now = program.data("04_", id=order["id"])["order"]
    assert net(now) == net(order) - amount
    (line,) = (each for each in now["lineItems"]["nodes"] if each["id"] == lines[0]["lineItemId"])
    (before,) = (each for each in order["lineItems"]["nodes"] if each["id"] == lines[0]["lineItemId"])
    assert line["refundableQuantity"] == before["refundableQuantity"] - 1


def test_piece_by_piece_adds_up_to_the_whole(program: Program) -> None:
    order = find(program, lambda each: plain(each) and each["discountCodes"])
    whole = amount_of(suggestion(program, order, everything=True)["amountSet"])
    assert whole == net(order)
    number = 0
    while any(line["refundableQuantity"] for line in order["lineItems"]["nodes"]):
        lines = one_piece(order)
        suggested = suggestion(program, order, lines=lines)
        number += 1
        made = refund(
            program,
            f"piece {number}",
            orderId=order["id"],
            refundLineItems=lines,
            transactions=payments(order, suggested),
        )
        assert made["userErrors"] == []
        order = program.data("04_", id=order["id"])["order"]
    suggested = suggestion(program, order, allShipping=True)
    if payments(order, suggested):
        refund(
            program,
            "way",
            orderId=order["id"],
            shipping={"fullRefund": True},
            transactions=payments(order, suggested),
        )
    order = program.data("04_", id=order["id"])["order"]
    assert sum(program.store.paid_back(), Money.zero("EUR")) == whole
    assert (order["displayFinancialStatus"], net(order)) == ("REFUNDED", Money.zero("EUR"))


def test_split_tenders_go_back_to_each_payment(program: Program) -> None:
    order = find(program, lambda each: len(each["paymentGatewayNames"]) == 2)
    suggested = suggestion(program, order, everything=True)
    assert {each["gateway"] for each in suggested["suggestedTransactions"]} == {
        "shopify_payments",
        "gift_card",
    }
    parts = [amount_of(each["amountSet"]) for each in suggested["suggestedTransactions"]]
    assert sum(parts, Money.zero("EUR")) == amount_of(suggested["amountSet"]) == net(order)


def test_without_a_key_nothing_happens(program: Program) -> None:
    order = find(program, plain)
    text = document("40_").replace(" @idempotent(key: $key)", "").replace(", $key: String!", "")
    wish = {"orderId": order["id"], "refundLineItems": one_piece(order)}
    answer = program.post(text, input=wish)
    assert answer.status_code == 200
    assert answer.json()["data"] == {"refundCreate": None}
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert program.data("04_", id=order["id"])["order"] == order


def test_the_same_key_moves_the_money_once(program: Program) -> None:
    order = find(program, plain)
    suggested = suggestion(program, order, lines=one_piece(order))
    wish = {
        "orderId": order["id"],
        "refundLineItems": one_piece(order),
        "transactions": payments(order, suggested),
    }
    program.store.hang_up_after_doing("refundCreate")
    with pytest.raises(httpx.RemoteProtocolError):
        refund(program, "key", **wish)
    first = refund(program, "key", **wish)
    again = refund(program, "key", **wish)
    assert first == again
    assert first["refund"] is not None
    assert len(program.store.paid_back()) == 1
    assert len(program.data("55_", id=order["id"])["order"]["refunds"]) == 1


def test_the_same_key_with_another_input_is_refused(program: Program) -> None:
    order = find(program, plain)
    suggested = suggestion(program, order, lines=one_piece(order))
    wish = {"orderId": order["id"], "transactions": payments(order, suggested)}
    refund(program, "key", **wish)
    for other in (wish | {"note": "more"}, dict(reversed(wish.items()))):
        refused = refund(program, "key", **other)
        assert "different operation parameters" in refused["userErrors"][0]["message"]
        assert refused["refund"] is None
    assert len(program.store.paid_back()) == 1


def test_a_hang_up_before_doing_leaves_no_trace(program: Program) -> None:
    order = find(program, plain)
    suggested = suggestion(program, order, lines=one_piece(order))
    wish = {"orderId": order["id"], "transactions": payments(order, suggested)}
    program.store.hang_up_before_doing("refundCreate")
    with pytest.raises(httpx.RemoteProtocolError):
        refund(program, "key", **wish)
    assert program.store.ledger() == []
    assert refund(program, "key", **wish)["userErrors"] == []
    assert len(program.store.paid_back()) == 1


def test_a_refund_without_payments_uses_up_pieces_and_moves_nothing(program: Program) -> None:
    order = find(program, plain)
    made = refund(program, "key", orderId=order["id"], refundLineItems=one_piece(order))
    assert made["userErrors"] == []
    assert amount_of(made["refund"]["totalRefundedSet"]) == Money.zero("EUR")
    assert program.store.paid_back() == []
    now = program.data("04_", id=order["id"])["order"]
    assert net(now) == net(order)
    assert sum(line["refundableQuantity"] for line in now["lineItems"]["nodes"]) == (
        sum(line["refundableQuantity"] for line in order["lineItems"]["nodes"]) - 1
    )


def test_impossible_refunds_are_refused_and_change_nothing(program: Program) -> None:
    order = find(program, plain)
    other = find(program, lambda each: plain(each) and each["id"] != order["id"])
    pay = payments(order, suggestion(program, order, lines=one_piece(order)))[0]
    line = one_piece(order)[0]
    gid = order["id"]
    refused: list[tuple[dict[str, Any], str]] = [
        ({"transactions": [pay | {"amount": "999999.00"}]}, "greater than net payment received"),
        ({"transactions": [pay, pay | {"amount": net(order).text}]}, "greater than net payment received"),
        ({"transactions": [pay | {"parentId": None}]}, "require a parent_id"),
        ({"transactions": [pay | {"parentId": other["transactions"][0]["id"]}]}, "require a parent_id"),
        ({"transactions": [pay | {"kind": "SALE"}]}, "kind refund"),
        ({"transactions": [pay | {"amount": "-1.00"}]}, "must be positive"),
        ({"transactions": [pay | {"amount": "1,50"}]}, "not a number"),
        ({"refundLineItems": [line | {"quantity": 99}]}, "more items than were purchased"),
        ({"refundLineItems": [line | {"quantity": 0}]}, "greater than 0"),
        ({"refundLineItems": [line | {"lineItemId": "gid://shopify/LineItem/1"}]}, "does not belong"),
        ({"shipping": {"amount": "9999.00"}}, "shipping left"),
        ({"currency": "USD", "transactions": [pay]}, "presentment currency"),
        ({}, "something to refund"),
        ({"orderId": "gid://shopify/Order/1", "transactions": [pay]}, "does not exist"),
    ]
    for number, (wish, message) in enumerate(refused):
        made = refund(program, f"key {number}", **({"orderId": gid} | wish))
        assert made["refund"] is None, wish
        assert message in made["userErrors"][0]["message"], wish
    assert program.store.ledger() == []
    assert program.data("04_", id=gid)["order"] == order


def test_other_currencies_are_named_and_refunded_in_the_customers_money(program: Program) -> None:
    order = find(
        program,
        lambda each: (
            each["presentmentCurrencyCode"] != "EUR"
            and each["displayFinancialStatus"] == "PAID"
            and each["lineItems"]["nodes"][0]["refundableQuantity"] > 0
        ),
    )
    suggested = suggestion(program, order, everything=True)
    wish = {"orderId": order["id"], "transactions": payments(order, suggested)}
    assert "presentment currency" in refund(program, "k1", **wish)["userErrors"][0]["message"]
    made = refund(program, "k2", **wish, currency=order["presentmentCurrencyCode"])
    assert amount_of(made["refund"]["totalRefundedSet"]) == net(order)
    shop_side = made["refund"]["totalRefundedSet"]["shopMoney"]
    assert shop_side["currencyCode"] == "EUR"
    assert shop_side == order["netPaymentSet"]["shopMoney"]


def test_store_credit_goes_to_the_customers_account(program: Program) -> None:
    order = find(program, plain)
    credit = [{"storeCreditRefund": {"amount": {"amount": "5.00", "currencyCode": "EUR"}}}]
    made = refund(program, "key", orderId=order["id"], transactions=[], refundMethods=credit)
    assert made["userErrors"] == []
    (transaction,) = made["refund"]["transactions"]["nodes"]
    assert (transaction["gateway"], transaction["parentTransaction"]) == ("shopify_store_credit", None)
    account = program.data("08_", id=order["customer"]["id"])["customer"]["storeCreditAccounts"]["nodes"][0]
    assert account["balance"] == {"amount": "5.0", "currencyCode": "EUR"}
    program.data(
        "43_", id=order["customer"]["id"], input={"creditAmount": {"amount": "2.50", "currencyCode": "EUR"}}
    )
    account = program.data("08_", id=order["customer"]["id"])["customer"]["storeCreditAccounts"]["nodes"][0]
    assert account["balance"] == {"amount": "7.5", "currencyCode": "EUR"}


def test_a_refund_may_stay_pending_and_fail_later(program: Program) -> None:
    order = find(program, plain)
    shop = program.store.shop()
    with shop.archive.change():
        shop.archive.keep("settings", "refund_status", {"status": "PENDING"})
    suggested = suggestion(program, order, lines=one_piece(order))
    made = refund(program, "key", orderId=order["id"], transactions=payments(order, suggested))
    (transaction,) = made["refund"]["transactions"]["nodes"]
    assert transaction["status"] == "PENDING"
    assert amount_of(made["refund"]["totalRefundedSet"]) == Money.zero("EUR")
    left = amount_of(suggestion(program, order, everything=True)["maximumRefundableSet"])
    assert left == net(order) - amount_of(suggested["amountSet"])
    refunds.settle_transaction(shop, order["id"], transaction["id"], "FAILURE")
    back = program.data("55_", id=order["id"])["order"]
    assert back["refunds"][0]["transactions"]["nodes"][0]["status"] == "FAILURE"
    assert amount_of(back["totalRefundedSet"]) == Money.zero("EUR")
    assert amount_of(suggestion(program, order, everything=True)["maximumRefundableSet"]) == net(order)


def test_a_key_is_forgotten_after_a_day(own_store: Callable[..., Program]) -> None:
    moment = [datetime(2026, 11, 21, 12, tzinfo=UTC)]
    program = own_store(now=lambda: moment[0])
    order = find(program, plain)
    suggested = suggestion(program, order, lines=one_piece(order))
    wish = {"orderId": order["id"], "refundLineItems": [], "transactions": payments(order, suggested)}
    wish["transactions"][0]["amount"] = "0.50"
    refund(program, "key", **wish)
    moment[0] += timedelta(hours=25)
    program.install()
    refund(program, "key", **wish)
    assert program.store.paid_back() == [Money(50, "EUR"), Money(50, "EUR")]
