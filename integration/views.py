"""Rows as the JSON API shows them: what fills `shapes`.

Functions return plain values that any JSON encoder takes: money as decimal text, times as RFC 3339 in
UTC, ids as text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from sqlalchemy import func, select

from integration import shapes
from integration.customers import Match, Profile
from integration.db.actions import Action
from integration.db.audit import AuditEntry
from integration.db.inbox import Delivery, DeliveryStatus
from integration.db.orders import Fulfillment, Order, OrderLine
from integration.db.policies import Withdrawal
from integration.db.stores import Store, StoreStatus
from integration.eligibility import OrderFacts, Verdicts, explain
from integration.ids import child_id, public_id, tail
from integration.money import Money
from integration.order_facts import pieces
from integration.plain_orders import SeenOrder
from integration.records import Platform
from integration.store_status import pace
from integration.syncing import LATE_AFTER
from integration.terms import AnyStore
from integration.work import Work

Json = dict[str, Any]


def order(row: Order, store: Store) -> Json:
    """One order with all its parts, which must be loaded."""
    money = _in(row.currency)
    return _plain(
        shapes.Order(
            id=public_id(row.id),
            store_id=public_id(row.store_id),
            platform=store.platform,
            platform_id=row.platform_id,
            name=row.name,
            placed_at=row.placed_at,
            updated_at=row.updated_at,
            synced_at=row.synced_at,
            currency=row.currency,
            total=money(row.total),
            subtotal=money(row.subtotal),
            shipping=money(row.shipping),
            tax=money(row.tax),
            discount=money(row.discount),
            refunded=money(row.refunded),
            financial_status=row.financial_status,
            fulfillment_status=row.fulfillment_status,
            cancelled_at=row.cancelled_at,
            gone_at=row.gone_at,
            test=row.test,
            customer_id=public_id(row.customer_id) if row.customer_id is not None else None,
            email=row.email,
            phone=row.phone,
            shipping_address=_address(row.shipping_address),
            lines=[_line(row, line) for line in row.lines],
            fulfillments=_fulfillments(row),
            returns=_returns(row),
            refunds=_refunds(row),
            admin_url=admin_url(row, store),
        )
    )


def admin_url(row: SeenOrder, store: AnyStore) -> str | None:
    """The order's page in the store's own admin."""
    if not store.url.startswith(("https://", "http://")):
        return None
    number = tail(row.platform_id)
    if store.platform is Platform.SHOPIFY:
        return f"{store.url}/admin/orders/{number}"
    return f"{store.url}/wp-admin/admin.php?page=wc-orders&action=edit&id={number}"


def match(found: Match) -> Json:
    return _plain(
        shapes.Match(
            id=public_id(found.customer_id),
            name=found.name,
            match=list(found.why),
            emails=list(found.emails),
            phones=list(found.phones),
            country=found.country,
            orders_count=found.orders_count,
            last_order_at=found.last_order_at,
        )
    )


def customer(person: Profile) -> Json:
    return _plain(
        shapes.Customer(
            id=public_id(person.id),
            name=person.name,
            emails=list(person.emails),
            phones=list(person.phones),
            locale=person.locale,
            country=person.country,
            orders_count=person.orders_count,
            total_spent=[_money(spent) for spent in person.total_spent],
            first_order_at=person.first_order_at,
            last_order_at=person.last_order_at,
            returns_count=person.returns_count,
            stores=[
                shapes.KnownStore(
                    id=public_id(known.id),
                    platform=known.platform,
                    domain=known.domain,
                    name=known.name,
                    orders_count=known.orders_count,
                )
                for known in person.stores
            ],
        )
    )


def stores(work: Work, rows: Sequence[Store]) -> list[Json]:
    """Stores with their loaded sync state; one query for all of them."""
    waiting = _oldest_waiting(work)
    now = work.now()
    return [_store(row, now, waiting.get(row.id)) for row in rows]


def withdrawal(row: Withdrawal) -> Json:
    return _plain(
        shapes.Withdrawal(
            id=public_id(row.id),
            order_id=public_id(row.order_id),
            lines=[
                shapes.WithdrawalLine(
                    line_id=child_id(row.order_id, str(part["line_id"])), quantity=int(part["quantity"])
                )
                for part in row.lines
            ],
            received_at=row.received_at,
            channel=row.channel,  # type: ignore[arg-type] # one of withdrawals.CHANNELS
            recorded_at=row.recorded_at,
            recorded_by=row.recorded_by,
            acknowledged_at=row.acknowledged_at,
            acknowledged_how=row.acknowledged_how or None,  # type: ignore[arg-type] # one of DURABLE
            goods_at=row.goods_at,
            proof_at=row.proof_at,
            refund_due=row.refund_due,
            return_due=row.return_due,
            closed_at=row.closed_at,
        )
    )


def action(row: Action) -> Json:
    amount = None
    if row.amount is not None and row.currency is not None:
        amount = _money(Money(row.amount, row.currency))
    error = row.error or None
    return _plain(
        shapes.Action(
            id=public_id(row.id),
            kind=row.kind,
            order_id=public_id(row.order_id),
            status=row.status,
            amount=amount,
            requested_by=row.requested_by,
            approved_by=row.approved_by,
            created_at=row.created_at,
            finished_at=row.finished_at,
            platform_id=row.platform_id,
            paid_back=(row.receipt or {}).get("paid_back"),
            error=shapes.ActionError(
                code=str(error.get("code", "")),
                message=str(error.get("message", "")),
                next_step=str(error.get("next_step", "")),
            )
            if error
            else None,
        )
    )


def audit_entry(row: AuditEntry) -> Json:
    words = [str(value) for value in (row.personal or {}).values() if value]
    return _plain(
        shapes.AuditEntry(
            id=public_id(row.id),
            number=row.number,
            at=row.at,
            event=row.event,
            actor=row.actor,
            proof=row.proof,
            order_id=public_id(row.order_id) if row.order_id is not None else None,
            action_id=public_id(row.action_id) if row.action_id is not None else None,
            detail=row.detail,
            note=" · ".join(words) or None,
            hash=row.hash,
        )
    )


def eligibility(verdicts: Verdicts, facts: OrderFacts, order_id: int, evaluated_at: datetime) -> Json:
    """The verdicts in English, with every reason, fact and gap."""
    return explain.to_json(verdicts, facts, order_id=public_id(order_id), evaluated_at=evaluated_at)


def _plain(shape: shapes.Shape) -> Json:
    result: Json = msgspec.to_builtins(shape)
    return result


def _money(amount: Money) -> shapes.Money:
    return shapes.Money(amount=amount.text, currency=amount.currency)


def _in(currency: str) -> Callable[[int], shapes.Money]:
    return lambda minor: _money(Money(minor, currency))


def _of_json(value: Mapping[str, Any] | None, currency: str) -> shapes.Money:
    minor, own = (value or {}).get("minor", 0), (value or {}).get("currency", currency)
    return _money(Money(int(minor), str(own)))


def _address(address: Mapping[str, Any] | None) -> shapes.Address | None:
    if not address:
        return None
    return shapes.Address(**{name: str(address.get(name) or "") for name in shapes.Address.__struct_fields__})


def _line(row: Order, line: OrderLine) -> shapes.Line:
    state = pieces(row, line)
    return shapes.Line(
        id=child_id(row.id, line.platform_id),
        platform_id=line.platform_id,
        sku=line.sku,
        title=line.title,
        variant_title=line.variant_title,
        image_url=line.image_url,
        quantity=line.quantity,
        current_quantity=line.current_quantity,
        refundable_quantity=line.refundable_quantity,
        returned_quantity=state.refunded + state.exchanged,
        unit_price=_money(Money(line.unit_price, row.currency)),
        total=_money(Money(line.total, row.currency)),
    )


def _fulfillments(row: Order) -> list[shapes.Fulfillment]:
    return [
        shapes.Fulfillment(
            id=child_id(row.id, parcel.platform_id),
            platform_id=parcel.platform_id,
            status=_shipment(parcel),
            shipped_at=parcel.shipped_at,
            delivered_at=parcel.delivered_at,
            delivered_source=_source(parcel.delivered_source),
            estimated_delivery_at=parcel.estimated_delivery_at,
            tracking=[
                shapes.Tracking(
                    company=item.get("company", ""), number=item.get("number", ""), url=item.get("url")
                )
                for item in parcel.tracking
            ],
            lines=[
                shapes.Pieces(line_id=child_id(row.id, part["line_id"]), quantity=part["quantity"])
                for part in parcel.lines
            ],
            events=[
                shapes.Scan(
                    status=scan["status"],
                    at=datetime.fromisoformat(scan["at"]),
                    message=scan.get("message", ""),
                )
                for scan in parcel.events
            ],
        )
        for parcel in row.fulfillments
    ]


def _shipment(parcel: Fulfillment) -> str:
    """Where the parcel is, in the words of its scans; else what the store says of the fulfillment."""
    if parcel.delivered_at is not None and parcel.delivered_source != "estimate":
        return "delivered"
    return parcel.shipment_status or parcel.status


def _source(word: str | None) -> Literal["carrier", "store", "agent", "estimate"] | None:
    match word:
        case "carrier" | "store" | "agent" | "estimate":
            return word
        case _:
            return None


def _returns(row: Order) -> list[shapes.Return]:
    return [
        shapes.Return(
            id=child_id(row.id, item.platform_id),
            platform_id=item.platform_id,
            status=item.status,
            lines=[
                shapes.ReturnLine(
                    line_id=child_id(row.id, part["line_id"]) if part.get("line_id") else None,
                    quantity=part["quantity"],
                    reason=part.get("reason", ""),
                    note=part.get("note", ""),
                )
                for part in item.lines
            ],
        )
        for item in row.returns
    ]


def _refunds(row: Order) -> list[shapes.Refund]:
    return [
        shapes.Refund(
            id=child_id(row.id, refund.platform_id),
            platform_id=refund.platform_id,
            created_at=refund.created_at,
            amount=_money(Money(refund.amount, row.currency)),
            lines=[
                shapes.RefundLine(
                    line_id=child_id(row.id, part["line_id"]),
                    quantity=part["quantity"],
                    amount=_of_json(part.get("amount"), row.currency),
                )
                for part in refund.lines
            ],
            shipping=_money(Money(refund.shipping, row.currency)) if refund.shipping is not None else None,
            note=refund.note,
        )
        for refund in row.refunds
    ]


def _store(row: Store, now: datetime, waiting_since: datetime | None) -> Json:
    sync = row.sync
    error = sync.error or None
    rate, left = pace(sync, now)
    return _plain(
        shapes.Store(
            id=public_id(row.id),
            platform=row.platform,
            domain=row.domain,
            name=row.name,
            status=row.status,
            sync=shapes.Sync(
                phase=sync.phase,
                done=sync.done,
                total=sync.total,
                orders_per_second=rate,
                seconds_left=left,
                lag_seconds=lag(row, now, waiting_since),
                last_event_at=sync.last_event_at,
                last_reconciled_at=sync.last_reconciled_at,
                oldest_order_at=sync.oldest_order_at,
                error=shapes.SyncError(
                    code=str(error.get("code", "")),
                    message=str(error.get("message", "")),
                    next_step=str(error.get("next_step", "")),
                    at=datetime.fromisoformat(error["at"]) if error.get("at") else None,
                )
                if error
                else None,
            ),
        )
    )


def lag(store: Store, now: datetime, waiting_since: datetime | None) -> float | None:
    """Seconds that the copy may be behind. None: nothing was ever finished.

    Since the oldest event that waits, or the change that a probe missed (`integration.probing`); while the
    store cannot be read, since we last heard of it; and once it should have been reconciled and was not
    (whoever is asleep), since it last was.
    """
    sync = store.sync
    heard = [at for at in (sync.last_reconciled_at, sync.last_event_at, sync.backfilled_at) if at is not None]
    reached = sync.last_reconciled_at or sync.backfilled_at
    if reached is None:
        return None
    since = [at for at in (waiting_since, sync.behind_since) if at is not None]
    if sync.error or store.status is StoreStatus.DISCONNECTED:
        since.append(max(heard))
    if now - reached > LATE_AFTER:
        since.append(reached)
    return max((max(timedelta(0), now - at).total_seconds() for at in since), default=0.0)


def _oldest_waiting(work: Work) -> dict[int, datetime]:
    """Store → arrival of its oldest event that was not acted on yet."""
    rows = work.session.execute(
        select(Delivery.store_id, func.min(Delivery.received_at))
        .where(Delivery.status == DeliveryStatus.PENDING)
        .group_by(Delivery.store_id)
    )
    return {store_id: oldest for store_id, oldest in rows if oldest is not None}
