"""Refunds without a return: asked for as the shop would do it, sent once under a key, found again by a mark.

A refund without `transactions` or `refundMethods` succeeds, pays nothing and uses the quantities up:
such a message is never built. Source: fact sheet 4.2; shopify.dev, "Refunds", "Idempotent requests".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct, field

from connectors.shopify import messages
from connectors.shopify.graphql import GraphQL
from connectors.shopify.messages import Message, Step
from connectors.shopify.shapes import Bag, Nodes, Ref, Shape, UserError
from connectors.shopify.values import mark, paid, unmark, utc
from integration.errors import StoreRefused
from integration.money import Money, total
from integration.ports import ActionRequest, Quote, Receipt, Tender

LIVE = ("SUCCESS", "PENDING", "AWAITING_RESPONSE", "UNKNOWN")
"""Statuses of a transaction that moved money or may still do so."""


class Parent(Shape):
    id: str
    status: str = ""


class SuggestedMove(Shape):
    amountSet: Bag
    gateway: str | None = None
    formattedGateway: str | None = None
    accountNumber: str | None = None
    maximumRefundableSet: Bag | None = None
    parentTransaction: Parent | None = None


class OpenLine(Shape):
    id: str
    unfulfilledQuantity: int = 0


class OpenLines(Struct):
    lineItems: Nodes[OpenLine]


class Lines(Struct):
    order: OpenLines | None


class SuggestedLine(Shape):
    lineItem: Ref
    restockType: str = "RETURN"
    location: Ref | None = None


class SuggestedShipping(Shape):
    amountSet: Bag
    maximumRefundableSet: Bag


class Suggestion(Shape):
    amountSet: Bag
    maximumRefundableSet: Bag
    shipping: SuggestedShipping
    suggestedTransactions: list[SuggestedMove]
    refundLineItems: list[SuggestedLine] = field(default_factory=list)


class SuggestedOrder(Shape):
    updatedAt: datetime
    presentmentCurrencyCode: str
    suggestedRefund: Suggestion | None = None


class Suggested(Struct):
    order: SuggestedOrder | None


class MoveShape(Shape):
    status: str
    amountSet: Bag
    kind: str = "REFUND"


class MadeRefund(Shape):
    id: str
    totalRefundedSet: Bag
    transactions: Nodes[MoveShape]
    createdAt: datetime | None = None
    note: str | None = None


class RefundAnswer(Shape):
    refund: MadeRefund | None = None
    userErrors: list[UserError] = field(default_factory=list)


class RefundCreated(Struct):
    refundCreate: RefundAnswer | None


class RefundedOrder(Shape):
    refunds: list[MadeRefund]
    totalRefundedSet: Bag
    cancelledAt: datetime | None = None


class ReadBack(Struct):
    order: RefundedOrder | None


def quote(api: GraphQL, request: ActionRequest) -> Quote:
    """What the shop itself would pay back; and to which payments what we ask for would go."""
    order, suggestion = _suggest(api, request)
    amount = paid(suggestion.amountSet)
    if not request.lines and request.shipping is None and request.amount is not None:
        amount = request.amount
    maximum = paid(suggestion.maximumRefundableSet)
    asked = request.amount if request.amount is not None else amount
    shares = _shared(request, asked, suggestion) if asked <= maximum else []
    tenders = tuple(_tender(move, part) for move, part in shares)
    return Quote(
        amount=amount,
        maximum=maximum,
        shipping=paid(suggestion.shipping.amountSet),
        tenders=tuple(tender for tender in tenders if tender.amount),
        order_updated_at=utc(order.updatedAt),
    )


def prepare(api: GraphQL, request: ActionRequest) -> Message:
    if request.amount is None or request.amount.minor <= 0:
        raise StoreRefused("a refund needs an amount above zero")
    order, suggestion = _suggest(api, request)
    if request.amount.currency != order.presentmentCurrencyCode:
        raise StoreRefused("the refund is not in the currency that the customer paid in")
    if _paid_before(request, request.amount) > paid(suggestion.maximumRefundableSet):
        raise StoreRefused("the order has less left to refund than that")
    variables = {"input": _input(request, request.amount, suggestion), "key": request.key}
    return Message(
        kind=request.kind.value,
        steps=[Step(document="40_refund_create", variables=variables)],
        expect={"amount": request.amount.json()},
    )


def _paid_before(request: ActionRequest, amount: Money) -> Money:
    """What of it the customer once paid: a bonus on store credit was never paid."""
    return amount - request.bonus if request.bonus is not None else amount


def send(api: GraphQL, request: ActionRequest, message: Message) -> Receipt:
    step = message.steps[0]
    answer = api.change(step.document, RefundCreated, step.variables).refundCreate
    if answer is None:
        raise messages.nothing(step.document)
    messages.refuse_if(answer.userErrors)
    if answer.refund is None:
        raise messages.nothing(step.document)
    return _receipt(answer.refund, request)


def find(api: GraphQL, request: ActionRequest) -> Receipt | None:
    order = api.read("55_order_refund_readback", ReadBack, id=request.order_id).order
    for made in order.refunds if order else ():
        if unmark(made.note)[1] == request.key:
            return _receipt(made, request)
    return None


def moved_by(made: MadeRefund) -> Money:
    """What really moved. Money that the gateway has not confirmed counts."""
    moves = [move for move in made.transactions.nodes if move.kind == "REFUND"]
    counted = paid(made.totalRefundedSet)
    live = total((paid(move.amountSet) for move in moves if move.status in LIVE), counted.currency)
    return Money(max(counted.minor, live.minor), counted.currency)


def _receipt(made: MadeRefund, request: ActionRequest) -> Receipt:
    """Money that the gateway has not confirmed counts, but is not settled."""
    moves = [move for move in made.transactions.nodes if move.kind == "REFUND"]
    amount = moved_by(made)
    moved = amount.minor
    settled = all(move.status == "SUCCESS" for move in moves)
    intended = request.amount
    detail: dict[str, Any] = {"transactions": [move.status.lower() for move in moves]}
    if intended is not None and moved != intended.minor:
        detail["differs_from"] = intended.json()
        settled = False
    return Receipt(
        platform_id=made.id,
        amount=amount,
        done_at=utc(made.createdAt) if made.createdAt else None,
        settled=settled,
        detail=detail,
    )


def _suggest(api: GraphQL, request: ActionRequest) -> tuple[SuggestedOrder, Suggestion]:
    """The shop's own sum. For an amount alone, all is asked for: that names every payment that is left."""
    alone = not request.lines and request.shipping is None
    kinds = _restock_types(api, request)
    lines = [
        {"lineItemId": line.line_id, "quantity": line.quantity, "restockType": kinds[line.line_id]}
        for line in request.lines
    ]
    order = api.read(
        "25_suggested_refund",
        Suggested,
        id=request.order_id,
        lines=None if alone else lines,
        shippingAmount=request.shipping.text if request.shipping else None,
        allShipping=False,
        everything=alone,
        allocation="ORIGINAL_PAYMENT_METHODS",
    ).order
    if order is None or order.suggestedRefund is None:
        raise StoreRefused("the shop does not know this order (any more)", code="not_found")
    return order, order.suggestedRefund


