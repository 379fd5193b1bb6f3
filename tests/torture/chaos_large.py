"""Chaos among many orders: one of 300 lines, one that nobody can read, and a store that changes its lock.

`python -m tests.torture.chaos_large` plays with 10,000 orders in each of two stores and a thousand in a
third, whose key is revoked in the middle of its backfill. Then the unreadable orders heal, the third
store is connected again, and all three caches must equal their stores, field by field.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import func, select

from connectors.demo.shopify.control import VERBS
from connectors.demo.shopify.shop import UnknownOrder
from connectors.demo.woocommerce import DemoWooCommerce, orders
from integration import stores
from integration.db.inbox import Poison
from integration.db.orders import Order, OrderLine
from integration.db.stores import SyncPhase, SyncState
from integration.ports import WooCommerceCredentials
from jobs import installing
from tests.jobs import stores_state
from tests.torture import chaos_sync
from tests.torture.chaos_events import Misfortune, Shopify, WooCommerce
from tests.torture.chaos_stage import Stage, databases, staged

LINES = 300
POOL = 200
"""Orders of a store that things happen to: enough to meet every kind, few enough to find quickly."""
PATIENCE = 3600.0
"""Seconds until a backfill that does not end is a lost game."""


class BusyShopify(Shopify):
    """Something happens to some of many orders."""

    def __init__(self, stage: Stage, dice: Random, spared: set[str]) -> None:
        super().__init__(stage, dice)
        newest = self.shop.archive.find("1", (), "processed DESC", POOL)
        self._pool = [order["id"] for order in newest if order["id"] not in spared]

    def _order(self) -> dict[str, Any]:
        order = self.shop.archive.order(self.dice.choice(self._pool))
        if order is None:
            raise UnknownOrder
        return order


class BusyWooCommerce(WooCommerce):
    def __init__(self, stage: Stage, dice: Random, spared: set[str]) -> None:
        super().__init__(stage, dice)
        rows = self.store.shop.database.rows("SELECT id FROM shop_order ORDER BY created DESC LIMIT ?", POOL)
        self._pool = [int(row[0]) for row in rows if str(row[0]) not in spared]

    def _id(self) -> int:
        return self.dice.choice(self._pool)


class Large:
    """The stage with a third store, and what is odd about some of its orders."""

    def __init__(self, stage: Stage, outlet: DemoWooCommerce) -> None:
        self.stage, self.outlet = stage, outlet
        self._shop, self._store = stage.shopify.shop(), stage.woocommerce.shop
        euro = (each for each in self._shop.archive.find("1", ()) if each["presentmentCurrencyCode"] == "EUR")
        self._spoiled, self._long = (order["id"] for order in islice(euro, 2))
        rows = self._store.database.rows("SELECT id FROM shop_order WHERE status = 'completed' ORDER BY id")
        self._spoiled_too, self._long_too = (int(row[0]) for row in rows[:2])
        self.key = outlet.key()

    @property
    def unreadable(self) -> set[str]:
        return {self._spoiled, str(self._spoiled_too)}

    @property
    def odd(self) -> set[str]:
        return self.unreadable | {self._long, str(self._long_too)}

    def spoil(self, shopify: str = "XXX", woocommerce: str = "no currency") -> None:
        """One order in each store whose sums make no sense, until `heal`."""
        VERBS["touch"](self._shop, order=self._spoiled, presentmentCurrencyCode=shopify)
        document = orders.fetch(self._store, self._spoiled_too)
        document["currency"] = woocommerce
        orders.touch(self._store, document)

    def heal(self) -> None:
        self.spoil("EUR", "EUR")

    def lengthen(self) -> None:
        """One order in each store gets 300 lines more: beyond any page of nested results."""
        add = [
            {"title": f"Tile {number}", "sku": f"TILE-{number}", "quantity": 1, "price": "1.00"}
            for number in range(LINES)
        ]
        VERBS["edit"](self._shop, order=self._long, add=add)
        document = orders.fetch(self._store, self._long_too)
        (first, *_) = document["line_items"]
        for _ in range(LINES):
            document["line_items"].append({**first, "id": self._store.database.next("item"), "meta_data": []})
        orders.count_up(self._store, document)
        orders.touch(self._store, document)

    def connect_outlet(self) -> int:
        credentials = WooCommerceCredentials(
            url=self.outlet.url, consumer_key=self.key[0], consumer_secret=self.key[1]
        )
        return installing.connect_woocommerce(
            self.stage.services, credentials, by="chaos", account_id=self.stage.account_id
        )

    def change_the_lock(self) -> None:
        """The outlet's key is revoked; the merchant has another one in the drawer."""
        self.outlet.command("keys/revoke", consumer_key=self.key[0])
        self.key = self.outlet.key()

    def phase(self, name: str) -> SyncPhase:
        return self.state(name).phase

    def state(self, name: str) -> SyncState:
        with self.stage.services.reading(self.stage.account_id) as work:
            return stores.state(work, self.stage.ids[name])

    def said_of_outlet(self) -> tuple[str, str, bool]:
        """Status, code and whether a next step is given: what the merchant reads."""
        with self.stage.services.reading(self.stage.account_id) as work:
            status = stores.find(work, self.stage.ids["outlet"]).status
        error = self.state("outlet").error or {}
        return status.value, error.get("code", ""), bool(error.get("next_step"))

    def set_aside(self) -> set[str]:
        with self.stage.services.reading(self.stage.account_id) as work:
            return set(work.session.scalars(select(Poison.platform_id)))

    def longest_order(self) -> dict[str, int]:
        """The most lines of any cached order, by store."""
        query = (
            select(Order.store_id, func.count())
            .join(OrderLine, OrderLine.order_id == Order.id)
            .group_by(Order.store_id, Order.id)
        )
        with self.stage.services.reading(self.stage.account_id) as work:
            rows = work.session.execute(query).all()
        return {
            name: max((count for store, count in rows if store == store_id), default=0)
            for name, store_id in self.stage.ids.items()
        }


