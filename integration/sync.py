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
from typing import Any

import msgspec
from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import DataError, IntegrityError, StatementError

from integration import identity
from integration.contacts import key, number_keys
from integration.db.base import Base
from integration.db.bulk import insert_rows, upsert
from integration.db.inbox import Poison
from integration.db.orders import (
    Fulfillment,
    Order,
    OrderKey,
    OrderLine,
    OrderReturn,
    PaymentTransaction,
    Refund,
)
from integration.db.stores import Product, Store
from integration.errors import NotFound
from integration.money import Money
from integration.ports import Poisoned
from integration.records import OrderRecord, ProductRecord
from integration.work import Work

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CHILDREN: tuple[type[Base], ...] = (OrderLine, Fulfillment, OrderReturn, Refund, PaymentTransaction, OrderKey)
NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
"""A NUL character in JSON text: Postgres text cannot hold it, and no name or address means it."""


@dataclass
class Applied:
    """What one call of `apply` did, by platform id."""

    written: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    poisoned: list[str] = field(default_factory=list)


def digest(record: OrderRecord) -> str:
    """Equal for equal orders, whenever they were fetched."""
    bare = msgspec.structs.replace(record, fetched_at=EPOCH)
    return hashlib.blake2b(msgspec.json.encode(bare), digest_size=16).hexdigest()


def apply(work: Work, store: Store, records: Iterable[OrderRecord]) -> Applied:
    """Write those pictures that are newer than what the cache holds, with all that hangs on them.

    One order that the database refuses is kept aside (`Poison`) and never stops the others.
    """
    newest: dict[str, OrderRecord] = {}
    for record in map(_without_nul, records):
        other = newest.get(record.platform_id)
        if other is None or _version(record) >= _version(other):
            newest[record.platform_id] = record
    result = Applied()
    batch = list(newest.values())
    try:
        with work.session.begin_nested():
            _apply(work, store, batch, result)
    except (DataError, IntegrityError, StatementError, OverflowError):
        if len(batch) == 1:
            poison(
                work, store, [Poisoned(platform_id=batch[0].platform_id, reason="the database refused it")]
            )
            result.poisoned.append(batch[0].platform_id)
            return result
        result = Applied()
        for record in batch:
            part = apply(work, store, [record])
            for name in ("written", "unchanged", "stale", "poisoned"):
                getattr(result, name).extend(getattr(part, name))
    return result


def _version(record: OrderRecord) -> tuple[datetime, datetime]:
    return record.updated_at, record.fetched_at


def _without_nul(record: OrderRecord) -> OrderRecord:
    encoded = msgspec.json.encode(record)
    if b"\\u0000" not in encoded:
        return record
    return msgspec.json.decode(NUL.sub(rb"\1", encoded), type=OrderRecord)


def _apply(work: Work, store: Store, batch: Sequence[OrderRecord], result: Applied) -> None:
    if not batch:
        return
    identity.lock_account(work)
    hidden = identity.redacted(work, store, batch)
    batch = [strip_person(record) if record.platform_id in hidden else record for record in batch]
    existing = {
        row.platform_id: row
        for row in work.session.execute(
            select(
                Order.id, Order.platform_id, Order.updated_at, Order.fetched_at, Order.digest, Order.gone_at
            ).where(Order.store_id == store.id, Order.platform_id.in_([r.platform_id for r in batch]))
        )
    }
    digests = {record.platform_id: digest(record) for record in batch}
    news: list[OrderRecord] = []
    seen: list[int] = []
    for record in batch:
        row = existing.get(record.platform_id)
        if row is not None and (row.updated_at, row.fetched_at) > _version(record):
            result.stale.append(record.platform_id)
        elif (
            row is not None
            and row.digest == digests[record.platform_id]
            and (row.gone_at is None) is not record.gone
        ):
            result.unchanged.append(record.platform_id)
            seen.append(row.id)
        else:
            news.append(record)
    now = work.now()
    if seen:
        fetched = min(record.fetched_at for record in batch)
        work.session.execute(
            update(Order).where(Order.id.in_(seen)).values(synced_at=now),
            execution_options={"synchronize_session": False},
        )
        work.session.execute(
            update(Order).where(Order.id.in_(seen), Order.fetched_at < fetched).values(fetched_at=fetched),
            execution_options={"synchronize_session": False},
        )
    if news:
        _write(work, store, news, digests, hidden, result)
    unpoison(work, store, [record.platform_id for record in batch])


