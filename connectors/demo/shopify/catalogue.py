"""The goods as the Admin API knows them: ids that follow from SKUs, tags, types, collections."""

from __future__ import annotations

import hashlib
from functools import cache

from connectors.demo.goods import PRODUCTS, Product
from connectors.demo.shopify.bags import Doc
from connectors.demo.shopify.shop import Shop

LAST_CHANGED = "2026-01-05T08:00:00Z"


def _number(text: str) -> int:
    return 8 * 10**12 + int.from_bytes(hashlib.sha256(text.encode()).digest()[:5])


def product_gid(sku: str) -> str:
    return f"gid://shopify/Product/{_number(f'product {sku}')}"


def variant_gid(sku: str) -> str:
    return f"gid://shopify/ProductVariant/{_number(f'variant {sku}')}"


@cache
def _by_gid() -> dict[str, Product]:
    return {product_gid(product.sku): product for product in PRODUCTS}


def find(shop: Shop, gid: str) -> Doc | None:
    """The product, with whatever the merchant changed about it since (see :func:`change`)."""
    product = _by_gid().get(gid)
    if product is None:
        return None
    category = product.category.lower()
    made: Doc = {
        "id": gid,
        "title": product.title,
        "updatedAt": LAST_CHANGED,
        "tags": sorted(product.tags),
        "productType": product.category,
        "collections": [{"id": f"gid://shopify/Collection/{_number(category)}", "handle": category}],
    }
    return made | (shop.archive.kept("product", gid) or {})


def change(shop: Shop, gid: str, values: Doc) -> None:
    """The merchant edits a product: `title`, `tags`, `productType`."""
    with shop.archive.change():
        old = shop.archive.kept("product", gid) or {}
        shop.archive.keep("product", gid, old | values | {"updatedAt": shop.stamp()})
