"""Facts that only people know are asked where they decide, and the verdict follows at once."""

from __future__ import annotations

import re

import pytest


@pytest.fixture
def download(world, account, shop):
    """An e-book that was bought yesterday; its order and its line."""
    line = world.line(title="E-book", requires_shipping=False)
    [order_id] = world.sell(account, shop["home"], world.record(line, shipping=0, fulfillments=()))
    return order_id, f"{order_id}.{line.platform_id}"


def verdict(text):
    return re.findall(r'data-verdict="(\w+)"', text)[0]


def test_a_download_is_returnable_until_all_four_are_on_file(frame, download):
    order_id, line = download
    text = frame.get(f"/orders/{order_id}").text
    for question in ("Agreed that it begins at once?", "Both confirmed by the store, to keep?"):
        assert question in text
    for name in ("consent", "acknowledged", "started"):
        text = frame.post("/facts", line=line, name=name, value="yes").text
        assert verdict(text) == "accept", "one is still missing, so nothing is lost"
    text = frame.post("/facts", line=line, name="confirmed", value="yes").text
    assert verdict(text) == "refuse"
    assert "begun with consent, acknowledgement and confirmation" in text
    assert "Downloaded or begun?" in text, "what was said can be taken back"
    text = frame.post("/facts", line=line, name="consent", value="no").text
    assert verdict(text) == "accept"


def test_goods_are_not_asked_what_only_downloads_are(frame, shop):
    assert "Agreed that it begins at once?" not in frame.get(f"/orders/{shop['slippers']}").text
