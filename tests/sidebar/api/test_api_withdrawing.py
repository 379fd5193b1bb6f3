"""Withdrawal statements by API: written down once, acknowledged, followed, settled."""

from __future__ import annotations

from datetime import timedelta

import pytest


@pytest.fixture
def order_id(world, account):
    line = world.line(quantity=2)
    sold = world.record(line, fulfillments=(world.parcel(line),))
    return str(world.sell(account, world.store(account), sold)[0])


@pytest.fixture
def told(clock, order_id):
    return {
        "order_id": order_id,
        "received_at": (clock() - timedelta(hours=2)).isoformat(),
        "channel": "form",
        "lines": [{"line_id": f"{order_id}.1", "quantity": 1}],
    }


def test_a_statement_is_followed_from_its_arrival_to_its_end(admin, told, order_id):
    made = admin.post("/withdrawals", told)
    assert made.status_code == 201
    row = made.get_json()
    assert made.headers["Location"].endswith(f"/api/v1/withdrawals/{row['id']}")
    assert (row["order_id"], row["lines"], row["channel"]) == (order_id, told["lines"], "form")
    assert (row["refund_due"], row["return_due"]) == ("2026-12-05", "2026-12-07")
    assert row["acknowledged_at"] is row["acknowledged_how"] is row["closed_at"] is None

    path = f"/withdrawals/{row['id']}"
    acknowledged = admin.post(f"{path}/acknowledge", {"how": "email"}).get_json()
    assert acknowledged["acknowledged_how"] == "email"
    assert acknowledged["acknowledged_at"].endswith("Z")
    moved = admin.post(f"{path}/goods", {"proof_at": "2026-11-21"}).get_json()
    assert (moved["proof_at"], moved["goods_at"]) == ("2026-11-21", None)
    assert admin.get("/withdrawals", running="true").get_json()["items"] == [moved]

    closed = admin.post(f"{path}/close").get_json()
    assert closed["closed_at"] is not None
    assert admin.get("/withdrawals", running="true").get_json()["items"] == []
    assert admin.get(path).get_json() == closed
    assert admin.get("/withdrawals", order=order_id).get_json() == {"items": [closed], "next_cursor": None}


def test_the_same_statement_again_is_the_same_one(admin, told):
    first, again = (admin.post("/withdrawals", told).get_json() for _try in range(2))
    assert first == again
    whole = admin.post("/withdrawals", {**told, "lines": []}).get_json()
    assert whole["id"] != first["id"]

    page = admin.get("/withdrawals", limit=1).get_json()
    rest = admin.get("/withdrawals", limit=1, cursor=page["next_cursor"]).get_json()
    assert [page["items"][0]["id"], rest["items"][0]["id"]] == [first["id"], whole["id"]]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"channel": "pigeon"},
        {"received_at": "2026-11-21T10:00:00"},
        {"received_at": "2027-11-21T10:00:00Z"},
        {"lines": [{"line_id": "77.1", "quantity": 1}]},
        {"lines": [{"line_id": "1.1", "quantity": -1}]},
        {"lines": [{"line_id": "1.1", "quantity": 10**12}]},
        {"colour": "red"},
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_kept(admin, told, wrong):
    assert admin.post("/withdrawals", {**told, **wrong}).status_code == 400
    assert admin.get("/withdrawals").get_json()["items"] == []


def test_what_cannot_be_done_to_a_statement_is_refused(admin, told):
    path = f"/withdrawals/{admin.post('/withdrawals', told).get_json()['id']}"

    assert admin.post(f"{path}/acknowledge", {"how": "phone"}).status_code == 400
    assert admin.post(f"{path}/goods", {}).status_code == 400
    assert admin.post(f"{path}/goods", {"goods_at": "2027-01-01"}).status_code == 400
    assert admin.post(f"{path}/acknowledge", {"how": "letter"}).status_code == 200
    assert admin.post(f"{path}/acknowledge", {"how": "letter"}).status_code == 409


def test_another_accounts_statements_do_not_exist(admin, program, world, told, order_id):
    row = admin.post("/withdrawals", told).get_json()
    other = program(of=world.account("Other"))

    assert other.get("/withdrawals").get_json()["items"] == []
    assert other.get("/withdrawals", order=order_id).status_code == 404
    for deed in ("", "/acknowledge", "/goods", "/close"):
        path = f"/withdrawals/{row['id']}{deed}"
        bodies = {"/acknowledge": {"how": "email"}, "/goods": {"goods_at": "2026-11-20"}}
        answer = other.post(path, bodies.get(deed)) if deed else other.get(path)
        assert answer.status_code == 404
    assert other.post("/withdrawals", told).status_code == 404
    assert admin.get(f"/withdrawals/{row['id']}").get_json() == row
