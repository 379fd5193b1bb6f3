"""Calls to one store's REST API: the only file that touches the `woocommerce` package.

The package (3.0.0) gives up after 5 s, follows redirects (a redirected POST turns into a GET without
its body), repeats list values so that PHP keeps the last one only, and writes into the caller's
parameters. All of that is settled here. Source: its code, and measurements against a store.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
import requests
from urllib3.exceptions import NewConnectionError
from woocommerce import API  # type: ignore[import-untyped]  # the package has no types

from connectors.transport import Answer, Line, Unreachable, ca_bundle, json_body, refused
from integration.errors import (
    StoreDenied,
    StoreError,
    StoreForbidden,
    StoreRefused,
    StoreUnavailable,
    UnreadableAnswer,
)
from integration.ports import WooCommerceCredentials

CONNECT = 5.0
READING = 30.0
"""Seconds. 100 orders take a small store about 1 s, a big one on shared hosting many times that."""
WRITING = 90.0
"""Seconds. A gateway may think for long while the money moves; WordPress itself gives up after 60."""
MOST_BYTES = 64 * 2**20

Parameter = str | int | bool | datetime | Sequence[str]
TAG = re.compile(r"<[^<>]{0,400}>")


class BadCertificate(Unreachable):
    """The store's certificate does not verify, so nothing was sent."""

    code = "certificate"
    next_step = "The store's https certificate is not valid. Renew it, then try again."


class Calls:
    """One store's API. `read` repeats what may be repeated; `write` sends once, whatever happens."""

    def __init__(
        self,
        credentials: WooCommerceCredentials,
        *,
        now: Callable[[], datetime],
        allow_http: bool = False,
        line: Line | None = None,
        attempts: int = 4,
    ) -> None:
        url = credentials.url.rstrip("/")
        if not url.startswith("https://") and not (allow_http and url.startswith("http://")):
            raise StoreDenied("the store's address is not https", code="insecure_store")
        place = urlsplit(url).netloc + urlsplit(url).path
        self.line = line or Line("woocommerce", place, attempts=attempts)
        self.url = url
        self._credentials, self._now = credentials, now
        self._clock_lock = threading.Lock()
        self._ahead = timedelta(0)

    def read(self, path: str, **parameters: Parameter) -> Any:
        """The JSON behind `path`. Raises StoreErrors only."""
        return self.answer(path, **parameters)[0]

    def answer(self, path: str, **parameters: Parameter) -> tuple[Any, Answer]:
        """The JSON and the answer around it, for those who need its headers."""
        return self.line.read(lambda: self._send("GET", path, parameters, None, READING))

    def write(self, method: str, path: str, body: Mapping[str, Any] | None, **parameters: Parameter) -> Any:
        """Send a change exactly once.

        Raises :exc:`StoreRefused`, :exc:`StoreDenied`, :exc:`StoreForbidden` or
        :exc:`~integration.errors.RateLimited` where it was not done, as far as the store's word goes;
        other StoreErrors where nobody knows.
        """
        return self.line.once(lambda: self._send(method, path, parameters, body, WRITING))[0]

    def index(self) -> Any:
        """What the site says of itself to everybody: name, time zone, the interfaces it has."""
        address = f"{self.url}/wp-json/"
        return self.line.read(
            lambda: self._heard(
                lambda: requests.get(
                    address,
                    params={"_fields": "name,home,timezone_string,gmt_offset,namespaces"},
                    headers={"accept": "application/json", "user-agent": "Deskside"},
                    timeout=(CONNECT, READING),
                    verify=ca_bundle(),
                    allow_redirects=False,
                    stream=True,
                ),
                READING,
            )
        )[0]

    @property
    def ahead(self) -> timedelta:
        """How far the store's clock is before ours, by the `Date` of its last answer."""
        with self._clock_lock:
            return self._ahead

    def store_now(self) -> datetime:
        """The store's clock: windows of changes are cut with it."""
        return (self._now() + self.ahead).astimezone(UTC).replace(microsecond=0)

    def _send(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, Parameter],
        body: Mapping[str, Any] | None,
        limit: float,
    ) -> tuple[Any, Answer]:
        api = API(
            url=self.url,
            consumer_key=self._credentials.consumer_key,
            consumer_secret=self._credentials.consumer_secret,
            timeout=(CONNECT, limit),
            verify_ssl=ca_bundle(),
            user_agent="Deskside",
        )
        options: dict[str, Any] = {
            "params": {name: plain(value) for name, value in parameters.items()},
            "allow_redirects": False,
            "stream": True,
        }
        verb = getattr(api, method.lower())
        if method in ("POST", "PUT"):
            return self._heard(lambda: verb(path, dict(body or {}), **options), limit)
        return self._heard(lambda: verb(path, **options), limit)

    def _heard(self, ask: Callable[[], requests.Response], limit: float) -> tuple[Any, Answer]:
        try:
            answer = bounded(ask(), limit)
        except (requests.RequestException, ValueError) as error:
            raise no_answer(error) from error
        self._note_clock(answer)
        if refusal := failure(answer, now=self._now):
            raise refusal
        return json_body(answer), answer

    def _note_clock(self, answer: Answer) -> None:
        try:
            said = parsedate_to_datetime(answer.headers.get("date", "")).astimezone(UTC)
        except (ValueError, TypeError):
            return
        with self._clock_lock:
            self._ahead = said - self._now()


