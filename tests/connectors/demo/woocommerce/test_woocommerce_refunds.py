"""Refunds of the demo store do what the recorded ones did, the dangerous things above all."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.demo.woocommerce import DemoWooCommerce

Recording = Callable[[str], Any]
MakeOrder = Callable[..., dict[str, Any]]

SAMPLES = Path(__file__).parents[3] / "samples" / "woocommerce" / "refund_posts"
FORMATS = sorted(path.stem for path in SAMPLES.glob("70_*.json"))


def outcome(body: dict[str, Any]) -> dict[str, Any]:
    """What of an answer must be the same here as there: all but ids, names and times."""
    if "code" in body:
        return {key: body[key] for key in ("code", "message", "data")}
    lines = [*body["line_items"], *body["shipping_lines"], *body["fee_lines"]]
    taxes = [(row["rate_id"], row["tax_total"], row["shipping_tax_total"]) for row in body["tax_lines"]]
    return {
        "amount": body["amount"],
        "reason": body["reason"],
        "refunded_payment": body["refunded_payment"],
        "meta": [(row["key"], row["value"]) for row in body["meta_data"]],
        "lines": [
            {
                **{key: line.get(key) for key in ("quantity", "total", "total_tax", "subtotal_tax", "price")},
                "taxes": line["taxes"],
                "meta": [row["key"] for row in line["meta_data"]],
            }
            for line in lines
        ],
        "taxes": taxes,
    }


def replay(api: httpx.Client, recorded: dict[str, Any], path: str, lines: dict[int, int]) -> httpx.Response:
    """Send a recorded body to another order, its lines renamed."""
    body = json.loads(json.dumps(recorded["request"]["body"]))
    for item in body.get("line_items", []):
        item["id"] = lines.get(item["id"], item["id"])
    return api.request(recorded["request"]["method"], path, json=body)


def test_one_order_hit_by_every_kind_of_body(
    api: httpx.Client, order: dict[str, Any], recording: Recording
) -> None:
    """01 to 32 one after the other, as recorded on order 419, then the order as it was afterwards."""
    first, second = order["line_items"]
    lines = {1420: first["id"], 1421: second["id"], 1422: order["shipping_lines"][0]["id"], 1: 1}
    names = sorted(
        path.stem for path in SAMPLES.glob("*.json") if re.match(r"(0[1-9]|[12]\d|3[0-2])_", path.stem)
    )
    assert len(names) == 32

    for name in names:
        recorded = recording(f"refund_posts/{name}")
        there = 99999999 if "99999999" in recorded["request"]["path"] else order["id"]
        answer = replay(api, recorded, f"/orders/{there}/refunds", lines)
        assert answer.status_code == recorded["response"]["status"], name
        assert outcome(answer.json()) == outcome(recorded["response"]["body"]), name

    theirs = recording("refund_posts/34_order_after_all")["response"]["body"]
    ours = api.get(f"/orders/{order['id']}").json()
    assert ours["total"] == theirs["total"]
    assert ours["status"] == theirs["status"]
    assert sorted((row["total"], row["reason"]) for row in ours["refunds"]) == sorted(
        (row["total"], row["reason"]) for row in theirs["refunds"]
    )
    listed = api.get(f"/orders/{order['id']}/refunds?per_page=50")
    kept = recording("refund_posts/35_refunds_after_all")["response"]["body"]
    assert sorted(row["amount"] for row in listed.json()) == sorted(row["amount"] for row in kept)


@pytest.mark.parametrize("name", FORMATS)
def test_an_amount_is_cleaned_as_recorded(
    name: str, api: httpx.Client, make_order: MakeOrder, recording: Recording
) -> None:
    recorded = recording(f"refund_posts/{name}")
    order = make_order([("516.00", 5)])
    assert order["total"] == "639.84"

    answer = replay(api, recorded, f"/orders/{order['id']}/refunds", {})

    assert answer.status_code == recorded["response"]["status"]
    assert outcome(answer.json()) == outcome(recorded["response"]["body"])


@pytest.mark.parametrize(
    ("name", "net"),
    [
        ("71_over_refund_with_thousand_separator", "199.99"),
        ("72_over_refund_by_lines", "199.99"),
        ("73_remaining_plus_cent", "516.00"),
    ],
)
def test_the_guard_against_refunding_too_much(
    name: str, net: str, api: httpx.Client, make_order: MakeOrder, recording: Recording
) -> None:
    recorded = recording(f"refund_posts/{name}")
    order = make_order([(net, 1)])

    answer = replay(api, recorded, f"/orders/{order['id']}/refunds", {1532: order["line_items"][0]["id"]})

    assert answer.status_code == recorded["response"]["status"]
    assert outcome(answer.json())["amount" if answer.is_success else "message"] == (
        "1999.00" if answer.is_success else "Invalid refund amount."
    )


@pytest.mark.parametrize(
    ("name", "method", "status"),
    [
        ("40_manual_gateway_api_refund_true", "bacs", "completed"),
        ("41_manual_gateway_default", "bacs", "completed"),
        ("42_manual_gateway_api_refund_false", "bacs", "completed"),
        ("43_no_payment_method_default", "", "completed"),
        ("44_gateway_plugin_removed", "goneplugin", "completed"),
        ("45_unpaid_pending_order", "testpay", "pending"),
    ],
)
def test_a_gateway_answers_as_recorded(
    name: str, method: str, status: str, api: httpx.Client, make_order: MakeOrder, recording: Recording
) -> None:
    recorded = recording(f"refund_posts/{name}")
    order = make_order([("100.00", 1)], method=method, status=status)

    answer = replay(api, recorded, f"/orders/{order['id']}/refunds", {})

    assert answer.status_code == recorded["response"]["status"]
    assert outcome(answer.json()) == outcome(recorded["response"]["body"])
    left = api.get(f"/orders/{order['id']}").json()["refunds"]
    assert len(left) == (1 if answer.is_success else 0)


def test_a_full_refund_and_what_becomes_of_it(api: httpx.Client, make_order: MakeOrder) -> None:
    """46 to 50: the order is refunded by itself, and stays so when the refund is deleted."""
    order = make_order([("591.99", 1)])
    path = f"/orders/{order['id']}"

    made = api.post(f"{path}/refunds", json={"amount": order["total"], "api_refund": False, "reason": "all"})
    assert made.json()["meta_data"][0]["value"] == "full"
    assert api.get(path).json()["status"] == "refunded"
    again = api.post(f"{path}/refunds", json={"amount": "0.01", "api_refund": False})
    assert (again.status_code, again.json()["message"]) == (500, "Invalid refund amount.")
    assert api.delete(f"{path}/refunds/{made.json()['id']}").json()["amount"] == order["total"]
    after = api.get(path).json()
    assert (after["status"], after["refunds"]) == ("refunded", [])


def test_a_status_of_refunded_pays_nothing_back(
    store: DemoWooCommerce, api: httpx.Client, make_order: MakeOrder, recording: Recording
) -> None:
    """52 to 54: a refund of the rest is recorded, and no money moves."""
    order = make_order([("591.99", 1)])
    theirs = recording("refund_posts/54_put_status_refunded_refund_object")["response"]["body"][0]

    answer = api.put(f"/orders/{order['id']}", json={"status": "refunded"})
    ours = api.get(f"/orders/{order['id']}/refunds").json()[0]

    assert (answer.status_code, answer.json()["status"]) == (200, "refunded")
    assert ours["amount"] == order["total"]
    for key in ("reason", "refunded_payment", "line_items"):
        assert ours[key] == theirs[key]
    assert not [move for move in store.command("ledger")["moves"] if move["order_id"] == order["id"]]


def test_a_refund_cannot_be_changed(api: httpx.Client, order: dict[str, Any], recording: Recording) -> None:
    made = api.post(f"/orders/{order['id']}/refunds", json={"amount": "1.00", "api_refund": False}).json()

    answer = api.put(f"/orders/{order['id']}/refunds/{made['id']}", json={"reason": "x"})

    assert answer.json() == recording("refund_posts/55_put_refund_not_allowed")["response"]["body"]


def test_a_client_that_gives_up_has_paid(
    store: DemoWooCommerce, api: httpx.Client, order: dict[str, Any]
) -> None:
    """60 to 61: the gateway is slow, the client leaves, the money moves; a blind retry moves it again."""
    path = f"/orders/{order['id']}/refunds"
    wish = {"amount": "15.15", "reason": "slow", "meta_data": [{"key": "_mark", "value": "m-1"}]}
    store.command("gateway", delay=0.6)

    with pytest.raises(httpx.ReadTimeout):
        api.post(path, json=wish, timeout=0.2)
    while_it_thinks = api.get(path).json()
    done = threading.Event()
    while not [row for row in api.get(path).json() if row["refunded_payment"]]:
        done.wait(0.05)
    store.command("gateway", delay=0)

    assert [row["amount"] for row in while_it_thinks] == ["15.15"]
    assert "_mark" not in [row["key"] for row in while_it_thinks[0]["meta_data"]]
    finished = api.get(path).json()[0]
    assert ("_mark", "m-1") in [(row["key"], row["value"]) for row in finished["meta_data"]]
    assert api.post(path, json=wish).status_code == 201
    moves = [move for move in store.command("ledger")["moves"] if move["order_id"] == order["id"]]
    assert [(move["amount"], move["meta"]["_mark"]) for move in moves] == [("15.15", "m-1")] * 2


def test_two_full_refunds_at_once_are_one(
    store: DemoWooCommerce, api: httpx.Client, order: dict[str, Any]
) -> None:
    answers: list[int] = []

    def press() -> None:
        answers.append(api.post(f"/orders/{order['id']}/refunds", json={"amount": "700.09"}).status_code)

    threads = [threading.Thread(target=press) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [201, 500]
    moves = [move for move in store.command("ledger")["moves"] if move["order_id"] == order["id"]]
    assert [move["amount"] for move in moves] == ["700.09"]


def test_a_refund_puts_goods_back_on_the_shelf(api: httpx.Client, make_order: MakeOrder) -> None:
    shelf = next(row for row in api.get("/products?per_page=100").json() if row["manage_stock"])
    wish = {"payment_method": "testpay", "line_items": [{"product_id": shelf["id"], "quantity": 2}]}
    order = api.post("/orders", json=wish).json()
    line = {"id": order["line_items"][0]["id"], "quantity": 2, "refund_total": "1.00"}
    path = f"/orders/{order['id']}/refunds"

    api.post(path, json={"line_items": [line], "api_restock": False})
    unchanged = api.get(f"/products/{shelf['id']}").json()["stock_quantity"]
    api.post(path, json={"line_items": [line]})
    changed = api.get(f"/products/{shelf['id']}").json()["stock_quantity"]

    assert (unchanged, changed) == (shelf["stock_quantity"], shelf["stock_quantity"] + 2)


def test_a_refund_that_dies_in_the_middle_has_paid_and_bears_no_mark(
    store: DemoWooCommerce, api: httpx.Client, order: dict[str, Any]
) -> None:
    """The row and its reason are stored before the money moves; metadata is the last thing written."""
    path = f"/orders/{order['id']}/refunds"
    store.command("gateway", deaths=1)

    died = api.post(
        path, json={"amount": "3.00", "reason": "r", "meta_data": [{"key": "_mark", "value": "m"}]}
    )

    assert (died.status_code, died.json()["code"]) == (500, "internal_server_error")
    (left,) = api.get(path).json()
    assert (left["amount"], left["reason"], left["refunded_payment"]) == ("3.00", "r", True)
    assert [row["key"] for row in left["meta_data"]] == ["_refund_type"]
    assert api.get(f"/orders/{order['id']}").json()["date_modified"] == order["date_modified"]
    assert len([move for move in store.command("ledger")["moves"] if move["order_id"] == order["id"]]) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"line_items": "x"},
        {"line_items": [1, None, "a"]},
        {"line_items": [{"id": "x", "quantity": "many"}]},
        {"line_items": [{"id": 1, "refund_tax": 7}]},
        {"amount": "1.00", "meta_data": {"key": "v"}},
        {"amount": "9" * 400},
    ],
    ids=str,
)
def test_nonsense_is_answered_in_json(body: dict[str, Any], api: httpx.Client, order: dict[str, Any]) -> None:
    answer = api.post(f"/orders/{order['id']}/refunds", json={"api_refund": False, **body})

    assert answer.status_code in (201, 500)
    assert answer.headers["Content-Type"].startswith("application/json")
    assert {"code", "message", "data"} <= set(answer.json()) or "amount" in answer.json()
