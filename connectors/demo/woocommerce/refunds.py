"""Refunds with everything that makes them dangerous.

The row is written first, then the gateway is asked, and the row goes away again when it says no; custom
metadata is saved last of all. The guard against refunding too much compares texts. Source: recordings
`refund_posts/*`; facts of WooCommerce 10.2.4.
"""

from __future__ import annotations

import json
import random
import time
from typing import Any

from connectors.demo.woocommerce import amounts, notes, orders, status
from connectors.demo.woocommerce.shop import Shop
from connectors.demo.woocommerce.wire import Json, RestError, number, pair, truth

NO = "woocommerce_rest_cannot_create_order_refund"

DECLINES = {
    "13.13": "Testpay: the refund was declined by the card network (code R07).",
    "14.14": "Testpay: connection reset",
    "16.16": "An error occurred while attempting to create the refund using the payment gateway API.",
}
"""The card gateway answers by the amount, so that every failure can be had at will."""

CRITICAL = "<p>There has been a critical error on this website.</p>"
"""What is left to say when PHP has run out of time or memory."""

SLOW_AMOUNT = "15.15"
"""... and for this one it takes its time (see `Shop.gateway_delay`), but pays."""


class Declined(Exception):
    """The gateway says no; the text is its reason."""


def refuse(message: str) -> RestError:
    """500 is how a refund that was not made looks."""
    return RestError(500, NO, message, 500)


def create(shop: Shop, order_id: int, wish: Json, user_id: int) -> Json:
    """Make a refund of what `wish` says, whatever it says. Returns the stored document."""
    order = orders.load(shop, order_id)
    if order is None:
        raise RestError(500, "woocommerce_rest_invalid_order_id", "Invalid order ID.", 404)
    amount = wish.get("amount")
    asked = str(amount) if amount is not None else _sum_of_lines(wish.get("line_items") or [])
    if amounts.php_less(asked, "0"):
        text = "Refund amount must be greater than zero."
        raise RestError(500, "woocommerce_rest_invalid_order_refund", text, 400)
    with shop.database.change():
        refund = _write(shop, order_id, asked, wish, user_id)
    if truth(wish.get("api_refund", True)):
        try:
            _pay_back(shop, order, refund)
        except Declined as error:
            shop.database.run("DELETE FROM refund WHERE id = ?", refund["id"])
            raise refuse(str(error)) from error
        _save(shop, refund)
    if shop.deaths > 0:
        shop.deaths -= 1
        raise RestError(500, "internal_server_error", CRITICAL)
    with shop.database.change():
        return _finish(shop, order_id, refund, wish)


def _sum_of_lines(lines: list[Json]) -> str:
    total = 0
    for item in lines:
        total += amounts.cents(item.get("refund_total") or 0)
        total += sum(amounts.cents(tax.get("refund_total") or 0) for tax in item.get("refund_tax") or [])
    return amounts.text(total)


def _write(shop: Shop, order_id: int, asked: str, wish: Json, user_id: int) -> Json:
    """The row, before anybody has paid anything. Two at once are told apart here, by the database's lock."""
    order = orders.fetch(shop, order_id)
    left = orders.remaining(shop, order)
    if amounts.php_less(amounts.text(left), asked):
        raise refuse("Invalid refund amount.")
    cents = amounts.cents(amounts.cleaned(asked))
    whole = "full" if cents == left else "partial"
    reason = str(wish.get("reason") or "")
    refund = _row(shop, order, cents, wish.get("line_items") or [], shop.now(), reason, whole)
    refund["refunded_by"] = user_id
    _save(shop, refund)
    return refund


def past(
    shop: Shop, order: Json, cents: int, wishes: list[Json], at: int, reason: str, paid_back: bool
) -> Json:
    """A refund as it would be had it been made at `at`; totals of `wishes` are in cents. Not saved."""
    texts = [
        {
            **wish,
            "refund_total": amounts.text(wish["refund_total"]),
            "refund_tax": [
                {**tax, "refund_total": amounts.text(tax["refund_total"])} for tax in wish["refund_tax"]
            ],
        }
        for wish in wishes
    ]
    whole = "full" if cents == orders.remaining(shop, order) else "partial"
    return _row(shop, order, cents, texts, at, reason, whole) | {
        "refunded_payment": paid_back,
        "refunded_by": 1,
    }


