"""The one way out to stores: time limits, bounded retries, a circuit per store, failures in our words.

Clients hand :class:`Line` a function that makes one attempt and returns an :class:`Answer`; what
goes wrong comes back as one of :mod:`integration.errors`. Only reads are repeated here. A call that
changes something is sent once, whatever happens: whether to send it again is for those who can look
first.
"""

from __future__ import annotations

import os
import random
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, TypeVar

import certifi
import httpx
import msgspec
from msgspec import Struct
from prometheus_client import Counter, Gauge, Histogram

from integration.errors import (
    RateLimited,
    StoreDenied,
    StoreError,
    StoreForbidden,
    StoreRefused,
    StoreUnavailable,
    UnreadableAnswer,
)

CALLS = Counter("deskside_store_calls_total", "Attempts made to reach stores", ["platform", "outcome"])
RETRIES = Counter("deskside_store_retries_total", "Attempts that repeat an earlier one", ["platform"])
THROTTLES = Counter("deskside_store_throttles_total", "Times a store told us to wait", ["platform"])
OPENED = Counter("deskside_store_circuits_opened_total", "Times we stopped asking a sick store", ["platform"])
OPEN = Gauge(
    "deskside_store_circuits_open", "Stores we do not ask now", ["platform"], multiprocess_mode="livesum"
)
SECONDS = Histogram(
    "deskside_store_call_seconds",
    "How long stores take to answer",
    ["platform"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)

NETWORK_ERRORS = (httpx.HTTPError, httpx.StreamError, OSError)
"""What an attempt may raise when no answer came; `requests.RequestException` is an OSError."""

TIMEOUT = httpx.Timeout(20.0, connect=5.0)


class Answer(Struct, frozen=True, kw_only=True):
    """One HTTP answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class CircuitOpen(RateLimited):
    """The store failed so often lately that we did not ask. Nothing was sent."""

    code = "circuit_open"


class Unreachable(RateLimited):
    """No connection came about, so nothing was sent."""

    code = "unreachable"


class Broken(StoreUnavailable):
    """The store answered, but something inside it failed. It is not sick: asking for less may help."""

    code = "store_broken"


class Circuit:
    """Stops asking a store that keeps failing, so that it slows nobody else; then probes it.

    After `threshold` failures in a row nothing is sent for `rest` seconds, doubled after each failed
    probe up to `longest`. Then one call at a time may try. Lives in this process.
    """

    def __init__(
        self,
        platform: str,
        *,
        threshold: int = 5,
        rest: float = 10.0,
        longest: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._platform, self._threshold, self._shortest, self._longest = platform, threshold, rest, longest
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._rest = rest
        self._opens_again_at: float | None = None

    @property
    def is_open(self) -> bool:
        return self._opens_again_at is not None

    def admit(self) -> None:
        """Let a call pass, or raise :exc:`CircuitOpen`. A call that passes must report its end."""
        with self._lock:
            if self._opens_again_at is None:
                return
            wait = self._opens_again_at - self._clock()
            if wait > 0:
                raise CircuitOpen("the store failed repeatedly; not asked", wait=wait)
            # This call is the probe. Others wait until it has reported, or for another rest at most.
            self._opens_again_at = self._clock() + self._rest

    def succeeded(self) -> None:
        with self._lock:
            if self._opens_again_at is not None:
                OPEN.labels(self._platform).dec()
            self._failures, self._rest, self._opens_again_at = 0, self._shortest, None

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._opens_again_at is not None:
                self._rest = min(self._rest * 2, self._longest)
            elif self._failures < self._threshold:
                return
            else:
                OPEN.labels(self._platform).inc()
                OPENED.labels(self._platform).inc()
            self._opens_again_at = self._clock() + self._rest


_circuits: dict[tuple[str, str], Circuit] = {}
_circuits_lock = threading.Lock()


def circuit_for(platform: str, store: str) -> Circuit:
    """The circuit that all of this process's clients of one store share."""
    with _circuits_lock:
        return _circuits.setdefault((platform, store), Circuit(platform))


T = TypeVar("T")


class Line:
    """Calls to one store: each attempt counted, timed and put past the store's circuit.

    An attempt is a function that makes one HTTP exchange and returns what it brought, or raises a
    :exc:`StoreError` or one of `NETWORK_ERRORS`. `store` names the store among those of its platform.
    """

    def __init__(
        self,
        platform: str,
        store: str,
        *,
        attempts: int = 4,
        longest_wait: float = 30.0,
        circuit: Circuit | None = None,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.platform = platform
        self.circuit = circuit or circuit_for(platform, store)
        self.sleep = sleep
        self._attempts, self._longest_wait, self._chance = attempts, longest_wait, chance

    def once(self, attempt: Callable[[], T]) -> T:
        """Make one attempt. For everything that changes the store.

        Raises :exc:`RateLimited` (and its kinds) only where the store certainly did nothing.
        """
        self.circuit.admit()
        outcome = "ok"
        try:
            with SECONDS.labels(self.platform).time():
                result = attempt()
        except NETWORK_ERRORS as error:
            outcome = "no_answer"
            self.circuit.failed()
            raise unanswered(error) from error
        except StoreError as error:
            outcome = error.code
            self._report(error)
            raise
        finally:
            CALLS.labels(self.platform, outcome).inc()
        self.circuit.succeeded()
        return result

    def read(self, attempt: Callable[[], T]) -> T:
        """Make attempts until one succeeds, a refusal is final, or there were enough. For reads only."""
        number = 0
        while True:
            try:
                return self.once(attempt)
            except (StoreUnavailable, UnreadableAnswer) as error:
                number += 1
                wait = pause(number, self._chance())
                if isinstance(error, RateLimited):
                    wait += error.wait
                most = min(2, self._attempts) if isinstance(error, Broken) else self._attempts
                if number >= most or isinstance(error, CircuitOpen) or wait > self._longest_wait:
                    raise
            RETRIES.labels(self.platform).inc()
            self.sleep(wait)

    def _report(self, error: StoreError) -> None:
        """A store that says no is well; one that is silent, broken or babbling is not."""
        if isinstance(error, RateLimited):
            THROTTLES.labels(self.platform).inc()
            self.circuit.succeeded()
        elif isinstance(error, Broken) or not isinstance(error, StoreUnavailable | UnreadableAnswer):
            self.circuit.succeeded()
        else:
            self.circuit.failed()


def pause(number: int, chance: float) -> float:
    """Seconds before repetition `number` (1, 2, …): full jitter over 0.5, 1, 2 … at most 8 seconds."""
    return 0.05 + chance * min(0.5 * 2.0 ** (number - 1), 8.0)


def unanswered(error: Exception) -> StoreError:
    """The error for an attempt that brought no answer. Messages hold no address: it may carry secrets."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return Unreachable(f"could not connect ({type(error).__name__})")
    return StoreUnavailable(f"no answer ({type(error).__name__})")


def refused(answer: Answer, *, now: Callable[[], datetime]) -> StoreError | None:
    """The error that a status code means on any platform; None for 2xx.

    A platform that says more in its body looks there first.
    """
    status = answer.status
    if 200 <= status < 300:
        return None
    said = f"HTTP {status}"
    if status in (429, 430):
        return RateLimited(said, wait=retry_after(answer.headers, now()))
    if status == 401:
        return StoreDenied(said)
    if status in (402, 403, 423):
        return StoreForbidden(said, code=FORBIDDING.get(status))
    if status == 408 or status >= 500:
        return StoreUnavailable(said)
    if status < 400:
        return UnreadableAnswer(f"{said}: a redirect where an answer was due")
    return StoreRefused(said, code="not_found" if status == 404 else None)


FORBIDDING = {402: "shop_frozen", 423: "shop_locked"}
"""Shopify: an unpaid or locked shop. Source: shopify.dev, "Status and error codes"."""


def retry_after(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds that a Retry-After header asks for, as number or date; 1 where it says nothing useful."""
    text = headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError):
        return 1.0


def json_body(answer: Answer) -> Any:
    """The body as JSON values, or :exc:`UnreadableAnswer`: a login page, a cut text, a PHP warning."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and not (kind == "application/json" or kind.endswith("+json")):
        raise UnreadableAnswer(f"HTTP {answer.status} with {kind[:40]} instead of JSON")
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableAnswer(
            f"HTTP {answer.status} with broken JSON of {len(answer.body)} bytes"
        ) from error


def answer_of(response: httpx.Response) -> Answer:
    return Answer(
        status=response.status_code,
        headers={name.lower(): value for name, value in response.headers.items()},
        body=response.content,
    )


def ca_bundle() -> str:
    """Path of the certificate authorities to trust: SSL_CERT_FILE, REQUESTS_CA_BUNDLE, or certifi's."""
    return os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE") or certifi.where()


@lru_cache(maxsize=4)
def _trust(path: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=path)


def new_transport(*, most_bytes: int = 64 * 2**20, longest: float = 60.0) -> httpx.BaseTransport:
    """Pooled connections that check certificates and give up on endless answers."""
    inner = httpx.HTTPTransport(
        verify=_trust(ca_bundle()), limits=httpx.Limits(max_connections=20, max_keepalive_connections=10)
    )
    return BoundedTransport(inner, most_bytes=most_bytes, longest=longest)


def new_client(*, transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """A client for stores: no redirects followed, no proxies or netrc from the environment, limits set."""
    return httpx.Client(
        transport=transport or new_transport(), timeout=TIMEOUT, follow_redirects=False, trust_env=False
    )


class BoundedTransport(httpx.BaseTransport):
    """Ends an answer that is too long or trickles for too long: httpx only limits each single wait."""

    def __init__(
        self,
        inner: httpx.BaseTransport,
        *,
        most_bytes: int,
        longest: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inner, self._most_bytes, self._longest, self._clock = inner, most_bytes, longest, clock

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        until = self._clock() + self._longest
        response = self._inner.handle_request(request)
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _BoundedStream(response.stream, self._most_bytes, until, self._clock)
        return response

    def close(self) -> None:
        self._inner.close()


class _BoundedStream(httpx.SyncByteStream):
    def __init__(
        self, inner: httpx.SyncByteStream, most_bytes: int, until: float, clock: Callable[[], float]
    ) -> None:
        self._inner, self._left, self._until, self._clock = inner, most_bytes, until, clock

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._inner:
            self._left -= len(chunk)
            if self._left < 0:
                raise httpx.ReadError("the answer is too long")
            if self._clock() > self._until:
                raise httpx.ReadTimeout("the answer takes too long")
            yield chunk

    def close(self) -> None:
        self._inner.close()
