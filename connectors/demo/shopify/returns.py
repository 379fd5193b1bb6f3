"""Goods on their way back: requests, approvals, processing.

Source for the life of a return: fact sheet, 3.2 and 3.3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from connectors.demo.shopify import credit, payloads, refunds
from connectors.demo.shopify.bags import Doc, Purse, minor
from connectors.demo.shopify.books import pieces_worth
from connectors.demo.shopify.problems import Problem
from connectors.demo.shopify.shop import Shop, UnknownOrder, stamp
from integration.money import half_up

REASONS: tuple[Doc, ...] = tuple(
    {"id": f"gid://shopify/ReturnReasonDefinition/{place}", "handle": handle, "name": name, "deleted": False}
    for place, (handle, name) in enumerate(
        (
            ("unwanted", "Unwanted"),
            ("size-too-small", "Size too small"),
            ("size-too-large", "Size too large"),
            ("color", "Color"),
            ("style", "Style"),
            ("not-as-described", "Not as described"),
            ("defective", "Defective"),
            ("wrong-item", "Wrong item"),
            ("arrived-late", "Arrived late"),
            ("other", "Other"),
            ("unknown", "Unknown"),
        ),
        start=1,
    )
)
BY_HANDLE = {reason["handle"]: reason for reason in REASONS}
BY_ID = {reason["id"]: reason for reason in REASONS}

LIVE = ("REQUESTED", "OPEN", "CLOSED")
"""Returns that use up what may still come back."""


def returnable(order: Doc) -> list[tuple[Doc, list[tuple[Doc, int]]]]:
    """Per shipment, its line items with the pieces that are on no return yet."""
    taken: Counter[str] = Counter()
    for each in order["returns"]:
        if each["status"] in LIVE:
            for item in each["returnLineItems"]:
                taken[item["fulfillmentLineItem"]["id"]] += item["quantity"]
    left_of_line = {line["id"]: line["refundableQuantity"] for line in order["lineItems"]}
    result = []
    for fulfillment in order["fulfillments"]:
        if fulfillment["status"] != "SUCCESS":
            continue
        items = []
        for item in fulfillment["fulfillmentLineItems"]:
            free = min(item["quantity"] - taken[item["id"]], left_of_line[item["lineItem"]["id"]])
            if free > 0:
                items.append((item, free))
        if items:
            result.append((fulfillment, items))
    return result


def lines_from(order: Doc, wanted: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """Fulfillment line items that cover `(line id, quantity)`."""
    free = [item for _, items in returnable(order) for item in items]
    for line_id, quantity in wanted:
        for item, count in free:
            if item["lineItem"]["id"] == line_id and quantity > 0:
                part = min(count, quantity)
                yield str(item["id"]), part
                quantity -= part


def make(shop: Shop, order: Doc, lines: Sequence[Doc], *, status: str, at: datetime, fee: int = 0) -> Doc:
    """Append a return to the order document. Raises :exc:`Problem`.

    A line is `{fulfillmentLineItemId, quantity, reason | reasonId, note, customerNote, percentage}`.
    """
    free = {item["id"]: (item, count) for _, items in returnable(order) for item, count in items}
    by_id = {line["id"]: line for line in order["lineItems"]}
    purse = Purse.of(order)
    if not lines:
        raise Problem("returnLineItems", "Return must have at least one line item", "BLANK")
    made = []
    for wanted in lines:
        item, count = free.get(wanted["fulfillmentLineItemId"], (None, 0))
        if item is None:
            raise Problem(
                "returnLineItems", "Return line item has an invalid fulfillment line item", "NOT_FOUND"
            )
        if not 0 < wanted["quantity"] <= count:
            raise Problem("returnLineItems", "Return line item has an invalid quantity", "GREATER_THAN")
        reason = BY_ID.get(wanted.get("reasonId") or "") or BY_HANDLE.get(wanted.get("reason") or "unknown")
        line = by_id[item["lineItem"]["id"]]
        worth = pieces_worth(line, wanted["quantity"])
        percentage = wanted.get("percentage")
        restocking = percentage and {
            "percentage": percentage,
            "amountSet": purse.bag(half_up(int(worth * percentage * 100), 10_000)),
        }
        made.append(
            {
                "id": shop.archive.gid("ReturnLineItem"),
                "quantity": wanted["quantity"],
                "processedQuantity": 0,
                "refundedQuantity": 0,
                "customerNote": wanted.get("customerNote"),
                "returnReasonNote": wanted.get("note") or "",
                "returnReasonDefinition": reason,
                "restockingFee": restocking or None,
                "withCodeDiscountedTotalPriceSet": purse.bag(worth),
                "fulfillmentLineItem": {"id": item["id"]},
            }
        )
    back: Doc = {
        "id": shop.archive.gid("Return"),
        "name": f"{order['name']}-R{len(order['returns']) + 1}",
        "status": status,
        "createdAt": stamp(at),
        "requestApprovedAt": stamp(at) if status == "OPEN" else None,
        "closedAt": None,
        "decline": None,
        "returnLineItems": made,
        "returnShippingFees": [{"id": shop.archive.gid("ReturnShippingFee"), "amountSet": purse.bag(fee)}]
        if fee
        else [],
        "exchangeLineItems": [],
        "reverseFulfillmentOrders": [],
        "order": {"id": order["id"]},
    }
    if status == "OPEN":
        expect_goods(shop, back)
    order["returns"].append(back)
    return back


def expect_goods(shop: Shop, back: Doc) -> None:
    """An open return owns a reverse fulfillment order for all its pieces."""
    back["reverseFulfillmentOrders"] = [
        {
            "id": shop.archive.gid("ReverseFulfillmentOrder"),
            "status": "OPEN",
            "lineItems": [
                {
                    "id": shop.archive.gid("ReverseFulfillmentOrderLineItem"),
                    "totalQuantity": item["quantity"],
                    "fulfillmentLineItem": dict(item["fulfillmentLineItem"]),
                    "dispositions": [],
                }
                for item in back["returnLineItems"]
            ],
            "reverseDeliveries": [],
            "order": dict(back["order"]),
        }
    ]


def _payload(back: Doc | None, *errors: Doc) -> Doc:
    return {"return": {"id": back["id"]} if back else None, "userErrors": list(errors)}


def _refused(problem: Problem) -> Doc:
    return _payload(None, {"code": problem.code, "field": problem.field or None, "message": problem.message})


def open_return(shop: Shop, wanted: Doc, *, requested: bool) -> Doc:
    """`returnCreate` (open at once) and `returnRequest` (waits for approval)."""
    lines = [
        {
            "fulfillmentLineItemId": each["fulfillmentLineItemId"],
            "quantity": each["quantity"],
            "reasonId": each.get("returnReasonDefinitionId"),
            "note": each.get("returnReasonNote"),
            "customerNote": each.get("customerNote"),
            "percentage": (each.get("restockingFee") or {}).get("percentage"),
        }
        for each in wanted["returnLineItems"]
    ]
    fee = (wanted.get("returnShippingFee") or {}).get("amount")
    try:
        with shop.editing(wanted["orderId"]) as change:
            order = change.order
            status = "REQUESTED" if requested else "OPEN"
            cents = minor({**fee, "amount": str(fee["amount"])}) if fee else 0
            back = make(shop, order, lines, status=status, at=shop.now(), fee=cents)
            topic = "returns/request" if requested else "returns/approve"
            change.tell(topic, lambda: payloads.return_payload(shop, order, back))
    except UnknownOrder:
        return _refused(Problem("orderId", "Order does not exist", "NOT_FOUND"))
    except Problem as problem:
        return _refused(problem)
    return _payload(back)


def move(shop: Shop, gid: str, wanted: str, **more: object) -> Doc:
    """`approve`, `decline`, `close`, `reopen` or `cancel` a return, where its status allows it."""
    start, end, topic = MOVES[wanted]
    try:
        with shop.archive.change():
            owner = shop.archive.owner_of(gid)
            if owner is None or "/Return/" not in gid:
                raise Problem("id", "Return does not exist", "NOT_FOUND")
            with shop.editing(owner["id"]) as change:
                order = change.order
                back = next(each for each in order["returns"] if each["id"] == gid)
                processed = any(item["processedQuantity"] for item in back["returnLineItems"])
                if back["status"] not in start or (wanted == "cancel" and (processed or back["refunds"])):
                    raise Problem(
                        "id", f"Return is {back['status'].lower()}: cannot {wanted}", "INVALID_STATE"
                    )
                back["status"] = end
                back["closedAt"] = shop.stamp() if end == "CLOSED" else None
                if wanted == "approve":
                    back["requestApprovedAt"] = shop.stamp()
                    expect_goods(shop, back)
                if wanted == "decline":
                    back["decline"] = {"reason": more["reason"], "note": more.get("note")}
                if end == "CANCELED":
                    for reverse in back["reverseFulfillmentOrders"]:
                        reverse["status"] = "CANCELED"
                change.tell(topic, lambda: payloads.return_payload(shop, order, back, topic))
    except Problem as problem:
        return _refused(problem)
    return _payload(back)


MOVES = {
    "approve": (("REQUESTED",), "OPEN", "returns/approve"),
    "decline": (("REQUESTED",), "DECLINED", "returns/decline"),
    "close": (("OPEN",), "CLOSED", "returns/close"),
    "reopen": (("CLOSED",), "OPEN", "returns/reopen"),
    "cancel": (("OPEN",), "CANCELED", "returns/cancel"),
}
"""From which statuses, to which, and the topic that tells."""


def process(shop: Shop, wanted: Doc) -> Doc:
    """`returnProcess`: goods in, and money out if asked. Not idempotent, as the real one."""
    try:
        with shop.archive.change():
            owner = shop.archive.owner_of(wanted["returnId"])
            if owner is None or "/Return/" not in wanted["returnId"]:
                raise Problem("returnId", "Return does not exist", "NOT_FOUND")
            with shop.editing(owner["id"]) as change:
                back = next(each for each in change.order["returns"] if each["id"] == wanted["returnId"])
                if back["status"] != "OPEN":
                    raise Problem("returnId", "Return is not open", "INVALID_STATE")
                refund = _process(shop, change.order, back, wanted)
                if refund:
                    refunds.announce(shop, change, refund)
                change.tell("returns/process", lambda: payloads.return_payload(shop, change.order, back))
                if all(item["processedQuantity"] == item["quantity"] for item in back["returnLineItems"]):
                    back["status"], back["closedAt"] = "CLOSED", shop.stamp()
                    for reverse in back["reverseFulfillmentOrders"]:
                        reverse["status"] = "CLOSED"
                    change.tell(
                        "returns/close",
                        lambda: payloads.return_payload(shop, change.order, back, "returns/close"),
                    )
    except Problem as problem:
        return _refused(problem)
    return _payload(back)


def _process(shop: Shop, order: Doc, back: Doc, wanted: Doc) -> Doc | None:
    fulfilled = {
        item["id"]: item["lineItem"]["id"]
        for each in order["fulfillments"]
        for item in each["fulfillmentLineItems"]
    }
    items = {item["id"]: item for item in back["returnLineItems"]}
    lines = []
    for each in wanted.get("returnLineItems") or []:
        item = items.get(each["id"])
        if item is None:
            raise Problem("returnLineItems", "Return line item does not exist", "NOT_FOUND")
        if not 0 < each["quantity"] <= item["quantity"] - item["processedQuantity"]:
            raise Problem("returnLineItems", "Quantity is greater than what can be processed", "GREATER_THAN")
        for disposition in each.get("dispositions") or []:
            _dispose(shop, back, disposition)
        item["processedQuantity"] += each["quantity"]
        line_id = fulfilled[item["fulfillmentLineItem"]["id"]]
        lines.append({"lineItemId": line_id, "quantity": each["quantity"], "restockType": "RETURN"})
    issue = (wanted.get("financialTransfer") or {}).get("issueRefund")
    if not issue:
        return None
    shipping = wanted.get("refundShipping") or {}
    purse = Purse.of(order)
    asked = shipping.get("shippingRefundAmount")
    suggestion = refunds.suggest(
        order,
        lines,
        shipping_amount=purse.parse(asked["amount"]) if asked else None,
        full_shipping=bool(shipping.get("fullRefund")),
    )
    left = {each["id"]: (each, amount) for each, amount in refunds.refundable_payments(order)}
    payments: refunds.Payments = []
    for each in issue["orderTransactions"]:
        parent, available = left.get(each["parentId"], (None, 0))
        try:
            amount = purse.parse(each["transactionAmount"]["amount"])
        except ValueError:
            raise Problem("financialTransfer", "Amount is not a number", "NOT_A_NUMBER") from None
        if parent is None:
            raise Problem("financialTransfer", "Parent transaction cannot be refunded", "NOT_FOUND")
        if amount > available and not issue.get("allowOverRefunding"):
            raise Problem("financialTransfer", "Amount is greater than what can be refunded", "TOO_BIG")
        payments.append((parent, amount))
    credits = [each["storeCreditRefund"]["amount"] for each in issue.get("refundMethods") or []]
    given = sum(purse.parse(each["amount"]) for each in credits)
    if sum(amount for _, amount in payments) + given > suggestion.maximum and not issue.get(
        "allowOverRefunding"
    ):
        raise Problem("financialTransfer", "Amount is greater than what can be refunded", "TOO_BIG")
    refund = refunds.write(
        shop,
        order,
        suggestion,
        payments,
        at=shop.stamp(),
        note=wanted.get("note"),
        return_id=back["id"],
        store_credit=given,
    )
    if given and order["customer"]:
        credit.give(shop, order["customer"]["id"], given, purse.currency)
    for each in wanted.get("returnLineItems") or []:
        items[each["id"]]["refundedQuantity"] += each["quantity"]
    return refund


def _dispose(shop: Shop, back: Doc, wanted: Doc) -> Doc:
    """Record what happened to received goods."""
    for reverse in back["reverseFulfillmentOrders"]:
        for item in reverse["lineItems"]:
            if item["id"] != wanted["reverseFulfillmentOrderLineItemId"]:
                continue
            done = sum(each["quantity"] for each in item["dispositions"])
            if not 0 < wanted["quantity"] <= item["totalQuantity"] - done:
                raise Problem("dispositions", "Quantity is greater than what was expected", "GREATER_THAN")
            if wanted["dispositionType"] == "RESTOCKED" and not wanted.get("locationId"):
                raise Problem("dispositions", "Restocking needs a location", "BLANK")
            item["dispositions"].append(
                {
                    "id": shop.archive.gid("ReverseFulfillmentOrderDisposition"),
                    "type": wanted["dispositionType"],
                    "quantity": wanted["quantity"],
                    "location": {"id": wanted["locationId"]} if wanted.get("locationId") else None,
                }
            )
            found: Doc = item
            return found
    raise Problem("dispositions", "Reverse fulfillment order line item does not exist", "NOT_FOUND")
