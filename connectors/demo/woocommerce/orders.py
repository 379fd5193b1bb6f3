"""Orders as WooCommerce keeps, counts and shows them.

Inside, sums are texts as on the wire and moments are Unix seconds in `created`, `modified`, `paid` and
`completed`; :func:`view` adds what the REST API derives: dates in pairs, refunds, links and flags.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

from connectors.demo.woocommerce import amounts
from connectors.demo.woocommerce.database import marks
from connectors.demo.woocommerce.shop import Shop
from connectors.demo.woocommerce.wire import VERSION, Json, RestError, number, pair

CUSTOM_STATUSES = {
    "shipped": "Shipped",
    "partial-shipped": "Partially Shipped",
    "delivered": "Delivered",
    "return-request": "Return requested",
}
"""What the shop's plugins have registered."""

STATUSES = {
    "pending": "Pending payment",
    "processing": "Processing",
    "on-hold": "On hold",
    "completed": "Completed",
    "cancelled": "Cancelled",
    "refunded": "Refunded",
    "failed": "Failed",
    **CUSTOM_STATUSES,
    "checkout-draft": "Draft",
}
PAID = ("processing", "completed", "refunded", *CUSTOM_STATUSES)

RATES = {
    "EE": (1, "KM 24%", 24),
    "RO": (3, "TVA 21%", 21),
    "TH": (5, "VAT 7%", 7),
    "AE": (6, "VAT 5%", 5),
    "SA": (7, "ضريبة القيمة المضافة 15%", 15),
    "GB": (8, "VAT 20%", 20),
}
"""Rate id, label and percentage by country of delivery; no row, no tax."""

GATEWAYS = {
    "bacs": ("Direct bank transfer", "Direct bank transfer", ["products"]),
    "cheque": ("Check payments", "Check payments", ["products"]),
    "cod": ("Cash on delivery", "Cash on delivery", ["products"]),
    "testpay": ("Card (Testpay)", "Testpay cards", ["products", "refunds"]),
}
"""Title, method title and what each can do. Only `refunds` pays money back by itself."""

ADDRESS = (
    "first_name",
    "last_name",
    "company",
    "address_1",
    "address_2",
    "city",
    "state",
    "postcode",
    "country",
)


