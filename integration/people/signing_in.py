"""Password and code together, with a lock after wrong tries.

The slow part (argon2) runs outside any transaction; the decision runs inside one that holds the
agent's row, so that a thousand guesses at once are counted one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from integration.contacts import email_key
from integration.db.accounts import Agent
from integration.people import totp
from integration.vault import Vault
from integration.work import Work

TRIES = 5
"""Wrong tries before the first lock."""
LOCK = timedelta(minutes=1)
LONGEST_LOCK = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Candidate:
    account_id: int
    agent_id: int
    password_hash: str | None


def candidates(work: Work, email: str) -> list[Candidate]:
    """Enabled people with this address, in any account: the door has yet to learn which."""
    rows = work.session.execute(
        select(Agent.account_id, Agent.id, Agent.password_hash)
        .where(Agent.email == (email_key(email) or ""), Agent.disabled_at.is_(None))
        .order_by(Agent.id)
    )
    return [Candidate(*row) for row in rows]


def decide(work: Work, vault: Vault, agent_id: int, *, password_fits: bool, code: str) -> Agent | None:
    """The agent, if the password fitted, the code is right and new, and no lock is on.

    Anything else counts as a wrong try; from the fifth on each one locks for twice as long.
    """
    now = work.now()
    agent = work.session.scalar(select(Agent).where(Agent.id == agent_id).with_for_update())
    if agent is None or agent.disabled_at is not None or agent.totp_secret is None:
        return None
    if agent.locked_until is not None and agent.locked_until > now:
        return None
    secret = vault.open(agent.totp_secret).decode()
    step = totp.matching_step(secret, code, now, agent.totp_last_step)
    if password_fits and step is not None:
        agent.totp_last_step = step
        agent.failed_logins = 0
        agent.locked_until = None
        return agent
    agent.failed_logins += 1
    if agent.failed_logins >= TRIES:
        doublings = min(agent.failed_logins - TRIES, 10)
        agent.locked_until = now + min(LOCK * 2**doublings, LONGEST_LOCK)
    return None


def set_password(work: Work, vault: Vault, agent: Agent, password_hash: str, secret: str, step: int) -> None:
    """Keep what proves the person from now on; `step` is that of the code they just showed."""
    agent.password_hash = password_hash
    agent.totp_secret = vault.seal(secret)
    agent.totp_last_step = step
    agent.failed_logins = 0
    agent.locked_until = None
