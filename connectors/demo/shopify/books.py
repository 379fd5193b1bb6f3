"""Keeping an order's books: every field that follows from others, worked out anew after each change.

Facts are what happened (lines sold, transactions, refunds, shipments, returns); everything the Admin
API derives from them (totals, open quantities, statuses) is written into the stored document here, so
that reading an order is only looking it up.
"""

from __future__ import annotations

from collections import Counter

from connectors.demo.shopify.bags import Doc, Purse, paid, share

MONEY_IN = ("SALE", "CAPTURE")


def settle(order: Doc) -> None:
    """Rewrite the derived fields of `order` in place."""
    _lines(order)
    _refunds(order)
    _returns(order)
    _fulfillment_orders(order)
    _totals(order)
    order["displayFinancialStatus"] = financial_status(order)
    order["displayFulfillmentStatus"] = fulfillment_status(order)
    order["returnStatus"] = return_status(order)
    lines = order["lineItems"]
    order["requiresShipping"] = any(line["requiresShipping"] for line in lines)
    order["restockable"] = any(line["refundableQuantity"] for line in lines)
    order["refundable"] = order["restockable"] or paid(order["netPaymentSet"]) > 0
    order["shippingLine"] = order["shippingLines"][0] if order["shippingLines"] else None
    order["paymentGatewayNames"] = list(dict.fromkeys(each["gateway"] for each in order["transactions"]))


def shipped(order: Doc) -> Counter[str]:
    """Pieces per line id that went out and were not called back."""
    pieces: Counter[str] = Counter()
    for fulfillment in order["fulfillments"]:
        if fulfillment["status"] == "SUCCESS":
            for item in fulfillment["fulfillmentLineItems"]:
                pieces[item["lineItem"]["id"]] += item["quantity"]
    return pieces


def refunded_items(order: Doc) -> list[Doc]:
    return [item for refund in order["refunds"] for item in refund["refundLineItems"]]


def _lines(order: Doc) -> None:
    gone_out = shipped(order)
    refunded: Counter[str] = Counter()
    cancelled: Counter[str] = Counter()
    for item in refunded_items(order):
        line_id = item["lineItem"]["id"]
        refunded[line_id] += item["quantity"]
        cancelled[line_id] += item["quantity"] if item["restockType"] == "CANCEL" else 0
    for line in order["lineItems"]:
        line_id, sold = line["id"], line["quantity"] - line["_removed"]
        out, back = gone_out[line_id], refunded[line_id]
        beyond = max(0, back - cancelled[line_id] - out)
        line["currentQuantity"] = line["refundableQuantity"] = sold - back
        line["unfulfilledQuantity"] = max(0, sold - out - cancelled[line_id] - beyond)
        line["nonFulfillableQuantity"] = line["quantity"] - out - line["unfulfilledQuantity"]
        line["restockable"] = sold - back > 0


def _refunds(order: Doc) -> None:
    """A refund is worth what its transactions really moved."""
    bag = Purse.of(order).bag
    moved = {
        each["id"]: paid(each["amountSet"]) for each in order["transactions"] if each["status"] == "SUCCESS"
    }
    for refund in order["refunds"]:
        refund["totalRefundedSet"] = bag(sum(moved.get(each["id"], 0) for each in refund["transactions"]))


def _returns(order: Doc) -> None:
    """What is left to process and to refund on each return; the refunds and transactions of it."""
    for each in order["returns"]:
        refunds = [refund for refund in order["refunds"] if (refund["return"] or {}).get("id") == each["id"]]
        each["refunds"] = [{"id": refund["id"]} for refund in refunds]
        each["transactions"] = [dict(ref) for refund in refunds for ref in refund["transactions"]]
        each["totalQuantity"] = sum(item["quantity"] for item in each["returnLineItems"])
        for item in each["returnLineItems"]:
            left = item["quantity"] - item["processedQuantity"] if each["status"] == "OPEN" else 0
            item["processableQuantity"] = item["unprocessedQuantity"] = left
            item["refundableQuantity"] = item["quantity"] - item["refundedQuantity"]


def _fulfillment_orders(order: Doc) -> None:
    """One plan for everything that has to be sent, as shops with one location have it."""
    lines = {line["id"]: line for line in order["lineItems"]}
    for plan in order["fulfillmentOrders"]:
        plan["fulfillments"] = [{"id": each["id"]} for each in order["fulfillments"]]
        for item in plan["lineItems"]:
            item["remainingQuantity"] = lines[item["lineItem"]["id"]]["unfulfilledQuantity"]
        remaining = sum(item["remainingQuantity"] for item in plan["lineItems"])
        plan["status"] = (
            ("OPEN" if not order["fulfillments"] else "IN_PROGRESS")
            if remaining
            else ("CANCELLED" if order["cancelledAt"] else "CLOSED")
        )