LETTERS = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Of order keys."""


def empty_address(*, billing: bool) -> Json:
    return dict.fromkeys((*ADDRESS, "email", "phone") if billing else (*ADDRESS, "phone"), "")


def blank(shop: Shop, at: int) -> Json:
    """A new order with nothing in it yet; it gets its id here."""
    id_ = shop.database.next("post")
    key = random.Random(f"order key {id_} {at}")
    return {
        "id": id_,
        "status": "pending",
        "currency": "EUR",
        "created": at,
        "modified": at,
        "paid": None,
        "completed": None,
        "discount_total": "0.00",
        "discount_tax": "0.00",
        "shipping_total": "0.00",
        "shipping_tax": "0.00",
        "cart_tax": "0.00",
        "total": "0.00",
        "total_tax": "0.00",
        "customer_id": 0,
        "order_key": "wc_order_" + "".join(key.choices(LETTERS, k=13)),
        "billing": empty_address(billing=True),
        "shipping": empty_address(billing=False),
        "payment_method": "",
        "payment_method_title": "",
        "transaction_id": "",
        "customer_ip_address": "",
        "customer_user_agent": "",
        "created_via": "rest-api",
        "customer_note": "",
        "cart_hash": "",
        "meta_data": [],
        "line_items": [],
        "tax_lines": [],
        "shipping_lines": [],
        "fee_lines": [],
        "coupon_lines": [],
        "needs_processing": True,
        "trashed_from": "",
    }  # fmt: skip


def meta(shop: Shop, key: str, value: Any, *, shown: bool = False) -> Json:
    """One row of metadata. Lines show theirs with a readable name as well."""
    row = {"id": shop.database.next("meta"), "key": key, "value": value}
    if shown:
        row |= {"display_key": key.capitalize() if not key.startswith("_") else key, "display_value": value}
    return row


def meta_value(document: Json, key: str) -> Any:
    return next((row["value"] for row in document["meta_data"] if row["key"] == key), None)


def set_meta(shop: Shop, document: Json, key: str, value: Any) -> None:
    """Change a row in place, add it, or drop it when the value is None; rows stay sorted by key."""
    rows = [row for row in document["meta_data"] if row["key"] != key]
    old = next((row for row in document["meta_data"] if row["key"] == key), None)
    if value is not None:
        rows.append({**old, "value": value} if old else meta(shop, key, value))
    document["meta_data"] = sorted(rows, key=lambda row: str(row["key"]))


def line(shop: Shop, product: Json, variation: Json | None, quantity: int, *, discount: int = 0) -> Json:
    """A product line without its tax. `discount` is in cents and without tax, for the whole line."""
    source = variation or product
    subtotal = amounts.cents(source["price"]) * quantity
    total = subtotal - discount
    options = [] if variation is None else variation["attributes"]
    picture = product["images"][0] if product["images"] else None
    return {
        "id": shop.database.next("item"),
        "name": f"{product['name']} - {variation['name']}" if variation else product["name"],
        "product_id": product["id"],
        "variation_id": variation["id"] if variation else 0,
        "quantity": quantity,
        "tax_class": "",
        "subtotal": amounts.text(subtotal),
        "subtotal_tax": "0.00",
        "total": amounts.text(total),
        "total_tax": "0.00",
        "taxes": [],
        "meta_data": [meta(shop, item["slug"], item["option"], shown=True) for item in options],
        "sku": source["sku"],
        "global_unique_id": "",
        "price": number(total / 100 / quantity) if quantity else 0,
        "image": {"id": picture["id"], "src": picture["src"]} if picture else {"id": "", "src": ""},
        "parent_name": product["name"] if variation else None,
    }


def shipping_line(shop: Shop, title: str, cents: int) -> Json:
    return {
        "id": shop.database.next("item"),
        "method_title": title,
        "method_id": "flat_rate",
        "instance_id": "1",
        "total": amounts.text(cents),
        "total_tax": "0.00",
        "taxes": [],
        "tax_status": "taxable",
        "meta_data": [],
    }


def count_up(shop: Shop, document: Json) -> None:
    """Work out every tax and total from the lines, as `calculate_totals` does."""
    country = document["shipping"]["country"] or document["billing"]["country"] or "EE"
    rate = RATES.get(country)
    for item in document["line_items"]:
        before, after = amounts.cents(item["subtotal"]), amounts.cents(item["total"])
        item["subtotal_tax"] = amounts.text(amounts.percent(before, rate[2]) if rate else 0)
        item["total_tax"] = amounts.text(amounts.percent(after, rate[2]) if rate else 0)
        taxes = {"total": item["total_tax"], "subtotal": item["subtotal_tax"]}
        item["taxes"] = [{"id": rate[0], **taxes}] if rate else []
    for item in (*document["shipping_lines"], *document["fee_lines"]):
        item["total_tax"] = amounts.text(
            amounts.percent(amounts.cents(item["total"]), rate[2]) if rate else 0
        )
        item["taxes"] = [{"id": rate[0], "total": item["total_tax"], "subtotal": ""}] if rate else []
    items, fees = document["line_items"], document["fee_lines"]
    shipping = _sum(document["shipping_lines"], "total")
    shipping_tax = _sum(document["shipping_lines"], "total_tax")
    cart_tax = _sum(items, "total_tax") + _sum(fees, "total_tax")
    goods = _sum(items, "total") + _sum(fees, "total")
    document |= {
        "discount_total": amounts.text(_sum(items, "subtotal") - _sum(items, "total")),
        "discount_tax": amounts.text(_sum(items, "subtotal_tax") - _sum(items, "total_tax")),
        "shipping_total": amounts.text(shipping),
        "shipping_tax": amounts.text(shipping_tax),
        "cart_tax": amounts.text(cart_tax),
        "total": amounts.text(goods + cart_tax + shipping + shipping_tax),
        "total_tax": amounts.text(cart_tax + shipping_tax),
        "tax_lines": tax_lines(shop, document, country),
    }


def _sum(lines: Sequence[Json], key: str) -> int:
    return sum(amounts.cents(item[key]) for item in lines)


def tax_lines(shop: Shop, document: Json, country: str) -> list[Json]:
    rate = RATES.get(country)
    if rate is None:
        return []
    return [tax_line(shop, country, rate[0], document)]


def tax_line(shop: Shop, country: str, rate_id: int, document: Json) -> Json:
    """The order's (or a refund's) tax of one rate, goods and shipping apart."""
    found = next(
        ((land, row) for land, row in RATES.items() if row[0] == rate_id), (country, (rate_id, "Tax", 0))
    )
    land, (_, label, percentage) = found
    old = next((row["id"] for row in document.get("tax_lines", []) if row["rate_id"] == rate_id), 0)
    goods = [*document["line_items"], *document["fee_lines"]]
    return {
        "id": old or shop.database.next("item"),
        "rate_code": f"{land}-{label}-1",
        "rate_id": rate_id,
        "label": label,
        "compound": False,
        "tax_total": amounts.text(_sum(goods, "total_tax")),
        "shipping_tax_total": amounts.text(_sum(document["shipping_lines"], "total_tax")),
        "rate_percent": percentage,
        "meta_data": [],
    }


def search_text(document: Json) -> str:
    """What `search=` looks through: addresses, id, product names. Not metadata, so not a plugin's number."""
    people = [*document["billing"].values(), *document["shipping"].values()]
    return "\n".join(
        [*people, str(document["id"]), *(item["name"] for item in document["line_items"])]
    ).lower()


