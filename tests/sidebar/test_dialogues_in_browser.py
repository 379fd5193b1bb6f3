"""The dialogues by keyboard alone, in a pane of 320 pixels, left to right and right to left."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from integration.db.actions import Action
from tests.sidebar.barriers import barriers


def tab_to(page: Page, test_id: str, most: int = 40) -> None:
    """Press Tab until the element with this test id has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.testid") == test_id:
            return
    raise AssertionError(f"{test_id} is not reached by Tab")


def asked(services, account):
    with services.reading(account) as work:
        return work.session.scalars(select(Action)).all()


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_refund_is_asked_for_by_keyboard_alone(open_pane, services, account, language):
    page = open_pane()
    if language != "en":
        page.get_by_test_id("language").select_option(language)
        expect(page.locator("html")).to_have_attribute("dir", "rtl")
        page.keyboard.press("Tab")  # out of the list: single keys are for when no field has focus
    page.keyboard.press("j")
    page.keyboard.press("r")
    expect(page.get_by_test_id("refund-line-quantity").first).to_be_focused()
    page.keyboard.type("1")
    confirm = page.get_by_test_id("refund-confirm")
    expect(confirm).to_have_attribute("aria-disabled", "false")
    assert barriers(page) == []
    tab_to(page, "refund-confirm")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator("[data-testid=action-status]").first).to_have_attribute("data-status", "pending")
    [action] = asked(services, account)
    assert (action.amount, action.currency, action.kind) == (8900, "EUR", "refund")


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_seldom_buttons_are_behind_more(open_pane, services, account, language):
    page = open_pane()
    if language != "en":
        page.get_by_test_id("language").select_option(language)
        expect(page.locator("html")).to_have_attribute("dir", "rtl")
    order = page.get_by_test_id("order").first
    more, note = order.get_by_test_id("more-open"), order.get_by_test_id("note-open")
    assert order.locator(".acts > button:visible").count() == 4
    expect(note).to_be_hidden()
    more.focus()
    page.keyboard.press("Enter")
    expect(note).to_be_visible()
    assert barriers(page) == []
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(note).to_be_hidden()
    expect(more).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, "note-open")
    page.keyboard.press("Enter")
    page.locator("dialog textarea").fill("called back")
    page.keyboard.press("Escape")
    expect(note).to_be_focused()
    assert asked(services, account) == []


def test_a_way_of_paying_back_that_the_store_lacks_says_why(open_pane):
    page = open_pane()
    page.keyboard.press("r")
    manual = page.locator("input[name=method][value=manual]")
    expect(manual).to_be_disabled()
    described = page.locator(f"#{manual.get_attribute('aria-describedby')}")
    expect(described).to_contain_text("Shopify pays back itself")
