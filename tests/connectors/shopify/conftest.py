"""A demo shop of our own for each test, and stores that talk to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors import transport
from connectors.demo.shopify import installation
from connectors.demo.shopify.shop import Conduct
from connectors.demo.shopify.store import SHOP, DemoShopify
from connectors.shopify import cost
from connectors.shopify.client import ShopifyStore
from integration.ports import ShopifyCredentials
from integration.settings import Settings


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(autouse=True)
def _fresh_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Circuits and buckets are shared by a process; a test must not meet those of another."""
    monkeypatch.setattr(transport, "_circuits", {})
    monkeypatch.setattr(cost, "_buckets", {})


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[DemoShopify]:
    conduct = Conduct(bulk_seconds=0.0, job_seconds=0.05)
    with DemoShopify(tmp_path / "demo", orders=40, conduct=conduct) as running:
        installation.install(running.shop(), running.app.scopes)
        yield running


@pytest.fixture
def credentials(demo: DemoShopify) -> ShopifyCredentials:
    scopes = tuple(demo.app.scopes)
    token = installation.offline_token(demo.shop(), scopes, expiring=False)["access_token"]
    return ShopifyCredentials(shop=SHOP, access_token=token, scopes=scopes)


@pytest.fixture
def slept() -> list[float]:
    """The waits that stores asked for; nobody really waits."""
    return []


@pytest.fixture
def connect(
    demo: DemoShopify, credentials: ShopifyCredentials, slept: list[float], tmp_path: Path
) -> Iterator[Callable[..., ShopifyStore]]:
    """Makes a store as the product does, for the demo shop; options as for `ShopifyStore`."""
    opened: list[ShopifyStore] = []

    def made(given: ShopifyCredentials = credentials, **options: Any) -> ShopifyStore:
        options = {"spool": tmp_path / "spool", "sleep": slept.append, "interactive": True} | options
        store = ShopifyStore(given, origin=demo.origin_template, version="2026-10", now=now, **options)
        opened.append(store)
        return store

    yield made
    for store in opened:
        store.close()


@pytest.fixture
def store(connect: Callable[..., ShopifyStore]) -> ShopifyStore:
    return connect()


@pytest.fixture
def settings(demo: DemoShopify, tmp_path: Path) -> Settings:
    return Settings(
        app_url="https://desk.example.com",
        secret_key="a-secret-of-sixteen-and-more",
        encryption_keys=(),
        database_url="sqlite://",
        redis_url="redis://",
        data_dir=tmp_path,
        shopify_api_key=demo.app.client_id,
        shopify_secrets=(demo.app.client_secret, "an-older-secret-of-this-app-0000"),
        shopify_origin=demo.origin_template,
    )
