"""Which actions an order offers, and why not the others. A disabled one stays visible and says why.

The last word has the worker, which asks the store; this only spares the agent a useless press.
"""

from __future__ import annotations

from integration.db.stores import StoreStatus
from integration.plain_orders import SeenOrder
from integration.ports import ActionKind
from integration.records import FinancialStatus, Platform
from integration.terms import AnyStore
from sidebar.cards import Act
from sidebar.languages import gettext as _
from sidebar.visit import Visit

UNPAID = frozenset({FinancialStatus.PENDING, FinancialStatus.AUTHORIZED})


def offers(order: SeenOrder, store: AnyStore, visit: Visit) -> list[Act]:
    return [
        Act(kind=ActionKind.REFUND, word=_("Refund…"), because=_refund(order, store)),
        Act(kind=ActionKind.RETURN, word=_("Return…"), because=_return(order, store)),
        Act(kind=ActionKind.REPLACEMENT, word=_("Replace…"), because=_replace(order, store)),
        Act(kind=ActionKind.CANCEL, word=_("Cancel…"), because=_cancel(order, store)),
        Act(kind=ActionKind.ADDRESS, word=_("Address…"), because=_address(order, store)),
        Act(kind=ActionKind.NOTE, word=_("Note…"), because=_gone(order, store)),
        *_return_steps(order, store),
    ]


RETURN_STEPS = {
    ActionKind.RETURN_APPROVE: "requested",
    ActionKind.RETURN_DECLINE: "requested",
    ActionKind.RETURN_RECEIVE: "open",
    ActionKind.RETURN_CLOSE: "open",
}
"""What may be done to a return, and in which state it is then."""


def _return_steps(order: SeenOrder, store: AnyStore) -> list[Act]:
    """For orders with returns; elsewhere they would only be four more buttons that do nothing."""
    if not order.returns:
        return []
    gone = _gone(order, store)
    names = {
        ActionKind.RETURN_APPROVE: _("Approve a return"),
        ActionKind.RETURN_DECLINE: _("Decline a return"),
        ActionKind.RETURN_RECEIVE: _("Goods received"),
        ActionKind.RETURN_CLOSE: _("Close a return"),
    }
    lacking = {"requested": _("no return was asked for."), "open": _("no return is open.")}
    there = {row.status for row in order.returns}
    return [
        Act(kind=kind, word=names[kind], because=gone or ("" if status in there else lacking[status]))
        for kind, status in RETURN_STEPS.items()
    ]


def _gone(order: SeenOrder, store: AnyStore) -> str:
    if store.status is StoreStatus.DISCONNECTED:
        return _("the store is disconnected.")
    if order.gone_at is not None:
        return _("the store no longer has this order.")
    return ""


def _refund(order: SeenOrder, store: AnyStore) -> str:
    if gone := _gone(order, store):
        return gone
    if order.financial_status in UNPAID:
        return _("nothing was paid yet.")
    if order.financial_status in (FinancialStatus.VOIDED, FinancialStatus.FAILED):
        return _("nothing was charged.")
    left = order.refundable if order.refundable is not None else order.total - order.refunded
    return _("all money has gone back.") if left <= 0 else ""


def _return(order: SeenOrder, store: AnyStore) -> str:
    if gone := _gone(order, store):
        return gone
    if store.platform is Platform.WOOCOMMERCE:
        return _("WooCommerce keeps no returns; refund when the goods are back.")
    if not _sent(order):
        return _("nothing was sent yet.")
    return "" if any(line.refundable_quantity for line in order.lines) else _("nothing is left to return.")


def _replace(order: SeenOrder, store: AnyStore) -> str:
    """Nowhere a thing of its own. At Shopify it would be an exchange on a return, at a price that is today's

    and a balance that the customer may owe (schema 2026-10, `ReturnInput.exchangeLineItems`).
    """
    if gone := _gone(order, store):
        return gone
    if store.platform is Platform.WOOCOMMERCE:
        return _("WooCommerce has no replacements; make a new order in the store.")
    return _(
        "at Shopify it is an exchange at today’s price, which may leave a balance to pay;"
        " make it with its return in Shopify’s admin."
    )


def _cancel(order: SeenOrder, store: AnyStore) -> str:
    if gone := _gone(order, store):
        return gone
    if order.cancelled_at is not None:
        return _("the order was cancelled.")
    if any(row.delivered_at for row in order.fulfillments):
        return _("a parcel has been delivered.")
    return _("a parcel is on its way.") if _sent(order) else ""


def _address(order: SeenOrder, store: AnyStore) -> str:
    if gone := _gone(order, store):
        return gone
    if order.cancelled_at is not None:
        return _("the order was cancelled.")
    return _("it was sent already.") if _sent(order) else ""


def _sent(order: SeenOrder) -> bool:
    return any(row.status not in ("cancelled", "error", "failure") for row in order.fulfillments)
