"""The account's withdrawal statements on one page, the most pressing refund first."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from integration import customers, withdrawals
from jobs.boot import Services


@pytest.fixture
def told(services: Services, world: Any, account: int, clock: Any) -> Callable[..., int]:
    """Write a statement down that arrived some days ago; its order's name is the statement's number."""
    store = world.store(account)

    def tell(days: int) -> int:
        line = world.line(str(100 + days))
        (order_id,) = world.sell(account, store, world.record(line, fulfillments=(world.parcel(line),)))
        with services.transaction(account) as work:
            order = customers.find_order(work, order_id)
            row = withdrawals.record(
                work, order, received_at=clock() - timedelta(days=days), channel="email", by="liis"
            )
            return row.id

    return tell


def shown(text: str) -> list[int]:
    return [int(number) for number in re.findall(r'data-withdrawal="(\d+)"', text)]


def test_refunds_due_within_three_days_stand_first(
    told: Callable[..., int], services: Services, account: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    calm, soon, over = told(1), told(6), told(7)
    with services.transaction(account) as work:
        for row_id, days in ((soon, 12), (over, 16)):  # as if they had arrived earlier
            row = withdrawals.find(work, row_id)
            row.refund_due = row.received_at.date() + timedelta(days=14 - days + (6 if row_id == soon else 7))
    browser = sign_in(admin)
    browser.get("/admin/withdrawals")

    assert shown(browser.text) == [over, soon, calm]
    assert "2 refunds are due within three days" in browser.text
    assert "not yet, due at once" in browser.text
    for words in ("Directive 2011/83/EU", "Not legal advice."):
        assert words in browser.text


def test_a_settled_one_moves_to_the_settled(
    told: Callable[..., int], services: Services, account: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    first, second = told(1), told(2)
    with services.transaction(account) as work:
        withdrawals.acknowledge(work, first, "email", "liis")
        withdrawals.close(work, first, "liis")
    browser = sign_in(admin)
    browser.get("/admin/withdrawals")
    assert shown(browser.text) == [second]
    browser.get("/admin/withdrawals?settled=1")
    assert shown(browser.text) == [first]
    assert "settled" in browser.text


def test_without_statements_the_page_says_so(admin: int, sign_in: Callable[[int], Any]) -> None:
    browser = sign_in(admin)
    browser.get("/admin/withdrawals")
    assert "No legal clock runs" in browser.text


def test_another_accounts_statements_are_not_shown(
    told: Callable[..., int], services: Services, world: Any, admin: int, sign_in: Callable[[int], Any]
) -> None:
    other = world.account("Other")
    store = world.store(other, url="https://other.example", domain="other.example")
    (order_id,) = world.sell(other, store, world.record())
    with services.transaction(other) as work:
        order = customers.find_order(work, order_id)
        withdrawals.record(work, order, received_at=work.now(), channel="chat", by="them")
    mine = told(1)
    browser = sign_in(admin)
    browser.get("/admin/withdrawals")
    assert shown(browser.text) == [mine]
