"""Signing in from a store's own admin: the store has proven who it is, we hand out a one-time link."""

from __future__ import annotations

from datetime import timedelta

from integration import one_time
from integration.db.accounts import Agent, Role
from integration.errors import Forbidden
from integration.people.agents import agent_by_email, clean_name
from integration.work import Work

SIGN_IN = "sign-in-link"
LIFETIME = timedelta(minutes=2)


def agent_from_store(work: Work, *, domain: str, external_id: str, name: str) -> Agent:
    """The agent record of somebody who administers a connected store; made at the first visit, as admin.

    The person is known by the store's own user id, never by an e-mail address that the store reports:
    whoever can change an address there must not become somebody else here. Raises :exc:`Forbidden`
    for a person who was disabled.
    """
    email = f"{external_id}@{domain}".lower()
    agent = agent_by_email(work, email)
    if agent is None:
        agent = Agent(
            email=email,
            name=clean_name(name),
            role=Role.ADMIN,
            created_at=work.now(),
            token_version=1,
            locale="",
            failed_logins=0,
            limits={},
        )
        work.add(agent)
        work.session.flush()
    if agent.disabled_at is not None:
        raise Forbidden("this person was disabled", code="agent_disabled")
    return agent


def make_link(work: Work, agent: Agent, method: str) -> str:
    """The secret part of ``/admin/enter/<secret>``. `method`: ``shopify`` or ``wordpress``."""
    return one_time.make(
        work,
        SIGN_IN,
        {"account": agent.account_id, "agent": agent.id, "version": agent.token_version, "method": method},
        LIFETIME,
    )


def use_link(work: Work, token: str) -> tuple[Agent, str] | None:
    """Who may enter, and by which method. For a door that has yet to learn the account; good once."""
    data = one_time.use(work, SIGN_IN, token)
    if data is None:
        return None
    agent = work.session.get(Agent, data["agent"])
    if agent is None or agent.disabled_at is not None or agent.token_version != data["version"]:
        return None
    return agent, data["method"]
