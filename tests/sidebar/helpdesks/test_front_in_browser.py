"""Front's frame: our own few messages, held against Front's own script on the same host page."""

from __future__ import annotations

import json

import pytest

KADRI = "kadri.tamm@example.ee"
HOST = "https://app.frontapp.com"
SDK = "https://plugin.test"

PAGE = """
<iframe name="side" src="%s" width="360" height="600"
  sandbox="allow-scripts allow-same-origin allow-forms"></iframe>
<textarea id="answer"></textarea>
<script>
  window.calls = [];
  window.desk = { context: %s, mute: [], broken: [], values: {
    listMessages: { results: [{ id: "msg_1", status: "outbound" }, { id: "msg_2", status: "inbound" }] },
    createDraft: { id: "dra_1" } } };
  let port;
  window.tell = () => port.postMessage({ type: "context_update", context: desk.context });
  addEventListener("message", (event) => {
    if (event.data !== "@frontapp/ui-sdk#WebViewBridge.handshake" || !event.ports[0]) return;
    port = event.ports[0];
    port.onmessage = ({ data }) => {
      calls.push(data);
      if (data.type !== "function_call" || desk.mute.includes(data.name)) return;
      const broken = desk.broken.includes(data.name);
      if (broken) port.postMessage({ type: "function_error", id: data.id, error: "no" });
      else port.postMessage({ type: "function_result", id: data.id, value: desk.values[data.name] });
    };
    if (desk.context) tell();
  });
</script>
"""


def context(kind="singleConversation", number="cnv_42", handles=(KADRI,), **more):
    found = {
        "id": f"ctx-{number}",
        "type": kind,
        "functionArities": {
            "openUrl": 2,
            "createDraft": 2,
            "updateDraft": 3,
            "listMessages": 2,
            "displayNotification": 2,
        },
        "teammate": {"id": "tea_1", "name": "Liis Kask", "username": "liis", "email": "liis@lumi.example"},
        "company": {"id": "cmp_1", "name": "Lumi"},
        "preferences": {},
        "authentication": {"status": "notNeeded"},
        "entryPoint": {"type": "conversation"},
    }
    if kind == "singleConversation":
        contact = {
            "id": "crd_1",
            "name": "Kadri",
            "handles": [{"type": "email", "handle": one} for one in handles],
        }
        found["conversation"] = {
            "id": number,
            "type": "email",
            "status": "assigned",
            "subject": "Kus mu lamp on?",
            "recipient": {"handle": "no-reply@shop.example", "name": "Kadri", "contact": contact},
            **more,
        }
    if kind == "multiConversations":
        found["conversations"] = [{"id": "cnv_1"}, {"id": "cnv_2"}]
    return found


@pytest.fixture
def desk(add_desk):
    return add_desk("front", auth_secret="front-secret")


@pytest.fixture
def page_of(desk):
    def make(told=None):
        return PAGE % (
            f"{desk.url}?auth_secret=front-secret",
            json.dumps(context() if told is None else told),
        )

    return make


@pytest.fixture
def press(signed_in, confirm, agent):
    def through(stage):
        stage.wait_for("unproven")
        stage.see("pair").first.click()
        stage.wait_for("pair-code")
        assert confirm(signed_in(agent), stage.see("pair-code").first.inner_text()).status_code == 200
        stage.wait_for("customer")

    return through


@pytest.fixture
def opened(stage, page_of, shop, press):
    stage.open(HOST, page_of())
    press(stage)
    return stage


def called(stage, name):
    return stage.posted(f"calls.filter((one) => one.type === 'function_call' && one.name === '{name}')")


def reply(stage):
    stage.frame.locator("[data-act=reply]:visible").first.click()
    text = stage.see("reply-text").input_value()
    stage.see("reply-insert").first.click()
    return text


def test_the_customer_after_pairing_with_and_without_third_party_cookies(cookie_stage, page_of, shop, press):
    cookie_stage.open(HOST, page_of())
    press(cookie_stage)
    assert "Kadri Tamm" in cookie_stage.text()


