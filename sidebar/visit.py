"""Who is looking: account, agent, customer, and how each was proven. Set by the server only.

Source of the levels and of what each allows: our helpdesk facts, "Security model".
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec
from flask import g, request

from integration.db.accounts import Role
from integration.errors import Forbidden
from integration.standing import Standing, standing
from integration.work import Work
from sidebar import tokens
from sidebar.context import services
from sidebar.formats import zone_of

P = ParamSpec("P")
R = TypeVar("R")


class Proof(StrEnum):
    """How a tenant, an agent or a customer was proven, weakest first."""

    NONE = "none"
    CLAIMED = "claimed"
    SHARED_SECRET = "shared_secret"  # noqa: S105 - a level, no secret
    SIGNED = "signed"
    SESSION = "session"
    API_VERIFIED = "api_verified"


class State(StrEnum):
    """What the host has said about which conversation is open."""

    UNKNOWN = "unknown"
    """Nothing yet: the page waits."""
    NONE = "none"
    SINGLE = "single"
    MULTIPLE = "multiple"


PROVEN_AGENT = frozenset({Proof.SIGNED, Proof.SESSION})


class Assurance(msgspec.Struct, frozen=True, kw_only=True):
    tenant: Proof = Proof.NONE
    agent: Proof = Proof.NONE
    customer: Proof = Proof.NONE


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One frame of one agent at one conversation. Travels in the app token."""

    account_id: int
    helpdesk_id: int
    helpdesk: str
    """Kind of the helpdesk: generic, zendesk …"""
    assurance: Assurance
    frame: str = ""
    """Random name of this frame: a pairing belongs to it alone."""
    state: State = State.SINGLE
    born: datetime
    """When the helpdesk's own proof was checked: renewals end a working day later."""
    agent_id: int | None = None
    agent_version: int = 0
    agent_name: str = ""
    agent_external: str = ""
    """The helpdesk's own id of the agent."""
    fresh: bool = True
    """False: the proof had been used before. Good for reading, never for money."""
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    external_id: str = ""
    customer_name: str = ""
    unverified: bool = False
    """The customer typed the address themselves and the helpdesk has not checked it."""
    conversation: str = ""
    subject: str = ""
    language: str = ""
    """Of the conversation, as the helpdesk says: the replies' language."""
    interface: str = ""
    """Of the pane itself; empty: the browser's."""
    capabilities: tuple[str, ...] = ()

    @property
    def may_read(self) -> bool:
        """Orders are personal data: a claimed agent with a key from an address reads nothing."""
        if self.assurance.agent in PROVEN_AGENT:
            return True
        return (
            self.assurance.tenant in (Proof.SHARED_SECRET, Proof.SIGNED)
            and self.assurance.customer is Proof.API_VERIFIED
        )

    @property
    def may_glimpse(self) -> bool:
        """The helpdesk itself told us whose conversation it is, though not who is looking."""
        return self.assurance.customer is Proof.API_VERIFIED and not self.unverified

    @property
    def may_search(self) -> bool:
        """Any e-mail, any order number: else the pane would be a lookup oracle for the whole shop."""
        return self.assurance.agent in PROVEN_AGENT

    @property
    def may_move_money(self) -> bool:
        """A proven agent with a record of their own, by a proof that was not seen before."""
        return self.assurance.agent in PROVEN_AGENT and self.agent_id is not None and self.fresh

    @property
    def proof(self) -> str:
        return self.assurance.agent.value

    @property
    def actor(self) -> str:
        """Who, for the record."""
        return self.agent_name or self.agent_external or "unknown agent"

    def speaking(self, language: str) -> Visit:
        return msgspec.structs.replace(self, interface=language)


class Looking(msgspec.Struct, frozen=True, kw_only=True):
    """A visit, as this request finds it: the people behind it looked up again."""

    visit: Visit
    role: Role | None
    helpdesk_name: str
    origin: str


def visitor_required(
    view: Callable[Concatenate[Visit, P], R],
) -> Callable[P, R]:
    """Give the view the visit of the bearer token, checked against the agent's record on each request."""

    @wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            raise Forbidden("no app token", code="expired")
        visit = tokens.read(token)
        with services().reading(visit.account_id) as work:
            enter(work, visit)
        return view(visit, *args, **kwargs)

    return checked


def enter(work: Work, visit: Visit) -> None:
    """Raise unless helpdesk and agent still are who they were; set language and zone of the request.

    Disabling an agent, or counting up their token version, ends every live frame at its next request.
    """
    admit(visit, standing(work, visit.helpdesk_id, visit.agent_id))


def admit(visit: Visit, found: Standing | None) -> None:
    """As `enter`, by what was found of them."""
    if found is None or found.removed_at is not None:
        raise Forbidden("the helpdesk was removed", code="access_ended")
    role: Role | None = None
    if visit.agent_id is not None:
        agent = found.agent
        if agent is None or agent.disabled_at is not None or agent.token_version != visit.agent_version:
            raise Forbidden("the agent's access was ended", code="access_ended")
        role = agent.role
    settle(visit, found.timezone)
    g.looking = Looking(visit=visit, role=role, helpdesk_name=found.name, origin=found.origin)
    g.account_settings = found.settings


def settle(visit: Visit, timezone: str) -> None:
    """Language, zone and time of this request."""
    g.language = visit.interface
    g.zone = zone_of(timezone)
    g.now = services().now()


def role() -> Role | None:
    """Role of the visiting agent, as it is now."""
    looking: Looking | None = getattr(g, "looking", None)
    return looking.role if looking else None


def account_settings() -> dict[str, Any]:
    found: dict[str, Any] = getattr(g, "account_settings", {})
    return found
