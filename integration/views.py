"""Rows as the JSON API shows them: the shapes of the contract, as types and as what fills them.

The types are also what the API's description is generated from. Functions return plain values that
any JSON encoder takes: money as decimal text, times as RFC 3339 in UTC, ids as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import func, select

from integration.customers import Match, Profile
from integration.db.actions import Action, ActionStatus
from integration.db.audit import AuditEntry
from integration.db.inbox import Delivery, DeliveryStatus
from integration.db.orders import Fulfillment, Order, OrderLine
from integration.db.stores import Store, StoreStatus, SyncPhase
from integration.eligibility import OrderFacts, Verdicts, explain
from integration.ids import child_id, public_id, tail
from integration.money import Money
from integration.order_facts import pieces
from integration.ports import ActionKind
from integration.records import FinancialStatus, FulfillmentStatus, Platform
from integration.work import Work

Json = dict[str, Any]
Id = Annotated[str, Meta(min_length=1, max_length=100)]


class Shape(Struct, frozen=True, kw_only=True):
    """Base of what the API answers with. Every field is always there."""


class MoneyShape(Shape, frozen=True, kw_only=True):
    amount: Annotated[str, Meta(pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
    """Decimal text with the currency's own digits."""
    currency: Annotated[str, Meta(min_length=3, max_length=3)]


class AddressShape(Shape, frozen=True, kw_only=True):
    name: str
    company: str
    address1: str
    address2: str
    city: str
    province: str
    zip: str
    country: str
    phone: str


class LineShape(Shape, frozen=True, kw_only=True):
    id: Id
    platform_id: str
    sku: str
    title: str
    variant_title: str
    image_url: str | None
    quantity: int
    current_quantity: int
    refundable_quantity: int
    returned_quantity: int
    unit_price: MoneyShape
    total: MoneyShape
    """Charged for the line after discounts, tax included."""


class TrackingShape(Shape, frozen=True, kw_only=True):
    company: str
    number: str
    url: str | None


class PiecesShape(Shape, frozen=True, kw_only=True):
    line_id: Id
    quantity: int


class ScanShape(Shape, frozen=True, kw_only=True):
    status: str
    at: datetime
    message: str


class FulfillmentShape(Shape, frozen=True, kw_only=True):
    id: Id
    platform_id: str
    status: str
    shipped_at: datetime | None
    delivered_at: datetime | None
    delivered_source: Literal["carrier", "store", "agent", "estimate"] | None
    estimated_delivery_at: datetime | None
    tracking: list[TrackingShape]
    lines: list[PiecesShape]
    events: list[ScanShape]


class ReturnLineShape(Shape, frozen=True, kw_only=True):
    line_id: Id | None
    quantity: int
    reason: str
    note: str


class ReturnShape(Shape, frozen=True, kw_only=True):
    id: Id
    platform_id: str
    status: str
    lines: list[ReturnLineShape]


class RefundLineShape(Shape, frozen=True, kw_only=True):
    line_id: Id
    quantity: int
    amount: MoneyShape


class RefundShape(Shape, frozen=True, kw_only=True):
    id: Id
    platform_id: str
    created_at: datetime
    amount: MoneyShape
    lines: list[RefundLineShape]
    shipping: MoneyShape | None
    note: str


class OrderShape(Shape, frozen=True, kw_only=True):
    id: Id
    store_id: Id
    platform: Platform
    platform_id: str
    name: str
    placed_at: datetime
    updated_at: datetime
    synced_at: datetime
    currency: str
    total: MoneyShape
    subtotal: MoneyShape
    shipping: MoneyShape
    tax: MoneyShape
    discount: MoneyShape
    refunded: MoneyShape
    financial_status: FinancialStatus
    fulfillment_status: FulfillmentStatus
    cancelled_at: datetime | None
    gone_at: datetime | None
    """When the store had trashed or deleted it."""
    test: bool
    customer_id: Id | None
    email: str | None
    phone: str | None
    shipping_address: AddressShape | None
    lines: list[LineShape]
    fulfillments: list[FulfillmentShape]
    returns: list[ReturnShape]
    refunds: list[RefundShape]
    admin_url: str | None


class OrderPage(Shape, frozen=True, kw_only=True):
    items: list[OrderShape]
    next_cursor: str | None


class MatchShape(Shape, frozen=True, kw_only=True):
    id: Id
    name: str
    match: list[str]
    """Why, best first: `email:mari@example.ee`, `order:#1042`."""
    emails: list[str]
    phones: list[str]
    country: str | None
    orders_count: int
    last_order_at: datetime | None


