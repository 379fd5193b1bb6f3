"""Deliveries: only signed bytes are believed, every topic finds its resource, nothing hostile crashes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.shopify import webhooks
from connectors.shopify.subscriptions import COMPLIANCE_TOPICS, TOPICS
from integration.errors import ForgedMessage
from integration.ports import Topic, WebhookEvent

NEW, OLD = "new-secret", "old-secret"
ORDER = "gid://shopify/Order/820982911946154508"


def sign(body: bytes, secret: str = NEW) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def headers(topic: str, body: bytes, **more: str) -> dict[str, str]:
    return {
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-Sha256": sign(body),
        "X-Shopify-Shop-Domain": "lumi-home.myshopify.com",
        "X-Shopify-API-Version": "2026-10",
        "X-Shopify-Webhook-Id": "b54557e4-bdd9",
        "X-Shopify-Event-Id": "98880550-7158",
        "X-Shopify-Triggered-At": "2026-11-21T12:00:00.123456789Z",
        **more,
    }


def read(topic: str, payload: Any) -> WebhookEvent:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return webhooks.read(headers(topic, body), body, (NEW, OLD))


def test_everything_of_a_delivery():
    payload = {"id": 820982911946154508, "admin_graphql_api_id": ORDER}
    assert read("orders/updated", payload) == WebhookEvent(
        topic=Topic.ORDER,
        platform_topic="orders/updated",
        delivery_id="b54557e4-bdd9",
        domain="lumi-home.myshopify.com",
        resource_id=ORDER,
        triggered_at=datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC),
        api_version="2026-10",
        payload=payload,
    )


@pytest.mark.parametrize(
    ("topic", "payload", "expected", "resource"),
    [
        ("orders/create", {"id": 5}, Topic.ORDER, "gid://shopify/Order/5"),
        ("orders/delete", {"id": 5}, Topic.ORDER_GONE, "gid://shopify/Order/5"),
        ("orders/edited", {"order_edit": {"id": 9, "order_id": 5}}, Topic.ORDER, "gid://shopify/Order/5"),
        ("refunds/create", {"id": 9, "order_id": 5}, Topic.ORDER, "gid://shopify/Order/5"),
        ("order_transactions/create", {"id": 9, "order_id": 5}, Topic.ORDER, "gid://shopify/Order/5"),
        ("fulfillments/update", {"id": 9, "order_id": 5}, Topic.ORDER, "gid://shopify/Order/5"),
        ("fulfillment_events/create", {"id": 9, "order_id": 5}, Topic.ORDER, "gid://shopify/Order/5"),
        ("returns/request", {"id": 9, "order": {"id": 5}}, Topic.ORDER, "gid://shopify/Order/5"),
        (
            "returns/approve",
            {"order": {"id": 5, "admin_graphql_api_id": "gid://shopify/Order/5"}},
            Topic.ORDER,
            "gid://shopify/Order/5",
        ),
        ("returns/close", {"id": 9, "order_id": 5}, Topic.ORDER, "gid://shopify/Order/5"),
        (
            "returns/update",
            {"admin_graphql_api_id": "gid://shopify/Return/9"},
            Topic.RETURN,
            "gid://shopify/Return/9",
        ),
        ("returns/process", {"id": "gid://shopify/Return/9"}, Topic.RETURN, "gid://shopify/Return/9"),
        ("returns/process", {}, Topic.UNKNOWN, None),
        (
            "reverse_deliveries/attach_deliverable",
            {"id": 3, "return": {"id": 9}},
            Topic.RETURN,
            "gid://shopify/Return/9",
        ),
        (
            "reverse_fulfillment_orders/dispose",
            {"id": "gid://shopify/ReverseFulfillmentOrder/4"},
            Topic.RETURN,
            "gid://shopify/ReverseFulfillmentOrder/4",
        ),
        ("customers/update", {"id": 7}, Topic.CUSTOMER, "gid://shopify/Customer/7"),
        (
            "customers/merge",
            {"admin_graphql_api_customer_kept_id": "gid://shopify/Customer/7"},
            Topic.CUSTOMER,
            "gid://shopify/Customer/7",
        ),
        (
            "bulk_operations/finish",
            {"admin_graphql_api_id": "gid://shopify/BulkOperation/1"},
            Topic.BULK,
            "gid://shopify/BulkOperation/1",
        ),
        ("app/uninstalled", {"id": 1}, Topic.UNINSTALLED, None),
        ("app/scopes_update", {"current": []}, Topic.SCOPES, None),
        ("shop/update", {"id": 1}, Topic.SHOP, "gid://shopify/Shop/1"),
        ("customers/data_request", {"customer": {"id": 7}}, Topic.DATA_REQUEST, "gid://shopify/Customer/7"),
        ("customers/redact", {"customer": {"email": "a@b.c"}}, Topic.REDACT_CUSTOMER, None),
        ("shop/redact", {"shop_id": 1}, Topic.REDACT_SHOP, None),
        ("carts/update", {"id": 1}, Topic.UNKNOWN, None),
    ],
)
def test_each_topic_finds_its_resource(topic: str, payload: Any, expected: Topic, resource: str | None):
    event = read(topic, payload)
    assert (event.topic, event.resource_id) == (expected, resource)


def test_every_topic_we_subscribe_to_is_understood():
    assert {*TOPICS, *COMPLIANCE_TOPICS} <= set(webhooks.TOPICS)


def test_the_old_secret_is_taken_while_it_is_rotated_out():
    body = b'{"id": 5}'
    event = webhooks.read(
        headers("orders/create", body) | {"X-Shopify-Hmac-Sha256": sign(body, OLD)}, body, (NEW, OLD)
    )
    assert event.topic is Topic.ORDER


def test_headers_without_x_are_taken():
    body = b'{"id": 5}'
    bare = {name.removeprefix("X-").upper(): value for name, value in headers("orders/create", body).items()}
    assert webhooks.read(bare, body, (NEW,)).resource_id == "gid://shopify/Order/5"


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "nonsense",
        "ünsinn",
        sign(b'{"id": 6}'),
        sign(b'{"id": 5}', "other"),
        hmac.new(NEW.encode(), b'{"id": 5}', hashlib.sha256).hexdigest(),
    ],
)
def test_a_wrong_signature_is_forged(signature: str):
    body = b'{"id": 5}'
    with pytest.raises(ForgedMessage):
        webhooks.read(headers("orders/create", body) | {"X-Shopify-Hmac-Sha256": signature}, body, (NEW, OLD))


def test_a_missing_signature_and_missing_secrets_are_forged():
    body = b"{}"
    with pytest.raises(ForgedMessage):
        webhooks.read({"X-Shopify-Topic": "orders/create"}, body, (NEW,))
    with pytest.raises(ForgedMessage):
        webhooks.read(headers("orders/create", body), body, ())


@pytest.mark.parametrize("body", [b'{"id": 5', b"\xff\xfe\x00", b"", b"[1]", b"null", b'{"id": "\xff"}'])
def test_signed_bytes_that_cannot_be_read_are_unknown(body: bytes):
    event = read("orders/create", body)
    assert (event.topic, event.resource_id, event.payload) == (Topic.UNKNOWN, None, {})


@pytest.mark.parametrize(
    "domain", ["evil.com", "", "lumi-home.myshopify.com.evil.com", "a.b.myshopify.com", "-.myshopify.com\n"]
)
def test_a_shop_header_that_names_no_shop_is_not_believed(domain: str):
    body = b'{"id": 5}'
    event = webhooks.read(headers("orders/create", body) | {"X-Shopify-Shop-Domain": domain}, body, (NEW,))
    assert (event.topic, event.domain) == (Topic.UNKNOWN, "")


@pytest.mark.parametrize(
    "value", [True, -1, 0, 1.5, None, [], {}, "5; DROP", "gid://shopify/Customer/5", "٥", "9" * 30]
)
def test_hostile_ids_are_not_ids(value: Any):
    assert read("orders/create", {"id": value, "admin_graphql_api_id": value}).resource_id is None


def test_a_delivery_without_id_is_still_told_from_others():
    def delivery(body: bytes) -> str:
        given = headers("orders/create", body)
        del given["X-Shopify-Webhook-Id"]
        return webhooks.read(given, body, (NEW,)).delivery_id

    assert delivery(b'{"id": 5}') == delivery(b'{"id": 5}')
    assert delivery(b'{"id": 5}') != delivery(b'{"id": 6}')


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-41T99:00:00Z", "2026-11-21 12:00"])
def test_a_time_that_is_none_is_left_out(text: str):
    body = b'{"id": 5}'
    event = webhooks.read(headers("orders/create", body) | {"X-Shopify-Triggered-At": text}, body, (NEW,))
    assert event.triggered_at is None
