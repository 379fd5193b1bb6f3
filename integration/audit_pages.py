"""The audit log as people read it: pages by topic and person, and the file for elsewhere."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec
from sqlalchemy import ColumnElement, Select, func, or_, select

from integration.db.audit import AuditEntry
from integration.db.orders import Order
from integration.errors import NotFound
from integration.ports import ActionKind
from integration.work import Work


class Topic(StrEnum):
    MONEY = "money"
    RULES = "rules"
    ACCESS = "access"
    READING = "reading"


PREFIXES: dict[Topic, tuple[str, ...]] = {
    Topic.MONEY: tuple(f"{kind.value}." for kind in ActionKind),
    Topic.RULES: ("policy.", "limits.", "law.", "fact.", "withdrawal.", "reply.", "companions."),
    Topic.ACCESS: ("session.", "agent.", "token.", "helpdesk.", "store.", "pairing.", "frame.", "passkey."),
    Topic.READING: ("customer.", "customers.", "order.", "contact.", "privacy.", "audit."),
}
"""Beginnings of the events of a topic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which entries are shown. What is empty does not narrow."""

    topic: Topic | None = None
    actor: str = ""
    text: str = ""
    """An order's name, an actor, an entry's number, or the beginning of a hash."""
    since: datetime | None = None


def entries(
    work: Work, sought: Sought, *, before: int | None = None, limit: int = 50
) -> tuple[list[AuditEntry], int | None]:
    """A page, newest first, and the number where the next one begins."""
    query = _narrowed(work, sought).order_by(AuditEntry.number.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(AuditEntry.number < before)
    rows = list(work.session.scalars(query))
    return rows[:limit], rows[limit - 1].number if len(rows) > limit else None


def count(work: Work, sought: Sought) -> int:
    return work.session.scalar(select(func.count()).select_from(_narrowed(work, sought).subquery())) or 0


def entry(work: Work, number: int) -> tuple[AuditEntry, AuditEntry | None]:
    """One entry and the one before it. Raises :exc:`NotFound`."""
    rows = {
        row.number: row
        for row in work.session.scalars(select(AuditEntry).where(AuditEntry.number.in_([number, number - 1])))
    }
    if number not in rows:
        raise NotFound("no such entry")
    return rows[number], rows.get(number - 1)


def first_at(work: Work) -> datetime | None:
    return work.session.scalar(select(func.min(AuditEntry.at)))


def actors(work: Work, since: datetime) -> Sequence[str]:
    """Who did anything lately."""
    return work.session.scalars(
        select(AuditEntry.actor)
        .where(AuditEntry.at >= since)
        .distinct()
        .order_by(AuditEntry.actor)
        .limit(200)
    ).all()


def order_names(work: Work, rows: Sequence[AuditEntry]) -> dict[int, str]:
    ids = {row.order_id for row in rows if row.order_id is not None}
    found = work.session.execute(select(Order.id, Order.name).where(Order.id.in_(ids)))
    return {row.id: row.name for row in found}


COLUMNS = (
    "number at event actor proof order action detail personal personal_digest previous hash".split()  # noqa: SIM905
)


def export(work: Work, sought: Sought) -> Iterator[str]:
    """All entries that fit, oldest first, as lines of CSV. Memory stays flat."""
    yield _line(COLUMNS)
    query = _narrowed(work, sought).order_by(AuditEntry.number).execution_options(yield_per=500)
    for row in work.session.scalars(query):
        yield _line(
            (
                row.number,
                row.at.isoformat(),
                row.event,
                _plain(row.actor),
                row.proof,
                row.order_id or "",
                row.action_id or "",
                msgspec.json.encode(row.detail, order="sorted").decode(),
                msgspec.json.encode(row.personal).decode() if row.personal else "",
                row.personal_digest,
                row.previous,
                row.hash,
            )
        )


def _line(values: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue()


def _plain(text: str) -> str:
    """Without a beginning that spreadsheets would run as a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text


def _narrowed(work: Work, sought: Sought) -> Select[AuditEntry]:
    # The account is named here too: a subquery of a count is not an ORM query of its own.
    # Entry 0 only holds the chain's key.
    query = select(AuditEntry).where(AuditEntry.account_id == work.account_id, AuditEntry.number > 0)
    if sought.topic is not None:
        query = query.where(or_(*(AuditEntry.event.startswith(it) for it in PREFIXES[sought.topic])))
    if sought.actor:
        query = query.where(AuditEntry.actor == sought.actor)
    if sought.since is not None:
        query = query.where(AuditEntry.at >= sought.since)
    if sought.text:
        query = query.where(or_(*_named(work, sought.text)))
    return query


def _named(work: Work, text: str) -> list[ColumnElement[bool]]:
    orders = select(Order.id).where(
        Order.account_id == work.account_id, Order.name.icontains(text, autoescape=True)
    )
    ways: list[ColumnElement[bool]] = [
        AuditEntry.order_id.in_(orders),
        AuditEntry.actor.icontains(text, autoescape=True),
        AuditEntry.hash.startswith(text.replace(" ", "").lower(), autoescape=True),
    ]
    if text.isascii() and text.isdigit() and len(text) < 19:
        ways.append(AuditEntry.number == int(text))
    return ways