class MatchList(Shape, frozen=True, kw_only=True):
    items: list[MatchShape]


class KnownStoreShape(Shape, frozen=True, kw_only=True):
    id: Id
    platform: Platform
    domain: str
    name: str
    orders_count: int


class CustomerShape(Shape, frozen=True, kw_only=True):
    id: Id
    name: str
    emails: list[str]
    phones: list[str]
    locale: str | None
    country: str | None
    orders_count: int
    total_spent: list[MoneyShape]
    first_order_at: datetime | None
    last_order_at: datetime | None
    returns_count: int
    stores: list[KnownStoreShape]


class SyncErrorShape(Shape, frozen=True, kw_only=True):
    code: str
    message: str
    next_step: str
    at: datetime | None


class SyncShape(Shape, frozen=True, kw_only=True):
    phase: SyncPhase
    done: int
    total: int | None
    lag_seconds: float | None
    """How far the copy may be behind; null while the first copy is not finished."""
    last_event_at: datetime | None
    last_reconciled_at: datetime | None
    oldest_order_at: datetime | None
    error: SyncErrorShape | None


class StoreShape(Shape, frozen=True, kw_only=True):
    id: Id
    platform: Platform
    domain: str
    name: str
    status: StoreStatus
    sync: SyncShape


class StoreList(Shape, frozen=True, kw_only=True):
    items: list[StoreShape]


class ActionErrorShape(Shape, frozen=True, kw_only=True):
    code: str
    message: str
    next_step: str


class ActionShape(Shape, frozen=True, kw_only=True):
    id: Id
    kind: ActionKind
    order_id: Id
    status: ActionStatus
    amount: MoneyShape | None
    requested_by: str
    approved_by: str | None
    created_at: datetime
    finished_at: datetime | None
    platform_id: str | None
    error: ActionErrorShape | None


class AuditShape(Shape, frozen=True, kw_only=True):
    id: Id
    number: int
    at: datetime
    event: str
    actor: str
    proof: str
    order_id: Id | None
    action_id: Id | None
    detail: dict[str, Any]
    note: str | None
    """The words said then, while they may still be kept."""
    hash: str


class AuditPage(Shape, frozen=True, kw_only=True):
    items: list[AuditShape]
    next_cursor: str | None


class TenderShape(Shape, frozen=True, kw_only=True):
    gateway: str
    amount: MoneyShape


class LawShape(Shape, frozen=True, kw_only=True):
    id: str | None
    citation: str
    status: str


class ReasonShape(Shape, frozen=True, kw_only=True):
    rule: str
    text: str
    source: str


class VerdictShape(Shape, frozen=True, kw_only=True):
    line_id: Id
    quantity: int
    verdict: Literal["accept", "refuse", "review"]
    basis: Literal["law", "policy", "law+policy", "conformity", "none"]
    law_until: str | None
    """A day, `open`, or null."""
    policy_until: str | None
    policy_version: str | None
    reasons: list[ReasonShape]
    facts: list[dict[str, Any]]
    missing: list[dict[str, Any]]
    resolutions: list[str]


class DueShape(Shape, frozen=True, kw_only=True):
    items: MoneyShape
    outbound: MoneyShape
    restock: MoneyShape
    label: MoneyShape
    diminished: MoneyShape
    total: MoneyShape
    due: str | None
    tenders: list[TenderShape]


class EligibilityShape(Shape, frozen=True, kw_only=True):
    order_id: Id
    evaluated_at: datetime
    notice_at: datetime
    country: str | None
    law: LawShape
    lines: list[VerdictShape]
    refund: DueShape
    disclaimer: str


class PreviewLineShape(Shape, frozen=True, kw_only=True):
    line_id: Id
    quantity: int
    amount: MoneyShape


class PreviewShape(Shape, frozen=True, kw_only=True):
    amount: MoneyShape
    lines: list[PreviewLineShape]
    shipping: MoneyShape | None
    fees: MoneyShape | None
    tenders: list[TenderShape]
    platform_amount: MoneyShape | None
    difference: str | None
    allowed: bool
    needs_approval: bool
    reasons: list[dict[str, str]]


class ProblemShape(Shape, frozen=True, kw_only=True):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    code: str


