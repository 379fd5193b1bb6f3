"""The install flow that starts at the shop: `/wc-auth/v1/…`, page by page.

The key is made before the callback is told, and deleted again unless the callback answers exactly 200; a
redirect counts as an answer, and then the key exists and nobody got it. Source: recordings `wc_auth/*`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from urllib.parse import parse_qsl, quote, unquote_plus, urlencode, urlsplit

import httpx
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from connectors.demo.woocommerce import auth, pages
from connectors.demo.woocommerce.shop import Shop
from connectors.demo.woocommerce.wire import WORDPRESS, Json, encode

REQUIRED = ("app_name", "user_id", "return_url", "callback_url", "scope")
SCOPES = {"read": "read", "write": "write", "read_write": "read_write"}
MAY = {
    "read": ["View coupons", "View customers", "View orders and sales reports", "View products"],
    "write": ["Create webhooks", "Create coupons", "Create customers", "Create orders", "Create products"],
    "read_write": [
        "Create webhooks", "View and manage coupons", "View and manage customers",
        "View and manage orders and sales reports", "View and manage products",
    ],
}  # fmt: skip
COOKIE = "wordpress_logged_in"


class Denied(Exception):
    """A 401 page with this text."""


def serve(shop: Shop, request: Request, route: str) -> Response:
    """One of `authorize`, `login`, `access_granted`."""
    try:
        wish = _wish(shop, request)
        if route == "login":
            return _login(shop, request, wish)
        user = logged_in(shop, request)
        if route == "authorize" and user is None:
            return redirect(f"{shop.url}/wc-auth/v1/login/?{urlencode(wish, quote_via=quote)}")
        if user is None or auth.USERS[user][2] == "customer":
            raise Denied("You do not have permission to access this page.")
        if route == "authorize":
            return _grant_page(shop, wish, user)
        if not hmac.compare_digest(request.args.get("wc_auth_nonce", ""), _nonce(shop, user)):
            raise Denied("Invalid nonce verification.")
        return _grant(shop, wish, user)
    except Denied as error:
        return Response(pages.denied(shop, str(error)), 401, content_type="text/html; charset=UTF-8")


def _wish(shop: Shop, request: Request) -> dict[str, str]:
    """The parameters, checked in the store's order. Addresses are decoded a second time. [measured]"""
    given = {name: request.args.get(name, "") for name in REQUIRED}
    for name in REQUIRED:
        if given[name] in ("", "0"):
            raise Denied(f"Missing parameter {name}.")
    if given["scope"] not in SCOPES:
        raise Denied(f"Invalid scope {given['scope']}.")
    for name in ("return_url", "callback_url"):
        given[name] = unquote_plus(given[name])
        if "://" not in given[name]:
            given[name] = f"https://{given[name]}"
        if not urlsplit(given[name]).hostname or not given[name].isascii():
            raise Denied(f"The {given[name]} is not a valid URL.")
    if not given["callback_url"].startswith("https://") and not shop.allow_http:
        raise Denied("The callback_url needs to be over SSL.")
    given["user_id"] = re.sub(r"[^\w.@ -]", "", given["user_id"], flags=re.ASCII)
    given["app_name"] = re.sub(r"<[^>]*>", "", given["app_name"]).strip()
    return given


def _back(wish: Json, success: int) -> str:
    """`return_url` with the outcome added, its own query pulled apart and glued together unencoded."""
    base, _, query = wish["return_url"].partition("?")
    parts = [f"{name}={value}" if value else name for name, value in parse_qsl(query, keep_blank_values=True)]
    parts += [f"success={success}", f"user_id={wish['user_id']}"]
    return f"{base}?{'&'.join(parts)}"


def _sign(shop: Shop, text: str) -> str:
    salt = shop.database.setting("salt")
    return hmac.new(salt.encode(), text.encode(), hashlib.sha256).hexdigest()


def logged_in(shop: Shop, request: Request) -> str | None:
    user, _, proof = request.cookies.get(COOKIE, "").partition("|")
    return user if user in auth.USERS and hmac.compare_digest(proof, _sign(shop, user)) else None


def log_in(shop: Shop, request: Request, response: Response) -> bool:
    """Check the form's user and password, and set the cookie that :func:`logged_in` knows."""
    user, password = request.form.get("username", ""), request.form.get("password", "")
    if user not in auth.USERS or not hmac.compare_digest(password.encode(), auth.USERS[user][1].encode()):
        return False
    response.set_cookie(COOKIE, f"{user}|{_sign(shop, user)}", httponly=True, samesite="Lax")
    return True


def _nonce(shop: Shop, user: str) -> str:
    return _sign(shop, f"grant {user}")[:10]


def _login(shop: Shop, request: Request, wish: Json) -> Response:
    again = f"{shop.url}/wc-auth/v1/authorize/?{urlencode(wish)}"
    if request.method == "POST":
        response = redirect(again)
        if log_in(shop, request, response):
            return response
    wrong = request.method == "POST"
    text = pages.login(shop, wish["app_name"], _back(wish, 0), wrong=wrong)
    return Response(text, content_type="text/html; charset=UTF-8")


def _grant_page(shop: Shop, wish: Json, user: str) -> Response:
    query = urlencode({**wish, "wc_auth_nonce": _nonce(shop, user)})
    approve = f"{shop.url}/wc-auth/v1/access_granted/?{query}"
    text = pages.grant(shop, wish, user, MAY[wish["scope"]], approve, _back(wish, 0))
    return Response(text, content_type="text/html; charset=UTF-8")


def _grant(shop: Shop, wish: Json, user: str) -> Response:
    key = auth.make_key(shop, user, SCOPES[wish["scope"]], wish["app_name"])
    body = encode(
        {
            "key_id": key["id"],
            "user_id": wish["user_id"],
            "consumer_key": key["consumer_key"],
            "consumer_secret": key["consumer_secret"],
            "key_permissions": key["permissions"],
        }
    )
    headers = {
        "User-Agent": f"WordPress/{WORDPRESS}; {shop.url}",
        "Content-Type": "application/json;charset=UTF-8",
        "Accept": "*/*",
    }
    try:
        status = _post(wish["callback_url"], body, headers)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        auth.revoke(shop, key["consumer_key"])
        raise Denied("A valid URL was not provided..") from error
    if status != 200:
        auth.revoke(shop, key["consumer_key"])
        message = "An error occurred in the request and at the time were unable to send the consumer data."
        raise Denied(message)
    return redirect(_back(wish, 1))


def _post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """A redirect is followed with the body lost, which the store takes for success. [measured]"""
    with httpx.Client(timeout=60, headers=headers, follow_redirects=False) as client:
        answer = client.post(url, content=body)
        for _ in range(5):
            if answer.next_request is None:
                break
            answer = client.get(str(answer.next_request.url))
    return answer.status_code
