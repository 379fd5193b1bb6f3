"""Facts that no shop should have: the ends of time, missing hours, absurd and negative numbers."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.eligibility import (
    Bound,
    Kind,
    LineFacts,
    OrderFacts,
    Request,
    ReturnReason,
    Rule,
    Shipping,
    Tender,
    judge,
)
from integration.eligibility.explain import summary
from integration.eligibility.policy import HolidayRange, load
from tests.integration.eligibility.situations import ZONES, at_any_speed

ENDS = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), date.min, date.max)
GAPS = (
    datetime(2026, 3, 29, 1, tzinfo=UTC),  # 02:00 to 03:00 is left out in much of Europe
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),  # 02:30 comes twice
    datetime(2011, 12, 30, 12, tzinfo=UTC),  # a day that Samoa never had
    date(2028, 2, 29),
    date(2027, 12, 31),  # in the future of any order
)
moments = st.sampled_from((*ENDS, *GAPS))
numbers = st.sampled_from((0, 1, 3, 10**9, -2))
sums = st.sampled_from((0, 1, 99, 10**15))
zones = st.sampled_from([*ZONES.values(), "Pacific/Apia", "Pacific/Kiritimati", "Etc/GMT+12"]).map(ZoneInfo)


def line(name):
    return st.builds(
        LineFacts,
        id=st.just(name),
        quantity=numbers,
        net=sums,
        kind=st.sampled_from(Kind),
        returned=numbers,
        refunded=st.none() | st.sampled_from((0, 50, 10**16, -1)),
        delivered=st.lists(st.none() | moments, max_size=3).map(tuple),
        shipped=st.none() | moments,
        added=st.none() | moments,
        exchanged_at=st.none() | moments,
        regular=st.booleans(),
        gift_of=st.sampled_from((None, None, "l0", "l1", "nothing")),
        diminished=st.sampled_from((0, 10**18, -3)),
    )


situations = st.builds(
    OrderFacts,
    country=st.sampled_from((*ZONES, "XX", "", None)),
    zone=zones,
    currency=st.sampled_from(("EUR", "KWD", "JPY", "XXX", "")),
    ordered=moments,
    lines=st.tuples(line("l0"), line("l1")),
    shipping=st.builds(Shipping, paid=sums, standard=st.none() | sums, refunded=sums),
    tenders=st.lists(
        st.builds(Tender, name=st.sampled_from("ab"), charged=sums, refunded=sums), max_size=2
    ).map(tuple),
    order_discount=st.sampled_from((0, 10**17, -4)),
    promised=st.none() | moments,
    informed=st.booleans() | moments,
)
wishes = st.builds(
    Request,
    notice=moments,
    quantities=st.fixed_dictionaries({"l0": numbers, "l1": numbers, "not of this order": numbers}),
    reason=st.sampled_from(ReturnReason),
    uses_label=st.booleans(),
)
terms = st.builds(
    Rule,
    days=st.sampled_from((None, 0, 36_500)),
    start=st.sampled_from(("order", "delivery", "fulfilment")),
    buffer=st.sampled_from((None, 36_500)),
    restocking=st.sampled_from((0, 100_000)),
    restocking_fee=st.just({"EUR": 10**15}),
    label=st.just("fee"),
    label_fee=st.just({"EUR": 10**15}),
    holidays=st.just((HolidayRange(first=date.min, last=date.max, until=date.max),)),
)


@at_any_speed
@given(situations, wishes, terms)
def test_no_fact_breaks_the_engine_or_makes_money(order, request_, rule):
    answer = judge(order, request_, lambda *_: Bound(rule, "1"))

    refund = answer.refund
    assert 0 <= refund.total <= sum(line.net for line in order.lines) + order.shipping.paid
    if order.tenders:
        assert sum(minor for _, minor in refund.tenders) in (0, refund.total)
    for verdict in answer.lines:
        assert 0 <= verdict.quantity <= max(0, verdict.line.quantity)
        assert verdict.refused_quantity >= 0
        assert 0 <= verdict.items <= verdict.line.net
        assert summary(verdict)


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"null",
        b"[" * 50_000,
        b'{"a":' * 50_000,
        b"\xff\xfe",
        b'[{"version":1,"rules":[]}]',
        b'[{"version":1e400,"rules":[{}]}]',
        b'[{"version":99999999999999999999,"rules":[{}]}]',
        b'[{"version":1,"rules":[{"days":-1}]}]',
        b'[{"version":1,"rules":[{"days":1e9}]}]',
        b'[{"version":1,"rules":[{"label_fee":{"EUR":1.5}}]}]',
        b'[{"version":1,"rules":[{"label_fee":{"eur":1}}]}]',
        b'[{"version":1,"rules":[{"scope":{"scope":{}}}]}]',
        b'[{"version":1,"rules":[{"exclusions":["anything"]}]}]',
        b'[{"version":1,"rules":[{}],"valid_from":"2026-01-01T00:00:00"}]',
        b'[{"version":1,"rules":[{"holidays":[{"first":"2026-12-24","last":"2026-12-01","until":"2027-01-31"}]}]}]',
        b'[{"version":1,"rules":[{"holidays":[{"first":"2026-02-30","last":"2026-12-01","until":"2027-01-31"}]}]}]',
        b'[{"version":1,"rules":[{}]},{"version":1,"rules":[{}]}]',
        b'[{"version":1,"rules":[{"days":14,"days":30}]}]',
        b'[{"version":1,"rules":[{}],"version":2}]',
        b'[{"version":1,"rules":[{"name":"a\\u0000b"}]}]',
        b'[{"version":1,"rules":[{"scope":{"tags":["a\\u0000b"]}}]}]',
        b'[{"version":1,"rules":[{"scope":{"countries":["Estonia"]}}]}]',
        b'[{"version":1,"rules":[{"scope":{"countries":["ee"]}}]}]',
        b'[{"version":1,"rules":[{"restocking":10001}]}]',
        b'[{"version":1,"rules":[{}],"valid_from":"2027-01-01T00:00:00Z","valid_to":"2026-01-01T00:00:00Z"}]',
    ],
    ids=lambda file: file[:60].decode("latin-1"),
)
def test_a_hostile_policy_file_is_refused_in_words(file):
    with pytest.raises(ValueError, match=r"\w"):
        load(file)
