"""Webhooks as WooCommerce keeps and sends them.

What happens is queued inside the change that made it happen, once per webhook and subject, and sent later by
one worker after another: with the picture of that moment, never twice, and not at all to a webhook that was
disabled after seven failures in a row. Source: recordings `webhooks/*`, above all `failure_behaviour.json`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import random
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx

from connectors.demo.woocommerce import catalogue, customers, orders
from connectors.demo.woocommerce.shop import Shop
from connectors.demo.woocommerce.wire import VERSION, WORDPRESS, Json, RestError, encode

log = logging.getLogger(__name__)

USER_AGENT = f"WooCommerce/{VERSION} Hookshot (WordPress/{WORDPRESS})"
MOST_FAILURES = 7
"""In a row; the seventh disables."""

RESOURCES = ("order", "product", "customer", "coupon")
EVENTS = ("created", "updated", "deleted", "restored")
HOOKS = {
    "order.created": ["woocommerce_new_order"],
    "order.updated": ["woocommerce_update_order", "woocommerce_order_refunded"],
    "order.deleted": ["wp_trash_post", "woocommerce_trash_order"],
    "order.restored": ["untrashed_post", "woocommerce_untrash_order"],
    "product.created": ["woocommerce_process_product_meta", "woocommerce_new_product"],
    "product.updated": ["woocommerce_process_product_meta", "woocommerce_update_product"],
    "customer.created": ["user_register", "woocommerce_created_customer", "woocommerce_new_customer"],
    "customer.updated": ["profile_update", "woocommerce_update_customer"],
    "customer.deleted": ["delete_user"],
}


def valid_topic(topic: str) -> bool:
    resource, _, event = topic.partition(".")
    if resource == "action":
        return event.startswith(("woocommerce_", "wc_"))
    return resource in RESOURCES and event in EVENTS


def view(shop: Shop, webhook: Json) -> Json:
    """The secret is never shown, nor is the count of failures."""
    resource, _, event = webhook["topic"].partition(".")
    hooks = (
        [event] if resource == "action" else HOOKS.get(webhook["topic"], [f"woocommerce_{event}_{resource}"])
    )
    return {
        "id": webhook["id"],
        "name": webhook["name"],
        "status": webhook["status"],
        "topic": webhook["topic"],
        "resource": resource,
        "event": event,
        "hooks": hooks,
        "delivery_url": webhook["delivery_url"],
        **shop.created_and_modified(webhook["created"], webhook["modified"]),
        "_links": shop.links(f"webhooks/{webhook['id']}"),
    }


def create(shop: Shop, wish: Json) -> Json:
    """Always active whatever was asked, and its address is pinged at once. [measured]"""
    topic, url = str(wish.get("topic") or ""), str(wish["delivery_url"])
    if not valid_topic(topic):
        message = "Webhook topic is required and must be valid."
        raise RestError(400, "woocommerce_rest_shop_webhook_invalid_topic", message)
    if not url.startswith(("http://", "https://")):
        message = "Webhook delivery URL must be a valid URL starting with http:// or https://."
        raise RestError(400, "woocommerce_rest_shop_webhook_invalid_delivery_url", message)
    at = shop.now()
    named = time.strftime("Webhook created on %b %d, %Y @ %I:%M %p", time.gmtime(at))
    secret = wish.get("secret")
    webhook = {
        "id": shop.database.next("webhook"),
        "name": str(wish.get("name") or named),
        "status": "active",
        "topic": topic,
        "delivery_url": url,
        "secret": secret if isinstance(secret, str) and secret else random.Random(at).randbytes(20).hex(),
        "created": at,
        "modified": None,
        "failures": 0,
    }
    save(shop, webhook)
    return webhook


def save(shop: Shop, webhook: Json) -> None:
    shop.database.put("webhook", webhook)


@dataclass(slots=True)
class Weather:
    """What the network does to webhooks, by chance. Probabilities from 0 to 1; delays in seconds."""

    drop: float = 0.0
    double: float = 0.0
    delay: float = 0.0
    """The longest extra wait of each delivery."""
    shuffle: float = 0.0
    """How likely a delivery is to be overtaken by others."""


class Deliveries:
    """The shop's background queue: one worker, one delivery at a time."""

    def __init__(self, shop: Shop, *, pause: float = 0.2, timeout: float = 60.0) -> None:
        self.shop = shop
        self.pause = pause
        """Seconds between a change and its delivery. The real shop's cron takes up to a minute."""
        self.sent: list[Json] = []
        """The last thousand attempts, for tests: webhook, topic, subject, status (0 for no answer)."""
        self.lost = 0
        """Deliveries that the weather took."""
        self._weather = Weather()
        self._dice = random.Random(0)
        self._timeout = timeout
        self._client = httpx.Client(
            timeout=timeout, headers={"User-Agent": USER_AGENT, "Connection": "close"}
        )
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._work, name="webhooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        if self._thread:
            self._thread.join(self._timeout)
        self._client.close()

    def weather(self, weather: Weather, seed: int) -> None:
        self._weather, self._dice = weather, random.Random(seed)

    def enqueue(self, hook: str, argument: int) -> None:
        """Queue `hook` for every active webhook of that topic; changes of one subject make one delivery."""
        topic = hook if "." in hook else f"action.{hook}"
        due = time.time() + self.pause + self._dice.random() * self._weather.delay
        if self._dice.random() < self._weather.shuffle:
            due += self._dice.random() * 0.5
        for webhook in self.shop.database.all("webhook"):
            if webhook["topic"] == topic and webhook["status"] == "active":
                sql = "INSERT OR IGNORE INTO queue VALUES (?, ?, ?, ?)"
                number = self.shop.database.next("queue")
                self.shop.database.run(sql, number, webhook["id"], str(argument), due)
        self._wake.set()

    def ping(self, webhook: Json) -> None:
        """The form-encoded hello when a webhook is created: not signed, and its fate does not matter."""
        with suppress(httpx.HTTPError, httpx.InvalidURL):
            self._client.post(webhook["delivery_url"], data={"webhook_id": str(webhook["id"])})

    def drain(self, seconds: float = 10.0) -> bool:
        """Wait until everything due has been sent. For tests."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not self.shop.database.count("SELECT COUNT(*) FROM queue") and self._idle.is_set():
                return True
            self._wake.set()
            time.sleep(0.01)
        return False

    def _work(self) -> None:
        while not self._stopping:
            taken = self._take()
            if taken is None:
                self._idle.set()
                self._wake.wait(0.05)
                self._wake.clear()
                continue
            try:
                self._deliver(*taken)
            except Exception:  # the edge of a thread: one bad payload must not end all deliveries
                log.exception("a webhook could not be delivered")

    def _take(self) -> tuple[int, int] | None:
        """Claim the next due delivery by deleting it: whatever happens now, it is never sent again."""
        with self.shop.database.change():
            sql = "SELECT id, webhook_id, arg FROM queue WHERE due <= ? ORDER BY due, id LIMIT 1"
            row = self.shop.database.row(sql, time.time())
            if row is None:
                return None
            self._idle.clear()
            self.shop.database.run("DELETE FROM queue WHERE id = ?", row["id"])
            return row["webhook_id"], int(row["arg"])

    def _deliver(self, webhook_id: int, argument: int) -> None:
        webhook = self.shop.database.get("webhook", webhook_id)
        if webhook is None or webhook["status"] != "active":
            return
        body = encode(payload(self.shop, webhook["topic"], argument))
        if self._dice.random() < self._weather.drop:
            self.lost += 1
            return
        times = 2 if self._dice.random() < self._weather.double else 1
        for _ in range(times):
            status = self._post(webhook, body)
            self.sent = [
                *self.sent[-999:],
                {"webhook_id": webhook_id, "topic": webhook["topic"], "subject": argument, "status": status},
            ]
        self._remember(webhook_id, ok=200 <= status < 300 or status in (301, 302))

    def _post(self, webhook: Json, body: bytes) -> int:
        url, lines = webhook["delivery_url"], headers(self.shop, webhook, body)
        try:
            return self._client.post(url, content=body, headers=lines).status_code
        except (httpx.HTTPError, httpx.InvalidURL):
            return 0

    def _remember(self, webhook_id: int, *, ok: bool) -> None:
        with self.shop.database.change():
            webhook = self.shop.database.get("webhook", webhook_id)
            if webhook is None:
                return
            webhook["failures"] = 0 if ok else webhook["failures"] + 1
            if webhook["failures"] >= MOST_FAILURES:
                webhook |= {"status": "disabled", "failures": MOST_FAILURES - 1, "modified": self.shop.now()}
            save(self.shop, webhook)


def signature(secret: str, body: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def headers(shop: Shop, webhook: Json, body: bytes) -> dict[str, str]:
    """The delivery id is made of webhook and second, so two deliveries in one second share it. [measured]"""
    resource, _, event = webhook["topic"].partition(".")
    delivery = f"{webhook['id']}{int(time.time())}"
    return {
        "Content-Type": "application/json",
        "X-WC-Webhook-Source": f"{shop.url}/",
        "X-WC-Webhook-Topic": webhook["topic"],
        "X-WC-Webhook-Resource": resource,
        "X-WC-Webhook-Event": event,
        "X-WC-Webhook-Signature": signature(webhook["secret"], body),
        "X-WC-Webhook-ID": str(webhook["id"]),
        "X-WC-Webhook-Delivery-ID": hashlib.md5(delivery.encode(), usedforsecurity=False).hexdigest(),
    }


def payload(shop: Shop, topic: str, id_: int) -> Any:
    """The subject as it is now, or the REST error that asking for it gives."""
    resource, _, event = topic.partition(".")
    if resource == "action":
        return {"action": event, "arg": id_}
    if event == "deleted":
        return {"id": id_}
    try:
        if resource == "order":
            return orders.view(shop, orders.fetch(shop, id_))
        if resource == "customer":
            return customers.view(shop, customers.fetch(shop, id_))
        product = shop.database.get("product", id_)
        if product is None:
            raise RestError(404, "woocommerce_rest_product_invalid_id", "Invalid ID.")
        return catalogue.view(shop, product)
    except RestError as error:
        return error.body
