"""Zendesk's door: what the signed token must prove, and what each call may do afterwards."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import select

from integration import people
from integration.db.accounts import Role
from integration.db.helpdesks import HelpdeskAgent
from sidebar import lookups
from sidebar.helpdesks import zendesk

HOST = "acme.zendesk.com"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = (
    KEY.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
KADRI = "kadri.tamm@example.ee"


@pytest.fixture
def desk(add_desk):
    return add_desk("zendesk", subdomain="acme", app_id="11", installation_id="7", public_key=PEM)


@pytest.fixture
def claims(clock):
    now = int(clock().timestamp())
    return {
        "iss": HOST,
        "aud": f"https://{HOST}/api/v2/apps/installations/7.json",
        "sub": f"https://{HOST}/api/v2/users/9001.json",
        "iat": now,
        "nbf": now,
        "exp": now + 300,
        "qsh": "x",
        "context": {"product": "support", "location": "ticket_sidebar"},
        "cnf": {"jku": "https://attacker.example/key"},
    }


def sign(claims, key=KEY, algorithm="RS256", **changes):
    found = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(found, key, algorithm=algorithm)


@pytest.fixture
def opened(desk, shop, knocker, claims):
    """A frame that proved itself and said where it is."""
    door = knocker(desk)
    assert door.post({"token": sign(claims)}).status_code == 200
    door.tell(emails=[KADRI])
    return door


def test_the_token_proves_the_agent_and_the_page_waits_for_the_ticket(desk, shop, knocker, claims):
    door = knocker(desk)
    answer = door.post({"token": sign(claims)})
    assert answer.status_code == 200
    assert 'data-state="wait"' in door.text
    assert "Kadri" not in door.text
    door.tell(emails=[KADRI])
    assert "Kadri Tamm" in door.text


def test_only_the_tenants_own_zendesk_frames_it_and_only_its_script_is_let_in(desk, knocker, framers):
    answer = knocker(desk).get("?origin=https://acme.zendesk.com&app_guid=g")
    assert framers(answer) == [f"https://{HOST}"]
    assert "script-src 'self' https://static.zdassets.com/" in answer.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in answer.headers
    assert "Set-Cookie" not in answer.headers


def test_an_address_in_front_of_the_issuer_is_taken_too(desk, knocker, claims):
    assert knocker(desk).post({"token": sign(claims, iss=f"https://{HOST}")}).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "other.zendesk.com"},
        {"iss": "acme.zendesk.com.evil.example"},
        {"iss": None},
        {"aud": f"https://{HOST}/api/v2/apps/installations/8.json"},
        {"aud": "https://other.zendesk.com/api/v2/apps/installations/7.json"},
        {"aud": None},
        {"sub": None},
        {"sub": ""},
        {"sub": f"https://{HOST}/api/v2/users/me.json"},
        {"sub": "https://other.zendesk.com/api/v2/users/9001.json"},
        {"sub": f"https://{HOST}/api/v2/users/9001.json/../1"},
        {"sub": f"https://evil.example/{HOST}/users/9001"},
        {"exp": None},
        {"iat": None},
        {"iat": "yesterday"},
        {"exp": 10**30},
        {"context": {"product": "chat", "location": "ticket_sidebar"}},
        {"context": {"product": "support", "location": "modal"}},
    ],
)
def test_a_token_that_says_the_wrong_thing_is_refused(desk, knocker, claims, changes):
    door = knocker(desk)
    assert door.post({"token": sign(claims, **changes)}).status_code == 401
    assert door.token == ""


@pytest.mark.parametrize(
    ("issued", "expires", "begins", "status"),
    [
        (0, 300, 0, 200),
        (-320, 3600, -320, 200),
        (-340, 3600, -340, 401),  # older than five minutes, whatever it says of its end
        (-300, -31, -300, 401),
        (0, 300, 60, 401),  # not yet
        (60, 300, 60, 401),
    ],
)
def test_times_are_checked_by_our_clock(desk, knocker, claims, issued, expires, begins, status):
    now = claims["iat"]
    token = sign(claims, iat=now + issued, exp=now + expires, nbf=now + begins)
    assert knocker(desk).post({"token": token}).status_code == status


def test_another_key_is_refused(desk, knocker, claims, refusal):
    assert knocker(desk).post({"token": sign(claims, OTHER_KEY)}).status_code == 401
    assert refusal(desk) == "other_key"


def test_the_set_up_page_is_told_that_only_the_installation_is_another_one(desk, knocker, claims, refusal):
    other = f"https://{HOST}/api/v2/apps/installations/8.json"
    assert knocker(desk).post({"token": sign(claims, OTHER_KEY, aud=other)}).status_code == 401
    assert refusal(desk) == "other_key"  # nothing more is said of a token that we cannot believe
    assert knocker(desk).post({"token": sign(claims, aud=other)}).status_code == 401
    assert refusal(desk) == "other_installation"


@pytest.mark.parametrize("wrong", ["subdomain", "subdomain and key"])
def test_the_set_up_page_is_told_of_another_subdomain_first(add_desk, knocker, claims, refusal, wrong):
    """The name is wrong in every claim then, and the key may be as it should."""
    desk = add_desk("zendesk", subdomain="acme2", app_id="11", installation_id="7", public_key=PEM)
    door = knocker(desk)
    door.path += f"?origin=https://{HOST}&app_guid=g"
    token = sign(claims, KEY if wrong == "subdomain" else OTHER_KEY)
    assert door.post({"token": token}).status_code == 401
    assert refusal(desk) == "other_subdomain"


def test_a_token_written_another_way_is_no_new_proof(desk, knocker, claims):
    """The last letter of a signature has bits to spare: the same proof, were it taken, under another name."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = sign(claims)
    other = token[:-1] + letters[letters.index(token[-1]) ^ 1]
    for written in (other, f"{token}=", f"{token}\n", f" {token}", token.replace(".", ".\n", 1)):
        assert knocker(desk).post({"token": written}).status_code == 401
    assert knocker(desk).post({"token": token}).status_code == 200


