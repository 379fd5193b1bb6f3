"""`/orders` of the REST API: lists with all their filters, one order, changes, notes and fulfillments."""

from __future__ import annotations

import json
import re
from typing import Any

from connectors.demo.woocommerce import amounts, notes, orders, refunds, status
from connectors.demo.woocommerce.call import Call, listing, paged, window
from connectors.demo.woocommerce.database import marks
from connectors.demo.woocommerce.wire import (
    Answer,
    Json,
    RestError,
    invalid,
    missing,
    number,
    site_time,
    truth,
)

KNOWN = ["auto-draft", *(name for name in orders.STATUSES if name != "checkout-draft"), "checkout-draft"]
ORDERBY = ["date", "id", "include", "title", "slug", "modified"]
COLUMNS = {
    "date": "created",
    "id": "id",
    "include": "id",
    "title": "created",
    "slug": "id",
    "modified": "modified",
}
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def listed(call: Call) -> Answer:
    part = window(call)
    where, values = _filters(call)
    order = _sort(call, part.offset)
    call.may("view")
    total = call.shop.database.count(f"SELECT COUNT(*) FROM shop_order WHERE {where}", *values)  # noqa: S608
    sql = f"SELECT document FROM shop_order WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608
    rows = call.shop.database.rows(sql, *values, part.limit, part.offset)
    documents = [json.loads(row[0]) for row in rows]
    defaults = {"status": call.words("status") or ["any"], "dp": "2", "context": "view"}
    return paged(call, part, orders.views(call.shop, documents), total, defaults)


def _filters(call: Call) -> tuple[str, list[Any]]:
    """SQL of fixed pieces and question marks. What the API does not know it ignores, `email` among it."""
    where, values = ["1"], list[Any]()
    statuses = _statuses(call)
    where.append(f"status IN ({marks(statuses)})" if statuses else "status != 'trash'")
    values += statuses
    for name, sql in (
        ("after", "created > ?"),
        ("before", "created < ?"),
        ("modified_after", "modified > ?"),
        ("modified_before", "modified < ?"),
    ):
        moment = call.moment(name)
        if moment is not None:
            where.append(sql)
            values.append(moment)
    for name, word in (("include", "IN"), ("exclude", "NOT IN")):
        ids = call.numbers(name)
        if ids:
            where.append(f"id {word} ({marks(ids)})")
            values += ids
    if call.text("customer"):
        where.append("customer_id = ?")
        values.append(call.integer("customer", 0, 0))
    if call.text("created_via"):
        where.append("created_via = ?")
        values.append(call.text("created_via"))
    if call.text("search"):
        where.append("instr(search, ?) > 0")
        values.append(call.text("search").lower())
    if call.text("product"):
        where.append("(document LIKE ? OR document LIKE ?)")
        wanted = call.integer("product", 0, 0)
        values += [f'%"product_id": {wanted},%', f'%"variation_id": {wanted},%']
    return " AND ".join(where), values


def _statuses(call: Call) -> list[str]:
    """Empty for "any", which leaves the trash out even when trash is asked for beside it. [measured]"""
    names = call.words("status") or ["any"]
    valid = ["any", "trash", *KNOWN]
    for place, name in enumerate(names):
        if name not in valid:
            message = f"status[{place}] is not one of {listing(valid)}."
            raise invalid("status", message, "rest_not_in_enum")
    return [] if "any" in names else names


def _sort(call: Call, offset: int) -> str:
    """Rows that share a second have no order: pages repeat some and leave out others. [measured]"""
    by = call.one_of("orderby", ORDERBY, "date")
    way = "ASC" if call.one_of("order", ["asc", "desc"], "desc") == "asc" else "DESC"
    column = COLUMNS[by]
    return (
        f"{column} {way}"
        if column == "id"
        else f"{column} {way}, (id * 7919 + {int(offset)} * 104729) % 1009"
    )


def one(call: Call, id_: int) -> Answer:
    document = orders.fetch(call.shop, id_)
    call.may("view one")
    return Answer(orders.view(call.shop, document))


def create(call: Call) -> Answer:
    call.may("create")
    shop = call.shop
    with shop.database.change():
        document = orders.blank(shop, shop.now())
        wanted = _status_wish(call) or "pending"
        _apply(call, document)
        if truth(call.params.get("set_paid")):
            document["paid"], wanted = shop.now(), "processing" if wanted == "pending" else wanted
        document["status"] = wanted
        if wanted in ("processing", "completed"):
            document["paid"] = document["paid"] or shop.now()
        if wanted == "completed":
            document["completed"] = shop.now()
        status.born(shop, document)
        if wanted != "pending":
            note = f"Order status changed from Pending payment to {orders.STATUSES.get(wanted, wanted)}."
            notes.write(shop, document["id"], note)
            shop.tell("woocommerce_order_status_changed", document["id"])
    location = {"Location": shop.api(f"orders/{document['id']}")}
    return Answer(orders.view(shop, document), 201, location)


