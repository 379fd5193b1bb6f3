"""The few pages of the admin that people meet: granting access, the app's frame, an order."""

from __future__ import annotations

import time
from collections.abc import Sequence
from html import escape

from werkzeug import Response

from connectors.demo.goods import BY_SKU, picture
from connectors.demo.shopify.bags import Doc
from connectors.demo.shopify.payloads import price
from connectors.demo.shopify.shop import Shop
from connectors.demo.shopify.signing import host, session_token, signed_query

STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; background: Canvas; color: CanvasText; }
header { padding: .8rem 1.2rem; border-bottom: 1px solid var(--line); display: flex; gap: .8rem; align-items: center; }
header b { font-size: 1.05rem } header span { opacity: .65 }
main { max-width: 56rem; margin: 1.2rem auto; padding: 0 1.2rem; }
section { border: 1px solid var(--line); border-radius: .7rem; padding: .9rem 1.1rem; margin-bottom: 1rem; }
h1 { font-size: 1.35rem; margin: .2rem 0 1rem } h2 { font-size: 1rem; margin: 0 0 .6rem }
table { border-collapse: collapse; width: 100% } td, th { text-align: start; padding: .35rem .5rem; }
tr + tr { border-top: 1px solid var(--line) } td.n { text-align: end; font-variant-numeric: tabular-nums }
.tag { border: 1px solid var(--line); border-radius: 1rem; padding: .05rem .6rem; font-size: .85rem; }
button { font: inherit; padding: .5rem 1rem; border-radius: .5rem; border: 1px solid var(--line); cursor: pointer; }
button.yes { background: #1f6f54; color: #fff; border-color: #1f6f54 }
iframe { border: 0; width: 100%; height: calc(100vh - 3.4rem); display: block }
"""


def _page(shop: Shop, title: str, body: str, status: int = 200) -> Response:
    text = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)} · {escape(shop.name)}</title><style>{STYLE}</style>"
        f"<header><b>{escape(shop.name)}</b><span>{escape(shop.domain)} · demo store</span></header>{body}"
    )
    return Response(text, status, mimetype="text/html")


def problem(shop: Shop, message: str, status: int) -> Response:
    return _page(shop, "Problem", f"<main><section><h1>{escape(message)}</h1></section></main>", status)


def grant(shop: Shop, scopes: Sequence[str], action: str) -> Response:
    items = "".join(f"<li><code>{escape(scope)}</code></li>" for scope in scopes)
    return _page(
        shop,
        "Install app",
        f"<main><section><h1>Install Deskside?</h1><p>The app asks for:</p><ul>{items}</ul>"
        f'<form method="post" action="{escape(action)}"><button class="yes" name="decision" value="install">Install'
        '</button> <button name="decision" value="cancel">Cancel</button></form></section></main>',
    )


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
    return _page(shop, "Deskside", f'<iframe title="Deskside" src="{escape(address)}"></iframe>')


def home(shop: Shop, orders: Sequence[Doc]) -> Response:
    rows = "".join(
        f'<tr><td><a href="{shop.address}/admin/orders/{order["legacyResourceId"]}">{escape(order["name"])}</a>'
        f"<td>{escape(order['email'] or '')}<td>{escape(_words(order['displayFinancialStatus']))}"
        f"<td>{escape(_words(order['displayFulfillmentStatus']))}"
        f'<td class="n">{_money(order["totalPriceSet"])}</tr>'
        for order in orders
    )
    app = f'<p><a href="{shop.address}/admin/apps/{escape(shop.app.client_id)}">Deskside app</a></p>'
    return _page(shop, "Orders", f"<main><h1>Orders</h1>{app}<section><table>{rows}</table></section></main>")


def order(shop: Shop, doc: Doc) -> Response:
    lines = "".join(
        f"<tr><td>{escape(line['name'])}<br><small>{escape(line['sku'] or '')}</small>"
        f'<td class="n">{line["currentQuantity"]} of {line["quantity"]}'
        f'<td class="n">{_money(line["discountedTotalSet"])}</tr>'
        for line in doc["lineItems"]
    )
    parcels = "".join(
        f"<section><h2>{escape(each['name'])} <span class=tag>{escape(_words(each['displayStatus']))}</span></h2>"
        + "".join(_tracking(info) for info in each["trackingInfo"])
        + "<table>"
        + "".join(
            f"<tr><td>{escape(event['happenedAt'])}<td>{escape(_words(event['status']))}"
            f"<td>{escape(event['message'] or '')}</tr>"
            for event in each["events"]
        )
        + "</table></section>"
        for each in doc["fulfillments"]
    )
    returns = "".join(
        f"<section><h2>Return {escape(each['name'])} <span class=tag>{escape(_words(each['status']))}</span></h2>"
        f"<p>{each['totalQuantity']} item(s), asked {escape(each['createdAt'])}</p></section>"
        for each in doc["returns"]
    )
    refunds = "".join(
        f'<section data-refund="{escape(each["id"])}"><h2>Refund {_money(each["totalRefundedSet"])}</h2>'
        f"<p>{escape(each['createdAt'] or '')} {escape(each['note'] or '')}</p></section>"
        for each in doc["refunds"]
    )
    cancelled = (
        f'<span class="tag">cancelled {escape(doc["cancelledAt"])}</span>' if doc["cancelledAt"] else ""
    )
    return _page(
        shop,
        doc["name"],
        f"<main><h1>Order {escape(doc['name'])} <span class=tag>{escape(_words(doc['displayFinancialStatus']))}</span> "
        f"<span class=tag>{escape(_words(doc['displayFulfillmentStatus']))}</span> {cancelled}</h1>"
        f"<section><p>{escape(doc['email'] or '')}</p><table>{lines}"
        f'<tr><td>Shipping<td><td class="n">{_money(doc["totalShippingPriceSet"])}</tr>'
        f'<tr><td>Total<td><td class="n">{_money(doc["totalPriceSet"])}</tr>'
        f'<tr><td>Refunded<td><td class="n">{_money(doc["totalRefundedSet"])}</tr></table></section>'
        f"{parcels}{returns}{refunds}</main>",
    )


def _tracking(info: Doc) -> str:
    label = escape(f"{info['company']} {info['number']}")
    return f'<p><a href="{escape(info["url"])}">{label}</a></p>' if info["url"] else f"<p>{label}</p>"


def _money(bag: Doc) -> str:
    return f"{price({'shopMoney': bag['presentmentMoney']})} {bag['presentmentMoney']['currencyCode']}"


def _words(enum: str | None) -> str:
    return (enum or "unknown").replace("_", " ").lower()


def image(sku: str) -> Response | None:
    """The picture of a product, by the SKU of one of its variants."""
    product = BY_SKU.get(sku) or BY_SKU.get(sku.rpartition("-")[0])
    if product is None:
        return None
    return Response(picture(product), 200, {"Cache-Control": "max-age=86400"}, mimetype="image/svg+xml")
