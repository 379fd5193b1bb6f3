"""Statements that are transactions of their own: they stand at once, and survive a server that let go."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import bindparam, func, insert, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from integration.alone import Alone
from integration.db.accounts import Account
from integration.standing import standing
from integration.work import Database

GIVEN = ("name", "created_at", "timezone", "locale", "settings")


@pytest.fixture
def writing(database: Database) -> Alone:
    statement = insert(Account).values({name: bindparam(name) for name in GIVEN})
    return Alone(statement.returning(Account.id), database.engine.dialect)


def values(database: Database, name: str = "Lumi") -> dict[str, Any]:
    return {
        "name": name,
        "created_at": database.now(),
        "timezone": "UTC",
        "locale": "en",
        "settings": {"a": 1},
    }


def test_what_was_said_stands_at_once(database: Database, writing: Alone) -> None:
    number = database.lines.first(writing, values(database))

    with database.everywhere(write=False) as work:
        row = work.session.get_one(Account, number)
        assert (row.name, row.created_at, row.settings) == ("Lumi", database.now(), {"a": 1})


def test_no_row_is_none(database: Database) -> None:
    nobody = Alone(select(Account.id).where(Account.name == bindparam("name")), database.engine.dialect)
    assert database.lines.first(nobody, {"name": "nobody"}) is None


def test_a_line_that_the_server_let_go_is_opened_anew(database: Database, writing: Alone) -> None:
    database.lines.first(writing, values(database))
    if database.engine.dialect.name == "postgresql":
        with database.engine.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
    else:
        database.lines.dispose()  # SQLite has no server: a connection that is gone is all that can happen
    database.lines.first(writing, values(database, "Aurora"))

    with database.everywhere(write=False) as work:
        assert work.session.scalar(select(func.count(Account.id))) == 2


def test_a_statement_that_is_refused_is_not_said_again(database: Database) -> None:
    broken = Alone(text("SELECT 1 FROM nowhere"), database.engine.dialect)

    with pytest.raises(DBAPIError, match="nowhere") as refused:
        database.lines.first(broken, {})
    assert not refused.value.connection_invalidated


def test_a_server_that_is_not_there_is_said_as_the_engine_says_it() -> None:
    nowhere = Database("postgresql+psycopg://nobody@127.0.0.1:1/none")

    with nowhere.reading(1) as work, pytest.raises(OperationalError):
        standing(work, 1, None)
