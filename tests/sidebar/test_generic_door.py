"""The generic door: what a token must prove, and what each proof allows."""

from __future__ import annotations

from datetime import timedelta

import jwt
import pytest
from sqlalchemy import select

from integration.db.accounts import Agent
from integration.db.helpdesks import Helpdesk, HelpdeskAgent
from integration.people import agents
from sidebar.agents import _named
from sidebar.tokens import WORKING_DAY

pytestmark = pytest.mark.usefixtures("agent", "shop")


def knock(app, desk, token):
    return app.test_client().post(desk.path, data={"token": token})


def test_a_signed_token_opens_the_customers_orders(frame):
    assert frame.answer.status_code == 200
    assert 'data-testid="customer"' in frame.text
    assert "Kadri Tamm" in frame.text


def test_the_page_answers_at_its_own_address_and_is_not_kept(frame):
    headers = frame.answer.headers
    assert headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in headers
    assert "X-Frame-Options" not in headers
    assert headers["Referrer-Policy"] == "no-referrer"


def test_only_the_desk_may_frame_it(frame, app):
    assert "frame-ancestors https://desk.example" in frame.answer.headers["Content-Security-Policy"]
    elsewhere = app.test_client().get("/sidebar/pane").headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in elsewhere


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://elsewhere.example"},
        {"iss": "another-desk"},
        {"exp": 1},
        {"iat": 4_000_000_000, "exp": 4_000_000_060},
        {"exp": None},
        {"iat": None},
        {"jti": None},
        {"jti": ""},
        {"sub": ""},
        {"sub": 7},
        {"customer": "kadri.tamm@example.ee"},
        {"customer": {"emails": "kadri.tamm@example.ee"}},
        {"exp": 10**30},
    ],
)
def test_a_token_that_says_the_wrong_thing_is_refused(app, desk, claims):
    answer = knock(app, desk, desk.token(**claims))
    assert answer.status_code == 401
    assert b"Kadri" not in answer.data


def test_a_token_may_not_live_longer_than_two_minutes(app, desk, clock):
    now = int(clock().timestamp())
    assert knock(app, desk, desk.token(iat=now, exp=now + 121)).status_code == 401
    assert knock(app, desk, desk.token(iat=now, exp=now + 120)).status_code == 200


def test_an_expired_token_is_refused(app, desk, clock):
    token = desk.token()
    clock.advance(timedelta(seconds=61))
    assert knock(app, desk, token).status_code == 401


@pytest.mark.parametrize("secret", ["", "another secret that is also quite long"])
def test_a_forged_token_is_refused(app, desk, secret):
    assert knock(app, desk, desk.token(secret=secret or "x" * 32)).status_code == 401


def test_the_header_never_chooses_the_algorithm(app, desk):
    unsigned = jwt.encode(desk.claims(), None, algorithm="none")
    assert knock(app, desk, unsigned).status_code == 401
    with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):
        other = desk.token(algorithm="HS384")
    assert knock(app, desk, other).status_code == 401


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é" * 100, "a" * 100_000])
def test_hostile_text_is_refused(app, desk, token):
    assert knock(app, desk, token).status_code == 401


def test_one_desks_token_opens_no_other_desk(app, another_desk, desk):
    stranger = another_desk()
    assert knock(app, stranger, desk.token()).status_code == 401
    assert knock(app, stranger, stranger.token(iss=desk.key)).status_code == 401


def test_another_account_sees_nothing_of_this_one(app, another_desk):
    stranger = another_desk()
    text = knock(app, stranger, stranger.token()).get_data(as_text=True)
    assert 'data-testid="empty"' in text
    assert "Kadri Tamm" not in text


def test_a_used_token_is_good_for_reading_and_not_for_money(app, desk, shop, frame_of):
    token = desk.token()
    first, second = frame_of(token), frame_of(token)
    assert "Kadri Tamm" in second.text
    order = shop["lamp"]
    form = {"by": "amount", "amount": "1.00"}
    assert second.post(f"/orders/{order}/refund", key="k" * 20, **form).status_code == 403
    assert first.post(f"/orders/{order}/refund", key="k" * 20, **form).status_code != 403


def test_a_removed_helpdesk_is_gone_for_new_and_living_frames(app, services, account, desk, frame):
    with services.transaction(account) as work:
        row = work.session.scalars(select(Helpdesk)).one()
        row.removed_at = work.now()
    assert knock(app, desk, desk.token()).status_code == 404
    assert frame.get("/pane").status_code == 403


