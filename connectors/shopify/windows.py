"""Ids of orders in a window of time, page by page, without gaps while orders change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from connectors.shopify.graphql import GraphQL
from connectors.shopify.shapes import Nodes, VersionShape

MOST_PAGES = 90
"""Shopify pages through 25,000 objects at most: 90 pages of 250, then the search starts anew further on."""


class OrderIds(Struct):
    orders: Nodes[VersionShape]


class Window(Struct, frozen=True, kw_only=True):
    """Orders placed (`processed_at`) or changed (`updated_at`) in [since, until)."""

    field: str
    since: datetime
    until: datetime

    @property
    def document(self) -> str:
        return "02_orders_changed_ids" if self.field == "updated_at" else "39_order_versions"

    def search(self, start: str) -> str:
        return f"{self.field}:>='{start}' AND {self.field}:<'{stamp(self.until)}'"

    def time_of(self, shape: VersionShape) -> datetime:
        return shape.updatedAt if self.field == "updated_at" else (shape.processedAt or shape.updatedAt)


def pages(
    api: GraphQL, window: Window, state: Mapping[str, Any]
) -> Iterator[tuple[list[VersionShape], dict[str, Any]]]:
    """Pages of ids, oldest first, each with the state to go on behind it ({} starts).

    Cursors carry the sort value, so orders that leave the window while we page move nothing: they turn
    up in the next window, whose start lies before this one's end.
    """
    start = state.get("from") or stamp(window.since)
    after, count = state.get("after"), int(state.get("pages", 0))
    while True:
        found = api.read(window.document, OrderIds, query=window.search(start), cursor=after).orders
        count += 1
        after = found.pageInfo.endCursor
        if count >= MOST_PAGES and found.nodes:
            again = stamp(window.time_of(found.nodes[-1]))
            # All of a second on 90 pages: going on by cursor is all that is left.
            start, after, count = (again, None, 0) if again != start else (start, after, count)
        more = found.pageInfo.hasNextPage
        yield found.nodes, {"from": start, "after": after, "pages": count, "over": not more}
        if not more:
            return


def stamp(moment: datetime) -> str:
    """As searches take it; whole seconds, as Shopify's own times are."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
