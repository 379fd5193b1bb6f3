"""Acting on orders of the demo shop: exactly what was asked, once, and found again when nobody answered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.demo.shopify import installation
from connectors.demo.shopify.control import VERBS
from connectors.demo.shopify.store import DemoShopify
from connectors.shopify.client import ShopifyStore
from connectors.shopify.values import mark, unmark
from integration.errors import (
    BadInput,
    PaidMeanwhile,
    RateLimited,
    StoreForbidden,
    StoreRefused,
    StoreUnavailable,
)
from integration.money import Money
from integration.ports import ActionKind, ActionRequest, RefundLineWish, Tender
from integration.records import Address, FinancialStatus, FulfillmentStatus, OrderRecord


def do(demo: DemoShopify, verb: str, **values: Any) -> Any:
    return VERBS[verb](demo.shop(), **values)


@pytest.fixture
def orders(store: ShopifyStore) -> list[OrderRecord]:
    return [order for batch in store.backfill(None, {}) for order in batch.orders]


def paid_one(orders: list[OrderRecord], **wanted: Any) -> OrderRecord:
    """An untouched order paid by card, shipped (or as wanted), in any currency."""
    shipped = wanted.get("shipped", True)
    return next(
        order
        for order in orders
        if order.financial_status is FinancialStatus.PAID
        and not order.refunds
        and not order.returns
        and not order.cancelled_at
        and bool(order.fulfillments) == shipped
        and len(order.transactions) == 1
        and not order.transactions[0].manual
        and order.lines[0].refundable_quantity == order.lines[0].quantity
        and order.customer is not None
        and order.customer.platform_id is not None
    )


def refund_of(order: OrderRecord, **changes: Any) -> ActionRequest:
    line = order.lines[0]
    amount = Money(line.total.minor // line.quantity, order.currency)
    request = ActionRequest(
        key="act_01",
        kind=ActionKind.REFUND,
        order_id=order.platform_id,
        currency=order.currency,
        lines=(RefundLineWish(line_id=line.platform_id, quantity=1, amount=amount),),
        amount=amount,
        note="Scratched",
        reason="defective",
    )
    return replace(request, **changes)


# Refunds


def test_a_quote_is_what_the_shop_would_pay(store, orders):
    order = paid_one(orders)
    quote = store.quote(refund_of(order))
    assert quote.amount == refund_of(order).amount
    assert quote.maximum == order.total
    assert [tender.amount for tender in quote.tenders] == [quote.amount]
    assert quote.tenders[0].transaction_id == order.transactions[0].platform_id
    assert quote.order_updated_at == order.updated_at


def test_a_refund_moves_what_was_asked_and_leaves_a_mark(demo, store, orders):
    order = paid_one(orders)
    request = refund_of(order)
    prepared = store.prepare(request)
    assert store.find(request, prepared) is None
    receipt = store.send(request, prepared)
    assert (receipt.amount, receipt.settled) == (request.amount, True)
    assert demo.paid_back() == [request.amount]
    (refund,) = store.order(order.platform_id).refunds
    assert (refund.platform_id, refund.amount, refund.note, refund.marker) == (
        receipt.platform_id,
        request.amount,
        "Scratched",
        "act_01",
    )
    assert [(line.line_id, line.quantity) for line in refund.lines] == [(order.lines[0].platform_id, 1)]
    assert store.find(request, prepared) == receipt


def test_a_lost_answer_is_found_and_a_repetition_pays_nothing_more(demo, store, orders):
    request = refund_of(paid_one(orders))
    prepared = store.prepare(request)
    demo.hang_up_after_doing("RefundCreate")
    with pytest.raises(StoreUnavailable) as caught:
        store.send(request, prepared)
    assert not isinstance(caught.value, RateLimited), "unclear, so nobody may take it for not done"
    assert store.find(request, prepared).amount == request.amount
    assert store.send(request, prepared).amount == request.amount
    assert demo.paid_back() == [request.amount]


def test_a_call_that_never_arrived_is_not_found(demo, store, orders):
    request = refund_of(paid_one(orders))
    prepared = store.prepare(request)
    demo.hang_up_before_doing("RefundCreate")
    with pytest.raises(StoreUnavailable):
        store.send(request, prepared)
    assert store.find(request, prepared) is None
    assert demo.paid_back() == []


@pytest.mark.parametrize("action", ["status_after", "truncated", "html"])
def test_a_garbled_answer_is_unclear_and_never_a_refusal(demo, store, orders, action):
    request = refund_of(paid_one(orders))
    prepared = store.prepare(request)
    demo.faults.add(action=action, operation="RefundCreate")
    with pytest.raises(Exception) as caught:
        store.send(request, prepared)
    assert not isinstance(caught.value, StoreRefused | RateLimited)
    assert len(demo.paid_back()) == (0 if action == "html" else 1)


def test_a_scope_that_lacks_for_a_part_of_the_answer_does_not_undo_the_refund(demo, store, orders):
    request = refund_of(paid_one(orders))
    prepared = store.prepare(request)
    demo.faults.add(action="denied_after", operation="RefundCreate")
    with pytest.raises(StoreUnavailable) as caught:
        store.send(request, prepared)
    assert not isinstance(caught.value, RateLimited)
    assert demo.paid_back() == [request.amount]
    assert store.find(request, prepared).amount == request.amount


def test_a_scope_that_lacks_for_the_refund_itself_is_a_plain_no(demo, store, connect, credentials, orders):
    request = refund_of(paid_one(orders))
    prepared = store.prepare(request)
    reads = [scope for scope in demo.app.scopes if scope.startswith("read_")]
    token = installation.offline_token(demo.shop(), tuple(reads), expiring=False)["access_token"]
    with pytest.raises(StoreForbidden):
        connect(replace(credentials, access_token=token)).send(request, prepared)
    assert demo.paid_back() == []


@pytest.mark.parametrize("action", ["throttled", "429"])
def test_a_throttled_refund_is_certainly_not_done_and_not_repeated_by_us(demo, store, orders, action):
    request = refund_of(paid_one(orders))
    prepared = store.prepare(request)
    demo.faults.add(action=action, operation="RefundCreate")
    with pytest.raises(RateLimited):
        store.send(request, prepared)
    assert demo.paid_back() == []
    store.send(request, prepared)
    assert demo.paid_back() == [request.amount]


def test_the_same_bytes_are_sent_again(store, orders):
    request = refund_of(paid_one(orders))
    assert store.prepare(request) == store.prepare(request)


def test_a_key_used_for_something_else_is_unclear(demo, store, orders):
    order = paid_one(orders)
    request = refund_of(order, lines=(), amount=Money(100, order.currency))
    store.send(request, store.prepare(request))
    other = replace(request, note="Another")
    with pytest.raises(StoreUnavailable) as caught:
        store.send(other, store.prepare(other))
    assert caught.value.code == "key_in_use"
    assert demo.paid_back() == [request.amount]


def test_an_amount_alone_goes_to_the_payment(demo, store, orders):
    order = paid_one(orders)
    request = refund_of(order, lines=(), amount=Money(100, order.currency))
    assert store.quote(request).amount == Money(100, order.currency)
    receipt = store.send(request, store.prepare(request))
    assert receipt.amount == Money(100, order.currency)
    assert store.order(order.platform_id).refunds[0].lines == ()


def test_shipping_goes_back_as_shipping(demo, store, orders):
    order = next(
        order
        for order in orders
        if order.shipping and order.financial_status is FinancialStatus.PAID and len(order.transactions) == 1
    )
    request = refund_of(order, lines=(), shipping=order.shipping, amount=order.shipping)
    assert store.quote(request).shipping == order.shipping
    store.send(request, store.prepare(request))
    assert store.order(order.platform_id).refunds[0].shipping == order.shipping


def test_less_than_the_goods_cost_after_a_deduction(demo, store, orders):
    order = paid_one(orders)
    full = refund_of(order)
    less = Money(full.amount.minor - 50, order.currency)
    request = replace(full, amount=less)
    receipt = store.send(request, store.prepare(request))
    assert receipt.amount == less
    assert demo.paid_back() == [less]
    assert store.order(order.platform_id).lines[0].refundable_quantity == order.lines[0].quantity - 1


def test_store_credit_moves_no_payment(demo, store, orders):
    order = paid_one(orders)
    request = refund_of(order, method="store_credit")
    prepared = store.prepare(request)
    assert json.loads(prepared)["steps"][0]["variables"]["input"]["transactions"] == []
    receipt = store.send(request, prepared)
    assert receipt.amount == request.amount
    assert "differs_from" not in receipt.detail


def test_split_tenders_are_paid_back_as_the_agent_chose(demo, store, orders):
    order = next(
        order
        for order in orders
        if len([t for t in order.transactions if t.kind in ("sale", "capture") and t.status == "success"]) > 1
        and not order.refunds
    )
    one, other = [t for t in order.transactions if t.kind in ("sale", "capture")][:2]
    part = Money(100, order.currency)
    tenders = tuple(
        Tender(gateway=each.gateway, amount=part, transaction_id=each.platform_id) for each in (one, other)
    )
    request = refund_of(order, lines=(), amount=part + part, tenders=tenders)
    store.send(request, store.prepare(request))
    assert demo.paid_back() == [part, part]


def test_more_than_is_left_is_refused_before_anything_is_sent(demo, store, orders):
    order = paid_one(orders)
    with pytest.raises(StoreRefused):
        store.prepare(refund_of(order, lines=(), amount=Money(order.total.minor + 1, order.currency)))
    with pytest.raises(StoreRefused):
        store.prepare(refund_of(order, amount=Money(0, order.currency)))
    with pytest.raises(StoreRefused):
        store.prepare(refund_of(order, amount=None))
    with pytest.raises(StoreRefused):
        store.prepare(refund_of(order, amount=Money(100, "XTS")))
    with pytest.raises(StoreRefused):
        store.prepare(refund_of(order, method="manual"))
    with pytest.raises(StoreRefused):
        store.prepare(refund_of(order, order_id="gid://shopify/Order/1"))
    assert demo.paid_back() == []


def test_the_shops_own_refusal_is_final_and_moves_nothing(demo, store, orders):
    order = paid_one(orders)
    request = refund_of(order, lines=(), amount=order.total)
    prepared = store.prepare(request)
    do(demo, "refund", order=order.platform_id, amount="1.00")
    with pytest.raises(StoreRefused, match="greater than net payment"):
        store.send(request, prepared)
    assert demo.paid_back() == [Money(100, order.currency)], "only what staff paid meanwhile"


def test_money_on_its_way_is_not_settled(demo, store, orders):
    do(demo, "set", name="refund_status", value={"status": "PENDING"})
    request = refund_of(paid_one(orders))
    receipt = store.send(request, store.prepare(request))
    assert (receipt.amount, receipt.settled) == (request.amount, False)


def test_goods_that_never_left_are_restocked_as_cancelled(store, orders):
    waiting, sent = paid_one(orders, shipped=False), paid_one(orders)

    def kind(order: OrderRecord) -> str:
        wish = replace(refund_of(order).lines[0], restock=True)
        message = json.loads(store.prepare(refund_of(order, lines=(wish,))))
        return message["steps"][0]["variables"]["input"]["refundLineItems"][0]["restockType"]

    assert (kind(waiting), kind(sent)) == ("CANCEL", "RETURN")


def test_a_prepared_message_of_another_kind_is_not_sent(store, orders):
    request = refund_of(paid_one(orders))
    prepared = store.prepare(request)
    with pytest.raises(BadInput):
        store.send(replace(request, kind=ActionKind.CANCEL), prepared)
    with pytest.raises(BadInput):
        store.send(request, "{")


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        ("Scratched [deskside:act_01]", ("Scratched", "act_01")),
        ("[deskside:act_01]", ("", "act_01")),
        ("Scratched", ("Scratched", "")),
        (None, ("", "")),
        ("[deskside:]", ("[deskside:]", "")),
    ],
)
def test_marks(note, expected):
    assert unmark(note) == expected
    assert unmark(mark("Because", "k-1")) == ("Because", "k-1")


# Cancelling


def cancel_of(order: OrderRecord, **changes: Any) -> ActionRequest:
    request = ActionRequest(
        key="act_c",
        kind=ActionKind.CANCEL,
        order_id=order.platform_id,
        amount=order.refundable,
        reason="changed_mind",
        restock=True,
    )
    return replace(request, **changes)


def test_an_unshipped_order_is_cancelled_and_paid_back(store, orders):
    order = paid_one(orders, shipped=False)
    request = cancel_of(order)
    prepared = store.prepare(request)
    assert store.find(request, prepared) is None
    receipt = _patiently(store, request, prepared)
    assert receipt.amount == order.total
    after = store.order(order.platform_id)
    assert after.cancelled_at == receipt.done_at
    assert after.financial_status is FinancialStatus.REFUNDED


@pytest.mark.parametrize("method", ["original", "store_credit"])
def test_what_was_paid_after_the_decision_is_not_paid_back_by_a_cancellation(demo, store, orders, method):
    """`orderCancel` pays back all that is left, and nobody looked at a limit for that."""
    order = paid_one(orders, shipped=False)
    prepared = store.prepare(cancel_of(order, method=method))
    for decided in (None, Money(100, order.currency)):
        request = cancel_of(order, amount=decided, method=method)
        with pytest.raises(PaidMeanwhile):
            store.prepare(request)
        with pytest.raises(PaidMeanwhile):
            store.send(request, prepared)
    assert store.order(order.platform_id).cancelled_at is None
    assert demo.paid_back() == []


def test_a_look_that_fails_before_a_cancellation_asked_nothing_of_the_shop(demo, store, orders):
    order = paid_one(orders, shipped=False)
    request = cancel_of(order)
    prepared = store.prepare(request)
    demo.faults.add(action="hangup_before", times=4)
    with pytest.raises(RateLimited):
        store.send(request, prepared)
    demo.faults.clear()
    assert store.order(order.platform_id).cancelled_at is None


@pytest.mark.parametrize("method", ["original", "store_credit"])
def test_only_what_went_back_by_the_cancellation_is_its_receipt(demo, store, orders, method):
    """Part went back before; then somebody cancels in the admin and pays nothing more."""
    order = paid_one(orders, shipped=False)
    first = refund_of(order, lines=(), amount=Money(200, order.currency))
    store.send(first, store.prepare(first))
    request = cancel_of(order, amount=order.total - first.amount, method=method)
    prepared = store.prepare(request)
    unpaid = replace(request, refund_on_cancel=False)
    assert _patiently(store, unpaid, store.prepare(unpaid)).amount.minor == 0
    assert store.find(request, prepared).amount.minor == 0


def test_store_credit_for_a_cancelled_order_is_counted(store, orders):
    order = paid_one(orders, shipped=False)
    request = cancel_of(order, method="store_credit")
    assert _patiently(store, request, store.prepare(request)).amount == order.total


def _patiently(store: ShopifyStore, request: ActionRequest, prepared: str) -> Any:
    """The test's clock does not wait for the shop's background job; looking again is what jobs do."""
    import time

    try:
        return store.send(request, prepared)
    except StoreUnavailable:
        for _ in range(100):
            if receipt := store.find(request, prepared):
                return receipt
            time.sleep(0.05)
        raise


def test_a_shipped_order_is_not_cancelled(store, orders):
    order = paid_one(orders)
    with pytest.raises(StoreRefused):
        store.send(cancel_of(order), store.prepare(cancel_of(order)))
    assert store.order(order.platform_id).cancelled_at is None


# Returns


def return_of(order: OrderRecord, **changes: Any) -> ActionRequest:
    line = order.lines[0]
    wish = RefundLineWish(line_id=line.platform_id, quantity=1, amount=Money(0, order.currency))
    request = ActionRequest(
        key="act_r",
        kind=ActionKind.RETURN,
        order_id=order.platform_id,
        lines=(wish,),
        reason="changed_mind",
        note="Too blue",
    )
    return replace(request, **changes)


def delivered(orders: list[OrderRecord]) -> OrderRecord:
    return next(
        order
        for order in orders
        if order.fulfillment_status is FulfillmentStatus.DELIVERED
        and not order.returns
        and not order.refunds
        and not order.cancelled_at
    )


def test_a_return_is_opened_found_received_and_closed(demo, store, orders):
    order = delivered(orders)
    request = return_of(order)
    prepared = store.prepare(request)
    assert store.find(request, prepared) is None
    demo.hang_up_after_doing("ReturnCreate")
    with pytest.raises(StoreUnavailable):
        store.send(request, prepared)
    opened = store.find(request, prepared)
    (made,) = store.order(order.platform_id).returns
    assert (made.platform_id, made.status, made.lines[0].note) == (opened.platform_id, "open", "Too blue")

    receive = return_of(
        order, key="act_r2", kind=ActionKind.RETURN_RECEIVE, return_id=made.platform_id, lines=()
    )
    prepared = store.prepare(receive)
    assert store.find(receive, prepared) is None
    store.send(receive, prepared)
    assert store.find(receive, prepared) is not None
    assert store.order(order.platform_id).returns[0].lines[0].processed_quantity == 1

    close = replace(receive, key="act_r3", kind=ActionKind.RETURN_CLOSE)
    if store.find(close, store.prepare(close)) is None:
        store.send(close, store.prepare(close))
    assert store.order(order.platform_id).returns[0].status == "closed"


@pytest.mark.parametrize(
    ("kind", "status"), [(ActionKind.RETURN_APPROVE, "open"), (ActionKind.RETURN_DECLINE, "declined")]
)
def test_a_request_is_approved_or_declined(demo, store, orders, kind, status):
    order = delivered(orders)
    lines = [{"line": order.lines[0].platform_id, "quantity": 1}]
    do(demo, "return", order=order.platform_id, lines=lines, requested=True)
    (waiting,) = store.order(order.platform_id).returns
    request = return_of(order, kind=kind, return_id=waiting.platform_id, reason="final_sale")
    prepared = store.prepare(request)
    assert store.find(request, prepared) is None
    store.send(request, prepared)
    assert store.find(request, prepared).platform_id == waiting.platform_id
    assert store.order(order.platform_id).returns[0].status == status


def test_more_pieces_than_can_come_back_are_refused(store, orders):
    order = delivered(orders)
    wish = replace(return_of(order).lines[0], quantity=order.lines[0].quantity + 1)
    with pytest.raises(StoreRefused):
        store.prepare(return_of(order, lines=(wish,)))
    with pytest.raises(StoreRefused):
        store.prepare(return_of(order, lines=()))


# Small edits


def test_a_note_is_added_below_the_old_one(store, orders):
    order = paid_one(orders)
    first = ActionRequest(key="n1", kind=ActionKind.NOTE, order_id=order.platform_id, note="Called twice")
    second = replace(first, key="n2", note="Will send a photo")
    for request in (first, second):
        prepared = store.prepare(request)
        assert store.find(request, prepared) is None
        store.send(request, prepared)
        assert store.find(request, prepared) is not None
    assert store.order(order.platform_id).note.endswith("Called twice\nWill send a photo")


def test_tags_come_and_go(store, orders):
    order = paid_one(orders)
    request = ActionRequest(
        key="t1", kind=ActionKind.TAGS, order_id=order.platform_id, tags_add=("support", "vip")
    )
    store.send(request, store.prepare(request))
    gone = replace(request, key="t2", tags_add=(), tags_remove=("vip",))
    prepared = store.prepare(gone)
    assert store.find(gone, prepared) is None
    store.send(gone, prepared)
    assert store.find(gone, prepared) is not None
    assert "support" in store.order(order.platform_id).tags
    assert "vip" not in store.order(order.platform_id).tags


def test_an_address_is_replaced(store, orders):
    order = paid_one(orders, shipped=False)
    home = Address(
        name="Anna Maria Sepp", address1="Uus 7", city="Tartu", zip="50603", country="EE", phone="+3725550000"
    )
    request = ActionRequest(key="a1", kind=ActionKind.ADDRESS, order_id=order.platform_id, address=home)
    prepared = store.prepare(request)
    assert store.find(request, prepared) is None
    store.send(request, prepared)
    assert store.find(request, prepared) is not None
    assert store.order(order.platform_id).shipping_address == home


# What is possible


def test_scopes_decide_first(connect, credentials, orders):
    reader = connect(replace(credentials, scopes=("read_orders", "read_returns")))
    assert "write_orders" in reader.supports(ActionKind.REFUND, None)
    assert "write_returns" in reader.supports(ActionKind.RETURN, None)
    assert connect().supports(ActionKind.REFUND, None) is None
    assert connect().supports(ActionKind.REPLACEMENT, None) is not None


def test_the_orders_state_decides_next(store, orders):
    shipped, waiting = paid_one(orders), paid_one(orders, shipped=False)
    possible = {
        (kind, order is shipped): store.supports(kind, order) is None
        for kind in (ActionKind.REFUND, ActionKind.CANCEL, ActionKind.RETURN, ActionKind.ADDRESS)
        for order in (shipped, waiting)
    }
    assert possible == {
        (ActionKind.REFUND, True): True,
        (ActionKind.REFUND, False): True,
        (ActionKind.CANCEL, True): False,
        (ActionKind.CANCEL, False): True,
        (ActionKind.RETURN, True): True,
        (ActionKind.RETURN, False): False,
        (ActionKind.ADDRESS, True): False,
        (ActionKind.ADDRESS, False): True,
    }
    assert store.supports(ActionKind.RETURN_APPROVE, shipped) is not None
    assert store.supports(ActionKind.RETURN_RECEIVE, shipped) is not None


def test_only_what_is_the_same_twice_is_repeatable(store, orders):
    order = paid_one(orders)
    assert store.repeatable(refund_of(order))
    assert not store.repeatable(cancel_of(order))
    assert not store.repeatable(return_of(order))
    assert not store.repeatable(return_of(order, kind=ActionKind.RETURN_RECEIVE))
