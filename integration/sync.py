"""The one way into the cache: orders as their store has them, newer pictures only.

Webhooks, backfill, reconciliation, an agent's refresh and our own actions all end in `apply`. An
order's version is (the store's own modification time, when the request for the picture was begun):
an older picture never replaces a newer one, whoever brings it and however late.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec
from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, StatementError

from integration import identity
from integration.db.base import Base
from integration.db.bulk import among, insert_rows, new_ids, upsert
from integration.db.inbox import Poison
from integration.db.orders import Order, Refund
from integration.db.stores import Product, Store
from integration.errors import NotFound
from integration.order_rows import CHILDREN, MixedCurrencies, Row, child_rows, order_row, strip_person
from integration.ports import Poisoned
from integration.records import FulfillmentStatus, OrderRecord, ProductRecord
from integration.work import Work

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
"""A NUL character in JSON text: Postgres text cannot hold it, and no name or address means it."""
REFUSED = (MixedCurrencies, StatementError, OverflowError)
"""What one bad order raises; a database that is not well raises some of them, too (`_is_fault_of_order`)."""
TOO_LARGE = "54"
"""Postgres's class of errors for what passes its limits, such as a text too long for an index."""


@dataclass
class Applied:
    """What one call of `apply` did, by platform id."""

    written: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    poisoned: list[str] = field(default_factory=list)

    def add(self, other: Applied) -> None:
        self.written += other.written
        self.unchanged += other.unchanged
        self.stale += other.stale
        self.poisoned += other.poisoned


class Picture(NamedTuple):
    """An order's record, ready to be written."""

    record: OrderRecord
    digest: str
    """Equal for equal orders, whenever they were fetched."""

    @property
    def version(self) -> tuple[datetime, datetime]:
        return self.record.updated_at, self.record.fetched_at


def picture(record: OrderRecord) -> Picture:
    bare = msgspec.structs.replace(record, fetched_at=EPOCH)
    encoded = msgspec.json.encode(bare)
    if b"\\u0000" in encoded:
        encoded = NUL.sub(rb"\1", encoded)
        bare = msgspec.json.decode(encoded, type=OrderRecord)
        record = msgspec.structs.replace(bare, fetched_at=record.fetched_at)
    return Picture(record, hashlib.blake2b(encoded, digest_size=16).hexdigest())


def apply(work: Work, store: Store, records: Iterable[OrderRecord]) -> Applied:
    """Write those pictures that are newer than what the cache holds, with all that hangs on them.

    One order that the database refuses is kept aside (`Poison`) and never stops the others.
    """
    newest: dict[str, OrderRecord] = {}
    for record in records:
        other = newest.get(record.platform_id)
        if other is None or (record.updated_at, record.fetched_at) >= (other.updated_at, other.fetched_at):
            newest[record.platform_id] = record
    if not newest:
        return Applied()
    identity.lock_account(work)
    hidden = identity.redacted(work, store, list(newest.values()))
    pictures = [
        picture(strip_person(record) if record.platform_id in hidden else record)
        for record in newest.values()
    ]
    return _apply(work, store, pictures, hidden)


def _apply(work: Work, store: Store, batch: Sequence[Picture], hidden: set[str]) -> Applied:
    """All of the batch, or, where the database refuses it, its halves."""
    try:
        with work.session.begin_nested():
            return _compare(work, store, batch, hidden)
    except REFUSED as error:
        if not _is_fault_of_order(error):
            raise
        if len(batch) == 1:
            platform_id = batch[0].record.platform_id
            poison(work, store, [Poisoned(platform_id=platform_id, reason="the database refused it")])
            return Applied(poisoned=[platform_id])
    result = Applied()
    middle = len(batch) // 2
    for half in (batch[:middle], batch[middle:]):
        result.add(_apply(work, store, half, hidden))
    return result


def _is_fault_of_order(error: Exception) -> bool:
    """False where the database itself is in trouble: a lost connection, a deadlock, a full disk."""
    if isinstance(error, InterfaceError | InternalError | OperationalError):
        return str(getattr(error.orig, "sqlstate", "")).startswith(TOO_LARGE)
    return True


