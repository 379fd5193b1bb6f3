"""All orders of a shop, in batches that a crash cannot lose: by bulk operation, or by pages if few.

The cursor remembers the operation, so a new process goes on with the file of the one that died, and
fetches it again if it is not on its disk.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from connectors.shopify import assembly, bulk, decode, spool
from connectors.shopify.bulk import Download, Operation
from connectors.shopify.graphql import GraphQL
from connectors.shopify.orders import NodeReader, Orders, reason
from connectors.shopify.spool import OrderRows, Spool
from connectors.shopify.windows import Window, pages, stamp
from integration.errors import StoreForbidden, StoreUnavailable
from integration.ports import Batch, Poisoned
from integration.records import OrderRecord

log = logging.getLogger(__name__)

SMALL = 250
"""Shops with fewer orders are read by pages: a bulk operation takes longer to start."""

A_BATCH = 500
A_QUESTION = 50
"""Orders whose details are asked for at once."""

MOST_STARTS = 3
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Counted(Struct):
    ordersCount: Count | None


class Count(Struct):
    count: int
    precision: str = "EXACT"


class Backfill:
    """`folder` names a directory for this shop's bulk files alone."""

    def __init__(
        self,
        api: GraphQL,
        orders: Orders,
        download: Download,
        *,
        folder: Callable[[], Path],
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
        small: int = SMALL,
    ) -> None:
        self._api, self._orders, self._download = api, orders, download
        self._folder, self._now, self._sleep, self._small = folder, now, sleep, small
        self._details = NodeReader(api, "19_order_details", most=A_QUESTION)

    def run(self, since: datetime | None, cursor: Mapping[str, Any]) -> Iterator[Batch]:
        state = dict(cursor) or self._first_state(since)
        if state["mode"] == "pages":
            yield from self._by_pages(state)
        elif state["mode"] == "bulk":
            yield from self._by_bulk(state)

    def _first_state(self, since: datetime | None) -> dict[str, Any]:
        start = since or BEGINNING
        until = self._now()
        search = f"processed_at:>='{stamp(start)}'"
        count = self._api.read("09_orders_count", Counted, query=search).ordersCount
        small = count is not None and count.precision == "EXACT" and count.count < self._small
        return {
            "mode": "pages" if small else "bulk",
            "since": stamp(start),
            "until": stamp(until),
            "total": count.count if count else None,
            "done": 0,
        }

    # By pages

    def _by_pages(self, state: dict[str, Any]) -> Iterator[Batch]:
        """New orders of the meantime reach the cache by webhook and as changes, not here."""
        since, until = (datetime.fromisoformat(state[name]) for name in ("since", "until"))
        window = Window(field="processed_at", since=since, until=until)
        if state.get("page", {}).get("over"):
            return
        for shapes, page in pages(self._api, window, state.get("page", {})):
            records, poisoned = self._orders.read([shape.id for shape in shapes])
            state = {**state, "page": page, "done": state["done"] + len(records) + len(poisoned)}
            yield _batch(records, poisoned, state)

    # By bulk operation

    def _by_bulk(self, state: dict[str, Any]) -> Iterator[Batch]:
        while True:
            if not state.get("operation"):
                state = self._started(state)
                yield _batch([], [], state)
            operation = bulk.watch(self._api, state["operation"])
            wait = 1.0
            while operation is not None and operation.is_running:
                yield _batch([], [], state)  # a sign of life for whoever holds a lease on this sync
                self._sleep(wait)
                wait = min(wait * 1.5, 15.0)
                operation = bulk.watch(self._api, state["operation"])
            store = self._spooled(operation, state)
            if operation is not None and store is not None:
                break
            state = {**state, "operation": None}
        state = {**state, "total": operation.orders}
        yield from self._buckets(operation, store, state)
        store.clear()

    def _started(self, state: dict[str, Any]) -> dict[str, Any]:
        starts = state.get("starts", 0) + 1
        if starts > MOST_STARTS:
            raise StoreUnavailable("the shop did not finish our bulk operation, several times over")
        shutil.rmtree(self._folder(), ignore_errors=True)  # what earlier operations left of this shop
        operation = bulk.start(self._api, f"processed_at:>='{state['since']}'")
        log.info("bulk operation started (%s of %s)", starts, MOST_STARTS)
        return {**state, "operation": operation.id, "starts": starts, "bucket": 0, "skip": 0, "done": 0}

    def _spooled(self, operation: Operation | None, state: dict[str, Any]) -> Spool | None:
        """The operation's rows on our disk; None if it failed and another has to be started."""
        if operation is None or operation.status != "COMPLETED":
            if operation is not None and operation.errorCode == "ACCESS_DENIED":
                raise StoreForbidden("the token may not read all that the backfill asks for")
            log.warning("bulk operation ended as %s", operation.status if operation else "unknown")
            return None
        buckets = spool.buckets_for(operation.orders)
        name = f"{operation.id.rsplit('/', 1)[-1]}-{buckets}"
        store = Spool(self._folder() / name, buckets)
        if not store.is_filled:
            try:
                self._download.rows(operation, store.fill)
            except bulk.Expired:
                log.warning("the link to a bulk file no longer works")
                return None
        return store

    def _buckets(self, operation: Operation, store: Spool, state: dict[str, Any]) -> Iterator[Batch]:
        """One piece ahead: while the caller writes a batch, the next one's details are on their way."""
        with ThreadPoolExecutor(max_workers=3, thread_name_prefix="backfill") as pool:
            pieces = self._pieces(store, state)
            waiting: tuple[dict[str, Any], Future[Piece]] | None = None
            for after, rows in pieces:
                follow = pool.submit(self._piece, rows, operation.createdAt)
                if waiting is not None:
                    yield self._finished(*waiting)
                waiting = (after, follow)
            if waiting is not None:
                yield self._finished(*waiting)

    def _finished(self, state: dict[str, Any], future: Future[Piece]) -> Batch:
        piece = future.result()
        return _batch(piece.records, piece.poisoned, state)

    def _pieces(
        self, store: Spool, state: dict[str, Any]
    ) -> Iterator[tuple[dict[str, Any], Sequence[OrderRows]]]:
        """Rows of up to `A_BATCH` orders, with the state to go on behind them."""
        first, skip, done = state.get("bucket", 0), state.get("skip", 0), state["done"]
        for bucket in range(first, spool.buckets_for(state["total"])):
            orders = store.read(bucket)
            for start in range(skip, len(orders), A_BATCH):
                rows = orders[start : start + A_BATCH]
                done += len(rows)
                end = start + len(rows)
                place = (bucket, end) if end < len(orders) else (bucket + 1, 0)
                yield {**state, "bucket": place[0], "skip": place[1], "done": done}, rows
            skip = 0

    def _piece(self, rows: Sequence[OrderRows], seen_at: datetime) -> Piece:
        """Records of some bulk rows. Orders that changed since are read whole, as they are now."""
        shapes, poisoned = assembly.orders(rows)
        found, unreadable = self._details.read(
            [shape.id for shape in shapes if assembly.is_incomplete(shape)]
        )
        poisoned += unreadable
        spoiled = {each.platform_id for each in unreadable}
        records, changed = [], []
        for shape in shapes:
            if shape.id in spoiled:
                continue
            try:
                if assembly.is_incomplete(shape):
                    raw = found.get(shape.id)
                    if raw is None or not assembly.add_details(shape, raw):
                        changed.append(shape.id)
                        continue
                    self._orders.complete_details(shape.fulfillments, shape.refunds)
                records.append(decode.order(shape, seen_at))
            except (msgspec.DecodeError, ValueError) as error:
                poisoned.append(Poisoned(platform_id=shape.id, reason=reason(error)))
        if changed:
            now_records, now_poisoned = self._orders.read(changed)
            records += now_records
            poisoned += now_poisoned
        return Piece(records, poisoned)


class Piece(NamedTuple):
    records: list[OrderRecord]
    poisoned: list[Poisoned]


def _batch(records: Sequence[OrderRecord], poisoned: Sequence[Poisoned], state: dict[str, Any]) -> Batch:
    return Batch(
        orders=tuple(records),
        poisoned=tuple(poisoned),
        cursor=state,
        done=state["done"],
        total=state["total"],
    )
