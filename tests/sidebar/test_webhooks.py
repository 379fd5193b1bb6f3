"""The doors for webhooks: who is believed, what each is answered, and that it stands before the answer."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import json
import logging
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select

from integration.db.inbox import Delivery
from integration.db.stores import Store, StoreStatus
from integration.ports import Topic
from integration.records import Platform
from sidebar import webhooks as doors

SECRET = "a shopify secret of the tests"
OURS = 'a woocommerce secret, with & < " and ü'
SHOP = "lumi-home.myshopify.com"


@pytest.fixture
def app(services: Any, web_app: Any) -> Flask:
    services.settings = dataclasses.replace(services.settings, shopify_secrets=(SECRET, "an older one"))
    return web_app(services)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def shop(world: Any, account: int) -> int:
    return int(world.store(account, domain=SHOP, credentials=b"sealed"))


@pytest.fixture
def outlet(world: Any, account: int, services: Any) -> int:
    return int(
        world.store(
            account,
            Platform.WOOCOMMERCE,
            domain="outlet.example",
            credentials=b"sealed",
            webhook_secret=services.vault.seal(OURS),
        )
    )


def sign(body: bytes, secret: str = SECRET) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def send(client: FlaskClient, body: Any, topic: str = "orders/updated", **more: Any) -> int:
    """A Shopify delivery; returns the status of the answer."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-Sha256": more.get("signature", sign(raw)),
        "X-Shopify-Shop-Domain": more.get("shop", SHOP),
        "X-Shopify-Webhook-Id": more.get("id", "w-1"),
        "X-Shopify-Triggered-At": "2026-11-21T11:59:58.123456789Z",
    }
    return client.post("/webhooks/shopify", data=raw, headers=headers).status_code


def tell(client: FlaskClient, store_id: int, body: Any, topic: str = "order.updated", **more: Any) -> int:
    """A WooCommerce delivery; returns the status of the answer."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {
        "X-WC-Webhook-Topic": topic,
        "X-WC-Webhook-Signature": more.get("signature", sign(raw, OURS)),
        "X-WC-Webhook-ID": "3",
        "X-WC-Webhook-Delivery-ID": more.get("id", "d-1"),
        "X-WC-Webhook-Source": "https://outlet.example/",
    }
    return client.post(f"/webhooks/woocommerce/{store_id}", data=raw, headers=headers).status_code


@pytest.fixture
def kept(services: Any, account: int) -> Any:
    def read() -> list[Delivery]:
        with services.reading(account) as work:
            return list(work.session.scalars(select(Delivery).order_by(Delivery.id)))

    return read


# Shopify


def test_a_delivery_stands_in_the_database_before_it_is_answered(client: Any, shop: int, kept: Any) -> None:
    assert send(client, {"id": 1001}) == 200
    (row,) = kept()

    assert (row.topic, row.resource, row.store_id) == (Topic.ORDER, "gid://shopify/Order/1001", shop)


def test_a_repeated_delivery_is_kept_once_and_answered_well(client: Any, shop: int, kept: Any) -> None:
    assert [send(client, {"id": 1001}), send(client, {"id": 1001})] == [200, 200]
    assert send(client, {"id": 1001}, id="w-2") == 200
    assert len(kept()) == 2


@pytest.mark.parametrize(
    "signature",
    ["", "garbage", sign(b'{"id": 1002}'), hashlib.sha256(b"x").hexdigest(), sign(b'{"id": 1001}', "guess")],
    ids=["none", "garbage", "of another body", "hex", "another secret"],
)
def test_a_forged_delivery_is_refused_and_not_written_down(
    signature: str, client: Any, shop: int, kept: Any
) -> None:
    assert send(client, {"id": 1001}, signature=signature) == 401
    assert kept() == []


def test_the_secret_of_before_the_rotation_still_opens(client: Any, shop: int, kept: Any) -> None:
    body = b'{"id": 1001}'
    assert send(client, body, signature=sign(body, "an older one")) == 200


def test_an_unknown_shop_is_not_found_but_for_what_the_law_asks(client: Any, shop: int, kept: Any) -> None:
    other = "gone.myshopify.com"
    assert send(client, {"id": 1}, shop=other) == 404
    for topic in ("customers/data_request", "customers/redact", "shop/redact"):
        assert send(client, {"shop_domain": other}, topic=topic, shop=other) == 200
    assert kept() == []


def test_an_unknown_topic_is_answered_well_and_noted(
    client: Any, shop: int, kept: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "sidebar.webhooks"):
        assert send(client, {"id": 1}, topic="carts/vanished") == 200
    assert "carts/vanished" in caplog.text
    assert [row.topic for row in kept()] == [Topic.UNKNOWN]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[1]", b'"text"', b'{"id": "1; DROP TABLE"}'])
def test_a_signed_body_that_makes_no_sense_harms_nothing(
    body: bytes, client: Any, shop: int, kept: Any
) -> None:
    assert send(client, body) == 200
    assert [row.resource for row in kept()] == [None]


def test_a_body_that_is_too_large_is_refused(client: Any, shop: int, kept: Any) -> None:
    assert send(client, b"x" * (doors.MOST_BYTES + 1)) == 413
    assert send(client, b" " * (doors.MOST_BYTES - 20) + b'{"id": 1}') == 200


def test_a_body_that_hides_its_length_is_refused_all_the_same(app: Flask, shop: int, kept: Any) -> None:
    from io import BytesIO

    answer = app.test_client().post(
        "/webhooks/shopify",
        input_stream=BytesIO(b"x" * (doors.MOST_BYTES + 1)),
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code in (401, 413)
    assert kept() == []


def test_a_body_that_broke_off_is_no_forgery(app: Flask, shop: int, kept: Any) -> None:
    answer = app.test_client().post(
        "/webhooks/shopify",
        data=b'{"id": ',
        headers={"X-Shopify-Hmac-Sha256": sign(b'{"id": 1}')},
        environ_overrides={"CONTENT_LENGTH": "9"},
    )
    assert answer.status_code == 400
    assert kept() == []


def test_a_goodbye_must_name_the_shop_in_what_is_signed(
    client: Any, shop: int, kept: Any, services: Any, account: int
) -> None:
    """Only the body is signed: somebody else's shop, or another event, must not end this one."""
    for body in ({"id": 9, "myshopify_domain": "evil.myshopify.com"}, {"id": 1001}):
        assert send(client, body, topic="app/uninstalled") == 401
        assert send(client, body, topic="shop/redact") == 401
    assert kept() == []
    assert send(client, {"id": 9, "myshopify_domain": SHOP}, topic="app/uninstalled") == 200
    with services.reading(account) as work:
        assert work.session.get_one(Store, shop).status is StoreStatus.ACTIVE


