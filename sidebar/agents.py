"""The helpdesk's person and the agent record that is theirs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Select, and_, bindparam, or_, select, update

from integration.db.accounts import Agent
from integration.db.as_json import Writer
from integration.db.bulk import upsert
from integration.db.helpdesks import HelpdeskAgent
from integration.errors import Forbidden
from integration.helpdesks import NOTED_EVERY
from integration.prepared import Prepared
from integration.work import Work
from sidebar.context import services


class KnownAgent(msgspec.Struct, frozen=True, array_like=True):
    """An agent whom a helpdesk's name, or e-mail, leads to."""

    id: int
    name: str
    token_version: int
    locale: str
    disabled_at: datetime | None
    last_seen_at: datetime | None
    linked: int | None
    """Their id once more, where the helpdesk's name for them is on record."""


def claim_agent(
    account_id: int, helpdesk_id: int, external_id: str, email: str | None, *, proven: bool
) -> KnownAgent | None:
    """The agent whom the helpdesk names; None when we have no record of them.

    A vendor's signature over an e-mail links the two for good (`proven`). A helpdesk's role grants
    nothing. Raises :exc:`Forbidden` for an agent whose access was ended.
    """
    with services().reading(account_id) as work:
        rows = _named.rows(
            work, helpdesk=helpdesk_id, external=external_id, email=email if email and proven else ""
        )
        now = work.now()
    agent = next((row for row in rows if row.linked is not None), rows[0] if rows else None)
    if agent is None:
        return None
    if agent.disabled_at is not None:
        raise Forbidden("the agent's access was ended", code="access_ended")
    if agent.linked is None or agent.last_seen_at is None or now - agent.last_seen_at > NOTED_EVERY:
        with services().transaction(account_id) as work:
            _remember(work, agent, helpdesk_id, external_id)
    return agent


def _remember(work: Work, agent: KnownAgent, helpdesk_id: int, external_id: str) -> None:
    now = work.now()
    if agent.linked is None:
        link = {
            "helpdesk_id": helpdesk_id,
            "external_id": external_id,
            "agent_id": agent.id,
            "linked_at": now,
            "linked_how": "signed-email",
        }
        # Another frame of theirs may have linked them since we looked.
        work.session.execute(
            upsert(work.session, HelpdeskAgent).values(work.stamped(link)).on_conflict_do_nothing()
        )
    work.session.execute(
        update(Agent)
        .where(Agent.id == agent.id)
        .values(last_seen_at=now)
        .execution_options(synchronize_session=False)
    )


def _write_named(writer: Writer) -> Select[Any]:
    mine = and_(
        HelpdeskAgent.agent_id == Agent.id,
        HelpdeskAgent.helpdesk_id == bindparam("helpdesk"),
        HelpdeskAgent.external_id == bindparam("external"),
    )
    named = or_(
        HelpdeskAgent.agent_id.is_not(None), and_(Agent.email == bindparam("email"), Agent.email != "")
    )
    about = (Agent.id, Agent.name, Agent.token_version, Agent.locale, Agent.disabled_at, Agent.last_seen_at)
    row = writer.row(*about, HelpdeskAgent.agent_id)
    return select(row).join_from(Agent, HelpdeskAgent, mine, isouter=True).where(named)


_named = Prepared(KnownAgent, _write_named)
