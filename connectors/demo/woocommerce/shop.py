"""The demo shop as its parts know it: database, clock, who is told what happened, and its payment gateway."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from connectors.demo.woocommerce.database import Database
from connectors.demo.woocommerce.wire import Json, pair

PAGE_ACTIONS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def _nobody(_hook: str, _argument: int) -> None:
    """No webhooks yet."""


def _nothing(_webhook: Json) -> None:
    """Nobody to greet."""


@dataclass(slots=True)
class Shop:
    database: Database
    data_dir: Path
    name: str = "Lumi Outlet"
    url: str = ""
    """The shop's own address, no trailing slash; known once the server listens."""
    number_prefix: str = ""
    """A numbering plugin: `L-` makes order 5531 be called "L-5531"."""
    allow_http: bool = False
    """Take callback addresses on plain http, which WooCommerce itself refuses."""
    gateway_delay: float = 9.0
    """Seconds that the card gateway needs for a refund of exactly 15.15."""
    deaths: int = 0
    """So many refunds die once the row is stored and the money has moved, before anything else is written."""
    clock: Callable[[], float] = time.time
    greet: Callable[[Json], None] = field(default=_nothing)
    """Sends the ping of a new webhook."""
    tell: Callable[[str, int], None] = field(default=_nobody)
    """Called inside a change with a hook's name (`order.updated`, `woocommerce_order_refunded`) and an id."""

    def now(self) -> int:
        return int(self.clock())

    def api(self, path: str) -> str:
        return f"{self.url}/wp-json/wc/v3/{path}"

    def links(self, path: str, *, allow: list[str] | None = None, up: str = "") -> Json:
        """The `_links` of a resource whose collection is `path` without its last part."""
        made: Json = {
            "self": [{"href": self.api(path), "targetHints": {"allow": allow or PAGE_ACTIONS}}],
            "collection": [{"href": self.api(path.rsplit("/", 1)[0])}],
        }
        if up:
            made["up"] = [{"href": self.api(up)}]
        return made

    def created_and_modified(self, created: int, modified: int | None) -> Json:
        return {**pair("date_created", created), **pair("date_modified", modified)}
