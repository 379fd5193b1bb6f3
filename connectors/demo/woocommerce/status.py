"""An order's life: changes of status, the trash, and the end, each with what the shop tells about it.

Which webhook follows which change was measured on WooCommerce 10.2.4 with HPOS
(`tests/samples/woocommerce/webhooks/index.json`).
"""

from __future__ import annotations

from connectors.demo.woocommerce import notes, orders
from connectors.demo.woocommerce.shop import Shop
from connectors.demo.woocommerce.wire import Json, RestError


def born(shop: Shop, document: Json) -> None:
    """Store a new order and tell the shop's hooks."""
    orders.save(shop, document)
    for hook in ("woocommerce_new_order", "order.created", "order.updated"):
        shop.tell(hook, document["id"])


def change(shop: Shop, document: Json, new: str) -> None:
    """Move an order to another status, with the dates and notes that go with it. Saves it."""
    old = document["status"]
    if old == new:
        orders.touch(shop, document)
        return
    at = shop.now()
    document["status"] = new
    if new in ("processing", "completed") and document["paid"] is None:
        document["paid"] = at
    if new == "completed":
        document["completed"] = at
    document["modified"] = at
    orders.save(shop, document)
    if old != "trash":  # a status write that takes an order out of the trash fires no order topic
        shop.tell("order.updated", document["id"])
    if new == "refunded":
        shop.tell("woocommerce_order_status_refunded", document["id"])
    names = {"trash": "Trash", **orders.STATUSES}
    notes.write(shop, document["id"], f"Order status changed from {names[old]} to {names[new]}.")
    shop.tell("woocommerce_order_status_changed", document["id"])


def trash(shop: Shop, document: Json) -> None:
    if document["status"] == "trash":
        raise RestError(410, "woocommerce_rest_already_trashed", "The shop_order has already been deleted.")
    document |= {"trashed_from": document["status"], "status": "trash", "modified": shop.now()}
    orders.save(shop, document)
    shop.tell("order.deleted", document["id"])


def restore(shop: Shop, document: Json) -> None:
    """Out of the trash, as an administrator does it."""
    document |= {"status": document["trashed_from"] or "pending", "modified": shop.now()}
    orders.save(shop, document)
    shop.tell("order.restored", document["id"])
    shop.tell("woocommerce_order_status_changed", document["id"])


def erase(shop: Shop, id_: int) -> None:
    """For ever: order, refunds and notes are gone, and no order topic says so."""
    shop.tell("woocommerce_before_delete_order", id_)
    for table, column in (("shop_order", "id"), ("refund", "order_id"), ("note", "order_id")):
        shop.database.run(f"DELETE FROM {table} WHERE {column} = ?", id_)  # noqa: S608 - names from the line above
