"""Connect a store, find it, keep its credentials, let it go."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update

from integration import audit
from integration.db.inbox import Delivery, DeliveryStatus
from integration.db.stores import Store, StoreStatus, SyncPhase, SyncState
from integration.errors import Conflict, NotFound, StoreError
from integration.identity import lock_account
from integration.ports import ShopifyCredentials, WooCommerceCredentials
from integration.records import Platform, ShopRecord
from integration.vault import Vault
from integration.work import JobName, Work

Credentials = ShopifyCredentials | WooCommerceCredentials

REFRESH_HOLD = timedelta(seconds=60)
"""How long one process may take to refresh a token before another tries."""


def by_domain(work: Work, platform: Platform, domain: str) -> Store | None:
    return work.session.scalar(select(Store).where(Store.platform == platform, Store.domain == domain))


def find(work: Work, store_id: int) -> Store:
    """Raises :exc:`NotFound`."""
    store = work.session.scalar(select(Store).where(Store.id == store_id))
    if store is None:
        raise NotFound(f"no store {store_id}; `integration stores list` shows them")
    return store


def state(work: Work, store_id: int, *, lock: bool = False) -> SyncState:
    query = select(SyncState).where(SyncState.store_id == store_id)
    row = work.session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound(f"no store {store_id}")
    return row


def everyone(work: Work) -> Sequence[Store]:
    return work.session.scalars(select(Store).order_by(Store.id)).all()


def connect(
    work: Work,
    vault: Vault,
    platform: Platform,
    shop: ShopRecord,
    credentials: Credentials,
    *,
    url: str,
    hand_made: bool = False,
    trusted: bool = True,
    by: str,
) -> Store:
    """A new store, or the old one with a new key: its data is taken over, its backfill runs again.

    One that is not `trusted` waits until somebody of the account confirms it: a stranger's orders must not
    stand beside the account's own, nor join its customers by their e-mail addresses.

    Raises :exc:`Conflict` if another account has connected the same store and not let it go.
    """
    now = work.now()
    lock_account(work)
    _refuse_foreign(work, platform, shop.domain)
    store = by_domain(work, platform, shop.domain)
    fresh = store is None
    if store is None:
        store = Store(platform=platform, domain=shop.domain, installed_at=now, hand_made=hand_made)
        work.add(store)
    store.url = url
    store.hand_made = hand_made
    describe(store, shop)
    store.credentials = vault.seal_record(credentials)
    store.credentials_version = (store.credentials_version or 0) + 1
    store.credentials_held_until = None
    store.installed_at = now
    store.disconnected_at = None
    store.status = StoreStatus.INSTALLING
    if store.webhook_secret is None:
        store.webhook_secret = vault.seal(secrets.token_urlsafe(32))
    work.session.flush()
    sync = None if fresh else work.session.get(SyncState, store.id)
    if sync is None:
        sync = SyncState(store_id=store.id, phase=SyncPhase.BACKFILL, failures=0)
        work.add(sync)
    begin_backfill(sync, now)
    if not trusted:
        sync.phase, sync.due_at = SyncPhase.WAITING, None
    audit.record(
        work,
        "store.connected" if fresh else "store.reconnected",
        actor=by,
        proof="install",
        detail={"store": store.id, "platform": platform, "domain": shop.domain, "trusted": trusted},
    )
    if trusted:
        work.wake(JobName.SYNC, store_id=store.id)
    return store


def confirm(work: Work, store_id: int, *, by: str) -> None:
    """Somebody of the account knows this store: its copy begins. Repeatable. See `people.links.vouch`."""
    lock_account(work)
    store, sync = find(work, store_id), state(work, store_id)
    if sync.phase is not SyncPhase.WAITING:
        return
    begin_backfill(sync, work.now())
    audit.record(
        work,
        "store.confirmed",
        actor=by,
        proof="session",
        detail={"store": store.id, "domain": store.domain},
    )
    work.wake(JobName.SYNC, store_id=store.id)


def copy_again(work: Work, store_id: int) -> None:
    """The whole backfill once more. Raises :exc:`NotFound` where nothing may be copied."""
    lock_account(work)
    sync = state(work, store_id)
    if sync.phase in (SyncPhase.WAITING, SyncPhase.STOPPED):
        raise NotFound("no such connected store")
    begin_backfill(sync, work.now())
    work.wake(JobName.SYNC, store_id=store_id)


def _refuse_foreign(work: Work, platform: Platform, domain: str) -> None:
    # The one question about other accounts that a tenant's transaction must ask; answered with yes or no.
    table = Store.__table__
    owner = (
        work.session.connection()
        .execute(
            select(table.c.account_id, table.c.credentials.is_not(None).label("live")).where(
                table.c.platform == platform.value, table.c.domain == domain
            )
        )
        .first()
    )
    if owner and owner.account_id != work.account_id:
        raise Conflict(
            "this store is connected to another account",
            next_step="Disconnect it there first, or ask its owner.",
        )


def describe(store: Store, shop: ShopRecord) -> None:
    """Take over what the shop says of itself."""
    store.name = shop.name or shop.domain
    store.currency = shop.currency
    store.timezone = shop.timezone
    store.country = shop.country
    store.scopes = list(shop.scopes)
    store.features = {
        "gateways": shop.gateways,
        "version": shop.version,
        "plan": shop.plan,
        "taxes_included": shop.taxes_included,
        **shop.features,
    }


def begin_backfill(sync: SyncState, now: datetime) -> None:
    """From the start: what is in the cache stays and is compared."""
    sync.phase = SyncPhase.BACKFILL
    sync.cursor, sync.changed_cursor = {}, {}
    sync.done, sync.total = 0, None
    sync.backfill_started_at = now
    sync.changed_since = now
    sync.changed_until = None
    sync.due_at = now
    sync.proof_due_at = None
    sync.held_until = sync.held_by = None  # whoever copies just now copies for the past
    sync.webhooks_checked_at = None
    sync.failures, sync.error = 0, None


def disconnect(work: Work, store: Store, *, by: str, reason: str = "asked") -> None:
    """Drop the credentials at once and stop the jobs. What was copied stays until erased. Repeatable."""
    if store.credentials is None and store.status == StoreStatus.DISCONNECTED:
        return
    lock_account(work)
    store.credentials = None
    store.credentials_version += 1
    store.status = StoreStatus.DISCONNECTED
    store.disconnected_at = work.now()
    sync = state(work, store.id)
    sync.phase = SyncPhase.STOPPED
    sync.due_at = sync.proof_due_at = sync.held_until = sync.held_by = None
    work.session.execute(
        update(Delivery)
        .where(Delivery.store_id == store.id, Delivery.status == DeliveryStatus.PENDING)
        .where(Delivery.topic.not_in(["data_request", "redact_customer", "redact_shop"]))
        .values(status=DeliveryStatus.DONE, done_at=work.now())
    )
    audit.record(
        work,
        "store.disconnected",
        actor=by,
        proof="system" if by == "store" else "session",
        detail={"store": store.id, "domain": store.domain, "reason": reason},
    )


def denied(work: Work, store: Store, error: StoreError, *, asked_at: datetime) -> None:
    """The store refuses our key: say so, and ask again only rarely until somebody reconnects it.

    `asked_at`: when whoever was refused took the key. Was another one brought since, or the store let go,
    then the refusal says nothing.
    """
    lock_account(work)
    work.session.refresh(store)
    if store.credentials is None or store.installed_at > asked_at:
        return
    sync = state(work, store.id)
    store.status = StoreStatus.DEGRADED
    sync.error = problem(error, work.now())
    sync.due_at = work.now() + timedelta(hours=1)


def problem(error: StoreError, now: datetime) -> dict[str, str]:
    """What the merchant's pages and the API say of a failure."""
    return {
        "code": error.code,
        "message": str(error)[:300],
        "next_step": error.next_step,
        "at": now.isoformat(),
    }


