"""Who is asking, and what they bought. Reads the cache only; the number of queries never grows with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import selectinload

from integration.contacts import email_key, key, order_refs, phone_keys
from integration.db.customers import ContactPoint, Customer
from integration.db.orders import Order, OrderKey, OrderReturn, PaymentTransaction, Refund
from integration.db.stores import Store
from integration.errors import NotFound
from integration.money import Money
from integration.records import FinancialStatus, Platform
from integration.work import Work

MOST_KEYS = 40
"""Most contacts or numbers looked up at once: a conversation has a handful, an attack thousands."""
MOST_MATCHES = 25
HISTORY = 50
"""Orders of one person that a reading brings unless told otherwise."""

ORDER_PARTS = tuple(
    selectinload(part)
    for part in (Order.lines, Order.fulfillments, Order.returns, Order.refunds, Order.transactions)
)
"""Everything that hangs on orders, in one query a kind."""


class Proof(IntEnum):
    """How strongly a hit ties a conversation to a person. Higher wins, whatever the number of hits."""

    NAME = 0
    PHONE = 1  # families and offices share phones
    ORDER = 2  # two stores may have the same number
    TRACKING = 3
    EMAIL = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One person who fits, and why."""

    customer_id: int
    name: str
    why: tuple[str, ...]
    """`email:mari@x.ee`, `phone:+3725551234`, `order:#1042`, `tracking:CE1…`, `name:mari`; best first."""
    proof: Proof
    emails: tuple[str, ...]
    phones: tuple[str, ...]
    country: str | None
    orders_count: int
    last_order_at: datetime | None


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


@dataclass(frozen=True, slots=True)
class _Hit:
    customer_id: int
    proof: Proof
    why: str


def match(
    work: Work,
    *,
    emails: Iterable[str] = (),
    phones: Iterable[str] = (),
    orders: Iterable[str] = (),
    q: str = "",
) -> list[Match]:
    """Who in this account fits any of the contacts, order or tracking numbers, or the free text; best first.

    Never asks a store. An empty list means: looked, and nobody is known.
    """
    by_email = {found: text for text in _few(emails) if (found := email_key(text))}
    by_order = {found: text.strip() for text in _few(orders) if (found := key(text))}
    texts = list(_few(phones))
    q = "".join(char for char in q[:200] if char.isprintable()).strip()
    if q:
        if found := email_key(q):
            by_email.setdefault(found, q)
        by_order.update({found: text for text in (q, *order_refs(q)) if _quotable(found := key(text))})
        texts.append(q)
    by_phone = _phone_keys(work, texts)
    hits = [*_by_contact(work, by_email, by_phone), *_by_number(work, by_order)]
    if q:
        hits += _by_text(work, q)
    return _rank(work, hits)


def chosen(matches: Sequence[Match]) -> Match | None:
    """The match that may be opened without asking: nobody else is tied as strongly."""
    if not matches or matches[0].proof is Proof.NAME:
        return None
    best = [found for found in matches if found.proof == matches[0].proof]
    return best[0] if len(best) == 1 else None


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
    emails, phones = _contacts(work, [customer_id])[customer_id]
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
    keys = {found for text in _few(references) if (found := key(text))}
    if not keys:
        return []
    named = select(OrderKey.order_id).where(OrderKey.value.in_(keys))
    query = select(Order).where(Order.id.in_(named), Order.gone_at.is_(None)).options(*ORDER_PARTS)
    return list(work.session.scalars(query.order_by(Order.placed_at.desc(), Order.id.desc()).limit(limit)))


def _few(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(text for text in texts if text))[:MOST_KEYS]


def _quotable(number: str) -> bool:
    return any(char.isdigit() for char in number)


def _of(query: Select[Any], customer_ids: Iterable[int]) -> Select[Any]:
    return query.where(Order.customer_id.in_(list(customer_ids)), Order.gone_at.is_(None))


def _counted() -> tuple[ColumnElement[bool], ...]:
    """Which orders count in sums about a person."""
    return (Order.gone_at.is_(None), Order.test.is_(False))


def _phone_keys(work: Work, texts: Sequence[str]) -> dict[str, str]:
    """Every key under which a number may be stored. Numbers without a country code are at home in ours."""
    if not texts:
        return {}
    regions = [country for country in work.session.scalars(select(Store.country).distinct()) if country]
    return {found: text.strip() for text in texts for found in phone_keys(text, sorted(regions))}


def _by_contact(work: Work, emails: dict[str, str], phones: dict[str, str]) -> list[_Hit]:
    wanted = []
    if emails:
        wanted.append(and_(ContactPoint.kind == "email", ContactPoint.value.in_(emails)))
    if phones:
        wanted.append(and_(ContactPoint.kind == "phone", ContactPoint.value.in_(phones)))
    if not wanted:
        return []
    rows = work.session.execute(
        select(ContactPoint.customer_id, ContactPoint.kind, ContactPoint.value)
        .where(or_(*wanted))
        .order_by(ContactPoint.id)
        .limit(MOST_KEYS * MOST_MATCHES)
    )
    return [
        _Hit(customer_id, Proof.EMAIL if kind == "email" else Proof.PHONE, f"{kind}:{value}")
        for customer_id, kind, value in rows
    ]


