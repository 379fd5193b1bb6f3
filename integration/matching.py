"""Who fits what a conversation gives: e-mails, phones, numbers, a name. Reasons first, never a guess.

Reads the cache only, in a number of queries that does not grow with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import CTE, ColumnElement, Select, bindparam, func, or_, select, union_all

from integration.contacts import email_key, key, order_refs, phone_keys
from integration.db.accounts import Account
from integration.db.as_json import Writer
from integration.db.customers import ContactPoint, Customer
from integration.db.orders import Order, OrderKey
from integration.db.stores import Store
from integration.prepared import Prepared
from integration.work import ACCOUNT, Work

MOST_KEYS = 40
"""Most contacts or numbers looked up at once: a conversation has a handful, an attack thousands."""
MOST_MATCHES = 25


Contacts = dict[int, tuple[tuple[str, ...], tuple[str, ...]]]
"""Customer → e-mails and phones."""


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
    locale: str | None
    tags: tuple[str, ...]
    orders_count: int
    last_order_at: datetime | None


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
    ask: Asking | None = None,
) -> list[Match]:
    """Who in this account fits any of the contacts, order or tracking numbers, or the free text; best first.

    Never asks a store. An empty list means: looked, and nobody is known.

    `ask`: finds the owners of the contacts, for a caller who asks for more by the same statement.
    """
    by_email = {found: text for text in few(emails) if (found := email_key(text))}
    by_order = {found: text.strip() for text in few(orders) if (found := key(text))}
    texts = list(few(phones))
    q = "".join(char for char in q[:200] if char.isprintable()).strip()
    if q:
        if found := email_key(q):
            by_email.setdefault(found, q)
        by_order.update({found: text for text in (q, *order_refs(q)) if _quotable(found := key(text))})
        texts.append(q)
    by_phone = _phone_keys(work, texts)
    owners = NOBODY
    if by_email or by_phone:
        owners = (ask or _ask)(work, list(by_email), list(by_phone))
    hits = _by_contact(owners, by_email, by_phone) + _by_number(work, by_order)
    if q:
        hits += _by_text(work, q)
    return _rank(work, hits, owners)


def chosen(matches: Sequence[Match]) -> Match | None:
    """The match that may be opened without asking: nobody else is tied as strongly."""
    if not matches or matches[0].proof is Proof.NAME:
        return None
    best = [found for found in matches if found.proof == matches[0].proof]
    return best[0] if len(best) == 1 else None


def few(texts: Iterable[str]) -> list[str]:
    """Each text once, and not too many."""
    return list(dict.fromkeys(text for text in texts if text))[:MOST_KEYS]


def _quotable(number: str) -> bool:
    return any(char.isdigit() for char in number)


def named_by(work: Work, customer_id: int, *, emails: Iterable[str] = (), phones: Iterable[str] = ()) -> bool:
    """Whether one of these contacts is the person's, however many others share it."""
    own_emails, own_phones = contacts_of(work, [customer_id])[customer_id]
    asked = {email_key(text) for text in few(emails)}
    return bool(asked.intersection(own_emails) or _phone_keys(work, few(phones)).keys() & set(own_phones))


def contacts_of(work: Work, customer_ids: Sequence[int]) -> Contacts:
    """E-mails and phones of each person, oldest first."""
    found: Contacts = dict.fromkeys(customer_ids, ((), ()))
    return found | _by_person(_points_of.rows(work, people=list(customer_ids)))


class Point(NamedTuple):
    """One e-mail or phone of a person."""

    customer_id: int
    kind: str
    value: str


def _points(writer: Writer, wanted: ColumnElement[bool]) -> Select[Any]:
    """Oldest first."""
    point = writer.row(ContactPoint.customer_id, ContactPoint.kind, ContactPoint.value)
    return select(point).where(wanted).order_by(ContactPoint.id)


def contact_owners(writer: Writer) -> CTE:
    """Customers who have one of the e-mails or phones, not too many; the same wherever they are asked for.

    Found before all else (MATERIALIZED): a planner that sees the limit otherwise walks through everybody's
    contacts in the hope of meeting as many soon. Source: postgresql.org, "WITH Queries", 7.8.3.
    """
    ways = [
        select(ContactPoint.customer_id)
        .where(ContactPoint.kind == kind, writer.among(ContactPoint.value, name))
        .limit(MOST_KEYS * MOST_MATCHES)
        .subquery()
        for kind, name in (("email", "emails"), ("phone", "phones"))
    ]
    return union_all(*(select(one.c.customer_id) for one in ways)).cte("owner").prefix_with("MATERIALIZED")


