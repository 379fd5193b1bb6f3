"""What must hold for every order, not only for those we thought of."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from integration.eligibility import (
    Bound,
    Kind,
    LineFacts,
    OrderFacts,
    Outcome,
    Request,
    Rule,
    Tender,
    judge,
)
from tests.integration.eligibility.situations import DAY, amounts, at_any_speed, line_facts, situations


def by(rule):
    return lambda order, line: Bound(rule, "1")


def verdicts(answer):
    return {
        line.line_id: (line.outcome, line.basis, line.law_until, line.policy_until) for line in answer.lines
    }


@at_any_speed
@given(situations)
def test_the_total_is_its_parts_and_never_more_than_was_paid(situation):
    order, request, rule = situation
    refund = judge(order, request, by(rule)).refund

    assert refund.total == max(
        0, refund.items + refund.outbound - refund.restock - refund.label - refund.diminished
    )
    charged = [line for line in order.lines if not line.cancelled]
    goods = sum(line.net for line in charged)
    assert refund.items <= goods - min(order.order_discount, goods)
    assert refund.outbound <= order.shipping.paid


@at_any_speed
@given(st.integers(1, 12), amounts, amounts, st.data())
def test_any_split_of_quantities_adds_up_to_the_line(quantity, net, other, data):
    """Sent back in any number of steps, a line brings what it cost after its share of the discount."""
    line = LineFacts(id="A", quantity=quantity, net=net, delivered=(DAY,), shipped=DAY)
    rest = LineFacts(id="B", quantity=1, net=other, delivered=(DAY,), shipped=DAY)
    discount = data.draw(st.integers(0, net + other))
    order = OrderFacts(
        country="EE",
        zone=ZoneInfo("Europe/Tallinn"),
        currency="EUR",
        ordered=DAY,
        lines=(),
        order_discount=discount,
    )
    paid_back, returned = 0, 0
    while returned < quantity:
        step = data.draw(st.integers(1, quantity - returned))
        now = replace(order, lines=(replace(line, returned=returned), rest))
        paid_back += judge(now, Request(notice=DAY, quantities={"A": step}), by(Rule())).refund.items
        returned += step
    whole = judge(
        replace(order, lines=(line, rest)),
        Request(notice=DAY, quantities={"A": quantity, "B": 1}),
        by(Rule()),
    )
    assert paid_back == whole.lines[0].items
    assert whole.refund.items == net + other - discount


@at_any_speed
@given(situations, st.integers(0, 60))
def test_extending_a_policy_never_turns_accept_into_refuse(situation, more):
    order, request, rule = situation
    assume(rule.days is not None)
    longer = msgspec.structs.replace(rule, days=rule.days + more)
    before, after = judge(order, request, by(rule)), judge(order, request, by(longer))

    for was, now in zip(before.lines, after.lines, strict=True):
        assert not (was.outcome is Outcome.ACCEPT and now.outcome is not Outcome.ACCEPT)


@at_any_speed
@given(situations, st.data())
def test_a_cancelled_or_digital_line_changes_no_other_verdict(situation, data):
    order, request, rule = situation
    added = data.draw(
        line_facts("new", kinds=(Kind.DIGITAL,))
        | line_facts("new", kinds=(Kind.GOODS,)).map(lambda line: replace(line, cancelled=True))
    )
    more = judge(replace(order, lines=(*order.lines, added)), request, by(rule))

    assert verdicts(more) == verdicts(judge(order, request, by(rule)))


@at_any_speed
@given(situations, st.randoms())
def test_the_order_of_the_input_does_not_matter(situation, random):
    order, request, rule = situation
    shuffled = list(order.lines)
    random.shuffle(shuffled)
    other = judge(replace(order, lines=tuple(shuffled)), request, by(rule))

    assert verdicts(other) == verdicts(judge(order, request, by(rule)))


@at_any_speed
@given(situations, st.integers(1, 40), st.data())
def test_a_later_delivery_never_shortens_a_legal_deadline(situation, later, data):
    order, request, rule = situation
    index = data.draw(st.integers(0, len(order.lines) - 1))
    line = order.lines[index]
    assume(any(line.delivered))
    moved = replace(
        line, delivered=tuple(piece and piece + timedelta(days=later) for piece in line.delivered)
    )
    lines = (*order.lines[:index], moved, *order.lines[index + 1 :])
    before = judge(order, request, by(rule))
    after = judge(replace(order, lines=lines), request, by(rule))

    for was, now in zip(before.lines, after.lines, strict=True):
        if isinstance(was.law_until, date) and now.law_until is not None:
            assert now.law_until == "open" or now.law_until >= was.law_until
        if was.law_until == "open":
            assert now.law_until in ("open", None)


@at_any_speed
@given(situations, st.lists(st.tuples(amounts, st.integers(0, 50_000)), min_size=1, max_size=4))
def test_tenders_share_the_whole_refund_and_none_gets_more_than_it_holds(situation, charged):
    order, request, rule = situation
    tenders = tuple(
        Tender(name=f"t{index}", charged=paid, refunded=min(paid, back))
        for index, (paid, back) in enumerate(charged)
    )
    refund = judge(replace(order, tenders=tenders), request, by(rule)).refund

    assert sum(minor for _, minor in refund.tenders) == (refund.total if refund.tenders else 0)
    for tender, (_, minor) in zip(tenders, refund.tenders, strict=False):
        assert 0 <= minor <= tender.charged - tender.refunded
