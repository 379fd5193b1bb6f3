"""The description fits the routes, and the answers fit the description."""

from __future__ import annotations

import re

import msgspec
import pytest

from integration import shapes
from sidebar.api.calls import CALLS

FILLED = {
    "/stores": shapes.StoreList,
    "/stores/{store_id}": shapes.Store,
    "/customers": shapes.MatchList,
    "/customers/{customer_id}": shapes.Customer,
    "/orders": shapes.OrderPage,
    "/orders/{order_id}": shapes.Order,
    "/orders/{order_id}/eligibility": shapes.Eligibility,
    "/audit": shapes.AuditPage,
    "/actions/{action_id}": shapes.Action,
    "/withdrawals": shapes.WithdrawalPage,
    "/withdrawals/{withdrawal_id}": shapes.Withdrawal,
}


@pytest.fixture
def document(app):
    response = app.test_client().get("/api/v1/openapi.json")
    assert response.status_code == 200
    return response.get_json()


def test_it_is_openapi_3_1_and_needs_no_token(document):
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": "http://127.0.0.1:1/api/v1"}]
    assert document["security"] == [{"token": []}]


def test_every_route_is_in_it_and_nothing_else(app, document):
    routes = {
        (re.sub(r"<(\w+)>", r"{\1}", rule.rule.removeprefix("/api/v1")), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    described = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert routes - {("/openapi.json", "get")} == described


def test_every_reference_in_it_leads_somewhere(document):
    text = msgspec.json.encode(document).decode()
    names = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert names <= document["components"]["schemas"].keys()
    assert {"Order", "Wish", "Problem"} <= names


def test_every_path_parameter_is_declared(document):
    for path, methods in document["paths"].items():
        for operation in methods.values():
            declared = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert declared == set(re.findall(r"{(\w+)}", path))


def test_calls_that_act_ask_for_a_key(document):
    for path in ("refunds", "cancel", "returns", "note", "tags", "address", "replacement"):
        parameters = document["paths"][f"/orders/{{order_id}}/{path}"]["post"]["parameters"]
        assert [one["name"] for one in parameters if one["in"] == "header"] == ["Idempotency-Key"]


def test_names_of_operations_are_unique(document):
    names = [
        operation["operationId"] for methods in document["paths"].values() for operation in methods.values()
    ]
    assert len(names) == len(set(names)) == len(CALLS)


def assert_is(answer, shape):
    """Every field is described, and none is there that is not."""
    assert msgspec.to_builtins(msgspec.convert(answer, shape)) == answer


def test_real_answers_fit_the_described_shapes(admin, sold):
    order_id, record = sold
    store = admin.get("/stores").get_json()["items"][0]["id"]
    customer = admin.get("/customers", order=record.name).get_json()["items"][0]["id"]
    wish = {"lines": [{"line_id": f"{order_id}.11", "quantity": 1}]}
    asked = admin.post(f"/orders/{order_id}/refunds", wish, key="k")
    assert_is(asked.get_json(), shapes.Action)
    preview = admin.post(f"/orders/{order_id}/refunds/preview", wish)
    assert_is(preview.get_json(), shapes.Preview)
    told = {"order_id": str(order_id), "received_at": "2026-11-21T08:00:00Z", "channel": "chat"}
    withdrawal = admin.post("/withdrawals", told).get_json()["id"]
    names = {
        "store_id": store,
        "customer_id": customer,
        "order_id": order_id,
        "action_id": asked.get_json()["id"],
        "withdrawal_id": withdrawal,
    }
    for path, shape in FILLED.items():
        where = path.format(**names)
        arguments = {"order": record.name} if path == "/customers" else {}
        response = admin.get(where, **arguments)
        assert response.status_code == 200
        assert_is(response.get_json(), shape)


def test_every_reading_call_is_held_against_its_shape():
    reading = {call.path: call.answers for call in CALLS if call.method == "GET"}
    assert reading == FILLED


def test_problems_fit_their_shape_too(app, admin):
    msgspec.convert(app.test_client().get("/api/v1/stores").get_json(), shapes.Problem)
    msgspec.convert(admin.get("/orders/77").get_json(), shapes.Problem)
