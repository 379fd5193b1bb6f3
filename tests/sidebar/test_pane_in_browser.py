"""The pane in a real browser: read, opened, asked, refunded and answered, by mouse and by keyboard alone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from integration import customers, identity
from integration.db.actions import Action, ActionStatus
from tests.sidebar.barriers import barriers


class TestLooking:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_the_pane_has_no_barrier_at_320_pixels(self, open_pane, scheme):
        page = open_pane(scheme=scheme)
        page.get_by_test_id("verdict").first.click()
        assert barriers(page) == []

    @pytest.mark.parametrize("language", ["et", "ro", "th", "ar"])
    def test_every_language_fits_and_has_no_barrier(self, open_pane, language):
        page = open_pane()
        page.get_by_test_id("language").select_option(language)
        expect(page.locator(".pane")).to_have_attribute("lang", language)
        expect(page.locator("html")).to_have_attribute("dir", "rtl" if language == "ar" else "ltr")
        page.get_by_test_id("verdict").first.click()
        assert barriers(page) == []

    def test_wide_panes_have_a_rail_and_very_wide_ones_the_reply(self, open_pane):
        page = open_pane(1200, 800)
        orders = page.locator(".orders").bounding_box()
        customer = page.get_by_test_id("customer").bounding_box()
        reply = page.get_by_test_id("reply-text").bounding_box()
        assert customer["x"] < orders["x"] < reply["x"]
        assert barriers(page) == []

    def test_the_chosen_language_is_kept_for_the_agent(self, open_pane):
        open_pane().get_by_test_id("language").select_option("et")
        expect(open_pane().locator("html")).to_have_attribute("lang", re.compile("et|en"))

    def test_the_age_counts_up(self, open_pane):
        fresh = open_pane().get_by_test_id("freshness")
        before = int(fresh.get_attribute("data-age-seconds"))
        expect(fresh).not_to_have_attribute("data-age-seconds", str(before))

    def test_an_urgent_row_leads_to_its_place(self, open_pane):
        page = open_pane()
        page.get_by_text("Table lamp Kuu has not arrived").click()
        expect(page.locator("[data-late]")).to_be_focused()

    def test_orders_open_and_close(self, open_pane):
        page = open_pane()
        second = page.get_by_test_id("order").nth(1)
        second.get_by_test_id("order-toggle").click()
        expect(second.get_by_test_id("line").first).to_be_visible()
        second.get_by_test_id("order-toggle").click()
        expect(second.get_by_test_id("line").first).to_be_hidden()


class TestSearching:
    def test_a_shut_order_gets_its_body_and_says_when_it_cannot(self, open_pane, shop):
        page = open_pane()
        order = page.locator(f"#order-{shop['slippers']}")
        expect(order.get_by_test_id("line")).to_have_count(0)
        page.route("**/sidebar/orders/*", lambda route: route.fulfill(body="a proxy's own page"))
        order.get_by_test_id("order-toggle").press("Enter")
        expect(order.get_by_role("alert")).to_contain_text("The lookup failed")
        assert barriers(page) == []
        page.unroute("**/sidebar/orders/*")
        order.get_by_role("button", name="Try again").press("Enter")
        expect(order.get_by_test_id("line").first).to_be_visible()
        expect(order.get_by_test_id("order-toggle")).to_be_focused()

    def test_a_search_opens_the_customer_and_leads_back(self, open_pane, shop):
        page = open_pane(customer={"emails": ["nobody@example.ee"]}, subject="")
        expect(page.get_by_test_id("empty")).to_be_visible()
        assert barriers(page) == []
        page.get_by_test_id("search").fill("L-5531")
        page.get_by_test_id("search").press("Enter")
        expect(page.get_by_test_id("customer")).to_have_attribute("data-customer-id", str(shop["customer"]))
        page.get_by_role("button", name="Back to the conversation's customer").click()
        expect(page.get_by_test_id("empty")).to_be_visible()

    def test_nothing_found_is_said(self, open_pane):
        page = open_pane()
        page.get_by_test_id("search").fill("no such thing")
        page.get_by_test_id("search").press("Enter")
        expect(page.get_by_role("heading", name="Nothing found for no such thing")).to_be_visible()


class TestAsking:
    def test_a_missing_fact_changes_the_verdict_in_place(self, open_pane):
        page = open_pane()
        line = page.get_by_test_id("line").nth(1)
        line.get_by_test_id("verdict").click()
        assert barriers(page) == []
        line.get_by_text("Yes", exact=True).click()
        expect(line.get_by_test_id("verdict")).to_have_attribute("data-verdict", "accept")
        line.get_by_text("Broken", exact=True).click()
        expect(line.get_by_test_id("verdict")).to_have_attribute("data-verdict", "refuse")
        expect(line.locator(".reason")).to_be_visible()


class TestRefunding:
    def test_the_button_carries_the_sum_and_one_press_or_two_make_one_refund(
        self, open_pane, services, account
    ):
        page = open_pane()
        page.get_by_test_id("refund-open").first.click()
        dialog = page.get_by_test_id("refund-dialog")
        expect(dialog).to_be_visible()
        confirm = page.get_by_test_id("refund-confirm")
        expect(confirm).to_have_attribute("aria-disabled", "true")
        page.get_by_test_id("refund-line-quantity").first.fill("1")
        page.get_by_test_id("refund-reason").select_option("changed_mind")
        expect(page.get_by_test_id("refund-total")).to_have_text("€89.00")
        expect(confirm).to_have_attribute("aria-disabled", "false")
        assert barriers(page) == []
        confirm.dblclick()
        status = page.locator("[data-testid=action-status]").first
        expect(status).to_have_attribute("data-status", "pending")
        expect(status).to_contain_text("€89.00")
        with services.reading(account) as work:
            [action] = work.session.scalars(select(Action)).all()
        assert (action.amount, action.currency, action.requested_by) == (8900, "EUR", "liis@lumi.example")

    def test_the_outcome_appears_without_reloading(self, open_pane, services, account):
        page = open_pane()
        page.get_by_test_id("refund-open").first.click()
        page.get_by_test_id("refund-line-quantity").first.fill("1")
        expect(page.get_by_test_id("refund-confirm")).to_have_attribute("aria-disabled", "false")
        page.get_by_test_id("refund-confirm").click()
        status = page.locator("[data-testid=action-status]").first
        expect(status).to_have_attribute("data-status", "pending")
        with services.transaction(account) as work:
            [action] = work.session.scalars(select(Action)).all()
            action.status, action.finished_at = ActionStatus.SUCCEEDED, work.now()
        expect(status).to_have_attribute("data-status", "succeeded")
        expect(status).to_contain_text("Refunded €89.00")

    def test_beyond_the_verdict_a_reason_is_asked(self, open_pane):
        page = open_pane()
        page.get_by_test_id("refund-open").first.click()
        page.get_by_test_id("refund-line-quantity").nth(2).fill("1")
        reason = page.get_by_test_id("refund-exception")
        expect(reason).to_be_visible()
        expect(page.get_by_test_id("refund-confirm")).to_have_attribute("aria-disabled", "true")
        reason.fill("Wrong thread colour")
        expect(page.get_by_test_id("refund-confirm")).to_have_attribute("aria-disabled", "false")
        assert barriers(page) == []

    def test_more_than_is_left_cannot_be_typed(self, open_pane):
        page = open_pane()
        page.get_by_test_id("refund-open").first.click()
        quantity = page.get_by_test_id("refund-line-quantity").nth(1)
        quantity.fill("99")
        expect(quantity).to_have_value("2")

    def test_an_amount_by_hand(self, open_pane):
        page = open_pane()
        page.get_by_test_id("refund-open").first.click()
        page.get_by_role("button", name="Amount instead").click()
        page.locator("#rf-amount").fill("12,50")
        expect(page.get_by_test_id("refund-total")).to_have_text("€12.50")

    def test_escape_closes_refunds_nothing_and_returns_to_the_button(self, open_pane, services, account):
        page = open_pane()
        button = page.get_by_test_id("refund-open").first
        button.click()
        expect(page.get_by_test_id("refund-dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_test_id("refund-dialog")).to_have_count(0)
        expect(button).to_be_focused()
        with services.reading(account) as work:
            assert work.session.scalars(select(Action)).all() == []

    def test_a_store_that_does_not_answer_is_said_before_the_button(self, open_pane, paper):
        paper.down = True
        page = open_pane()
        page.get_by_test_id("refund-open").first.click()
        page.get_by_test_id("refund-line-quantity").first.fill("1")
        expect(page.locator("[data-notes]")).to_contain_text("The store cannot be reached just now")
        expect(page.get_by_test_id("refund-confirm")).to_have_attribute("aria-disabled", "true")

    def test_a_disabled_action_says_why(self, open_pane):
        page = open_pane()
        cancel = page.get_by_test_id("cancel-open").first
        expect(cancel).to_have_attribute("aria-disabled", "true")
        described = cancel.get_attribute("aria-describedby")
        expect(page.locator(f"#{described}")).to_contain_text("a parcel has been delivered")
        cancel.click(force=True)
        expect(page.locator("dialog")).to_have_count(0)


class TestReplying:
    def test_the_reply_is_in_the_customers_language_and_can_be_another(self, open_pane):
        page = open_pane()
        page.get_by_role("button", name="Reply", exact=True).click()
        text = page.get_by_test_id("reply-text")
        expect(text).to_have_value(re.compile("^Tere, Kadri!"))
        assert barriers(page) == []
        page.get_by_test_id("reply-language").select_option("ar")
        expect(page.get_by_test_id("reply-text")).to_have_value(re.compile("^مرحباً"))
        page.get_by_role("button", name="May I return it").click()
        expect(page.get_by_test_id("reply-text")).to_have_value(re.compile("Wool throw Saar"))

    def test_what_was_typed_comes_back_with_its_situation_and_its_language(self, open_pane):
        page = open_pane()
        page.get_by_role("button", name="Reply", exact=True).click()
        text, other = page.get_by_test_id("reply-text"), page.locator("[data-act=other-text]")
        late = text.input_value()
        expect(other).to_be_hidden()
        text.fill("Tere! Helistan homme.")
        expect(other).to_have_text("Suggested text")
        page.get_by_role("button", name="May I return it").press("Enter")
        expect(text).to_have_value(re.compile("Wool throw Saar"))
        expect(page.locator("#toast")).to_have_text(re.compile("^Your text is kept"))
        expect(other).to_be_hidden()
        text.fill("Jah, muidugi.")
        page.get_by_test_id("reply-language").select_option("ar")
        expect(text).to_have_value(re.compile("^مرحباً"))
        page.get_by_test_id("reply-language").select_option("et")
        expect(text).to_have_value("Jah, muidugi.")
        page.get_by_role("button", name="Late parcel").press("Enter")
        expect(text).to_have_value("Tere! Helistan homme.")
        expect(page.locator("[data-situation=late]")).to_be_focused()
        expect(page.locator("#said")).to_have_text("My text")
        assert barriers(page) == []
        other.press("Enter")
        expect(text).to_have_value(late)
        expect(other).to_have_text("My text")
        expect(other).to_be_focused()
        expect(page.locator("#said")).to_have_text("Suggested text")
        other.press("Enter")
        expect(text).to_have_value("Tere! Helistan homme.")
        text.fill(late)
        expect(other).to_be_hidden()

    def test_a_suggestion_that_is_changed_leaves_what_was_typed_before(self, open_pane):
        page = open_pane(1200, 800)
        text, other = page.get_by_test_id("reply-text"), page.locator("[data-act=other-text]")
        suggested = text.input_value()
        text.fill("Tere! Helistan homme.")
        other.press("Enter")
        text.fill(f"{suggested}!")
        text.fill(suggested)
        expect(other).to_have_text("My text")
        text.fill(f"{suggested} PS")
        seen = []
        for word in ("Suggested text", "My text", "My text"):
            expect(other).to_have_text(word)
            other.press("Enter")
            seen.append(text.input_value())
        assert seen == [suggested, "Tere! Helistan homme.", f"{suggested} PS"]

    def test_what_was_typed_stands_under_its_own_customer_alone(self, open_pane, world, account, shop):
        [vase] = world.sell(
            account,
            shop["home"],
            world.record(
                world.line("91", title="Vase"), email="mari@example.ee", name="#0700", number="0700"
            ),
        )
        page = open_pane(1200, 800)
        text = page.get_by_test_id("reply-text")
        text.fill("Kadri, helistan homme.")
        page.get_by_test_id("search").fill("#0700")
        page.get_by_test_id("search").press("Enter")
        expect(page.locator(f"[data-order-id='{vase}']")).to_be_visible()
        for situation in ("where", "late"):
            page.locator(f"[data-situation={situation}]").press("Enter")
            expect(page.locator(f"[data-situation={situation}]")).to_have_attribute("aria-pressed", "true")
            expect(text).not_to_have_value(re.compile("Kadri"))
        page.get_by_test_id("search").fill("#1042")
        page.get_by_test_id("search").press("Enter")
        expect(text).to_have_value("Kadri, helistan homme.")

    def test_what_was_typed_stays_when_two_records_of_the_customer_become_one(
        self, open_pane, world, account, shop, services
    ):
        world.sell(
            account,
            shop["home"],
            world.record(world.line("91", title="Vase"), email="kadri@work.example", number="0700"),
        )
        page = open_pane(1200, 800)
        text = page.get_by_test_id("reply-text")
        text.fill("Tere! Helistan homme.")
        with services.transaction(account) as work:
            found = customers.match(work, emails=["kadri@work.example"])
            identity._merge(work, found[0].customer_id, {shop["customer"]})
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(page.locator(f".pane[data-customer='{found[0].customer_id}']")).to_be_visible()
        expect(text).to_have_value("Tere! Helistan homme.")
        page.locator("[data-situation=replacement]").press("Enter")
        expect(text).to_have_value(re.compile("asenduse"))
        page.locator("[data-situation=late]").press("Enter")
        expect(text).to_have_value("Tere! Helistan homme.")

    @pytest.mark.parametrize("typed", [True, False])
    def test_a_new_picture_leaves_the_chosen_reply(self, open_pane, typed):
        page = open_pane(1200, 800)
        text = page.get_by_test_id("reply-text")
        page.locator("[data-situation=may_return]").press("Enter")
        expect(text).to_have_value(re.compile("Wool throw Saar"))
        words = "Jah, muidugi." if typed else text.input_value()
        if typed:
            text.fill(words)
            text.press("ArrowLeft")
        page.evaluate("document.querySelector('.pane').dataset.version = 'older'")
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(page.locator(".pane:not([data-version=older])")).to_be_visible()
        expect(text).to_have_value(words)
        expect(page.locator("[data-situation=may_return]")).to_have_attribute("aria-pressed", "true")
        if typed:
            page.keyboard.type("t")
            expect(text).to_have_value("Jah, muidugit.")
        page.get_by_test_id("language").select_option("et")
        expect(page.locator("[data-situation=may_return]")).to_have_text("Kas saan tagastada")
        expect(text).to_have_value("Jah, muidugit." if typed else words)

    def test_a_letter_that_comes_while_one_types_takes_the_keys(self, open_pane):
        """Else they are shortcuts: the "r" of what is typed opens a refund."""
        page = open_pane(1200, 800)
        text, kept = page.get_by_test_id("reply-text"), []
        page.route("**/sidebar/reply?*", lambda route: kept.append(route))
        with page.expect_request("**/sidebar/reply?*"):
            page.locator("[data-situation=replacement]").click()
        text.focus()
        page.wait_for_timeout(50)
        kept[0].continue_()
        expect(text).to_have_value(re.compile("asenduse"))
        expect(text).to_be_focused()
        page.keyboard.type("r")
        expect(page.get_by_test_id("reply-text")).to_have_value(re.compile("r$"))

    def test_without_a_host_inserting_copies(self, open_pane):
        page = open_pane()
        page.get_by_test_id("reply-insert").click()
        expect(page.locator("#toast")).to_have_text(re.compile("Copied|Press Ctrl"))


class TestKeyboard:
    def test_everything_is_reached_without_a_mouse(self, open_pane):
        page = open_pane()
        page.keyboard.press("/")
        expect(page.get_by_test_id("search")).to_be_focused()
        page.keyboard.press("Escape")
        page.keyboard.press("j")
        expect(page.get_by_test_id("order-toggle").first).to_be_focused()
        page.keyboard.press("j")
        expect(page.get_by_test_id("order-toggle").nth(1)).to_be_focused()
        page.keyboard.press("k")
        page.keyboard.press("r")
        expect(page.get_by_test_id("refund-line-quantity").first).to_be_focused()
        page.keyboard.press("Escape")
        page.keyboard.press("e")
        expect(page.locator(".pane")).to_have_attribute("data-view", "reply")
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()
        assert barriers(page) == []

    def test_single_keys_can_be_switched_off(self, open_pane):
        page = open_pane()
        page.keyboard.press("?")
        page.get_by_label("Single keys work while no field has focus").uncheck()
        page.keyboard.press("Escape")
        page.keyboard.press("r")
        expect(page.locator("dialog")).to_have_count(0)


class TestHandingOver:
    def test_the_card_is_kept_and_shown(self, open_pane):
        page = open_pane()
        page.get_by_role("button", name="Hand over…").click()
        assert barriers(page) == []
        page.get_by_label("What was asked").fill("Is there a spare shade?")
        page.get_by_role("button", name="Keep the hand-over").click()
        expect(page.locator("#hand-card")).to_contain_text("Is there a spare shade?")
