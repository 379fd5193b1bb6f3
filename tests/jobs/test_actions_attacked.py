"""Clumsy hands, hostile requests and bad luck: what must not move money, and what must not be lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from integration import wishes
from integration.db.accounts import Role
from integration.db.actions import ActionStatus
from integration.errors import Conflict, Unprocessable
from integration.ports import ActionKind
from jobs import actions

PLATFORMS = ("shopify", "woocommerce")


@pytest.fixture
def ask(services: Any, account_id: int) -> Callable[..., int]:
    def asked(order: Any, who: Any, key: str = "k", kind: str = "refund", **body: Any) -> int:
        shown = body.pop("shown", "")
        wish = wishes.parse(ActionKind(kind), body)
        found = actions.ask(services, account_id, order.id, kind, wish, who, key, shown=shown)
        return int(found["id"])

    return asked


def amount(text: str, currency: str = "EUR") -> dict[str, Any]:
    return {"amount": {"amount": text, "currency": currency}, "exception": "goodwill"}


def first_line(order: Any, of: Any = None) -> str:
    return f"{order.id}.{(of or order).lines[0].platform_id.rpartition('/')[2]}"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_order_that_changed_behind_the_dialogue_is_looked_at_again(
    platform: str, ask: Any, cashier: Any, person: Any, run_due: Any, time: Any, counter: Any
) -> None:
    """The sum on the button was of a picture that is gone: the fresh one gives another."""
    order = cashier.orders(platform)[0]
    everything = f"{order.total / 100:.2f}"
    ask(order, person(Role.ADMIN, 2), **amount("2.00"))
    run_due()
    time.advance(timedelta(seconds=10))
    with pytest.raises((Conflict, Unprocessable)) as refused:
        ask(order, person(), shown=everything, **amount(everything))
    assert refused.value.code == "too_much_money"
    lines = [{"line_id": first_line(order), "quantity": 1}]
    with pytest.raises(Conflict) as other:
        ask(order, person(), shown="0.01", lines=lines, exception="goodwill")
    assert other.value.code == "sum_changed"
    run_due()
    assert counter.moves(platform, order.platform_id) == ["2.00"]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_two_tabs_refund_a_line_once(
    platform: str, ask: Any, cashier: Any, person: Any, run_due: Any, counter: Any
) -> None:
    order = cashier.orders(platform)[0]
    line = order.lines[0]
    lines = [{"line_id": first_line(order), "quantity": line.refundable_quantity}]
    first = ask(order, person(), "tab 1", lines=lines, exception="goodwill")
    assert ask(order, person(), "tab 1", lines=lines, exception="goodwill") == first
    with pytest.raises(Unprocessable) as refused:
        ask(order, person(), "tab 2", lines=lines, exception="goodwill")
    assert refused.value.code == "under_way"
    run_due()
    run_due()
    assert len(counter.moves(platform, order.platform_id)) == 1


@pytest.mark.parametrize("platform", PLATFORMS)
def test_lines_and_money_that_are_not_this_orders_are_refused(
    platform: str, ask: Any, cashier: Any, person: Any, run_due: Any, counter: Any
) -> None:
    order, other = cashier.orders(platform)[:2]
    for body, code in (
        ({"lines": [{"line_id": first_line(other), "quantity": 1}]}, "unknown_line"),
        ({"lines": [{"line_id": first_line(order, other), "quantity": 1}]}, "unknown_line"),
        (amount("1.00", "USD"), "wrong_currency"),
        (amount("999999999.00"), "too_much_money"),
        (amount("0.00"), "nothing_to_refund"),
    ):
        with pytest.raises(Unprocessable) as refused:
            ask(order, person(), **body)
        assert refused.value.code == code
    run_due()
    assert counter.moves(platform, order.platform_id) == []


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_queue_that_forgot_everything_loses_no_refund(
    platform: str, ask: Any, cashier: Any, person: Any, wakes: list[Any], run_due: Any, counter: Any
) -> None:
    order = cashier.orders(platform)[0]
    waiting = ask(order, person(), **amount("2.00"))
    wakes.clear()
    run_due()  # begins with a sweep, as workers do every few seconds
    assert cashier.action(waiting).status is ActionStatus.SUCCEEDED
    assert counter.moves(platform, order.platform_id) == ["2.00"]


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_dies_in_the_middle_moves_nothing_and_says_so(
    platform: str,
    status: int,
    ask: Any,
    cashier: Any,
    person: Any,
    shopify: Any,
    woocommerce: Any,
    run_due: Any,
    time: Any,
    counter: Any,
) -> None:
    """Between the picture and the money call the merchant revokes our access."""
    order = cashier.orders(platform)[0]
    waiting = ask(order, person(), **amount("2.00"))
    if platform == "shopify":
        shopify.faults.add(action="status_before", operation="refundCreate", status=status)
    else:
        rule = {"action": "status_before", "method": "POST", "path": r"/refunds$", "status": status}
        woocommerce.command("faults", rules=[rule])
    for _ in range(3):
        run_due()
        time.advance(timedelta(minutes=4))
    action = cashier.action(waiting)
    assert action.status is ActionStatus.FAILED
    assert action.error["code"] in ("store_denied", "store_forbidden")
    assert action.error["next_step"]
    assert counter.moves(platform, order.platform_id) == []
