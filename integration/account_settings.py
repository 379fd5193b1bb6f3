"""`Account.settings`: one value in which several parts keep something, so one writer at a time."""

from __future__ import annotations

from integration.db.accounts import Account
from integration.work import Work


def held(work: Work) -> Account:
    """The account as it is now, and nobody else's to change until this work ends.

    Whoever changes its settings writes all of them: of two who read them before either wrote, one would undo
    what the other has kept. Inserts that point at the account are not held up.
    """
    return work.session.get_one(
        Account, work.account_id, populate_existing=True, with_for_update={"key_share": True}
    )