def _restock_types(api: GraphQL, request: ActionRequest) -> dict[str, str]:
    """CANCEL puts back what never left, RETURN what came back. Source: schema, RefundLineItemRestockType."""
    types = {wish.line_id: "RETURN" if wish.restock else "NO_RESTOCK" for wish in request.lines}
    cursor, more = None, "RETURN" in types.values()
    while more:
        order = api.read("05_order_lines_page", Lines, id=request.order_id, cursor=cursor).order
        page = order.lineItems if order else Nodes(nodes=[])
        waiting = {line.id: line.unfulfilledQuantity for line in page.nodes}
        for wish in request.lines:
            if wish.restock and waiting.get(wish.line_id, 0) >= wish.quantity:
                types[wish.line_id] = "CANCEL"
        cursor, more = page.pageInfo.endCursor, page.pageInfo.hasNextPage
    return types


def _input(request: ActionRequest, amount: Money, suggestion: Suggestion) -> dict[str, Any]:
    """RefundInput, its fields always in this order."""
    result: dict[str, Any] = {
        "orderId": request.order_id,
        "currency": amount.currency,
        "note": mark(request.note, request.key),
        "notify": request.notify,
        "refundLineItems": _lines(request, suggestion),
    }
    if request.shipping is not None and request.shipping.minor > 0:
        result["shipping"] = {"amount": request.shipping.text}
    if amount != paid(suggestion.amountSet):
        result["discrepancyReason"] = "OTHER"
    if request.method == "store_credit":
        credit = {"amount": amount.text, "currencyCode": amount.currency}
        result["transactions"] = []
        result["refundMethods"] = [{"storeCreditRefund": {"amount": credit}}]
        if request.bonus is not None:
            result["allowOverRefunding"] = True
        return result
    if request.method == "manual":
        raise StoreRefused("Shopify pays refunds back itself: by the original payment or as store credit")
    result["transactions"] = [
        {
            "orderId": request.order_id,
            "parentId": move.parentTransaction.id if move.parentTransaction else None,
            "kind": "REFUND",
            "gateway": move.gateway or "",
            "amount": part.text,
        }
        for move, part in _shared(request, amount, suggestion)
        if part.minor > 0
    ]
    return result


