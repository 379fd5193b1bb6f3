"""Re:amaze's frame: a page that comes complete with its address, and says nothing to its host."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

import pytest

from sidebar.helpdesks import reamaze

KADRI = "kadri.tamm@example.ee"
HOST = "https://lumi.reamaze.com"
PAGE = """
<iframe name="side" src="%s" width="320" height="600"></iframe><textarea id="answer"></textarea>
<script>
  window.heard = [];
  addEventListener("message", (event) => heard.push(event.data));
</script>
"""


@pytest.fixture
def desk(add_desk):
    return add_desk("reamaze", brand="lumi", sso_secret="sso-secret")


@pytest.fixture
def page_of(desk, clock):
    def make(**changes):
        values = {
            "brand": "lumi",
            "staff": "liis@lumi.example",
            "timestamp": str(int(clock().timestamp())),
            "email": KADRI,
            "slug": "where-is-my-lamp",
            **changes,
        }
        query = urlencode({**values, "hmac": reamaze.sign("sso-secret", values)})
        return PAGE % f"{desk.url}?{query}".replace("&", "&amp;")

    return make


@pytest.fixture
def opened(stage, page_of, shop, agent):
    stage.open(HOST, page_of())
    stage.wait_for("customer")
    return stage


def test_the_right_customer_with_and_without_third_party_cookies(cookie_stage, page_of, shop, agent):
    cookie_stage.open(HOST, page_of())
    cookie_stage.wait_for("customer")
    assert "Kadri Tamm" in cookie_stage.text()
    assert all("cookie" not in headers for _method, _path, headers in cookie_stage.asked)
    assert cookie_stage.posted("heard") == []


def test_a_customer_without_an_address_reads_as_no_match(stage, page_of, shop):
    stage.open(HOST, page_of(email=""))
    stage.wait_for("empty")


def test_one_without_e_mail_is_found_by_phone(stage, page_of, shop):
    stage.open(HOST, page_of(email="", mobile="+372 5551 2345"))
    stage.wait_for("customer")


def test_a_reply_is_copied_since_nothing_can_be_inserted(opened):
    opened.frame.locator("[data-act=reply]:visible").first.click()
    text = opened.see("reply-text").input_value()
    opened.see("reply-insert").first.click()
    opened.frame.locator("#toast:has-text('Copied')").wait_for()
    opened.page.locator("#answer").focus()
    opened.page.keyboard.press("Control+V")
    assert opened.page.locator("#answer").input_value() == text


def test_reloading_the_frame_reads_and_asks_for_more_before_money(opened):
    """The same address again proves who looks, and not that they have just come."""
    assert opened.frame.locator("details[open] [data-kind=refund]").first.is_enabled()
    opened.frame.evaluate("location.reload()")
    opened.see("customer").wait_for()
    opened.frame.locator("details[open] [data-kind=refund]").first.click()
    opened.see("refund-dialog").wait_for()
    assert opened.frame.locator("[data-testid=refund-confirm][data-may=yes]").count() == 0


def test_a_pairing_that_ends_as_its_dialogue_is_left_leaves_the_customer_there(
    opened, signed_in, confirm, agent
):
    opened.frame.evaluate("location.reload()")
    opened.see("customer").wait_for()
    opened.frame.locator("details[open] [data-kind=refund]").first.click()
    opened.see("pair").click()
    opened.wait_for("pair-code")
    release = opened.hold("/pair/poll")
    opened.wait_until_held("/pair/poll")
    assert confirm(signed_in(agent), opened.see("pair-code").inner_text()).status_code == 200
    opened.frame.locator("dialog [data-act=close]").first.click()
    opened.see("refund-dialog").wait_for(state="detached")
    with opened.page.expect_response("**/sidebar/pane**"):
        release()
    opened.see("customer").wait_for()
    opened.frame.locator("details[open] [data-kind=refund]").first.click()
    opened.side.locator("[data-testid=refund-confirm][data-may=yes]").wait_for()


def test_an_address_that_is_over_says_so_and_not_that_there_are_no_orders(stage, page_of, shop, clock):
    page = page_of()
    clock.advance(timedelta(minutes=6))
    stage.open(HOST, page)
    stage.wait_for("error")
    words = stage.side.locator("body").inner_text()
    assert "This page is out of date. Reload it." in words
    assert "orders" not in words


@pytest.mark.parametrize(
    "origin", ["https://reamaze.com.evil.test", "https://evilreamaze.com", "https://evil.test"]
)
def test_a_hostile_parent_shows_nothing(stage, page_of, shop, origin):
    stage.pages[origin] = "<!doctype html>" + page_of()
    with stage.page.expect_console_message(lambda line: "frame-ancestors" in line.text):
        stage.page.goto(f"{origin}/")
    assert [path for _method, path, _headers in stage.asked if path.startswith("/static")] == []


@pytest.mark.at_length
def test_it_fits_a_small_dark_frame_in_arabic(stage_of, page_of, shop, agent, small_dark_and_arabic):
    stage = stage_of("ar", "dark")
    stage.open(HOST, page_of())
    stage.wait_for("customer")
    small_dark_and_arabic(stage)
