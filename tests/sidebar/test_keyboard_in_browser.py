"""Every screen of the pane without a mouse, and axe on each of them in every language.

Each screen is reached by keys, every control on it by Tab, with a focus that one sees; Escape leads back
to where one was. See `tests/sidebar/keyboard.py` for what is looked at.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from integration import limits
from integration.limits import Choices
from integration.records import FulfillmentStatus, ReturnLineRecord, ReturnRecord
from tests.sidebar.barriers import barriers
from tests.sidebar.conftest import EMAIL, HOME, ago
from tests.sidebar.keyboard import LANGUAGES, WALKED, focused, tab_to, troubles

DIALOGUES = (
    ("refund", "#order-{unsent} [data-kind=refund]"),
    ("cancel", "#order-{unsent} [data-kind=cancel]"),
    ("address", "#order-{unsent} [data-kind=address]"),
    ("note", "#order-{unsent} [data-kind=note]"),
    ("approve", "#order-{unsent} [data-kind=return_approve]"),
    ("decline", "#order-{unsent} [data-kind=return_decline]"),
    ("receive", "#order-{unsent} [data-kind=return_receive]"),
    ("close", "#order-{unsent} [data-kind=return_close]"),
    ("withdrawal", "#order-{unsent} [data-kind=withdrawal]"),
    ("hand over", "[data-act=hand]"),
    ("keys", "[data-act=help]"),
    ("return", "#order-{sent} [data-kind=return]"),
)
"""In the order in which Tab comes by."""
BEHIND_MORE = ("address", "note", "approve", "decline", "receive", "close", "withdrawal")


def faults(page: Page) -> list[str]:
    size = page.viewport_size
    assert size is not None
    # As tall as all of it: what the bar at the edge half covers could be scrolled free.
    page.set_viewport_size({"width": size["width"], "height": 3000})
    found = barriers(page)
    page.set_viewport_size(size)
    return found


@pytest.fixture
def unsent(world, account, shop):
    """One more order of Kadri's, still to be sent, with a return that was asked for and one that is open."""
    bowl = world.line("41", title="Bowl Muhu", product_id="p41")
    order = world.record(
        bowl,
        email=EMAIL,
        shipping_address=HOME,
        name="#0801",
        number="0801",
        placed_at=ago(300),
        fulfillment_status=FulfillmentStatus.UNFULFILLED,
        fulfillments=(),
        returns=tuple(
            ReturnRecord(
                platform_id=f"r{status}",
                status=status,
                created_at=ago(3),
                lines=(ReturnLineRecord(platform_id=f"l{status}", quantity=1, line_id="41", reason="other"),),
            )
            for status in ("requested", "open")
        ),
    )
    [row] = world.sell(account, shop["home"], order)
    return row


def speak(page: Page, language: str) -> None:
    """Choose the interface's language with the arrow keys."""
    page.keyboard.press("l")
    if language == LANGUAGES[-1]:
        page.keyboard.press("End")
        expect(page.locator("html")).to_have_attribute("lang", language)
    else:
        for passed in LANGUAGES[1 : LANGUAGES.index(language) + 1]:
            page.keyboard.press("ArrowDown")
            expect(page.locator("html")).to_have_attribute("lang", passed)
    page.keyboard.press("Tab")  # single keys are for when no field has the focus


@pytest.mark.every_language
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_dialogue_is_opened_gone_through_and_left_by_keys(open_pane, shop, unsent, language):
    page = open_pane()
    speak(page, language)
    tab_to(page, f"#order-{unsent} > summary")
    page.keyboard.press("Enter")
    page.locator(f"#order-{unsent} .acts").wait_for()
    found = {}
    for name, where in DIALOGUES:
        opener = where.format(sent=shop["lamp"], unsent=unsent)
        if page.locator(f"#order-{unsent} .rest[open]").count() == 0 and name in BEHIND_MORE:
            tab_to(page, f"#order-{unsent} [data-testid=more-open]")
            page.keyboard.press("Enter")
        tab_to(page, opener)
        page.keyboard.press("Enter")
        page.locator("dialog[open]").wait_for()
        if page.locator("dialog [data-preview]").count():  # its answer moves what stands below
            page.locator("dialog [data-result]").wait_for(state="attached")
        assert page.evaluate("document.querySelector('dialog').contains(document.activeElement)"), name
        expect(page.get_by_role("dialog")).to_have_accessible_name(re.compile(r"\S"))
        if wrong := [*(troubles(page, "dialog") if language in WALKED else []), *faults(page)]:
            found[name] = wrong
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_have_count(0)
        if not page.evaluate("(opener) => document.activeElement.matches(opener)", opener):
            found[f"{name}, left"] = focused(page)
    assert found == {}


