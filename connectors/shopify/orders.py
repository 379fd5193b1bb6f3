"""Whole orders by id, however long they are; a broken one spoils only itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from connectors.shopify import decode
from connectors.shopify.graphql import GraphQL
from connectors.shopify.shapes import (
    LineShape,
    Nodes,
    OrderShape,
    Page,
    RefundLineShape,
    RefundShape,
    ReturnLineShape,
    ReturnShape,
    ShipmentLineShape,
    ShipmentShape,
)
from connectors.transport import Broken
from integration.errors import StoreRefused, UnreadableAnswer
from integration.ports import Poisoned
from integration.records import OrderRecord

T = TypeVar("T")

MOST_IDS = 50
"""Ids in one question. Shopify takes 250, but answers within 10 seconds or not at all."""

_order = msgspec.json.Decoder(OrderShape)


class Found(Struct):
    """Of `nodes(ids:)`: each in its place, null where there is nothing to see."""

    nodes: list[Raw]


class OwnedByOrder(Struct):
    order: Page[Raw] | None


class OwnedByNode(Struct):
    node: Page[Raw] | None


class NodeReader:
    """Reads many things by id with one document, in as large bites as the shop swallows."""

    def __init__(self, api: GraphQL, document: str, *, most: int = MOST_IDS) -> None:
        self._api, self._document, self._most = api, document, most

    def read(self, ids: Sequence[str]) -> tuple[dict[str, Raw], list[Poisoned]]:
        """JSON by id (absent: gone, or not for us to see), and those the shop cannot bring out."""
        found: dict[str, Raw] = {}
        poisoned: list[Poisoned] = []
        for chunk in chunks(ids, self._most):
            self._bite(chunk, found, poisoned)
        return found, poisoned

    def _bite(self, ids: Sequence[str], found: dict[str, Raw], poisoned: list[Poisoned]) -> None:
        try:
            answer = self._api.read(self._document, Found, ids=list(ids))
        except Broken as error:
            if len(ids) == 1:
                poisoned.append(Poisoned(platform_id=ids[0], reason=f"the shop cannot show it: {error}"))
                return
        except StoreRefused as error:
            if error.code != "max_cost_exceeded" or len(ids) == 1:
                raise
            self._most = max(1, len(ids) // 2)
        else:
            found.update((key, raw) for key, raw in zip(ids, answer.nodes, strict=False) if not _is_null(raw))
            return
        half = (len(ids) + 1) // 2
        self._bite(ids[:half], found, poisoned)
        self._bite(ids[half:], found, poisoned)


def _is_null(raw: Raw) -> bool:
    """Raw JSON keeps the spaces around it."""
    return len(raw) < 16 and bytes(raw).strip() == b"null"


class Orders:
    """Reads whole orders: first page of everything at once, further pages where there are more."""

    def __init__(self, api: GraphQL, now: Callable[[], datetime]) -> None:
        self._api, self._now = api, now
        self._reader = NodeReader(api, "28_orders_by_ids")

    def read(self, ids: Sequence[str]) -> tuple[list[OrderRecord], list[Poisoned]]:
        """Those of the orders that there are, in the order of `ids`."""
        fetched_at = self._now()
        found, poisoned = self._reader.read(ids)
        records = []
        for platform_id in ids:
            if (raw := found.get(platform_id)) is None:
                continue
            try:
                shape = _order.decode(raw)
                self.complete(shape)
                records.append(decode.order(shape, fetched_at))
            except (msgspec.DecodeError, ValueError) as error:
                poisoned.append(Poisoned(platform_id=platform_id, reason=reason(error)))
        return records, poisoned

    def complete(self, shape: OrderShape) -> None:
        """Fetch what did not fit on the first pages."""
        self._rest(shape.lineItems, "29_more_lines", shape.id, LineShape)
        self._rest(shape.returns, "27_more_returns", shape.id, ReturnShape)
        for each in shape.returns.nodes:
            self._rest(each.returnLineItems, "58_more_return_lines", each.id, ReturnLineShape)
        self.complete_details(shape.fulfillments, shape.refunds)

    def complete_details(self, shipments: Iterable[ShipmentShape], refunds: Iterable[RefundShape]) -> None:
        for shipment in shipments:
            self._rest(
                shipment.fulfillmentLineItems, "56_more_shipment_lines", shipment.id, ShipmentLineShape
            )
        for refund in refunds:
            self._rest(refund.refundLineItems, "57_more_refund_lines", refund.id, RefundLineShape)

    def _rest(self, first: Nodes[T], document: str, owner_id: str, type: type[T]) -> None:
        info = first.pageInfo
        while info.hasNextPage:
            page = self._page(document, owner_id, info.endCursor)
            first.nodes.extend(msgspec.json.decode(raw, type=type) for raw in page.nodes)
            if page.pageInfo.hasNextPage and page.pageInfo.endCursor == info.endCursor:
                raise UnreadableAnswer(f"{document}: the next page is the same page")
            info = page.pageInfo
        first.pageInfo = info

    def _page(self, document: str, owner_id: str, cursor: str | None) -> Nodes[Raw]:
        owned: Page[Raw] | None
        if document in ("27_more_returns", "29_more_lines"):
            owned = self._api.read(document, OwnedByOrder, id=owner_id, cursor=cursor).order
        else:
            owned = self._api.read(document, OwnedByNode, id=owner_id, cursor=cursor).node
        if owned is None:
            raise UnreadableAnswer(f"{document}: gone while it was read")
        return owned.page


def reason(error: Exception) -> str:
    """Why something could not be read, without what stood in it: it may be about people."""
    if isinstance(error, msgspec.DecodeError):
        return f"unexpected form: {error}"[:200]
    return "amounts that are none, or in mixed currencies"


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def as_json(value: Any) -> str:
    """Text that is the same for the same value, key order kept."""
    return msgspec.json.encode(value).decode()
