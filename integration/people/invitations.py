"""One-time addresses by which a person becomes able to sign in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from integration.db.accounts import Account, Agent, Invitation
from integration.errors import Conflict
from integration.secret import digest, new_secret
from integration.work import Work

LIFETIME = timedelta(hours=48)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """Who an invitation is for."""

    id: int
    account_id: int
    account_name: str
    agent_id: int
    email: str
    name: str
    expires_at: datetime


def invite(work: Work, agent_id: int) -> str:
    """The secret part of a new invitation; earlier ones of the person stop working."""
    work.session.execute(
        delete(Invitation).where(Invitation.agent_id == agent_id, Invitation.used_at.is_(None))
    )
    token = new_secret()
    now = work.now()
    work.add(
        Invitation(agent_id=agent_id, token_hash=digest(token), created_at=now, expires_at=now + LIFETIME)
    )
    return token


def find_invitation(work: Work, token: str) -> Invited | None:
    """For a door that has yet to learn the account. None: unknown, used, expired, or person disabled."""
    row = work.session.execute(
        select(Invitation, Agent, Account.name)
        .join(Agent, Agent.id == Invitation.agent_id)
        .join(Account, Account.id == Invitation.account_id)
        .where(
            Invitation.token_hash == digest(token),
            Invitation.used_at.is_(None),
            Invitation.expires_at > work.now(),
            Agent.disabled_at.is_(None),
        )
    ).one_or_none()
    if row is None:
        return None
    invitation, agent, account_name = row
    return Invited(
        id=invitation.id,
        account_id=invitation.account_id,
        account_name=account_name,
        agent_id=agent.id,
        email=agent.email,
        name=agent.name,
        expires_at=invitation.expires_at,
    )


def take_invitation(work: Work, invitation_id: int) -> None:
    """Use it up. Raises :exc:`Conflict` if somebody was faster or it has expired."""
    taken = work.session.execute(
        update(Invitation)
        .where(
            Invitation.id == invitation_id,
            Invitation.used_at.is_(None),
            Invitation.expires_at > work.now(),
        )
        .values(used_at=work.now())
        .execution_options(synchronize_session=False)
    )
    if taken.rowcount != 1:  # type: ignore[attr-defined] # an UPDATE's result has it
        raise Conflict("this invitation was used or has expired", code="invitation_used")


def open_invitations(work: Work) -> dict[int, datetime]:
    """Agent id → end of their unused invitation."""
    rows = work.session.execute(
        select(Invitation.agent_id, Invitation.expires_at).where(
            Invitation.used_at.is_(None), Invitation.expires_at > work.now()
        )
    )
    return {row.agent_id: row.expires_at for row in rows}


def address(app_url: str, token: str) -> str:
    """The one-time address that is handed to the person."""
    return f"{app_url}/admin/invitations/{token}"
