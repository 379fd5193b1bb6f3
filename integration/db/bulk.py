"""Many rows quickly: COPY on Postgres, executemany elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

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


class _Plan(NamedTuple):
    """How rows of a table are copied."""

    statement: str
    values: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    json: tuple[int, ...]
    """Places of columns that hold JSON."""


@cache
def _plan(model: type[Base]) -> _Plan:
    table = model.__table__
    assert isinstance(table, Table)
    columns: list[Column[Any]] = list(table.columns)
    names = ", ".join(f'"{column.name}"' for column in columns)
    return _Plan(
        statement=f'COPY "{table.name}" ({names}) FROM STDIN',
        values=itemgetter(*(column.name for column in columns)),
        json=tuple(place for place, column in enumerate(columns) if isinstance(column.type, JSON)),
    )


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
    plan = _plan(model)
    driver: Any = session.connection().connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(plan.statement) as copy:
            for row in rows:
                values = list(plan.values(row))
                for place in plan.json:
                    if values[place] is not None:
                        values[place] = _encode(values[place]).decode()
                copy.write_row(values)
    except psycopg.OperationalError as error:  # as the session itself would say it
        raise OperationalError(plan.statement, None, error) from error
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise DataError(plan.statement, None, error) from error


_encode = msgspec.json.Encoder().encode
