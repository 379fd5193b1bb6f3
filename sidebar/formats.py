"""Money, dates and counts in the reader's language. Digits are Latin everywhere in the pane, so that

they match the store's own pages. Everything goes through CLDR (Babel).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.dates import format_skeleton, format_time
from babel.numbers import format_currency, format_decimal
from flask import Flask, g
from markupsafe import Markup

from integration.customers import Match, Profile
from integration.money import Money, digits
from sidebar.citations import citation
from sidebar.languages import RIGHT_TO_LEFT, current, ngettext
from sidebar.languages import gettext as _

REGIONAL = {"en": "en_GB"}
"""Where the bare language means another country's habits: day before month, as the rest of Europe reads."""

KEPT = 8192
"""Sums and days whose text is kept: one pane writes the same few many times."""

CODE_BEFORE_DIGIT = re.compile(r"(?<=[A-Z])(?=\d)")
"""CLDR sets a letter apart from a digit ("RON 12.50"), which Babel leaves out."""

TITLES = re.compile(
    r"^(?:(?:mr|mrs|ms|miss|dr|prof|hr|pr|dl|dna|d-na|السيد|السيدة|د)\b\.?\s+"
    r"|(?:นางสาว|น\.ส\.|นาย|นาง|คุณ|ดร\.)\s*(?=[\u0e01-\u0e2e\u0e40-\u0e44]|$))+",
    re.IGNORECASE,
)
"""Thai ones stand before a syllable, not within one; several may follow each other."""
AFTER_NAMES = frozenset({"jr", "sr", "ii", "iii", "iv", "phd", "md", "mba", "esq"})
"""What stands behind a comma without being a first name."""
COMPANIES = frozenset({
    "oü", "as", "fie", "mtü", "sa", "sc", "srl", "pfa", "ltd", "limited", "llc", "llp", "plc", "inc", "corp",
    "co", "gmbh", "ag", "bv", "ab", "oy", "sia", "uab", "บริษัท", "หจก", "จำกัด", "شركة", "مؤسسة",
})  # fmt: skip
"""First or last words of companies' names."""
COMPANIES_AT_ONCE = ("บริษัท", "หจก")
"""Thai writes the rest of the name right behind them."""
BETWEEN_TITLES = frozenset({"&", "and", "ja", "și", "si", "et", "und", "و", "และ"})
COMMA = re.compile("[,،]")
UNSEEN = " \t\r\n\u00a0\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
"""What surrounds a name without being seen: spaces, marks of direction."""
HALVES = frozenset({"عبد", "أبو", "ابو", "abd", "abdul", "abdel", "abu"})
"""First words that are no name alone: "عبد" is "servant", "عبد الله" is Abdullah."""


@cache
def locale_of(language: str) -> Locale:
    return Locale.parse(REGIONAL.get(language, language))


@lru_cache(maxsize=KEPT)
def money_text(money: Money, language: str) -> str:
    """The amount with its currency's own digits: never shortened, never wrapped."""
    value = Decimal(money.minor).scaleb(-digits(money.currency))
    text: str = format_currency(value, money.currency, locale=locale_of(language), numbering_system="latn")
    if language in RIGHT_TO_LEFT:
        text = text.replace("-", "\u200e-")  # as CLDR has it: the sign stays left of its number
    return CODE_BEFORE_DIGIT.sub("\u00a0", text.replace(" ", "\u00a0"))


def money(value: Money) -> Markup:
    """For the pane: isolated, so that right-to-left text around it cannot turn it."""
    return _isolated(value, current())


@lru_cache(maxsize=KEPT)
def _isolated(value: Money, language: str) -> Markup:
    return Markup('<bdi class="num">{}</bdi>').format(money_text(value, language))


def apart(text: str) -> Markup:
    """A name such as "#1247" within a sentence: right-to-left text around it would turn it into "1247#"."""
    return Markup("<bdi>{}</bdi>").format(text)


def number(value: float) -> str:
    return str(format_decimal(value, locale=locale_of(current()), numbering_system="latn"))


@cache
def zone_of(name: str) -> ZoneInfo:
    """The zone of that name; UTC where nobody knows it ("UTC+03:00" of some stores)."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _kept() -> dict[str, Any]:
    """What the request keeps, looked up once for each text: a pane writes more than a hundred days."""
    kept: dict[str, Any] = g._get_current_object().__dict__
    return kept


def zone() -> tzinfo:
    """The agent's zone: that of the account."""
    found: tzinfo = _kept().get("zone", UTC)
    return found


def local(moment: datetime | date) -> date:
    """The calendar day in the agent's zone; a bare day already is one."""
    return moment.astimezone(zone()).date() if isinstance(moment, datetime) else moment


def today() -> date:
    """Asked for with every day that is written, so it is reckoned once for each moment and zone."""
    kept = _kept()
    return _day_of(kept.get("now") or datetime.now(UTC), kept.get("zone", UTC))


@lru_cache(maxsize=64)
def _day_of(moment: datetime, there: tzinfo) -> date:
    return moment.astimezone(there).date()


def day_text(day: date, language: str, this_year: int) -> str:
    """`Sat 21 Nov`; the year only when it is not this one."""
    skeleton = "MMMEd" if day.year == this_year else "yMMMd"
    text = _written(day, skeleton, language)
    return text.replace(",", "") if language == "en" else text


