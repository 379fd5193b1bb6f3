"""Versions, scopes, and the file they travel in."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from integration.eligibility import DEFAULT_POLICY, LineFacts, OrderFacts, Policy, PolicyBook, Rule, Scope
from integration.eligibility.policy import NO_RULE, HolidayRange, dump, load

ONE = Policy(version=1, rules=(Rule(days=14),), valid_to=datetime(2026, 3, 1, tzinfo=UTC))
TWO = Policy(version=2, rules=(Rule(days=30),), valid_from=datetime(2026, 3, 1, tzinfo=UTC))
BOOK = PolicyBook((TWO, ONE))


def line(**facts):
    return LineFacts(**{"id": "A", "quantity": 1, "net": 100, **facts})


def order(**facts):
    known = {
        "country": "EE",
        "zone": ZoneInfo("Europe/Tallinn"),
        "currency": "EUR",
        "ordered": date(2026, 2, 1),
    }
    return OrderFacts(**{**known, "lines": (), **facts})


def test_the_version_in_force_at_purchase_binds():
    before = order(ordered=datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC))
    after = order(ordered=datetime(2026, 3, 1, tzinfo=UTC))

    assert BOOK.bound(before, line()).version == "1"
    assert BOOK.bound(after, line()).version == "2"


def test_a_line_added_later_has_the_later_version():
    bound = BOOK.bound(order(), line(added=datetime(2026, 3, 5, tzinfo=UTC)))

    assert (bound.version, bound.rule.days) == ("2", 30)


def test_before_the_first_version_the_first_one_binds():
    late = PolicyBook((TWO,))

    assert late.bound(order(), line()).version == "2"


def test_in_a_gap_the_version_before_it_goes_on():
    """Not the very first one: the terms that were shown last are the terms of the sale."""
    two = Policy(
        version=2,
        rules=(Rule(days=30),),
        valid_from=datetime(2026, 3, 1, tzinfo=UTC),
        valid_to=datetime(2026, 4, 1, tzinfo=UTC),
    )
    three = Policy(version=3, rules=(Rule(days=60),), valid_from=datetime(2026, 5, 1, tzinfo=UTC))
    book = PolicyBook((three, ONE, two))

    bought = {
        day: book.bound(order(ordered=day), line()).version for day in (date(2026, 4, 15), date(2026, 5, 1))
    }

    assert bought == {date(2026, 4, 15): "2", date(2026, 5, 1): "3"}


def test_of_two_in_force_the_newer_wins():
    book = PolicyBook((Policy(version=3, rules=(Rule(days=1),)), Policy(version=2, rules=(Rule(days=2),))))

    assert book.bound(order(), line()).version == "3"


@pytest.mark.parametrize(
    ("scope", "fits"),
    [
        (Scope(), True),
        (Scope(products=("p1",)), True),
        (Scope(products=("p2",)), False),
        (Scope(collections=("swim", "sale")), True),
        (Scope(collections=("sale",)), False),
        (Scope(categories=("shoes",)), True),
        (Scope(categories=("hats",)), False),
        (Scope(tags=("bespoke",)), True),
        (Scope(tags=("other",)), False),
        (Scope(countries=("EE", "RO")), True),
        (Scope(countries=("RO",)), False),
        (Scope(channels=("web",)), True),
        (Scope(channels=("pos",)), False),
        (Scope(customer_groups=("friends",)), True),
        (Scope(customer_groups=("staff",)), False),
        (Scope(products=("p1",), countries=("RO",)), False),
    ],
)
def test_a_scope_fits_when_every_list_given_does(scope, fits):
    facts = line(
        product_id="p1",
        collections=frozenset({"swim"}),
        categories=frozenset({"shoes"}),
        tags=frozenset({"bespoke"}),
    )
    place = order(channel="web", customer_groups=frozenset({"friends"}))

    assert scope.fits(place, facts) is fits


def test_the_first_rule_that_fits_decides_and_none_is_no_return():
    rules = (
        Rule(name="sale", scope=Scope(tags=("sale",)), returns=False),
        Rule(scope=Scope(tags=("x",)), days=9),
    )
    book = PolicyBook((Policy(version=1, rules=rules),))

    assert book.bound(order(), line(tags=frozenset({"x", "sale"}))).rule.name == "sale"
    assert book.bound(order(), line(tags=frozenset({"x"}))).rule.days == 9
    assert book.bound(order(), line()).rule is NO_RULE


def test_what_is_exported_can_be_imported():
    rule = Rule(
        holidays=(HolidayRange(first=date(2026, 11, 15), last=date(2026, 12, 24), until=date(2027, 1, 31)),),
        restocking=1050,
        keep_max={"EUR": 900},
        days=None,
    )
    versions = (DEFAULT_POLICY, ONE, Policy(version=3, rules=(rule,), name="Õhtu"))[1:]

    assert load(dump(versions)) == versions
    assert load(dump((DEFAULT_POLICY,))) == (DEFAULT_POLICY,)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"[]", "no policy"),
        (b"{", "array"),
        (b"[", "truncated"),
        (b'[{"version":1,"rules":[]}]', "length >= 1"),
        (b'[{"version":0,"rules":[{}]}]', r"version"),
        (b'[{"version":1,"rules":[{"dayz":3}]}]', "dayz"),
        (b'[{"version":1,"rules":[{"days":-3}]}]', r"rules\[0\]\.days"),
        (b'[{"version":1,"rules":[{"days":2.5}]}]', r"rules\[0\]\.days"),
        (b'[{"version":1,"rules":[{"keep_max":{"euro":3}}]}]', "keep_max"),
        (b'[{"version":1,"rules":[{"exclusions":["cats"]}]}]', "cats"),
        (b'[{"version":1,"rules":[{}],"valid_from":"2026-01-01T00:00:00"}]', "time zone"),
        (b'[{"version":1,"rules":[{}]},{"version":1,"rules":[{}]}]', "same version"),
    ],
)
def test_a_bad_file_is_refused_with_its_place(data, words):
    with pytest.raises(ValueError, match=words):
        load(data)
