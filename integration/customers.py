"""Who is asking, and what they bought. Reads the cache only; the number of queries never grows with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import selectinload

from integration.contacts import key
from integration.db.customers import Customer
from integration.db.orders import Order, OrderKey, OrderReturn, PaymentTransaction, Refund
from integration.db.stores import Store
from integration.errors import NotFound
from integration.matching import MOST_MATCHES, Match, Proof, chosen, contacts_of, few, match
from integration.money import Money
from integration.records import FinancialStatus, Platform
from integration.work import Work

__all__ = [
    "Match",
    "Profile",
    "Proof",
    "chosen",
    "count_orders",
    "current_id",
    "find_order",
    "history",
    "match",
    "orders_by_reference",
    "profile",
]

HISTORY = 50
"""Orders of one person that a reading brings unless told otherwise."""

ORDER_PARTS = tuple(
    selectinload(part)
    for part in (Order.lines, Order.fulfillments, Order.returns, Order.refunds, Order.transactions)
)
"""Everything that hangs on orders, in one query a kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownStore:
    """A store in which the person bought."""

    id: int
    platform: Platform
    domain: str
    name: str
    orders_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One person across stores. Test orders and trashed ones count nowhere."""

    id: int
    name: str
    emails: tuple[str, ...]
    phones: tuple[str, ...]
    locale: str | None
    country: str | None
    tags: tuple[str, ...]
    orders_count: int
    total_spent: tuple[Money, ...]
    """Paid and not paid back, by currency; the currency with most orders first."""
    first_order_at: datetime | None
    last_order_at: datetime | None
    returns_count: int
    stores: tuple[KnownStore, ...]


def current_id(work: Work, customer_id: int) -> int:
    """The row that stands for the person today. Raises :exc:`NotFound` outside the account."""
    seen: set[int] = set()
    while customer_id not in seen:
        seen.add(customer_id)
        successors = work.session.scalars(
            select(Customer.merged_into).where(Customer.id == customer_id)
        ).all()
        if not successors:
            break
        if successors[0] is None:
            return customer_id
        customer_id = successors[0]
    raise NotFound("there is no customer with this id")


def profile(work: Work, customer_id: int) -> Profile:
    """The person across stores, found by today's id or any earlier one."""
    session = work.session
    customer_id = current_id(work, customer_id)
    customer = session.scalars(select(Customer).where(Customer.id == customer_id)).one()
    emails, phones = contacts_of(work, [customer_id])[customer_id]
    stores = session.execute(
        select(Store, func.count(Order.id), func.min(Order.placed_at), func.max(Order.placed_at))
        .join(Order, Order.store_id == Store.id)
        .where(Order.customer_id == customer_id, *_counted())
        .group_by(Store.id)
        .order_by(func.count(Order.id).desc(), Store.id)
    ).all()
    return Profile(
        id=customer.id,
        name=customer.name,
        emails=emails,
        phones=phones,
        locale=customer.locale,
        country=customer.country,
        tags=tuple(str(tag) for tag in customer.tags),
        orders_count=sum(count for _, count, _, _ in stores),
        total_spent=_spent(work, customer_id),
        first_order_at=min((first for _, _, first, _ in stores), default=None),
        last_order_at=max((last for _, _, _, last in stores), default=None),
        returns_count=_returns(work, customer_id),
        stores=tuple(
            KnownStore(
                id=store.id, platform=store.platform, domain=store.domain, name=store.name, orders_count=count
            )
            for store, count, _, _ in stores
        ),
    )


def history(
    work: Work, customer_ids: Iterable[int], *, limit: int = HISTORY, before: Order | None = None
) -> list[Order]:
    """Their orders with all parts, newest first; `before`: only those older than this one.

    Orders in the store's trash are left out.
    """
    query = _of(select(Order), customer_ids).options(*ORDER_PARTS)
    if before is not None:
        older = or_(Order.placed_at < before.placed_at, Order.id < before.id)
        query = query.where(Order.placed_at <= before.placed_at, older)
    query = query.order_by(Order.placed_at.desc(), Order.id.desc()).limit(limit)
    return list(work.session.scalars(query))


