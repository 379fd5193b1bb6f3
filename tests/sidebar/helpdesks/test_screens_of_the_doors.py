"""The doors' own screens, in every language: complete, within a narrow frame, and fit for every reader."""

from __future__ import annotations

import pytest

from integration import people
from tests.sidebar.barriers import barriers
from tests.sidebar.keyboard import tab_to, troubles

HOST = "https://chat.lumi.example"
LANGUAGES = ("en", "et", "ro", "th", "ar")

PAGE = """
<iframe name="side" title="Deskside" src="%s" width="320" height="600"></iframe>
<script>
  window.tell = (data) => frames[0].postMessage(JSON.stringify({ event: "appContext", data }), "*");
</script>
"""


@pytest.mark.every_language
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_frames_screens(add_desk, shop, stage_of, language):
    stage = stage_of(language, "dark" if language == "ar" else "light")
    stage.open(HOST, PAGE % add_desk("chatwoot", HOST).url)
    seen = {}
    stage.wait_for("error")
    seen["error"] = stage.text()
    assert barriers(stage.frame) == []
    tab_to(stage.page, "[data-act=hear]", stage.frame)
    stage.posted("tell({ conversation: {} })")
    stage.wait_for("no-conversation")
    seen["none"] = stage.text()
    assert barriers(stage.frame) == []
    stage.posted("tell({ conversation: { id: 42 }, contact: { email: 'kadri.tamm@example.ee' } })")
    stage.wait_for("unproven")
    assert barriers(stage.frame) == []
    tab_to(stage.page, "[data-testid=pair]", stage.frame)
    stage.page.keyboard.press("Enter")
    stage.wait_for("pair-code")
    seen["pair"] = stage.text()
    assert barriers(stage.frame) == []
    root = stage.frame.locator(".pane")
    assert root.get_attribute("lang") == language
    assert root.get_attribute("dir") == ("rtl" if language == "ar" else "ltr")
    assert stage.frame.evaluate("document.documentElement.scrollWidth <= 320")
    if language != "en":
        for english in (
            "helpdesk did not say",
            "Open a conversation",
            "prove who you are",
            "Compare the code",
            "sign-in page",
        ):
            assert all(english not in text for text in seen.values())


@pytest.mark.every_language
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_where_the_code_is_compared(
    app, services, account, agent, add_desk, knocker, signed_in, stage_of, language
):
    with services.transaction(account) as work:
        people.change_agent(work, agent, locale=language)
    door = knocker(add_desk("chatwoot", HOST))
    door.tell(emails=["kadri.tamm@example.ee"])
    code = door.pane("/pair/start", x="").get_json()["user_code"]
    client = signed_in(agent)
    stage = stage_of(language)
    stage.client = client
    stage.page.set_viewport_size({"width": 320, "height": 700})
    for path, state in (
        (f"/admin/pair?code={code}", "ask"),
        ("/admin/pair?code=BBBB-BBBB", "over"),
        ("/admin/pair", "empty"),
    ):
        stage.page.goto(f"https://deskside.test{path}")
        assert barriers(stage.page) == [], state
        assert stage.page.evaluate("document.documentElement.scrollWidth <= 320")
        assert stage.page.locator("html").get_attribute("lang") == language
        assert troubles(stage.page) == [], state
    stage.page.goto(f"https://deskside.test/admin/pair?code={code}")
    assert stage.page.get_by_test_id("pair-code").inner_text() == code
    tab_to(stage.page, "[data-testid=pair-confirm]")
    stage.page.keyboard.press("Enter")
    stage.page.get_by_test_id("pair-done").wait_for()
