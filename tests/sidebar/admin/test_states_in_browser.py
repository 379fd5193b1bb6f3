"""The merchant's pages in every state but the usual one: empty, refused, over, gone wrong, not signed in.

Each is passed through axe in a window of 320 pixels and gone through by Tab. What the pages look like with
everything on them is in test_pages_in_browser.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Page

from integration import helpdesks, one_time, policy_draft
from integration.db.accounts import Passkey, Role
from integration.db.actions import Action, ActionStatus
from integration.db.inbox import Poison
from integration.db.stores import Store, StoreStatus, SyncPhase, SyncState
from integration.errors import StoreUnavailable
from integration.people import add_agent, disable_agent, find_agent, make_link, sessions, use_link
from integration.policies import save_policy
from integration.stores import disconnect, problem, state
from jobs.boot import Services
from sidebar.install import STATE_LIFE, WOOCOMMERCE
from tests.sidebar.admin.conftest import cookie
from tests.sidebar.barriers import barriers
from tests.sidebar.keyboard import LANGUAGES, WALKED, walk

SCHEMES = {"en": "light", "et": "dark", "ro": "light", "th": "dark", "ar": "dark"}


@pytest.fixture
def look(language: str) -> Iterator[Callable[..., None]]:
    """Notes what is wrong with what a page shows now, under a name; all of it must be nothing."""
    found: dict[str, list[str]] = {}

    def through(page: Page, name: str) -> None:
        assert page.get_attribute("html", "lang") == language, name
        if wrong := [*barriers(page), *(walk(page) if language in WALKED else [])]:
            found[name] = wrong

    yield through
    assert found == {}, found


@pytest.fixture
def narrow(opened: Any, services: Services, live: Any, language: str) -> Callable[..., Page]:
    """A narrow window in the language under test, of somebody signed in or of nobody."""

    def window(agent_id: int | None = None) -> Page:
        page: Page = opened(320, SCHEMES[language])
        page.set_extra_http_headers({"Accept-Language": language})
        if agent_id is not None:
            page.context.add_cookies([cookie(services, live, agent_id, language)])
        return page

    return window


def send(page: Page, form: str, **fields: str) -> None:
    """Fill a form in and press Enter in its last field; the browser's own checks do not hold it back."""
    page.locator(form).evaluate("(form) => { form.noValidate = true; }")
    for name, text in fields.items():
        page.locator(f"{form} [name='{name}']").fill(text)
    with page.expect_navigation():
        page.keyboard.press("Enter")


EMPTY = (
    "stores",
    "actions",
    "approvals",
    "withdrawals",
    "audit?q=nothing",
    "helpdesks",
    "replies?saved=1",
    "what-if?over=21",
    "stores/999",
    "step-up",
)


@pytest.mark.every_language
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_new_account_with_nothing_in_it(
    live: Any, narrow: Any, look: Any, admin: int, language: str
) -> None:
    page = narrow(admin)
    for path in EMPTY:
        page.goto(f"{live.url}/admin/{path}")
        look(page, path)


@pytest.mark.every_language
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_that_the_role_does_not_open(
    live: Any, narrow: Any, look: Any, member: int, language: str
) -> None:
    page = narrow(member)
    answer = page.goto(f"{live.url}/admin/settings")
    assert answer is not None
    assert answer.status == 403
    look(page, "settings")


@pytest.mark.at_length
@pytest.mark.every_language
@pytest.mark.parametrize("language", LANGUAGES)
def test_forms_that_are_refused(
    services: Services,
    account: int,
    live: Any,
    narrow: Any,
    look: Any,
    admin: int,
    asked: int,
    language: str,
) -> None:
    """What was wrong stands beside the field, and the focus is in it."""
    page = narrow(admin)
    for path, form, fields in (
        ("agents/invite", "main form", {"name": "Kristjan", "email": "nobody"}),
        ("helpdesks/add/zendesk", "main form", {"subdomain": "not a name"}),
        ("stores", "#connect form[action$=shopify]", {"shop": "not a shop"}),
        ("policy/rules/0", "#rule", {"days": "many"}),
        ("prove", "main form", {"code": "000000", "password": "not the password"}),
    ):
        page.goto(f"{live.url}/admin/{path}")
        send(page, form, **fields)
        look(page, f"{path} {fields}")
    page.goto(f"{live.url}/admin/replies/en/late")
    page.locator("#text").fill("{{ nothing_of_the_kind }}")
    press(page, "[value=preview]")
    look(page, "a reply with an unknown place")
    page.locator("#text").fill("Hello")
    press(page, "[value=preview]")
    look(page, "a reply as it would read")
    page.goto(f"{live.url}/admin/approvals/{asked}")
    press(page, "[formaction$='/reject']")
    look(page, "rejected without a word")
    page.goto(f"{live.url}/admin/audit")
    press(page, "form[action*='/verify'] button")
    look(page, "the chain is whole")


