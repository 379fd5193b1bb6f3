"""Approving, refusing and settling with the stores at hand: what is stale, unreachable or unclear."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from integration import wishes
from integration.db.accounts import Role
from integration.db.actions import ActionStatus
from integration.errors import Conflict, RateLimited, StoreError
from integration.limits import Ceiling
from integration.ports import ActionKind
from jobs import actions, carrying

PLATFORMS = ("shopify", "woocommerce")
TWO = {"amount": {"amount": "2.00", "currency": "EUR"}, "exception": "goodwill"}


@pytest.fixture
def ask(services: Any, account_id: int) -> Any:
    def asked(order: Any, who: Any, key: str = "k", **body: Any) -> int:
        wish = wishes.parse(ActionKind.REFUND, body or TWO)
        found = actions.ask(services, account_id, order.id, ActionKind.REFUND, wish, who, key)
        return int(found["id"])

    return asked


@pytest.fixture
def faults(shopify: Any, woocommerce: Any) -> Any:
    """Plan what befalls calls: of the refund itself, or of every read."""

    def plan(platform: str, action: str, *, reads: bool = False, times: int = 1) -> None:
        if platform == "shopify":
            operation = None if reads else "refundCreate"
            shopify.faults.add(action=action, operation=operation, times=times)
        else:
            path, method = ("/wp-json", "GET") if reads else (r"/orders/\d+/refunds$", "POST")
            rule = {"action": action, "method": method, "path": path, "times": times}
            woocommerce.command("faults", rules=[rule])

    return plan


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_approval_that_became_stale_is_refused_with_the_reason(
    platform: str,
    ask: Any,
    cashier: Any,
    person: Any,
    services: Any,
    account_id: int,
    run_due: Any,
    time: Any,
    counter: Any,
) -> None:
    cashier.allow(ceilings={Role.AGENT: {"EUR": Ceiling(action=1)}})
    order = cashier.orders(platform)[0]
    waiting = ask(order, person(Role.AGENT, 7))
    ask(order, person(), key="other")
    run_due()  # somebody else's refund changes the money of the order
    time.advance(timedelta(seconds=10))
    with pytest.raises(Conflict) as refused:
        actions.approve(services, account_id, waiting, person(Role.LEAD, 8), "fine")
    assert refused.value.code == "stale"
    assert refused.value.next_step
    action = cashier.action(waiting)
    assert action.status is ActionStatus.REJECTED
    assert action.error["code"] == "stale"
    run_due()
    assert counter.moves(platform, order.platform_id) == ["2.00"]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_store_that_cannot_be_read_refuses_or_queues_as_the_merchant_chose(
    platform: str,
    ask: Any,
    cashier: Any,
    person: Any,
    faults: Any,
    run_due: Any,
    time: Any,
    counter: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("connectors.transport.pause", lambda number, chance: 0.001)
    order = cashier.orders(platform)[0]
    time.advance(timedelta(seconds=10))
    faults(platform, "hangup_before", reads=True, times=4)
    with pytest.raises(RateLimited):
        ask(order, person())
    cashier.allow(offline="queue", exception_budget={"EUR": 10**6})
    faults(platform, "hangup_before", reads=True, times=4)
    waiting = ask(order, person())
    assert cashier.action(waiting).status is ActionStatus.PENDING
    monkeypatch.setattr("connectors.transport._circuits", {})
    for _ in range(5):
        run_due()
        time.advance(timedelta(seconds=60))
    assert cashier.action(waiting).status is ActionStatus.SUCCEEDED
    assert counter.moves(platform, order.platform_id) == ["2.00"]


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("action", ["hangup_after", "status_after", "truncated"])
def test_an_answer_that_got_lost_is_found_again(
    platform: str,
    action: str,
    ask: Any,
    cashier: Any,
    person: Any,
    faults: Any,
    run_due: Any,
    time: Any,
    counter: Any,
) -> None:
    order = cashier.orders(platform)[0]
    waiting = ask(order, person())
    faults(platform, action)
    run_due()
    assert cashier.action(waiting).status is ActionStatus.RUNNING
    time.advance(timedelta(seconds=60))
    run_due()
    assert cashier.action(waiting).status is ActionStatus.SUCCEEDED
    assert counter.moves(platform, order.platform_id) == ["2.00"]


def test_what_woocommerce_never_heard_of_is_asked_of_a_lead_and_sent_again(
    ask: Any,
    cashier: Any,
    person: Any,
    faults: Any,
    run_due: Any,
    time: Any,
    counter: Any,
    services: Any,
    account_id: int,
) -> None:
    order = cashier.orders("woocommerce")[0]
    waiting = ask(order, person())
    faults("woocommerce", "hangup_before")
    for _ in range(carrying.carrying.LOOKS + 1):
        run_due()
        time.advance(timedelta(minutes=4))
    action = cashier.action(waiting)
    assert (action.status, action.error["code"]) == (ActionStatus.NEEDS_ATTENTION, "unclear")
    assert counter.moves("woocommerce", order.platform_id) == []
    actions.settle(services, account_id, waiting, person(Role.LEAD, 9), "send_again", "nothing there")
    run_due()
    assert cashier.action(waiting).status is ActionStatus.SUCCEEDED
    assert counter.moves("woocommerce", order.platform_id) == ["2.00"]


def test_a_lead_who_says_it_was_not_done_is_corrected_by_the_store(
    ask: Any,
    cashier: Any,
    person: Any,
    run_due: Any,
    time: Any,
    counter: Any,
    services: Any,
    account_id: int,
    monkeypatch: pytest.MonkeyPatch,
    woocommerce: Any,
) -> None:
    order = cashier.orders("woocommerce")[0]
    waiting = ask(order, person())
    with monkeypatch.context() as blind:
        from connectors.woocommerce.paying import Refund

        def lost(*_: Any) -> Any:
            raise StoreError("no look is possible")

        sent = Refund.send

        def sent_and_lost(self: Any, request: Any, body: Any) -> Any:
            sent(self, request, body)
            lost()

        blind.setattr(Refund, "send", sent_and_lost)
        blind.setattr(Refund, "find", lost)
        for _ in range(carrying.carrying.LOOKS + 1):
            run_due()
            time.advance(timedelta(minutes=4))
    assert cashier.action(waiting).status is ActionStatus.NEEDS_ATTENTION
    actions.settle(services, account_id, waiting, person(Role.LEAD, 9), "not_done", "I saw nothing")
    assert cashier.action(waiting).status is ActionStatus.SUCCEEDED
    assert counter.moves("woocommerce", order.platform_id) == ["2.00"]
