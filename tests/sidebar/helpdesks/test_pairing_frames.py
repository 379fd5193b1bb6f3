"""Pairing a frame: what the codes are good for, once, and for whom."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis import Redis

from integration import pairings, people
from integration.db.accounts import Agent, Role

KADRI = "kadri.tamm@example.ee"


@pytest.fixture
def desk(add_desk):
    return add_desk("front", auth_secret="front-secret")


@pytest.fixture
def frame(desk, knocker):
    """A frame that proves the tenant, and nobody."""

    def open_frame():
        door = knocker(desk)
        assert door.get("?auth_secret=front-secret").status_code == 200
        door.tell(emails=[KADRI])
        return door

    return open_frame


@pytest.fixture
def boss(services, account):
    with services.transaction(account) as work:
        return people.add_agent(work, "boss@lumi.example", "Boss", Role.ADMIN)[0].id


def start(door):
    return door.pane("/pair/start", x="").get_json()


def poll(door, device_code):
    return door.pane("/pair/poll", device_code=device_code)


def test_a_paired_frame_shows_the_customer_and_may_act(frame, shop, pair):
    door = frame()
    assert "Kadri" not in door.text
    answer = pair(door)
    assert "Kadri Tamm" in door.text
    assert answer.get_json()["status"] == "paired"
    act = door.pane(f"/orders/{shop['lamp']}/refund", key="k" * 20, by="amount", amount="1.00")
    assert act.status_code not in (401, 403)


def test_the_page_shows_what_is_to_be_compared(frame, agent, signed_in):
    begun = start(frame())
    assert begun["url"] == f"https://deskside.test/pair?code={begun['user_code']}"
    assert (begun["expires_in"], begun["interval"]) == (300, 2)
    client = signed_in(agent)
    away = client.get(f"/pair?code={begun['user_code']}", base_url="https://deskside.test")
    assert away.headers["Location"].endswith(f"/admin/pair?code={begun['user_code']}")
    page = client.get(away.headers["Location"], base_url="https://deskside.test").get_data(as_text=True)
    for said in (begun["user_code"], "Support", ">42<", "Liis Kask"):
        assert said in page


def test_whoever_is_not_signed_in_signs_in_first(app, frame):
    begun = start(frame())
    path = f"/admin/pair?code={begun['user_code']}"
    answer = app.test_client().get(path, base_url="https://deskside.test")
    assert answer.status_code == 303
    assert "/admin/sign-in?next=" in answer.headers["Location"]


def test_looking_at_the_page_confirms_nothing(frame, agent, signed_in):
    door = frame()
    begun = start(door)
    client = signed_in(agent)
    client.get(f"/admin/pair?code={begun['user_code']}", base_url="https://deskside.test")
    assert poll(door, begun["device_code"]).get_json() == {"status": "pending"}


def test_confirming_needs_the_pages_own_form(frame, agent, signed_in):
    door = frame()
    begun = start(door)
    answer = signed_in(agent).post(
        "/admin/pair", data={"code": begun["user_code"]}, base_url="https://deskside.test"
    )
    assert answer.status_code == 403
    assert poll(door, begun["device_code"]).get_json() == {"status": "pending"}


def test_a_code_is_good_once(frame, agent, signed_in, confirm):
    door = frame()
    begun = start(door)
    client = signed_in(agent)
    assert confirm(client, begun["user_code"]).status_code == 200
    assert confirm(client, begun["user_code"]).status_code == 404
    assert "token" in poll(door, begun["device_code"]).get_json()
    assert poll(door, begun["device_code"]).status_code == 404


def test_a_code_ends_after_five_minutes(frame, agent, signed_in, confirm, clock):
    door = frame()
    begun = start(door)
    client = signed_in(agent)
    clock.advance(timedelta(seconds=300))
    assert confirm(client, begun["user_code"]).status_code == 404
    assert poll(door, begun["device_code"]).status_code == 404


def test_confirmed_in_time_and_fetched_too_late_is_over(frame, agent, signed_in, confirm, clock):
    door = frame()
    begun = start(door)
    assert confirm(signed_in(agent), begun["user_code"]).status_code == 200
    clock.advance(timedelta(seconds=300))
    assert poll(door, begun["device_code"]).status_code == 404


def test_a_code_of_another_account_is_nobodys(frame, world, services, signed_in, confirm):
    begun = start(frame())
    other = world.account("Other")
    with services.transaction(other) as work:
        stranger = people.add_agent(work, "eve@other.example", "Eve", Role.ADMIN)[0].id
    assert confirm(signed_in(stranger, other), begun["user_code"]).status_code == 404


def test_another_frame_cannot_fetch_what_was_confirmed_for_this_one(frame, agent, signed_in, confirm):
    mine, other = frame(), frame()
    begun = start(mine)
    assert confirm(signed_in(agent), begun["user_code"]).status_code == 200
    assert poll(other, begun["device_code"]).status_code == 404
    assert "token" in poll(mine, begun["device_code"]).get_json()


def test_another_desk_cannot_fetch_it_either(frame, add_desk, knocker, agent, signed_in, confirm):
    begun = start(frame())
    assert confirm(signed_in(agent), begun["user_code"]).status_code == 200
    other = knocker(add_desk("front", auth_secret="another"))
    other.get("?auth_secret=another")
    assert poll(other, begun["device_code"]).status_code == 404


def test_nothing_starts_or_is_fetched_without_a_frames_token(app, frame):
    begun = start(frame())
    client = app.test_client()
    assert client.post("/sidebar/pair/start").status_code == 403
    assert client.post("/sidebar/pair/poll", data={"device_code": begun["device_code"]}).status_code == 403


def test_disabled_between_confirming_and_fetching(frame, agent, boss, signed_in, confirm, disable):
    door = frame()
    begun = start(door)
    assert confirm(signed_in(agent), begun["user_code"]).status_code == 200
    disable(agent)
    assert poll(door, begun["device_code"]).status_code == 403


def test_a_disabled_agent_loses_the_paired_frame_at_once(frame, shop, pair, agent, boss, disable):
    door = frame()
    pair(door)
    disable(agent)
    assert door.pane("/pane").status_code == 403
    assert door.tell(emails=[KADRI]).status_code == 403


def test_ending_an_agents_sessions_ends_the_paired_frame(frame, shop, pair, agent, services, account):
    door = frame()
    pair(door)
    with services.transaction(account) as work:
        work.session.get_one(Agent, agent).token_version += 1
    assert door.pane("/pane").status_code == 403


def test_a_paired_frame_stays_paired_when_the_conversation_changes(frame, shop, pair):
    door = frame()
    pair(door)
    door.tell(conversation="43", emails=["nobody@example.ee"])
    assert "Kadri" not in door.text
    door.tell(conversation="44", emails=[KADRI])
    assert "Kadri Tamm" in door.text


def test_a_claimed_person_is_never_linked_to_the_agent_who_paired(frame, shop, pair, services, account, desk):
    from integration import helpdesks

    door = frame()
    door.tell(emails=[KADRI], agent={"id": "tea_1", "email": "boss@lumi.example", "name": "Boss"})
    pair(door)
    with services.reading(account) as work:
        assert helpdesks.matched_agents(work, desk.id) == []


def test_pairing_is_on_the_record(frame, shop, pair, agent, audited):
    pair(frame())
    [entry] = audited("frame.paired")
    assert (entry["agent"], entry["conversation"], entry["proof"]) == (agent, "42", "session")


def test_a_frame_may_not_ask_for_codes_without_end(frame, services, redis_url):
    services.redis = Redis.from_url(redis_url)
    door = frame()
    answers = [door.pane("/pair/start", x="").status_code for _turn in range(11)]
    services.redis.close()
    assert answers == [200] * 10 + [429]


def test_nobody_guesses_codes_without_end(services, redis_url, agent, signed_in):
    services.redis = Redis.from_url(redis_url)
    client = signed_in(agent)
    path = "/admin/pair?code=BBBB-BBBB"
    answers = [client.get(path, base_url="https://deskside.test").status_code for _turn in range(21)]
    services.redis.close()
    assert answers == [404] * 20 + [429]


def test_codes_are_read_however_they_are_typed(frame, agent, signed_in, confirm):
    begun = start(frame())
    typed = begun["user_code"].lower().replace("-", " ")
    assert confirm(signed_in(agent), typed).status_code == 200


def test_codes_have_no_letters_that_look_alike():
    assert not set("01OIAEUY") & set(pairings.LETTERS)


class TestRememberedBrowser:
    """The partitioned cookie: a convenience where browsers keep it, and nothing more."""

    @pytest.fixture
    def cookie(self, frame, shop, pair):
        [header] = pair(frame()).headers.getlist("Set-Cookie")
        name, _, value = header.partition(";")[0].partition("=")
        assert name == "__Host-deskside-frame"
        for part in ("Secure", "HttpOnly", "Path=/", "SameSite=None", "Partitioned"):
            assert part in header
        assert "Domain" not in header
        return {"Cookie": f"{name}={value}"}

    def test_the_next_frame_of_the_same_desk_needs_no_code(self, desk, knocker, cookie):
        door = knocker(desk)
        door.get("?auth_secret=front-secret", headers=cookie)
        door.tell(emails=[KADRI])
        assert "Kadri Tamm" in door.text

    def test_it_does_not_stand_in_for_the_desks_own_proof(self, desk, knocker, cookie):
        assert knocker(desk).get("?auth_secret=wrong", headers=cookie).status_code == 401

    def test_it_opens_no_other_desk(self, add_desk, knocker, cookie):
        door = knocker(add_desk("front", auth_secret="another"))
        door.get("?auth_secret=another", headers=cookie)
        door.tell(emails=[KADRI])
        assert 'data-testid="unproven"' in door.text

    def test_it_ends_after_twelve_hours(self, desk, knocker, cookie, clock):
        clock.advance(timedelta(hours=12))
        door = knocker(desk)
        door.get("?auth_secret=front-secret", headers=cookie)
        door.tell(emails=[KADRI])
        assert 'data-testid="unproven"' in door.text

    def test_it_ends_with_the_agents_access(self, desk, knocker, cookie, agent, boss, disable):
        disable(agent)
        door = knocker(desk)
        assert door.get("?auth_secret=front-secret", headers=cookie).status_code == 200
        door.tell(emails=[KADRI])
        assert 'data-testid="unproven"' in door.text

    def test_a_forged_one_is_nothing(self, desk, knocker, cookie):
        door = knocker(desk)
        door.get("?auth_secret=front-secret", headers={"Cookie": cookie["Cookie"][:-4] + "AAAA"})
        door.tell(emails=[KADRI])
        assert 'data-testid="unproven"' in door.text

    def test_on_plain_http_none_is_sent(self, services, frame, shop, signed_in, agent, confirm):
        import dataclasses

        door = frame()
        begun = start(door)
        assert confirm(signed_in(agent), begun["user_code"]).status_code == 200
        services.settings = dataclasses.replace(services.settings, app_url="http://127.0.0.1:1")
        assert poll(door, begun["device_code"]).headers.getlist("Set-Cookie") == []
