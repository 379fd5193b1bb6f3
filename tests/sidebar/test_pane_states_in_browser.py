"""Screens of the pane that one seldom sees: stores in trouble, actions in each state, statements under way,
doors that refuse, answers that never come. axe on each in every language, and every control by Tab.

The screens one sees every day are in test_keyboard_in_browser.py.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from sqlalchemy import text

from integration import limits
from integration.db.actions import Action, ActionStatus
from integration.db.orders import Order
from integration.db.policies import Withdrawal
from integration.db.stores import Store, StoreStatus, SyncPhase, SyncState
from integration.errors import StoreUnavailable
from integration.limits import Ceiling, Choices
from integration.people import change_agent
from integration.ports import ActionKind
from integration.stores import problem
from tests.sidebar.barriers import barriers
from tests.sidebar.conftest import NOON, SUBMIT, DeskSide, ago
from tests.sidebar.keyboard import LANGUAGES, WALKED, tab_to, troubles

SCHEMES = {"en": "light", "et": "dark", "ro": "light", "th": "dark", "ar": "dark"}
EACH = pytest.mark.parametrize("language", LANGUAGES)


@pytest.fixture
def spoken(services, account, agent, language):
    """The agent's own language, from the first screen on."""
    with services.transaction(account) as work:
        change_agent(work, agent, locale=language)


@pytest.fixture
def look(language):
    """Notes what is wrong with what is shown now, under a name; all of it must be nothing."""
    found = {}

    def through(page, name, within="body"):
        assert page.get_attribute("html", "lang") == language, name
        size = page.viewport_size
        # As tall as all of it: what the bar at the edge half covers could be scrolled free.
        page.set_viewport_size({"width": size["width"], "height": 3000})
        wrong = barriers(page)
        page.set_viewport_size(size)
        if wrong := [*wrong, *(troubles(page, within) if language in WALKED else [])]:
            found[name] = wrong

    yield through
    assert found == {}, found


@pytest.mark.every_language
@EACH
def test_stores_in_trouble_and_more_that_is_urgent_than_fits(
    open_pane, spoken, look, services, account, shop, language
):
    with services.transaction(account) as work:
        home, outlet = (work.session.get_one(SyncState, shop[name]) for name in ("home", "outlet"))
        home.error, home.failures = problem(StoreUnavailable("503"), NOON), 3
        work.session.get_one(Store, shop["home"]).status = StoreStatus.DEGRADED
        outlet.phase, outlet.done, outlet.total = SyncPhase.BACKFILL, 38_412, 61_900
        for days in (1, 2):
            work.add(
                Withdrawal(
                    order_id=shop["lamp"],
                    lines=[],
                    received_at=ago(days),
                    channel="email",
                    recorded_at=ago(days),
                    recorded_by="Marko",
                )
            )
    page = open_pane(scheme=SCHEMES[language])
    page.locator(".now-more > summary").focus()
    page.keyboard.press("Enter")
    look(page, "troubles")


STATES = [status for status in ActionStatus if status is not ActionStatus.RUNNING]
"""An action that runs looks like one that is about to; an order shows six."""


@pytest.mark.every_language
@EACH
def test_actions_in_every_state(open_pane, spoken, look, services, account, agent, shop, language):
    more = {
        ActionStatus.SUCCEEDED: {"finished_at": NOON},
        ActionStatus.FAILED: {
            "finished_at": NOON,
            "error": {"code": "store_refused", "message": "The order is closed.", "next_step": ""},
        },
        ActionStatus.REJECTED: {
            "approved_by": "Ioana Dumitrescu",
            "decision_note": "Too late",
            "finished_at": NOON,
        },
    }
    with services.transaction(account) as work:
        order = work.session.get_one(Order, shop["lamp"])
        for number, status in enumerate(STATES):
            work.add(
                Action(
                    key=f"ds_{number}",
                    caller=f"agent:{agent}",
                    idempotency_key=str(number),
                    body_hash="x",
                    kind=ActionKind.NOTE if status is ActionStatus.PENDING else ActionKind.REFUND,
                    store_id=order.store_id,
                    order_id=order.id,
                    status=status,
                    amount=None if status is ActionStatus.PENDING else 8900,
                    currency="EUR",
                    wish={},
                    order_version="x",
                    verdict={},
                    requested_by="liis@lumi.example",
                    requested_by_id=agent,
                    requested_role="agent",
                    assurance={},
                    created_at=NOON,
                    due_at=NOON,
                    **more.get(status, {}),
                )
            )
    page = open_pane(scheme=SCHEMES[language])
    expect(page.get_by_test_id("action-status")).to_have_count(len(STATES))
    look(page, "actions")


