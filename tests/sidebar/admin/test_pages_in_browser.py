"""The merchant's pages in Chromium: axe finds nothing, nothing runs out of the window, passkeys work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from integration import returns
from integration.customers import find_order
from integration.db.accounts import Role
from integration.db.stores import SyncPhase, SyncState
from integration.people import add_agent
from jobs.boot import Services
from tests.sidebar.admin.conftest import PASSWORD, cookie
from tests.sidebar.barriers import barriers
from tests.sidebar.keyboard import LANGUAGES, WALKED, tab_to, troubles, walk

PAGES = (
    "/admin/stores",
    "/admin/stores/{home}",
    "/admin/agents",
    "/admin/agents/{member}",
    "/admin/agents/invite",
    "/admin/actions",
    "/admin/actions/{asked}",
    "/admin/approvals",
    "/admin/audit?entry=2&period=all",
    "/admin/helpdesks",
    "/admin/helpdesks/{desk}",
    "/admin/helpdesks/add/zendesk",
    "/admin/helpdesks/add/chatwoot",
    "/admin/replies",
    "/admin/replies/en/late",
    "/admin/settings",
    "/admin/policy",
    "/admin/policy/rules/2",
    "/admin/policy/rules/add",
    "/admin/what-if?over=21",
    "/admin/withdrawals",
    "/admin/you",
    "/admin/prove",
    "/admin/pair",
)


DARK_WHEN_WIDE = ("et", "ar")
PARTS = 4


@pytest.mark.every_language
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("part", range(PARTS))
def test_every_page_is_accessible_in_both_schemes_fits_and_is_reached_by_tab(
    services: Services,
    live: Any,
    opened: Any,
    admin: int,
    member: int,
    furnished: dict[str, int],
    asked: int,
    language: str,
    part: int,
) -> None:
    """Wide in one scheme, narrow in the other; by Tab once through the navigation, then on every page
    through what stands behind its skip link."""
    schemes = ("dark", "light") if language in DARK_WHEN_WIDE else ("light", "dark")
    page = opened()
    page.context.add_cookies([cookie(services, live, admin, language)])
    found = {}
    for path in PAGES[part::PARTS]:
        page.set_viewport_size({"width": 1200, "height": 900})
        page.emulate_media(color_scheme=schemes[0])
        answer = page.goto(live.url + path.format(member=member, asked=asked, **furnished))
        assert answer is not None
        assert answer.status == 200, path
        assert page.get_attribute("html", "dir") == ("rtl" if language == "ar" else "ltr")
        wide = barriers(page)
        look = troubles if path == PAGES[0] else walk
        walked = look(page) if language in WALKED else []
        page.set_viewport_size({"width": 420 if language == "et" else 320, "height": 900})
        page.emulate_media(color_scheme=schemes[1])
        if wrong := [*wide, *walked, *barriers(page)]:
            found[path] = wrong
    assert found == {}, found


# -- without a mouse -------------------------------------------------------------------------------


@pytest.mark.every_language
@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_that_are_shown_once_are_accessible(
    services: Services, live: Any, opened: Any, admin: int, language: str
) -> None:
    """An invitation, a token of the API and a helpdesk just added, with the secrets in them."""
    page = opened(320)
    page.context.add_cookies([cookie(services, live, admin, language)])
    found = {}
    for path, form, fields in (
        ("agents/invite", "main form", {"name": "Kristjan", "email": "kristjan@lumi.example"}),
        ("agents", "form[action$='/tokens']", {"name": "Reports"}),
        ("helpdesks/add/generic", "main form", {"origin": "https://desk.example"}),
    ):
        page.goto(f"{live.url}/admin/{path}")
        for name, text in fields.items():
            page.locator(f"{form} [name={name}]").fill(text)
        with page.expect_navigation():
            page.keyboard.press("Enter")
        page.locator("main input[readonly]").first.wait_for()
        if wrong := [*barriers(page), *walk(page)]:
            found[path] = wrong
    assert found == {}, found


def write(page: Page, name: str, text: str) -> None:
    """Go to a field by Tab and type."""
    tab_to(page, f"[name={name}]")
    page.keyboard.type(text)


def test_somebody_signs_in_invites_and_adds_a_helpdesk_by_keyboard(
    live: Any, opened: Any, people: Any, admin: int
) -> None:
    page = opened(400)
    page.goto(f"{live.url}/admin/sign-in?next=/admin/agents")
    write(page, "email", people.email(admin))
    write(page, "password", "not the password")
    write(page, "code", "000000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("That did not work.")
    write(page, "password", PASSWORD)
    write(page, "code", people.code())
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/agents")
    tab_to(page, "a[href$='/agents/invite']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/agents/invite")
    write(page, "name", "Kristjan")
    write(page, "email", "kristjan@lumi.example")
    tab_to(page, "[name=role]")
    page.keyboard.press("ArrowRight")
    expect(page.locator("[name=role]:checked")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("input[value*='/admin/invitations/']")).to_be_visible()
    tab_to(page, "[data-copy]")
    page.keyboard.press("Enter")
    expect(page.locator("[data-copy] [role=status]")).to_have_text("Copied")
    for link in ("nav a[href$='/helpdesks']", "main a[href$='/add/zendesk']"):
        tab_to(page, link)
        with page.expect_navigation():
            page.keyboard.press("Enter")
    write(page, "subdomain", "not a name")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Subdomain")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("acme")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Set up Zendesk")).to_be_visible()


def test_a_refund_is_rejected_by_keyboard(
    services: Services, live: Any, opened: Any, admin: int, asked: int
) -> None:
    page = opened(400)
    page.context.add_cookies([cookie(services, live, admin)])
    page.goto(f"{live.url}/admin/approvals")
    tab_to(page, "[formaction$='/reject']")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Note to Somchai Wattana")).to_be_focused()
    page.keyboard.type("Too late")
    tab_to(page, "[formaction$='/reject']")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing waits for you")).to_be_visible()


def test_a_store_under_way_moves_without_a_reload(
    services: Services,
    live: Any,
    opened: Any,
    admin: int,
    furnished: dict[str, int],
    account: int,
) -> None:
    page = opened()
    page.context.add_cookies([cookie(services, live, admin)])
    page.goto(f"{live.url}/admin/stores")
    expect(page.get_by_text("of 61,900 orders")).to_be_visible()
    with services.transaction(account) as work:
        sync = work.session.query(SyncState).filter_by(phase=SyncPhase.BACKFILL).one()
        sync.done = 50_000
    expect(page.locator("progress")).to_have_js_property("value", 50_000)
    expect(page.get_by_text("50,000", exact=True)).to_be_visible()


def test_a_policy_goes_from_the_first_to_the_second_version_by_keyboard(
    services: Services, live: Any, opened: Any, admin: int
) -> None:
    page = opened()
    page.context.add_cookies([cookie(services, live, admin)])
    page.goto(f"{live.url}/admin/policy")
    page.get_by_role("link", name="Everything else").focus()
    page.keyboard.press("Enter")
    days = page.get_by_label("Period", exact=True)
    days.focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("21")
    page.keyboard.press("Enter")
    expect(page.get_by_text("21 days from delivery")).to_be_visible()
    page.get_by_label("What changes, in your words").focus()
    page.keyboard.type("Three weeks")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Version 2")).to_be_visible()
    expect(page.get_by_text("“Three weeks”")).to_be_visible()


def test_a_second_version_is_tried_saved_and_binds_only_what_is_bought_after(
    services: Services, live: Any, opened: Any, admin: int, account: int, world: Any, shop: dict[str, int]
) -> None:
    """The whole way: open, change, see it on real orders, try it on the past, save, look back."""
    page = opened()
    page.context.add_cookies([cookie(services, live, admin)])
    page.goto(f"{live.url}/admin/policy")
    expect(page.get_by_text("From the first minute; nothing was saved yet")).to_be_visible()

    page.get_by_role("link", name="Everything else").click()
    page.get_by_label("Period", exact=True).fill("21")
    page.get_by_role("button", name="Keep in the draft").click()
    real = page.get_by_role("row").filter(has_text="#1042").get_by_role("cell")
    expect(real.nth(1)).to_contain_text("policy until 13 Dec")
    expect(real.nth(2)).to_contain_text("policy until 4 Dec")

    page.get_by_role("link", name="Try on past orders").click()
    page.get_by_label("Over").select_option("30")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("Lines that change")).to_be_visible()

    page.get_by_role("link", name="Back to the policy").click()
    page.get_by_label("What changes, in your words").fill("Three weeks")
    page.get_by_role("button", name="Save as version 2").click()
    versions = page.get_by_role("list").filter(has_text="Version 2").get_by_role("listitem")
    for words in ("Version 2", "In force", "Sat 21 Nov", "Maarja Tamm", "Three weeks"):
        expect(versions.last).to_contain_text(words)
    expect(versions.first).to_contain_text("Deskside")
    page.get_by_role("link", name="Version 1").click()
    expect(page.get_by_text("30 days from delivery")).to_be_visible()

    line = world.line("77")
    world.clock.advance(timedelta(minutes=1))
    [later] = world.sell(
        account,
        shop["home"],
        world.record(line, placed_at=world.clock(), fulfillments=(world.parcel(line),)),
    )
    with services.reading(account) as work:
        verdicts = {
            order: returns.judge_order(work, find_order(work, order)) for order in (shop["slippers"], later)
        }
    bound = {order: {line.policy_version for line in found.lines} for order, found in verdicts.items()}
    assert bound == {shop["slippers"]: {"1"}, later: {"2"}}


def test_a_long_what_if_brings_its_result_by_itself(
    services: Services,
    live: Any,
    opened: Any,
    admin: int,
    furnished: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sidebar.admin.whatif.AT_ONCE", 0)
    page = opened(420, "light")
    page.context.add_cookies([cookie(services, live, admin, "en")])
    page.goto(f"{live.url}/admin/what-if?over=21")
    page.get_by_text("Lines that change").wait_for()
    assert page.get_attribute("[data-load]", "aria-busy") is None
    assert barriers(page) == []


CHART = """() => {
  const chart = document.querySelector(".chart");
  const boxes = (which) => [...chart.querySelectorAll(which)].map((one) => one.getBoundingClientRect());
  const [bars, texts] = [boxes("rect:not(defs rect)"), boxes("text")];
  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  return {
    scrolls: chart.parentElement.scrollWidth > chart.parentElement.clientWidth,
    outside: [...bars, ...texts].filter((one) => one.left < 0 || one.right > innerWidth).length,
    small: texts.filter((one) => one.height < 12).length,
    over: texts.filter((one, at) => texts.some((two, by) => by > at && meet(one, two))).length,
    bars: bars.length,
  };
}"""


@pytest.mark.parametrize("width", [320, 1200])
@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_chart_of_a_what_if_fits_its_window_and_can_be_read(
    services: Services,
    live: Any,
    opened: Any,
    admin: int,
    furnished: dict[str, int],
    width: int,
    language: str,
) -> None:
    page = opened(width)
    page.context.add_cookies([cookie(services, live, admin, language)])
    page.goto(f"{live.url}/admin/what-if?over=21")
    seen = page.evaluate(CHART)
    assert seen.pop("bars") > 0
    assert seen == {"scrolls": False, "outside": 0, "small": 0, "over": 0}


def test_an_approval_is_decided_on_its_page(
    services: Services, live: Any, opened: Any, admin: int, asked: int
) -> None:
    page = opened()
    page.context.add_cookies([cookie(services, live, admin)])
    page.goto(f"{live.url}/admin/approvals")
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("Write why: the person who asked reads it.")).to_be_visible()
    page.get_by_label("Note to Somchai Wattana").fill("Too late")
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("Nothing waits for you")).to_be_visible()


# -- passkeys --------------------------------------------------------------------------------------


@pytest.fixture
def authenticator(opened: Any) -> Iterator[Any]:
    """Gives a page a device that keeps passkeys, as Chromium's developer protocol plays it."""
    given: list[Any] = []

    def give(page: Page, *, verified: bool = True) -> None:
        devtools = page.context.new_cdp_session(page)
        given.append(devtools)
        devtools.send("WebAuthn.enable", {"enableUI": False})
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": verified,
            "automaticPresenceSimulation": True,
        }
        devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})

    yield give
    for devtools in given:
        devtools.send("WebAuthn.disable")
        devtools.detach()