def _write(
    work: Work,
    store: Store,
    news: Sequence[OrderRecord],
    digests: dict[str, str],
    hidden: set[str],
    result: Applied,
) -> None:
    people = identity.resolve(work, store, [record for record in news if record.platform_id not in hidden])
    now = work.now()
    rows = [
        work.stamped(
            _order_row(
                store,
                record,
                now=now,
                digest=digests[record.platform_id],
                customer_id=people.get(record.platform_id),
                redacted_at=now if record.platform_id in hidden else None,
            )
        )
        for record in news
    ]
    statement = upsert(work.session, Order).values()
    excluded = statement.excluded
    newer = or_(
        Order.updated_at < excluded.updated_at,
        (Order.updated_at == excluded.updated_at) & (Order.fetched_at <= excluded.fetched_at),
    )
    keep = ("id", "account_id", "store_id", "platform_id")
    written = work.session.execute(
        statement.on_conflict_do_update(
            index_elements=["store_id", "platform_id"],
            set_={name: excluded[name] for name in rows[0] if name not in keep},
            where=newer,
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
    children: dict[type[Base], list[dict[str, Any]]] = {child: [] for child in CHILDREN}
    for record in news:
        if record.platform_id in ids:
            result.written.append(record.platform_id)
            _child_rows(
                record, {"order_id": ids[record.platform_id], "account_id": work.account_id}, children
            )
        else:
            result.stale.append(record.platform_id)
    for child, child_rows in children.items():
        insert_rows(work.session, child, child_rows)


def strip_person(record: OrderRecord) -> OrderRecord:
    """The order without anything that tells who bought. Sums, goods and times stay."""

    def place(address: Any) -> Any:
        return None if address is None else type(address)(country=address.country)

    return msgspec.structs.replace(
        record,
        email=None,
        phone=None,
        customer=None,
        shipping_address=place(record.shipping_address),
        billing_address=place(record.billing_address),
        note="",
        attributes={},
        lines=tuple(msgspec.structs.replace(line, properties={}) for line in record.lines),
        returns=tuple(
            msgspec.structs.replace(
                item, lines=tuple(msgspec.structs.replace(line, note="") for line in item.lines)
            )
            for item in record.returns
        ),
        refunds=tuple(msgspec.structs.replace(refund, note="") for refund in record.refunds),
        transactions=tuple(msgspec.structs.replace(item, account="") for item in record.transactions),
        fulfillments=tuple(
            msgspec.structs.replace(
                item,
                tracking=(),
                events=tuple(msgspec.structs.replace(scan, message="", place="") for scan in item.events),
            )
            for item in record.fulfillments
        ),
    )


def _minor(amount: Money | None, currency: str) -> int | None:
    """Minor units of an amount in the order's currency; a store that mixes currencies is refused."""
    if amount is None:
        return None
    if amount.currency != currency:
        raise OverflowError(f"an amount in {amount.currency} on an order in {currency}")
    return amount.minor


def _order_row(store: Store, record: OrderRecord, **more: Any) -> dict[str, Any]:
    builtins = msgspec.to_builtins
    currency = record.currency
    now = more.pop("now")
    return {
        "store_id": store.id,
        "platform_id": record.platform_id,
        "name": record.name,
        "number": record.number,
        "placed_at": record.placed_at,
        "updated_at": record.updated_at,
        "fetched_at": record.fetched_at,
        "synced_at": now,
        "currency": currency,
        "total": _minor(record.total, currency),
        "subtotal": _minor(record.subtotal, currency),
        "shipping": _minor(record.shipping, currency),
        "tax": _minor(record.tax, currency),
        "discount": _minor(record.discount, currency),
        "refunded": _minor(record.refunded, currency),
        "refundable": _minor(record.refundable, currency),
        "tip": _minor(record.tip, currency),
        "shop_total": record.shop_total.minor if record.shop_total else None,
        "shop_currency": record.shop_total.currency if record.shop_total else None,
        "financial_status": record.financial_status,
        "fulfillment_status": record.fulfillment_status,
        "platform_status": record.platform_status,
        "return_status": record.return_status,
        "cancelled_at": record.cancelled_at,
        "cancel_reason": record.cancel_reason,
        "closed_at": record.closed_at,
        "promised_ship_at": record.promised_ship_at,
        "test": record.test,
        "gone_at": now if record.gone else None,
        "edited": record.edited,
        "taxes_included": record.taxes_included,
        "email": record.email,
        "phone": record.phone,
        "locale": record.locale,
        "customer_record": builtins(record.customer),
        "shipping_address": builtins(record.shipping_address),
        "billing_address": builtins(record.billing_address),
        "note": record.note,
        "tags": list(record.tags),
        "source": record.source,
        "discount_codes": list(record.discount_codes),
        "payment_methods": list(record.payment_methods),
        "risk": record.risk,
        "attributes": record.attributes,
        "shipping_lines": builtins(record.shipping_lines),
        **more,
    }


def _child_rows(
    record: OrderRecord, common: dict[str, Any], rows: dict[type[Base], list[dict[str, Any]]]
) -> None:
    builtins = msgspec.to_builtins
    currency = record.currency
    for position, line in enumerate(record.lines):
        rows[OrderLine].append(
            {
                **common,
                "platform_id": line.platform_id,
                "position": position,
                "title": line.title,
                "variant_title": line.variant_title,
                "sku": line.sku,
                "vendor": line.vendor,
                "product_id": line.product_id,
                "variant_id": line.variant_id,
                "image_url": line.image_url,
                "quantity": line.quantity,
                "current_quantity": line.current_quantity,
                "refundable_quantity": line.refundable_quantity,
                "unit_price": _minor(line.unit_price, currency),
                "total": _minor(line.total, currency),
                "tax": _minor(line.tax, currency),
                "taxes": builtins(line.taxes),
                "requires_shipping": line.requires_shipping,
                "is_gift_card": line.is_gift_card,
                "properties": line.properties,
                "added_at": line.added_at,
            }
        )
    for position, shipment in enumerate(record.fulfillments):
        rows[Fulfillment].append(
            {
                **common,
                "platform_id": shipment.platform_id,
                "position": position,
                "status": shipment.status,
                "shipment_status": shipment.shipment_status,
                "name": shipment.name,
                "shipped_at": shipment.shipped_at,
                "updated_at": shipment.updated_at,
                "delivered_at": shipment.delivered_at,
                "delivered_source": shipment.delivered_source,
                "estimated_delivery_at": shipment.estimated_delivery_at,
                "tracking": builtins(shipment.tracking),
                "lines": builtins(shipment.lines),
                "events": builtins(shipment.events),
            }
        )
    for position, item in enumerate(record.returns):
        rows[OrderReturn].append(
            {
                **common,
                "platform_id": item.platform_id,
                "position": position,
                "status": item.status,
                "name": item.name,
                "created_at": item.created_at,
                "closed_at": item.closed_at,
                "decline_reason": item.decline_reason,
                "lines": builtins(item.lines),
            }
        )
    for position, refund in enumerate(record.refunds):
        rows[Refund].append(
            {
                **common,
                "platform_id": refund.platform_id,
                "position": position,
                "created_at": refund.created_at,
                "amount": _minor(refund.amount, currency),
                "shipping": _minor(refund.shipping, currency),
                "note": refund.note,
                "marker": refund.marker,
                "return_id": refund.return_id,
                "paid_back": refund.paid_back,
                "lines": builtins(refund.lines),
            }
        )
    for position, payment in enumerate(record.transactions):
        rows[PaymentTransaction].append(
            {
                **common,
                "platform_id": payment.platform_id,
                "position": position,
                "kind": payment.kind,
                "status": payment.status,
                "amount": payment.amount.minor,
                "currency": payment.amount.currency,
                "gateway": payment.gateway,
                "gateway_title": payment.gateway_title,
                "manual": payment.manual,
                "parent_id": payment.parent_id,
                "created_at": payment.created_at,
                "account": payment.account,
            }
        )
    rows[OrderKey] += [{**common, "kind": kind, "value": value} for kind, value in _keys(record)]


def _keys(record: OrderRecord) -> list[tuple[str, str]]:
    """What people may quote for this order, as `contacts.key` writes it."""
    numbers = number_keys(record.name, record.number)
    tracking = {key(item.number) for shipment in record.fulfillments for item in shipment.tracking}
    return sorted(
        [("number", value) for value in numbers] + [("tracking", value) for value in tracking if value]
    )


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
        delete(Poison).where(Poison.store_id == store.id, Poison.platform_id.in_(platform_ids)),
        execution_options={"synchronize_session": False},
    )


def due_poison(work: Work, store_id: int) -> list[str]:
    """Unreadable orders whose next try is due."""
    return list(
        work.session.scalars(
            select(Poison.platform_id).where(Poison.store_id == store_id, Poison.due_at <= work.now())
        )
    )


def unknown_products(work: Work, store_id: int, platform_ids: set[str]) -> list[str]:
    """Those of the products that the cache has not met yet."""
    known = work.session.scalars(
        select(Product.platform_id).where(Product.store_id == store_id, Product.platform_id.in_(platform_ids))
    )
    return sorted(platform_ids - set(known))


def whereabouts(work: Work, order_id: int) -> tuple[int, str]:
    """(store, platform id) of an order. Raises NotFound."""
    row = work.session.execute(select(Order.store_id, Order.platform_id).where(Order.id == order_id)).first()
    if row is None:
        raise NotFound(f"no order {order_id}")
    return row.store_id, row.platform_id


def versions(
    work: Work, store_id: int, since: datetime, until: datetime
) -> dict[str, tuple[datetime, datetime, bool]]:
    """Platform id → (placed, updated, gone) of the cached orders placed in [since, until)."""
    rows = work.session.execute(
        select(Order.platform_id, Order.placed_at, Order.updated_at, Order.gone_at).where(
            Order.store_id == store_id, Order.placed_at >= since, Order.placed_at < until
        )
    )
    return {row.platform_id: (row.placed_at, row.updated_at, row.gone_at is not None) for row in rows}


def refunded_since(work: Work, store_id: int, since: datetime, until: datetime) -> set[str]:
    """Platform ids of cached orders placed in [since, until) that have refunds."""
    return set(
        work.session.scalars(
            select(Order.platform_id)
            .join(Refund, Refund.order_id == Order.id)
            .where(
                Order.store_id == store_id,
                Order.placed_at >= since,
                Order.placed_at < until,
                Order.gone_at.is_(None),
            )
        )
    )
