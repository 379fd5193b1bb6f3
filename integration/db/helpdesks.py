"""Helpdesks that frame the sidebar, and what proves who is looking."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from integration.db.base import AccountRow, Base, BigId


class Helpdesk(AccountRow, Base):
    """One connected helpdesk. `key` is in its address and names the tenant; it proves nothing."""

    __tablename__ = "helpdesk"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    """Public id: random, unguessable."""
    kind: Mapped[str]
    name: Mapped[str]
    origin: Mapped[str]
    """Who may frame us: an https origin, or "" for kinds whose vendor host is fixed."""
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What is not secret: subdomain, app_id, public_key …"""
    secret: Mapped[bytes | None]
    """Sealed: JSON of the secret settings."""
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    last_opened_at: Mapped[datetime | None]


class HelpdeskAgent(AccountRow, Base):
    """A person of the helpdesk and the agent record that is theirs."""

    __tablename__ = "helpdesk_agent"
    __table_args__ = (UniqueConstraint("helpdesk_id", "external_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    helpdesk_id: Mapped[int] = mapped_column(ForeignKey("helpdesk.id", ondelete="CASCADE"))
    external_id: Mapped[str]
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"), index=True)
    linked_at: Mapped[datetime]
    linked_how: Mapped[str]
    """signed-email, pairing, admin."""


class Pairing(AccountRow, Base):
    """A frame asks to be paired with a signed-in agent (the shape of RFC 8628)."""

    __tablename__ = "pairing"
    __table_args__ = (Index(None, "user_code"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    helpdesk_id: Mapped[int] = mapped_column(ForeignKey("helpdesk.id", ondelete="CASCADE"))
    device_hash: Mapped[str] = mapped_column(unique=True)
    user_code: Mapped[str]
    visit: Mapped[dict[str, Any]]
    """The claims of the frame's token: conversation, helpdesk user."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    agent_id: Mapped[int | None]
    confirmed_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
