"""Every kind of action done to the demo stores, or refused with the reason where a platform lacks it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from integration import carrying, policies, returns, wishes
from integration.customers import find_order
from integration.db.accounts import Role
from integration.db.actions import ActionStatus
from integration.db.audit import AuditEntry
from integration.db.orders import Order
from integration.eligibility import Outcome
from integration.errors import Conflict, HalfDone, Unprocessable
from integration.money import Money
from integration.ports import ActionKind, ActionRequest
from integration.records import FulfillmentStatus
from jobs import actions
from jobs import sync as copying
from sidebar.pane import action_view


class Desk:
    """Asks for actions as an admin, lets the worker work, and reads the order afterwards."""

    def __init__(self, services: Any, account_id: int, cashier: Any, who: Any, run_due: Any) -> None:
        self.services, self.account_id, self.cashier = services, account_id, cashier
        self.who, self.run_due = who, run_due
        self.number = 0

    def ask(self, kind: ActionKind, order_id: int, **body: Any) -> int:
        self.number += 1
        wish = wishes.parse(kind, body)
        key = f"{kind}-{self.number}"
        return int(actions.ask(self.services, self.account_id, order_id, kind, wish, self.who, key)["id"])

    def do(self, kind: ActionKind, order_id: int, **body: Any) -> Any:
        """The action at its end."""
        action_id = self.ask(kind, order_id, **body)
        self.run_due()
        action = self.cashier.action(action_id)
        assert action.status.value == "succeeded", action.error
        return action

    def order(self, order_id: int) -> Any:
        """As the store has it now."""
        copying.refresh_order(self.services, self.account_id, order_id)
        with self.services.reading(self.account_id) as work:
            return find_order(work, order_id)

    def lines(self, order: Any, quantity: int = 1, **more: Any) -> list[dict[str, Any]]:
        tail = order.lines[0].platform_id.rpartition("/")[2]
        return [{"line_id": f"{order.id}.{tail}", "quantity": quantity, **more}]


@pytest.fixture
def desk(services: Any, account_id: int, cashier: Any, person: Any, run_due: Any) -> Desk:
    return Desk(services, account_id, cashier, person(), run_due)


@pytest.fixture
def orders_in_each() -> int:
    return 25


def waiting(cashier: Any, platform: str) -> Any:
    """An order of which nothing was sent."""
    return next(
        row for row in cashier.orders(platform) if row.fulfillment_status is FulfillmentStatus.UNFULFILLED
    )


def sent(cashier: Any, platform: str) -> Any:
    return next(
        row for row in cashier.orders(platform) if row.fulfillments and row.lines[0].refundable_quantity > 0
    )


@pytest.fixture
def unsent(shopify: Any, woocommerce: Any, services: Any, account_id: int, connected: Any) -> Any:
    """A new paid order of each store, in the store and in the cache."""
    from connectors.demo.shopify import control
    from integration import stores, sync

    def sell(platform: str) -> Any:
        api = services.api(connected[platform], True)
        while True:
            if platform == "shopify":
                platform_id = control._order(shopify.shop(), shopify.world())
            else:
                platform_id = str(woocommerce.command("tick") and _newest(woocommerce))
            record = api.order(platform_id)
            gateways = {payment.gateway for payment in record.transactions}
            fresh = record.fulfillment_status is FulfillmentStatus.UNFULFILLED and not record.refunds
            if (
                fresh
                and record.currency == "EUR"
                and record.financial_status.value == "paid"
                and gateways <= {"shopify_payments", "testpay"}
            ):
                break
        api.close()
        with services.transaction(account_id) as work:
            sync.apply(work, stores.find(work, connected[platform]), [record])
            row = work.session.scalars(select(Order.id).where(Order.platform_id == platform_id)).one()
        with services.reading(account_id) as work:
            return find_order(work, row)

    return sell


def _newest(woocommerce: Any) -> int:
    return max(row["id"] for row in woocommerce.command("state")["orders"])


PLATFORMS = ("shopify", "woocommerce")


def test_a_refund_goes_back_to_the_card_and_to_the_gift_card_by_what_each_paid(
    desk: Desk, services: Any, connected: Any, account_id: int, shopify: Any, person: Any
) -> None:
    """Source: our return facts, D10: by charged amounts, largest remainder, the gift card's to the card."""
    with services.reading(account_id) as work:
        ids = work.session.scalars(select(Order.id).where(Order.store_id == connected["shopify"]))
        orders = [find_order(work, order_id) for order_id in ids]
    order, paid = next(
        (order, paid)
        for order in orders
        if len(paid := {each.gateway: each.amount for each in order.transactions if each.kind == "sale"}) > 1
        and not order.refunds
    )
    assert "gift_card" in paid
    assert sum(paid.values()) == order.total

    def back() -> dict[str, int]:
        moves = [move for move in shopify.ledger() if move["order_id"] == order.platform_id]
        sums = dict.fromkeys(paid, 0)
        for move in moves:
            if move["kind"] == "refund:success":
                sums[move["gateway"]] += round(float(move["amount"]) * 100)
        return sums

    def ask_for(minor: int) -> dict[str, Any]:
        return {
            "amount": {"amount": f"{minor / 100:.2f}", "currency": order.currency},
            "exception": "goodwill",
        }

    part = order.total // 3
    wish = wishes.parse(ActionKind.REFUND, ask_for(part))
    shown = actions.preview(services, account_id, order.id, wish, person())["tenders"]
    desk.do(ActionKind.REFUND, order.id, **ask_for(part))
    gone = back()
    assert sum(gone.values()) == part
    assert all(abs(gone[gateway] - part * paid[gateway] / order.total) < 1 for gateway in paid)
    assert sorted(round(float(one["amount"]["amount"]) * 100) for one in shown) == sorted(gone.values())
    desk.order(order.id)
    line = desk.lines(order)
    before = sum(back().values())
    piece = desk.do(ActionKind.REFUND, order.id, lines=line, exception="goodwill").amount
    assert sum(back().values()) == before + piece
    desk.do(ActionKind.REFUND, order.id, **ask_for(order.total - before - piece))
    assert back() == paid  # all of it, and to each no more than it paid