def _row(shop: Shop, order: Json, cents: int, wishes: list[Json], at: int, reason: str, whole: str) -> Json:
    return {
        "id": shop.database.next("post"),
        "order_id": order["id"],
        "created": at,
        "amount": amounts.text(cents),
        "reason": reason,
        "refunded_by": 1,
        "refunded_payment": False,
        "meta_data": [orders.meta(shop, "_refund_type", whole)],
        **_lines(shop, order, wishes),
    }


def _lines(shop: Shop, order: Json, wishes: list[Json]) -> Json:
    """The refunded part of each line of this order that is named; other ids are passed over in silence."""
    made: Json = {"line_items": [], "shipping_lines": [], "fee_lines": []}
    wanted = {int(wish.get("id") or 0): wish for wish in wishes}
    for kind in made:
        for item in order[kind]:
            wish = wanted.get(item["id"])
            if wish and any(wish.get(key) for key in ("quantity", "refund_total", "refund_tax")):
                made[kind].append(_line(shop, kind, item, wish))
    rates = {tax["id"] for lines in made.values() for item in lines for tax in item["taxes"]}
    country = order["shipping"]["country"] or order["billing"]["country"]
    made["tax_lines"] = [orders.tax_line(shop, country, rate, made) for rate in sorted(rates)]
    return made


def _line(shop: Shop, kind: str, item: Json, wish: Json) -> Json:
    total = amounts.cents(wish.get("refund_total") or 0)
    taxes = {
        int(tax["id"]): amounts.cents(tax.get("refund_total") or 0) for tax in wish.get("refund_tax") or []
    }
    quantity = int(wish.get("quantity") or 0)
    back = {
        **item,
        "id": shop.database.next("item"),
        "total": amounts.text(-total),
        "total_tax": amounts.text(-sum(taxes.values())),
        "meta_data": [orders.meta(shop, "_refunded_item_id", str(item["id"]), shown=True)],
    }
    subtotals = kind == "line_items"
    back["taxes"] = [
        {"id": rate, "total": amounts.text(-tax), "subtotal": amounts.text(-tax) if subtotals else ""}
        for rate, tax in taxes.items()
    ]
    if subtotals:
        price = number(round(total / 100 / quantity, 12)) if quantity else 0
        back |= {
            "quantity": -quantity,
            "subtotal": back["total"],
            "subtotal_tax": back["total_tax"],
            "price": price,
        }
    return back


def _pay_back(shop: Shop, order: Json, refund: Json) -> None:
    """Ask the order's gateway. Outside any transaction: the world can see the row while it thinks."""
    gateway = orders.GATEWAYS.get(order["payment_method"])
    if gateway is None:
        raise Declined("The payment gateway for this order does not exist.")
    if "refunds" not in gateway[2]:
        raise Declined("The payment gateway for this order does not support automatic refunds.")
    if refund["amount"] in DECLINES:
        raise Declined(DECLINES[refund["amount"]])
    if refund["amount"] == SLOW_AMOUNT:
        time.sleep(shop.gateway_delay)
    with shop.database.change():
        _enter(shop, order["id"], refund, "testpay")
        reference = "".join(random.Random(refund["id"]).choices("abcdefghijkmnpqrstuvwxyzABCDEFGH", k=8))
        notes.write(shop, order["id"], f"Testpay refunded {refund['amount']} (ref tpr_{reference})")
    refund["refunded_payment"] = True


def _enter(shop: Shop, order_id: int, refund: Json, gateway: str) -> None:
    """Money has left: one line in the ledger that no later deletion takes back."""
    row = {"reason": refund["reason"], "refund_id": refund["id"]}
    shop.database.run(
        "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?)",
        shop.database.next("ledger"),
        refund["created"],
        order_id,
        refund["id"],
        refund["amount"],
        gateway,
        json.dumps(row),
    )


def _finish(shop: Shop, order_id: int, refund: Json, wish: Json) -> Json:
    """Metadata, stock, the order's own status; then the hooks."""
    for row in wish.get("meta_data") or []:
        orders.set_meta(shop, refund, str(row.get("key")), row.get("value"))
    _save(shop, refund)
    order = orders.fetch(shop, order_id)
    if truth(wish.get("api_restock", True)):
        _restock(shop, order, refund)
    if (
        orders.remaining(shop, order) <= 0
        and amounts.cents(order["total"]) > 0
        and order["status"] != "refunded"
    ):
        status.change(shop, order, "refunded")
    else:
        orders.touch(shop, order)
    shop.tell("woocommerce_order_refunded", order_id)
    return refund


