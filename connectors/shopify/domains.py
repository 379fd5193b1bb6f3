"""What a shop is called. A shop's name comes from verified tokens and known rows; all else passes here."""

from __future__ import annotations

import re

from connectors.shopify import sdk
from integration.errors import BadInput

SHOP = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\.myshopify\.com", re.ASCII)
"""Anchored at both ends by `fullmatch`; the pattern printed in the vendor's documentation is not."""


def is_shop_domain(text: str) -> bool:
    return SHOP.fullmatch(text) is not None


def shop_domain(text: str) -> str:
    """`name.myshopify.com` of what a person typed: the name, the domain, or an address of the admin."""
    given = text.strip().lower()
    if "admin.shopify.com/store/" in given:
        given = given.partition("admin.shopify.com/store/")[2].partition("/")[0].partition("?")[0]
    found = sdk.sanitized(given)
    if found is None or not is_shop_domain(found):
        raise BadInput("not a Shopify shop: want a name such as lumi-home.myshopify.com")
    return found
