"""What we ask a store to do: which steps an action is made of, and whether it is possible at all.

`prepare` works everything out and writes it down; `find` looks for what an earlier try has left behind;
`send` takes the steps in their order; `complete` those that are left of a half-done action.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from connectors.looking import nothing_sent_yet
from connectors.woocommerce import editing, paying
from connectors.woocommerce.calls import Calls
from connectors.woocommerce.desk import Body, Desk, Step, money_is_left
from connectors.woocommerce.editing import CLOSED
from connectors.woocommerce.raw import text
from connectors.woocommerce.reads import Reads
from integration.errors import (
    HalfDone,
    PaidMeanwhile,
    StoreDenied,
    StoreError,
    StoreForbidden,
    StoreRefused,
    StoreUnavailable,
)
from integration.ports import ActionKind, ActionRequest, Quote, Receipt
from integration.records import FinancialStatus, FulfillmentStatus, OrderRecord

Steps = dict[str, Body]
"""Name of a step → what is sent for it; kept in this order, as JSON, between `prepare` and `send`."""

RETURNS = frozenset({
    ActionKind.RETURN,
    ActionKind.RETURN_APPROVE,
    ActionKind.RETURN_DECLINE,
    ActionKind.RETURN_CLOSE,
    ActionKind.RETURN_RECEIVE,
})  # fmt: skip


def supports(kind: ActionKind, order: OrderRecord | None) -> str | None:
    """None if it is possible, else why not."""
    if kind in RETURNS:
        return "WooCommerce keeps no returns. Refund when the goods are back."
    if kind is ActionKind.TAGS:
        return "WooCommerce orders have no tags. Use a note instead."
    if kind is ActionKind.REPLACEMENT:
        return "WooCommerce has no replacement orders. Make a new order in the store."
    if order is None:
        return None
    if order.gone:
        return "The order is in the store's trash."
    if kind is ActionKind.REFUND:
        return _no_refund(order)
    unsent = order.fulfillment_status is FulfillmentStatus.UNFULFILLED
    if kind is ActionKind.CANCEL:
        if order.platform_status in CLOSED:
            return f"The order is already {order.platform_status}."
        return None if unsent else "The order was already sent."
    if kind is ActionKind.ADDRESS and (order.platform_status in CLOSED or not unsent):
        return "The address can only be changed before the order is sent."
    return None


def _no_refund(order: OrderRecord) -> str | None:
    if order.financial_status is FinancialStatus.REFUNDED or order.refunded >= order.total:
        return "Everything was already refunded."
    if order.financial_status not in (FinancialStatus.PAID, FinancialStatus.PARTIALLY_REFUNDED):
        return "Nothing was paid for this order yet."
    return None


class Actions:
    def __init__(self, calls: Calls, reads: Reads) -> None:
        self._desk = Desk(calls, reads)
        self._steps: Mapping[str, Step] = {
            "refund": paying.Refund(self._desk),
            "status": editing.OrderFields(self._desk),
            "address": editing.OrderFields(self._desk),
            "note": editing.Note(self._desk),
        }
        self._composers: Mapping[ActionKind, Callable[[ActionRequest], Steps]] = {
            ActionKind.REFUND: lambda request: {"refund": paying.refund_body(self._desk, request)},
            ActionKind.CANCEL: self._cancel,
            ActionKind.ADDRESS: lambda request: {"address": editing.address_body(self._desk, request)},
            ActionKind.NOTE: lambda request: {"note": editing.note_body(self._desk, request)},
        }

    def quote(self, request: ActionRequest) -> Quote:
        return paying.quote(self._desk, request)

    def prepare(self, request: ActionRequest) -> str:
        compose = self._composers.get(request.kind)
        if compose is None:
            raise StoreRefused(supports(request.kind, None) or "not possible", code="unsupported")
        return msgspec.json.encode(compose(request)).decode()

    def _cancel(self, request: ActionRequest) -> Steps:
        """Money first: a cancelled order that was not paid back would be forgotten."""
        order, book = self._desk.book(request.order_id)
        if text(order, "status") in CLOSED:
            raise StoreRefused(f"the order is already {text(order, 'status')}")
        steps: Steps = {}
        if request.refund_on_cancel and money_is_left(order, book):
            steps["refund"] = paying.rest_body(self._desk, request, order, book)
        steps["status"] = {"status": "cancelled"}
        return steps

    def find(self, request: ActionRequest, prepared: str) -> Receipt | None:
        """Done means all of it; a cancellation that stopped half way raises :exc:`HalfDone`."""
        receipts = [self._steps[name].find(request, body) for name, body in _read(prepared).items()]
        if receipts[0] is not None and None in receipts and _moved(receipts[0]):
            raise HalfDone("paid back, but not cancelled yet")
        return receipts[0]

    def send(self, request: ActionRequest, prepared: str) -> Receipt:
        """All steps. None looks for itself: `find` did, and whoever found one goes on with `complete`."""
        steps = _read(prepared)
        if request.kind is ActionKind.CANCEL and "refund" not in steps:
            with nothing_sent_yet():
                self._must_hold_no_money(request)
        (name, body), *rest = steps.items()
        try:
            receipt = self._steps[name].send(request, body)
        except (StoreDenied, StoreForbidden) as error:
            raise StoreRefused(str(error), code=error.code, next_step=error.next_step) from error
        if _moved(receipt):
            self._take(request, rest)
        return receipt

    def complete(self, request: ActionRequest, prepared: str) -> Receipt:
        """The steps behind the first, which alone may move money and is only looked at here."""
        (name, body), *rest = _read(prepared).items()
        receipt = self._steps[name].find(request, body)
        if receipt is None:
            raise StoreUnavailable("the refund that was there is gone", code="unclear")
        self._take(request, rest)
        return receipt

    def _take(self, request: ActionRequest, steps: Sequence[tuple[str, Body]]) -> None:
        """Steps behind one that is done: whatever fails now, the whole is neither a yes nor a no."""
        for name, body in steps:
            try:
                self._steps[name].send(request, body)
            except StoreError as error:
                raise HalfDone(f"the money was paid back, the next step was not taken: {error}") from error

    def _must_hold_no_money(self, request: ActionRequest) -> None:
        """A cancellation that was decided on without a refund, because nothing had been paid yet."""
        if request.refund_on_cancel and money_is_left(*self._desk.book(request.order_id)):
            raise PaidMeanwhile

    def repeatable(self, request: ActionRequest) -> bool:
        """Whether a second sending can do no harm: never where money or a customer's mailbox is concerned.

        A private note is looked for before it is written; at worst it stands there twice.
        """
        if request.kind is ActionKind.CANCEL:
            return not request.refund_on_cancel
        if request.kind is ActionKind.NOTE:
            return not request.public
        return request.kind is ActionKind.ADDRESS


def _moved(receipt: Receipt) -> bool:
    """Not where the gateway was to pay and did not: then a person looks before the order is cancelled."""
    return receipt.amount is None or receipt.amount.minor > 0


def _read(prepared: str) -> Steps:
    return msgspec.json.decode(prepared, type=Steps)