def money_received(order: Doc) -> int:
    return _sum(order, MONEY_IN)


def money_refunded(order: Doc) -> int:
    return _sum(order, ("REFUND",))


def _sum(order: Doc, kinds: tuple[str, ...]) -> int:
    transactions = order["transactions"]
    return sum(
        paid(each["amountSet"])
        for each in transactions
        if each["kind"] in kinds and each["status"] == "SUCCESS"
    )


def pieces_worth(line: Doc, quantity: int) -> int:
    """What was charged for `quantity` pieces of a line, tax included where prices include it."""
    return share(paid(line["discountedTotalSet"]), quantity, line["quantity"])


def line_tax(line: Doc) -> int:
    return sum(paid(tax["priceSet"]) for tax in line["taxLines"])


def shipping_paid(order: Doc) -> int:
    return sum(paid(each["discountedPriceSet"]) for each in order["shippingLines"] if not each["isRemoved"])


def shipping_refunded(order: Doc) -> int:
    return sum(
        paid(each["subtotalAmountSet"])
        for refund in order["refunds"]
        for each in refund["refundShippingLines"]
    )


def adjusted(order: Doc) -> int:
    """The sum of refund discrepancies: positive where less went back than the goods cost, else negative."""
    return sum(paid(each["amountSet"]) for refund in order["refunds"] for each in refund["orderAdjustments"])


def _totals(order: Doc) -> None:
    bag = Purse.of(order).bag
    sold = [line for line in order["lineItems"] if not line["_added"]]
    added_tax = 0 if order["taxesIncluded"] else sum(line_tax(line) for line in sold)
    shipping = shipping_paid(order)
    subtotal = sum(paid(line["discountedTotalSet"]) for line in sold)
    order["subtotalPriceSet"] = bag(subtotal)
    order["totalDiscountsSet"] = bag(sum(paid(line["originalTotalSet"]) for line in sold) - subtotal)
    order["totalShippingPriceSet"] = bag(shipping)
    order["totalTaxSet"] = bag(sum(line_tax(line) for line in sold))
    order["totalPriceSet"] = bag(subtotal + shipping + added_tax)

    current = sum(pieces_worth(line, line["currentQuantity"]) for line in order["lineItems"])
    shipping_left = shipping - shipping_refunded(order)
    current_tax = (
        0
        if order["taxesIncluded"]
        else sum(
            share(line_tax(line), line["currentQuantity"], line["quantity"]) for line in order["lineItems"]
        )
    )
    total = current + shipping_left + current_tax + adjusted(order)
    order["currentSubtotalPriceSet"] = bag(current)
    order["currentShippingPriceSet"] = bag(shipping_left)
    order["currentTotalPriceSet"] = bag(total)

    received, refunded = money_received(order), money_refunded(order)
    order["totalReceivedSet"] = bag(received)
    order["totalRefundedSet"] = bag(refunded)
    order["totalRefundedShippingSet"] = bag(shipping_refunded(order))
    order["netPaymentSet"] = bag(received - refunded)
    order["totalOutstandingSet"] = bag(total - received + refunded)
    order["fullyPaid"] = total - received + refunded <= 0


def financial_status(order: Doc) -> str:
    received, refunded = money_received(order), money_refunded(order)
    kinds = {each["kind"] for each in order["transactions"] if each["status"] == "SUCCESS"}
    if received == 0:
        if "VOID" in kinds:
            return "VOIDED"
        if paid(order["totalPriceSet"]) == 0:
            return "PAID"
        return "AUTHORIZED" if "AUTHORIZATION" in kinds else "PENDING"
    if refunded:
        return "REFUNDED" if refunded >= received else "PARTIALLY_REFUNDED"
    return "PAID" if order["fullyPaid"] else "PARTIALLY_PAID"


def fulfillment_status(order: Doc) -> str:
    lines = order["lineItems"]
    out = sum(shipped(order).values())
    if not out and not any(line["requiresShipping"] for line in lines):
        return "FULFILLMENT_NOT_REQUIRED"
    if not out:
        return "ON_HOLD" if order["_on_hold"] else "UNFULFILLED"
    return "PARTIALLY_FULFILLED" if any(line["unfulfilledQuantity"] for line in lines) else "FULFILLED"


def return_status(order: Doc) -> str:
    """Source: fact sheet, 2.1 (recorded): a request wins, then an open return, then a closed one."""
    statuses = {each["status"] for each in order["returns"]}
    if "REQUESTED" in statuses:
        return "RETURN_REQUESTED"
    if "OPEN" in statuses:
        return "IN_PROGRESS"
    return "RETURNED" if "CLOSED" in statuses else "NO_RETURN"
