"""Chatwoot's door: nothing is proven, and what Chatwoot itself says is not the claim."""

from __future__ import annotations

import json

import pytest

from integration import helpdesks
from integration.db.helpdesks import Helpdesk
from sidebar.doors import Desk
from sidebar.helpdesks import chatwoot as chatwoot_door
from sidebar.helpdesks.chatwoot import DOOR

KADRI = "kadri.tamm@example.ee"


@pytest.fixture
def asked_desk(add_desk, chatwoot):
    return add_desk("chatwoot", chatwoot.origin, api_token="chatwoot-token", account_id="3")


@pytest.fixture
def desk(add_desk):
    return add_desk("chatwoot", "https://chat.lumi.example")


def assurance(door):
    import base64

    claims = json.loads(base64.urlsafe_b64decode(door.token.split(".")[1] + "=="))
    return claims["visit"]["assurance"]


def test_the_address_proves_nothing_and_shows_nothing(desk, shop, knocker):
    door = knocker(desk)
    assert door.get().status_code == 200
    assert 'data-state="wait"' in door.text
    door.tell(emails=[KADRI], agent={"id": "1", "email": "liis@lumi.example"})
    assert 'data-testid="unproven"' in door.text
    assert "Kadri" not in door.text
    assert "#1042" not in door.text


def opening(services, account, desk):
    with services.reading(account) as work:
        return work.session.get_one(Helpdesk, desk.id).last_opened_at


def test_an_opening_in_its_own_page_is_noted(desk, knocker, services, account, refusal, clock):
    knocker(desk).get()
    assert opening(services, account, desk) is None
    knocker(desk).get(headers={"Referer": "https://chat.lumi.example/app"})
    assert (opening(services, account, desk), refusal(desk)) == (clock(), "")


@pytest.mark.parametrize("page", ["https://chat.other.example/", "http://chat.lumi.example/", "https://a b/"])
def test_an_opening_elsewhere_is_told_to_whoever_sets_it_up(
    desk, knocker, services, account, refusal, framers, page
):
    answer = knocker(desk).get(headers={"Referer": page})
    assert framers(answer) == ["https://chat.lumi.example"]
    assert (opening(services, account, desk), refusal(desk)) == (None, "other_origin")


@pytest.mark.parametrize(
    ("token", "account_id", "said"),
    [
        ("chatwoot-token", "3", ""),
        ("chatwoot-token", "4", "other_account"),
        ("another", "3", "token_refused"),
    ],
)
def test_chatwoot_says_whether_token_and_number_fit(
    add_desk, chatwoot, services, account, token, account_id, said
):
    desk = add_desk("chatwoot", chatwoot.origin, api_token=token, account_id=account_id)
    assert checked(services, account, desk) == said
    assert chatwoot.seen == [("/api/v1/profile", token)]


@pytest.mark.parametrize(("status", "body"), [(404, b"{}"), (302, None), (200, b"<html>"), (200, b"[]")])
def test_what_answers_otherwise_is_no_chatwoot(asked_desk, chatwoot, services, account, status, body):
    chatwoot.status, chatwoot.body = status, body
    assert checked(services, account, asked_desk) == "not_chatwoot"


def test_where_nobody_answers_it_says_so(add_desk, services, account):
    desk = add_desk("chatwoot", "http://127.0.0.1:9", api_token="t", account_id="3")
    assert checked(services, account, desk) == "not_reached"


def checked(services, account, desk):
    """What the set-up page would be told."""
    with services.reading(account) as work:
        row = work.session.get_one(Helpdesk, desk.id)
        opened = Desk(
            id=row.id,
            account_id=account,
            key=row.key,
            kind=row.kind,
            name=row.name,
            origin=row.origin,
            settings=dict(row.settings),
            secrets=helpdesks.secret_settings(services.vault, row),
        )
    return DOOR.check(opened)


def test_it_is_no_oracle_for_whoever_knows_the_address(desk, shop, knocker):
    door = knocker(desk)
    door.tell(emails=[KADRI])  # by hand, without ever opening the page
    customer, order = shop["customer"], shop["lamp"]
    for path in (
        "/pane",
        f"/pane?customer={customer}",
        "/pane?q=1042",
        f"/orders/{order}",
        f"/orders/{order}/refund",
        f"/reply?customer={customer}",
        f"/freshness?customer={customer}",
        "/actions/1",
    ):
        answer = door.pane(path)
        assert b"Kadri" not in answer.data, path
        assert b"1042" not in answer.data, path
    for path in (f"/orders/{order}/refund/preview", f"/orders/{order}/look", "/contacts", "/facts"):
        assert door.pane(path, line=f"{order}.11", name="used", value="yes").status_code == 403, path
    assert door.pane(f"/orders/{order}/refund", key="k" * 20, by="amount", amount="1.00").status_code == 403


