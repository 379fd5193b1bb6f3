"""Both demo stores running, both connected and copied, and workers that run when a test says so."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from redis import Redis
from sqlalchemy import select

from connectors import transport
from connectors.demo.shopify import installation
from connectors.demo.shopify.shop import Conduct
from connectors.demo.shopify.store import SHOP, DemoShopify
from connectors.demo.woocommerce import DemoWooCommerce
from connectors.shopify import cost
from integration import limits, stores
from integration.customers import find_order
from integration.db.accounts import Role
from integration.db.actions import Action
from integration.db.orders import Order
from integration.db.stores import SyncPhase
from integration.ports import ShopifyCredentials, WooCommerceCredentials
from integration.settings import Settings
from integration.vault import Vault
from integration.wishes import Who
from integration.work import Database, JobName
from jobs import installing, run, schedule
from jobs import sync as copying
from jobs.boot import Services, connect_redis
from jobs.stores import open_store
from tests.listener import Listener

CONTROL = "control-token-of-the-tests"
ORDERS = 12
"""In each store, unless a module says otherwise with its own fixture `orders_in_each`."""


class Shifting:
    """The real time, moved on by as much as a test said: stores and clients keep real clocks."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def advance(self, by: timedelta | float) -> None:
        self.ahead += by if isinstance(by, timedelta) else timedelta(seconds=by)


@pytest.fixture
def time() -> Shifting:
    return Shifting()


@pytest.fixture(autouse=True)
def _fresh_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Circuits and buckets are shared by a process; a test must not meet those of another."""
    monkeypatch.setattr(transport, "_circuits", {})
    monkeypatch.setattr(cost, "_buckets", {})


@pytest.fixture
def orders_in_each() -> int:
    return ORDERS


@pytest.fixture
def door() -> Iterator[Listener]:
    """Where the app is reached. Nothing is served until a test asks for `site`."""
    found = Listener()
    yield found
    found.close()


@pytest.fixture
def shopify(tmp_path: Path, door: Listener, orders_in_each: int) -> Iterator[DemoShopify]:
    conduct = Conduct(bulk_seconds=0.0, job_seconds=0.05, retry_spacing=(0.05,) * 8)
    with DemoShopify(
        tmp_path / "shopify",
        orders=orders_in_each,
        conduct=conduct,
        control_token=CONTROL,
        app_url=door.url,
    ) as running:
        installation.install(running.shop(), running.app.scopes)
        yield running


@pytest.fixture
def woocommerce(tmp_path: Path, orders_in_each: int) -> Iterator[DemoWooCommerce]:
    (tmp_path / "woocommerce").mkdir()
    with DemoWooCommerce(
        tmp_path / "woocommerce",
        orders=orders_in_each,
        seed=7,
        webhook_pause=0.01,
        allow_http=True,
        control=CONTROL,
    ) as running:
        running.command("gateway", delay=0.5)
        yield running


@pytest.fixture
def settings(
    tmp_path: Path, database_url: str, redis_url: str, door: Listener, shopify: DemoShopify
) -> Settings:
    return Settings(
        app_url=door.url,
        secret_key="a secret key of the tests",
        encryption_keys=(Fernet.generate_key().decode(),),
        database_url=database_url,
        redis_url=redis_url,
        data_dir=tmp_path / "instance",
        shopify_api_key=shopify.app.client_id,
        shopify_secrets=(shopify.app.client_secret,),
        shopify_origin=shopify.origin_template,
        allow_http_stores=True,
    )


@pytest.fixture
def wakes() -> list[tuple[JobName, dict[str, Any]]]:
    """What the product woke workers for since `run_due` was last called."""
    return []


@pytest.fixture
def services(
    settings: Settings, database: Database, time: Shifting, wakes: list[tuple[JobName, dict[str, Any]]]
) -> Iterator[Services]:
    """The product's services on a database of the test's turn; wakes are kept, not queued."""

    def keep(_: Redis, name: JobName, arguments: Mapping[str, Any]) -> None:
        wakes.append((name, dict(arguments)))

    settings.data_dir.mkdir()
    made = Services(
        settings=settings,
        db=database,
        vault=Vault(settings.encryption_keys),
        redis=connect_redis(settings.redis_url),
        now=time,
        open_store=open_store,
        enqueue=keep,
    )
    yield made
    made.redis.close()


@pytest.fixture
def site(services: Services, door: Listener, web_app: Callable[[Services], Flask]) -> Iterator[Listener]:
    """The whole web app, listening where the stores send their webhooks."""
    with door.serving(web_app(services)):
        yield door


@pytest.fixture
def run_due(services: Services, wakes: list[tuple[JobName, dict[str, Any]]]) -> Callable[[], int]:
    """A worker in this process: sweeps, does what is due, and what that wakes. Returns how many jobs."""

    def work_off(most: int = 200) -> int:
        schedule.sweep(services)
        done = 0
        while wakes and done < most:
            name, arguments = wakes.pop(0)
            if (name, arguments) not in wakes:  # the queue keeps one wake of a kind
                run.handle(services, name, arguments)
                done += 1
        return done

    return work_off


@pytest.fixture
def account_id(world: Any) -> int:
    return int(world.account())


@pytest.fixture
def connect_both(
    services: Services, account_id: int, shopify: DemoShopify, woocommerce: DemoWooCommerce
) -> Callable[[], dict[str, int]]:
    """Connects both stores with credentials made at the store. Store row ids by platform."""

    def connect() -> dict[str, int]:
        scopes = tuple(shopify.app.scopes)
        token = installation.offline_token(shopify.shop(), scopes, expiring=False)["access_token"]
        key, secret = woocommerce.key()
        return {
            "shopify": installing.connect_shopify(
                services,
                ShopifyCredentials(shop=SHOP, access_token=token, scopes=scopes),
                by="tests",
                account_id=account_id,
            ),
            "woocommerce": installing.connect_woocommerce(
                services,
                WooCommerceCredentials(url=woocommerce.url, consumer_key=key, consumer_secret=secret),
                by="tests",
                account_id=account_id,
            ),
        }

    return connect


def copy(services: Services, store_id: int, turns: int = 200) -> None:
    """Run the backfill of one store to its end, in this process."""
    account_id = copying.account_of(services, store_id)
    for _ in range(turns):
        copying.run(services, store_id=store_id)
        with services.reading(account_id) as work:
            state = stores.state(work, store_id)
            if state.phase is SyncPhase.LIVE:
                return
            assert state.error is None, state.error
    raise AssertionError("the backfill does not end")


@pytest.fixture
def connected(connect_both: Callable[[], dict[str, int]], services: Services) -> dict[str, int]:
    """Both stores connected and copied: store row ids by platform."""
    ids = connect_both()
    for store_id in ids.values():
        copy(services, store_id)
    return ids


class Counter:
    """What the demo stores' own books say, whatever anybody claims."""

    def __init__(self, shopify: DemoShopify, woocommerce: DemoWooCommerce) -> None:
        self.shopify, self.woocommerce = shopify, woocommerce

    def moves(self, platform: str, order: str) -> list[str]:
        """Amounts that went back to the buyer of one order since the store was filled, as text."""
        if platform == "shopify":
            return [
                f"{float(entry['amount']):.2f}"
                for entry in self.shopify.ledger()
                if entry["order_id"] == order and entry["kind"] == "refund:success"
            ]
        moves = self.woocommerce.command("ledger")["moves"]
        return [move["amount"] for move in moves if str(move["order_id"]) == order]