def order(row: Order, store: Store) -> Json:
    """One order with all its parts, which must be loaded."""
    money = _in(row.currency)
    return _plain(
        OrderShape(
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


def admin_url(row: Order, store: Store) -> str | None:
    """The order's page in the store's own admin."""
    if not store.url.startswith(("https://", "http://")):
        return None
    number = tail(row.platform_id)
    if store.platform is Platform.SHOPIFY:
        return f"{store.url}/admin/orders/{number}"
    return f"{store.url}/wp-admin/admin.php?page=wc-orders&action=edit&id={number}"


def match(found: Match) -> Json:
    return _plain(
        MatchShape(
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
        CustomerShape(
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
                KnownStoreShape(
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


def action(row: Action) -> Json:
    amount = None
    if row.amount is not None and row.currency is not None:
        amount = _money(Money(row.amount, row.currency))
    error = row.error or None
    return _plain(
        ActionShape(
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
            error=ActionErrorShape(
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
        AuditShape(
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


def _plain(shape: Shape) -> Json:
    result: Json = msgspec.to_builtins(shape)
    return result


def _money(amount: Money) -> MoneyShape:
    return MoneyShape(amount=amount.text, currency=amount.currency)


def _in(currency: str) -> Any:
    return lambda minor: _money(Money(minor, currency))


def _of_json(value: Mapping[str, Any] | None, currency: str) -> MoneyShape:
    minor, own = (value or {}).get("minor", 0), (value or {}).get("currency", currency)
    return _money(Money(int(minor), str(own)))


def _address(address: Mapping[str, Any] | None) -> AddressShape | None:
    if not address:
        return None
    return AddressShape(**{name: str(address.get(name) or "") for name in AddressShape.__struct_fields__})


def _line(row: Order, line: OrderLine) -> LineShape:
    state = pieces(row, line)
    return LineShape(
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


def _fulfillments(row: Order) -> list[FulfillmentShape]:
    return [
        FulfillmentShape(
            id=child_id(row.id, parcel.platform_id),
            platform_id=parcel.platform_id,
            status=_shipment(parcel),
            shipped_at=parcel.shipped_at,
            delivered_at=parcel.delivered_at,
            delivered_source=_source(parcel.delivered_source),
            estimated_delivery_at=parcel.estimated_delivery_at,
            tracking=[
                TrackingShape(
                    company=item.get("company", ""), number=item.get("number", ""), url=item.get("url")
                )
                for item in parcel.tracking
            ],
            lines=[
                PiecesShape(line_id=child_id(row.id, part["line_id"]), quantity=part["quantity"])
                for part in parcel.lines
            ],
            events=[
                ScanShape(
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


def _returns(row: Order) -> list[ReturnShape]:
    return [
        ReturnShape(
            id=child_id(row.id, item.platform_id),
            platform_id=item.platform_id,
            status=item.status,
            lines=[
                ReturnLineShape(
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


def _refunds(row: Order) -> list[RefundShape]:
    return [
        RefundShape(
            id=child_id(row.id, refund.platform_id),
            platform_id=refund.platform_id,
            created_at=refund.created_at,
            amount=_money(Money(refund.amount, row.currency)),
            lines=[
                RefundLineShape(
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
    return _plain(
        StoreShape(
            id=public_id(row.id),
            platform=row.platform,
            domain=row.domain,
            name=row.name,
            status=row.status,
            sync=SyncShape(
                phase=sync.phase,
                done=sync.done,
                total=sync.total,
                lag_seconds=lag(row, now, waiting_since),
                last_event_at=sync.last_event_at,
                last_reconciled_at=sync.last_reconciled_at,
                oldest_order_at=sync.oldest_order_at,
                error=SyncErrorShape(
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
    """Seconds that the copy may be behind: since the oldest event that waits, or, while the store cannot

    be read, since we last heard of it. None: nothing was ever finished.
    """
    sync = store.sync
    heard = [at for at in (sync.last_reconciled_at, sync.last_event_at, sync.backfilled_at) if at is not None]
    if sync.backfilled_at is None and sync.last_reconciled_at is None:
        return None
    since = [waiting_since] if waiting_since is not None else []
    if sync.error and heard:
        since.append(max(heard))
    return max((max(timedelta(0), now - at).total_seconds() for at in since), default=0.0)


def _oldest_waiting(work: Work) -> dict[int, datetime]:
    """Store → arrival of its oldest event that was not acted on yet."""
    rows = work.session.execute(
        select(Delivery.store_id, func.min(Delivery.received_at))
        .where(Delivery.status == DeliveryStatus.PENDING)
        .group_by(Delivery.store_id)
    )
    return {store_id: oldest for store_id, oldest in rows if oldest is not None}
