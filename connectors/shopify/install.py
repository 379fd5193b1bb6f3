"""The way in: the grant page, the callback that it leads to, and where the merchant lands.

Source: shopify.dev, "Authorization code grant". Session tokens are in `home`, tokens in `tokens`, the
app's own file in `manifest`; their functions are named here too, as one door to all of it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit

from connectors.shopify.domains import is_shop_domain, shop_domain
from connectors.shopify.home import (
    Detour,
    HomeVisit,
    ShopifySession,
    bounce_page,
    frame_headers,
    open_home,
    verify_session_token,
)
from connectors.shopify.manifest import toml
from connectors.shopify.tokens import (
    app_credentials,
    exchange_code,
    exchange_session_token,
    is_due,
    is_idle,
    refresh,
)
from integration.errors import ForgedMessage
from integration.settings import Settings

__all__ = [
    "Detour",
    "HomeVisit",
    "ShopifySession",
    "authorize_url",
    "bounce_page",
    "check_callback",
    "check_query",
    "exchange_code",
    "exchange_session_token",
    "frame_headers",
    "is_due",
    "is_idle",
    "is_shop_domain",
    "landing_page",
    "missing_scopes",
    "open_home",
    "refresh",
    "shop_domain",
    "toml",
    "verify_session_token",
]

FRESH = timedelta(minutes=10)
"""How old a signed query may be. Shopify signs it on the redirect that brings it to us."""

AHEAD = timedelta(minutes=2)
"""How far our clock may be behind."""


def authorize_url(settings: Settings, shop: str, state: str) -> str:
    """The shop's grant page. `state` comes back with the callback and belongs in a signed cookie, too."""
    key, _ = app_credentials(settings)
    origin = settings.shopify_origin.format(shop=shop_domain(shop))
    query = urlencode({
        "client_id": key,
        "scope": settings.shopify_scopes,
        "redirect_uri": f"{settings.app_url}/shopify/callback",
        "state": state,
    })  # fmt: skip
    return f"{origin}/admin/oauth/authorize?{query}"


def check_callback(
    params: Mapping[str, str], settings: Settings, *, state: str, now: datetime
) -> tuple[str, str]:
    """The shop and the code of a genuine, fresh callback to the request that had `state`."""
    shop = check_query(params, settings.shopify_secrets, now=now)
    if not state or not hmac.compare_digest(params.get("state", "").encode(), state.encode()):
        raise ForgedMessage("the callback does not belong to this installation")
    if not params.get("code"):
        raise ForgedMessage("the callback brings no code")
    return shop, params["code"]


def check_query(params: Mapping[str, str], secrets: Sequence[str], *, now: datetime) -> str:
    """The shop of a query that Shopify signed lately: HMAC over the sorted parameters, in hex."""
    text = "&".join(f"{_key(name)}={_value(params[name])}" for name in sorted(params) if name != "hmac")
    given, good = params.get("hmac", "").encode(), False
    for secret in secrets:
        digest = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        good |= hmac.compare_digest(digest.encode(), given)
    if not good:
        raise ForgedMessage("the signature of the query does not match")
    if not _is_fresh(params.get("timestamp", ""), now):
        raise ForgedMessage("the query is too old")
    if not is_shop_domain(params.get("shop", "")):
        raise ForgedMessage("the query names no shop")
    return params["shop"]


def _key(text: str) -> str:
    return _value(text).replace("=", "%3D")


def _value(text: str) -> str:
    return text.replace("%", "%25").replace("&", "%26")


def _is_fresh(timestamp: str, now: datetime) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    age = timedelta(seconds=now.timestamp() - int(timestamp))
    return -AHEAD <= age <= FRESH


def missing_scopes(settings: Settings, granted: Sequence[str]) -> list[str]:
    """Scopes we asked for and did not get: the query that asked passed through the merchant's browser."""
    have = {scope.strip() for scope in granted}
    have |= {f"read_{scope[6:]}" for scope in have if scope.startswith("write_")}
    asked = [scope.strip() for scope in settings.shopify_scopes.split(",") if scope.strip()]
    return [scope for scope in asked if scope not in have]


def landing_page(settings: Settings, shop: str, host: str = "") -> str:
    """Where the merchant goes after installing: our app inside the shop's admin.

    `host` is base64 without padding. Only Shopify's own admin is accepted as a target.
    """
    key, _ = app_credentials(settings)
    admin = _decoded_host(host)
    if admin is None or settings.shopify_origin != "https://{shop}":
        return f"{settings.shopify_origin.format(shop=shop_domain(shop))}/admin/apps/{key}"
    return f"https://{admin}/apps/{key}/"


def _decoded_host(host: str) -> str | None:
    try:
        text = base64.urlsafe_b64decode(host + "=" * (-len(host) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    parts = urlsplit(f"https://{text}")
    plain = not parts.query and not parts.fragment and "@" not in parts.netloc and ".." not in parts.path
    if parts.netloc == "admin.shopify.com" and plain and parts.path.startswith("/store/"):
        return text.rstrip("/")
    if is_shop_domain(parts.netloc) and plain and parts.path.rstrip("/") == "/admin":
        return text.rstrip("/")
    return None
