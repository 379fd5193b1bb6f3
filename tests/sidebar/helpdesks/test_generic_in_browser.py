"""Our own protocol in a real browser: what the reference host and the frame say to each other."""

from __future__ import annotations

import json

import jwt
import pytest
from playwright.sync_api import expect

from integration import limits
from integration.db.actions import Action
from integration.limits import Choices
from integration.people import find_agent, sessions

KADRI = "kadri.tamm@example.ee"
HOST = "https://desk.example"

PAGE = """
<form method="post" action="%s" target="side"><input name="token" value="%s"></form>
<iframe name="side" width="360" height="600"></iframe><textarea id="answer"></textarea>
<script>
  const APP = "https://deskside.test";
  window.heard = [];
  window.desk = { refuse: [], mute: [] };
  window.send = (message) => frames[0].postMessage({ sidebar: 1, ...message }, APP);
  addEventListener("message", (event) => {
    const message = event.data;
    if (event.source !== frames[0] || event.origin !== APP || !message || message.sidebar !== 1) return;
    heard.push(message);
    if (!message.id || desk.mute.includes(message.type)) return;
    const ok = !desk.refuse.includes(message.type);
    send({ type: "result", id: message.id, ok, ...(ok ? { mode: "editor" } : { error: "no" }) });
  });
  if (document.forms[0].elements.token.value) document.forms[0].submit();
  else frames[0].location = document.forms[0].action;
</script>
"""


@pytest.fixture
def desk(add_desk):
    return add_desk("generic", HOST)


@pytest.fixture
def token(desk, clock):
    numbers = iter(range(1000))

    def sign(conversation="48211", *emails):
        now = int(clock().timestamp())
        claims = {
            "iss": desk.key,
            "aud": "https://deskside.test",
            "sub": "agent-7",
            "email": "liis@lumi.example",
            "name": "Liis Kask",
            "conversation": conversation,
            "customer": {"emails": list(emails) if emails else [KADRI]},
            "iat": now,
            "exp": now + 60,
            "jti": str(next(numbers)),
        }
        return jwt.encode(claims, desk.secret, algorithm="HS256")

    return sign


@pytest.fixture
def opened(stage, desk, token, shop, agent):
    stage.open(HOST, PAGE % (desk.url, token()))
    stage.wait_for("customer")
    return stage


def said(stage, kind):
    return stage.posted(f"heard.filter((one) => one.type === '{kind}')")


def tell(stage, conversation, email=KADRI, token=None):
    message = {"type": "context", "context": {"conversation": conversation, "customer": {"emails": [email]}}}
    if token:
        message["token"] = token
    stage.page.evaluate("(message) => send(message)", message)


def reply(stage):
    stage.frame.locator("[data-act=reply]:visible").first.click()
    text = stage.see("reply-text").input_value()
    stage.see("reply-insert").first.click()
    return text


def test_the_right_customer_with_and_without_third_party_cookies(cookie_stage, desk, token, shop, agent):
    cookie_stage.open(HOST, PAGE % (desk.url, token()))
    cookie_stage.wait_for("customer")
    assert all("cookie" not in headers for _method, _path, headers in cookie_stage.asked)


def test_the_frame_says_that_it_is_ready(opened):
    opened.page.wait_for_function("heard.some((one) => one.type === 'ready')")
    assert said(opened, "ready") == [{"sidebar": 1, "type": "ready"}]


def test_a_new_proof_shows_the_next_customer(opened, token):
    tell(opened, "48212", "nobody@example.ee", token("48212", "nobody@example.ee"))
    opened.wait_for("empty")
    assert "Kadri" not in opened.text()
    tell(opened, "48211", KADRI, token())
    opened.wait_for("customer")


def test_what_was_done_for_one_customer_is_not_said_beside_the_next(opened, token):
    opened.page.evaluate("desk.refuse.push('notify')")  # a host that says nothing by itself
    reply(opened)
    toast = opened.frame.locator("#toast")
    expect(toast).to_have_text("Inserted into the reply")
    tell(opened, "48212", "nobody@example.ee", token("48212", "nobody@example.ee"))
    opened.wait_for("empty")
    assert toast.inner_text() == ""


