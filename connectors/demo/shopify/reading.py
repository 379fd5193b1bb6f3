"""The query root: where every read begins."""

from __future__ import annotations

from typing import Any

from graphql import get_named_type

from connectors.demo.shopify import bulk, paging, returns, search, suggestions
from connectors.demo.shopify.bags import Doc
from connectors.demo.shopify.desk import Desk, Info

POLICY = (
    "<p>Thirty days to change your mind. Things made for you, opened care products and final-sale pieces "
    "stay with you; anything broken we make good.</p>"
)


def _visible(desk: Desk, query: str | None) -> search.Search:
    found = search.parse(query)
    for warning in found.warnings:
        desk.warnings.append({"path": ["orders"], "query": query, "warnings": [warning]})
    if desk.oldest:
        found.sql += " AND processed >= ?"
        found.values.append(desk.oldest)
    return found


def orders(_root: object, info: Info, query: str | None = None, **args: Any) -> Doc:
    desk: Desk = info.context
    page = paging.page_of_orders(desk.shop.archive, _visible(desk, query), args)
    for order in page["nodes"]:
        desk.meet(order)
    return page


def _orders_count(_root: object, info: Info, query: str | None = None, limit: int | None = 10_000) -> Doc:
    found = _visible(info.context, query)
    count = info.context.shop.archive.count(found.sql, found.values)
    if limit is not None and count > limit:
        return {"count": limit, "precision": "AT_LEAST"}
    return {"count": count, "precision": "EXACT"}


def _order(_root: object, info: Info, id: str) -> Doc | None:
    desk: Desk = info.context
    return desk.order(id)


NODE_NEEDS = {
    "Order": "read_orders",
    "Fulfillment": "read_orders",
    "Refund": "read_orders",
    "Customer": "read_customers",
    "Return": "read_returns",
    "ReverseFulfillmentOrder": "read_returns",
    "Product": "read_products",
}
"""The scope that asking for an id of this kind needs."""


def _kind(gid: str) -> str:
    return gid.removeprefix("gid://shopify/").partition("/")[0]


def _find(_root: object, info: Info, id: str) -> Doc | None:
    """By gid; a gid of another kind than the field's finds nothing."""
    desk: Desk = info.context
    wanted = get_named_type(info.return_type).name
    if wanted not in ("Node", _kind(id)):
        return None
    if scope := NODE_NEEDS.get(_kind(id)):
        desk.demand(scope, info.field_name)
    return desk.find(id)


def _nodes(_root: object, info: Info, ids: list[str]) -> list[Doc | None]:
    if len(ids) > paging.LARGEST:
        raise paging.bad_request(
            f"The input array size of {len(ids)} is greater than the maximum allowed of 250."
        )
    for scope in {NODE_NEEDS[_kind(gid)] for gid in ids if _kind(gid) in NODE_NEEDS}:
        info.context.demand(scope, "nodes")
    return [info.context.find(gid) for gid in ids]


def _customer(_root: object, info: Info, id: str) -> Doc | None:
    desk: Desk = info.context
    return desk.customer(id)


def _customer_by(_root: object, info: Info, identifier: Doc) -> Doc | None:
    desk: Desk = info.context
    archive = desk.shop.archive
    if gid := identifier.get("id"):
        return desk.customer(gid)
    if email := identifier.get("emailAddress"):
        found = archive.customer_by_email(email)
    else:
        found = archive.customer_by_phone(identifier.get("phoneNumber") or "")
    return desk.greet(found) if found else None


def _installation(_root: object, info: Info) -> Doc:
    return {
        "id": "gid://shopify/AppInstallation/1",
        "accessScopes": [{"handle": scope} for scope in info.context.scopes],
        "app": {"id": "gid://shopify/App/1", "title": "Deskside", "handle": "deskside"},
    }


def _shop(_root: object, info: Info) -> Doc:
    shop = info.context.shop
    address = f"https://{shop.domain}"
    return {
        "id": f"gid://shopify/Shop/{shop.shop_id}",
        "name": shop.name,
        "email": "owner@lumi.example",
        "contactEmail": "hello@lumi.example",
        "myshopifyDomain": shop.domain,
        "primaryDomain": {"host": shop.domain, "url": address},
        "currencyCode": shop.currency,
        "enabledPresentmentCurrencies": [shop.currency, "GBP", "THB", "USD"],
        "ianaTimezone": "Europe/Tallinn",
        "taxesIncluded": True,
        "orderNumberFormatPrefix": "#",
        "orderNumberFormatSuffix": "",
        "customerAccountsV2": {"customerAccountsVersion": "NEW_CUSTOMER_ACCOUNTS"},
        "plan": {"publicDisplayName": "Development", "partnerDevelopment": True, "shopifyPlus": False},
        "shopPolicies": [
            {
                "id": "gid://shopify/ShopPolicy/1",
                "type": "REFUND_POLICY",
                "title": "Refund policy",
                "url": f"{address}/policies/refund-policy",
                "updatedAt": "2026-03-02T09:00:00Z",
                "body": POLICY,
            }
        ],
    }


def _reasons(_root: object, info: Info, sortKey: str = "ID", **args: Any) -> Doc:
    field = {"NAME": "name", "HANDLE": "handle"}.get(sortKey)
    reasons = sorted(returns.REASONS, key=lambda each: str(each[field])) if field else list(returns.REASONS)
    return paging.page(reasons, args)


def _returnable(_root: object, info: Info, orderId: str, **args: Any) -> Doc:
    order = info.context.order(orderId)
    found = [
        {
            "id": fulfillment["id"].replace("/Fulfillment/", "/ReturnableFulfillment/"),
            "fulfillment": fulfillment,
            "returnableFulfillmentLineItems": [
                {"id": item["id"], "quantity": count, "fulfillmentLineItem": item} for item, count in items
            ],
        }
        for fulfillment, items in (returns.returnable(order) if order else [])
    ]
    return paging.page(found, args)


def _calculate(_root: object, info: Info, input: Doc) -> Doc | None:
    desk: Desk = info.context
    if desk.order(input["orderId"]) is None:
        return None
    return suggestions.calculate(desk.shop, input)


def _job(_root: object, info: Info, id: str) -> Doc | None:
    desk: Desk = info.context
    job = desk.shop.archive.kept("job", id)
    return {"id": id, "done": job["done"]} if job else None


def _bulk_operation(_root: object, info: Info, id: str) -> Doc | None:
    return bulk.shown(info.context.shop, id)


def _bulk_operations(_root: object, info: Info, query: str | None = None, **args: Any) -> Doc:
    return paging.page(bulk.listed(info.context.shop, query or ""), args)


def _subscriptions(_root: object, info: Info, **args: Any) -> Doc:
    return paging.page(info.context.shop.archive.all_kept("subscription"), args)


def _credit_settings(_root: object, info: Info) -> Doc:
    return {"storeCreditEnabled": True}


ROOT: dict[str, Any] = {
    "orders": orders,
    "ordersCount": _orders_count,
    "order": _order,
    "node": _find,
    "nodes": _nodes,
    "fulfillment": _find,
    "return": _find,
    "reverseFulfillmentOrder": _find,
    "customer": _customer,
    "customerByIdentifier": _customer_by,
    "currentAppInstallation": _installation,
    "shop": _shop,
    "storeCreditConfiguration": _credit_settings,
    "returnReasonDefinitions": _reasons,
    "returnableFulfillments": _returnable,
    "returnCalculate": _calculate,
    "job": _job,
    "bulkOperation": _bulk_operation,
    "bulkOperations": _bulk_operations,
    "webhookSubscriptions": _subscriptions,
}
