"""Money: whole minor units and their currency.

Every sum in the product is an integer number of the currency's smallest unit, so
that parts always add up to the whole. Decimal text appears only at the edges: what
stores send and what people read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Self

from babel.numbers import get_currency_precision

DECIMAL_TEXT = re.compile(r"-?\d{1,15}(\.\d{1,12})?", re.ASCII)


def digits(currency: str) -> int:
    """Number of decimal digits of an ISO 4217 currency: 0 for JPY, 2 for EUR, 3 for KWD.

    Source: CLDR currency data, through Babel; an unknown code has 2.
    """
    return get_currency_precision(currency)


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """`minor` units of `currency` (ISO 4217, upper case). Negative amounts are allowed."""

    minor: int
    currency: str

    @classmethod
    def parse(cls, text: str, currency: str) -> Self:
        """Decimal text with a dot (`"12.5"`) to money, half up to the currency's digits.

        Raises :exc:`ValueError` for anything else: commas, exponents, spaces, empty text.
        Stores send more digits than the currency has (WooCommerce sends JPY as "21.40"), hence the rounding.
        """
        if not DECIMAL_TEXT.fullmatch(text):
            raise ValueError(f"not a decimal amount: {text[:40]!r}")
        try:
            value = Decimal(text).scaleb(digits(currency)).quantize(Decimal(1), ROUND_HALF_UP)
        except InvalidOperation as error:  # pragma: no cover - the pattern bounds the size
            raise ValueError(f"not a decimal amount: {text[:40]!r}") from error
        return cls(int(value), currency)

    @classmethod
    def zero(cls, currency: str) -> Self:
        return cls(0, currency)

    @property
    def text(self) -> str:
        """Decimal text with exactly the currency's own digits: `"12.50"`, `"1200"` for JPY."""
        places = digits(self.currency)
        sign = "-" if self.minor < 0 else ""
        whole, rest = divmod(abs(self.minor), 10**places)
        return f"{sign}{whole}.{rest:0{places}d}" if places else f"{sign}{whole}"

    def json(self) -> dict[str, str]:
        """The API's shape: `{"amount": "12.50", "currency": "EUR"}`."""
        return {"amount": self.text, "currency": self.currency}

    def _same(self, other: Money) -> int:
        if self.currency != other.currency:
            raise ValueError(f"cannot mix {self.currency} and {other.currency}")
        return other.minor

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._same(other)

    def __bool__(self) -> bool:
        return self.minor != 0


def total(amounts: Iterable[Money], currency: str) -> Money:
    """Sum of amounts that are all in `currency`; zero of it for none."""
    zero = Money(0, currency)
    return Money(sum(zero._same(amount) for amount in amounts), currency)


def half_up(numerator: int, denominator: int) -> int:
    """`numerator / denominator` rounded half away from zero; `denominator` is positive."""
    sign = -1 if numerator < 0 else 1
    return sign * ((2 * abs(numerator) + denominator) // (2 * denominator))


def split(minor: int, weights: Sequence[int]) -> list[int]:
    """`minor` in proportion to non-negative `weights`: largest remainder, the earlier one wins ties.

    The parts always add up to `minor`. All-zero weights give everything to the first part.
    """
    if not weights:
        return []
    whole = sum(weights)
    if whole == 0 or len(weights) == 1:
        return [minor, *([0] * (len(weights) - 1))]
    sign = -1 if minor < 0 else 1
    parts = [divmod(abs(minor) * weight, whole) for weight in weights]
    result = [share for share, _ in parts]
    left = abs(minor) - sum(result)
    by_remainder = sorted(range(len(parts)), key=lambda index: (-parts[index][1], index))
    for index in by_remainder[:left]:
        result[index] += 1
    return [sign * share for share in result]
