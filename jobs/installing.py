"""A store comes in: its credentials are tried before they are kept, then its copy begins."""

from __future__ import annotations

import msgspec
from redis.exceptions import RedisError
from sqlalchemy import select

import connectors
from connectors import transport
from connectors.shopify import install as shopify
from connectors.woocommerce import install as woocommerce
from integration import policies, stores
from integration.db.accounts import Account
from integration.db.stores import Store, SyncPhase
from integration.errors import KEY_REFUSED, BadInput, StoreForbidden, StoreUnavailable
from integration.people import links
from integration.ports import ShopifyCredentials, WooCommerceCredentials
from integration.records import Platform, ShopRecord
from integration.work import Work
from jobs.boot import Services


def account_for(services: Services, platform: Platform, domain: str, name: str = "") -> int:
    """Whose store this is: the account that has it, the only account, or (hosted for many) a new one."""
    with services.everywhere() as work:
        store = stores.by_domain(work, platform, domain)
        if store is not None:
            return store.account_id
        ids = work.session.scalars(select(Account.id).order_by(Account.id).limit(2)).all()
        if len(ids) == 1:
            return ids[0]
        account = Account(name=name or domain, created_at=services.now(), settings={})
        work.add(account)
        work.session.flush()
        account_id = account.id
    with services.transaction(account_id) as work:
        policies.ensure_policy(work)
    return account_id


def connect_shopify(
    services: Services,
    credentials: ShopifyCredentials,
    *,
    by: str,
    account_id: int | None = None,
    hand_made: bool = False,
) -> int:
    """Ask the shop who it is, then keep its token. Returns the store's id. Raises StoreError, Conflict."""
    api = connectors.open_store(
        credentials, services.settings, now=services.now, interactive=True, hand_made=hand_made
    )
    try:
        shop = api.shop()
    finally:
        api.close()
    if not hand_made and (missing := shopify.missing_scopes(services.settings, shop.scopes)):
        raise StoreForbidden(
            f"the shop did not grant: {', '.join(missing)}",
            code="missing_scopes",
            next_step="Install the app again and grant all permissions that it asks for.",
        )
    url = services.settings.shopify_origin.format(shop=credentials.shop)
    return _keep(
        services,
        Platform.SHOPIFY,
        shop,
        credentials,
        url=url,
        account_id=account_id,
        hand_made=hand_made,
        by=by,
    )


def connect_woocommerce(
    services: Services,
    credentials: WooCommerceCredentials,
    *,
    by: str,
    account_id: int | None = None,
    hand_made: bool = False,
) -> int:
    """Try the keys on the store, then keep them. Returns the store's id. Raises StoreError, Conflict."""
    shop = woocommerce.check(credentials, now=services.now, allow_http=services.settings.allow_http_stores)
    # Known by where we reach it, port and folder included: one host can have several stores.
    shop = msgspec.structs.replace(shop, domain=credentials.url.partition("://")[2])
    return _keep(
        services,
        Platform.WOOCOMMERCE,
        shop,
        credentials,
        url=credentials.url,
        account_id=account_id,
        hand_made=hand_made,
        by=by,
    )


def _keep(
    services: Services,
    platform: Platform,
    shop: ShopRecord,
    credentials: ShopifyCredentials | WooCommerceCredentials,
    *,
    url: str,
    account_id: int | None,
    hand_made: bool,
    by: str,
) -> int:
    """Write the store down. Without an account (a link that anybody may open) it may have to wait."""
    owner = account_id or account_for(services, platform, shop.domain, shop.name)
    with services.transaction(owner) as work:
        trusted = account_id is not None or _comes_to_its_own(work, platform, shop.domain)
        store = stores.connect(
            work,
            services.vault,
            platform,
            shop,
            credentials,
            url=url,
            hand_made=hand_made,
            trusted=trusted,
            by=by,
        )
        (links.vouch if trusted else links.doubt)(work, store.id)
        return store.id


def waits_for_confirmation(services: Services, store_id: int) -> bool:
    with services.everywhere(write=False) as work:
        return stores.state(work, store_id).phase is SyncPhase.WAITING


def _comes_to_its_own(work: Work, platform: Platform, domain: str) -> bool:
    """Whether a store that comes by an open link is the account's own, or the first of a new account."""
    known = stores.by_domain(work, platform, domain)
    return not links.is_in_use(work) if known is None else not links.is_doubted(work, known.id)


def exchange_code(services: Services, shop: str, code: str, *, account_id: int | None, by: str) -> int:
    """Second half of the authorization-code grant. Returns the store's id."""
    with transport.new_client() as http:
        credentials = shopify.exchange_code(services.settings, shop, code, now=services.now(), http=http)
    return connect_shopify(services, credentials, by=by, account_id=account_id)


def open_from_admin(services: Services, shop: str, token: str) -> int:
    """The embedded home was opened: the shop's store, connected at the first visit. Returns its id.

    A live token is never exchanged again: each exchange ends the one before it. One visit at a time
    does the exchange; a second tab waits for the first one's result.
    """
    found = _connected(services, shop)
    if found is not None:
        return found
    try:
        with services.redis.lock(f"deskside:install:{shop}", timeout=60, blocking_timeout=30):
            return _connected(services, shop) or _connect_by_session(services, shop, token)
    except RedisError as error:
        raise StoreUnavailable(
            "the queue cannot be reached, or another visit is busy connecting this shop",
            next_step="Reload this page in a moment. If it stays, install the app again.",
        ) from error


def _connect_by_session(services: Services, shop: str, token: str) -> int:
    with transport.new_client() as http:
        credentials = shopify.exchange_session_token(
            services.settings, shop, token, now=services.now(), http=http
        )
    return connect_shopify(services, credentials, by=f"shopify:{shop}")


def _connected(services: Services, shop: str) -> int | None:
    """The shop's store, if its token still works as far as we know."""
    with services.everywhere(write=False) as work:
        store: Store | None = stores.by_domain(work, Platform.SHOPIFY, shop)
        if store is None or store.credentials is None:
            return None
        with services.reading(store.account_id) as mine:
            error = stores.state(mine, store.id).error or {}
        return None if error.get("code") in KEY_REFUSED else store.id


def check_store_address(services: Services, text: str) -> str:
    """The WooCommerce site that a merchant means. Raises :exc:`BadInput` in words for the merchant."""
    if len(text) > 500:
        raise BadInput("the address is too long")
    return woocommerce.normalise_url(text, allow_http=services.settings.allow_http_stores)
