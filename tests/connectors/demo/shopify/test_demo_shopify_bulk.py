"""Bulk operations: what is in the file, what is refused, how they fail."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from connectors.demo.shopify import Conduct

from .conftest import QUICK, Program, document

LINES = "{ orders { edges { node { id name lineItems { edges { node { id sku } } } } } } }"


def inner(name: str) -> str:
    """A document for a bulk operation, as it is sent: without comments, from long ago on."""
    lines = [line for line in document(name).splitlines() if not line.startswith("#")]
    return "\n".join(lines).replace("2025-11-21", "2020-01-01")


def start(program: Program, query: str) -> str:
    started = program.data("13_", query=query)["bulkOperationRunQuery"]
    assert started["userErrors"] == []
    assert started["bulkOperation"]["status"] == "CREATED"
    gid: str = started["bulkOperation"]["id"]
    return gid


def finish(program: Program, gid: str) -> dict[str, Any]:
    end = time.monotonic() + 20
    while True:
        operation: dict[str, Any] = program.data("14_", id=gid)["bulkOperation"]
        if operation["completedAt"]:
            return operation
        assert time.monotonic() < end, operation
        time.sleep(0.02)


def lines_of(program: Program, address: str) -> list[dict[str, Any]]:
    answer = program.http.get(address)
    assert answer.status_code == 200
    return [json.loads(line) for line in answer.text.splitlines()]


def test_the_file_holds_what_the_api_shows(program: Program) -> None:
    operation = finish(program, start(program, inner("10_")))
    assert (operation["status"], operation["errorCode"], operation["type"]) == ("COMPLETED", None, "QUERY")
    found = lines_of(program, operation["url"])
    assert int(operation["objectCount"]) == len(found)
    state = {order["id"]: order for order in program.store.state()}
    orders = [line for line in found if line["__typename"] == "Order"]
    assert {order["id"] for order in orders} == set(state)
    assert int(operation["rootObjectCount"]) == len(orders)
    for line in found:
        if line["__typename"] == "LineItem":
            (same,) = (
                each for each in state[line["__parentId"]]["lineItems"]["nodes"] if each["id"] == line["id"]
            )
            assert {name: same[name] for name in line if name in same} == {
                name: line[name] for name in line if name in same
            }
        else:
            same = state[line["id"]]
            plain = [
                name for name, value in line.items() if name in same and not isinstance(value, dict | list)
            ]
            assert len(plain) > 15
            assert {name: same[name] for name in plain} == {name: line[name] for name in plain}
            assert [each["id"] for each in line["fulfillments"]] == [
                each["id"] for each in same["fulfillments"]
            ]


def test_children_come_after_their_parents_but_not_at_once(program: Program) -> None:
    operation = finish(program, start(program, inner("11_")))
    seen: set[str] = set()
    apart = 0
    last = ""
    for line in lines_of(program, operation["url"]):
        if "__parentId" in line:
            assert line["__parentId"] in seen
            apart += line["__parentId"] != last
        seen.add(line["id"])
        last = line["id"]
    assert apart > 1


def test_plans_need_their_scope(program: Program) -> None:
    operation = finish(program, start(program, inner("12_")))
    kinds = {line["__typename"] for line in lines_of(program, operation["url"])}
    assert kinds == {"Order", "FulfillmentOrder", "FulfillmentOrderLineItem", "Fulfillment"}


def test_a_window_without_orders_has_no_link(program: Program) -> None:
    operation = finish(
        program, start(program, "{ orders(query: \"created_at:<'2001-01-01'\") { edges { node { id } } } }")
    )
    assert (operation["status"], operation["url"], operation["objectCount"]) == ("COMPLETED", None, "0")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("{ orders { nodes { id } } }", "through 'edges'"),
        ("{ orders { edges { node { lineItems { edges { node { id } } } } } } }", "must select the 'id'"),
        (
            "{ orders { edges { node { id refunds { refundLineItems { edges { node { id } } } } } } } }",
            "connection field within a list",
        ),
        ("{ orders { edges { node { id shippingLines { edges { node { title } } } } } } }", "that are Nodes"),
        ("{ shop { name } }", "orders only"),
        ("{ orders { edges { node { id } } } shop { name } }", "exactly one top-level field"),
        ("mutation { bulkOperationCancel(id: 1) { userErrors { message } } }", "exactly one query"),
        ("{ orders { edges { node { id nonsense } } } }", "Cannot query field"),
        ("{ orders {", "Syntax Error"),
    ],
)
def test_rules_are_kept(program: Program, query: str, message: str) -> None:
    refused = program.data("13_", query=query)["bulkOperationRunQuery"]
    assert refused["bulkOperation"] is None
    assert message in refused["userErrors"][0]["message"]
    assert refused["userErrors"][0]["code"] == "INVALID"


def test_prepared_lines_are_the_same_and_follow_changes(own_store: Callable[..., Program]) -> None:
    def read(program: Program) -> list[str]:
        answer = program.http.get(finish(program, start(program, inner("10_")))["url"])
        return sorted(answer.text.splitlines())

    plain, kept = own_store(), own_store(conduct=replace(QUICK, prerender=True))
    assert read(kept) == read(kept) == read(plain)
    orders = kept.store.state()
    kept.data("45_", input={"id": orders[3]["id"], "note": "changed since"})
    customer = next(order["customer"]["id"] for order in orders if order["customer"])
    kept.data("46_", id=customer, tags=["vip"])
    after = [json.loads(line) for line in read(kept)]
    (changed,) = (line for line in after if line["id"] == orders[3]["id"])
    assert changed["note"] == "changed since"
    assert all(
        "vip" in line["customer"]["tags"]
        for line in after
        if (line.get("customer") or {}).get("id") == customer
    )


def test_five_at_once(own_store: Callable[..., Program]) -> None:
    program = own_store(conduct=Conduct(bulk_seconds=60))
    for _ in range(5):
        start(program, LINES)
    refused = program.data("13_", query=LINES)["bulkOperationRunQuery"]
    assert refused["userErrors"][0]["code"] == "LIMIT_REACHED"
    running = program.data("15_")["bulkOperations"]["nodes"]
    assert len(running) == 5
    stopped = program.data("16_", id=running[0]["id"])["bulkOperationCancel"]
    assert (stopped["bulkOperation"]["status"], stopped["userErrors"]) == ("CANCELING", [])
    assert len(program.data("15_")["bulkOperations"]["nodes"]) == 4


def test_a_failure_leaves_partial_data(own_store: Callable[..., Program]) -> None:
    program = own_store(orders=120)
    shop = program.store.shop()
    with shop.archive.change():
        shop.archive.keep("settings", "bulk_fault", {"after": 50, "times": 1})
    failed = finish(program, start(program, LINES))
    assert (failed["status"], failed["errorCode"], failed["url"]) == ("FAILED", "INTERNAL_SERVER_ERROR", None)
    partial = lines_of(program, failed["partialDataUrl"])
    assert 0 < sum("__parentId" not in line for line in partial) < 120
    whole = finish(program, start(program, LINES))
    assert whole["rootObjectCount"] == "120"


def test_links_are_signed_and_run_out(own_store: Callable[..., Program]) -> None:
    program = own_store(conduct=Conduct(bulk_seconds=0, download_seconds=0))
    over = finish(program, start(program, LINES))["url"]
    assert program.http.get(over).status_code == 400
    assert program.http.get(over.replace("expires=", "expires=9")).status_code == 400


def test_a_download_goes_on_where_it_broke_off(program: Program) -> None:
    address = finish(program, start(program, LINES))["url"]
    whole = program.http.get(address).content
    rest = program.http.get(address, headers={"Range": "bytes=100-"})
    assert (rest.status_code, rest.content) == (206, whole[100:])
    assert rest.headers["Content-Range"] == f"bytes 100-{len(whole) - 1}/{len(whole)}"


def test_a_missing_scope_fails_the_operation(own_store: Callable[..., Program]) -> None:
    program = own_store(scopes=["read_orders", "read_all_orders"])
    failed = finish(program, start(program, "{ orders { edges { node { id customer { id } } } } }"))
    assert (failed["status"], failed["errorCode"], failed["url"]) == ("FAILED", "ACCESS_DENIED", None)
