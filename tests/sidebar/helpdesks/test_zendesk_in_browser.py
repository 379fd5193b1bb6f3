"""Zendesk's frame with Zendesk's own script, in a page that plays Zendesk at Zendesk's own address."""

from __future__ import annotations

import json

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from playwright.sync_api import expect

from sidebar.helpdesks.zendesk import SDK

KADRI = "kadri.tamm@example.ee"
HOST = "https://acme.zendesk.com"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = (
    KEY.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)

PAGE = """
<form method="post" target="side" action="%s?origin=%s&app_guid=g1"><input name="token" value="%s"></form>
<iframe name="side" width="%d" height="600"></iframe><textarea id="answer"></textarea>
<script>
  const APP = "https://deskside.test";
  window.heard = [];
  window.desk = { silent: false, slow: false, kept: [], denied: [], refuse: [], on: [], values: %s };
  const side = () => document.querySelector("iframe").contentWindow;
  const post = (message) => side().postMessage(JSON.stringify(message), APP);
  window.changed = (name) => post({ key: `zaf.${name}.changed`, message: {} });
  addEventListener("message", (event) => {
    if (event.source !== side() || event.origin !== APP) return;
    const message = JSON.parse(event.data);
    heard.push(message);
    if (desk.silent) return;
    if (message.key === "iframe.handshake") {
      const context = { product: "support", location: "ticket_sidebar", ticketId: 42, instanceGuid: "g1",
        account: { subdomain: "acme" } };
      const metadata = { appId: 11, installationId: 7, settings: {} };
      post({ key: "zaf.app.registered", message: { context, metadata } });
    } else if (message.key && message.key.startsWith("iframe.on:")) desk.on.push(message.key.slice(10));
    else if (message.request === "get") {
      const result = { errors: {} };
      for (const path of message.params) {
        if (desk.denied.includes(path)) {
          result.errors[path] = { path, name: "APIAccessError", message: "no" };
        } else result[path] = desk.values[path];
      }
      if (desk.slow) desk.kept.push({ id: message.id, result }); else post({ id: message.id, result });
    } else if (message.request === "invoke") {
      const errors = {};
      for (const path of Object.keys(message.params)) {
        if (desk.refuse.includes(path)) errors[path] = { path, name: "Error", message: "no" };
      }
      post({ id: message.id, result: { errors } });
    }
  });
  document.forms[0].submit();
</script>
"""


def ticket(number=42, email=KADRI, subject="Kus mu lamp on? #1042", **more):
    return {
        "ticket.id": number,
        "ticket.subject": subject,
        "ticket.requester": {"id": 5, "name": "Kadri", "email": email, **more},
        "currentUser": {"id": 9001, "name": "Liis Kask", "email": "liis@lumi.example", "locale": "en-US"},
    }


MOVED_ON = (
    f"desk.values = {json.dumps(ticket(43, 'nobody@example.ee', 'Hello'))}; changed('ticket.requester.email')"
)
"""The agent opens the next ticket, of somebody who never bought anything."""


@pytest.fixture
def desk(add_desk):
    return add_desk("zendesk", subdomain="acme", app_id="11", installation_id="7", public_key=PEM)


@pytest.fixture
def page_of(desk, clock, vendor_script):
    """The helpdesk's page for one ticket."""

    def make(values=None, width=320):
        now = int(clock().timestamp())
        claims = {
            "iss": "acme.zendesk.com",
            "aud": "https://acme.zendesk.com/api/v2/apps/installations/7.json",
            "sub": "https://acme.zendesk.com/api/v2/users/9001.json",
            "iat": now,
            "exp": now + 300,
        }
        token = jwt.encode(claims, KEY, algorithm="RS256")
        return PAGE % (desk.url, HOST, token, width, json.dumps(values or ticket()))

    return make


@pytest.fixture
def opened(stage, page_of, shop, agent, vendor_script):
    """The customer's orders on screen."""
    stage.scripts[SDK] = vendor_script("zendesk")
    stage.open(HOST, page_of(), "/agent/tickets/42")
    stage.wait_for("customer")
    return stage


def invoked(stage, name):
    """Arguments of every call of this kind that the helpdesk heard."""
    return stage.posted(
        f"heard.filter((one) => one.request === 'invoke').map((one) => one.params['{name}']).filter(Boolean)"
    )


def test_the_right_customer_with_and_without_third_party_cookies(cookie_stage, page_of, shop, vendor_script):
    cookie_stage.scripts[SDK] = vendor_script("zendesk")
    cookie_stage.open(HOST, page_of(), "/agent/tickets/42")
    cookie_stage.wait_for("customer")
    assert "Kadri Tamm" in cookie_stage.text()
    assert all("cookie" not in headers for _method, _path, headers in cookie_stage.asked)
    assert cookie_stage.context.cookies("https://deskside.test") == []


