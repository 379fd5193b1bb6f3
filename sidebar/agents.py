"""The helpdesk's person and the agent record that is theirs."""

from __future__ import annotations

from sqlalchemy import and_, or_, select

from integration.db.accounts import Agent
from integration.db.helpdesks import HelpdeskAgent
from integration.errors import Forbidden
from integration.helpdesks import NOTED_EVERY
from integration.work import Work


def claim_agent(
    work: Work, helpdesk_id: int, external_id: str, email: str | None, *, proven: bool
) -> Agent | None:
    """The agent whom the helpdesk names; None when we have no record of them.

    A vendor's signature over an e-mail links the two for good (`proven`). A helpdesk's role grants
    nothing. Raises :exc:`Forbidden` for an agent whose access was ended.
    """
    now = work.now()
    mine = and_(
        HelpdeskAgent.agent_id == Agent.id,
        HelpdeskAgent.helpdesk_id == helpdesk_id,
        HelpdeskAgent.external_id == external_id,
    )
    by_email = (Agent.email == email,) if email and proven else ()
    rows = work.session.execute(
        select(Agent, HelpdeskAgent.agent_id)
        .outerjoin(HelpdeskAgent, mine)
        .where(or_(HelpdeskAgent.agent_id.is_not(None), *by_email))
    ).all()
    agent = next((found for found, linked in rows if linked is not None), None)
    if agent is None and rows:
        agent = rows[0][0]
        if agent.disabled_at is None:
            work.add(
                HelpdeskAgent(
                    helpdesk_id=helpdesk_id,
                    external_id=external_id,
                    agent_id=agent.id,
                    linked_at=now,
                    linked_how="signed-email",
                )
            )
    if agent is not None and agent.disabled_at is not None:
        raise Forbidden("the agent's access was ended", code="access_ended")
    if agent is not None and (agent.last_seen_at is None or now - agent.last_seen_at > NOTED_EVERY):
        agent.last_seen_at = now
    return agent