def _lines(request: ActionRequest, suggestion: Suggestion) -> list[dict[str, Any]]:
    """As suggested: with the kind of restocking that we asked for, and the place that the shop names."""
    told = {each.lineItem.id: each for each in suggestion.refundLineItems}
    lines = []
    for wish in request.lines:
        each = told.get(wish.line_id)
        kind = each.restockType if each and wish.restock else "NO_RESTOCK"
        line: dict[str, Any] = {"lineItemId": wish.line_id, "quantity": wish.quantity, "restockType": kind}
        if wish.restock and each and each.location:
            line["locationId"] = each.location.id
        lines.append(line)
    return lines


def _shared(
    request: ActionRequest, amount: Money, suggestion: Suggestion
) -> list[tuple[SuggestedMove, Money]]:
    """`amount` over the payments, none above its own maximum.

    As the request shares it out; what is not shared there, or finds no room there, as the shop suggests;
    and what it suggests too little of goes to the first payments that have room.
    """
    moves = [move for move in suggestion.suggestedTransactions if move.parentTransaction]
    room = [paid(move.maximumRefundableSet or move.amountSet).minor for move in moves]
    parts, left = [0] * len(moves), amount.minor
    for wanted in (
        _wishes(request.tenders, moves, room),
        [paid(move.amountSet).minor for move in moves],
        room,
    ):
        for index, most in enumerate(wanted):
            part = max(0, min(most - parts[index], room[index] - parts[index], left))
            parts[index] += part
            left -= part
    if left:
        raise StoreRefused("the payments of this order have less left to refund than that")
    return [(move, Money(part, amount.currency)) for move, part in zip(moves, parts, strict=True)]


def _wishes(tenders: Sequence[Tender], moves: Sequence[SuggestedMove], room: Sequence[int]) -> Sequence[int]:
    """Per payment what the request puts on it: on the one it names, or on those of a gateway in turn."""
    wishes = [0] * len(moves)
    for tender in tenders:
        left = tender.amount.minor
        for index, move in enumerate(moves):
            parent = move.parentTransaction.id if move.parentTransaction else None
            named = tender.transaction_id
            if parent == named if named is not None else move.gateway == tender.gateway:
                part = min(left, room[index] - wishes[index])
                wishes[index] += part
                left -= part
    return wishes


def _tender(move: SuggestedMove, amount: Money) -> Tender:
    title = " ".join(filter(None, (move.formattedGateway, move.accountNumber)))
    return Tender(
        gateway=move.gateway or "",
        amount=amount,
        transaction_id=move.parentTransaction.id if move.parentTransaction else None,
        title=title or move.gateway or "",
    )
