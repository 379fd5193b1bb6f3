"""How people are reached and what they quote, in one writing: e-mails, phones, order numbers.

Everything here is pure and takes hostile text: what cannot be used is None or left out, never an error.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import phonenumbers

LONGEST_EMAIL = 254
"""Source: RFC 5321, 4.5.3.1.3, less the angle brackets."""

_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\"\\]{1,64}@[^\s@<>()\[\],;:\"\\/]{1,253}")
_DOMAIN = re.compile(
    r"(?=.{3,253}\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+"
)


def email_key(text: str | None) -> str | None:
    """The address in lower case, its domain in ASCII (`müük.ee` is `xn--mk-xkaa.ee`), or None.

    Takes `Name <address>` and `mailto:` too. Dots and plus signs stay: only Google ignores them.
    """
    if not text or len(text) > 1000:
        return None
    text = unicodedata.normalize("NFC", text).strip()
    if text.endswith(">") and "<" in text:
        text = text[text.rindex("<") + 1 : -1].strip()
    text = text.removeprefix("mailto:").lower()
    if len(text) > LONGEST_EMAIL or not _ADDRESS.fullmatch(text) or not text.isprintable():
        return None
    local, _, domain = text.rpartition("@")
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii").lower()
        except UnicodeError:
            return None
    if local.startswith(".") or local.endswith(".") or ".." in local or not _DOMAIN.fullmatch(domain):
        return None
    return f"{local}@{domain}"


def phone_key(text: str | None, region: str | None = None) -> str | None:
    """E.164 (`+3725551234`) where the number can be read, else its bare digits, else None.

    `region`: ISO 3166 alpha-2 of a country where a number without a country code is at home.
    """
    if not text or len(text) > 100:
        return None
    digits = _digits(text)
    if not 5 <= len(digits) <= 17:
        return None
    written = text.strip()
    if not region and digits.startswith("00"):
        written = "+" + digits[2:]
    try:
        number = phonenumbers.parse(written, region.upper() if region else None)
    except phonenumbers.NumberParseException:
        return digits
    if not phonenumbers.is_possible_number(number):
        return digits
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def phone_keys(text: str | None, regions: Iterable[str] = ()) -> list[str]:
    """Every key the number may have been stored under: as written, then at home in each region."""
    keys = (phone_key(text, region) for region in ("", *regions))
    return list(dict.fromkeys(found for found in keys if found))


_NO_KEY = re.compile(r"[^0-9A-Z]+")


def key(text: str | None) -> str:
    """Upper case letters and digits only, digits of every script as 0–9: `#l-5531` is `L5531`."""
    if text and text.isascii():  # nearly all of them, and a backfill asks for hundreds of thousands
        return _NO_KEY.sub("", text.upper())
    plain = unicodedata.normalize("NFKC", text or "").upper()
    return "".join(_plain_digit(char) for char in plain if char.isalpha() or char.isdecimal())


def number_keys(*writings: str | None) -> set[str]:
    """Keys under which an order's number is found: whole (`L5531`), and its digits alone (`5531`)."""
    keys: set[str] = set()
    for writing in writings:
        if whole := key(writing):
            keys.add(whole)
            runs = re.findall(r"[0-9]+", whole)
            if len(runs) == 1 and len(runs[0]) >= 3:
                keys.add(runs[0])
    return keys


_ORDER_WORDS = (
    # English, Estonian, Romanian, Thai, Arabic, then neighbours who write to the same shops
    r"order|purchase|tellimus\w*|ostu\w*|comand[aăe]\w*|comenzi\w*|คำสั่งซื้อ|ออเดอร์|ใบสั่งซื้อ|الطلب|طلبي|طلب|الطلبية|طلبية"
    r"|bestell\w*|auftrag\w*|commande|pedido|ordine|zamówieni\w*|tilau\w*|заказ\w*|beställning\w*|ordre"
)
_NUMBER_WORDS = (
    r"number\w*|numb\.?|no\.?|nr\.?|num\.?|numărul\w*|numarul\w*|num[eé]ro|номер|หมายเลข|เลขที่|رقم|n[ºo°]|№"
)
_REF = r"[A-Z]{0,6}[-_/]?[0-9][0-9A-Z]{1,30}(?:-[0-9A-Z]{1,12})?"
_MARKED = re.compile(rf"#[ ]?({_REF})", re.IGNORECASE)
_NAMED = re.compile(
    rf"(?:{_ORDER_WORDS}|{_NUMBER_WORDS})(?:[ ]{{0,2}}(?:{_NUMBER_WORDS}))?"
    rf"[ ]{{0,2}}[:#№]?[ ]{{0,2}}({_REF})(?![0-9A-Z])",
    re.IGNORECASE,
)
_PREFIXED = re.compile(r"(?<![0-9A-Z])([A-Z]{1,6}-[0-9]{2,15})(?![0-9A-Z-])", re.IGNORECASE)
_PARCEL = re.compile(r"(?<![0-9A-Z@.])([A-Z0-9]{10,35})(?![0-9A-Z@])", re.IGNORECASE)
_BARE = re.compile(
    r"(?<![0-9A-Z.,+/€$£฿-])(?<![0-9] )([0-9]{4,9})"
    r"(?![0-9A-Z/€$£฿%-]|[.,][0-9]|[ ][0-9]|[ ]?(?:eur|usd|ron|lei|thb|gbp)\b)",
    re.IGNORECASE,
)
"""A number by itself: not a price, not a date, not part of a phone number."""


def order_refs(text: str | None, *, limit: int = 10) -> list[str]:
    """Order and tracking numbers quoted in a subject, in any of our languages; surest first."""
    line = _readable(text)
    found: list[str] = []
    for pattern in (_MARKED, _NAMED, _PREFIXED):
        found += [match.group(1) for match in pattern.finditer(line)]
    found += [match.group(1) for match in _PARCEL.finditer(line) if _looks_like_parcel(match.group(1))]
    found += [match.group(1) for match in _BARE.finditer(line) if not 1900 <= int(match.group(1)) <= 2100]
    by_key: dict[str, str] = {}
    for ref in found:
        by_key.setdefault(key(ref), ref)
    return list(by_key.values())[:limit]


def _readable(text: str | None) -> str:
    """One line of bounded length, with the digits of every script as 0–9."""
    return "".join(_plain_digit(char) for char in (text or "")[:500] if char.isprintable() or char == "\t")


def _looks_like_parcel(token: str) -> bool:
    digits = sum(char.isdigit() for char in token)
    return digits >= 6 and digits * 2 >= len(token)


def _digits(text: str) -> str:
    return "".join(_plain_digit(char) for char in text if char.isdecimal())


def _plain_digit(char: str) -> str:
    return str(unicodedata.decimal(char)) if char.isdecimal() else char
