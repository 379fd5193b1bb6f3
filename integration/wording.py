"""The merchant's own wording of replies: kept in the account's settings, language → situation → text."""

from __future__ import annotations

from integration import audit
from integration.db.accounts import Account
from integration.work import Work

SETTING = "replies"


def load(work: Work) -> dict[str, dict[str, str]]:
    account = work.session.get_one(Account, work.account_id)
    kept = account.settings.get(SETTING)
    return {language: dict(texts) for language, texts in kept.items()} if isinstance(kept, dict) else {}


def save(work: Work, language: str, situation: str, text: str, *, by: str) -> None:
    """Keep a text that has been checked; an empty one goes back to ours. On the record."""
    account = work.session.get_one(Account, work.account_id, with_for_update=True)
    kept = load(work)
    mine = kept.setdefault(language, {})
    before = mine.pop(situation, "")
    if text:
        mine[situation] = text
    if before == text:
        return
    account.settings = {
        **account.settings,
        SETTING: {code: texts for code, texts in kept.items() if texts},
    }
    audit.record(
        work,
        "reply.worded" if text else "reply.reset",
        actor=by,
        proof="session",
        detail={"language": language, "situation": situation, "characters": len(text)},
    )
