"""Reading a whole shop over its real protocol, with what goes wrong on the way."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from connectors.demo.shopify import installation
from connectors.demo.shopify import orders as demo_orders
from connectors.demo.shopify.control import VERBS
from connectors.demo.shopify.store import DemoShopify
from connectors.shopify import decode
from connectors.shopify.client import ShopifyStore
from connectors.shopify.shapes import OrderShape
from connectors.transport import CircuitOpen
from integration.errors import (
    RateLimited,
    StoreDenied,
    StoreForbidden,
    StoreRefused,
    StoreUnavailable,
    UnreadableAnswer,
)
from integration.ports import Batch, ShopifyCredentials
from integration.records import OrderRecord

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
SEEN = datetime(2026, 1, 1, tzinfo=UTC)


def told(demo: DemoShopify) -> dict[str, OrderRecord]:
    """What the shop holds, read past its API (document 04's form), as our records."""
    records = (decode.order(msgspec.convert(doc, OrderShape), SEEN) for doc in demo.state())
    return {record.platform_id: comparable(record) for record in records}


def comparable(record: OrderRecord) -> OrderRecord:
    """Without the moment of reading, and the customer's home country, which document 04 leaves out."""
    customer = replace(record.customer, country=None) if record.customer else None
    return replace(record, fetched_at=SEEN, customer=customer)


def found(batches: Iterable[Batch]) -> dict[str, OrderRecord]:
    return {order.platform_id: comparable(order) for batch in batches for order in batch.orders}


def do(demo: DemoShopify, verb: str, **values: Any) -> Any:
    return VERBS[verb](demo.shop(), **values)


@pytest.mark.parametrize("small", [0, 250], ids=["by bulk operation", "by pages"])
def test_a_backfill_is_what_the_shop_holds_field_by_field(demo, connect, small):
    store = connect(small=small)
    batches = list(store.backfill(None, {}))
    assert found(batches) == told(demo)
    assert batches[-1].done == batches[-1].total == len(demo.state())
    assert [batch.poisoned for batch in batches if batch.poisoned] == []
    assert found(store.backfill(None, batches[-1].cursor)) == {}


def test_both_ways_of_a_backfill_bring_the_same_as_reading_one_by_one(connect):
    bulk = found(connect(small=0).backfill(None, {}))
    one_by_one = {key: comparable(connect().order(key)) for key in bulk}
    assert bulk == one_by_one


@pytest.mark.parametrize("keep_spool", [True, False])
def test_a_backfill_goes_on_where_a_dead_process_stopped(
    demo, connect, tmp_path, monkeypatch, keep_spool: bool
):
    monkeypatch.setattr("connectors.shopify.backfill.A_BATCH", 7)
    first = connect(small=0, spool=tmp_path / "one")
    seen: dict[str, OrderRecord] = {}
    cursor: dict[str, Any] = {}
    for batch in first.backfill(None, {}):
        seen |= found([batch])
        cursor = json.loads(json.dumps(batch.cursor))
        if len(seen) >= 14:
            break
    again = connect(small=0, spool=tmp_path / ("one" if keep_spool else "two"))
    rest = list(again.backfill(None, cursor))
    assert len(seen) + len(found(rest)) == len(demo.state())
    assert seen | found(rest) == told(demo)
    assert {batch.cursor["operation"] for batch in rest} == {cursor["operation"]}


def test_a_backfill_can_begin_at_a_day(demo, connect):
    placed = sorted(record.placed_at for record in told(demo).values())
    middle = placed[len(placed) // 2]
    wanted = {key for key, record in told(demo).items() if record.placed_at >= middle}
    assert found(connect(small=0).backfill(middle, {})).keys() == wanted
    assert found(connect(small=250).backfill(middle, {})).keys() == wanted


def test_an_order_of_three_hundred_lines_is_read_to_its_end(demo, connect):
    archive = demo.shop().archive
    order_id = next(doc["id"] for doc in demo.state() if doc["fulfillments"] and not doc["returns"]["nodes"])
    doc = archive.order(order_id)
    pattern, sent = doc["lineItems"][0], doc["fulfillments"][0]
    doc["lineItems"] = [pattern | {"id": archive.gid("LineItem"), "title": f"Line {n}"} for n in range(300)]
    sent["fulfillmentLineItems"] = [
        {"id": archive.gid("FulfillmentLineItem"), "quantity": 1, "lineItem": {"id": line["id"]}}
        for line in doc["lineItems"]
    ]
    doc["fulfillments"], doc["refunds"] = [sent], []
    with archive.change():
        archive.save_order(doc)
    order = connect().order(order_id)
    assert [line.title for line in order.lines] == [f"Line {n}" for n in range(300)]
    assert len(order.fulfillments[0].lines) == 300
    assert found(connect(small=0).backfill(None, {}))[order_id] == comparable(order)


@pytest.mark.parametrize("small", [0, 250], ids=["by bulk operation", "by pages"])
def test_one_poisoned_order_is_set_aside_and_the_others_go_on(demo, connect, small):
    bad = demo.state()[3]["id"]
    _spoil(demo, bad)
    batches = list(connect(small=small).backfill(None, {}))
    assert [each.platform_id for batch in batches for each in batch.poisoned] == [bad]
    assert len(found(batches)) == len(demo.state()) - 1
    with pytest.raises(UnreadableAnswer):
        connect().order(bad)


def test_an_order_that_the_shop_itself_cannot_show_hides_no_other(demo, connect):
    archive = demo.shop().archive
    ids = [doc["id"] for doc in demo.state()]
    for bucket in demo._front.buckets.values():
        bucket.restore = 1e6  # looking for the one costs points, and nobody waits here
    order = archive.order(ids[3])
    order["netPaymentSet"] = None  # the schema promises one: the shop fails inside
    with archive.change():
        archive.save_order(order)
    batches = list(connect(small=250).backfill(None, {}))
    assert [each.platform_id for batch in batches for each in batch.poisoned] == [ids[3]]
    assert found(batches).keys() == {*ids} - {ids[3]}


def _spoil(demo: DemoShopify, order_id: str) -> None:
    """An amount with a comma, past the store's own bookkeeping."""
    archive = demo.shop().archive
    order = archive.order(order_id)
    for side in ("shopMoney", "presentmentMoney"):
        order["totalDiscountsSet"][side]["amount"] = "12,50"
    with archive.change():
        archive.save_order(order)


def test_changes_of_a_window_and_nothing_else(demo, store):
    ids = [doc["id"] for doc in demo.state()]
    start = max(record.updated_at for record in told(demo).values()) + timedelta(seconds=1)
    while datetime.now(UTC) < start:
        time.sleep(0.05)
    for order_id in ids[5:8]:
        do(demo, "touch", order=order_id, note="changed")
    fresh = VERBS["order"](demo.shop(), world=demo.world(), serial=999_999)
    changed = found(store.changed(start, {}))
    assert changed.keys() == {*ids[5:8], fresh}
    assert changed == {key: record for key, record in told(demo).items() if key in changed}


def test_changes_go_on_behind_a_cursor_and_end(demo, store, monkeypatch):
    batches = list(store.changed(LONG_AGO, {}))
    assert found(batches) == told(demo)
    assert list(store.changed(LONG_AGO, batches[-1].cursor)) == []


def test_an_order_that_is_gone_is_none(demo, store):
    order_id = demo.state()[0]["id"]
    demo_orders.delete(demo.shop(), order_id)
    assert store.order(order_id) is None
    assert store.order("gid://shopify/Order/1") is None
    assert store.order("gid://shopify/Customer/1") is None
    assert store.order("1042") is None


def test_versions_tell_what_there_is(demo, store):
    truth = told(demo)
    versions = [each for page in store.versions(LONG_AGO, datetime.now(UTC)) for each in page]
    assert {v.platform_id: (v.placed_at, v.updated_at) for v in versions} == {
        key: (record.placed_at, record.updated_at) for key, record in truth.items()
    }
    day = sorted(record.placed_at for record in truth.values())[10]
    narrow = [each for page in store.versions(day, day + timedelta(days=1)) for each in page]
    assert {v.platform_id for v in narrow} == {
        key for key, record in truth.items() if day <= record.placed_at < day + timedelta(days=1)
    }


def test_the_shop_about_itself(store, credentials):
    shop = store.shop()
    assert (shop.domain, shop.currency, shop.timezone) == ("lumi-home.myshopify.com", "EUR", "Europe/Tallinn")
    assert set(shop.scopes) == set(credentials.scopes)
    assert shop.version == "2026-10"


def test_products_are_told_by_kind_and_those_that_are_gone_left_out(demo, store):
    order = next(record for record in told(demo).values() if record.lines[0].product_id)
    known = order.lines[0].product_id
    (product,) = store.products([known, known, "gid://shopify/Product/1", "nonsense"])
    assert (product.platform_id, product.title) == (known, order.lines[0].title)
    assert product.product_type
    assert product.categories


def test_a_return_leads_to_its_order(demo, store):
    order = next(record for record in told(demo).values() if record.returns)
    assert store.order_of(order.returns[0].platform_id) == order.platform_id
    assert store.order_of("gid://shopify/Return/1") is None
    assert store.order_of(order.platform_id) == order.platform_id


def test_subscriptions_are_made_once_and_mended(demo, connect):
    store = connect()
    address = f"{demo.origin}/webhooks"
    made = store.subscribe(address, "")
    assert "created orders/updated" in made
    assert store.subscribe(address, "") == []
    moved = store.subscribe(address + "/new", "")
    assert "removed ORDERS_UPDATED" in moved
    assert "created orders/updated" in moved
    assert store.subscribe(address + "/new", "") == []
    assert connect(app_level=True).subscribe(address, "") == []


# What goes wrong


def test_a_throttled_call_waits_as_long_as_the_bucket_needs(demo, store, slept):
    demo.faults.add(action="throttled", path="graphql", times=2)
    assert store.order(demo.state()[0]["id"]) is not None
    assert sum(slept) > 2, "at least a second for each time it was told to wait"


def test_background_work_waits_before_it_is_told_to(demo, connect, slept):
    store = connect(interactive=False)
    for bucket in demo._front.buckets.values():
        bucket.take(bucket.size - 450)
    store.shop()  # learns how little is left
    store.order(demo.state()[0]["id"])
    assert sum(slept) > 0
    waited = len(slept)
    connect(interactive=True).order(demo.state()[0]["id"])
    assert len(slept) == waited, "an agent's call may use what is left"


@pytest.mark.parametrize("action", ["html", "truncated", "status_before", "hangup_before", "hangup_after"])
def test_a_passing_fault_is_survived(demo, store, action):
    demo.faults.add(action=action, path="graphql", times=2)
    assert store.order(demo.state()[0]["id"]) is not None


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ("html", UnreadableAnswer),
        ("truncated", StoreUnavailable),
        ("status_before", StoreUnavailable),
        ("hangup_before", StoreUnavailable),
        ("429", RateLimited),
    ],
)
def test_a_lasting_fault_has_a_name_and_an_end(demo, store, action, error):
    demo.faults.add(action=action, path="graphql", times=-1)
    with pytest.raises(error):
        store.order(demo.state()[0]["id"])


