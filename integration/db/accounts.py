"""Accounts, the people who work for them, and how those prove who they are."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from integration.db.base import AccountRow, Base, BigId, word


class Role(enum.StrEnum):
    AGENT = "agent"
    LEAD = "lead"
    ADMIN = "admin"


class Account(Base):
    """One merchant or team: everything else hangs on it."""

    __tablename__ = "account"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime]
    timezone: Mapped[str] = mapped_column(default="UTC")
    """IANA name: the zone in which the merchant's pages show times."""
    locale: Mapped[str] = mapped_column(default="en")
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """The merchant's own choices: limits, step-up, offline mode, wording. See integration.limits."""


class Agent(AccountRow, Base):
    """A person of the account. Disabling one ends every session and token at once."""

    __tablename__ = "agent"
    __table_args__ = (UniqueConstraint("account_id", "email"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    email: Mapped[str]
    """Lower case."""
    name: Mapped[str]
    role: Mapped[Role] = mapped_column(word(Role))
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    password_hash: Mapped[str | None]
    """argon2id; None until the invitation was taken."""
    totp_secret: Mapped[bytes | None]
    """Sealed."""
    totp_last_step: Mapped[int | None]
    """A code is good once: the last time step that was used."""
    token_version: Mapped[int] = mapped_column(default=1)
    """Counted up to end every session and app token of the person at once."""
    locale: Mapped[str] = mapped_column(default="en")
    last_seen_at: Mapped[datetime | None]
    failed_logins: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    limits: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Own limits where they differ from the role's: {"EUR": {"action": 5000, "day": 20000}} minor units."""


class Passkey(AccountRow, Base):
    """A WebAuthn credential of an agent."""

    __tablename__ = "passkey"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"), index=True)
    credential_id: Mapped[bytes] = mapped_column(unique=True)
    public_key: Mapped[bytes]
    sign_count: Mapped[int]
    name: Mapped[str]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


class Invitation(AccountRow, Base):
    """A one-time address by which a person becomes able to sign in."""

    __tablename__ = "invitation"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    """SHA-256 hex of the secret part; the address itself is shown once."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Session(AccountRow, Base):
    """A signed-in browser. The cookie holds the secret; this row can be revoked."""

    __tablename__ = "session"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    token_version: Mapped[int]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    proven_at: Mapped[datetime]
    """Last time a passkey, password with TOTP or one-time link was shown: step-up looks at it."""
    method: Mapped[str]
    """passkey, password+totp, invitation, wordpress, shopify."""
    user_agent: Mapped[str] = mapped_column(default="")


class ApiToken(AccountRow, Base):
    """A Bearer token for programs."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str]
    role: Mapped[Role] = mapped_column(word(Role))
    token_hash: Mapped[str] = mapped_column(unique=True)
    prefix: Mapped[str]
    """First characters, so that people can tell tokens apart."""
    made_by_id: Mapped[int | None]
    """The agent who made it: they are behind all that it asks. None: made on the server's command line,

    where whoever sits could change this database as well; such a token stands for nobody but itself.
    """
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class OneTime(Base):
    """Something that may be used once until it expires: install states, sign-in links, seen proofs.

    Not bound to an account: some are made before the account is known.
    """

    __tablename__ = "one_time"
    __table_args__ = (Index(None, "purpose", "expires_at"),)

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    purpose: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
