"""Sums that people type: plain decimal text, with a dot or a comma."""

from __future__ import annotations

import unicodedata

from integration.errors import BadInput
from integration.money import Money, digits


def minor_from(text: str, currency: str) -> int | None:
    """Minor units; None for an empty field. Raises :exc:`BadInput` for what is no such sum.

    Thousands are not separated: `1,500` would be read as one and a half somewhere.
    """
    plain = text.strip().replace("\u00a0", "").replace(" ", "")
    if not plain:
        return None
    whole, mark, rest = plain.replace(",", ".").partition(".")
    number = _latin(whole or "0") + (f".{_latin(rest)}" if mark else "")
    if mark and len(rest) > digits(currency):
        raise BadInput("too many decimals for this currency", code="bad_limit")
    try:
        money = Money.parse(number, currency)
    except ValueError:
        raise BadInput("not a sum", code="bad_limit") from None
    return money.minor


def _latin(text: str) -> str:
    """Digits of any script as 0–9; anything else stays and is refused later."""
    return "".join(str(unicodedata.decimal(sign, sign)) for sign in text)


def text_of(minor: int | None, currency: str) -> str:
    """What stands in the field."""
    return "" if minor is None else Money(minor, currency).text
