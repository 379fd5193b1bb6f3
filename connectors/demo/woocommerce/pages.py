"""The shop's pages for people: front window, login, the merchant's orders, one order."""

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from connectors.demo.woocommerce import notes, orders, refunds, tracking
from connectors.demo.woocommerce.shop import Shop
from connectors.demo.woocommerce.wire import Json

TEMPLATES = Environment(
    loader=PackageLoader("connectors.demo.woocommerce"),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
)


def render(name: str, shop: Shop, title: str, **values: object) -> str:
    return TEMPLATES.get_template(name).render(shop=shop, title=title, statuses=orders.STATUSES, **values)


def denied(shop: Shop, message: str) -> str:
    return render("denied.html", shop, "Access denied", message=message)


def nothing(shop: Shop) -> str:
    return render("nothing.html", shop, "Page not found")


def login(shop: Shop, app_name: str, cancel: str, *, wrong: bool) -> str:
    """The form of `/wc-auth/v1/login`. `cancel` leads back to the app without a key."""
    title = "Application authentication request"
    return render("login.html", shop, title, app_name=app_name, cancel=cancel, wrong=wrong)


def grant(shop: Shop, wish: Json, user: str, rights: Sequence[str], approve: str, deny: str) -> str:
    """What the app asks for, with the two links that answer it."""
    title = "Application authentication request"
    values = {"app_name": wish["app_name"], "scope": wish["scope"].replace("_", "/"), "user": user}
    return render("grant.html", shop, title, **values, rights=rights, approve=approve, deny=deny)


def front(shop: Shop) -> str:
    return render("front.html", shop, "Shop", products=shop.database.all("product"))


def order_list(shop: Shop, documents: Sequence[Json]) -> str:
    return render("orders.html", shop, "Orders", orders=orders.views(shop, documents))


def order(shop: Shop, document: Json) -> str:
    """One order as the merchant sees it: lines, refunds, parcels, notes."""
    items = orders.meta_value(document, tracking.ITEMS) or []
    known = orders.meta_value(document, tracking.STATUS) or []
    states = [row["status"].replace("_", " ") for row in known] + [""] * len(items)
    id_ = document["id"]
    return render(
        "order.html",
        shop,
        f"Order #{shop.number_prefix}{id_}",
        order=orders.view(shop, document),
        refunds=refunds.listed(shop, id_),
        parcels=list(zip(items, states, strict=False)),
        notes=notes.listed(shop, id_),
    )
