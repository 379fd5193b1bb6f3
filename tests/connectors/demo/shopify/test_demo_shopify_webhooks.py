"""What the store tells the app: signed, repeated when not heard, shaped as published."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from connectors.demo.shopify import (
    Conduct,
    Mischief,
    Shop,
    birth,
    control,
    installation,
    orders,
    returns,
    shipping,
)
from connectors.demo.shopify.life import Life
from connectors.demo.shopify.webhooks import FILE_TOPICS, topic_of

from .conftest import SHOP, Inbox, Program

Make = Callable[..., Program]


@pytest.fixture
def told(own_store: Make, inbox: Inbox) -> Program:
    """A store whose app hears everything at `inbox`."""
    return own_store(app_url=inbox.url)


def shop_of(program: Program) -> Shop:
    return program.store.shop()


def an_order(program: Program, **wanted: Any) -> dict[str, Any]:
    return next(
        order
        for order in program.store.state()
        if all(order[name] == value for name, value in wanted.items()) and order["customer"]
    )


def test_a_delivery_is_signed_and_named(told: Program, inbox: Inbox) -> None:
    gid = an_order(told)["id"]
    told.data("45_", input={"id": gid, "note": "hello"})
    assert told.store.settle_down()
    ((topic, headers, body),) = inbox.received
    wanted = hmac.new(told.store.app.client_secret.encode(), body, hashlib.sha256).digest()
    assert topic == "orders/updated"
    assert headers["X-Shopify-Hmac-Sha256"] == base64.b64encode(wanted).decode()
    assert headers["X-Shopify-Shop-Domain"] == SHOP
    assert headers["X-Shopify-API-Version"] == "2026-10"
    assert headers["X-Shopify-Triggered-At"].endswith("000Z")
    payload = json.loads(body)
    assert (payload["admin_graphql_api_id"], payload["note"]) == (gid, "hello")


def test_one_act_has_one_event_and_a_webhook_each(told: Program, inbox: Inbox) -> None:
    order = an_order(told, displayFinancialStatus="PAID", displayFulfillmentStatus="FULFILLED")
    control.VERBS["refund"](shop_of(told), order["id"], amount="1.00")
    assert told.store.settle_down()
    assert sorted(inbox.topics) == ["order_transactions/create", "orders/updated", "refunds/create"]
    assert len({headers["X-Shopify-Event-Id"] for _, headers, _ in inbox.received}) == 1
    assert len({headers["X-Shopify-Webhook-Id"] for _, headers, _ in inbox.received}) == 3


def test_an_unheard_webhook_is_repeated_unchanged(told: Program, inbox: Inbox) -> None:
    inbox.answers = [500, 302, 404]
    gid = an_order(told)["id"]
    told.data("46_", id=gid, tags=["first"])
    assert told.store.settle_down()
    bodies = {body for _, _, body in inbox.received}
    ids = {headers["X-Shopify-Webhook-Id"] for _, headers, _ in inbox.received}
    assert (len(inbox.received), len(bodies), len(ids)) == (4, 1, 1)


def test_after_eight_repeats_the_store_gives_up(own_store: Make, inbox: Inbox) -> None:
    program = own_store(app_url=inbox.url, conduct=Conduct(retry_spacing=(0.0,) * 8))
    inbox.answers = [500] * 20
    program.data("46_", id=an_order(program)["id"], tags=["x"])
    assert program.store.settle_down()
    assert len(inbox.received) == 9
    assert program.store.shop().archive.deliveries()[0]["state"] == "failed"


def test_no_scope_no_webhook(own_store: Make, inbox: Inbox) -> None:
    program = own_store(app_url=inbox.url, scopes=["read_customers"])
    shop = shop_of(program)
    orders.update(shop, {"id": program.store.state()[0]["id"], "note": "x"})
    customer = next(order["customer"]["id"] for order in program.store.state() if order["customer"])
    control.VERBS["customer"](shop, customer, note="vip")
    assert program.store.settle_down()
    assert inbox.topics == ["customers/update"]


def test_api_subscriptions_cut_the_payload(own_store: Make, inbox: Inbox) -> None:
    program = own_store()
    wish = {"uri": f"{inbox.url}/own", "format": "JSON", "includeFields": ["id", "updated_at"]}
    made = program.data("60_", topic="ORDERS_UPDATED", sub=wish)["webhookSubscriptionCreate"]
    assert made["userErrors"] == []
    twice = program.data("60_", topic="ORDERS_UPDATED", sub=wish)["webhookSubscriptionCreate"]
    assert "already been taken" in twice["userErrors"][0]["message"]
    (listed,) = program.data("61_")["webhookSubscriptions"]["nodes"]
    assert (listed["id"], listed["topic"]) == (made["webhookSubscription"]["id"], "ORDERS_UPDATED")
    gid = an_order(program)["id"]
    program.data("46_", id=gid, tags=["x"])
    assert program.store.settle_down()
    assert [json.loads(body).keys() for _, _, body in inbox.received] == [{"id", "updated_at"}]
    assert program.data("62_", id=listed["id"])["webhookSubscriptionDelete"]["userErrors"] == []
    program.data("46_", id=gid, tags=["y"])
    assert program.store.settle_down()
    assert len(inbox.received) == 1


def test_mischief_loses_doubles_and_delays(own_store: Make, inbox: Inbox) -> None:
    program = own_store(app_url=inbox.url)
    gids = [order["id"] for order in program.store.state()[:20]]
    program.store.postman.misbehave(Mischief(seed=3, drop=0.3, double=0.4, delay=0.05, shuffle=True))
    for gid in gids:
        program.data("46_", id=gid, tags=["x"])
    assert program.store.settle_down()
    arrived = [json.loads(body)["admin_graphql_api_id"] for _, _, body in inbox.received]
    assert 0 < len(set(arrived)) < 20
    assert len(arrived) > len(set(arrived))
    assert list(dict.fromkeys(arrived)) != [gid for gid in gids if gid in arrived]
    states = {delivery["state"] for delivery in program.store.shop().archive.deliveries()}
    assert states == {"delivered", "dropped"}


def test_topics_of_the_enum_have_their_names() -> None:
    assert topic_of("ORDERS_UPDATED") == "orders/updated"
    assert topic_of("ORDER_TRANSACTIONS_CREATE") == "order_transactions/create"
    assert topic_of("ORDERS_PARTIALLY_FULFILLED") == "orders/partially_fulfilled"
    assert topic_of("APP_SCOPES_UPDATE") == "app/scopes_update"
    assert topic_of("REVERSE_DELIVERIES_ATTACH_DELIVERABLE") == "reverse_deliveries/attach_deliverable"


def live(program: Program) -> None:
    """Everything that can happen in the shop happens."""
    shop = shop_of(program)
    order = birth.fresh(shop, program.store.world(), 1)
    while order["customer"] is None or not order["requiresShipping"]:
        order = birth.fresh(shop, program.store.world(), int(order["name"][1:]))
    gid = order["id"]
    lines = [(line["id"], line["quantity"]) for line in order["lineItems"] if line["requiresShipping"]]
    tracking = {"company": "DPD", "number": "1", "url": "https://track.example/1"}
    parcel = shipping.fulfil(shop, gid, lines, [tracking])
    shipping.event(shop, parcel, "DELIVERED", message="Delivered")
    for move in ("approve", "decline"):
        made = control.VERBS["return"](shop, gid, [{"line": lines[0][0], "quantity": 1}], requested=True)
        back = made["return"]["id"]
        more = {"reason": "OTHER", "note": "no"} if move == "decline" else {}
        returns.move(shop, back, move, **more)
        if move == "approve":
            returns.move(shop, back, "close")
            returns.move(shop, back, "reopen")
            returns.move(shop, back, "cancel")
    made = control.VERBS["return"](shop, gid, [{"line": lines[0][0], "quantity": 1}])
    item = program.data("21_", id=made["return"]["id"])["return"]["returnLineItems"]["nodes"][0]
    returns.process(
        shop, {"returnId": made["return"]["id"], "returnLineItems": [{"id": item["id"], "quantity": 1}]}
    )
    control.VERBS["refund"](shop, gid, lines=[{"lineItemId": lines[0][0], "quantity": 1}], note="goodwill")
    control.VERBS["customer"](shop, order["customer"]["id"], note="vip")
    extra = birth.fresh(shop, program.store.world(), 77)
    orders.edit(shop, extra["id"], add=[{"title": "Gift wrap", "sku": "WRAP", "price": "3.00"}])
    orders.cancel(shop, {"orderId": extra["id"], "reason": "CUSTOMER", "restock": True})
    orders.delete(shop, program.store.state()[0]["id"])
    program.data("13_", query="{ orders { edges { node { id } } } }")
    installation.change_scopes(shop, shop.app.scopes[:-1])
    for topic in ("customers/data_request", "customers/redact", "shop/redact"):
        control.VERBS["comply"](shop, topic, order["customer"]["id"])
    while not all(job["done"] for job in shop.archive.all_kept("job")):
        program.store.settle_down()
    while program.data("15_")["bulkOperations"]["nodes"]:
        program.store.settle_down()
    installation.uninstall(shop)
    assert program.store.settle_down()


SILENT = {
    "returns/update",
    "reverse_deliveries/attach_deliverable",
    "reverse_fulfillment_orders/dispose",
    "fulfillment_events/delete",
    "customers/delete",
}
"""Topics for which nothing happens in this store."""


def loosen(schema: Any) -> Any:
    """The published schemas are inferred from samples: an empty list may be full, a rate of 0 be 0.21."""
    if isinstance(schema, list):
        return [loosen(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    loose = {name: loosen(value) for name, value in schema.items()}
    if loose.get("items") is False:
        loose["items"] = True
    if loose.get("rate") == {"type": "integer"}:
        loose["rate"] = {"type": "number"}
    return loose


def test_every_payload_fits_its_published_schema(
    told: Program, inbox: Inbox, npm_package: Callable[[str, str], Path]
) -> None:
    live(told)
    assert set(inbox.topics) == FILE_TOPICS - SILENT | {
        "customers/data_request", "customers/redact", "shop/redact",
    }  # fmt: skip
    folder = npm_package("shopify-webhook-schemas", "0.3.8") / "schemas" / "2026-07"
    wrong = {}
    for topic, _, body in inbox.received:
        schema = loosen(json.loads((folder / f"{topic}.json").read_text()))
        errors = jsonschema.Draft202012Validator(schema).iter_errors(json.loads(body))
        if found := [f"{error.json_path}: {error.message[:120]}" for error in errors]:
            wrong[topic] = found
    assert wrong == {}


def test_live_stores_go_on_living(own_store: Make, inbox: Inbox) -> None:
    program = own_store(app_url=inbox.url)
    before = {order["id"]: order for order in program.store.state()}
    life = Life(shop_of(program), program.store.world(), 1)
    for _ in range(60):
        life.happen()
    after = {order["id"]: order for order in program.store.state()}
    assert set(before) < set(after)
    assert any(after[gid]["fulfillments"] != before[gid]["fulfillments"] for gid in before)
    assert program.store.settle_down()
    assert {"orders/create", "fulfillments/create", "fulfillment_events/create"} <= set(inbox.topics)
