"""Replies: every situation in every language, from the facts on screen and from nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from flask import g
from flask_babel import force_locale

from integration.money import Money
from sidebar import pane, replies
from sidebar.formats import zone_of
from sidebar.languages import LANGUAGES
from sidebar.replies.dates import Writing
from sidebar.replies.facts import working_days
from sidebar.visit import Assurance, Proof, Visit

pytestmark = pytest.mark.one_database

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def kadri(app, services, account, desk, shop):
    """Her pane, every order of it with its body, inside a request."""
    signed = Assurance(tenant=Proof.SIGNED, agent=Proof.SIGNED, customer=Proof.SIGNED)
    visit = Visit(
        account_id=account,
        helpdesk_id=desk.id,
        helpdesk="generic",
        assurance=signed,
        born=NOON,
        emails=("kadri.tamm@example.ee",),
        agent_name="Liis",
    )
    with app.test_request_context("/"):
        g.zone, g.now = zone_of("Europe/Tallinn"), NOON
        with services.reading(account) as work:
            every = [str(shop[name]) for name in ("lamp", "slippers", "curtain")]
            yield pane.look(work, visit, whole=every)


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_every_situation_can_be_said_in_every_language(kadri, language):
    for situation in replies.SITUATIONS:
        text = replies.draft(kadri, situation=situation, language=language).text
        for wanted in ("Kadri", "#1042", "Liis"):
            assert wanted in text, situation
        for never in ("{", "}", "None", "  "):
            assert never not in text, situation


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
def test_no_english_is_left_in_the_others(kadri, language):
    for situation in replies.SITUATIONS:
        text = f" {replies.draft(kadri, situation=situation, language=language).text.lower()} "
        for word in (" the ", " you ", " your ", " we ", " is ", " or ", " unbroken", " order ", " until "):
            assert word not in text, situation


def test_the_reply_follows_the_state_of_the_order(kadri):
    late, slippers, curtain = kadri.orders
    assert replies.suggest(late) == "late"
    assert replies.suggest(slippers) == "not_eligible" or replies.suggest(slippers) == "may_return"
    assert replies.suggest(curtain) == "refund_sent"
    assert replies.suggest(None) == "where"


def test_a_late_parcel_is_said_with_its_days_and_what_may_be_had_instead(kadri):
    text = replies.draft(kadri, situation="late", language="en").text
    assert "“Table lamp Kuu” from order #1042 has not arrived yet. It was expected on 18 November." in text
    assert "Omniva last saw it on 14 November in Tallinn." in text
    assert "you can have €55.40 back instead" in text


def test_a_refund_says_sum_day_and_when_it_arrives(kadri):
    order = kadri.orders[2].id
    text = replies.draft(kadri, situation="refund_sent", language="et", order_id=order).text
    assert "Maksime 26. märtsil tellimuse #0913 eest tagasi 48,00\xa0€." in text
    assert "2. aprillini" in text


def test_the_language_is_the_conversations_else_the_customers(kadri):
    assert replies.draft(kadri).language == "et"  # of the orders' own locale or country
    assert replies.draft(kadri, language="th").language == "th"


def test_a_merchants_own_wording_goes_first_and_can_only_show_facts(kadri):
    own = {"en": {"late": "Dear {{ name }}, {{ order }} is late."}}
    assert (
        replies.draft(kadri, situation="late", language="en", own=own).text == "Dear Kadri, #1042 is late.\n"
    )
    for broken in (
        "{{ name",
        "{{ nothing }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ name.__init__.__globals__ }}",
    ):
        text = replies.draft(kadri, situation="late", language="en", own={"en": {"late": broken}}).text
        assert text.startswith("Hello Kadri,")


class TestWriting:
    def write(self, language, country="EE"):
        return Writing(language, country, UTC, date(2026, 11, 21))

    def test_estonian_dates_take_their_case(self):
        write = self.write("et")
        assert write.day(date(2026, 12, 13)) == "13. detsember"
        assert write.day(date(2026, 12, 13), "until") == "13. detsembrini"
        assert write.day(date(2026, 5, 1), "on") == "1. mail"
        assert write.day(date(2027, 3, 2), "on") == "2. märtsil 2027"

    def test_each_country_reads_its_own_digits_and_years(self):
        assert self.write("ar", "SA").day(date(2026, 12, 13)) == "١٣ ديسمبر"
        assert self.write("ar", "AE").day(date(2026, 12, 13)) == "13 ديسمبر"
        assert self.write("th", "TH").day(date(2027, 1, 2)) == "2 มกราคม พ.ศ. 2570"
        assert self.write("en", "US").day(date(2026, 12, 13)) == "13 December"

    def test_amounts_have_the_currencys_own_digits(self):
        assert self.write("en").money(Money(120000, "JPY")) == "JP¥120,000"
        assert self.write("et").money(Money(5540, "EUR")) == "55,40\xa0€"

    @pytest.mark.parametrize(
        ("language", "count", "said"),
        [
            ("en", 1, "1 day"),
            ("en", 3, "3 days"),
            ("et", 1, "1 päev"),
            ("et", 3, "3 päeva"),
            ("ro", 1, "1 zi"),
            ("ro", 3, "3 zile"),
            ("ro", 21, "21 de zile"),
            ("th", 3, "3 วัน"),
            ("ar", 1, "يوم واحد"),
            ("ar", 2, "يومان"),
            ("ar", 3, "3 أيام"),
            ("ar", 11, "11 يوماً"),
        ],
    )
    def test_counts_take_their_plural(self, app, language, count, said):
        with app.test_request_context("/"), force_locale(language):
            assert self.write(language, "AE").days(count) == said

    def test_working_days_skip_the_weekend(self):
        assert working_days(date(2026, 11, 20), 5) == date(2026, 11, 27)
        assert working_days(date(2026, 11, 21), 1) == date(2026, 11, 23)


@pytest.mark.parametrize("language", list(LANGUAGES))
@pytest.mark.parametrize("situation", ["may_return", "how_return", "not_eligible", "withdrawal"])
def test_a_text_that_states_a_right_says_where_it_comes_from(kadri, language, situation):
    no_advice = {
        "en": "not legal advice",
        "et": "mitte õigusnõu",
        "ro": "nu consultanță juridică",
        "th": "ไม่ใช่คำปรึกษากฎหมาย",
        "ar": "ليست استشارة قانونية",
    }
    text = replies.draft(kadri, situation=situation, language=language).text
    assert "VÕS § " in text
    assert no_advice[language] in text
    assert "\n\n\n" not in text
