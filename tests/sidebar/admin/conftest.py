"""People of an account, browsers in which they are signed in, and an app whose forms can be sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page

from integration import helpdesks, policy_draft
from integration.db.accounts import Role
from integration.db.stores import Store, StoreStatus, SyncPhase, SyncState
from integration.eligibility import Rule, Scope
from integration.limits import Ceiling, Choices, save
from integration.people import (
    add_agent,
    change_agent,
    create_token,
    find_agent,
    passwords,
    sessions,
    signing_in,
    totp,
)
from integration.records import Platform
from integration.wishes import Who, Wish, WishLine
from jobs import actions
from jobs.boot import Services
from tests.listener import Listener
from tests.sidebar.windows import Window, Windows

PASSWORD = "four plain words here"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@cache
def password_hash() -> str:
    """Argon2 is slow on purpose: once is enough for all people of the tests."""
    return passwords.hash_password(PASSWORD)


class Browser:
    """A Flask client that sends forms the way a page would: with the token of the page it read last."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.text = ""

    def get(self, path: str, **more: Any) -> Any:
        answer = self.client.get(path, **more)
        self.text = answer.get_data(as_text=True)
        return answer

    @property
    def csrf(self) -> str:
        found = re.search(r'data-csrf="([0-9a-f]+)"', self.text)
        assert found, "no page was read yet"
        return found.group(1)

    def post(self, path: str, data: dict[str, Any] | None = None, **more: Any) -> Any:
        answer = self.client.post(path, data={"csrf": self.csrf, **(data or {})}, **more)
        if answer.mimetype == "text/html" and "data-csrf" in answer.get_data(as_text=True):
            self.text = answer.get_data(as_text=True)
        return answer


class People:
    """Makes agents and signs them in, through the domain's own functions."""

    def __init__(self, services: Services, app: Flask, account_id: int) -> None:
        self.services, self.app, self.account_id = services, app, account_id

    def add(self, name: str, role: Role = Role.AGENT, *, account_id: int | None = None) -> int:
        account_id = account_id or self.account_id
        address = f"{name.split()[0].lower()}{account_id}@lumi.example"
        with self.services.transaction(account_id) as work:
            agent, _ = add_agent(work, address, name, role)
            signing_in.set_password(work, self.services.vault, agent, password_hash(), SECRET, 0)
            return agent.id

    def email(self, agent_id: int) -> str:
        with self.services.everywhere(write=False) as work:
            return find_agent(work, agent_id).email

    def code(self, steps: int = 0) -> str:
        return pyotp.TOTP(SECRET).at(int(self.services.now().timestamp()) + steps * totp.STEP)

    def browser(self) -> Browser:
        return Browser(self.app.test_client())

    def signed_in(self, agent_id: int) -> Browser:
        """A browser that carries a session of this person."""
        with self.services.everywhere() as work:
            secret = sessions.start(work, find_agent(work, agent_id), "password+totp", "Test browser")
        browser = self.browser()
        browser.client.set_cookie("deskside", secret)
        browser.get("/admin/you")
        return browser


@pytest.fixture
def people(services: Services, app: Flask, account: int) -> People:
    return People(services, app, account)


@pytest.fixture
def admin(people: People) -> int:
    return people.add("Maarja Tamm", Role.ADMIN)


@pytest.fixture
def lead(people: People) -> int:
    return people.add("Ioana Dumitrescu", Role.LEAD)


@pytest.fixture
def member(people: People) -> int:
    return people.add("Somchai Wattana", Role.AGENT)


@pytest.fixture
def sign_in(people: People) -> Callable[[int], Browser]:
    return people.signed_in


@dataclass(frozen=True)
class Live:
    """The app behind a real socket, for a real browser."""

    url: str


@pytest.fixture
def live(home: Listener, services: Services, app: Flask) -> Iterator[Live]:
    found = Live(f"http://localhost:{home.port}")  # by a name: passkeys belong to none else
    services.settings = replace(services.settings, app_url=found.url)
    with home.serving(app):
        yield found


@pytest.fixture
def opened(windows: Windows) -> Iterator[Any]:
    """Opens windows of a size and scheme; an error on a page's console fails the test."""
    with ExitStack() as lent:
        used: list[Window] = []

        def window(width: int = 1200, scheme: Any = "light") -> Page:
            used.append(lent.enter_context(windows.lent()))
            return used[-1].show(width, 900, scheme, "reduce")

        yield window
        assert [trouble for one in used for trouble in one.troubles] == []


def cookie(services: Services, live: Any, agent_id: int, language: str = "") -> dict[str, str]:
    """A session of this person, as a browser keeps it."""
    with services.everywhere() as work:
        agent = find_agent(work, agent_id)
        secret = sessions.start(work, agent, "password+totp", "Mozilla/5.0 Chromium")
        account = agent.account_id
    if language:
        with services.transaction(account) as work:
            change_agent(work, agent_id, locale=language)
    return {"name": "deskside", "value": secret, "url": live.url}


@pytest.fixture
def furnished(
    services: Services, account: int, world: Any, live: Any, shop: dict[str, int]
) -> dict[str, int]:
    """An account in which every page has something to show, troubles included."""
    copying = world.store(
        account,
        Platform.WOOCOMMERCE,
        name="Kadakas Atelier",
        domain="atelier.example",
        status=StoreStatus.INSTALLING,
    )
    with services.transaction(account) as work:
        outlet = work.session.get_one(SyncState, shop["outlet"])
        outlet.error = {
            "code": "store_denied",
            "message": "401",
            "next_step": "",
            "at": work.now().isoformat(),
        }
        outlet.due_at = work.now() + timedelta(minutes=13)
        work.session.get_one(Store, shop["outlet"]).status = StoreStatus.DEGRADED
        sync = work.session.get_one(SyncState, copying)
        sync.phase, sync.done, sync.total = SyncPhase.BACKFILL, 38_412, 61_900
        sync.backfill_started_at = work.now() - timedelta(seconds=356)
        desk, _, _ = helpdesks.add(
            work, services.vault, "zendesk", "Zendesk", settings={"subdomain": "lumi"}, app_url=live.url
        )
        helpdesks.note_refusal(work, desk.id, "forged")
        add_agent(work, "kristjan@lumi.example", "Kristjan Põld", Role.AGENT)
        create_token(work, "Reports", Role.AGENT)
        last = policy_draft.in_force(work).rules[0]
        policy_draft.keep(
            work,
            [
                Rule(name="Swimwear", scope=Scope(collections=("Swim",)), days=30),
                last,
                Rule(name="Everything else", days=10, buffer=4, restocking=1000),
            ],
        )
        return {"desk": desk.id, **shop}


@pytest.fixture
def asked(services: Services, account: int, furnished: dict[str, int], member: int) -> int:
    """A refund that waits for a second person."""
    with services.transaction(account) as work:
        save(work, Choices(ceilings={Role.AGENT: {"EUR": Ceiling(action=100)}}, offline="queue"), by="x")
    who = Who(
        name="somchai@lumi.example",
        role=Role.AGENT,
        caller=f"agent:{member}",
        proof="session",
        agent_id=member,
    )
    order = furnished["lamp"]
    wish = Wish(lines=(WishLine(line_id=f"{order}.11", quantity=1),), note="The parcel stood at the locker.")
    view = actions.ask(services, account, order, "refund", wish, who, "key-1")
    assert view["status"] == "awaiting_approval"
    return int(view["id"])
