"""Dates, sums and counts as the customer writes them: the customer's language, country and digits."""

from __future__ import annotations

import re
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
ARABIC_MARKS = {",": "٬", ".": "٫"}
"""Of thousands and decimals; points elsewhere, as in "د.إ.", stay."""
BETWEEN_DIGITS = re.compile(r"(?<=\d)[,.](?=\d)")
LETTERS_OF_OTHERS = re.compile(r"[A-Za-z\u00c0-\u024f\d]")

ESTONIAN_MONTHS = (
    "jaanuari", "veebruari", "märtsi", "aprilli", "mai", "juuni",
    "juuli", "augusti", "septembri", "oktoobri", "novembri", "detsembri",
)  # fmt: skip
"""Genitive: case endings are added to it."""
ESTONIAN_ENDINGS = {"until": "ni", "on": "l", "by": "ks"}
"""Terminative, adessive, translative."""


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
        if self.locale.default_numbering_system != "arab":
            return text
        return BETWEEN_DIGITS.sub(lambda mark: ARABIC_MARKS[mark[0]], text).translate(ARABIC_DIGITS)

    def day(self, moment: datetime | date | None, case: str = "") -> str:
        """`13 December`; with `until`, `on` and `by` in the language's own case, where it has one."""
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
        """An order name or parcel number: kept left to right inside right-to-left text."""
        return f"\u2066{text}\u2069" if text and self.language == "ar" else text

    def aside(self, text: str) -> str:
        """A name of goods, carriers or places, which may be Latin: turns nothing around it, nor is turned."""
        turns = self.language == "ar" and LETTERS_OF_OTHERS.search(text)
        return f"\u2068{text}\u2069" if turns else text
