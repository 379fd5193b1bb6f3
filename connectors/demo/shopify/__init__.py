"""A Shopify-like store to start at home: OAuth, Admin GraphQL 2026-10, bulk operations, signed webhooks.

It speaks the wire protocol and keeps what it is told, so that nothing inside the product has to be
mocked. Start it with `python -m connectors.demo.shopify`, or in a test as :class:`DemoShopify`.
"""

from connectors.demo.shopify.delivering import Mischief
from connectors.demo.shopify.shop import SCOPES, App, Conduct, Shop
from connectors.demo.shopify.store import DemoShopify

__all__ = ["SCOPES", "App", "Conduct", "DemoShopify", "Mischief", "Shop"]
