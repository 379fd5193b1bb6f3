"""Who gets in, what is refused before anything is looked at, and that accounts never meet."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from integration.db.accounts import ApiToken, Role
from integration.db.actions import Action
from integration.db.audit import AuditEntry
from integration.wishes import Wish
from sidebar.api.calls import CALLS, LARGEST_BODY
from sidebar.api.withdrawing import Acknowledgement, Arrival, Statement

STRANGE = ["0", "-1", "1e3", "９", "99999999999999999999", "1;drop", "%00", "x" * 300]
REFUND = {"lines": [{"line_id": "1.11", "quantity": 1, "restock": False}]}

EVERYTHING = {**REFUND, "note": "x", "return_id": "1", "tags_add": ["vip"], "address": {"name": "Mari Mets"}}
"""A body that any of the action calls takes."""


def body_of(call, order="1"):
    """A body that would do it, if only it were one's own."""
    bodies = {
        Wish: {**EVERYTHING, "lines": [{"line_id": f"{order}.11", "quantity": 1}]},
        Statement: {"order_id": order, "received_at": "2026-11-20T10:00:00Z", "channel": "form"},
        Acknowledgement: {"how": "email"},
        Arrival: {"proof_at": "2026-11-20"},
    }
    return bodies.get(call.body, {})


def path_of(call, order="1", action="1", customer="1", store="1", withdrawal="1"):
    ids = {
        "order_id": order,
        "action_id": action,
        "customer_id": customer,
        "store_id": store,
        "withdrawal_id": withdrawal,
    }
    return re.sub(r"{(\w+)}", lambda match: ids[match.group(1)], call.path)


def is_problem(response, status, code=None):
    assert response.status_code == status, response.get_data(as_text=True)
    assert response.mimetype == "application/problem+json"
    body = response.get_json()
    assert {"type", "title", "status", "detail"} <= body.keys()
    assert body["status"] == status
    assert code is None or body["code"] == code
    return body


class TestEveryCall:
    def test_needs_a_token(self, app):
        for call in CALLS:
            response = app.test_client().open(f"/api/v1{path_of(call)}", method=call.method, json={})
            is_problem(response, 401, "no_token")
            assert response.headers["WWW-Authenticate"].startswith("Bearer")

    def test_refuses_arguments_that_it_does_not_have(self, admin):
        for call in CALLS:
            path = f"/api/v1{path_of(call)}?surprise=1"
            response = admin.client.open(path, method=call.method, json={}, headers=admin.headers)
            is_problem(response, 400, "unknown_argument")

    def test_sees_nothing_of_another_account(self, world, account, admin, program, dear):
        """With ids of everything that the first account has, and a body that would do it there."""
        body = {**EVERYTHING, "lines": [{"line_id": f"{dear}.11", "quantity": 1}]}
        asked = program(Role.AGENT).post(f"/orders/{dear}/refunds", body, key="k").get_json()
        statement = {"order_id": str(dear), "received_at": "2026-11-20T10:00:00Z", "channel": "form"}
        stated = admin.post("/withdrawals", statement).get_json()
        name = admin.get(f"/orders/{dear}").get_json()["name"]
        (mari,) = admin.get("/customers", order=name).get_json()["items"]
        (store,) = admin.get("/stores").get_json()["items"]
        ids = {"order": str(dear), "action": asked["id"], "customer": mari["id"]}
        ids |= {"store": store["id"], "withdrawal": stated["id"]}
        stranger = program(Role.ADMIN, of=world.account("Other"))
        for call in CALLS:
            path = path_of(call, **ids)
            if call.method == "GET":
                arguments = {"order": name} if call.path == "/customers" else {}
                mine, theirs = (one.get(path, **arguments) for one in (admin, stranger))
                assert mine.status_code == 200
            else:
                theirs = stranger.post(path, body_of(call, str(dear)), key="k")
            if "{" in call.path or call.method == "POST":
                is_problem(theirs, 404, "not_found")
            else:
                rows = theirs.get_json()["items"]
                assert [row for row in rows if call.path != "/audit" or row["order_id"]] == []
        for arguments in ({"customer": mari["id"]}, {"store": store["id"]}):
            is_problem(stranger.get("/orders", **arguments), 404)
        is_problem(stranger.get("/audit", order=str(dear)), 404)
        is_problem(stranger.get("/withdrawals", order=str(dear)), 404)
        assert admin.get(f"/actions/{asked['id']}").get_json() == asked
        assert admin.get(f"/withdrawals/{stated['id']}").get_json() == stated

    def test_a_strange_id_names_nothing(self, admin):
        for call in CALLS:
            for strange in STRANGE if "{" in call.path else ():
                path = path_of(call, *[strange] * 5)
                if call.method == "GET":
                    response = admin.get(path)
                else:
                    response = admin.post(path, body_of(call), key="k")
                is_problem(response, 404)


