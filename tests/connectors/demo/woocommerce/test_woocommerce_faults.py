"""Faults on order: what was done and what was answered are two things."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from connectors.demo.woocommerce import DemoWooCommerce


def control(store: DemoWooCommerce, what: str, **wish: Any) -> Any:
    answer = httpx.post(
        f"{store.url}/__control__/{what}", json=wish, headers={"Authorization": "Bearer open sesame"}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def moves_of(store: DemoWooCommerce, order: dict[str, Any]) -> list[str]:
    return [move["amount"] for move in control(store, "ledger")["moves"] if move["order_id"] == order["id"]]


@pytest.mark.parametrize("token", ["", "Bearer wrong"])
def test_the_control_plane_is_closed_without_its_token(store: DemoWooCommerce, token: str) -> None:
    answer = httpx.post(f"{store.url}/__control__/state", headers={"Authorization": token})

    assert (answer.status_code, answer.text) == (404, "no")


def test_bad_commands_are_named(store: DemoWooCommerce) -> None:
    headers = {"Authorization": "Bearer open sesame"}
    for what, wish in (("nonsense", {}), ("orders/note", {}), ("faults", {"rules": [{"action": "explode"}]})):
        answer = httpx.post(f"{store.url}/__control__/{what}", json=wish, headers=headers)
        assert answer.status_code in (400, 404)


@pytest.mark.parametrize(
    ("action", "done"),
    [("hangup_before", []), ("hangup_after", ["1.00"])],
)
def test_hanging_up(
    action: str, done: list[str], store: DemoWooCommerce, api: httpx.Client, order: dict[str, Any]
) -> None:
    control(store, "faults", rules=[{"action": action, "method": "POST", "path": "/refunds$"}])

    with pytest.raises(httpx.RemoteProtocolError):
        api.post(f"/orders/{order['id']}/refunds", json={"amount": "1.00"})

    assert moves_of(store, order) == done
    assert api.post(f"/orders/{order['id']}/refunds", json={"amount": "1.00"}).status_code == 201


@pytest.mark.parametrize(
    ("rule", "status", "done"),
    [
        ({"action": "status_before", "status": 503}, 503, []),
        ({"action": "status_after"}, 500, ["1.00"]),
        ({"action": "too_many"}, 429, []),
        ({"action": "html", "status": 200}, 200, []),
        ({"action": "html_after", "status": 503}, 503, ["1.00"]),
        ({"action": "delay", "seconds": 0.01}, 201, ["1.00"]),
        ({"action": "delay_after", "seconds": 0.01}, 201, ["1.00"]),
    ],
    ids=lambda value: value["action"] if isinstance(value, dict) else "",
)
def test_wrong_answers(
    rule: dict[str, Any],
    status: int,
    done: list[str],
    store: DemoWooCommerce,
    api: httpx.Client,
    order: dict[str, Any],
) -> None:
    control(store, "faults", rules=[rule])

    answer = api.post(f"/orders/{order['id']}/refunds", json={"amount": "1.00"})

    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html") == (
        rule["action"] in ("html", "html_after", "too_many")
    )
    assert moves_of(store, order) == done


def test_an_answer_that_breaks_off(store: DemoWooCommerce, api: httpx.Client) -> None:
    control(store, "faults", rules=[{"action": "truncated", "method": "GET"}])

    with pytest.raises(httpx.RemoteProtocolError):
        api.get("/orders")


def test_a_rule_lets_some_by_and_is_then_spent(store: DemoWooCommerce, api: httpx.Client) -> None:
    control(store, "faults", rules=[{"action": "status_before", "skip": 1, "times": 2, "status": 502}])

    assert [api.get("/orders").status_code for _ in range(4)] == [200, 502, 502, 200]
    assert control(store, "faults")["rules"] == [{"action": "status_before", "times": 0, "hits": 2}]


def test_changes_made_behind_the_counter(
    store: DemoWooCommerce, api: httpx.Client, order: dict[str, Any]
) -> None:
    id_ = order["id"]
    changed = control(
        store, "orders/change", id=id_, status="processing", meta={"_k": 1}, billing={"city": "Võru"}
    )
    assert (changed["status"], changed["billing"]["city"]) == ("processing", "Võru")
    sent = control(store, "orders/track", id=id_, number="CC1EE")
    assert [row["value"][0]["tracking_number"] for row in sent["meta_data"] if "tracking" in row["key"]] == [
        "CC1EE"
    ]
    arrived = control(store, "orders/deliver", id=id_)
    known = next(row["value"][0] for row in arrived["meta_data"] if row["key"] == "shipment_status")
    assert (arrived["status"], known["status"]) == ("delivered", "delivered")
    control(store, "orders/note", id=id_, note="psst")
    assert api.get(f"/orders/{id_}/notes").json()[0]["note"] == "psst"
    refund = api.post(f"/orders/{id_}/refunds", json={"amount": "1.00"}).json()
    control(store, "refunds/delete", order_id=id_, id=refund["id"])
    assert api.get(f"/orders/{id_}/refunds").json() == []
    assert moves_of(store, order) == ["1.00"]
    masked = control(store, "orders/anonymise", id=id_)
    assert (masked["billing"]["email"], masked["billing"]["first_name"]) == (
        "deleted@site.invalid",
        "[deleted]",
    )
    control(store, "orders/delete", id=id_)
    assert api.get(f"/orders/{id_}").status_code == 404


def test_the_state_is_what_the_api_shows(store: DemoWooCommerce, api: httpx.Client) -> None:
    state = control(store, "state")

    for order in state["orders"][:5]:
        assert api.get(f"/orders/{order['id']}").json() == order
    refund = state["refunds"][0]
    shown = api.get(f"/orders/{refund['parent_id']}/refunds/{refund['id']}").json()
    assert {**shown, "parent_id": refund["parent_id"]} == refund
