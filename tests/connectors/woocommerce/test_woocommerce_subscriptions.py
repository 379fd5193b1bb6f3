"""Our webhooks at a store: made, mended, and never twice."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from connectors.woocommerce import webhooks
from connectors.woocommerce.client import WooCommerceStore
from connectors.woocommerce.subscriptions import TOPICS
from integration.errors import StoreForbidden
from integration.ports import Topic

ADDRESS = "http://127.0.0.1:9/webhooks/woocommerce/1"
SECRET = "s3cret-of-this-store"


def listed(shop: WooCommerceStore) -> list[Any]:
    found: list[Any] = shop._reads._calls.read("webhooks", per_page=100)
    return found


def test_all_topics_are_asked_for_once(shop: WooCommerceStore) -> None:
    changes = shop.subscribe(ADDRESS, SECRET)
    assert changes == [f"created {topic}" for topic in TOPICS]
    rows = listed(shop)
    assert sorted(row["topic"] for row in rows) == sorted(TOPICS)
    assert {row["status"] for row in rows} == {"active"}
    assert all(row["name"].startswith("Deskside ") for row in rows)


def test_a_second_time_changes_nothing(shop: WooCommerceStore) -> None:
    shop.subscribe(ADDRESS, SECRET)
    assert shop.subscribe(ADDRESS, SECRET) == []


@pytest.mark.parametrize("status", ["disabled", "paused"])
def test_a_sleeping_webhook_is_made_anew(shop: WooCommerceStore, status: str) -> None:
    shop.subscribe(ADDRESS, SECRET)
    broken = listed(shop)[0]
    shop._reads._calls.write("PUT", f"webhooks/{broken['id']}", {"status": status})

    changes = shop.subscribe(ADDRESS, SECRET)

    assert changes == [f"removed {broken['topic']} ({status})", f"created {broken['topic']}"]
    assert broken["id"] not in [row["id"] for row in listed(shop)]


def test_a_new_secret_renews_them(shop: WooCommerceStore) -> None:
    shop.subscribe(ADDRESS, SECRET)
    shop.subscribe(ADDRESS, "another secret")
    assert len(listed(shop)) == len(TOPICS)
    assert shop.subscribe(ADDRESS, "another secret") == []


def test_doubles_and_leftovers_of_ours_go_and_those_of_others_stay(shop: WooCommerceStore) -> None:
    shop.subscribe(ADDRESS, SECRET)
    for topic, address in (
        ("order.updated", ADDRESS),
        ("coupon.created", ADDRESS),
        ("order.updated", f"{ADDRESS}2"),
    ):
        body = {"name": "x", "topic": topic, "delivery_url": address, "secret": "y"}
        shop._reads._calls.write("POST", "webhooks", body)

    shop.subscribe(ADDRESS, SECRET)

    rows = listed(shop)
    assert len([row for row in rows if row["delivery_url"] == ADDRESS]) == len(TOPICS)
    assert len([row for row in rows if row["delivery_url"] != ADDRESS]) == 1


def test_leaving_takes_them_along(shop: WooCommerceStore) -> None:
    shop.subscribe(ADDRESS, SECRET)
    assert len(shop.unsubscribe(ADDRESS)) == len(TOPICS)
    assert listed(shop) == []


def test_the_secret_is_in_no_name(shop: WooCommerceStore) -> None:
    shop.subscribe(ADDRESS, SECRET)
    assert SECRET not in repr(listed(shop))


def test_a_read_only_key_is_told_apart(demo: Any, keys: Any, line: Any) -> None:
    from datetime import UTC, datetime

    from msgspec.structs import replace

    key, secret = demo.key(permissions="read")
    credentials = replace(keys, consumer_key=key, consumer_secret=secret)
    shop = WooCommerceStore(credentials, now=lambda: datetime.now(UTC), allow_http=True, line=line)
    with pytest.raises(StoreForbidden):
        shop.subscribe(ADDRESS, SECRET)


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """Our intake as the store sees it: takes everything, keeps it, answers 200."""
    got: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            got.append((dict(self.headers.items()), body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/webhooks/woocommerce/1", got
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_happens_in_the_store_arrives_and_is_believed(
    demo: Any, shop: WooCommerceStore, receiver: tuple[str, list[tuple[dict[str, str], bytes]]]
) -> None:
    address, got = receiver
    changed, trashed, deleted = sorted(order["id"] for order in demo.command("state")["orders"])[:3]
    shop.subscribe(address, SECRET)
    demo.command("orders/change", id=changed, customer_note="Ring twice")
    demo.command("orders/trash", id=trashed)
    demo.command("orders/delete", id=deleted)
    assert demo.command("webhooks/drain")["empty"] is True

    events = [webhooks.read(headers, body, SECRET) for headers, body in got]

    assert [event.topic for event in events[: len(TOPICS)]] == [Topic.PING] * len(TOPICS)
    told = {(event.platform_topic, event.resource_id) for event in events[len(TOPICS) :]}
    assert told >= {
        ("order.updated", str(changed)),
        ("order.deleted", str(trashed)),
        ("action.woocommerce_before_delete_order", str(deleted)),
    }
    order = shop.order(str(trashed))
    assert order is not None
    assert order.gone is True
    assert shop.order(str(deleted)) is None
