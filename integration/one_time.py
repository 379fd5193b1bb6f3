"""Things that may be used once until they expire: install states, challenges, sign-in links, seen proofs."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Table, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.dml import ReturningInsert

from integration.alone import Alone
from integration.db.accounts import OneTime
from integration.secret import digest, new_secret
from integration.work import Database, Work

KEPT = timedelta(days=1)
"""How long used and expired rows stay, for whoever asks what happened."""


def make(work: Work, purpose: str, data: dict[str, Any], lifetime: timedelta) -> str:
    """A new secret that `use` takes once. `data` comes back with it."""
    secret = new_secret()
    now = work.now()
    work.add(
        OneTime(
            token_hash=digest(secret),
            purpose=purpose,
            data=data,
            created_at=now,
            expires_at=now + lifetime,
        )
    )
    return secret


def peek(work: Work, purpose: str, secret: str) -> dict[str, Any] | None:
    """What `use` would give, without using it."""
    return work.session.scalar(
        select(OneTime.data).where(
            OneTime.token_hash == digest(secret),
            OneTime.purpose == purpose,
            OneTime.used_at.is_(None),
            OneTime.expires_at > work.now(),
        )
    )


def use(work: Work, purpose: str, secret: str) -> dict[str, Any] | None:
    """Its data, the first time; None when unknown, expired, used, or made for something else."""
    now = work.now()
    data = peek(work, purpose, secret)
    if data is None:
        return None
    used = work.session.execute(
        update(OneTime)
        .where(OneTime.token_hash == digest(secret), OneTime.used_at.is_(None), OneTime.expires_at > now)
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )
    return data if used.rowcount == 1 else None  # type: ignore[attr-defined] # an UPDATE's result has it


def note(work: Work, purpose: str, secret: str, outcome: dict[str, Any]) -> None:
    """Write down what became of it, for whoever comes back with the same secret."""
    work.session.execute(
        update(OneTime)
        .where(OneTime.token_hash == digest(secret), OneTime.purpose == purpose)
        .values(data={"outcome": outcome})
    )


def outcome(work: Work, purpose: str, secret: str) -> dict[str, Any] | None:
    """What `note` wrote down, until the secret is swept away."""
    data = work.session.scalar(
        select(OneTime.data).where(OneTime.token_hash == digest(secret), OneTime.purpose == purpose)
    )
    found: dict[str, Any] | None = (data or {}).get("outcome")
    return found


def first_time(work: Work, purpose: str, proof: str, lifetime: timedelta) -> bool:
    """Whether this proof (a JWT's `jti`, a signature) is seen for the first time; it is seen from now on."""
    work.session.flush()
    connection = work.session.connection()
    # By what comes back: Postgres counts no rows for this kind of insert.
    row = _seen(work.now(), purpose, proof, lifetime)
    return connection.scalar(_unless_there(connection.dialect.name), row) is not None


def first_time_ever(database: Database, purpose: str, proof: str, lifetime: timedelta) -> bool:
    """The same at once, whatever becomes of the rest. If the server lets go meanwhile, it was seen before."""
    row = _seen(database.now(), purpose, proof, lifetime)
    return database.lines.first(_marking(database.engine.dialect), row) is not None


def _seen(now: datetime, purpose: str, proof: str, lifetime: timedelta) -> dict[str, Any]:
    return {
        "token_hash": hashlib.sha256(f"{purpose}\n{proof}".encode()).hexdigest(),
        "purpose": purpose,
        "data": {},
        "created_at": now,
        "expires_at": now + lifetime,
        "used_at": now,
    }


@cache
def _unless_there(dialect: str) -> ReturningInsert[str]:
    table = OneTime.__table__
    assert isinstance(table, Table)
    insert = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    return insert.on_conflict_do_nothing().returning(table.c.token_hash)


@cache
def _marking(dialect: Dialect) -> Alone:
    return Alone(_unless_there(dialect.name), dialect)


def sweep(work: Work) -> int:
    """Delete what is long over; how many."""
    gone = work.session.execute(delete(OneTime).where(OneTime.expires_at < work.now() - KEPT))
    return int(gone.rowcount)  # type: ignore[attr-defined] # a DELETE's result has it