@pytest.mark.every_language
@EACH
def test_a_statement_is_acknowledged_and_its_goods_come(
    open_pane, spoken, look, services, account, shop, language
):
    with services.transaction(account) as work:
        work.session.query(Withdrawal).one().acknowledged_at = None
    page = open_pane(scheme=SCHEMES[language], subject="L-5531")
    for button in ("[data-kind$='/acknowledge']", "[data-kind$='/goods']"):
        tab_to(page, button)
        page.keyboard.press("Enter")
        page.locator("dialog[open]").wait_for()
        look(page, button, "dialog")
        page.keyboard.press("Escape")
        expect(page.locator(button)).to_be_focused()


@pytest.mark.every_language
@EACH
def test_a_refund_beyond_the_verdict_and_the_limit(
    open_pane, spoken, look, services, account, paper, language
):
    with services.transaction(account) as work:
        limits.save(work, Choices(ceilings={"agent": {"EUR": Ceiling(action=100)}}), by="x")
    page = open_pane(scheme=SCHEMES[language])
    page.keyboard.press("r")
    page.get_by_test_id("refund-line-quantity").nth(2).fill("1")
    page.get_by_test_id("refund-exception").wait_for()
    page.get_by_test_id("refund-exception").fill("!")
    expect(page.get_by_test_id("refund-confirm")).to_have_attribute("aria-disabled", "false")
    look(page, "beyond", "dialog")
    paper.down = True
    page.get_by_test_id("refund-line-quantity").nth(2).focus()
    with page.expect_response("**/preview"):
        page.keyboard.press("Backspace")
    look(page, "no answer", "dialog")


@pytest.mark.every_language
@EACH
def test_a_call_seen_before_reads_but_moves_nothing(open_pane, spoken, look, language):
    """Its dialogues say why, and lead to the sign-in page."""
    open_pane(jti="twice")
    page = open_pane(jti="twice", scheme=SCHEMES[language])
    tab_to(page, "[data-testid=more-open]")
    page.keyboard.press("Enter")
    tab_to(page, "[data-kind=note]")
    page.keyboard.press("Enter")
    page.locator("dialog [data-testid=pair]").wait_for()
    look(page, "not proven", "dialog")


@pytest.mark.every_language
@EACH
def test_nobody_is_found_but_something_was_named(open_pane, spoken, look, language):
    page = open_pane(customer={"emails": ["nobody@example.ee"]}, subject="Order 9999, parcel CC000000000EE")
    page.get_by_test_id("empty").wait_for()
    look(page, "empty")


@pytest.mark.every_language
@EACH
def test_a_lookup_that_fails(open_pane, spoken, look, services, shop, language):
    with services.db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE sales_order RENAME TO gone"))
    page = open_pane(scheme=SCHEMES[language])
    page.get_by_test_id("error").wait_for()
    look(page, "failed")


@pytest.mark.every_language
@EACH
def test_a_door_that_refuses(windows, served, desk, look, language):
    with windows.lent() as window:
        page = window.show(320, 640, SCHEMES[language])
        page.set_extra_http_headers({"Accept-Language": language})
        with page.expect_navigation():
            page.evaluate(
                SUBMIT, [f"{served}{desk.path}", desk.token(secret="another secret, which is as long")]
            )
        page.get_by_test_id("error").wait_for()
        look(page, "forged")


HOST = """<!doctype html><title>Desk</title>
<iframe name="side" title="Deskside" src="%s" width="320" height="600"></iframe>
<script>
  window.tell = (context) => frames[0].postMessage({ sidebar: 1, type: "context", context }, "*");
</script>"""


@pytest.mark.every_language
@EACH
def test_a_desk_that_has_not_said_enough(windows, served, services, account, language):
    """Before its first word, with several conversations selected, and when our answer does not come."""
    desk = DeskSide(services, account, served)
    with windows.lent() as window:
        page = window.show(400, 640, SCHEMES[language])
        page.set_extra_http_headers({"Accept-Language": language})
        page.route("**/host", lambda route: route.fulfill(content_type="text/html", body=HOST % desk.path))
        page.goto(f"{served}/host")
        side = page.frame(name="side")
        side.locator("[data-state=wait]").wait_for()
        assert barriers(side) == []
        page.evaluate("tell({ state: 'multiple' })")
        side.locator("[data-state=multiple]").wait_for()
        assert side.get_attribute("html", "lang") == language
        assert barriers(side) == []
        page.route(f"**{desk.path}", lambda route: route.abort())
        page.evaluate("tell({ conversation: '7' })")
        side.get_by_test_id("error").wait_for()
        assert barriers(side) == []
        tab_to(page, "[data-act=hear]", side)
        page.unroute(f"**{desk.path}")
        page.keyboard.press("Enter")
        side.locator("[data-state=unproven]").wait_for()


@pytest.mark.every_language
@EACH
def test_what_else_fits_and_where_it_is_switched_off(open_pane, spoken, look, neighbours, language):
    page = open_pane(customer={"emails": [neighbours]}, subject="Which candles?", scheme=SCHEMES[language])
    page.get_by_test_id("fits").wait_for()
    look(page, "fits")
    tab_to(page, "[data-testid=fits-off]")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("fits")).to_have_count(0)
    expect(page.locator("h1")).to_be_focused()
