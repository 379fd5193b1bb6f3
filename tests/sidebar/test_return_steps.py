"""Returns in the pane: each step is offered where a return stands so, and its dialogue names that return."""

from __future__ import annotations

import pytest

from integration.ports import ActionKind
from integration.records import ReturnLineRecord, ReturnRecord
from sidebar.offers import RETURN_STEPS


@pytest.fixture
def returned(world, account, shop, frame):
    """Sell an order to Kadri of which a return stands so. Returns its id."""

    def sell(status):
        line = world.line("11", title="Linen curtain", quantity=1)
        record = world.record(
            line,
            fulfillments=(world.parcel(line),),
            returns=(
                ReturnRecord(
                    platform_id="gid://shopify/Return/5",
                    status=status,
                    lines=(ReturnLineRecord(platform_id="rl5", line_id="11", quantity=1),),
                ),
            ),
        )
        return world.sell(account, shop["home"], record)[0]

    return sell


@pytest.mark.parametrize("kind", list(RETURN_STEPS))
def test_the_dialogue_names_the_return(frame, returned, kind):
    order_id = returned(RETURN_STEPS[kind])
    page = frame.get(f"/orders/{order_id}/{kind}")
    assert page.status_code == 200
    text = page.get_data(as_text=True)
    assert f'data-kind="{kind}"' in text
    assert f'<option value="{order_id}.5">Linen curtain</option>' in text
    assert ("the customer reads this" in text) is (kind is ActionKind.RETURN_DECLINE)


@pytest.mark.parametrize("kind", list(RETURN_STEPS))
def test_a_step_that_does_not_fit_is_refused_with_the_reason(frame, returned, kind):
    order_id = returned("closed")
    refused = frame.get(f"/orders/{order_id}/{kind}")
    assert refused.status_code == 409
    assert "no return" in refused.get_data(as_text=True)


def test_an_order_without_returns_has_no_such_steps(frame, shop):
    order_id = frame.get("/pane").get_data(as_text=True).partition('data-order-id="')[2].partition('"')[0]
    assert frame.get(f"/orders/{order_id}/return_close").status_code == 409
    assert frame.get(f"/orders/{order_id}/note").status_code == 200
