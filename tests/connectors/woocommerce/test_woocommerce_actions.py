"""Changes to a store that fails before, during and after doing them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.woocommerce.client import WooCommerceStore
from connectors.woocommerce.items import marker
from integration.errors import HalfDone, RateLimited, StoreError, StoreRefused, StoreUnavailable
from integration.money import Money
from integration.ports import ActionKind, ActionRequest, RefundLineWish
from integration.records import Address, OrderRecord

REFUNDS = "/refunds"


def paid_order(
    demo: Any, shop: WooCommerceStore, *, gateway: str = "testpay", status: str = "completed"
) -> OrderRecord:
    """An order of the demo store with its lines whole and its money there."""
    for raw in demo.command("state")["orders"]:
        plain = not raw["refunds"] and not raw["fee_lines"] and float(raw["total"]) > 40
        if (
            raw["payment_method"] == gateway
            and raw["status"] == status
            and raw["currency"] == "EUR"
            and plain
        ):
            order = shop.order(str(raw["id"]))
            assert order is not None
            if status != "processing" or not order.fulfillments:
                return order
    raise AssertionError("the demo store has no such order")


def refund(order: OrderRecord, amount: int, key: str = "act-1", **more: Any) -> ActionRequest:
    return ActionRequest(
        key=key,
        kind=ActionKind.REFUND,
        order_id=order.platform_id,
        currency=order.currency,
        amount=Money(amount, order.currency),
        **more,
    )


def cancel(order: OrderRecord, **changes: Any) -> ActionRequest:
    values: dict[str, Any] = {"amount": order.total, "key": "c", "currency": "EUR", **changes}
    return ActionRequest(kind=ActionKind.CANCEL, order_id=order.platform_id, **values)


def moves(demo: Any, order: OrderRecord) -> list[str]:
    """What the gateway has really paid back."""
    return [
        move["amount"]
        for move in demo.command("ledger")["moves"]
        if str(move["order_id"]) == order.platform_id
    ]


def rows(demo: Any, order: OrderRecord) -> int:
    return int(demo.command("ledger")["refunds"].get(order.platform_id, 0))


def test_a_refund_moves_the_money_once(demo: Any, shop: WooCommerceStore) -> None:
    order = paid_order(demo, shop)
    line = order.lines[0]
    back = RefundLineWish(line_id=line.platform_id, quantity=1, amount=line.unit_price)
    wish = refund(order, line.unit_price.minor, lines=(back,), note="Katki")

    receipt = shop.send(wish, shop.prepare(wish))

    assert receipt.amount == line.unit_price
    assert (receipt.paid_back, receipt.settled) == (True, True)
    assert moves(demo, order) == [line.unit_price.text]
    after = shop.order(order.platform_id)
    assert after is not None
    assert [(one.marker, one.note, one.amount) for one in after.refunds] == [
        ("act-1", "Katki", line.unit_price)
    ]
    assert after.lines[0].refundable_quantity == line.quantity - 1
    assert after.refunds[0].lines[0].amount == line.unit_price


def test_what_was_prepared_is_what_is_sent(scripted: Any, store: WooCommerceStore, sample: Any) -> None:
    raw = sample("orders_single/status_completed.json")["response"]["body"] | {"meta_data": []}
    created = sample("refund_posts/30_meta_data.json")["response"]["body"]
    scripted.on("GET", "orders/93", raw)
    scripted.on("GET", "orders/93/refunds", [])
    scripted.on("POST", "orders/93/refunds", created, status=201)
    wish = ActionRequest(
        key="k",
        kind=ActionKind.REFUND,
        order_id="93",
        currency="EUR",
        amount=Money(150, "EUR"),
        method="manual",
    )

    prepared = store.prepare(wish)
    store.send(wish, prepared)

    (posted,) = scripted.written()
    assert posted.body == json.loads(prepared)["refund"]
    assert posted.body["amount"] == "1.50"
    assert posted.body["api_refund"] is False


@pytest.mark.parametrize(
    ("action", "status"),
    [
        ("hangup_after", 500),
        ("status_after", 500),
        ("status_after", 502),
        ("html_after", 200),
        ("truncated", 200),
    ],
)
def test_a_lost_answer_is_found_and_not_repeated(
    demo: Any, shop: WooCommerceStore, action: str, status: int
) -> None:
    order = paid_order(demo, shop)
    wish = refund(order, 1000)
    prepared = shop.prepare(wish)
    demo.command("faults", rules=[{"action": action, "method": "POST", "path": REFUNDS, "status": status}])

    with pytest.raises(StoreError) as caught:
        shop.send(wish, prepared)
    found = shop.find(wish, prepared)

    assert not isinstance(caught.value, StoreRefused | RateLimited)
    assert found is not None
    assert found.amount == Money(1000, "EUR")
    assert moves(demo, order) == ["10.00"]


@pytest.mark.parametrize(
    ("action", "status"), [("hangup_before", 500), ("status_before", 503), ("html", 403), ("html", 503)]
)
def test_a_message_that_never_arrived_left_nothing(
    demo: Any, shop: WooCommerceStore, action: str, status: int
) -> None:
    order = paid_order(demo, shop)
    wish = refund(order, 1000)
    prepared = shop.prepare(wish)
    demo.command("faults", rules=[{"action": action, "method": "POST", "path": REFUNDS, "status": status}])

    with pytest.raises(StoreError) as caught:
        shop.send(wish, prepared)

    assert not isinstance(caught.value, StoreRefused | RateLimited)
    assert shop.find(wish, prepared) is None
    assert moves(demo, order) == []
    assert rows(demo, order) == 0


def test_being_told_to_wait_means_that_nothing_was_done(demo: Any, shop: WooCommerceStore) -> None:
    order = paid_order(demo, shop)
    wish = refund(order, 1000)
    prepared = shop.prepare(wish)
    demo.command("faults", rules=[{"action": "too_many", "method": "POST", "path": REFUNDS}])
    with pytest.raises(RateLimited):
        shop.send(wish, prepared)
    assert rows(demo, order) == 0
    assert shop.send(wish, prepared).amount == Money(1000, "EUR")


def test_a_store_that_cannot_be_read_first_was_not_written_to(demo: Any, shop: WooCommerceStore) -> None:
    order = paid_order(demo, shop)
    wish = refund(order, 1000)
    prepared = shop.prepare(wish)
    demo.command("faults", rules=[{"action": "hangup_before", "method": "GET", "times": 4}])
    with pytest.raises(RateLimited):
        shop.send(wish, prepared)
    assert rows(demo, order) == 0


@pytest.mark.parametrize("amount", [1313, 1616])
def test_a_declined_refund_is_a_plain_no(demo: Any, shop: WooCommerceStore, amount: int) -> None:
    order = paid_order(demo, shop)
    wish = refund(order, amount)
    with pytest.raises(StoreRefused) as caught:
        shop.send(wish, shop.prepare(wish))
    assert caught.value.code == "declined"
    assert moves(demo, order) == []
    assert rows(demo, order) == 0


def test_a_gateway_that_was_lost_contact_with_may_have_paid(demo: Any, shop: WooCommerceStore) -> None:
    order = paid_order(demo, shop)
    wish = refund(order, 1414)
    with pytest.raises(StoreUnavailable) as caught:
        shop.send(wish, shop.prepare(wish))
    assert caught.value.code == "gateway_unclear"
    assert not isinstance(caught.value, RateLimited)
    assert "gateway" in caught.value.next_step


def test_reading_that_drags_on_sends_nothing(
    demo: Any, shop: WooCommerceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = paid_order(demo, shop)
    wish = refund(order, 1000)
    prepared = shop.prepare(wish)
    monkeypatch.setattr("connectors.looking.LONGEST_LOOK", -1.0)
    with pytest.raises(RateLimited, match="took too long"):
        shop.send(wish, prepared)
    assert rows(demo, order) == 0


def test_a_mark_that_people_typed_hides_no_refund(demo: Any, shop: WooCommerceStore) -> None:
    order = paid_order(demo, shop)
    wish = refund(order, 1000, note="as said [deskside:other]")
    assert marker({"reason": json.loads(shop.prepare(wish))["refund"]["reason"]}) == wish.key


def test_a_refund_that_the_gateway_has_not_answered_is_nobodys_to_repeat(
    scripted: Any, store: WooCommerceStore
) -> None:
    row = {
        "id": 7,
        "amount": "10.00",
        "reason": "x [deskside:act-1]",
        "refunded_payment": False,
        "date_created_gmt": "2026-11-21T19:00:00",
        "meta_data": [{"key": "_refund_type", "value": "partial"}],
    }
    wish = ActionRequest(key="act-1", kind=ActionKind.REFUND, order_id="93", currency="EUR")
    scripted.on("GET", "orders/93/refunds", [row])
    through, by_hand = ('{"refund":{"api_refund":%s}}' % said for said in ("true", "false"))  # noqa: UP031  # JSON braces

    with pytest.raises(StoreUnavailable) as caught:
        store.find(wish, through)
    assert caught.value.code == "refund_in_progress"
    assert store.find(wish, by_hand) is not None


def test_what_the_gateway_was_to_pay_and_did_not_is_no_money_moved(
    scripted: Any, store: WooCommerceStore, sample: Any
) -> None:
    """The row stands there for good, with our meta; only `refunded_payment` tells."""
    raw = sample("orders_single/status_completed.json")["response"]["body"]
    created = sample("refund_posts/30_meta_data.json")["response"]["body"]
    unpaid = created | {"amount": "1.50", "refunded_payment": False}
    unpaid["meta_data"] = [{"key": "_deskside_key", "value": "k"}]
    scripted.on("GET", "orders/93", raw)
    scripted.on("GET", "orders/93/refunds", [])
    scripted.on("POST", "orders/93/refunds", unpaid, status=201)
    wish = ActionRequest(
        key="k", kind=ActionKind.REFUND, order_id="93", currency="EUR", amount=Money(150, "EUR")
    )
    prepared = json.loads(store.prepare(wish))
    prepared["refund"]["api_refund"] = True
    sent = store.send(wish, json.dumps(prepared))
    assert (sent.amount, sent.paid_back, sent.settled) == (Money(0, "EUR"), False, False)
    scripted.answers[("GET", "orders/93/refunds")] = []
    scripted.on("GET", "orders/93/refunds", [unpaid])
    assert store.find(wish, json.dumps(prepared)) == sent


def test_an_order_whose_money_stayed_is_not_cancelled(
    scripted: Any, store: WooCommerceStore, sample: Any
) -> None:
    raw = sample("orders_single/status_completed.json")["response"]["body"] | {"status": "processing"}
    unpaid = sample("refund_posts/30_meta_data.json")["response"]["body"] | {
        "amount": raw["total"],
        "refunded_payment": False,
        "meta_data": [{"key": "_deskside_key", "value": "c"}],
    }
    scripted.on("GET", "orders/93", raw)
    scripted.on("GET", "orders/93/refunds", [])
    scripted.on("POST", "orders/93/refunds", unpaid, status=201)
    total = Money.parse(raw["total"], "EUR")
    wish = ActionRequest(key="c", kind=ActionKind.CANCEL, order_id="93", currency="EUR", amount=total)
    prepared = json.loads(store.prepare(wish))
    prepared["refund"]["api_refund"] = True
    assert store.send(wish, json.dumps(prepared)).amount == Money(0, "EUR")
    assert [asked.method for asked in scripted.written()] == ["POST"]
    scripted.answers[("GET", "orders/93/refunds")] = []
    scripted.on("GET", "orders/93/refunds", [unpaid])
    found = store.find(wish, json.dumps(prepared))
    assert found is not None
    assert found.amount == Money(0, "EUR")


def test_an_error_although_stored_is_a_success(scripted: Any, store: WooCommerceStore, sample: Any) -> None:
    raw = sample("orders_single/status_completed.json")["response"]["body"] | {"meta_data": []}
    declined = sample("refund_posts/25_gateway_declined.json")["response"]["body"]
    created = sample("refund_posts/30_meta_data.json")["response"]["body"] | {
        "amount": "1.50",
        "refunded_payment": True,
        "meta_data": [{"key": "_deskside_key", "value": "k"}],
    }
    wish = ActionRequest(
        key="k", kind=ActionKind.REFUND, order_id="93", currency="EUR", amount=Money(150, "EUR")
    )
    scripted.on("GET", "orders/93", raw)
    scripted.on("GET", "orders/93/refunds", [])
    prepared = store.prepare(wish)
    scripted.on("GET", "orders/93/refunds", [created])
    scripted.on("POST", "orders/93/refunds", declined, status=500)

    receipt = store.send(wish, prepared)

    assert (receipt.platform_id, receipt.amount) == (str(created["id"]), Money(150, "EUR"))
    assert len(scripted.written()) == 1


def test_a_line_that_came_back_otherwise_meanwhile_is_not_refunded_again(
    demo: Any, shop: WooCommerceStore
) -> None:
    """The store compares no line with what was sold: a message that waited long is looked over again."""
    order = paid_order(demo, shop)
    line = max(order.lines, key=lambda one: one.quantity)
    pieces = line.quantity
    back = RefundLineWish(line_id=line.platform_id, quantity=pieces, amount=line.total)
    wish = refund(order, line.total.minor, lines=(back,))
    prepared = shop.prepare(wish)
    other = refund(order, 100, key="other", lines=(replace(back, quantity=1, amount=Money(100, "EUR")),))
    shop.send(other, shop.prepare(other))
    with pytest.raises(StoreRefused) as refused:
        shop.send(wish, prepared)
    assert refused.value.code == "over_refund"
    dearer = json.loads(prepared)
    dearer["refund"]["line_items"][0]["quantity"] = 0  # its pieces are left, but not so much of its money
    with pytest.raises(StoreRefused):
        shop.send(wish, json.dumps(dearer))
    assert moves(demo, order) == ["1.00"]


def test_more_than_is_left_is_never_sent(demo: Any, shop: WooCommerceStore) -> None:
    order = paid_order(demo, shop)
    most = order.total.minor
    first, second = refund(order, most - 500, "a"), refund(order, 1000, "b")
    late = shop.prepare(second)
    shop.send(first, shop.prepare(first))

    with pytest.raises(StoreRefused) as caught:
        shop.send(second, late)
    with pytest.raises(StoreRefused):
        shop.prepare(second)

    assert caught.value.code == "over_refund"
    assert rows(demo, order) == 1


@pytest.mark.parametrize("gateway", ["bacs", "cod"])
def test_a_gateway_that_cannot_pay_back_only_records(demo: Any, shop: WooCommerceStore, gateway: str) -> None:
    order = paid_order(demo, shop, gateway=gateway)
    wish = refund(order, 1000)
    assert shop.quote(wish).tenders[0].manual is True
    receipt = shop.send(wish, shop.prepare(wish))
    assert (receipt.amount, receipt.paid_back, receipt.settled) == (Money(1000, "EUR"), False, False)
    assert moves(demo, order) == []
    assert rows(demo, order) == 1


def test_there_is_no_store_credit(demo: Any, shop: WooCommerceStore) -> None:
    wish = refund(paid_order(demo, shop), 1000, method="store_credit")
    with pytest.raises(StoreRefused, match="store credit"):
        shop.prepare(wish)


def test_a_quote_values_pieces_and_delivery(demo: Any, shop: WooCommerceStore) -> None:
    order = paid_order(demo, shop)
    line = order.lines[0]
    wish = ActionRequest(
        key="q",
        kind=ActionKind.REFUND,
        order_id=order.platform_id,
        currency="EUR",
        lines=(RefundLineWish(line_id=line.platform_id, quantity=line.quantity, amount=Money(1, "EUR")),),
        shipping=order.shipping or None,
    )
    quote = shop.quote(wish)
    assert quote.amount == line.total + order.shipping
    assert quote.maximum == order.total
    assert quote.tenders[0].gateway == "testpay"
    assert quote.order_updated_at == order.updated_at


def test_cancelling_pays_back_first(demo: Any, shop: WooCommerceStore) -> None:
    order = paid_order(demo, shop, status="processing")
    wish = cancel(order)
    assert shop.supports(ActionKind.CANCEL, order) is None

    receipt = shop.send(wish, shop.prepare(wish))

    assert receipt.amount == order.total
    after = shop.order(order.platform_id)
    assert after is not None
    assert (after.platform_status, after.refunded) == ("cancelled", order.total)
    assert moves(demo, order) == [order.total.text]


def test_a_cancellation_cut_in_half_is_taken_to_its_end_without_its_money_again(
    demo: Any, shop: WooCommerceStore
) -> None:
    order = paid_order(demo, shop, status="processing")
    wish = cancel(order)
    prepared = shop.prepare(wish)
    demo.command("faults", rules=[{"action": "status_before", "method": "PUT", "status": 503, "times": 2}])
    with pytest.raises(HalfDone):
        shop.send(wish, prepared)
    with pytest.raises(HalfDone):
        shop.find(wish, prepared)
    with pytest.raises(HalfDone):
        shop.complete(wish, prepared)

    assert shop.complete(wish, prepared).amount == order.total
    assert moves(demo, order) == [order.total.text]
    assert shop.find(wish, prepared) == shop.complete(wish, prepared)
    after = shop.order(order.platform_id)
    assert after is not None
    assert after.platform_status == "cancelled"


def test_going_on_never_pays_even_where_the_refund_is_gone(demo: Any, shop: WooCommerceStore) -> None:
    order = paid_order(demo, shop, status="processing")
    wish = cancel(order)
    with pytest.raises(StoreUnavailable):
        shop.complete(wish, shop.prepare(wish))
    assert (rows(demo, order), moves(demo, order)) == (0, [])


def test_what_was_paid_after_the_decision_is_not_paid_back_by_a_cancellation(
    demo: Any, shop: WooCommerceStore
) -> None:
    """Asked for while unpaid, so no limit was looked at and nobody approved: nothing goes back."""
    order = paid_order(demo, shop, status="processing")
    for decided in (None, Money(100, "EUR")):
        with pytest.raises(StoreRefused) as refused:
            shop.prepare(cancel(order, amount=decided))
        assert refused.value.code == "paid_meanwhile"
    with pytest.raises(StoreRefused) as late:  # prepared while unpaid, and paid since
        shop.send(cancel(order, amount=None), '{"status":{"status":"cancelled"}}')
    assert late.value.code == "paid_meanwhile"
    after = shop.order(order.platform_id)
    assert after is not None
    assert (after.platform_status, rows(demo, order)) == ("processing", 0)


def test_cancelling_without_money_only_cancels(demo: Any, shop: WooCommerceStore) -> None:
    order = paid_order(demo, shop, status="processing")
    wish = ActionRequest(
        key="c", kind=ActionKind.CANCEL, order_id=order.platform_id, currency="EUR", refund_on_cancel=False
    )
    shop.send(wish, shop.prepare(wish))
    assert rows(demo, order) == 0
    with pytest.raises(StoreRefused, match="already cancelled"):
        shop.prepare(wish)


def test_an_address_is_corrected_before_sending(demo: Any, shop: WooCommerceStore) -> None:
    order = paid_order(demo, shop, status="processing")
    address = Address(name="Anna Maria Tamm", address1="Pikk 1", city="Tartu", zip="51001", country="EE")
    wish = ActionRequest(key="a", kind=ActionKind.ADDRESS, order_id=order.platform_id, address=address)
    prepared = shop.prepare(wish)
    assert shop.find(wish, prepared) is None

    shop.send(wish, prepared)

    after = shop.order(order.platform_id)
    assert after is not None
    assert after.shipping_address == address
    assert shop.find(wish, prepared) is not None
    assert shop.repeatable(wish) is True


def test_an_address_of_a_sent_order_stays(demo: Any, shop: WooCommerceStore) -> None:
    order = paid_order(demo, shop, status="completed")
    wish = ActionRequest(
        key="a", kind=ActionKind.ADDRESS, order_id=order.platform_id, address=Address(city="X")
    )
    assert shop.supports(ActionKind.ADDRESS, order) is not None
    with pytest.raises(StoreRefused):
        shop.prepare(wish)


@pytest.mark.parametrize("public", [True, False])
def test_a_note_is_written_once_and_as_text(demo: Any, shop: WooCommerceStore, public: bool) -> None:
    order = paid_order(demo, shop)
    words = 'Tere <b>Õnne</b> & "kõike" <script>alert(1)</script>'
    wish = ActionRequest(key="n", kind=ActionKind.NOTE, order_id=order.platform_id, note=words, public=public)
    prepared = shop.prepare(wish)
    demo.command("faults", rules=[{"action": "hangup_after", "method": "POST", "path": "/notes"}])
    with pytest.raises(StoreUnavailable):
        shop.send(wish, prepared)

    found = shop.find(wish, prepared)
    assert found is not None
    assert shop.send(wish, prepared) == found
    notes = shop._reads._calls.read(f"orders/{order.platform_id}/notes")
    ours = [note for note in notes if "Tere" in note["note"]]
    assert len(ours) == 1
    assert ours[0]["customer_note"] is public
    assert "<script>" not in ours[0]["note"]


def test_the_same_words_said_before_are_another_note(demo: Any, shop: WooCommerceStore) -> None:
    order = paid_order(demo, shop)
    wish = ActionRequest(key="n", kind=ActionKind.NOTE, order_id=order.platform_id, note="Called back")
    shop.send(wish, shop.prepare(wish))
    again = shop.prepare(wish)
    assert shop.find(wish, again) is None


@pytest.mark.parametrize(
    "kind", [ActionKind.TAGS, ActionKind.REPLACEMENT, ActionKind.RETURN, ActionKind.RETURN_APPROVE]
)
def test_what_woocommerce_does_not_have_is_said(demo: Any, shop: WooCommerceStore, kind: ActionKind) -> None:
    assert "WooCommerce" in str(shop.supports(kind, None))
    with pytest.raises(StoreRefused):
        shop.prepare(ActionRequest(key="t", kind=kind, order_id="1"))


def test_the_trash_is_left_alone(demo: Any, shop: WooCommerceStore) -> None:
    order = paid_order(demo, shop, status="processing")
    wish = cancel(order)
    prepared = shop.prepare(wish)
    demo.command("orders/trash", id=int(order.platform_id))
    with pytest.raises(StoreRefused):
        shop.send(wish, prepared)
    after = shop.order(order.platform_id)
    assert after is not None
    assert after.gone is True
    assert rows(demo, order) == 0


def test_a_read_only_key_may_not_refund(demo: Any, shop: WooCommerceStore, keys: Any, line: Any) -> None:
    from datetime import UTC, datetime

    import msgspec

    order = paid_order(demo, shop)
    wish = refund(order, 1000)
    prepared = shop.prepare(wish)
    key, secret = demo.key(permissions="read")
    reading = WooCommerceStore(
        msgspec.structs.replace(keys, consumer_key=key, consumer_secret=secret),
        now=lambda: datetime.now(UTC),
        allow_http=True,
        line=line,
    )
    with pytest.raises(StoreRefused) as caught:
        reading.send(wish, prepared)
    assert caught.value.code == "key_permissions"
    assert rows(demo, order) == 0
