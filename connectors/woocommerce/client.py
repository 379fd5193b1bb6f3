"""One WooCommerce store as a :class:`integration.ports.StoreApi`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.transport import Line
from connectors.woocommerce import subscriptions
from connectors.woocommerce.actions import Actions, supports
from connectors.woocommerce.calls import Calls
from connectors.woocommerce.reads import Reads
from connectors.woocommerce.shop import read_shop
from integration.ports import (
    ActionKind,
    ActionRequest,
    Batch,
    OrderVersion,
    Poisoned,
    Quote,
    Receipt,
    WooCommerceCredentials,
)
from integration.records import OrderRecord, ProductRecord, ShopRecord


class WooCommerceStore:
    def __init__(
        self,
        credentials: WooCommerceCredentials,
        *,
        now: Callable[[], datetime],
        allow_http: bool = False,
        line: Line | None = None,
        attempts: int = 4,
    ) -> None:
        self._calls = Calls(credentials, now=now, allow_http=allow_http, line=line, attempts=attempts)
        self._reads = Reads(self._calls, now=now)
        self._actions = Actions(self._calls, self._reads)

    def shop(self) -> ShopRecord:
        return read_shop(self._calls)

    def backfill(self, since: datetime | None, cursor: Mapping[str, Any]) -> Iterator[Batch]:
        return self._reads.backfill(since, cursor)

    def changed(self, since: datetime, cursor: Mapping[str, Any]) -> Iterator[Batch]:
        return self._reads.changed(since, cursor)

    def order(self, platform_id: str) -> OrderRecord | None:
        return self._reads.order(platform_id)

    at_once = 1

    def orders(self, platform_ids: Sequence[str]) -> tuple[Sequence[OrderRecord], Sequence[Poisoned]]:
        return self._reads.orders(platform_ids)

    def order_of(self, resource_id: str) -> str | None:
        """Every event of ours that matters names its order itself."""
        return None

    def versions(self, since: datetime, until: datetime) -> Iterator[Sequence[OrderVersion]]:
        return self._reads.versions(since, until)

    def newest(self) -> OrderVersion | None:
        return self._reads.newest()

    def products(self, platform_ids: Sequence[str]) -> Sequence[ProductRecord]:
        return self._reads.products(platform_ids)

    def subscribe(self, address: str, secret: str) -> Sequence[str]:
        return subscriptions.subscribe(self._calls, address, secret)

    def unsubscribe(self, address: str) -> Sequence[str]:
        """Remove our webhooks, before a merchant's wish to disconnect is carried out."""
        return subscriptions.unsubscribe(self._calls, address)

    def quote(self, request: ActionRequest) -> Quote:
        return self._actions.quote(request)

    def supports(self, kind: ActionKind, order: OrderRecord | None) -> str | None:
        return supports(kind, order)

    def prepare(self, request: ActionRequest) -> str:
        return self._actions.prepare(request)

    def find(self, request: ActionRequest, prepared: str) -> Receipt | None:
        return self._actions.find(request, prepared)

    def send(self, request: ActionRequest, prepared: str) -> Receipt:
        return self._actions.send(request, prepared)

    def complete(self, request: ActionRequest, prepared: str) -> Receipt:
        return self._actions.complete(request, prepared)

    def repeatable(self, request: ActionRequest) -> bool:
        return self._actions.repeatable(request)

    def close(self) -> None:
        """Nothing to give back: the package opens a connection for each call."""
