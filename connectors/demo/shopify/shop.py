"""One shop: its memory, its clock, its settings, and the one way to change an order."""

from __future__ import annotations

import secrets
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from connectors.demo.plans import CURRENCY, STORE_NAME, TAX_PERCENT, Store
from connectors.demo.shopify import payloads, webhooks
from connectors.demo.shopify.archive import Archive, number
from connectors.demo.shopify.bags import Doc
from connectors.demo.shopify.books import settle

API_VERSION = "2026-10"

SCOPES = (
    "read_orders",
    "read_all_orders",
    "write_orders",
    "read_returns",
    "write_returns",
    "read_customers",
    "write_customers",
    "read_fulfillments",
    "write_fulfillments",
    "read_merchant_managed_fulfillment_orders",
    "read_third_party_fulfillment_orders",
    "read_store_credit_accounts",
    "write_store_credit_account_transactions",
    "read_products",
    "read_locations",
    "read_legal_policies",
    "write_order_edits",
    "write_gift_cards",
    "write_draft_orders",
)
"""What the demo app's own configuration file asks for, and gets when a merchant opens it."""


def stamp(moment: datetime) -> str:
    """A time as the Admin API writes it: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc_now() -> datetime:
    return datetime.now(UTC)


class UnknownOrder(LookupError):
    """No order of that id in this shop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """How the store behaves where a real one is free to. Tests and benchmarks turn these."""

    bucket: float = 2000.0
    """Points of GraphQL cost that fit into the bucket. Source: fact sheet, 6 (development shop)."""
    restore: float = 100.0
    """Points that flow back per second (Standard plan)."""
    token_seconds: int = 3600
    refresh_seconds: int = 90 * 86400
    bulk_seconds: float = 0.3
    """The least time that a bulk operation takes."""
    job_seconds: float = 0.3
    """How long an order's cancellation takes."""
    download_seconds: int = 7 * 86400
    """How long a link to a bulk result lives."""
    retry_spacing: tuple[float, ...] = (1, 2, 5, 10, 20, 40, 60, 120)
    """Waits before the eight repeats of a webhook, in seconds (the real ones spread over four hours)."""
    prerender: bool = False
    """Whether lines of bulk results are kept until their order changes: for benchmarks, where the store's
    own share of the time shall not be seen."""
    events_touch_orders: bool = True
    """Whether a carrier's event moves `Order.updatedAt`; not documented, so both must be survived."""


@dataclass(slots=True, kw_only=True)
class App:
    """The one app that merchants of this store can install."""

    client_id: str
    client_secret: str
    url: str | None = None
    """Where it lives: webhooks, redirects and the framed home go below this address."""
    scopes: tuple[str, ...] = SCOPES

    @property
    def webhook_address(self) -> str | None:
        return f"{self.url}/webhooks/shopify" if self.url else None


@dataclass(slots=True)
class Change:
    """An order on the desk, and what subscribers will be told when it is put back."""

    order: Doc
    touch: bool = True
    """Whether `updatedAt` moves and `orders/updated` is sent."""
    news: list[tuple[str, Callable[[], Doc]]] = field(default_factory=list)

    def tell(self, topic: str, payload: Callable[[], Doc]) -> None:
        """Announce `topic`; the payload is made when the books are settled."""
        self.news.append((topic, payload))


@dataclass(slots=True)
class Shop:
    domain: str
    archive: Archive
    app: App
    conduct: Conduct
    origin: Callable[[], str]
    """Where this simulator answers, e.g. `http://127.0.0.1:9100`."""
    now: Callable[[], datetime] = utc_now
    name: str = STORE_NAME[Store.SHOPIFY]
    currency: str = CURRENCY
    closing: threading.Event = field(default_factory=threading.Event)
    """Set when the store stops: whoever waits in the background gives up."""
    _errands: list[threading.Thread] = field(default_factory=list)

    @classmethod
    def open(cls, domain: str, folder: Path, app: App, conduct: Conduct, origin: Callable[[], str]) -> Shop:
        seed = zlib.crc32(domain.encode()) % 8000
        return cls(domain, Archive(folder / f"{domain}.sqlite", (1000 + seed) * 10**9), app, conduct, origin)

    @property
    def shop_id(self) -> int:
        return 10**9 + zlib.crc32(self.domain.encode())

    @property
    def address(self) -> str:
        """The shop's admin, as `SHOPIFY_ORIGIN` makes it."""
        return f"{self.origin()}/{self.domain}"

    @property
    def tax_percent(self) -> dict[str, int]:
        return TAX_PERCENT

    def stamp(self) -> str:
        return stamp(self.now())

    @contextmanager
    def editing(self, order_gid: str, *, touch: bool = True) -> Iterator[Change]:
        """Change one order: what is done to the document is settled, saved and announced, or nothing is.

        Raises :exc:`UnknownOrder`. Everything announced on one occasion shares an event id.
        """
        with self.archive.change():
            order = self.archive.order(order_gid)
            if order is None:
                raise UnknownOrder(order_gid)
            change = Change(order, touch)
            yield change
            self.save(order, touch=change.touch)
            if change.touch:
                change.tell("orders/updated", lambda: payloads.order_payload(self, order))
            event = secrets.token_hex(16)
            for topic, payload in change.news:
                self.announce(topic, payload(), event)

    def save(self, order: Doc, *, touch: bool = True) -> None:
        settle(order)
        if touch:
            order["updatedAt"] = max(self.stamp(), order["updatedAt"])
        self.archive.save_order(order)

    def announce(self, topic: str, payload: Doc, event_id: str | None = None) -> None:
        """Put a webhook for every subscriber of `topic` into the outbox. Only inside a change."""
        webhooks.post(self, topic, payload, event_id or secrets.token_hex(16), time.time())

    def errand(self, work: Callable[[], None]) -> None:
        """Do something in the background, in a thread of its own that :meth:`close` waits for."""

        def run() -> None:
            try:
                work()
            finally:
                self.archive.release()

        thread = threading.Thread(target=run, name="errand", daemon=True)
        self._errands = [each for each in self._errands if each.is_alive()] + [thread]
        thread.start()

    def close(self) -> None:
        """End what runs in the background (it goes on after the next start), then close the archive."""
        self.closing.set()
        for thread in self._errands:
            thread.join(10)
        self.archive.close()


__all__ = ["API_VERSION", "SCOPES", "App", "Conduct", "Shop", "UnknownOrder", "number", "stamp", "utc_now"]
