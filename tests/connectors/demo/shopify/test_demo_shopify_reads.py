"""Reading the demo store: documents, search, pages, scopes, cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.demo.shopify import SCOPES, Conduct, DemoShopify, endpoint, swift
from connectors.demo.shopify.desk import Desk
from integration.money import Money

from .conftest import SHOP, Program, document

ALL = "updated_at:>='2020-01-01T00:00:00Z'"


def ids(program: Program, query: str = ALL) -> list[str]:
    return [order["id"] for order in program.data("02_", query=query)["orders"]["nodes"]]


def spent(side: dict[str, str]) -> Money:
    return Money.parse(side["amount"], side["currencyCode"])


def variables_for(order: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Something to ask each reading document, by its number."""
    gid, back = order["id"], order["returns"]["nodes"][0]["id"]
    return {
        "01_": {},
        "02_": {"query": ALL},
        "03_": {"query": ALL},
        "04_": {"id": gid},
        "05_": {"id": gid},
        "06_": {"identifier": {"emailAddress": "kadri.tamm@example.ee"}},
        "07_": {"query": 'email:"kadri.tamm@example.ee"'},
        "08_": {"id": order["customer"]["id"]},
        "09_": {"query": ALL},
        "15_": {},
        "17_": {"ids": [gid, "gid://shopify/Order/1"]},
        "19_": {"ids": [gid]},
        "20_": {"orderId": gid},
        "21_": {"id": back},
        "22_": {},
        "23_": {"input": {"orderId": gid}},
        "24_": {"id": back, "lines": [], "exchanges": []},
        "25_": {"id": gid, "everything": True},
        "28_": {"ids": [gid]},
        "55_": {"id": gid},
        "61_": {},
    }


WORKED_OUT = {"06_", "08_", "24_", "25_"}
"""Documents that only the executor can answer."""


def with_everything(program: Program) -> dict[str, Any]:
    return next(
        each
        for each in program.store.state()
        if each["returns"]["nodes"] and each["customer"] and each["refunds"]
    )


def test_every_reading_document_is_answered(program: Program) -> None:
    asked = variables_for(with_everything(program))
    for name, values in asked.items():
        assert next(iter(program.data(name, **values).values())), name
    assert program.data("17_", **asked["17_"])["nodes"][1] is None
    assert program.data("26_", id="gid://shopify/ReverseFulfillmentOrder/1") == {
        "reverseFulfillmentOrder": None
    }


def test_plans_and_the_executor_answer_the_same(program: Program) -> None:
    shop = program.store.shop()
    for name, values in variables_for(with_everything(program)).items():
        prepared = endpoint.prepare(document(name))
        ((_, plan),) = prepared.plans
        swiftly = swift.answer(plan, Desk(shop, SCOPES, values))
        data, errors = endpoint.by_executor(prepared.document, Desk(shop, SCOPES, values), None)
        assert errors == [], name
        assert swiftly == (None if name in WORKED_OUT else data), name


def test_the_dump_of_orders_is_what_the_api_shows(program: Program) -> None:
    dump = program.store.state()
    assert len(dump) == 40
    prepared = endpoint.prepare(document("04_"))
    for order in dump:
        desk = Desk(program.store.shop(), SCOPES, {"id": order["id"]})
        assert endpoint.by_executor(prepared.document, desk, None) == ({"order": order}, [])


def test_an_order_adds_up(program: Program) -> None:
    for order in program.store.state():
        side = {name: spent(bag["presentmentMoney"]) for name, bag in order.items() if name.endswith("Set")}
        lines = [
            spent(each["discountedTotalSet"]["presentmentMoney"]) for each in order["lineItems"]["nodes"]
        ]
        zero = Money.zero(order["presentmentCurrencyCode"])
        assert sum(lines, zero) == side["subtotalPriceSet"]
        assert side["subtotalPriceSet"] + side["totalShippingPriceSet"] == side["totalPriceSet"]
        assert side["totalReceivedSet"] - side["totalRefundedSet"] == side["netPaymentSet"]
        assert side["currentTotalPriceSet"] - side["netPaymentSet"] == side["totalOutstandingSet"]
        if order["displayFinancialStatus"] in ("PAID", "PARTIALLY_REFUNDED", "REFUNDED"):
            assert side["totalOutstandingSet"] == zero


