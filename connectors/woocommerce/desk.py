"""What every change needs before it is made: the order as it is now, and what is left of its money."""

from __future__ import annotations

from typing import Any, Protocol

from connectors.woocommerce import refunding, statuses
from connectors.woocommerce.calls import Calls
from connectors.woocommerce.items import money
from connectors.woocommerce.raw import Raw, decimal, text
from connectors.woocommerce.reads import Reads
from connectors.woocommerce.shop import decimals
from connectors.woocommerce.walks import everything
from integration.errors import StoreRefused
from integration.ports import ActionRequest, Receipt
from integration.records import FinancialStatus

Body = dict[str, Any]


class Step(Protocol):
    """One change. An action is one step or several, each found or taken by itself."""

    def find(self, request: ActionRequest, body: Body) -> Receipt | None:
        """What an earlier try has left in the store."""

    def send(self, request: ActionRequest, body: Body) -> Receipt:
        """Take the step."""


class Desk:
    def __init__(self, calls: Calls, reads: Reads) -> None:
        self.calls, self.reads = calls, reads
        self._places: int | None = None

    @property
    def places(self) -> int:
        """Decimals that the store keeps."""
        if self._places is None:
            self._places = decimals(self.calls.read("system_status", _fields="settings"))
        return self._places

    def order(self, order_id: str) -> Raw:
        order = self.reads.raw_order(order_id) if order_id.isascii() and order_id.isdigit() else None
        if order is None:
            raise StoreRefused("the store no longer has this order", code="not_found")
        if text(order, "status") == "trash":
            # A write would silently take it out of the trash (measured on both stores).
            raise StoreRefused("the order is in the store's trash", code="in_trash")
        return order

    def refunds(self, order_id: str) -> list[Raw]:
        return everything(self.calls, f"orders/{order_id}/refunds")

    def book(self, order_id: str) -> tuple[Raw, refunding.Ledger]:
        """The order and its sums. Refunds are read after it: one that comes between counts."""
        order = self.order(order_id)
        return order, refunding.ledger(order, self.refunds(order_id), self.places)

    def through_gateway(self, order: Raw, request: ActionRequest) -> bool:
        """Whether the gateway pays back by itself. If not, the store only records it."""
        if request.method == "store_credit":
            raise StoreRefused("WooCommerce has no store credit")
        gateways = self.reads.setting.gateways
        return request.method == "original" and gateways.get(text(order, "payment_method"), False)


def money_is_left(order: Raw, book: refunding.Ledger) -> bool:
    """Whether something was paid that was not paid back."""
    charged = money(decimal(order, "total"), book.currency)
    status = statuses.financial(order, charged, charged - book.money(book.remaining))
    return book.remaining > 0 and status in (FinancialStatus.PAID, FinancialStatus.PARTIALLY_REFUNDED)
