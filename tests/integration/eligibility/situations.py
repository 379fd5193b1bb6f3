"""Orders, requests and rules as hypothesis draws them: nothing here is likely, all of it is possible."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from integration.eligibility import (
    Buyer,
    Kind,
    LineFacts,
    OrderFacts,
    Request,
    ReturnReason,
    Rule,
    Shipping,
)
from integration.eligibility.policy import HolidayRange

ZONES = {
    "EE": "Europe/Tallinn",
    "RO": "Europe/Bucharest",
    "GB": "Europe/London",
    "TH": "Asia/Bangkok",
    "SA": "Asia/Riyadh",
    "AE": "Asia/Dubai",
    "US": "America/New_York",
    "JP": "Asia/Tokyo",
}
DAY = date(2026, 3, 2)
at_any_speed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A loaded machine is no failure of ours."""
HOLIDAYS = HolidayRange(
    first=DAY - timedelta(days=5), last=DAY + timedelta(days=1), until=DAY + timedelta(days=45)
)
days = st.integers(0, 60).map(lambda n: DAY + timedelta(days=n))
amounts = st.integers(0, 100_000)
answers = st.sampled_from([None, True, False])


@st.composite
def line_facts(draw, line_id, kinds=tuple(Kind)):
    quantity = draw(st.integers(1, 5))
    return LineFacts(
        id=line_id,
        quantity=quantity,
        net=draw(amounts),
        kind=draw(st.sampled_from(kinds)),
        returned=draw(st.integers(0, quantity)),
        delivered=tuple(draw(st.lists(st.none() | days, max_size=3))),
        shipped=draw(st.none() | days),
        cancelled=draw(st.sampled_from([False, False, False, True])),
        final_sale=draw(st.sampled_from([False, False, True])),
        traits=frozenset(draw(st.sets(st.sampled_from(["personalised", "hygiene_seal"]), max_size=1))),
        unsealed=draw(answers),
        used=draw(answers),
        regular=draw(st.sampled_from([False, False, True])),
        exchanged_at=draw(st.none() | days),
        diminished=draw(st.sampled_from([0, 0, 500])),
    )


@st.composite
def orders(draw):
    country = draw(st.sampled_from(sorted(ZONES)))
    count = draw(st.integers(1, 4))
    lines = tuple(draw(line_facts(f"l{index}")) for index in range(count))
    discount = draw(st.integers(0, sum(line.net for line in lines)))
    paid = draw(amounts)
    return OrderFacts(
        country=country,
        zone=ZoneInfo(ZONES[country]),
        currency="EUR",
        ordered=DAY - timedelta(days=draw(st.sampled_from([2, 2, 9]))),
        lines=lines,
        shipping=Shipping(paid=paid, standard=draw(st.none() | st.integers(0, paid))),
        order_discount=discount,
        buyer=draw(st.sampled_from([None, *Buyer])),
        informed=draw(st.booleans() | days),
        store_facts=draw(st.sampled_from([{}, {"th_direct_marketer": True}])),
    )


@st.composite
def requests(draw, order):
    return Request(
        notice=draw(days),
        quantities={line.id: draw(st.integers(0, 6)) for line in order.lines},
        reason=draw(st.sampled_from(list(ReturnReason))),
        store_credit=draw(st.booleans()),
        uses_label=draw(st.booleans()),
    )


@st.composite
def rules(draw):
    return Rule(
        returns=draw(st.booleans()),
        start=draw(st.sampled_from(["delivery", "fulfilment", "order"])),
        days=draw(st.none() | st.integers(0, 60)),
        buffer=draw(st.none() | st.integers(0, 9)),
        holidays=draw(st.sampled_from([(), (), (HOLIDAYS,)])),
        restocking=draw(st.sampled_from([0, 1000, 1250])),
        refund_outbound=draw(st.booleans()),
        label="fee",
        label_fee={"EUR": 490},
    )


situations = orders().flatmap(lambda order: st.tuples(st.just(order), requests(order), rules()))
