"""Decision × role × proof × own or another's × status: every cell, at the door that all callers share."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, inspect

from integration import wishes
from integration.db.accounts import Role
from integration.db.actions import Action, ActionStatus
from integration.errors import AppError
from integration.limits import Ceiling
from integration.ports import ActionKind
from integration.wishes import Who
from jobs import actions

PROOFS = ("session", "signed", "token", "claimed", "none")
PROVEN = ("session", "signed", "token")
DECISIONS: dict[str, ActionStatus] = {
    "approve": ActionStatus.PENDING,
    "reject": ActionStatus.REJECTED,
    "done": ActionStatus.SUCCEEDED,
    "not_done": ActionStatus.FAILED,
    "send_again": ActionStatus.PENDING,
}
"""What may be decided, and what the action then is. The last three settle an unclear end."""
WAITS = {"approve": ActionStatus.AWAITING_APPROVAL, "reject": ActionStatus.AWAITING_APPROVAL}
ASKER = 7


@pytest.fixture
def waiting(services: Any, account_id: int, cashier: Any, person: Any) -> dict[str, Any]:
    """The columns of an agent's request that waits for a lead."""
    cashier.allow(ceilings={Role.AGENT: {"EUR": Ceiling(action=1)}}, exception_budget={"EUR": 10**6})
    order = cashier.orders("shopify")[0]
    body = {"amount": {"amount": "2.00", "currency": "EUR"}, "exception": "goodwill"}
    wish = wishes.parse(ActionKind.REFUND, body)
    asker = person(Role.AGENT, ASKER)
    asked = actions.ask(services, account_id, order.id, ActionKind.REFUND, wish, asker, "k")
    row = cashier.action(asked["id"])
    with services.transaction(account_id) as work:
        work.session.execute(delete(Action).where(Action.id == row.id))
    names = [column.key for column in inspect(Action).columns if column.key != "id"]
    return {name: getattr(row, name) for name in names}


@pytest.fixture
def decided(services: Any, account_id: int, waiting: dict[str, Any]) -> Callable[..., Any]:
    """Decide about such a request in this status: the status it then has, and the code of a refusal."""
    numbers, unchanged = itertools.count(), {}

    def request_in(status: ActionStatus) -> int:
        with services.transaction(account_id) as work:
            key = f"ds_{next(numbers)}"
            row = Action(**{**waiting, "key": key, "idempotency_key": key, "status": status})
            work.add(row)
            work.session.flush()
            return row.id

    def decide(decision: str, who: Who, status: ActionStatus) -> tuple[ActionStatus, str]:
        # Only one at a time: what is under way would be missing from the order's money.
        if list(unchanged) != [status]:
            with services.transaction(account_id) as work:
                work.session.execute(delete(Action))
            unchanged.clear()
        action_id = unchanged.pop(status, None) or request_in(status)
        code = ""
        try:
            if decision in ("approve", "reject"):
                getattr(actions, decision)(services, account_id, action_id, who, "why")
            else:
                actions.settle(services, account_id, action_id, who, decision, "why")
        except AppError as error:
            code = error.code
        with services.reading(account_id) as work:
            found = work.session.get_one(Action, action_id).status
        if found is status:
            unchanged[status] = action_id
        return found, code

    return decide


def expected(
    decision: str, role: Role, proof: str, is_own: bool, status: ActionStatus
) -> tuple[ActionStatus, str]:
    may_decide = proof in PROVEN and role is not Role.AGENT
    may_withdraw = decision == "reject" and is_own and proof in PROVEN
    if not (may_decide or may_withdraw):
        return status, "not_a_lead"
    if status is not WAITS.get(decision, ActionStatus.NEEDS_ATTENTION):
        return status, "already_decided"
    if decision == "approve" and is_own:
        return status, "own_request"
    return DECISIONS[decision], ""


def test_who_may_decide_what_in_every_cell(decided: Callable[..., Any], person: Any) -> None:
    found, wanted = {}, {}
    cells = itertools.product(ActionStatus, DECISIONS, Role, PROOFS, (True, False))
    for status, decision, role, proof, is_own in cells:
        who = person(role, ASKER if is_own else 8, proof=proof)
        cell = (decision, role, proof, is_own, status)
        found[cell] = decided(decision, who, status)
        wanted[cell] = expected(*cell)
    assert found == wanted
    assert len(found) == len(ActionStatus) * len(DECISIONS) * len(Role) * len(PROOFS) * 2


def test_a_person_is_the_same_by_session_and_by_pane(decided: Callable[..., Any], person: Any) -> None:
    """Another way in, another name or another key of one's own makes nobody a second person."""
    for more in ({"caller": "desk:1:me"}, {"name": "somebody@else.example"}, {"proof": "signed"}):
        who = person(Role.ADMIN, ASKER, **more)
        assert decided("approve", who, ActionStatus.AWAITING_APPROVAL) == (
            ActionStatus.AWAITING_APPROVAL,
            "own_request",
        )
