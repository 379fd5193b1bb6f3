"""Help Scout's frame: our own few messages, held against Help Scout's own script on the same host page."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from sidebar.helpdesks import helpscout

KADRI = "kadri.tamm@example.ee"
HOST = "https://secure.helpscout.net"
SDK = "https://plugin.test"

PAGE = """
<iframe name="%s" src="%s" width="320" height="600"></iframe>
<textarea id="answer"></textarea>
<script>
  window.heard = [];
  window.desk = { silent: %s, context: %s };
  const side = () => document.querySelector("iframe").contentWindow;
  window.tell = () => side().postMessage({ type: "SEND_APP_CONTEXT", ...desk.context }, "*");
  addEventListener("message", (event) => {
    if (event.source !== side()) return;
    heard.push(event.data);
    if (event.data.type === "GET_APP_CONTEXT" && !desk.silent) tell();
  });
</script>
"""


def told(number=2002, emails=(KADRI,), phones=()):
    return {
        "company": {"id": 1, "name": "Lumi"},
        "conversation": {"id": number, "number": 51, "subject": "Kus mu lamp on?", "status": "active"},
        "customer": {
            "id": 3003,
            "firstName": "Kadri",
            "lastName": "T",
            "emails": [{"value": one} for one in emails],
            "phones": [{"value": one} for one in phones],
        },
        "mailbox": {"id": 77},
        "user": {"id": 4004, "firstName": "Liis", "lastName": "Kask", "email": "liis@lumi.example"},
        "uiState": {},
    }


@pytest.fixture
def desk(add_desk):
    return add_desk("helpscout", secret="test-secret")


@pytest.fixture
def page_of(desk):
    def make(context=None, *, name="app-123", silent="false"):
        pairs = [("conversation-id", "2002"), ("customer-id", "3003"), ("user-id", "4004")]
        proof = helpscout.sign("test-secret", helpscout.canonical(pairs))
        address = f"{desk.url}?{urlencode([*pairs, ('X-HelpScout-Signature', proof)])}"
        return PAGE % (name, address.replace("&", "&amp;"), silent, json.dumps(context or told()))

    return make


@pytest.fixture
def stage(stage):
    stage.name = "app-"
    return stage


@pytest.fixture
def opened(stage, page_of, shop):
    stage.open(HOST, page_of())
    stage.wait_for("customer")
    return stage


def heard(stage, kind):
    return stage.posted(f"heard.filter((one) => one.type === '{kind}')")


def test_the_right_customer_with_and_without_third_party_cookies(cookie_stage, page_of, shop):
    cookie_stage.name = "app-"
    cookie_stage.open(HOST, page_of())
    cookie_stage.wait_for("customer")
    assert "Kadri Tamm" in cookie_stage.text()
    assert all("cookie" not in headers for _method, _path, headers in cookie_stage.asked)


def test_the_host_is_told_which_app_speaks(opened):
    [ask] = heard(opened, "GET_APP_CONTEXT")
    assert ask == {"type": "GET_APP_CONTEXT", "appId": "123", "iframeId": "app-123"}


def test_the_frame_grows_with_its_content(opened):
    opened.page.wait_for_function("heard.some((one) => one.type === 'SET_APP_HEIGHT')")
    opened.page.wait_for_timeout(400)
    real = opened.frame.evaluate("Math.ceil(document.getElementById('app').getBoundingClientRect().height)")
    assert heard(opened, "SET_APP_HEIGHT")[-1]["value"] == real
    assert real > 300


def test_a_reply_is_copied_by_the_host(opened):
    opened.frame.locator("[data-act=reply]:visible").first.click()
    text = opened.see("reply-text").input_value()
    opened.see("reply-insert").first.click()
    opened.page.wait_for_function("heard.some((one) => one.type === 'SET_CLIPBOARD_TEXT')")
    [asked] = heard(opened, "SET_CLIPBOARD_TEXT")
    assert asked["value"] == {"text": text, "successMessage": "Copied"}


def test_all_addresses_are_searched(stage, page_of, shop):
    stage.open(HOST, page_of(told(emails=("old@example.ee",), phones=("+372 5551 2345",))))
    stage.wait_for("customer")


def test_a_customer_without_addresses_reads_as_no_match(stage, page_of, shop):
    stage.open(HOST, page_of(told(emails=())))
    stage.wait_for("empty")


def test_a_changed_customer_replaces_the_old_one(opened):
    opened.posted(f"desk.context = {json.dumps(told(emails=['nobody@example.ee']))}; tell()")
    opened.wait_for("empty")
    assert "Kadri" not in opened.text()


def test_a_late_answer_for_the_customer_before_is_not_shown(stage, page_of, shop):
    release = stage.hold("kadri.tamm")
    stage.open(HOST, page_of())
    stage.wait_until_held("kadri.tamm")
    stage.posted(f"desk.context = {json.dumps(told(emails=['nobody@example.ee']))}; tell()")
    stage.wait_for("empty")
    with stage.page.expect_response(lambda answer: "kadri" in (answer.request.post_data or "")):
        release()
    stage.page.wait_for_timeout(100)
    assert stage.see("empty").is_visible()
    assert "Kadri" not in stage.text()


def test_a_reply_is_gone_with_the_customer_whom_it_was_for(opened):
    opened.frame.locator("[data-act=reply]:visible").first.click()
    release = opened.hold("nobody")
    opened.posted(f"desk.context = {json.dumps(told(emails=['nobody@example.ee']))}; tell()")
    opened.see("customer").wait_for(state="detached")
    assert opened.see("reply-insert").count() == 0  # what would be copied is gone with its customer
    assert heard(opened, "SET_CLIPBOARD_TEXT") == []
    release()


def test_a_host_that_names_no_referrer_is_heard_all_the_same(stage, page_of, shop):
    """The vendor's own script waits for ever then: it takes the host's address from there."""
    stage.open(HOST, '<meta name="referrer" content="no-referrer">' + page_of())
    stage.wait_for("customer")


@pytest.mark.at_length
def test_it_fits_a_small_dark_frame_in_arabic(stage_of, page_of, shop, small_dark_and_arabic):
    stage = stage_of("ar", "dark")
    stage.name = "app-"
    stage.open(HOST, page_of())
    stage.wait_for("customer")
    small_dark_and_arabic(stage)


def test_another_conversation_than_the_signed_one_is_refused(opened):
    opened.posted(f"desk.context = {json.dumps(told(2003))}; tell()")
    opened.wait_for("error")
    assert "Kadri" not in opened.text()
    assert "This does not mean that there are no orders" in opened.text()


def test_a_silent_host_reads_as_silence_and_is_asked_again(stage, page_of, shop):
    stage.open(HOST, page_of(silent="true"))
    stage.wait_for("error")
    stage.posted("desk.silent = false")
    stage.side.get_by_role("button", name="Try again").click()
    stage.wait_for("customer")


def test_a_frame_of_another_name_says_what_is_wrong(stage, page_of, shop):
    stage.name = "side"
    stage.open(HOST, page_of(name="side"))
    stage.wait_for("error")
    assert heard(stage, "GET_APP_CONTEXT") == []


def test_messages_from_elsewhere_are_not_believed(opened):
    """The vendor's own script takes `https://secure.helpscout.net.evil.test` for Help Scout."""
    opened.pages["https://secure.helpscout.net.evil.test"] = (
        "<script>addEventListener('message', (event) => {"
        " heard = 1; parent.frames['app-123'].postMessage(event.data, '*'); });</script>"
    )
    opened.page.evaluate(
        "new Promise((resolve) => { const frame = document.createElement('iframe'); frame.name = 'evil';"
        " frame.src = 'https://secure.helpscout.net.evil.test/'; frame.onload = resolve;"
        " document.body.append(frame); })"
    )
    said = {"type": "SEND_APP_CONTEXT", **told(emails=["nobody@example.ee"])}
    opened.page.evaluate("(message) => frames.evil.postMessage(message, '*')", said)
    opened.page.frame("evil").wait_for_function("window.heard")
    opened.page.wait_for_timeout(100)
    assert "Kadri Tamm" in opened.text()


