"""The page inside Shopify's admin, in Chromium: each state told, axe content, at home in narrow windows.

App Bridge comes from Shopify's own host and may not be kept here, so a stand-in answers under its address.
It does what our page needs of it: every fetch of ours carries a session token.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from playwright.sync_api import Page, expect

from integration import helpdesks, stores
from integration.db.accounts import Role
from integration.db.stores import StoreStatus, SyncPhase
from integration.errors import AppLeftAlone
from integration.people import add_agent
from jobs.boot import Services
from tests.sidebar.barriers import barriers
from tests.sidebar.keyboard import troubles
from tests.sidebar.windows import Window, Windows

SHOP = "lumi-home.myshopify.com"
KEY, SECRET = "the-apps-key", "the secret of the app, which is long enough"
APP_BRIDGE = """
  const plain = window.fetch;
  window.fetch = (address, more = {}) => plain(address, {
    ...more, headers: { ...more.headers, Authorization: "Bearer TOKEN" },
  });
"""


@pytest.fixture
def token(services: Services) -> str:
    """Good by the real clock, which the SDK reads, and by the test's, which stands still before it."""
    claims = {
        "iss": f"https://{SHOP}/admin",
        "dest": f"https://{SHOP}",
        "aud": KEY,
        "sub": "90001",
        "nbf": int(services.now().timestamp()) - 5,
        "exp": int(time.time()) + 600,
        "jti": "one",
        "sid": "one",
    }
    return jwt.encode(claims, SECRET, algorithm="HS256")


@pytest.fixture
def store(services: Services, account: int, world: Any, live: Any) -> int:
    """Lumi Home, copied and in step; its token sees the last 60 days."""
    services.settings = dataclasses.replace(
        services.settings, shopify_api_key=KEY, shopify_secrets=(SECRET,), app_url=live.url
    )
    store_id = world.store(account, domain=SHOP, credentials=b"sealed", scopes=["read_orders"])
    with services.transaction(account) as work:
        state = stores.state(work, store_id)
        state.done = state.total = 214
        state.oldest_order_at = services.now() - timedelta(days=60)
        state.last_event_at = services.now() - timedelta(minutes=2)
        state.last_reconciled_at = services.now() - timedelta(minutes=7)
    return int(store_id)


@pytest.fixture
def change(services: Services, account: int, store: int) -> Callable[..., None]:
    def set_state(**values: Any) -> None:
        with services.transaction(account) as work:
            row, state = stores.find(work, store), stores.state(work, store)
            for name, value in values.items():
                setattr(row if name in ("status", "scopes", "credentials") else state, name, value)

    return set_state


@pytest.fixture
def opened(windows: Windows, live: Any, token: str, store: int) -> Iterator[Any]:
    """Opens the home as Shopify's admin frames it; an error on the page's console fails the test."""
    with ExitStack() as lent:
        used: list[Window] = []

        def window(width: int = 1200, scheme: Any = "light", language: str = "en") -> Page:
            window = lent.enter_context(windows.lent("clock"))
            used.append(window)
            page = window.show(width, 1000, scheme, "reduce")
            page.route(
                "https://cdn.shopify.com/shopifycloud/app-bridge.js",
                lambda route: route.fulfill(
                    content_type="text/javascript", body=APP_BRIDGE.replace("TOKEN", token)
                ),
            )
            query = {"shop": SHOP, "host": "YWRtaW4", "embedded": "1", "locale": language, "id_token": token}
            answer = page.goto(f"{live.url}/shopify/app?{urlencode(query)}")
            assert answer is not None
            assert answer.status == 200
            return page

        yield window
        assert [trouble for one in used for trouble in one.troubles] == []


POLL = 20_000
"""Milliseconds after which an open page has asked again."""


COPYING = {
    "phase": SyncPhase.BACKFILL,
    "status": StoreStatus.INSTALLING,
    "done": 38_412,
    "total": 61_900,
}


