"""The demo store as a process: it lives on, survives kill -9, and shows its merchant a page."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.demo.woocommerce import DemoWooCommerce

ROOT = Path(__file__).parents[4]


@pytest.fixture
def run() -> Iterator[Callable[..., tuple[subprocess.Popen[str], str]]]:
    """Starts shops as `make demo` does and gives the address of each once it listens; ends them all."""
    started: list[subprocess.Popen[str]] = []

    def start(data: Path, *more: str) -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-m", "connectors.demo.woocommerce", "--port", "0", "--data", str(data)]
        options = ["--orders", "20", "--control", "t", *more]
        started.append(subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True, cwd=ROOT))
        output = started[-1].stdout
        assert output
        found = re.search(r"http://\S+", output.readline())
        assert found
        return started[-1], found[0]

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=20)


def control(url: str, what: str, **wish: Any) -> Any:
    return httpx.post(f"{url}/__control__/{what}", json=wish, headers={"Authorization": "Bearer t"}).json()


def without_address(state: Any, url: str) -> str:
    return str(state).replace(url, "")


def test_kill_9_loses_nothing(tmp_path: Path, run: Callable[..., tuple[subprocess.Popen[str], str]]) -> None:
    process, url = run(tmp_path)
    key = control(url, "keys/make")
    login = (key["consumer_key"], key["consumer_secret"])
    https = {"X-Forwarded-Proto": "https"}
    control(url, "tick", times=5)
    orders = control(url, "state")["orders"]
    paid = next(row for row in orders if row["payment_method"] == "testpay" and row["date_paid"])
    with httpx.Client(base_url=f"{url}/wp-json/wc/v3", auth=login, headers=https) as api:
        assert api.post(f"/orders/{paid['id']}/refunds", json={"amount": "0.10"}).status_code == 201
    before = without_address(control(url, "state"), url)
    ledger = control(url, "ledger")
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL

    process, again = run(tmp_path)

    assert without_address(control(again, "state"), again) == before
    assert control(again, "ledger") == ledger
    assert httpx.get(f"{again}/wp-json/wc/v3/orders", auth=login, headers=https).status_code == 200
    process.terminate()
    assert process.wait(20) == 0


def test_life_goes_on_by_itself(
    tmp_path: Path, run: Callable[..., tuple[subprocess.Popen[str], str]]
) -> None:
    _, url = run(tmp_path, "--live", "0.02", "--number-prefix", "X-")

    before = control(url, "state")["orders"]
    while control(url, "state")["orders"] == before:
        pass
    assert before[0]["number"] == f"X-{before[0]['id']}"


def test_the_same_steps_happen_in_the_same_order(tmp_path: Path) -> None:
    histories = []
    for place in range(2):
        with DemoWooCommerce(tmp_path / str(place), orders=25, clock=lambda: 1795300000.0) as store:
            steps = store.command("tick", times=30)["steps"]
            histories.append((steps, without_address(store.command("state"), store.url)))

    assert histories[0] == histories[1]
    assert {step["what"] for step in histories[0][0]} == {"order", "parcel", "scan"}


def test_a_parcel_goes_all_the_way(store: DemoWooCommerce) -> None:
    """Ticks send parcels, scan them, and end with delivered orders that say when."""
    before = {row["id"]: row["status"] for row in store.command("state")["orders"]}
    store.command("tick", times=120)

    after = {row["id"]: row for row in store.command("state")["orders"]}
    new = [
        row for id_, row in after.items() if row["status"] == "delivered" and before.get(id_) != "delivered"
    ]
    assert new
    for row in new:
        (known,) = [item["value"] for item in row["meta_data"] if item["key"] == "shipment_status"]
        for parcel in known:
            assert parcel["status"] == "delivered"
            assert parcel["tracking_events"][-1]["status"] == "delivered"
            assert parcel["tracking_events"][-1]["datetime"].endswith("Z")


@pytest.fixture
def merchant(store: DemoWooCommerce) -> httpx.Client:
    client = httpx.Client(base_url=store.url, follow_redirects=True)
    client.post("/wp-login.php", data={"username": "merchant", "password": "demo"})
    return client


def test_the_merchant_sees_the_order_with_its_refund(
    store: DemoWooCommerce, api: httpx.Client, merchant: httpx.Client, order: dict[str, Any]
) -> None:
    api.post(f"/orders/{order['id']}/refunds", json={"amount": "1.00", "reason": "<script>x</script>"})
    page = f"/wp-admin/admin.php?page=wc-orders&action=edit&id={order['id']}"

    stranger = httpx.get(f"{store.url}{page}")
    seen = merchant.get(page)

    assert stranger.status_code == 302
    assert "Testpay refunded 1.00" in seen.text
    assert "&lt;script&gt;" in seen.text
    assert "<script>" not in seen.text
    assert f"#{order['id']}" in merchant.get("/wp-admin/admin.php?page=wc-orders").text
    assert merchant.get("/wp-admin/admin.php?page=wc-orders&action=edit&id=1").status_code == 404


def test_the_front_window_shows_goods_with_pictures(store: DemoWooCommerce) -> None:
    page = httpx.get(store.url)

    assert "Wool throw Saar" in page.text
    picture = httpx.get(f"{store.url}/wp-content/uploads/LAMP-KUU.svg")
    assert picture.headers["Content-Type"].startswith("image/svg+xml")
    assert httpx.get(f"{store.url}/nowhere").status_code == 404
    assert httpx.get(f"{store.url}/wp-content/uploads/../secret.svg").status_code == 404