def test_a_disconnected_store_takes_only_what_the_law_asks(
    client: Any, shop: int, kept: Any, services: Any, account: int
) -> None:
    with services.transaction(account) as work:
        work.session.get_one(Store, shop).credentials = None
    assert send(client, {"id": 1}) == 404
    assert send(client, {"shop_domain": SHOP}, topic="shop/redact", id="w-9") == 200
    assert [row.topic for row in kept()] == [Topic.REDACT_SHOP]


@pytest.mark.parametrize("path", ["/webhooks/shopify", "/webhooks/woocommerce/1"])
def test_only_posts_are_taken(path: str, client: Any) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert client.head(path).data == b""  # the server warns of a body here


def test_compliance_topics_may_come_to_an_address_of_their_own(client: Any, shop: int, kept: Any) -> None:
    body = json.dumps({"shop_domain": SHOP}).encode()
    headers = {
        "Shopify-Topic": "shop/redact",
        "Shopify-Hmac-Sha256": sign(body),
        "Shopify-Shop-Domain": SHOP,
    }
    assert client.post("/webhooks/shopify/compliance", data=body, headers=headers).status_code == 200
    assert [row.topic for row in kept()] == [Topic.REDACT_SHOP]


@pytest.mark.parametrize(
    "path", ["/webhooks/", "/webhooks/shopify/", "/webhooks/shopify/x", "/webhooks/front"]
)
def test_next_to_the_doors_is_nothing(path: str, client: Any) -> None:
    assert client.post(path, data=b"{}").status_code == 404


def test_every_answer_at_the_doors_is_guarded_and_named(client: Any, shop: int) -> None:
    headers = client.post("/webhooks/shopify", headers={"X-Request-Id": "of-the-proxy-1"}).headers

    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Request-Id"] == "of-the-proxy-1"
    strange = client.post("/webhooks/shopify", headers={"X-Request-Id": "of a person"}).headers
    assert strange["X-Request-Id"] not in ("", "of a person")