def test_another_requester_replaces_the_customer(opened):
    opened.posted(MOVED_ON)
    opened.wait_for("empty")
    assert "Kadri" not in opened.text()


def test_a_late_answer_for_the_conversation_before_is_not_shown(stage, page_of, shop, vendor_script):
    stage.scripts[SDK] = vendor_script("zendesk")
    release = stage.hold("kadri.tamm")
    stage.open(HOST, page_of(), "/agent/tickets/42")
    stage.page.wait_for_function("desk.on.includes('ticket.requester.email.changed')")
    stage.page.wait_for_timeout(0)
    stage.wait_until_held("kadri.tamm")
    stage.posted(MOVED_ON)
    stage.wait_for("empty")
    with stage.page.expect_response(lambda answer: "kadri" in (answer.request.post_data or "")):
        release()
    stage.page.wait_for_timeout(100)
    assert stage.see("empty").is_visible()
    assert "Kadri" not in stage.text()


def test_the_old_customer_is_gone_while_the_next_one_loads(opened):
    release = opened.hold("nobody")
    opened.posted(MOVED_ON)
    opened.see("customer").wait_for(state="detached")
    assert "Kadri" not in opened.text()
    assert "1042" not in opened.text()
    release()
    opened.wait_for("empty")


def test_a_silent_host_reads_as_silence_and_is_asked_again(stage, page_of, shop, vendor_script):
    stage.scripts[SDK] = vendor_script("zendesk")
    silent = page_of().replace("silent: false", "silent: true")
    stage.open(HOST, silent, "/agent/tickets/42")
    stage.wait_for("error")
    assert "did not say which conversation" in stage.text()
    assert "This does not mean that there are no orders" in stage.text()
    assert stage.see("empty").count() == 0


def test_a_host_that_answers_with_errors_reads_as_silence(stage, page_of, shop, vendor_script):
    stage.scripts[SDK] = vendor_script("zendesk")
    stage.open(HOST, page_of().replace("denied: []", f"denied: {PATHS}"), "/agent/tickets/42")
    stage.wait_for("error")
    stage.posted("desk.denied = []")
    stage.side.get_by_role("button", name="Try again").click()
    stage.wait_for("customer")


def test_without_zendesks_script_the_pane_says_so(stage, page_of, shop):
    stage.open(HOST, page_of(), "/agent/tickets/42")  # the script's host is not reached
    stage.wait_for("error")
    assert "no orders" in stage.text()


def test_a_lookup_that_fails_never_reads_no_orders(opened):
    release = opened.hold("nobody")
    opened.posted(MOVED_ON)
    opened.wait_until_held("nobody")
    [route] = opened.held.pop("nobody")
    route.fulfill(
        status=503, content_type="application/problem+json", body='{"status": 503, "code": "internal"}'
    )
    opened.wait_for("error")
    assert "This does not mean that there are no orders" in opened.text()
    assert "Kadri" not in opened.text()
    assert release
    opened.side.get_by_role("button", name="Try again").click()
    opened.wait_for("empty")


def test_a_change_that_zendesk_does_not_explain_leaves_nobody_on_screen(opened):
    opened.posted(f"desk.denied = {PATHS}; changed('ticket.requester.email')")
    opened.wait_for("error")
    assert "Kadri" not in opened.text()
    assert "This does not mean that there are no orders" in opened.text()
    opened.posted("desk.denied = []")
    opened.side.get_by_role("button", name="Try again").click()
    opened.wait_for("customer")


def test_nobody_stands_there_while_zendesk_takes_its_time_to_say_who(opened):
    opened.posted("desk.silent = true; changed('ticket.requester.id')")
    opened.see("customer").wait_for(state="detached")
    assert "1042" not in opened.text()
    opened.posted("desk.silent = false; changed('ticket.requester.id')")
    opened.wait_for("customer")


def test_what_zendesk_says_late_of_the_ticket_before_is_not_heard(opened):
    opened.posted("desk.slow = true; changed('ticket.subject')")
    opened.page.wait_for_function("desk.kept.length")
    opened.posted(f"desk.slow = false; {MOVED_ON}")
    opened.wait_for("empty")
    before = len(opened.asked)
    opened.posted("desk.kept.forEach(post)")
    opened.page.wait_for_timeout(200)
    assert opened.asked[before:] == []
    assert opened.see("empty").is_visible()


def test_a_search_does_not_overtake_the_customer_on_the_way(opened):
    release = opened.hold("nobody")
    opened.posted(MOVED_ON)
    opened.wait_until_held("nobody")
    opened.see("search").fill("Kadri")
    opened.see("search").press("Enter")
    release()
    opened.wait_for("empty")
    assert "Kadri Tamm" not in opened.text()


