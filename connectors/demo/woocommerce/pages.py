"""The shop's pages for people: front window, login, the merchant's orders, one order."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from connectors.demo.woocommerce import notes, orders, refunds, tracking
from connectors.demo.woocommerce.shop import Shop
from connectors.demo.woocommerce.wire import Json

STYLE = """
:root{color-scheme:light dark;--ink:#1d2327;--soft:#646970;--line:#dcdcde;--card:#fff;--ground:#f0f0f1;--woo:#720eec}
@media(prefers-color-scheme:dark){:root{--ink:#f0f0f1;--soft:#a7aaad;--line:#3c434a;--card:#1d2327;--ground:#101517;--woo:#b999ff}}
*{box-sizing:border-box}body{margin:0;font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground)}
header{padding:14px 24px;background:var(--card);border-bottom:1px solid var(--line);display:flex;gap:20px;align-items:baseline}
header b{color:var(--woo)}main{max-width:980px;margin:24px auto;padding:0 16px;display:grid;gap:16px}
section{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:16px 20px}
h1{font-size:21px;margin:0}h2{font-size:15px;margin:0 0 8px}a{color:var(--woo)}
table{width:100%;border-collapse:collapse}td,th{text-align:start;padding:7px 8px;border-top:1px solid var(--line);vertical-align:top}
td:last-child,th:last-child{text-align:end}small,.soft{color:var(--soft)}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:14px}.grid img{width:100%;border-radius:8px;display:block}
.status{border-radius:4px;padding:2px 10px;background:#c6e1c6;color:#294a12}.back{color:#a00}
input{font:inherit;padding:8px;width:100%;margin:4px 0 12px}.button{display:inline-block;font:inherit;padding:9px 16px;border-radius:4px;
border:1px solid var(--woo);background:var(--woo);color:#fff;text-decoration:none;cursor:pointer}.button.plain{background:none;color:var(--woo)}
@media(prefers-color-scheme:dark){.button{color:#101517}}
"""


def page(title: str, body: str, *, shop_name: str = "WooCommerce") -> str:
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        f"<header><b>{escape(shop_name)}</b><span class=soft>{escape(title)}</span></header>"
        f"<main>{body}</main></body></html>"
    )


def denied(message: str) -> str:
    return (
        '<!DOCTYPE html> <html lang="en-US"> <head> <title>Access denied</title> </head> <body id="error-page"> '
        f'<div class="wp-die-message">Error: {escape(message)}</div></body> </html> '
    )


def login(app_name: str, cancel: str, *, wrong: bool) -> str:
    """`cancel` is already escaped."""
    name = escape(app_name)
    error = '<p class="back" role="alert">Error: unknown user or wrong password.</p>' if wrong else ""
    return page(
        "Application authentication request",
        f"<section><h1>{name} would like to connect to your store</h1>{error}<p>To connect to {name} you need to be"
        f' logged in. Log in to your store below, or <a href="{cancel}">cancel and return to {name}</a></p>'
        '<form method="post" class="wc-auth-login"><label for="username">Username or email address</label>'
        '<input name="username" id="username" autocomplete="username" required>'
        '<label for="password">Password</label><input type="password" name="password" id="password"'
        ' autocomplete="current-password" required><button class="button" name="login" value="Login">Login</button>'
        "<p class=soft>This is a demo shop: merchant, password demo.</p></form></section>",
    )


def grant(app_name: str, user: str, rights: Sequence[str], approve: str, deny: str) -> str:
    name = escape(app_name)
    items = "".join(f"<li>{escape(right)}</li>" for right in rights)
    return page(
        "Application authentication request",
        f"<section><h1>{name} would like to connect to your store</h1><p>This will give “{name}” access which will"
        f" allow it to:</p><ul class='wc-auth-permissions'>{items}</ul><p class=soft>Logged in as {escape(user)}</p>"
        f'<p class="wc-auth-actions"><a class="button wc-auth-approve" href="{escape(approve)}">Approve</a> '
        f'<a class="button plain wc-auth-deny" href="{escape(deny)}">Deny</a></p></section>',
    )


def front(shop: Shop) -> str:
    cards = "".join(
        f'<div><img src="{escape(product["images"][0]["src"].partition("/wp-content")[1])}'
        f'{escape(product["images"][0]["src"].partition("/wp-content")[2])}" alt="">'
        f"{escape(product['name'])}<br><small>€{escape(product['price'])}</small></div>"
        for product in shop.database.all("product")
    )
    return page(
        shop.name,
        f'<section class="grid">{cards}</section><section><a href="/wp-admin/admin.php?page=wc-orders">Orders</a>'
        " of this demo shop, which speaks WooCommerce’s REST API under <code>/wp-json/wc/v3</code>.</section>",
        shop_name=shop.name,
    )


def order_list(shop: Shop, documents: Sequence[Json]) -> str:
    rows = "".join(
        f'<tr><td><a href="?page=wc-orders&amp;action=edit&amp;id={document["id"]}">'
        f"#{escape(shop.number_prefix)}{document['id']}</a> {_name(document)}</td>"
        f"<td><small>{escape(shop.created_and_modified(document['created'], None)['date_created'])}</small></td>"
        f"<td><span class=status>{escape(orders.STATUSES.get(document['status'], document['status']))}</span></td>"
        f"<td>€{escape(document['total'])}</td></tr>"
        for document in documents
    )
    return page("Orders", f"<section><table>{rows}</table></section>", shop_name=shop.name)


def _name(document: Json) -> str:
    return escape(f"{document['billing']['first_name']} {document['billing']['last_name']}")


def order(shop: Shop, document: Json) -> str:
    """One order as the merchant sees it: lines, refunds, parcels, notes."""
    title = f"Order #{shop.number_prefix}{document['id']}"
    status = orders.STATUSES.get(document["status"], document["status"])
    people = "<br>".join(escape(str(value)) for value in document["billing"].values() if value)
    head = (
        f"<section><h1>{escape(title)} <span class=status>{escape(status)}</span></h1>"
        f"<p class=soft>{escape(document['payment_method_title'])} {escape(document['transaction_id'])}</p>"
        f"<p>{people}</p></section>"
    )
    return page(
        title,
        head + _lines(shop, document) + _parcels(document) + _diary(shop, document),
        shop_name=shop.name,
    )


def _lines(shop: Shop, document: Json) -> str:
    rows = [
        f"<tr><td>{escape(item['name'])}<br><small>{escape(item['sku'])}</small></td><td>× {item['quantity']}</td>"
        f"<td>€{escape(item['total'])} <small>+ {escape(item['total_tax'])} tax</small></td></tr>"
        for item in document["line_items"]
    ]
    rows += [
        f"<tr><td>{escape(item['method_title'])}</td><td></td><td>€{escape(item['total'])}</td></tr>"
        for item in document["shipping_lines"]
    ]
    rows.append(f"<tr><th>Total</th><th></th><th>€{escape(document['total'])}</th></tr>")
    rows += [
        f'<tr class="back"><td>Refund #{row["id"]} {escape(row["reason"])}'
        f"{' · paid back' if row['refunded_payment'] else ' · recorded only'}</td><td></td>"
        f"<td>−€{escape(row['amount'])}</td></tr>"
        for row in refunds.listed(shop, document["id"])
    ]
    return f"<section><h2>Items</h2><table>{''.join(rows)}</table></section>"


def _parcels(document: Json) -> str:
    known = orders.meta_value(document, tracking.STATUS) or []
    rows = "".join(
        f"<tr><td>{escape(str(item['tracking_provider']))} {escape(str(item['tracking_number']))}</td>"
        f"<td>{escape(str(known[place]['status'] if place < len(known) else ''))}</td></tr>"
        for place, item in enumerate(orders.meta_value(document, tracking.ITEMS) or [])
    )
    return f"<section><h2>Shipment tracking</h2><table>{rows}</table></section>" if rows else ""


def _diary(shop: Shop, document: Json) -> str:
    rows = "".join(
        f"<tr><td>{escape(note['note'])}</td><td><small>{escape(note['author'])}</small></td></tr>"
        for note in notes.listed(shop, document["id"])
    )
    return f"<section><h2>Order notes</h2><table>{rows or '<tr><td class=soft>None yet</td></tr>'}</table></section>"