@pytest.mark.parametrize(
    ("origin", "settings", "told"),
    [
        ("", {}, ""),
        ("https://acme.zendesk.com", {}, "no_key"),
        ("https://acme.zendesk.com", {"app_id": "11", "installation_id": "7", "public_key": PEM}, "unsigned"),
        ("https://other.zendesk.com", {}, "other_subdomain"),
    ],
)
def test_why_a_call_proves_nothing_is_told_to_whoever_sets_it_up(
    add_desk, knocker, refusal, origin, settings, told
):
    desk = add_desk("zendesk", subdomain="acme", **settings)
    query = f"?origin={origin}&app_guid=g" if origin else ""
    assert knocker(desk).get(query).status_code == 200
    assert refusal(desk) == told


def test_the_public_key_is_no_secret_to_sign_with(desk, knocker, claims):
    """HS256 with the PEM as its key: what libraries once took where both kinds were allowed."""

    def piece(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    head = piece(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    message = f"{head}.{piece(json.dumps(claims).encode())}"
    for key in (PEM, PEM.strip()):
        forged = f"{message}.{piece(hmac.new(key.encode(), message.encode(), hashlib.sha256).digest())}"
        assert knocker(desk).post({"token": forged}).status_code == 401


def test_an_unsigned_token_is_refused(desk, knocker, claims):
    token = jwt.encode(claims, None, algorithm="none")
    assert knocker(desk).post({"token": token}).status_code == 401


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é" * 50, "a" * 100_000])
def test_hostile_text_is_refused(desk, knocker, token):
    assert knocker(desk).post({"token": token}).status_code == 401


def test_another_tenants_token_opens_nothing(desk, add_desk, world, knocker, claims):
    theirs = add_desk(
        "zendesk",
        owner=world.account("Other"),
        subdomain="other",
        app_id="12",
        installation_id="7",
        public_key=OTHER_KEY.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
    )
    assert knocker(theirs).post({"token": sign(claims)}).status_code == 401


def test_a_frames_token_is_no_good_at_another_desk(desk, add_desk, opened, knocker):
    stranger = knocker(add_desk("zendesk", subdomain="acme"))
    stranger.token = opened.token
    assert stranger.tell(emails=[KADRI]).status_code == 403


def test_reloading_the_frame_reads_and_moves_no_money(desk, knocker, claims, agent, pair, shop):
    first = knocker(desk)
    first.post({"token": sign(claims)})
    first.tell(emails=[KADRI])
    pair(first)  # links user 9001 and the agent
    token = sign(claims, qsh="another opening")
    fresh, again = knocker(desk), knocker(desk)
    for door in (fresh, again):
        assert door.post({"token": token}).status_code == 200
        door.tell(emails=[KADRI])
        assert "Kadri Tamm" in door.text
    wish = {"by": "amount", "amount": "1.00"}
    path = f"/orders/{shop['lamp']}/refund"
    assert again.pane(path, key="k" * 20, **wish).status_code == 403
    assert fresh.pane(path, key="k" * 20, **wish).status_code != 403


def test_an_agent_is_known_by_the_signed_number_never_by_an_address_from_the_browser(
    desk, opened, agent, shop, services, account
):
    opened.tell(emails=[KADRI], agent={"id": "9001", "email": "liis@lumi.example", "name": "Liis Kask"})
    with services.reading(account) as work:
        assert work.session.scalars(select(HelpdeskAgent)).all() == []
    answer = opened.pane(f"/orders/{shop['lamp']}/refund", key="k" * 20, by="amount", amount="1.00")
    assert answer.status_code == 403


def test_pairing_once_links_the_signed_person_for_later_frames(
    desk, opened, agent, pair, claims, knocker, services, account, shop
):
    pair(opened)
    with services.reading(account) as work:
        [link] = work.session.scalars(select(HelpdeskAgent)).all()
    assert (link.external_id, link.agent_id, link.linked_how) == ("9001", agent, "pairing")
    later = knocker(desk)
    later.post({"token": sign(claims, qsh="later")})
    later.tell(emails=[KADRI])
    answer = later.pane(f"/orders/{shop['lamp']}/refund", key="k" * 20, by="amount", amount="1.00")
    assert answer.status_code != 403


def test_a_disabled_agent_loses_living_frames_and_the_door(
    desk, opened, agent, pair, disable, claims, knocker, services, account
):
    with services.transaction(account) as work:
        people.add_agent(work, "boss@lumi.example", "Boss", Role.ADMIN)
    pair(opened)
    disable(agent)
    assert opened.pane("/pane").status_code == 403
    assert knocker(desk).post({"token": sign(claims, qsh="later")}).status_code == 403


def test_unsigned_addresses_prove_nobody_and_show_nothing(desk, knocker, shop):
    door = knocker(desk)
    assert door.get("?origin=https://acme.zendesk.com&app_guid=g").status_code == 200
    door.tell(emails=[KADRI])
    assert 'data-testid="unproven"' in door.text
    assert "Kadri" not in door.text
    for path in (f"/orders/{shop['lamp']}", f"/pane?customer={shop['customer']}", "/pane?q=kadri"):
        answer = door.pane(path)
        assert b"1042" not in answer.data
        assert b"Kadri" not in answer.data
    assert door.pane(f"/orders/{shop['lamp']}").status_code == 403


def test_before_the_key_is_entered_every_call_is_a_claim(add_desk, shop, knocker, claims):
    door = knocker(add_desk("zendesk", subdomain="acme"))
    assert door.post({"token": sign(claims)}).status_code == 200
    door.tell(emails=[KADRI])
    assert 'data-testid="unproven"' in door.text


def test_every_lookup_is_on_the_record_with_its_conversation(opened, audited):
    opened.tell(conversation="43", emails=["nobody@example.ee", KADRI], phones=["+3725"])
    seen = audited("customer.looked_up")
    assert [(row["conversation"], row["emails"], row["phones"]) for row in seen] == [
        ("42", 1, 0),
        ("43", 2, 1),
    ]
    assert {row["proof"] for row in seen} == {"signed"}
    assert all(KADRI not in str(row) for row in seen)


def test_a_frame_that_asks_too_often_is_told_to_wait(opened, monkeypatch):
    monkeypatch.setattr(lookups, "OF_ONE_AGENT", 3)  # the opening was the first
    assert [opened.tell(emails=[KADRI]).status_code for _turn in range(3)] == [200, 200, 429]


def test_all_addresses_are_searched(opened):
    opened.tell(emails=["old@example.ee", KADRI], phones=["+372 5550 0000"])
    assert "Kadri Tamm" in opened.text
    opened.tell(emails=[], phones=["+372 5551 2345"])
    assert "Kadri Tamm" in opened.text


@pytest.mark.parametrize("context", ["", "[]", "{", '{"customer": 7}', '{"state": "odd"}', "x" * 20_000])
def test_a_hostile_context_is_refused(desk, knocker, context):
    assert knocker(desk).post({"context": context}).status_code == 400


def test_the_key_is_parsed_once():
    zendesk._key.cache_clear()
    assert zendesk._key(PEM) is zendesk._key(PEM)


def test_time_does_not_stand_in_for_a_proof(opened, clock):
    clock.advance(timedelta(minutes=11))
    assert opened.tell(emails=[KADRI]).status_code == 403
