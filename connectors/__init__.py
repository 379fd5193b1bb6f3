"""The stores' languages. A platform is a folder here and a line in this table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from integration.ports import ShopifyCredentials, StoreApi, WooCommerceCredentials
from integration.settings import Settings


def open_store(
    credentials: ShopifyCredentials | WooCommerceCredentials,
    settings: Settings,
    *,
    now: Callable[[], datetime],
    interactive: bool = False,
    hand_made: bool = False,
    attempts: int = 4,
    renew: Callable[[ShopifyCredentials], ShopifyCredentials] | None = None,
) -> StoreApi:
    """A client for one store. `interactive`: a person waits, so it may use what background work leaves free.

    `attempts`: how often a read is tried; 1 where others wait behind it and it is due again anyway.
    `renew`: credentials for those that a Shopify shop turned down. WooCommerce's keys do not expire.
    """
    # Imported here: a process that serves pages needs neither vendor SDK until a store is asked.
    if isinstance(credentials, ShopifyCredentials):
        from connectors.shopify.client import ShopifyStore

        return ShopifyStore(
            credentials,
            origin=settings.shopify_origin,
            version=settings.shopify_api_version,
            now=now,
            interactive=interactive,
            app_level=not hand_made,
            attempts=attempts,
            renew=renew,
            spool=settings.data_dir / "spool",
        )
    from connectors.woocommerce.client import WooCommerceStore

    return WooCommerceStore(credentials, now=now, allow_http=settings.allow_http_stores, attempts=attempts)
