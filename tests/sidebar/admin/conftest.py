"""People of an account, browsers in which they are signed in, and an app whose forms can be sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient

from integration.db.accounts import Role
from integration.people import add_agent, find_agent, passwords, sessions, signing_in, totp
from jobs.boot import Services
from tests.sidebar.windows import House

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
def live(house: House, services: Services, app: Flask) -> Iterator[Live]:
    found = Live(f"http://localhost:{house.port}")  # by a name: passkeys belong to none else
    services.settings = replace(services.settings, app_url=found.url)
    with house.serving(app):
        yield found
