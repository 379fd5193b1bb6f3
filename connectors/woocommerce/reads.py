"""Reading a store: the whole of it, what changed, one order, and proofs that nothing is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from connectors.woocommerce import decode
from connectors.woocommerce.calls import Calls, Parameter
from connectors.woocommerce.raw import Raw, Unreadable, identity, mapping, meta, moment, text
from connectors.woocommerce.raw import rows as rows_in
from connectors.woocommerce.shop import read_setting
from connectors.woocommerce.walks import PAGE, backwards, everything, objects, size, window
from integration.errors import RateLimited, StoreRefused, StoreUnavailable, UnreadableAnswer
from integration.ports import Batch, OrderVersion, Poisoned
from integration.records import OrderRecord, ProductRecord

AT_ONCE = 2
"""Requests at a time: small hosts have few PHP workers, and the shop's customers need them."""
SETTLING = timedelta(seconds=5)
"""A window ends this long before the store's now, so that nothing is still being written into it."""
VERSION_FIELDS = "id,status,date_created_gmt,date_modified_gmt,refunds"
PRODUCT_FIELDS = "id,name,date_modified_gmt,tags,categories,type,downloadable,virtual"
STRETCHES = ("orders", "trash")
"""The store's "any" leaves out the trash, so every walk has two stretches (measured)."""
GIVE_UP = 3
"""Orders of one page that may fail one after another before the store itself counts as down."""


