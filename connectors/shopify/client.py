"""A Shopify shop as :class:`integration.ports.StoreApi`: one method a question, the work next door."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from connectors import transport
from connectors.shopify import subscriptions, windows
from connectors.shopify.actions import Actions
from connectors.shopify.backfill import SMALL, Backfill
from connectors.shopify.bulk import Download
from connectors.shopify.cost import bucket_for
from connectors.shopify.domains import shop_domain
from connectors.shopify.graphql import GraphQL, Renewal
from connectors.shopify.orders import NodeReader, Orders, chunks
from connectors.shopify.shapes import Nodes, Ref, Shape, VersionShape
from connectors.shopify.values import utc
from connectors.shopify.windows import OrderIds, Window
from connectors.transport import Line
from integration.errors import StoreForbidden, StoreRefused, UnreadableAnswer
from integration.ports import (
    ActionKind,
    ActionRequest,
    Batch,
    OrderVersion,
    Poisoned,
    Quote,
    Receipt,
    ShopifyCredentials,
)
from integration.records import OrderRecord, ProductRecord, ShopRecord

GID = re.compile(r"gid://shopify/([A-Za-z]+)/[0-9]{1,20}", re.ASCII)


class ShopifyStore:
    """One shop with one token. Use from several threads is fine; close it in the end.

    `interactive`: a person waits, so calls may use the points that background work leaves untouched.
    `app_level`: webhooks are declared in shopify.app.toml, :meth:`subscribe` has nothing to do.
    `renew` is asked for fresh credentials when the shop turns ours down; it takes care of races itself.
    `spool` is where bulk files wait between batches; without it they go when the store is closed.
    """

    def __init__(
        self,
        credentials: ShopifyCredentials,
        *,
        origin: str,
        version: str,
        now: Callable[[], datetime],
        http: httpx.Client | None = None,
        interactive: bool = False,
        app_level: bool = False,
        renew: Renewal | None = None,
        spool: Path | None = None,
        sleep: Callable[[float], None] = time.sleep,
        small: int = SMALL,
        attempts: int = 4,
    ) -> None:
        shop = shop_domain(credentials.shop)
        self._scopes = frozenset(credentials.scopes)
        self._app_level, self._now = app_level, now
        self._http = http or transport.new_client()
        self._closes_http = http is None
        self._spool = spool
        self._own_spool: Path | None = None
        self._api = GraphQL(
            credentials,
            origin=origin,
            version=version,
            http=self._http,
            line=Line("shopify", shop, attempts=attempts, sleep=sleep),
            bucket=bucket_for(shop),
            now=now,
            interactive=interactive,
            renew=renew,
        )
        self._orders = Orders(self._api, now)
        self._download = Download(Line("shopify files", shop, sleep=sleep), origin=origin, shop=shop)
        self._backfill = Backfill(
            self._api,
            self._orders,
            self._download,
            folder=lambda: self._folder() / shop,
            now=now,
            sleep=sleep,
            small=small,
        )
        self._actions = Actions(self._api, self._orders, scopes=self._scopes, sleep=sleep)

    def _folder(self) -> Path:
        """Where bulk files wait. Made when it is first needed: most clients never fetch one."""
        if self._spool is not None:
            return self._spool
        if self._own_spool is None:
            self._own_spool = Path(tempfile.mkdtemp(prefix="deskside-"))
        return self._own_spool

    def shop(self) -> ShopRecord:
        settings = self._api.read("65_shop", Settings)
        shop = settings.shop
        return ShopRecord(
            platform_id=shop.id,
            domain=shop.myshopifyDomain,
            name=shop.name,
            currency=shop.currencyCode,
            timezone=shop.ianaTimezone,
            version=self._api.served_version or self._api.version,
            scopes=tuple(scope.handle for scope in settings.currentAppInstallation.accessScopes),
            taxes_included=shop.taxesIncluded,
            plan=shop.plan.publicDisplayName,
            features={"store_credit": self._store_credit()},
        )

    def _store_credit(self) -> bool:
        try:
            found = self._api.read("66_store_credit_enabled", CreditSettings).storeCreditConfiguration
        except (StoreForbidden, StoreRefused):
            return False
        return found.storeCreditEnabled

    def backfill(self, since: datetime | None, cursor: Mapping[str, Any]) -> Iterator[Batch]:
        return self._backfill.run(since, cursor)

    def changed(self, since: datetime, cursor: Mapping[str, Any]) -> Iterator[Batch]:
        """The upper bound is fixed on the first call; what changes later belongs to the next window."""
        until = datetime.fromisoformat(cursor["until"]) if cursor else self._now() + timedelta(seconds=1)
        start = datetime.fromisoformat(cursor["since"]) if cursor else since
        window = Window(field="updated_at", since=start, until=until)
        done, state = int(cursor.get("done", 0)), cursor.get("page", {})
        if state.get("over"):
            return
        for shapes, page in windows.pages(self._api, window, state):
            records, poisoned = self._orders.read([shape.id for shape in shapes])
            done += len(shapes)
            yield Batch(
                orders=tuple(records),
                poisoned=tuple(poisoned),
                cursor={
                    "since": windows.stamp(start),
                    "until": windows.stamp(until),
                    "page": page,
                    "done": done,
                },
                done=done,
            )

    def order(self, platform_id: str) -> OrderRecord | None:
        if kind_of(platform_id) != "Order":
            return None
        records, poisoned = self._orders.read([platform_id])
        if poisoned:
            raise UnreadableAnswer(poisoned[0].reason)
        return records[0] if records else None

    at_once = 20

    def orders(self, platform_ids: Sequence[str]) -> tuple[Sequence[OrderRecord], Sequence[Poisoned]]:
        return self._orders.read([each for each in platform_ids if kind_of(each) == "Order"])

    def order_of(self, resource_id: str) -> str | None:
        kind = kind_of(resource_id)
        if kind == "Order":
            return resource_id
        if kind == "Return":
            owned = self._api.read("59_return_owner", ReturnOwner, id=resource_id).return_
        elif kind == "ReverseFulfillmentOrder":
            owned = self._api.read("26_reverse_fulfillment_order_owner", GoodsOwner, id=resource_id).found
        else:
            return None
        return owned.order.id if owned and owned.order else None

    def versions(self, since: datetime, until: datetime) -> Iterator[Sequence[OrderVersion]]:
        window = Window(field="processed_at", since=since, until=until + timedelta(seconds=1))
        for shapes, _ in windows.pages(self._api, window, {}):
            yield [
                _version(shape)
                for shape in shapes
                if shape.processedAt is not None and since <= shape.processedAt < until
            ]

    def newest(self) -> OrderVersion | None:
        shapes = self._api.read("67_newest_order", OrderIds).orders.nodes
        return _version(shapes[0]) if shapes else None

    def products(self, platform_ids: Sequence[str]) -> Sequence[ProductRecord]:
        ids = [each for each in dict.fromkeys(platform_ids) if kind_of(each) == "Product"]
        reader = NodeReader(self._api, "64_products_by_ids")
        records = []
        for chunk in chunks(ids, 50):
            found, _ = reader.read(chunk)
            records += [_product(msgspec.json.decode(raw, type=Product)) for raw in found.values()]
        return records

    def subscribe(self, address: str, secret: str) -> Sequence[str]:
        """`secret` is not needed: deliveries are signed with the app's own."""
        if self._app_level:
            return []
        return subscriptions.subscribe(self._api, address, self._scopes)

    def quote(self, request: ActionRequest) -> Quote:
        return self._actions.quote(request)

    def supports(self, kind: ActionKind, order: OrderRecord | None) -> str | None:
        return self._actions.supports(kind, order)

    def prepare(self, request: ActionRequest) -> str:
        return self._actions.prepare(request)

    def find(self, request: ActionRequest, prepared: str) -> Receipt | None:
        return self._actions.find(request, prepared)

    def send(self, request: ActionRequest, prepared: str) -> Receipt:
        return self._actions.send(request, prepared)

    def complete(self, request: ActionRequest, prepared: str) -> Receipt:
        raise StoreRefused("Shopify does an action whole or not at all", code="unsupported")

    def repeatable(self, request: ActionRequest) -> bool:
        return self._actions.repeatable(request)

    def close(self) -> None:
        self._download.close()
        if self._closes_http:
            self._http.close()
        if self._own_spool is not None:
            shutil.rmtree(self._own_spool, ignore_errors=True)


