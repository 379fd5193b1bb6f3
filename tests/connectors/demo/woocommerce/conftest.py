"""A small demo store per test file, spoken to over HTTP as a program on HTTPS would."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.demo.woocommerce import DemoWooCommerce

SAMPLES = Path(__file__).parents[3] / "samples" / "woocommerce"


@pytest.fixture(scope="session")
def recording() -> Callable[[str], Any]:
    """One recorded exchange by its name, `folder/file`."""
    return lambda name: json.loads((SAMPLES / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoWooCommerce]:
    folder = tmp_path_factory.mktemp("shop")
    with DemoWooCommerce(folder, orders=60, control="open sesame", webhook_pause=0.02) as shop:
        shop.shop.gateway_delay = 0.0
        yield shop


@pytest.fixture(scope="module")
def client(store: DemoWooCommerce) -> Iterator[Callable[..., httpx.Client]]:
    """REST clients with a new key's password. The proxy header stands for HTTPS, where passwords count."""
    opened: list[httpx.Client] = []

    def make(user: str = "merchant", permissions: str = "read_write") -> httpx.Client:
        key = store.key(user, permissions)
        https = {"X-Forwarded-Proto": "https"}
        opened.append(
            httpx.Client(base_url=f"{store.url}/wp-json/wc/v3", auth=key, headers=https, timeout=20)
        )
        return opened[-1]

    yield make
    for each in opened:
        each.close()


@pytest.fixture(scope="module")
def api(client: Callable[..., httpx.Client]) -> httpx.Client:
    return client()


@pytest.fixture(scope="module")
def make_order(api: httpx.Client) -> Callable[..., dict[str, Any]]:
    """Place an order of product lines, each a total without tax and a quantity, delivered to Estonia."""

    def make(
        lines: list[tuple[str, int]],
        *,
        shipping: str = "",
        method: str = "testpay",
        status: str = "completed",
    ) -> dict[str, Any]:
        product = api.get("/products", params={"per_page": 1}).json()[0]["id"]
        wish = {
            "status": status,
            "payment_method": method,
            "billing": {"first_name": "Test", "last_name": "Õde", "country": "EE", "email": "t@example.test"},
            "line_items": [
                {"product_id": product, "quantity": count, "total": total, "subtotal": total}
                for total, count in lines
            ],
            "shipping_lines": [{"method_title": "Omniva", "total": shipping}] if shipping else [],
        }
        answer = api.post("/orders", json=wish)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    return make


@pytest.fixture
def order(make_order: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """An order like number 419 of the recordings: two product lines and shipping, 700.09 in all, by card."""
    return make_order([("309.60", 3), ("249.99", 1)], shipping="5.00")
