"""The merchant's own wording of replies: for all stores, or for one. Kept in the account's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from integration import audit
from integration.account_settings import held
from integration.db.accounts import Account
from integration.db.stores import Store
from integration.errors import NotFound
from integration.work import Work

SETTING = "replies"
OF_STORES = "replies_of_stores"

Texts = dict[str, dict[str, str]]
"""Language → situation → text."""


@dataclass(frozen=True, slots=True)
class Wording:
    """All own texts of an account."""

    everywhere: Texts = field(default_factory=dict)
    of_stores: dict[int, Texts] = field(default_factory=dict)

    def of(self, store_id: int | None) -> Texts:
        """The texts of one store alone; None: those for all stores."""
        return self.everywhere if store_id is None else self.of_stores.get(store_id, {})

    def choices(self, language: str, situation: str, store_id: int | None) -> list[str]:
        """What may be said in this store, the words of its own first. Ours come after them."""
        named = [self.of(store_id), self.everywhere] if store_id is not None else [self.everywhere]
        return [text for texts in named if (text := texts.get(language, {}).get(situation))]


def read(settings: Mapping[str, Any]) -> Wording:
    """From an account's settings."""
    stores = settings.get(OF_STORES)
    if not isinstance(stores, dict):
        stores = {}
    return Wording(_texts(settings.get(SETTING)), {int(key): _texts(kept) for key, kept in stores.items()})


def _texts(kept: object) -> Texts:
    return {language: dict(texts) for language, texts in kept.items()} if isinstance(kept, dict) else {}


def load(work: Work) -> Wording:
    return read(work.session.get_one(Account, work.account_id).settings)


def save(
    work: Work, language: str, situation: str, text: str, *, by: str, store_id: int | None = None
) -> None:
    """Keep a text that has been checked; an empty one goes back to what is said without it. On the record.

    Raises :exc:`NotFound` for a store outside the account.
    """
    if store_id is not None and work.session.scalar(select(Store.id).where(Store.id == store_id)) is None:
        raise NotFound("no such store")
    account = held(work)
    kept = read(account.settings)
    if store_id is not None:
        kept.of_stores.setdefault(store_id, {})
    mine = kept.of(store_id).setdefault(language, {})
    before = mine.pop(situation, "")
    if text:
        mine[situation] = text
    if before == text:
        return
    stores = {str(key): _filled(texts) for key, texts in kept.of_stores.items()}
    account.settings = {
        **account.settings,
        SETTING: _filled(kept.everywhere),
        OF_STORES: {key: texts for key, texts in stores.items() if texts},
    }
    of_store = {} if store_id is None else {"store": store_id}
    audit.record(
        work,
        "reply.worded" if text else "reply.reset",
        actor=by,
        proof="session",
        detail={"language": language, "situation": situation, "characters": len(text), **of_store},
    )


def _filled(texts: Texts) -> Texts:
    return {language: found for language, found in texts.items() if found}