def press(page: Page, button: str) -> None:
    page.locator(button).focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")


@pytest.mark.every_language
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_has_happened_to_requests(
    services: Services,
    account: int,
    live: Any,
    narrow: Any,
    look: Any,
    admin: int,
    asked: int,
    language: str,
) -> None:
    """One that waits, and the same as it would stand there in the end."""
    page = narrow(admin)
    page.goto(f"{live.url}/admin/approvals/{asked}")
    look(page, "waits")
    stages: dict[str, dict[str, Any]] = {
        "answer unclear": {
            "status": ActionStatus.NEEDS_ATTENTION,
            "sent_at": services.now(),
            "last_sent_at": services.now(),
            "error": {"code": "paid_less", "message": "", "next_step": ""},
            "receipt": {"amount": {"minor": 8000, "currency": "EUR"}, "platform_id": "r-1"},
        },
        "one's own": {"status": ActionStatus.AWAITING_APPROVAL, "person_id": admin, "error": None},
        "declined by the store": {
            "status": ActionStatus.FAILED,
            "finished_at": services.now(),
            "error": {"code": "store_refused", "message": "No.", "next_step": ""},
        },
    }
    for name, values in stages.items():
        with services.transaction(account) as work:
            row = work.session.get_one(Action, asked)
            for key, value in values.items():
                setattr(row, key, value)
        kind = "actions" if name == "declined by the store" else "approvals"
        page.goto(f"{live.url}/admin/{kind}/{asked}")
        look(page, name)


@pytest.mark.at_length
@pytest.mark.every_language
@pytest.mark.parametrize("language", LANGUAGES)
def test_stores_people_and_rules_that_are_not_as_usual(
    services: Services,
    account: int,
    live: Any,
    narrow: Any,
    look: Any,
    admin: int,
    member: int,
    furnished: dict[str, int],
    language: str,
) -> None:
    """A store to be confirmed, one that was let go, one that is late, with an order set aside; somebody
    disabled; a second session and a passkey; an old version of the policy."""
    now = services.now()
    with services.transaction(account) as work:
        disconnect(work, work.session.get_one(Store, furnished["outlet"]), by="x")
        work.session.query(SyncState).filter_by(phase=SyncPhase.BACKFILL).one().phase = SyncPhase.WAITING
        late = work.session.get_one(Store, furnished["home"])
        late.status = StoreStatus.DEGRADED
        state(work, late.id).error = problem(StoreUnavailable("503"), now)
        work.add(
            Poison(
                store_id=late.id,
                platform_id="gid://shopify/Order/5512345678901",
                reason="lines.0.quantity: not a number",
                first_seen_at=now,
                last_seen_at=now,
                attempts=3,
                due_at=now,
            )
        )
        disable_agent(work, member, by="x")
        sessions.start(work, find_agent(work, admin), "passkey", "Mozilla/5.0 (X11; Linux x86_64) Chromium")
        work.add(
            Passkey(
                agent_id=admin, credential_id=b"x", public_key=b"x", sign_count=0, name="", created_at=now
            )
        )
        for number in (1, 2):
            save_policy(work, policy_draft.in_force(work), by="Maarja Tamm", note=f"{number} weeks")
    page = narrow(admin)
    for path in (
        "stores",
        "stores/{home}",
        "replies?store={home}",
        f"replies/{language}/late?store={{home}}",
        "agents/{member}",
        "you",
        "prove",
        "policy?version=1",
    ):
        page.goto(f"{live.url}/admin/{path.format(member=member, **furnished)}")
        look(page, path)


