"""Who is asking, and what they bought. Reads the cache only; the number of queries never grows with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import selectinload

from integration.contacts import key
from integration.db.as_json import Writer
from integration.db.customers import Customer
from integration.db.orders import Order, OrderKey, OrderReturn, PaymentTransaction, Refund
from integration.db.stores import Store
from integration.errors import NotFound
from integration.matching import MOST_MATCHES, Match, Proof, chosen, contacts_of, few, match, named_by
from integration.money import Money
from integration.plain_orders import ShownOrder, read_history
from integration.prepared import CUSTOMER, Prepared
from integration.records import FinancialStatus, Platform
from integration.work import Work

__all__ = [
    "Match",
    "Profile",
    "Proof",
    "chosen",
    "current_id",
    "find_order",
    "history",
    "match",
    "named_by",
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
    return _today(work, customer_id).id


def _today(work: Work, customer_id: int) -> Customer:
    """Follows merges: one query for most people."""
    seen: set[int] = set()
    while customer_id not in seen:
        seen.add(customer_id)
        customer = work.session.scalars(select(Customer).where(Customer.id == customer_id)).one_or_none()
        if customer is None:
            break
        if customer.merged_into is None:
            return customer
        customer_id = customer.merged_into
    raise NotFound("there is no customer with this id")


def profile(
    work: Work, customer_id: int, *, known: Match | None = None, bought: Sequence[Bought] | None = None
) -> Profile:
    """The person across stores, found by today's id or any earlier one.

    `known`: what `match` has just read of a person in the same transaction, so as not to read it again;
    `bought`: likewise what `read_bought` says of them.
    """
    person = known if known is not None and known.customer_id == customer_id else _person(work, customer_id)
    groups = read_bought(work, person.customer_id) if bought is None else bought
    stores = _stores(groups)
    return Profile(
        id=person.customer_id,
        name=person.name,
        emails=person.emails,
        phones=person.phones,
        locale=person.locale,
        country=person.country,
        tags=person.tags,
        orders_count=sum(store.orders_count for store in stores),
        total_spent=_spent(work, person.customer_id, groups),
        first_order_at=min((group.first for group in groups), default=None),
        last_order_at=max((group.last for group in groups), default=None),
        returns_count=_returns(work, person.customer_id, groups, stores),
        stores=stores,
    )


@dataclass(frozen=True, slots=True)
class _Person:
    """What a profile needs of the person alone; `Match` has it too."""

    customer_id: int
    name: str
    emails: tuple[str, ...]
    phones: tuple[str, ...]
    locale: str | None
    country: str | None
    tags: tuple[str, ...]


def _person(work: Work, customer_id: int) -> _Person:
    row = _today(work, customer_id)
    emails, phones = contacts_of(work, [row.id])[row.id]
    tags = tuple(str(tag) for tag in row.tags)
    return _Person(row.id, row.name, emails, phones, row.locale, row.country, tags)


def history(work: Work, customer_id: int, *, limit: int = HISTORY) -> list[ShownOrder]:
    """The person's orders with all parts, newest first, by one query. What is in the store's trash is left

    out.
    """
    return read_history(work, customer_id, limit=limit)


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


def _counted() -> tuple[ColumnElement[bool], ...]:
    """Which orders count in sums about a person."""
    return (Order.gone_at.is_(None), Order.test.is_(False))


PAID = (FinancialStatus.PAID, FinancialStatus.PARTIALLY_REFUNDED, FinancialStatus.REFUNDED)


class Bought(msgspec.Struct, frozen=True, array_like=True):
    """Orders of one store, currency and state of payment."""

    store_id: int
    platform: Platform
    domain: str
    store_name: str
    currency: str
    paid: FinancialStatus
    cancelled: bool
    count: int
    first: datetime
    last: datetime
    kept: int
    """Their totals, less what went back, in minor units."""
    asked: int
    """Returns of the person that were not turned down: the same in every group."""


def write_bought(writer: Writer, person: ColumnElement[int] = CUSTOMER) -> Select[Any]:
    """What the person bought, summed up by one query."""
    asked = (
        select(func.count())
        .select_from(OrderReturn)
        .join(Order, Order.id == OrderReturn.order_id)
        .where(
            Order.customer_id == person,
            *_counted(),
            OrderReturn.status != "declined",
            OrderReturn.status != "canceled",
        )
        .correlate(None)
        .scalar_subquery()
    )
    cancelled = Order.cancelled_at.is_not(None)
    alike = (
        Store.id,
        Store.platform,
        Store.domain,
        Store.name,
        Order.currency,
        Order.financial_status,
        cancelled,
    )
    sums = (
        func.count(Order.id),
        func.min(Order.placed_at),
        func.max(Order.placed_at),
        func.sum(Order.total - Order.refunded),
        asked,
    )
    return (
        select(writer.row(*alike, *sums))
        .join_from(Order, Store, Order.store_id == Store.id)
        .where(Order.customer_id == person, *_counted())
        .group_by(*alike)
    )


_bought = Prepared(Bought, write_bought)


def read_bought(work: Work, customer_id: int) -> list[Bought]:
    """One query."""
    return _bought.rows(work, customer=customer_id)


def _stores(groups: Iterable[Bought]) -> tuple[KnownStore, ...]:
    """The store with most orders first."""
    counts: Counter[tuple[int, Platform, str, str]] = Counter()
    for group in groups:
        counts[group.store_id, group.platform, group.domain, group.store_name] += group.count
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0][0]))
    return tuple(
        KnownStore(id=store_id, platform=platform, domain=domain, name=name, orders_count=count)
        for (store_id, platform, domain, name), count in ordered
    )


def _spent(work: Work, customer_id: int, groups: Iterable[Bought]) -> tuple[Money, ...]:
    """Paid and not paid back. Cancelled orders and what is pending, authorised, failed or voided were not

    spent; of a partly paid order the payments count.
    """
    lasting = [group for group in groups if not group.cancelled]
    sums: Counter[str] = Counter()
    weight: Counter[str] = Counter()
    for group in lasting:
        if group.paid in PAID:
            sums[group.currency] += group.kept
            weight[group.currency] += group.count
    if any(group.paid is FinancialStatus.PARTIALLY_PAID for group in lasting):
        sums.update(_part_payments(work, customer_id))
    ordered = sorted(sums, key=lambda currency: (-weight[currency], currency))
    return tuple(Money(max(0, sums[currency]), currency) for currency in ordered)


def _part_payments(work: Work, customer_id: int) -> dict[str, int]:
    """What was paid of orders that are partly paid, by currency."""
    rows = work.session.execute(
        select(Order.currency, func.sum(PaymentTransaction.amount))
        .join(PaymentTransaction, PaymentTransaction.order_id == Order.id)
        .where(
            Order.customer_id == customer_id,
            Order.cancelled_at.is_(None),
            *_counted(),
            Order.financial_status == FinancialStatus.PARTIALLY_PAID,
            PaymentTransaction.status == "success",
            PaymentTransaction.kind.in_(("sale", "capture")),
            PaymentTransaction.currency == Order.currency,
        )
        .group_by(Order.currency)
    )
    return {currency: int(minor) for currency, minor in rows}


def _returns(work: Work, customer_id: int, groups: Sequence[Bought], stores: Iterable[KnownStore]) -> int:
    """Returns that were not turned down. WooCommerce has none: there, a refund of pieces is one."""
    asked = groups[0].asked if groups else 0
    if not any(store.platform is Platform.WOOCOMMERCE for store in stores):
        return asked
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
    return asked + sum(1 for lines in refunds if any(line.get("quantity") for line in lines))
