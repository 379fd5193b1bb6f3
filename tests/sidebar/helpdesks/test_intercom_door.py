"""Intercom's inbox app: signed JSON in, a canvas out, and a refund that two submits do once."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from integration.db.actions import Action
from sidebar.helpdesks import intercom

SECRET = "client-secret"
KADRI = "kadri.tamm@example.ee"
KINDS = {"text", "data-table", "divider", "button", "checkbox", "dropdown", "input"}


@pytest.fixture
def desk(add_desk):
    return add_desk("intercom", client_secret=SECRET, workspace_id="abc")


def body(component=None, inputs=None, **changes):
    call = {
        "workspace_id": "abc",
        "workspace_region": "EU",
        "admin": {"id": "814", "email": "liis@lumi.example", "name": "Liis Kask", "type": "admin"},
        "context": {"conversation_id": 1295, "location": "conversation", "locale": "en"},
        "conversation": {"id": "1295", "title": "Where is #1042?"},
        "contact": {"id": "c1", "email": KADRI, "phone": None, "role": "user"},
        **changes,
    }
    if component:
        call |= {"component_id": component, "input_values": inputs or {}, "current_canvas": {"content": {}}}
    return json.dumps(call).encode()


def sign(message, secret=SECRET):
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


@pytest.fixture
def call(desk, app):
    def send(message, *, signed=None, secret=SECRET, path=desk.path):
        headers = {"X-Body-Signature": sign(message if signed is None else signed, secret)}
        return app.test_client().post(
            path,
            data=message,
            headers=headers,
            content_type="application/json",
            base_url="https://deskside.test",
        )

    return send


def parts(answer):
    assert answer.status_code == 200
    return answer.get_json()["canvas"]["content"]["components"]


def words(answer):
    return json.dumps(parts(answer), ensure_ascii=False)


def button(answer, name):
    return next(
        part["id"] for part in parts(answer) if part["type"] == "button" and part["id"].startswith(name)
    )


def test_the_vendors_rule_on_a_worked_example():
    message = b'{"workspace_id":"abc","admin":{"id":"1"}}'
    assert sign(message, "test-secret") == "2dc7793c05de0a1419046ebe0186c75493df18213f3ac36c691b9420b133b902"


def test_the_canvas_shows_who_is_asking(call, shop, agent):
    answer = call(body())
    assert "Kadri Tamm" in words(answer)
    assert "#1042" in words(answer)
    assert {part["type"] for part in parts(answer)} <= KINDS
    for part in parts(answer):
        if part["type"] == "button":
            assert part["action"]["type"] in ("submit", "url")
            assert part["id"]


def test_the_raw_bytes_are_what_is_signed(call):
    again = json.dumps(json.loads(body()), indent=1).encode()
    assert call(again, signed=body()).status_code == 401
    assert call(body(), secret="another").status_code == 401
    assert call(body(workspace_id="other")).status_code == 401
    assert call(b"[]").status_code == 401
    assert call(b"\xff").status_code == 401


def test_without_a_signature_nothing_is_said(app, desk):
    client = app.test_client()
    assert client.post(desk.path, data=body(), content_type="application/json").status_code == 401
    assert client.get(desk.path).status_code == 401


def test_one_apps_secret_serves_only_its_own_workspace(call, add_desk, world):
    other = add_desk("intercom", owner=world.account("Other"), client_secret=SECRET, workspace_id="xyz")
    assert call(body(), path=other.path).status_code == 401


def test_a_canvas_is_never_too_large(call, shop, agent, world, account):
    from sidebar import intercom_canvas

    many = [intercom_canvas.text("õ" * 5000) for _turn in range(400)]
    made = intercom_canvas.canvas(
        [intercom_canvas.title("First"), *many, intercom_canvas.button("look", "Last")]
    )
    assert len(json.dumps(made, ensure_ascii=False).encode()) <= 64 * 1024
    kept = made["canvas"]["content"]["components"]
    assert (kept[0]["text"], kept[-1]["label"]) == ("First", "Last")


def test_somebody_without_a_record_reads_and_cannot_refund(call, shop):
    answer = call(body())
    assert "Kadri Tamm" in words(answer)
    assert "refund." not in words(answer)
    assert "This could not be done" in words(call(body(f"refund.{shop['lamp']}")))


class TestRefund:
    @pytest.fixture
    def reviewed(self, call, shop, agent):
        """The canvas that carries the sum, for the wool throw that may still come back."""
        chosen = call(body(f"refund.{shop['lamp']}"))
        step = button(chosen, "review.")
        [boxes] = [part for part in parts(chosen) if part["type"] == "checkbox"]
        lines = [option["id"] for option in boxes["option"]]
        return call(body(step, {"lines": lines[:1], "reason": "changed_mind"}))

    def made(self, services, account):
        with services.reading(account) as work:
            return work.session.scalars(select(Action)).all()

    def test_a_step_twice_is_one_refund(self, call, reviewed, services, account):
        step = button(reviewed, "confirm.")
        first, second = call(body(step)), call(body(step))
        assert parts(first) == parts(second)
        [action] = self.made(services, account)
        assert action.requested_by == "liis@lumi.example"
        assert action.wish["conversation"]["id"] == "1295"

    def test_nothing_is_done_before_the_last_step(self, reviewed, services, account):
        assert self.made(services, account) == []

    @pytest.mark.parametrize(
        "changes",
        [
            {"admin": {"id": "815", "email": "eve@lumi.example"}},
            {"context": {"conversation_id": 1296}, "conversation": {"id": "1296"}},
        ],
    )
    def test_a_step_belongs_to_one_agent_at_one_conversation(
        self, call, reviewed, services, account, changes
    ):
        answer = call(body(button(reviewed, "confirm."), **changes))
        assert "This could not be done" in words(answer)
        assert self.made(services, account) == []

    def test_a_step_ends_after_a_while(self, call, reviewed, services, account, clock):
        clock.advance(timedelta(minutes=16))
        assert "This could not be done" in words(call(body(button(reviewed, "confirm."))))
        assert self.made(services, account) == []

    @pytest.mark.parametrize(
        "step", ["confirm.", "confirm.made-up", "review.made-up", "refund.999999", "refund.x"]
    )
    def test_made_up_steps_do_nothing(self, call, shop, agent, services, account, step):
        assert "This could not be done" in words(call(body(step, {"lines": ["1.1"]})))
        assert self.made(services, account) == []

    def test_a_first_step_cannot_stand_in_for_the_last(self, call, shop, agent, services, account):
        chosen = call(body(f"refund.{shop['slippers']}"))
        step = button(chosen, "review.").replace("review.", "confirm.")
        assert "This could not be done" in words(call(body(step)))
        assert self.made(services, account) == []


def test_the_door_reads_nothing_that_travelled_through_intercom():
    assert "current_canvas" not in intercom.Call.__struct_fields__
    assert "stored_data" not in intercom.Call.__struct_fields__