def plain(value: Parameter) -> str:
    """One parameter as text that PHP reads as meant. A time becomes bare GMT: see `dates_are_gmt`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    if isinstance(value, str | int):
        return str(value)
    return ",".join(value)


def bounded(response: requests.Response, longest: float) -> Answer:
    """Read an answer that may be endless. Raises like any broken read."""
    until = time.monotonic() + longest
    body = bytearray()
    with response:
        for chunk in response.iter_content(65536):
            body += chunk
            if len(body) > MOST_BYTES or time.monotonic() > until:
                raise requests.ConnectionError("the answer is too long")
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(status=response.status_code, headers=headers, body=bytes(body))


def no_answer(error: Exception) -> StoreError:
    """The error for a call that brought no answer. Messages hold no address: it may carry signatures."""
    if isinstance(error, requests.exceptions.SSLError):
        return BadCertificate("the store's certificate does not verify", wait=60.0)
    cause = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(error, requests.ConnectTimeout) or isinstance(cause, NewConnectionError):
        return Unreachable(f"could not connect ({type(error).__name__})", wait=1.0)
    return StoreUnavailable(f"no answer ({type(error).__name__})")


class Fault(msgspec.Struct):
    """WordPress's form of an error: `{code, message, data}`; `data` may be a bare number."""

    code: str
    message: str = ""
    data: Any = None


def fault(answer: Answer) -> Fault | None:
    try:
        return msgspec.json.decode(answer.body, type=Fault)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def failure(answer: Answer, *, now: Callable[[], datetime]) -> StoreError | None:
    """What an answer means if it is not a success; None if it is one.

    A status alone says little here: a declined refund is a 500, a read-only key is a 401, a firewall's
    page is a 403, and an HTML 404 means that the site's address rules are off, not that an order is gone.
    """
    error = refused(answer, now=now)
    if error is None:
        return None
    said = fault(answer)
    if said is None:
        if answer.status in (401, 403, 404, 410):
            return UnreadableAnswer(f"HTTP {answer.status} that WooCommerce did not write")
        return error
    words = f"{TAG.sub('', said.message)[:200]} ({said.code[:80]})"
    if answer.status == 401:
        return _denied(said, words)
    if answer.status == 403:
        return StoreForbidden(words)
    if said.code == "rest_no_route":
        return StoreRefused(words, code="no_route")
    if answer.status in (404, 410) or (answer.status == 500 and said.data in (404, 410)):
        return StoreRefused(words, code="not_found" if answer.status != 410 else "already_gone")
    if answer.status == 500 and said.code.startswith("woocommerce_rest_"):
        return _declined(said, words)
    if 400 <= answer.status < 500 and answer.status not in (408, 429):
        return StoreRefused(words)
    if answer.status == 501:
        return StoreRefused(words)
    return error


def _denied(said: Fault, words: str) -> StoreError:
    if "write permissions" in said.message or "read permissions" in said.message:
        return StoreForbidden(
            words,
            code="key_permissions",
            next_step="The store's key may not do this. Reconnect the store and grant read and write.",
        )
    return StoreDenied(words)


UNCLEAR_GATEWAY = re.compile(r"time[d -]*out|connection|reset|curl error|unreachable|gateway error", re.I)


def _declined(said: Fault, words: str) -> StoreError:
    """A readable 500: WooCommerce's usual way to decline a refund.

    Its own record says that nothing was done. Where the gateway's answer got lost on its way to the
    store ("connection reset"), the gateway may know better, and only a person can look there.
    """
    if UNCLEAR_GATEWAY.search(said.message):
        return StoreRefused(
            words,
            code="gateway_unclear",
            next_step="The store lost contact with the payment gateway. "
            "Look at the payment in the gateway before refunding again.",
        )
    return StoreRefused(words, code="declined")
