"""The record: whatever anybody changes in it is found and located; what a person may have erased, is gone."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import inspect, text

from integration import actions, audit, audit_pages, planning, wishes
from integration.customers import find_order
from integration.db.accounts import Role
from integration.db.audit import AuditEntry
from integration.ports import ActionKind
from integration.vault import Vault

ROWS = 6
KEY = Fernet.generate_key().decode()


@pytest.fixture
def order(world, account):
    return world.sell(account, world.store(account), world.record())[0]


@pytest.fixture
def chain(world, account, order):
    """Six entries behind the one with the key: with and without words, about an order and about none."""
    world.database.vault = Vault([KEY])
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


def test_an_entry_by_itself_joins_the_chain(world, account):
    world.database.vault = Vault([KEY])
    for number in (1, 2, 3):  # the first begins the chain
        audit.note(world.database, account, "seen", actor="Kaja", proof="signed", detail={"emails": number})
    assert verified(world, account) == (3, None)


def test_an_entry_whose_number_somebody_else_took_comes_after_theirs(chain, account, monkeypatch):
    append = chain.database.lines.first

    def too_late(*told):
        monkeypatch.undo()
        with chain.database.transaction(account) as work:
            audit.record(work, "quicker", actor="Liis", proof="session")
        return append(*told)

    monkeypatch.setattr(chain.database.lines, "first", too_late)
    audit.note(chain.database, account, "seen", actor="Kaja", proof="signed", detail={})
    assert verified(chain, account) == (ROWS + 2, None)
    with chain.database.reading(account) as work:
        events = [row.event for row in work.session.query(AuditEntry).order_by(AuditEntry.number)]
    assert events[-2:] == ["quicker", "seen"]


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
    for number in range(ROWS + 1):
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
        whole, fault = tampered(chain, account, statement, new=new, number=number)
        assert (whole, fault.number) == (max(0, number - 1), number)
        tried += 1
    assert tried == (ROWS // 2 if column in ("personal", "salt") else ROWS + 1)
    assert verified(chain, account) == (ROWS, None)


def test_a_last_entry_that_looks_like_no_chain_at_all_is_found(chain, account):
    statement = "UPDATE audit_entry SET hash = :root WHERE number = :number"
    whole, fault = tampered(chain, account, statement, root=audit.ROOT, number=ROWS)
    assert (whole, fault.number) == (ROWS - 1, ROWS)


def test_a_row_that_is_deleted_or_moved_is_found(chain, account):
    for number in range(1, ROWS):
        gone = "DELETE FROM audit_entry WHERE number = :number"
        assert tampered(chain, account, gone, number=number)[1] == audit.Fault(
            number, f"entry {number} is missing"
        )
    assert tampered(chain, account, "DELETE FROM audit_entry WHERE number = :number", number=0)[1].number == 0
    other = chain.account("Another")
    moved = "UPDATE audit_entry SET account_id = :other WHERE number = :number"
    for number in range(ROWS):
        assert tampered(chain, account, moved, other=other, number=number)[1].number == number
    swap = "UPDATE audit_entry SET previous = hash, hash = previous WHERE number = :number"
    assert tampered(chain, account, swap, number=2)[1].number == 2


@pytest.mark.parametrize("first", range(1, ROWS))
def test_two_rows_that_changed_places_are_found_at_the_first(chain, account, first):
    with chain.database.transaction(account) as work:
        for old, new in ((first, 999), (first + 1, first), (999, first + 1)):
            work.session.execute(
                text("UPDATE audit_entry SET number = :new WHERE number = :old"), {"old": old, "new": new}
            )
        assert audit.verify(work) == (first - 1, audit.Fault(first, "does not follow the entry before it"))
        work.session.rollback()


@pytest.mark.parametrize("number", range(1, ROWS + 1))
def test_a_chain_reckoned_anew_without_the_key_is_found_where_it_begins(chain, account, number):
    """Somebody with the database and this program changes a row, and all hashes behind it."""
    with chain.database.transaction(account) as work:
        rows = work.session.query(AuditEntry).order_by(AuditEntry.number).all()[number:]
        rows[0].actor = "somebody else"
        for row, following in zip(rows, [*rows[1:], None], strict=True):
            row.hash = audit._hash(row, account, b"a key of their own")
            if following is not None:
                following.previous = row.hash
        work.session.flush()
        work.session.expire_all()
        assert audit.verify(work) == (number - 1, audit.Fault(number, "was changed after it was written"))
        work.session.rollback()


def test_a_key_that_was_sealed_for_something_else_is_no_key(chain, account):
    """A secret that the forger knows, because it was their own, does not open the chain."""
    forged = chain.database.vault.seal("00" * 32).decode()
    with chain.database.transaction(account) as work:
        work.session.query(AuditEntry).filter_by(number=0).one().detail = {"key": forged}
        work.session.flush()
        work.chain_key = None
        assert audit.verify(work)[1].number == 0
        work.session.rollback()


def test_the_chain_outlives_the_rotation_of_keys(chain, account):
    chain.database.vault = Vault([Fernet.generate_key().decode(), KEY])
    with chain.database.transaction(account) as work:
        audit.record(work, "agent.added", actor="a@b.ee", proof="session")
    assert verified(chain, account) == (ROWS + 1, None)


def test_an_end_that_was_printed_earlier_must_still_be_there(chain, account):
    """What no chain tells by itself: its last entries, gone without a trace."""
    with chain.database.reading(account) as work:
        number, hash_ = audit.head(work)
        assert audit.remembers(work, number, hash_) is None
        assert audit.remembers(work, number, "f" * 64).number == number
    with chain.database.transaction(account) as work:
        work.session.execute(text("DELETE FROM audit_entry WHERE number >= :number"), {"number": number})
    assert verified(chain, account) == (ROWS - 1, None)
    with chain.database.reading(account) as work:
        assert audit.remembers(work, number, hash_) == audit.Fault(
            number, f"entry {number} is missing, which was there before"
        )


def test_erasing_what_people_wrote_leaves_the_chain_whole_and_is_on_record(chain, account, order):
    with chain.database.reading(account) as work:
        last = work.session.query(AuditEntry).filter_by(number=ROWS).one().hash
    with chain.database.transaction(account) as work:
        audit.redact(work, [order], store_id=1)
    assert verified(chain, account) == (ROWS + 1, None)
    with chain.database.reading(account) as work:
        rows = work.session.query(AuditEntry).order_by(AuditEntry.number).all()[1:]
    assert [row.personal for row in rows] == [None] * (ROWS + 1)
    assert [bool(row.personal_digest) for row in rows] == [*([True, False] * (ROWS // 2)), False]
    assert (rows[-1].event, rows[-1].detail["orders"]) == ("privacy.redacted", [order])
    assert rows[-1].previous == last


def test_what_was_erased_by_hand_does_not_pass_for_a_redaction(chain, account, order):
    by_hand = "UPDATE audit_entry SET personal = NULL, salt = NULL WHERE number = :number"
    expected = audit.Fault(3, "its text was erased, and no redaction accounts for that")
    assert tampered(chain, account, by_hand, number=3) == (2, expected)
    with chain.database.transaction(account) as work:
        audit.redact(work, [order + 1], store_id=1)  # of somebody else
    assert tampered(chain, account, by_hand, number=3) == (2, expected)
    with chain.database.transaction(account) as work:
        audit.redact(work, [order], store_id=1)
        said = {"note": "said after the redaction"}
        audit.record(work, "x", actor="a@b.ee", proof="session", order_id=order, personal=said)
    later = ROWS + 3
    assert tampered(chain, account, by_hand, number=later)[1] == audit.Fault(later, expected.reason)
    assert verified(chain, account) == (later, None)


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
