"""Who is calling the REST API: key and secret over HTTPS, a one-legged OAuth 1.0a signature anywhere.

Over plain HTTP a Basic header or query keys are ignored as if they were absent. Source: recordings `auth/*`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote

from werkzeug.wrappers import Request

from connectors.demo.woocommerce.shop import Shop
from connectors.demo.woocommerce.wire import Json, RestError

TIMESTAMP_WINDOW = 15 * 60
"""Seconds that a signature may be off in either direction."""

METHODS = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}
PARTS = ("oauth_consumer_key", "oauth_timestamp", "oauth_nonce", "oauth_signature", "oauth_signature_method")

USERS = {
    "merchant": (1, "demo", "administrator"),
    "manager": (3, "demo", "shop_manager"),
    "buyer": (9, "demo", "customer"),
}
"""The people who can log in to the shop: id, password, role."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The owner of a key. Nobody when `user_id` is 0."""

    user_id: int = 0
    role: str = ""
    name: str = ""

    @property
    def runs_the_shop(self) -> bool:
        return self.role in ("administrator", "shop_manager")


NOBODY = Caller()


def make_key(shop: Shop, user: str, permissions: str, description: str) -> Json:
    """A new key pair. The store shows the secret once; this store keeps both, it has nothing to protect."""
    key = {
        "id": shop.database.next("key"),
        "user": user,
        "permissions": permissions,
        "description": description,
        "consumer_key": f"ck_{secrets.token_hex(20)}",
        "consumer_secret": f"cs_{secrets.token_hex(20)}",
    }
    shop.database.put("key", key, name=str(key["consumer_key"]))
    return key


def keys(shop: Shop) -> list[Json]:
    return shop.database.all("key")


def revoke(shop: Shop, consumer_key: str) -> None:
    """As the merchant does it in the settings. The app is not told."""
    shop.database.run("DELETE FROM document WHERE kind = 'key' AND name = ?", consumer_key)


def is_https(request: Request) -> bool:
    return request.scheme == "https" or request.headers.get("X-Forwarded-Proto") == "https"


def caller(shop: Shop, request: Request, method: str) -> Caller:
    """Raises :exc:`RestError` 401 for a wrong key or signature and for a key that may not do `method`."""
    query = dict(parse_qsl(request.query_string.decode("latin-1"), keep_blank_values=True, encoding="utf-8"))
    key = _by_password(shop, request, query) if is_https(request) else None
    if key is None and any(part in query for part in PARTS):
        key = _by_signature(shop, request, query)
    if key is None:
        return NOBODY
    _may(key, method)
    id_, _, role = USERS[key["user"]]
    return Caller(id_, role, key["user"])


def _find(shop: Shop, consumer_key: str) -> Json | None:
    row = shop.database.row("SELECT id FROM document WHERE kind = 'key' AND name = ?", consumer_key)
    return shop.database.get("key", row["id"]) if row else None


def _by_password(shop: Shop, request: Request, query: Mapping[str, str]) -> Json | None:
    """Query parameters win over the header. An unknown key, or half a pair, counts as nobody."""
    name, secret = query.get("consumer_key", ""), query.get("consumer_secret", "")
    if not (name and secret):
        name, secret = _basic(request.headers.get("Authorization", ""))
    key = _find(shop, name) if name and secret else None
    if key and not hmac.compare_digest(key["consumer_secret"].encode(), secret.encode()):
        raise _refused("Consumer secret is invalid.")
    return key


def _basic(header: str) -> tuple[str, str]:
    kind, _, value = header.partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        name, _, secret = base64.b64decode(value).decode("utf-8", "replace").partition(":")
    except binascii.Error:
        return "", ""
    return name, secret


def _by_signature(shop: Shop, request: Request, query: Mapping[str, str]) -> Json:
    absent = [part for part in PARTS if part not in query]
    if absent:
        names = ", ".join(sorted(absent))
        word = "parameter" if len(absent) == 1 else "parameters"
        message = f"Missing OAuth {word} {names}"
        raise RestError(401, "woocommerce_rest_authentication_missing_parameter", message)
    key = _find(shop, query["oauth_consumer_key"])
    if key is None:
        raise _refused("Consumer key is invalid.")
    method = METHODS.get(query["oauth_signature_method"])
    if method is None:
        raise _refused("Invalid signature - signature method is invalid.")
    url = f"{'https' if is_https(request) else 'http'}://{request.host}{quote(request.path, safe='/')}"
    text = base_string(request.method, url, query)
    expected = hmac.new(f"{key['consumer_secret']}&".encode(), text.encode(), method).digest()
    if not hmac.compare_digest(base64.b64encode(expected), query["oauth_signature"].encode()):
        raise _refused("Invalid signature - provided signature does not match.")
    _use_nonce(shop, query["oauth_timestamp"], query["oauth_nonce"])
    return key


def base_string(method: str, url: str, query: Mapping[str, str]) -> str:
    """What is signed: method, address and sorted parameters, each encoded once more than it is sent."""
    parts = {_encode(name): _encode(value) for name, value in query.items() if name != "oauth_signature"}
    pairs = "%26".join(f"{quote(name, safe='~')}%3D{quote(parts[name], safe='~')}" for name in sorted(parts))
    return f"{method}&{quote(url, safe='~')}&{pairs}"


def _encode(text: str) -> str:
    return quote(unquote(text), safe="~")


def _use_nonce(shop: Shop, timestamp: str, nonce: str) -> None:
    now = shop.now()
    if not timestamp.isdecimal() or abs(now - int(timestamp)) > TIMESTAMP_WINDOW:
        raise _refused("Invalid timestamp.")
    with shop.database.change():
        shop.database.run("DELETE FROM nonce WHERE at < ?", now - 2 * TIMESTAMP_WINDOW)
        if not shop.database.run("INSERT OR IGNORE INTO nonce VALUES (?, ?)", f"{timestamp} {nonce}", now):
            raise _refused("Invalid nonce - nonce has already been used.")


def _may(key: Json, method: str) -> None:
    if method in ("GET", "HEAD") and key["permissions"] == "write":
        raise _refused("The API key provided does not have read permissions.")
    if method not in ("GET", "HEAD", "OPTIONS") and key["permissions"] == "read":
        raise _refused("The API key provided does not have write permissions.")


def _refused(message: str) -> RestError:
    return RestError(401, "woocommerce_rest_authentication_error", message)


SORRY = {
    "view": "Sorry, you cannot list resources.",
    "view one": "Sorry, you cannot view this resource.",
    "create": "Sorry, you are not allowed to create resources.",
    "edit": "Sorry, you are not allowed to edit this resource.",
    "delete": "Sorry, you are not allowed to delete this resource.",
}


def must_run_the_shop(who: Caller, doing: str) -> None:
    """401 for nobody, 403 for a customer, both with the same words."""
    if not who.runs_the_shop:
        status = 403 if who.user_id else 401
        raise RestError(status, f"woocommerce_rest_cannot_{doing.split()[0]}", SORRY[doing])
