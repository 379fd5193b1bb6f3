"""Dates, sums and counts as the customer writes them: the customer's language, country and digits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import lru_cache

from babel import Locale, localedata
from babel.dates import format_date

from integration.money import Money
from sidebar.formats import money_text
from sidebar.languages import ngettext

PATTERNS = {"en": "d MMMM", "et": "d. MMMM", "ro": "d MMMM", "th": "d MMMM", "ar": "d MMMM"}
ARABIC_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")

ESTONIAN_MONTHS = (
    "jaanuari", "veebruari", "märtsi", "aprilli", "mai", "juuni",
    "juuli", "augusti", "septembri", "oktoobri", "novembri", "detsembri",
)  # fmt: skip
"""Genitive: case endings are added to it."""
ESTONIAN_ENDINGS = {"until": "ni", "on": "l", "since": "st"}
"""Terminative, adessive, elative."""


@lru_cache(maxsize=512)
def _locale(language: str, country: str) -> Locale:
    name = f"{language}_{country}"
    if localedata.exists(name):
        return Locale.parse(name)
    return Locale.parse("en_GB" if language == "en" else language)


@dataclass(frozen=True, slots=True)
class Writing:
    """How one customer reads numbers and days."""

    language: str
    country: str
    zone: tzinfo
    today: date

    @property
    def locale(self) -> Locale:
        return _locale(self.language, self.country)

    def digits(self, text: str) -> str:
        """The customer's usual digits; order and parcel numbers never come through here."""
        arabic = self.locale.default_numbering_system == "arab"
        return text.translate(ARABIC_DIGITS) if arabic else text

    def day(self, moment: datetime | date | None, case: str = "") -> str:
        """`13 December`; with `until`, `on` and `since` in the language's own case, where it has one."""
        if moment is None:
            return ""
        day = moment.astimezone(self.zone).date() if isinstance(moment, datetime) else moment
        other_year = day.year != self.today.year
        if self.language == "et" and case in ESTONIAN_ENDINGS:
            year = f" {day.year}" if other_year else ""
            return f"{day.day}. {ESTONIAN_MONTHS[day.month - 1]}{ESTONIAN_ENDINGS[case]}{year}"
        text = str(format_date(day, PATTERNS[self.language], locale=self.locale))
        if other_year:
            year = f"พ.ศ. {day.year + 543}" if self.language == "th" else str(day.year)
            text = f"{text} {year}"
        return self.digits(text)

    def money(self, amount: Money) -> str:
        return self.digits(money_text(amount, self.language))

    def days(self, count: int) -> str:
        """`3 days`, `3 päeva`, `3 zile`, `3 أيام`: the language's own plural."""
        return self.digits(str(ngettext("%(num)s day", "%(num)s days", count)))

    def token(self, text: str) -> str:
        """An order name, parcel number or address: kept left to right inside right-to-left text."""
        return f"\u2066{text}\u2069" if text and self.language == "ar" else text
