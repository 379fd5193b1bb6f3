"""Statements that are a transaction of their own, straight to the driver.

For a door that only writes down who knocked, and for reading what is prepared: of what a session, a begun
transaction and a compiled expression cost a request, two thirds go without anything that such a statement
needs. A line is never rolled back either, so what psycopg has prepared on it stays prepared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import RawCursor
from sqlalchemy import Engine
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

PLACES = {"sqlite": "qmark", "postgresql": "numeric_dollar"}
"""How each database itself marks a place for a value, so that nobody rewrites a statement with each use.

Source: sqlite.org, "Binding Values To Prepared Statements"; psycopg.org, "Raw query cursors".
"""


def plain(dialect: Dialect) -> Dialect:
    """The dialect of a line: values are given by their place."""
    kind: Any = type(dialect)
    found: Dialect = kind(paramstyle=PLACES[dialect.name])
    return found


class Alone:
    """A statement for one kind of database, compiled once. It names its account itself.

    All values are given by name: there are no defaults and no literals in it.
    """

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=plain(dialect))
        assert isinstance(compiled, SQLCompiler)
        self.text = compiled.string
        self._binders = [
            (name, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect))
            for name in compiled.positiontup or ()
        ]

    def bound(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The values as the driver takes them."""
        return tuple(bind(values[name]) if bind else values[name] for name, bind in self._binders)


class Lines:
    """Connections on which every statement commits itself. They are not asked first whether they live."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._raw = engine.dialect.name == "postgresql"

    @property
    def dialect(self) -> Dialect:
        return self._engine.dialect

    def first(self, statement: Alone, values: Mapping[str, Any]) -> Any:
        """The first value that the statement returns; None if it returns no row. As `rows`."""
        found = self.rows(statement.text, statement.bound(values))
        return found[0][0] if found else None

    def rows(self, text: str, parameters: Sequence[Any]) -> Sequence[Any]:
        """What the statement returns; its parameters by their places, as the driver takes them.

        On a line that the server has let go it is said again on a new one, so it must be harmless when said
        twice: nobody knows whether the first was heard.
        """
        try:
            return self._ask(text, parameters)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            self._engine.dispose()  # most likely the server was started anew, and no other line lives either
            return self._ask(text, parameters)

    def _ask(self, text: str, parameters: Sequence[Any]) -> Sequence[Any]:
        try:
            connection = self._engine.raw_connection()
        except self.dialect.loaded_dbapi.Error as error:
            raise self._said(text, error) from error
        try:
            there: Any = connection.driver_connection
            cursor = RawCursor(there) if self._raw else there.cursor()
            try:
                cursor.execute(text, parameters)
                rows: Sequence[Any] = cursor.fetchall()  # to the end: only then has SQLite committed
            finally:
                cursor.close()
        except self.dialect.loaded_dbapi.Error as error:
            lost = self.dialect.is_disconnect(error, connection.dbapi_connection, None)
            if lost:
                connection.invalidate(error)
            raise self._said(text, error, lost=lost) from error
        finally:
            connection.close()
        return rows

    def _said(self, text: str, error: Exception, *, lost: bool = False) -> Exception:
        """The driver's error as an engine says it, and without the values: errors are logged."""
        return DBAPIError.instance(
            text,
            None,
            error,
            self.dialect.loaded_dbapi.Error,
            hide_parameters=True,
            connection_invalidated=lost,
        )

    def dispose(self, *, close: bool = True) -> None:
        self._engine.dispose(close=close)