def test_a_sick_shop_is_left_alone_for_a_while(demo, connect):
    demo.faults.add(action="status_before", path="graphql", times=-1)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            connect().shop()
    with pytest.raises(CircuitOpen):
        connect().shop()


@pytest.mark.parametrize("action", ["truncated", "html", "status_before", "hangup_before"])
def test_a_bulk_file_that_breaks_off_is_fetched_again(demo, connect, action):
    demo.faults.add(action=action, path="bulk", times=1)
    assert found(connect(small=0).backfill(None, {})) == told(demo)


def test_a_bulk_file_that_always_breaks_off_leaves_nothing_half_done(demo, connect, tmp_path):
    demo.faults.add(action="truncated", path="bulk", times=-1)
    with pytest.raises((UnreadableAnswer, StoreUnavailable)):
        list(connect(small=0).backfill(None, {}))
    assert [each for each in (tmp_path / "spool").rglob("*") if each.is_file()] == []


def test_a_failed_bulk_operation_is_started_anew(demo, connect):
    VERBS["set"](
        demo.shop(), name="bulk_fault", value={"after": 3, "times": 1, "code": "INTERNAL_SERVER_ERROR"}
    )
    batches = list(connect(small=0).backfill(None, {}))
    assert found(batches) == told(demo)
    assert batches[-1].cursor["starts"] == 2


