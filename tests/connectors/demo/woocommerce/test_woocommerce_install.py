"""The install flow that starts at the shop: login, grant, callback, and every refusal as recorded."""

from __future__ import annotations

import html
import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from connectors.demo.woocommerce import DemoWooCommerce, auth

Recording = Callable[[str], Any]


class App:
    """The app that asks to be let in: its callback, and what it was sent."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, str], bytes]] = []
        self.status = 200
        app = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                app.heard.append((self.path, dict(self.headers), body))
                self._answer(app.status)

            def do_GET(self) -> None:
                self._answer(200)

            def _answer(self, status: int) -> None:
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def app() -> Iterator[App]:
    made = App()
    yield made
    made.close()


@pytest.fixture
def allowing_http(store: DemoWooCommerce) -> Iterator[None]:
    store.shop.allow_http = True
    yield
    store.shop.allow_http = False


@pytest.fixture
def browser(store: DemoWooCommerce) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=store.url, follow_redirects=False) as client:
        yield client


def wish(app: App, **changes: str) -> dict[str, str]:
    return {
        "app_name": "Deskside",
        "scope": "read_write",
        "user_id": "tenant-42",
        "return_url": f"{app.url}/return?tenant=42",
        "callback_url": f"{app.url}/callback?state=s1",
        **changes,
    }


def log_in(browser: httpx.Client, asked: dict[str, str], user: str = "merchant") -> httpx.Response:
    """From the first address to the page that asks for consent."""
    first = browser.get("/wc-auth/v1/authorize", params=asked)
    assert first.status_code == 302
    form = browser.get(first.headers["Location"])
    assert f"{asked['app_name']} would like to connect to your store" in form.text
    back = browser.post(first.headers["Location"], data={"username": user, "password": "demo"})
    assert back.status_code == 302
    return browser.get(back.headers["Location"])


def approve_link(page: httpx.Response) -> str:
    found = re.search(r'wc-auth-approve" href="([^"]+)"', page.text)
    assert found
    return html.unescape(found[1])


@pytest.mark.usefixtures("allowing_http")
def test_the_whole_way_in(
    store: DemoWooCommerce, app: App, browser: httpx.Client, recording: Recording
) -> None:
    page = log_in(browser, wish(app))

    done = browser.get(approve_link(page))

    assert done.status_code == 302
    assert done.headers["Location"] == f"{app.url}/return?tenant=42&success=1&user_id=tenant-42"
    ((path, headers, body),) = app.heard
    assert path == "/callback?state=s1"
    theirs = recording("wc_auth/callback_post")
    given = json.loads(body)
    assert {key: type(value) for key, value in given.items()} == {
        key: type(value) for key, value in theirs["body"].items()
    }
    assert headers["Content-Type"] == dict(theirs["headers"])["Content-Type"]
    assert headers["User-Agent"] == f"WordPress/6.8.8; {store.url}"
    key = (given["consumer_key"], given["consumer_secret"])
    reads = browser.get("/wp-json/wc/v3/orders?per_page=1", auth=key, headers={"X-Forwarded-Proto": "https"})
    assert reads.status_code == 200


@pytest.mark.usefixtures("allowing_http")
def test_approving_twice_makes_a_second_key(app: App, browser: httpx.Client) -> None:
    link = approve_link(log_in(browser, wish(app)))

    assert [browser.get(link).status_code for _ in range(2)] == [302, 302]

    assert len({json.loads(body)["consumer_key"] for _, _, body in app.heard}) == 2


@pytest.mark.usefixtures("allowing_http")
def test_denying_only_leads_back(store: DemoWooCommerce, app: App, browser: httpx.Client) -> None:
    before = len(auth.keys(store.shop))
    page = log_in(browser, wish(app))

    deny = re.search(r'wc-auth-deny" href="([^"]+)"', page.text)

    assert deny
    assert html.unescape(deny[1]) == f"{app.url}/return?tenant=42&success=0&user_id=tenant-42"
    assert (app.heard, len(auth.keys(store.shop))) == ([], before)


@pytest.mark.parametrize("status", [201, 204, 500])
@pytest.mark.usefixtures("allowing_http")
def test_any_answer_but_200_costs_the_key(
    status: int, store: DemoWooCommerce, app: App, browser: httpx.Client, recording: Recording
) -> None:
    link = approve_link(log_in(browser, wish(app)))
    before = auth.keys(store.shop)
    app.status = status

    answer = browser.get(link)

    theirs = recording("wc_auth/callback_failures")["steps"][0]["response"]
    assert answer.status_code == theirs["status"] == 401
    assert message(answer.text) == message(theirs["body_text"])
    assert auth.keys(store.shop) == before
    assert len(app.heard) == 1


def message(page: str) -> str:
    found = re.search(r'wp-die-message">([^<]*)<', page)
    assert found
    return html.unescape(found[1])


@pytest.mark.usefixtures("allowing_http")
def test_a_redirect_leaves_a_key_that_nobody_got(
    store: DemoWooCommerce, app: App, browser: httpx.Client
) -> None:
    link = approve_link(log_in(browser, wish(app)))
    before = len(auth.keys(store.shop))
    app.status = 302

    answer = browser.get(link)

    assert "success=1" in answer.headers["Location"]
    assert len(auth.keys(store.shop)) == before + 1


@pytest.mark.usefixtures("allowing_http")
def test_a_callback_that_refuses_the_connection(
    store: DemoWooCommerce, app: App, browser: httpx.Client
) -> None:
    link = approve_link(log_in(browser, wish(app, callback_url="http://127.0.0.1:9/none")))
    before = auth.keys(store.shop)

    answer = browser.get(link)

    assert (answer.status_code, message(answer.text)) == (401, "Error: A valid URL was not provided..")
    assert auth.keys(store.shop) == before


@pytest.mark.parametrize(
    ("step", "changes"),
    [
        ("http_callback", {"callback_url": "http://127.0.0.1:9099/wcauth/callback"}),
        ("bad_scope", {"scope": "admin"}),
        ("missing_user_id", {"user_id": ""}),
        ("user_id_zero", {"user_id": "0"}),
        (
            "percent_encoded_utf8_in_return_url",
            {"return_url": "https://127.0.0.1:9443/wcauth/return?x=%C3%B5"},
        ),
    ],
)
def test_a_bad_request_is_refused_as_recorded(
    step: str, changes: dict[str, str], app: App, browser: httpx.Client, recording: Recording
) -> None:
    asked = wish(app, callback_url="https://127.0.0.1:9443/callback") | changes
    steps = {each["step"]: each for each in recording("wc_auth/validation_errors")["steps"]}

    answer = browser.get("/wc-auth/v1/authorize", params=asked)

    theirs = steps[step]["response"]
    assert answer.status_code == theirs["status"] == 401
    assert message(answer.text) == message(theirs["body_text"])


def test_an_address_without_scheme_is_https(app: App, browser: httpx.Client) -> None:
    answer = browser.get("/wc-auth/v1/authorize", params=wish(app, callback_url="127.0.0.1:9443/callback"))

    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query["callback_url"] == ["https://127.0.0.1:9443/callback"]


@pytest.mark.usefixtures("allowing_http")
def test_signs_fall_out_of_the_user_id_and_tags_out_of_the_name(app: App, browser: httpx.Client) -> None:
    page = log_in(browser, wish(app, user_id="tenant|42<x>", app_name="Deskside"))
    browser.get(approve_link(page))

    assert json.loads(app.heard[0][2])["user_id"] == "tenant42x"
    evil = browser.get("/wc-auth/v1/authorize", params=wish(app, app_name="<b>Evil</b> & Co"))
    assert "<b>Evil" not in evil.text
    assert "Evil &amp; Co" in evil.text


@pytest.mark.usefixtures("allowing_http")
def test_a_customer_may_not_let_anybody_in(app: App, browser: httpx.Client, recording: Recording) -> None:
    answer = log_in(browser, wish(app), user="buyer")

    steps = {each["step"]: each for each in recording("wc_auth/no_rights")["steps"]}
    theirs = steps["authorize_as_customer"]["response"]
    assert (answer.status_code, message(answer.text)) == (theirs["status"], message(theirs["body_text"]))
    assert app.heard == []


@pytest.mark.usefixtures("allowing_http")
def test_a_wrong_password_shows_the_form_again(app: App, browser: httpx.Client) -> None:
    first = browser.get("/wc-auth/v1/authorize", params=wish(app))

    answer = browser.post(first.headers["Location"], data={"username": "merchant", "password": "wrong"})

    assert answer.status_code == 200
    assert browser.get("/wc-auth/v1/authorize", params=wish(app)).status_code == 302


@pytest.mark.usefixtures("allowing_http")
def test_the_approve_link_needs_its_nonce_and_a_login(
    store: DemoWooCommerce, app: App, browser: httpx.Client
) -> None:
    link = approve_link(log_in(browser, wish(app)))
    before = auth.keys(store.shop)

    forged = browser.get(re.sub(r"wc_auth_nonce=\w+", "wc_auth_nonce=0123456789", link))
    stranger = httpx.get(link)

    assert (forged.status_code, stranger.status_code) == (401, 401)
    assert (app.heard, auth.keys(store.shop)) == ([], before)
