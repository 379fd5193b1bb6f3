"""What an order is made of: lines, delivery charges, fees; and what refunds took back of them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from connectors.woocommerce.raw import (
    Raw,
    Unreadable,
    count,
    decimal,
    identity,
    meta,
    moment,
    required_id,
    rows,
    text,
)
from integration.money import Money, half_up, total
from integration.records import (
    LineRecord,
    RefundLineRecord,
    RefundRecord,
    ShippingLineRecord,
    TaxRecord,
)

KEY_META = "_deskside_key"
"""Refund meta that carries our action's key. The store keeps and returns it (measured)."""
MARKER = re.compile(r"\[deskside:([^\]\s]{1,200})\]")
"""The same key in the refund's reason: some plugins drop meta they do not know."""
TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")


def marker_text(key: str) -> str:
    return f"[deskside:{key}]"


def money(amount: Decimal, currency: str) -> Money:
    """The store's sum in whole minor units. Stores keep two decimals whatever the currency (facts, §5)."""
    return Money.parse(f"{amount:f}", currency)


def taken_back(refunds: Iterable[Raw]) -> dict[str, int]:
    """Pieces refunded so far, by order line."""
    pieces: dict[str, int] = {}
    for refund in refunds:
        for row in rows(refund, "line_items"):
            line = refunded_item(row)
            pieces[line] = pieces.get(line, 0) + abs(count(row, "quantity"))
    return pieces


def refunded_item(row: Raw) -> str:
    """The order line that a refund's line takes back; empty where the store does not say."""
    return identity({"id": meta(row).get("_refunded_item_id")})


def line(row: Raw, currency: str, refunded: Mapping[str, int], *, ships: bool) -> LineRecord:
    line_id = required_id(row, "line item")
    quantity = max(count(row, "quantity"), 0)
    left = max(quantity - refunded.get(line_id, 0), 0)
    net, tax = decimal(row, "total", "line total"), decimal(row, "total_tax", "line tax")
    whole = money(net + tax, currency)
    title, variant = titles(row)
    image = row.get("image")
    return LineRecord(
        platform_id=line_id,
        title=title,
        variant_title=variant,
        quantity=quantity,
        current_quantity=left,
        refundable_quantity=left,
        unit_price=Money(half_up(whole.minor, quantity), currency) if quantity else whole,
        total=whole,
        tax=money(tax, currency),
        taxes=taxes(row, currency),
        sku=text(row, "sku"),
        product_id=identity(row, "product_id") or None,
        variant_id=identity(row, "variation_id") or None,
        image_url=(text(image, "src") or None) if isinstance(image, Mapping) else None,
        requires_shipping=ships,
        properties=properties(row, variant),
    )


def titles(row: Raw) -> tuple[str, str]:
    """Name of the product and of the variation. The store joins them: "Wool socks - L, Blue"."""
    name, parent = text(row, "name"), text(row, "parent_name")
    if parent and name.startswith(f"{parent} - "):
        return parent, name.removeprefix(f"{parent} - ")
    return name, ""


def properties(row: Raw, variant: str) -> dict[str, str]:
    """What the customer chose or typed. Keys with an underscore are the machine's own.

    `display_value` is made for HTML (`&lt;3`, `<p>…</p>`); it comes back to plain text here.
    """
    chosen: dict[str, str] = {}
    for entry in rows(row, "meta_data")[:50]:
        key, shown = text(entry, "key"), text(entry, "display_value")
        if not key or key.startswith("_") or not shown:
            continue
        value = html.unescape(TAG.sub("", shown)).strip()
        if value and value not in variant.split(", "):
            chosen[(text(entry, "display_key") or key)[:200]] = value[:2000]
    return chosen


def taxes(row: Raw, currency: str) -> tuple[TaxRecord, ...]:
    return tuple(
        TaxRecord(rate_id=identity(part), amount=money(decimal(part, "total", "tax"), currency))
        for part in rows(row, "taxes")
        if identity(part) and decimal(part, "total", "tax")
    )


def charge(row: Raw, currency: str, kind: str) -> ShippingLineRecord:
    net, tax = decimal(row, "total", f"{kind} total"), decimal(row, "total_tax", f"{kind} tax")
    return ShippingLineRecord(
        platform_id=required_id(row, f"{kind} line"),
        title=text(row, "method_title") or text(row, "name"),
        total=money(net + tax, currency),
        tax=money(tax, currency),
        taxes=taxes(row, currency),
        kind=kind,
        code=text(row, "method_id"),
    )


def charges(order: Raw, currency: str) -> tuple[ShippingLineRecord, ...]:
    """Delivery charges, then fees. A fee may be negative: that is how loyalty plugins give discounts."""
    return tuple(charge(row, currency, "shipping") for row in rows(order, "shipping_lines")) + tuple(
        charge(row, currency, "fee") for row in rows(order, "fee_lines")
    )


def refund(row: Raw, currency: str) -> RefundRecord:
    created = moment(row, "date_created_gmt")
    if created is None:
        raise Unreadable("refund: no date")
    shipping = [
        money(abs(decimal(part, "total") + decimal(part, "total_tax")), currency)
        for part in rows(row, "shipping_lines")
    ]
    paid_back = row.get("refunded_payment")
    return RefundRecord(
        platform_id=required_id(row, "refund"),
        created_at=created,
        amount=money(abs(decimal(row, "amount", "refund")), currency),
        lines=tuple(_refund_lines(rows(row, "line_items"), currency)),
        shipping=total(shipping, currency) if shipping else None,
        note=MARKER.sub("", text(row, "reason")).strip(),
        marker=marker(row),
        paid_back=paid_back if isinstance(paid_back, bool) else None,
    )


def _refund_lines(parts: Sequence[Raw], currency: str) -> Iterable[RefundLineRecord]:
    for part in parts:
        if line_id := refunded_item(part):
            amount = abs(decimal(part, "total") + decimal(part, "total_tax"))
            yield RefundLineRecord(
                line_id=line_id, quantity=abs(count(part, "quantity")), amount=money(amount, currency)
            )


def marker(refund: Raw) -> str:
    """Our action's key, if this refund is ours. Ours is the last: what people wrote stands before it."""
    by_meta = text({"value": meta(refund).get(KEY_META)}, "value")
    in_reason = MARKER.findall(text(refund, "reason"))
    return by_meta or (in_reason[-1] if in_reason else "")
