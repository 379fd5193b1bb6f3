"""Questions asked so often that putting them into words would cost more than the answer.

Writing a statement anew, finding it among the compiled ones and making mapped rows takes SQLAlchemy a
millisecond or more; here it is written once for each kind of database, and answers in JSON that is read
straight into plain values. It is confined to the account as every other statement is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import BindParameter, Dialect, Select, bindparam
from sqlalchemy.orm import with_loader_criteria
from sqlalchemy.sql.compiler import SQLCompiler

from integration.alone import plain
from integration.db.as_json import Writer
from integration.db.base import AccountRow
from integration.work import ACCOUNT, Work

T = TypeVar("T")

CUSTOMER: BindParameter[int] = bindparam("customer")
"""The row that stands for a person, in questions about one."""


class Written:
    """A statement in the words of one database, and what it takes."""

    def __init__(self, compiled: SQLCompiler) -> None:
        self.text = compiled.string
        self._constants = dict(compiled.params)
        self._places = compiled.positiontup
        """Names of the values in their places; None where the driver takes them by name."""
        self._knows_lists = compiled.dialect.name != "sqlite"

    def placed(self, values: Mapping[str, Any]) -> Any:
        """The values as the driver takes them."""
        given = {**self._constants, **values}
        if self._places is None:
            return given
        return tuple(given[name] if self._knows_lists else _scalar(given[name]) for name in self._places)


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
        self._written: dict[tuple[str, bool], Written] = {}
        """Kind of database, and whether on a line (see `integration.alone`) or in a session's transaction."""

    def rows(self, work: Work, **values: int | str | list[int] | list[str]) -> list[T]:
        """Every row's value, of the account at work. Lists are for `Writer.among`."""
        if not self._everywhere:
            values[ACCOUNT] = work.account_id
        if work.lines is not None:
            written = self._in(work.lines.dialect, on_a_line=True)
            found = work.lines.rows(written.text, written.placed(values))
            return [self._decode(text) for (text,) in found]
        written = self._in(work.session.get_bind().dialect, on_a_line=False)
        work.session.flush()  # what was changed in this transaction is seen, as any other query sees it
        asked = work.session.connection().exec_driver_sql(written.text, written.placed(values))
        return [self._decode(text) for (text,) in asked]

    def _in(self, dialect: Dialect, *, on_a_line: bool) -> Written:
        kind = dialect.name, on_a_line
        if kind not in self._written:
            self._written[kind] = self._write_in(plain(dialect) if on_a_line else dialect)
        return self._written[kind]

    def _write_in(self, dialect: Dialect) -> Written:
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
        return Written(written)


def _scalar(value: Any) -> Any:
    return msgspec.json.encode(value).decode() if isinstance(value, list) else value
