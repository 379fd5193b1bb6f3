"""What we ask a store to do: pay back, cancel, correct an address, write a note.

WooCommerce has no idempotency key. So a refund carries our key as meta and in its reason, everything is
worked out and written down by `prepare`, and `find` looks for what an earlier try has left behind.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from connectors.woocommerce import refunding, statuses
from connectors.woocommerce.calls import Calls
from connectors.woocommerce.items import money
from connectors.woocommerce.raw import Raw, decimal, identity, meta, moment, rows, text
from connectors.woocommerce.reads import Reads
from connectors.woocommerce.shop import decimals
from connectors.woocommerce.walks import everything, objects
from integration.errors import StoreError, StoreRefused, StoreUnavailable, UnreadableAnswer
from integration.money import Money
from integration.ports import ActionKind, ActionRequest, Quote, Receipt, RefundLineWish, Tender
from integration.records import FinancialStatus, FulfillmentStatus, OrderRecord

RETURNS = frozenset(
    {
        ActionKind.RETURN,
        ActionKind.RETURN_APPROVE,
        ActionKind.RETURN_DECLINE,
        ActionKind.RETURN_CLOSE,
        ActionKind.RETURN_RECEIVE,
    }
)
"""WooCommerce has no returns. They are kept in Deskside and mirrored to the order as a private note."""
CLOSED = frozenset({"cancelled", "refunded", "failed", "trash"})
"""Statuses of orders that there is nothing left to cancel of."""
UNSENT = frozenset({FulfillmentStatus.UNFULFILLED})
SHIPPING_FIELDS = {
    "company": "company",
    "address1": "address_1",
    "address2": "address_2",
    "city": "city",
    "province": "state",
    "zip": "postcode",
    "country": "country",
    "phone": "phone",
}


def supports(kind: ActionKind, order: OrderRecord | None) -> str | None:
    if kind is ActionKind.TAGS:
        return "WooCommerce orders have no tags. Use a note instead."
    if kind is ActionKind.REPLACEMENT:
        return "WooCommerce has no replacement orders. Make a new order in the store."
    if order is None or kind in RETURNS or kind is ActionKind.NOTE:
        return None
    if order.gone:
        return "The order is in the store's trash."
    if kind is ActionKind.REFUND:
        return _no_refund(order)
    if kind is ActionKind.CANCEL:
        if order.platform_status in CLOSED:
            return f"The order is already {order.platform_status}."
        return None if order.fulfillment_status in UNSENT else "The order was already sent."
    if order.platform_status in CLOSED or order.fulfillment_status not in UNSENT:
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
        self._calls, self._reads = calls, reads
        self._places: int | None = None

    @property
    def places(self) -> int:
        """Decimals that the store keeps."""
        if self._places is None:
            self._places = decimals(self._calls.read("system_status", _fields="settings"))
        return self._places

    def quote(self, request: ActionRequest) -> Quote:
        order, book = self._book(request.order_id)
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
                    manual=not self._through_gateway(order, request),
                ),
            ),
            order_updated_at=moment(order, "date_modified_gmt"),
        )

    def prepare(self, request: ActionRequest) -> str:
        steps = self._composers()[request.kind](request)
        return msgspec.json.encode(steps).decode()

    def _composers(self) -> Mapping[ActionKind, Callable[[ActionRequest], dict[str, Any]]]:
        return {
            ActionKind.REFUND: self._refund_steps,
            ActionKind.CANCEL: self._cancel_steps,
            ActionKind.ADDRESS: self._address_steps,
            ActionKind.NOTE: self._note_steps,
            **dict.fromkeys(RETURNS, self._return_steps),
            ActionKind.TAGS: _unsupported,
            ActionKind.REPLACEMENT: _unsupported,
        }

    def find(self, request: ActionRequest, prepared: str) -> Receipt | None:
        """Done means all of it: of a cancellation that stopped half way there is no receipt yet."""
        steps = _steps(prepared)
        receipts = []
        for name, step in steps.items():
            receipt = self._finders()[name](request, step)
            if receipt is None:
                return None
            receipts.append(receipt)
        return receipts[0]

    def _finders(self) -> Mapping[str, Callable[[ActionRequest, dict[str, Any]], Receipt | None]]:
        return {
            "refund": self._find_refund,
            "status": self._find_status,
            "address": self._find_address,
            "note": self._find_note,
        }

    def send(self, request: ActionRequest, prepared: str) -> Receipt:
        """The steps in their order, each only if it is not done yet."""
        steps = _steps(prepared)
        senders: Mapping[str, Callable[[ActionRequest, dict[str, Any]], Receipt]] = {
            "refund": self._send_refund,
            "status": self._send_status,
            "address": self._send_address,
            "note": self._send_note,
        }
        receipts = []
        for name, step in steps.items():
            try:
                done = self._finders()[name](request, step) if len(steps) > 1 else None
                receipts.append(done or senders[name](request, step))
            except StoreRefused as error:
                if receipts:  # half done is neither a yes nor a no
                    raise StoreUnavailable(
                        f"the first step was done, the next was refused: {error}"
                    ) from error
                raise
        return receipts[0]

    # Refunds

    def _book(self, order_id: str) -> tuple[Raw, refunding.Ledger]:
        order = self._order(order_id)
        refunds = self._refunds(order_id)
        return order, refunding.ledger(order, refunds, self.places)

    def _order(self, order_id: str) -> Raw:
        order = self._reads.raw_order(order_id) if order_id.isascii() and order_id.isdigit() else None
        if order is None:
            raise StoreRefused("the store no longer has this order", code="not_found")
        if text(order, "status") == "trash":
            # A write would silently take it out of the trash (measured on both stores).
            raise StoreRefused("the order is in the store's trash", code="in_trash")
        return order

    def _refunds(self, order_id: str) -> list[Raw]:
        return everything(self._calls, f"orders/{order_id}/refunds")

    def _through_gateway(self, order: Raw, request: ActionRequest) -> bool:
        """Whether the gateway pays back by itself. If not, the store only records it."""
        if request.method == "store_credit":
            raise StoreRefused("WooCommerce has no store credit")
        gateways = self._reads.setting.gateways
        return request.method == "original" and gateways.get(text(order, "payment_method"), False)

    def _refund_steps(self, request: ActionRequest) -> dict[str, Any]:
        order, book = self._book(request.order_id)
        if statuses.financial(order, *_sums(order, book)) not in (
            FinancialStatus.PAID,
            FinancialStatus.PARTIALLY_REFUNDED,
        ):
            raise StoreRefused("nothing is left of what was paid for this order")
        through_gateway = self._through_gateway(order, request)
        return {"refund": refunding.body(book, request, through_gateway=through_gateway)}

    def _find_refund(self, request: ActionRequest, step: dict[str, Any]) -> Receipt | None:
        """Our refund, if the store has it for good.

        The store writes the row first, then asks the gateway, removes the row if that says no, and saves
        our meta last. So a row that has our key only in its reason, from a gateway that has not paid,
        may still go either way: that is neither a receipt nor a licence to send again.
        """
        refund = refunding.by_key(self._refunds(request.order_id), request.key)
        if refund is None:
            return None
        if (
            step["api_refund"]
            and refund.get("refunded_payment") is not True
            and not refunding.finished(refund)
        ):
            raise StoreUnavailable("the store is still waiting for the gateway", code="refund_in_progress")
        return refund_receipt(refund, request.currency)

    def _send_refund(self, request: ActionRequest, step: dict[str, Any]) -> Receipt:
        _, book = self._book(request.order_id)
        if refunding.left_after(step, book) < 0:
            raise StoreRefused("less is left to refund than when this was decided", code="over_refund")
        try:
            refund = self._calls.write("POST", f"orders/{request.order_id}/refunds", step)
        except StoreRefused as error:
            return self._despite(error, request, step)
        if not isinstance(refund, Mapping) or not identity(refund):
            raise UnreadableAnswer("the store answered a refund with something else")
        return refund_receipt(refund, book.currency)

    def _despite(self, error: StoreRefused, request: ActionRequest, step: dict[str, Any]) -> Receipt:
        """The store said no. Some say so after having written it down, so we look whether it is there."""
        try:
            found = self._find_refund(request, step)
        except StoreError as silence:
            raise StoreUnavailable(f"refused ({error}), but not checked: {silence}") from error
        if found is None:
            raise error
        return found

    # Cancelling

    def _cancel_steps(self, request: ActionRequest) -> dict[str, Any]:
        """Money first: a cancelled order that was not paid back would be forgotten."""
        order, book = self._book(request.order_id)
        if text(order, "status") in CLOSED:
            raise StoreRefused(f"the order is already {text(order, 'status')}")
        steps: dict[str, Any] = {}
        paid = statuses.financial(order, *_sums(order, book))
        if (
            request.refund_on_cancel
            and book.remaining
            and paid
            in (
                FinancialStatus.PAID,
                FinancialStatus.PARTIALLY_REFUNDED,
            )
        ):
            whole = _all_that_is_left(book, request)
            steps["refund"] = refunding.body(
                book, whole, through_gateway=self._through_gateway(order, request)
            )
        steps["status"] = {"status": "cancelled"}
        return steps

    def _find_status(self, request: ActionRequest, step: dict[str, Any]) -> Receipt | None:
        order = self._reads.raw_order(request.order_id)
        if order is None or text(order, "status") != step["status"]:
            return None
        return Receipt(platform_id=request.order_id, done_at=moment(order, "date_modified_gmt"))

    def _send_status(self, request: ActionRequest, step: dict[str, Any]) -> Receipt:
        self._order(request.order_id)
        return self._put_order(request, step)

    # Addresses

    def _address_steps(self, request: ActionRequest) -> dict[str, Any]:
        order = self._order(request.order_id)
        if request.address is None:
            raise StoreRefused("no address was given")
        sent = statuses.SHIPPED.search(text(order, "status")) or meta(order).get(
            "_wc_shipment_tracking_items"
        )
        if sent or text(order, "status") in CLOSED:
            raise StoreRefused("the address can only be changed before the order is sent")
        first, _, last = request.address.name.strip().rpartition(" ")
        fields = {"first_name": first or last, "last_name": last if first else ""}
        fields |= {theirs: getattr(request.address, ours) for ours, theirs in SHIPPING_FIELDS.items()}
        return {"address": {"shipping": fields}}

    def _find_address(self, request: ActionRequest, step: dict[str, Any]) -> Receipt | None:
        order = self._reads.raw_order(request.order_id)
        shipping = order.get("shipping") if order is not None else None
        if order is None or not isinstance(shipping, Mapping):
            return None
        if any(text(shipping, name) != text(step["shipping"], name) for name in step["shipping"]):
            return None
        return Receipt(platform_id=request.order_id, done_at=moment(order, "date_modified_gmt"))

    def _send_address(self, request: ActionRequest, step: dict[str, Any]) -> Receipt:
        self._order(request.order_id)
        return self._put_order(request, step)

    def _put_order(self, request: ActionRequest, body: dict[str, Any]) -> Receipt:
        order = self._calls.write("PUT", f"orders/{request.order_id}", body, _fields="id,date_modified_gmt")
        if not isinstance(order, Mapping) or identity(order) != request.order_id:
            raise UnreadableAnswer("the store answered with another order")
        return Receipt(platform_id=request.order_id, done_at=moment(order, "date_modified_gmt"))

    # Notes

    def _note_steps(self, request: ActionRequest) -> dict[str, Any]:
        if not request.note.strip():
            raise StoreRefused("the note is empty")
        return self._note_step(request.order_id, request.note, public=request.public)

    def _return_steps(self, request: ActionRequest) -> dict[str, Any]:
        order = self._order(request.order_id)
        return self._note_step(request.order_id, return_note(order, request), public=False)

    def _note_step(self, order_id: str, words: str, *, public: bool) -> dict[str, Any]:
        """A note has no room for a hidden mark. It is ours if it is newer than all that were there before.

        The store prints notes as HTML and cleans nothing (measured), so what people typed is escaped.
        """
        self._order(order_id)
        newest = max((int(identity(note) or 0) for note in self._notes(order_id)), default=0)
        escaped = html.escape(words.strip(), quote=False)
        return {"note": {"after": newest, "note": escaped, "customer_note": public}}

    def _notes(self, order_id: str) -> list[Raw]:
        return objects(self._calls.read(f"orders/{order_id}/notes"))

    def _find_note(self, request: ActionRequest, step: dict[str, Any]) -> Receipt | None:
        for note in self._notes(request.order_id):
            same = _words(text(note, "note")) == _words(step["note"])
            if same and int(identity(note) or 0) > step["after"]:
                return note_receipt(note)
        return None

    def _send_note(self, request: ActionRequest, step: dict[str, Any]) -> Receipt:
        body = {"note": step["note"], "customer_note": step["customer_note"]}
        note = self._calls.write("POST", f"orders/{request.order_id}/notes", body)
        if not isinstance(note, Mapping) or not identity(note):
            raise UnreadableAnswer("the store answered a note with something else")
        return note_receipt(note)


def _unsupported(request: ActionRequest) -> dict[str, Any]:
    raise StoreRefused(supports(request.kind, None) or "not possible with WooCommerce", code="unsupported")


def _steps(prepared: str) -> dict[str, dict[str, Any]]:
    return msgspec.json.decode(prepared, type=dict[str, dict[str, Any]])


def _sums(order: Raw, book: refunding.Ledger) -> tuple[Money, Money]:
    charged = money(decimal(order, "total"), book.currency)
    return charged, charged - book.money(book.remaining)


def _all_that_is_left(book: refunding.Ledger, request: ActionRequest) -> ActionRequest:
    """Every line and charge to its end. Cancelling puts the goods back into stock by itself."""
    lines = tuple(
        RefundLineWish(line_id=share.item_id, quantity=share.quantity, amount=book.money(share.whole))
        for share in book.shares
        if share.kind == "line_items" and share.quantity and share.whole >= 0
    )
    delivery = sum(share.whole for share in book.shares if share.kind == "shipping" and share.whole > 0)
    return msgspec.structs.replace(
        request,
        lines=lines,
        shipping=book.money(delivery) if delivery else None,
        amount=request.amount or book.money(book.remaining),
        restock=False,
    )


def refund_receipt(refund: Raw, currency: str) -> Receipt:
    paid_back = refund.get("refunded_payment") is True
    return Receipt(
        platform_id=identity(refund),
        amount=money(abs(decimal(refund, "amount")), currency) if currency else None,
        done_at=moment(refund, "date_created_gmt"),
        detail={"paid_back": paid_back, "manual": not paid_back},
    )


def note_receipt(note: Raw) -> Receipt:
    return Receipt(platform_id=identity(note), done_at=moment(note, "date_created_gmt") or datetime.now(UTC))


RETURN_WORDS = {
    ActionKind.RETURN: "Return requested",
    ActionKind.RETURN_APPROVE: "Return approved",
    ActionKind.RETURN_DECLINE: "Return declined",
    ActionKind.RETURN_CLOSE: "Return closed",
    ActionKind.RETURN_RECEIVE: "Returned goods received",
}


def return_note(order: Raw, request: ActionRequest) -> str:
    names = {identity(row): text(row, "name") for row in rows(order, "line_items")}
    goods = [f"{line.quantity} × {names.get(line.line_id, line.line_id)}" for line in request.lines]
    facts = [f"{RETURN_WORDS[request.kind]} in Deskside", ", ".join(goods), request.reason, request.note]
    return ". ".join(part.strip().rstrip(".") for part in facts if part.strip()) + "."


def _words(written: str) -> str:
    return " ".join(html.unescape(written).split())