@pytest.mark.every_language
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_view_is_gone_through_by_keys(open_pane, world, account, shop, language):
    """The pane with its orders, the reply, what was not found, several customers, and back."""
    kadri = world.record(
        world.line("91", title="Vase"), email="kadri@work.example", name="#0700", number="0700"
    )
    world.sell(account, shop["home"], kadri)
    page = open_pane(customer={"emails": [EMAIL, "kadri@work.example"]}, subject="")
    found = {}

    def look(name: str) -> None:
        if wrong := [*(troubles(page) if language in WALKED else []), *faults(page)]:
            found[name] = wrong

    page.locator("[data-state=several]").wait_for()
    speak(page, language)
    look("several")
    tab_to(page, f"[data-customer='{shop['customer']}']")
    page.keyboard.press("Enter")
    page.get_by_test_id("customer").wait_for()
    expect(page.locator("h1")).to_be_focused()
    look("pane")
    page.keyboard.press("j")
    page.keyboard.press("e")
    expect(page.locator("#rp")).to_be_focused()
    look("reply")
    tab_to(page, "[data-situation]:not([aria-pressed=true])")
    page.keyboard.press("Enter")
    expect(page.locator("[data-situation][aria-pressed=true]")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("[data-act=reply]")).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("no such thing")
    page.keyboard.press("Enter")
    page.get_by_test_id("empty").wait_for()
    expect(page.locator("h1")).to_be_focused()
    look("not found")
    tab_to(page, "[data-act=home]")
    page.keyboard.press("Enter")
    page.locator("[data-state=several]").wait_for()
    expect(page.locator("h1")).to_be_focused()
    assert found == {}


@pytest.mark.every_language
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_fresh_proof_is_asked_for_within_the_dialogue(open_pane, services, account, language):
    with services.transaction(account) as work:
        limits.save(work, Choices(step_up_above={"EUR": 100}), by="x")
    page = open_pane()
    speak(page, language)
    page.keyboard.press("j")
    page.keyboard.press("r")
    expect(page.get_by_test_id("refund-line-quantity").first).to_be_focused()
    page.keyboard.type("1")
    page.get_by_test_id("step-up").wait_for()
    assert [*troubles(page, "dialog"), *faults(page)] == []


@pytest.mark.every_language
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_order_without_a_customer_is_gone_through_by_keys(open_pane, world, account, shop, language):
    record = world.record(email=None, phone=None, customer=None, name="#7788", number="7788")
    world.sell(account, shop["home"], record)
    page = open_pane(customer={}, subject="Order 7788, who bought it?")
    page.locator("[data-state=guest]").wait_for()
    speak(page, language)
    assert [*troubles(page), *faults(page)] == []


def test_a_new_picture_leaves_the_focus_where_it_was(open_pane, services, account, shop):
    """The pane is drawn anew while somebody tabs through it: they go on from there."""
    page = open_pane()
    for selector in ("[data-kind=refund]", "[data-testid=more-open]", "[data-act=hand]"):
        tab_to(page, selector)
        before = focused(page)
        page.evaluate("document.querySelector('.pane').dataset.version = 'older'")
        with page.expect_response("**/sidebar/pane**"):
            page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(page.locator(".pane:not([data-version=older])")).to_be_visible()
        assert focused(page) == before


def test_what_was_kept_gives_the_focus_back_to_its_button(open_pane):
    page = open_pane()
    tab_to(page, "[data-act=hand]")
    page.keyboard.press("Enter")
    page.keyboard.type("Is there a spare shade?")
    page.keyboard.press("Enter")
    expect(page.locator("#hand-card")).to_contain_text("Is there a spare shade?")
    expect(page.locator("[data-act=hand]")).to_be_focused()