@pytest.mark.at_length
@pytest.mark.every_language
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_steps_of_every_helpdesk(
    services: Services, account: int, live: Any, narrow: Any, look: Any, admin: int, language: str
) -> None:
    """The page that leads through them, as it looks right after the helpdesk was added."""
    given = {
        "front": {"auth_secret": "x"},
        "reamaze": {"brand": "lumi", "sso_secret": "x"},
        "intercom": {"client_secret": "x", "workspace_id": "abc"},
    }
    page = narrow(admin)
    for kind in helpdesks.KINDS.values():
        if kind.name == "zendesk":  # among the pages with everything on them
            continue
        origin = "https://desk.example" if kind.asks_origin else ""
        with services.transaction(account) as work:
            row, _, _ = helpdesks.add(
                work,
                services.vault,
                kind.name,
                "Support",
                origin,
                given.get(kind.name),
                app_url=live.url,
            )
            desk = row.id
        page.goto(f"{live.url}/admin/helpdesks/{desk}")
        look(page, kind.name)


@pytest.mark.parametrize("path", ["settings", "agents/{member}"])
def test_sums_of_limits_are_seen_whole_in_the_narrowest_window(
    services: Services, live: Any, opened: Any, admin: int, member: int, furnished: Any, path: str
) -> None:
    page = opened(320)
    page.context.add_cookies([cookie(services, live, admin, "ro")])
    page.goto(f"{live.url}/admin/{path.format(member=member)}")
    assert page.locator(".scroll").count() > 0
    cut = "(boxes) => boxes.filter((box) => box.scrollWidth > box.clientWidth).length"
    assert page.locator(".scroll").evaluate_all(cut) == 0


# -- nobody is signed in ---------------------------------------------------------------------------


@pytest.mark.every_language
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_ways_in(
    services: Services, account: int, live: Any, narrow: Any, look: Any, language: str
) -> None:
    """Sign-in, invitation and the link of a store's admin; each refused, and over."""
    with services.transaction(account) as work:
        agent, token = add_agent(work, "mari@lumi.example", "Mari Mets", Role.LEAD)
        link = make_link(work, agent, "shopify")
    page = narrow()
    for path, fields in (
        ("sign-in", {"email": "mari@lumi.example", "password": "not the password", "code": "000000"}),
        (f"invitations/{token}", {"password": "short", "code": "000000"}),
    ):
        page.goto(f"{live.url}/admin/{path}")
        look(page, path)
        send(page, "main form", **fields)
        look(page, f"{path}, refused")
    for path in ("invitations/none", f"enter/{link}"):
        page.goto(f"{live.url}/admin/{path}")
        look(page, path)
    with services.everywhere() as work:
        assert use_link(work, link) is not None
    press(page, "main form button")
    look(page, "the link is over")


@pytest.mark.every_language
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_form_of_another_browser(live: Any, narrow: Any, look: Any, language: str) -> None:
    page = narrow()
    page.goto(f"{live.url}/admin/sign-in")
    page.context.clear_cookies()
    send(page, "main form", code="000000")
    look(page, "refused")


@pytest.mark.every_language
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_browser_is_told_at_an_address_that_is_none(
    live: Any, narrow: Any, look: Any, language: str
) -> None:
    page = narrow()
    for path in ("nothing", "sidebar/generic/none", "sidebar/open/none/none"):
        answer = page.goto(f"{live.url}/{path}")
        assert answer is not None
        assert answer.status == 404
        look(page, path)


@pytest.mark.every_language
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_way_back_from_a_stores_own_pages(
    services: Services, account: int, live: Any, narrow: Any, look: Any, world: Any, language: str
) -> None:
    """Before Shopify asks for consent, and after WooCommerce has: declined, no key, to be confirmed, done."""
    services.settings = replace(services.settings, shopify_api_key="key", shopify_secrets=("secret",))
    page = narrow()
    page.goto(f"{live.url}/shopify/install?shop=lumi-home.myshopify.com&embedded=1")
    look(page, "to Shopify")
    for name, phase in (("done", SyncPhase.BACKFILL), ("to be confirmed", SyncPhase.WAITING)):
        store = world.store(account, domain=f"{phase}.example")
        with services.transaction(account) as work:
            state(work, store).phase = phase
        with services.everywhere() as work:
            begun = one_time.make(work, WOOCOMMERCE, {}, STATE_LIFE)
            one_time.use(work, WOOCOMMERCE, begun)
            one_time.note(work, WOOCOMMERCE, begun, {"store": store})
        page.goto(f"{live.url}/woocommerce/return?success=1&user_id={begun}")
        look(page, name)
    for query in ("success=0", "success=1"):
        page.goto(f"{live.url}/woocommerce/return?{query}")
        look(page, query)
