"""Above the merchant's sum, a fresh proof shown beside the frame lets the same request go on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integration import limits
from integration.db.accounts import Role
from integration.limits import Choices
from integration.people import add_agent, find_agent, sessions


@pytest.fixture
def strict(services, account):
    """A fresh proof from one euro on."""
    with services.transaction(account) as work:
        limits.save(work, Choices(step_up_above={"EUR": 100}), by="x")


def prove(services, agent):
    with services.everywhere() as work:
        sessions.start(work, find_agent(work, agent), "passkey", "Test browser")


def preview(frame, shop):
    answer = frame.post(f"/orders/{shop['lamp']}/refund/preview", **{f"q:{shop['lamp']}.11": "1"})
    return answer.get_data(as_text=True)


def test_the_preview_asks_for_the_proof_and_goes_on_after_it(frame, shop, strict, services, agent):
    assert 'data-fresh-proof="yes"' in preview(frame, shop)
    assert frame.get("/stepped-up").get_json() == {"proven": False}
    prove(services, agent)
    assert frame.get("/stepped-up").get_json() == {"proven": True}
    assert 'data-fresh-proof="yes"' not in preview(frame, shop)


def test_the_same_request_is_refused_before_and_taken_after(frame, shop, strict, services, agent):
    form = {f"q:{shop['lamp']}.11": "1", "reason": "changed_mind"}
    refused = frame.post(f"/orders/{shop['lamp']}/refund", key="same", **form)
    assert (refused.status_code, refused.get_json()["code"]) == (403, "step_up")
    prove(services, agent)
    assert frame.post(f"/orders/{shop['lamp']}/refund", key="same", **form).status_code == 202


def test_five_minutes_later_it_is_asked_for_again(frame, shop, strict, services, agent, clock):
    prove(services, agent)
    clock.advance(timedelta(minutes=5, seconds=1))
    assert frame.get("/stepped-up").get_json() == {"proven": False}


def test_somebody_elses_proof_counts_for_nobody_else(frame, services, account):
    with services.transaction(account) as work:
        other, _secret = add_agent(work, "marko@lumi.example", "Marko", Role.LEAD)
        other_id = other.id
    prove(services, other_id)
    assert frame.get("/stepped-up").get_json() == {"proven": False}
