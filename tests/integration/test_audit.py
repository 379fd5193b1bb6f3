"""The record: whatever anybody changes in it is found and located; what a person may have erased, is gone."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy import inspect, text

from integration import actions, audit, audit_pages, planning, wishes
from integration.customers import find_order
from integration.db.accounts import Role
from integration.db.audit import AuditEntry
from integration.ports import ActionKind

ROWS = 6


@pytest.fixture
def order(world, account):
    return world.sell(account, world.store(account), world.record())[0]


@pytest.fixture
def chain(world, account, order):
    """Six entries: with and without words, about an order and about none."""
    with world.database.transaction(account) as work:
        for number in range(1, ROWS + 1):
            audit.record(
                work,
                f"refund.step{number}",
                actor=f"agent{number}@lumi.example",
                proof="session",
                order_id=order if number % 2 else None,
                action_id=number,
                detail={"amount": number * 100, "verdict": [{"line": "1", "verdict": "accept"}]},
                personal={"note": f"said {number}, õäöü"} if number % 2 else None,
            )
            world.clock.advance(timedelta(microseconds=1234))
    return world


def verified(world, account):
    with world.database.reading(account) as work:
        return audit.verify(work)


def tampered(world, account, statement, **values):
    """What the chain says after a change made behind our back; the change is then taken back."""
    with world.database.transaction(account) as work:
        changed = work.session.execute(text(statement), values)
        assert changed.rowcount == 1
        found = audit.verify(work)
        work.session.rollback()
    return found


def columns():
    return [column.name for column in inspect(AuditEntry).columns]


def test_an_untouched_chain_is_whole(chain, account):
    assert verified(chain, account) == (ROWS, None)


@pytest.mark.parametrize("column", [name for name in columns() if name not in ("id", "account_id")])
def test_any_change_of_any_column_of_any_row_is_found_and_located(chain, account, column):
    postgres = chain.database.engine.dialect.name == "postgresql"
    json = column in ("detail", "personal")
    value = "CAST(:new AS JSON)" if json and postgres else ":new"
    tried = 0
    for number in range(1, ROWS + 1):
        with chain.database.reading(account) as work:
            before = work.session.query(AuditEntry).filter_by(number=number).one()
            old = getattr(before, column)
        if column in ("personal", "salt") and old is None:
            continue  # erased or never there: the chain proves texts that are there
        new = {
            "number": number + 1000,
            "order_id": number + 7,
            "action_id": number + 7,
            "detail": '{"amount": 1}',
            "personal": '{"note": "never said"}',
            "at": "2020-01-01 00:00:00.000000" + ("+00" if postgres else ""),
        }.get(column, f"x{old}")
        statement = f"UPDATE audit_entry SET {column} = {value} WHERE number = :number"
        assert tampered(chain, account, statement, new=new, number=number)[1].number == number
        assert tampered(chain, account, statement, new=new, number=number)[0] == number - 1
        tried += 1
    assert tried == (ROWS // 2 if column in ("personal", "salt") else ROWS)
    assert verified(chain, account) == (ROWS, None)


def test_a_row_that_is_deleted_doubled_or_moved_is_found(chain, account):
    for number in range(1, ROWS):
        gone = "DELETE FROM audit_entry WHERE number = :number"
        assert tampered(chain, account, gone, number=number)[1] == audit.Fault(
            number, f"entry {number} is missing"
        )
    other = chain.account("Another")
    moved = "UPDATE audit_entry SET account_id = :other WHERE number = :number"
    assert tampered(chain, account, moved, other=other, number=3)[1].number == 3
    swap = "UPDATE audit_entry SET previous = hash, hash = previous WHERE number = :number"
    assert tampered(chain, account, swap, number=2)[1].number == 2


def test_a_chain_forged_from_the_middle_on_does_not_fit_the_rows_behind_it(chain, account):
    """Somebody who can reckon the hashes changes a row and its hash: the next one tells."""
    with chain.database.transaction(account) as work:
        row = work.session.query(AuditEntry).filter_by(number=4).one()
        row.actor = "somebody else"
        row.hash = audit._hash(row, account)
        work.session.flush()
        work.session.expire_all()
        assert audit.verify(work)[1] == audit.Fault(5, "does not follow the entry before it")
        work.session.rollback()


def test_erasing_what_people_wrote_leaves_the_chain_whole(chain, account, order):
    with chain.database.transaction(account) as work:
        head = audit.head(work)
        audit.erase_personal(work, [order])
    assert verified(chain, account) == (ROWS, None)
    with chain.database.reading(account) as work:
        assert audit.head(work) == head
        rows = work.session.query(AuditEntry).order_by(AuditEntry.number).all()
    assert [row.personal for row in rows] == [None] * ROWS
    assert [bool(row.personal_digest) for row in rows] == [True, False] * (ROWS // 2)


def test_the_file_for_elsewhere_has_every_entry_and_its_hashes(chain, account):
    with chain.database.reading(account) as work:
        lines = "".join(audit_pages.export(work, audit_pages.Sought()))
        head = audit.head(work)
    rows = list(csv.DictReader(io.StringIO(lines)))
    assert len(rows) == ROWS
    assert rows[-1]["hash"] == head[1] or rows[0]["hash"] == head[1]
    assert "said 1, õäöü" in lines


def test_an_end_that_was_cut_off_is_missed_by_the_actions_it_told_of(world, account, order):
    """The last entries deleted, with nothing behind them to contradict."""
    who = wishes.Who(name="a@b.ee", role=Role.ADMIN, caller="agent:1", proof="session", agent_id=1)
    with world.database.transaction(account) as work:
        actions.lock_order(work, order)
        found = find_order(work, order)
        wish = wishes.parse(ActionKind.NOTE, {"note": "called back"})
        plan = planning.decide(work, found, ActionKind.NOTE, wish, who, key=actions.new_key())
        action = actions.add(work, who, found, ActionKind.NOTE, wish, "k", plan)
    whole, fault = verified(world, account)
    assert fault is None
    cut = "DELETE FROM audit_entry WHERE number = :number"
    expected = audit.Fault(whole, f"entries about action {action.id} are missing at the end")
    assert tampered(world, account, cut, number=whole) == (whole - 1, expected)
