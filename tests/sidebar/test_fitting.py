"""What else fits: shown with its reason to a quiet conversation, and gone with one click."""

from __future__ import annotations

import pytest

from integration import companions
from integration.db.accounts import Account


@pytest.fixture
def quiet(desk, agent, neighbours, frame_of):
    """Anu's frame, and where it asks what fits."""

    def opened(subject="Which candles do you have?"):
        frame = frame_of(desk.token(subject=subject, customer={"emails": [neighbours]}))
        customer = frame.text.split('data-customer="')[1].split('"')[0]
        return frame, f"/fits?customer={customer}"

    return opened


def test_the_reason_stands_beside_it(quiet):
    frame, path = quiet()
    text = frame.get(path).get_data(as_text=True)
    assert "Beeswax candle" in text
    assert "3 other customers with Wool throw bought it too" in text


def test_a_complaint_hears_nothing_of_it(quiet):
    frame, path = quiet("My throw arrived broken")
    assert frame.get(path).get_data(as_text=True) == ""


def test_late_parcels_and_open_clocks_keep_it_away(frame, shop):
    assert frame.get(f"/fits?customer={shop['customer']}").get_data(as_text=True) == ""


def test_one_click_switches_it_off_for_the_account(quiet, services, account):
    frame, path = quiet()
    assert frame.post("/fits/off").status_code == 200
    assert frame.get(path).get_data(as_text=True) == ""
    with services.reading(account) as work:
        assert not companions.switched_on(work.session.get_one(Account, account).settings)


def test_two_people_are_no_pattern(quiet, monkeypatch):
    monkeypatch.setattr(companions, "FEWEST", 4)
    frame, path = quiet()
    assert frame.get(path).get_data(as_text=True) == ""
