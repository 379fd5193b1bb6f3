"""What agents may have done to an order, kind by kind: possible here? how exactly? done already? do it."""

from __future__ import annotations

from collections.abc import Callable

from connectors.shopify import editing, messages, refunding, returning
from connectors.shopify.graphql import GraphQL
from connectors.shopify.orders import Orders
from connectors.shopify.subscriptions import grants
from integration.errors import StoreRefused
from integration.ports import ActionKind, ActionRequest, Quote, Receipt
from integration.records import OrderRecord

RETURNS = frozenset({
    ActionKind.RETURN,
    ActionKind.RETURN_APPROVE,
    ActionKind.RETURN_DECLINE,
    ActionKind.RETURN_CLOSE,
    ActionKind.RETURN_RECEIVE,
})  # fmt: skip

REPLACEMENT = (
    "At Shopify a replacement is an exchange at today's price, which may leave a balance to pay."
    " Make it with its return in Shopify's admin."
)

EDITS = frozenset({ActionKind.NOTE, ActionKind.TAGS, ActionKind.ADDRESS})


class Actions:
    def __init__(
        self, api: GraphQL, orders: Orders, *, scopes: frozenset[str], sleep: Callable[[float], None]
    ) -> None:
        self._api, self._orders, self._scopes, self._sleep = api, orders, scopes, sleep

    def supports(self, kind: ActionKind, order: OrderRecord | None) -> str | None:
        """None, or why not: for lack of a scope, or for the order's state where one is given."""
        if kind is ActionKind.REPLACEMENT:
            return REPLACEMENT
        scope = "write_returns" if kind in RETURNS else "write_orders"
        if not grants(self._scopes, scope):
            return f"The store's key lacks the permission {scope}."
        return _state_forbids(kind, order) if order is not None else None

    def quote(self, request: ActionRequest) -> Quote:
        return refunding.quote(self._api, request)

    def prepare(self, request: ActionRequest) -> str:
        if request.kind is ActionKind.REFUND:
            return refunding.prepare(self._api, request).text
        if request.kind is ActionKind.CANCEL:
            return editing.prepare_cancel(self._api, self._orders, request).text
        if request.kind in RETURNS:
            return returning.prepare(self._api, request).text
        if request.kind in EDITS:
            return editing.prepare_edit(self._orders, request).text
        raise StoreRefused(REPLACEMENT, code="unsupported")

    def find(self, request: ActionRequest, prepared: str) -> Receipt | None:
        message = messages.read(prepared, request.kind)
        if request.kind is ActionKind.REFUND:
            return refunding.find(self._api, request)
        if request.kind is ActionKind.CANCEL:
            return editing.find_cancel(self._api, request, message)
        if request.kind in RETURNS:
            return returning.find(self._api, request, message)
        return editing.find_edit(self._orders, request)

    def send(self, request: ActionRequest, prepared: str) -> Receipt:
        message = messages.read(prepared, request.kind)
        if request.kind is ActionKind.REFUND:
            return refunding.send(self._api, request, message)
        if request.kind is ActionKind.CANCEL:
            return editing.send_cancel(self._api, self._orders, request, message, self._sleep)
        if request.kind in RETURNS:
            return returning.send(self._api, message)
        return editing.send_edit(self._api, request, message)

    def repeatable(self, request: ActionRequest) -> bool:
        """Refunds carry their key, for 24 hours; setting the same address or tags twice is setting them once.

        A note is one text that is replaced whole, and would undo what others wrote since. Of a return or
        a cancellation a second try is refused although the first was done.
        """
        return request.kind in (ActionKind.REFUND, ActionKind.ADDRESS, ActionKind.TAGS)


def _state_forbids(kind: ActionKind, order: OrderRecord) -> str | None:
    """Why the order as it stands does not allow it. The shop has the last word."""
    sent = [each for each in order.fulfillments if each.status == "success"]
    statuses = {each.status for each in order.returns}
    match kind:
        case ActionKind.REFUND if order.refundable is not None and not order.refundable:
            return "Nothing is left to refund on this order."
        case ActionKind.CANCEL if order.cancelled_at:
            return "The order is cancelled already."
        case ActionKind.CANCEL if sent:
            return "Part of the order has been shipped: refund or return it instead."
        case ActionKind.CANCEL if statuses & {"open", "requested"}:
            return "A return is in progress on this order."
        case ActionKind.RETURN if not sent:
            return "Nothing was shipped yet: cancel or refund instead."
        case ActionKind.RETURN_APPROVE | ActionKind.RETURN_DECLINE if "requested" not in statuses:
            return "No return request is waiting on this order."
        case ActionKind.RETURN_CLOSE | ActionKind.RETURN_RECEIVE if "open" not in statuses:
            return "No return is open on this order."
        case ActionKind.ADDRESS if order.cancelled_at:
            return "The order is cancelled."
        case ActionKind.ADDRESS if sent:
            return "Part of the order has been shipped: its address can no longer be changed."
    return None
