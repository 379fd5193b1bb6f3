"""Cancelling an order, its note, tags and address. None of these takes a key: what was done is read back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec import Struct, field

from connectors.looking import nothing_sent_yet
from connectors.shopify import messages
from connectors.shopify.graphql import GraphQL
from connectors.shopify.messages import Message, Step
from connectors.shopify.orders import Orders
from connectors.shopify.refunding import ReadBack, RefundedOrder, moved_by
from connectors.shopify.shapes import Shape, UserError
from connectors.shopify.values import mark, paid, utc
from integration.errors import PaidMeanwhile, RateLimited, StoreError, StoreRefused, StoreUnavailable
from integration.money import Money, total
from integration.ports import ActionKind, ActionRequest, Receipt
from integration.records import Address, OrderRecord

CANCEL_REASONS = {
    "changed_mind": "CUSTOMER",
    "customer": "CUSTOMER",
    "fraud": "FRAUD",
    "inventory": "INVENTORY",
    "declined": "DECLINED",
    "staff": "STAFF",
}

CANCEL_POLLS = (0.5, 1, 1, 2, 3, 5, 8)
"""Seconds between looks at a cancellation, which Shopify carries out in the background."""


class Job(Shape):
    id: str
    done: bool = False


class CancelAnswer(Shape):
    job: Job | None = None
    orderCancelUserErrors: list[UserError] = field(default_factory=list)


class Cancelled(Struct):
    orderCancel: CancelAnswer | None


class OrderState(Shape):
    cancelledAt: datetime | None = None


class JobState(Struct):
    job: Job | None
    order: OrderState | None


class UpdateAnswer(Shape):
    userErrors: list[UserError] = field(default_factory=list)


class Updated(Struct):
    orderUpdate: UpdateAnswer | None = None
    tagsAdd: UpdateAnswer | None = None
    tagsRemove: UpdateAnswer | None = None


def current(orders: Orders, request: ActionRequest) -> OrderRecord:
    records, poisoned = orders.read([request.order_id])
    if not records:
        said = poisoned[0].reason if poisoned else "the shop does not know this order (any more)"
        raise StoreRefused(said, code="not_found")
    return records[0]


def prepare_cancel(api: GraphQL, orders: Orders, request: ActionRequest) -> Message:
    """`expect` keeps what went back before: only what comes on top of it is this cancellation's."""
    _must_be_as_decided(orders, request)
    order = api.read("55_order_refund_readback", ReadBack, id=request.order_id).order
    if order is None:
        raise StoreRefused("the shop does not know this order (any more)", code="not_found")
    pays = request.refund_on_cancel and request.amount is not None
    method: dict[str, Any] = {"originalPaymentMethodsRefund": pays}
    if pays and request.method == "store_credit":
        method = {"storeCreditRefund": {}}
    variables = {
        "orderId": request.order_id,
        "reason": CANCEL_REASONS.get(request.reason, "OTHER"),
        "restock": request.restock,
        "refundMethod": method,
        "notifyCustomer": request.notify,
        "staffNote": mark(request.note, request.key),
    }
    return Message(
        kind=request.kind.value,
        steps=[Step(document="41_order_cancel", variables=variables)],
        expect={"back_before": _back(order).json()},
    )


def _must_be_as_decided(orders: Orders, request: ActionRequest) -> None:
    """`orderCancel` names no sum: it pays back all that is left, be it more than somebody decided on."""
    left = current(orders, request).refundable
    decided = request.amount.minor if request.amount is not None else 0
    if request.refund_on_cancel and left is not None and left.minor > decided:
        raise PaidMeanwhile


def send_cancel(
    api: GraphQL,
    orders: Orders,
    request: ActionRequest,
    message: Message,
    sleep: Callable[[float], None],
) -> Receipt:
    with nothing_sent_yet():
        _must_be_as_decided(orders, request)
    step = message.steps[0]
    answer = api.change(step.document, Cancelled, step.variables).orderCancel
    if answer is None:
        raise messages.nothing(step.document)
    messages.refuse_if(answer.orderCancelUserErrors)
    if answer.job is None:
        raise messages.nothing(step.document)
    _await_cancel(api, request, answer.job.id, sleep)
    try:
        receipt = find_cancel(api, request, message)
    except StoreError as error:
        raise _not_looked_up(error) from error
    if receipt is None:
        raise StoreUnavailable("the shop is still cancelling the order")
    return receipt


