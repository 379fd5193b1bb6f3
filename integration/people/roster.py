"""The people of an account as the merchant's page lists them: and how each of them signs in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from integration.db.accounts import Agent, Passkey
from integration.db.helpdesks import Helpdesk, HelpdeskAgent
from integration.people.agents import list_agents
from integration.people.invitations import open_invitations
from integration.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    agent: Agent
    passkeys: int
    has_password: bool
    helpdesks: tuple[str, ...]
    """Names of the desks whose person was matched with this agent."""
    invited_until: datetime | None

    @property
    def state(self) -> str:
        """active, invited, expired (the invitation was never taken), disabled."""
        if self.agent.disabled_at is not None:
            return "disabled"
        if self.passkeys or self.has_password or self.helpdesks or self.agent.last_seen_at:
            return "active"
        return "invited" if self.invited_until else "expired"


def roster(work: Work) -> list[Member]:
    """Everybody, in a constant number of queries."""
    counts = select(Passkey.agent_id, func.count()).group_by(Passkey.agent_id)
    passkeys = {row[0]: row[1] for row in work.session.execute(counts)}
    invited = open_invitations(work)
    desks: dict[int, set[str]] = {}
    for agent_id, name in work.session.execute(
        select(HelpdeskAgent.agent_id, Helpdesk.name)
        .join(Helpdesk, Helpdesk.id == HelpdeskAgent.helpdesk_id)
        .where(Helpdesk.removed_at.is_(None))
    ):
        desks.setdefault(agent_id, set()).add(name)
    return [
        Member(
            agent=agent,
            passkeys=passkeys.get(agent.id, 0),
            has_password=agent.password_hash is not None,
            helpdesks=tuple(sorted(desks.get(agent.id, ()))),
            invited_until=invited.get(agent.id),
        )
        for agent in list_agents(work)
    ]
