"""A small demo store, and a program that talks to it over HTTP as an app would."""

from __future__ import annotations

import shutil
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

import connectors.shopify
from connectors.demo.shopify import Conduct, DemoShopify

SHOP = "lumi-home.myshopify.com"
DOCUMENTS = (
    Path(connectors.shopify.__file__).parent / "documents",
    Path(__file__).parents[3] / "samples" / "shopify" / "documents",
)
"""Those of the product, and more that other apps ask a store with."""
EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
    "requested_token_type": "urn:shopify:params:oauth:token-type:offline-access-token",
    "expiring": "1",
}
QUICK = Conduct(bulk_seconds=0.02, job_seconds=0.02, retry_spacing=(0.02,) * 8)
"""As the store behaves, but without the waits."""


def document(name: str) -> str:
    """A GraphQL document by its name; numbers alone will do."""
    (path,) = (path for folder in DOCUMENTS for path in folder.glob(f"{name}*.graphql"))
    return path.read_text("utf-8")


PLAIN = ssl.create_default_context()
"""Everything here is plain HTTP; handing this in saves each client from loading certificates."""


@dataclass
class Program:
    """An app with a token, and everything it is told."""

    store: DemoShopify
    token: str = ""
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=10, verify=PLAIN))

    @property
    def shop(self) -> str:
        return f"{self.store.origin}/{SHOP}"

    @property
    def credentials(self) -> dict[str, str]:
        return {"client_id": self.store.app.client_id, "client_secret": self.store.app.client_secret}

    def id_token(self) -> str:
        found: str = self.http.get(f"{self.shop}/admin/session-token").json()["id_token"]
        return found

    def grant(self, **given: str) -> httpx.Response:
        """A call of the token endpoint."""
        return self.http.post(f"{self.shop}/admin/oauth/access_token", json=self.credentials | given)

    def install(self) -> Program:
        answer = self.grant(**EXCHANGE, subject_token=self.id_token())
        self.token = answer.json()["access_token"]
        return self

    def post(self, text: str, /, *, version: str = "2026-10", **variables: Any) -> httpx.Response:
        return self.http.post(
            f"{self.shop}/admin/api/{version}/graphql.json",
            json={"query": text, "variables": variables},
            headers={"X-Shopify-Access-Token": self.token},
        )

    def ask(self, name: str, /, **variables: Any) -> Any:
        """The answer to one of our documents."""
        return self.post(document(name), **variables).json()

    def data(self, name: str, /, **variables: Any) -> Any:
        """The data of an answer that must have no errors."""
        answer = self.ask(name, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]


def serve(folder: Path, **more: Any) -> DemoShopify:
    settings: dict[str, Any] = {"orders": 40, "conduct": QUICK, "control_token": "open sesame"}
    return DemoShopify(folder, **(settings | more))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoShopify]:
    """One store a file; tests that break things make their own."""
    with serve(tmp_path_factory.mktemp("shop")) as shop:
        yield shop


@pytest.fixture(scope="module")
def program(store: DemoShopify) -> Iterator[Program]:
    made = Program(store).install()
    yield made
    made.http.close()


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a store that was filled once."""
    folder = tmp_path_factory.mktemp("filled")
    with serve(folder):
        pass
    return folder


@pytest.fixture
def own_store(tmp_path: Path, filled: Path) -> Iterator[Callable[..., Program]]:
    """Make a store with settings of one's own, and a program that has it installed."""
    made: list[Program] = []

    def make(**settings: Any) -> Program:
        folder = tmp_path / str(len(made))
        if "orders" not in settings:
            shutil.copytree(filled, folder)
        made.append(Program(serve(folder, **settings).start()).install())
        return made[-1]

    yield make
    for program in made:
        program.http.close()
        program.store.stop()


@dataclass
class Inbox:
    """Where webhooks arrive: topic, headers and raw body of each, and how they are answered."""

    url: str
    received: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Statuses to answer with before 200 is given."""

    @property
    def topics(self) -> list[str]:
        return [topic for topic, _, _ in self.received]


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            box.received.append((self.headers["X-Shopify-Topic"], dict(self.headers), body))
            self.send_response(box.answers.pop(0) if box.answers else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    box = Inbox(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield box
    server.shutdown()
    thread.join(10)
    server.server_close()
