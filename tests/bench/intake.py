"""Webhooks taken in: the product's doors against the least that a door can do, behind the same gunicorn.

The floor is a bare Flask route that checks the signature and inserts one row, with SQLAlchemy as it comes;
beside it the same route with nothing but the driver. The product also finds the shop, reads the event, knows
a repetition, seals the body and wakes a worker.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import socket
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import psycopg
from flask import Flask, request
from sqlalchemy import create_engine, make_url, text

from connectors.demo.shopify.store import SHOP
from connectors.woocommerce import webhooks as woocommerce
from integration import stores
from integration.db.accounts import Account
from integration.ports import ShopifyCredentials, WooCommerceCredentials
from integration.records import Platform, ShopRecord
from jobs import boot
from sidebar.app import create_app
from tests.bench import ground
from tests.bench.ground import say

ROUNDS = 9
DELIVERIES = 400
"""In each round, to each of the doors."""
SENDERS = 8
numbers = count()

Headers = Callable[[bytes, int], dict[str, str]]


@dataclass
class Door:
    """An address, what a delivery there carries, and the rates measured so far."""

    name: str
    url: str
    headers: Headers
    rates: list[float] = field(default_factory=list)


def main() -> None:
    """Print deliveries a second at each door, by turns in one run."""
    with ground.postgres() as database, ground.queue() as queue:
        settings = ground.settings(database(), "http://127.0.0.1:1", redis_url=queue)
        outlet, secret = _connected(settings)
        with (
            ground.web("tests.bench.intake:bare()", settings) as bare,
            ground.web("tests.bench.intake:barest()", settings) as barest,
            ground.web("tests.bench.intake:product()", settings) as ours,
        ):
            floor = Door("floor", f"{bare}/webhooks/shopify", ground.delivery)
            doors = [
                floor,
                Door("driver only", f"{barest}/webhooks/shopify", ground.delivery),
                Door("Shopify", f"{ours}/webhooks/shopify", ground.delivery),
                Door("WooCommerce", f"{ours}/webhooks/woocommerce/{outlet}", _signed_by(secret)),
            ]
            for door in doors:
                _rate(door, 100)
            for _ in range(ROUNDS):
                for door in doors:
                    door.rates.append(_rate(door, DELIVERIES))
    say(f"webhook intake, {DELIVERIES} deliveries × {ROUNDS}, {SENDERS} senders ({ground.load()})")
    for door in doors:
        # Each round against the floor of the same moment: what else the machine does hits both.
        share = statistics.median(ours / least for ours, least in zip(door.rates, floor.rates, strict=True))
        say(f"  {door.name:12} {statistics.median(door.rates):8.0f} deliveries/s  {share:.0%} of the floor")
    say("  goal: 80 % at both doors of the product")


def product() -> Any:
    return create_app(boot.boot())


def bare() -> Flask:
    """A signature checked, a row inserted, an empty answer; nothing else."""
    engine = create_engine(os.environ["DATABASE_URL"])
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE bare (id bigserial PRIMARY KEY, topic text, body bytea)"))
    statement = text("INSERT INTO bare (topic, body) VALUES (:topic, :body)")

    def insert(topic: str | None, body: bytes) -> None:
        with engine.begin() as connection:
            connection.execute(statement, {"topic": topic, "body": body})

    return _bare(insert)


def barest() -> Flask:
    """The same with a connection a thread and no transaction around the one statement."""
    address = make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql")
    lines = threading.local()
    with psycopg.connect(address.render_as_string(False), autocommit=True) as connection:
        connection.execute("CREATE TABLE barest (id bigserial PRIMARY KEY, topic text, body bytea)")

    def insert(topic: str | None, body: bytes) -> None:
        if not hasattr(lines, "own"):
            lines.own = psycopg.connect(address.render_as_string(False), autocommit=True)
        lines.own.execute("INSERT INTO barest (topic, body) VALUES (%s, %s)", (topic, body))

    return _bare(insert)


def _bare(insert: Callable[[str | None, bytes], None]) -> Flask:
    app = Flask("bare")
    secret = os.environ["SHOPIFY_API_SECRET"].encode()

    @app.post("/webhooks/shopify")
    def take() -> tuple[str, int]:
        body = request.get_data()
        wanted = base64.b64encode(hmac.new(secret, body, hashlib.sha256).digest()).decode()
        if not hmac.compare_digest(wanted, request.headers.get("X-Shopify-Hmac-Sha256", "")):
            return "forged", 401
        insert(request.headers.get("X-Shopify-Topic"), body)
        return "", 200

    return app


def _connected(settings: Any) -> tuple[int, str]:
    """One store of each platform in one account. The WooCommerce store's number and secret."""
    services = boot.boot(settings)
    with services.everywhere() as work:
        account = Account(name="Bench", created_at=services.now(), settings={})
        work.add(account)
        work.session.flush()
        account_id = account.id

    def connect(platform: Platform, domain: str, credentials: stores.Credentials) -> tuple[int, str]:
        shop = ShopRecord(
            platform_id="1",
            domain=domain,
            name="Bench",
            currency="EUR",
            timezone="Europe/Tallinn",
            country="EE",
        )
        with services.transaction(account_id) as work:
            store = stores.connect(
                work, services.vault, platform, shop, credentials, url="http://127.0.0.1:1", by="bench"
            )
            assert store.webhook_secret is not None
            return store.id, services.vault.open(store.webhook_secret).decode()

    connect(Platform.SHOPIFY, SHOP, ShopifyCredentials(shop=SHOP, access_token="shpat_bench"))
    outlet = connect(
        Platform.WOOCOMMERCE,
        "outlet.example",
        WooCommerceCredentials(url="http://127.0.0.1:1", consumer_key="ck_bench", consumer_secret="cs_bench"),
    )
    services.close()
    return outlet


