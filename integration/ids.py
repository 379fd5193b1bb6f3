"""Public ids: what JSON, HTML and addresses call our rows. Always text.

An order is its row number; what belongs to an order is `<order>.<tail>`, where the tail is the
last path piece of the store's own id. The order's number makes it unique across stores.
"""

from __future__ import annotations

from integration.errors import NotFound

LARGEST = 2**63 - 1
"""No database row has a greater number; SQLite and Postgres refuse to look for one."""


def public_id(row_id: int) -> str:
    return str(row_id)


def row_id(text: str) -> int:
    """The row number behind a public id. Raises :exc:`NotFound`: a strange id names nothing of ours."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19) or not 0 < int(text) <= LARGEST:
        raise NotFound("there is nothing with this id")
    return int(text)


def tail(platform_id: str) -> str:
    """Last path piece: `gid://shopify/LineItem/77` → `77`, `77` → `77`."""
    return platform_id.rsplit("/", 1)[-1].split("?", 1)[0]


def child_id(order_id: int, platform_id: str) -> str:
    """Public id of a line, fulfillment, return or refund of an order."""
    return f"{order_id}.{tail(platform_id)}"
