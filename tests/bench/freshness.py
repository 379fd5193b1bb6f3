"""From an accepted webhook to the changed cache, while a hundred events a second come in.

Every event is a signed delivery at the product's door about one of many orders of the Shopify demo
store; two worker processes fetch what changed and write it. Printed as percentiles of what the inbox
itself recorded: received, and settled in the transaction that wrote the order.
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import func, select

from connectors.demo.shopify.store import SHOP
from integration import stores
from integration.db.accounts import Account
from integration.db.inbox import Delivery, DeliveryStatus
from integration.db.orders import Order
from integration.db.stores import SyncPhase
from integration.ports import ShopifyCredentials
from jobs import boot, installing, sync
from tests.bench import ground
from tests.bench.ground import say

ORDERS = 4000
SECONDS = 20
EVENTS = 100
"""A second."""
PATIENCE = 300.0


def main() -> None:
    """Print how old events were when the cache had them."""
    with ground.postgres() as database, ground.queue() as queue, ground.shopify(ORDERS) as shop:
        settings = ground.settings(database(), shop.origin, redis_url=queue)
        services = boot.boot(settings)
        account_id, ids = _copied(services, shop)
        with ground.web("tests.bench.intake:product()", settings) as door, _workers(settings):
            rate = _send(door, ids)
            ages = _ages(services, account_id)
        services.close()
    cuts = statistics.quantiles(ages, n=100)
    say(f"freshness, {len(ages)} events about {len(ids)} orders at {rate:.0f} a second ({ground.load()})")
    say(f"  accepted → in the cache: median {cuts[49]:.2f} s, p99 {cuts[98]:.2f} s (target under 2 s)")


def _copied(services: Any, shop: ground.Shop) -> tuple[int, list[str]]:
    """An account whose store is copied; the store's orders."""
    with services.everywhere() as work:
        account = Account(name="Bench", created_at=services.now(), settings={})
        work.add(account)
        work.session.flush()
        account_id = int(account.id)
    credentials = ShopifyCredentials(shop=SHOP, access_token=shop.token, scopes=shop.scopes)
    store_id = installing.connect_shopify(services, credentials, by="bench", account_id=account_id)
    while True:
        sync.run(services, store_id=store_id)
        with services.reading(account_id) as work:
            if stores.state(work, store_id).phase is SyncPhase.LIVE:
                break
    with services.reading(account_id) as work:
        return account_id, list(work.session.scalars(select(Order.platform_id).limit(1000)))


@contextmanager
def _workers(settings: Any) -> Iterator[None]:
    environment = {**os.environ, **ground.environment(settings)}
    command = [sys.executable, "-m", "integration", "worker", "--processes", "2"]
    running = subprocess.Popen(command, env=environment)
    time.sleep(5)  # they are to be measured at work, not while they start
    try:
        yield
    finally:
        running.terminate()
        running.wait()


def _send(door: str, ids: list[str]) -> float:
    """Events at an even pace, each about the next order. Returns how many a second it became."""
    line = http.client.HTTPConnection(urlsplit(door).netloc, timeout=60)
    began = time.perf_counter()
    for number in range(SECONDS * EVENTS):
        time.sleep(max(0.0, began + number / EVENTS - time.perf_counter()))
        order = int(ids[number % len(ids)].rsplit("/", 1)[-1])
        body = json.dumps({"id": order}).encode()
        line.request("POST", "/webhooks/shopify", body, ground.delivery(body, number))
        answer = line.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
    line.close()
    return SECONDS * EVENTS / (time.perf_counter() - began)


def _ages(services: Any, account_id: int) -> list[float]:
    """Seconds from received to settled, once everything is."""
    pending = select(func.count()).select_from(Delivery).where(Delivery.status == DeliveryStatus.PENDING)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with services.reading(account_id) as work:
            if not work.session.scalar(pending):
                rows = work.session.execute(select(Delivery.received_at, Delivery.done_at))
                return [(row.done_at - row.received_at).total_seconds() for row in rows]
        time.sleep(0.5)
    raise AssertionError("the inbox does not become empty")
