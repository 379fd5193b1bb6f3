"""A refund from the API call to the store's books, its webhook and the changed order, on both stores."""

from __future__ import annotations

import time as clock_of_the_wall
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import Client

from integration.customers import find_order
from integration.db.accounts import Role
from integration.people import create_token

PLATFORMS = ("shopify", "woocommerce")


@pytest.fixture
def api(services: Any, site: Any, account_id: int) -> Any:
    """POST and GET with an admin's token."""
    with services.transaction(account_id) as work:
        _, token = create_token(work, "program", Role.ADMIN, by="tests")
    client = Client(site)
    bearer = {"Authorization": f"Bearer {token}"}

    def call(path: str, body: Any = None, key: str | None = None) -> Any:
        headers = bearer | ({"Idempotency-Key": key} if key else {})
        if body is None:
            return client.get(f"/api/v1{path}", headers=headers)
        return client.post(f"/api/v1{path}", json=body, headers=headers)

    return call


def piece(order: Any, **more: Any) -> dict[str, Any]:
    """One piece of the order's first line."""
    line = f"{order.id}.{order.lines[0].platform_id.rpartition('/')[2]}"
    return {"lines": [{"line_id": line, "quantity": 1}], "exception": "goodwill", **more}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_refund_goes_all_the_way(
    platform: str, api: Any, cashier: Any, run_due: Any, counter: Any, services: Any, account_id: int
) -> None:
    order = cashier.orders(platform)[0]
    wish = piece(order)
    preview = api(f"/orders/{order.id}/refunds/preview", wish).get_json()
    assert preview["allowed"], preview
    assert counter.moves(platform, order.platform_id.rpartition("/")[2]) == []

    asked = api(f"/orders/{order.id}/refunds", wish, key="k-1")
    assert asked.status_code == 202, asked.get_json()
    assert asked.get_json()["status"] == "pending"
    run_due()

    action = api(f"/actions/{asked.get_json()['id']}").get_json()
    assert (action["status"], action["error"]) == ("succeeded", None)
    assert action["amount"] == preview["amount"]
    assert counter.moves(platform, order.platform_id) == [preview["amount"]["amount"]]
    with services.reading(account_id) as work:
        now = find_order(work, order.id)
    assert now.refunded == round(float(preview["amount"]["amount"]) * 100)
    [refund] = now.refunds
    assert refund.marker == cashier.action(action["id"]).key
    assert refund.platform_id == action["platform_id"]


def test_a_refund_that_succeeds_ends_the_statement_it_answers(
    api: Any, cashier: Any, run_due: Any, services: Any, account_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = cashier.orders("shopify")[0]
    line = piece(order)["lines"][0]["line_id"]
    told = {
        "order_id": str(order.id),
        "received_at": (services.now() - timedelta(hours=1)).isoformat(),
        "channel": "email",
        "lines": [{"line_id": line, "quantity": 1}],
    }
    statement, other = (
        api("/withdrawals", {**told, "channel": channel, "lines": lines}).get_json()["id"]
        for channel, lines in (("email", told["lines"]), ("letter", []))
    )
    monkeypatch.setattr("jobs.carrying._show", lambda *_: None)  # before the copy shows it
    asked = api(f"/orders/{order.id}/refunds", piece(order), key="k-1")
    assert api(f"/withdrawals/{statement}").get_json()["closed_at"] is None
    run_due()

    assert api(f"/actions/{asked.get_json()['id']}").get_json()["status"] == "succeeded"
    assert api(f"/withdrawals/{statement}").get_json()["closed_at"] is not None
    whole = sum(line.quantity for line in order.lines) == 1
    assert (api(f"/withdrawals/{other}").get_json()["closed_at"] is not None) is whole


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_stores_webhook_brings_the_order_home_too(
    platform: str,
    api: Any,
    cashier: Any,
    run_due: Any,
    services: Any,
    account_id: int,
    counter: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order = cashier.orders(platform)[0]
    action_id = api(f"/orders/{order.id}/refunds", piece(order), key="k-1").get_json()["id"]
    monkeypatch.setattr("jobs.carrying._show", lambda *_: None)  # the worker dies before it looks
    run_due()
    assert cashier.action(action_id).status.value == "succeeded"
    if platform == "shopify":
        assert counter.shopify.settle_down()
    else:
        assert counter.woocommerce.command("webhooks/drain")["empty"]
    until = clock_of_the_wall.monotonic() + 20
    while clock_of_the_wall.monotonic() < until:
        run_due()
        with services.reading(account_id) as work:
            if find_order(work, order.id).refunds:
                return
    raise AssertionError("no webhook changed the order")