class Reads:
    def __init__(self, calls: Calls, *, now: Callable[[], datetime]) -> None:
        self._calls, self._now = calls, now
        self._setting: decode.Setting | None = None

    @property
    def setting(self) -> decode.Setting:
        if self._setting is None:
            self._setting = read_setting(self._calls)
        return self._setting

    def backfill(self, since: datetime | None, cursor: Mapping[str, Any]) -> Iterator[Batch]:
        return self._walk("", since, cursor)

    def changed(self, since: datetime, cursor: Mapping[str, Any]) -> Iterator[Batch]:
        """The last batch's cursor says until when (`until`, exclusive): the next window may start there.

        Notes, deleted refunds and permanently deleted orders move no date; they are found by
        :meth:`versions`, by webhooks and by looking at an order again. Source: facts, §4.
        """
        return self._walk("modified_", since, cursor)

    def _walk(self, kind: str, since: datetime | None, cursor: Mapping[str, Any]) -> Iterator[Batch]:
        """One window, stretch by stretch, each from its last page to its first.

        Cursor: `since` and `until` (the window, in the store's time), `stretch` and `page` (next to be
        read), `done`, `total`.
        """
        at = dict(cursor) or self._start(kind, since)
        since = datetime.fromisoformat(at["since"]) if at["since"] else None
        until = datetime.fromisoformat(at["until"])
        for position in range(STRETCHES.index(at["stretch"]), len(STRETCHES)):
            parameters = self._parameters(kind, since, until, STRETCHES[position])
            if at["stretch"] != STRETCHES[position]:
                rows_left, pages = size(self._calls, "orders", parameters)
                at |= {"stretch": STRETCHES[position], "page": pages, "total": at["total"] + rows_left}
            while at["page"] > 0:
                begun_at = self._now()
                orders, poisoned, count = self._page(parameters, at["page"], begun_at)
                at = at | {"page": at["page"] - 1, "done": at["done"] + count}
                yield Batch(orders=orders, poisoned=poisoned, cursor=at, done=at["done"], total=at["total"])
        if not cursor or not cursor.get("finished"):
            at = at | {"finished": True}
            yield Batch(orders=(), cursor=at, done=at["done"], total=at["total"])

    def _start(self, kind: str, since: datetime | None) -> dict[str, Any]:
        self._calls.answer("orders", per_page=1, _fields="id")  # sets the store's clock
        until = self._calls.store_now() - SETTLING
        if kind and since is not None:
            # The caller remembers by our clock. Where the store's runs behind, so must the window.
            since += min(self._calls.ahead, timedelta(0))
        total, pages = size(self._calls, "orders", self._parameters(kind, since, until, "orders"))
        return {
            "since": since.isoformat() if since is not None else None,
            "until": until.isoformat(),
            "stretch": "orders",
            "page": pages,
            "done": 0,
            "total": total,
        }

    @staticmethod
    def _parameters(kind: str, since: datetime | None, until: datetime, stretch: str) -> dict[str, Parameter]:
        return window(kind, since, until, status="any" if stretch == "orders" else "trash")

    def _page(
        self, parameters: Mapping[str, Parameter], number: int, begun_at: datetime
    ) -> tuple[tuple[OrderRecord, ...], tuple[Poisoned, ...], int]:
        place: dict[str, Parameter] = {**parameters, "per_page": PAGE, "page": number}
        try:
            rows = objects(self._calls.read("orders", **place))
        except RateLimited:
            raise
        except (UnreadableAnswer, StoreUnavailable) as error:
            return self._one_by_one(place, begun_at, error)
        return *self.complete(rows, begun_at), len(rows)

    def _one_by_one(
        self, place: Mapping[str, Parameter], begun_at: datetime, error: Exception
    ) -> tuple[tuple[OrderRecord, ...], tuple[Poisoned, ...], int]:
        """A page that the store cannot print, mostly for one order that some plugin chokes on."""
        ids = [identity(row) for row in objects(self._calls.read("orders", **place, _fields="id"))]
        rows: list[Raw] = []
        poisoned: list[Poisoned] = []
        in_a_row = 0
        for platform_id in ids:
            try:
                rows.append(mapping(self._calls.read(f"orders/{platform_id}"), "order"))
                in_a_row = 0
            except (UnreadableAnswer, StoreUnavailable, Unreadable) as fault:
                in_a_row += 1
                if in_a_row >= GIVE_UP:
                    raise error from fault
                poisoned.append(Poisoned(platform_id=platform_id, reason=f"the store failed: {fault}"))
            except StoreRefused:
                continue  # gone in the meantime
        orders, unread = self.complete(rows, begun_at)
        return orders, (*poisoned, *unread), len(ids)

    def complete(
        self, rows: Sequence[Raw], fetched_at: datetime
    ) -> tuple[tuple[OrderRecord, ...], tuple[Poisoned, ...]]:
        """Orders with what their own JSON leaves out: refunds in full, and the core's fulfilments."""
        setting = self.setting
        orders: list[OrderRecord] = []
        poisoned: list[Poisoned] = []

        def read(row: Raw) -> OrderRecord | Poisoned:
            platform_id = identity(row)
            try:
                return decode.order(
                    row,
                    self._refunds(platform_id, row),
                    fulfillments=self._fulfillments(platform_id, row),
                    fetched_at=fetched_at,
                    setting=setting,
                )
            except (Unreadable, UnreadableAnswer) as error:
                return Poisoned(platform_id=platform_id, reason=str(error))

        wanted = [row for row in rows if decode.is_order(row)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for result in pool.map(read, wanted):
                if isinstance(result, Poisoned):
                    poisoned.append(result)
                else:
                    orders.append(result)
        return tuple(orders), tuple(poisoned)

    def _refunds(self, platform_id: str, row: Raw) -> list[Raw]:
        """The order's own list has sums and reasons only."""
        if not row.get("refunds") or not platform_id:
            return []
        return everything(self._calls, f"orders/{platform_id}/refunds")

    def _fulfillments(self, platform_id: str, row: Raw) -> list[Raw]:
        """Asked only where the order says that it has some: the feature is off in most stores."""
        said = text({"value": meta(row).get("_fulfillment_status")}, "value")
        if said in ("", "no_fulfillments") or not platform_id:
            return []
        try:
            found = self._calls.read(f"orders/{platform_id}/fulfillments")
        except StoreRefused:
            return []  # the feature was switched off again
        listed = found.get("fulfillments") if isinstance(found, Mapping) else found
        return objects(listed if listed is not None else [])

    def order(self, platform_id: str) -> OrderRecord | None:
        """None only where WooCommerce itself says that it has no such order, or that it is a basket."""
        if not (platform_id.isascii() and platform_id.isdigit()):
            return None
        begun_at = self._now()
        row = self.raw_order(platform_id)
        if row is None or not decode.is_order(row):
            return None
        orders, poisoned = self.complete([row], begun_at)
        if poisoned:
            raise UnreadableAnswer(f"order {platform_id}: {poisoned[0].reason}")
        return orders[0]

    def orders(self, platform_ids: Sequence[str]) -> tuple[list[OrderRecord], list[Poisoned]]:
        """One after another: refunds take a request an order, and lists leave out the trash."""
        found: list[OrderRecord] = []
        poisoned: list[Poisoned] = []
        for platform_id in platform_ids:
            try:
                record = self.order(platform_id)
            except UnreadableAnswer as error:
                poisoned.append(Poisoned(platform_id=platform_id, reason=str(error)))
            else:
                found += [record] if record is not None else []
        return found, poisoned

    def raw_order(self, platform_id: str) -> Raw | None:
        try:
            row = self._calls.read(f"orders/{platform_id}")
        except StoreRefused as error:
            if error.code == "not_found":
                return None
            raise
        if not isinstance(row, Mapping) or identity(row) != platform_id:
            raise UnreadableAnswer(f"order {platform_id}: the store sent something else")
        return row

    def versions(self, since: datetime, until: datetime) -> Iterator[Sequence[OrderVersion]]:
        for stretch in STRETCHES:
            parameters = self._parameters("", since, until, stretch)
            _, pages = size(self._calls, "orders", parameters)
            for rows in backwards(
                self._calls, "orders", {**parameters, "_fields": VERSION_FIELDS}, first=pages
            ):
                found = [version for row in rows if (version := self._version(row))]
                yield [one for one in found if since <= one.placed_at < until]

    def newest(self) -> OrderVersion | None:
        """Of the last few: baskets under way stand in the same list."""
        rows = self._calls.read(
            "orders", status="any", orderby="modified", order="desc", per_page=5, _fields=VERSION_FIELDS
        )
        return next((version for row in objects(rows) if (version := self._version(row))), None)

    @staticmethod
    def _version(row: Raw) -> OrderVersion | None:
        placed_at, platform_id = moment(row, "date_created_gmt"), identity(row)
        if placed_at is None or not platform_id or not decode.is_order(row):
            return None
        return OrderVersion(
            platform_id=platform_id,
            placed_at=placed_at,
            updated_at=moment(row, "date_modified_gmt") or placed_at,
            gone=text(row, "status") == "trash",
            refunds=frozenset(filter(None, (identity(refund) for refund in rows_in(row, "refunds")))),
        )

    def products(self, platform_ids: Sequence[str]) -> Sequence[ProductRecord]:
        wanted = [one for one in dict.fromkeys(platform_ids) if one.isascii() and one.isdigit()]
        found: list[ProductRecord] = []
        for start in range(0, len(wanted), PAGE):
            part = wanted[start : start + PAGE]
            rows = objects(self._calls.read("products", include=part, per_page=PAGE, _fields=PRODUCT_FIELDS))
            # An unknown filter would be ignored and bring other products: keep what was asked for.
            found += [decode.product(row) for row in rows if identity(row) in part]
        return found
