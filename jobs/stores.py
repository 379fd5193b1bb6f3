"""Clients of connected stores, opened with fresh credentials."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

import connectors
from connectors import transport
from connectors.shopify import install as shopify_install
from integration import stores
from integration.db.stores import Store
from integration.errors import RateLimited, StoreDenied, StoreError
from integration.ports import ShopifyCredentials, StoreApi
from integration.stores import Credentials

if TYPE_CHECKING:
    from jobs.boot import Services

REFRESH_BEFORE = timedelta(minutes=5)
"""A token with less left is refreshed before it is used."""
LOOKS, LOOK_SECONDS = 40, 0.25
"""How often, and after how long, to see whether another process has finished a refresh."""


def account_of(services: Services, store_id: int) -> int:
    """The account a store belongs to. Raises NotFound."""
    with services.everywhere(write=False) as work:
        return stores.find(work, store_id).account_id


def open_store(services: Services, store_id: int, interactive: bool = False, attempts: int = 4) -> StoreApi:
    """A client with credentials that are good for the next minutes. Close it when done.

    Raises :exc:`StoreDenied` when the store is disconnected or its token can no longer be refreshed.
    """
    account_id = account_of(services, store_id)

    def lasts(held: ShopifyCredentials) -> bool:
        return not shopify_install.is_due(held, services.now(), ahead=REFRESH_BEFORE)

    def renew(refused: ShopifyCredentials) -> ShopifyCredentials:
        # The shop may end a token before its time; whoever is told so first fetches the next one.
        fresh, _ = _held(
            services, account_id, store_id, lambda held: held.access_token != refused.access_token
        )
        assert isinstance(fresh, ShopifyCredentials)
        return fresh

    credentials, hand_made = _held(services, account_id, store_id, lasts)
    return connectors.open_store(
        credentials,
        services.settings,
        now=services.now,
        interactive=interactive,
        hand_made=hand_made,
        attempts=attempts,
        renew=renew,
    )


def _held(
    services: Services, account_id: int, store_id: int, good: Callable[[ShopifyCredentials], bool]
) -> tuple[Credentials, bool]:
    """The store's credentials once they are good, refreshed by one process if need be; and if hand-made."""
    for _ in range(LOOKS):
        with services.reading(account_id) as work:
            store = stores.find(work, store_id)
            if store.credentials is None:
                raise StoreDenied("the store is disconnected")
            credentials = stores.credentials(services.vault, store)
            version, hand_made = store.credentials_version, store.hand_made
        if not isinstance(credentials, ShopifyCredentials) or good(credentials):
            return credentials, hand_made
        _refresh(services, account_id, store_id, version, credentials)
    raise RateLimited("another process is refreshing this store's token", wait=5.0)


def _refresh(
    services: Services, account_id: int, store_id: int, version: int, credentials: ShopifyCredentials
) -> None:
    """Trade the token for a new one: one process at a time, saved before it is used.

    A lost answer costs nothing: the former refresh token stays good until the new one is used.
    Source: shopify.dev, changelog of 2026-08-28.
    """
    began = services.now()
    with services.transaction(account_id) as work:
        mine = stores.claim_refresh(work, store_id, version)
    if not mine:
        time.sleep(LOOK_SECONDS)  # another process is at it; look again
        return
    try:
        with transport.new_client() as http:
            fresh = shopify_install.refresh(services.settings, credentials, now=services.now(), http=http)
    except StoreError as error:
        with services.transaction(account_id) as work:
            if isinstance(error, StoreDenied):
                stores.denied(work, stores.find(work, store_id), error, asked_at=began)
            stores.release_refresh(work, store_id, version)
        raise
    with services.transaction(account_id) as work:
        stores.save_refreshed(work, services.vault, store_id, version, fresh)


def refresh_idle(services: Services) -> int:
    """Refresh every token whose refresh token would die within 30 days. Returns how many.

    Source: shopify.dev, "About offline access tokens": 90 days without a refresh end the access.
    """
    with services.everywhere(write=False) as work:
        rows = [
            (store.account_id, store.id, store.credentials_version, store.credentials)
            for store in work.session.scalars(select(Store).where(Store.credentials.is_not(None)))
            if store.platform == "shopify"
        ]
    done = 0
    for account_id, store_id, version, sealed in rows:
        assert sealed is not None
        credentials = services.vault.open_record(sealed, ShopifyCredentials)
        if not shopify_install.is_idle(credentials, services.now()):
            continue
        try:
            _refresh(services, account_id, store_id, version, credentials)
            done += 1
        except StoreError:
            continue  # written down by _refresh; the next round tries again
    return done