def test_pages_follow_each_other_without_gap_or_repetition(program: Program) -> None:
    query = """query Pages($after: String, $n: Int!) {
      orders(first: $n, after: $after, sortKey: UPDATED_AT) {
        nodes { id }
        pageInfo { hasNextPage endCursor }
      }
    }"""
    seen, after = [], None
    while True:
        page = program.post(query, n=7, after=after).json()["data"]["orders"]
        seen += [node["id"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == ids(program)
    assert len(set(seen)) == 40


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "you must provide one of first or last"),
        ("first: 251", "first must be between 0 and 250"),
        ('first: 5, after: "nonsense"', "Invalid cursor for current pagination sort."),
    ],
)
def test_a_wrong_page_is_a_bad_request(program: Program, arguments: str, message: str) -> None:
    given = f"({arguments})" if arguments else ""
    answer = program.post(f"{{ orders{given} {{ nodes {{ id }} }} }}").json()
    assert answer["errors"][0]["message"] == message
    assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


def test_search_understands_the_filters_of_our_documents(program: Program) -> None:
    orders = program.store.state()
    order = next(each for each in orders if each["customer"] and each["email"] == "kadri.tamm@example.ee")
    name, gid = order["name"], order["id"]
    assert ids(program, f'name:"{name}"') == [gid]
    assert ids(program, f"id:{gid.rsplit('/', 1)[1]}") == [gid]
    assert ids(program, f"confirmation_number:{order['confirmationNumber']}") == [gid]
    mine = [each["id"] for each in orders if (each["customer"] or {}).get("id") == order["customer"]["id"]]
    assert sorted(ids(program, f"customer_id:{order['customer']['id'].rsplit('/', 1)[1]}")) == sorted(mine)
    refunded = {each["id"] for each in orders if each["displayFinancialStatus"] == "PARTIALLY_REFUNDED"}
    assert refunded
    assert set(ids(program, "financial_status:partially_refunded")) == refunded
    assert (
        set(ids(program, "-financial_status:partially_refunded"))
        == {each["id"] for each in orders} - refunded
    )
    back = {each["id"] for each in orders if each["returnStatus"] in ("RETURNED", "IN_PROGRESS")}
    assert set(ids(program, f"{ALL} AND (return_status:returned OR return_status:in_progress)")) == back
    moment = sorted(each["updatedAt"] for each in orders)[20]
    assert set(ids(program, f"updated_at:>='{moment}'")) == {
        e["id"] for e in orders if e["updatedAt"] >= moment
    }
    assert set(ids(program, f"updated_at:<'{moment}'")) == {
        e["id"] for e in orders if e["updatedAt"] < moment
    }


def test_a_value_cannot_break_out_of_its_quotes(program: Program) -> None:
    assert ids(program, 'email:"x\\" OR name:\\"#1001"') == []


def test_an_unknown_filter_matches_everything_and_warns(program: Program) -> None:
    answer = program.ask("02_", query="phone:+372555 AND financial_status:paid")
    assert len(answer["data"]["orders"]["nodes"]) == len(ids(program, "financial_status:paid"))
    assert answer["extensions"]["search"][0]["warnings"][0]["field"] == "phone"


def test_count_of_a_day(program: Program) -> None:
    orders = program.store.state()
    day = orders[-1]["createdAt"][:10]
    query = f"created_at:>='{day}T00:00:00Z' AND created_at:<='{day}T23:59:59Z'"
    wanted = sum(order["createdAt"].startswith(day) for order in orders)
    assert program.data("09_", query=query)["ordersCount"] == {"count": wanted, "precision": "EXACT"}


def test_a_customer_is_found_by_email_or_phone(program: Program) -> None:
    by_mail = program.data("06_", identifier={"emailAddress": "Kadri.Tamm@example.ee"})[
        "customerByIdentifier"
    ]
    phone = by_mail["defaultPhoneNumber"]["phoneNumber"]
    by_phone = program.data("06_", identifier={"phoneNumber": phone})["customerByIdentifier"]
    assert by_phone == by_mail
    assert by_mail["displayName"] == "Kadri Tamm"
    assert int(by_mail["numberOfOrders"]) == len(by_mail["orders"]["nodes"])
    assert program.data("06_", identifier={"emailAddress": "nobody@example.ee"}) == {
        "customerByIdentifier": None
    }


def test_products_have_tags_that_return_rules_ask_for(program: Program) -> None:
    lines = [line for order in program.store.state() for line in order["lineItems"]["nodes"]]
    products = sorted({line["product"]["id"] for line in lines})
    found = program.data("64_", ids=products)["nodes"]
    assert [each["id"] for each in found] == products
    assert any("final-sale" in each["tags"] for each in found)
    assert all(each["collections"]["nodes"][0]["handle"] == each["productType"].lower() for each in found)


def test_requested_cost_is_as_recorded(program: Program) -> None:
    gid = ids(program)[0]
    for name, variables, cost in (
        ("02_", {"query": ALL}, 13),
        ("04_", {"id": gid}, 217),
        ("05_", {"id": gid}, 39),
        ("17_", {"ids": [gid]}, 45),
        ("20_", {"orderId": gid}, 78),
    ):
        answer = program.ask(name, **variables)
        assert answer["extensions"]["cost"]["requestedQueryCost"] == cost, name