@pytest.fixture
def invitation(services: Services, account: int, live: Any) -> str:
    with services.transaction(account) as work:
        _, token = add_agent(work, "mari@lumi.example", "Mari Mets", Role.ADMIN)
    return f"{live.url}/admin/invitations/{token}"


def test_a_passkey_is_made_by_invitation_and_signs_in_again(
    live: Any, opened: Any, authenticator: Any, invitation: str
) -> None:
    page = opened()
    authenticator(page)
    page.goto(invitation)
    page.get_by_role("button", name="Make a passkey").click()
    page.wait_for_url("**/admin/stores")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/admin/sign-in")
    page.goto(f"{live.url}/admin/agents")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/admin/agents")
    expect(page.get_by_role("link", name="Change Mari Mets")).to_be_visible()
    page.goto(invitation)
    expect(page.get_by_text("This invitation is over")).to_be_visible()


def test_a_device_that_does_not_know_its_owner_makes_no_passkey(
    opened: Any, authenticator: Any, invitation: str
) -> None:
    page = opened()
    authenticator(page, verified=False)
    page.goto(invitation)
    page.get_by_role("button", name="Make a passkey").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.goto(invitation)
    expect(page.get_by_role("button", name="Make a passkey")).to_be_visible()


def test_an_unknown_passkey_is_refused(
    live: Any, opened: Any, authenticator: Any, invitation: str, services: Services
) -> None:
    page = opened()
    authenticator(page)
    page.goto(invitation)
    page.get_by_role("button", name="Make a passkey").click()
    page.wait_for_url("**/admin/stores")
    from integration.db.accounts import Passkey

    with services.everywhere() as work:
        work.session.query(Passkey).delete()
    page.context.clear_cookies()
    page.goto(f"{live.url}/admin/sign-in")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("The passkey was not accepted.")).to_be_visible()
    assert page.goto(f"{live.url}/admin/you").url.endswith("/admin/sign-in?next=%2Fadmin%2Fyou")  # type: ignore[union-attr]


