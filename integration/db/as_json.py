"""Rows that the database writes as JSON: an order with all its parts in one row of one statement.

Decoding such a text costs a tenth of what mapped rows do: nothing is made on the way to the value.
Values are arrays, in the sequence of the fields that take them (`msgspec.Struct`, `array_like`).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    BindParameter,
    Boolean,
    ColumnElement,
    LargeBinary,
    Select,
    String,
    any_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    select,
    type_coerce,
)
from sqlalchemy.types import TypeEngine

from integration.db.base import UtcDateTime, Word

MOMENT: ColumnElement[str] = literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'""")
"""To the microsecond, whatever the zone of the session. Source: postgresql.org, "Formatting Functions"."""
UTC: ColumnElement[str] = literal_column("'UTC'")
UTF8: ColumnElement[str] = literal_column("'UTF8'")
Z: ColumnElement[str] = literal_column("'Z'")
TRUE: ColumnElement[str] = literal_column("'true'")
FALSE: ColumnElement[str] = literal_column("'false'")
NULL: ColumnElement[None] = literal_column("null")
NONE: ColumnElement[Any] = literal_column("'[]'::json")


class Writer:
    """The JSON functions of one kind of database."""

    def __init__(self, dialect: str) -> None:
        self._postgres = dialect == "postgresql"

    def row(self, *columns: Any) -> ColumnElement[Any]:
        """The values of these columns as one array."""
        values = [self._value(column, column.type) for column in columns]
        return func.json_build_array(*values) if self._postgres else func.json_array(*values)

    def as_text(self, rows: Select[Any]) -> Select[str]:
        """The outermost select of one JSON column: read by us, not by the driver."""
        (value,) = rows.selected_columns
        return rows.with_only_columns(cast(value, String))

    def all(self, rows: Select[Any]) -> ColumnElement[Any]:
        """The rows of a select of one JSON column, in its order; an empty array for none."""
        inner = rows.subquery()
        (value,) = inner.c
        gathered: ColumnElement[Any] = func.json_group_array(func.json(value))
        if self._postgres:
            gathered = func.coalesce(func.json_agg(value), NONE)
        return self._kept(select(gathered).scalar_subquery())

    def one(self, row: Select[Any]) -> ColumnElement[Any]:
        """The only row of a select of one JSON column, or null."""
        return self._kept(row.scalar_subquery())

    def among(self, column: Any, name: str) -> ColumnElement[bool]:
        """Whether it is one of the values that `bindparam(name)` will hold: as many as there are then."""
        given: BindParameter[Any] = bindparam(name)
        if self._postgres:
            found: ColumnElement[bool] = column == any_(cast(given, ARRAY(column.type)))
            return found
        listed = func.json_each(type_coerce(given, String)).table_valued("value")
        one_of: ColumnElement[bool] = column.in_(select(listed.c.value))
        return one_of

    def _kept(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        """As JSON, not as a text in JSON: SQLite forgets that of a subquery's value.

        Source: sqlite.org, "JSON Functions And Operators", 3.1 on subtypes.
        """
        return type_coerce(value if self._postgres else func.json(value), JSON_VALUE)

    def _value(self, column: Any, kind: TypeEngine[Any]) -> Any:
        if isinstance(kind, Written):
            return column
        if isinstance(kind, UtcDateTime):
            if self._postgres:
                return func.to_char(func.timezone(UTC, column), MOMENT)
            return type_coerce(column, String).concat(Z)
        if isinstance(kind, Word):
            return type_coerce(column, String)
        if isinstance(kind, LargeBinary):  # of bytes that are a text: what a vault has sealed as such
            return func.convert_from(column, UTF8) if self._postgres else cast(column, String)
        if self._postgres:
            return column
        if isinstance(kind, JSON):
            return func.json(type_coerce(column, String))
        if isinstance(kind, Boolean):
            return func.json(case((column.is_(None), NULL), (column, TRUE), else_=FALSE))
        return column


class Written(JSON):
    """The type of what is JSON already."""


JSON_VALUE = Written()