def _restock(shop: Shop, order: Json, refund: Json) -> None:
    for item in refund["line_items"]:
        kind, id_ = (
            ("variation", item["variation_id"]) if item["variation_id"] else ("product", item["product_id"])
        )
        product = shop.database.get(kind, id_)
        if product is None or not product["manage_stock"] or not item["quantity"]:
            continue
        before = int(product["stock_quantity"] or 0)
        product["stock_quantity"] = before - item["quantity"]
        shop.database.run(
            "UPDATE document SET document = ? WHERE kind = ? AND id = ?", json.dumps(product), kind, id_
        )
        text = f"Item #{id_} stock increased from {before} to {product['stock_quantity']}."
        notes.write(shop, order["id"], text)


def of_the_rest(shop: Shop, order: Json, user_id: int) -> None:
    """`PUT status=refunded`: a refund of what is left is recorded, and nothing is paid back. [measured]"""
    left = orders.remaining(shop, order)
    if left > 0:
        refund = _write(shop, order["id"], amounts.text(left), {"reason": "Order fully refunded."}, user_id)
        _save(shop, refund)
        shop.tell("woocommerce_order_refunded", order["id"])


def _save(shop: Shop, refund: Json) -> None:
    sql = "INSERT OR REPLACE INTO refund VALUES (?, ?, ?, ?)"
    shop.database.run(sql, refund["id"], refund["order_id"], refund["created"], json.dumps(refund))


def save(shop: Shop, refund: Json) -> None:
    """Write a refund down as it is: for the seeded world, where it happened long ago."""
    _save(shop, refund)
    if refund["refunded_payment"]:
        _enter(shop, refund["order_id"], refund, "testpay")


def listed(shop: Shop, order_id: int) -> list[Json]:
    sql = "SELECT document FROM refund WHERE order_id = ? ORDER BY created DESC, id DESC"
    return [json.loads(row[0]) for row in shop.database.rows(sql, order_id)]


def fetch(shop: Shop, order_id: int, refund_id: int) -> Json:
    if orders.load(shop, order_id) is None:
        raise RestError(500, "woocommerce_rest_invalid_order_id", "Invalid order ID.", 404)
    found = next((row for row in listed(shop, order_id) if row["id"] == refund_id), None)
    if found is None:
        raise RestError(500, "woocommerce_rest_invalid_order_refund_id", "Invalid order refund ID.", 404)
    return found


def delete(shop: Shop, order_id: int, refund_id: int) -> Json:
    """The row only: no money moves, the order keeps its status, and nothing is told. [measured]"""
    found = fetch(shop, order_id, refund_id)
    shop.database.run("DELETE FROM refund WHERE id = ?", refund_id)
    shop.tell("woocommerce_refund_deleted", refund_id)
    return found


def view(shop: Shop, refund: Json, *, with_parent: bool = False) -> Json:
    order_id = refund["order_id"]
    shown: Json = {"id": refund["id"]}
    if with_parent:
        shown["parent_id"] = order_id
    shown |= pair("date_created", refund["created"])
    keys = ("amount", "reason", "refunded_by", "refunded_payment", "meta_data")
    lines = ("line_items", "shipping_lines", "tax_lines", "fee_lines")
    shown |= {key: refund[key] for key in (*keys, *lines)}
    path = f"orders/{order_id}/refunds/{refund['id']}"
    shown["line_items"] = orders.shown_lines(shop, refund["line_items"])
    shown["_links"] = shop.links(path, allow=["GET", "DELETE"], up=f"orders/{order_id}")
    return shown


def ledger(shop: Shop) -> list[Json]:
    """Every time money moved, oldest first, with the metadata of its refund (null once that is deleted)."""
    moves = []
    for row in shop.database.rows("SELECT * FROM ledger ORDER BY id"):
        kept = shop.database.row("SELECT document FROM refund WHERE id = ?", row["refund_id"])
        metadata: Any = json.loads(kept[0])["meta_data"] if kept else None
        moves.append(
            {
                "id": row["id"],
                "at": row["at"],
                "order_id": row["order_id"],
                "refund_id": row["refund_id"],
                "amount": row["amount"],
                "gateway": row["gateway"],
                "meta": metadata and {item["key"]: item["value"] for item in metadata},
                **json.loads(row["document"]),
            }
        )
    return moves
