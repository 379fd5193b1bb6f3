"""Refunds in the REST API: those of one order, and the list of the whole shop."""

from __future__ import annotations

import json

from connectors.demo.woocommerce import orders, refunds
from connectors.demo.woocommerce.call import Call, paged, window
from connectors.demo.woocommerce.database import marks
from connectors.demo.woocommerce.wire import Answer, Json, RestError, invalid


def listed(call: Call, order_id: int) -> Answer:
    part = window(call)
    if orders.load(call.shop, order_id) is None:
        raise RestError(404, "woocommerce_rest_shop_order_invalid_id", "Invalid order ID.")
    call.may("view")
    rows = refunds.listed(call.shop, order_id)
    shown = [refunds.view(call.shop, row) for row in rows[part.offset : part.offset + part.limit]]
    return paged(call, part, shown, len(rows))


def one(call: Call, order_id: int, id_: int) -> Answer:
    found = refunds.fetch(call.shop, order_id, id_)
    call.may("view one")
    return Answer(refunds.view(call.shop, found))


def create(call: Call, order_id: int) -> Answer:
    """The `Location` of a new refund holds the route's own pattern, unexpanded. [measured]"""
    amount = call.params.get("amount")
    if amount is not None and not isinstance(amount, str):
        message = "amount is not of type string."
        raise invalid("amount", message, "rest_invalid_type", {"param": "amount"})
    call.may("create")
    made = refunds.create(call.shop, order_id, _wish(call), call.who.user_id)
    location = call.shop.api(f"orders/(?P<order_id>[\\d]+)/refunds/{made['id']}")
    return Answer(refunds.view(call.shop, made), 201, {"Location": location})


def _wish(call: Call) -> Json:
    """Lists that are no lists, and entries that are no objects, are hostile or broken: left out."""
    wish = dict(call.params)
    for name in ("line_items", "meta_data"):
        rows = wish.get(name)
        wish[name] = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return wish


def delete(call: Call, order_id: int, id_: int) -> Answer:
    """Works without `force` too. [measured]"""
    refunds.fetch(call.shop, order_id, id_)
    call.may("delete")
    with call.shop.database.change():
        gone = refunds.delete(call.shop, order_id, id_)
    return Answer(refunds.view(call.shop, gone))


def everywhere(call: Call) -> Answer:
    """All refunds of the shop with their orders, newest first."""
    part = window(call)
    where, values = ["1"], list[object]()
    for name, sql in (("after", "created > ?"), ("before", "created < ?")):
        moment = call.moment(name)
        if moment is not None:
            where.append(sql)
            values.append(moment)
    ids = call.numbers("include")
    if ids:
        where.append(f"id IN ({marks(ids)})")
        values += ids
    call.may("view")
    rule = " AND ".join(where)
    total = call.shop.database.count(f"SELECT COUNT(*) FROM refund WHERE {rule}", *values)  # noqa: S608
    sql = f"SELECT document FROM refund WHERE {rule} ORDER BY created DESC, id DESC LIMIT ? OFFSET ?"  # noqa: S608
    rows = [json.loads(row[0]) for row in call.shop.database.rows(sql, *values, part.limit, part.offset)]
    return paged(call, part, [refunds.view(call.shop, row, with_parent=True) for row in rows], total)
