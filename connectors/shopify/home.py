"""Who opened the app inside the Shopify admin: session tokens, and the page that fetches a fresh one.

These people are users of the shop's admin. Helpdesk agents are others, and prove themselves elsewhere.
Source: shopify.dev, "About session tokens", "Set up session tokens", "Set up iframe protection".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from msgspec import Struct

from connectors.shopify import sdk
from connectors.shopify.domains import is_shop_domain
from connectors.shopify.tokens import app_credentials
from integration.errors import ForgedMessage
from integration.settings import Settings

LEEWAY = 10
"""Seconds: App Bridge often sends an `nbf` that lies a little ahead."""

RETRY = {"X-Shopify-Retry-Invalid-Session-Request": "1"}
"""On a 401 to a fetch: App Bridge takes a new token and repeats the request once."""


class ShopifySession(Struct, frozen=True, kw_only=True):
    shop: str
    """name.myshopify.com, from the signed `dest`."""
    user_id: str
    session_id: str
    token: str
    expires_at: int


class HomeVisit(Struct, frozen=True, kw_only=True):
    """A verified visit, and the headers its page needs."""

    session: ShopifySession
    headers: dict[str, str]


class Detour(Struct, frozen=True, kw_only=True):
    """The answer to give instead of the page."""

    status: int
    headers: dict[str, str]
    body: str


def verify_session_token(token: str, settings: Settings, now: datetime) -> ShopifySession:
    """Signature by either secret, audience, times, and that issuer and destination are one shop."""
    claims = _claims(token, settings)
    moment = now.timestamp()
    times = [claims.get("exp"), claims.get("nbf")]
    if not all(isinstance(time, int | float) for time in times):
        raise ForgedMessage("the session token has no times")
    if claims["exp"] + LEEWAY < moment or claims["nbf"] - LEEWAY > moment:
        raise ForgedMessage("the session token is stale", code="stale_session")
    issuer, dest = (urlsplit(str(claims.get(name, ""))) for name in ("iss", "dest"))
    shop = (dest.hostname or "").lower()
    if dest.scheme != "https" or issuer[:2] != dest[:2] or not is_shop_domain(shop):
        raise ForgedMessage("the session token names no shop, or two")
    return ShopifySession(
        shop=shop,
        user_id=str(claims.get("sub", "")),
        session_id=str(claims.get("sid", "")),
        token=token,
        expires_at=int(claims["exp"]),
    )


def _claims(token: str, settings: Settings) -> dict[str, Any]:
    """Times are checked by our own clock, so not here."""
    app_credentials(settings)
    for secret in settings.shopify_secrets:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                secret,
                algorithms=["HS256"],
                audience=settings.shopify_api_key,
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
            return claims
        except jwt.PyJWTError:
            continue
    raise ForgedMessage("the session token is not signed by this app's secret")


def open_home(
    settings: Settings,
    *,
    method: str,
    url: str,
    headers: Mapping[str, str],
    bounce_path: str,
    now: datetime,
) -> HomeVisit | Detour:
    """Judge a request to the embedded home: a page load carries `id_token`, a fetch carries Authorization.

    `url` is the full address as the browser asked for it (behind TLS termination: with https).
    """
    key, _ = app_credentials(settings)
    token, answer = sdk.app_home(
        key, settings.shopify_secrets, method=method, url=url, headers=headers, bounce_path=bounce_path
    )
    shop = _query(url, "shop")
    if token is None:
        if answer.status == 302 and not is_shop_domain(shop):
            return Detour(status=400, headers={}, body="Open the app from your Shopify admin.")
        return Detour(status=answer.status, headers=dict(answer.headers), body=answer.body)
    try:
        session = verify_session_token(token, settings, now)
    except ForgedMessage:
        return Detour(status=401, headers=dict(RETRY), body="")
    if shop and shop != session.shop:
        return Detour(status=401, headers=dict(RETRY), body="")
    return HomeVisit(session=session, headers=frame_headers(session.shop))


def bounce_page(settings: Settings, url: str) -> Detour:
    """The page that reloads `shopify-reload` with a fresh token. Only our own pages may be named there."""
    key, secret = app_credentials(settings)
    shop, target = _query(url, "shop"), _query(url, "shopify-reload")
    if not is_shop_domain(shop) or not _is_ours(target, settings):
        return Detour(status=400, headers={}, body="Open the app from your Shopify admin.")
    page = sdk.bounce(key, secret, url)
    return Detour(status=page.status, headers={**page.headers, **frame_headers(shop)}, body=page.body)


def frame_headers(shop: str) -> dict[str, str]:
    """Only this shop's admin may frame the page, and nobody keeps a copy."""
    return {
        "Content-Security-Policy": f"frame-ancestors https://{shop} https://admin.shopify.com;",
        "Cache-Control": "no-store",
    }


def _is_ours(target: str, settings: Settings) -> bool:
    if any(ord(character) < 33 for character in target) or "\\" in target:
        return False
    if target.startswith("/"):
        return not target.startswith("//")
    return urlsplit(target)[:2] == urlsplit(settings.app_url)[:2]


def _query(url: str, name: str) -> str:
    return parse_qs(urlsplit(url).query).get(name, [""])[0]
