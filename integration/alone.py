"""Statements that are a transaction of their own, straight to the driver.

For a door that only writes down who knocked: of what a session, a begun transaction and a compiled
expression cost a request, two thirds go without anything that such a statement needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import ClauseElement

NAMED = {"sqlite": "named", "postgresql": "pyformat"}
"""How each driver marks a place for a value that is given by its name. Source: PEP 249, "paramstyle"."""


class Alone:
    """A statement for one kind of database, compiled once. It names its account itself.

    All values are given by name: there are no defaults and no literals in it.
    """

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        kind: Any = type(dialect)
        compiled = statement.compile(dialect=kind(paramstyle=NAMED[dialect.name]))
        self.text = str(compiled)
        self._binders = [
            (name, bind.type.dialect_impl(dialect).bind_processor(dialect))
            for name, bind in compiled.binds.items()  # type: ignore[attr-defined] # an SQL statement has them
        ]

    def bound(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values as the driver takes them."""
        return {name: bind(values[name]) if bind else values[name] for name, bind in self._binders}


class Lines:
    """Connections on which every statement commits itself. They are not asked first whether they live."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def first(self, statement: Alone, values: Mapping[str, Any]) -> Any:
        """The first value that the statement returns; None if it returns no row.

        On a line that the server has let go it is said again on a new one, so it must be harmless when said
        twice: nobody knows whether the first was heard.
        """
        parameters = statement.bound(values)
        try:
            return self._ask(statement.text, parameters)
        except _Lost:
            self._engine.dispose()  # most likely the server was started anew, and no other line lives either
            return self._ask(statement.text, parameters)

    def _ask(self, text: str, parameters: dict[str, Any]) -> Any:
        connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            try:
                cursor.execute(text, parameters)
                rows = cursor.fetchall()  # to the end: only then has SQLite committed
            finally:
                cursor.close()
        except Exception as error:
            if self._engine.dialect.is_disconnect(error, connection.dbapi_connection, None):  # type: ignore[arg-type] # psycopg's errors and SQLite's
                connection.invalidate(error)
                raise _Lost(*error.args) from error
            raise
        finally:
            connection.close()
        return rows[0][0] if rows else None

    def dispose(self) -> None:
        self._engine.dispose()


class _Lost(ConnectionError):
    """The database let the connection go."""
