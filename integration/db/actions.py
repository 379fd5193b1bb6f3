"""One person's decision to change one order, and what became of it."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from integration.db.base import AccountRow, Base, BigId, word
from integration.db.orders import Order
from integration.ports import ActionKind


class ActionStatus(enum.StrEnum):
    AWAITING_APPROVAL = "awaiting_approval"  # a second person must say yes
    PENDING = "pending"  # decided and allowed; nothing has left the building
    RUNNING = "running"  # a worker holds it; the store may or may not know
    SUCCEEDED = "succeeded"  # the store gave us a receipt
    FAILED = "failed"  # the store said no: no money moved
    REJECTED = "rejected"  # a person said no, or the asker withdrew
    NEEDS_ATTENTION = "needs_attention"  # no answer, and reading back did not settle it


FINAL = frozenset({ActionStatus.SUCCEEDED, ActionStatus.FAILED, ActionStatus.REJECTED})


class Action(AccountRow, Base):
    """Rows are never deleted. Money columns are minor units of `currency`."""

    __tablename__ = "action"
    __table_args__ = (
        UniqueConstraint("account_id", "caller", "idempotency_key"),
        UniqueConstraint("key"),
        Index(None, "status", "due_at"),
        Index(None, "account_id", "order_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str]
    """Ours, random, made before anything is sent: goes to the store as idempotency key or findable mark."""
    caller: Mapped[str]
    """Whose Idempotency-Key it is: keys of different callers never meet."""
    idempotency_key: Mapped[str]
    body_hash: Mapped[str]
    """Of the wish: the same key with another wish is refused."""
    kind: Mapped[ActionKind] = mapped_column(word(ActionKind))
    store_id: Mapped[int] = mapped_column(ForeignKey("store.id"))
    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id"))
    order: Mapped[Order] = relationship(lazy="raise", viewonly=True)
    status: Mapped[ActionStatus] = mapped_column(word(ActionStatus))
    amount: Mapped[int | None]
    currency: Mapped[str | None]
    wish: Mapped[dict[str, Any]]
    """What was asked, as the API takes it."""
    request: Mapped[dict[str, Any] | None]
    """ports.ActionRequest as JSON: what the store will be asked, frozen when it was allowed."""
    prepared: Mapped[str | None]
    """The exact message, committed before it is sent."""
    sent_at: Mapped[datetime | None]
    """Set and committed before the first call that may move money. Once set, look before sending."""
    last_sent_at: Mapped[datetime | None]
    """Of the newest repetition: what was sent before can no longer be on its way after a while."""
    order_version: Mapped[str]
    """Digest of the order that the person saw."""
    verdict: Mapped[dict[str, Any]]
    """The verdicts and the policy version it was decided on."""
    exception: Mapped[str | None]
    """The reason for going beyond the verdict."""
    requested_by: Mapped[str]
    requested_by_id: Mapped[int | None]
    """Agent id, None for API tokens."""
    person_id: Mapped[int | None]
    """The agent behind it: who asked, or who made the token that asked. They never approve it."""
    requested_role: Mapped[str]
    assurance: Mapped[dict[str, Any]]
    """How tenant, agent and customer were proven."""
    conversation: Mapped[dict[str, Any] | None]
    approved_by: Mapped[str | None]
    approved_by_id: Mapped[int | None]
    decision_note: Mapped[str | None]
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    due_at: Mapped[datetime]
    held_until: Mapped[datetime | None]
    """While in the future, one worker owns the row (see carrying.claim)."""
    hold: Mapped[str | None]
    """The owner's fencing token: only the holder may finish."""
    attempts: Mapped[int] = mapped_column(default=0)
    """Tries before it was sent first; from then on, looks."""
    finished_at: Mapped[datetime | None]
    platform_id: Mapped[str | None]
    """The store's own id for what was done, once it succeeded."""
    receipt: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    """{code, message, next_step}."""


class Contact(AccountRow, Base):
    """A hand-over: what was asked, promised, done and is open, in which conversation, by whom."""

    __tablename__ = "contact"
    __table_args__ = (Index(None, "account_id", "customer_id", "at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("sales_order.id", ondelete="SET NULL"))
    helpdesk: Mapped[str] = mapped_column(default="")
    conversation: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime]
    agent: Mapped[str]
    asked: Mapped[str] = mapped_column(default="")
    promised: Mapped[str] = mapped_column(default="")
    promised_by: Mapped[datetime | None]
    done: Mapped[str] = mapped_column(default="")
    open: Mapped[str] = mapped_column(default="")
    settled_at: Mapped[datetime | None]
