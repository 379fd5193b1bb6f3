"""A what-if over 100,000 lines of the past year: from the cache, and by the engine alone.

Prints processor seconds and lines a second, as a ratio to the floor (reading the same rows and decoding
nothing) and to a yardstick (counting to ten million), because a busy machine stretches every second.
`WHATIF_LINES=20000 python -m tests.bench whatif` for fewer.
"""

from __future__ import annotations

import os
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text

import migrations
from integration import what_if
from integration.db.accounts import Account
from integration.db.orders import Fulfillment, Order, OrderLine, PaymentTransaction
from integration.db.stores import Product, Store
from integration.eligibility import Policy, Rule
from integration.eligibility.whatif import Comparison, compare
from integration.work import Database

LINES = 100_000
PER_ORDER = 2
PRODUCTS = 400
COUNTRIES = (("EE", "EUR"), ("RO", "RON"), ("GB", "GBP"), ("TH", "THB"), ("US", "USD"), ("JP", "JPY"))
BEFORE = Policy(version=1, rules=(Rule(days=30, buffer=5),))
AFTER = Policy(version=2, rules=(Rule(days=14, buffer=5, restocking=1000),))


def main() -> None:
    lines = int(os.environ.get("WHATIF_LINES", LINES))
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'cache.db'}")
        migrations.upgrade(database.engine)
        fill(database, lines // PER_ORDER)
        floor = timed(lambda: read_only(database))[0]
        with database.reading(1) as work:
            question = what_if.Question(since=work.now() - timedelta(days=365), day=21)
            cached, found = timed(lambda: what_if.compare_policies(work, BEFORE, AFTER, question))
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            cases = list(what_if.cases(work, question))
        pure, again = timed(lambda: compare(cases, what_if.binds(BEFORE), what_if.binds(AFTER)))
    say("what-if from the cache", cached, found)
    print(f"{'most memory':28} {memory:6.0f} MB")
    say("the engine alone", pure, again)
    print(f"{'reading the rows and no more':28} {floor:6.1f} s   what-if: {cached / floor:.1f} times as long")
    yard = timed(count_to_ten_million)[0]
    print(f"{'counting to ten million':28} {yard:6.1f} s   what-if: {cached / yard:.1f} times as long")


def count_to_ten_million() -> None:
    number = 0
    while number < 10_000_000:
        number += 1


def timed(call: Any) -> tuple[float, Any]:
    """Processor seconds: what others do on this machine does not count."""
    began = time.process_time()
    result = call()
    return time.process_time() - began, result


def say(what: str, seconds: float, found: Comparison) -> None:
    print(
        f"{what:28} {seconds:6.1f} s   {found.lines:,} lines, {found.lines / seconds:,.0f} a second, "
        f"{found.changed:,} change, {found.below_law:,} kept by law"
    )


def read_only(database: Database) -> None:
    with database.engine.connect() as connection:
        for table in ("sales_order", "order_line", "fulfillment", "payment_transaction"):
            for _row in connection.execute(text(f"SELECT * FROM {table}")):
                pass


def fill(database: Database, orders: int) -> None:
    """Orders over eleven months and six countries, each delivered, two lines and one payment each."""
    with database.everywhere() as work:
        work.add(Account(name="Bench", created_at=work.now(), settings={}))
    with database.transaction(1) as work:
        now = work.now()
        work.add(
            Store(
                platform="shopify", domain="bench.example", url="https://bench.example", name="Bench",
                currency="EUR", timezone="Europe/Tallinn", country="EE", status="active", scopes=[],
                features={}, th_direct_marketer=True, installed_at=now,
            )
        )  # fmt: skip
        work.session.flush()
        work.session.execute(insert(Product), [_product(number, now) for number in range(PRODUCTS)])
        dice = random.Random(7)
        for numbers in _chunks(orders, 2000):
            rows = [_order(number, now, dice) for number in numbers]
            for table, index in ((Order, 0), (OrderLine, 1), (Fulfillment, 2), (PaymentTransaction, 3)):
                work.session.execute(insert(table), [entry for row in rows for entry in row[index]])


def _chunks(total: int, size: int) -> Iterator[range]:
    return (range(first, min(first + size, total + 1)) for first in range(1, total + 1, size))


def _product(number: int, now: Any) -> dict[str, Any]:
    """One in ten is marked in a way that may decide."""
    marks = {0: ["Final Sale"], 10: ["hygiene"], 20: ["personalised"]}.get(number % 100, ["wool", "new"])
    return {
        "account_id": 1, "store_id": 1, "platform_id": f"gid://shopify/Product/{number}",
        "title": f"Throw {number}", "tags": marks, "categories": ["Home"], "product_type": "Throws",
        "downloadable": False, "virtual": False, "synced_at": now,
    }  # fmt: skip


def _order(number: int, now: Any, dice: random.Random) -> tuple[list[dict[str, Any]], ...]:
    """Days, hours, prices, pieces and goods as they fall."""
    placed = now - timedelta(days=dice.randint(30, 360), seconds=dice.randrange(86_400))
    country, currency = dice.choices(COUNTRIES, weights=(8, 5, 3, 2, 2, 1))[0]
    sent = placed + timedelta(hours=dice.choice((5, 20, 30, 70)))
    arrived = sent + timedelta(days=dice.choices((1, 2, 3, 5), weights=(3, 4, 2, 1))[0])
    ids = [f"gid://shopify/LineItem/{number}{index}" for index in range(PER_ORDER)]
    counts = [dice.choices((1, 2, 3), weights=(8, 2, 1))[0] for _line in ids]
    totals = [dice.randint(900, 19_900) for _line in ids]
    child = {"account_id": 1, "order_id": number}
    order = {
        "account_id": 1, "id": number, "store_id": 1, "platform_id": f"gid://shopify/Order/{number}",
        "name": f"#{number}", "number": str(number), "placed_at": placed, "updated_at": placed,
        "fetched_at": placed, "synced_at": placed, "digest": str(number), "currency": currency,
        "total": sum(totals) + 490, "subtotal": sum(totals), "shipping": 490, "tax": 0, "discount": 0,
        "refunded": 0,
        "financial_status": "paid", "fulfillment_status": "delivered", "platform_status": "PAID",
        "return_status": "", "cancel_reason": "", "test": False, "edited": False, "taxes_included": True,
        "email": "", "phone": "", "shipping_address": {"country": country}, "note": "", "tags": [],
        "source": "web", "discount_codes": [], "payment_methods": ["Visa"], "risk": "", "attributes": {},
        "shipping_lines": [],
    }  # fmt: skip
    lines = [
        {
            **child, "platform_id": line_id, "position": index, "title": "Wool throw", "variant_title": "",
            "sku": "", "vendor": "", "product_id": f"gid://shopify/Product/{dice.randrange(PRODUCTS)}",
            "quantity": counts[index], "current_quantity": counts[index],
            "refundable_quantity": counts[index], "unit_price": totals[index] // counts[index],
            "total": totals[index], "tax": 0,
            "taxes": [], "requires_shipping": True, "is_gift_card": False, "properties": {},
        }
        for index, line_id in enumerate(ids)
    ]  # fmt: skip
    parcel = {
        **child, "platform_id": f"gid://shopify/Fulfillment/{number}", "position": 0, "status": "success",
        "shipment_status": "delivered", "name": "", "shipped_at": sent,
        "delivered_at": arrived, "delivered_source": "carrier", "tracking": [],
        "lines": [
            {"line_id": line_id, "quantity": count} for line_id, count in zip(ids, counts, strict=True)
        ],
        "events": [],
    }  # fmt: skip
    payment = {
        **child, "platform_id": f"gid://shopify/OrderTransaction/{number}", "position": 0, "kind": "sale",
        "status": "success", "amount": sum(totals) + 490, "currency": currency, "gateway": "shopify_payments",
        "gateway_title": "Visa", "manual": False, "account": "",
    }  # fmt: skip
    return [order], lines, [parcel], [payment]


if __name__ == "__main__":
    main()
