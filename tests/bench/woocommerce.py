"""A backfill of a WooCommerce store: how little of it is our own share, beside what such a store needs.

A WooCommerce store takes about 0.9 s to hand out 100 orders (measured, on two cores, nothing else running),
and nobody can copy it faster than that. So the figure is what we add: all time but that spent on waiting
for the store.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import requests

from integration.ports import WooCommerceCredentials
from jobs import boot, installing
from tests.bench import ground
from tests.bench.ground import say

STORES_OWN = 0.9
"""Seconds a real store needs for a page of 100 whole orders."""
TOKEN = "bench"


@dataclass(frozen=True)
class Outlet:
    url: str
    key: str
    secret: str


def main() -> None:
    logging.disable(logging.WARNING)
    many = int(os.environ.get("WOOCOMMERCE_ORDERS", "5000"))
    with ground.postgres() as database, woocommerce(many) as outlet:
        ground.measured(product, database(), outlet)  # the store's own caches are warm then
        cost = ground.measured(product, database(), outlet)
    orders, calls, waited = cost.result
    ours = (cost.seconds - waited) / orders * 100
    say(f"backfill, WooCommerce demo → Postgres, {orders} orders in {calls} calls ({ground.load()})")
    say(f"  product  {cost.seconds:8.1f} s, of which {waited:.1f} s waiting for the demo store")
    say(
        f"  our own  {ours:8.3f} s for 100 orders, beside {STORES_OWN} s that a real store needs for them:"
        f" {ours / (ours + STORES_OWN):.0%} of the whole"
    )


@contextmanager
def woocommerce(orders: int) -> Iterator[Outlet]:
    """The demo store with that many orders in a process of its own, and a key for it."""
    folder = ground.KEPT / f"woocommerce-{orders}"
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, "-m", "connectors.demo.woocommerce", "--port", "0", "--data", str(folder),
        "--orders", str(orders), "--allow-http", "--control", TOKEN,
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().rsplit(" ", 1)[-1].strip()
        made = httpx.post(
            f"{url}/__control__/keys/make", json={}, headers={"Authorization": f"Bearer {TOKEN}"}
        ).json()
        yield Outlet(url, made["consumer_key"], made["consumer_secret"])
    finally:
        process.terminate()
        process.wait()


def product(address: str, outlet: Outlet) -> tuple[int, int, float]:
    """The product's own way, to the end of the backfill: orders, calls, and seconds spent in calls."""
    calls = _Stopwatch()
    services = boot.boot(ground.settings(address))
    credentials = WooCommerceCredentials(
        url=outlet.url, consumer_key=outlet.key, consumer_secret=outlet.secret
    )
    orders = ground.copied(
        services,
        lambda account_id: installing.connect_woocommerce(
            services, credentials, by="bench", account_id=account_id
        ),
    )
    return orders, calls.count, calls.seconds


class _Stopwatch:
    """Counts and times every call of this process to a WooCommerce store."""

    def __init__(self) -> None:
        self.count, self.seconds = 0, 0.0
        plain = requests.Session.send

        def timed(session: Any, *arguments: Any, **more: Any) -> requests.Response:
            began = time.perf_counter()
            answer = plain(session, *arguments, **more)
            self.count, self.seconds = self.count + 1, self.seconds + time.perf_counter() - began
            return answer

        requests.Session.send = timed  # type: ignore[method-assign] # a bench may look inside
