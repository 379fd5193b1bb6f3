"""Whatever states a right says where it comes from, and that it is no advice."""

from __future__ import annotations

import re


def steps(html: str) -> dict[str, str]:
    """Step of a reasoning → its source, without marks. A plain fact, such as a delivery, has none."""
    found = re.findall(
        r"<li><svg.*?</svg><div>(.*?)(?:<span class=\"src\">(.*?))?</div></li>", html, re.DOTALL
    )
    return {text: re.sub(r"<[^>]+>", "", source) for text, source in found}


def test_every_step_but_the_bare_facts_names_its_source(frame, shop):
    found = steps(frame.get(f"/orders/{shop['lamp']}").text)

    assert len(found) > 3
    assert [text for text, source in found.items() if not source and not text.startswith("Delivered")] == []


def test_the_sum_says_why_it_is_what_it_is(frame, shop):
    answer = frame.post(f"/orders/{shop['lamp']}/refund/preview", **{f"q:{shop['lamp']}.11": "1"})

    found = steps(answer.text)
    assert found["The delivery cost goes back with the return that completes the order."].startswith(
        "our own"
    )
    [due] = [text for text in found if text.startswith("To be paid back by")]
    assert found[due].startswith("VÕS § 56¹")
    assert "not legal advice" in answer.text


def test_an_amount_by_hand_has_no_reasons_of_law(frame, shop):
    answer = frame.post(f"/orders/{shop['lamp']}/refund/preview", by="amount", amount="1.00")

    assert steps(answer.text) == {}
    assert "not legal advice" not in answer.text
