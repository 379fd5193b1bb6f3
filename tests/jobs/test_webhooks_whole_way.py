"""What happens in a store arrives by its webhooks at the real doors, and settles in the cache."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from connectors.demo.shopify.control import VERBS
from connectors.demo.shopify.delivering import Mischief
from connectors.demo.woocommerce.hooks import save
from integration import inbox, stores
from integration.db.inbox import Delivery, DeliveryStatus, Poison, PrivacyRequest
from integration.db.orders import Fulfillment, Order, OrderReturn, Refund
from integration.db.stores import StoreStatus, SyncPhase
from integration.ports import Topic, WebhookEvent
from tests.jobs import stores_state


class Live:
    """Both stores connected, the doors open: let something happen, then look."""

    def __init__(self, services: Any, account_id: int, ids: dict[str, int], run_due: Any) -> None:
        self.services, self.account_id, self.ids, self.run_due = services, account_id, ids, run_due

    def look_at(self, shopify: Any, woocommerce: Any) -> None:
        self.shopify, self.woocommerce = shopify, woocommerce
        self.setting = stores_state.setting_of(woocommerce.url, *woocommerce.key())
        self.arrive()

    def do(self, verb: str, **more: Any) -> Any:
        world = {"world": self.shopify.world()} if verb == "order" else {}
        return VERBS[verb](self.shopify.shop(), **world, **more)

    def arrive(self) -> None:
        """Every webhook on its way has been delivered and worked off."""
        assert self.shopify.settle_down(20)
        assert self.woocommerce.command("webhooks/drain", seconds=20)["empty"]
        self.run_due()

    def rows(self, table: Any, *where: Any) -> list[Any]:
        with self.services.reading(self.account_id) as work:
            return list(work.session.scalars(select(table).where(*where)))

    def orders(self, platform: str) -> list[str]:
        rows = self.rows(Order, Order.store_id == self.ids[platform], Order.gone_at.is_(None))
        return [row.platform_id for row in sorted(rows, key=lambda row: row.placed_at)]

    def differences(self) -> list[str]:
        held = stores_state.held_by(self.shopify, self.woocommerce, self.setting)
        return [
            line
            for platform, store_id in self.ids.items()
            for line in stores_state.differences(
                held[platform], stores_state.cached(self.services.db, self.account_id, store_id)
            )
        ]

    def store(self, platform: str) -> Any:
        with self.services.reading(self.account_id) as work:
            return stores.find(work, self.ids[platform])


@pytest.fixture
def live(
    site: Any,
    services: Any,
    account_id: int,
    connected: dict[str, int],
    shopify: Any,
    woocommerce: Any,
    run_due: Callable[[], int],
) -> Live:
    run_due()
    found = Live(services, account_id, connected, run_due)
    found.look_at(shopify, woocommerce)
    return found


def test_everything_that_happens_to_an_order_is_seen(live: Live) -> None:
    new = live.do("order")
    live.do("pay", order=new)
    live.do("fulfil", order=new, tracking=[{"company": "Omniva", "number": "CC123456785EE", "url": None}])
    live.arrive()
    (order,) = live.rows(Order, Order.platform_id == new)
    (parcel,) = live.rows(Fulfillment, Fulfillment.order_id == order.id)
    assert parcel.tracking[0]["number"] == "CC123456785EE"

    live.do("event", fulfillment=parcel.platform_id, status="DELIVERED", message="Delivered")
    line = live.shopify.shop().archive.order(new)["lineItems"][0]["id"]
    live.do("return", order=new, lines=[{"line": line, "quantity": 1}])
    live.do("refund", order=new, amount="1.00")
    live.arrive()
    (parcel,) = live.rows(Fulfillment, Fulfillment.order_id == order.id)
    assert (parcel.delivered_at is not None, parcel.delivered_source) == (True, "carrier")
    assert [row.status for row in live.rows(OrderReturn, OrderReturn.order_id == order.id)] == ["open"]
    assert [row.amount for row in live.rows(Refund, Refund.order_id == order.id)] == [100]
    assert live.differences() == []


def test_trash_comes_and_goes(live: Live) -> None:
    chosen = live.orders("woocommerce")[0]
    live.woocommerce.command("orders/trash", id=int(chosen))
    live.arrive()
    assert live.rows(Order, Order.platform_id == chosen)[0].gone_at is not None

    live.woocommerce.command("orders/untrash", id=int(chosen))
    live.arrive()
    assert live.rows(Order, Order.platform_id == chosen)[0].gone_at is None
    assert live.differences() == []


def test_a_deleted_order_is_marked(live: Live) -> None:
    chosen = live.orders("shopify")[0]
    live.do("delete", order=chosen)
    live.arrive()

    assert live.rows(Order, Order.platform_id == chosen)[0].gone_at is not None
    assert live.differences() == []


def test_a_shop_eraser_masks_the_person_here_too(live: Live) -> None:
    chosen = live.orders("woocommerce")[-1]
    live.woocommerce.command("orders/anonymise", id=int(chosen))
    live.arrive()
    (order,) = live.rows(Order, Order.platform_id == chosen)

    assert (order.email, order.phone, order.customer_id, order.shipping_address) == (None, None, None, None)
    assert live.differences() == []


def test_doubled_shuffled_late_webhooks_change_nothing_twice(live: Live) -> None:
    live.shopify.postman.misbehave(Mischief(seed=3, double=1.0, delay=0.1, shuffle=True))
    live.woocommerce.command("webhooks/weather", seed=3, double=1.0, shuffle=1.0)
    for number in range(6):
        live.do("touch", order=live.orders("shopify")[number], note=f"note {number}")
        live.woocommerce.command("tick", times=1)
    live.arrive()
    live.shopify.postman.misbehave(Mischief())
    live.arrive()

    assert live.differences() == []
    sent = live.rows(Delivery)
    assert len({(row.store_id, row.delivery_id) for row in sent}) == len(sent)
    assert {row.status for row in sent} == {DeliveryStatus.DONE}
    assert {row.body for row in sent} == {None}


def test_a_thousand_events_of_one_order_cost_a_handful_of_fetches(live: Live) -> None:
    chosen = live.orders("shopify")[0]
    with live.services.transaction(live.account_id) as work:
        store = stores.find(work, live.ids["shopify"])
        for number in range(1000):
            event = WebhookEvent(
                topic=Topic.ORDER,
                platform_topic="orders/updated",
                delivery_id=f"burst-{number}",
                domain=store.domain,
                resource_id=chosen,
            )
            assert inbox.accept(work, live.services.vault, store, event, b"{}")
    asked = live.shopify.faults.add(action="delay", operation="OrdersByIds", times=-1, seconds=0.0)
    live.run_due()

    assert 1 <= asked.hits <= 3
    assert {row.status for row in live.rows(Delivery)} == {DeliveryStatus.DONE}


def test_many_changed_orders_cost_one_question_and_a_bad_one_spoils_no_other(live: Live) -> None:
    first, second, unreadable, deleted, *_ = live.orders("shopify")
    known = live.rows(Order, Order.platform_id == unreadable)[0].currency
    live.do("touch", order=first, note="first")
    live.do("touch", order=second, note="second")
    live.do("touch", order=unreadable, presentmentCurrencyCode="XXX")
    live.do("delete", order=deleted)
    asked = live.shopify.faults.add(action="delay", operation="OrdersByIds", times=-1, seconds=0.0)
    live.arrive()

    assert asked.hits == 2  # all four, then the unreadable one by itself
    notes = {row.platform_id: (row.note, bool(row.gone_at)) for row in live.rows(Order)}
    assert [notes[each] for each in (first, second)] == [("first", False), ("second", False)]
    assert notes[deleted][1]
    assert [row.platform_id for row in live.rows(Poison)] == [unreadable]
    waiting = live.rows(Delivery, Delivery.status == DeliveryStatus.PENDING)
    assert {(row.resource, row.error["code"]) for row in waiting} == {(unreadable, "unreadable_answer")}

    live.do("touch", order=unreadable, presentmentCurrencyCode=known, note="healed")
    live.arrive()
    assert live.differences() == []
    assert live.rows(Poison) == []


def test_a_store_that_is_down_keeps_its_deliveries_waiting(live: Live, time: Any) -> None:
    chosen = live.orders("shopify")[0]
    live.do("touch", order=chosen, note="while you were out")
    rule = live.shopify.faults.add(action="status_before", path="graphql", times=-1, status=503)
    live.arrive()
    waiting = live.rows(Delivery, Delivery.status == DeliveryStatus.PENDING)
    assert {row.error["code"] for row in waiting} <= {"store_unavailable", "circuit_open"}
    for _ in range(15):
        time.advance(timedelta(hours=1))
        live.run_due()
    assert live.rows(Delivery, Delivery.status == DeliveryStatus.POISONED) == []

    rule.times = 0
    for _ in range(4):
        from connectors import transport

        transport._circuits.clear()  # as if they had rested
        time.advance(timedelta(hours=1))
        live.run_due()
    assert live.rows(Delivery, Delivery.status == DeliveryStatus.PENDING) == []
    assert live.rows(Order, Order.platform_id == chosen)[0].note == "while you were out"


def test_webhooks_that_the_store_disabled_are_switched_on_again(live: Live, time: Any) -> None:
    hooks = live.woocommerce.shop.database
    for webhook in hooks.all("webhook"):
        with hooks.change():
            save(live.woocommerce.shop, {**webhook, "status": "disabled"})
    time.advance(timedelta(minutes=31))
    live.run_due()

    active = [webhook for webhook in hooks.all("webhook") if webhook["status"] == "active"]
    assert {webhook["topic"] for webhook in active} >= {"order.created", "order.updated", "order.deleted"}
    assert len(active) == len({webhook["topic"] for webhook in active})


# The app itself


def test_removing_the_app_ends_everything_at_once(live: Live) -> None:
    live.do("uninstall")
    live.arrive()
    store = live.store("shopify")

    assert (store.status, store.credentials) == (StoreStatus.DISCONNECTED, None)
    with live.services.reading(live.account_id) as work:
        state = stores.state(work, store.id)
    assert (state.phase, state.due_at, state.proof_due_at) == (SyncPhase.STOPPED, None, None)
    assert len(live.orders("shopify")) >= 12
    assert live.store("woocommerce").status is StoreStatus.ACTIVE


def test_a_word_of_removal_that_comes_after_the_return_is_not_believed(live: Live) -> None:
    with live.services.transaction(live.account_id) as work:
        store = stores.find(work, live.ids["shopify"])
        event = WebhookEvent(
            topic=Topic.UNINSTALLED, platform_topic="app/uninstalled", delivery_id="late", domain=store.domain
        )
        inbox.accept(work, live.services.vault, store, event, b"{}")
    live.run_due()

    assert live.store("shopify").status is StoreStatus.ACTIVE


def test_changed_scopes_are_learnt(live: Live) -> None:
    kept = [scope for scope in live.shopify.app.scopes if scope != "write_order_edits"]
    live.do("scopes", scopes=kept)
    live.arrive()

    assert sorted(live.store("shopify").scopes) == sorted(kept)


def test_a_privacy_request_of_the_shop_is_answered(live: Live) -> None:
    (order,) = live.rows(Order, Order.platform_id == live.orders("shopify")[0])
    customer = order.customer_record["platform_id"]
    live.do("comply", topic="customers/data_request", customer=customer)
    live.arrive()
    (request,) = live.rows(PrivacyRequest)
    assert request.done_at is not None
    assert order.email.encode() in live.services.vault.open(request.answer)

    live.do("comply", topic="customers/redact", customer=customer)
    live.arrive()
    (order,) = live.rows(Order, Order.id == order.id)
    assert (order.email, order.customer_id) == (None, None)
    live.do("touch", order=order.platform_id, note="the shop still has them")
    live.arrive()
    (order,) = live.rows(Order, Order.id == order.id)
    assert (order.email, order.note, order.customer_record) == (None, "", None)
