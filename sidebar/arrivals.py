"""How an opened frame becomes a visit: what every door shares.

The proof at the door says who frames us and, with some desks, who is looking. With most desks the
conversation itself is told by the host's page afterwards; whatever comes that way is a claim.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from integration import helpdesks, one_time
from integration.errors import BadInput
from sidebar.agents import claim_agent
from sidebar.context import services
from sidebar.languages import known
from sidebar.throttle import allowed
from sidebar.visit import PROVEN_AGENT, Assurance, Proof, State, Visit

if TYPE_CHECKING:
    from sidebar.doors import Desk

LONGEST_CONTEXT = 16_384
"""Characters of what a host's page tells about one conversation."""
MOST_CONTACTS = 20
"""E-mails, or phones, of one conversation that are searched."""
NOTED_REFUSALS = 6
"""A minute, per desk: whoever sets it up mends one thing after the other and looks again."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """The customer, as a helpdesk names them."""

    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    external_id: str = ""
    name: str = ""
    verified: bool | None = None
    """False: they typed the address themselves and nobody checked it."""


class Teammate(msgspec.Struct, frozen=True, kw_only=True):
    """The agent, as a helpdesk names them."""

    id: str = ""
    email: str = ""
    name: str = ""


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation, as the host's page or its proof tells it."""

    conversation: str = ""
    account: str = ""
    subject: str = ""
    language: str = ""
    channel: str = ""
    state: State = State.SINGLE
    customer: Person = Person()
    agent: Teammate = Teammate()


def read_context(text: str) -> Context:
    """Raises :exc:`BadInput` for what is no context; what has the form may still be a lie."""
    try:
        return msgspec.json.decode(text[:LONGEST_CONTEXT], type=Context)
    except (msgspec.DecodeError, UnicodeError):
        raise BadInput("not a context", code="bad_context") from None


def bare(desk: Desk, *, tenant: Proof = Proof.NONE, capabilities: tuple[str, ...] = ()) -> Visit:
    """A frame of which nothing is known but at whose address it knocked."""
    return Visit(
        account_id=desk.account_id,
        helpdesk_id=desk.id,
        helpdesk=desk.kind,
        frame=secrets.token_hex(8),
        assurance=Assurance(tenant=tenant),
        born=services().now(),
        state=State.UNKNOWN,
        capabilities=capabilities,
    )


def arrive(
    visit: Visit,
    desk: Desk,
    agent: Teammate | None = None,
    *,
    proof: str,
    kept: timedelta,
    signed_email: bool = False,
) -> Visit:
    """The visit, after its proof was checked: the agent's record found, the proof written down as seen.

    Reloading a frame brings the same proof again: good for reading while it lasts (`kept`), never for
    money. `agent`: whom the proof itself names, None where it names nobody; `signed_email`: their
    e-mail is part of what was signed. Raises :exc:`integration.errors.Forbidden` for an agent whose
    access was ended.
    """
    fresh = one_time.first_time_ever(services().db, f"{desk.kind}-proof", f"{desk.key}\n{proof}", kept)
    note_opening(desk)
    if agent is None:
        return replace(visit, fresh=fresh)
    record = claim_agent(desk.account_id, desk.id, agent.id, agent.email or None, proven=signed_email)
    return replace(
        visit,
        assurance=replace(visit.assurance, agent=Proof.SIGNED),
        fresh=fresh,
        agent_id=record.id if record else None,
        agent_version=record.token_version if record else 0,
        agent_name=(record.name if record else agent.name)[:200],
        agent_external=agent.id[:200],
        interface=record.locale if record else "",
    )


def note_opening(desk: Desk) -> None:
    """A call proved itself, though it named nobody: whoever sets the desk up sees that it works."""
    if desk.noted:
        return
    with services().transaction(desk.account_id) as work:
        helpdesks.note_opening(work, desk.id, at_once=desk.refused)


def note_refusal(desk: Desk, code: str) -> None:
    """What kept a call from proving itself, for whoever sets the desk up.

    A few a minute at most, since anybody can cause one; a code only, nothing that the call said.
    """
    if allowed("refusal", desk.key, times=NOTED_REFUSALS, seconds=60):
        with services().transaction(desk.account_id) as work:
            helpdesks.note_refusal(work, desk.id, code)


def tell(visit: Visit, context: Context, customer: Proof = Proof.CLAIMED) -> Visit:
    """The same frame at the conversation that the host names. What was proven of the agent stays."""
    more: dict[str, Any] = {}
    if visit.assurance.agent not in PROVEN_AGENT:
        more = {"agent_name": context.agent.name[:200], "agent_external": context.agent.id[:200]}
    agent = visit.assurance.agent if visit.assurance.agent in PROVEN_AGENT else Proof.CLAIMED
    return replace(
        visit,
        assurance=replace(visit.assurance, agent=agent, customer=customer),
        state=context.state,
        emails=_few(context.customer.emails),
        phones=_few(context.customer.phones),
        external_id=context.customer.external_id[:200],
        customer_name=context.customer.name[:200],
        unverified=context.customer.verified is False,
        conversation=context.conversation[:200],
        subject=context.subject[:500],
        language=known(context.language) or "",
        **more,
    )


def _few(texts: tuple[str, ...]) -> tuple[str, ...]:
    """As they were written, each once, none too long."""
    found = (text.strip()[:254] for text in texts[:MOST_CONTACTS])
    return tuple(dict.fromkeys(text for text in found if text))
