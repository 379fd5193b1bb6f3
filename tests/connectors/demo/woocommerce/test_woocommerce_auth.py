"""Keys, signatures and refusals: the same answers as the recorded store gave, and our own client gets in."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from woocommerce import API

from connectors.demo.woocommerce import DemoWooCommerce, auth

Recording = Callable[[str], Any]


@pytest.fixture
def plain(store: DemoWooCommerce) -> httpx.Client:
    """No key, no HTTPS."""
    return httpx.Client(base_url=f"{store.url}/wp-json/wc/v3")


def sign(
    store: DemoWooCommerce, key: tuple[str, str], method: str = "GET", path: str = "/orders", **changes: str
) -> str:
    """A signed query, every part of which can be changed before it is signed (`oauth_signature`: after)."""
    query = {
        "per_page": "1",
        "oauth_consumer_key": key[0],
        "oauth_timestamp": str(store.shop.now()),
        "oauth_nonce": base64.b16encode(hashlib.sha256(repr(changes).encode()).digest()).decode()[:20],
        "oauth_signature_method": "HMAC-SHA256",
        **changes,
    }
    forged = query.pop("oauth_signature", "")
    text = auth.base_string(method, f"{store.url}/wp-json/wc/v3{path}", query)
    digest = {"HMAC-SHA1": hashlib.sha1}.get(query["oauth_signature_method"], hashlib.sha256)
    made = base64.b64encode(hmac.new(f"{key[1]}&".encode(), text.encode(), digest).digest()).decode()
    query["oauth_signature"] = forged or made
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())


def test_the_recorded_vector(recording: Recording) -> None:
    vector = recording("auth/oauth_vector")
    secret = "".join(vector["consumer_secret_parts"])

    text = auth.base_string(vector["method"], vector["url"], vector["params"])
    made = hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha256).digest()

    assert text == vector["base_string"]
    assert base64.b64encode(made).decode() == vector["signature"]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256"])
def test_a_signature_opens_over_http_and_https(scheme: str, method: str, store: DemoWooCommerce) -> None:
    if scheme == "https":  # the address that is signed is the one that the proxy was asked for
        headers = {"X-Forwarded-Proto": "https"}
        key = store.key()
        text = {"oauth_nonce": f"n-{method}", "oauth_signature_method": method}
        url = store.shop.url
        store.shop.url = url.replace("http:", "https:")
        query = sign(store, key, **text)
        store.shop.url = url
    else:
        headers, query = (
            {},
            sign(store, store.key(), oauth_nonce=f"p-{method}", oauth_signature_method=method),
        )

    assert httpx.get(f"{store.url}/wp-json/wc/v3/orders?{query}", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("oauth_bad_method", {"oauth_signature_method": "HMAC-MD5"}),
        ("oauth_bad_signature", {"oauth_signature": "AAAA"}),
        ("oauth_future_timestamp", {"oauth_timestamp": "+1000"}),
        ("oauth_old_timestamp", {"oauth_timestamp": "-1000"}),
        ("oauth_unknown_key", {"oauth_consumer_key": "ck_1111111111111111111111111111111111111111"}),
    ],
)
def test_a_faulty_signature_is_named_as_recorded(
    name: str, changes: dict[str, str], store: DemoWooCommerce, plain: httpx.Client, recording: Recording
) -> None:
    if "oauth_timestamp" in changes:
        changes = {"oauth_timestamp": str(store.shop.now() + int(changes["oauth_timestamp"]))}

    answer = plain.get(f"/orders?{sign(store, store.key(), **changes)}")

    assert answer.status_code == 401
    assert answer.json() == recording(f"auth/{name}")["response"]["body"]


def test_missing_parts_are_named(store: DemoWooCommerce, plain: httpx.Client, recording: Recording) -> None:
    answer = plain.get(f"/orders?oauth_consumer_key={store.key()[0]}&oauth_timestamp=1")

    assert answer.json() == recording("auth/oauth_missing_parts")["response"]["body"]


def test_a_nonce_opens_once(store: DemoWooCommerce, plain: httpx.Client, recording: Recording) -> None:
    query = sign(store, store.key(), oauth_nonce="once")

    assert plain.get(f"/orders?{query}").status_code == 200
    assert plain.get(f"/orders?{query}").json() == recording("auth/oauth_nonce_replayed")["response"]["body"]


def test_a_signature_is_for_one_method(store: DemoWooCommerce, plain: httpx.Client) -> None:
    query = sign(store, store.key(), oauth_nonce="for get")

    assert plain.post(f"/orders?{query}", json={}).status_code == 401


def test_passwords_do_not_count_over_http(
    store: DemoWooCommerce, plain: httpx.Client, recording: Recording
) -> None:
    name, secret = store.key()

    basic = plain.get("/orders?per_page=1", auth=(name, secret))
    in_query = plain.get("/orders", params={"consumer_key": name, "consumer_secret": secret})

    for answer in (basic, in_query):
        assert answer.status_code == 401
        assert answer.json() == recording("auth/basic_over_http_refused")["response"]["body"]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("basic_empty_secret", ("KEY", "")),
        ("basic_unknown_key", ("ck_" + "1" * 40, "cs_" + "1" * 40)),
        ("basic_wp_admin_password", ("merchant", "demo")),
        ("basic_wrong_secret", ("KEY", "cs_" + "1" * 40)),
        ("none_https", ("", "")),
    ],
)
def test_a_wrong_password_is_answered_as_recorded(
    name: str, given: tuple[str, str], store: DemoWooCommerce, plain: httpx.Client, recording: Recording
) -> None:
    login = (store.key()[0] if given[0] == "KEY" else given[0], given[1])

    answer = plain.get("/orders?per_page=1", auth=login, headers={"X-Forwarded-Proto": "https"})

    theirs = recording(f"auth/{name}")["response"]
    assert (answer.status_code, answer.json()) == (theirs["status"], theirs["body"])


def test_query_keys_count_over_https(store: DemoWooCommerce, plain: httpx.Client) -> None:
    name, secret = store.key()
    query = {"consumer_key": name, "consumer_secret": secret}

    assert plain.get("/orders", params=query, headers={"X-Forwarded-Proto": "https"}).status_code == 200


@pytest.mark.parametrize(
    ("name", "user", "permissions", "method", "path", "body"),
    [
        ("read_only_key_put", "merchant", "read", "PUT", "/orders/{id}", {"customer_note": "x"}),
        ("read_only_key_refund", "merchant", "read", "POST", "/orders/{id}/refunds", {"amount": "0.01"}),
        ("read_only_key_webhook", "merchant", "read", "POST", "/webhooks", {"topic": "order.updated"}),
        ("write_only_key_get", "merchant", "write", "GET", "/orders", None),
        ("customer_role_key_list", "buyer", "read_write", "GET", "/orders", None),
        ("customer_role_key_one", "buyer", "read_write", "GET", "/orders/{id}", None),
        (
            "customer_role_key_refund",
            "buyer",
            "read_write",
            "POST",
            "/orders/{id}/refunds",
            {"amount": "0.01"},
        ),
        ("customer_role_key_customers", "buyer", "read_write", "GET", "/customers", None),
        ("customer_role_key_webhooks", "buyer", "read_write", "GET", "/webhooks", None),
    ],
)
def test_a_key_that_may_not_is_answered_as_recorded(
    name: str,
    user: str,
    permissions: str,
    method: str,
    path: str,
    body: Any,
    client: Callable[..., httpx.Client],
    api: httpx.Client,
    order: dict[str, Any],
    recording: Recording,
) -> None:
    answer = client(user, permissions).request(method, path.format(id=order["id"]), json=body)

    theirs = recording(f"auth/{name}")["response"]
    assert (answer.status_code, answer.json()) == (theirs["status"], theirs["body"])
    after = api.get(f"/orders/{order['id']}").json()
    assert (after["customer_note"], after["refunds"]) == ("", [])


def test_a_shop_manager_is_enough(client: Callable[..., httpx.Client], order: dict[str, Any]) -> None:
    manager = client("manager")

    refund = manager.post(f"/orders/{order['id']}/refunds", json={"amount": "0.01", "api_refund": False})

    assert refund.json()["refunded_by"] == 3
    for path in ("/orders", "/customers", "/webhooks"):
        assert manager.get(path).status_code == 200
    status = manager.get("/system_status?_fields=settings.currency").json()
    assert status == {"settings": {"currency": "EUR"}}


def test_a_revoked_key_is_like_any_unknown_one(
    store: DemoWooCommerce, plain: httpx.Client, recording: Recording
) -> None:
    key = store.key()
    https = {"X-Forwarded-Proto": "https"}
    assert plain.get("/orders", auth=key, headers=https).status_code == 200

    store.command("keys/revoke", consumer_key=key[0])

    answer = plain.get("/orders", auth=key, headers=https)
    theirs = recording("auth/revoked_key_after")["response"]
    assert (answer.status_code, answer.json()) == (theirs["status"], theirs["body"])


def test_bodies_are_read_as_recorded(api: httpx.Client, order: dict[str, Any], recording: Recording) -> None:
    path = f"/orders/{order['id']}"
    json_type = {"Content-Type": "application/json"}

    broken = api.put(path, content=b'{"status": "completed"', headers=json_type)
    assert (broken.status_code, broken.json()) == (400, recording("auth/malformed_json")["response"]["body"])
    assert api.put(path, content=b"[1, 2]", headers=json_type).json()["customer_note"] == ""
    as_text = api.put(path, content=b'{"customer_note": "zz"}', headers={"Content-Type": "text/plain"})
    assert as_text.json()["customer_note"] == ""
    assert api.put(path, data={"customer_note": "from form"}).json()["customer_note"] == "from form"


@pytest.mark.parametrize("name", ["unknown_namespace", "unknown_route"])
def test_unknown_routes(name: str, store: DemoWooCommerce, api: httpx.Client, recording: Recording) -> None:
    recorded = recording(f"auth/{name}")

    answer = api.get(f"{store.url}{recorded['request']['path']}")

    assert (answer.status_code, answer.json()) == (404, recorded["response"]["body"])


def test_a_trailing_slash_is_nothing(api: httpx.Client) -> None:
    assert api.get("/orders/?per_page=1").json() == api.get("/orders?per_page=1").json()


def test_keys_only_know_pretty_addresses(
    store: DemoWooCommerce, api: httpx.Client, recording: Recording
) -> None:
    answer = api.get(f"{store.url}/?rest_route=/wc/v3/orders")

    assert (answer.status_code, answer.json()) == (
        401,
        recording("auth/plain_permalink_route")["response"]["body"],
    )


def test_a_read_key_reads_by_post(client: Callable[..., httpx.Client]) -> None:
    reader = client("merchant", "read")

    by_query = reader.post("/orders?_method=GET", json={"per_page": 2})
    by_header = reader.post("/orders", json={"per_page": 2}, headers={"X-HTTP-Method-Override": "GET"})

    assert len(by_query.json()) == len(by_header.json()) == 2


def test_the_python_client_signs_so_that_the_store_understands(store: DemoWooCommerce) -> None:
    name, secret = store.key()
    client = API(store.url, name, secret, version="wc/v3")

    found = client.get(
        "orders", params={"search": "Õunapuu Jüri", "per_page": 1, "status": "processing,on-hold"}
    )
    repeated = client.get("orders", params={"status": ["processing", "on-hold"]})
    written = client.put(f"orders/{client.get('orders').json()[0]['id']}", {"customer_note": "ä & ö"})

    assert found.status_code == 200
    assert repeated.status_code == 401
    assert written.json()["customer_note"] == "ä & ö"
