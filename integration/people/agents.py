"""The people of an account: who they are, what they may, and the end of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, func, select, update

from integration import audit
from integration.contacts import email_key
from integration.db.accounts import Agent, Invitation, Passkey, Role, Session
from integration.errors import BadInput, Conflict, NotFound
from integration.people.invitations import invite
from integration.work import Work

COMMAND = "command"
"""Who did it, where nobody is signed in: whoever may run `integration` on the server."""


def add_agent(work: Work, email: str, name: str, role: Role, *, by: str = COMMAND) -> tuple[Agent, str]:
    """A new person and the secret part of their invitation, which is shown once.

    Raises :exc:`BadInput` for an address or name we cannot use, :exc:`Conflict` if the address is taken.
    """
    email, name = clean_email(email), clean_name(name)
    if agent_by_email(work, email) is not None:
        raise Conflict("there is already an agent with this address", code="agent_exists")
    agent = Agent(
        email=email,
        name=name,
        role=role,
        created_at=work.now(),
        token_version=1,
        locale="",
        failed_logins=0,
        limits={},
    )
    work.add(agent)
    work.session.flush()
    note(work, "agent.added", agent, by, role=agent.role)
    return agent, invite(work, agent.id)


def list_agents(work: Work) -> list[Agent]:
    """Enabled ones first, then by name."""
    agents = work.session.scalars(select(Agent)).all()
    return sorted(agents, key=lambda agent: (agent.disabled_at is not None, agent.name.casefold(), agent.id))


def names_of(work: Work) -> dict[int | None, str]:
    """Agent id → name, of everybody who ever was one."""
    return {row.id: row.name for row in work.session.execute(select(Agent.id, Agent.name))}


def find_agent(work: Work, agent_id: int) -> Agent:
    agent = work.session.scalar(select(Agent).where(Agent.id == agent_id))
    if agent is None:
        raise NotFound("no such agent")
    return agent


def agent_by_email(work: Work, email: str) -> Agent | None:
    return work.session.scalar(
        select(Agent).where(Agent.email == (email_key(email) or email.strip().lower()))
    )


def change_agent(
    work: Work,
    agent_id: int,
    *,
    name: str | None = None,
    role: Role | None = None,
    limits: dict[str, Any] | None = None,
    locale: str | None = None,
    by: str = COMMAND,
) -> Agent:
    """Change what is given. Another role ends the person's sessions: they sign in again with it."""
    agent = find_agent(work, agent_id)
    if name is not None:
        agent.name = clean_name(name)
    if limits is not None and limits != agent.limits:
        note(work, "limits.changed", agent, by, before=agent.limits, after=limits)
        agent.limits = limits
    if locale is not None:
        agent.locale = locale
    if role is not None and role is not agent.role:
        if agent.role is Role.ADMIN:
            _keep_an_admin(work, agent)
        note(work, "agent.role_changed", agent, by, before=agent.role, after=role)
        agent.role = role
        end_everything(work, agent)
    return agent


def disable_agent(work: Work, agent_id: int, *, by: str = COMMAND) -> Agent:
    """End the person's access now: sessions, app tokens, invitations. Safe to run twice.

    What proved the person is forgotten too, so that enabling them again starts with an invitation.
    """
    agent = find_agent(work, agent_id)
    if agent.disabled_at is not None:
        return agent
    if agent.role is Role.ADMIN:
        _keep_an_admin(work, agent)
    agent.disabled_at = work.now()
    agent.password_hash = agent.totp_secret = agent.totp_last_step = None
    work.session.execute(delete(Passkey).where(Passkey.agent_id == agent.id))
    work.session.execute(delete(Invitation).where(Invitation.agent_id == agent.id))
    end_everything(work, agent)
    note(work, "agent.disabled", agent, by)
    return agent


def enable_agent(work: Work, agent_id: int, *, by: str = COMMAND) -> tuple[Agent, str]:
    """The person and a new invitation."""
    agent = find_agent(work, agent_id)
    agent.disabled_at = agent.locked_until = None
    agent.failed_logins = 0
    work.session.flush()
    note(work, "agent.enabled", agent, by)
    return agent, invite(work, agent.id)


def end_everything(work: Work, agent: Agent) -> None:
    """End every session and app token of a person at once."""
    agent.token_version += 1
    work.session.execute(
        update(Session)
        .where(Session.agent_id == agent.id, Session.revoked_at.is_(None))
        .values(revoked_at=work.now())
    )


def clean_email(text: str) -> str:
    email = email_key(text)
    if email is None:
        raise BadInput("not an e-mail address", code="bad_email")
    return email


def clean_name(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > 120 or not name.isprintable():
        raise BadInput("a name has 1 to 120 characters", code="bad_name")
    return name


def note(work: Work, event: str, agent: Agent, by: str, **detail: Any) -> None:
    """Into the audit log: ids and words, no address."""
    proof = "system" if by == COMMAND else "session"
    audit.record(work, event, actor=by, proof=proof, detail={"agent": agent.id, **detail})


def _keep_an_admin(work: Work, leaving: Agent) -> None:
    others = work.session.scalar(
        select(func.count())
        .select_from(Agent)
        .where(Agent.role == Role.ADMIN, Agent.disabled_at.is_(None), Agent.id != leaving.id)
    )
    if not others:
        raise Conflict("this is the last admin: make somebody else an admin first", code="last_admin")