def test_a_database_that_is_down_is_no_promise(
    client: Any, shop: int, kept: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> bool:
        raise OSError("the database is down")

    monkeypatch.setattr("integration.inbox.take", fail)
    assert send(client, {"id": 1001}) == 500
    assert "shopify delivery failed" in caplog.text
    assert kept() == []


# WooCommerce


def test_a_woocommerce_delivery_is_believed_by_the_stores_own_secret(
    client: Any, outlet: int, kept: Any
) -> None:
    assert tell(client, outlet, {"id": 5049, "status": "processing"}) == 200
    (row,) = kept()
    assert (row.topic, row.resource, row.store_id) == (Topic.ORDER, "5049", outlet)


def test_two_orders_in_one_second_share_an_id_and_are_two_deliveries(
    client: Any, outlet: int, kept: Any
) -> None:
    for body in ({"id": 1}, {"id": 2}, {"id": 1}):
        assert tell(client, outlet, body) == 200
    assert [row.resource for row in kept()] == ["1", "2"]


@pytest.mark.parametrize("signature", ["", "garbage", sign(b'{"id": 1}')])
def test_a_forged_woocommerce_delivery_is_refused(
    signature: str, client: Any, outlet: int, kept: Any
) -> None:
    assert tell(client, outlet, b'{"id": 1}', signature=signature) == 401
    assert kept() == []


def test_a_secret_opens_one_store_only(
    client: Any, outlet: int, kept: Any, world: Any, services: Any
) -> None:
    rival = world.store(
        world.account("Rival"),
        Platform.WOOCOMMERCE,
        domain="rival.example",
        credentials=b"sealed",
        webhook_secret=services.vault.seal("another secret"),
    )
    assert tell(client, rival, {"id": 1}) == 401


def test_a_secret_that_was_changed_opens_no_longer(
    client: Any, outlet: int, kept: Any, services: Any, account: int
) -> None:
    """Not even in a process that has seen it."""
    assert [tell(client, outlet, {"id": number}) for number in (1, 2)] == [200, 200]
    with services.transaction(account) as work:
        work.session.get_one(Store, outlet).webhook_secret = services.vault.seal("a newer one")

    assert tell(client, outlet, {"id": 3}) == 401
    newer = json.dumps({"id": 4}).encode()
    assert tell(client, outlet, newer, signature=sign(newer, "a newer one")) == 200
    assert [row.resource for row in kept()] == ["1", "2", "4"]


def test_a_store_that_was_let_go_is_heard_no_longer(
    client: Any, outlet: int, kept: Any, services: Any, account: int
) -> None:
    assert [tell(client, outlet, {"id": number}) for number in (1, 2)] == [200, 200]
    with services.transaction(account) as work:
        work.session.get_one(Store, outlet).credentials = None
    assert tell(client, outlet, {"id": 3}) == 404
    with services.transaction(account) as work:
        work.session.execute(delete(Store).where(Store.id == outlet))

    assert tell(client, outlet, {"id": 4}) == 404
    assert client.post(f"/webhooks/woocommerce/{outlet}", data={"webhook_id": "12"}).status_code == 404


@pytest.mark.parametrize("signature", ["", "garbage"])
def test_a_forger_gains_nothing_from_a_store_that_was_just_heard(
    signature: str, client: Any, outlet: int, kept: Any
) -> None:
    assert tell(client, outlet, {"id": 1}) == 200
    assert tell(client, outlet, {"id": 2}, signature=signature) == 401
    assert len(kept()) == 1


@pytest.mark.parametrize("path", ["999999", "0", "abc", "-1", "9" * 19, "9" * 40])
def test_a_store_that_is_not_there_is_not_found(path: str, client: Any, shop: int) -> None:
    assert client.post(f"/webhooks/woocommerce/{path}", data=b"{}").status_code == 404
    assert client.post(f"/webhooks/woocommerce/{shop}", data=b"{}").status_code == 404


def test_the_ping_of_a_new_webhook_is_greeted(client: Any, outlet: int, kept: Any) -> None:
    answer = client.post(f"/webhooks/woocommerce/{outlet}", data={"webhook_id": "12"})
    assert (answer.status_code, kept()) == (200, [])


@pytest.mark.parametrize(
    "body", [{"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID."}, {"id": "0"}]
)
def test_a_signed_body_without_an_order_changes_nothing(
    body: Any, client: Any, outlet: int, kept: Any
) -> None:
    assert tell(client, outlet, body) == 200
    assert [row.resource for row in kept()] == [None]
