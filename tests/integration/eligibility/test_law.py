"""The law as data: complete, cited, and never silently ignored. And the days it counts."""

from datetime import date

import msgspec
import pytest

from integration.eligibility import calendar, law, messages
from integration.eligibility.categories import CATEGORIES
from integration.eligibility.verdict import Status

EU = law.row_for("EE")


def test_the_union_is_one_row():
    assert len(EU.countries) == 27
    assert {law.row_for(country).id for country in EU.countries} == {"EU-CRD"}


def test_no_country_has_two_rows():
    countries = [country for row in law.rows() for country in row.countries]

    assert len(countries) == len(set(countries))


def test_every_rule_has_a_source_and_a_status_that_is_not_the_stores():
    for row in law.rows():
        for citation in row.rules.values():
            assert citation.source
            assert citation.status in (Status.VERIFIED, Status.PARTLY, Status.BELIEF)


@pytest.mark.parametrize("country", ["JP", "", "ee", None])
def test_a_country_without_a_row_has_none(country):
    assert law.row_for(country) is None


@pytest.mark.parametrize(
    ("country", "cite", "status"),
    [
        ("EE", "VÕS § 56", "verified"),
        ("RO", "OUG 34/2014 art. 9", "verified"),
        ("FI", "Directive 2011/83/EU art. 9; national law not checked", "partly verified"),
        ("TH", "B.E. 2545 s. 33, 36", "belief"),
    ],
)
def test_citations(country, cite, status):
    row = law.row_for(country)

    assert (row.citation(country), row.checked(country)) == (cite, status)


def test_a_rule_without_a_source_is_an_error():
    row = msgspec.structs.replace(EU, scope_rule="EU-NEW")

    with pytest.raises(ValueError, match="EU-NEW"):
        law.check_row(row)


def test_an_exception_of_an_unknown_category_is_an_error():
    right = msgspec.structs.replace(EU.withdrawal, exceptions={"cats": "16a"})

    with pytest.raises(ValueError, match="cats"):
        law.check_row(msgspec.structs.replace(EU, withdrawal=right))


def test_every_category_and_store_fact_has_words():
    assert CATEGORIES.keys() <= messages.WORDS.keys()
    for row in law.rows():
        if row.store_fact:
            assert f"law_{row.store_fact}" in messages.GROUNDS
            assert row.store_fact in messages.MISSING


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2026, 12, 5), 24, date(2028, 12, 5)),
        (date(2026, 11, 30), 1, date(2026, 12, 30)),
        (date(9999, 1, 1), 24, date.max),
    ],
)
def test_months(day, months, expected):
    assert calendar.plus_months(day, months) == expected


def test_days_never_run_off_the_calendar():
    assert calendar.plus_days(date(9999, 12, 30), 14) == date.max
    assert calendar.roll(date.max, "EE") == date.max
    assert calendar.plus_working_days(date.max, 3, "US") == date.max


def test_a_country_without_known_holidays_has_only_weekends():
    assert calendar.public_holidays("XX", 2026) == frozenset()
    assert calendar.roll(date(2026, 3, 14), "XX") == date(2026, 3, 16)


@pytest.mark.parametrize(
    ("country", "days"),
    [
        ("EE", "01-01 02-24 04-03 04-05 05-01 05-24 06-23 06-24 08-20 12-24 12-25 12-26"),
        (
            "RO",
            "01-01 01-02 01-06 01-07 01-24 04-10 04-12 04-13 05-01 05-31 06-01 08-15 11-30 12-01 12-25 12-26",
        ),
    ],
)
def test_public_holidays_of_2026(country, days):
    found = sorted(day.strftime("%m-%d") for day in calendar.public_holidays(country, 2026))

    assert found == days.split()