def credentials(vault: Vault, store: Store) -> Credentials:
    """The open credentials, for building a client and nothing else."""
    if store.credentials is None:
        raise NotFound("the store is disconnected", next_step="Reconnect it under Stores.")
    if store.platform == Platform.SHOPIFY:
        return vault.open_record(store.credentials, ShopifyCredentials)
    return vault.open_record(store.credentials, WooCommerceCredentials)


def claim_refresh(work: Work, store_id: int, version: int) -> bool:
    """Whether this process may refresh the token of `version` now. One at a time; a dead one's hold ends."""
    now = work.now()
    done = work.session.execute(
        update(Store)
        .where(
            Store.id == store_id,
            Store.credentials_version == version,
            or_(Store.credentials_held_until.is_(None), Store.credentials_held_until < now),
        )
        .values(credentials_held_until=now + REFRESH_HOLD)
    )
    return bool(done.rowcount)  # type: ignore[attr-defined] # an UPDATE has one


def release_refresh(work: Work, store_id: int, version: int) -> None:
    """Our attempt has failed and is over: nobody need wait for it."""
    work.session.execute(
        update(Store)
        .where(Store.id == store_id, Store.credentials_version == version)
        .values(credentials_held_until=None)
    )


def save_refreshed(work: Work, vault: Vault, store_id: int, version: int, fresh: Credentials) -> bool:
    """Keep a refreshed token, unless the store was reconnected or let go meanwhile."""
    done = work.session.execute(
        update(Store)
        .where(Store.id == store_id, Store.credentials_version == version, Store.credentials.is_not(None))
        .values(
            credentials=vault.seal_record(fresh),
            credentials_version=version + 1,
            credentials_held_until=None,
        )
    )
    return bool(done.rowcount)  # type: ignore[attr-defined] # an UPDATE has one


def webhook_address(app_url: str, store: Store) -> str:
    """Where this store's webhooks come in."""
    if store.platform == Platform.SHOPIFY:
        return f"{app_url}/webhooks/shopify"
    return f"{app_url}/webhooks/woocommerce/{store.id}"