@pytest.fixture
def counter(shopify: DemoShopify, woocommerce: DemoWooCommerce) -> Counter:
    return Counter(shopify, woocommerce)


@pytest.fixture
def person() -> Callable[..., Who]:
    """Somebody signed in: `person()` is an admin, `person(Role.AGENT, 7)` agent number 7."""

    def made(role: Role = Role.ADMIN, number: int = 1, **more: Any) -> Who:
        values: dict[str, Any] = {
            "name": f"{role}{number}@lumi.example",
            "role": role,
            "caller": f"agent:{number}",
            "proof": "session",
            "agent_id": number,
        }
        return Who(**{**values, **more})

    return made


class Cashier:
    """Orders to refund, and how far actions came."""

    def __init__(self, services: Services, account_id: int, store_ids: dict[str, int]) -> None:
        self.services, self.account_id, self.store_ids = services, account_id, store_ids

    def orders(self, platform: str) -> list[Order]:
        """Orders of a store with money left in a gateway that pays back, dearest first."""
        gateway = {"shopify": "shopify_payments", "woocommerce": "testpay"}[platform]
        with self.services.reading(self.account_id) as work:
            ids = work.session.scalars(select(Order.id).where(Order.store_id == self.store_ids[platform]))
            rows = [find_order(work, order_id) for order_id in ids]
        fit = [
            row
            for row in rows
            if row.currency == "EUR"
            and row.financial_status.value == "paid"
            and not row.refunds
            and not row.returns
            and {payment.gateway for payment in row.transactions} == {gateway}
        ]
        return sorted(fit, key=lambda row: -row.total)

    def action(self, action_id: int | str) -> Action:
        with self.services.reading(self.account_id) as work:
            return work.session.get_one(Action, int(action_id))

    def allow(self, **choices: Any) -> None:
        """What the merchant has set about money."""
        with self.services.transaction(self.account_id) as work:
            limits.save(work, limits.Choices(**choices), by="tests")


@pytest.fixture
def cashier(services: Services, account_id: int, connected: dict[str, int]) -> Cashier:
    return Cashier(services, account_id, connected)


@contextmanager
def worker_processes(
    settings: Settings, count: int = 2, **env: str
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Real `integration worker` processes on the test's database and queue."""
    environment = {
        **os.environ,
        "APP_URL": settings.app_url,
        "SECRET_KEY": settings.secret_key,
        "ENCRYPTION_KEYS": ",".join(settings.encryption_keys),
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "DATA_DIR": str(settings.data_dir),
        "SHOPIFY_API_KEY": settings.shopify_api_key,
        "SHOPIFY_API_SECRET": settings.shopify_secrets[0],
        "SHOPIFY_ORIGIN": settings.shopify_origin,
        "ALLOW_HTTP_STORES": "1",
        **env,
    }
    command = [sys.executable, "-m", "integration", "worker"]
    # Each in a group of its own, so that a test can kill it with all its processes.
    running = [subprocess.Popen(command, env=environment, start_new_session=True) for _ in range(count)]
    try:
        yield running
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(30)


@pytest.fixture
def workers(settings: Settings) -> Callable[..., Any]:
    """`with workers(2): …` runs real worker processes."""
    return lambda count=2, **env: worker_processes(settings, count, **env)
