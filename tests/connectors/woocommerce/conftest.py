"""Recorded exchanges with real stores, and a store that answers from them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.demo.woocommerce import DemoWooCommerce
from connectors.transport import Circuit, Line
from connectors.woocommerce.client import WooCommerceStore
from integration.ports import WooCommerceCredentials

SAMPLES = Path(__file__).parents[2] / "samples" / "woocommerce"
NOW = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
KEYS = {"consumer_key": f"ck_{'a' * 40}", "consumer_secret": f"cs_{'b' * 40}"}


@dataclass(frozen=True)
class Exchange:
    name: str
    request: dict[str, Any]
    status: int
    headers: dict[str, str]
    body: Any
    note: str | None

    @property
    def raw(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


@pytest.fixture(scope="session")
def sample() -> Callable[[str], Any]:
    """The JSON of one recording, as it is in the file."""
    return lambda name: json.loads((SAMPLES / name).read_text("utf-8"))


@pytest.fixture(scope="session")
def exchanges() -> list[Exchange]:
    """Every recorded pair of request and response."""
    found = []
    for path in sorted(SAMPLES.rglob("*.json")):
        content = json.loads(path.read_text("utf-8"))
        if not isinstance(content, dict) or not isinstance(content.get("response"), dict):
            continue
        response = content["response"]
        found.append(
            Exchange(
                name=str(path.relative_to(SAMPLES)),
                request=content["request"],
                status=response["status"],
                headers={name.lower(): value for name, value in response["headers"].items()},
                body=response["body"],
                note=content.get("note"),
            )
        )
    return found


@dataclass(frozen=True)
class Delivery:
    name: str
    headers: dict[str, str]
    secret: str
    body: bytes
    recorded_as_valid: bool


@pytest.fixture(scope="session")
def deliveries() -> list[Delivery]:
    """Every recorded webhook delivery, byte for byte."""
    found = []
    for path in sorted(SAMPLES.rglob("delivery_*.json")):
        for entry in json.loads(path.read_text("utf-8"))["deliveries"]:
            found.append(
                Delivery(
                    name=path.name,
                    headers=dict(entry["headers"]),
                    secret=entry["secret"],
                    body=base64.b64decode(entry["raw_body_base64"]),
                    recorded_as_valid=entry["signature_valid"],
                )
            )
    return found


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    body: Any


@dataclass
class Scripted:
    """A store on loopback that says what a test tells it to, in order, and remembers what it was asked."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: dict[tuple[str, str], list[tuple[int, bytes, str]]] = field(default_factory=dict)

    def on(
        self, method: str, path: str, body: Any, status: int = 200, kind: str = "application/json"
    ) -> None:
        """Answer `path` (below wp-json/wc/v3/) with `body`. The last answer given stays for good."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.setdefault((method, path), []).append((status, raw, kind))

    def answer(self, method: str, path: str) -> tuple[int, bytes, str]:
        known = self.answers.get((method, path))
        if not known:
            said = {"code": "rest_no_route", "message": "No route was found", "data": {"status": 404}}
            return 404, json.dumps(said).encode(), "application/json"
        return known.pop(0) if len(known) > 1 else known[0]

    def written(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.method != "GET"]


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    store = Scripted()

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("content-length") or 0)
            sent = self.rfile.read(length)
            path = parts.path.removeprefix("/wp-json/").removeprefix("wc/v3/")
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            store.asked.append(Asked(self.command, path, query, json.loads(sent) if sent else None))
            status, body, kind = store.answer(self.command, path)
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            if status in (301, 302):
                self.send_header("location", "/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = respond  # names that the base class calls

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    store.url = f"http://127.0.0.1:{server.server_port}"
    store.on(
        "GET", "", {"name": "Põhjala Pood", "timezone_string": "Europe/Tallinn", "namespaces": ["wc/v3"]}
    )
    store.on("GET", "system_status", {"settings": {"currency": "EUR", "number_of_decimals": 2}})
    store.on(
        "GET",
        "payment_gateways",
        [
            {"id": "testpay", "method_supports": ["products", "refunds"]},
            {"id": "cod", "method_supports": ["products"]},
        ],
    )
    yield store
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def line() -> Line:
    """A way out that never sleeps and has a circuit of its own."""
    return Line("woocommerce", "test", circuit=Circuit("woocommerce", threshold=1000), sleep=lambda _: None)


@pytest.fixture
def credentials(scripted: Scripted) -> WooCommerceCredentials:
    return WooCommerceCredentials(url=scripted.url, **KEYS)


@pytest.fixture
def store(credentials: WooCommerceCredentials, line: Line) -> WooCommerceStore:
    return WooCommerceStore(credentials, now=lambda: NOW, allow_http=True, line=line)


@pytest.fixture
def demo(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[DemoWooCommerce]:
    """A store with two pages of orders, or as many as a test asks for."""
    orders = getattr(request, "param", 110)
    with DemoWooCommerce(tmp_path, orders=orders, seed=7, webhook_pause=0.01) as shop:
        shop.command("gateway", delay=0.5)
        yield shop


@pytest.fixture
def keys(demo: DemoWooCommerce) -> WooCommerceCredentials:
    consumer_key, consumer_secret = demo.key()
    return WooCommerceCredentials(url=demo.url, consumer_key=consumer_key, consumer_secret=consumer_secret)


@pytest.fixture
def shop(demo: DemoWooCommerce, keys: WooCommerceCredentials, line: Line) -> WooCommerceStore:
    return WooCommerceStore(keys, now=lambda: datetime.now(UTC), allow_http=True, line=line)
