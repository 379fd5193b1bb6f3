"""Chatwoot's tab: JSON strings from a host that signs nothing and takes nothing back."""

from __future__ import annotations

import json

import pytest

KADRI = "kadri.tamm@example.ee"
HOST = "https://chat.lumi.example"
ASK = "chatwoot-dashboard-app:fetch-info"

PAGE = """
<iframe name="side" src="%s" width="700" height="600"></iframe>
<script>
  const APP = "https://deskside.test";
  window.heard = [];
  window.desk = { lost: %d, data: %s };
  const side = () => document.querySelector("iframe").contentWindow;
  window.send = (message) => side().postMessage(message, "*");
  window.tell = () => send(JSON.stringify({ event: "appContext", data: desk.data }));
  addEventListener("message", (event) => {
    if (event.source !== side()) return;
    heard.push([event.origin, event.data]);
    if (event.data === "chatwoot-dashboard-app:fetch-info" && heard.length > desk.lost) tell();
  });
</script>
"""


def data(number=42, email=KADRI, **more):
    return {
        "conversation": {
            "id": number,
            "account_id": 3,
            "status": "open",
            "meta": {"channel": "Channel::Email"},
        },
        "contact": {"id": 5, "name": "Kadri", "email": email, "phone_number": None, "identifier": None},
        "currentAgent": {"id": 1, "name": "Liis Kask", "email": "liis@lumi.example"},
        "customAttributes": {},
        "theme": "light",
        **more,
    }


@pytest.fixture
def desk(add_desk):
    return add_desk("chatwoot", HOST)


@pytest.fixture
def page_of(desk):
    return lambda values=None, lost=0: (
        PAGE % (desk.url, lost, json.dumps(data() if values is None else values))
    )


@pytest.fixture
def press(signed_in, confirm, agent):
    """Start pairing in the frame, compare the code, confirm it in the agent's own tab."""

    def through(stage):
        stage.see("pair").first.click()
        stage.wait_for("pair-code")
        code = stage.see("pair-code").first.inner_text()
        assert confirm(signed_in(agent), code).status_code == 200
        stage.wait_for("customer")
        return code

    return through


def test_nothing_is_shown_until_the_agent_pairs(cookie_stage, page_of, shop, press):
    cookie_stage.open(HOST, page_of())
    cookie_stage.wait_for("unproven")
    assert "Kadri" not in cookie_stage.text()
    with cookie_stage.context.expect_page() as opened:
        code = press(cookie_stage)
    assert f"code={code}" in opened.value.url
    assert opened.value.evaluate("window.opener") is None
    assert "Kadri Tamm" in cookie_stage.text()


def test_the_paired_browser_is_known_in_the_next_conversation(cookie_stage, page_of, shop, press):
    """Chatwoot makes a new frame for each conversation; a partitioned cookie is kept in either mode."""
    cookie_stage.open(HOST, page_of())
    cookie_stage.wait_for("unproven")
    press(cookie_stage)
    [cookie] = [one for one in cookie_stage.context.cookies() if one["name"] == "__Host-deskside-frame"]
    assert cookie["httpOnly"]
    assert cookie["secure"]
    cookie_stage.open(HOST, page_of(data(43)), "/app/accounts/3/conversations/43")
    cookie_stage.wait_for("customer")
    assert all(headers.get("cookie", "").count("=") <= 1 for _m, _p, headers in cookie_stage.asked)


def test_a_lost_first_request_is_repeated(stage, page_of, shop):
    stage.open(HOST, page_of(lost=2))
    stage.wait_for("unproven")
    assert stage.posted("heard.map((one) => one[1])") == [ASK] * 3
    assert stage.posted("heard.every((one) => one[0] === 'https://deskside.test')")


def test_noise_is_ignored(stage, page_of, shop):
    stage.pages[HOST] = "<!doctype html>" + page_of(lost=99)
    stage.page.goto(f"{HOST}/")
    stage.page.wait_for_function("heard.length > 0")
    for noise in (
        {"event": "appContext", "data": data()},  # an object where Chatwoot sends a string
        "not json",
        '"appContext"',
        "null",
        '{"event": "other"}',
        '{"event": "appContext"}',
        None,
    ):
        stage.page.evaluate("(message) => send(message)", noise)
    assert stage.see("unproven").count() == 0
    stage.posted("tell()")
    stage.wait_for("unproven")