def test_a_proof_that_comes_by_message_is_brought_to_the_door_once(stage, desk, token, shop, agent):
    """A second time it is good for reading only, and the first refund would ask the agent to pair."""
    answers = "addEventListener('message', (event) => { if (event.data?.type === 'ready') send(%s); });"
    message = {"type": "context", "token": token(), "context": {"conversation": "48211"}}
    page = PAGE.replace("window.heard = [];", f"window.heard = []; {answers % json.dumps(message)}")
    stage.open(HOST, page % (desk.url, ""))
    stage.wait_for("customer")
    assert [path for method, path, _headers in stage.asked if method == "POST"] == [desk.path]
    stage.frame.locator("details[open] [data-kind=refund]").first.click()
    stage.see("refund-dialog").wait_for()
    assert stage.frame.locator("dialog [data-act=pair]").count() == 0


def test_what_a_host_is_slow_to_refuse_is_not_said_beside_the_next_customer(opened, token):
    opened.page.evaluate("desk.mute.push('notify')")
    reply(opened)
    opened.page.wait_for_function("heard.some((one) => one.type === 'notify')")
    tell(opened, "48212", "nobody@example.ee", token("48212", "nobody@example.ee"))
    opened.wait_for("empty")
    opened.page.evaluate(
        "send({ type: 'result', id: heard.find((one) => one.type === 'notify').id, ok: false })"
    )
    opened.page.wait_for_timeout(200)
    assert opened.frame.locator("#toast").inner_text() == ""


def test_what_failed_for_one_customer_is_not_said_beside_the_next(opened, token):
    opened.page.evaluate("desk.refuse.push('notify')")
    opened.frame.locator("[data-act=reply]:visible").first.click()
    opened.hold("/sidebar/reply")
    opened.frame.locator("[data-situation=replacement]").first.dispatch_event("click")
    opened.wait_until_held("/sidebar/reply")
    tell(opened, "48212", "nobody@example.ee", token("48212", "nobody@example.ee"))
    opened.wait_for("empty")
    opened.held.pop("/sidebar/reply")[0].abort()
    opened.page.wait_for_timeout(300)
    assert opened.frame.locator("#toast").inner_text() == ""


def test_a_new_proof_of_the_same_conversation_leaves_what_was_typed(opened, token):
    opened.frame.locator("[data-act=reply]:visible").first.click()
    opened.see("reply-text").fill("I shall call you.")
    before = len(opened.asked)
    tell(opened, "48211", KADRI, token())
    expect(opened.frame.locator(".pane:not([data-state=wait]) [data-testid=customer]")).to_be_visible()
    assert [path for method, path, _headers in opened.asked[before:] if method == "POST"]
    expect(opened.see("reply-text")).to_have_value("I shall call you.")


def test_the_same_conversation_again_loads_nothing(opened):
    opened.page.wait_for_function("heard.some((one) => one.type === 'ready')")
    before = len(opened.asked)
    tell(opened, "48211")
    opened.page.wait_for_timeout(200)
    assert [path for method, path, _headers in opened.asked[before:] if method == "POST"] == []


def test_another_customer_in_the_same_conversation_replaces_the_one_before(opened):
    opened.page.wait_for_function("heard.some((one) => one.type === 'ready')")
    tell(opened, "48211")  # what a host answers to `ready`: the page came with it
    tell(opened, "48211", "nobody@example.ee")
    opened.wait_for("empty")
    assert "Kadri" not in opened.text()


def test_a_late_answer_for_the_conversation_before_is_not_shown(opened, token):
    late, last = token("48213"), token("48214", "nobody@example.ee")
    release = opened.hold(late)
    tell(opened, "48213", KADRI, late)
    opened.wait_until_held(late)
    tell(opened, "48214", "nobody@example.ee", last)
    opened.wait_for("empty")
    with opened.page.expect_response(lambda answer: late in (answer.request.post_data or "")):
        release()
    opened.page.wait_for_timeout(100)
    assert opened.see("empty").is_visible()
    assert "Kadri" not in opened.text()


