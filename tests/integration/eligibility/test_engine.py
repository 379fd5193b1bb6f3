"""What the case files cannot say: traits, several rights at once, scopes, resolutions, messages."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from integration.eligibility import (
    Basis,
    Bound,
    Buyer,
    Kind,
    LineFacts,
    OrderFacts,
    Outcome,
    Request,
    ReturnReason,
    Rule,
    Shipping,
    Tender,
    confirm,
    judge,
    messages,
)
from integration.eligibility.explain import last_day, render, summary, to_json
from integration.eligibility.policy import HolidayRange
from integration.eligibility.verdict import Status
from integration.money import Money

LINE = LineFacts(id="A", quantity=1, net=8000, delivered=(date(2026, 3, 2),), shipped=date(2026, 2, 28))
ORDER = OrderFacts(
    country="EE",
    zone=ZoneInfo("Europe/Tallinn"),
    currency="EUR",
    ordered=datetime(2026, 2, 27, 8, tzinfo=UTC),
    lines=(LINE,),
    shipping=Shipping(paid=450),
)
ASKED = Request(notice=datetime(2026, 3, 10, 8, tzinfo=UTC), quantities={"A": 1})
NOTHING = Rule(returns=False, cancel_unshipped=False)


def ask(line=LINE, rule=NOTHING, request=ASKED, **facts):
    order = replace(ORDER, lines=(line,), **facts)
    return judge(order, request, lambda _order, _line: Bound(rule, "1"))


def keys(answer):
    return [ground.key for ground in answer.lines[0].grounds]


@pytest.mark.parametrize(
    ("trait", "rule"),
    [
        ("market_price", "16b"),
        ("personalised", "16c"),
        ("perishable", "16d"),
        ("mixed", "16f"),
        ("alcohol_deferred", "16g"),
        ("urgent_repair", "16h"),
        ("periodical", "16j"),
        ("auction", "16k"),
        ("dated_service", "16l"),
    ],
)
def test_every_exception_that_is_a_flag(trait, rule):
    [line] = ask(replace(LINE, traits=frozenset({trait}))).lines

    assert line.outcome is Outcome.REFUSE
    assert line.law_until is None
    assert (line.grounds[0].rule, line.grounds[0].key) == (rule, "law_excepted")


def asked(answer):
    return [missing.fact for missing in answer.lines[0].missing]


def test_a_service_performed_without_a_record_of_consent_keeps_the_right():
    service = replace(
        LINE, kind=Kind.DIGITAL, delivered=(), traits=frozenset({"performed_service"}), started=True
    )
    open_ = ask(service, request=replace(ASKED, notice=date(2026, 3, 3)))
    assert (open_.lines[0].basis, asked(open_)) == (Basis.LAW, ["consent", "acknowledged", "confirmed"])

    agreed = ask(replace(service, consent=True, acknowledged=True))
    assert (agreed.lines[0].outcome, agreed.lines[0].law.grounds[0].rule) == (Outcome.REFUSE, "16a")


def test_what_would_end_the_right_to_a_download_is_asked_while_it_is_open():
    download = replace(LINE, kind=Kind.DIGITAL, delivered=(), shipped=None)
    early = replace(ASKED, notice=date(2026, 3, 3))
    assert asked(ask(download, request=early)) == ["consent", "acknowledged", "started", "confirmed"]
    assert asked(ask(replace(download, consent=True, acknowledged=True), request=early)) == [
        "started",
        "confirmed",
    ]
    assert "confirmed" not in asked(ask(download, request=early, country="GB")), "British law asks for less"
    assert asked(ask(download, request=replace(early, notice=date(2026, 4, 3)))) == [], "it is over anyway"
    assert asked(ask(request=early)) == [], "goods are not asked about"


@pytest.mark.parametrize("trait", ["hazardous", "oversized"])
def test_flags_that_are_no_exception(trait):
    assert ask(replace(LINE, traits=frozenset({trait}))).lines[0].basis is Basis.LAW


@pytest.mark.parametrize(("trait", "rule"), [("hygiene_seal", "16e"), ("media_seal", "16i")])
def test_an_unknown_seal_is_asked_for_and_named(trait, rule):
    [line] = ask(replace(LINE, traits=frozenset({trait}))).lines

    assert line.outcome is Outcome.REVIEW
    assert [(missing.fact, missing.decides) for missing in line.missing] == [("unsealed", True)]
    assert line.grounds[0].rule == rule
    assert summary(line) == messages.SUMMARIES["review_ask"]


def test_a_missing_fact_that_does_not_decide_is_still_shown():
    [line] = ask(replace(LINE, delivered=(None,))).lines

    assert (line.outcome, line.law_until) == (Outcome.ACCEPT, "open")
    assert [(missing.fact, missing.decides) for missing in line.missing] == [("delivered", False)]


def test_a_policy_that_names_no_way_gives_the_money():
    assert ask(rule=Rule(days=30, resolutions=()), country="US").lines[0].resolutions == ("refund",)


def test_store_credit_is_never_the_only_choice_by_law():
    credit = Rule(resolutions=("store_credit",))

    assert ask(rule=credit).lines[0].resolutions == ("refund", "store_credit")
    assert ask(rule=credit, country="US").lines[0].resolutions == ("store_credit",)


@pytest.mark.parametrize(
    ("country", "ways"), [("EE", ("replacement", "repair")), ("GB", ("refund", "replacement", "repair"))]
)
def test_remedies_for_a_fault(country, ways):
    request = Request(notice=ASKED.notice, quantities={"A": 1}, reason=ReturnReason.DEFECTIVE)
    excluded = replace(LINE, traits=frozenset({"personalised"}))

    assert ask(excluded, request=request, country=country).lines[0].resolutions == ways


def test_a_fault_within_the_time_to_return_leaves_the_choice_of_money():
    request = Request(notice=ASKED.notice, quantities={"A": 1}, reason=ReturnReason.DEFECTIVE)
    [line] = ask(request=request).lines

    assert (line.basis, line.items) == (Basis.CONFORMITY, 0)
    assert line.resolutions == ("refund", "replacement", "repair")
    assert "fault_or_money" in {ground.key for ground in line.grounds}


def test_pieces_that_came_together_are_not_called_several_deliveries():
    def keys(*days):
        [line] = ask(replace(LINE, quantity=2, delivered=days)).lines
        return {ground.key for ground in line.grounds}

    assert "law_from_last_piece" not in keys(date(2026, 3, 2), date(2026, 3, 2))
    assert "law_from_last_piece" in keys(date(2026, 3, 1), date(2026, 3, 2))


def test_a_notice_on_file_counts_for_its_line_alone():
    other = replace(LINE, id="B")
    late = Request(notice=date(2026, 6, 1), quantities={"A": 1, "B": 1}, notices={"A": date(2026, 3, 10)})
    order = replace(ORDER, lines=(LINE, other))
    found = judge(order, late, lambda _order, _line: Bound(NOTHING, "1"))

    assert [line.outcome for line in found.lines] == [Outcome.ACCEPT, Outcome.REFUSE]
    assert found.refund.due == date(2026, 3, 24)
    assert found.lines[0].grounds[0].key == "notice_on_file"


def test_part_prices_let_a_part_of_a_bundle_come_back():
    part = replace(LINE, bundle_part=True)

    assert ask(part, Rule(part_prices=True)).lines[0].outcome is Outcome.ACCEPT
    assert ask(part, Rule()).lines[0].outcome is Outcome.REVIEW


def test_final_sale_may_be_lifted_by_the_policy():
    sale = replace(LINE, final_sale=True)

    assert ask(sale, Rule(final_sale_returns=True), country="US").lines[0].outcome is Outcome.ACCEPT
    assert ask(sale, Rule(), country="US").lines[0].outcome is Outcome.REFUSE


def test_a_policy_without_exclusions_takes_digital_content_back():
    download = replace(LINE, kind=Kind.DIGITAL, delivered=(), shipped=None)
    [line] = ask(download, Rule(exclusions=(), days=14), country="US").lines

    assert (line.outcome, line.policy_until) == (Outcome.ACCEPT, date(2026, 3, 13))


def test_a_holiday_date_holds_while_delivery_is_unknown():
    rule = Rule(
        holidays=(HolidayRange(first=date(2026, 2, 1), last=date(2026, 2, 28), until=date(2026, 3, 10)),)
    )
    unknown = replace(LINE, delivered=(None,))
    late = Request(notice=date(2026, 3, 11), quantities={"A": 1})

    assert ask(unknown, rule, country="US").lines[0].policy_until == date(2026, 3, 10)
    [line] = ask(unknown, rule, late, country="US").lines
    assert (line.outcome, line.missing[0].fact) == (Outcome.REVIEW, "delivered")


def test_an_unknown_seal_is_a_question_to_the_policy_too():
    sealed = replace(LINE, traits=frozenset({"hygiene_seal"}))
    late = Request(notice=date(2026, 4, 20), quantities={"A": 1})

    assert ask(sealed, Rule(days=30), country="US").lines[0].outcome is Outcome.REVIEW
    assert ask(sealed, Rule(days=None), late, country="US").lines[0].outcome is Outcome.REVIEW
    assert ask(sealed, Rule(days=30), late, country="US").lines[0].outcome is Outcome.REFUSE


def test_regular_deliveries_count_from_the_newest_for_the_policy():
    box = replace(LINE, regular=True, delivered=(date(2026, 1, 2), date(2026, 3, 2), None))

    assert ask(box, Rule(days=14), country="US").lines[0].policy_until == date(2026, 3, 16)


def test_a_flat_restocking_fee_is_never_more_than_the_items():
    assert ask(rule=Rule(restocking_fee={"EUR": 500}), country="US").refund.restock == 500
    assert ask(rule=Rule(restocking_fee={"EUR": 9000}), country="US").refund.total == 0
    assert ask(rule=Rule(restocking_fee={"USD": 500}), country="US").refund.restock == 0


def test_money_already_given_back_for_a_line_counts():
    line = replace(LINE, quantity=2, returned=1, refunded=5000)

    assert ask(line).refund.items == 3000
    assert ask(replace(line, refunded=9000)).refund.items == 0


def test_delivery_that_was_refunded_before_is_not_refunded_again():
    assert ask(shipping=Shipping(paid=450, refunded=450)).refund.outbound == 0
    assert ask(shipping=Shipping(paid=900, standard=450, refunded=200)).refund.outbound == 250


def test_never_more_back_than_the_tenders_hold():
    tenders = (Tender(name="visa", charged=6000, refunded=5900), Tender(name="gift", charged=2450))
    refund = ask(tenders=tenders).refund

    assert refund.total == 2550
    assert refund.tenders == (("visa", 100), ("gift", 2450))


def test_the_customer_has_fourteen_days_to_send_the_goods():
    assert ask().refund.send_back_by == date(2026, 3, 24)
    assert ask(replace(LINE, delivered=(), shipped=None)).refund.send_back_by is None


@pytest.mark.parametrize(("country", "last"), [("EE", date(2026, 3, 30)), ("GB", date(2026, 3, 29))])
def test_a_sunday_moves_the_buyers_last_day_and_never_the_sellers(country, last):
    request = replace(ASKED, notice=date(2026, 3, 15))
    refund = ask(request=request, country=country, proof=date(2026, 3, 15)).refund

    assert (refund.send_back_by, refund.due) == (last, date(2026, 3, 29))


def test_a_return_label_may_be_charged_where_the_law_puts_the_cost_on_the_buyer():
    rule = Rule(label="fee", label_fee={"EUR": 600})
    request = replace(ASKED, notice=date(2026, 3, 8), uses_label=True)
    unused = replace(LINE, used=False)

    by_law = ask(unused, rule, request, country="SA")
    assert (by_law.lines[0].basis, by_law.refund.label) == (Basis.BOTH, 600)
    assert ask(unused, rule, request).refund.label == 0
    assert ask(unused, rule, replace(request, uses_label=False), country="SA").refund.label == 0


def test_no_country_is_not_checked():
    answer = ask(country=None)

    assert answer.lines[0].outcome is Outcome.REVIEW
    assert [missing.fact for missing in answer.lines[0].missing] == ["country"]
    assert keys(answer)[0] == "law_no_country"
    assert keys(ask(country="XX"))[0] == "law_unchecked"
    assert (answer.law.id, answer.law.status) == (None, Status.UNCHECKED)
    assert confirm(answer, "Ioana", date(2026, 11, 2)) is answer


def test_what_the_store_confirmed_says_by_whom_and_when():
    answer = ask(
        country="TH",
        store_facts={"th_direct_marketer": True},
        request=replace(ASKED, notice=date(2026, 3, 9)),
    )
    assert answer.lines[0].grounds[0].status is Status.BELIEF

    sure = confirm(answer, "Ioana", date(2026, 11, 2))

    assert sure.lines[0].grounds[0].status is Status.CONFIRMED
    assert {ground.status for ground in sure.refund.grounds} == {Status.CONFIRMED}
    assert (sure.law.confirmed_by, sure.law.confirmed_on) == ("Ioana", date(2026, 11, 2))
    assert sure.lines[0].outcome is answer.lines[0].outcome


def test_a_directive_is_half_a_proof_where_national_law_was_not_read():
    assert ask(country="EE").lines[0].grounds[0].source == "VÕS § 56"
    ground = ask(country="FI").lines[0].grounds[0]
    assert (ground.source, ground.status) == ("Directive 2011/83/EU art. 9(1)", Status.PARTLY)


FAULT = replace(ASKED, reason=ReturnReason.DEFECTIVE)
UNSENT = replace(LINE, delivered=(), shipped=None)
UNSEEN = replace(LINE, delivered=(None,))
PART = replace(LINE, bundle_part=True)
LATE = replace(ASKED, notice=date(2026, 3, 20))


@pytest.mark.parametrize(
    ("line", "request_", "country", "text"),
    [
        (LINE, ASKED, "EE", "May be returned until 2026-03-16."),
        (UNSENT, ASKED, "EE", "May be cancelled before it is sent, with all money back."),
        (UNSEEN, ASKED, "EE", "May be returned."),
        (LINE, LATE, "EE", "May not be returned: the last period ended on 2026-03-16."),
        (LINE, ASKED, "AE", "May not be returned."),
        (PART, ASKED, "EE", "A right is open, and a person must weigh this case."),
        (LINE, FAULT, "EE", "A claim for a fault is open. Repair or replacement comes first."),
        (LINE, FAULT, "GB", "A claim for a fault is open, and the money may go back."),
    ],
)
def test_the_verdict_in_one_sentence(line, request_, country, text):
    assert summary(ask(line, NOTHING, request_, country=country).lines[0]) == text


def test_a_cancelled_line_is_not_called_returned():
    verdict = ask(replace(LINE, cancelled=True)).lines[0]

    assert (verdict.refused_quantity, [ground.key for ground in verdict.grounds]) == (1, ["line_cancelled"])
    assert summary(verdict) == "This line was cancelled: nothing is left to return."


def test_until_when_is_the_later_of_the_rights_that_are_open():
    assert last_day(ask(rule=Rule(days=30)).lines[0]) == date(2026, 4, 1)
    assert last_day(ask(rule=Rule(days=None)).lines[0]) == "open"
    assert last_day(ask(country="AE").lines[0]) is None


def test_text_is_written_in_the_readers_words():
    answer = ask(replace(LINE, traits=frozenset({"personalised"})))
    catalogue = {
        messages.GROUNDS["law_excepted"]: "Taganemisõigust ei ole: %(category)s.",
        messages.WORDS["personalised"]: "eritellimus",
    }

    assert (
        render(answer.lines[0].grounds[0], lambda text: catalogue[text])
        == "Taganemisõigust ei ole: eritellimus."
    )


def test_the_apis_answer():
    rule = Rule(days=30, label="fee", label_fee={"EUR": 600}, restocking=1000)
    order = replace(ORDER, country="US", lines=(replace(LINE, diminished=100),))
    verdicts = judge(order, replace(ASKED, uses_label=True), lambda *_: Bound(rule, "3"))
    answer = to_json(
        verdicts,
        order,
        order_id="o1",
        evaluated_at=datetime(2026, 11, 21, 9, tzinfo=UTC),
        show=lambda value: value.text if isinstance(value, Money) else str(value),
    )

    assert answer["notice_at"] == "2026-03-10T08:00:00Z"
    assert answer["evaluated_at"] == "2026-11-21T09:00:00Z"
    assert answer["law"]["id"] == "US-MITOR"
    [line] = answer["lines"]
    assert (line["verdict"], line["basis"], line["law_until"]) == ("accept", "policy", None)
    assert (line["policy_until"], line["policy_version"]) == ("2026-04-01", "3")
    assert line["reasons"][-1] == {
        "rule": "policy 3",
        "text": "The store's policy: 30 days from delivery, until 2026-04-01.",
        "source": "policy 3",
        "status": "store",
    }
    assert {"name": "delivered", "value": "2026-03-02", "source": None} in line["facts"]
    refund = answer["refund"]
    assert refund["total"] == {"amount": "65.00", "currency": "EUR"}
    assert [reason["text"] for reason in refund["reasons"]] == [
        "The store's policy does not refund the delivery cost.",
        "Restocking fee of the store's policy: 8.00.",
        "The store's return label: 6.00.",
        "Deducted for loss in value by handling: 1.00.",
    ]
    assert answer["disclaimer"] == "Information, not legal advice."


def test_the_apis_answer_with_every_extra():
    tenders = (Tender(name="visa", charged=9000),)
    order = replace(ORDER, lines=(replace(LINE, traits=frozenset({"hygiene_seal"})),), tenders=tenders)
    request = Request(notice=date(2026, 3, 10), quantities={"A": 1}, store_credit=True)
    verdicts = judge(order, request, lambda *_: Bound(NOTHING, None))
    answer = to_json(verdicts, order, order_id="o1", evaluated_at=datetime(2026, 11, 21, 9, tzinfo=UTC))

    assert answer["notice_at"] == "2026-03-09T22:00:00Z"
    assert answer["lines"][0]["missing"] == [
        {"fact": "unsealed", "how": messages.MISSING["unsealed"], "decides": True}
    ]
    assert answer["refund"]["store_credit_total"] == {"amount": "0.00", "currency": "EUR"}
    assert answer["refund"]["due"] is None


@pytest.mark.parametrize(("country", "rule"), [("EE", "EU-B1"), ("US", "policy"), ("JP", "policy")])
def test_goods_sent_back_late_are_weighed_under_the_rule_that_says_when(country, rule):
    [line] = ask(replace(LINE, sent_late=True), Rule(days=30), country=country).lines

    assert (line.outcome, line.grounds[0].key, line.grounds[0].rule) == (Outcome.REVIEW, "sent_late", rule)


def test_what_nobody_looked_up_is_no_rule_of_ours():
    answer = to_json(
        ask(country="XX"), ORDER, order_id="o1", evaluated_at=datetime(2026, 11, 21, 9, tzinfo=UTC)
    )

    assert answer["lines"][0]["reasons"][0]["source"] == messages.NO_SOURCE


PERSONAL = replace(LINE, traits=frozenset({"personalised"}))


def test_a_no_to_a_change_of_mind_is_no_no_to_a_claim():
    refused = ask(PERSONAL)
    assert (refused.lines[0].outcome, keys(refused)[-1]) == (Outcome.REFUSE, "fault_possible")
    assert refused.lines[0].grounds[-1].source == "VÕS § 218"
    assert keys(ask(country="AE"))[-1] == "fault_possible", "a clause without returns is void for faults"

    years_later = replace(ASKED, notice=date(2028, 3, 3))
    assert "fault_possible" not in keys(ask(PERSONAL, request=years_later))
    assert "fault_possible" not in keys(ask(request=ASKED)), "an open right needs no consolation"
    assert "fault_possible" not in keys(ask(country="US")), "where our data says nothing of faults"
    assert "fault_possible" not in keys(ask(replace(LINE, returned=1))), "nothing is left to claim for"


def test_a_fee_is_not_taken_in_silence_while_nobody_knows_whether_the_law_forbids_it():
    fee = Rule(days=30, restocking=1500)
    asked = replace(ASKED, notice=date(2026, 3, 8))

    def said(**more):
        return {ground.key: ground.source for ground in ask(rule=fee, request=asked, **more).refund.grounds}

    assert said(country="SA")["money_fee_unsure"] == "E-Commerce Law, Royal Decree M/126, art. 13"
    assert said(country="JP")["money_fee_unsure"] == "", "nobody looked at the law"
    assert "money_fee_unsure" not in said(country="SA", line=replace(LINE, used=True))
    assert "money_fee_unsure" not in said(country="US")
    assert "money_fee_unsure" not in said(country="EE"), "the law is known: no fee"


UNSENT_RING = replace(PERSONAL, delivered=(), shipped=None)


@pytest.mark.parametrize(
    ("country", "promised", "asked", "outcome", "said"),
    [
        ("EE", None, date(2026, 3, 29), Outcome.REFUSE, False),  # the thirtieth day after the contract
        ("EE", None, date(2026, 3, 30), Outcome.REFUSE, True),
        ("EE", date(2026, 3, 10), date(2026, 3, 11), Outcome.REFUSE, True),
        ("SA", date(2026, 3, 10), date(2026, 3, 25), Outcome.REFUSE, False),  # fifteen days late, not more
        ("SA", date(2026, 3, 10), date(2026, 3, 26), Outcome.ACCEPT, True),
        ("SA", None, date(2026, 8, 1), Outcome.REFUSE, False),  # nothing was promised
        ("GB", None, date(2026, 8, 1), Outcome.REFUSE, False),
    ],
)
def test_goods_that_never_left_are_late_whatever_kind_they_are(country, promised, asked, outcome, said):
    answer = ask(UNSENT_RING, request=replace(ASKED, notice=asked), country=country, promised=promised)

    assert answer.lines[0].outcome is outcome
    assert bool({"law_late_shipment", "law_late_more_time"} & set(keys(answer))) is said


def test_a_business_with_a_fault_is_not_told_that_our_data_knows_no_faults():
    business = {"buyer": Buyer.BUSINESS, "request": FAULT}

    assert "fault_consumers_only" in keys(ask(**business))
    assert "fault_unchecked" in keys(ask(**business, country="TH", store_facts={"th_direct_marketer": True}))


def test_a_product_rule_says_that_it_is_ours():
    verdicts = ask(replace(LINE, bundle_part=True))
    answer = to_json(verdicts, ORDER, order_id="o1", evaluated_at=datetime(2026, 11, 21, 9, tzinfo=UTC))

    assert (answer["lines"][0]["reasons"][0]["rule"], answer["lines"][0]["reasons"][0]["source"]) == (
        "D8",
        messages.OUR_RULE,
    )


def test_every_ground_has_words_and_no_words_are_left_over():
    package = Path(messages.__file__).parent
    source = "".join(file.read_text("utf-8") for file in package.glob("*.py") if file.name != "messages.py")
    literals = set(re.findall(r'"([a-z]+_[a-z_]+|line_cancelled)"', source)) | {"law_th_direct_marketer"}
    prefixes = ("law_", "policy_", "fault_", "money_")
    other = {"law_until", "law_note", "policy_until", "policy_version"}

    assert messages.GROUNDS.keys() <= literals
    assert {name for name in literals if name.startswith(prefixes)} - other == {
        key for key in messages.GROUNDS if key.startswith(prefixes)
    }


def test_a_refunded_good_that_came_after_the_notice_still_held_the_orders_clock():
    came_late = replace(LINE, id="B", returned=1, shipped=None, delivered=(date(2026, 3, 12),))
    order = replace(ORDER, lines=(LINE, came_late))
    answer = judge(order, ASKED, lambda _order, _line: Bound(NOTHING, "1"))
    assert answer.lines[0].law_until == date(2026, 3, 26)


def test_a_good_refunded_before_it_was_sent_holds_no_clock():
    never_sent = replace(LINE, id="B", returned=1, shipped=None, delivered=())
    order = replace(ORDER, lines=(LINE, never_sent))
    answer = judge(order, ASKED, lambda _order, _line: Bound(NOTHING, "1"))
    assert answer.lines[0].law_until == date(2026, 3, 16)