def test_a_bulk_operation_that_always_fails_is_given_up(demo, connect):
    VERBS["set"](
        demo.shop(), name="bulk_fault", value={"after": 3, "times": 99, "code": "INTERNAL_SERVER_ERROR"}
    )
    with pytest.raises(StoreUnavailable):
        list(connect(small=0).backfill(None, {}))


def test_a_revoked_token_is_denied(demo, store):
    installation.revoke_tokens(demo.shop())
    with pytest.raises(StoreDenied):
        store.shop()


def test_a_token_that_ran_out_is_renewed_once(demo, connect, credentials):
    dead = ShopifyCredentials(shop=credentials.shop, access_token="shpat_dead", scopes=credentials.scopes)
    asked: list[ShopifyCredentials] = []

    def renew(refused: ShopifyCredentials) -> ShopifyCredentials:
        asked.append(refused)
        return credentials

    assert connect(dead, renew=renew).shop().name == "Lumi Home"
    with pytest.raises(StoreDenied):
        connect(dead, renew=lambda _: dead).shop()
    assert asked == [dead]


def test_a_missing_scope_is_named(demo, store):
    order_id = demo.state()[0]["id"]
    installation.change_scopes(demo.shop(), ["read_products"])
    with pytest.raises(StoreForbidden):
        store.order(order_id)


def test_another_api_version_is_noticed(demo, store, caplog):
    caplog.set_level("WARNING")  # whatever a command of another test has set
    demo.faults.add(action="wrong_version", path="graphql", times=-1)
    assert store.shop().version != "2026-10"
    assert "serves API version" in caplog.text


def test_a_search_that_the_shop_does_not_understand_is_an_error(store):
    api = store._api
    with pytest.raises(StoreRefused) as caught:
        api.read("02_orders_changed_ids", dict, query="updatd_at:>='2026-01-01T00:00:00Z'", cursor=None)
    assert caught.value.code == "search_warning"


def test_a_store_gives_its_spool_back(connect, demo):
    own: ShopifyStore = connect(small=0, spool=None)
    batches = own.backfill(None, {})
    while not next(batches).orders:
        pass
    folder = own._folder()
    assert [each for each in folder.rglob("*") if each.is_file()] != []
    batches.close()
    own.close()
    assert not folder.exists()
