"""Orders of guests who left no contact, what cannot be replaced, and a note with tags."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from integration.db.actions import Action
from integration.ports import ActionKind


@pytest.fixture
def guest(world, account, shop):
    """A sale over the counter: no e-mail, no phone, no customer."""
    record = world.record(email=None, phone=None, customer=None, name="#7788", number="7788")
    return world.sell(account, shop["home"], record)[0]


def test_a_number_in_the_subject_finds_an_order_without_a_customer(desk, agent, shop, guest, frame_of):
    text = frame_of(desk.token(subject="Order 7788, who bought it?", customer={})).text
    assert 'data-state="guest"' in text
    assert f'data-order-id="{guest}"' in text
    assert "1 order without a customer" in text


def test_a_search_finds_it_too(frame, guest):
    text = frame.get("/pane?q=7788").get_data(as_text=True)
    assert f'data-order-id="{guest}"' in text
    assert 'data-testid="empty"' not in text


def test_another_number_still_finds_nothing(frame, guest):
    text = frame.get("/pane?q=7789").get_data(as_text=True)
    assert 'data-testid="empty"' in text
    assert "data-order-id" not in text


def test_replacing_is_shown_and_says_why_not(frame, shop):
    text = frame.get(f"/orders/{shop['lamp']}").get_data(as_text=True)
    button = re.search(r'<button[^>]*data-kind="replacement"[^>]*>', text)
    assert button
    assert 'aria-disabled="true"' in button.group(0)
    assert "at Shopify it is an exchange at today’s price" in text
    outlet = frame.get(f"/orders/{shop['slippers']}").get_data(as_text=True)
    assert "WooCommerce has no replacements" in outlet
    assert frame.get(f"/orders/{shop['lamp']}/replacement").status_code == 404


def test_a_note_and_tags_are_two_actions_of_one_press(frame, shop, services, account):
    form = {"note": "Called back", "tags_before": "old, kept", "tags": "kept, new"}
    for _press in range(2):
        assert frame.post(f"/orders/{shop['lamp']}/note", key="k1", **form).status_code == 202
    with services.reading(account) as work:
        rows = work.session.scalars(select(Action).order_by(Action.id)).all()
    assert [row.kind for row in rows] == [ActionKind.NOTE, ActionKind.TAGS]
    assert rows[1].wish["tags_add"] == ["new"]
    assert rows[1].wish["tags_remove"] == ["old"]


def test_only_platforms_with_tags_offer_them(frame, shop):
    assert 'name="tags"' in frame.get(f"/orders/{shop['lamp']}/note").get_data(as_text=True)
    assert 'name="tags"' not in frame.get(f"/orders/{shop['slippers']}/note").get_data(as_text=True)
