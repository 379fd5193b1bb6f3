"""The what-if remembers lines that are alike; what it counts is what judging each one anew would count."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from integration.eligibility import (
    Bound,
    Outcome,
    Policy,
    PolicyBook,
    Scope,
    Tender,
    judge,
)
from integration.eligibility.rights import UNCHECKED
from integration.eligibility.verdict import Standing
from integration.eligibility.whatif import Comparison, ProductChange, compare
from integration.money import split
from tests.integration.eligibility.situations import amounts, at_any_speed, orders, requests, rules

TAGS = ("wool", "swim")
a_few = settings(at_any_speed, max_examples=30)
"""Each draws several orders."""


@st.composite
def policies(draw, version):
    """A few rules for some goods or countries, then one for the rest."""
    narrow = [
        replace(draw(rules()), scope=Scope(tags=tuple(draw(st.sets(st.sampled_from(TAGS), max_size=1)))))
        for _rule in range(draw(st.integers(0, 2)))
    ]
    wide = replace(draw(rules()), scope=Scope(countries=draw(st.sampled_from([(), (), ("EE", "US")]))))
    return Policy(version=version, rules=(*narrow, wide))


@st.composite
def cases(draw):
    order = draw(orders())
    lines = tuple(
        replace(
            line,
            product_id=draw(st.sampled_from(["a", "b"])),
            tags=frozenset(draw(st.sets(st.sampled_from(TAGS)))),
            gift_of=draw(st.sampled_from([None, None, None, "l0"])) if line.id != "l0" else None,
        )
        for line in order.lines
    )
    charged = draw(st.none() | amounts)
    tenders = () if charged is None else (Tender(name="card", charged=charged),)
    order = replace(order, lines=lines, tenders=tenders)
    return order, replace(draw(requests(order)), store_credit=False)


def alike(case, data):
    """The same order at other prices, for which the memory must not answer with the old sums."""
    order, request = case
    lines = tuple(replace(line, net=data.draw(amounts), product_id="a") for line in order.lines)
    return replace(order, lines=lines), request


def one_by_one(asked, before, after):
    """The definition: two whole judgements a request, and no memory."""
    result = Comparison()
    for order, request in asked:
        old, new = judge(order, request, before), judge(order, request, after)
        if not old.lines:
            continue
        result.orders += 1
        result.money_before[order.currency] += old.refund.total
        result.money_after[order.currency] += new.refund.total
        shares = [split(one.refund.total, [line.items for line in one.lines]) for one in (old, new)]
        for was, now, paid, pays in zip(old.lines, new.lines, *shares, strict=True):
            tally(result, was, now, pays - paid, order.currency)
    return result


def tally(result, was, now, money, currency):
    step = was.outcome, now.outcome
    result.lines += 1
    result.outcomes[step] += 1
    if now.law.grounds == UNCHECKED.grounds:
        result.unchecked += 1
    elif (was.policy.standing, now.law.standing) == (Standing.OPEN, Standing.OPEN) and (
        now.policy.standing is not Standing.OPEN
    ):
        result.below_law += 1
        result.below_law_rules[now.law.grounds[-1].rule] += 1
    if was.days.latest is not None:
        day = (was.days.asked - was.days.latest).days
        result.by_day.setdefault(day, type(result.outcomes)())[step] += 1
    if was.outcome is now.outcome and was.basis is now.basis and not money:
        return
    result.changed += 1
    result.accepted_for_less += step == (Outcome.ACCEPT, Outcome.ACCEPT) and money < 0
    change = result.products.setdefault(was.line.product_id, ProductChange())
    change.lines += 1
    change.refused += was.outcome is Outcome.ACCEPT and now.outcome is not Outcome.ACCEPT
    change.money[currency] += money


@a_few
@given(st.lists(cases(), min_size=1, max_size=3), policies(1), policies(2), st.data())
def test_the_quick_way_counts_what_judging_one_by_one_counts(asked, before, after, data):
    asked += [alike(case, data) for case in asked]
    old, new = PolicyBook((before,)).bound, PolicyBook((after,)).bound

    assert compare(asked, old, new) == one_by_one(asked, old, new)


@a_few
@given(st.lists(cases(), min_size=1, max_size=2), rules())
def test_a_rule_that_stays_as_it_is_changes_nothing(asked, rule):
    found = compare(asked, lambda *_: Bound(rule, "1"), lambda *_: Bound(rule, "1"))

    assert (found.changed, found.products) == (0, {})
    assert found.money_before == found.money_after