@pytest.mark.parametrize("state", ["in step", "copying", "refused", "waiting", "late", "not connected"])
def test_every_state_is_accessible_in_every_window(
    state: str, opened: Any, change: Any, services: Services
) -> None:
    more = {
        "in step": {},
        "copying": COPYING,
        "not connected": {"credentials": None},
        "waiting": {"phase": SyncPhase.WAITING, "status": StoreStatus.INSTALLING},
        "late": {
            "status": StoreStatus.DEGRADED,
            "error": {
                "code": "store_unavailable",
                "message": "503",
                "next_step": "The store did not answer. We look again by ourselves; nothing is lost.",
            },
        },
    }
    change(**more.get(state, {}))
    windows = (opened(1200), opened(320, "dark", "ar"), opened(320, "light", "th"))
    if state == "refused":  # while the page is open: opening it anew would mend it
        change(status=StoreStatus.DEGRADED, error=stores.problem(AppLeftAlone("over"), services.now()))
        for page in windows:
            page.clock.fast_forward(POLL)
            expect(page.locator("[data-trouble]")).to_be_visible()
    assert [barriers(page) for page in windows] == [[], [], []]
    assert troubles(windows[1]) == []
    assert windows[1].get_attribute("html", "dir") == "rtl"


def test_the_copy_moves_without_a_reload_and_ends_in_step(
    opened: Any, change: Any, services: Services
) -> None:
    change(**COPYING, backfill_started_at=services.now() - timedelta(seconds=356))
    page = opened()
    expect(page.get_by_role("heading", name="Copying orders")).to_be_visible()
    expect(
        page.get_by_text("38,412 of 61,900 orders · 108 orders a second · about 4 minutes")
    ).to_be_visible()
    change(done=50_000)
    page.clock.fast_forward(POLL)
    expect(page.locator("progress")).to_have_js_property("value", 50_000)
    change(phase=SyncPhase.LIVE, status=StoreStatus.ACTIVE)
    page.clock.fast_forward(POLL)
    expect(page.get_by_role("heading", name="In step")).to_be_visible()


def test_it_says_how_far_back_the_token_sees(opened: Any, change: Any) -> None:
    page = opened()
    expect(page.get_by_text("Shopify shows the last 60 days only")).to_be_visible()
    change(scopes=["read_orders", "read_all_orders"])
    expect(opened().get_by_text("all orders", exact=True)).to_be_visible()


def test_a_token_that_dies_while_the_page_is_open_is_told_with_what_to_do(
    opened: Any, change: Any, services: Services
) -> None:
    change(**COPYING)
    page = opened(language="et")
    expect(page.get_by_role("heading", name="Kopeerib tellimusi")).to_be_visible()
    change(status=StoreStatus.DEGRADED, error=stores.problem(AppLeftAlone("over"), services.now()))
    page.clock.fast_forward(POLL)
    expect(page.get_by_text("rakenduse avamine uuendab võtit")).to_be_visible()


def test_what_is_done_is_struck_off_the_next_steps(
    opened: Any, services: Services, account: int, live: Any
) -> None:
    assert opened().locator("ol.steps li.now h3").inner_text() == "Set up your helpdesk"
    with services.transaction(account) as work:
        helpdesks.add(
            work, services.vault, "zendesk", "Zendesk", settings={"subdomain": "lumi"}, app_url=live.url
        )
    assert opened().locator("ol.steps li.now h3").inner_text() == "Invite your agents"
    with services.transaction(account) as work:
        for name in ("mari", "jaan"):
            add_agent(work, f"{name}@lumi.example", name, Role.AGENT)
    assert opened().locator("ol.steps li.done").count() == 3


def test_the_button_opens_the_merchants_pages_signed_in(opened: Any, live: Any) -> None:
    page = opened()
    with page.context.expect_page() as coming:
        page.get_by_role("button", name="Open Deskside").click()
    coming.value.wait_for_load_state()
    assert coming.value.url.startswith(f"{live.url}/admin/")
