"""Shopify's two Python libraries, behind a few functions: nothing else in the product imports them.

`shopifyapp` builds and posts requests; it is handed every credential and our HTTP client. It only knows
shops at https://name.myshopify.com, so a post goes through :class:`Post`, which knows where the shop
really is and keeps the answer that the library shortens. From the older `shopifyapi` only its rules for
shop domains are used: its sessions are process-wide state. Source: both libraries' code, 1.0.2 and 12.7.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import httpx
from shopify.utils.shop_url import sanitize_shop_domain  # type: ignore[import-untyped]  # has no types
from shopify_app import ShopifyApp
from shopify_app.graphql import admin_graphql_request
from shopify_app.types import IdTokenDetails, Res, TokenExchangeAccessToken

from connectors import transport
from connectors.transport import Answer
from integration.errors import StoreRefused


class Post:
    """Stands where the library wants its HTTP client; posts to `address` and remembers what came of it."""

    def __init__(self, http: httpx.Client, address: str) -> None:
        self._http, self._address = http, address
        self._response: httpx.Response | None = None
        self._error: Exception | None = None

    def post(self, _endpoint: str, *, headers: dict[str, str], json: Any) -> httpx.Response:
        try:
            self._response = self._http.post(self._address, headers=headers, json=json)
        except (httpx.HTTPError, httpx.StreamError) as error:
            self._error = error
            raise httpx.RequestError("no answer") from error
        return self._response

    def answer(self) -> Answer:
        """What the shop said; raises what kept it from saying anything."""
        if self._error is not None:
            raise self._error
        if self._response is None:
            raise StoreRefused("the request was not built: a credential is missing")
        return transport.answer_of(self._response)


NOTHING_TO_READ = httpx.Response(200, content=b"{}")


class UnreadPost(Post):
    """Keeps the answer to itself. The library would decode and parse all of it, and we do that once more."""

    def post(self, endpoint: str, *, headers: dict[str, str], json: Any) -> httpx.Response:
        super().post(endpoint, headers=headers, json=json)
        return NOTHING_TO_READ


def graphql(
    http: httpx.Client,
    address: str,
    *,
    shop: str,
    token: str,
    version: str,
    query: str,
    variables: dict[str, Any],
) -> Answer:
    """One attempt (`max_retries=0`: by itself the library repeats mutations too)."""
    post = UnreadPost(http, address)
    admin_graphql_request(
        query=query,
        shop=_name(shop),
        access_token=token,
        api_version=version,
        variables=variables,
        headers={"Accept": "application/json"},
        max_retries=0,
        http_client=cast(httpx.Client, post),
    )
    return post.answer()


def exchange(http: httpx.Client, address: str, *, key: str, secret: str, shop: str, token: str) -> Answer:
    """Trade a verified session token for an offline token that expires."""
    post = Post(http, address)
    details = IdTokenDetails(exchangeable=True, token=token, claims={"dest": f"https://{shop}"})
    ShopifyApp(key, secret).exchange_using_token_exchange(
        "offline", details, expiring=True, http_client=cast(httpx.Client, post)
    )
    return post.answer()


def refresh(
    http: httpx.Client, address: str, *, key: str, secret: str, shop: str, refresh_token: str
) -> Answer:
    """Ask for a new pair. Without times the library does not look at its own clock and always asks."""
    post = Post(http, address)
    old = TokenExchangeAccessToken(
        access_mode="offline",
        shop=_name(shop),
        token="",
        expires="",
        scope="",
        refresh_token=refresh_token,
        refresh_token_expires="",
        user=None,
    )
    ShopifyApp(key, secret).refresh_token_exchanged_access_token(old, http_client=cast(httpx.Client, post))
    return post.answer()


def app_home(
    key: str, secrets: tuple[str, ...], *, method: str, url: str, headers: Mapping[str, str], bounce_path: str
) -> tuple[str | None, Res]:
    """The session token of a request to the embedded home, or None and the answer to give instead."""
    app = ShopifyApp(key, secrets[0], secrets[1] if len(secrets) > 1 else None)
    result = app.verify_app_home_req(
        {"method": method, "url": url, "headers": dict(headers), "body": ""}, bounce_path
    )
    return (result.id_token.token if result.ok and result.id_token else None), result.response


def bounce(key: str, secret: str, url: str) -> Res:
    """The page on which App Bridge fetches a fresh session token."""
    app = ShopifyApp(key, secret)
    return app.app_home_patch_id_token({"method": "GET", "url": url, "headers": {}, "body": ""}).response


def sanitized(text: str) -> str | None:
    """`name.myshopify.com` of a name, domain or address; None for anything else."""
    found = sanitize_shop_domain(text)
    return str(found) if found else None


def _name(shop: str) -> str:
    return shop.removesuffix(".myshopify.com")
