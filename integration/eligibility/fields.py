"""One JSON object, read name by name: every problem is reported with its place.

People write these by hand. Numbers are read as decimals, never as floats; a name nobody
asks for is left over, to be reported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from integration.eligibility.facts import When
from integration.money import Money

Chosen = TypeVar("Chosen")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
LARGEST = 10**15
MOST_DAYS = 36_500
MOST_DIGITS = 20
MOST_PERCENT = 1000
YEARS = range(1970, 2200)


class CaseError(ValueError):
    """A case that cannot be read. `place` is the field, from the top: `in.lines[0].net`."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place = place


@dataclass(slots=True)
class Fields:
    """One JSON object, read name by name; what was never asked for is left over."""

    values: Mapping[str, Any]
    place: str
    zone: ZoneInfo | None = None
    currency: str = "EUR"
    read: set[str] = field(default_factory=set)
    parts: list[Fields] = field(default_factory=list)

    @classmethod
    def of(cls, value: object, place: str) -> Fields:
        if not isinstance(value, dict):
            raise CaseError(place, "not an object")
        return cls(value, place)

    def error(self, name: str, problem: str) -> CaseError:
        return CaseError(f"{self.place}.{name}", problem)

    def get(self, name: str) -> Any:
        self.read.add(name)
        return self.values.get(name)

    def need(self, name: str) -> Any:
        value = self.get(name)
        if value is None:
            raise self.error(name, "missing")
        return value

    def part(self, name: str, value: object) -> Fields:
        part = Fields.of(value, f"{self.place}.{name}")
        part.zone, part.currency = self.zone, self.currency
        self.parts.append(part)
        return part

    def unknown(self) -> list[str]:
        own = [f"{self.place}.{name}" for name in self.values if name not in self.read]
        return own + [name for part in self.parts for name in part.unknown()]

    def text(self, name: str, default: str | None = None) -> str:
        value = self.get(name)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            raise self.error(name, "missing" if value is None else "not a text")
        return str(value)

    def flag(self, name: str, default: bool = False) -> bool:
        answer = self.answer(name)
        return default if answer is None else answer

    def answer(self, name: str) -> bool | None:
        """Yes, no, or unknown."""
        value = self.get(name)
        if value is None or value == "unknown":
            return None
        if value in (True, False):  # 1 and 0 too
            return bool(value)
        if value in ("yes", "no"):
            return bool(value == "yes")
        raise self.error(name, "not yes, no or unknown")

    def count(self, name: str, default: int, most: int = 1_000_000) -> int:
        value = self.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            raise self.error(name, f"not a whole number from 0 to {most}")
        return value

    def days(self, name: str) -> int | None:
        return None if self.get(name) is None else self.count(name, 0, MOST_DAYS)

    def amount(self, name: str, default: int | None = None) -> int:
        value = self.get(name)
        if value is None and default is not None:
            return default
        if value is None:
            raise self.error(name, "missing")
        return self.minor(value, name)

    def minor(self, value: object, name: str) -> int:
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise self.error(name, "not a decimal amount")
        if isinstance(value, Decimal) and abs(value.adjusted()) > MOST_DIGITS:
            raise self.error(name, "not a decimal amount")
        try:
            text = format(value, "f") if isinstance(value, Decimal) else str(value)
            money = Money.parse(text, self.currency)
        except ValueError as error:
            raise self.error(name, "not a decimal amount") from error
        if not 0 <= money.minor <= LARGEST:
            raise self.error(name, "negative or too large")
        return money.minor

    def percent(self, name: str) -> int:
        """Hundredths of a percent."""
        value = self.get(name)
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise self.error(name, "not a percentage")
        try:
            percent = Decimal(str(value))
        except ArithmeticError as error:
            raise self.error(name, "not a percentage") from error
        if not percent.is_finite() or not 0 <= percent <= MOST_PERCENT or percent * 100 % 1:
            raise self.error(name, f"not a percentage from 0 to {MOST_PERCENT} with at most two decimals")
        return int(percent * 100)

    def when(self, name: str) -> When | None:
        value = self.get(name)
        return None if value is None else self.moment(value, name)

    def must_when(self, name: str) -> When:
        return self.moment(self.need(name), name)

    def moment(self, value: object, name: str) -> When:
        """A date, or a date and time; without an offset the time is local."""
        if not isinstance(value, str):
            raise self.error(name, "not a date")
        try:
            moment: When
            if DATE.fullmatch(value):
                moment = date.fromisoformat(value)
            else:
                moment = datetime.fromisoformat(value)
                moment = moment if moment.tzinfo else moment.replace(tzinfo=self.zone)
        except ValueError as error:
            raise self.error(name, "not a date") from error
        if moment.year not in YEARS:
            raise self.error(name, f"not a year from {YEARS[0]} to {YEARS[-1]}")
        return moment

    def day(self, name: str) -> date:
        value = self.must_when(name)
        if isinstance(value, datetime):
            raise self.error(name, "a date without a time, please")
        return value

    def choice(self, name: str, choices: Mapping[str, Chosen], default: Chosen) -> Chosen:
        value = self.get(name)
        if value is None:
            return default
        if not isinstance(value, str) or value not in choices:
            raise self.error(name, f"not one of {', '.join(choices)}")
        return choices[value]
