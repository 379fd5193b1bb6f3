"""Opening the sidebar for a customer with 20 orders, in a cache of 10,000 and of 1,000,000 orders.

The floor, measured in the same run, process and test client, by turns with the openings: a bare Flask route
that runs one indexed query on the same engine and answers with the very bytes of our page, compressed alike.
Two of them: one reads the rows of the customer's orders, as SQLAlchemy gives them, the other no more than a
number. Every customer is opened once only, so nothing of theirs is warm. Server time; printed as ratios.

`OPENING_ORDERS` (default 1000000) is the size of the larger cache.
"""

from __future__ import annotations

import gzip
import logging
import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import jwt
from cryptography.fernet import Fernet
from flask import Flask, Response, request
from sqlalchemy import bindparam, event, select, text

from integration import helpdesks, policies
from integration.db.accounts import Account
from integration.db.orders import Order
from integration.settings import Settings
from integration.vault import Vault
from integration.work import Database
from jobs.boot import Services, connect_redis, set_apart
from sidebar.app import create_app
from tests.bench import ground
from tests.bench.ground import say

SMALL = 10_000
LARGE = int(os.environ.get("OPENING_ORDERS", "1000000"))
ROUNDS = 300
WARM = 30
"""Openings before any is measured: compiled statements and templates are those of a process that serves."""
ORDERS = 20
"""Orders of one customer: everybody has as many as the one who is looked up."""
OTHERS = 10
"""The first customers are kept out of the measured ones: they are given more orders, or fewer."""
TIMES_FLOOR = 3.0
TIMES_SMALL = 1.3
KILOBYTES = 40
"""The targets."""
FLOORS = ("orders", "number")
COMPRESSED = {"Accept-Encoding": "gzip"}

FILL = (
    """INSERT INTO store (account_id, id, platform, domain, url, name, currency, timezone, country, status,
        credentials_version, scopes, features, hand_made, installed_at)
       VALUES (1, 1, 'shopify', 'lumi.myshopify.com', 'https://lumi', 'Lumi', 'EUR', 'Europe/Tallinn', 'EE',
        'active', 0, '[]', '{}', false, now())""",
    """INSERT INTO sync_state (account_id, store_id, phase, cursor, done, changed_cursor, proof, failures,
        last_reconciled_at) VALUES (1, 1, 'live', '{}', 0, '{}', '{}', 0, now())""",
    """INSERT INTO customer (account_id, id, name, country, first_seen_at, updated_at, tags)
       SELECT 1, n, 'Customer ' || n, 'EE', now(), now(), '[]' FROM generate_series(1, :people) n""",
    """INSERT INTO contact_point (account_id, id, customer_id, kind, value, shown)
       SELECT 1, n, n, 'email', 'c' || n || '@example.ee', 'c' || n || '@example.ee'
       FROM generate_series(1, :people) n""",
    """INSERT INTO sales_order (account_id, id, store_id, platform_id, customer_id, name, number, placed_at,
        updated_at, fetched_at, synced_at, digest, currency, total, subtotal, shipping, tax, discount,
        refunded,
        financial_status, fulfillment_status, platform_status, return_status, cancel_reason, test, edited,
        taxes_included, email, shipping_address, note, tags, source, discount_codes, payment_methods, risk,
        attributes, shipping_lines)
       SELECT 1, n, 1, 'gid://shopify/Order/' || n, 1 + n %% :people, '#' || n, n::text,
        now() - (n %% 700) * interval '1 day',
        now() - (n %% 700) * interval '1 day', now(), now(), md5(n::text), 'EUR', 5990, 5500, 490,
        0, 0, 0,
        'paid', 'delivered', 'PAID', '', '', false, false, true, 'c' || (1 + n %% :people) || '@example.ee',
        '{"name":"C","city":"Tartu","country":"EE"}', '', '[]', 'web', '[]', '["Visa"]', '', '{}', '[]'
       FROM generate_series(1, :orders) n""",
    """INSERT INTO order_line (account_id, order_id, platform_id, position, title, variant_title, sku, vendor,
        product_id, quantity, current_quantity, refundable_quantity, unit_price, total, tax, taxes,
        requires_shipping, is_gift_card, properties)
       SELECT 1, n, 'gid://shopify/LineItem/' || n || l, l, 'Wool throw', 'Grey', 'WT-1', 'Lumi',
        'gid://shopify/Product/' || l, 1, 1, 1, 2750, 2750, 0, '[]', true, false, '{}'
       FROM generate_series(1, :orders) n, generate_series(1, 2) l""",
    """INSERT INTO fulfillment (account_id, order_id, platform_id, position, status, shipment_status, name,
        shipped_at, delivered_at, delivered_source, tracking, lines, events)
       SELECT 1, n, 'gid://shopify/Fulfillment/' || n, 0, 'success', 'delivered', '#1',
        now() - (n %% 700 - 2) * interval '1 day', now() - (n %% 700 - 4) * interval '1 day', 'carrier',
        '[{"company":"DPD","number":"0530871"}]',
        ('[{"line_id":"gid://shopify/LineItem/' || n || '1","quantity":1},{"line_id":"gid://shopify/LineItem/'
         || n || '2","quantity":1}]')::json, '[]'
       FROM generate_series(1, :orders) n""",
    """INSERT INTO payment_transaction (account_id, order_id, platform_id, position, kind, status, amount,
        currency, gateway, gateway_title, manual, account)
       SELECT 1, n, 'gid://shopify/OrderTransaction/' || n, 0, 'sale', 'success', 5990, 'EUR',
        'shopify_payments', 'Visa', false, '' FROM generate_series(1, :orders) n""",
    """INSERT INTO order_key (account_id, order_id, kind, value)
       SELECT 1, n, 'number', n::text FROM generate_series(1, :orders) n""",
)