def update(call: Call, id_: int) -> Answer:
    """Unknown and read-only fields are passed over, and even a write that changes nothing moves the time."""
    shop = call.shop
    wanted = _status_wish(call)
    email = (
        (call.params.get("billing") or {}).get("email")
        if isinstance(call.params.get("billing"), dict)
        else ""
    )
    if email and not EMAIL.fullmatch(str(email)):
        raise invalid("billing", "Invalid email address.", "rest_invalid_email")
    if orders.load(shop, id_) is None:
        raise RestError(400, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")  # 404 for a read
    call.may("edit")
    with shop.database.change():
        document = orders.fetch(shop, id_)
        _apply(call, document)
        if wanted == "refunded" and document["status"] != "refunded":
            refunds.of_the_rest(shop, document, call.who.user_id)
        status.change(shop, document, wanted or document["status"])
    return Answer(orders.view(shop, document))


def _status_wish(call: Call) -> str:
    wanted = call.text("status")
    if wanted and wanted not in KNOWN:
        raise invalid("status", f"status is not one of {listing(KNOWN)}.", "rest_not_in_enum")
    return wanted


WRITABLE = (
    "customer_note", "customer_id", "payment_method", "payment_method_title", "transaction_id", "currency",
    "created_via",
)  # fmt: skip


def _apply(call: Call, document: Json) -> None:
    params = call.params
    for name in WRITABLE:
        if name in params and params[name] is not None:
            document[name] = type(document[name])(params[name])
    for name in ("billing", "shipping"):
        if isinstance(params.get(name), dict):
            known = {key: str(value) for key, value in params[name].items() if key in document[name]}
            document[name] = {**document[name], **known}
    for row in params.get("meta_data") or []:
        orders.set_meta(call.shop, document, str(row.get("key")), row.get("value"))
    if any(isinstance(params.get(name), list) for name in ("line_items", "shipping_lines", "fee_lines")):
        _lines(call, document)
        orders.count_up(call.shop, document)


def _lines(call: Call, document: Json) -> None:
    shop = call.shop
    for wish in call.params.get("line_items") or []:
        old = next((item for item in document["line_items"] if item["id"] == wish.get("id")), None)
        if old is None:
            document["line_items"].append(_new_line(call, wish))
        elif wish.get("quantity") == 0 or ("product_id" in wish and wish["product_id"] is None):
            document["line_items"].remove(old)
        else:
            old["quantity"] = int(wish.get("quantity", old["quantity"]))
            _priced(old, wish)
    for wish in call.params.get("shipping_lines") or []:
        cents = round(float(wish.get("total") or 0) * 100)
        document["shipping_lines"].append(
            orders.shipping_line(shop, str(wish.get("method_title") or ""), cents)
        )
    for wish in call.params.get("fee_lines") or []:
        fee = {"name": str(wish.get("name") or "Fee"), "tax_class": "", "tax_status": "taxable", "amount": ""}
        line = {"id": shop.database.next("item"), **fee, "total": f"{float(wish.get('total') or 0):.2f}"}
        document["fee_lines"].append({**line, "total_tax": "0.00", "taxes": [], "meta_data": []})


def _priced(line: Json, wish: Json) -> Json:
    """With the totals that were asked for, and the price of one that follows from them."""
    for key in ("total", "subtotal"):
        if key in wish:
            line[key] = amounts.text(amounts.cents(str(wish[key])))
    quantity = line["quantity"]
    line["price"] = number(round(amounts.cents(line["total"]) / 100 / quantity, 12)) if quantity else 0
    return line


def _new_line(call: Call, wish: Json) -> Json:
    shop = call.shop
    product = shop.database.get("product", int(wish.get("product_id") or 0))
    variation = shop.database.get("variation", int(wish.get("variation_id") or 0))
    if product is None and variation is not None:
        product = shop.database.get("product", variation["parent_id"])
    if product is None:
        message = "Product ID provided is not valid."
        raise RestError(400, "woocommerce_rest_required_product_reference", message)
    made = orders.line(shop, product, variation, int(wish.get("quantity") or 1))
    return _priced(made, wish)


def delete(call: Call, id_: int) -> Answer:
    """Into the trash, answered with the picture from before; for ever with `force`."""
    shop = call.shop
    document = orders.fetch(shop, id_)
    call.may("delete")
    before = orders.view(shop, document)
    with shop.database.change():
        if call.flag("force"):
            status.erase(shop, id_)
        else:
            status.trash(shop, document)
    return Answer(before)


def batch(call: Call) -> Answer:
    groups = {name: call.params.get(name) or [] for name in ("create", "update", "delete")}
    if sum(map(len, groups.values())) > 100:
        message = "Unable to accept more than 100 items for this request."
        raise RestError(413, "woocommerce_rest_request_entity_too_large", message)
    answer: Json = {}
    for wish in groups["update"]:
        answer.setdefault("update", []).append(_try(call, update, wish))
    for wish in groups["create"]:
        answer.setdefault("create", []).append(_try(call, lambda inner, _id: create(inner), wish))
    for id_ in groups["delete"]:
        answer.setdefault("delete", []).append(_try(call, delete, {"id": id_}))
    return Answer(answer)


def _try(call: Call, route: Any, wish: Json) -> Json:
    inner = Call(call.shop, call.request, call.method, {}, wish, call.who)
    id_ = int(wish.get("id") or 0)
    try:
        body: Json = route(inner, id_).body
    except RestError as error:
        return {"id": id_, "error": error.body}
    return body


def list_notes(call: Call, id_: int) -> Answer:
    orders.fetch(call.shop, id_)
    call.may("view")
    kind = call.one_of("type", ["any", "customer", "internal"], "any")
    rows = [
        note
        for note in notes.listed(call.shop, id_)
        if kind == "any" or note["customer_note"] == (kind == "customer")
    ]
    return Answer([notes.view(call.shop, id_, note) for note in rows])


def write_note(call: Call, id_: int) -> Answer:
    if "note" not in call.params:
        raise missing("note")
    orders.fetch(call.shop, id_)
    call.may("create")
    author = call.who.name if call.flag("added_by_user") else "WooCommerce"
    with call.shop.database.change():
        note = notes.write(
            call.shop, id_, call.text("note"), author=author, to_customer=call.flag("customer_note")
        )
    location = {"Location": call.shop.api(f"orders/{id_}/notes/{note['id']}")}
    return Answer(notes.view(call.shop, id_, note), 201, location)


def list_fulfillments(call: Call, id_: int) -> Answer:
    """An object, not a list. [measured]"""
    orders.fetch(call.shop, id_)
    call.may("view")
    rows = call.shop.database.all("fulfillment", parent=id_)
    return Answer({"fulfillments": [_fulfillment(row) for row in rows]})


def _fulfillment(row: Json) -> Json:
    updated = (site_time(row["updated"]) or "").replace("T", " ")
    return {
        "id": row["id"],
        "fulfillment_id": row["id"],
        "entity_type": "WC_Order",
        "entity_id": str(row["order_id"]),
        "is_fulfilled": row["status"] == "fulfilled",
        "status": row["status"],
        "date_updated": updated,
        "meta_data": row["meta_data"],
    }


def create_fulfillment(call: Call, id_: int) -> Answer:
    shop = call.shop
    orders.fetch(shop, id_)
    call.may("create")
    with shop.database.change():
        row = {
            "id": shop.database.next("fulfillment"),
            "order_id": id_,
            "status": call.text("status") or "unfulfilled",
            "updated": shop.now(),
            "meta_data": [
                orders.meta(shop, str(item.get("key")), item.get("value"))
                for item in call.params.get("meta_data") or []
            ],
        }
        shop.database.put("fulfillment", row, parent=id_)
        document = orders.fetch(shop, id_)
        state = "fulfilled" if row["status"] == "fulfilled" else "unfulfilled"
        orders.set_meta(shop, document, "_fulfillment_status", state)
        orders.touch(shop, document)
    return Answer({"fulfillment": _fulfillment(row)}, 201)


def statuses(call: Call) -> Answer:
    call.may("view")
    return Answer([{"slug": slug, "name": name} for slug, name in orders.STATUSES.items()])


def totals(call: Call) -> Answer:
    call.may("view")
    rows = call.shop.database.rows("SELECT status, COUNT(*) FROM shop_order GROUP BY status")
    counts = {row[0]: row[1] for row in rows}
    return Answer(
        [{"slug": slug, "name": name, "total": counts.get(slug, 0)} for slug, name in orders.STATUSES.items()]
    )
