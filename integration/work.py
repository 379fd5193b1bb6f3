"""The unit of work: one transaction for one account, and whom it wakes when it is committed.

No query can forget the account: the session adds it to every select, update and delete of a table
that belongs to accounts, and stamps it on every new row. `everywhere` is for doors that have yet to
learn the account, and for sweeps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Engine, create_engine, event, insert, select
from sqlalchemy.orm import (
    LoaderCriteriaOption,
    ORMExecuteState,
    Session,
    UOWTransaction,
    sessionmaker,
    with_loader_criteria,
)
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from integration.alone import Lines
from integration.db import AccountRow, Base
from integration.db.accounts import Account
from integration.errors import AppError, NotFound
from integration.vault import Vault

ACCOUNT = "account_id"
"""Key in `Session.info`: the account, or EVERYWHERE."""
EVERYWHERE = "everywhere"


class JobName(StrEnum):
    """What can be woken. Handlers are in jobs/run.py."""

    DRAIN_INBOX = "drain_inbox"
    SYNC = "sync"
    PROVE = "prove"
    PROBE = "probe"
    ACTION = "action"
    PRIVACY = "privacy"
    SWEEP = "sweep"


Wake = Callable[[JobName, Mapping[str, Any]], None]


def utc_now() -> datetime:
    return datetime.now(UTC)


class Work:
    """What a function of this package works with: a session, its account, the time, and wakes."""

    def __init__(
        self,
        open_session: Callable[[], Session],
        account_id: int | None,
        now: Callable[[], datetime],
        vault: Vault | None = None,
        lines: Lines | None = None,
    ) -> None:
        self._open_session = open_session
        self._session: Session | None = None
        self.lines = lines
        """Of a work that only reads: what is prepared need not wait for a transaction of the session."""
        self._account_id = account_id
        self.now = now
        self.vault = vault
        self.chain_key: bytes | None = None
        """Of the account's audit log, once it was opened (see `integration.audit`)."""
        self.wakes: list[tuple[JobName, dict[str, Any]]] = []

    @property
    def session(self) -> Session:
        """Opened when it is first asked for: much of what only reads does without."""
        if self._session is None:
            self._session = self._open_session()
        return self._session

    def close(self) -> None:
        """Let go of the session, and of what was not committed."""
        if self._session is not None:
            self._session.close()

    @property
    def account_id(self) -> int:
        """Raises :exc:`AppError` in a transaction that belongs to no account."""
        if self._account_id is None:
            raise AppError("this transaction belongs to no account")
        return self._account_id

    def wake(self, name: JobName, **arguments: Any) -> None:
        """Wake a worker once this work is committed. May be lost: the row is the promise."""
        self.wakes.append((name, arguments))

    def add(self, row: Base) -> None:
        self.session.add(row)

    def insert(self, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
        """Many rows at once, stamped with the account."""
        if rows:
            self.session.execute(insert(table), [self.stamped(row) for row in rows])

    def stamped(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row with its account, for statements that the session cannot stamp by itself."""
        return {**row, ACCOUNT: self.account_id}


class Database:
    """One database and its transactions."""

    def __init__(self, url: str, now: Callable[[], datetime] = utc_now, *, pool_size: int = 10) -> None:
        self.engine = make_engine(url, pool_size=pool_size)
        self.lines = Lines(make_engine(url, pool_size=pool_size, alone=True))
        """For statements that are transactions of their own (see `integration.alone`)."""
        self.now = now
        self.vault: Vault | None = None
        """Set by jobs.boot: what seals the key of the audit log (see `integration.audit`)."""
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        event.listen(self._sessions, "do_orm_execute", _confine_queries)
        event.listen(self._sessions, "before_flush", _stamp_new_rows)
        self.on_commit: Callable[[Sequence[tuple[JobName, dict[str, Any]]]], None] = lambda wakes: None
        """Set by jobs.boot: hands wakes to the queue."""

    @contextmanager
    def transaction(self, account_id: int) -> Iterator[Work]:
        """One account, reading and writing; commits at the end, rolls back on any exception."""
        yield from self._run(account_id, write=True)

    @contextmanager
    def reading(self, account_id: int) -> Iterator[Work]:
        """One account, reading only: never waits for a writer."""
        yield from self._run(account_id, write=False)

    @contextmanager
    def everywhere(self, *, write: bool = True) -> Iterator[Work]:
        """All accounts: for doors that have yet to learn the account, and for sweeps. Use sparingly."""
        yield from self._run(None, write=write)

    def _run(self, account_id: int | None, *, write: bool) -> Iterator[Work]:
        # On a server that shows each statement what was committed before it, a transaction adds nothing to
        # reading but three ways there and back; and psycopg forgets what it has prepared at each rollback.
        lines = None if write or self.engine.dialect.name == "sqlite" else self.lines
        of_account = {ACCOUNT: EVERYWHERE if account_id is None else account_id}
        work = Work(lambda: self._sessions(info=of_account), account_id, self.now, self.vault, lines)
        try:
            if lines is None:
                work.session.connection(execution_options={"deskside_write": write})
            yield work
            if write:
                work.session.commit()
        finally:
            work.close()
        if work.wakes:
            self.on_commit(work.wakes)

    def the_account(self, account_id: int | None = None) -> int:
        """The account that commands act on: the given one, else the only one."""
        with self.everywhere(write=False) as work:
            ids = work.session.scalars(select(Account.id).order_by(Account.id)).all()
        if account_id is not None:
            if account_id not in ids:
                raise NotFound(f"no account {account_id}")
            return account_id
        if len(ids) != 1:
            raise NotFound(
                "no account yet: run `integration migrate`" if not ids else "several accounts: say --account"
            )
        return ids[0]

    def dispose(self, *, close: bool = True) -> None:
        """Let go of all connections. A forked child does not close them: they are its parent's."""
        self.engine.dispose(close=close)
        self.lines.dispose(close=close)


def make_engine(url: str, *, pool_size: int = 10, alone: bool = False) -> Engine:
    """An engine whose SQLite connections behave like a server's: WAL, foreign keys, honest transactions.

    `alone`: each statement commits itself, and connections are handed out as they lie in the pool.
    """
    common: dict[str, Any] = {
        "json_serializer": _dump_json,
        "json_deserializer": msgspec.json.decode,
        # An error names its statement, never the values: they are people's data, and errors are logged.
        "hide_parameters": True,
    }
    if url.startswith("sqlite"):
        # A connection a thread and transaction: SQLite connections are cheap, and must not cross forks.
        engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": 30}, **common)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    common.update(pool_size=pool_size, max_overflow=pool_size, pool_recycle=1800)
    if alone:
        # The last one used first: a quiet door keeps one connection busy, not each of them in turn.
        common.update(isolation_level="AUTOCOMMIT", pool_reset_on_return=None, pool_use_lifo=True)
        return create_engine(url, **common)
    return create_engine(url, pool_pre_ping=True, **common)


_encode = msgspec.json.Encoder().encode


def _dump_json(value: Any) -> str:
    # Not a closure: psycopg keeps one adapter a function, and would keep one a closure for ever.
    return _encode(value).decode()


def _prepare_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    # A writer takes the write lock at once: upgrading later can fail without waiting (SQLITE_BUSY).
    write = connection.get_execution_options().get("deskside_write", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _confine_queries(state: ORMExecuteState) -> None:
    account = state.session.info.get(ACCOUNT)
    if account is None:
        raise AppError("a session without an account: use Database.transaction")
    if account == EVERYWHERE or state.is_column_load or state.is_relationship_load:
        return
    if state.is_select or state.is_update or state.is_delete:
        state.statement = state.statement.options(_rows_of(account))


@lru_cache(maxsize=1024)
def _rows_of(account: int) -> LoaderCriteriaOption:
    """Made once for an account: reading the lambda takes as long as a short statement does."""
    return with_loader_criteria(AccountRow, lambda table: table.account_id == account, include_aliases=True)


def _stamp_new_rows(session: Session, _: UOWTransaction, __: Any) -> None:
    account = session.info.get(ACCOUNT)
    for row in session.new:
        if isinstance(row, AccountRow) and account != EVERYWHERE:
            owner: int | None = row.account_id
            if owner is None:
                row.account_id = account
            elif owner != account:
                raise AppError("a row of another account in this transaction")
