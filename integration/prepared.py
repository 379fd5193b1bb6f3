"""Questions asked so often that putting them into words would cost more than the answer.

Writing a statement anew, finding it among the compiled ones and making mapped rows takes SQLAlchemy a
millisecond or more; here it is written once for each kind of database, and answers in JSON that is read
straight into plain values. It is confined to the account as every other statement is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import BindParameter, Dialect, Select, bindparam
from sqlalchemy.orm import with_loader_criteria
from sqlalchemy.sql.compiler import SQLCompiler

from integration.db.as_json import Writer
from integration.db.base import AccountRow
from integration.work import ACCOUNT, Work

T = TypeVar("T")


class Prepared(Generic[T]):
    """`write` makes a select of one JSON value, with a `bindparam` for each number or text that changes.

    `everywhere`: for a door that has yet to learn the account, as `Database.everywhere`.
    """

    def __init__(
        self, shape: type[T], write: Callable[[Writer], Select[Any]], *, everywhere: bool = False
    ) -> None:
        self._everywhere = everywhere
        self._decode = msgspec.json.Decoder(shape).decode
        self._write = write
        self._written: dict[str, SQLCompiler] = {}

    def rows(self, work: Work, **values: int | str | list[int] | list[str]) -> list[T]:
        """Every row's value, of the account at work. Lists are for `Writer.among`."""
        dialect = work.session.get_bind().dialect
        statement = self._written.get(dialect.name) or self._in(dialect)
        account = {} if self._everywhere else {ACCOUNT: work.account_id}
        given: Any = statement.construct_params({**account, **values})
        if statement.positiontup is not None:  # SQLite, which knows no lists
            given = tuple(_scalar(given[name]) for name in statement.positiontup)
        if work.lines is not None:
            return [self._decode(text) for (text,) in work.lines.rows(statement.string, given)]
        work.session.flush()  # what was changed in this transaction is seen, as any other query sees it
        asked = work.session.connection().exec_driver_sql(statement.string, given)
        return [self._decode(text) for (text,) in asked]

    def _in(self, dialect: Dialect) -> SQLCompiler:
        mine: BindParameter[int] = bindparam(ACCOUNT)
        confined = with_loader_criteria(
            AccountRow,
            lambda table: table.account_id == mine,
            include_aliases=True,
            track_closure_variables=False,
        )
        writer = Writer(dialect.name)
        query = writer.as_text(self._write(writer))
        written = (query if self._everywhere else query.options(confined)).compile(dialect=dialect)
        assert isinstance(written, SQLCompiler)
        assert not written.post_compile_params, "a list of values: use Writer.among"
        self._written[dialect.name] = written
        return written


def _scalar(value: Any) -> Any:
    return msgspec.json.encode(value).decode() if isinstance(value, list) else value
