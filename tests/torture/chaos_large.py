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

BUSY = ("shopify", "woocommerce")
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

    def cached(self) -> dict[str, int]:
        """Orders in the cache, by store."""
        query = select(Order.store_id, func.count().label("count")).group_by(Order.store_id)
        with self.stage.services.reading(self.stage.account_id) as work:
            counts = {row.store_id: row.count for row in work.session.execute(query)}
        return {name: counts.get(store_id, 0) for name, store_id in self.stage.ids.items()}

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


def play(address: str, seed: int, *, many: int, outlet_many: int, rounds: int) -> dict[str, Any]:
    """One large game: what happened, and the differences that were left."""
    dice = Random(f"large chaos {seed}")
    with staged(address, orders=many, seed=seed) as stage, _outlet(outlet_many, seed) as outlet:
        large = Large(stage, outlet)
        say(f"three stores are filled: two with {many} orders, one with {outlet_many}")
        large.lengthen()
        large.spoil()
        shops = (BusyShopify(stage, dice, large.odd), BusyWooCommerce(stage, dice, large.odd))
        misfortune = Misfortune(stage, dice)
        began = time.monotonic()
        # A page of the outlet is slow, so that there is a middle in which to change the lock.
        outlet.command("faults", add=[{"action": "delay", "path": "/orders", "seconds": 0.5, "times": 10**6}])
        stage.connect()
        stage.ids["outlet"] = large.connect_outlet()
        for _ in range(2):
            stage.start_worker()
        misfortune.weather()
        changes = _chaos(large, shops, misfortune, dice, rounds)
        misfortune.end()
        copied = time.monotonic() - began
        say(f"the two large stores are copied after {copied:.0f} s, in which {changes} things happened")
        lost_key = _lost_key(large)
        poisoned, differences = _calm(large)
        if not (lost_key["in_the_middle"] and lost_key["next_step"]):
            differences.append(f"outlet: the key was not lost as it should be: {lost_key}")
        return {
            "seed": seed,
            "orders": many,
            "changes": changes,
            "misfortunes": misfortune.seen,
            "lost_webhooks": misfortune.lost_webhooks(),
            "kills": stage.kills,
            "poisoned": poisoned,
            "lost_key": lost_key,
            "compared": large.cached(),
            "longest_order": large.longest_order(),
            "copied_after": round(copied, 1),
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


def _chaos(
    large: Large, shops: tuple[Shopify, WooCommerce], misfortune: Misfortune, dice: Random, rounds: int
) -> int:
    """Until both large stores are copied, the outlet's key has gone, and enough has happened."""
    changes, played, revoked = 0, 0, False
    kinds = sorted(set(misfortune.KINDS))
    first = iter(dice.sample(kinds, len(kinds)))
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        played += 1
        changes += sum(chaos_sync.happened(dice.choice(shops)) for _ in range(dice.randrange(1, 5)))
        if played % 3 == 0 and (name := next(first, "")):  # every kind once, then any
            misfortune.happen(name)
        elif dice.random() < 0.06:
            misfortune.happen()
        if not revoked and large.state("outlet").done:
            large.change_the_lock()
            revoked = True
        copied = all(large.phase(name) is SyncPhase.LIVE for name in BUSY)
        if copied and revoked and played >= rounds:
            break
        time.sleep(dice.random() * 0.2)
    return changes


def _lost_key(large: Large) -> dict[str, Any]:
    """What is said of the store whose key is gone, and how far its copying had come."""
    large.stage.let_time_pass()
    chaos_sync.wait(lambda: large.said_of_outlet()[1] == "store_denied")
    status, code, has_next_step = large.said_of_outlet()
    state = large.state("outlet")
    return {
        "status": status,
        "code": code,
        "next_step": has_next_step,
        "done": state.done,
        "total": state.total,
        "in_the_middle": state.phase is SyncPhase.BACKFILL and 0 < state.done < (state.total or 0),
    }


def _calm(large: Large) -> tuple[list[str], list[str]]:
    """(orders that were set aside, what is wrong at the end): they heal, and all caches must be equal."""
    stage, wrong = large.stage, []
    chaos_sync.wait(lambda: large.set_aside() == large.unreadable)
    poisoned = sorted(large.set_aside())
    if poisoned != sorted(large.unreadable):
        wrong.append(f"set aside: {poisoned}, spoiled: {sorted(large.unreadable)}")
    say("unreadable orders are set aside; they heal, and the outlet is connected again with a new key")
    large.heal()
    large.outlet.command("faults", rules=[])
    large.connect_outlet()
    wrong += chaos_sync.settle(stage)
    if large.set_aside():
        wrong.append(f"still set aside: {sorted(large.set_aside())}")
    lines = large.longest_order()
    wrong += [f"{name}: an order of {LINES} lines is cut" for name in BUSY if lines[name] < LINES]
    setting = stores_state.setting_of(large.outlet.url, *large.key)
    held = stores_state.in_woocommerce(large.outlet.command("state"), setting)
    cached = stores_state.cached(stage.services.db, stage.account_id, stage.ids["outlet"])
    return poisoned, wrong + [f"outlet: {line}" for line in stores_state.differences(held, cached)]


def told(result: dict[str, Any]) -> str:
    """The game in words."""
    seen, key = result["misfortunes"], result["lost_key"]
    compared = ", ".join(f"{count} of {name}" for name, count in result["compared"].items())
    longest = ", ".join(f"{lines} lines ({name})" for name, lines in result["longest_order"].items())
    differences = result["differences"]
    return "\n".join(
        [
            f"happened   {result['changes']} changes; copied after {result['copied_after']} s,"
            f" all in {result['seconds']} s",
            f"lost       {result['lost_webhooks']} webhooks; others came twice, late and out of order",
            f"killed     {result['kills']} workers, {seen.get('queue', 0)} queues;"
            f" Redis flushed {seen.get('flush', 0)} times, the web app away {seen.get('web', 0)} times",
            f"broken     the stores: {seen.get('shopify', 0) + seen.get('woocommerce', 0)} spells of errors",
            f"poisoned   {len(result['poisoned'])} orders: set aside, healed, read",
            f"revoked    the outlet's key, after {key['done']} of {key['total']} orders:"
            f" {key['status']}, {key['code']}; connected again",
            f"compared   orders, field by field: {compared}; the longest: {longest}",
            f"differs    {len(differences)}",
            *(f"           {line}" for line in differences[:50]),
        ]
    )


def say(line: str) -> None:
    """How far the game is: a large one takes a while."""
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture.chaos_large", description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000, help="in each of the two large stores")
    parser.add_argument("--outlet", type=int, help="in the third; a tenth of that by default")
    parser.add_argument("--rounds", type=int, default=60, help="that chaos lasts at least")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", default="postgres")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    chaos_sync.PATIENCE = max(chaos_sync.PATIENCE, given.orders / 5)
    outlet = given.outlet or max(given.orders // 10, 120)
    with databases([given.database]) as make:
        address = make(given.database)
        result = play(address, given.seed, many=given.orders, outlet_many=outlet, rounds=given.rounds)
    say(told(result))
    print(json.dumps({"database": given.database, **result}, ensure_ascii=False), flush=True)
    return 1 if result["differences"] else 0


if __name__ == "__main__":
    sys.exit(main())
