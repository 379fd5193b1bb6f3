"""Tokens: got for a code or a session token, renewed before they end.

There is one refreshable token per app and shop; a new one retires the other's refresh token at once.
So callers hold a lock per shop around each of these, and save the new pair before they use it.
Source: shopify.dev, "About offline access tokens".
"""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx
from msgspec import DecodeError, Struct, json

from connectors import transport
from connectors.shopify import sdk
from connectors.shopify.domains import shop_domain
from connectors.transport import NETWORK_ERRORS, Answer
from integration.errors import (
    AppLeftAlone,
    SettingsError,
    StoreDenied,
    StoreError,
    StoreForbidden,
    StoreRefused,
    UnreadableAnswer,
)
from integration.ports import ShopifyCredentials
from integration.settings import Settings


class Granted(Struct):
    access_token: str
    scope: str = ""
    expires_in: int | None = None
    refresh_token: str | None = None
    refresh_token_expires_in: int | None = None


class Failed(Struct):
    error: str = ""


def exchange_code(
    settings: Settings, shop: str, code: str, *, now: datetime, http: httpx.Client
) -> ShopifyCredentials:
    """Authorization code → offline token that expires. A code works once."""
    key, secret = app_credentials(settings)
    form = {"client_id": key, "client_secret": secret, "code": code, "expiring": "1"}
    address = token_address(settings, shop)
    try:
        answer = transport.answer_of(http.post(address, data=form, headers={"Accept": "application/json"}))
    except NETWORK_ERRORS as error:
        raise transport.unanswered(error) from error
    return _credentials(shop, answer, now, refused=StoreRefused("the shop did not accept the code"))


def exchange_session_token(
    settings: Settings, shop: str, token: str, *, now: datetime, http: httpx.Client
) -> ShopifyCredentials:
    """A verified session token of `shop` → offline token that expires. Never on every page load."""
    key, secret = app_credentials(settings)
    address = token_address(settings, shop)
    try:
        answer = sdk.exchange(http, address, key=key, secret=secret, shop=shop_domain(shop), token=token)
    except NETWORK_ERRORS as error:
        raise transport.unanswered(error) from error
    return _credentials(shop, answer, now, refused=StoreRefused("the shop did not accept the session token"))


def refresh(
    settings: Settings, credentials: ShopifyCredentials, *, now: datetime, http: httpx.Client
) -> ShopifyCredentials:
    """A whole new pair for an old one. After a lost answer the old refresh token may be tried again.

    :exc:`StoreDenied`: it no longer works; only a merchant who opens the app can help.
    """
    if credentials.refresh_token is None:
        raise StoreDenied("this token cannot be renewed")
    if credentials.refresh_expires_at is not None and credentials.refresh_expires_at <= now:
        raise AppLeftAlone("the refresh token has expired: the merchant must open the app")
    key, secret = app_credentials(settings)
    try:
        answer = sdk.refresh(
            http,
            token_address(settings, credentials.shop),
            key=key,
            secret=secret,
            shop=credentials.shop,
            refresh_token=credentials.refresh_token,
        )
    except NETWORK_ERRORS as error:
        raise transport.unanswered(error) from error
    gone = AppLeftAlone("the refresh token is not accepted: the merchant must open the app")
    return _credentials(credentials.shop, answer, now, refused=gone)


def is_due(
    credentials: ShopifyCredentials, now: datetime, *, ahead: timedelta = timedelta(minutes=5)
) -> bool:
    """Whether the access token ends within `ahead` and can be renewed."""
    return (
        credentials.refresh_token is not None
        and credentials.expires_at is not None
        and credentials.expires_at <= now + ahead
    )


def is_idle(credentials: ShopifyCredentials, now: datetime, *, left: timedelta = timedelta(days=30)) -> bool:
    """Whether the refresh token itself comes to its end: after 90 days without use, access is lost."""
    return credentials.refresh_expires_at is not None and credentials.refresh_expires_at <= now + left


def token_address(settings: Settings, shop: str) -> str:
    return f"{settings.shopify_origin.format(shop=shop_domain(shop))}/admin/oauth/access_token"


def app_credentials(settings: Settings) -> tuple[str, str]:
    if not settings.shopify_api_key or not settings.shopify_secrets:
        raise SettingsError("not set: SHOPIFY_API_KEY, SHOPIFY_API_SECRET (see README, Shopify)")
    return settings.shopify_api_key, settings.shopify_secrets[0]


def _credentials(shop: str, answer: Answer, now: datetime, *, refused: StoreError) -> ShopifyCredentials:
    if answer.status in (400, 401):
        raise _why(answer, refused)
    if error := transport.refused(answer, now=lambda: now):
        raise error
    try:
        granted = json.decode(answer.body, type=Granted)
    except (DecodeError, UnicodeDecodeError) as error:
        raise UnreadableAnswer("the token endpoint answered in an unexpected form") from error
    return ShopifyCredentials(
        shop=shop_domain(shop),
        access_token=granted.access_token,
        scopes=tuple(filter(None, (scope.strip() for scope in granted.scope.split(",")))),
        expires_at=_after(now, granted.expires_in),
        refresh_token=granted.refresh_token,
        refresh_expires_at=_after(now, granted.refresh_token_expires_in),
    )


def _why(answer: Answer, refused: StoreError) -> StoreError:
    """A wrong app secret is our fault and must not look like the merchant's."""
    try:
        word = json.decode(answer.body, type=Failed).error
    except (DecodeError, UnicodeDecodeError):
        word = ""
    if word in ("invalid_client", "application_cannot_be_found"):
        return StoreForbidden(
            "Shopify does not accept this app's key and secret",
            code="app_credentials",
            next_step="Check SHOPIFY_API_KEY and SHOPIFY_API_SECRET.",
        )
    return refused


def _after(now: datetime, seconds: int | None) -> datetime | None:
    return None if seconds is None else now + timedelta(seconds=seconds)
