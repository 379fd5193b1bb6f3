"""From what a merchant types to a store that answers to its keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.transport import Line
from connectors.woocommerce import install
from integration.errors import (
    BadInput,
    StoreDenied,
    StoreForbidden,
    StoreRefused,
    StoreUnavailable,
)
from integration.ports import WooCommerceCredentials

STATE = "Zm9vYmFyYmF6cXV4-_01"
NOW = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)


def checked(credentials: WooCommerceCredentials, line: Line) -> Any:
    return install.check(credentials, now=lambda: datetime.now(UTC), allow_http=True, line=line)


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("shop.example.com", "https://shop.example.com"),
        (" https://Shop.Example.com/ ", "https://shop.example.com"),
        ("https://shop.example.com/wp-admin/admin.php", "https://shop.example.com"),
        ("https://shop.example.com/outlet/wp-json/wc/v3/orders", "https://shop.example.com/outlet"),
        ("https://shop.example.com:443/outlet//", "https://shop.example.com/outlet"),
        ("https://shop.example.com:8443", "https://shop.example.com:8443"),
        ("põhjala.ee", "https://xn--phjala-pxa.ee"),
        ("https://shop.example.com/?page=1#top", "https://shop.example.com"),
        ("https://127.0.0.1:8443", "https://127.0.0.1:8443"),
        ("https://[::1]:8443/", "https://[::1]:8443"),
        ("https://shop.example.com.", "https://shop.example.com"),
        ("https://localhost:8443", "https://localhost:8443"),
    ],
)
def test_one_store_has_one_address(typed: str, url: str) -> None:
    assert install.normalise_url(typed, allow_http=False) == url
    assert install.normalise_url(url, allow_http=False) == url


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "shop",
        "http://shop.example.com",
        "ftp://shop.example.com",
        "https://user:pass@shop.example.com",
        "https://169.254.169.254/latest",
        "https://[::ffff:169.254.169.254]",
        "https://0.0.0.0",
        "https://224.0.0.1",
        "https://shop.example.com:99999",
        "https://sh op.example.com",
        "https://shop.example.com/a/../b",
        "https://shop.example.com/%2e%2e",
        "https://shop..example.com",
        "https://-.example.com",
        "https://1.2.3",
        "https://[bad",
        "javascript:alert(1)",
        "https://" + "a" * 600 + ".com",
    ],
)
def test_other_things_are_refused_in_words(typed: str) -> None:
    with pytest.raises(BadInput) as caught:
        install.normalise_url(typed, allow_http=False)
    assert str(caught.value).endswith((".", ".com", "https://"))


def test_plain_http_is_for_development() -> None:
    assert install.normalise_url("http://127.0.0.1:9200", allow_http=True) == "http://127.0.0.1:9200"


def authorize(**more: str) -> str:
    wishes = {
        "app_name": "Deskside",
        "state": STATE,
        "return_url": "https://desk.example/woocommerce/return",
        "callback_url": "https://desk.example/woocommerce/callback",
    } | more
    return install.authorize_url("https://shop.example/outlet", **wishes)


def test_the_grant_page_is_asked_for_read_and_write() -> None:
    parts = urlsplit(authorize())
    assert (
        f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://shop.example/outlet/wc-auth/v1/authorize"
    )
    assert parse_qs(parts.query) == {
        "app_name": ["Deskside"],
        "scope": ["read_write"],
        "user_id": [STATE],
        "return_url": ["https://desk.example/woocommerce/return"],
        "callback_url": ["https://desk.example/woocommerce/callback"],
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "0"},
        {"state": "a|b" * 10},
        {"callback_url": "https://desk.example/?a=1&b=2"},
        {"return_url": "https://desk.example/%26"},
        {"return_url": "https://dõsk.example/"},
    ],
)
def test_what_the_store_would_garble_is_not_sent(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="want"):
        authorize(**wrong)


def test_the_recorded_callback_is_read(sample: Callable[[str], Any]) -> None:
    grant = install.read_callback(sample("wc_auth/callback_post.json")["raw_body"].encode())
    assert grant.state == "tenant-42nonce-ABC"
    credentials = grant.credentials("https://shop.example")
    assert credentials.consumer_key == f"ck_{'a' * 40}"
    assert credentials.permissions == "read_write"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"user_id":"tenant-42nonce-ABC"}',
        b'{"user_id":"0","consumer_key":"ck_aaaaaaaaaaaaaaaaaaaa","consumer_secret":"cs_aaaaaaaaaaaaaaaaaaaa",'
        b'"key_permissions":"read"}',
        b'{"user_id":"tenant-42nonce-ABC","consumer_key":"key","consumer_secret":"secret","key_permissions":"read"}',
    ],
)
def test_other_callbacks_are_not(body: bytes) -> None:
    with pytest.raises(BadInput):
        install.read_callback(body)


def test_a_good_key_shows_the_shop(keys: Any, line: Line, demo: Any) -> None:
    record = checked(keys, line)
    assert (record.name, record.currency) == (demo.shop.name, "EUR")


@pytest.mark.parametrize(
    ("permissions", "user", "kind", "words"),
    [
        ("read", "merchant", StoreForbidden, "Read/Write"),
        ("write", "merchant", StoreForbidden, "Read/Write"),
        ("read_write", "buyer", StoreForbidden, "shop manager"),
    ],
)
def test_a_key_that_may_not_is_explained(
    demo: Any, keys: Any, line: Line, permissions: str, user: str, kind: type[Exception], words: str
) -> None:
    key, secret = demo.key(user, permissions)
    weak = WooCommerceCredentials(url=demo.url, consumer_key=key, consumer_secret=secret)
    with pytest.raises(kind) as caught:
        checked(weak, line)
    assert words in caught.value.next_step  # type: ignore[attr-defined]  # all of them are AppErrors


def test_a_shop_manager_is_enough(demo: Any, line: Line) -> None:
    key, secret = demo.key("manager")
    record = checked(WooCommerceCredentials(url=demo.url, consumer_key=key, consumer_secret=secret), line)
    assert record.currency == "EUR"


def test_a_revoked_key_is_explained(demo: Any, keys: Any, line: Line) -> None:
    demo.command("keys/revoke")
    with pytest.raises(StoreDenied) as caught:
        checked(keys, line)
    assert "does not accept this key" in caught.value.next_step


def test_a_site_without_its_rest_api_is_explained(scripted: Any, credentials: Any, line: Line) -> None:
    scripted.answers.clear()
    for path in ("", "system_status"):
        scripted.on("GET", path, b"<html>Not Found</html>", status=404, kind="text/html")
    with pytest.raises(StoreRefused) as caught:
        checked(credentials, line)
    assert caught.value.code == "not_woocommerce"
    assert "Permalinks" in caught.value.next_step


def test_a_site_without_woocommerce_is_explained(scripted: Any, credentials: Any, line: Line) -> None:
    scripted.answers.clear()
    scripted.on("GET", "", {"name": "Blog", "namespaces": ["wp/v2"]})
    with pytest.raises(StoreRefused) as caught:
        checked(credentials, line)
    assert "without WooCommerce" in caught.value.next_step


def test_nobody_there_is_explained(line: Line) -> None:
    nobody = WooCommerceCredentials(url="http://127.0.0.1:9", consumer_key="ck_x", consumer_secret="cs_x")
    with pytest.raises(StoreUnavailable) as caught:
        checked(nobody, line)
    assert "could not reach" in caught.value.next_step
