"""Seal everything that is sealed under the newest key again, so that an older key can be dropped.

Runs beside a product at work: a value that somebody else wrote meanwhile is under the newest key already.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import InstrumentedAttribute

from integration.audit import BEGUN
from integration.db.accounts import Agent
from integration.db.audit import AuditEntry
from integration.db.helpdesks import Helpdesk
from integration.db.inbox import Delivery, PrivacyRequest
from integration.db.stores import Store
from integration.errors import AppError
from integration.vault import Vault
from integration.work import Database, Work

SEALED: tuple[InstrumentedAttribute[bytes | None], ...] = (
    Store.credentials,
    Store.webhook_secret,
    Helpdesk.secret,
    Agent.totp_secret,
    Delivery.body,
    PrivacyRequest.answer,
)
BATCH = 200
"""Rows a transaction: nobody who writes waits for long."""


@dataclass(slots=True)
class Resealed:
    """What became of one column's values."""

    what: str
    sealed_anew: int = 0
    unreadable: int = 0
    """No key opens them: they stay as they are."""


def reseal(database: Database, vault: Vault) -> list[Resealed]:
    """Every sealed value of every account under the newest key; one result a column."""
    results = [_reseal_column(database, vault, column) for column in SEALED]
    return [*results, _reseal_audit_keys(database, vault)]


def _reseal_column(database: Database, vault: Vault, column: InstrumentedAttribute[bytes | None]) -> Resealed:
    row = column.class_
    result = Resealed(f"{row.__tablename__}.{column.key}")

    def batch(work: Work, after: int) -> int | None:
        query = (
            select(row.id, column).where(row.id > after, column.is_not(None)).order_by(row.id).limit(BATCH)
        )
        last = None
        for last, old in work.session.execute(query).all():
            if (new := _anew(vault, old, result)) is not None:
                same = update(row).where(row.id == last, column == old)
                work.session.execute(same.values({column: new}).execution_options(synchronize_session=False))
        return last

    _through(database, batch)
    return result


def _reseal_audit_keys(database: Database, vault: Vault) -> Resealed:
    """The key of each account's chain lies in the entry that begins it; its hash does not cover the seal."""
    result = Resealed("audit_entry.key")

    def batch(work: Work, after: int) -> int | None:
        query = select(AuditEntry).where(AuditEntry.id > after, AuditEntry.event == BEGUN)
        last = None
        for entry in work.session.scalars(query.order_by(AuditEntry.id).limit(BATCH)).all():
            last = entry.id
            new = _anew(vault, str(entry.detail.get("key", "")).encode(), result)
            if new is not None:
                entry.detail = {**entry.detail, "key": new.decode()}
        return last

    _through(database, batch)
    return result


def _anew(vault: Vault, old: bytes, result: Resealed) -> bytes | None:
    try:
        new = vault.rotate(old)
    except AppError:
        result.unreadable += 1
        return None
    result.sealed_anew += 1
    return new


def _through(database: Database, batch: Callable[[Work, int], int | None]) -> None:
    """Call with the id to go on after, a transaction each, until nothing is left."""
    after: int | None = 0
    while after is not None:
        with database.everywhere() as work:
            after = batch(work, after)
