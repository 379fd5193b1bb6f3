"""Connections: a page of a list, with cursors that survive changes behind them.

Source: fact sheet, 6 (`first` up to 250) and shopify.dev, "Pagination".
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence

from graphql import GraphQLError

from connectors.demo.shopify.archive import Archive, number
from connectors.demo.shopify.bags import Doc, minor
from connectors.demo.shopify.search import Search

LARGEST = 250

SORT = {
    "CREATED_AT": "created",
    "PROCESSED_AT": "processed",
    "UPDATED_AT": "updated",
    "TOTAL_PRICE": "total",
    "ID": "id",
    "ORDER_NUMBER": "id",
}


def bad_request(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "BAD_REQUEST"})


def size(args: Doc) -> int:
    """How many were asked for; exactly one of `first` and `last` must be given."""
    first, last = args.get("first"), args.get("last")
    if (first is None) == (last is None):
        raise bad_request("you must provide one of first or last")
    count = int(first if first is not None else last or 0)
    if not 0 <= count <= LARGEST:
        raise bad_request(f"first must be between 0 and {LARGEST}")
    return count


def write_cursor(*values: object) -> str:
    return base64.b64encode(json.dumps(values).encode()).decode()


def read_cursor(text: str) -> list[object]:
    try:
        values = json.loads(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        values = None
    if not isinstance(values, list):
        raise bad_request("Invalid cursor for current pagination sort.")
    return values


Key = tuple[object, ...]
"""What a cursor says: enough to find the place again."""


def connection(nodes: Sequence[Doc], keys: Sequence[Key], *, more: bool, before: bool) -> Doc:
    """A page as a document; its edges are made when they are asked for, see :func:`edges`."""
    return {
        "nodes": nodes,
        "_keys": keys,
        "pageInfo": {
            "hasNextPage": more,
            "hasPreviousPage": before,
            "startCursor": write_cursor(*keys[0]) if keys else None,
            "endCursor": write_cursor(*keys[-1]) if keys else None,
        },
    }


def edges(page: Doc) -> list[Doc]:
    return [
        {"node": node, "cursor": write_cursor(*key)}
        for node, key in zip(page["nodes"], page["_keys"], strict=True)
    ]


def page(items: Sequence[Doc], args: Doc) -> Doc:
    """A page of a list that is wholly at hand; the cursor names the member it stands behind."""
    count = size(args)
    ordered = _in_order(items, args)
    names = [str(item.get("id") or place) for place, item in enumerate(ordered)]
    start, end = 0, len(ordered)
    if after := args.get("after"):
        start = _place(names, read_cursor(after)) + 1
    if before := args.get("before"):
        end = _place(names, read_cursor(before))
    low, high = (
        (start, min(end, start + count)) if args.get("first") is not None else (max(start, end - count), end)
    )
    keys = [(name,) for name in names[low:high]]
    return connection(ordered[low:high], keys, more=high < len(ordered), before=low > 0)


def whole(items: Sequence[Doc], args: Doc) -> Doc:
    """All of a list, however long: for those who look into the books, not for callers."""
    ordered = _in_order(items, args)
    keys = [(str(item.get("id") or place),) for place, item in enumerate(ordered)]
    return connection(ordered, keys, more=False, before=False)


def _in_order(items: Sequence[Doc], args: Doc) -> list[Doc]:
    return list(reversed(items)) if args.get("reverse") else list(items)


def _place(names: list[str], cursor: list[object]) -> int:
    try:
        return names.index(str(cursor[0]))
    except (ValueError, IndexError):
        raise bad_request("Invalid cursor for current pagination sort.") from None


def page_of_orders(archive: Archive, search: Search, args: Doc) -> Doc:
    """A page of orders by sort key and id: nothing is skipped or repeated while rows stay as they are."""
    count = size(args)
    column = SORT.get(args.get("sortKey") or "PROCESSED_AT", "processed")
    down = bool(args.get("reverse"))
    backwards = args.get("first") is None
    where, values = search.sql, list(search.values)
    for bound, forward in ((args.get("after"), True), (args.get("before"), False)):
        if bound:
            sign = ">" if forward != down else "<"
            where += f" AND ({column}, id) {sign} (?, ?)"
            values += [*read_cursor(bound), None, None][:2]
    falling = down != backwards
    direction = "DESC" if falling else "ASC"
    found = list(archive.find(where, values, f"{column} {direction}, id {direction}", count + 1))
    more, found = len(found) > count, found[:count]
    if backwards:
        found.reverse()
    keys = [(_sort_value(column, order), number(order["id"])) for order in found]
    ahead, behind = (bool(args.get("before")), more) if backwards else (more, bool(args.get("after")))
    return connection(found, keys, more=ahead, before=behind)


def _sort_value(column: str, order: Doc) -> object:
    if column == "id":
        return number(order["id"])
    if column == "total":
        return minor(order["totalPriceSet"]["shopMoney"])
    return order[{"created": "createdAt", "processed": "processedAt", "updated": "updatedAt"}[column]]
