"""Signing in from a store's own admin: the store has proven who it is, we hand out a one-time link.

Anybody can open an install link, also with a shop of their own. So a store that came in that way into an
account that has admins already is doubted: its word lets nobody in and nothing of it is copied (see
`stores.connect`), until one of them confirms it or connects it once more.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import or_, select

from integration import one_time
from integration.account_settings import held
from integration.db.accounts import Account, Agent, Role
from integration.errors import Forbidden
from integration.people.agents import agent_by_email, clean_name
from integration.work import Work

SIGN_IN = "sign-in-link"
LIFETIME = timedelta(minutes=2)
DOUBTED = "doubted_stores"
"""In `Account.settings`: ids of stores that nobody of the account has confirmed."""


def vouch(work: Work, store_id: int) -> None:
    """Somebody of the account, or whoever runs this installation, connected the store."""
    _change_doubted(work, lambda doubted: doubted - {store_id})


def doubt(work: Work, store_id: int) -> None:
    """Nobody knows who connected the store."""
    _change_doubted(work, lambda doubted: doubted | {store_id})


def is_doubted(work: Work, store_id: int) -> bool:
    return store_id in _doubted(work)


def is_in_use(work: Work) -> bool:
    """Whether the account has admins; the first merchant of a new one is nobody's stranger."""
    taken = select(Agent.id).where(
        Agent.role == Role.ADMIN, or_(Agent.last_seen_at.is_not(None), Agent.password_hash.is_not(None))
    )
    return work.session.scalar(taken.limit(1)) is not None


def must_be_vouched_for(work: Work, store_id: int) -> None:
    """Raises :exc:`Forbidden` for a store whose people may not come in."""
    if store_id in _doubted(work):
        raise Forbidden(
            "this store was connected by nobody that we know",
            code="store_not_vouched_for",
            next_step="An admin can confirm it under Stores.",
        )


def _doubted(work: Work) -> set[int]:
    return set(work.session.get_one(Account, work.account_id).settings.get(DOUBTED, ()))


def _change_doubted(work: Work, change: Callable[[set[int]], set[int]]) -> None:
    account = held(work)
    before = set(account.settings.get(DOUBTED, ()))
    after = change(before)
    if after != before:
        account.settings = {**account.settings, DOUBTED: sorted(after)}


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
