"""Order notes: the shop's own diary, and the only place where an agent can write to an order."""

from __future__ import annotations

import json

from connectors.demo.woocommerce.shop import Shop
from connectors.demo.woocommerce.wire import Json, pair


def write(
    shop: Shop, order_id: int, text: str, *, author: str = "WooCommerce", to_customer: bool = False
) -> Json:
    """Kept as it is, HTML and scripts included, as the real store does. [measured]"""
    id_, at = shop.database.next("note"), shop.now()
    document = {"id": id_, "author": author, "note": text, "customer_note": to_customer, "created": at}
    shop.database.run("INSERT INTO note VALUES (?, ?, ?, ?)", id_, order_id, at, json.dumps(document))
    shop.tell("woocommerce_order_note_added", id_)
    return document


def listed(shop: Shop, order_id: int) -> list[Json]:
    sql = "SELECT document FROM note WHERE order_id = ? ORDER BY created DESC, id DESC"
    return [json.loads(row[0]) for row in shop.database.rows(sql, order_id)]


def view(shop: Shop, order_id: int, document: Json) -> Json:
    path = f"orders/{order_id}/notes/{document['id']}"
    return {
        "id": document["id"],
        "author": document["author"],
        **pair("date_created", document["created"]),
        "note": document["note"],
        "customer_note": document["customer_note"],
        "_links": shop.links(path, allow=["GET", "DELETE"], up=f"orders/{order_id}"),
    }
