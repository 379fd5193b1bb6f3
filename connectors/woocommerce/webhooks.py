"""Deliveries of a WooCommerce store: verified, then read. Pure.

What arrives (measured on two stores): signed JSON views of a resource; `{id}` alone for `deleted`, which
means the trash; `{action, arg}` for `action.*`; a signed REST error without any id where the resource is
gone by the time of delivery; and one unsigned form post, the ping, when a webhook is made.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from connectors.woocommerce.raw import identity, moment
from integration.errors import BadInput, ForgedMessage
from integration.ports import Topic, WebhookEvent

PING = re.compile(rb"webhook_id=\d{1,20}")

ABOUT_ORDERS = frozenset(
    {
        "action.woocommerce_new_order",
        "action.woocommerce_order_refunded",
        "action.woocommerce_order_status_changed",
        "action.woocommerce_order_status_refunded",
        "action.woocommerce_payment_complete",
        "action.woocommerce_before_delete_order",
    }
)
"""Hooks whose first argument is the order's id. Of others (notes, deleted refunds) it is not."""


def sign(body: bytes, secret: str) -> str:
    """What the store puts into X-WC-Webhook-Signature (124 of 124 recorded deliveries)."""
    return base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()


def read(headers: Mapping[str, str], body: bytes, secret: str) -> WebhookEvent:
    """One delivery in our words.

    Raises :exc:`ForgedMessage` if the signature is missing or wrong, :exc:`BadInput` if a rightly signed
    body is not JSON. An order's event only says *that* it changed: ask the store how it looks now.
    """
    named = {name.lower(): value for name, value in headers.items()}
    if _is_ping(named, body):
        return WebhookEvent(topic=Topic.PING, platform_topic="ping", delivery_id=_id(named, body), domain="")
    given = named.get("x-wc-webhook-signature", "")
    if not given or not hmac.compare_digest(given.encode("utf-8", "replace"), sign(body, secret).encode()):
        raise ForgedMessage("webhook signature does not match")
    platform_topic = named.get("x-wc-webhook-topic", "")
    payload = _payload(body)
    topic, resource_id = _about(platform_topic, payload)
    return WebhookEvent(
        topic=topic,
        platform_topic=platform_topic[:100],
        delivery_id=_id(named, body),
        domain=_host(named.get("x-wc-webhook-source", "")),
        resource_id=resource_id or None,
        triggered_at=moment(payload, "date_modified_gmt"),
        payload={"id": resource_id} if resource_id else {},
    )


def _is_ping(named: Mapping[str, str], body: bytes) -> bool:
    signed = any(name.startswith("x-wc-webhook-") for name in named)
    return not signed and PING.fullmatch(body) is not None


def _payload(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput("a signed webhook that is not a JSON object") from error


def _about(platform_topic: str, payload: Mapping[str, Any]) -> tuple[Topic, str]:
    resource, _, event = platform_topic.partition(".")
    if resource == "action":
        about_order = platform_topic in ABOUT_ORDERS and identity(payload, "arg")
        return (Topic.ORDER, identity(payload, "arg")) if about_order else (Topic.UNKNOWN, "")
    topic = {"order": Topic.ORDER, "product": Topic.PRODUCT, "customer": Topic.CUSTOMER}.get(resource)
    found = identity(payload)
    if topic is None or not found or not event:
        return Topic.UNKNOWN, ""
    return topic, found


def _id(named: Mapping[str, str], body: bytes) -> str:
    """Deliveries of one webhook in one second share the store's id, so the body's hash is part of ours."""
    webhook, delivery = named.get("x-wc-webhook-id", "")[:20], named.get("x-wc-webhook-delivery-id", "")[:64]
    return f"{webhook}:{delivery}:{hashlib.sha256(body).hexdigest()[:32]}"


def _host(source: str) -> str:
    try:
        return urlsplit(source).hostname or ""
    except ValueError:
        return ""
