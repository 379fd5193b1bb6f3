"""Carriers' public tracking pages, for shipments that come with a number but without a link.

Providers are slugs or names that a merchant chose in a plugin ("fan-courier", "Omniva Eesti", "DPD UK").
"""

from __future__ import annotations

import csv
import re
from functools import lru_cache
from importlib.resources import files
from urllib.parse import quote, urlsplit

from msgspec import Struct

SEPARATORS = re.compile(r"[\W_]+")


class Carrier(Struct, frozen=True):
    word: str
    name: str
    page: str


@lru_cache(maxsize=1)
def carriers() -> tuple[Carrier, ...]:
    table = files("connectors.woocommerce").joinpath("carriers.tsv").read_text("utf-8")
    lines = (line for line in table.splitlines() if line and not line.startswith("#"))
    return tuple(Carrier(*row) for row in csv.reader(lines, delimiter="\t"))


def carrier_of(provider: str) -> Carrier | None:
    """The carrier whose word stands in `provider`, on word boundaries: "ups" is not in "groups"."""
    slug = SEPARATORS.sub("-", provider.lower()).strip("-")
    return next((known for known in carriers() if f"-{known.word}-" in f"-{slug}-"), None)


def tracking_link(provider: str, number: str) -> str | None:
    carrier = carrier_of(provider)
    return carrier.page.format(number=quote(number, safe="")) if carrier and number else None


def web_address(text: str) -> str | None:
    """`text` if a browser may be sent there, else None: no javascript:, no credentials, no blanks."""
    if len(text) > 2000 or re.search(r"[\s<>\"'\\\x00-\x1f]", text):
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return None
    return text