def day(moment: datetime | date | None) -> str:
    return "–" if moment is None else day_text(local(moment), current(), today().year)


def short_day(moment: datetime | date | None) -> str:
    """`21 Nov`, with the year when it is not this one: for narrow places."""
    if moment is None:
        return "–"
    found = local(moment)
    skeleton = "MMMd" if found.year == today().year else "yMMM"
    return _written(found, skeleton, current())


def tiny_day(moment: datetime | date | None) -> str:
    """`Sat 21`: under the steps of a parcel. Farther away than a fortnight: `21 Nov`."""
    if moment is None:
        return "–"
    found = local(moment)
    if abs((found - today()).days) > 14:
        return short_day(found)
    return _written(found, "Ed", current())


def month(moment: datetime | date) -> str:
    return _written(local(moment), "yMMM", current())


def clock(moment: datetime) -> str:
    at = moment.astimezone(zone())
    return _hour(at.hour, at.minute, current())


def age(seconds: int) -> str:
    """As in the freshness badge, in the narrowest words: `12 s`, `3 min`, `1 h 28 min`."""
    if seconds < 60:
        return _("%(count)s s", count=max(0, seconds))
    if seconds < 3600:
        return _("%(count)s min", count=seconds // 60)
    hours, rest = divmod(seconds // 60, 60)
    if hours < 48:
        return _("%(hours)s h %(minutes)s min", hours=hours, minutes=rest)
    return ngettext("%(num)s day", "%(num)s days", hours // 24)


def tail(text: str, length: int = 5) -> str:
    """The end of a long number, as people compare it."""
    return text if len(text) <= length + 3 else f"…{text[-length:]}"


def initials(name: str) -> str:
    """Two letters of the name, one where the script does not abbreviate."""
    words = [word for word in name.split() if word[:1].isalpha()]
    if not words:
        return "·"
    first = words[0][0]
    if not first.upper().isascii() and first.upper() == first.lower():
        return first  # Arabic, Thai: no capitals, one letter
    return (first + (words[-1][0] if len(words) > 1 else "")).upper()


def known_as(person: Match | Profile) -> str:
    """Their name as it stands; who has none is known by an address."""
    return person.name or next(iter((*person.emails, *person.phones)), "–")


def first_name(name: str) -> str:
    """What to call somebody: without a title, and not half of a name that is written in two words.

    A company is called by all of its name, a couple likewise; nobody is called "-" or "Mr".
    """
    name = name.strip(UNSEEN)
    words = _given(name).split()
    if is_company(name) or (words and words[0].casefold() in BETWEEN_TITLES):
        return name
    words = [word for word in words if any(char.isalpha() for char in word)]
    if not words:
        return ""
    if name.isupper() or name.islower():
        words = [_capitalised(word) for word in words]
    if words[0].casefold() in HALVES:
        return " ".join(words[:2])
    only_initial = len(words[0].rstrip(".")) == 1
    return " ".join(words) if only_initial else words[0]


def is_company(name: str) -> bool:
    words = name.strip(UNSEEN).split()
    if words and words[0].startswith(COMPANIES_AT_ONCE):
        return True
    return len(words) > 1 and not COMPANIES.isdisjoint((_bare(words[0]), _bare(words[-1])))


def _given(name: str) -> str:
    """All but the last name of `Tamm, Kadri`; else the name as it stands, without title."""
    parts = [TITLES.sub("", f"{part.strip(UNSEEN)} ").strip() for part in COMMA.split(name)]
    parts = [part for part in parts if part]
    if len(parts) > 1 and _bare(parts[1]) not in AFTER_NAMES:
        return parts[1]
    return parts[0] if parts else ""


def _bare(word: str) -> str:
    return word.replace(".", "").strip(",").casefold()


def _capitalised(word: str) -> str:
    """Typed all in capitals, or in none. Two letters may be initials; an address is no name."""
    letters = re.sub(r"[-'’]", "", word)
    if not letters.isalpha() or len(letters) < 3:
        return word
    return word.title().replace("i\u0307", "i")  # İSMAİL: the small letter has its dot already


def country_name(code: str | None) -> str:
    return str(locale_of(current()).territories.get(code or "", code or ""))


@lru_cache(maxsize=KEPT)
def _written(day: date, skeleton: str, language: str) -> str:
    return str(format_skeleton(skeleton, _noon(day), locale=locale_of(language)))


@lru_cache(maxsize=KEPT)
def _hour(hour: int, minute: int, language: str) -> str:
    return str(format_time(time(hour, minute), "HH:mm", locale=locale_of(language)))


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12)  # noqa: DTZ001 - a day, no moment


def install(app: Flask) -> None:
    app.jinja_env.filters.update(
        age=age,
        apart=apart,
        cited=citation,
        clock=clock,
        country_name=country_name,
        day=day,
        first_name=first_name,
        initials=initials,
        known_as=known_as,
        local_day=local,
        money=money,
        month=month,
        number=number,
        short_day=short_day,
        tail=tail,
        tiny_day=tiny_day,
        zero=lambda amount: Money(0, amount.currency),
    )
