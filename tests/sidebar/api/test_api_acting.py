"""Refunds and decisions by API: previewed, asked once, followed, decided by somebody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from integration.db.accounts import ApiToken, Role
from integration.db.actions import Action, ActionStatus


def wish(order_id, quantity=1, **more):
    return {
        "lines": [{"line_id": f"{order_id}.11", "quantity": quantity, "restock": False}],
        "shipping": None,
        "amount": None,
        "method": "original",
        "reason": "changed_mind",
        "note": "",
        "notify": False,
        "exception": None,
        "conversation": {"helpdesk": "zendesk", "id": "77"},
        **more,
    }


def count(world):
    with world.database.everywhere(write=False) as work:
        return work.session.query(Action).count()


def test_a_preview_shows_the_sum_and_does_nothing(world, admin, sold):
    order_id, _ = sold
    body = admin.post(f"/orders/{order_id}/refunds/preview", wish(order_id)).get_json()
    assert body["amount"] == {"amount": "20.00", "currency": "EUR"}
    (line,) = body["lines"]
    assert (line["line_id"], line["quantity"]) == (f"{order_id}.11", 1)
    assert line["amount"] == {"amount": "20.00", "currency": "EUR"}
    assert body["allowed"] is True
    assert body["platform_amount"] == body["amount"]
    assert body["difference"] is None
    assert count(world) == 0


def test_a_refund_is_written_down_and_can_be_followed(world, admin, sold):
    order_id, _ = sold
    response = admin.post(f"/orders/{order_id}/refunds", wish(order_id), key="k-1")
    assert response.status_code == 202
    action = response.get_json()
    assert action["kind"] == "refund"
    assert action["order_id"] == str(order_id)
    assert action["status"] == "pending"
    assert action["amount"] == {"amount": "20.00", "currency": "EUR"}
    assert action["requested_by"] == "token admin program"
    assert response.headers["Location"] == f"/api/v1/actions/{action['id']}"
    assert admin.get(f"/actions/{action['id']}").get_json() == action


def test_the_same_key_is_the_same_refund(world, admin, sold):
    order_id, _ = sold
    first = admin.post(f"/orders/{order_id}/refunds", wish(order_id), key="k-1")
    again = admin.post(f"/orders/{order_id}/refunds", wish(order_id), key='"k-1"')
    assert again.status_code == 202
    assert again.get_json() == first.get_json()
    other = admin.post(f"/orders/{order_id}/refunds", wish(order_id, 2), key="k-1")
    assert other.status_code == 422
    assert other.get_json()["code"] == "idempotency_key_reused"
    assert count(world) == 1


def test_keys_of_two_programs_never_meet(world, admin, program, sold):
    order_id, _ = sold
    other = program(Role.LEAD)
    first = admin.post(f"/orders/{order_id}/note", {"note": "called back"}, key="k").get_json()
    second = other.post(f"/orders/{order_id}/note", {"note": "wrote"}, key="k").get_json()
    assert first["id"] != second["id"]


def test_a_store_that_is_silent_gets_no_refund(world, admin, sold, shelf):
    order_id, _ = sold
    shelf.reachable = False
    world.clock.advance(timedelta(minutes=1))
    response = admin.post(f"/orders/{order_id}/refunds", wish(order_id), key="k-1")
    assert response.status_code == 503
    assert response.mimetype == "application/problem+json"
    assert response.get_json()["next_step"]
    assert count(world) == 0


def test_a_token_revoked_while_the_store_is_read_asks_for_nothing(world, admin, sold, shelf, monkeypatch):
    order_id, _ = sold
    read = shelf.order

    def slowly(platform_id):
        with world.database.everywhere() as work:
            work.session.query(ApiToken).one().revoked_at = work.now()
        return read(platform_id)

    monkeypatch.setattr(shelf, "order", slowly)
    world.clock.advance(timedelta(minutes=1))
    response = admin.post(f"/orders/{order_id}/refunds", wish(order_id), key="k-1")
    assert (response.status_code, response.get_json()["code"]) == (403, "access_ended")
    assert count(world) == 0


@pytest.mark.parametrize("change", [{"role": Role.AGENT}, {"revoked_at": datetime(2026, 11, 22, tzinfo=UTC)}])
def test_a_decider_shut_out_while_the_store_is_read_decides_nothing(
    world, program, dear, shelf, monkeypatch, change
):
    asked = program(Role.AGENT).post(f"/orders/{dear}/refunds", wish(dear), key="k-1").get_json()
    lead, read = program(Role.ADMIN), shelf.order

    def slowly(platform_id):
        with world.database.everywhere() as work:
            row = work.session.query(ApiToken).filter_by(role=Role.ADMIN).one()
            for name, value in change.items():
                setattr(row, name, value)
        return read(platform_id)

    monkeypatch.setattr(shelf, "order", slowly)
    world.clock.advance(timedelta(minutes=1))
    response = lead.post(f"/actions/{asked['id']}/approve", {"note": "fine"})
    assert (response.status_code, response.get_json()["code"]) == (403, "access_ended")
    with world.database.everywhere(write=False) as work:
        assert work.session.query(Action).one().status is ActionStatus.AWAITING_APPROVAL


def test_more_than_is_left_is_refused(world, admin, sold):
    order_id, _ = sold
    response = admin.post(f"/orders/{order_id}/refunds", wish(order_id, 3), key="k-1")
    assert response.status_code == 422
    assert count(world) == 0


def test_above_an_agents_limit_somebody_else_decides(world, program, dear):
    order_id = dear
    agent, lead = program(Role.AGENT), program(Role.ADMIN)
    asked = agent.post(f"/orders/{order_id}/refunds", wish(order_id), key="k-1").get_json()
    assert asked["status"] == "awaiting_approval"
    assert agent.post(f"/actions/{asked['id']}/approve").status_code == 403
    approved = lead.post(f"/actions/{asked['id']}/approve", {"note": "fine"}).get_json()
    assert approved["status"] == "pending"
    assert approved["approved_by"] == "token admin program"
    events = [entry["event"] for entry in lead.get("/audit", order=str(order_id)).get_json()["items"]]
    assert events[:2] == ["refund.approved", "refund.requested"]


def test_who_asked_may_withdraw(program, dear):
    agent, other = program(Role.AGENT), program(Role.AGENT)
    asked = agent.post(f"/orders/{dear}/refunds", wish(dear), key="k-1").get_json()
    assert other.post(f"/actions/{asked['id']}/reject").status_code == 403
    withdrawn = agent.post(f"/actions/{asked['id']}/reject", {"note": "never mind"}).get_json()
    assert withdrawn["status"] == "rejected"
    assert agent.post(f"/actions/{asked['id']}/reject").status_code == 409


def test_a_decision_with_unknown_fields_is_refused(admin):
    response = admin.post("/actions/1/approve", {"surprise": 1})
    assert response.status_code == 400
