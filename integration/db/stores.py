"""Connected stores, how far their copy has come, and what they sell as far as returns need it."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from integration.db.base import AccountRow, Base, BigId, word
from integration.records import Platform


class StoreStatus(enum.StrEnum):
    INSTALLING = "installing"  # connected, first backfill not finished
    ACTIVE = "active"
    DEGRADED = "degraded"  # works, but late or partly: see SyncState.error
    DISCONNECTED = "disconnected"  # no credentials; what was copied stays until it is erased


class SyncPhase(enum.StrEnum):
    WAITING = "waiting"  # for somebody of the account to confirm it: nothing is copied
    BACKFILL = "backfill"
    LIVE = "live"
    STOPPED = "stopped"


class Store(AccountRow, Base):
    __tablename__ = "store"
    __table_args__ = (UniqueConstraint("platform", "domain"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    platform: Mapped[Platform] = mapped_column(word(Platform))
    domain: Mapped[str]
    """Shopify: name.myshopify.com. WooCommerce: host (and path) of the site."""
    url: Mapped[str]
    """Base address of the store, for calls and links."""
    name: Mapped[str]
    currency: Mapped[str]
    timezone: Mapped[str] = mapped_column(default="UTC")
    country: Mapped[str] = mapped_column(default="")
    status: Mapped[StoreStatus] = mapped_column(word(StoreStatus))
    credentials: Mapped[bytes | None]
    """Sealed ShopifyCredentials or WooCommerceCredentials; None once disconnected."""
    credentials_version: Mapped[int] = mapped_column(default=0)
    credentials_held_until: Mapped[datetime | None]
    """While in the future, one process refreshes the token (see stores.claim_refresh)."""
    webhook_secret: Mapped[bytes | None]
    """Sealed. WooCommerce signs with it; Shopify signs with the app's secret."""
    scopes: Mapped[list[Any]] = mapped_column(default=list)
    features: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """From ShopRecord: gateways, version, plan, features."""
    hand_made: Mapped[bool] = mapped_column(default=False)
    """Connected with a key a merchant made by hand: webhooks are subscribed by API."""
    installed_at: Mapped[datetime]
    disconnected_at: Mapped[datetime | None]
    th_direct_marketer: Mapped[bool | None]
    """Whether Thai distance-selling law covers this seller; None: nobody has said."""

    sync: Mapped[SyncState] = relationship(back_populates="store", uselist=False, lazy="raise")


class SyncState(AccountRow, Base):
    """How far the copy of one store has come. The row is the promise; the queue is only woken."""

    __tablename__ = "sync_state"

    store_id: Mapped[int] = mapped_column(ForeignKey("store.id", ondelete="CASCADE"), primary_key=True)
    store: Mapped[Store] = relationship(back_populates="sync", lazy="raise")
    phase: Mapped[SyncPhase] = mapped_column(word(SyncPhase))
    cursor: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Of the running backfill: commits together with the rows it speaks of."""
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int | None]
    backfill_since: Mapped[datetime | None]
    backfill_started_at: Mapped[datetime | None]
    backfilled_at: Mapped[datetime | None]
    changed_since: Mapped[datetime | None]
    """Start of the next reconciliation window."""
    changed_cursor: Mapped[dict[str, Any]] = mapped_column(default=dict)
    changed_until: Mapped[datetime | None]
    """When the running window was begun: the next one starts a little before it."""
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    """When the next backfill slice or reconciliation is due; None: nothing to do."""
    held_until: Mapped[datetime | None]
    """While in the future, one worker owns the sync of this store."""
    held_by: Mapped[str | None]
    proof_due_at: Mapped[datetime | None] = mapped_column(index=True)
    proof: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Result of the last proof of equality: {at, days, compared, differences, repaired}."""
    probe_due_at: Mapped[datetime | None] = mapped_column(index=True)
    behind_since: Mapped[datetime | None]
    """When the change happened that a probe missed here; None since the last reconciliation."""
    webhooks_checked_at: Mapped[datetime | None]
    last_event_at: Mapped[datetime | None]
    last_reconciled_at: Mapped[datetime | None]
    oldest_order_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    """In a row; the next try waits longer for each."""
    error: Mapped[dict[str, Any] | None]
    """{code, message, next_step, at} of the last failure; None when the last try went well."""


class Product(AccountRow, Base):
    """What kind of thing is sold, as far as eligibility needs it."""

    __tablename__ = "product"
    __table_args__ = (UniqueConstraint("store_id", "platform_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    store_id: Mapped[int] = mapped_column(ForeignKey("store.id", ondelete="CASCADE"))
    platform_id: Mapped[str]
    title: Mapped[str]
    updated_at: Mapped[datetime | None]
    tags: Mapped[list[Any]] = mapped_column(default=list)
    categories: Mapped[list[Any]] = mapped_column(default=list)
    product_type: Mapped[str] = mapped_column(default="")
    downloadable: Mapped[bool] = mapped_column(default=False)
    virtual: Mapped[bool] = mapped_column(default=False)
    synced_at: Mapped[datetime]