def _compare(work: Work, store: Store, batch: Sequence[Picture], hidden: set[str]) -> Applied:
    """Sort the batch into what is new, changed, seen before and stale; write the first two."""
    ids = [each.record.platform_id for each in batch]
    query = select(
        Order.id, Order.platform_id, Order.updated_at, Order.fetched_at, Order.digest, Order.gone_at
    ).where(Order.store_id == store.id, among(work.session, Order.platform_id, ids))
    cached = {row.platform_id: row for row in work.session.execute(query)}
    result = Applied()
    fresh: list[Picture] = []
    changed: list[Picture] = []
    seen: list[int] = []
    for each in batch:
        row = cached.get(each.record.platform_id)
        if row is None:
            fresh.append(each)
        elif (row.updated_at, row.fetched_at) > each.version:
            result.stale.append(row.platform_id)
        elif row.digest == each.digest and (row.gone_at is not None) is each.record.gone:
            result.unchanged.append(row.platform_id)
            seen.append(row.id)
        else:
            changed.append(each)
    if seen:
        _note_seen(work, seen, min(each.record.fetched_at for each in batch))
    if fresh or changed:
        news = [*fresh, *changed]
        people = identity.resolve(
            work, store, [each.record for each in news if each.record.platform_id not in hidden]
        )
        rows = [_row(work, store, each, people, hidden) for each in news]
        written = _insert(work, rows[: len(fresh)]) | _update(work, rows[len(fresh) :])
        result.written += written
        result.stale += [row["platform_id"] for row in rows if row["platform_id"] not in written]
        _write_children(work, [each.record for each in news], written)
    unpoison(work, store, ids)
    return result


def _note_seen(work: Work, order_ids: Sequence[int], fetched_at: datetime) -> None:
    """These orders are still as the cache has them."""
    for change in (
        update(Order).where(Order.id.in_(order_ids)).values(synced_at=work.now()),
        update(Order)
        .where(Order.id.in_(order_ids), Order.fetched_at < fetched_at)
        .values(fetched_at=fetched_at),
    ):
        work.session.execute(change, execution_options={"synchronize_session": False})


def _row(work: Work, store: Store, each: Picture, people: dict[str, int], hidden: set[str]) -> Row:
    record, now = each.record, work.now()
    return order_row(
        record,
        store_id=store.id,
        account_id=work.account_id,
        customer_id=people.get(record.platform_id),
        digest=each.digest,
        synced_at=now,
        gone_at=now if record.gone else None,
        redacted_at=now if record.platform_id in hidden else None,
    )


def _insert(work: Work, rows: Sequence[Row]) -> dict[str, int]:
    """Write rows of orders that the cache does not have. Platform id → row id."""
    for row, row_id in zip(rows, new_ids(work.session, Order, len(rows)), strict=True):
        row["id"] = row_id
    insert_rows(work.session, Order, rows)
    return {row["platform_id"]: row["id"] for row in rows}


def _update(work: Work, rows: Sequence[Row]) -> dict[str, int]:
    """Replace rows of orders by newer ones, and clear what hung on them. Platform id → row id."""
    if not rows:
        return {}
    statement = upsert(work.session, Order).values()
    excluded = statement.excluded
    keep = ("id", "account_id", "store_id", "platform_id")
    written = work.session.execute(
        statement.on_conflict_do_update(
            index_elements=["store_id", "platform_id"],
            set_={name: excluded[name] for name in rows[0] if name not in keep},
            # Once more here, so that nothing but this statement has to be believed.
            where=or_(
                Order.updated_at < excluded.updated_at,
                (Order.updated_at == excluded.updated_at) & (Order.fetched_at <= excluded.fetched_at),
            ),
        ).returning(Order.id, Order.platform_id),
        rows,
        execution_options={"populate_existing": True},
    )
    ids = {platform_id: order_id for order_id, platform_id in written}
    for child in CHILDREN:
        work.session.execute(
            delete(child).where(child.order_id.in_(ids.values())),  # type: ignore[attr-defined] # OrderChild
            execution_options={"synchronize_session": False},
        )
    return ids


def _write_children(work: Work, records: Sequence[OrderRecord], ids: dict[str, int]) -> None:
    children: dict[type[Base], list[Row]] = {child: [] for child in CHILDREN}
    for record in records:
        order_id = ids.get(record.platform_id)
        if order_id is not None:
            common = {"order_id": order_id, "account_id": work.account_id}
            for child, rows in child_rows(record, common).items():
                children[child] += rows
    for child, rows in children.items():
        insert_rows(work.session, child, rows)


def mark_gone(work: Work, store: Store, platform_ids: Sequence[str], fetched_at: datetime) -> int:
    """The store no longer has these orders, unless a later picture shows them. Returns how many."""
    changed = work.session.execute(
        update(Order)
        .where(
            Order.store_id == store.id,
            Order.platform_id.in_(platform_ids),
            Order.gone_at.is_(None),
            Order.fetched_at <= fetched_at,
        )
        .values(gone_at=work.now(), synced_at=work.now(), fetched_at=fetched_at),
        execution_options={"synchronize_session": False},
    )
    return int(changed.rowcount)  # type: ignore[attr-defined] # an UPDATE has one


