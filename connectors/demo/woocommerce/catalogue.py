"""The shop's products as WooCommerce shows them, made from the goods of the demo world."""

from __future__ import annotations

import re
from typing import Any

from connectors.demo.goods import PRODUCTS, Kind, Product, Variant
from connectors.demo.woocommerce import amounts
from connectors.demo.woocommerce.shop import Shop
from connectors.demo.woocommerce.wire import Json, pair

HOME_RATE = 24
"""Percentage of tax that a consumer's price in the shop's own country holds."""


def slug(name: str) -> str:
    return re.sub(r"[^\w]+", "-", name.lower()).strip("-")


def seed(shop: Shop, at: int) -> None:
    """Put every product and its variations into the shop."""
    terms: dict[str, int] = {}
    for product in PRODUCTS:
        for name in (product.category, *product.tags):
            terms.setdefault(name, len(terms) + 15)
    for product in PRODUCTS:
        _put(shop, product, terms, at)


def _put(shop: Shop, product: Product, terms: dict[str, int], at: int) -> None:
    id_ = shop.database.next("post")
    choices = product.variants if product.variants[0].options else ()
    variations = [_variation(shop, id_, product, choice, at) for choice in choices]
    for variation in variations:
        shop.database.put("variation", variation, parent=id_, name=variation["sku"], modified=at)
    document = _product(shop, id_, product, terms, [variation["id"] for variation in variations], at)
    shop.database.put("product", document, name=product.sku, modified=at)


def _common(product: Product, sku: str, at: int) -> Json:
    price = amounts.text(amounts.net(product.price, HOME_RATE))
    virtual = not product.shipped
    digital = product.kind is Kind.DIGITAL
    return {
        "created": at,
        "modified": at,
        "description": "",
        "sku": sku,
        "global_unique_id": "",
        "price": price,
        "regular_price": price,
        "sale_price": "",
        "on_sale": False,
        "status": "publish",
        "purchasable": True,
        "virtual": virtual,
        "downloadable": digital,
        "downloads": [],
        "download_limit": 3 if digital else -1,
        "download_expiry": -1,
        "tax_status": "taxable",
        "tax_class": "",
        "manage_stock": product.shipped,
        "stock_quantity": 40 if product.shipped else None,
        "stock_status": "instock",
        "backorders": "no",
        "backorders_allowed": False,
        "backordered": False,
        "low_stock_amount": None,
        "weight": f"{product.grams / 1000:g}" if product.grams else "",
        "dimensions": {"length": "", "width": "", "height": ""},
        "shipping_class": "",
        "shipping_class_id": 0,
        "menu_order": 0,
        "meta_data": [],
    }


def _variation(shop: Shop, parent: int, product: Product, choice: Variant, at: int) -> Json:
    return {
        **_common(product, choice.sku, at),
        "id": shop.database.next("post"),
        "type": "variation",
        "name": choice.title,
        "parent_id": parent,
        "image": None,
        "attributes": [
            {"id": 0, "name": name, "slug": name.lower(), "option": value} for name, value in choice.options
        ],
    }


def _product(
    shop: Shop, id_: int, product: Product, terms: dict[str, int], variations: list[int], at: int
) -> Json:
    variants = product.variants if variations else ()
    names: dict[str, list[str]] = {}
    for choice in variants:
        for name, value in choice.options:
            values = names.setdefault(name, [])
            if value not in values:
                values.append(value)
    document = {
        **_common(product, product.sku, at),
        "id": id_,
        "name": product.title,
        "slug": slug(product.title),
        "type": "variable" if variations else "simple",
        "featured": False,
        "catalog_visibility": "visible",
        "short_description": "<p>Demo item</p>\n",
        "total_sales": 0,
        "external_url": "",
        "button_text": "",
        "sold_individually": False,
        "shipping_required": product.shipped,
        "shipping_taxable": product.shipped,
        "reviews_allowed": True,
        "average_rating": "0.00",
        "rating_count": 0,
        "upsell_ids": [],
        "cross_sell_ids": [],
        "parent_id": 0,
        "purchase_note": "",
        "categories": [_term(product.category, terms)],
        "brands": [],
        "tags": [_term(name, terms) for name in product.tags],
        "images": [_image(id_, product, at)],
        "attributes": [
            {"id": 0, "name": name, "slug": name, "position": place, "visible": True, "variation": True,
             "options": values}
            for place, (name, values) in enumerate(names.items())
        ],
        "default_attributes": [],
        "variations": variations,
        "grouped_products": [],
        "related_ids": [],
        "has_options": bool(variations),
        "post_password": "",
    }  # fmt: skip
    if variations:
        document |= {"regular_price": "", "manage_stock": False, "stock_quantity": None}
    if product.kind is Kind.DIGITAL:
        document["downloads"] = [
            {"id": f"pattern-{id_}", "name": "file", "file": "/wp-content/uploads/pattern.pdf"}
        ]
    return document


