"""The store's own terms, what people added to the facts, and the confirmed state of the law rows."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from integration.db.base import AccountRow, Base, BigId


class PolicyVersion(AccountRow, Base):
    """One version of the return policy. Rows are never changed: a new version ends the one before."""

    __tablename__ = "policy_version"
    __table_args__ = (UniqueConstraint("account_id", "number"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[int]
    valid_from: Mapped[datetime]
    document: Mapped[dict[str, Any]]
    """integration.eligibility.policy, as JSON."""
    note: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    created_by: Mapped[str]


class LawConfirmation(AccountRow, Base):
    """The store owner's word that a law row was checked for this account."""

    __tablename__ = "law_confirmation"
    __table_args__ = (UniqueConstraint("account_id", "law_id", "country"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    law_id: Mapped[str]
    country: Mapped[str]
    confirmed_by: Mapped[str]
    confirmed_at: Mapped[datetime]


class Fact(AccountRow, Base):
    """What only a person knows: seal broken, used, proof of sending, goods received. Newest wins."""

    __tablename__ = "fact"
    __table_args__ = (Index(None, "account_id", "order_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id", ondelete="CASCADE"))
    line_id: Mapped[str | None]
    """Platform id of the line; None: about the whole order."""
    name: Mapped[str]
    """unsealed, used, reason, proof, received, buyer, informed, delivered, …"""
    value: Mapped[str]
    said_at: Mapped[datetime]
    said_by: Mapped[str]
    conversation: Mapped[str | None]


class Withdrawal(AccountRow, Base):
    """A withdrawal statement under consumer law: its own object, apart from ordinary returns.

    Source: Directive 2011/83/EU art. 11, 11a (since 2026-06-19) and 13.
    """

    __tablename__ = "withdrawal"
    __table_args__ = (Index(None, "account_id", "order_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id", ondelete="CASCADE"))
    lines: Mapped[list[Any]]
    """[{"line_id", "quantity"}]; empty: the whole order."""
    received_at: Mapped[datetime]
    channel: Mapped[str]
    """form, email, chat, phone, letter, other."""
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_how: Mapped[str] = mapped_column(default="")
    proof_at: Mapped[date | None]
    goods_at: Mapped[date | None]
    refund_due: Mapped[date | None]
    return_due: Mapped[date | None]
    closed_at: Mapped[datetime | None]
    conversation: Mapped[str | None]
