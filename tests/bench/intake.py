"""Webhooks taken in: the product's door against the least that a door can do, behind the same gunicorn.

The floor is a bare Flask route that checks the signature and inserts one row with the same engine. The
product also finds the shop, reads the event, knows a repetition, seals the body and wakes a worker.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, request
from sqlalchemy import text

from connectors.demo.shopify.store import SHOP
from integration import stores
from integration.db.accounts import Account
from integration.ports import ShopifyCredentials
from integration.records import Platform, ShopRecord
from integration.work import make_engine
from jobs import boot
from sidebar.app import create_app
from tests.bench import ground
from tests.bench.ground import say

ROUNDS = 5
DELIVERIES = 600
"""In each round, to each of the two doors."""
SENDERS = 8
numbers = count()


def main() -> None:
    """Print deliveries a second at both doors, by turns in one run."""
    with ground.postgres() as database, ground.queue() as queue:
        address = database()
        settings = ground.settings(address, "http://127.0.0.1:1", redis_url=queue)
        _connected(settings)
        with (
            ground.web("tests.bench.intake:bare()", settings) as floor,
            ground.web("tests.bench.intake:product()", settings) as door,
        ):
            rates: dict[str, list[float]] = {floor: [], door: []}
            for url in (floor, door):
                _round(url, 100)
            for _ in range(ROUNDS):
                for url, found in rates.items():
                    found.append(_round(url, DELIVERIES))
    least, ours = (statistics.median(found) for found in rates.values())
    say(f"webhook intake, {DELIVERIES} deliveries × {ROUNDS}, {SENDERS} senders ({ground.load()})")
    say(f"  floor    {least:8.0f} deliveries/s")
    say(f"  product  {ours:8.0f} deliveries/s  {ours / least:.0%} of the floor (goal 80 %)")


def product() -> Any:
    return create_app(boot.boot())


def bare() -> Flask:
    """A signature checked, a row inserted, an empty answer; nothing else."""
    app = Flask("bare")
    engine = make_engine(os.environ["DATABASE_URL"])
    secret = os.environ["SHOPIFY_API_SECRET"].encode()
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE bare (id bigserial PRIMARY KEY, topic text, body bytea)"))
    insert = text("INSERT INTO bare (topic, body) VALUES (:topic, :body)")

    @app.post("/webhooks/shopify")
    def take() -> tuple[str, int]:
        body = request.get_data()
        wanted = base64.b64encode(hmac.new(secret, body, hashlib.sha256).digest()).decode()
        if not hmac.compare_digest(wanted, request.headers.get("X-Shopify-Hmac-Sha256", "")):
            return "forged", 401
        with engine.begin() as connection:
            connection.execute(insert, {"topic": request.headers.get("X-Shopify-Topic"), "body": body})
        return "", 200

    return app


def _connected(settings: Any) -> None:
    services = boot.boot(settings)
    with services.everywhere() as work:
        account = Account(name="Bench", created_at=services.now(), settings={})
        work.add(account)
        work.session.flush()
        account_id = account.id
    shop = ShopRecord(
        platform_id="1", domain=SHOP, name="Bench", currency="EUR", timezone="Europe/Tallinn", country="EE"
    )
    with services.transaction(account_id) as work:
        stores.connect(
            work,
            services.vault,
            Platform.SHOPIFY,
            shop,
            ShopifyCredentials(shop=SHOP, access_token="shpat_bench"),
            url="http://127.0.0.1:1",
            by="bench",
        )
    services.close()


def _round(url: str, deliveries: int) -> float:
    """Deliveries a second, each a changed order of about 5 KB from one of several senders."""
    place = urlsplit(url).netloc
    share = deliveries // SENDERS

    def send(_: int) -> None:
        line = http.client.HTTPConnection(place, timeout=60)
        for _ in range(share):
            number = next(numbers)
            body = json.dumps({"id": 1000 + number, "updated_at": "2026-11-21T12:00:00Z", **PAYLOAD}).encode()
            line.request("POST", "/webhooks/shopify", body, ground.delivery(body, number))
            answer = line.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
        line.close()

    began = time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as senders:
        list(senders.map(send, range(SENDERS)))
    return share * SENDERS / (time.perf_counter() - began)


PAYLOAD = {
    "name": "#1001",
    "line_items": [
        {"id": number, "title": "A mug with a long name", "sku": f"MUG-{number}", "price": "12.50"}
        for number in range(50)
    ],
}
