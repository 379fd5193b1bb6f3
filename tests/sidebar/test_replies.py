"""Replies: every situation in every language, from the facts on screen and from nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime

import msgspec
import pytest
from flask import g
from flask_babel import force_locale

from integration.db.orders import Fulfillment, OrderLine
from integration.eligibility.law import rows
from integration.eligibility.verdict import Missing
from integration.money import Money
from integration.wording import Wording
from sidebar import pane, replies
from sidebar.cards import MoneyBack
from sidebar.citations import citation
from sidebar.formats import zone_of
from sidebar.languages import LANGUAGES
from sidebar.replies.dates import Writing
from sidebar.replies.facts import working_days
from sidebar.replies.language import TextError, read
from sidebar.visit import Assurance, Proof, Visit

pytestmark = pytest.mark.one_database

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def kadri(looked):
    """Her pane, every order of it with its body, inside a request."""
    return looked()


@pytest.fixture
def looked(app, services, account, desk, shop):
    """Look at her orders as they are now."""
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
        every = [str(shop[name]) for name in ("lamp", "slippers", "curtain")]

        def look():
            with services.reading(account) as work:
                return pane.look(work, visit, whole=every)

        yield look


def with_order(kadri, **changes):
    """Her pane with its open order changed."""
    first, *others = kadri.orders
    return replace(kadri, orders=(replace(first, **changes), *others))


def letters(kadri, language):
    return {code: replies.draft(kadri, situation=code, language=language).text for code in replies.SITUATIONS}


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


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_nobody_is_called_by_an_empty_name_or_a_companys(kadri, language):
    greeting = {"en": "Hello,", "et": "Tere!", "ro": "Bună ziua,", "th": "เรียน ท่านลูกค้า", "ar": "مرحباً،"}
    for name in ("", "Lumi Kodu OÜ", "-", "Mr.", "\u200f", "บริษัทลูมิจำกัด"):
        nameless = replace(kadri, profile=replace(kadri.profile, name=name))
        for text in letters(nameless, language).values():
            assert text.splitlines()[0] == greeting[language]


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_an_order_of_which_nothing_is_known_gets_an_answer_all_the_same(kadri, language):
    bare = with_order(kadri, parcels=(), unsent=0, lines=(), address="", refunds=(), actions=())
    for situation, text in letters(bare, language).items():
        assert "#1042" in text, situation
        assert "()" not in text, situation


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_without_an_order_the_reply_asks_which_one_is_meant(kadri, language):
    asking = letters(replace(kadri, orders=()), language)
    assert len(set(asking.values())) == 1
    assert "Kadri" in asking["late"]
    assert "#" not in asking["late"]


def test_an_order_that_was_not_sent_is_not_looked_for_at_the_carrier(kadri):
    text = replies.draft(with_order(kadri, parcels=(), unsent=2), situation="late", language="en").text
    assert "order #1042 has not been sent yet" in text
    assert "carrier" not in text


def test_a_cancelled_order_is_not_promised(kadri):
    gone = with_order(kadri, parcels=(), unsent=0, cancelled_at=datetime(2026, 11, 20, 9, tzinfo=UTC))
    text = replies.draft(gone, situation="where", language="en").text
    assert "was cancelled on 20 November, so nothing more will be sent" in text
    assert "as soon as" not in text


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("ready_for_pickup", "waiting for you to collect it"),
        ("failure", "could not deliver it"),
        ("returned_to_sender", "on its way back to us"),
        ("label_printed", "not yet with the carrier"),
    ],
)
def test_a_parcel_that_stands_still_is_not_on_its_way(looked, services, account, shop, status, said):
    with services.transaction(account) as work:
        for row in work.session.query(Fulfillment).filter_by(order_id=shop["lamp"], delivered_at=None):
            row.shipment_status, row.estimated_delivery_at = status, None
    lamp = str(shop["lamp"])
    text = replies.draft(looked(), situation="where", language="en", order_id=lamp).text
    assert said in text.split("Table lamp Kuu", 1)[1].split("\n")[0]


def test_a_label_is_no_sight_of_the_parcel(looked, services, account, shop):
    with services.transaction(account) as work:
        for row in work.session.query(Fulfillment).filter_by(order_id=shop["lamp"], delivered_at=None):
            row.shipment_status, row.events = "label_printed", row.events[:1]
    text = replies.draft(looked(), situation="late", language="en", order_id=str(shop["lamp"])).text
    assert "It was expected on 18 November." in text
    assert "last saw it" not in text


def test_a_label_is_no_scan_in_the_pane_either(looked, services, account, shop):
    with services.transaction(account) as work:
        for row in work.session.query(Fulfillment).filter_by(order_id=shop["lamp"], delivered_at=None):
            row.events = row.events[:1]
    late = next(order.late for order in looked().orders if order.late)
    assert (late.seen_at, late.seen) == (None, "")


def test_what_we_have_to_find_out_is_not_asked_of_the_customer(kadri):
    first = kadri.orders[0]
    text = replies.draft(kadri, situation="may_return", language="en").text
    assert "Sauna scrub, honey: please tell us first: is the seal unbroken?" in text
    scrub = next(line for line in first.lines if line.verdict.verdict == "review")
    ours = msgspec.structs.replace(scrub.verdict.line, missing=(Missing("law"),))
    unchecked = replace(scrub, verdict=replace(scrub.verdict, line=ours))
    text = replies.draft(with_order(kadri, lines=(unchecked,)), situation="may_return", language="en").text
    assert "Sauna scrub, honey: we are checking this, and we will write to you." in text


@pytest.mark.parametrize("language", list(LANGUAGES))
@pytest.mark.parametrize("outcomes", [{"review"}, {"accept"}, {"refuse", "review"}, set()])
def test_a_letter_that_refuses_says_of_every_item_how_it_stands(kadri, language, outcomes):
    lines = tuple(line for line in kadri.orders[0].lines if line.verdict.verdict in outcomes)
    text = replies.draft(with_order(kadri, lines=lines), situation="not_eligible", language=language).text
    said = [line for line in text.splitlines() if line.startswith("- ")]
    assert [title for title in (line.title for line in lines) if not any(title in one for one in said)] == []
    assert len(said) == len(lines)
    if not lines:
        assert not text.split("\n\n")[1].endswith(":")


class TestRefunds:
    SENT = MoneyBack(at=datetime(2026, 11, 20, 9, tzinfo=UTC), amount=Money(4800, "EUR"), note="", paid=None)

    def said(self, kadri, **changes):
        changed = with_order(kadri, **{"refunds": (), "actions": (), **changes})
        return replies.draft(changed, situation="refund_sent", language="en").text

    def action(self, **more):
        at = datetime(2026, 11, 20, 8, tzinfo=UTC)
        done = {"kind": "refund", "status": "succeeded", "money": Money(4800, "EUR"), "by_hand": False}
        return {**done, "created_at": at, "finished_at": at, "method": "original", **more}

    def test_one_that_went_the_way_it_was_paid(self, kadri):
        text = self.said(kadri, refunds=(self.SENT,), actions=(self.action(),))
        assert "We have paid back €48.00 for order #1042 on 20 November." in text
        assert "expect it by about 27 November" in text

    def test_one_that_should_be_there_is_not_announced_for_a_day_that_is_over(self, kadri):
        old = replace(self.SENT, at=datetime(2026, 3, 26, 9, tzinfo=UTC))
        assert "should have arrived by about 2 April" in self.said(kadri, refunds=(old,))

    def test_store_credit_goes_through_no_bank(self, kadri):
        text = self.said(kadri, refunds=(self.SENT,), actions=(self.action(method="store_credit"),))
        assert "€48.00 as store credit" in text
        assert "Bank" not in text

    @pytest.mark.parametrize("by", ["store", "us"])
    def test_one_that_is_paid_by_hand_is_not_said_to_be_sent(self, kadri, by):
        recorded = replace(self.SENT, paid=False)
        text = self.said(
            kadri,
            refunds=(recorded if by == "store" else self.SENT,),
            actions=() if by == "store" else (self.action(method="manual"),),
        )
        assert "We have noted your refund of €48.00" in text
        assert "paid back" not in text


def test_latin_names_stand_apart_in_arabic(kadri, both_late):
    """Right-to-left text would turn what stands beside them. Greeting, signature, links and addresses are
    lines of their own."""
    said = [*letters(kadri, "ar").items(), *letters(both_late, "ar").items()]
    for situation, text in said:
        for line in text.splitlines()[1:]:
            if re.search("[\u0600-\u06ff]", line):
                left = re.sub("[\u2066\u2068].*?\u2069", "", line)
                assert not re.search("[A-Za-z]", left.replace("€", "")), (situation, left)


def test_a_link_holds_nothing_but_the_link(kadri):
    text = replies.draft(kadri, situation="late", language="ar").text
    assert "\nhttps://track.example/omniva\n" in text


@pytest.mark.parametrize(
    ("source", "language", "written"),
    [
        ("VÕS § 56", "et", "VÕS § 56"),
        ("OUG 34/2014 art. 9", "ro", "OUG 34/2014 art. 9"),
        ("Directive 2011/83/EU art. 9(2)(b)(i)", "et", "direktiiv 2011/83/EL art 9(2)(b)(i)"),
        ("Directive (EU) 2019/771 art. 13", "ro", "Directiva (UE) 2019/771 art. 13"),
        (
            "Direct Sale and Direct Marketing Act B.E. 2545 s. 33",
            "th",
            "พ.ร.บ. ขายตรงและตลาดแบบตรง พ.ศ. 2545 มาตรา 33",
        ),
        (
            "E-Commerce Law, Royal Decree M/126, art. 13, exceptions",
            "ar",
            "نظام التجارة الإلكترونية (المرسوم الملكي رقم م/126)، المادة 13، الاستثناءات",
        ),
        (
            "Federal Law 15 of 2020; Cabinet Decision 66 of 2023",
            "ar",
            "القانون الاتحادي رقم 15 لسنة 2020; قرار مجلس الوزراء رقم 66 لسنة 2023",
        ),
    ],
)
def test_laws_are_cited_in_the_language_of_the_letter(app, source, language, written):
    with app.test_request_context("/"), force_locale(language):
        assert citation(source) == written


def test_every_law_of_our_data_has_a_name_in_the_others(app):
    """Nothing of the English names is left, whatever is cited; English readers have them as they are."""
    sources = {rule.source for row in rows() for rule in row.rules.values()}
    sources |= {cite for row in rows() for cite in row.cite.values()}
    with app.test_request_context("/"):
        assert {citation(source) for source in sources} == sources
    with app.test_request_context("/"), force_locale("th"):
        for source in sources:
            said = citation(source)
            assert not re.search(r"(?i)\b(act|law|decision|of|regulation|art|reg|since|not|B\.E)\b", said), (
                said
            )


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


@pytest.fixture
def both_late(looked, services, account, shop):
    """Her order with its other parcel late too: that of three items."""
    with services.transaction(account) as work:
        for row in work.session.query(Fulfillment).filter_by(order_id=shop["lamp"]):
            row.delivered_at, row.delivered_source, row.shipment_status = None, None, "in_transit"
    return looked()


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_every_late_parcel_is_named(both_late, language):
    text = replies.draft(both_late, situation="late", language=language).text
    for wanted in ("#1042", "DPD", "05308712345678", "https://track.example/dpd", "Table lamp Kuu", "Omniva"):
        assert text.count(wanted) == 1, wanted
    assert "{" not in text
    assert "55" not in text  # what goes back for one of the two is no answer to both


def test_of_two_late_parcels_none_speaks_for_both(looked, services, account, shop):
    with services.transaction(account) as work:
        rows = work.session.query(Fulfillment).filter_by(order_id=shop["lamp"])
        first = rows.filter_by(platform_id="f1").one()
        first.delivered_at, first.delivered_source, first.shipment_status = None, None, "in_transit"
        first.lines = [line for line in first.lines if line["line_id"] == "11"]
    pane = looked()
    text = replies.draft(pane, situation="late", language="en").text
    assert "- Wool throw Saar (DPD 05308712345678): it should have arrived on 14 November" in text
    assert "- Table lamp Kuu (Omniva CC123456789EE): it should have arrived on 18 November" in text
    assert "you can have €144.40 back instead" in text
    assert (
        "“" not in replies.draft(pane, situation="replacement", language="en").text
    )  # neither of the two alone


def test_for_one_late_lamp_of_two_the_money_for_both_is_not_offered(looked, services, account, shop):
    with services.transaction(account) as work:
        line = work.session.query(OrderLine).filter_by(order_id=shop["lamp"], platform_id="14").one()
        line.quantity = line.current_quantity = line.refundable_quantity = 2
        line.total *= 2
        rows = work.session.query(Fulfillment).filter_by(order_id=shop["lamp"])
        arrived = rows.filter_by(platform_id="f1").one()
        arrived.lines = [*arrived.lines, {"line_id": "14", "quantity": 1}]
    text = replies.draft(looked(), situation="late", language="en").text
    assert "“Table lamp Kuu” from order #1042 has not arrived yet" in text
    assert "€" not in text


def test_a_refund_says_sum_day_and_when_it_arrives(kadri):
    order = kadri.orders[2].id
    text = replies.draft(kadri, situation="refund_sent", language="et", order_id=order).text
    assert "Maksime 26. märtsil tellimuse #0913 eest tagasi 48,00\xa0€ samal viisil" in text
    assert "2. aprilliks" in text


def test_the_language_is_the_conversations_else_the_customers(kadri):
    assert replies.draft(kadri).language == "et"  # of the orders' own locale or country
    assert replies.draft(kadri, language="th").language == "th"
    for said, taken in (("ro-MD", "ro"), ("AR", "ar"), ("fr", "et"), ("", "et")):
        talking = replace(kadri, visit=msgspec.structs.replace(kadri.visit, language=said))
        assert replies.draft(talking).language == taken
        assert replies.draft(talking, language="en").language == "en"
    nowhere = replace(kadri, country="", profile=replace(kadri.profile, locale="fr-FR"))
    assert replies.draft(nowhere).language == "en"  # the agent's own


def test_a_merchants_own_wording_goes_first_and_can_only_show_facts(kadri):
    own = Wording({"en": {"late": "Dear {{ name }}, {{ order }} is late."}})
    assert (
        replies.draft(kadri, situation="late", language="en", own=own).text == "Dear Kadri, #1042 is late.\n"
    )
    for broken in (
        "{{ name",
        "{{ nothing }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ name.__init__.__globals__ }}",
        "{% if name < unsent %}x{% endif %}",
    ):
        text = replies.draft(
            kadri, situation="late", language="en", own=Wording({"en": {"late": broken}})
        ).text
        assert text.startswith("Hello Kadri,")


def test_the_words_of_the_orders_store_go_before_those_for_all(kadri):
    def said(store_id):
        own = Wording(
            everywhere={"en": {"late": "From all."}},
            of_stores={store_id: {"en": {"late": "From {{ store }}."}}},
        )
        return replies.draft(kadri, situation="late", language="en", own=own).text

    assert kadri.open_order is not None
    store_id = kadri.open_order.store_id
    assert said(store_id) == f"From {kadri.open_order.store_name}.\n"
    assert said(store_id + 1) == "From all.\n"


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'x' * 10 }}",
        "{{ 10 ** 10 }}",
        "{% for a in range(3) %}x{% endfor %}",
        "{% for a in may %}{% for b in may %}x{% endfor %}{% endfor %}",
        "{% for a in may recursive %}{{ loop(may) }}{% endfor %}",
        "{% set x = name %}",
        "{% macro f() %}x{% endmacro %}",
        "{{ name.upper() }}",
        "{{ name | replace('a', 'aa') }}",
        "{{ name.nothing }}",
        "{% include 'admin/frame.html' %}",
        "{{ " + "(" * 3000 + "name" + ")" * 3000 + " }}",
        "{% if name %}" * 200 + "{% endif %}" * 200,
        "{{ name" + " and name" * 700 + " }}",
    ],
    ids=lambda text: text[:24],
)
def test_a_text_can_do_nothing_but_show_choose_and_repeat(text):
    with pytest.raises(TextError):
        read(text)


class TestWriting:
    def write(self, language, country="EE"):
        return Writing(language, country, UTC, date(2026, 11, 21))

    def test_estonian_dates_take_their_case(self):
        write = self.write("et")
        assert write.day(date(2026, 12, 13)) == "13. detsember"
        assert write.day(date(2026, 12, 13), "until") == "13. detsembrini"
        assert write.day(date(2026, 12, 13), "by") == "13. detsembriks"
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
        assert self.write("en").money(Money(123450, "RON")) == "RON\xa01,234.50"

    def test_arabic_digits_come_with_their_own_marks(self):
        assert self.write("ar", "SA").money(Money(123450, "EUR")) == "\u200f١٬٢٣٤٫٥٠\xa0€"
        assert self.write("ar", "AE").money(Money(9900, "AED")) == "\u200f99.00\xa0د.إ.\u200f"

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
        "th": "ไม่ใช่คำปรึกษาทางกฎหมาย",
        "ar": "ليست استشارة قانونية",
    }
    text = replies.draft(kadri, situation=situation, language=language).text
    assert "VÕS § " in text
    assert no_advice[language] in text
    assert "\n\n\n" not in text
