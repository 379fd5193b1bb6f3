"""Money as the Admin API writes it: a bag with the shop's side and the customer's side."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Any

from integration import money
from integration.money import Money

Doc = dict[str, Any]
"""A JSON object in the schema's field names. Keys with a leading underscore are the store's own notes."""

digits = lru_cache(maxsize=None)(money.digits)


@lru_cache(maxsize=1 << 16)
def amount(minor: int, currency: str) -> str:
    """GraphQL's decimal text: no trailing zeros, at least one digit after the dot (`"12.5"`, `"10.0"`).

    Source: recorded answers of development stores, API 2026-04.
    """
    places = digits(currency)
    sign = "-" if minor < 0 else ""
    whole, rest = divmod(abs(minor), 10**places)
    fraction = f"{rest:0{places}d}".rstrip("0") if places else ""
    return f"{sign}{whole}.{fraction or '0'}"


def money_v2(minor: int, currency: str) -> Doc:
    return {"amount": amount(minor, currency), "currencyCode": currency}


@lru_cache(maxsize=1 << 16)
def _minor(text: str, currency: str) -> int:
    return Money.parse(text, currency).minor


def minor(side: Doc) -> int:
    """The minor units in a MoneyV2."""
    return _minor(side["amount"], side["currencyCode"])


def paid(bag: Doc) -> int:
    """The minor units on the customer's side of a bag."""
    return minor(bag["presentmentMoney"])


class Purse:
    """Makes bags for one order: the customer's side is exact, the shop's follows by the order's rate."""

    def __init__(self, currency: str, shop_currency: str, rate: str = "1") -> None:
        self.currency = currency
        self.shop_currency = shop_currency
        self.rate = rate
        self._factor = Decimal(rate).scaleb(digits(shop_currency) - digits(currency))

    @classmethod
    def of(cls, order: Doc) -> Purse:
        return cls(order["presentmentCurrencyCode"], order["currencyCode"], order["_rate"])

    def shop_minor(self, minor: int) -> int:
        """What `minor` units of the customer's currency are worth in the shop's."""
        if self.currency == self.shop_currency:
            return minor
        exact = minor * self._factor
        return money.half_up(int(exact.scaleb(6)), 10**6)

    def bag(self, minor: int) -> Doc:
        mine = money_v2(minor, self.currency)
        if self.currency == self.shop_currency:
            return {"shopMoney": mine, "presentmentMoney": mine}
        return {"shopMoney": money_v2(self.shop_minor(minor), self.shop_currency), "presentmentMoney": mine}

    def parse(self, text: object) -> int:
        """Decimal text in the customer's currency to minor units. Raises :exc:`ValueError`."""
        return Money.parse(str(text), self.currency).minor


def share(total: int, taken: int, of: int) -> int:
    """The value of `taken` pieces out of `of` that cost `total` together, rounded half up."""
    return money.half_up(total * taken, of) if of else 0