def test_only_the_tenants_own_chatwoot_frames_it(desk, asked_desk, knocker, framers):
    assert framers(knocker(desk).get()) == ["https://chat.lumi.example"]


def test_the_usual_host_frames_it_when_no_origin_was_given(add_desk, knocker, framers):
    assert framers(knocker(add_desk("chatwoot")).get()) == ["https://app.chatwoot.com"]


def test_an_unknown_address_is_framed_by_nobody(app, framers):
    answer = app.test_client().get("/sidebar/chatwoot/unknown-key")
    assert answer.status_code == 404
    assert framers(answer) == ["'none'"]


def test_an_address_of_another_kind_is_not_found(app, desk):
    assert app.test_client().get(f"/sidebar/front/{desk.key}").status_code == 404
    assert app.test_client().get(f"/sidebar/nosuch/{desk.key}").status_code == 404
    assert app.test_client().get(f"/sidebar/__init__/{desk.key}").status_code == 404


def test_chatwoot_itself_is_asked_and_its_answer_searched(asked_desk, chatwoot, shop, knocker, pair):
    door = knocker(asked_desk)
    door.get()
    door.tell(emails=["somebody.else@example.ee"])
    assert chatwoot.seen == [("/api/v1/accounts/3/conversations/42", "chatwoot-token")]
    assert assurance(door)["customer"] == "api_verified"
    pair(door)
    assert "Kadri Tamm" in door.text


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, b"{}"),
        (302, None),
        (500, b"oops"),
        (200, b"not json"),
        (200, b"[]"),
        (200, json.dumps({"id": 43, "meta": {"sender": {"email": KADRI}}}).encode()),
        (200, b" " * (1024 * 1024 + 1)),
    ],
)
def test_without_a_good_answer_the_claim_stays_a_claim(asked_desk, chatwoot, knocker, status, body):
    chatwoot.status, chatwoot.body = status, body
    door = knocker(asked_desk)
    assert door.tell(emails=[KADRI]).status_code == 200
    assert assurance(door)["customer"] == "claimed"
    assert len(chatwoot.seen) == 1  # no redirect was followed


@pytest.mark.parametrize("conversation", ["", "../../../profile", "42/messages", "42?x=1", "٤٢", "4" * 300])
def test_what_is_no_number_is_not_asked(asked_desk, chatwoot, knocker, conversation):
    door = knocker(asked_desk)
    door.tell(conversation=conversation, emails=[KADRI])
    assert assurance(door)["customer"] == "claimed"
    assert all(path.rpartition("/")[2].isdigit() for path, _token in chatwoot.seen)


def test_whoever_knows_the_address_cannot_have_chatwoot_asked_without_end(
    asked_desk, chatwoot, knocker, monkeypatch
):
    monkeypatch.setattr(chatwoot_door, "ASKED_A_MINUTE", 2)
    doors = [knocker(asked_desk) for _ in range(4)]
    assert [door.tell(emails=[KADRI]).status_code for door in doors] == [200] * 4
    assert len(chatwoot.seen) == 2
    assert assurance(doors[3])["customer"] == "claimed"


def test_a_chatwoot_that_is_gone_costs_no_answer(add_desk, knocker):
    desk = add_desk("chatwoot", "http://127.0.0.1:9", api_token="t", account_id="3")
    door = knocker(desk)
    assert door.tell(emails=[KADRI]).status_code == 200
    assert assurance(door)["customer"] == "claimed"


def test_the_access_token_is_in_no_page(asked_desk, knocker):
    door = knocker(asked_desk)
    door.get()
    door.tell(emails=[KADRI])
    assert "chatwoot-token" not in door.text + door.token


def test_a_visitor_who_typed_an_address_is_shown_as_unverified(asked_desk, chatwoot, shop, knocker, pair):
    chatwoot.conversations["42"]["meta"]["channel"] = "Channel::WebWidget"
    door = knocker(asked_desk)
    door.get()
    door.tell()
    pair(door)
    assert 'data-testid="unverified"' in door.text
    chatwoot.conversations["42"]["meta"]["hmac_verified"] = True
    door.tell()
    assert "Kadri Tamm" in door.text
    assert 'data-testid="unverified"' not in door.text


def test_a_verified_conversation_gives_a_masked_glimpse_before_pairing(asked_desk, shop, knocker):
    door = knocker(asked_desk)
    door.get()
    door.tell()
    assert 'data-testid="unproven"' in door.text
    assert 'data-testid="glimpse"' in door.text
    assert "#1042" in door.text
    for secret in ("Kadri", "Tamm", "Ringtee", "kadri.tamm", "Table lamp", "€"):
        assert secret not in door.text
