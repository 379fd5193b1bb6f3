"""Signed-in browsers: the cookie holds a secret, the row can be revoked.

A session ends by itself after some hours without use, and at the latest after a week. `proven_at`
says when the person last showed what only they have; whatever moves much money asks for it anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from integration.db.accounts import Account, Agent, Role, Session
from integration.errors import NotFound
from integration.secret import digest, new_secret
from integration.work import Work

LIFETIME = timedelta(days=7)
IDLE = timedelta(hours=12)
FRESH = timedelta(minutes=5)
"""How long a proof counts for step-up. Source: facts on helpdesks, "Money": at most five minutes."""
SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Who is looking, as the session's row and the agent's row say right now."""

    session_id: int
    account_id: int
    account_name: str
    timezone: str
    agent_id: int
    email: str
    name: str
    role: Role
    locale: str
    method: str
    proven_at: datetime
    seen_at: datetime

    def is_fresh(self, now: datetime) -> bool:
        return now - self.proven_at <= FRESH


def start(work: Work, agent: Agent, method: str, user_agent: str = "") -> str:
    """A new session's secret, for the cookie."""
    token = new_secret()
    now = work.now()
    work.add(
        Session(
            account_id=agent.account_id,
            agent_id=agent.id,
            token_hash=digest(token),
            token_version=agent.token_version,
            created_at=now,
            seen_at=now,
            expires_at=now + LIFETIME,
            proven_at=now,
            method=method,
            user_agent=user_agent[:200],
        )
    )
    agent.last_seen_at = now
    return token


def find(work: Work, token: str) -> SignedIn | None:
    """For a door that has yet to learn the account. None: unknown, revoked, over, or person disabled."""
    now = work.now()
    row = work.session.execute(
        select(Session, Agent, Account)
        .join(Agent, Agent.id == Session.agent_id)
        .join(Account, Account.id == Session.account_id)
        .where(
            Session.token_hash == digest(token),
            Session.revoked_at.is_(None),
            Session.expires_at > now,
            Session.seen_at > now - IDLE,
            Session.token_version == Agent.token_version,
            Agent.disabled_at.is_(None),
        )
    ).one_or_none()
    if row is None:
        return None
    session, agent, account = row
    return SignedIn(
        session_id=session.id,
        account_id=session.account_id,
        account_name=account.name,
        timezone=account.timezone,
        agent_id=agent.id,
        email=agent.email,
        name=agent.name,
        role=agent.role,
        locale=agent.locale or account.locale,
        method=session.method,
        proven_at=session.proven_at,
        seen_at=session.seen_at,
    )


def touch(work: Work, signed_in: SignedIn) -> None:
    """Note that the person is here; call it only when `SEEN_EVERY` has passed."""
    now = work.now()
    work.session.execute(update(Session).where(Session.id == signed_in.session_id).values(seen_at=now))
    work.session.execute(update(Agent).where(Agent.id == signed_in.agent_id).values(last_seen_at=now))


def prove_again(work: Work, session_id: int) -> None:
    """The person has just shown what only they have."""
    work.session.execute(update(Session).where(Session.id == session_id).values(proven_at=work.now()))


def proven_lately(work: Work, agent_id: int) -> bool:
    """Whether the person has shown what only they have in the last minutes, in whichever browser.

    That is how an agent steps up in a helpdesk's frame, which has no cookies of ours: sign in beside it.
    """
    since = work.now() - FRESH
    return any(session.proven_at >= since for session in of_agent(work, agent_id))


def of_agent(work: Work, agent_id: int) -> list[Session]:
    """Live ones, the one used last first."""
    now = work.now()
    return list(
        work.session.scalars(
            select(Session)
            .where(
                Session.agent_id == agent_id,
                Session.revoked_at.is_(None),
                Session.expires_at > now,
                Session.seen_at > now - IDLE,
            )
            .order_by(Session.seen_at.desc(), Session.id.desc())
        )
    )


def revoke(work: Work, agent_id: int, session_id: int) -> None:
    """End one session of this person; somebody else's is not found."""
    session = work.session.scalar(
        select(Session).where(Session.id == session_id, Session.agent_id == agent_id)
    )
    if session is None:
        raise NotFound("no such session")
    session.revoked_at = session.revoked_at or work.now()


def revoke_others(work: Work, agent_id: int, keep: int) -> None:
    work.session.execute(
        update(Session)
        .where(Session.agent_id == agent_id, Session.id != keep, Session.revoked_at.is_(None))
        .values(revoked_at=work.now())
    )