@pytest.mark.parametrize(
    "origin", ["https://secure.helpscout.net.evil.test", "https://securexhelpscout.net", "https://evil.test"]
)
def test_a_hostile_parent_shows_nothing(stage, page_of, shop, origin):
    stage.pages[origin] = "<!doctype html>" + page_of()
    with stage.page.expect_console_message(lambda line: "frame-ancestors" in line.text):
        stage.page.goto(f"{origin}/")
    assert stage.posted("heard") == []


def test_our_messages_are_those_of_help_scouts_own_script(opened, vendor_script):
    """The same wishes, said by Help Scout's own script to the same host page, are the same messages."""
    opened.page.wait_for_function("heard.some((one) => one.type === 'SET_APP_HEIGHT')")
    opened.frame.locator("[data-act=reply]:visible").first.click()
    opened.see("reply-insert").first.click()
    opened.page.wait_for_function("heard.some((one) => one.type === 'SET_CLIPBOARD_TEXT')")
    opened.frame.locator("[data-act=pair]").count()
    kinds = ("GET_APP_CONTEXT", "SET_APP_HEIGHT", "SET_CLIPBOARD_TEXT")
    ours = {kind: heard(opened, kind)[-1] for kind in kinds}
    copied = ours["SET_CLIPBOARD_TEXT"]["value"]
    opened.scripts[f"{SDK}/helpscout.js"] = vendor_script("helpscout")
    opened.pages[SDK] = f"""<!doctype html><script src="{SDK}/helpscout.js"></script><script>
      (async () => {{
        const HelpScout = HelpScoutSdk.default;
        window.found = await HelpScout.getApplicationContext();
        HelpScout.setAppHeight({ours["SET_APP_HEIGHT"]["value"]});
        HelpScout.setClipboardText({json.dumps(copied["text"])}, {json.dumps(copied["successMessage"])});
        HelpScout.showNotification("ERROR", "Sorry", {{ id: "deskside-1" }});
        window.done = true;
      }})();
    </script>"""
    opened.open(HOST, PAGE % ("app-123", f"{SDK}/", "false", json.dumps(told())))
    opened.frame.wait_for_function("window.done")
    for kind, said in ours.items():
        assert said == heard(opened, kind)[-1]
    [note] = heard(opened, "SHOW_NOTIFICATION")
    assert set(note["value"]) == {"type", "message", "options"}
    assert opened.frame.evaluate("found.customer.emails") == [{"value": KADRI}]
