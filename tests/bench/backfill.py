"""A backfill of the product against its floor: the same bytes fetched and parsed, the same rows by COPY."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import httpx
import msgspec
import psycopg
from sqlalchemy import make_url

from connectors.demo.shopify.store import SHOP
from connectors.shopify import documents
from connectors.shopify.windows import stamp
from integration.ports import ShopifyCredentials
from jobs import boot, installing
from tests.bench import ground
from tests.bench.ground import Shop, say

TABLES = (
    "account", "store", "customer", "sales_order", "order_line", "fulfillment", "order_return", "refund",
    "payment_transaction", "order_key", "contact_point", "store_customer", "product",
)  # fmt: skip
"""What a backfill writes, parents first."""


def main() -> None:
    """Print the product's figures for a tenth and for all, and the floor's for all."""
    logging.disable(logging.WARNING)
    most = int(os.environ.get("ORDERS", "100000"))
    few = most // 10
    with ground.postgres() as database:
        with ground.shopify(few) as shop:
            _warm(shop)
            small = ground.measured(product, database(), shop)
        with ground.shopify(most) as shop:
            _warm(shop)
            address = database()
            large = ground.measured(product, address, shop)
            bottom = ground.measured(floor, address, database(), shop)
    orders, least = large.result, sum(bottom.result.values())
    say(f"backfill, Shopify demo → Postgres, {orders} orders ({ground.load()})")
    say(f"  floor    {least:8.1f} s  {orders / least:8.0f} orders/s  {_parts(bottom.result)}")
    say(
        f"  product  {large.seconds:8.1f} s  {orders / large.seconds:8.0f} orders/s"
        f"  {least / large.seconds:.0%} of the floor (goal 40 %)"
    )
    say(
        f"  memory   {small.peak_mb:.0f} MB at {small.result}, {large.peak_mb:.0f} MB at {orders}:"
        f" {large.peak_mb / small.peak_mb:.2f} times (goal at most 1.2)"
    )


def _parts(seconds: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items())


def product(address: str, shop: Shop) -> int:
    """The product's own way: connect, then copy in turns until the store is live. Returns the orders."""
    services = boot.boot(ground.settings(address, shop.origin))
    credentials = ShopifyCredentials(shop=SHOP, access_token=shop.token, scopes=shop.scopes)
    return ground.copied(
        services,
        lambda account_id: installing.connect_shopify(
            services, credentials, by="bench", account_id=account_id
        ),
    )


def floor(filled: str, empty: str, shop: Shop) -> dict[str, float]:
    """Fetch what the product fetched, parse it, COPY the rows that it wrote; nothing else."""
    with httpx.Client(timeout=120) as http:
        bulk = _bulk(http, shop)
        began = time.perf_counter()
        wanted = _read_file(http, bulk["url"])
        fetched = time.perf_counter()
        _read_details(http, shop, wanted)
    detailed = time.perf_counter()
    rows = {table: _rows(filled, table) for table in TABLES}
    copying = time.perf_counter()
    _copy(empty, rows)
    return {
        "file": fetched - began,
        "details": detailed - fetched,
        "copy": time.perf_counter() - copying,
    }


def _ask(http: httpx.Client, shop: Shop, document: str, variables: Any) -> Any:
    answer = http.post(
        f"{shop.origin}/{SHOP}/admin/api/2026-10/graphql.json",
        json={"query": documents.text(document), "variables": variables},
        headers={"X-Shopify-Access-Token": shop.token},
    )
    return msgspec.json.decode(answer.content)["data"]


def _bulk(http: httpx.Client, shop: Shop) -> Any:
    """The bulk operation of the product, run to its end."""
    search = f"processed_at:>='{stamp(_beginning())}'"
    query = documents.text("18_bulk_inner_orders").replace("WINDOW", search)
    operation = _ask(http, shop, "13_bulk_run", {"query": query})["bulkOperationRunQuery"]["bulkOperation"]
    while True:
        found = _ask(http, shop, "14_bulk_status", {"id": operation["id"]})["bulkOperation"]
        if found["status"] == "COMPLETED":
            return found
        time.sleep(0.05)


def _beginning() -> Any:
    from connectors.shopify.backfill import BEGINNING

    return BEGINNING


def _warm(shop: Shop) -> None:
    """Let the store make its result once, so that neither side pays for that."""
    with httpx.Client(timeout=3600) as http:
        _bulk(http, shop)


def _read_file(http: httpx.Client, url: str) -> list[str]:
    """Ids of the orders that have more to tell than the file does."""
    wanted = []
    rest = b""
    with http.stream("GET", url) as answer:
        for chunk in answer.iter_bytes(2**18):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                row = msgspec.json.decode(line)
                if row.get("shipments") or row.get("paidBack"):
                    wanted.append(row["id"])
    return wanted


def _read_details(http: httpx.Client, shop: Shop, ids: list[str]) -> None:
    def read(part: list[str]) -> None:
        _ask(http, shop, "19_order_details", {"ids": part})

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(read, _chunks(ids, 50)))


def _chunks(ids: list[str], size: int) -> Iterator[list[str]]:
    source = iter(ids)
    while part := list(islice(source, size)):
        yield part


def _connect(address: str) -> psycopg.Connection[Any]:
    url = make_url(address).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(url)


def _rows(address: str, table: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """A table's columns and rows, JSON as text."""
    with _connect(address) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, data_type FROM information_schema.columns"
            " WHERE table_name = %s ORDER BY ordinal_position",
            (table,),
        )
        columns = cursor.fetchall()
        wanted = ", ".join(f'"{name}"::text' if kind == "json" else f'"{name}"' for name, kind in columns)
        cursor.execute(f'SELECT {wanted} FROM "{table}"')
        return [name for name, _ in columns], cursor.fetchall()


def _copy(address: str, rows: dict[str, tuple[list[str], list[tuple[Any, ...]]]]) -> None:
    with _connect(address) as connection, connection.cursor() as cursor:
        cursor.execute("TRUNCATE account CASCADE")
        for table, (columns, values) in rows.items():
            names = ", ".join(f'"{name}"' for name in columns)
            with cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
                for row in values:
                    copy.write_row(row)
