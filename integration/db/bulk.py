"""Many rows quickly: COPY on Postgres, executemany elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
import psycopg
from sqlalchemy import ARRAY, JSON, Column, ColumnElement, Table, any_, func, insert, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.orm import Session

from integration.db.base import Base

Upsert = postgresql.Insert | sqlite.Insert


def insert_rows(session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert complete rows (every column is in every row) within the session's transaction."""
    if not rows:
        return
    if session.get_bind().dialect.name == "postgresql":
        _copy(session, model, rows)
    else:
        session.execute(insert(model), rows)


def upsert(session: Session, model: type[Base]) -> Upsert:
    """An INSERT that knows ON CONFLICT, in the session's dialect."""
    name = session.get_bind().dialect.name
    return postgresql.insert(model) if name == "postgresql" else sqlite.insert(model)


@cache
def _plan(model: type[Base]) -> tuple[str, tuple[tuple[str, bool], ...]]:
    """The COPY statement of a table, and its columns with whether they hold JSON."""
    table = model.__table__
    assert isinstance(table, Table)
    columns: list[Column[Any]] = list(table.columns)
    names = ", ".join(f'"{column.name}"' for column in columns)
    statement = f'COPY "{table.name}" ({names}) FROM STDIN'
    return statement, tuple((column.name, isinstance(column.type, JSON)) for column in columns)


def among(session: Session, column: Any, values: Collection[Any]) -> ColumnElement[bool]:
    """`column IN values` for hundreds of them: one array on Postgres, where each else is a parameter."""
    if session.get_bind().dialect.name == "postgresql":
        wanted: ColumnElement[bool] = column == any_(literal(list(values), ARRAY(column.type)))
        return wanted
    listed: ColumnElement[bool] = column.in_(values)
    return listed


def new_ids(session: Session, model: type[Base], count: int) -> Sequence[int]:
    """Keys for `count` rows that are about to be inserted by a transaction that holds its lock."""
    if not count:
        return ()
    table = model.__table__
    assert isinstance(table, Table)
    if session.get_bind().dialect.name == "postgresql":
        sequence = func.pg_get_serial_sequence(table.name, "id")
        numbers = func.generate_series(1, count).table_valued("number")
        return session.scalars(select(func.nextval(sequence)).select_from(numbers)).all()
    last = session.connection().scalar(select(func.coalesce(func.max(table.c.id), 0)))
    return range(last + 1, last + count + 1)


def _copy(session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Source: psycopg 3, "Using COPY TO and COPY FROM"."""
    statement, columns = _plan(model)
    driver: Any = session.connection().connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(
                    [
                        _encode(row[name]).decode() if json and row[name] is not None else row[name]
                        for name, json in columns
                    ]
                )
    except psycopg.OperationalError as error:  # as the session itself would say it
        raise OperationalError(statement, None, error) from error
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise DataError(statement, None, error) from error


_encode = msgspec.json.Encoder().encode
