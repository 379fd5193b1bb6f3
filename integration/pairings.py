"""Pairing a frame with a signed-in agent: the device grant's shape.

The frame keeps the device code, the agent compares the user code on a page where they are signed in.
Either is good once and for five minutes. Source: RFC 8628; our helpdesk facts, "Own session inside a frame".
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from integration import audit
from integration.db.accounts import Agent
from integration.db.helpdesks import Helpdesk, HelpdeskAgent, Pairing
from integration.errors import Conflict, Forbidden, NotFound
from integration.helpdesks import note_opening
from integration.people.sessions import IDLE
from integration.secret import digest, new_secret
from integration.work import Work

LIFETIME = timedelta(minutes=5)
INTERVAL = 2
"""Seconds between two questions of the frame."""
RECENT = IDLE
"""How long a pairing vouches for the same person of a helpdesk that signs who is looking."""
LETTERS = "23456789BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so no words; nothing that looks like something else."""


def begin(work: Work, helpdesk_id: int, frame: Mapping[str, Any]) -> tuple[str, str]:
    """(device code, user code) for a frame. `frame`: its name, conversation, and whom the helpdesk names."""
    device = new_secret()
    work.add(
        Pairing(
            helpdesk_id=helpdesk_id,
            device_hash=digest(device),
            user_code=(code := _free_code(work)),
            visit=dict(frame),
            created_at=work.now(),
            expires_at=work.now() + LIFETIME,
        )
    )
    return device, code


def find(work: Work, user_code: str) -> tuple[Pairing, Helpdesk]:
    """The frame of this account that waits under this code. Raises :exc:`NotFound`."""
    row = work.session.execute(
        select(Pairing, Helpdesk)
        .join(Helpdesk, Helpdesk.id == Pairing.helpdesk_id)
        .where(
            Pairing.user_code == _plain(user_code),
            Pairing.confirmed_at.is_(None),
            Pairing.expires_at > work.now(),
            Helpdesk.removed_at.is_(None),
        )
    ).first()
    if row is None:
        raise NotFound("no frame waits under this code", code="pairing_over")
    return row[0], row[1]


def confirm(work: Work, user_code: str, agent: Agent) -> None:
    """This agent is the person in that frame. Raises :exc:`NotFound`, :exc:`Conflict`.

    Where the helpdesk signed who is looking, that person and the agent belong together from now on.
    """
    pairing, helpdesk = find(work, user_code)
    if pairing.visit.get("signed") and pairing.visit.get("external"):
        _link(work, helpdesk.id, str(pairing.visit["external"]), agent)
    now = work.now()
    taken = work.session.execute(
        update(Pairing)
        .where(Pairing.id == pairing.id, Pairing.confirmed_at.is_(None), Pairing.expires_at > now)
        .values(agent_id=agent.id, confirmed_at=now, visit={**pairing.visit, "version": agent.token_version})
        .execution_options(synchronize_session=False)
    )
    if taken.rowcount != 1:  # type: ignore[attr-defined] # an UPDATE's result has it
        raise NotFound("somebody else was faster", code="pairing_over")
    note_opening(work, helpdesk.id, at_once=True)
    audit.record(
        work,
        "frame.paired",
        actor=agent.email,
        proof="session",
        detail={
            "agent": agent.id,
            "helpdesk": helpdesk.id,
            "conversation": pairing.visit.get("conversation", ""),
            "helpdesk_agent": pairing.visit.get("external", ""),
        },
    )


def take(work: Work, device_code: str, helpdesk_id: int, frame: str) -> Agent | None:
    """Who confirmed, once; None while nobody has.

    Raises :exc:`NotFound` when the code is over, used, or another frame's; :exc:`Forbidden` when the
    agent's access ended meanwhile.
    """
    now = work.now()
    pairing = work.session.scalar(
        select(Pairing).where(
            Pairing.device_hash == digest(device_code),
            Pairing.helpdesk_id == helpdesk_id,
            Pairing.used_at.is_(None),
            Pairing.expires_at > now,
        )
    )
    if pairing is None or not frame or pairing.visit.get("frame") != frame:
        raise NotFound("no such code for this frame", code="pairing_over")
    if pairing.confirmed_at is None:
        return None
    taken = work.session.execute(
        update(Pairing)
        .where(Pairing.id == pairing.id, Pairing.used_at.is_(None))
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )
    if taken.rowcount != 1:  # type: ignore[attr-defined] # an UPDATE's result has it
        raise NotFound("this code was used", code="pairing_over")
    agent = work.session.scalar(select(Agent).where(Agent.id == pairing.agent_id))
    if agent is None or agent.disabled_at is not None or agent.token_version != pairing.visit.get("version"):
        raise Forbidden("the agent's access was ended", code="access_ended")
    return agent


def vouches(work: Work, helpdesk_id: int, agent: Agent, external_id: str) -> bool:
    """Whether this agent lately paired as this person of the helpdesk, and nothing has ended it since."""
    rows = work.session.scalars(
        select(Pairing.visit).where(
            Pairing.helpdesk_id == helpdesk_id,
            Pairing.agent_id == agent.id,
            Pairing.used_at > work.now() - RECENT,
        )
    )
    return any(
        visit.get("signed")
        and visit.get("external") == external_id
        and visit.get("version") == agent.token_version
        for visit in rows
    )


def _link(work: Work, helpdesk_id: int, external_id: str, agent: Agent) -> None:
    found = work.session.scalar(
        select(HelpdeskAgent).where(
            HelpdeskAgent.helpdesk_id == helpdesk_id, HelpdeskAgent.external_id == external_id
        )
    )
    if found is not None and found.agent_id != agent.id:
        raise Conflict("the helpdesk's person belongs to another agent", code="other_agent")
    if found is None:
        work.add(
            HelpdeskAgent(
                helpdesk_id=helpdesk_id,
                external_id=external_id,
                agent_id=agent.id,
                linked_at=work.now(),
                linked_how="pairing",
            )
        )


def _free_code(work: Work) -> str:
    """`K7QF-2MXD`: forty bits are nothing to guess within five minutes at a few tries each."""
    while True:
        letters = "".join(secrets.choice(LETTERS) for _turn in range(8))
        code = f"{letters[:4]}-{letters[4:]}"
        taken = select(Pairing.id).where(Pairing.user_code == code, Pairing.expires_at > work.now())
        if work.session.scalar(taken) is None:
            return code


def _plain(code: str) -> str:
    """As we write it, however it was typed."""
    letters = "".join(char for char in code.upper() if char.isascii() and char.isalnum())
    return f"{letters[:4]}-{letters[4:]}"
