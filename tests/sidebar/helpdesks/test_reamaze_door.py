"""Re:amaze's door: agent, customer and time in one signed address."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from integration.db.helpdesks import HelpdeskAgent
from sidebar.helpdesks import reamaze

KADRI = "kadri.tamm@example.ee"
SECRET = "sso-secret"


@pytest.fixture
def desk(add_desk):
    return add_desk("reamaze", brand="lumi", sso_secret=SECRET)


@pytest.fixture
def address(clock):
    def make(*, secret=SECRET, signature=None, **changes):
        values = {
            "brand": "lumi",
            "staff": "liis@lumi.example",
            "timestamp": str(int(clock().timestamp())),
            "email": KADRI,
            "mobile": "+37255512345",
            "id": "u1",
            "slug": "where-is-my-lamp",
            **changes,
        }
        values = {name: value for name, value in values.items() if value is not None}
        return "?" + urlencode({**values, "hmac": signature or reamaze.sign(secret, values)})

    return make


def test_what_is_signed_is_joined_by_name():
    values = {"timestamp": "1", "brand": "lumi", "email": "a+b@x.ee"}
    assert reamaze.canonical(values) == b"brand=lumi&email=a+b@x.ee&timestamp=1"


def test_a_signed_address_shows_the_customer_in_one_answer(desk, shop, knocker, address, framers):
    door = knocker(desk)
    answer = door.get(address())
    assert "Kadri Tamm" in door.text
    assert framers(answer) == ["https://*.reamaze.com"]


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": "another"},
        {"signature": "0" * 64},
        {"signature": "é"},
        {"brand": "other"},
        {"brand": None},
        {"staff": None},
        {"staff": "nobody"},
        {"timestamp": None},
        {"timestamp": "soon"},
        {"timestamp": "9" * 30},
    ],
)
def test_a_forged_or_foreign_address_is_refused(desk, knocker, address, changes):
    assert knocker(desk).get(address(**changes)).status_code == 401


@pytest.mark.parametrize("name", ["staff", "email", "timestamp", "brand"])
def test_nothing_signed_can_be_changed_or_doubled(desk, knocker, address, name):
    good = address()
    assert knocker(desk).get(f"{good}&{name}=eve@evil.example").status_code == 401
    assert knocker(desk).get(good.replace(f"{name}=", f"{name}=1", 1)).status_code == 401


@pytest.mark.parametrize(("minutes", "status"), [(-6, 401), (-4, 200), (4, 200), (6, 401)])
def test_it_is_good_for_five_minutes_either_way(desk, knocker, address, clock, minutes, status):
    link = address()
    clock.advance(timedelta(minutes=minutes))
    assert knocker(desk).get(link).status_code == status


def test_another_tenants_address_is_refused(desk, add_desk, world, knocker, address):
    theirs = add_desk("reamaze", owner=world.account("Other"), brand="lumi", sso_secret="theirs")
    assert knocker(theirs).get(address()).status_code == 401


def test_a_signed_address_links_the_agent_and_may_move_money_once(
    desk, shop, agent, knocker, address, services, account
):
    first, again = knocker(desk), knocker(desk)
    link = address()
    first.get(link)
    again.get(link)
    with services.reading(account) as work:
        [found] = work.session.scalars(select(HelpdeskAgent)).all()
    assert (found.external_id, found.agent_id) == ("liis@lumi.example", agent)
    path, form = f"/orders/{shop['lamp']}/refund", {"by": "amount", "amount": "1.00"}
    assert again.pane(path, key="k" * 20, **form).status_code == 403
    assert first.pane(path, key="k" * 20, **form).status_code != 403
