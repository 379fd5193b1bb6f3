"""What stores told us, accepted once and kept until it was acted on."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from integration.db.base import AccountRow, Base, BigId, word
from integration.ports import Topic


class DeliveryStatus(enum.StrEnum):
    PENDING = "pending"
    DONE = "done"
    POISONED = "poisoned"  # gave up after many tries; kept with its reason, retried by command


class Delivery(AccountRow, Base):
    """One webhook delivery. It says *that* something changed; the store is asked what it looks like now."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("store_id", "delivery_id"),
        Index(None, "store_id", "status", "due_at"),
        Index(None, "store_id", "resource"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    store_id: Mapped[int] = mapped_column(ForeignKey("store.id", ondelete="CASCADE"))
    delivery_id: Mapped[str]
    topic: Mapped[Topic] = mapped_column(word(Topic))
    platform_topic: Mapped[str]
    resource: Mapped[str | None]
    """Platform id of what changed; deliveries of one resource are settled by one fetch."""
    triggered_at: Mapped[datetime | None]
    received_at: Mapped[datetime]
    body: Mapped[bytes | None]
    """Sealed, as received; dropped some days after it was done."""
    status: Mapped[DeliveryStatus] = mapped_column(word(DeliveryStatus))
    due_at: Mapped[datetime]
    held_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[dict[str, Any] | None]
    done_at: Mapped[datetime | None]


class Poison(AccountRow, Base):
    """An order that its store sends in a form we cannot read: kept aside, retried, shown to the merchant."""

    __tablename__ = "poison"
    __table_args__ = (UniqueConstraint("store_id", "platform_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    store_id: Mapped[int] = mapped_column(ForeignKey("store.id", ondelete="CASCADE"))
    platform_id: Mapped[str]
    reason: Mapped[str]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=1)
    due_at: Mapped[datetime] = mapped_column(index=True)


class PrivacyRequest(AccountRow, Base):
    """A compliance request of a platform, from its arrival to its answer."""

    __tablename__ = "privacy_request"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    store_id: Mapped[int] = mapped_column(ForeignKey("store.id", ondelete="CASCADE"))
    kind: Mapped[str]
    """data_request, redact_customer, redact_shop."""
    received_at: Mapped[datetime]
    due_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    answer: Mapped[bytes | None]
    """Sealed file for the merchant (data request only)."""
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Ids only, never contact data."""
