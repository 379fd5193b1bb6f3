"""The sample desk of `make demo`: another origin, the generic protocol, both ways."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from integration.db.helpdesks import Helpdesk
from sidebar.demo_host import CONVERSATIONS, DeskAgent, create_host
from tests.listener import Listener
from tests.sidebar.barriers import barriers
from tests.sidebar.keyboard import tab_to, troubles


@pytest.fixture(scope="module")
def other_home():
    found = Listener()
    yield found
    found.close()


@pytest.fixture
def sample_desk(other_home, served, services, account, desk, agent, shop, clock):
    """The desk at an origin of its own, which alone may frame the pane."""
    host = create_host(
        door=f"{served}{desk.path}",
        app_url=served,
        key=desk.key,
        secret=desk.secret,
        agent=DeskAgent(id="agent-7", email="liis@lumi.example", name="Liis Kask"),
        clock=lambda: clock().timestamp(),
    )
    with services.transaction(account) as work:
        work.session.get_one(Helpdesk, desk.id).origin = other_home.url
    with other_home.serving(host):
        yield other_home.url


@pytest.fixture
def page(windows):
    with windows.lent() as window:
        yield window.show(1400, 800)


def test_the_pane_stands_beside_the_conversation_and_writes_into_it(page, sample_desk):
    page.goto(sample_desk)
    pane = page.frame_locator("#side")
    expect(pane.get_by_test_id("customer")).to_contain_text("Kadri Tamm")
    pane.get_by_role("button", name="Reply", exact=True).click()
    pane.get_by_test_id("reply-insert").click()
    expect(page.locator(f"#answer-{CONVERSATIONS[0].id}")).to_have_value(re.compile("Tere, Kadri!"))


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (800, "dark"), (320, "light")])
def test_every_conversation_is_gone_to_by_keys_in_any_window(windows, sample_desk, width, scheme):
    with windows.lent() as window:
        page = window.show(width, 800, scheme)
        page.goto(sample_desk)
        page.frame_locator("#side").get_by_test_id("customer").wait_for()
        assert barriers(page) == []
        assert [wrong for wrong in troubles(page) if "<iframe" not in wrong] == []
        last = CONVERSATIONS[-1]
        tab_to(page, f".list [data-number='{last.id}']")
        page.keyboard.press("Enter")
        expect(page.locator(f"#talk-{last.id} h1")).to_be_visible()
        expect(page.locator(".list [aria-current=page]")).to_have_attribute("data-number", last.id)


def test_another_conversation_shows_its_own_customer_and_nothing_of_the_old_one(page, sample_desk):
    page.goto(sample_desk)
    pane = page.frame_locator("#side")
    expect(pane.get_by_test_id("customer")).to_contain_text("Kadri Tamm")
    page.get_by_text("My order from the spring").first.click()
    expect(pane.get_by_test_id("empty")).to_contain_text("olivia.obrien@example.co.uk")
    expect(pane.get_by_text("Kadri")).to_have_count(0)


def test_no_other_origin_may_frame_it(page, sample_desk, services, account, desk):
    with services.transaction(account) as work:
        work.session.get_one(Helpdesk, desk.id).origin = "https://desk.example"
    page.goto(sample_desk)
    page.wait_for_timeout(300)
    expect(page.frame_locator("#side").get_by_test_id("customer")).to_have_count(0)
