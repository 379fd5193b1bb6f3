"""Money back: what a refund would come to, which payments it comes from, and writing it down.

Source for the rules: fact sheet, 4.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from connectors.demo.shopify import credit, payloads
from connectors.demo.shopify.bags import Doc, Purse, minor, paid, share
from connectors.demo.shopify.books import (
    MONEY_IN,
    line_tax,
    money_received,
    pieces_worth,
    shipping_paid,
    shipping_refunded,
)
from connectors.demo.shopify.problems import Problem
from connectors.demo.shopify.shop import Change, Shop, UnknownOrder

KEY_LIFE = timedelta(hours=24)
"""Idempotency keys are remembered this long."""

Payments = list[tuple[Doc, int]]
"""Transactions that money goes back to, and how much of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineShare:
    line: Doc
    quantity: int
    restock_type: str
    location: str | None
    subtotal: int
    """What was charged for these pieces, in minor units of the customer's money."""
    tax: int
    """The tax in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    lines: tuple[LineShare, ...]
    subtotal: int
    tax: int
    shipping: int
    shipping_left: int
    maximum: int
    """What of the payments has not gone back yet."""
    amount: int
    """The whole refund, never more than `maximum`."""


def suggest(
    order: Doc,
    lines: Iterable[Doc],
    *,
    shipping_amount: int | None = None,
    full_shipping: bool = False,
    everything: bool = False,
) -> Suggestion:
    """What these lines and this much shipping come to. Raises :exc:`Problem` for impossible lines."""
    if everything:
        lines = [
            {"lineItemId": line["id"], "quantity": line["refundableQuantity"], "restockType": "NO_RESTOCK"}
            for line in order["lineItems"]
            if line["refundableQuantity"]
        ]
    shares = tuple(_share(order, each) for each in lines)
    subtotal = sum(each.subtotal for each in shares)
    tax = sum(each.tax for each in shares)
    left = shipping_paid(order) - shipping_refunded(order)
    shipping = left if full_shipping or everything else shipping_amount or 0
    if shipping < 0 or shipping > left:
        raise Problem("shipping", "Shipping amount exceeds the shipping left to refund")
    total = subtotal + shipping + (0 if order["taxesIncluded"] else tax)
    maximum = max(0, money_received(order) - sum(amount for _, amount in _sent_back(order)))
    return Suggestion(
        lines=shares,
        subtotal=subtotal,
        tax=tax,
        shipping=shipping,
        shipping_left=left,
        maximum=maximum,
        amount=min(total, maximum),
    )


def _share(order: Doc, wanted: Doc) -> LineShare:
    line = next((line for line in order["lineItems"] if line["id"] == wanted["lineItemId"]), None)
    if line is None:
        raise Problem("refundLineItems", "Line item does not belong to the order")
    quantity = wanted["quantity"]
    if quantity <= 0:
        raise Problem("refundLineItems", "Quantity must be greater than 0")
    if quantity > line["refundableQuantity"]:
        raise Problem("refundLineItems", "Quantity cannot refund more items than were purchased")
    before = line["quantity"] - line["refundableQuantity"]
    return LineShare(
        line=line,
        quantity=quantity,
        restock_type=wanted.get("restockType") or "NO_RESTOCK",
        location=wanted.get("locationId"),
        subtotal=pieces_worth(line, before + quantity) - pieces_worth(line, before),
        tax=share(line_tax(line), before + quantity, line["quantity"])
        - share(line_tax(line), before, line["quantity"]),
    )


def _sent_back(order: Doc) -> list[tuple[Doc, int]]:
    """Refund transactions that moved money or may yet."""
    return [
        (each, paid(each["amountSet"]))
        for each in order["transactions"]
        if each["kind"] == "REFUND" and each["status"] not in ("FAILURE", "ERROR")
    ]


def refundable_payments(order: Doc) -> Payments:
    """Every payment that has something left to give back, and how much."""
    back: dict[str, int] = {}
    for each, amount in _sent_back(order):
        parent = (each["parentTransaction"] or {}).get("id", "")
        back[parent] = back.get(parent, 0) + amount
    left = [
        (each, paid(each["amountSet"]) - back.get(each["id"], 0))
        for each in order["transactions"]
        if each["kind"] in MONEY_IN and each["status"] == "SUCCESS"
    ]
    unbound = back.get("", 0)  # store credit names no parent: it uses up the payments from the first on
    result = []
    for each, amount in left:
        used = min(unbound, amount)
        unbound -= used
        if amount > used:
            result.append((each, amount - used))
    return result


def allocate(order: Doc, amount: int) -> Payments:
    """Spread `amount` over the payments, the first one first."""
    result: Payments = []
    for transaction, left in refundable_payments(order):
        part = min(left, amount)
        if part > 0:
            result.append((transaction, part))
            amount -= part
    return result


def write(
    shop: Shop,
    order: Doc,
    suggestion: Suggestion,
    payments: Payments,
    *,
    at: str,
    note: str | None,
    return_id: str | None = None,
    store_credit: int = 0,
    status: str = "SUCCESS",
) -> Doc:
    """Append a refund and its transactions to the order document."""
    purse = Purse.of(order)
    tenders: list[tuple[Doc | None, int]] = [*payments, *([(None, store_credit)] if store_credit else [])]
    made = [_transaction(shop, purse, parent, amount, at, status) for parent, amount in tenders]
    gid = shop.archive.gid("Refund")
    refund: Doc = {
        "id": gid,
        "note": note,
        "createdAt": at,
        "processedAt": at,
        "updatedAt": at,
        "return": {"id": return_id} if return_id else None,
        "totalRefundedSet": purse.bag(0),
        "refundLineItems": [
            {
                "id": shop.archive.gid("RefundLineItem"),
                "quantity": each.quantity,
                "restockType": each.restock_type,
                "restocked": each.restock_type != "NO_RESTOCK",
                "lineItem": {"id": each.line["id"]},
                "location": {"id": each.location} if each.location else None,
                "priceSet": each.line["discountedUnitPriceAfterAllDiscountsSet"],
                "subtotalSet": purse.bag(each.subtotal),
                "totalTaxSet": purse.bag(each.tax),
            }
            for each in suggestion.lines
        ],
        "refundShippingLines": [],
        "orderAdjustments": [],
        "transactions": [{"id": each["id"]} for each in made],
    }
    if suggestion.shipping:
        refund["refundShippingLines"].append(
            {
                "id": shop.archive.gid("RefundShippingLine"),
                "subtotalAmountSet": purse.bag(suggestion.shipping),
                "taxAmountSet": purse.bag(0),
            }
        )
    explained = suggestion.subtotal + suggestion.shipping + (0 if order["taxesIncluded"] else suggestion.tax)
    moved = sum(amount for _, amount in tenders)
    if explained != moved:
        refund["orderAdjustments"].append(
            {
                "id": shop.archive.gid("OrderAdjustment"),
                "reason": "REFUND_DISCREPANCY",
                "amountSet": purse.bag(explained - moved),
                "taxAmountSet": purse.bag(0),
            }
        )
    order["refunds"].append(refund)
    order["transactions"] += made
    return refund


def _transaction(shop: Shop, purse: Purse, parent: Doc | None, amount: int, at: str, status: str) -> Doc:
    gateway = parent["gateway"] if parent else "shopify_store_credit"
    return {
        "id": shop.archive.gid("OrderTransaction"),
        "kind": "REFUND",
        "status": status,
        "gateway": gateway,
        "formattedGateway": parent["formattedGateway"] if parent else "Store credit",
        "manualPaymentGateway": parent["manualPaymentGateway"] if parent else False,
        "accountNumber": parent["accountNumber"] if parent else None,
        "test": False,
        "errorCode": "PROCESSING_ERROR" if status in ("FAILURE", "ERROR") else None,
        "createdAt": at,
        "processedAt": at,
        "amountSet": purse.bag(amount),
        "parentTransaction": {"id": parent["id"]} if parent else None,
    }


def _enter(shop: Shop, order: Doc, refund: Doc, transaction: Doc, key: str | None) -> None:
    side = transaction["amountSet"]["presentmentMoney"]
    shop.archive.enter(
        at=transaction["createdAt"],
        order_id=order["id"],
        refund_id=refund["id"],
        kind=f"refund:{transaction['status'].lower()}",
        gateway=transaction["gateway"],
        amount=side["amount"],
        currency=side["currencyCode"],
        key=key,
        note=refund["note"],
    )


def announce(shop: Shop, change: Change, refund: Doc, key: str | None = None) -> None:
    """Enter the money that moved into the ledger, and tell subscribers of the refund and each transaction."""
    order = change.order
    change.tell("refunds/create", lambda: payloads.refund_payload(order, refund))
    mine = {each["id"] for each in refund["transactions"]}
    for transaction in order["transactions"]:
        if transaction["id"] in mine:
            _enter(shop, order, refund, transaction, key)
            tell(change, transaction)


def tell(change: Change, transaction: Doc) -> None:
    change.tell("order_transactions/create", lambda: payloads.transaction_payload(change.order, transaction))


def create(shop: Shop, wanted: Doc, key: str, fingerprint: str, status: str = "SUCCESS") -> Doc:
    """`refundCreate`: once per key. Returns the payload; a refusal is in its `userErrors`.

    A replay of the same request within 24 hours answers with the first refund as it is now; another
    request under the same key is refused. Source: fact sheet, 4.2 ("Idempotent requests").
    """
    with shop.archive.change():
        known = shop.archive.kept("idempotency", key)
        if known and shop.now().timestamp() - known["at"] < KEY_LIFE.total_seconds():
            if known["fingerprint"] != fingerprint:
                return _refused(
                    "The same idempotency key cannot be used with different operation parameters."
                )
            return {"refund": {"id": known["refund"]}, "order": {"id": known["order"]}, "userErrors": []}
        try:
            with shop.editing(wanted["orderId"]) as change:
                refund = _create(shop, change.order, wanted, status)
                announce(shop, change, refund, key)
        except UnknownOrder:
            return _refused("Order does not exist", "orderId")
        except Problem as problem:
            return _refused(problem.message, *problem.field)
        record = {
            "at": shop.now().timestamp(),
            "fingerprint": fingerprint,
            "refund": refund["id"],
            "order": wanted["orderId"],
        }
        shop.archive.keep("idempotency", key, record)
    return {"refund": {"id": refund["id"]}, "order": {"id": wanted["orderId"]}, "userErrors": []}


def _refused(message: str, *field: str) -> Doc:
    return {
        "refund": None,
        "order": None,
        "userErrors": [{"field": list(field) or None, "message": message}],
    }


def _create(shop: Shop, order: Doc, wanted: Doc, status: str) -> Doc:
    purse = Purse.of(order)
    if (wanted.get("currency") or shop.currency) != purse.currency:
        raise Problem("currency", f"Currency must be the order's presentment currency, {purse.currency}")
    shipping = wanted.get("shipping") or {}
    try:
        asked = purse.parse(shipping["amount"]) if shipping.get("amount") is not None else None
    except ValueError:
        raise Problem("shipping", "Shipping amount is not a number") from None
    suggestion = suggest(
        order,
        wanted.get("refundLineItems") or [],
        shipping_amount=asked,
        full_shipping=bool(shipping.get("fullRefund")),
    )
    payments = _payments(order, purse, wanted)
    credit_amount = _store_credit(order, purse, wanted)
    moved = sum(amount for _, amount in payments) + credit_amount
    if not moved and not suggestion.lines and not suggestion.shipping:
        raise Problem("", "Refund must have something to refund")
    if moved > suggestion.maximum and not wanted.get("allowOverRefunding"):
        raise Problem("transactions", "Refund amount is greater than net payment received")
    refund = write(
        shop,
        order,
        suggestion,
        payments,
        at=shop.stamp(),
        note=wanted.get("note"),
        store_credit=credit_amount,
        status=status,
    )
    if credit_amount:
        credit.give(shop, order["customer"]["id"], credit_amount, purse.currency)
    return refund


def _payments(order: Doc, purse: Purse, wanted: Doc) -> Payments:
    left = {each["id"]: amount for each, amount in refundable_payments(order)}
    known = {each["id"]: each for each in order["transactions"]}
    result: Payments = []
    for each in wanted.get("transactions") or []:
        if each["kind"] != "REFUND":
            raise Problem("transactions", "Transactions must be of kind refund")
        parent = known.get(each.get("parentId") or "")
        if parent is None or parent["kind"] not in MONEY_IN:
            raise Problem("transactions", "Transactions require a parent_id of a payment of this order")
        if each["orderId"] != order["id"]:
            raise Problem("transactions", "Transactions must belong to the order")
        try:
            amount = purse.parse(each["amount"])
        except ValueError:
            raise Problem("transactions", "Amount is not a number") from None
        if amount < 0:
            raise Problem("transactions", "Amount must be positive")
        if amount > left.get(parent["id"], 0) and not wanted.get("allowOverRefunding"):
            raise Problem("transactions", "Refund amount is greater than net payment received")
        left[parent["id"]] = left.get(parent["id"], 0) - amount
        if amount:
            result.append((parent, amount))
    return result


def _store_credit(order: Doc, purse: Purse, wanted: Doc) -> int:
    methods: Sequence[Doc] = wanted.get("refundMethods") or []
    asked = [each["storeCreditRefund"]["amount"] for each in methods if each.get("storeCreditRefund")]
    if not asked:
        return 0
    if order["customer"] is None:
        raise Problem("refundMethods", "Store credit needs a customer on the order")
    if any(each["currencyCode"] != purse.currency for each in asked):
        raise Problem("refundMethods", f"Store credit must be in {purse.currency}")
    try:
        amounts = [minor({"amount": str(each["amount"]), "currencyCode": purse.currency}) for each in asked]
    except ValueError:
        raise Problem("refundMethods", "Amount is not a number") from None
    if any(amount <= 0 for amount in amounts):
        raise Problem("refundMethods", "Amount must be positive")
    return sum(amounts)


def fingerprint(given: Any) -> str:
    """Of the input exactly as it was sent: the order of fields counts."""
    return hashlib.sha256(msgspec.json.encode(given)).hexdigest()


def settle_transaction(shop: Shop, order_gid: str, transaction_gid: str, status: str) -> None:
    """A pending refund comes to its end: `SUCCESS` or `FAILURE`."""
    with shop.editing(order_gid) as change:
        order = change.order
        transaction = next(each for each in order["transactions"] if each["id"] == transaction_gid)
        refund = next(each for each in order["refunds"] if {"id": transaction_gid} in each["transactions"])
        transaction["status"] = status
        transaction["errorCode"] = None if status == "SUCCESS" else "PROCESSING_ERROR"
        _enter(shop, order, refund, transaction, None)
        tell(change, transaction)
