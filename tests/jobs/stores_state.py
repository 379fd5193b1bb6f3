"""What the demo stores really hold, in our words, and how a cache differs from it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
from graphql import FragmentDefinitionNode, OperationDefinitionNode, parse
from sqlalchemy import select

from connectors.demo.shopify import DemoShopify
from connectors.demo.shopify.desk import Desk
from connectors.demo.shopify.projection import Plan
from connectors.demo.shopify.schema import schema
from connectors.demo.shopify.shop import SCOPES, Shop
from connectors.demo.woocommerce import DemoWooCommerce
from connectors.shopify import decode as shopify_decode
from connectors.shopify import documents
from connectors.shopify.shapes import OrderShape
from connectors.woocommerce import decode as woocommerce_decode
from connectors.woocommerce.client import WooCommerceStore
from connectors.woocommerce.decode import Setting
from integration.db.orders import Order
from integration.ports import WooCommerceCredentials
from integration.recorded import loaded, record_of
from integration.records import OrderRecord
from integration.work import Database

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
Records = dict[str, OrderRecord]


@cache
def _whole_order() -> Plan:
    """The document by which the product reads orders, with every list read to its end."""
    document = parse(documents.text("28_orders_by_ids"))
    fragments = {
        each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
    }
    (operation,) = (each for each in document.definitions if isinstance(each, OperationDefinitionNode))
    (nodes,) = operation.selection_set.selections
    (order,) = nodes.selection_set.selections
    return Plan(schema(), fragments, schema().type_map["Order"], whole=True).select(order.selection_set)


def in_shopify(shop: Shop) -> Records:
    """Everything in the books of a Shopify-like store, as records."""
    desk, found = Desk(shop, SCOPES, {}), {}
    for order in shop.archive.find("1", ()):
        desk.forget()
        shape = msgspec.convert(_whole_order().read(desk.meet(order), desk), OrderShape)
        found[shape.id] = shopify_decode.order(shape, LONG_AGO)
    return found


def in_woocommerce(state: dict[str, Any], setting: Setting) -> Records:
    """The control plane's state of a WooCommerce-like store, as records."""
    refunds: dict[int, list[dict[str, Any]]] = {}
    for refund in state["refunds"]:
        refunds.setdefault(refund["parent_id"], []).append(refund)
    records = [
        woocommerce_decode.order(raw, refunds.get(raw["id"], ()), fetched_at=LONG_AGO, setting=setting)
        for raw in state["orders"]
        if woocommerce_decode.is_order(raw)
    ]
    return {record.platform_id: record for record in records}


def setting_of(url: str, key: str, secret: str) -> Setting:
    """What decoding the store's orders needs to know, asked of the store itself."""
    store = WooCommerceStore(
        WooCommerceCredentials(url=url, consumer_key=key, consumer_secret=secret),
        now=lambda: datetime.now(UTC),
        allow_http=True,
    )
    try:
        return store._reads.setting
    finally:
        store.close()


def held_by(shopify: DemoShopify, woocommerce: DemoWooCommerce, setting: Setting) -> dict[str, Records]:
    return {
        "shopify": in_shopify(shopify.shop()),
        "woocommerce": in_woocommerce(woocommerce.command("state"), setting),
    }


def cached(database: Database, account_id: int, store_id: int) -> Records:
    """Every order of a store that the cache does not hold to be gone for good, whenever it was fetched."""
    with database.reading(account_id) as work:
        rows = work.session.scalars(loaded(select(Order)).where(Order.store_id == store_id)).all()
    records = (record_of(row) for row in rows)
    return {record.platform_id: msgspec.structs.replace(record, fetched_at=LONG_AGO) for record in records}


def differences(theirs: Records, ours: Records) -> list[str]:
    """Empty if the cache equals the store field by field. Orders that the store deleted must be marked."""
    found = [f"{each}: missing" for each in theirs.keys() - ours.keys()]
    found += [f"{each}: deleted, not marked" for each in ours.keys() - theirs.keys() if not ours[each].gone]
    for platform_id in theirs.keys() & ours.keys():
        want, have = theirs[platform_id], ours[platform_id]
        if want != have:
            found += [f"{platform_id}: {difference}" for difference in _differing("", want, have)]
    return sorted(found)


def _differing(place: str, want: Any, have: Any) -> Iterator[str]:
    """The innermost values that differ, and where they are."""
    if isinstance(want, msgspec.Struct) and type(want) is type(have):
        for name in want.__struct_fields__:
            yield from _differing(f"{place}.{name}", getattr(want, name), getattr(have, name))
    elif isinstance(want, tuple) and isinstance(have, tuple) and len(want) == len(have):
        for number, (one, other) in enumerate(zip(want, have, strict=True)):
            yield from _differing(f"{place}[{number}]", one, other)
    elif want != have:
        yield f"{place.lstrip('.')}: store {want!r}, cache {have!r}"[:400]