def play(address: str, seed: int, *, many: int) -> dict[str, Any]:
    """One large game: what happened, and the differences that were left."""
    dice = Random(f"large chaos {seed}")
    with staged(address, orders=many, seed=seed) as stage, _outlet(max(many // 10, 120), seed) as outlet:
        large = Large(stage, outlet)
        say(f"three stores are filled, two with {many} orders")
        large.lengthen()
        large.spoil()
        shops = (BusyShopify(stage, dice, large.odd), BusyWooCommerce(stage, dice, large.odd))
        misfortune = Misfortune(stage, dice)
        began = time.monotonic()
        # A page of the outlet is slow, so that there is a middle in which to change the lock.
        outlet.command("faults", add=[{"action": "delay", "path": "/orders", "seconds": 0.1, "times": 10**6}])
        stage.connect()
        stage.ids["outlet"] = large.connect_outlet()
        for _ in range(2):
            stage.start_worker()
        misfortune.weather()
        changes = _chaos(large, shops, misfortune, dice)
        misfortune.end()
        copied = time.monotonic() - began
        say(f"copied after {copied:.0f} s: {changes} changes, {misfortune.seen}")
        lost = _lost_key(large)
        say(f"the outlet: {lost}")
        differences = _calm(large)
        return {
            "seed": seed,
            "orders": many,
            "changes": changes,
            "misfortunes": misfortune.seen,
            "kills": stage.kills,
            "copied_after": round(copied, 1),
            "lost_key": lost,
            "longest_order": large.longest_order(),
            "seconds": round(time.monotonic() - began, 1),
            "differences": differences,
        }


@contextmanager
def _outlet(many: int, seed: int) -> Iterator[DemoWooCommerce]:
    with (
        TemporaryDirectory(prefix="chaos-outlet-") as folder,
        DemoWooCommerce(Path(folder), orders=many, seed=seed + 2, allow_http=True) as store,
    ):
        yield store


def _chaos(large: Large, shops: tuple[Shopify, WooCommerce], misfortune: Misfortune, dice: Random) -> int:
    """Until both large stores are copied, the outlet's key has gone, and enough has happened."""
    changes, rounds, revoked = 0, 0, False
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        rounds += 1
        changes += sum(chaos_sync.happened(dice.choice(shops)) for _ in range(dice.randrange(1, 5)))
        if dice.random() < 0.06:
            misfortune.happen()
        if not revoked and large.state("outlet").done:
            large.change_the_lock()
            revoked = True
        copied = all(large.phase(name) is SyncPhase.LIVE for name in ("shopify", "woocommerce"))
        if copied and revoked and rounds >= 60:
            return changes
        time.sleep(dice.random() * 0.2)
    return changes


def _lost_key(large: Large) -> dict[str, Any]:
    """What is said of the store whose key is gone, and whether that has stopped its copying."""
    large.stage.let_time_pass()
    chaos_sync.wait(lambda: large.said_of_outlet()[1] == "store_denied")
    status, code, has_next_step = large.said_of_outlet()
    return {"status": status, "code": code, "next_step": has_next_step, "done": large.state("outlet").done}


def _calm(large: Large) -> list[str]:
    """What is wrong at the end: unreadable orders must be set aside, then heal; all caches be equal."""
    stage, found = large.stage, []
    chaos_sync.wait(lambda: large.set_aside() == large.unreadable)
    if large.set_aside() != large.unreadable:
        found.append(f"set aside: {sorted(large.set_aside())}, spoiled: {sorted(large.unreadable)}")
    say("unreadable orders are set aside; they heal, and the outlet is connected again")
    large.heal()
    large.outlet.command("faults", rules=[])
    large.connect_outlet()
    found += chaos_sync.settle(stage)
    if large.set_aside():
        found.append(f"still set aside: {sorted(large.set_aside())}")
    setting = stores_state.setting_of(large.outlet.url, *large.key)
    held = stores_state.in_woocommerce(large.outlet.command("state"), setting)
    cached = stores_state.cached(stage.services.db, stage.account_id, stage.ids["outlet"])
    return found + [f"outlet: {line}" for line in stores_state.differences(held, cached)]


def say(line: str) -> None:
    """How far the game is: a large one takes a while."""
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture.chaos_large", description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", default="postgres")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    chaos_sync.PATIENCE = max(chaos_sync.PATIENCE, given.orders / 5)
    with databases([given.database]) as make:
        result = play(make(given.database), given.seed, many=given.orders)
    print(json.dumps({"database": given.database, **result}, ensure_ascii=False), flush=True)
    return 1 if result["differences"] else 0


if __name__ == "__main__":
    sys.exit(main())
