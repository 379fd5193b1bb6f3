"""The demo store answers with the same keys, JSON types and errors as the real one did."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.demo.woocommerce import DemoWooCommerce

Recording = Callable[[str], Any]

SAMPLES = Path(__file__).parents[3] / "samples" / "woocommerce"
FOLDERS = (
    "orders_list",
    "orders_single",
    "refunds",
    "customers",
    "products",
    "incremental",
    "webhooks",
    "discovery",
)
OURS = {
    "include",
    "exclude",
    "customer",
    "product",
    "modified_after",
    "modified_before",
    "after",
    "email",
    "sku",
    "page",
}
"""Filters by ids and moments of the recorded store; they would find nothing here. Errors keep them."""

NOT_REPLAYED = (
    "discovery/options_",  # schemas of routes: nobody reads them
    "discovery/wc_v3_index_unauthenticated",  # only says how many routes there are
    "discovery/index",  # the routes of a whole WordPress; its first keys have a test of their own
    "discovery/system_status",  # a hundred facts about a server; the part that apps read has its own test
    "refunds/wrong_parent",  # a refund under an order that is not its own; its own test
    "orders_list/exclude_200_ids_bad_gateway",  # a page of HTML; its own test
)


def recorded_reads() -> Iterator[str]:
    for folder in FOLDERS:
        for path in sorted((SAMPLES / folder).glob("*.json")):
            name = f"{folder}/{path.stem}"
            if not name.startswith(NOT_REPLAYED):
                request = json.loads(path.read_text()).get("request", {})
                if request.get("method") in ("GET", "HEAD") and request["path"].startswith("/wp-json/wc/v3/"):
                    yield name


@pytest.fixture(scope="module")
def ids(store: DemoWooCommerce, api: httpx.Client) -> dict[str, str]:
    """Things of this store that stand for the recorded ones."""
    rich = next(row for row in store.command("state")["orders"] if row["refunds"] and row["customer_id"])
    api.post(f"/orders/{rich['id']}/notes", json={"note": "To you", "customer_note": True})
    api.post(f"/orders/{rich['id']}/notes", json={"note": "To us"})
    fulfillment = {
        "status": "fulfilled",
        "meta_data": [{"key": "_items", "value": [{"item_id": 1, "qty": 1}]}],
    }
    api.post(f"/orders/{rich['id']}/fulfillments", json=fulfillment)
    variable = next(row for row in api.get("/products?per_page=100").json() if row["type"] == "variable")
    hook = api.post(
        "/webhooks", json={"topic": "order.updated", "delivery_url": "http://127.0.0.1:9/none"}
    ).json()
    return {
        "orders": str(rich["id"]),
        "refunds": str(rich["refunds"][0]["id"]),
        "customers": str(rich["customer_id"]),
        "products": str(variable["id"]),
        "webhooks": str(hook["id"]),
        "zones": "1",
        "notes": "1",
    }


@pytest.mark.parametrize("name", sorted(recorded_reads()))
def test_an_answer_looks_like_the_recorded_one(
    name: str, api: httpx.Client, ids: dict[str, str], recording: Recording
) -> None:
    recorded = recording(name)
    request, response = recorded["request"], recorded["response"]
    wrong = response["status"] >= 400
    path = request["path"].removeprefix("/wp-json/wc/v3")
    query = request["query"]
    if not wrong:
        path = re.sub(r"/(\w+)/\d+", lambda found: f"/{found[1]}/{ids[found[1]]}", path)
        query = "&".join(part for part in query.split("&") if part.split("=")[0] not in OURS)

    answer = api.request(request["method"], f"{path}?{query}")

    assert answer.status_code == response["status"]
    if request["method"] == "HEAD":
        assert answer.content == b""
    elif wrong:
        assert answer.json()["code"] == response["body"]["code"]
        assert answer.json()["message"] == response["body"]["message"]
        assert list(unlike(response["body"], answer.json())) == []
    else:
        assert list(unlike(response["body"], answer.json())) == []
    assert {name for name in response["headers"] if name.startswith("X-WP")} == {
        name for name in ("X-WP-Total", "X-WP-TotalPages") if name in answer.headers
    }


LOOSE = {"value", "display_value", "settings", "params", "details", "image"}
"""What is in these is anybody's business; a line's `image.id` is a number or an empty text."""
MAY_LACK = {"customer"}
"""Only orders of registered buyers link to one."""


def unlike(theirs: Any, ours: Any, path: str = "") -> Iterator[str]:
    """Where `ours` has other keys or types than `theirs`. Null may stand for anything that can be missing."""
    if theirs is None or ours is None or theirs == "(left out)":
        return
    if kind(theirs) != kind(ours):
        yield f"{path}: {kind(theirs)} there, {kind(ours)} here"
    elif isinstance(theirs, dict):
        different = (set(theirs) ^ set(ours)) - MAY_LACK
        if different:
            yield f"{path}: {sorted(different)} only on one side"
        for key in set(theirs) & set(ours) - LOOSE:
            yield from unlike(theirs[key], ours[key], f"{path}.{key}")
    elif isinstance(theirs, list) and theirs:
        for place, item in enumerate(ours):
            yield from unlike(merged(theirs), item, f"{path}[{place}]")


def merged(rows: list[Any]) -> Any:
    """One object with the keys of all, so that an empty list in the first does not hide the others."""
    if not all(isinstance(row, dict) for row in rows):
        return rows[0]
    result: dict[str, Any] = {}
    for row in rows:
        for key, value in row.items():
            if result.get(key) in (None, "", [], {}):
                result[key] = value
    return result


def kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return type(value).__name__


def test_the_part_of_the_system_status_that_apps_read(api: httpx.Client, recording: Recording) -> None:
    theirs = recording("discovery/system_status")["response"]["body"]

    ours = api.get("/system_status").json()

    for part in ("settings", "environment", "database"):
        assert set(ours[part]) <= set(theirs[part])
    assert ours["settings"]["HPOS_enabled"] is True
    for key in (
        "currency",
        "decimal_separator",
        "thousand_separator",
        "number_of_decimals",
        "order_datastore",
    ):
        assert ours["settings"][key] == theirs["settings"][key]


def test_anybody_may_read_the_front_door(
    store: DemoWooCommerce, api: httpx.Client, recording: Recording
) -> None:
    theirs = recording("discovery/index")["response"]["body"]

    ours = api.get(f"{store.url}/wp-json/").json()

    assert set(ours) <= set(theirs)
    assert (ours["name"], ours["timezone_string"]) == ("Lumi Outlet", theirs["timezone_string"])


def test_every_order_of_the_world_has_the_recorded_shape(
    store: DemoWooCommerce, recording: Recording
) -> None:
    theirs = merged(recording("orders_list/page1_per100")["response"]["body"])

    for order in store.command("state")["orders"]:
        assert list(unlike(theirs, order)) == [], order["id"]


def test_every_refund_of_the_world_has_the_recorded_shape(
    store: DemoWooCommerce, recording: Recording
) -> None:
    theirs = merged(recording("refunds/global_list")["response"]["body"])

    for refund in store.command("state")["refunds"]:
        assert list(unlike(theirs, refund)) == [], refund["id"]


@pytest.mark.parametrize(
    "name",
    [
        "put_order_status_completed", "put_order_status_custom", "put_order_status_prefixed",
        "put_order_status_unknown", "put_order_total_readonly", "put_order_unknown_field",
        "put_order_billing_email", "put_order_billing_bad_email", "post_note_private", "post_note_customer",
        "post_note_added_by_user", "post_note_html", "post_note_empty", "post_note_missing",
        "create_order_minimal", "batch_over_100", "method_override_header",
    ],
)  # fmt: skip
def test_a_write_is_answered_as_recorded(
    name: str, api: httpx.Client, order: dict[str, Any], recording: Recording
) -> None:
    recorded = recording(f"writes/{name}")
    request, response = recorded["request"], recorded["response"]
    path = request["path"].removeprefix("/wp-json/wc/v3")
    path = re.sub(r"/orders/\d+", f"/orders/{order['id']}", path)
    headers = {
        key: value for key, value in request["headers"].items() if key.startswith(("X-HTTP", "Content"))
    }

    answer = api.request(request["method"], path, content=json.dumps(request["body"]), headers=headers)

    assert answer.status_code == response["status"]
    assert list(unlike(response["body"], answer.json())) == []
    if response["status"] >= 400:
        assert answer.json()["code"] == response["body"]["code"]
        assert answer.json()["message"] == response["body"]["message"]
    if "note" in response["body"]:
        assert answer.json()["note"] == response["body"]["note"]
        assert answer.json()["customer_note"] == response["body"]["customer_note"]
    assert "total" not in answer.json() or answer.json()["total"] in ("700.09", "0.00")


def test_trash_again_and_for_ever(api: httpx.Client, order: dict[str, Any], recording: Recording) -> None:
    path = f"/orders/{order['id']}"

    first = api.delete(path)
    assert (first.status_code, first.json()["status"]) == (200, "completed")
    again = api.delete(path)
    assert (again.status_code, again.json()) == (
        410,
        recording("writes/delete_order_trash_again")["response"]["body"],
    )
    assert api.get(path).json()["status"] == "trash"
    assert api.delete(f"{path}?force=true").json()["status"] == "trash"
    gone = api.get(path)
    assert (gone.status_code, gone.json()) == (404, recording("writes/get_deleted")["response"]["body"])


def test_a_batch_answers_each_entry_for_itself(
    api: httpx.Client, order: dict[str, Any], recording: Recording
) -> None:
    theirs = recording("writes/batch_update")["response"]["body"]
    wish = {"update": [{"id": order["id"], "customer_note": "b1"}, {"id": 99999999, "status": "completed"}]}

    ours = api.post("/orders/batch", json=wish).json()

    assert ours["update"][0]["customer_note"] == "b1"
    assert ours["update"][1] == theirs["update"][1]


def test_a_refund_of_another_order_is_an_error_500(
    api: httpx.Client, ids: dict[str, str], order: dict[str, Any], recording: Recording
) -> None:
    answer = api.get(f"/orders/{order['id']}/refunds/{ids['refunds']}")

    assert answer.status_code == 500
    assert answer.json() == recording("refunds/wrong_parent")["response"]["body"]


def test_editing_a_line_counts_the_order_again(api: httpx.Client, order: dict[str, Any]) -> None:
    first, second = order["line_items"]
    path = f"/orders/{order['id']}"

    api.put(path, json={"line_items": [{"id": first["id"], "quantity": 0}]})
    answer = api.get(path).json()

    assert [item["id"] for item in answer["line_items"]] == [second["id"]]
    assert (answer["total"], answer["cart_tax"]) == ("316.19", "60.00")


def test_a_long_list_of_ids_bursts_the_web_server(api: httpx.Client, recording: Recording) -> None:
    recorded = recording("orders_list/exclude_200_ids_bad_gateway")

    burst = api.get(f"/orders?{recorded['request']['query']}")
    sent_as_body = api.post(
        "/orders?_method=GET", json={"exclude": list(range(100000, 105000)), "per_page": 1}
    )

    assert (burst.status_code, burst.text) == (502, recorded["response"]["body"])
    assert sent_as_body.status_code == 200
    assert len(sent_as_body.json()) == 1


def test_an_order_made_here_is_the_recorded_order_to_the_cent(
    api: httpx.Client, recording: Recording, make_order: Callable[..., Any]
) -> None:
    theirs = recording("refund_posts/34_order_after_all")["response"]["body"]

    ours = make_order([("309.60", 3), ("249.99", 1)], shipping="5.00")

    for key in ("total", "total_tax", "cart_tax", "shipping_total", "shipping_tax", "discount_total"):
        assert ours[key] == theirs[key]
    assert [item["price"] for item in ours["line_items"]] == [item["price"] for item in theirs["line_items"]]
