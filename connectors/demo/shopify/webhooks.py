"""Who is told what: the app's subscriptions, signing, and the outbox.

Two kinds of subscription: those of the app's configuration file (every topic below, all shops that
have the app installed) and those that the app makes per shop through the API. Source: fact sheet, 5.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from connectors.demo.shopify.bags import Doc

if TYPE_CHECKING:
    from connectors.demo.shopify.shop import Shop

COMPLIANCE = ("customers/data_request", "customers/redact", "shop/redact")
SCOPE_OF = {
    "orders": "read_orders",
    "refunds": "read_orders",
    "order_transactions": "read_orders",
    "returns": "read_returns",
    "reverse_deliveries": "read_returns",
    "reverse_fulfillment_orders": "read_returns",
    "fulfillments": "read_fulfillments",
    "fulfillment_events": "read_fulfillments",
    "customers": "read_customers",
}
"""The scope that the topics of a resource need."""

FILE_TOPICS = frozenset(
    [
        "orders/create",
        "orders/updated",
        "orders/cancelled",
        "orders/edited",
        "orders/delete",
        "refunds/create",
        "order_transactions/create",
        "returns/request",
        "returns/approve",
        "returns/decline",
        "returns/cancel",
        "returns/close",
        "returns/reopen",
        "returns/process",
        "returns/update",
        "reverse_deliveries/attach_deliverable",
        "reverse_fulfillment_orders/dispose",
        "fulfillments/create",
        "fulfillments/update",
        "fulfillment_events/create",
        "fulfillment_events/delete",
        "customers/update",
        "customers/delete",
        "app/uninstalled",
        "app/scopes_update",
        "bulk_operations/finish",
    ]
)
"""Topics of the app's configuration file."""


def topic_of(enum: str) -> str:
    """`ORDERS_UPDATED` to `orders/updated`: the last word is the event, but for a few two-word events."""
    words = enum.lower()
    for event in ("partially_fulfilled", "attach_deliverable", "scopes_update", "data_request"):
        if words.endswith(f"_{event}"):
            return f"{words.removesuffix(f'_{event}')}/{event}"
    resource, _, event = words.rpartition("_")
    return f"{resource}/{event}"


def grants(scopes: list[str] | tuple[str, ...], needed: str) -> bool:
    """Whether granted scopes cover `needed`; writing implies reading."""
    return needed in scopes or (
        needed.startswith("read_") and "write_" + needed.removeprefix("read_") in scopes
    )


def sign(secret: str, body: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def post(shop: Shop, topic: str, payload: Doc, event_id: str, now: float) -> None:
    """Put one delivery per matching subscription into the outbox."""
    installation = shop.archive.kept("installation", "app")
    if installation is None:
        return
    scope = SCOPE_OF.get(topic.partition("/")[0])
    compliance = topic in COMPLIANCE
    if not compliance and scope and not grants(installation["scopes"], scope):
        return
    if shop.app.webhook_address and (compliance or topic in FILE_TOPICS):
        _deliver(shop, topic, payload, event_id, now, shop.app.webhook_address, {})
    for each in () if compliance else shop.archive.all_kept("subscription"):
        if topic_of(each["topic"]) == topic:
            fields = each["includeFields"]
            cut = {name: payload[name] for name in fields if name in payload} if fields else payload
            _deliver(
                shop,
                topic,
                cut,
                event_id,
                now,
                each["uri"],
                {"subscription": each["id"], "name": each.get("name")},
            )


def _deliver(
    shop: Shop, topic: str, payload: Doc, event_id: str, now: float, address: str, more: Doc
) -> None:
    body = msgspec.json.encode(payload)
    moment = datetime.fromtimestamp(now, UTC)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Shopify-Captain-Hook",
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-Sha256": sign(shop.app.client_secret, body),
        "X-Shopify-Shop-Domain": shop.domain,
        "X-Shopify-API-Version": "2026-10",
        "X-Shopify-Webhook-Id": str(uuid.uuid4()),
        "X-Shopify-Event-Id": event_id,
        "X-Shopify-Triggered-At": moment.strftime("%Y-%m-%dT%H:%M:%S.%f000Z"),
    }
    if more.get("name"):
        headers["X-Shopify-Name"] = more["name"]
    shop.archive.post(address, headers, body, now)


def subscribe(shop: Shop, topic: str, wanted: Doc) -> Doc:
    """`webhookSubscriptionCreate`."""

    def refused(field: str, message: str) -> Doc:
        return {
            "webhookSubscription": None,
            "userErrors": [{"field": ["webhookSubscription", field], "message": message}],
        }

    uri = wanted.get("uri") or ""
    if not uri.startswith(("https://", "http://127.0.0.1", "http://localhost", "pubsub://", "arn:aws:")):
        return refused("uri", "Address protocol http:// is not supported")
    with shop.archive.change():
        if any(
            each["topic"] == topic and each["uri"] == uri for each in shop.archive.all_kept("subscription")
        ):
            return refused("uri", "Address for this topic has already been taken")
        now = shop.stamp()
        made: Doc = {
            "id": shop.archive.gid("WebhookSubscription"),
            "topic": topic,
            "uri": uri,
            "format": wanted.get("format") or "JSON",
            "includeFields": wanted.get("includeFields") or [],
            "filter": wanted.get("filter"),
            "name": wanted.get("name"),
            "createdAt": now,
            "updatedAt": now,
            "apiVersion": {"handle": "2026-10"},
        }
        shop.archive.keep("subscription", made["id"], made)
    return {"webhookSubscription": made, "userErrors": []}


def unsubscribe(shop: Shop, gid: str) -> Doc:
    """`webhookSubscriptionDelete`."""
    with shop.archive.change():
        if shop.archive.kept("subscription", gid) is None:
            error = {"field": ["id"], "message": "Webhook subscription does not exist"}
            return {"deletedWebhookSubscriptionId": None, "userErrors": [error]}
        shop.archive.drop("subscription", gid)
    return {"deletedWebhookSubscriptionId": gid, "userErrors": []}
