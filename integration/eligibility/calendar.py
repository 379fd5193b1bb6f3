"""Counting days: local days, months, weekends and public holidays."""

from __future__ import annotations

import calendar
from collections.abc import Container
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

from integration.eligibility.facts import When

DAY = timedelta(days=1)
WEEKEND = (5, 6)


def local_day(moment: When, zone: ZoneInfo) -> date:
    """The calendar day at the delivery address (product rule D17); a bare date is one already.

    At either end of all time, where the local day would lie beyond it, the day of the moment itself.
    """
    if isinstance(moment, datetime):
        try:
            return moment.astimezone(zone).date()
        except OverflowError:
            return moment.date()
    return moment


def plus_days(day: date, days: int) -> date:
    """`days` later, the starting day not counted. Never beyond the last day there is."""
    return day + timedelta(days=min(days, (date.max - day).days))


def plus_months(day: date, months: int) -> date:
    """The same date `months` later, or the last day of that month if it does not exist.

    Source: Regulation 1182/71 art. 3(2)(c) (EU-T3).
    """
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    if year > date.max.year:
        return date.max
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


@lru_cache(maxsize=512)
def public_holidays(country: str, year: int) -> frozenset[date]:
    """Of the whole country; empty where none are known. Regional ones are not in it."""
    try:
        return frozenset(holidays.country_holidays(country, years=year))
    except NotImplementedError:
        return frozenset()


def is_working_day(day: date, country: str, weekend: Container[int] = WEEKEND) -> bool:
    return day.weekday() not in weekend and day not in public_holidays(country, day.year)


def roll(day: date, country: str, weekend: Container[int] = WEEKEND) -> date:
    """`day`, or the next working day. Source: Regulation 1182/71 art. 3(4) (EU-T2)."""
    while day < date.max and not is_working_day(day, country, weekend):
        day += DAY
    return day


def plus_working_days(day: date, days: int, country: str) -> date:
    """The `days`-th working day after `day`."""
    while days and day < date.max:
        day += DAY
        days -= is_working_day(day, country)
    return day
