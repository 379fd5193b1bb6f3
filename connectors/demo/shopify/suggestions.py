"""Previews of money: what a refund or a return would pay out. Nothing here changes anything.

Source: fact sheet, 3.3 and 4.2.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.demo.shopify import refunds
from connectors.demo.shopify.bags import Doc, Purse, paid
from connectors.demo.shopify.books import pieces_worth
from connectors.demo.shopify.shop import Shop
from integration.money import half_up


def outcome(order: Doc, back: Doc, wanted: Sequence[Doc], shipping: Doc | None, to_credit: bool) -> Doc:
    """`suggestedFinancialOutcome`: what processing these lines should pay out."""
    purse = Purse.of(order)
    fulfilled = {
        item["id"]: item["lineItem"]["id"]
        for each in order["fulfillments"]
        for item in each["fulfillmentLineItems"]
    }
    items = {item["id"]: item for item in back["returnLineItems"]}
    asked = (shipping or {}).get("shippingRefundAmount")
    suggestion = refunds.suggest(
        order,
        [
            {
                "lineItemId": fulfilled[items[each["id"]]["fulfillmentLineItem"]["id"]],
                "quantity": each["quantity"],
                "restockType": "RETURN",
            }
            for each in wanted
            if each["id"] in items
        ],
        shipping_amount=purse.parse(asked["amount"]) if asked else None,
        full_shipping=bool((shipping or {}).get("fullRefund")),
    )
    fees = sum(
        half_up(
            paid(items[each["id"]]["restockingFee"]["amountSet"]) * each["quantity"],
            items[each["id"]]["quantity"],
        )
        for each in wanted
        if each["id"] in items and items[each["id"]]["restockingFee"]
    )
    if not back["refunds"]:
        fees += sum(paid(fee["amountSet"]) for fee in back["returnShippingFees"])
    amount = max(0, suggestion.amount - fees)
    return {
        "discountedSubtotal": purse.bag(suggestion.subtotal),
        "totalTax": purse.bag(suggestion.tax),
        "maximumRefundable": purse.bag(suggestion.maximum),
        "shipping": shipping_refund(purse, suggestion),
        "financialTransfer": {
            "__typename": "RefundReturnOutcome",
            "amount": purse.bag(amount),
            "suggestedTransactions": [] if to_credit else suggested_transactions(order, amount),
            "suggestedRefundMethods": [suggested_credit(purse, amount, suggestion)] if to_credit else [],
        },
    }


def shipping_refund(purse: Purse, suggestion: refunds.Suggestion) -> Doc:
    return {
        "amountSet": purse.bag(suggestion.shipping),
        "maximumRefundableSet": purse.bag(suggestion.shipping_left),
        "taxSet": purse.bag(0),
    }


def suggested_credit(purse: Purse, amount: int, suggestion: refunds.Suggestion) -> Doc:
    return {
        "__typename": "SuggestedStoreCreditRefund",
        "amount": purse.bag(amount),
        "maximumRefundable": purse.bag(suggestion.maximum),
        "expiresAt": None,
    }


def suggested_transactions(order: Doc, amount: int) -> list[Doc]:
    purse = Purse.of(order)
    left = {each["id"]: available for each, available in refunds.refundable_payments(order)}
    return [
        {
            "kind": "SUGGESTED_REFUND",
            "gateway": each["gateway"],
            "formattedGateway": each["formattedGateway"],
            "accountNumber": each["accountNumber"],
            "amountSet": purse.bag(part),
            "maximumRefundableSet": purse.bag(left[each["id"]]),
            "parentTransaction": {"id": each["id"]},
        }
        for each, part in refunds.allocate(order, amount)
    ]


def suggested_refund(order: Doc, args: Doc) -> Doc:
    """`Order.suggestedRefund`. Raises :exc:`Problem`."""
    purse = Purse.of(order)
    shipping = args.get("shippingAmount")
    suggestion = refunds.suggest(
        order,
        args.get("refundLineItems") or [],
        shipping_amount=purse.parse(shipping) if shipping is not None else None,
        full_shipping=bool(args.get("refundShipping")),
        everything=bool(args.get("suggestFullRefund")),
    )
    to_credit = args.get("refundMethodAllocation") == "STORE_CREDIT"
    amount = suggestion.amount
    return {
        "amountSet": purse.bag(amount),
        "maximumRefundableSet": purse.bag(suggestion.maximum),
        "discountedSubtotalSet": purse.bag(suggestion.subtotal),
        "subtotalSet": purse.bag(suggestion.subtotal),
        "totalTaxSet": purse.bag(suggestion.tax),
        "shipping": shipping_refund(purse, suggestion),
        "refundLineItems": [
            {
                "id": None,
                "quantity": each.quantity,
                "restockType": each.restock_type,
                "restocked": False,
                "lineItem": {"id": each.line["id"]},
                "location": {"id": each.location} if each.location else None,
                "priceSet": each.line["discountedUnitPriceAfterAllDiscountsSet"],
                "subtotalSet": purse.bag(each.subtotal),
                "totalTaxSet": purse.bag(each.tax),
            }
            for each in suggestion.lines
        ],
        "suggestedTransactions": [] if to_credit else suggested_transactions(order, amount),
        "suggestedRefundMethods": [suggested_credit(purse, amount, suggestion)] if to_credit else [],
    }


def calculate(shop: Shop, wanted: Doc) -> Doc | None:
    """`returnCalculate`: the worth of lines before a return exists; changes nothing."""
    order = shop.archive.order(wanted["orderId"])
    if order is None:
        return None
    purse = Purse.of(order)
    by_id = {line["id"]: line for line in order["lineItems"]}
    items = {item["id"]: item for each in order["fulfillments"] for item in each["fulfillmentLineItems"]}
    lines = []
    for each in wanted.get("returnLineItems") or []:
        item = items.get(each["fulfillmentLineItemId"])
        if item is None:
            continue
        line = by_id[item["lineItem"]["id"]]
        worth = pieces_worth(line, each["quantity"])
        percentage = (each.get("restockingFee") or {}).get("percentage")
        tax = sum(paid(tax["priceSet"]) for tax in line["taxLines"])
        lines.append(
            {
                "quantity": each["quantity"],
                "fulfillmentLineItem": item,
                "subtotalBeforeOrderDiscountsSet": purse.bag(
                    half_up(paid(line["originalTotalSet"]) * each["quantity"], line["quantity"])
                ),
                "subtotalSet": purse.bag(worth),
                "totalTaxSet": purse.bag(half_up(tax * each["quantity"], line["quantity"])),
                "restockingFee": {
                    "percentage": percentage,
                    "amountSet": purse.bag(half_up(int(worth * percentage * 100), 10_000)),
                }
                if percentage
                else None,
            }
        )
    fee = (wanted.get("returnShippingFee") or {}).get("amount")
    return {
        "returnLineItems": lines,
        "exchangeLineItems": [],
        "returnShippingFee": {"amountSet": purse.bag(purse.parse(fee["amount"]))} if fee else None,
    }
