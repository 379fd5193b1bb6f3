"""Paying back. WooCommerce has no idempotency key, so our key travels in the refund and is looked for."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from connectors.looking import nothing_sent_yet
from connectors.woocommerce import refunding
from connectors.woocommerce.desk import Body, Desk, money_is_left
from connectors.woocommerce.items import money
from connectors.woocommerce.raw import Raw, decimal, identity, moment, text
from integration.errors import (
    InProgress,
    PaidMeanwhile,
    StoreError,
    StoreRefused,
    StoreUnavailable,
    UnreadableAnswer,
)
from integration.money import Money
from integration.ports import ActionRequest, Quote, Receipt, RefundLineWish, Tender


def quote(desk: Desk, request: ActionRequest) -> Quote:
    order, book = desk.book(request.order_id)
    goods, delivery = refunding.suggested(book, request)
    amount = book.money(goods + delivery)
    return Quote(
        amount=amount,
        maximum=book.money(book.remaining),
        shipping=book.money(delivery) if request.shipping is not None else None,
        tenders=(
            Tender(
                gateway=text(order, "payment_method"),
                amount=amount,
                transaction_id=text(order, "transaction_id") or None,
                title=text(order, "payment_method_title"),
                manual=not desk.through_gateway(order, request),
            ),
        ),
        order_updated_at=moment(order, "date_modified_gmt"),
    )


def refund_body(desk: Desk, request: ActionRequest) -> Body:
    order, book = desk.book(request.order_id)
    if not money_is_left(order, book):
        raise StoreRefused("nothing is left of what was paid for this order")
    return refunding.body(book, request, through_gateway=desk.through_gateway(order, request))


def rest_body(desk: Desk, request: ActionRequest, order: Raw, book: refunding.Ledger) -> Body:
    """All that is left, line by line. Cancelling puts the goods back into stock by itself.

    Only what was decided on is paid back: raises :exc:`PaidMeanwhile` where more is left.
    """
    if request.amount is None or book.money(book.remaining) > request.amount:
        raise PaidMeanwhile
    lines = tuple(
        RefundLineWish(line_id=share.item_id, quantity=share.quantity, amount=book.money(share.whole))
        for share in book.shares
        if share.kind == "line_items" and share.quantity and share.whole >= 0
    )
    delivery = sum(share.whole for share in book.shares if share.kind == "shipping_lines" and share.whole > 0)
    whole = replace(
        request,
        lines=lines,
        shipping=book.money(delivery) if delivery else None,
        restock=False,
    )
    return refunding.body(book, whole, through_gateway=desk.through_gateway(order, request))


class Refund:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def find(self, request: ActionRequest, body: Body) -> Receipt | None:
        """Our refund, if the store has it for good.

        The store writes the row first, then asks the gateway, removes the row if that says no, and saves
        our meta last. So a row that has our key only in its reason, from a gateway that has not paid,
        may still go either way: that is neither a receipt nor a licence to send again.
        """
        refund = refunding.by_key(self._desk.refunds(request.order_id), request.key)
        if refund is None:
            return None
        paid = refund.get("refunded_payment") is True
        if body["api_refund"] and not paid and not refunding.finished(refund):
            raise InProgress("the store is still waiting for the gateway")
        return receipt(refund, request.currency, body)

    def send(self, request: ActionRequest, body: Body) -> Receipt:
        desk = self._desk
        with nothing_sent_yet():
            _, book = desk.book(request.order_id)
        refunding.must_fit(body, book)
        try:
            refund = desk.calls.write("POST", f"orders/{request.order_id}/refunds", body)
        except StoreRefused as error:
            return self._despite(error, request, body)
        if not isinstance(refund, Mapping) or not identity(refund):
            raise UnreadableAnswer("the store answered a refund with something else")
        return receipt(refund, book.currency, body)

    def _despite(self, error: StoreRefused, request: ActionRequest, body: Body) -> Receipt:
        """The store said no. Some say so after having written it down, so we look whether it is there."""
        try:
            found = self.find(request, body)
        except StoreError as silence:
            raise StoreUnavailable(f"refused ({error}), but not checked: {silence}") from error
        if found is None and error.code == "gateway_unclear":
            # The store has no row, but its gateway may have paid: neither a yes nor a no.
            raise StoreUnavailable(str(error), code=error.code, next_step=error.next_step) from error
        if found is None:
            raise error
        return found


def receipt(refund: Raw, currency: str, body: Body) -> Receipt:
    """`amount` is what moved, where the gateway was to move it; else what was written down.

    (A refund that no gateway made stands in the store like any other: only `refunded_payment` says so.)
    """
    meant, said = bool(body["api_refund"]), refund.get("refunded_payment")
    paid_back = (
        said if isinstance(said, bool) else meant
    )  # old stores do not say: then their 201 is their word
    written = money(abs(decimal(refund, "amount")), currency) if currency else None
    return Receipt(
        platform_id=identity(refund),
        amount=Money(0, currency) if meant and not paid_back and currency else written,
        done_at=moment(refund, "date_created_gmt"),
        settled=paid_back,
        paid_back=paid_back,
    )