def _await_cancel(api: GraphQL, request: ActionRequest, job_id: str, sleep: Callable[[float], None]) -> None:
    for wait in CANCEL_POLLS:
        try:
            state = api.read("42_job_status", JobState, jobId=job_id, orderId=request.order_id)
        except StoreError as error:
            raise _not_looked_up(error) from error
        if state.order and state.order.cancelledAt:
            return
        if state.job and state.job.done:
            raise StoreRefused("the shop began to cancel the order and then did not")
        sleep(wait)


def _not_looked_up(error: StoreError) -> StoreUnavailable:
    """The cancelling was accepted: that a look at it failed, or was put off, says nothing about it."""
    return StoreUnavailable(f"the shop is cancelling the order; not looked up: {error}")


def find_cancel(api: GraphQL, request: ActionRequest, message: Message) -> Receipt | None:
    """`cancelledAt` decides, whoever asked for it: an order is cancelled once.

    `amount` is what went back since it was prepared, as money or as credit: somebody else may have
    cancelled without paying.
    """
    order = api.read("55_order_refund_readback", ReadBack, id=request.order_id).order
    if order is None or order.cancelledAt is None:
        return None
    back = _back(order)
    before = message.expect.get("back_before")
    if before:
        back -= Money.parse(before["amount"], before["currency"])
    return Receipt(platform_id=request.order_id, amount=back, done_at=utc(order.cancelledAt))


def _back(order: RefundedOrder) -> Money:
    """All that went back on the order so far; what a gateway has not confirmed counts."""
    counted = paid(order.totalRefundedSet)
    return max(counted, total((moved_by(made) for made in order.refunds), counted.currency))


def prepare_edit(orders: Orders, request: ActionRequest) -> Message:
    """The order's note is one text and is replaced as a whole: ours is added below what stands there."""
    if request.kind is ActionKind.TAGS:
        return _tags(request)
    change: dict[str, Any] = {"id": request.order_id}
    if request.kind is ActionKind.NOTE:
        before = current(orders, request).note
        change["note"] = f"{before}\n{request.note}".strip()
    else:
        if request.address is None:
            raise StoreRefused("no address was given")
        change["shippingAddress"] = _address(request.address)
    steps = [Step(document="45_order_update", variables={"input": change})]
    return Message(kind=request.kind.value, steps=steps)


def _tags(request: ActionRequest) -> Message:
    steps = [
        Step(document=document, variables={"id": request.order_id, "tags": list(tags)})
        for document, tags in (("46_tags_add", request.tags_add), ("47_tags_remove", request.tags_remove))
        if tags
    ]
    return Message(kind=request.kind.value, steps=steps)


def _address(address: Address) -> dict[str, str]:
    first, _, last = address.name.rpartition(" ")
    return {
        "firstName": first,
        "lastName": last,
        "company": address.company,
        "address1": address.address1,
        "address2": address.address2,
        "city": address.city,
        "provinceCode": address.province,
        "zip": address.zip,
        "countryCode": address.country,
        "phone": address.phone,
    }


def send_edit(api: GraphQL, request: ActionRequest, message: Message) -> Receipt:
    for number, step in enumerate(message.steps):
        try:
            _take(api, step)
        except (StoreRefused, RateLimited) as error:
            if number:  # half done is neither a yes nor a no
                raise StoreUnavailable(f"the first step was done, the next was not: {error}") from error
            raise
    return Receipt(platform_id=request.order_id)


def _take(api: GraphQL, step: Step) -> None:
    answer = api.change(step.document, Updated, step.variables)
    update = answer.orderUpdate or answer.tagsAdd or answer.tagsRemove
    if update is None:
        raise messages.nothing(step.document)
    messages.refuse_if(update.userErrors)


def find_edit(orders: Orders, request: ActionRequest) -> Receipt | None:
    """Repeating these does no harm, so looking at the order as it is now is enough."""
    order = current(orders, request)
    if request.kind is ActionKind.NOTE:
        done = bool(request.note) and request.note in order.note
    elif request.kind is ActionKind.TAGS:
        tags = set(order.tags)
        done = tags.issuperset(request.tags_add) and tags.isdisjoint(request.tags_remove)
    else:
        done = _same(order.shipping_address, request.address)
    return Receipt(platform_id=request.order_id) if done else None


def _same(one: Address | None, other: Address | None) -> bool:
    return one is not None and other is not None and _address(one) == _address(other)
