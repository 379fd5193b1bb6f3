"""Webhooks of the demo store: signed, sent late and once, given up after seven failures."""

from __future__ import annotations

import base64
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.demo.woocommerce import DemoWooCommerce, hooks

Recording = Callable[[str], Any]
SAMPLES = Path(__file__).parents[3] / "samples" / "woocommerce"


class Ear:
    """Somebody who listens, and answers what it is told to."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.status = 200
        ear = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                ear.heard.append({"path": self.path, "headers": dict(self.headers), "body": body})
                self.send_response(ear.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def deliveries(self) -> list[dict[str, Any]]:
        """All but pings."""
        return [each for each in self.heard if "X-WC-Webhook-Topic" in each["headers"]]

    def topics(self) -> list[str]:
        return [each["headers"]["X-WC-Webhook-Topic"] for each in self.deliveries()]


@pytest.fixture
def ear() -> Iterator[Ear]:
    listening = Ear()
    yield listening
    listening.close()


@pytest.fixture
def listen(store: DemoWooCommerce, api: httpx.Client, ear: Ear) -> Iterator[Callable[..., dict[str, Any]]]:
    def subscribe(topic: str, secret: str = 's3cr&t <"Õ"') -> dict[str, Any]:
        wish = {"topic": topic, "delivery_url": ear.url, "secret": secret, "name": f"T {topic}"}
        made: dict[str, Any] = api.post("/webhooks", json=wish).json()
        return made

    yield subscribe
    for hook in api.get("/webhooks?per_page=100").json():
        api.delete(f"/webhooks/{hook['id']}?force=true")
    store.deliveries.weather(hooks.Weather(), 0)


ALL = (
    "order.created", "order.updated", "order.deleted", "order.restored", "customer.created",
    "customer.updated", "customer.deleted", "action.woocommerce_order_refunded",
    "action.woocommerce_order_note_added",
    "action.woocommerce_before_delete_order",
)  # fmt: skip


@pytest.mark.parametrize("name", sorted(path.stem for path in (SAMPLES / "webhooks").glob("delivery_*.json")))
def test_recorded_deliveries_verify_with_our_signature(name: str, recording: Recording) -> None:
    for delivery in recording(f"webhooks/{name}")["deliveries"]:
        body = base64.b64decode(delivery["raw_body_base64"])
        assert (
            hooks.signature(delivery["secret"], body) == dict(delivery["headers"])["X-WC-Webhook-Signature"]
        )


def test_a_new_webhook_pings_and_hides_its_secret(
    ear: Ear, listen: Callable[..., dict[str, Any]], recording: Recording
) -> None:
    theirs = recording("webhooks/create_order_created")["response"]["body"]

    made = listen("order.created")

    assert set(made) == set(theirs)
    assert {
        key: made[key] for key in ("name", "status", "topic", "resource", "event", "hooks", "date_modified")
    } == {
        key: theirs[key] for key in ("name", "status", "topic", "resource", "event", "hooks", "date_modified")
    }
    assert [each["body"] for each in ear.heard] == [f"webhook_id={made['id']}".encode()]
    ping = recording("webhooks/ping")["delivery"]
    assert ear.heard[0]["headers"]["User-Agent"] == dict(ping["headers"])["User-Agent"]
    assert ear.heard[0]["headers"]["Content-Type"] == dict(ping["headers"])["Content-Type"]


@pytest.mark.parametrize("name", ["create_bad_topic", "create_bad_url", "create_no_url"])
def test_a_bad_webhook_is_refused_as_recorded(name: str, api: httpx.Client, recording: Recording) -> None:
    recorded = recording(f"webhooks/{name}")

    answer = api.post("/webhooks", json=recorded["request"]["body"])

    assert (answer.status_code, answer.json()) == (400, recorded["response"]["body"])


def test_deleting_needs_force(
    api: httpx.Client, listen: Callable[..., dict[str, Any]], recording: Recording
) -> None:
    made = listen("order.updated")

    unforced = api.delete(f"/webhooks/{made['id']}")

    assert unforced.json() == recording("webhooks/delete_without_force")["response"]["body"]
    assert api.delete(f"/webhooks/{made['id']}?force=true").json()["id"] == made["id"]
    assert api.get(f"/webhooks/{made['id']}").status_code == 404


def test_a_delivery_is_signed_and_shows_the_order_as_it_is_now(
    store: DemoWooCommerce,
    api: httpx.Client,
    ear: Ear,
    listen: Callable[..., dict[str, Any]],
    order: dict[str, Any],
    recording: Recording,
) -> None:
    made = listen("order.updated")
    with store.shop.database.change():  # all before the queue gets a turn
        for note in ("one", "two", "three"):
            store.command("orders/change", id=order["id"], customer_note=note)
    assert store.deliveries.drain()

    (delivery,) = ear.deliveries()
    headers = delivery["headers"]
    assert headers["X-WC-Webhook-Signature"] == hooks.signature('s3cr&t <"Õ"', delivery["body"])
    assert headers["X-WC-Webhook-ID"] == str(made["id"])
    assert headers["X-WC-Webhook-Source"] == f"{store.url}/"
    assert json.loads(delivery["body"]) == api.get(f"/orders/{order['id']}").json()
    theirs = dict(recording("webhooks/delivery_refund_partial")["deliveries"][0]["headers"])
    assert {name for name in theirs if "X-WC" in name} == {name for name in headers if "X-WC" in name}
    assert headers["User-Agent"] == theirs["User-Agent"]


def topics_of(name: str) -> Counter[str]:
    steps = json.loads((SAMPLES / "webhooks" / "index.json").read_text())
    heard = Counter(each["topic"] for each in steps[f"webhooks/delivery_{name}.json"]["deliveries"])
    return Counter({topic: count for topic, count in heard.items() if topic in ALL})


Step = Callable[[httpx.Client, DemoWooCommerce, int], Any]
STEPS: dict[str, Step] = {
    "order_create": lambda api, _store, _id: api.post("/orders", json={"status": "processing"}),
    "order_status_completed": lambda api, _store, id_: api.put(
        f"/orders/{id_}", json={"status": "processing"}
    ),
    "order_meta_only": lambda api, _store, id_: api.put(
        f"/orders/{id_}", json={"meta_data": [{"key": "k", "value": "v"}]}
    ),
    "order_note_private": lambda api, _store, id_: api.post(f"/orders/{id_}/notes", json={"note": "n"}),
    "order_trash": lambda api, _store, id_: api.delete(f"/orders/{id_}"),
    "iso_admin_trash": lambda _api, store, id_: store.command("orders/trash", id=id_),
    "order_force_delete": lambda api, _store, id_: api.delete(f"/orders/{id_}?force=true"),
    "refund_partial": lambda api, _store, id_: api.post(
        f"/orders/{id_}/refunds", json={"amount": "1.00", "api_refund": False}
    ),
    "refund_full": lambda api, _store, id_: api.post(
        f"/orders/{id_}/refunds", json={"amount": "700.09", "api_refund": False}
    ),
    "iso_fulfillment_created": lambda api, _store, id_: api.post(f"/orders/{id_}/fulfillments", json={}),
    "customer_create": lambda api, _store, _id: api.post(
        "/customers", json={"email": "wh.cust@example.test"}
    ),
}


@pytest.mark.parametrize("name", sorted(STEPS))
def test_what_is_told_of_each_change_is_what_was_recorded(
    name: str,
    store: DemoWooCommerce,
    api: httpx.Client,
    ear: Ear,
    listen: Callable[..., dict[str, Any]],
    order: dict[str, Any],
) -> None:
    for topic in ALL:
        listen(topic)
    STEPS[name](api, store, order["id"])
    assert store.deliveries.drain()

    assert Counter(ear.topics()) == topics_of(name)


def test_nobody_hears_of_a_deleted_refund_or_a_silent_return_from_the_trash(
    store: DemoWooCommerce,
    api: httpx.Client,
    ear: Ear,
    listen: Callable[..., dict[str, Any]],
    order: dict[str, Any],
) -> None:
    path = f"/orders/{order['id']}"
    refund = api.post(f"{path}/refunds", json={"amount": "1.00", "api_refund": False}).json()
    for topic in ("order.updated", "order.restored", "order.created"):
        listen(topic)

    api.delete(f"{path}/refunds/{refund['id']}")
    api.delete(path)
    api.put(path, json={"status": "processing"})
    assert store.deliveries.drain()

    assert ear.topics() == []
    assert api.get(path).json()["status"] == "processing"


def test_an_order_that_is_gone_when_the_queue_runs(
    store: DemoWooCommerce,
    api: httpx.Client,
    ear: Ear,
    listen: Callable[..., dict[str, Any]],
    order: dict[str, Any],
    recording: Recording,
) -> None:
    listen("order.updated")
    with store.shop.database.change():  # both before the worker gets a turn
        store.command("orders/change", id=order["id"], customer_note="x")
        store.command("orders/delete", id=order["id"])
    assert store.deliveries.drain()

    theirs = recording("webhooks/delivery_created_then_deleted_before_delivery")["deliveries"][1]["body"]
    assert [json.loads(each["body"]) for each in ear.deliveries()] == [theirs]


def test_seven_failures_in_a_row_disable_and_nothing_is_repeated(
    store: DemoWooCommerce,
    api: httpx.Client,
    ear: Ear,
    listen: Callable[..., dict[str, Any]],
    order: dict[str, Any],
) -> None:
    made = listen("order.updated")
    path, hook = f"/orders/{order['id']}", f"/webhooks/{made['id']}"

    def attempt(status: int) -> str:
        ear.status = status
        api.put(path, json={"customer_note": "again"})
        assert store.deliveries.drain()
        answer: str = api.get(hook).json()["status"]
        return answer

    for harmless in (200, 204, 301, 302):
        assert attempt(harmless) == "active"
    assert len(ear.deliveries()) == 4
    assert [attempt(500) for _ in range(6)] == ["active"] * 6
    assert attempt(404) == "disabled"
    assert attempt(200) == "disabled"
    assert len(ear.deliveries()) == 11

    assert api.put(hook, json={"status": "active"}).json()["status"] == "active"
    assert attempt(307) == "disabled"


def test_a_success_forgives_earlier_failures(
    store: DemoWooCommerce,
    api: httpx.Client,
    ear: Ear,
    listen: Callable[..., dict[str, Any]],
    order: dict[str, Any],
) -> None:
    made = listen("order.updated")
    for status in [500] * 6 + [200] + [500] * 6:
        ear.status = status
        api.put(f"/orders/{order['id']}", json={"customer_note": "x"})
        assert store.deliveries.drain()

    assert api.get(f"/webhooks/{made['id']}").json()["status"] == "active"


def test_deliveries_of_one_second_share_their_id(
    store: DemoWooCommerce, ear: Ear, listen: Callable[..., dict[str, Any]]
) -> None:
    """Which is why nobody may tell deliveries apart by it."""
    listen("order.created")
    with store.shop.database.change():
        for _ in range(12):
            store.life.tick()
    assert store.deliveries.drain()

    ids = [each["headers"]["X-WC-Webhook-Delivery-ID"] for each in ear.deliveries()]
    assert len(ids) > len(set(ids)) > 0


@pytest.mark.parametrize(
    ("weather", "expected"),
    [({"drop": 1.0}, []), ({"double": 1.0}, ["order.updated"] * 2)],
    ids=["drop", "double"],
)
def test_bad_weather(
    weather: dict[str, float],
    expected: list[str],
    store: DemoWooCommerce,
    api: httpx.Client,
    ear: Ear,
    listen: Callable[..., dict[str, Any]],
    order: dict[str, Any],
) -> None:
    listen("order.updated")
    store.command("webhooks/weather", **weather, seed=1)

    api.put(f"/orders/{order['id']}", json={"customer_note": "x"})
    assert store.deliveries.drain()

    assert ear.topics() == expected


def test_shuffled_deliveries_overtake_each_other(
    store: DemoWooCommerce,
    api: httpx.Client,
    ear: Ear,
    listen: Callable[..., dict[str, Any]],
    order: dict[str, Any],
) -> None:
    listen("action.woocommerce_order_note_added")
    store.command("webhooks/weather", shuffle=0.5, seed=3)

    with store.shop.database.change():
        notes = [store.command("orders/note", id=order["id"], note=str(place))["id"] for place in range(8)]
    assert store.deliveries.drain()

    heard = [json.loads(each["body"])["arg"] for each in ear.deliveries()]
    assert sorted(heard) == notes
    assert heard != notes
