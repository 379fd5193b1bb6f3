"""Webhook deliveries: all that were recorded, and all that must not pass."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from connectors.woocommerce import webhooks
from integration.errors import BadInput, ForgedMessage
from integration.ports import Topic

SECRET = 'whsec-&<"Õ"'


def headers(body: bytes, topic: str = "order.updated", **more: str) -> dict[str, str]:
    return {
        "X-WC-Webhook-Source": "https://shop.example/outlet/",
        "X-WC-Webhook-Topic": topic,
        "X-WC-Webhook-Signature": webhooks.sign(body, SECRET),
        "X-WC-Webhook-ID": "2",
        "X-WC-Webhook-Delivery-ID": "b3feba0e83681ab8e25f44bf6fe5411c",
    } | more


def test_every_recorded_delivery_is_verified_and_read(deliveries: Any) -> None:
    topics = Counter(
        webhooks.read(delivery.headers, delivery.body, delivery.secret).topic for delivery in deliveries
    )
    assert topics.total() == 124
    assert set(topics) == {Topic.ORDER, Topic.PRODUCT, Topic.CUSTOMER, Topic.UNKNOWN}
    assert topics[Topic.ORDER] > 60


def test_every_recorded_delivery_about_an_order_names_it(deliveries: Any) -> None:
    for delivery in deliveries:
        event = webhooks.read(delivery.headers, delivery.body, delivery.secret)
        content = json.loads(delivery.body)
        if event.platform_topic.startswith("order.") and "id" in content:
            assert (event.topic, event.resource_id) == (Topic.ORDER, str(content["id"]))
        if event.platform_topic == "action.woocommerce_order_refunded":
            assert (event.topic, event.resource_id) == (Topic.ORDER, str(content["arg"]))


def test_one_changed_byte_is_a_forgery(deliveries: Any) -> None:
    for delivery in deliveries:
        for place in (0, len(delivery.body) // 2, len(delivery.body) - 1):
            forged = bytearray(delivery.body)
            forged[place] ^= 1
            with pytest.raises(ForgedMessage):
                webhooks.read(delivery.headers, bytes(forged), delivery.secret)


@pytest.mark.parametrize("given", ["", "x", "=" * 44, "Õ" * 20, "AAAA"])
def test_a_wrong_signature_is_refused(given: str) -> None:
    body = b'{"id":5}'
    with pytest.raises(ForgedMessage):
        webhooks.read(headers(body) | {"X-WC-Webhook-Signature": given}, body, SECRET)


def test_another_stores_secret_is_refused() -> None:
    body = b'{"id":5}'
    with pytest.raises(ForgedMessage):
        webhooks.read(headers(body), body, "another secret")


def test_the_recorded_ping_needs_no_signature(sample: Callable[[str], Any]) -> None:
    ping = sample("webhooks/ping.json")["delivery"]
    event = webhooks.read(dict(ping["headers"]), base64.b64decode(ping["body_b64"]), SECRET)
    assert event.topic is Topic.PING
    assert event.resource_id is None


@pytest.mark.parametrize("body", [b"webhook_id=1&id=5", b"webhook_id=", b'{"id":5}', b""])
def test_only_a_ping_is_a_ping(body: bytes) -> None:
    with pytest.raises(ForgedMessage):
        webhooks.read({"Content-Type": "application/x-www-form-urlencoded"}, body, SECRET)


def test_a_ping_with_a_topic_is_a_forgery() -> None:
    with pytest.raises(ForgedMessage):
        webhooks.read({"X-WC-Webhook-Topic": "order.updated"}, b"webhook_id=1", SECRET)


def test_two_orders_in_one_second_are_two_deliveries(sample: Callable[[str], Any]) -> None:
    recorded = sample("webhooks/delivery_two_orders_same_second.json")["deliveries"]
    by_store: dict[tuple[str, str], set[str]] = {}
    for entry in recorded:
        names = dict(entry["headers"])
        event = webhooks.read(names, base64.b64decode(entry["raw_body_base64"]), entry["secret"])
        key = (names["X-WC-Webhook-ID"], names["X-WC-Webhook-Delivery-ID"])
        by_store.setdefault(key, set()).add(event.delivery_id)
    assert max(len(ours) for ours in by_store.values()) == 2


def test_the_same_delivery_twice_has_one_id() -> None:
    body = b'{"id":5}'
    first, second = (webhooks.read(headers(body), body, SECRET) for _ in range(2))
    assert first.delivery_id == second.delivery_id


def test_an_error_instead_of_an_order_names_nothing() -> None:
    body = b'{"code":"woocommerce_rest_shop_order_invalid_id","message":"Invalid ID.","data":{"status":404}}'
    event = webhooks.read(headers(body, "order.created"), body, SECRET)
    assert (event.topic, event.resource_id) == (Topic.UNKNOWN, None)


@pytest.mark.parametrize(
    ("topic", "body", "expected"),
    [
        ("order.deleted", b'{"id":7}', (Topic.ORDER, "7")),
        ("order.restored", b'{"id":7}', (Topic.ORDER, "7")),
        ("product.updated", b'{"id":8}', (Topic.PRODUCT, "8")),
        (
            "action.woocommerce_before_delete_order",
            b'{"action":"woocommerce_before_delete_order","arg":9}',
            (Topic.ORDER, "9"),
        ),
        (
            "action.woocommerce_order_note_added",
            b'{"action":"woocommerce_order_note_added","arg":9}',
            (Topic.UNKNOWN, None),
        ),
        ("coupon.updated", b'{"id":8}', (Topic.UNKNOWN, None)),
        ("order.updated", b'{"id":"../1"}', (Topic.UNKNOWN, None)),
        ("order.updated", b'{"id":true}', (Topic.UNKNOWN, None)),
    ],
)
def test_a_delivery_is_a_signal_to_look(topic: str, body: bytes, expected: tuple[Topic, str | None]) -> None:
    event = webhooks.read(headers(body, topic), body, SECRET)
    assert (event.topic, event.resource_id) == expected
    assert event.domain == "shop.example"


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"", b"\xff"])
def test_signed_nonsense_is_bad_input(body: bytes) -> None:
    with pytest.raises(BadInput):
        webhooks.read(headers(body), body, SECRET)


def test_no_personal_data_is_carried_along(deliveries: Any) -> None:
    for delivery in deliveries:
        event = webhooks.read(delivery.headers, delivery.body, delivery.secret)
        assert set(event.payload) <= {"id"}
