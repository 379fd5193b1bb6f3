"""The body of a refund, composed so that every store reads it as meant. Pure.

Why so careful (measured): the store cleans the amount by its own number format, so "1,50" became 150.00
and passed the guard against refunding too much; it compares neither quantities nor line sums with what
was sold; a missing tax part stays unrefunded; an empty body is a refund; a missing `api_refund` asks
the gateway. So the body says everything, in whole numbers of the store's smallest unit until the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from msgspec import Struct

from connectors.woocommerce.items import KEY_META, marker, marker_text, money, refunded_item
from connectors.woocommerce.raw import Raw, count, decimal, identity, meta, rows, text
from integration.errors import StoreRefused
from integration.money import Money, half_up, split
from integration.ports import ActionRequest

AMOUNT = re.compile(r"\d{1,12}\.\d{2}", re.ASCII)
"""The only form of an amount that is ever sent."""
LONGEST_REASON = 400


class Share(Struct, frozen=True, kw_only=True):
    """What is left to refund of one line, delivery charge or fee, in the store's smallest unit."""

    item_id: str
    kind: str
    quantity: int
    net: int
    taxes: tuple[tuple[str, int], ...]
    """Rate id and its part."""

    @property
    def whole(self) -> int:
        return self.net + sum(part for _, part in self.taxes)


class Ledger(Struct, frozen=True, kw_only=True):
    """An order's sums as the store has them now."""

    currency: str
    places: int
    """Decimal digits of the store's setting, which is not always the currency's."""
    remaining: int
    shares: tuple[Share, ...]

    def money(self, units: int) -> Money:
        return money(Decimal(units).scaleb(-self.places), self.currency)

    def units(self, amount: Money, whole: int) -> int:
        """`amount` in the store's units. All of what is left is taken to its last unit.

        (A store with two decimals has yen orders of 21.40; we know them as ¥21, and all is all.)
        Raises :exc:`StoreRefused` where the store cannot write the amount down.
        """
        if amount.currency != self.currency:
            raise StoreRefused(f"the order is in {self.currency}, not in {amount.currency}")
        if amount == self.money(whole):
            return whole
        exact = Decimal(amount.text).scaleb(self.places)
        if exact != exact.to_integral_value():
            raise StoreRefused(f"the store keeps {self.places} decimals; {amount.text} has more")
        return int(exact)

    def share(self, item_id: str) -> Share:
        found = next((share for share in self.shares if share.item_id == item_id), None)
        if found is None:
            raise StoreRefused(f"the order has no line {item_id}")
        return found


def ledger(order: Raw, refunds: Sequence[Raw], places: int) -> Ledger:
    unit = Units(places)
    taken = [row for refund in refunds for kind in KINDS for row in rows(refund, kind)]
    paid_back = sum(unit(abs(decimal(refund, "amount"))) for refund in refunds)
    shares = tuple(
        _share(row, kind, [back for back in taken if refunded_item(back) == identity(row)], unit)
        for kind in KINDS
        for row in rows(order, kind)
    )
    return Ledger(
        currency=text(order, "currency").upper(),
        places=places,
        remaining=max(unit(decimal(order, "total")) - paid_back, 0),
        shares=shares,
    )


KINDS = ("line_items", "shipping_lines", "fee_lines")


class Units(Struct, frozen=True):
    places: int

    def __call__(self, amount: Decimal) -> int:
        return int(amount.scaleb(self.places).quantize(Decimal(1), ROUND_HALF_UP))


def _share(row: Raw, kind: str, taken: Iterable[Raw], unit: Units) -> Share:
    """A refund's own sums are negative, so what is left is the plain sum of all of them."""
    parts = [row, *taken]
    pieces = sum(abs(count(part, "quantity")) for part in taken)
    rates: dict[str, int] = {}
    for part in parts:
        for tax in rows(part, "taxes"):
            if rate := identity(tax):
                rates[rate] = rates.get(rate, 0) + unit(decimal(tax, "total"))
    net = unit(sum((decimal(part, "total") for part in parts), Decimal(0)))
    tax_left = unit(sum((decimal(part, "total_tax") for part in parts), Decimal(0)))
    if not rates:
        return Share(
            item_id=identity(row), kind=kind, quantity=_left(row, pieces), net=net + tax_left, taxes=()
        )
    # The parts by rate are rounded for themselves and may miss the line's tax by a unit (measured).
    names, weights = list(rates), [max(part, 0) for part in rates.values()]
    fitted = zip(names, split(tax_left, weights), strict=True)
    return Share(item_id=identity(row), kind=kind, quantity=_left(row, pieces), net=net, taxes=tuple(fitted))


def _left(row: Raw, pieces: int) -> int:
    return max(count(row, "quantity") - pieces, 0)


def suggested(book: Ledger, request: ActionRequest) -> tuple[int, int]:
    """The store's own value of the wished pieces and of the delivery, in units, at most what remains."""
    goods = 0
    for wish in request.lines:
        share = book.share(wish.line_id)
        if 0 < wish.quantity <= share.quantity:
            goods += half_up(max(share.whole, 0) * wish.quantity, share.quantity)
    delivery = sum(max(share.whole, 0) for share in book.shares if share.kind == "shipping_lines")
    wished = book.units(request.shipping, delivery) if request.shipping else 0
    if not request.lines and request.shipping is None and request.amount is not None:
        goods = book.units(request.amount, book.remaining)
    wished = min(wished, delivery)
    return min(goods, book.remaining), min(wished, max(book.remaining - goods, 0))