SIZES = (
    "UPDATE sales_order SET customer_id = 2 WHERE customer_id IN (3, 4, 5, 6)",
    """UPDATE sales_order SET customer_id = 7 WHERE customer_id = 1
       AND id > (SELECT min(id) FROM sales_order WHERE customer_id = 1)""",
)
WITH_ORDERS = {1: 1, 8: ORDERS, 2: 5 * ORDERS}
"""Customer → how many orders they have then."""


class Cache:
    """A Postgres cache of so many orders, and the app on it."""

    def __init__(self, address: str, queue: str, orders: int) -> None:
        self.orders = orders
        self.people = orders // ORDERS
        self.opened = OTHERS
        keys = (Fernet.generate_key().decode(),)
        self.settings = Settings(
            app_url="http://127.0.0.1:1",
            secret_key="a secret key of the bench",
            encryption_keys=keys,
            database_url=address,
            redis_url=queue,
            data_dir=Path(tempfile.gettempdir()),
        )
        self.database = Database(address)
        self.services = Services(
            settings=self.settings,
            db=self.database,
            vault=Vault(keys),
            redis=connect_redis(queue),
        )
        with self.database.everywhere() as work:
            work.add(Account(name="Bench", created_at=work.now(), settings={}))
        with self.database.transaction(1) as work:
            policies.ensure_policy(work)
            desk, _, self.secret = helpdesks.add(
                work,
                self.services.vault,
                "generic",
                "Desk",
                "https://desk.example",
                app_url=self.settings.app_url,
            )
            self.key = desk.key
        self._fill()
        self.app = create_app(self.services)
        self.client = self.app.test_client()

    def _fill(self) -> None:
        """By sets, and without the checks that rows made here cannot fail: a million orders in minutes."""
        with self.database.engine.begin() as connection:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            for statement in (*FILL, *SIZES):
                numbers = statement.replace(":orders", str(self.orders)).replace(":people", str(self.people))
                connection.exec_driver_sql(numbers)
        with self.database.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE")

    def next(self) -> Response:
        """Whoever was not opened yet, from all over the tables."""
        self.opened += 1
        if self.opened > self.people:
            raise RuntimeError("everybody was opened once")
        step = 7919  # a prime that divides no number of people here: each comes once
        return self.open(OTHERS + (self.opened * step) % (self.people - OTHERS) + 1)

    def open(self, person: int) -> Response:
        """By one of several agents: one alone would soon reach the limit of lookups."""
        now = int(time.time())
        claims = {
            "iss": self.key,
            "aud": self.settings.app_url,
            "sub": f"agent-{self.opened // 50}",
            "email": "a@desk.example",
            "name": "A",
            "conversation": str(person),
            "subject": "Hello",
            "language": "en",
            "customer": {"emails": [f"c{person}@example.ee"]},
            "iat": now,
            "exp": now + 100,
            "jti": f"j{person}-{time.perf_counter_ns()}",
        }
        token = jwt.encode(claims, self.secret, algorithm="HS256")
        headers = {"Sec-Fetch-Dest": "iframe", "Accept-Encoding": "gzip"}
        answer = self.client.post(f"/sidebar/generic/{self.key}", data={"token": token}, headers=headers)
        assert answer.status_code == 200, answer.status
        return answer