def save(shop: Shop, document: Json) -> None:
    sql = "INSERT OR REPLACE INTO shop_order VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    shop.database.run(
        sql,
        document["id"],
        document["status"],
        document["created"],
        document["modified"],
        document["customer_id"],
        document["created_via"],
        search_text(document),
        json.dumps(document),
    )


def touch(shop: Shop, document: Json) -> None:
    """Save a change that the shop noticed: the time of modification moves and webhooks hear of it."""
    document["modified"] = shop.now()
    save(shop, document)
    shop.tell("order.updated", document["id"])


def load(shop: Shop, id_: int) -> Json | None:
    row = shop.database.row("SELECT document FROM shop_order WHERE id = ?", id_)
    loaded: Json | None = json.loads(row[0]) if row else None
    return loaded


def fetch(shop: Shop, id_: int) -> Json:
    document = load(shop, id_)
    if document is None:
        raise RestError(404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
    return document


def refund_sums(shop: Shop, ids: Sequence[int]) -> dict[int, list[Json]]:
    """The `refunds` list of each of several orders, newest first."""
    where = f"order_id IN ({marks(ids)})"
    sql = f"SELECT order_id, document FROM refund WHERE {where} ORDER BY created DESC, id DESC"  # noqa: S608
    found: dict[int, list[Json]] = {id_: [] for id_ in ids}
    for row in shop.database.rows(sql, *ids):
        refund = json.loads(row[1])
        found[row[0]].append(
            {"id": refund["id"], "reason": refund["reason"], "total": f"-{refund['amount']}"}
        )
    return found


def remaining(shop: Shop, document: Json) -> int:
    """In cents: what may still be refunded. Below zero after an over-refund."""
    back = refund_sums(shop, [document["id"]])[document["id"]]
    return amounts.cents(document["total"]) + sum(amounts.cents(row["total"]) for row in back)


def view(shop: Shop, document: Json, refunds: list[Json] | None = None) -> Json:
    """The order as `wc/v3` shows it."""
    id_, status = document["id"], document["status"]
    created, modified = document["created"], document["modified"]
    created_pair, modified_pair = pair("date_created", created), pair("date_modified", modified)
    completed, paid = pair("date_completed", document["completed"]), pair("date_paid", document["paid"])
    open_ = status in ("pending", "failed", "checkout-draft") and document["total"] != "0.00"
    pay = f"{shop.url}/checkout/order-pay/{id_}/?pay_for_order=true&key={document['order_key']}"
    links = shop.links(f"orders/{id_}")
    links["email_templates"] = [
        {"embeddable": True, "href": shop.api(f"orders/{id_}/actions/email_templates")}
    ]
    if document["customer_id"]:
        links["customer"] = [{"href": shop.api(f"customers/{document['customer_id']}")}]
    shown: Json = {
        "id": id_,
        "parent_id": 0,
        "status": status,
        "currency": document["currency"],
        "version": VERSION,
        "prices_include_tax": False,
        "date_created": created_pair["date_created"],
        "date_modified": modified_pair["date_modified"],
    }
    for key in (
        "discount_total", "discount_tax", "shipping_total", "shipping_tax", "cart_tax", "total", "total_tax",
        "customer_id", "order_key", "billing", "shipping", "payment_method", "payment_method_title",
        "transaction_id", "customer_ip_address", "customer_user_agent", "created_via", "customer_note",
    ):  # fmt: skip
        shown[key] = document[key]
    return shown | {
        "date_completed": completed["date_completed"],
        "date_paid": paid["date_paid"],
        "cart_hash": document["cart_hash"],
        "number": f"{shop.number_prefix}{id_}",
        "meta_data": document["meta_data"],
        "line_items": shown_lines(shop, document["line_items"]),
        "tax_lines": document["tax_lines"],
        "shipping_lines": document["shipping_lines"],
        "fee_lines": document["fee_lines"],
        "coupon_lines": document["coupon_lines"],
        "refunds": refund_sums(shop, [id_])[id_] if refunds is None else refunds,
        "payment_url": pay,
        "is_editable": status in ("pending", "on-hold", "auto-draft"),
        "needs_payment": open_,
        "needs_processing": bool(document["line_items"]) and document["needs_processing"],
        "date_created_gmt": created_pair["date_created_gmt"],
        "date_modified_gmt": modified_pair["date_modified_gmt"],
        "date_completed_gmt": completed["date_completed_gmt"],
        "date_paid_gmt": paid["date_paid_gmt"],
        "currency_symbol": "€",
        "_links": links,
    }


def shown_lines(shop: Shop, lines: Sequence[Json]) -> list[Json]:
    """Product lines with the addresses of their pictures; the shop keeps only the path."""
    return [
        {**item, "image": {**item["image"], "src": shop.url + item["image"]["src"]}}
        if item["image"]["src"]
        else item
        for item in lines
    ]


def views(shop: Shop, documents: Sequence[Json]) -> list[Json]:
    sums = refund_sums(shop, [document["id"] for document in documents])
    return [view(shop, document, sums[document["id"]]) for document in documents]
