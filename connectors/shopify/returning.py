"""Returns: opened, approved, declined, received, closed. No keys here either: state and mark are read back.

Lines of a return name shipment lines, not order lines. Source: fact sheet 3.2 and 3.3.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from connectors.shopify import messages
from connectors.shopify.graphql import GraphQL
from connectors.shopify.messages import Message, Step
from connectors.shopify.reasons import handle_among
from connectors.shopify.shapes import Nodes, Page, Ref, ReturnedPiece, Shape, UserError
from connectors.shopify.values import mark, unmark
from integration.errors import StoreRefused
from integration.ports import ActionKind, ActionRequest, Receipt

DECLINE_REASONS = {"final_sale": "FINAL_SALE", "return_period_ended": "RETURN_PERIOD_ENDED"}


class Definition(Struct):
    id: str
    handle: str = ""
    deleted: bool = False


class Definitions(Struct):
    returnReasonDefinitions: Nodes[Definition]


class ShippedPiece(Struct):
    id: str
    lineItem: Ref


class Returnable(Struct):
    quantity: int
    fulfillmentLineItem: ShippedPiece


class ReturnableShipment(Struct):
    returnableFulfillmentLineItems: Nodes[Returnable]


class ReturnableShipments(Struct):
    returnableFulfillments: Nodes[ReturnableShipment]


class ReturnPiece(Shape):
    id: str
    quantity: int
    processableQuantity: int = 0
    processedQuantity: int = 0
    returnReasonNote: str | None = None
    fulfillmentLineItem: ReturnedPiece | None = None


class ReturnState(Shape):
    id: str
    status: str
    returnLineItems: Nodes[ReturnPiece]


class ReturnRead(Struct):
    return_: ReturnState | None = field(name="return")


class ReturnAnswer(Shape):
    return_: Ref | None = field(name="return", default=None)
    userErrors: list[UserError] = field(default_factory=list)


class ReturnChanged(Struct):
    returnCreate: ReturnAnswer | None = None
    returnApproveRequest: ReturnAnswer | None = None
    returnDeclineRequest: ReturnAnswer | None = None
    returnClose: ReturnAnswer | None = None
    returnProcess: ReturnAnswer | None = None

    @property
    def answer(self) -> ReturnAnswer | None:
        return (
            self.returnCreate
            or self.returnApproveRequest
            or self.returnDeclineRequest
            or self.returnClose
            or self.returnProcess
        )


class MarkedReturn(Shape):
    id: str
    returnLineItems: Nodes[ReturnPiece]


class ReturnsPage(Struct):
    order: Page[MarkedReturn] | None


def prepare(api: GraphQL, request: ActionRequest) -> Message:
    match request.kind:
        case ActionKind.RETURN:
            return _message(request, "30_return_create", {"input": _new_return(api, request)})
        case ActionKind.RETURN_APPROVE:
            change = {"id": request.return_id, "notifyCustomer": request.notify}
            return _message(request, "32_return_approve_request", {"input": change})
        case ActionKind.RETURN_DECLINE:
            change = {
                "id": request.return_id,
                "declineReason": DECLINE_REASONS.get(request.reason, "OTHER"),
                "declineNote": request.note[:500],
                "notifyCustomer": request.notify,
            }
            return _message(request, "33_return_decline_request", {"input": change})
        case ActionKind.RETURN_CLOSE:
            return _message(request, "35_return_close", {"id": request.return_id})
        case _:
            return _received(api, request)


def send(api: GraphQL, message: Message) -> Receipt:
    step = message.steps[0]
    answer = api.change(step.document, ReturnChanged, step.variables).answer
    if answer is None:
        raise messages.nothing(step.document)
    messages.refuse_if(answer.userErrors)
    if answer.return_ is None:
        raise messages.nothing(step.document)
    return Receipt(platform_id=answer.return_.id)


def find(api: GraphQL, request: ActionRequest, message: Message) -> Receipt | None:
    if request.kind is ActionKind.RETURN:
        return _find_marked(api, request)
    state = _state(api, request)
    if request.kind is ActionKind.RETURN_RECEIVE:
        after = message.expect.get("processed", {})
        pieces = {piece.id: piece.processedQuantity for piece in state.returnLineItems.nodes}
        done = bool(after) and all(pieces.get(line, 0) >= count for line, count in after.items())
    else:
        wanted = {
            ActionKind.RETURN_APPROVE: ("OPEN", "CLOSED"),
            ActionKind.RETURN_DECLINE: ("DECLINED",),
            ActionKind.RETURN_CLOSE: ("CLOSED",),
        }[request.kind]
        done = state.status in wanted
    return Receipt(platform_id=state.id) if done else None


def _message(
    request: ActionRequest, document: str, variables: dict[str, Any], expect: dict[str, Any] | None = None
) -> Message:
    return Message(
        kind=request.kind.value, steps=[Step(document=document, variables=variables)], expect=expect or {}
    )


def _new_return(api: GraphQL, request: ActionRequest) -> dict[str, Any]:
    """ReturnInput: each wish laid on the shipment lines that may still come back."""
    free = _returnable(api, request.order_id)
    reason = _reason(api, request.reason)
    note = mark(request.note[: 250 - len(mark("", request.key))], request.key)
    lines = []
    for wish in request.lines:
        wanted = wish.quantity
        for piece in free:
            if piece.fulfillmentLineItem.lineItem.id != wish.line_id or not wanted or not piece.quantity:
                continue
            taken = min(wanted, piece.quantity)
            wanted -= taken
            piece.quantity -= taken
            line = {"fulfillmentLineItemId": piece.fulfillmentLineItem.id, "quantity": taken}
            lines.append(
                {**line, **({"returnReasonDefinitionId": reason} if reason else {}), "returnReasonNote": note}
            )
        if wanted:
            raise StoreRefused("fewer pieces of a line can come back than were named")
    if not lines:
        raise StoreRefused("a return needs at least one piece")
    return {"orderId": request.order_id, "returnLineItems": lines}


def _returnable(api: GraphQL, order_id: str) -> list[Returnable]:
    found: list[Returnable] = []
    cursor = None
    while True:
        page = api.read(
            "20_returnable_fulfillments", ReturnableShipments, orderId=order_id, cursor=cursor
        ).returnableFulfillments
        for shipment in page.nodes:
            found += shipment.returnableFulfillmentLineItems.nodes
        if not page.pageInfo.hasNextPage:
            return found
        cursor = page.pageInfo.endCursor


def _reason(api: GraphQL, code: str) -> str | None:
    page = api.read("22_return_reason_definitions", Definitions).returnReasonDefinitions
    ids = {each.handle: each.id for each in page.nodes if not each.deleted}
    return ids.get(handle_among(ids, code) or "")


def _received(api: GraphQL, request: ActionRequest) -> Message:
    """Goods are back. Money is no part of this: it has its own action, with its own key."""
    state = _state(api, request)
    wanted = {wish.line_id: wish.quantity for wish in request.lines}
    lines, after = [], {}
    for piece in state.returnLineItems.nodes:
        line_id = piece.fulfillmentLineItem.lineItem.id if piece.fulfillmentLineItem else ""
        count = min(
            piece.processableQuantity, wanted.get(line_id, 0) if wanted else piece.processableQuantity
        )
        if count <= 0:
            continue
        if wanted:
            wanted[line_id] -= count
        lines.append({"id": piece.id, "quantity": count})
        after[piece.id] = piece.processedQuantity + count
    if not lines or any(left > 0 for left in wanted.values()):
        raise StoreRefused("nothing more of this is expected back on the return")
    change = {"returnId": request.return_id, "returnLineItems": lines, "notifyCustomer": request.notify}
    return _message(request, "34_return_process", {"input": change}, {"processed": after})


def _state(api: GraphQL, request: ActionRequest) -> ReturnState:
    state = api.read("21_return_by_id", ReturnRead, id=request.return_id or "").return_
    if state is None:
        raise StoreRefused("the shop does not know this return", code="not_found")
    return state


def _find_marked(api: GraphQL, request: ActionRequest) -> Receipt | None:
    """Every line of a return that we opened carries our mark, so its first lines tell."""
    cursor = None
    while True:
        order = api.read("27_more_returns", ReturnsPage, id=request.order_id, cursor=cursor).order
        if order is None:
            return None
        for made in order.page.nodes:
            if any(unmark(piece.returnReasonNote)[1] == request.key for piece in made.returnLineItems.nodes):
                return Receipt(platform_id=made.id)
        if not order.page.pageInfo.hasNextPage:
            return None
        cursor = order.page.pageInfo.endCursor
