"""The whole store: its shops, its server, its postman and its life, started and stopped together."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from connectors.demo.shopify import birth, bulk, control, orders
from connectors.demo.shopify.bags import Doc
from connectors.demo.shopify.delivering import Postman
from connectors.demo.shopify.faults import Rule
from connectors.demo.shopify.front import Front
from connectors.demo.shopify.life import Life
from connectors.demo.shopify.serving import Server
from connectors.demo.shopify.shop import SCOPES, App, Conduct, Shop, utc_now
from connectors.demo.world import World
from integration.money import Money

SHOP = "lumi-home.myshopify.com"


class DemoShopify:
    """One store process, which may serve several shops. Usable as a context manager.

    What it keeps is in `data_dir`, one SQLite file a shop; a second start goes on where the first ended.
    """

    def __init__(
        self,
        data_dir: Path | str,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        client_id: str = "demo-key",
        client_secret: str = "demo-secret-of-at-least-32-letters",  # noqa: S107 - of a simulator
        shops: Sequence[str] = (SHOP,),
        orders: int = 300,
        seed: int = 1,
        live: float = 0.0,
        app_url: str | None = None,
        control_token: str | None = None,
        conduct: Conduct | None = None,
        scopes: Sequence[str] = SCOPES,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.app = App(
            client_id=client_id,
            client_secret=client_secret,
            url=app_url.rstrip("/") if app_url else None,
            scopes=tuple(scopes),
        )
        self._orders, self._seed, self._live, self._now = orders, seed, live, now
        behaviour = conduct or Conduct()
        self.shops = {
            name: Shop.open(name, Path(data_dir), self.app, behaviour, lambda: self.origin) for name in shops
        }
        for shop in self.shops.values():
            shop.now = now
        self._front = Front(self.shops, lambda request, what: self._control(request, what))
        self.faults = self._front.faults
        self._control = control.Control(self.shops, self.world, control_token, self.faults)
        self.postman = self._control.postman = Postman(list(self.shops.values()))
        self._server = Server(self._front, host, port, self._release)
        self.origin = self._server.origin
        self._lives: list[Life] = []

    @property
    def origin_template(self) -> str:
        """For `SHOPIFY_ORIGIN`."""
        return f"{self.origin}/{{shop}}"

    def world(self) -> World:
        return World(
            now=self._now().astimezone(UTC).replace(microsecond=0), seed=self._seed, orders=self._orders
        )

    def shop(self, domain: str | None = None) -> Shop:
        """A shop by its domain; the first one if none is named."""
        return self.shops[domain] if domain else next(iter(self.shops.values()))

    def start(self) -> Self:
        """Fill empty shops, then open the doors."""
        for place, shop in enumerate(self.shops.values()):
            birth.seed(shop, replace(self.world(), seed=self._seed + place))
            bulk.resume(shop)
            orders.resume(shop)
        self.postman.start()
        self._server.start()
        if self._live:
            self._lives = [Life(shop, self.world(), self._live, self._seed) for shop in self.shops.values()]
            for life in self._lives:
                life.start()
        return self

    def stop(self) -> None:
        for life in self._lives:
            life.stop()
        self._server.stop()
        self.postman.stop()
        for shop in self.shops.values():
            shop.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _release(self) -> None:
        """A connection's thread ends: let go of its databases."""
        for shop in self.shops.values():
            shop.archive.release()

    # For tests

    def hang_up_after_doing(self, operation: str, times: int = 1) -> Rule:
        """The work is done, the answer never arrives."""
        return self.faults.add(action="hangup_after", operation=operation, times=times)

    def hang_up_before_doing(self, operation: str, times: int = 1) -> Rule:
        return self.faults.add(action="hangup_before", operation=operation, times=times)

    def drain(self, domain: str | None = None) -> None:
        """Empty the cost bucket: what comes next is throttled until points flow back."""
        self._front.buckets[self.shop(domain).domain].drain()

    def state(self, domain: str | None = None) -> list[Doc]:
        """Every order, in the shape of document 04."""
        return control.state(self.shop(domain))

    def ledger(self, domain: str | None = None) -> list[Doc]:
        """Every movement of money since the shop was filled, oldest first."""
        return self.shop(domain).archive.ledger()

    def paid_back(self, domain: str | None = None) -> list[Money]:
        """The amounts that really went back since the shop was filled, oldest first."""
        return [
            Money.parse(entry["amount"], entry["currency"])
            for entry in self.ledger(domain)
            if entry["kind"] == "refund:success"
        ]

    def settle_down(self, seconds: float = 30.0) -> bool:
        """Wait until every webhook has been delivered or given up; False if that took too long."""
        end = time.monotonic() + seconds
        while not self.postman.idle:
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True
