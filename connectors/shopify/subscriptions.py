"""Webhook subscriptions of one shop, for tokens made by hand. Public apps declare theirs in shopify.app.toml.

Subscribing in both places doubles every delivery. Source: shopify.dev, "Subscribe to webhooks".
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from connectors.shopify.graphql import GraphQL
from connectors.shopify.shapes import Nodes, UserError
from integration.errors import StoreForbidden, StoreRefused

TOPICS = {
    "orders/create": "read_orders",
    "orders/updated": "read_orders",
    "orders/cancelled": "read_orders",
    "orders/edited": "read_orders",
    "orders/delete": "read_orders",
    "refunds/create": "read_orders",
    "order_transactions/create": "read_orders",
    "returns/request": "read_returns",
    "returns/approve": "read_returns",
    "returns/decline": "read_returns",
    "returns/cancel": "read_returns",
    "returns/close": "read_returns",
    "returns/reopen": "read_returns",
    "returns/process": "read_returns",
    "returns/update": "read_returns",
    "reverse_deliveries/attach_deliverable": "read_returns",
    "reverse_fulfillment_orders/dispose": "read_returns",
    "fulfillments/create": "read_fulfillments",
    "fulfillments/update": "read_fulfillments",
    "fulfillment_events/create": "read_fulfillments",
    "fulfillment_events/delete": "read_fulfillments",
    "customers/update": "read_customers",
    "customers/delete": "read_customers",
    "app/uninstalled": "",
    "app/scopes_update": "",
    "bulk_operations/finish": "",
    "shop/update": "",
}
"""Topics that we want, and the scope each needs. Source: shopify.dev, webhook topic list, 2026-10."""

COMPLIANCE_TOPICS = ("customers/data_request", "customers/redact", "shop/redact")
"""These exist only in the TOML file, not in the API."""


class Version(Struct):
    handle: str


class Subscription(Struct):
    id: str
    topic: str
    uri: str
    format: str = "JSON"
    includeFields: list[str] = []
    filter: str | None = None
    apiVersion: Version | None = None


class Listed(Struct):
    webhookSubscriptions: Nodes[Subscription]


class Change(Struct):
    userErrors: list[UserError]


class Created(Struct):
    webhookSubscriptionCreate: Change | None


class Deleted(Struct):
    webhookSubscriptionDelete: Change | None


def enum_name(topic: str) -> str:
    """`orders/updated` → `ORDERS_UPDATED`."""
    return topic.replace("/", "_").replace(".", "_").upper()


def wanted(scopes: frozenset[str]) -> list[str]:
    """The topics that these scopes allow."""
    return [topic for topic, scope in TOPICS.items() if not scope or grants(scopes, scope)]


def grants(scopes: frozenset[str], scope: str) -> bool:
    """`write_x` implies `read_x`. Source: shopify.dev, "Access scopes"."""
    return scope in scopes or (scope.startswith("read_") and f"write_{scope[5:]}" in scopes)


def subscribe(api: GraphQL, address: str, scopes: frozenset[str]) -> list[str]:
    """Leave exactly one right subscription a topic at `address`. Says what it did, a word an item."""
    changes: list[str] = []
    kept: set[str] = set()
    names = {enum_name(topic): topic for topic in wanted(scopes)}
    for existing in listed(api):
        topic = names.get(existing.topic)
        if topic and topic not in kept and _is_right(existing, address, api.version):
            kept.add(topic)
        elif topic or existing.uri == address:
            _checked(api.change("62_webhook_delete", Deleted, {"id": existing.id}).webhookSubscriptionDelete)
            changes.append(f"removed {existing.topic}")
    for name, topic in names.items():
        if topic not in kept:
            changes.append(_create(api, name, topic, address))
    return changes


def listed(api: GraphQL) -> list[Subscription]:
    found: list[Subscription] = []
    cursor = None
    while True:
        page = api.read("61_webhook_list", Listed, cursor=cursor).webhookSubscriptions
        found += page.nodes
        if not page.pageInfo.hasNextPage:
            return found
        cursor = page.pageInfo.endCursor


def _is_right(existing: Subscription, address: str, version: str) -> bool:
    """At our address, uncut, unfiltered, in our version (a subscription keeps the one it was made with)."""
    return (
        existing.uri == address
        and existing.format == "JSON"
        and not existing.includeFields
        and not existing.filter
        and (existing.apiVersion is None or existing.apiVersion.handle == version)
    )


def _create(api: GraphQL, name: str, topic: str, address: str) -> str:
    variables: dict[str, Any] = {"topic": name, "sub": {"uri": address, "format": "JSON"}}
    try:
        _checked(api.change("60_webhook_create", Created, variables).webhookSubscriptionCreate)
    except (StoreForbidden, StoreRefused) as error:
        return f"could not create {topic}: {error}"
    return f"created {topic}"


def _checked(change: Change | None) -> None:
    if change is None or change.userErrors:
        said = "; ".join(error.message[:200] for error in change.userErrors) if change else "no answer"
        raise StoreRefused(said)
