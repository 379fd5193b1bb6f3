"""Misfortune on demand, the control plane, and a store that is killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.demo.shopify import pages

from .conftest import PLAIN, Program, document, serve

KEY = {"Authorization": "Bearer open sesame"}


@pytest.fixture
def program(own_store: Callable[..., Program]) -> Program:
    return own_store()


def note(program: Program, text: str) -> httpx.Response:
    return program.post(document("45_"), input={"id": program.store.state()[0]["id"], "note": text})


def noted(program: Program) -> Any:
    return program.store.state()[0]["note"]


@pytest.mark.parametrize("times", [1, 2])
def test_a_rule_strikes_as_often_as_it_says(program: Program, times: int) -> None:
    rule = program.store.faults.add(action="status_before", operation="OrderUpdate", times=times, status=503)
    assert [note(program, "x").status_code for _ in range(3)] == [503] * times + [200] * (3 - times)
    assert rule.hits == times


def test_a_rule_may_wait_for_its_turn(program: Program) -> None:
    program.store.faults.add(action="status_before", path=r"/graphql\.json$", skip=1)
    assert [note(program, "x").status_code for _ in range(3)] == [200, 500, 200]


def test_errors_before_and_after_doing(program: Program) -> None:
    program.store.faults.add(action="status_before", operation="orderUpdate")
    assert note(program, "before").status_code == 500
    assert noted(program) != "before"
    program.store.faults.add(action="status_after", operation="orderUpdate", status=502)
    assert note(program, "after").status_code == 502
    assert noted(program) == "after"


def test_the_line_goes_dead(program: Program) -> None:
    program.store.hang_up_before_doing("orderUpdate")
    with pytest.raises(httpx.RemoteProtocolError):
        note(program, "before")
    assert noted(program) != "before"
    program.store.hang_up_after_doing("orderUpdate")
    with pytest.raises(httpx.RemoteProtocolError):
        note(program, "after")
    assert noted(program) == "after"


def test_half_an_answer(program: Program) -> None:
    program.store.faults.add(action="truncated", operation="orderUpdate")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        note(program, "half")
    assert noted(program) == "half"


def test_a_page_instead_of_an_answer(program: Program) -> None:
    program.store.faults.add(action="html", operation="orderUpdate")
    answer = note(program, "html")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert noted(program) != "html"


def test_too_many_requests_in_both_ways(program: Program) -> None:
    program.store.faults.add(action="429", operation="orderUpdate", seconds=2)
    answer = note(program, "x")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2.0")
    program.store.faults.add(action="throttled", operation="orderUpdate")
    assert note(program, "x").json()["errors"][0]["extensions"]["code"] == "THROTTLED"
    assert noted(program) != "x"


def test_another_version_than_asked_for(program: Program) -> None:
    program.store.faults.add(action="wrong_version", operation="orderUpdate")
    assert note(program, "x").headers["X-Shopify-API-Version"] == "2026-01"


def test_an_unknown_action_is_refused(program: Program) -> None:
    with pytest.raises(ValueError, match="explode"):
        program.store.faults.add(action="explode")


def test_the_control_plane_needs_its_token(program: Program) -> None:
    address = f"{program.store.origin}/__control__/state"
    assert program.http.get(address).status_code == 401
    assert program.http.get(address, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert len(program.http.get(address, headers=KEY).json()["orders"]) == 40


def test_a_store_without_control_token_has_no_control_plane(own_store: Callable[..., Program]) -> None:
    program = own_store(control_token=None)
    for headers in ({}, KEY, {"Authorization": "None"}):
        answer = program.http.get(f"{program.store.origin}/__control__/state", headers=headers)
        assert answer.status_code == 401


def test_everything_can_be_done_over_http(program: Program) -> None:
    def do(verb: str, **given: Any) -> Any:
        answer = program.http.post(f"{program.store.origin}/__control__/do/{verb}", json=given, headers=KEY)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    gid = do("order", serial=4)
    order = next(each for each in program.store.state() if each["id"] == gid)
    assert order["displayFulfillmentStatus"] in ("UNFULFILLED", "FULFILLMENT_NOT_REQUIRED")
    parcel = do("fulfil", order=gid)
    do("event", fulfillment=parcel, status="IN_TRANSIT", at="2026-11-20T10:00:00Z")
    do("deliver", order=gid)
    do("touch", order=gid, note="seen")
    line = order["lineItems"]["nodes"][0]["id"]
    back = do("return", order=gid, lines=[{"line": line, "quantity": 1, "reason": "defective"}])["return"][
        "id"
    ]
    do("move_return", id=back, move="close")
    refund = do("refund", order=gid, amount="1.00")
    now = next(each for each in program.store.state() if each["id"] == gid)
    assert (now["note"], now["returnStatus"], now["refunds"][0]["id"]) == ("seen", "RETURNED", refund)
    assert now["fulfillments"][0]["inTransitAt"] == "2026-11-20T10:00:00Z"
    do("delete", order=gid)
    ledger = program.http.get(f"{program.store.origin}/__control__/ledger", headers=KEY).json()["ledger"]
    assert [entry["amount"] for entry in ledger] == ["1.0"]


def test_faults_can_be_planned_over_http(program: Program) -> None:
    address = f"{program.store.origin}/__control__/faults"
    rules = {"rules": [{"action": "status_before", "operation": "OrderUpdate", "times": -1}]}
    assert program.http.post(address, json=rules, headers=KEY).status_code == 200
    assert note(program, "x").status_code == 500
    assert program.http.get(address, headers=KEY).json()["faults"][0]["hits"] == 1
    assert program.http.delete(address, headers=KEY).status_code == 200
    assert note(program, "x").status_code == 200
    assert program.http.post(address, json={"rules": [{"action": "explode"}]}, headers=KEY).status_code == 422


@pytest.mark.parametrize(
    ("what", "status"),
    [("do/nonsense", 404), ("do/delete", 422), ("do/fulfil", 422), ("nonsense", 404), ("mischief", 422)],
)
def test_wrong_control_calls_are_refused(program: Program, what: str, status: int) -> None:
    address = f"{program.store.origin}/__control__/{what}"
    assert program.http.post(address, json={"wrong": 1}, headers=KEY).status_code == status


def test_a_bug_shows_itself_and_the_store_stays_up(
    program: Program, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(pages, "home", broken)
    assert program.http.get(f"{program.shop}/admin").status_code == 500
    assert "a bug" in capfd.readouterr().err
    assert note(program, "still here").status_code == 200


def test_connections_are_kept_alive(program: Program) -> None:
    with httpx.Client(verify=PLAIN, limits=httpx.Limits(max_connections=1)) as client:
        streams = []
        for path in ("/admin", "/admin/orders/1", "/nowhere", "/admin"):
            with client.stream("GET", f"{program.shop}{path}") as answer:
                answer.read()
                streams.append(answer.extensions["network_stream"].get_extra_info("socket").fileno())
    assert len(set(streams)) == 1


def test_a_second_start_goes_on_where_the_first_ended(tmp_path: Path) -> None:
    with serve(tmp_path) as first:
        program = Program(first).install()
        note(program, "kept")
        before = first.state()
        program.http.close()
    with serve(tmp_path) as second:
        again = Program(second, program.token)
        assert again.post("{ shop { name } }").status_code == 200
        again.http.close()
        strip = re.compile(r"http://127\.0\.0\.1:\d+")
        assert strip.sub("", str(second.state())) == strip.sub("", str(before))


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Callable[[], tuple[subprocess.Popen[str], str]]]:
    """Start the store as a process of its own; gives it and its address."""
    started: list[subprocess.Popen[str]] = []

    def start() -> tuple[subprocess.Popen[str], str]:
        settings = {"port": 0, "data": tmp_path, "orders": 40, "control": "open sesame"}
        settings |= {"client-id": "demo-key", "client-secret": "s" * 32}
        words = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
        command = [sys.executable, "-m", "connectors.demo.shopify", *words]
        made = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(made)
        assert made.stdout is not None
        return made, made.stdout.readline().split()[-1].removesuffix("/{shop}")

    yield start
    for each in started:
        if each.poll() is None:
            each.kill()
        each.wait(10)
        assert each.stdout is not None
        each.stdout.close()


def test_kill_9_loses_nothing_that_was_answered(
    process: Callable[[], tuple[subprocess.Popen[str], str]],
) -> None:
    running, origin = process()
    gids = []
    with httpx.Client(verify=PLAIN, headers=KEY) as client:
        for number in range(5):
            answer = client.post(f"{origin}/__control__/do/order", json={"serial": number})
            gids.append(answer.json()["result"])
        os.kill(running.pid, signal.SIGKILL)
        running.wait(10)
        running, origin = process()
        state = client.get(f"{origin}/__control__/state").json()["orders"]
    assert [order["id"] for order in state][-5:] == gids
    assert len({order["name"] for order in state}) == 45
    running.terminate()
    assert running.wait(20) == 0
