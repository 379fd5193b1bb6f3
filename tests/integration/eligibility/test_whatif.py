"""Two policies over the same requests."""

from datetime import date
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from integration.eligibility import LineFacts, OrderFacts, Outcome, Policy, PolicyBook, Request, Rule
from integration.eligibility.whatif import compare

OLD = PolicyBook((Policy(version=1, rules=(Rule(days=30),)),)).bound
NEW = PolicyBook((Policy(version=2, rules=(Rule(days=10, restocking=1000),)),)).bound
LINE = LineFacts(
    id="A", quantity=1, net=8000, delivered=(date(2026, 3, 2),), shipped=date(2026, 2, 28), product_id="dress"
)
ORDER = OrderFacts(
    country="US", zone=ZoneInfo("America/New_York"), currency="USD", ordered=date(2026, 2, 27), lines=(LINE,)
)


def on(day, **facts):
    return replace(ORDER, **facts), Request(notice=day, quantities={"A": 1})


def test_what_changes_is_counted_by_product_and_money():
    cases = [on(date(2026, 3, 5)), on(date(2026, 3, 20)), on(date(2026, 5, 20))]
    result = compare(cases, OLD, NEW)

    assert (result.orders, result.lines, result.changed, result.refused, result.accepted_for_less) == (
        3,
        3,
        2,
        1,
        1,
    )
    assert (result.money_before["USD"], result.money_after["USD"]) == (16000, 7200)
    assert result.outcomes == {
        (Outcome.ACCEPT, Outcome.ACCEPT): 1,
        (Outcome.ACCEPT, Outcome.REFUSE): 1,
        (Outcome.REFUSE, Outcome.REFUSE): 1,
    }
    dress = result.products["dress"]
    assert (dress.lines, dress.refused, dress.money) == (2, 1, {"USD": -8800})
    assert result.by_day[18] == {(Outcome.ACCEPT, Outcome.REFUSE): 1}


def test_what_falls_below_the_law_stays_accepted_and_is_named():
    cases = [on(date(2026, 3, 14), country="EE", zone=ZoneInfo("Europe/Tallinn"))]
    result = compare(cases, OLD, NEW)

    assert result.outcomes == {(Outcome.ACCEPT, Outcome.ACCEPT): 1}
    assert (result.below_law, result.below_law_rules) == (1, {"EU-W1": 1})
    assert result.changed == 1  # the basis is another


def test_countries_without_data_are_left_out_of_the_law():
    result = compare([on(date(2026, 3, 14), country="JP")], OLD, NEW)

    assert (result.unchecked, result.below_law) == (1, 0)


def test_nothing_changes_between_a_policy_and_itself():
    unsent = replace(LINE, delivered=(), shipped=None)
    result = compare([on(date(2026, 3, 14)), on(date(2026, 3, 14), lines=(unsent,))], OLD, OLD)

    assert (result.changed, result.products, result.below_law) == (0, {}, 0)
    assert sum(result.by_day[12].values()) == 1