class TestTokens:
    def test_what_is_no_living_token_is_refused(self, app):
        client = app.test_client()
        wrong = [
            "",
            "Bearer",
            "Bearer ",
            "Bearer ds_wrong",
            "Basic ds_x",
            "Bearer ds_" + "x" * 500,
            "Bearer ds_Ã©",
        ]
        for header in wrong:
            is_problem(client.get("/api/v1/stores", headers={"Authorization": header}), 401)

    def test_a_revoked_token_ends_at_once(self, world, account, admin):
        assert admin.get("/stores").status_code == 200
        with world.database.transaction(account) as work:
            work.session.query(ApiToken).one().revoked_at = work.now()
        is_problem(admin.get("/stores"), 401)

    def test_its_use_is_noted_at_most_once_a_minute(self, world, account, admin, clock):
        def used():
            with world.database.reading(account) as work:
                return work.session.query(ApiToken).one().last_used_at

        admin.get("/stores")
        first = used()
        clock.advance(timedelta(seconds=30))
        admin.get("/stores")
        assert used() == first == clock() - timedelta(seconds=30)
        clock.advance(timedelta(seconds=31))
        admin.get("/stores")
        assert used() == clock()

    def test_too_many_calls_are_asked_to_wait(self, admin, clock, monkeypatch):
        monkeypatch.setattr("sidebar.api.callers.CALLS_A_MINUTE", 3)
        clock.now = clock.now.replace(second=0)
        assert [admin.get("/stores").status_code for _ in range(3)] == [200] * 3
        response = admin.get("/stores")
        is_problem(response, 429, "too_many_calls")
        assert response.headers["Retry-After"] == "60"
        clock.advance(timedelta(minutes=1))
        assert admin.get("/stores").status_code == 200

    def test_guessing_is_slowed_down(self, app, monkeypatch):
        monkeypatch.setattr("sidebar.api.callers.GUESSES_A_MINUTE", 2)
        client = app.test_client()
        guesses = [
            client.get("/api/v1/stores", headers={"Authorization": f"Bearer ds_{n}"}).status_code
            for n in range(4)
        ]
        assert guesses == [401, 401, 429, 429]


class TestRoles:
    def test_an_agents_token_decides_nothing(self, program, sold):
        is_problem(program(Role.AGENT).post("/actions/1/approve"), 403, "not_a_lead")

    def test_an_agents_token_reads_the_record_of_one_order_only(self, program, sold):
        agent = program(Role.AGENT)
        is_problem(agent.get("/audit"), 403, "not_a_lead")
        assert agent.get("/audit", order=str(sold[0])).status_code == 200


BODIES = [
    (b"", 415),
    (b"{", 400),
    (b"[]", 400),
    (b"null", 400),
    (b'"x"', 400),
    (b"\xff\xfe", 400),
    (b"[" * 5000, 400),
    (b'{"surprise":1}', 400),
    (b'{"lines":[]}', 400),
    (b'{"lines":[{"line_id":"1.11","quantity":0}]}', 400),
    (b'{"lines":[{"line_id":"1.11","quantity":1.5}]}', 400),
    (b'{"lines":[{"line_id":"1.11","quantity":1},{"line_id":"1.11","quantity":1}]}', 400),
    (b'{"amount":{"amount":"1e3","currency":"EUR"}}', 400),
    (b'{"amount":{"amount":"1.234","currency":"EUR"}}', 400),
    (b'{"amount":{"amount":"-1","currency":"EUR"}}', 400),
    (b'{"amount":{"amount":"1","currency":"EUR"},"lines":[{"line_id":"1.11","quantity":1}]}', 400),
    (b'{"lines":[{"line_id":"1.11","quantity":1}],"reason":"because"}', 400),
    (b'{"lines":[{"line_id":"1.11","quantity":1}],"note":"' + b"x" * 3000 + b'"}', 400),
    (b" " * (LARGEST_BODY + 1), 413),
]


class TestBodies:
    @pytest.mark.parametrize("path", ["refunds/preview", "refunds"])
    def test_what_does_not_fit_is_refused_and_nothing_happens(self, world, admin, sold, path):
        for number, (body, status) in enumerate(BODIES):
            response = admin.client.post(
                f"/api/v1/orders/{sold[0]}/{path}",
                data=body,
                content_type="application/json" if body else None,
                headers={**admin.headers, "Idempotency-Key": f"k{number}"},
            )
            is_problem(response, status)
        with world.database.everywhere(write=False) as work:
            assert work.session.query(Action).count() == 0

    def test_a_form_is_no_json(self, admin, sold):
        response = admin.client.post(
            f"/api/v1/orders/{sold[0]}/refunds",
            data={"lines": "1"},
            headers={**admin.headers, "Idempotency-Key": "k"},
        )
        is_problem(response, 415, "not_json")

    def test_actions_need_a_usable_key(self, admin, sold):
        for path in ("refunds", "cancel", "returns", "note"):
            for key in (None, "", "  ", '""', "x" * 201, "a b"):
                is_problem(admin.post(f"/orders/{sold[0]}/{path}", REFUND, key=key), 400)

    def test_other_methods_and_unknown_calls_are_problems_too(self, admin):
        is_problem(admin.client.delete("/api/v1/stores", headers=admin.headers), 405)
        is_problem(admin.get("/nothing"), 404)


def test_lookups_of_people_are_on_record_without_what_was_typed(world, account, admin, sold):
    admin.get("/customers", email="mari@example.ee")
    with world.database.reading(account) as work:
        entry = work.session.query(AuditEntry).filter_by(event="customers.looked_up").one()
    assert entry.actor == "token admin program"
    assert entry.detail["asked"] == {"email": 1, "phone": 0, "order": 0, "q": 0}
    assert len(entry.detail["customers"]) == 1
    assert "mari" not in str(entry.detail)
