"""Sums of money as WooCommerce keeps and reads them: cents inside, text outside, PHP's comparison between."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

PHP_NUMBER = re.compile(r"[ \t\n\r\v\f]*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?[ \t\n\r\v\f]*", re.ASCII)


def text(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def cents(amount: str | float) -> int:
    """Half up, as `wc_format_decimal` rounds. Text that is no number is nothing."""
    try:
        return int((Decimal(str(amount)) * 100).quantize(Decimal(1), ROUND_HALF_UP))
    except (InvalidOperation, ValueError):
        return 0


def cleaned(amount: str) -> str:
    """What the store makes of an amount's text with its dot as decimal sign: the comma disaster.

    Everything but digits, minus and the last dot goes: "1,50" becomes 150, "1e2" becomes 12. [measured]
    """
    return re.sub(r"\.(?![^.]+$)|[^0-9.-]", "", amount)


def php_less(left: str, right: str) -> bool:
    """PHP 8's `<` on two texts: as numbers if both are numbers, else letter by letter.

    This is why the guard against refunding too much misses "1,999.00". [measured]
    """
    if PHP_NUMBER.fullmatch(left) and PHP_NUMBER.fullmatch(right):
        return Decimal(left.strip()) < Decimal(right.strip())
    return left.encode() < right.encode()


def percent(cents_: int, rate: int) -> int:
    return int((Decimal(cents_) * rate / 100).quantize(Decimal(1), ROUND_HALF_UP))


def net(gross: int, rate: int) -> int:
    """Without tax, from a consumer's price that holds it."""
    return int((Decimal(gross) * 100 / (100 + rate)).quantize(Decimal(1), ROUND_HALF_UP))
