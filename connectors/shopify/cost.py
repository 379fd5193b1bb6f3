"""Shopify's cost bucket, kept on our side, so that we wait before we are told to.

A query reserves its requested cost, pays its actual one, and the bucket refills by so many points a
second (by plan). Sizes are learned from every answer, never assumed for long.
Source: shopify.dev, "Shopify API limits".
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

RESERVE = 400.0
"""Points that only interactive calls may use: an agent never waits behind a backfill."""

UNKNOWN_COST = 100.0
"""Assumed for a document that was not answered yet."""


class Bucket:
    """The points of one app in one shop, as this process knows them. Shared by threads."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._most, self._rate = 2000.0, 100.0
        self._points, self._at = self._most, clock()
        self._costs: dict[str, float] = {}

    def take(self, document: str, *, reserve: float) -> float:
        """Book one call of `document`. Returns the seconds to wait before it is sent."""
        with self._lock:
            self._refill()
            cost = self._costs.get(document, UNKNOWN_COST)
            self._points -= cost
            # A bucket smaller than cost and reserve together would never be full enough.
            floor = max(0.0, min(reserve, self._most - cost))
            return max(0.0, (floor - self._points) / self._rate)

    def learn(self, document: str, *, requested: float, available: float, most: float, rate: float) -> None:
        """Take over what an answer says about the bucket."""
        with self._lock:
            self._costs[document] = requested
            if most > 0 and rate > 0:
                self._most, self._rate = most, rate
            self._points, self._at = available, self._clock()

    def _refill(self) -> None:
        now = self._clock()
        self._points = min(self._most, self._points + (now - self._at) * self._rate)
        self._at = now


_buckets: dict[str, Bucket] = {}
_buckets_lock = threading.Lock()


def bucket_for(shop: str) -> Bucket:
    """The bucket that all of this process's clients of one shop share."""
    with _buckets_lock:
        return _buckets.setdefault(shop, Bucket())