def apply_products(work: Work, store: Store, products: Iterable[ProductRecord]) -> None:
    """What kinds of things these are. The newest answer wins; there is nothing to lose here."""
    rows = [
        work.stamped({**msgspec.structs.asdict(product), "store_id": store.id, "synced_at": work.now()})
        for product in products
    ]
    for row in rows:
        row["tags"], row["categories"] = list(row["tags"]), list(row["categories"])
    if not rows:
        return
    statement = upsert(work.session, Product).values()
    names = [name for name in rows[0] if name not in ("account_id", "store_id", "platform_id")]
    work.session.execute(
        statement.on_conflict_do_update(
            index_elements=["store_id", "platform_id"],
            set_={name: statement.excluded[name] for name in names},
        ),
        rows,
    )


def poison(work: Work, store: Store, orders: Iterable[Poisoned]) -> None:
    """Keep unreadable orders aside with their reason; they are tried again, ever less often."""
    now = work.now()
    for bad in orders:
        row = work.session.scalar(
            select(Poison).where(Poison.store_id == store.id, Poison.platform_id == bad.platform_id)
        )
        if row is None:
            row = Poison(
                store_id=store.id, platform_id=bad.platform_id, first_seen_at=now, attempts=0, reason=""
            )
            work.add(row)
        row.attempts += 1
        row.reason = bad.reason[:500]
        row.last_seen_at = now
        row.due_at = now + min(timedelta(minutes=5) * 2**row.attempts, timedelta(hours=24))
        work.session.flush()


def unpoison(work: Work, store: Store, platform_ids: Sequence[str]) -> None:
    """These orders were read well: nothing is kept aside for them any more."""
    work.session.execute(
        delete(Poison).where(
            Poison.store_id == store.id, among(work.session, Poison.platform_id, platform_ids)
        ),
        execution_options={"synchronize_session": False},
    )


def due_poison(work: Work, store_id: int) -> list[str]:
    """Unreadable orders whose next try is due."""
    return list(
        work.session.scalars(
            select(Poison.platform_id).where(Poison.store_id == store_id, Poison.due_at <= work.now())
        )
    )


def worth_a_look(
    work: Work, store_id: int, *, placed_after: datetime, not_since: datetime, most: int
) -> list[str]:
    """Orders under way that nobody has read for a while, the longest unread first.

    A parcel's progress need not move an order's modification time, nor does meta that a plugin saves on
    WooCommerce's older storage: only reading them again shows it. Source: fact sheets, 5.4 and 4.
    """
    return list(
        work.session.scalars(
            select(Order.platform_id)
            .where(
                Order.store_id == store_id,
                Order.placed_at > placed_after,
                Order.synced_at < not_since,
                Order.fulfillment_status != FulfillmentStatus.DELIVERED,
                Order.cancelled_at.is_(None),
                Order.gone_at.is_(None),
            )
            .order_by(Order.synced_at)
            .limit(most)
        )
    )


def unknown_products(work: Work, store_id: int, platform_ids: set[str]) -> list[str]:
    """Those of the products that the cache has not met yet."""
    known = work.session.scalars(
        select(Product.platform_id).where(
            Product.store_id == store_id, among(work.session, Product.platform_id, platform_ids)
        )
    )
    return sorted(platform_ids - set(known))


def whereabouts(work: Work, order_id: int) -> tuple[int, str]:
    """(store, platform id) of an order. Raises NotFound."""
    row = work.session.execute(select(Order.store_id, Order.platform_id).where(Order.id == order_id)).first()
    if row is None:
        raise NotFound(f"no order {order_id}")
    return row.store_id, row.platform_id


class Version(NamedTuple):
    """What the cache holds of an order, as far as a store can be asked cheaply."""

    placed_at: datetime
    updated_at: datetime
    gone: bool
    refunds: frozenset[str]


def versions(work: Work, store_id: int, since: datetime, until: datetime) -> dict[str, Version]:
    """The cached orders placed in [since, until), by platform id."""
    window = (Order.store_id == store_id, Order.placed_at >= since, Order.placed_at < until)
    refunds: dict[int, set[str]] = {}
    for order_id, refund_id in work.session.execute(
        select(Refund.order_id, Refund.platform_id).join(Order, Order.id == Refund.order_id).where(*window)
    ):
        refunds.setdefault(order_id, set()).add(refund_id)
    rows = work.session.execute(
        select(Order.id, Order.platform_id, Order.placed_at, Order.updated_at, Order.gone_at).where(*window)
    )
    return {
        row.platform_id: Version(
            row.placed_at, row.updated_at, row.gone_at is not None, frozenset(refunds.get(row.id, ()))
        )
        for row in rows
    }
