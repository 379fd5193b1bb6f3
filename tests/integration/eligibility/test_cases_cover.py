"""What the written cases reach, counted by what is in them and in the answers: never by their names."""

import json
from collections import Counter
from datetime import date, datetime, timedelta

import pytest

from integration.eligibility import Kind, Outcome, caseform, judge, messages
from integration.eligibility.law import rows
from integration.money import digits
from tests.integration.eligibility.test_cases import lines


@pytest.fixture(scope="module")
def judged():
    """Every case with its answer: the published ones and our own."""
    found = []
    for text in lines("published.jsonl") + lines("cases.jsonl"):
        case = caseform.read(text)
        found.append((case, judge(case.order, case.request, lambda _, line, case=case: case.terms[line.id])))
    return found


def grounds(answer):
    return [ground for line in answer.lines for ground in line.grounds] + list(answer.refund.grounds)


NOT_IN_CASES = {"notice_on_file", "law_no_country"}
"""A case has no word for a statement on file, and always a country: test_returns.py and test_engine.py."""


def test_every_step_of_reasoning_is_reached(judged):
    reached = {ground.key for _, answer in judged for ground in grounds(answer)}

    assert set(messages.GROUNDS) - reached == NOT_IN_CASES


def test_every_jurisdiction_accepts_and_refuses(judged):
    """The Emirates and the States give no right by change of mind: there the policy says yes."""
    seen = {}
    for _, answer in judged:
        if answer.law.id:
            seen.setdefault(answer.law.id, set()).update(line.outcome for line in answer.lines)

    assert set(seen) == {row.id for row in rows()}
    for law, outcomes in seen.items():
        assert {Outcome.ACCEPT, Outcome.REFUSE} <= outcomes, law


def test_both_ends_of_a_deadline_in_at_least_four_zones(judged):
    """Yes in the last second of the last day, no in the first second of the day after."""
    ends = {}
    for case, answer in judged:
        if not isinstance(case.request.notice, datetime):
            continue
        asked = case.request.notice.astimezone(case.order.zone)
        for line in answer.lines:
            last = max(
                (day for day in (line.law_until, line.policy_until) if isinstance(day, date)), default=None
            )
            if last is None:
                continue
            zone = str(case.order.zone)
            if (asked.date(), asked.time().isoformat()) == (last, "23:59:59"):
                assert line.outcome is Outcome.ACCEPT
                ends.setdefault(zone, set()).add("last second")
            if (asked.date(), asked.time().isoformat()) == (last + timedelta(days=1), "00:00:00"):
                assert line.outcome is Outcome.REFUSE
                ends.setdefault(zone, set()).add("one second late")

    both = {zone for zone, found in ends.items() if len(found) == 2}
    assert both >= {
        "Europe/Tallinn",
        "Europe/Bucharest",
        "Europe/London",
        "Asia/Bangkok",
        "Asia/Riyadh",
        "America/New_York",
    }


def days_of(case, answer):
    return [
        day
        for line in answer.lines
        for day in (line.days.bought, line.days.asked, line.days.last, line.law_until, line.policy_until)
        if isinstance(day, date)
    ]


def parts(case):
    """(pieces asked for, pieces of the line) of goods asked for in part."""
    asked = [(case.request.quantities.get(line.id, 0), line) for line in case.order.lines]
    return [(count, line) for count, line in asked if 0 < count < line.quantity]


def clock_changes(case):
    told = [case.request.notice, *(moment for line in case.order.lines for moment in line.delivered)]
    moments = [moment.astimezone(case.order.zone) for moment in told if isinstance(moment, datetime)]
    return len({moment.utcoffset() for moment in moments}) > 1


CIRCUMSTANCES = {
    "leap day": lambda case, answer: any((day.month, day.day) == (2, 29) for day in days_of(case, answer)),
    "summer or winter time begins between": lambda case, _: clock_changes(case),
    "parcels of one line on several days": lambda case, _: any(
        len(set(line.delivered)) > 1 for line in case.order.lines
    ),
    "lines delivered on several days": lambda case, _: (
        len({line.delivered for line in case.order.lines if line.kind is Kind.GOODS}) > 1
    ),
    "some pieces of a line": lambda case, _: bool(parts(case)),
    "more pieces after some came back": lambda case, _: any(line.returned for line in case.order.lines),
    "currency without decimals": lambda case, _: digits(case.order.currency) == 0,
    "currency with three decimals": lambda case, _: digits(case.order.currency) == 3,
    "several means of payment": lambda case, _: len(case.order.tenders) > 1,
    "discount of the order": lambda case, _: case.order.order_discount > 0,
    "store credit": lambda case, _: case.request.store_credit,
    "business buyer": lambda case, _: case.order.buyer == "business",
    "told of the right late or never": lambda case, _: case.order.informed is not True,
    "a fact is missing": lambda _, answer: any(line.missing for line in answer.lines),
    "the seller's last day falls on a weekend": lambda _, answer: (
        isinstance(answer.refund.due, date) and answer.refund.due.weekday() >= 5
    ),
    "law not checked": lambda _, answer: answer.law.id is None,
    "delivery day not known": lambda case, _: any(None in line.delivered for line in case.order.lines),
}


@pytest.mark.parametrize("name", CIRCUMSTANCES)
def test_a_circumstance_is_met_more_than_once(judged, name):
    met = [case.id for case, answer in judged if CIRCUMSTANCES[name](case, answer)]

    assert len(met) >= 2, f"{name}: only {met}"


RULES_BY_WHAT_HAPPENS = {
    "D1": lambda case, answer: bool(answer.refund.items),
    "D2": CIRCUMSTANCES["more pieces after some came back"],
    "D9": CIRCUMSTANCES["discount of the order"],
    "D10": CIRCUMSTANCES["several means of payment"],
    "D12": CIRCUMSTANCES["store credit"],
    "D13": CIRCUMSTANCES["the seller's last day falls on a weekend"],
    "D15": CIRCUMSTANCES["delivery day not known"],
    "D16": lambda case, _: digits(case.order.currency) != 2,
    "D17": lambda case, _: (
        isinstance(case.request.notice, datetime)
        and case.request.notice.date() != case.request.notice.astimezone(case.order.zone).date()
    ),
}
"""Product rules that leave no step in the reasoning."""


def test_every_product_rule_is_met(judged):
    met = Counter(ground.rule for _, answer in judged for ground in grounds(answer))
    for rule, happens in RULES_BY_WHAT_HAPPENS.items():
        met[rule] += sum(happens(case, answer) for case, answer in judged)

    assert {f"D{number}" for number in range(1, 18)} <= {rule for rule, count in met.items() if count}


def test_at_least_sixty_cases_are_our_own():
    published = {json.loads(line)["in"]["id"] for line in lines("published.jsonl")}
    own = {json.loads(line)["in"]["id"] for line in lines("cases.jsonl")}

    assert len(published) == 20
    assert len(own - published) >= 100