class TestAgents:
    def test_a_signed_e_mail_links_desk_and_agent_once(self, app, services, account, desk, agent):
        knock(app, desk, desk.token())
        knock(app, desk, desk.token(email="someone.else@lumi.example"))
        with services.reading(account) as work:
            [link] = work.session.scalars(select(HelpdeskAgent)).all()
        assert (link.external_id, link.agent_id, link.linked_how) == ("agent-7", agent, "signed-email")

    def test_two_first_frames_at_once_link_them_once(self, app, services, account, desk, agent, monkeypatch):
        look, others = _named.rows, [desk.token()]

        def while_another_frame_opens(work, **values):
            found = look(work, **values)
            if others:
                assert knock(app, desk, others.pop()).status_code == 200
            return found

        monkeypatch.setattr(_named, "rows", while_another_frame_opens)

        assert knock(app, desk, desk.token()).status_code == 200
        with services.reading(account) as work:
            [link] = work.session.scalars(select(HelpdeskAgent)).all()
        assert (link.agent_id, link.account_id) == (agent, account)

    def test_an_agent_we_do_not_know_reads_but_moves_no_money(self, app, desk, shop, frame_of):
        stranger = frame_of(desk.token(sub="agent-9", email="new@lumi.example"))
        assert "Kadri Tamm" in stranger.text
        answer = stranger.post(f"/orders/{shop['lamp']}/refund", key="k" * 20, by="amount", amount="1.00")
        assert answer.status_code == 403

    def test_a_disabled_agent_loses_every_frame_at_once(self, app, services, account, desk, agent, frame):
        with services.transaction(account) as work:
            agents.disable_agent(work, agent)
        assert frame.get("/pane").status_code == 403
        assert knock(app, desk, desk.token()).status_code == 403

    def test_ending_the_sessions_of_an_agent_ends_the_frame(self, services, account, agent, frame):
        with services.transaction(account) as work:
            work.session.get_one(Agent, agent).token_version += 1
        assert frame.get("/pane").status_code == 403


class TestAppToken:
    def test_it_lives_ten_minutes_and_can_be_renewed(self, frame, clock):
        clock.advance(timedelta(minutes=9))
        frame.token = frame.post("/token").get_json()["token"]
        clock.advance(timedelta(minutes=9))
        assert frame.get("/pane").status_code == 200
        clock.advance(timedelta(minutes=2))
        assert frame.get("/pane").status_code == 403

    def test_a_frame_ends_with_the_working_day(self, frame, clock):
        for _turn in range(int(WORKING_DAY / timedelta(minutes=9))):
            clock.advance(timedelta(minutes=9))
            answer = frame.post("/token")
            assert answer.status_code == 200
            frame.token = answer.get_json()["token"]
        clock.advance(timedelta(minutes=9))
        assert frame.post("/token").status_code == 403

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "e30.e30.e30"])
    def test_nothing_is_read_without_it(self, app, shop, token):
        answer = app.test_client().get(
            f"/sidebar/pane?customer={shop['customer']}", headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.status_code == 403
        assert b"Kadri" not in answer.data

    def test_a_desks_own_token_is_no_app_token(self, app, desk):
        answer = app.test_client().get("/sidebar/pane", headers={"Authorization": f"Bearer {desk.token()}"})
        assert answer.status_code == 403


class TestNothingProven:
    def test_without_a_token_the_page_waits_and_shows_nothing(self, app, desk):
        text = app.test_client().get(desk.path).get_data(as_text=True)
        assert 'data-state="wait"' in text
        assert "Kadri" not in text

    def test_a_claimed_context_reads_nothing(self, app, desk):
        context = '{"conversation": "1", "customer": {"emails": ["kadri.tamm@example.ee"]}}'
        answer = app.test_client().post(
            desk.path, data={"context": context}, headers={"Accept": "application/json"}
        )
        found = answer.get_json()
        assert 'data-testid="unproven"' in found["html"]
        assert "Kadri" not in found["html"]
        headers = {"Authorization": f"Bearer {found['token']}"}
        client = app.test_client()
        assert b"Kadri" not in client.get("/sidebar/pane", headers=headers).data
        assert client.get("/sidebar/pane?q=kadri.tamm@example.ee", headers=headers).status_code == 403