def _signed_by(secret: str) -> Headers:
    """Headers of a webhook that a WooCommerce store signed."""

    def headers(body: bytes, number: int) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "X-WC-Webhook-Source": "https://outlet.example/",
            "X-WC-Webhook-Topic": "order.updated",
            "X-WC-Webhook-Resource": "order",
            "X-WC-Webhook-Event": "updated",
            "X-WC-Webhook-Signature": woocommerce.sign(body, secret),
            "X-WC-Webhook-ID": "3",
            "X-WC-Webhook-Delivery-ID": f"delivery-{number}",
        }

    return headers


def _rate(door: Door, deliveries: int) -> float:
    """Deliveries a second, each a changed order of about 5 KB from one of several senders.

    They are written before the clock starts, and sent over plain sockets: senders have only the same two
    cores, and their work is not what is measured.
    """
    place = urlsplit(door.url)
    waiting = [_delivery(door, next(numbers)) for _ in range(deliveries)]

    def send(first: int) -> None:
        with socket.create_connection((place.hostname or "", place.port or 80), timeout=60) as line:
            for delivery in waiting[first::SENDERS]:
                line.sendall(delivery)
                answer = line.recv(65536)
                assert answer.startswith(b"HTTP/1.1 200 "), answer
                assert answer.endswith(b"\r\n\r\n"), answer

    began = time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as senders:
        list(senders.map(send, range(SENDERS)))
    return deliveries / (time.perf_counter() - began)


def _delivery(door: Door, number: int) -> bytes:
    place = urlsplit(door.url)
    body = json.dumps({"id": 1000 + number, "updated_at": "2026-11-21T12:00:00Z", **PAYLOAD}).encode()
    headers = {
        "Host": place.netloc,
        "Accept-Encoding": "identity",
        "Content-Length": str(len(body)),
        **door.headers(body, number),
    }
    lines = [f"POST {place.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + body


PAYLOAD = {
    "name": "#1001",
    "line_items": [
        {"id": number, "title": "A mug with a long name", "sku": f"MUG-{number}", "price": "12.50"}
        for number in range(50)
    ],
}
