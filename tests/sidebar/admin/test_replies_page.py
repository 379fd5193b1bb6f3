"""The merchant's own wording: edited, tried out, kept, refused, and given up again."""

from __future__ import annotations

import pytest

from integration import wording
from sidebar import replies
from sidebar.replies import own

PATH = "/admin/replies/et/where"


@pytest.fixture
def page(sign_in, lead):
    browser = sign_in(lead)
    browser.get(PATH)
    return browser


def kept(services, account):
    with services.reading(account) as work:
        return wording.load(work).everywhere


def test_every_situation_stands_there_in_every_language(sign_in, lead):
    text = sign_in(lead).get("/admin/replies").get_data(as_text=True)
    for situation in replies.SITUATIONS:
        for language in ("en", "et", "ro", "th", "ar"):
            assert f'href="/admin/replies/{language}/{situation}"' in text


def test_own_words_are_kept_and_reset(page, services, account):
    answer = page.post(PATH, {"text": "Tere {{ name }}, {{ order }}!", "press": "keep"})
    assert answer.status_code == 303
    assert kept(services, account) == {"et": {"where": "Tere {{ name }}, {{ order }}!\n"}}
    page.get(PATH)
    assert page.post(PATH, {"text": "", "press": "reset"}).status_code == 303
    assert kept(services, account) == {}


def test_a_preview_keeps_nothing(page, services, account):
    answer = page.post(PATH, {"text": "Tere {{ name }}!", "press": "preview"})
    assert "Tere Kadri!" in answer.get_data(as_text=True)
    assert kept(services, account) == {}


@pytest.mark.parametrize(
    ("language", "day"),
    [("en", "9 November"), ("et", "9. novembril"), ("th", "9 พฤศจิกายน"), ("ar", "9 نوفمبر")],
)
def test_a_preview_writes_days_as_the_language_does(page, language, day):
    page.get(f"/admin/replies/{language}/late")
    text = {"text": "{{ due }}: {{ amount }}", "press": "preview"}
    answer = page.post(f"/admin/replies/{language}/late", text).get_data(as_text=True)
    assert f">{day}: " in answer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x" * 8001,
        "{{ passwrd }}",
        "{% if name %}",
        "{{ name.nothing }}",
        "{{ name.title }}",
        "{{ ''.__class__.__mro__ }}",
        "{% include 'admin/frame.html' %}",
        "{{ 'x' * 10 }}",
        "{{ " + "1" * 5000 + " }}",
        "{{ 0x" + "f" * 5000 + " }}",
        '{{ "\\ud800" }}',
        '{{ "\\x00" }}',
        "{{ " + "(" * 3000 + "name" + ")" * 3000 + " }}",
    ],
    ids=lambda text: text[:24],
)
def test_what_cannot_be_filled_is_refused(page, services, account, text):
    assert page.post(PATH, {"text": text, "press": "keep"}).status_code == 400
    assert kept(services, account) == {}


def test_what_a_database_cannot_keep_is_left_out(page, services, account):
    assert page.post(PATH, {"text": "Tere \x00{{ name }}!\r\n\r\nLiis", "press": "keep"}).status_code == 303
    assert kept(services, account) == {"et": {"where": "Tere {{ name }}!\n\nLiis\n"}}


def test_markup_is_text(page):
    answer = page.post(PATH, {"text": "<b>Tere</b> {{ name }}</textarea><script>", "press": "preview"})
    text = answer.get_data(as_text=True)
    assert "&lt;b&gt;Tere&lt;/b&gt; Kadri&lt;/textarea&gt;&lt;script&gt;" in text
    assert "<b>Tere" not in text


def test_a_sample_order_was_not_cancelled_but_where_that_is_the_matter(page):
    for situation, shown in (("where", False), ("cancelled", True)):
        text = page.get(f"/admin/replies/en/{situation}").get_data(as_text=True)
        assert ("Order #1042 was cancelled on 20 November" in text) is shown


def test_a_store_has_words_of_its_own_before_those_for_all(page, services, account, world):
    lumi, other = world.store(account), world.store(account)

    def keep(text, store=""):
        page.get(f"{PATH}?store={store}")
        return page.post(PATH, {"text": text, "press": "keep", "store": store})

    keep("Tere kõigist!")
    assert keep("Tere Lumist!", str(lumi)).headers["Location"] == f"/admin/replies?saved=1&store={lumi}"
    with services.reading(account) as work:
        words = wording.load(work)
    assert words.choices("et", "where", lumi) == ["Tere Lumist!\n", "Tere kõigist!\n"]
    assert words.choices("et", "where", other) == words.choices("et", "where", None) == ["Tere kõigist!\n"]
    assert "Tere Lumist!" in page.get(f"{PATH}?store={lumi}").get_data(as_text=True)
    assert "Tere kõigist!" in page.get(f"{PATH}?store={other}").get_data(as_text=True)

    keep("Tere kõigist!", str(lumi))  # the same as without: no words of its own any more
    with services.reading(account) as work:
        assert wording.load(work) == wording.Wording(words.everywhere)


def test_the_words_of_a_store_that_is_not_ones_own_are_nobodys(page, services, world):
    theirs = world.store(world.account("Other"))
    assert page.get(f"/admin/replies?store={theirs}").status_code == 404
    assert page.get(f"{PATH}?store={theirs}").status_code == 404
    assert page.post(PATH, {"text": "Tere!", "press": "keep", "store": str(theirs)}).status_code == 404
    assert page.get(f"{PATH}?store=x").status_code in (400, 404)


def test_agents_do_not_reword(sign_in, member):
    assert sign_in(member).get(PATH).status_code == 403


@pytest.mark.parametrize("language", ["en", "et", "ro", "th", "ar"])
def test_our_own_words_pass_the_same_check(app, language):
    with app.test_request_context():
        for situation in replies.SITUATIONS:
            assert own.check(replies.wording(language)[situation], language, situation)