def _by_number(work: Work, numbers: dict[str, str]) -> list[_Hit]:
    if not numbers:
        return []
    rows = work.session.execute(
        select(Order.customer_id, OrderKey.kind, OrderKey.value, Order.name)
        .join(OrderKey, OrderKey.order_id == Order.id)
        .where(OrderKey.value.in_(numbers), Order.customer_id.is_not(None), Order.gone_at.is_(None))
        .order_by(Order.placed_at.desc(), Order.id.desc())
        .limit(MOST_KEYS * MOST_MATCHES)
    )
    return [
        _Hit(customer_id, Proof.TRACKING, f"tracking:{value}")
        if kind == "tracking"
        else _Hit(customer_id, Proof.ORDER, f"order:{name}")
        for customer_id, kind, value, name in rows
        if customer_id is not None
    ]


def _by_text(work: Work, q: str) -> list[_Hit]:
    """People whose name holds every word, or whose e-mail begins with the text."""
    words = [word for word in q.split() if any(char.isalpha() for char in word)][:5]
    hits: list[_Hit] = []
    if words and sum(map(len, words)) >= 2:
        named = [
            or_(*(Customer.name.contains(way, autoescape=True) for way in _cases(word))) for word in words
        ]
        rows = work.session.scalars(
            select(Customer.id)
            .where(*named, Customer.merged_into.is_(None), Customer.redacted_at.is_(None))
            .order_by(Customer.updated_at.desc(), Customer.id)
            .limit(MOST_MATCHES)
        )
        hits += [_Hit(customer_id, Proof.NAME, f"name:{q.lower()}") for customer_id in rows]
    start = q.lower()
    if len(start) >= 3 and " " not in start and not email_key(start):
        points = work.session.execute(
            select(ContactPoint.customer_id, ContactPoint.value)
            .where(ContactPoint.kind == "email", ContactPoint.value.startswith(start, autoescape=True))
            .order_by(ContactPoint.value)
            .limit(MOST_MATCHES)
        )
        # The start of an address is no proof of the whole.
        hits += [_Hit(customer_id, Proof.NAME, f"email:{value}") for customer_id, value in points]
    return hits


def _cases(word: str) -> set[str]:
    """SQLite folds the case of ASCII only, and LIKE on Postgres folds nothing."""
    return {word, word.lower(), word.upper(), word.title()}


def _rank(work: Work, hits: Sequence[_Hit]) -> list[Match]:
    by_person: dict[int, list[_Hit]] = {}
    for hit in hits:
        by_person.setdefault(hit.customer_id, []).append(hit)
    people = {
        customer.id: customer
        for customer in work.session.scalars(select(Customer).where(Customer.id.in_(by_person)))
        if customer.merged_into is None
    }
    contacts = _contacts(work, list(people))
    orders = _order_facts(work, list(people))
    found = [
        Match(
            customer_id=person,
            name=customer.name,
            why=tuple(
                dict.fromkeys(hit.why for hit in sorted(by_person[person], key=lambda hit: -hit.proof))
            ),
            proof=max(hit.proof for hit in by_person[person]),
            emails=contacts[person][0],
            phones=contacts[person][1],
            country=customer.country,
            orders_count=orders.get(person, (0, None))[0],
            last_order_at=orders.get(person, (0, None))[1],
        )
        for person, customer in people.items()
    ]
    found.sort(key=_best_first)
    return found[:MOST_MATCHES]


def _best_first(found: Match) -> tuple[float, ...]:
    last = found.last_order_at.timestamp() if found.last_order_at else 0.0
    return (-found.proof, -len(found.why), -last, found.customer_id)


def _contacts(work: Work, customer_ids: Sequence[int]) -> dict[int, tuple[tuple[str, ...], tuple[str, ...]]]:
    """E-mails and phones of each person, oldest first."""
    found: dict[int, tuple[list[str], list[str]]] = {customer_id: ([], []) for customer_id in customer_ids}
    rows = work.session.execute(
        select(ContactPoint.customer_id, ContactPoint.kind, ContactPoint.value)
        .where(ContactPoint.customer_id.in_(customer_ids))
        .order_by(ContactPoint.id)
    )
    for customer_id, kind, value in rows:
        found[customer_id][0 if kind == "email" else 1].append(value)
    return {customer_id: (tuple(emails), tuple(phones)) for customer_id, (emails, phones) in found.items()}


def _order_facts(work: Work, customer_ids: Sequence[int]) -> dict[int, tuple[int, datetime | None]]:
    rows = work.session.execute(
        select(Order.customer_id, func.count(Order.id), func.max(Order.placed_at))
        .where(Order.customer_id.in_(customer_ids), *_counted())
        .group_by(Order.customer_id)
    )
    return {customer_id: (count, last) for customer_id, count, last in rows if customer_id is not None}


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
