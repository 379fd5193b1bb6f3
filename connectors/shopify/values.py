"""Small values in our own terms: amounts, times, and the mark that our actions leave in notes. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

from connectors.shopify.shapes import Amount, Bag
from integration.money import Money

MARK = re.compile(r"\s*\[deskside:([A-Za-z0-9._:-]{1,200})\]")
"""How our action's key stands in a note at Shopify."""

_parse = lru_cache(maxsize=16384)(Money.parse)
"""Prices repeat: remembering them halves the time that a backfill spends on reading orders."""


def mark(note: str, key: str) -> str:
    """`note` with our action's key behind it, findable by `MARK`."""
    return f"{note} [deskside:{key}]".strip()


def unmark(note: str | None) -> tuple[str, str]:
    """A note without our mark, and the key in it (or ""): the last, as people's words stand before it."""
    if not note:
        return "", ""
    found = MARK.findall(note)
    return (MARK.sub("", note), found[-1]) if found else (note, "")


def money(side: Amount) -> Money:
    """Raises :exc:`ValueError` for what is no amount."""
    return _parse(side.amount, side.currencyCode)


def paid(bag: Bag) -> Money:
    """The customer's side of a bag."""
    return _parse(bag.presentmentMoney.amount, bag.presentmentMoney.currencyCode)


def utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def maybe_utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None