class Scope(Struct):
    handle: str


class Installation(Struct):
    accessScopes: list[Scope]


class Plan(Struct):
    publicDisplayName: str = ""


class ShopShape(Shape):
    id: str
    name: str
    myshopifyDomain: str
    currencyCode: str
    ianaTimezone: str
    taxesIncluded: bool | None = None
    plan: Plan = msgspec.field(default_factory=Plan)


class Settings(Struct):
    currentAppInstallation: Installation
    shop: ShopShape


class CreditConfiguration(Struct):
    storeCreditEnabled: bool


class CreditSettings(Struct):
    storeCreditConfiguration: CreditConfiguration


class Owned(Struct):
    order: Ref | None = None


class ReturnOwner(Struct):
    return_: Owned | None = msgspec.field(name="return")


class GoodsOwner(Struct):
    found: Owned | None = msgspec.field(name="reverseFulfillmentOrder")


class Collection(Struct):
    handle: str


class Product(Shape):
    id: str
    title: str
    updatedAt: datetime | None = None
    tags: list[str] = msgspec.field(default_factory=list)
    productType: str = ""
    collections: Nodes[Collection] = msgspec.field(default_factory=lambda: Nodes(nodes=[]))


def _product(shape: Product) -> ProductRecord:
    return ProductRecord(
        platform_id=shape.id,
        title=shape.title,
        updated_at=shape.updatedAt,
        tags=tuple(shape.tags),
        categories=tuple(each.handle for each in shape.collections.nodes),
        product_type=shape.productType,
    )


def _version(shape: VersionShape) -> OrderVersion:
    placed_at = utc(shape.processedAt or shape.updatedAt)
    return OrderVersion(platform_id=shape.id, placed_at=placed_at, updated_at=utc(shape.updatedAt))


def kind_of(gid: str) -> str | None:
    """`Order` of `gid://shopify/Order/1001`; None for what is no such id."""
    found = GID.fullmatch(gid)
    return found[1] if found else None
