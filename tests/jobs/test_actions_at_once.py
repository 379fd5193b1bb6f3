"""Fifty people at the same order in the same moment: no limit and no sum is passed by two at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select

from integration import audit, wishes
from integration.db.accounts import Role
from integration.db.actions import Action, ActionStatus
from integration.errors import AppError, Conflict, Forbidden, Unprocessable
from integration.limits import Ceiling
from integration.ports import ActionKind
from jobs import actions, carrying

AGENTS = 48
LEADS = 2


def refund(amount: str) -> Any:
    body = {"amount": {"amount": amount, "currency": "EUR"}, "exception": "all at once"}
    return wishes.parse(ActionKind.REFUND, body)


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Make all calls in the same moment. Their answers, or what they raised."""
    start = Barrier(len(calls))

    def one(call: Callable[[], Any]) -> Any:
        start.wait()
        try:
            return call()
        except AppError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


@pytest.mark.parametrize("platform", ["shopify", "woocommerce"])
def test_fifty_agents_and_two_approvals_never_pay_more_than_was_paid(
    platform: str, services: Any, account_id: int, cashier: Any, person: Any, counter: Any
) -> None:
    order = cashier.orders(platform)[0]
    third = f"{order.total // 3 / 100:.2f}"
    budget = order.total
    cashier.allow(
        ceilings={Role.AGENT: {"EUR": Ceiling(action=1000, day=1500, order=1500)}},
        exception_budget={"EUR": budget},
    )

    def ask(number: int, amount: str, key: str) -> Any:
        who = person(Role.AGENT, number)
        return actions.ask(services, account_id, order.id, ActionKind.REFUND, refund(amount), who, key)

    waiting = [ask(100 + number, third, "big")["id"] for number in range(LEADS)]
    assert {cashier.action(found).status for found in waiting} == {ActionStatus.AWAITING_APPROVAL}

    presses: list[Callable[[], Any]] = [
        # Every agent presses twice with one key and once more with another, three of each agent in all.
        lambda number=number: ask(number % 16, "9.00", f"press-{number // 16 // 2}")
        for number in range(AGENTS)
    ]
    leads: list[Callable[[], Any]] = [
        lambda found=found, number=number: actions.approve(
            services, account_id, int(found), person(Role.LEAD, 200 + number), "yes"
        )
        for number, found in enumerate(waiting)
    ]
    answers = at_once(presses + leads)
    for answer in answers:
        assert isinstance(answer, dict | Unprocessable | Forbidden | Conflict), answer

    with services.reading(account_id) as work:
        rows = work.session.scalars(select(Action).where(Action.order_id == order.id)).all()
    allowed = [row for row in rows if row.status is ActionStatus.PENDING]
    assert sum(row.amount for row in allowed) <= order.total
    for number in range(16):
        alone = [row.amount for row in allowed if row.caller == f"agent:{number}" and not row.approved_by]
        assert sum(alone) <= 1500
    assert sum(row.verdict["beyond"] for row in allowed if not row.approved_by) <= budget
    keys = [(row.caller, row.idempotency_key) for row in rows]
    assert len(keys) == len(set(keys))
    assert len(allowed) > LEADS

    # Two workers at each, all at once.
    at_once(
        [
            lambda row=row: carrying.carry_out(services, account_id=account_id, action_id=row.id)
            for row in allowed
            for _ in range(2)
        ]
    )
    moved = [round(float(amount) * 100) for amount in counter.moves(platform, order.platform_id)]
    ended = [cashier.action(row.id) for row in allowed]
    assert sum(moved) <= order.total
    assert sorted(moved) == sorted(row.amount for row in ended if row.status is ActionStatus.SUCCEEDED)
    assert {row.status for row in ended} <= {
        ActionStatus.SUCCEEDED,
        ActionStatus.FAILED,
        ActionStatus.RUNNING,
        ActionStatus.NEEDS_ATTENTION,
    }
    with services.reading(account_id) as work:
        entries, fault = audit.verify(work)
    assert fault is None
    assert entries >= len(rows)