def body(book: Ledger, request: ActionRequest, *, through_gateway: bool) -> dict[str, Any]:
    """What is posted. Raises :exc:`StoreRefused` for all that the store ought to refuse but does not."""
    parts = _wished(book, request)
    by_parts = sum(units for _, _, units in parts)
    amount = book.units(request.amount, book.remaining) if request.amount is not None else by_parts
    if amount <= 0:
        raise StoreRefused("there is nothing to pay back")
    if amount > book.remaining:
        raise StoreRefused(f"only {book.money(book.remaining).text} {book.currency} is left to refund")
    if by_parts > amount:
        # Deductions that nobody gave to a line: every line bears its share.
        sums = split(amount, [units for _, _, units in parts])
        parts = [(share, pieces, units) for (share, pieces, _), units in zip(parts, sums, strict=True)]
    return {
        "amount": amount_text(amount, book.places),
        "reason": f"{request.note or request.reason}"[:LONGEST_REASON].strip()
        + f" {marker_text(request.key)}",
        "api_refund": through_gateway,
        "api_restock": request.restock or (bool(request.lines) and all(one.restock for one in request.lines)),
        "line_items": [_row(share, pieces, units, book.places) for share, pieces, units in parts],
        "meta_data": [{"key": KEY_META, "value": request.key}],
    }


def _wished(book: Ledger, request: ActionRequest) -> list[tuple[Share, int, int]]:
    wished = []
    for wish in request.lines:
        share = book.share(wish.line_id)
        if not 0 <= wish.quantity <= share.quantity:
            raise StoreRefused(f"only {share.quantity} of line {wish.line_id} are left to refund")
        units = book.units(wish.amount, share.whole)
        if not 0 <= units <= max(share.whole, 0):
            raise StoreRefused(
                f"only {book.money(share.whole).text} of line {wish.line_id} is left to refund"
            )
        wished.append((share, wish.quantity, units))
    if len({share.item_id for share, _, _ in wished}) != len(wished):
        raise StoreRefused("a line is named twice")
    return wished + _delivery(book, request)


def _delivery(book: Ledger, request: ActionRequest) -> list[tuple[Share, int, int]]:
    if not request.shipping:
        return []
    charges = [share for share in book.shares if share.kind == "shipping_lines" and share.whole > 0]
    left = sum(share.whole for share in charges)
    wanted = book.units(request.shipping, left)
    if not 0 < wanted <= left:
        raise StoreRefused(f"only {book.money(left).text} {book.currency} of the delivery is left to refund")
    sums = split(wanted, [share.whole for share in charges])
    return [(share, 1, units) for share, units in zip(charges, sums, strict=True) if units]


def _row(share: Share, pieces: int, units: int, places: int) -> dict[str, Any]:
    """One line with its sum parted into goods and taxes, in proportion to what is left of each."""
    weights = [max(share.net, 0), *(max(part, 0) for _, part in share.taxes)]
    net, *taxes = split(units, weights)
    return {
        "id": int(share.item_id),
        "quantity": pieces,
        "refund_total": number(net, places),
        "refund_tax": [
            {"id": int(rate), "refund_total": number(part, places)}
            for (rate, _), part in zip(share.taxes, taxes, strict=True)
        ],
    }


def number(units: int, places: int) -> float:
    """A JSON number, which no number format can misread. The nearest float prints as the exact decimal."""
    return float(Decimal(units).scaleb(-places))


def amount_text(units: int, places: int) -> str:
    """Two decimals, which every store reads as meant. Raises :exc:`StoreRefused` for what needs a third.

    ("1.505" is fifteen hundred and five where the dot parts thousands, and 1.51 where it does not:
    both measured. No form of it is safe.)
    """
    exact = Decimal(units).scaleb(-places)
    written = f"{exact.quantize(Decimal('0.01')):f}"
    if Decimal(written) != exact:
        raise StoreRefused(
            "a third decimal cannot be written so that every store reads it as meant",
            code="third_decimal",
            next_step="Choose an amount with two decimals, or refund this in the store.",
        )
    if not AMOUNT.fullmatch(written):
        raise StoreRefused("the amount cannot be written so that the store reads it as meant")
    return written


def by_key(refunds: Iterable[Raw], key: str) -> Raw | None:
    return next((refund for refund in refunds if marker(refund) == key), None)


def finished(refund: Raw) -> bool:
    """Whether our meta is there, which the store saves after all else."""
    return KEY_META in meta(refund)


def must_fit(prepared: Mapping[str, Any], book: Ledger) -> None:
    """Refuse a prepared body that waited until less is left than it takes: of the order, or of one line.

    The store compares no line with anything (facts, section 6). Raises :exc:`StoreRefused`.
    """
    unit = Units(book.places)
    fits = unit(_exact(prepared["amount"])) <= book.remaining
    for row in prepared["line_items"]:
        share = book.share(str(row["id"]))
        pieces = row["quantity"] if share.kind == "line_items" else 0
        units = unit(_exact(row["refund_total"]))
        units += sum(unit(_exact(tax["refund_total"])) for tax in row["refund_tax"])
        fits = fits and pieces <= share.quantity and units <= max(share.whole, 0)
    if not fits:
        raise StoreRefused("less is left to refund than when this was decided", code="over_refund")


def _exact(written: str | float) -> Decimal:
    return Decimal(str(written))
