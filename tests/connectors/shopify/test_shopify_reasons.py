"""A reason keeps its meaning on the way to Shopify and back."""

from __future__ import annotations

import pytest

from connectors.demo.shopify.returns import BY_HANDLE
from connectors.shopify.reasons import HANDLES, code_of, handle_among
from integration.eligibility.facts import ReturnReason

ENUM = {
    "changed_mind": "unwanted",
    "size_small": "size-too-small",
    "size_large": "size-too-large",
    "fit": "other",
    "colour": "color",
    "style": "style",
    "defective": "defective",
    "damaged_in_transit": "defective",
    "not_as_described": "not-as-described",
    "wrong_item": "wrong-item",
    "missing_item": "wrong-item",
    "arrived_late": "arrived-late",
    "ordered_twice": "other",
    "better_price": "other",
    "unknown": "unknown",
}
"""By the ten values of the older enum, which every shop has as definitions."""


@pytest.mark.parametrize("reason", ReturnReason)
def test_every_reason_has_its_definition(reason):
    assert handle_among(BY_HANDLE, reason) == ENUM[reason]


@pytest.mark.parametrize("reason", [reason for reason in ReturnReason if reason in HANDLES])
def test_the_best_handle_leads_back_to_the_reason(reason):
    assert code_of(HANDLES[reason][0]) == reason


def test_what_a_shop_hides_or_adds_is_no_obstacle():
    assert handle_among({"too-tight", "other"}, "size_small") == "too-tight"
    assert handle_among({"other"}, "changed_mind") == "other"
    assert handle_among((), "changed_mind") is None
    assert handle_among({"other"}, "a word of nobody") == "other"
    assert code_of("gift-was-late") == "gift-was-late"
