"""What the store's answers mean: every recorded error, and what hosts put in their place."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from connectors.transport import Answer, Line, Unreachable
from connectors.woocommerce.calls import BadCertificate, Calls, failure, plain
from integration.errors import (
    RateLimited,
    StoreDenied,
    StoreError,
    StoreForbidden,
    StoreRefused,
    StoreUnavailable,
    UnreadableAnswer,
)
from integration.ports import WooCommerceCredentials

NOW = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)


def judged(status: int, body: bytes, **headers: str) -> StoreError | None:
    return failure(Answer(status=status, headers=headers, body=body), now=lambda: NOW)


def expected(exchange: Any) -> type[StoreError]:
    said = exchange.body["message"] if isinstance(exchange.body, dict) else ""
    if exchange.status == 401:
        return StoreForbidden if "permissions" in said else StoreDenied
    if exchange.status == 403:
        return StoreForbidden
    if exchange.status == 502:
        return StoreUnavailable
    return StoreRefused


def test_every_recorded_error_has_its_meaning(exchanges: Any) -> None:
    errors = [exchange for exchange in exchanges if exchange.status >= 400]
    assert len(errors) > 60
    for exchange in errors:
        error = judged(exchange.status, exchange.raw, **exchange.headers)
        assert type(error) is expected(exchange), exchange.name


def test_every_recorded_success_is_none(exchanges: Any) -> None:
    fine = [exchange for exchange in exchanges if exchange.status < 300]
    assert len(fine) > 150
    assert all(judged(exchange.status, exchange.raw, **exchange.headers) is None for exchange in fine)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("auth/read_only_key_refund.json", "key_permissions"),
        ("auth/write_only_key_get.json", "key_permissions"),
        ("orders_single/not_found.json", "not_found"),
        ("orders_single/id_of_a_refund.json", "not_found"),
        ("writes/delete_order_trash_again.json", "already_gone"),
        ("auth/unknown_route.json", "no_route"),
        ("refund_posts/25_gateway_declined.json", "declined"),
        ("refund_posts/26_gateway_exception.json", "gateway_unclear"),
        ("refund_posts/32_order_not_found.json", "not_found"),
        ("refund_posts/40_manual_gateway_api_refund_true.json", "declined"),
        ("refund_posts/48_refund_again_after_full.json", "declined"),
    ],
)
def test_a_reason_one_can_act_on_has_a_code(sample: Callable[[str], Any], name: str, code: str) -> None:
    response = sample(name)["response"]
    error = judged(response["status"], json.dumps(response["body"]).encode())
    assert error is not None
    assert error.code == code


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, b"<html>critical error</html>", StoreUnavailable),
        (500, b'{"code":"internal_server_error","message":"<p>critical</p>","data":{"status":500}}',
         StoreUnavailable),
        (503, b'{"code":"maintenance","message":"Briefly unavailable"}', StoreUnavailable),
        (429, b"slow down", RateLimited),
        (429, b'{"code":"too_many","message":"slow down"}', RateLimited),
        (403, b"<html>Blocked by firewall</html>", UnreadableAnswer),
        (404, b"<html>Not Found</html>", UnreadableAnswer),
        (401, b"<html>Authorization required</html>", UnreadableAnswer),
        (301, b"", UnreadableAnswer),
        (302, b"", UnreadableAnswer),
    ],
)  # fmt: skip
def test_what_hosts_and_firewalls_say(status: int, body: bytes, kind: type[StoreError]) -> None:
    assert type(judged(status, body)) is kind


def test_a_wait_that_was_asked_for_is_known() -> None:
    error = judged(429, b"", **{"retry-after": "7"})
    assert isinstance(error, RateLimited)
    assert error.wait == 7.0


def test_markup_in_a_message_is_dropped() -> None:
    error = judged(
        400, b'{"code":"x","message":"<strong>Bad</strong> <script>alert(1)</script>","data":null}'
    )
    assert str(error) == "Bad alert(1) (x)"


def test_a_redirect_is_not_followed(scripted: Any, credentials: Any, line: Line) -> None:
    scripted.on("POST", "orders/1/refunds", b"", status=301, kind="text/html")
    calls = Calls(credentials, now=lambda: NOW, allow_http=True, line=line)
    with pytest.raises(UnreadableAnswer):
        calls.write("POST", "orders/1/refunds", {"amount": "1.00"})
    assert [asked.path for asked in scripted.asked] == ["orders/1/refunds"]


def test_a_page_instead_of_json_is_unreadable(scripted: Any, credentials: Any, line: Line) -> None:
    scripted.on("GET", "orders", b"<html>Log in</html>", kind="text/html; charset=UTF-8")
    with pytest.raises(UnreadableAnswer):
        Calls(credentials, now=lambda: NOW, allow_http=True, line=line).read("orders")


def test_a_read_is_repeated_and_a_write_is_not(scripted: Any, credentials: Any, line: Line) -> None:
    for method in ("GET", "POST"):
        scripted.on(method, "orders", b"<html>oops</html>", status=503, kind="text/html")
    scripted.on("GET", "orders", [])
    calls = Calls(credentials, now=lambda: NOW, allow_http=True, line=line)
    assert calls.read("orders") == []
    with pytest.raises(StoreUnavailable):
        calls.write("POST", "orders", {})
    assert [asked.method for asked in scripted.asked] == ["GET", "GET", "POST"]


def test_the_callers_parameters_stay_as_they_are(scripted: Any, credentials: Any, line: Line) -> None:
    scripted.on("GET", "orders", [])
    parameters = {"include": ["93", "94"], "dates_are_gmt": True, "after": NOW, "page": 2}
    before = dict(parameters)
    Calls(credentials, now=lambda: NOW, allow_http=True, line=line).read("orders", **parameters)
    assert parameters == before
    query = scripted.asked[-1].query
    assert query["include"] == "93,94"
    assert query["dates_are_gmt"] == "true"
    assert query["after"] == "2026-11-21T20:00:00"
    assert query["oauth_signature_method"] == "HMAC-SHA256"
    assert "consumer_secret" not in query


def test_times_are_sent_as_bare_gmt() -> None:
    tallinn = timezone(timedelta(hours=2))
    assert plain(datetime(2026, 11, 21, 22, 0, tzinfo=tallinn)) == "2026-11-21T20:00:00"


def test_nothing_listens_is_known_to_have_done_nothing(line: Line) -> None:
    nobody = WooCommerceCredentials(url="http://127.0.0.1:9", consumer_key="ck_x", consumer_secret="cs_x")
    with pytest.raises(Unreachable):
        Calls(nobody, now=lambda: NOW, allow_http=True, line=line).write("POST", "orders", {})


def test_plain_http_is_refused_unless_allowed(line: Line) -> None:
    plain_http = WooCommerceCredentials(url="http://shop.example", consumer_key="k", consumer_secret="s")
    with pytest.raises(StoreDenied):
        Calls(plain_http, now=lambda: NOW, line=line)


def test_no_answer_says_no_address(scripted: Any, line: Line) -> None:
    nobody = WooCommerceCredentials(
        url="http://127.0.0.1:9", consumer_key="ck_hidden", consumer_secret="cs_hidden"
    )
    with pytest.raises(StoreUnavailable) as caught:
        Calls(nobody, now=lambda: NOW, allow_http=True, line=line).read("orders")
    assert "hidden" not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


def test_the_stores_clock_is_the_stores(scripted: Any, credentials: Any, line: Line) -> None:
    scripted.on("GET", "orders", [])
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    calls = Calls(credentials, now=lambda: long_ago, allow_http=True, line=line)
    calls.read("orders")
    assert calls.store_now() - datetime.now(UTC) < timedelta(minutes=1)
    assert calls.store_now().year > 2020


def test_a_bad_certificate_has_its_own_words() -> None:
    assert "certificate" in BadCertificate("x", wait=1.0).next_step
