"""Bulk operations: start one, watch it, fetch its file. Source: shopify.dev, "Perform bulk operations"."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from msgspec import Struct

from connectors import transport
from connectors.shopify import documents
from connectors.shopify.graphql import GraphQL
from connectors.shopify.shapes import UserError
from connectors.shopify.spool import rows_of
from connectors.transport import Line
from integration.errors import RateLimited, StoreRefused, StoreUnavailable, UnreadableAnswer

LONGEST_DOWNLOAD = 3600.0
MOST_BYTES = 2**40

BUSY = frozenset({"OPERATION_IN_PROGRESS", "LIMIT_REACHED"})


class Operation(Struct):
    """As the shop tells it. Numbers arrive as text."""

    id: str
    status: str
    createdAt: datetime
    objectCount: str | int = 0
    rootObjectCount: str | int = 0
    fileSize: str | int | None = None
    errorCode: str | None = None
    url: str | None = None

    @property
    def is_running(self) -> bool:
        return self.status in ("CREATED", "RUNNING", "CANCELING")

    @property
    def orders(self) -> int:
        return int(self.rootObjectCount)

    @property
    def size(self) -> int | None:
        return None if self.fileSize is None else int(self.fileSize)


class Run(Struct):
    bulkOperation: Operation | None
    userErrors: list[UserError]


class Started(Struct):
    bulkOperationRunQuery: Run | None


class Watched(Struct):
    bulkOperation: Operation | None


class Expired(StoreRefused):
    """The link to the file no longer works (it lives 7 days)."""

    code = "link_expired"


def start(api: GraphQL, search: str) -> Operation:
    """Start the backfill's query. :exc:`RateLimited` while five others run."""
    query = documents.text("18_bulk_inner_orders").replace("WINDOW", search)
    answer = api.change("13_bulk_run", Started, {"query": query}).bulkOperationRunQuery
    if answer is None:
        raise UnreadableAnswer("13_bulk_run: no answer to the mutation")
    if answer.userErrors or answer.bulkOperation is None:
        codes = {error.code for error in answer.userErrors}
        if codes & BUSY:
            raise RateLimited("other bulk operations are running", wait=60)
        raise StoreRefused("; ".join(error.message[:200] for error in answer.userErrors))
    return answer.bulkOperation


def watch(api: GraphQL, operation_id: str) -> Operation | None:
    """How far it is; None if the shop knows no such operation."""
    return api.read("14_bulk_status", Watched, id=operation_id).bulkOperation


class Download:
    """Fetches result files, without our token: the link itself is the key to them."""

    def __init__(
        self, line: Line, *, origin: str, shop: str, transport_: httpx.BaseTransport | None = None
    ) -> None:
        self._line = line
        self._simulated = urlsplit(origin.format(shop=shop))
        self._http = transport.new_client(
            transport=transport_ or transport.new_transport(most_bytes=MOST_BYTES, longest=LONGEST_DOWNLOAD)
        )

    def rows(self, operation: Operation, keep: Callable[[Iterator[bytes]], Any]) -> None:
        """Hand the file's rows to `keep`, once over for each try. A file cut short is an error."""
        if operation.url is None:
            keep(iter(()))
            return
        url = self._checked(operation.url)

        def attempt() -> None:
            with self._stream(url) as response:
                keep(rows_of(whole(response, operation.size)))

        self._line.read(attempt)

    @contextmanager
    def _stream(self, url: str) -> Iterator[httpx.Response]:
        with self._http.stream("GET", url) as response:
            if response.status_code in (400, 401, 403, 404, 410):
                raise Expired(f"HTTP {response.status_code} for the bulk file")
            if response.status_code != 200:
                raise StoreUnavailable(f"HTTP {response.status_code} for the bulk file")
            if "html" in response.headers.get("content-type", ""):
                raise UnreadableAnswer("a web page instead of the bulk file")
            yield response

    def _checked(self, url: str) -> str:
        """The link comes from outside: https only, except to the very host of a simulator."""
        parts = urlsplit(url)
        if parts.scheme == "https" or parts[:2] == self._simulated[:2]:
            return url
        raise UnreadableAnswer("the link to the bulk file is no https address")

    def close(self) -> None:
        self._http.close()


def whole(response: httpx.Response, size: int | None) -> Iterator[bytes]:
    """The body's bytes; an error at its end if it is shorter than the shop said."""
    seen = 0
    for chunk in response.iter_bytes(2**18):
        seen += len(chunk)
        yield chunk
    if size is not None and seen < size:
        raise UnreadableAnswer(f"the bulk file ended after {seen} of {size} bytes")