def test_an_empty_bucket_throttles_and_does_nothing(own_store: Callable[..., Program]) -> None:
    program = own_store(conduct=Conduct(bucket=250, restore=0.001))
    gid = ids(program)[0]
    assert program.data("45_", input={"id": gid, "note": "first"})["orderUpdate"]["order"]["note"] == "first"
    program.store.drain()
    refused = program.post(document("45_"), input={"id": gid, "note": "never"})
    assert refused.status_code == 200
    assert refused.json()["errors"][0]["extensions"]["code"] == "THROTTLED"
    cost = refused.json()["extensions"]["cost"]
    assert cost["actualQueryCost"] is None
    assert cost["throttleStatus"] == {"maximumAvailable": 250, "currentlyAvailable": 0, "restoreRate": 0.001}
    kept = program.store.shop().archive.order(gid)
    assert kept is not None
    assert kept["note"] == "first"


def test_a_query_beyond_a_thousand_points_is_refused(program: Program) -> None:
    lines = "lineItems(first: 250) { nodes { taxLines { title } product { id } } }"
    more = f"customer {{ orders(first: 250) {{ nodes {{ {lines} }} }} }}"
    query = f"{{ orders(first: 250) {{ nodes {{ {lines} {more} }} }} }}"
    assert program.post(query).json()["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"


@pytest.mark.parametrize("token", ["", "shpat_wrong"])
def test_without_a_token_there_is_no_answer(program: Program, token: str) -> None:
    stranger = Program(program.store, token, program.http)
    answer = stranger.post("{ shop { name } }")
    assert answer.status_code == 401
    assert "Invalid API key or access token" in answer.json()["errors"]


def test_an_unknown_shop_is_not_found(program: Program) -> None:
    address = f"{program.store.origin}/evil.myshopify.com/admin/api/2026-10/graphql.json"
    assert program.http.post(address, json={}).status_code == 404


def test_the_version_served_is_told(program: Program) -> None:
    assert program.post("{ shop { name } }").headers["X-Shopify-API-Version"] == "2026-10"
    old = program.post("{ shop { name } }", version="2024-01")
    assert old.headers["X-Shopify-API-Version"] == "2026-01"


def test_a_missing_scope_denies_its_fields_only(own_store: Callable[..., Program]) -> None:
    program = own_store(
        scopes=[scope for scope in SCOPES if scope != "read_customers" and scope != "write_customers"]
    )
    gid = ids(program)[0]
    answer = program.post("query($id: ID!) { order(id: $id) { name customer { id } } }", id=gid).json()
    assert answer["data"]["order"]["name"].startswith("#")
    assert answer["data"]["order"]["customer"] is None
    assert answer["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"
    assert answer["errors"][0]["path"] == ["order", "customer"]


def test_old_orders_need_their_scope(own_store: Callable[..., Program]) -> None:
    program = own_store(scopes=[scope for scope in SCOPES if scope != "read_all_orders"])
    recent = ids(program)
    everything = program.store.state()
    assert 0 < len(recent) < len(everything)
    old = next(order["id"] for order in everything if order["id"] not in recent)
    assert program.data("04_", id=old) == {"order": None}
    assert program.data("17_", ids=[old]) == {"nodes": [None]}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b'{"query": 5}', b"\xff\xfe"])
def test_nonsense_is_a_bad_request(program: Program, body: bytes) -> None:
    answer = program.http.post(
        f"{program.shop}/admin/api/2026-10/graphql.json",
        content=body,
        headers={"X-Shopify-Access-Token": program.token},
    )
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


def test_an_order_has_a_page_in_the_admin(program: Program) -> None:
    order = next(each for each in program.store.state() if each["refunds"] and each["fulfillments"])
    page = program.http.get(f"{program.shop}/admin/orders/{order['legacyResourceId']}")
    assert page.status_code == 200
    assert f"Order {order['name']}" in page.text
    assert order["lineItems"]["nodes"][0]["sku"] in page.text
    assert order["refunds"][0]["id"] in page.text
    assert program.http.get(f"{program.shop}/admin/orders/1").status_code == 404


def test_each_shop_has_its_own_orders(own_store: Callable[..., Program]) -> None:
    other = "second-shop.myshopify.com"
    program = own_store(shops=(SHOP, other))
    store: DemoShopify = program.store
    assert not {order["id"] for order in store.state()} & {order["id"] for order in store.state(other)}
    address = f"{store.origin}/{other}/admin/api/2026-10/graphql.json"
    headers = {"X-Shopify-Access-Token": program.token}
    assert program.http.post(address, json={"query": "{ shop { id } }"}, headers=headers).status_code == 401
