"""Who did what, when and why: append-only, each row bound to the one before by its hash."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from integration.db.base import AccountRow, Base, BigId


class AuditEntry(AccountRow, Base):
    """`hash` covers the row and `previous`, under the chain's key; personal text only by its own digest,

    so that it can be erased while the chain stays valid.
    """

    __tablename__ = "audit_entry"
    __table_args__ = (
        UniqueConstraint("account_id", "number"),
        Index(None, "account_id", "order_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[int]
    """1, 2, 3 … within the account; 0 holds the sealed key."""
    at: Mapped[datetime]
    event: Mapped[str]
    """refund.requested, refund.approved, order.viewed, policy.saved, …"""
    actor: Mapped[str]
    proof: Mapped[str]
    """How the actor was proven: session, signed, token, system."""
    order_id: Mapped[int | None]
    action_id: Mapped[int | None]
    detail: Mapped[dict[str, Any]]
    """Ids, codes, sums, verdicts: nothing personal."""
    personal: Mapped[dict[str, Any] | None]
    """Free text and contact data; erased on redaction."""
    personal_digest: Mapped[str]
    """SHA-256 over a random salt and `personal`: proves the text while it is there, tells nothing after."""
    salt: Mapped[str | None]
    previous: Mapped[str]
    hash: Mapped[str]