def test_a_foreign_page_in_between_is_not_believed(stage, page_of, shop):
    """A string of the right form, from a window that is not the helpdesk's."""
    stage.pages["https://evil.test"] = (
        "<script>addEventListener('message', (event) => {"
        " heard = event.data; parent.frames.side.postMessage(event.data, '*'); });</script>"
    )
    stage.open(HOST, page_of(lost=99) + '<iframe name="evil" src="https://evil.test/"></iframe>')
    stage.page.wait_for_function("heard.length > 0 && frames.length === 2")
    said = json.dumps({"event": "appContext", "data": data()})
    stage.page.evaluate("(message) => frames.evil.postMessage(message, '*')", said)
    stage.page.frame("evil").wait_for_function("window.heard")
    stage.wait_for("error")  # five seconds later nobody who counts has said anything
    assert "did not say which conversation" in stage.text()


@pytest.mark.parametrize("missing", [("currentAgent", "customAttributes", "theme"), ("contact", "theme")])
def test_payloads_of_older_versions_do(stage, page_of, shop, missing):
    old = {name: value for name, value in data().items() if name not in missing}
    old["conversation"]["meta"]["sender"] = {"name": "Kadri", "email": KADRI}
    stage.open(HOST, page_of(old))
    stage.wait_for("unproven")


def test_another_conversation_and_another_theme(stage, page_of, shop, press):
    stage.open(HOST, page_of())
    stage.wait_for("unproven")
    press(stage)
    before = len(stage.asked)
    stage.posted("desk.data.theme = 'dark'; tell()")  # the same conversation again: nothing is loaded
    stage.posted(f"desk.data = {json.dumps(data(43, 'nobody@example.ee'))}; tell()")
    stage.wait_for("empty")
    assert "Kadri" not in stage.text()
    posts = [
        path for method, path, _headers in stage.asked[before:] if method == "POST" and "chatwoot" in path
    ]
    assert len(posts) == 1


def test_a_late_answer_for_the_conversation_before_is_not_shown(stage, page_of, shop, press):
    stage.open(HOST, page_of())
    stage.wait_for("unproven")
    press(stage)
    release = stage.hold("kadri.tamm")
    stage.posted(f"desk.data = {json.dumps(data(41))}; tell()")
    stage.wait_until_held("kadri.tamm")
    stage.posted(f"desk.data = {json.dumps(data(43, 'nobody@example.ee'))}; tell()")
    stage.wait_for("empty")
    with stage.page.expect_response(lambda answer: "kadri" in (answer.request.post_data or "")):
        release()
    stage.page.wait_for_timeout(100)
    assert stage.see("empty").is_visible()
    assert "Kadri" not in stage.text()


def test_a_contact_with_a_phone_alone_is_found(stage, page_of, shop, press):
    told = data(email=None)
    told["contact"]["phone_number"] = "+37255512345"
    stage.open(HOST, page_of(told))
    stage.wait_for("unproven")
    press(stage)


def test_a_pairing_that_ends_at_another_conversation_shows_nobody_of_the_one_before(
    stage, page_of, shop, signed_in, confirm, agent
):
    stage.open(HOST, page_of())
    stage.wait_for("unproven")
    stage.see("pair").first.click()
    stage.wait_for("pair-code")
    release = stage.hold("/pair/poll")
    assert confirm(signed_in(agent), stage.see("pair-code").first.inner_text()).status_code == 200
    stage.wait_until_held("/pair/poll")
    stage.posted(f"desk.data = {json.dumps(data(43, 'nobody@example.ee'))}; tell()")
    stage.see("pair-code").locator("visible=true").wait_for(state="detached")
    stage.wait_for("unproven")
    release()
    stage.wait_for("empty")  # the agent is known now, and the customer is the new one
    assert "Kadri" not in stage.text()


def test_a_contact_without_an_address_reads_as_no_match(stage, page_of, shop, press):
    stage.open(HOST, page_of())
    stage.wait_for("unproven")
    press(stage)
    stage.posted(f"desk.data = {json.dumps(data(44, None))}; tell()")
    stage.wait_for("empty")
    assert "Kadri" not in stage.text()


def test_a_reply_is_copied_since_nothing_can_be_inserted(stage, page_of, shop, press):
    stage.open(HOST, page_of() + '<textarea id="answer"></textarea>')
    stage.wait_for("unproven")
    press(stage)
    stage.frame.locator("[data-act=reply]:visible, [data-testid=reply-insert]:visible").first.click()
    text = stage.see("reply-text").input_value()
    stage.see("reply-insert").first.click()
    stage.frame.locator("#toast:has-text('Copied')").wait_for()
    stage.page.locator("#answer").focus()
    stage.page.keyboard.press("Control+V")
    assert stage.page.locator("#answer").input_value() == text


def test_a_hostile_parent_shows_nothing(stage, page_of, shop):
    stage.pages["https://chat.lumi.example.evil.test"] = "<!doctype html>" + page_of()
    with stage.page.expect_console_message(lambda line: "frame-ancestors" in line.text):
        stage.page.goto("https://chat.lumi.example.evil.test/")
    assert stage.posted("heard") == []