def test_a_forged_proof_clears_the_screen_and_says_so(opened, token):
    tell(opened, "48212", KADRI, token("48212")[:-6] + "AAAAAA")
    opened.wait_for("error")
    assert "Kadri" not in opened.text()
    assert "This does not mean that there are no orders" in opened.text()


def test_a_reply_goes_to_the_host(opened):
    text = reply(opened)
    opened.frame.locator("#toast, #app").first.wait_for()
    opened.page.wait_for_function("heard.some((one) => one.type === 'insertReply')")
    assert [one["text"] for one in said(opened, "insertReply")] == [text]


@pytest.mark.parametrize("fault", ["refuse", "mute"])
def test_where_the_host_does_not_take_it_the_text_is_copied(opened, fault):
    opened.posted(f"desk.{fault} = ['insertReply', 'notify']")
    text = reply(opened)
    opened.frame.locator("#toast:has-text('Copied')").wait_for()
    opened.page.locator("#answer").focus()
    opened.page.keyboard.press("Control+V")
    assert opened.page.locator("#answer").input_value() == text


def test_what_is_copied_where_the_host_is_silent_is_the_letter_that_was_to_be_inserted(opened):
    opened.posted("desk.mute = ['insertReply', 'notify']")
    text = reply(opened)
    opened.frame.locator("[data-situation=replacement]").first.dispatch_event("click")
    expect(opened.see("reply-text")).not_to_have_value(text)
    opened.frame.locator("#toast:has-text('Copied')").wait_for()
    opened.page.locator("#answer").focus()
    opened.page.keyboard.press("Control+V")
    assert opened.page.locator("#answer").input_value() == text


def test_all_addresses_are_searched(stage, desk, token, shop, agent):
    stage.open(HOST, PAGE % (desk.url, token("48211", "old@example.ee", KADRI)))
    stage.wait_for("customer")


def test_a_customer_without_an_address_reads_as_no_match(opened, token):
    tell(opened, "48215", token=token("48215", ""))
    opened.wait_for("empty")
    assert "Kadri" not in opened.text()


def test_the_host_is_told_the_real_height(opened):
    opened.page.wait_for_function("heard.some((one) => one.type === 'resize')")
    opened.page.wait_for_timeout(400)
    real = opened.frame.evaluate("Math.ceil(document.getElementById('app').getBoundingClientRect().height)")
    assert said(opened, "resize")[-1] == {"sidebar": 1, "type": "resize", "height": real}
    assert real > 300


@pytest.mark.at_length
def test_it_fits_a_small_dark_frame_in_arabic(stage_of, desk, token, shop, agent, small_dark_and_arabic):
    stage = stage_of("ar", "dark")
    stage.open(HOST, (PAGE % (desk.url, token())).replace('width="360"', 'width="320"'))
    stage.wait_for("customer")
    small_dark_and_arabic(stage)


def test_a_silent_host_reads_as_silence(stage, desk, shop):
    stage.open(HOST, PAGE % (desk.url, ""))
    stage.wait_for("error")
    assert "did not say which conversation" in stage.text()
    tell(stage, "48211")
    stage.wait_for("unproven")
    assert "Kadri" not in stage.text()


def late_answers(stage, word):
    """What was asked with this word, to be answered one by one."""
    kept = stage.held.pop(word)
    return [lambda route=route: stage._ours(route) for route in kept]


def search(stage, text):
    stage.see("search").fill(text)
    stage.see("search").press("Enter")