PATHS = json.dumps(["ticket.id", "ticket.subject", "ticket.requester", "currentUser"])
BUSY = {
    "status": 503,
    "content_type": "application/problem+json",
    "body": '{"status": 503, "code": "internal"}',
}


def search(stage, words):
    stage.see("search").fill(words)
    stage.see("search").press("Enter")


@pytest.fixture
def missed(opened):
    """The next conversation could not be opened."""
    opened.hold("nobody")
    opened.posted(MOVED_ON)
    opened.wait_until_held("nobody")
    opened.held.pop("nobody")[0].fulfill(**BUSY)
    opened.wait_for("error")
    return opened


def test_after_a_failed_switch_a_search_finds_and_stands_under_the_new_conversation(missed, audited):
    search(missed, KADRI)
    missed.wait_for("customer")
    assert "Kadri Tamm" in missed.text()
    assert [row["conversation"] for row in audited("customer.searched")] == ["43"]


def test_a_search_after_a_switch_that_fails_again_says_so_and_leads_out(missed):
    missed.hold("nobody")
    search(missed, KADRI)
    missed.wait_until_held("nobody")
    missed.held.pop("nobody")[0].fulfill(**BUSY)
    missed.wait_for("error")
    assert "The lookup failed" in missed.text()
    assert "out of date" not in missed.text()
    assert missed.see("search").input_value() == KADRI
    missed.see("search").press("Enter")
    missed.wait_for("customer")


def test_after_a_failed_switch_another_language_opens_the_new_conversation_in_it(missed):
    missed.see("language").select_option("et")
    missed.wait_for("empty")
    expect(missed.frame.locator(".pane[lang=et]")).to_be_visible()
    assert missed.frame.locator("#toast").inner_text() == ""


def test_another_language_after_a_switch_that_fails_again_says_so_and_is_not_shown_as_chosen(missed):
    missed.hold("nobody")
    missed.see("language").select_option("et")
    missed.wait_until_held("nobody")
    missed.held.pop("nobody")[0].fulfill(**BUSY)
    missed.wait_for("error")
    expect(missed.see("language")).to_have_value("en")
    assert "out of date" not in missed.text()


def test_another_language_while_the_next_customer_is_on_the_way_waits_for_them(opened):
    release = opened.hold("nobody")
    opened.posted(MOVED_ON)
    opened.wait_until_held("nobody")
    opened.see("language").select_option("et")
    opened.page.wait_for_timeout(100)
    release()
    opened.wait_for("empty")
    expect(opened.frame.locator(".pane[lang=et]")).to_be_visible()
    assert "Kadri" not in opened.text()


def test_a_search_where_the_host_names_no_conversation_finds_and_gives_way_to_the_next(opened, audited):
    opened.posted(f"desk.denied = {PATHS}; changed('ticket.requester.email')")
    opened.wait_for("error")
    search(opened, KADRI)
    opened.wait_for("customer")
    assert [row["conversation"] for row in audited("customer.searched")] == [""]
    unsaved = json.dumps(ticket(None, "nobody@example.ee", "Hello"))
    opened.posted(f"desk.denied = []; desk.values = {unsaved}; changed('ticket.subject')")
    opened.wait_for("empty")
    assert "Kadri" not in opened.text()


def test_a_dialogue_about_the_customer_before_does_not_open(opened):
    release = opened.hold("/refund")
    opened.frame.locator("details[open] [data-kind=refund]").first.click()
    opened.wait_until_held("/refund")
    opened.posted(MOVED_ON)
    opened.wait_for("empty")
    with opened.page.expect_response(lambda answer: answer.url.endswith("/refund")):
        release()
    opened.page.wait_for_timeout(100)
    assert opened.frame.locator("dialog").count() == 0
    assert "1042" not in opened.text()


def test_another_language_for_the_customer_before_does_not_bring_them_back(opened):
    release = opened.hold("/sidebar/language")
    opened.see("language").select_option("et")
    opened.wait_until_held("/sidebar/language")
    opened.posted(MOVED_ON)
    opened.wait_for("empty")
    with opened.page.expect_response("**/sidebar/language"):
        release()
    opened.page.wait_for_timeout(100)
    assert opened.see("empty").is_visible()
    assert "Kadri" not in opened.text()


def test_a_requester_without_e_mail_is_found_by_phone(stage, page_of, shop, vendor_script):
    stage.scripts[SDK] = vendor_script("zendesk")
    identities = [{"type": "phone_number", "value": "+372 5551 2345"}, {"type": "twitter", "value": "kadri"}]
    stage.open(HOST, page_of(ticket(email=None, identities=identities)), "/agent/tickets/42")
    stage.wait_for("customer")


