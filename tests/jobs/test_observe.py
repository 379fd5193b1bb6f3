"""What is written into logs, and what never is."""

from __future__ import annotations

import traceback

import pytest
from sqlalchemy.exc import IntegrityError

from integration.db.accounts import Agent, Role
from integration.work import Database
from jobs import observe


def test_a_row_that_the_database_refuses_is_logged_without_its_values(
    database: Database, account: int
) -> None:
    """On Postgres the driver's own message has them, too."""

    def mari() -> Agent:
        return Agent(email="mari@lumi.example", name="Mari", role=Role.AGENT, created_at=database.now())

    def twice() -> None:
        with database.transaction(account) as work:
            work.session.add_all([mari(), mari()])

    with pytest.raises(IntegrityError) as refused:
        twice()

    written = observe.clean("".join(traceback.format_exception(refused.value)))
    assert "agent" in written
    assert "mari@lumi.example" not in written


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("GET /x?code=abc&shop=s", "GET /x?code=…&shop=s"),
        ("oauth_signature=a%2Fb hmac=c", "oauth_signature=… hmac=…"),
        ("access_token=shpat_1", "access_token=…"),
        ("nothing here", "nothing here"),
    ],
)
def test_proofs_in_addresses_are_cut_out(line: str, written: str) -> None:
    assert observe.clean(line) == written
