"""Whether a helpdesk, and the agent who looks through it, still are who they were when they proved it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Select, bindparam, select

from integration.audit import End, write_end
from integration.db.accounts import Account, Agent, Role
from integration.db.as_json import Writer
from integration.db.helpdesks import Helpdesk
from integration.prepared import Prepared
from integration.work import ACCOUNT, Work


class AgentNow(msgspec.Struct, frozen=True, array_like=True):
    disabled_at: datetime | None
    token_version: int
    role: Role


class Standing(msgspec.Struct, frozen=True, array_like=True):
    removed_at: datetime | None
    name: str
    origin: str
    timezone: str
    """Of the account, as `settings`."""
    settings: dict[str, Any]
    agent: AgentNow | None
    """None: no agent was named, or there is none with this id."""


def standing(work: Work, helpdesk_id: int, agent_id: int | None) -> Standing | None:
    """Asked with every request of a pane. One query; None for a helpdesk of another account."""
    found = _standing.rows(work, helpdesk=helpdesk_id, agent=agent_id or 0)
    return found[0] if found else None


class Arrival(msgspec.Struct, frozen=True, array_like=True):
    """What is asked of a visit that will be recorded, so that one query does for both."""

    found: tuple[Standing, ...]
    ends: tuple[End, ...]

    @property
    def standing(self) -> Standing | None:
        return self.found[0] if self.found else None

    @property
    def end(self) -> End | None:
        """Where the record goes on."""
        return self.ends[0] if self.ends else None


def arrival(work: Work, helpdesk_id: int, agent_id: int | None) -> Arrival:
    (found,) = _arrival.rows(work, helpdesk=helpdesk_id, agent=agent_id or 0)
    return found


def _write_standing(writer: Writer) -> Select[Any]:
    agent = select(writer.row(Agent.disabled_at, Agent.token_version, Agent.role)).where(
        Agent.id == bindparam("agent")
    )
    about = (Helpdesk.removed_at, Helpdesk.name, Helpdesk.origin, Account.timezone, Account.settings)
    return (
        select(writer.row(*about, writer.one(agent)))
        .join_from(Helpdesk, Account, Account.id == Helpdesk.account_id)
        .where(Helpdesk.id == bindparam("helpdesk"))
    )


_standing = Prepared(Standing, _write_standing)


def _write_arrival(writer: Writer) -> Select[Any]:
    parts = map(writer.all, (_write_standing(writer), write_end(writer)))
    # From the account, so that what is written below it is confined to the account as well.
    return select(writer.row(*parts)).where(Account.id == bindparam(ACCOUNT))


_arrival = Prepared(Arrival, _write_arrival)