def test_the_sign_in_page_is_opened_by_the_host_since_the_sandbox_opens_nothing(opened):
    [call] = called(opened, "openUrl")
    assert call["args"][0].startswith("https://deskside.test/pair?code=")


def test_where_the_host_opens_nothing_the_address_is_shown(stage, page_of, shop):
    told = context()
    del told["functionArities"]["openUrl"]
    stage.open(HOST, page_of(told))
    stage.wait_for("unproven")
    stage.see("pair").first.click()
    link = stage.side.locator("[data-pair-link] a")
    link.wait_for()
    assert link.get_attribute("href").startswith("https://deskside.test/pair?code=")


@pytest.mark.parametrize(
    ("kind", "said"),
    [("noConversation", "Open a conversation"), ("multiConversations", "Select one conversation")],
)
def test_none_and_several_clear_the_customer(opened, kind, said):
    opened.posted(f"desk.context = {json.dumps(context(kind))}; tell()")
    opened.wait_for("no-conversation")
    assert said in opened.text()
    assert "Kadri" not in opened.text()


def test_every_handle_is_searched(stage, page_of, shop, press):
    stage.open(HOST, page_of(context(handles=("old@example.ee", "+372 5551 2345", KADRI))))
    press(stage)
    assert "Kadri Tamm" in stage.text()


def test_a_late_answer_for_the_conversation_before_is_not_shown(opened):
    other = context(number="cnv_43", handles=("nobody@example.ee",))
    release = opened.hold("kadri.tamm")
    opened.posted(f"desk.context = {json.dumps(context(number='cnv_41'))}; tell()")
    opened.wait_until_held("kadri.tamm")
    opened.posted(f"desk.context = {json.dumps(other)}; tell()")
    opened.wait_for("empty")
    with opened.page.expect_response(lambda answer: "kadri" in (answer.request.post_data or "")):
        release()
    opened.page.wait_for_timeout(100)
    assert opened.see("empty").is_visible()
    assert "Kadri" not in opened.text()


def test_a_silent_host_reads_as_silence_and_is_asked_again(stage, page_of, shop):
    stage.open(HOST, page_of(told=False))
    stage.wait_for("error")
    assert "This does not mean that there are no orders" in stage.text()
    stage.posted(f"desk.context = {json.dumps(context())}; tell()")
    stage.wait_for("unproven")


def test_a_contact_without_an_address_reads_as_no_match(opened):
    opened.posted(f"desk.context = {json.dumps(context(number='cnv_44', handles=()))}; ")
    opened.posted("desk.context.conversation.recipient.handle = null; tell()")
    opened.wait_for("empty")
    assert "Kadri" not in opened.text()


def test_a_reply_is_not_put_into_another_conversation(opened):
    """The agent moved on while Front looked for the message that the reply answers."""
    other = context(number="cnv_43", handles=("nobody@example.ee",))
    opened.posted("desk.mute = ['listMessages']")
    reply(opened)
    opened.page.wait_for_function("calls.some((one) => one.name === 'listMessages')")
    opened.posted(f"desk.context = {json.dumps(other)}; tell()")
    opened.posted(
        "const { id } = calls.find((one) => one.name === 'listMessages');"
        "port.postMessage({ type: 'function_result', id, value: desk.values.listMessages })"
    )
    opened.wait_for("empty")
    opened.page.wait_for_timeout(200)
    assert called(opened, "createDraft") == []


def test_where_front_offers_no_draft_the_text_is_copied(stage, page_of, shop, press):
    told = context()
    del told["functionArities"]["createDraft"]
    stage.open(HOST, page_of(told))
    press(stage)
    text = reply(stage)
    stage.frame.locator("#toast:has-text('Copied')").wait_for()
    stage.page.locator("#answer").focus()
    stage.page.keyboard.press("Control+V")
    assert stage.page.locator("#answer").input_value() == text


@pytest.mark.at_length
def test_it_fits_a_small_dark_frame_in_arabic(stage_of, page_of, shop, press, small_dark_and_arabic):
    stage = stage_of("ar", "dark")
    stage.open(HOST, page_of().replace('width="360"', 'width="320"'))
    press(stage)
    stage.page.reload()
    stage.wait_for("customer")
    small_dark_and_arabic(stage)


