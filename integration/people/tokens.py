"""Bearer tokens for programs: `ds_` and 256 random bits, kept as a hash."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from integration import audit
from integration.db.accounts import ApiToken, Role
from integration.errors import NotFound
from integration.people.agents import COMMAND, clean_name
from integration.secret import digest, new_secret
from integration.work import Work

PREFIX = "ds_"
SHOWN = 9
"""Characters by which people tell tokens apart."""
USED_EVERY = timedelta(minutes=1)


def create_token(
    work: Work, name: str, role: Role, *, by: str = COMMAND, made_by_id: int | None = None
) -> tuple[ApiToken, str]:
    """The row and the token itself, which is shown once. `made_by_id`: the agent who makes it."""
    token = new_secret(PREFIX)
    row = ApiToken(
        name=clean_name(name),
        role=role,
        token_hash=digest(token),
        prefix=token[:SHOWN],
        made_by_id=made_by_id,
        created_at=work.now(),
    )
    work.add(row)
    work.session.flush()
    _note(work, "token.created", row, by)
    return row, token


def list_tokens(work: Work) -> list[ApiToken]:
    """Living ones first, then the newest."""
    rows = work.session.scalars(select(ApiToken)).all()
    return sorted(rows, key=lambda row: (row.revoked_at is not None, -row.id))


def revoke_token(work: Work, token_id: int, *, by: str = COMMAND) -> ApiToken:
    """Safe to run twice."""
    row = work.session.scalar(select(ApiToken).where(ApiToken.id == token_id))
    if row is None:
        raise NotFound("no such token")
    if row.revoked_at is None:
        row.revoked_at = work.now()
        _note(work, "token.revoked", row, by)
    return row


def authenticate_token(work: Work, token: str) -> ApiToken | None:
    """The living token's row. For a door that has yet to learn the account.

    Notes the use at most once a minute, so that reading calls hardly ever write; a transaction that
    is only for reading drops the note.
    """
    if not token.startswith(PREFIX) or len(token) > 100:
        return None
    row = work.session.scalar(
        select(ApiToken).where(ApiToken.token_hash == digest(token), ApiToken.revoked_at.is_(None))
    )
    if row is not None and (row.last_used_at is None or work.now() - row.last_used_at > USED_EVERY):
        row.last_used_at = work.now()
    return row


def _note(work: Work, event: str, row: ApiToken, by: str) -> None:
    proof = "system" if by == COMMAND else "session"
    audit.record(work, event, actor=by, proof=proof, detail={"token": row.id, "role": row.role})