def test_what_is_only_written_down_is_not_called_paid_back(
    desk: Desk, cashier: Any, counter: Any, services: Any, account_id: int
) -> None:
    order = cashier.orders("woocommerce")[0]
    wish = {"amount": {"amount": "2.00", "currency": "EUR"}, "exception": "goodwill"}
    by_gateway = desk.do(ActionKind.REFUND, order.id, **wish)
    by_hand = desk.do(ActionKind.REFUND, order.id, method="manual", **wish)
    assert counter.moves("woocommerce", order.platform_id) == ["2.00"]
    for action, paid_back in ((by_gateway, True), (by_hand, False)):
        assert actions.view(services, account_id, action.id)["paid_back"] is paid_back
        assert action_view(action)["by_hand"] is not paid_back


def test_a_cancellation_that_stopped_half_way_goes_on_and_is_never_called_not_done(
    services: Any,
    account_id: int,
    desk: Desk,
    unsent: Any,
    cashier: Any,
    person: Any,
    woocommerce: Any,
    run_due: Any,
    time: Any,
    counter: Any,
) -> None:
    order = unsent("woocommerce")
    waiting = desk.ask(ActionKind.CANCEL, order.id)
    fault = {"action": "status_before", "method": "PUT", "status": 503, "times": 100}
    woocommerce.command("faults", rules=[fault])
    for _ in range(carrying.LOOKS + 2):
        run_due()
        time.advance(timedelta(minutes=4))
    action = cashier.action(waiting)
    assert (action.status, action.error["code"]) == (ActionStatus.NEEDS_ATTENTION, "half_done")
    with pytest.raises(Conflict) as refused:
        actions.settle(services, account_id, waiting, person(Role.LEAD, 9), "not_done", "still open")
    assert (refused.value.code, refused.value.next_step) == ("half_done", HalfDone.next_step)
    assert cashier.action(waiting).status is ActionStatus.NEEDS_ATTENTION

    woocommerce.command("faults", rules=[])
    time.advance(carrying.ATTENTION_EVERY)
    run_due()
    assert cashier.action(waiting).status is ActionStatus.SUCCEEDED
    [shown] = [row for row in woocommerce.command("state")["orders"] if str(row["id"]) == order.platform_id]
    assert shown["status"] == "cancelled"
    assert counter.moves("woocommerce", order.platform_id) == [f"{order.total / 100:.2f}"]
    with services.reading(account_id) as work:
        told = work.session.scalars(select(AuditEntry.event).where(AuditEntry.action_id == waiting)).all()
    assert sorted(told) == ["cancel.needs_attention", "cancel.requested", "cancel.sent", "cancel.succeeded"]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_waited_for_its_store_is_held_against_the_order_as_it_then_is(
    platform: str,
    services: Any,
    desk: Desk,
    unsent: Any,
    cashier: Any,
    connected: Any,
    shopify: Any,
    woocommerce: Any,
    run_due: Any,
    time: Any,
    counter: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While nobody could reach the store, somebody in its admin paid a part back."""
    monkeypatch.setattr("connectors.transport.pause", lambda number, chance: 0.001)
    cashier.allow(offline="queue")
    order = unsent(platform)
    time.advance(timedelta(seconds=10))
    if platform == "shopify":
        shopify.faults.add(action="hangup_before", times=4)
    else:
        fault = {"action": "hangup_before", "method": "GET", "path": "/wp-json", "times": 4}
        woocommerce.command("faults", rules=[fault])
    waiting = desk.ask(ActionKind.CANCEL, order.id)
    monkeypatch.setattr("connectors.transport._circuits", {})
    by_staff = ActionRequest(
        key="by-staff",
        kind=ActionKind.REFUND,
        order_id=order.platform_id,
        currency="EUR",
        amount=Money(200, "EUR"),
    )
    api = services.api(connected[platform], True)
    api.send(by_staff, api.prepare(by_staff))
    api.close()
    for _ in range(3):
        time.advance(timedelta(seconds=60))
        run_due()
    action = cashier.action(waiting)
    assert (action.status, action.error["code"]) == (ActionStatus.FAILED, "stale")
    assert action.error["next_step"]
    assert counter.moves(platform, order.platform_id) == ["2.00"]
    now = desk.order(order.id)
    assert (now.cancelled_at, now.platform_status in ("cancelled", "refunded")) == (None, False)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_cancelling_pays_everything_back_once(platform: str, desk: Desk, unsent: Any, counter: Any) -> None:
    order = unsent(platform)
    action = desk.do(ActionKind.CANCEL, order.id)
    after = desk.order(order.id)
    assert after.refunded == order.total == action.amount
    assert sum(float(amount) for amount in counter.moves(platform, order.platform_id)) == order.total / 100
    assert after.cancelled_at is not None or after.platform_status in ("cancelled", "refunded")
    with pytest.raises(Unprocessable):
        desk.ask(ActionKind.CANCEL, order.id)
    with pytest.raises(Unprocessable):
        desk.ask(ActionKind.REFUND, order.id, lines=desk.lines(order), exception="again")


@pytest.mark.parametrize("method", ["original", "store_credit"])
def test_cancelling_after_some_store_credit_pays_the_rest(
    method: str, desk: Desk, unsent: Any, counter: Any
) -> None:
    sold = (unsent("shopify") for _ in range(20))
    order = next(row for row in sold if (row.customer_record or {}).get("platform_id"))
    two = {"amount": {"amount": "2.00", "currency": "EUR"}, "exception": "goodwill"}
    desk.do(ActionKind.REFUND, order.id, method="store_credit", **two)
    desk.order(order.id)
    action = desk.do(ActionKind.CANCEL, order.id, method=method)
    assert action.amount == order.total - 200
    back = sum(round(float(amount) * 100) for amount in counter.moves("shopify", order.platform_id))
    assert back == order.total


@pytest.mark.parametrize("platform", PLATFORMS)
def test_cancelling_without_money_leaves_the_money(
    platform: str, desk: Desk, unsent: Any, counter: Any
) -> None:
    order = unsent(platform)
    action = desk.do(ActionKind.CANCEL, order.id, refund=False)
    assert action.amount is None
    assert counter.moves(platform, order.platform_id) == []
    assert desk.order(order.id).refunded == 0


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_note_and_an_address(platform: str, desk: Desk, unsent: Any) -> None:
    order = unsent(platform)
    desk.do(ActionKind.NOTE, order.id, note="Called back <b>twice</b>")
    address = {"name": "Mari Mets", "address1": "Pikk 1", "city": "Tartu", "zip": "51001", "country": "EE"}
    desk.do(ActionKind.ADDRESS, order.id, address=address)
    after = desk.order(order.id)
    assert (after.shipping_address["city"], after.shipping_address["zip"]) == ("Tartu", "51001")
    if platform == "shopify":
        assert "Called back <b>twice</b>" in after.note


def test_an_address_is_not_changed_once_something_was_sent(desk: Desk, cashier: Any) -> None:
    for platform in PLATFORMS:
        with pytest.raises(Unprocessable):
            desk.ask(ActionKind.ADDRESS, sent(cashier, platform).id, address={"city": "Tartu"})


def test_tags_are_put_on_and_taken_off(desk: Desk, cashier: Any) -> None:
    order = cashier.orders("shopify")[0]
    desk.do(ActionKind.TAGS, order.id, tags_add=["complaint", "vip"])
    desk.do(ActionKind.TAGS, order.id, tags_add=["solved"], tags_remove=["complaint"])
    assert {"vip", "solved"} <= set(desk.order(order.id).tags)
    assert "complaint" not in desk.order(order.id).tags
    with pytest.raises(Unprocessable, match="no tags"):
        desk.ask(ActionKind.TAGS, cashier.orders("woocommerce")[0].id, tags_add=["vip"])


@pytest.mark.parametrize("kind", [ActionKind.RETURN_RECEIVE, ActionKind.RETURN_CLOSE])
def test_a_return_is_opened_and_the_goods_come_or_do_not(kind: ActionKind, desk: Desk, cashier: Any) -> None:
    order = sent(cashier, "shopify")
    opened = desk.do(ActionKind.RETURN, order.id, lines=desk.lines(order))
    [back] = desk.order(order.id).returns
    assert (back.platform_id, back.status) == (opened.platform_id, "open")
    desk.do(kind, order.id, return_id=back.platform_id)
    after = desk.order(order.id)
    received = 1 if kind is ActionKind.RETURN_RECEIVE else 0
    assert after.returns[0].lines[0].get("processed_quantity", 0) == received
    assert after.returns[0].status == "closed"  # the shop closes it itself once all has come
    assert after.refunded == 0  # goods are one thing, money another


@pytest.mark.parametrize(
    ("kind", "status"), [(ActionKind.RETURN_APPROVE, "open"), (ActionKind.RETURN_DECLINE, "declined")]
)
def test_a_customers_request_is_approved_or_declined(
    kind: ActionKind, status: str, desk: Desk, cashier: Any, shopify: Any
) -> None:
    from connectors.demo.shopify import control

    order = sent(cashier, "shopify")
    line = {"line": order.lines[0].platform_id, "quantity": 1}
    control._open_return(shopify.shop(), order.platform_id, [line], requested=True)
    [back] = desk.order(order.id).returns
    assert back.status == "requested"
    desk.do(kind, order.id, return_id=back.platform_id, note="As agreed on the phone.")
    assert desk.order(order.id).returns[0].status == status


def test_woocommerce_says_why_it_has_no_returns(desk: Desk, cashier: Any) -> None:
    order = sent(cashier, "woocommerce")
    with pytest.raises(Unprocessable, match="keeps no returns"):
        desk.ask(ActionKind.RETURN, order.id, lines=desk.lines(order))


def test_store_credit_with_the_policys_bonus(
    desk: Desk, unsent: Any, services: Any, account_id: int, counter: Any
) -> None:
    with services.transaction(account_id) as work:
        document = policies.ensure_policy(work).document
        rules = [{**rule, "bonus": 1000} for rule in document["rules"]]
        in_force = policies.save_policy(work, {**document, "rules": rules}, by="tests").valid_from
    while True:
        order = unsent("shopify")
        if order.placed_at < in_force:
            continue  # stores tell whole seconds: this one counts as bought under the policy before
        with services.reading(account_id) as work:
            verdicts = returns.judge_order(work, find_order(work, order.id))
        granted = all(line.outcome is Outcome.ACCEPT for line in verdicts.lines)
        if granted and (order.customer_record or {}).get("platform_id"):
            break
    everything = [
        {"line_id": f"{order.id}.{line.platform_id.rpartition('/')[2]}", "quantity": line.quantity}
        for line in order.lines
    ]
    shipping = {"amount": f"{order.shipping / 100:.2f}", "currency": "EUR"}
    action = desk.do(
        ActionKind.REFUND,
        order.id,
        lines=everything,
        shipping=shipping,
        method="store_credit",
        exception="kind",
    )
    [moved] = counter.moves("shopify", order.platform_id)
    assert round(float(moved) * 100) == action.amount
    assert action.request["bonus"]
    assert action.amount > order.total


def test_paying_by_hand_is_written_down_and_moves_nothing(desk: Desk, cashier: Any, counter: Any) -> None:
    order = cashier.orders("woocommerce")[0]
    amount = {"amount": "2.00", "currency": "EUR"}
    action = desk.do(ActionKind.REFUND, order.id, amount=amount, method="manual", exception="cash")
    assert counter.moves("woocommerce", order.platform_id) == []
    [refund] = desk.order(order.id).refunds
    assert (refund.marker, refund.amount, refund.paid_back) == (action.key, 200, False)
    with pytest.raises(Unprocessable, match="Shopify pays back itself"):
        desk.ask(ActionKind.REFUND, cashier.orders("shopify")[0].id, amount=amount, method="manual")


@pytest.mark.parametrize("platform", PLATFORMS)
def test_replacements_are_refused_with_the_reason(platform: str, desk: Desk, cashier: Any) -> None:
    order = cashier.orders(platform)[0]
    with pytest.raises(Unprocessable) as refused:
        desk.ask(ActionKind.REPLACEMENT, order.id, lines=desk.lines(order))
    assert refused.value.code == "not_possible"