def test_all_of_a_requesters_addresses_are_searched(stage, page_of, shop, vendor_script):
    stage.scripts[SDK] = vendor_script("zendesk")
    identities = [{"type": "email", "value": "old@example.ee"}, {"type": "email", "value": KADRI}]
    stage.open(HOST, page_of(ticket(email="new@example.ee", identities=identities)), "/agent/tickets/42")
    stage.wait_for("customer")


def insert(stage):
    stage.see("reply-insert").first.click()


def open_reply(stage):
    stage.frame.locator("[data-act=reply]").first.click()
    stage.see("reply-text").wait_for()
    return stage.see("reply-text").input_value()


def test_a_reply_goes_into_the_open_editor(opened):
    text = open_reply(opened)
    insert(opened)
    opened.page.wait_for_function("heard.some((one) => one.params && 'comment.appendText' in one.params)")
    assert invoked(opened, "comment.appendText") == [[text]]
    assert opened.posted("heard.some((one) => JSON.stringify(one).includes('sendMessage'))") is False


def test_a_reply_is_not_put_into_another_ticket(opened):
    open_reply(opened)
    opened.posted("desk.values['ticket.id'] = 43")  # the agent has moved on; no event has come yet
    insert(opened)
    opened.page.wait_for_function("heard.some((one) => one.request === 'get' && one.params.length === 1)")
    opened.frame.locator("#toast:not(:empty), #app").first.wait_for()
    opened.page.wait_for_timeout(200)
    assert invoked(opened, "comment.appendText") == []


def test_what_was_typed_goes_with_its_conversation(opened):
    text = open_reply(opened)
    opened.see("reply-text").fill("I shall call you.")
    opened.posted(MOVED_ON)
    opened.wait_for("empty")
    opened.posted(f"desk.values = {json.dumps(ticket())}; changed('ticket.requester.email')")
    opened.wait_for("customer")
    assert open_reply(opened) == text


def test_where_inserting_is_refused_the_text_is_copied(opened):
    opened.posted("desk.refuse = ['comment.appendText']")
    text = open_reply(opened)
    insert(opened)
    opened.page.wait_for_function("heard.some((one) => one.params && 'notify' in one.params)")
    [[said, level]] = invoked(opened, "notify")
    assert (said, level) == ("Copied", "notice")
    opened.page.locator("#answer").focus()
    opened.page.keyboard.press("Control+V")
    assert opened.page.locator("#answer").input_value() == text


def test_the_frame_is_told_its_real_height(opened):
    opened.page.wait_for_function("heard.some((one) => one.params && 'resize' in one.params)")
    opened.page.wait_for_timeout(400)
    real = opened.frame.evaluate("Math.ceil(document.getElementById('app').getBoundingClientRect().height)")
    [*_earlier, [last]] = invoked(opened, "resize")
    assert last == {"width": "100%", "height": f"{real}px"}
    assert real > 300


@pytest.mark.parametrize(
    "origin", ["https://acme.zendesk.com.evil.test", "https://other.zendesk.com", "https://evil.test"]
)
def test_a_hostile_parent_shows_nothing(stage, page_of, shop, vendor_script, origin):
    stage.scripts[SDK] = vendor_script("zendesk")
    stage.pages[origin] = "<!doctype html>" + page_of()
    with stage.page.expect_console_message(lambda line: "frame-ancestors" in line.text):
        stage.page.goto(f"{origin}/")
    assert stage.posted("heard") == []
    assert [path for _method, path, _headers in stage.asked if path.startswith("/static")] == []


def test_it_fits_a_small_dark_frame_in_arabic(stage_of, page_of, shop, vendor_script, small_dark_and_arabic):
    stage = stage_of("ar", "dark")
    stage.scripts[SDK] = vendor_script("zendesk")
    stage.open(HOST, page_of(), "/agent/tickets/42")
    stage.wait_for("customer")
    small_dark_and_arabic(stage)


def test_reloading_the_frame_shows_the_same_customer(opened):
    opened.frame.evaluate("location.reload()")
    opened.see("customer").wait_for()
    assert "Kadri Tamm" in opened.text()


def test_the_first_money_button_asks_for_pairing_and_comes_back(opened, signed_in, confirm, agent):
    opened.frame.locator("details[open] [data-kind=refund]").first.click()
    opened.see("refund-dialog").wait_for()
    opened.see("pair").click()
    opened.wait_for("pair-code")
    assert confirm(signed_in(agent), opened.see("pair-code").inner_text()).status_code == 200
    opened.side.locator("[data-testid=refund-confirm][data-may=yes]").wait_for()
    assert opened.see("pair").count() == 0
