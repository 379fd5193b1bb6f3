"""Changes that move no money: an order's status, its delivery address, notes on it."""

from __future__ import annotations

import html
from collections.abc import Mapping

from connectors.looking import nothing_sent_yet
from connectors.woocommerce import statuses
from connectors.woocommerce.desk import Body, Desk
from connectors.woocommerce.raw import Raw, identity, meta, moment, text
from connectors.woocommerce.walks import objects
from integration.errors import StoreRefused, UnreadableAnswer
from integration.ports import ActionRequest, Receipt

CLOSED = frozenset({"cancelled", "refunded", "failed", "trash"})
"""Statuses of orders that there is nothing left to change of."""
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


def address_body(desk: Desk, request: ActionRequest) -> Body:
    order = desk.order(request.order_id)
    if request.address is None:
        raise StoreRefused("no address was given")
    status = text(order, "status")
    sent = statuses.SHIPPED.search(status) or meta(order).get("_wc_shipment_tracking_items")
    if sent or status in CLOSED:
        raise StoreRefused("the address can only be changed before the order is sent")
    first, _, last = request.address.name.strip().rpartition(" ")
    fields = {"first_name": first or last, "last_name": last if first else ""}
    fields |= {theirs: getattr(request.address, ours) for ours, theirs in SHIPPING_FIELDS.items()}
    return {"shipping": fields}


def note_body(desk: Desk, request: ActionRequest) -> Body:
    if not request.note.strip():
        raise StoreRefused("the note is empty")
    desk.order(request.order_id)
    return _note(desk, request.order_id, request.note, public=request.public)


def _note(desk: Desk, order_id: str, words: str, *, public: bool) -> Body:
    """A note has no room for a hidden mark. It is ours if it is newer than all that were there before.

    The store prints notes as HTML and cleans nothing (measured), so what people typed is escaped.
    """
    newest = max((int(identity(note) or 0) for note in notes(desk, order_id)), default=0)
    return {"after": newest, "note": html.escape(words.strip(), quote=False), "customer_note": public}


def notes(desk: Desk, order_id: str) -> list[Raw]:
    """All of them: this list knows no pages (measured)."""
    return objects(desk.calls.read(f"orders/{order_id}/notes"))


class OrderFields:
    """A write to the order itself: its status, or its delivery address. Twice is the same as once."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def find(self, request: ActionRequest, body: Body) -> Receipt | None:
        order = self._desk.reads.raw_order(request.order_id)
        if order is None or not all(_holds(order, name, wanted) for name, wanted in body.items()):
            return None
        return Receipt(platform_id=request.order_id, done_at=moment(order, "date_modified_gmt"))

    def send(self, request: ActionRequest, body: Body) -> Receipt:
        with nothing_sent_yet():
            self._desk.order(request.order_id)
        path = f"orders/{request.order_id}"
        order = self._desk.calls.write("PUT", path, body, _fields="id,date_modified_gmt")
        if not isinstance(order, Mapping) or identity(order) != request.order_id:
            raise UnreadableAnswer("the store answered with another order")
        return Receipt(platform_id=request.order_id, done_at=moment(order, "date_modified_gmt"))


def _holds(order: Raw, name: str, wanted: object) -> bool:
    if isinstance(wanted, Mapping):
        part = order.get(name)
        return isinstance(part, Mapping) and all(text(part, key) == text(wanted, key) for key in wanted)
    return text(order, name) == wanted


class Note:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def find(self, request: ActionRequest, body: Body) -> Receipt | None:
        for note in notes(self._desk, request.order_id):
            same = _words(text(note, "note")) == _words(body["note"])
            if same and int(identity(note) or 0) > body["after"]:
                return _receipt(note)
        return None

    def send(self, request: ActionRequest, body: Body) -> Receipt:
        """Looks once more before it writes: nobody minds, and a note cannot be taken back from a mailbox."""
        with nothing_sent_yet():
            found = self.find(request, body)
        if found is not None:
            return found
        message = {"note": body["note"], "customer_note": body["customer_note"]}
        note = self._desk.calls.write("POST", f"orders/{request.order_id}/notes", message)
        if not isinstance(note, Mapping) or not identity(note):
            raise UnreadableAnswer("the store answered a note with something else")
        return _receipt(note)


def _receipt(note: Raw) -> Receipt:
    return Receipt(platform_id=identity(note), done_at=moment(note, "date_created_gmt"))


def _words(written: str) -> str:
    return " ".join(html.unescape(written).split())
