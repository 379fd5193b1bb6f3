"""An installation with two accounts: each one's settings are its own, and nothing stumbles over the other."""

from __future__ import annotations

import pytest

from integration import companions, wording
from integration.db.accounts import Account


@pytest.fixture
def other(world) -> int:
    return world.account("Other")


def test_a_dialogue_opens_by_the_limits_of_its_own_account(other, frame, shop):
    answer = frame.get(f"/orders/{shop['lamp']}/refund")
    assert answer.status_code == 200
    assert 'data-testid="refund-dialog"' in answer.get_data(as_text=True)


def test_what_one_account_switches_off_stays_on_at_the_other(services, account, other, frame):
    assert frame.post("/fits/off").status_code == 200
    with services.reading(account) as work:
        mine, theirs = (work.session.get_one(Account, one).settings for one in (account, other))
    assert (companions.switched_on(mine), companions.switched_on(theirs)) == (False, True)


def test_one_accounts_wording_is_not_the_others(services, account, other):
    with services.transaction(account) as work:
        wording.save(work, "en", "where", "It is on its way.", by="boss@lumi.example")
    with services.reading(account) as work:
        assert wording.load(work).everywhere == {"en": {"where": "It is on its way."}}
    with services.reading(other) as work:
        assert wording.load(work) == wording.Wording()
