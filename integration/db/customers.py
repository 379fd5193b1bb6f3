"""Who bought: one person across stores, known by several e-mails and phones."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from integration.db.base import AccountRow, Base, BigId


class Customer(AccountRow, Base):
    """A person, as far as stores let us know. Two of them become one when an e-mail connects them."""

    __tablename__ = "customer"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(default="")
    locale: Mapped[str | None]
    country: Mapped[str | None]
    first_seen_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    merged_into: Mapped[int | None] = mapped_column(index=True)
    """Set when another row took over: old ids keep leading to the person."""
    tags: Mapped[list[Any]] = mapped_column(default=list)
    redacted_at: Mapped[datetime | None]


class ContactPoint(AccountRow, Base):
    """An e-mail (lower case; one owner) or phone (E.164 where it can be; may be shared)."""

    __tablename__ = "contact_point"
    __table_args__ = (UniqueConstraint("account_id", "kind", "value", "customer_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    """email or phone."""
    value: Mapped[str]
    """Normalised."""
    shown: Mapped[str]
    """As the store has it."""


class StoreCustomer(AccountRow, Base):
    """A store's own customer record, and the person behind it."""

    __tablename__ = "store_customer"
    __table_args__ = (UniqueConstraint("store_id", "platform_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    store_id: Mapped[int] = mapped_column(ForeignKey("store.id", ondelete="CASCADE"))
    platform_id: Mapped[str]
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"), index=True)
    note: Mapped[str] = mapped_column(default="")
    tags: Mapped[list[Any]] = mapped_column(default=list)


class Tombstone(AccountRow, Base):
    """A person who was redacted and must not come back through reconciliation. Hashes only."""

    __tablename__ = "tombstone"
    __table_args__ = (UniqueConstraint("store_id", "kind", "digest"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    store_id: Mapped[int] = mapped_column(ForeignKey("store.id", ondelete="CASCADE"))
    kind: Mapped[str]
    """order, customer, email or phone."""
    digest: Mapped[str]
    created_at: Mapped[datetime]
