"""Front's door: the one constant secret, and the little that it proves."""

from __future__ import annotations

import pytest

KADRI = "kadri.tamm@example.ee"


@pytest.fixture
def desk(add_desk):
    return add_desk("front", auth_secret="front-secret")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?auth_secret=",
        "?auth_secret=wrong",
        "?auth_secret=front-secret&auth_secret=wrong",
        "?auth_secret=front-secre%CC%81t",
        "?other=front-secret",
    ],
)
def test_without_the_secret_the_door_stays_shut(desk, knocker, query, refusal):
    door = knocker(desk)
    assert door.get(query).status_code == 401
    assert door.token == ""
    assert refusal(desk) == "forged"


def test_another_tenants_secret_opens_nothing(add_desk, desk, world, knocker):
    theirs = add_desk("front", owner=world.account("Other"), auth_secret="their-secret")
    assert knocker(desk).get("?auth_secret=their-secret").status_code == 401
    assert knocker(theirs).get("?auth_secret=front-secret").status_code == 401


def test_the_secret_proves_the_tenant_and_nobody(desk, shop, knocker):
    door = knocker(desk)
    assert door.get("?auth_secret=front-secret").status_code == 200
    door.tell(emails=[KADRI], agent={"id": "tea_1", "email": "liis@lumi.example", "name": "Liis"})
    assert 'data-testid="unproven"' in door.text
    for path in (f"/orders/{shop['lamp']}", f"/reply?customer={shop['customer']}", "/pane?q=1042"):
        answer = door.pane(path)
        assert answer.status_code == 403
        assert b"Kadri" not in answer.data


def test_only_front_frames_it(desk, knocker, framers):
    answer = knocker(desk).get("?auth_secret=front-secret")
    assert framers(answer) == ["https://*.frontapp.com", "https://*.frontapplication.com"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Security-Policy"].count("script-src 'self';") == 1


def test_nothing_of_the_secret_is_in_the_page(desk, knocker):
    door = knocker(desk)
    door.get("?auth_secret=front-secret")
    assert "front-secret" not in door.text


@pytest.mark.parametrize(
    ("state", "said"), [("none", "Open a conversation"), ("multiple", "Select one conversation")]
)
def test_no_conversation_and_several_are_said_plainly(desk, shop, knocker, pair, state, said):
    door = knocker(desk)
    door.get("?auth_secret=front-secret")
    door.tell(emails=[KADRI])
    pair(door)
    assert "Kadri Tamm" in door.text
    door.tell(state=state, conversation="", emails=[KADRI])
    assert said in door.text
    assert "Kadri" not in door.text