def test_a_reply_becomes_a_draft_that_answers_the_customers_last_message(opened):
    text = reply(opened)
    opened.page.wait_for_function("calls.some((one) => one.name === 'createDraft')")
    [call] = called(opened, "createDraft")
    wanted = {"type": "reply", "originalMessageId": "msg_2"}
    assert call["args"] == [{"content": {"body": text, "type": "text"}, "replyOptions": wanted}]
    assert call["contextId"] == "ctx-cnv_42"


def test_a_reply_goes_into_the_draft_that_is_there(stage, page_of, shop, press):
    stage.open(HOST, page_of(context(draftId="dra_9")))
    press(stage)
    text = reply(stage)
    stage.page.wait_for_function("calls.some((one) => one.name === 'updateDraft')")
    [call] = called(stage, "updateDraft")
    assert call["args"] == ["dra_9", {"updateMode": "insert", "content": {"body": text, "type": "text"}}]
    assert called(stage, "createDraft") == []


@pytest.mark.parametrize("fault", ["broken", "mute"])
def test_where_drafting_fails_the_text_is_copied(opened, fault):
    opened.posted(f"desk.{fault} = ['createDraft']")
    text = reply(opened)
    opened.frame.locator("#toast:has-text('Copied')").wait_for()
    opened.page.locator("#answer").focus()
    opened.page.keyboard.press("Control+V")
    assert opened.page.locator("#answer").input_value() == text
    if fault == "mute":
        assert opened.posted("calls.some((one) => one.type === 'function_cancel')")


def test_links_go_through_the_host(opened):
    opened.frame.locator("a[target=_blank]").first.evaluate("(link) => link.click()")
    opened.page.wait_for_function("calls.filter((one) => one.name === 'openUrl').length === 2")
    assert called(opened, "openUrl")[1]["args"][0].startswith("https://")


@pytest.mark.parametrize(
    "origin", ["https://frontapp.com.evil.test", "https://evilfrontapp.com", "https://evil.test"]
)
def test_a_hostile_parent_shows_nothing(stage, page_of, shop, origin):
    stage.pages[origin] = "<!doctype html>" + page_of()
    with stage.page.expect_console_message(lambda line: "frame-ancestors" in line.text):
        stage.page.goto(f"{origin}/")
    assert stage.posted("calls") == []


def test_a_tenants_own_front_address_may_frame_it(stage, page_of, shop):
    stage.open("https://lumi.frontapp.com", page_of())
    stage.wait_for("unproven")


def test_our_messages_are_those_of_fronts_own_script(browser, app, stage, page_of, opened, vendor_script):
    """The same wishes, said by Front's own script to the same host page, are the same messages."""
    text = reply(opened)
    opened.page.wait_for_function("calls.some((one) => one.name === 'createDraft')")
    ours = {name: called(opened, name)[0] for name in ("openUrl", "listMessages", "createDraft")}

    url = ours["openUrl"]["args"][0]
    draft = ours["createDraft"]["args"][0]
    assert draft["content"]["body"] == text
    stage.scripts[f"{SDK}/front.js"] = vendor_script("front")
    stage.pages[SDK] = f"""<!doctype html><script src="{SDK}/front.js"></script><script>
      Front.contextUpdates.subscribe(async () => {{
        await Front.openUrl({json.dumps(url)});
        await Front.listMessages();
        await Front.createDraft({json.dumps(draft)});
        window.done = true;
      }});
    </script>"""
    host = PAGE % (f"{SDK}/", json.dumps(context()))
    opened.open(HOST, host)
    opened.frame.wait_for_function("window.done")
    for name, ours_said in ours.items():
        [theirs] = called(opened, name)
        assert set(ours_said) == set(theirs)
        for part in ("type", "name", "contextId"):
            assert ours_said[part] == theirs[part]
        assert ours_said["args"] == [arg for arg in theirs["args"] if arg is not None]
