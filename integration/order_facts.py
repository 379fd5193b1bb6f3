"""From a cached order to the facts that rights depend on. Translates and does not decide.

What nobody knows stays None. Tags, categories and product types speak the words below, the usual ones
of shops; what a person said of a line goes before what a tag says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import msgspec

from integration.db.orders import Order
from integration.eligibility.facts import (
    Kind,
    LineFacts,
    OrderFacts,
    Shipping,
    Tender,
    When,
)
from integration.ids import child_id
from integration.money import half_up, split
from integration.plain_orders import AnyLine, AnyOrder, AnyParcel, AnyProduct
from integration.records import FinancialStatus, FulfillmentStatus
from integration.said import NOTHING, OrderSaid, Said
from integration.terms import AnyStore
from integration.zones import zone_of

FINAL_SALE = frozenset({"final-sale", "finalsale", "no-returns", "non-returnable"})
DIGITAL = frozenset({"digital", "download", "downloadable", "e-book", "ebook"})
GIFT_CARD = frozenset({"gift-card", "giftcard"})
BUNDLE_PART = frozenset({"bundle-part", "set-part"})
REGULAR = frozenset({"subscription", "subscription-box", "regular-delivery"})

TRAITS: Mapping[str, frozenset[str]] = {
    "personalised": frozenset(
        {"personalised", "personalized", "made-to-order", "custom-made", "engraved", "monogrammed"}
    ),
    "perishable": frozenset({"perishable", "fresh", "spoils"}),
    "hygiene_seal": frozenset({"hygiene-seal", "hygiene", "sealed-hygiene"}),
    "media_seal": frozenset({"media-seal", "sealed-media", "sealed-software"}),
    "mixed": frozenset({"mixed-after-delivery"}),
    "market_price": frozenset({"market-price"}),
    "alcohol_deferred": frozenset({"alcohol-deferred", "en-primeur"}),
    "urgent_repair": frozenset({"urgent-repair"}),
    "periodical": frozenset({"periodical", "magazine", "newspaper"}),
    "auction": frozenset({"auction"}),
    "dated_service": frozenset({"dated-service", "event-ticket", "event", "ticket", "booking"}),
    "performed_service": frozenset({"performed-service"}),
    "hazardous": frozenset({"hazardous", "hazmat"}),
    "oversized": frozenset({"oversized", "bulky"}),
}
"""Trait of `eligibility.categories` → the words by which shops mark it."""

ENGRAVINGS = frozenset(
    {"engraving", "monogram", "personalisation", "personalization", "graveering", "gravura", "gravare"}
)
"""Names of what a customer types for a piece that is made for them alone."""

SENT_BACK = frozenset({"requested", "open", "closed"})
"""Statuses of returns that were not turned down."""
NOT_SENT = frozenset({"cancelled", "canceled", "error", "failure", "open", "pending"})
"""Statuses of fulfillments that never left, or not yet."""
SENT = frozenset({FulfillmentStatus.FULFILLED, FulfillmentStatus.IN_TRANSIT, FulfillmentStatus.DELIVERED})
"""The store says that all goods left, with or without a parcel that it knows of."""
UNPAID = frozenset(
    {
        FinancialStatus.PENDING,
        FinancialStatus.AUTHORIZED,
        FinancialStatus.VOIDED,
        FinancialStatus.FAILED,
    }
)
"""Nothing was paid, so nothing can go back."""


class Pieces(msgspec.Struct, frozen=True, kw_only=True):
    """How the pieces of one line stand."""

    removed: int
    """Taken out of the order before they were sent."""
    refunded: int
    paid_back: int
    """Money of refunds that name the line, in minor units."""
    loose: int
    """Part of `paid_back` for which no piece came back."""
    on_the_way: int
    """In a return that is asked for or open, and not refunded yet."""
    exchanged: int
    """Came back in a return that was closed without money."""

    @property
    def gone(self) -> int:
        return self.removed + self.refunded + self.exchanged


NO_WORDS: frozenset[str] = frozenset()


def words(product: AnyProduct | None) -> frozenset[str]:
    """Tags, categories and type of a product in one writing: `Final Sale` is `final-sale`."""
    if product is None:
        return NO_WORDS
    marks = [*product.tags, *product.categories, product.product_type]
    return frozenset(filter(None, (plain_word(str(mark)) for mark in marks)))


@lru_cache(maxsize=4096)
def plain_word(mark: str) -> str:
    return re.sub(r"[\s_-]+", "-", mark.strip().lower())[:200]


UNTOUCHED = Pieces(removed=0, refunded=0, paid_back=0, loose=0, on_the_way=0, exchanged=0)


def pieces(order: AnyOrder, line: AnyLine) -> Pieces:
    if not order.refunds and not order.returns and line.current_quantity == line.quantity:
        return UNTOUCHED
    refunds = [
        part for refund in order.refunds for part in refund.lines if part.get("line_id") == line.platform_id
    ]
    refunded = sum(int(part.get("quantity", 0)) for part in refunds)
    paid_back = sum(_minor(part) for part in refunds)
    loose = sum(_minor(part) for part in refunds if not part.get("quantity"))
    on_the_way = exchanged = 0
    for item in order.returns:
        for part in item.lines:
            if part.get("line_id") != line.platform_id or item.status not in SENT_BACK:
                continue
            unpaid = max(0, int(part.get("quantity", 0)) - int(part.get("refunded_quantity", 0)))
            if item.status == "closed":
                exchanged += unpaid
            else:
                on_the_way += unpaid
    refunded = min(refunded, line.quantity)
    exchanged = min(exchanged, line.quantity - refunded)
    # Taken out only if both say so: a piece on its way back is no longer current, but may be refunded.
    missing = line.quantity - max(line.current_quantity, line.refundable_quantity)
    return Pieces(
        removed=max(0, missing - refunded - exchanged),
        refunded=refunded,
        paid_back=paid_back,
        loose=loose,
        on_the_way=min(on_the_way, line.quantity - refunded - exchanged),
        exchanged=exchanged,
    )


def _minor(part: Mapping[str, Any]) -> int:
    amount = part.get("amount") or {}
    return int(amount.get("minor", 0))


def order_facts(
    order: AnyOrder,
    *,
    store: AnyStore | None = None,
    products: Mapping[str, AnyProduct] | None = None,
    said: OrderSaid = NOTHING,
    money: bool = True,
) -> OrderFacts:
    """Everything the engine asks of an order; `products` by the store's id of the product.

    Without `money` no sum can be reckoned, and rights can be decided all the same.
    """
    address = delivery_address(order)
    of_order = said.order
    lines = tuple(
        _line(order, line, (products or {}).get(line.product_id or ""), said.of_line(line.platform_id))
        for line in order.lines
    )
    marketer = store.th_direct_marketer if store is not None else None
    groups = (order.customer_record or {}).get("tags") or ()
    return OrderFacts(
        country=str((address or {}).get("country") or "").upper() or None,
        zone=zone_of(address, store.timezone if store is not None else "UTC"),
        currency=order.currency,
        ordered=order.placed_at,
        lines=lines,
        **(_money(order) if money else {}),
        promised=order.promised_ship_at,
        delay_consent=of_order.get("delay_consent") is True,
        buyer=of_order.get("buyer"),
        informed=_informed(of_order),
        proof=of_order.get("proof"),
        received=of_order.get("received"),
        store_facts={} if marketer is None else {"th_direct_marketer": marketer},
        channel=order.source,
        customer_groups=frozenset(str(group) for group in groups),
    )


def _money(order: AnyOrder) -> dict[str, Any]:
    """What was paid for and with, besides the lines."""
    paid_back = sum(refund.shipping or 0 for refund in order.refunds)
    return {
        "shipping": Shipping(paid=order.shipping, refunded=paid_back),
        "tenders": tenders(order),
        "order_discount": _unallocated_discount(order),
    }


def delivery_address(order: AnyOrder) -> Mapping[str, Any] | None:
    """Where the goods go; for goods without a parcel, where the buyer lives as far as the bill says."""
    for address in (order.shipping_address, order.billing_address):
        if address and address.get("country"):
            return address
    return None


def _informed(said: Said) -> bool | When:
    value = said.get("informed")
    return True if value is None else value


def _line(order: AnyOrder, line: AnyLine, product: AnyProduct | None, said: Said) -> LineFacts:
    marks = words(product)
    state = pieces(order, line)
    kind = _kind(line, product, marks)
    delivered, source, shipped = _delivery(order, line, state, kind, said)
    groups = marks.union(map(str, product.categories)) if product is not None else marks
    return LineFacts(
        id=child_id(order.id, line.platform_id),
        quantity=line.quantity,
        net=line.total,
        kind=kind,
        returned=min(line.quantity, state.gone),
        refunded=_spoken_for(line, state),
        delivered=delivered,
        delivered_source=source,
        shipped=shipped,
        added=line.added_at,
        cancelled=order.cancelled_at is not None or state.removed == line.quantity > 0,
        final_sale=not marks.isdisjoint(FINAL_SALE),
        traits=_traits(line, marks, said),
        regular=not marks.isdisjoint(REGULAR),
        bundle_part=not marks.isdisjoint(BUNDLE_PART),
        product_id=line.product_id or "",
        collections=groups,
        categories=groups,
        tags=marks.union(map(str, product.tags)) if product is not None else marks,
        **(_told(said) if said else {}),
    )


def _told(said: Said) -> dict[str, Any]:
    """What people said of a line. Of most lines nobody said anything."""
    return {
        "unsealed": said.get("unsealed"),
        "used": said.get("used"),
        "consent": said.get("consent") is True,
        "acknowledged": said.get("acknowledged") is True,
        "confirmed": said.get("confirmed") is True,
        "started": said.get("started") is True,
        "exchanged_at": said.get("exchanged_at"),
        "gift_returned": said.get("gift_returned") is not False,
        "sent_late": said.get("sent_late") is True,
        "diminished": int(said.get("diminished") or 0),
    }


def _kind(line: AnyLine, product: AnyProduct | None, marks: frozenset[str]) -> Kind:
    if line.is_gift_card or not marks.isdisjoint(GIFT_CARD):
        return Kind.GIFT_CARD
    virtual = product is not None and (product.downloadable or product.virtual)
    if virtual or not marks.isdisjoint(DIGITAL) or not line.requires_shipping:
        return Kind.DIGITAL
    return Kind.GOODS


def _traits(line: AnyLine, marks: frozenset[str], said: Said) -> frozenset[str]:
    found = _marked(marks)
    if any(plain_word(name) in ENGRAVINGS and str(value).strip() for name, value in line.properties.items()):
        found |= {"personalised"}
    word = said.get("personalised")
    if word is not None:
        found = found | {"personalised"} if word else found - {"personalised"}
    return found


@lru_cache(maxsize=4096)
def _marked(marks: frozenset[str]) -> frozenset[str]:
    return frozenset(trait for trait, names in TRAITS.items() if not marks.isdisjoint(names))


def _spoken_for(line: AnyLine, state: Pieces) -> int | None:
    """Money of the line that will not go back again.

    At least the share of the pieces that are gone: a fee that was kept back once is not paid out with
    the next piece. More, where a refund named the line without a piece.
    """
    if not state.gone and not state.paid_back:
        return None
    share = half_up(line.total * min(state.gone, line.quantity), max(1, line.quantity))
    return min(line.total, max(state.paid_back, share + state.loose))


def _delivery(
    order: AnyOrder, line: AnyLine, state: Pieces, kind: Kind, said: Said
) -> tuple[tuple[When | None, ...], str | None, datetime | date | None]:
    """One delivery a piece, who says so, and when the last parcel with a piece left.

    Estimates are no deliveries. A person's word stands in where the store knows nothing.
    """
    if kind is not Kind.GOODS:
        return (), None, None
    parcels = [
        (parcel, count) for parcel in order.fulfillments if (count := packed(parcel, line, state.removed))
    ]
    arrivals: list[When | None] = []
    sources: list[str | None] = []
    for parcel, count in parcels:
        known = parcel.delivered_at if parcel.delivered_source != "estimate" else None
        arrivals += [known] * count
        sources += [parcel.delivered_source] if known else []
    waiting = max(0, line.quantity - state.removed - state.refunded - len(arrivals))
    arrivals += [None] * waiting
    if (word := said.get("delivered")) is not None:
        sources += ["agent"] if None in arrivals or not arrivals else []
        arrivals = [word if arrival is None else arrival for arrival in arrivals] or [word]
    left = [moment for parcel, _ in parcels if (moment := parcel.shipped_at or parcel.updated_at)]
    sent = bool(parcels) or order.fulfillment_status in SENT
    shipped = max(left, default=order.closed_at or order.updated_at if sent else None)
    return tuple(arrivals), next((source for source in sources if source), None), shipped


def packed(parcel: AnyParcel, line: AnyLine, removed: int = 0) -> int:
    """How many pieces of the line are in the parcel. One without a list of goods holds all there are."""
    if parcel.status in NOT_SENT:
        return 0
    if not parcel.lines:
        return max(0, line.quantity - removed) if line.requires_shipping else 0
    return sum(
        int(part.get("quantity", 0)) for part in parcel.lines if part.get("line_id") == line.platform_id
    )


def tenders(order: AnyOrder) -> tuple[Tender, ...]:
    """What each means of payment brought and got back; refunds that name none are shared by what was paid."""
    if order.financial_status in UNPAID:
        return (Tender(name="", charged=0),)
    charged: dict[str, int] = {}
    back: dict[str, int] = {}
    for entry in order.transactions:
        if entry.status != "success" or entry.currency != order.currency:
            continue
        if entry.kind in ("sale", "capture"):
            charged[entry.gateway] = charged.get(entry.gateway, 0) + entry.amount
        elif entry.kind in ("refund", "change"):
            back[entry.gateway] = back.get(entry.gateway, 0) + entry.amount
    if not charged:
        charged = {_method(order): order.total}
    names = list(charged)
    strange = sum(amount for name, amount in back.items() if name not in charged)
    rest = max(0, order.refunded - sum(back.values())) + strange
    shares = split(rest, [charged[name] for name in names])
    return tuple(
        Tender(name=name, charged=charged[name], refunded=min(charged[name], back.get(name, 0) + share))
        for name, share in zip(names, shares, strict=True)
    )


def most_refundable(order: Order) -> int:
    """All that may still go back, in minor units: what was paid and not paid back, as far as anyone knows."""
    left = sum(max(0, tender.charged - tender.refunded) for tender in tenders(order))
    return left if order.refundable is None else min(left, order.refundable)


def _method(order: AnyOrder) -> str:
    return next((str(title) for title in order.payment_methods if title), "original")


def _unallocated_discount(order: AnyOrder) -> int:
    """What the order cost less than its parts, beyond a rounding of the parts.

    An edited order's total follows its present pieces, so it says nothing of discounts.
    """
    if order.edited or any(line.current_quantity != line.quantity for line in order.lines):
        return 0
    charges = sum(_total(charge) for charge in order.shipping_lines) or order.shipping
    parts = sum(line.total for line in order.lines) + charges + (order.tip or 0)
    difference = parts - order.total
    return difference if difference > max(2, len(order.lines)) else 0


def _total(charge: Mapping[str, Any]) -> int:
    return int((charge.get("total") or {}).get("minor", 0))


def product_keys(orders: Iterable[AnyOrder]) -> dict[int, set[str]]:
    """Store → ids of the products that its orders name."""
    wanted: dict[int, set[str]] = {}
    for order in orders:
        for line in order.lines:
            if line.product_id:
                wanted.setdefault(order.store_id, set()).add(line.product_id)
    return wanted