_points_of = Prepared(Point, lambda writer: _points(writer, writer.among(ContactPoint.customer_id, "people")))


def _by_person(points: Iterable[Point]) -> Contacts:
    found: dict[int, tuple[list[str], list[str]]] = {}
    for customer_id, kind, value in points:
        found.setdefault(customer_id, ([], []))[0 if kind == "email" else 1].append(value)
    return {customer_id: (tuple(emails), tuple(phones)) for customer_id, (emails, phones) in found.items()}


def _phone_keys(work: Work, texts: Sequence[str]) -> dict[str, str]:
    """Every key under which a number may be stored. Numbers without a country code are at home in ours."""
    if not texts:
        return {}
    regions = [country for country in work.session.scalars(select(Store.country).distinct()) if country]
    return {found: text.strip() for text in texts for found in phone_keys(text, sorted(regions))}


def _by_contact(owners: Owners, emails: dict[str, str], phones: dict[str, str]) -> list[_Hit]:
    return [
        _Hit(customer_id, Proof.EMAIL if kind == "email" else Proof.PHONE, f"{kind}:{value}")
        for customer_id, kind, value in owners.points
        if value in (emails if kind == "email" else phones)
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


def _rank(work: Work, hits: Sequence[_Hit], owners: Owners) -> list[Match]:
    by_person: dict[int, list[_Hit]] = {}
    for hit in hits:
        by_person.setdefault(hit.customer_id, []).append(hit)
    people, known = list(owners.people), _by_person(owners.points)
    if others := [customer_id for customer_id in by_person if customer_id not in known]:
        people += _people.rows(work, people=others)
        known |= contacts_of(work, others)
    found = [
        Match(
            customer_id=row.id,
            name=row.name,
            why=tuple(
                dict.fromkeys(hit.why for hit in sorted(by_person[row.id], key=lambda hit: -hit.proof))
            ),
            proof=max(hit.proof for hit in by_person[row.id]),
            emails=known[row.id][0],
            phones=known[row.id][1],
            country=row.country,
            locale=row.locale,
            tags=tuple(str(tag) for tag in row.tags),
            orders_count=row.orders,
            last_order_at=row.last,
        )
        for row in people
    ]
    found.sort(key=_best_first)
    return found[:MOST_MATCHES]


class _Person(msgspec.Struct, frozen=True, array_like=True):
    """Who stands for themselves, with the number of their orders and the day of the last one."""

    id: int
    name: str
    country: str | None
    locale: str | None
    tags: tuple[Any, ...]
    orders: int
    last: datetime | None


def _persons(writer: Writer, wanted: ColumnElement[bool]) -> Select[Any]:
    mine = (Order.customer_id == Customer.id, Order.gone_at.is_(None), Order.test.is_(False))
    orders = select(func.count(Order.id)).where(*mine).correlate(Customer).scalar_subquery()
    last = select(func.max(Order.placed_at)).where(*mine).correlate(Customer).scalar_subquery()
    person = (Customer.id, Customer.name, Customer.country, Customer.locale, Customer.tags)
    return select(writer.row(*person, orders, last)).where(wanted, Customer.merged_into.is_(None))


_people = Prepared(_Person, lambda writer: _persons(writer, writer.among(Customer.id, "people")))


class Owners(msgspec.Struct, frozen=True, array_like=True):
    """Those who have what was looked for."""

    points: tuple[Point, ...]
    """All their contacts, oldest first."""
    people: tuple[_Person, ...]


NOBODY = Owners((), ())


Asking = Callable[[Work, list[str], list[str]], Owners]
"""Whoever has one of these e-mails or phones, by one query."""


def write_owners(writer: Writer, owner: CTE) -> ColumnElement[Any]:
    """`owner`: as `contact_owners`."""
    those = select(owner.c.customer_id)
    points = _points(writer, ContactPoint.customer_id.in_(those))
    people = _persons(writer, Customer.id.in_(those))
    return writer.row(writer.all(points), writer.all(people))


def _write(writer: Writer) -> Select[Any]:
    # From the account, so that what is written below it is confined to the account as well.
    return select(write_owners(writer, contact_owners(writer))).where(Account.id == bindparam(ACCOUNT))


_owners = Prepared(Owners, _write)


def _ask(work: Work, emails: list[str], phones: list[str]) -> Owners:
    (owners,) = _owners.rows(work, emails=emails, phones=phones)
    return owners


def _best_first(found: Match) -> tuple[float, ...]:
    last = found.last_order_at.timestamp() if found.last_order_at else 0.0
    return (-found.proof, -len(found.why), -last, found.customer_id)
