"""Who calls the API, what they may, and how often."""

from __future__ import annotations

from dataclasses import dataclass

from flask import g, request

from integration.db.accounts import ApiToken, Role
from integration.errors import AppError, Forbidden, ForgedMessage
from integration.people import authenticate_token
from integration.wishes import Who
from sidebar.context import services
from sidebar.throttle import allowed

CALLS_A_MINUTE = 600
"""Of one token."""
GUESSES_A_MINUTE = 30
"""Wrong tokens from one address."""


class TooManyCalls(AppError):
    code, status = "too_many_calls", 429
    next_step = "Wait a minute, then go on more slowly."


@dataclass(frozen=True, slots=True)
class Caller:
    """The living token behind a request."""

    account_id: int
    token_id: int
    name: str
    role: Role
    made_by: int | None

    @property
    def who(self) -> Who:
        return Who(
            name=f"token {self.name}",
            role=self.role,
            caller=f"token:{self.token_id}",
            proof="token",
            token_id=self.token_id,
            made_by=self.made_by,
            assurance={"tenant": "token", "agent": "token", "customer": "none"},
        )


def must_lead(caller: Caller) -> None:
    """Raises :exc:`Forbidden` for an agent's token."""
    if caller.role is Role.AGENT:
        raise Forbidden("a lead's or admin's token is needed", code="not_a_lead")


def caller_of_request() -> Caller:
    """Raises :exc:`ForgedMessage` without a living token, :exc:`TooManyCalls` beyond the limit."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    caller = _find(token) if scheme.lower() == "bearer" and token else None
    if caller is None:
        _count("guess", request.remote_addr or "", GUESSES_A_MINUTE)
        raise ForgedMessage("a living Bearer token is needed", code="no_token")
    _count("token", str(caller.token_id), CALLS_A_MINUTE)
    g.account_id = caller.account_id
    return caller


def _find(token: str) -> Caller | None:
    """Looks without writing; the note of the last use is written at most once a minute."""
    if not token.isascii():
        return None
    with services().everywhere(write=False) as work:
        row = authenticate_token(work, token)
        noted = row is None or not work.session.is_modified(row)
        found = _caller(row) if row is not None else None
    if not noted:
        with services().everywhere() as work:
            authenticate_token(work, token)
    return found


def _caller(row: ApiToken) -> Caller:
    return Caller(row.account_id, row.id, row.name, row.role, row.made_by_id)


def _count(purpose: str, who: str, most: int) -> None:
    """Raises :exc:`TooManyCalls`."""
    if not allowed(f"api-{purpose}", who, times=most, seconds=60):
        raise TooManyCalls(f"more than {most} calls in a minute")