def floor_client(cache: Cache, page: bytes) -> Any:
    """Bare routes: one indexed query each, the bytes of our page, compressed as ours are."""
    bare = Flask("floor")
    orders = Order.__table__
    of_customer = (
        select(orders)
        .where(orders.c.account_id == 1, orders.c.customer_id == bindparam("person"))
        .order_by(orders.c.placed_at.desc())
        .limit(ORDERS)
    )
    number = text(
        "SELECT customer_id FROM contact_point WHERE account_id = 1 AND kind = 'email' AND value = :value"
    )

    def answer() -> Response:
        response = Response(page, mimetype="text/html")
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            response.set_data(gzip.compress(page, 5, mtime=0))
            response.headers["Content-Encoding"] = "gzip"
        return response

    @bare.post("/orders/<int:person>")
    def rows(person: int) -> Response:
        with cache.database.engine.connect() as connection:
            connection.execute(of_customer, {"person": person}).all()
        return answer()

    @bare.post("/number/<int:person>")
    def value(person: int) -> Response:
        with cache.database.engine.connect() as connection:
            connection.execute(number, {"value": f"c{person}@example.ee"}).all()
        return answer()

    return bare.test_client()


def p99(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98]


def by_turns(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Each call once a round, so that whatever else the machine does falls on all of them alike."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            found[name].append(time.perf_counter() - began)
    return found


@contextmanager
def statements(cache: Cache) -> Iterator[list[str]]:
    seen: list[str] = []
    rows = cache.database.lines.rows

    def note(_: Any, __: Any, statement: str, *rest: Any) -> None:
        seen.append(statement)

    def on_a_line(text: str, parameters: Any) -> Any:
        seen.append(text)
        return rows(text, parameters)

    event.listen(cache.database.engine, "before_cursor_execute", note)
    with patch.object(cache.database.lines, "rows", on_a_line):
        yield seen
    event.remove(cache.database.engine, "before_cursor_execute", note)


def queries_of(cache: Cache, person: int) -> int:
    with statements(cache) as seen:
        cache.open(person)
    return len(seen)


def first_screen(cache: Cache) -> tuple[bytes, int, int]:
    """The page; its bytes as sent; the bytes of page, scripts and styles together, compressed."""
    answer = cache.next()
    body = answer.get_data()
    html = gzip.decompress(body)
    total = len(body)
    for address in set(re.findall(rb'(?:href|src)="(/static/[^"]+\.(?:css|js)[^"]*)"', html)):
        total += len(cache.client.get(address.decode(), headers=COMPRESSED).get_data())
    return html, len(body), total


def main() -> None:
    logging.disable(logging.WARNING)
    with ground.postgres() as database, ground.queue() as queue:
        caches = []
        for orders in (SMALL, LARGE):
            began = time.perf_counter()
            caches.append(Cache(database(), queue, orders))
            say(f"cache of {orders:,} orders made in {time.perf_counter() - began:.0f} s")
        small, large = caches
        set_apart()  # as a process that serves does
        html, page, everything = first_screen(large)
        say(
            f"first screen, compressed: page {page:,} bytes, with scripts and styles {everything:,} "
            f"(aim: {KILOBYTES * 1024:,})"
        )
        counts = {orders: queries_of(large, person) for person, orders in WITH_ORDERS.items()}
        said = ", ".join(f"{count} with {orders} orders" for orders, count in counts.items())
        say(f"queries an opening: {said} (aim: always as many)")
        bare = floor_client(large, html)
        people = iter(range(OTHERS, 10**9))
        calls = {
            "orders": lambda: bare.post(f"/orders/{next(people)}", headers=COMPRESSED),
            "number": lambda: bare.post(f"/number/{next(people)}", headers=COMPRESSED),
            "small": small.next,
            "large": large.next,
        }
        by_turns(calls, WARM)
        _report(by_turns(calls, ROUNDS))


def _report(found: dict[str, list[float]]) -> None:
    say(f"{ROUNDS} rounds, {ground.load()}")
    names = {
        "orders": "floor that reads the orders' rows",
        "number": "floor that reads a number",
        "small": f"opening at {SMALL:,}",
        "large": f"opening at {LARGE:,}",
    }
    for name, seconds in found.items():
        middle, late = statistics.median(seconds), p99(seconds)
        line = f"{names[name]}: p50 {middle * 1000:.1f} ms, p99 {late * 1000:.1f} ms"
        if name not in FLOORS:
            times = [
                f"{middle / statistics.median(found[floor]):.1f} and {late / p99(found[floor]):.1f}"
                for floor in FLOORS
            ]
            line += f" = {times[0]} x the first floor, {times[1]} x the second (aim at p99: {TIMES_FLOOR})"
        say(line)
    grown = p99(found["large"]) / p99(found["small"])
    middle = statistics.median(found["large"]) / statistics.median(found["small"])
    say(f"{LARGE:,} against {SMALL:,}: p50 {middle:.2f}, p99 {grown:.2f} (aim: {TIMES_SMALL})")


if __name__ == "__main__":
    main()
