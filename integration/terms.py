"""What all orders of an account are judged and shown by: its stores, its policy, its word on the law."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from integration.db.accounts import Account
from integration.db.as_json import Writer
from integration.db.policies import LawConfirmation, PolicyVersion
from integration.db.stores import Store, StoreStatus, SyncPhase, SyncState
from integration.eligibility import DEFAULT_POLICY, Policy, PolicyBook
from integration.policies import dated
from integration.prepared import Prepared
from integration.records import Platform
from integration.work import ACCOUNT, Work


class PlainSync(msgspec.Struct, frozen=True, array_like=True):
    """How far the copy of a store has come; the names are those of the mapped row."""

    phase: SyncPhase
    done: int
    total: int | None
    backfilled_at: datetime | None
    last_event_at: datetime | None
    last_reconciled_at: datetime | None
    failures: int
    error: dict[str, Any] | None


class PlainStore(msgspec.Struct, frozen=True, array_like=True):
    """A store without its secrets."""

    id: int
    platform: Platform
    name: str
    url: str
    timezone: str
    status: StoreStatus
    th_direct_marketer: bool | None
    sync: PlainSync | None


class Confirmation(msgspec.Struct, frozen=True, array_like=True):
    """The store owner's word that a row of the law was checked."""

    law_id: str
    country: str
    confirmed_by: str
    confirmed_at: datetime


class Version(msgspec.Struct, frozen=True, array_like=True):
    """A saved policy."""

    number: int
    valid_from: datetime
    document: Policy


class Terms(msgspec.Struct, frozen=True, array_like=True, dict=True):
    listed: tuple[PlainStore, ...]
    versions: msgspec.Raw
    words: tuple[Confirmation, ...]

    @cached_property
    def stores(self) -> dict[int, PlainStore]:
        return {store.id: store for store in self.listed}

    @property
    def policies(self) -> PolicyBook:
        """All versions; the default one while nothing was saved."""
        return _book(bytes(self.versions))

    @property
    def confirmed(self) -> Mapping[tuple[str, str], Confirmation]:
        """By law id and country."""
        return {(word.law_id, word.country): word for word in self.words}


AnyStore = Store | PlainStore


def read_terms(work: Work) -> Terms:
    """One query."""
    (terms,) = _terms.rows(work)
    return terms


@lru_cache(maxsize=256)
def _book(versions: bytes) -> PolicyBook:
    """Kept by what is written in it: whoever has the same text has the same policy."""
    saved = msgspec.json.decode(versions, type=list[Version])
    if not saved:
        return PolicyBook((DEFAULT_POLICY,))
    first = min(version.number for version in saved)
    return PolicyBook(
        [
            dated(version.document, version.number, version.valid_from, first=version.number == first)
            for version in saved
        ]
    )


def write_terms(writer: Writer) -> Any:
    sync = select(writer.row(*(getattr(SyncState, name) for name in PlainSync.__struct_fields__))).where(
        SyncState.store_id == Store.id
    )
    about = (getattr(Store, name) for name in PlainStore.__struct_fields__ if name != "sync")
    stores = select(writer.row(*about, writer.one(sync.correlate(Store)))).order_by(Store.id)
    versions = select(
        writer.row(PolicyVersion.number, PolicyVersion.valid_from, PolicyVersion.document)
    ).order_by(PolicyVersion.number.desc())
    words = select(writer.row(*(getattr(LawConfirmation, name) for name in Confirmation.__struct_fields__)))
    # From the account, so that what is written below it is confined to the account as well.
    return select(writer.row(writer.all(stores), writer.all(versions), writer.all(words))).where(
        Account.id == bindparam(ACCOUNT)
    )


_terms = Prepared(Terms, write_terms)
