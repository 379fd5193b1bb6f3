"""The few pages of the admin that people meet: granting access, the app's frame, orders."""

from __future__ import annotations

import time
from collections.abc import Sequence

from jinja2 import Environment, PackageLoader
from werkzeug import Response

from connectors.demo.goods import BY_SKU, picture
from connectors.demo.shopify.bags import Doc, minor
from connectors.demo.shopify.shop import Shop
from connectors.demo.shopify.signing import host, session_token, signed_query
from integration.money import Money


def _money(bag: Doc) -> str:
    """The customer's side of a bag."""
    side = bag["presentmentMoney"]
    money = Money(minor(side), side["currencyCode"])
    return f"{money.text} {money.currency}"


def _words(enum: str | None) -> str:
    return (enum or "unknown").replace("_", " ").lower()


TEMPLATES = Environment(loader=PackageLoader("connectors.demo.shopify"), autoescape=True)
TEMPLATES.filters |= {"money": _money, "words": _words}


def _page(shop: Shop, template: str, title: str, status: int = 200, **values: object) -> Response:
    text = TEMPLATES.get_template(template).render(shop=shop, title=title, **values)
    return Response(text, status, mimetype="text/html")


def problem(shop: Shop, message: str, status: int) -> Response:
    return _page(shop, "problem.html", message, status)


def grant(shop: Shop, scopes: Sequence[str], action: str) -> Response:
    return _page(shop, "grant.html", "Install app", scopes=scopes, action=action)


def app_frame(shop: Shop) -> Response:
    """The app's home inside the admin, opened as the platform opens it."""
    query = {
        "embedded": "1",
        "host": host(shop),
        "id_token": session_token(shop),
        "locale": "en",
        "session": "demo",
        "shop": shop.domain,
        "timestamp": str(int(time.time())),
    }
    address = f"{shop.app.url}/shopify/app?{signed_query(shop.app.client_secret, query)}"
    return _page(shop, "app.html", "Deskside", address=address)


def home(shop: Shop, orders: Sequence[Doc]) -> Response:
    return _page(shop, "home.html", "Orders", orders=orders)


def order(shop: Shop, doc: Doc) -> Response:
    return _page(shop, "order.html", doc["name"], order=doc)


def image(sku: str) -> Response | None:
    """The picture of a product, by the SKU of one of its variants."""
    product = BY_SKU.get(sku) or BY_SKU.get(sku.rpartition("-")[0])
    if product is None:
        return None
    return Response(picture(product), 200, {"Cache-Control": "max-age=86400"}, mimetype="image/svg+xml")
