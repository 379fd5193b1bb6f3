"""`integration demo`, killed in the middle of a backfill and started again, as its user would."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connectors.demo.shopify import DemoShopify
from connectors.demo.woocommerce import DemoWooCommerce
from integration.cli.demo import SHOP, Kept, _free_ports, _kept
from integration.db.stores import Store
from integration.records import Platform
from integration.work import Database
from tests.jobs import stores_state

ORDERS = 450
PATIENCE = 240.0
"""Seconds: a guard against hanging, far above what it takes."""


def _family(pid: int) -> set[int]:
    """A process and all that descend from it, whatever session they are in."""
    parents: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it ended while we looked
            continue
        parents.setdefault(parent, []).append(int(status.parent.name))
    found, waiting = set(), [pid]
    while waiting:
        found.add(one := waiting.pop())
        waiting += parents.get(one, [])
    return found


@dataclass
class Demo:
    """The command on a data folder of its own."""

    data: Path
    port: int
    running: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        with (self.data / "said.txt").open("wb") as said:
            self.running = subprocess.Popen(
                [sys.executable, "-m", "integration", "demo", "--still", "--orders", str(ORDERS)],
                env={**os.environ, "DATA_DIR": str(self.data), "PORT": str(self.port)},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )

    @property
    def said(self) -> str:
        return (self.data / "said.txt").read_text()

    def wait_until(self, reached: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE
        while not reached():
            assert self.running is not None
            assert self.running.poll() is None, self.said
            assert time.monotonic() < until, self.said
            time.sleep(0.02)

    def copied(self) -> int:
        """Orders in the cache so far."""
        file = self.data / "deskside.sqlite3"
        if not file.exists():
            return 0
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)) as cache:
            try:
                return int(cache.execute("SELECT count(*) FROM sales_order").fetchone()[0])
            except sqlite3.OperationalError:  # not migrated yet
                return 0

    def kill(self) -> None:
        """All of it at once: stores, queue, web, worker and the command itself."""
        assert self.running is not None
        for pid in _family(self.running.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.running.wait()

    def stop(self) -> None:
        if self.running is not None and self.running.poll() is None:
            self.running.send_signal(signal.SIGTERM)
            self.running.wait(60)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    [port] = _free_ports(1)
    made = Demo(tmp_path, port)
    yield made
    if made.running is not None and made.running.poll() is None:
        made.kill()


def _held(data: Path, kept: Kept) -> dict[str, stores_state.Records]:
    """What both stores have in their books, opened again where the demo left them."""
    with ExitStack() as open_stores:
        shopify = DemoShopify(
            data / "demo-shopify",
            kept.shopify_port,
            client_id=kept.client_id,
            client_secret=kept.client_secret,
            shops=[SHOP],
            orders=ORDERS,
        )
        open_stores.enter_context(shopify)
        woocommerce = DemoWooCommerce(
            data / "demo-woocommerce",
            kept.woocommerce_port,
            orders=ORDERS,
            number_prefix="L-",
            allow_http=True,
        )
        open_stores.enter_context(woocommerce)
        setting = stores_state.setting_of(woocommerce.url, *woocommerce.key())
        return stores_state.held_by(shopify, woocommerce, setting)


def _differences(data: Path, held: dict[str, stores_state.Records]) -> list[str]:
    database = Database(f"sqlite:///{data}/deskside.sqlite3")
    try:
        with database.everywhere() as work:
            listed: list[Any] = [
                (store.account_id, store.id, store.platform) for store in work.session.scalars(select(Store))
            ]
        assert sorted(platform for _, _, platform in listed) == sorted(Platform)
        return [
            difference
            for account_id, store_id, platform in listed
            for difference in stores_state.differences(
                held[platform.value], stores_state.cached(database, account_id, store_id)
            )
        ]
    finally:
        database.engine.dispose()


def test_killed_in_the_middle_of_a_backfill_it_ends_with_exactly_the_stores_orders(demo: Demo) -> None:
    demo.start()
    demo.wait_until(lambda: demo.copied() > 0)
    demo.kill()
    in_the_middle = demo.copied()

    demo.start()
    demo.wait_until(lambda: "a conversation with the sidebar" in demo.said)
    demo.stop()

    held = _held(demo.data, _kept(demo.data))
    assert {platform: len(orders) >= ORDERS for platform, orders in held.items()} == dict.fromkeys(held, True)
    assert 0 < in_the_middle < sum(map(len, held.values()))
    assert _differences(demo.data, held) == []
