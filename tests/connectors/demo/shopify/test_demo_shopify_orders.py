"""Returns, cancelling, editing: the life of an order after it was placed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from connectors.demo.shopify import Shop, orders, returns, shipping
from connectors.demo.shopify.problems import Problem
from integration.money import Money

from .conftest import Program


def find(program: Program, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    return next(order for order in program.store.state() if wanted(order))


def delivered(order: dict[str, Any]) -> bool:
    parcels = order["fulfillments"]
    return bool(
        parcels
        and all(parcel["deliveredAt"] for parcel in parcels)
        and order["displayFulfillmentStatus"] == "FULFILLED"
        and order["displayFinancialStatus"] == "PAID"
        and order["presentmentCurrencyCode"] == "EUR"
        and not order["returns"]["nodes"]
    )


def unsent(order: dict[str, Any]) -> bool:
    return (
        order["displayFulfillmentStatus"] == "UNFULFILLED"
        and order["displayFinancialStatus"] == "PAID"
        and not order["cancelledAt"]
    )


def again(program: Program, order: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = program.data("04_", id=order["id"])["order"]
    return found


def first_returnable(program: Program, order: dict[str, Any]) -> dict[str, Any]:
    nodes = program.data("20_", orderId=order["id"])["returnableFulfillments"]["nodes"]
    item: dict[str, Any] = nodes[0]["returnableFulfillmentLineItems"]["nodes"][0]
    return item


def wish(order: dict[str, Any], item: dict[str, Any], quantity: int, **more: Any) -> dict[str, Any]:
    line = {"fulfillmentLineItemId": item["fulfillmentLineItem"]["id"], "quantity": quantity}
    return {"orderId": order["id"], "returnLineItems": [line | more]}


@pytest.fixture
def program(own_store: Callable[..., Program]) -> Program:
    return own_store()


def test_a_return_from_request_to_money(program: Program) -> None:
    order = find(program, delivered)
    item = first_returnable(program, order)
    reason = program.data("22_")["returnReasonDefinitions"]["nodes"][0]
    requested = program.data(
        "31_", input=wish(order, item, 1, returnReasonDefinitionId=reason["id"], customerNote="late")
    )["returnRequest"]
    assert requested["userErrors"] == []
    gid = requested["return"]["id"]
    assert requested["return"]["name"] == f"{order['name']}-R1"
    assert again(program, order)["returnStatus"] == "RETURN_REQUESTED"

    approved = program.data("32_", input={"id": gid})["returnApproveRequest"]
    assert approved["return"]["status"] == "OPEN"
    seen = program.data("21_", id=gid)["return"]
    (line,) = seen["returnLineItems"]["nodes"]
    assert (line["processableQuantity"], line["customerNote"]) == (1, "late")
    assert line["returnReasonDefinition"]["handle"] == reason["handle"]
    (reverse,) = seen["reverseFulfillmentOrders"]["nodes"]
    owner = program.data("26_", id=reverse["id"])["reverseFulfillmentOrder"]
    assert owner["order"]["id"] == order["id"]

    outcome = program.data("24_", id=gid, lines=[{"id": line["id"], "quantity": 1}], exchanges=[])
    transfer = outcome["return"]["suggestedFinancialOutcome"]["financialTransfer"]
    assert transfer["__typename"] == "RefundReturnOutcome"
    (pay,) = transfer["suggestedTransactions"]
    side = pay["amountSet"]["presentmentMoney"]
    processed = program.data(
        "34_",
        input={
            "returnId": gid,
            "returnLineItems": [
                {
                    "id": line["id"],
                    "quantity": 1,
                    "dispositions": [
                        {
                            "reverseFulfillmentOrderLineItemId": reverse["lineItems"]["nodes"][0]["id"],
                            "quantity": 1,
                            "dispositionType": "NOT_RESTOCKED",
                        }
                    ],
                }
            ],
            "financialTransfer": {
                "issueRefund": {
                    "orderTransactions": [
                        {"parentId": pay["parentTransaction"]["id"], "transactionAmount": side}
                    ]
                }
            },
        },
    )["returnProcess"]
    assert processed["userErrors"] == []
    assert processed["return"]["status"] == "CLOSED"
    assert processed["return"]["returnLineItems"]["nodes"][0]["refundedQuantity"] == 1
    assert program.store.paid_back() == [Money.parse(side["amount"], "EUR")]
    now = again(program, order)
    assert now["returnStatus"] == "RETURNED"
    assert now["refunds"][0]["return"]["id"] == gid


def test_what_is_on_a_return_cannot_be_returned_twice(program: Program) -> None:
    order = find(program, delivered)
    item = first_returnable(program, order)
    made = program.data("30_", input=wish(order, item, item["quantity"]))["returnCreate"]
    assert made["return"]["status"] == "OPEN"
    left = program.data("20_", orderId=order["id"])["returnableFulfillments"]["nodes"]
    ids = [
        each["fulfillmentLineItem"]["id"]
        for node in left
        for each in node["returnableFulfillmentLineItems"]["nodes"]
    ]
    assert item["fulfillmentLineItem"]["id"] not in ids
    refused = program.data("30_", input=wish(order, item, 1))["returnCreate"]
    assert (refused["return"], refused["userErrors"][0]["code"]) == (None, "NOT_FOUND")
    program.data("36_", id=made["return"]["id"])
    assert program.data("30_", input=wish(order, item, 1))["returnCreate"]["userErrors"] == []


def test_a_return_moves_only_where_its_status_allows(program: Program) -> None:
    order = find(program, delivered)
    item = first_returnable(program, order)
    gid = program.data("31_", input=wish(order, item, 1))["returnRequest"]["return"]["id"]
    for name, root in (("36_", "returnCancel"), ("35_", "returnClose")):
        assert program.data(name, id=gid)[root]["userErrors"][0]["code"] == "INVALID_STATE"
    declined = program.data(
        "33_", input={"id": gid, "declineReason": "FINAL_SALE", "declineNote": "as said"}
    )["returnDeclineRequest"]
    assert declined["return"]["decline"] == {"reason": "FINAL_SALE", "note": "as said"}
    late = program.data("32_", input={"id": gid})["returnApproveRequest"]
    assert late["userErrors"][0]["code"] == "INVALID_STATE"
    gone = program.data("35_", id="gid://shopify/Return/1")["returnClose"]
    assert gone["userErrors"][0]["code"] == "NOT_FOUND"


def test_fees_lower_the_outcome(program: Program) -> None:
    order = find(program, delivered)
    item = first_returnable(program, order)
    calculated = program.data("23_", input=wish(order, item, 1, restockingFee={"percentage": 10}))[
        "returnCalculate"
    ]["returnLineItems"][0]
    worth = Money.parse(calculated["subtotalSet"]["presentmentMoney"]["amount"], "EUR")
    fee = Money.parse(calculated["restockingFee"]["amountSet"]["presentmentMoney"]["amount"], "EUR")
    assert abs(fee.minor * 10 - worth.minor) <= 10
    made = program.data("30_", input=wish(order, item, 1, restockingFee={"percentage": 10}))["returnCreate"]
    gid = made["return"]["id"]
    line = program.data("21_", id=gid)["return"]["returnLineItems"]["nodes"][0]
    outcome = program.data("24_", id=gid, lines=[{"id": line["id"], "quantity": 1}], exchanges=[])
    amount = outcome["return"]["suggestedFinancialOutcome"]["financialTransfer"]["amount"]
    assert Money.parse(amount["presentmentMoney"]["amount"], "EUR") == worth - fee


def cancelled(program: Program, order: dict[str, Any]) -> dict[str, Any]:
    answer = program.data(
        "41_",
        orderId=order["id"],
        reason="CUSTOMER",
        restock=True,
        refundMethod={"originalPaymentMethodsRefund": True},
        staffNote="ticket 8",
    )["orderCancel"]
    assert answer["orderCancelUserErrors"] == []
    assert answer["job"]["done"] is False
    end = time.monotonic() + 10
    while not (found := program.data("42_", jobId=answer["job"]["id"], orderId=order["id"]))["job"]["done"]:
        assert time.monotonic() < end
        time.sleep(0.02)
    status: dict[str, Any] = found["order"]
    return status


def test_cancelling_is_a_job_that_pays_back(program: Program) -> None:
    order = find(program, unsent)
    status = cancelled(program, order)
    assert (status["cancelReason"], status["displayFinancialStatus"]) == ("CUSTOMER", "REFUNDED")
    side = order["netPaymentSet"]["presentmentMoney"]
    assert program.store.paid_back() == [Money.parse(side["amount"], side["currencyCode"])]
    now = again(program, order)
    assert now["cancellation"] == {"staffNote": "ticket 8"}
    assert {line["currentQuantity"] for line in now["lineItems"]["nodes"]} == {0}
    twice = program.data("41_", orderId=order["id"], reason="OTHER", restock=False)["orderCancel"]
    assert twice["orderCancelUserErrors"][0]["code"] == "INVALID"


def test_a_sent_order_cannot_be_cancelled(program: Program) -> None:
    order = find(program, delivered)
    refused = program.data("41_", orderId=order["id"], reason="OTHER", restock=False)["orderCancel"]
    assert refused["job"] is None
    assert "fulfilled" in refused["orderCancelUserErrors"][0]["message"]
    assert again(program, order) == order


def test_note_tags_and_address(program: Program) -> None:
    order = find(program, unsent)
    address = {
        "firstName": "Jo",
        "lastName": "Doe",
        "address1": "1 Road",
        "city": "Paris",
        "countryCode": "FR",
    }
    done = program.data("45_", input={"id": order["id"], "note": "hello", "shippingAddress": address})
    shown = done["orderUpdate"]["order"]
    assert (shown["note"], shown["shippingAddress"]["name"]) == ("hello", "Jo Doe")
    assert shown["shippingAddress"]["countryCodeV2"] == "FR"
    assert shown["tags"] == order["tags"]
    assert "seen" in program.data("46_", id=order["id"], tags=["seen"])["tagsAdd"]["node"]["tags"]
    assert "seen" not in program.data("47_", id=order["id"], tags=["seen"])["tagsRemove"]["node"]["tags"]
    gone = program.data("46_", id="gid://shopify/Order/1", tags=["x"])["tagsAdd"]
    assert gone["userErrors"][0]["message"] == "Resource not found"


def shop_of(program: Program) -> Shop:
    return program.store.shop()


def test_parcels_and_their_events(program: Program) -> None:
    order = find(program, unsent)
    tracking = [{"company": "DPD", "number": "053", "url": "https://track.example/053"}]
    gid = shipping.fulfil(shop_of(program), order["id"], tracking=tracking)
    with pytest.raises(Problem):
        shipping.fulfil(shop_of(program), order["id"])
    shipping.event(shop_of(program), gid, "IN_TRANSIT")
    shipping.event(shop_of(program), gid, "DELIVERED", message="At the door")
    now = again(program, order)
    (parcel,) = now["fulfillments"]
    assert now["displayFulfillmentStatus"] == "FULFILLED"
    assert (parcel["displayStatus"], parcel["trackingInfo"]) == ("DELIVERED", tracking)
    assert parcel["deliveredAt"]
    assert parcel["events"]["nodes"][0]["message"] == "At the door"
    moved = program.data(
        "48_", fulfillmentId=gid, tracking={"company": "UPS", "number": "1Z", "url": "https://u.example"}
    )
    info = moved["fulfillmentTrackingInfoUpdate"]["fulfillment"]["trackingInfo"]
    assert info == [{"company": "UPS", "number": "1Z", "url": "https://u.example"}]


def test_editing_lines_leaves_a_balance(program: Program) -> None:
    order = find(program, unsent)
    line = order["lineItems"]["nodes"][0]
    extra = {"title": "Gift wrap", "sku": "WRAP", "price": "3.00"}
    orders.edit(shop_of(program), order["id"], set_quantity={line["id"]: 0}, add=[extra])
    now = again(program, order)
    removed, added = now["lineItems"]["nodes"][0], now["lineItems"]["nodes"][-1]
    assert (removed["quantity"], removed["currentQuantity"]) == (line["quantity"], 0)
    assert (added["title"], added["product"], added["currentQuantity"]) == ("Gift wrap", None, 1)
    assert now["edited"] is True
    assert now["totalPriceSet"] == order["totalPriceSet"]
    assert now["totalOutstandingSet"] != order["totalOutstandingSet"]


def test_a_deleted_order_is_gone(program: Program) -> None:
    order = find(program, delivered)
    orders.delete(shop_of(program), order["id"])
    assert program.data("04_", id=order["id"]) == {"order": None}
    assert len(program.store.state()) == 39


def test_what_the_store_cannot_do_it_says(program: Program) -> None:
    order = find(program, unsent)
    for name, root, variables in (
        ("49_", "draftOrderCreateFromOrder", {"orderId": order["id"]}),
        ("50_", "orderEditBegin", {"id": order["id"]}),
        ("54_", "orderInvoiceSend", {"id": order["id"]}),
    ):
        errors = program.data(name, **variables)[root]["userErrors"]
        assert errors[0]["message"] == "not supported by this demo store"
    assert returns.REASONS[0]["handle"] == "unwanted"