def count_orders(work: Work, customer_ids: Iterable[int]) -> int:
    """How many orders `history` could bring in all."""
    return work.session.scalar(_of(select(func.count(Order.id)), customer_ids)) or 0


def find_order(work: Work, order_id: int) -> Order:
    """One order with all its parts, trashed ones too. Raises :exc:`NotFound` outside the account."""
    order = work.session.scalars(
        select(Order).where(Order.id == order_id).options(*ORDER_PARTS)
    ).one_or_none()
    if order is None:
        raise NotFound("there is no order with this id")
    return order


def orders_by_reference(work: Work, references: Iterable[str], *, limit: int = MOST_MATCHES) -> list[Order]:
    """Orders that these numbers name, of guests without any contact too; newest first."""
    keys = {found for text in few(references) if (found := key(text))}
    if not keys:
        return []
    named = select(OrderKey.order_id).where(OrderKey.value.in_(keys))
    query = select(Order).where(Order.id.in_(named), Order.gone_at.is_(None)).options(*ORDER_PARTS)
    return list(work.session.scalars(query.order_by(Order.placed_at.desc(), Order.id.desc()).limit(limit)))


def _of(query: Select[Any], customer_ids: Iterable[int]) -> Select[Any]:
    return query.where(Order.customer_id.in_(list(customer_ids)), Order.gone_at.is_(None))


def _counted() -> tuple[ColumnElement[bool], ...]:
    """Which orders count in sums about a person."""
    return (Order.gone_at.is_(None), Order.test.is_(False))


PAID = (FinancialStatus.PAID, FinancialStatus.PARTIALLY_REFUNDED, FinancialStatus.REFUNDED)


def _spent(work: Work, customer_id: int) -> tuple[Money, ...]:
    """Paid and not paid back. Cancelled orders and what is pending, authorised, failed or voided were not

    spent; of a partly paid order the payments count.
    """
    mine = (Order.customer_id == customer_id, Order.cancelled_at.is_(None), *_counted())
    rows = work.session.execute(
        select(Order.currency, func.sum(Order.total - Order.refunded), func.count(Order.id))
        .where(*mine, Order.financial_status.in_(PAID))
        .group_by(Order.currency)
    ).all()
    sums = {currency: int(minor) for currency, minor, _ in rows}
    weight = {currency: count for currency, _, count in rows}
    parts = work.session.execute(
        select(Order.currency, func.sum(PaymentTransaction.amount))
        .join(PaymentTransaction, PaymentTransaction.order_id == Order.id)
        .where(
            *mine,
            Order.financial_status == FinancialStatus.PARTIALLY_PAID,
            PaymentTransaction.status == "success",
            PaymentTransaction.kind.in_(("sale", "capture")),
            PaymentTransaction.currency == Order.currency,
        )
        .group_by(Order.currency)
    )
    for currency, minor in parts:
        sums[currency] = sums.get(currency, 0) + int(minor)
    ordered = sorted(sums, key=lambda currency: (-weight.get(currency, 0), currency))
    return tuple(Money(max(0, sums[currency]), currency) for currency in ordered)


def _returns(work: Work, customer_id: int) -> int:
    """Returns that were not turned down. WooCommerce has none: there, a refund of pieces is one."""
    asked = work.session.scalar(
        select(func.count())
        .select_from(OrderReturn)
        .join(Order, Order.id == OrderReturn.order_id)
        .where(
            Order.customer_id == customer_id,
            *_counted(),
            OrderReturn.status.not_in(("declined", "canceled")),
        )
    )
    refunds = work.session.scalars(
        select(Refund.lines)
        .join(Order, Order.id == Refund.order_id)
        .join(Store, Store.id == Order.store_id)
        .where(
            Order.customer_id == customer_id,
            Order.cancelled_at.is_(None),
            Store.platform == Platform.WOOCOMMERCE,
            *_counted(),
        )
    )
    return (asked or 0) + sum(1 for lines in refunds if any(line.get("quantity") for line in lines))