def _term(name: str, terms: dict[str, int]) -> Json:
    return {"id": terms[name], "name": name, "slug": slug(name)}


def _image(id_: int, product: Product, at: int) -> Json:
    return {
        "id": id_ + 100_000,
        "created": at,
        "modified": at,
        "src": f"/wp-content/uploads/{product.sku}.svg",
        "name": product.title,
        "alt": product.title,
    }


PRODUCT_KEYS = (
    "id", "name", "slug", "permalink", "date_created", "date_created_gmt", "date_modified",
    "date_modified_gmt", "type", "status", "featured", "catalog_visibility", "description",
    "short_description", "sku", "price", "regular_price", "sale_price", "date_on_sale_from",
    "date_on_sale_from_gmt", "date_on_sale_to", "date_on_sale_to_gmt", "on_sale", "purchasable",
    "total_sales", "virtual", "downloadable", "downloads", "download_limit", "download_expiry",
    "external_url", "button_text", "tax_status", "tax_class", "manage_stock", "stock_quantity",
    "backorders", "backorders_allowed", "backordered", "low_stock_amount", "sold_individually", "weight",
    "dimensions", "shipping_required", "shipping_taxable", "shipping_class", "shipping_class_id",
    "reviews_allowed", "average_rating", "rating_count", "upsell_ids", "cross_sell_ids", "parent_id",
    "purchase_note", "categories", "brands", "tags", "images", "attributes", "default_attributes",
    "variations", "grouped_products", "menu_order", "price_html", "related_ids", "meta_data",
    "stock_status", "has_options", "post_password", "global_unique_id", "_links",
)  # fmt: skip
VARIATION_KEYS = (
    "id", "type", "date_created", "date_created_gmt", "date_modified", "date_modified_gmt", "description",
    "permalink", "sku", "global_unique_id", "price", "regular_price", "sale_price", "date_on_sale_from",
    "date_on_sale_from_gmt", "date_on_sale_to", "date_on_sale_to_gmt", "on_sale", "status", "purchasable",
    "virtual", "downloadable", "downloads", "download_limit", "download_expiry", "tax_status", "tax_class",
    "manage_stock", "stock_quantity", "stock_status", "backorders", "backorders_allowed", "backordered",
    "low_stock_amount", "weight", "dimensions", "shipping_class", "shipping_class_id", "image",
    "attributes", "menu_order", "meta_data", "name", "parent_id", "_links",
)  # fmt: skip


def view(shop: Shop, document: Json) -> Json:
    """A product or a variation as `wc/v3` shows it."""
    id_ = document["id"]
    nothing: Json = {**pair("date_on_sale_from", None), **pair("date_on_sale_to", None)}
    full: dict[str, Any] = {
        **document,
        **nothing,
        **shop.created_and_modified(document["created"], document["modified"]),
    }
    if document["type"] == "variation":
        parent = document["parent_id"]
        full["permalink"] = f"{shop.url}/product/{parent}/?variation={id_}"
        full["_links"] = shop.links(f"products/{parent}/variations/{id_}", up=f"products/{parent}")
        return {key: full[key] for key in VARIATION_KEYS}
    full["permalink"] = f"{shop.url}/product/{document['slug']}/"
    full["price_html"] = (
        f'<span class="woocommerce-Price-amount amount"><bdi>{document["price"]}</bdi></span>'
    )
    full["images"] = [_image_view(shop, image) for image in document["images"]]
    full["_links"] = shop.links(f"products/{id_}")
    return {key: full[key] for key in PRODUCT_KEYS}


def _image_view(shop: Shop, image: Json) -> Json:
    moments = shop.created_and_modified(image["created"], image["modified"])
    return {
        "id": image["id"],
        **moments,
        "src": shop.url + image["src"],
        "name": image["name"],
        "alt": image["alt"],
    }