def test_the_answer_of_a_passkey_is_good_once(
    live: Any, opened: Any, authenticator: Any, invitation: str
) -> None:
    page = opened()
    authenticator(page)
    page.goto(invitation)
    page.get_by_role("button", name="Make a passkey").click()
    page.wait_for_url("**/admin/stores")
    page.context.clear_cookies()
    page.goto(f"{live.url}/admin/sign-in")
    with page.expect_request(re.compile(r"/admin/sign-in/passkey$")) as caught:
        page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/admin/stores")
    body = caught.value.post_data
    page.context.clear_cookies()
    page.goto(f"{live.url}/admin/sign-in")
    status = page.evaluate(
        """async (body) => {
            const headers = {"Content-Type": "application/json", "X-CSRF-Token": document.body.dataset.csrf};
            return (await fetch("/admin/sign-in/passkey", {method: "POST", body, headers})).status;
        }""",
        body,
    )
    assert status == 401


def test_a_passkey_is_added_after_a_fresh_proof_and_proves_again(
    services: Services, live: Any, opened: Any, authenticator: Any, admin: int
) -> None:
    page = opened()
    authenticator(page)
    page.context.add_cookies([cookie(services, live, admin)])
    page.goto(f"{live.url}/admin/you")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("button", name="Remove")).to_be_visible()
    page.goto(f"{live.url}/admin/prove?next=/admin/agents")
    page.get_by_role("button", name="Use your passkey").click()
    page.wait_for_url("**/admin/agents")
