"""Whatever states a right says where it comes from, and that it is no advice."""

from __future__ import annotations

import re

import pytest

from integration.eligibility.explain import Span
from integration.people import change_agent
from integration.records import Address
from sidebar.verdicts import show


def steps(html: str) -> dict[str, str]:
    """Step of a reasoning → its source, without marks. A plain fact, such as a delivery, has none."""
    found = re.findall(
        r"<li><svg.*?</svg><div>(.*?)(?:<span class=\"src\">(.*?))?</div></li>", html, re.DOTALL
    )
    return {text: re.sub(r"<[^>]+>", "", source) for text, source in found}


def test_every_step_but_the_bare_facts_names_its_source(frame, shop):
    found = steps(frame.get(f"/orders/{shop['lamp']}").text)

    assert len(found) > 3
    assert [text for text, source in found.items() if not source and not text.startswith("Delivered")] == []


def test_the_sum_says_why_it_is_what_it_is(frame, shop):
    answer = frame.post(f"/orders/{shop['lamp']}/refund/preview", **{f"q:{shop['lamp']}.11": "1"})

    found = steps(answer.text)
    assert found["The delivery cost goes back once all of the order has come back."].startswith("our own")
    [due] = [text for text in found if text.startswith("To be paid back by")]
    assert found[due].startswith("VÕS § 56¹")
    assert "not legal advice" in answer.text


def test_an_amount_by_hand_has_no_reasons_of_law(frame, shop):
    answer = frame.post(f"/orders/{shop['lamp']}/refund/preview", by="amount", amount="1.00")

    assert steps(answer.text) == {}
    assert "not legal advice" not in answer.text


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ("1 day", "7 days", "30 days from delivery", "24 months")),
        ("et", ("1 päev", "7 päeva", "30 päeva kättesaamisest", "24 kuud")),
        ("ro", ("1 zi", "7 zile", "30 de zile de la livrare", "24 de luni")),
        ("th", ("1 วัน", "7 วัน", "30 วันนับจากส่งมอบ", "24 เดือน")),
        ("ar", ("يوم واحد", "7 أيام", "30 يوماً من التسليم", "24 شهراً")),
    ],
)
def test_the_word_follows_the_number(app, language, texts):
    spans = (Span(1, "days"), Span(7, "days"), Span(30, "days", "delivery"), Span(24, "months"))
    with app.test_request_context(headers={"Accept-Language": language}):
        assert tuple(show(span) for span in spans) == texts


@pytest.mark.parametrize(
    ("country", "step"),
    [
        ("TH", "Is the store a registered direct marketer in Thailand? The owner answers once."),
        ("JP", "The law of this country is not in our data. Ask somebody who knows it."),
    ],
)
def test_what_is_missing_comes_with_the_next_step(frame, world, account, shop, country, step):
    line = world.line()
    abroad = world.record(
        line, fulfillments=(world.parcel(line),), shipping_address=Address(name="A", country=country)
    )
    [order_id] = world.sell(account, shop["home"], abroad)

    assert step in steps(frame.get(f"/orders/{order_id}").text)


def test_a_right_without_a_last_day_is_drawn_as_open(frame, world, account, shop):
    [order_id] = world.sell(account, shop["home"], world.record(fulfillments=()))

    clock = re.findall(r'<div class="row">.*?<b>(.*?)</b></div>', frame.get(f"/orders/{order_id}").text)
    assert clock == ["no end yet", "no last day"], "not sent yet: by law and by policy"


@pytest.mark.parametrize(
    ("language", "way", "sentence"),
    [
        ("en", "Refund, Store credit, Exchange", "May be returned until Mon 14 Dec."),
        ("ro", "Rambursare, Credit în magazin, Schimb", "Se poate returna până la lun., 14 dec."),
        ("ar", "رد المبلغ، رصيد في المتجر، استبدال", "يمكن الإرجاع حتى الاثنين، 14 ديسمبر."),
    ],
)
def test_commas_and_points_are_those_of_the_language(
    services, desk, agent, world, account, frame_of, language, way, sentence
):
    line = world.line()
    sold = world.record(line, fulfillments=(world.parcel(line),))
    [order_id] = world.sell(account, world.store(account), sold)
    with services.transaction(account) as work:
        change_agent(work, agent, locale=language)
    text = frame_of(desk.token()).get(f"/orders/{order_id}").text

    assert way in text
    assert sentence in text
    assert ".." not in re.sub(r"<[^>]+>", "", text)
