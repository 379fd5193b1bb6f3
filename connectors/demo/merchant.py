"""The merchant's side of the install flows, as a browser would walk them: for the demo and for tests."""

from __future__ import annotations

import html
import re
from urllib.parse import urljoin

import httpx

TIME_LIMIT = 90.0
"""Seconds: approving makes the store call the app, which then looks at the store."""


class FlowError(Exception):
    """The walk did not lead where a merchant would expect; says where it stopped."""


def browser() -> httpx.Client:
    """Keeps cookies, follows redirects."""
    return httpx.Client(follow_redirects=True, timeout=TIME_LIMIT)


def install_shopify(app_url: str, shop: str, client: httpx.Client | None = None) -> httpx.Response:
    """From the app's install link through the shop's grant page and back. Returns the last page."""
    with client or browser() as session:
        grant = _good(session.get(f"{app_url}/shopify/install", params={"shop": shop}))
        return _good(session.post(_action(grant), data={"decision": "install"}))


def open_in_admin(
    origin: str, shop: str, client_id: str, client: httpx.Client | None = None
) -> httpx.Response:
    """Open the app in the shop's admin: follow the address that the admin puts into its frame."""
    with client or browser() as session:
        admin = _good(session.get(f"{origin.format(shop=shop)}/admin/apps/{client_id}"))
        found = re.search(r'<iframe[^>]*\ssrc="([^"]+)"', admin.text)
        if found is None:
            raise FlowError("the shop's admin frames no app")
        return _good(session.get(html.unescape(found.group(1))))


def connect_woocommerce(
    app_url: str,
    store_url: str,
    *,
    user: str = "merchant",
    password: str = "demo",  # noqa: S107 - of a demo store that has nothing to hide
    client: httpx.Client | None = None,
) -> httpx.Response:
    """From the app's connect link through the store's sign-in and grant page and back."""
    with client or browser() as session:
        page = _good(session.get(f"{app_url}/woocommerce/install", params={"url": store_url}))
        if "/login" in page.url.path:
            page = _good(session.post(str(page.url), data={"username": user, "password": password}))
        approve = re.search(r'href="([^"]*access_granted[^"]*)"', page.text)
        if approve is None:
            raise FlowError("the store shows no way to approve")
        return _good(session.get(urljoin(str(page.url), html.unescape(approve.group(1)))))


def _action(page: httpx.Response) -> str:
    found = re.search(r'<form[^>]*method="post"[^>]*action="([^"]*)"', page.text)
    if found is None:
        raise FlowError(f"no grant page at {page.url.path}")
    return urljoin(str(page.url), html.unescape(found.group(1)) or str(page.url))


def _good(answer: httpx.Response) -> httpx.Response:
    if answer.status_code >= 400:
        raise FlowError(f"{answer.request.method} {answer.url.path} answered {answer.status_code}")
    return answer