@pytest.mark.parametrize("searched_first", [True, False])
@pytest.mark.parametrize("found_first", [True, False])
def test_a_new_language_and_a_search_meet_in_any_sequence(opened, searched_first, found_first):
    """Whoever was looked for last is there in the end, in the language that was chosen."""
    found, said = opened.hold("/sidebar/pane"), opened.hold("/sidebar/language")
    acts = [
        (lambda: search(opened, "no such thing"), "/sidebar/pane"),
        (lambda: opened.see("language").select_option("et"), "/sidebar/language"),
    ]
    for act, word in acts if searched_first else acts[::-1]:
        act()
        opened.wait_until_held(word)
    for release in (found, said) if found_first else (said, found):
        release()
        opened.page.wait_for_timeout(100)
    expect(opened.frame.locator(".pane[lang=et]")).to_be_visible()
    expect(opened.see("empty")).to_be_visible()
    assert "Kadri Tamm" not in opened.text()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_replies_asked_for_the_last_one_stands_there(opened, order):
    opened.frame.locator("[data-act=reply]:visible").first.click()
    opened.hold("/sidebar/reply")
    for situation in ("late", "replacement"):
        opened.frame.locator(f"[data-situation={situation}]").first.dispatch_event("click")
    opened.page.wait_for_timeout(100)
    answers = late_answers(opened, "/sidebar/reply")
    for one in order:
        answers[one]()
        opened.page.wait_for_timeout(100)
    expect(opened.frame.locator("[data-situation=replacement]")).to_have_attribute("aria-pressed", "true")
    assert "asenduse" in opened.see("reply-text").input_value()
    assert opened.frame.locator("#toast").inner_text() == ""


def test_a_refund_refused_for_want_of_a_fresh_proof_is_not_sent_once_it_was_left(
    opened, services, account, agent
):
    """The proof comes after all, and the dialogue has been closed between the question and its answer."""

    def prove():
        with services.everywhere() as work:
            sessions.start(work, find_agent(work, agent), "passkey", "Test browser")

    with services.transaction(account) as work:
        limits.save(work, Choices(step_up_above={"EUR": 100}), by="x")
    prove()
    opened.frame.locator("details[open] [data-kind=refund]").first.click()
    opened.see("refund-line-quantity").first.fill("1")
    opened.side.locator("[data-testid=refund-confirm][aria-disabled=false]").wait_for()
    with services.everywhere() as work:  # signed out beside the pane: the first proof is over
        sessions.revoke_others(work, agent, keep=0)
    with opened.page.expect_response(lambda answer: answer.url.endswith("/refund")) as refused:
        opened.see("refund-confirm").click()
    assert refused.value.json()["code"] == "step_up"
    opened.hold("/stepped-up")
    opened.see("step-up").click()
    opened.wait_until_held("/stepped-up")
    prove()
    opened.frame.locator("dialog [data-act=close]").first.click()
    opened.see("refund-dialog").wait_for(state="detached")
    before = len(opened.asked)
    [answer] = late_answers(opened, "/stepped-up")
    answer()
    opened.page.wait_for_timeout(300)
    assert [path for _method, path, _headers in opened.asked[before:] if path.endswith("/refund")] == []
    with services.reading(account) as work:
        assert work.session.query(Action).count() == 0


def test_messages_from_elsewhere_are_not_believed(opened):
    opened.pages["https://evil.test"] = (
        "<script>addEventListener('message', (event) => {"
        " heard = 1; parent.frames.side.postMessage(event.data, '*'); });</script>"
    )
    opened.page.evaluate(
        "new Promise((resolve) => { const frame = document.createElement('iframe'); frame.name = 'evil';"
        " frame.src = 'https://evil.test/'; frame.onload = resolve; document.body.append(frame); })"
    )
    message = {"sidebar": 1, "type": "context", "context": {"conversation": "9", "customer": {}}}
    opened.page.evaluate("(message) => frames.evil.postMessage(message, '*')", message)
    opened.page.frame("evil").wait_for_function("window.heard")
    opened.page.wait_for_timeout(100)
    assert "Kadri Tamm" in opened.text()


def test_a_hostile_parent_shows_nothing(stage, desk, token, shop):
    stage.pages["https://desk.example.evil.test"] = "<!doctype html>" + PAGE % (desk.url, token())
    with stage.page.expect_console_message(lambda line: "frame-ancestors" in line.text):
        stage.page.goto("https://desk.example.evil.test/")
    assert stage.posted("heard") == []
