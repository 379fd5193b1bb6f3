"""Who is the same person: orders of several stores, guests and accounts, joined by what proves it.

An e-mail or a store's own customer record joins for certain, so two persons that turn out to share
one become one. A phone never merges (families and offices share phones): orders that have nothing else
are of a person by themselves, whom a search for the number finds beside the others. So the result does
not depend on the order of arrival.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import aliased

from integration.contacts import email_key, phone_key
from integration.db.accounts import Account
from integration.db.actions import Contact
from integration.db.bulk import among, insert_rows, new_ids
from integration.db.customers import ContactPoint, Customer, StoreCustomer, Tombstone
from integration.db.orders import Order
from integration.db.stores import Store
from integration.recorded import record_of
from integration.records import OrderRecord
from integration.work import Work


def learn_again(work: Work, orders: Mapping[int, Sequence[Order]]) -> None:
    """Contacts and description of people as their orders (whole, by customer id) tell them."""
    stores = {store.id: store for store in work.session.scalars(select(Store))}
    for customer_id, theirs in orders.items():
        for store_id in {order.store_id for order in theirs}:
            records = [record_of(order) for order in theirs if order.store_id == store_id]
            for person in _components(stores[store_id], records):
                person.known = {customer_id}
                _remember(work, stores[store_id], [person])


def tombstone_digest(store_id: int, kind: str, value: str) -> str:
    """What is kept of a redacted person: enough to recognise, too little to read."""
    return hashlib.blake2b(f"{store_id}\n{kind}\n{value}".encode(), digest_size=20).hexdigest()


@dataclass(eq=False)
class _Person:
    """Everything that one component of the batch knows about a person."""

    keys: set[tuple[str, str]] = field(default_factory=set)
    orders: list[OrderRecord] = field(default_factory=list)
    known: set[int] = field(default_factory=set)
    emails: dict[str, str] = field(default_factory=dict)
    phones: dict[str, str] = field(default_factory=dict)
    store_ids: set[str] = field(default_factory=set)
    is_new: bool = False


def lock_account(work: Work) -> None:
    """One writer of an account at a time. Inserts that point at the account are not held up.

    The first thing that a transaction does which writes to more than one table of a store: audit entries
    and orders need this lock in any case, and who takes it later may wait in a circle with who has it.
    """
    work.session.execute(
        select(Account.id).where(Account.id == work.account_id).with_for_update(key_share=True)
    )


def resolve(work: Work, store: Store, records: Sequence[OrderRecord]) -> dict[str, int]:
    """The person behind each order, made or merged as needed: platform id of the order → customer id.

    Orders without any contact (and redacted ones) have no person. Hold `lock_account`.
    """
    people = _components(store, records)
    if not people:
        return {}
    _find_known(work, store, people)
    found: dict[str, int] = {}
    joined = _join_by_known(people)
    _create_missing(work, joined)
    for person in joined:
        keeper = min(person.known)
        _merge(work, keeper, person.known - {keeper})
        found.update({order.platform_id: keeper for order in person.orders})
    _remember(work, store, joined)
    return found


_phone_key = lru_cache(maxsize=4096)(phone_key)
_email_key = lru_cache(maxsize=4096)(email_key)
"""An order names the same number up to four times, its address twice, and reading one takes a while."""


def _contacts_of(store: Store, record: OrderRecord) -> tuple[dict[str, str], dict[str, str], str | None]:
    """Normalised e-mails and phones (→ as shown) and the store's customer id of one order."""
    customer = record.customer
    region = (record.shipping_address.country if record.shipping_address else "") or store.country or None
    raw_emails = [record.email, customer.email if customer else None]
    raw_phones = [
        record.phone,
        customer.phone if customer else None,
        record.shipping_address.phone if record.shipping_address else None,
        record.billing_address.phone if record.billing_address else None,
    ]
    emails = {key: text for text in raw_emails if text and (key := _email_key(text))}
    phones = {key: text for text in raw_phones if text and (key := _phone_key(text, region))}
    return emails, phones, customer.platform_id if customer else None


def _components(store: Store, records: Sequence[OrderRecord]) -> list[_Person]:
    """Orders of the batch, grouped by shared e-mail, store customer, or (with nothing else) phone."""
    by_key: dict[tuple[str, str], _Person] = {}
    people: list[_Person] = []
    for record in records:
        emails, phones, store_customer = _contacts_of(store, record)
        keys = {("email", email) for email in emails}
        if store_customer:
            keys.add(("store", store_customer))
        if not keys:
            keys = {("phone", phone) for phone in phones}
        if not keys:
            continue
        person = _Person(keys=keys)
        for other in {id(by_key[key]): by_key[key] for key in keys if key in by_key}.values():
            _absorb(person, other)
            people.remove(other)
        person.orders.append(record)
        person.emails.update(emails)
        person.phones.update(phones)
        if store_customer:
            person.store_ids.add(store_customer)
        people.append(person)
        by_key.update(dict.fromkeys(person.keys, person))
    return people


def _absorb(person: _Person, other: _Person) -> None:
    person.keys |= other.keys
    person.orders += other.orders
    person.known |= other.known
    person.emails.update(other.emails)
    person.phones.update(other.phones)
    person.store_ids |= other.store_ids


def _find_known(work: Work, store: Store, people: Sequence[_Person]) -> None:
    """Which customers of the cache the components already are."""
    emails = {email: person for person in people for email in person.emails}
    rows = work.session.execute(
        select(ContactPoint.value, ContactPoint.customer_id).where(
            ContactPoint.kind == "email", among(work.session, ContactPoint.value, emails)
        )
    )
    for value, customer_id in rows:
        emails[value].known.add(customer_id)
    store_ids = {store_id: person for person in people for store_id in person.store_ids}
    owners = work.session.execute(
        select(StoreCustomer.platform_id, StoreCustomer.customer_id).where(
            StoreCustomer.store_id == store.id, among(work.session, StoreCustomer.platform_id, store_ids)
        )
    )
    for platform_id, customer_id in owners:
        store_ids[platform_id].known.add(customer_id)
    phones = {value: person for person in people for kind, value in person.keys if kind == "phone"}
    if phones:
        for value, customer_id in work.session.execute(_known_by_phone_alone(phones)):
            phones[value].known.add(customer_id)


def _known_by_phone_alone(phones: Iterable[str]) -> Select[str, int]:
    """People of whom no order ever said more than this number. Others may share it with somebody."""
    emails = aliased(ContactPoint)
    return (
        select(ContactPoint.value, ContactPoint.customer_id)
        .where(ContactPoint.kind == "phone", ContactPoint.value.in_(phones))
        .where(ContactPoint.customer_id.not_in(select(StoreCustomer.customer_id)))
        .where(ContactPoint.customer_id.not_in(select(emails.customer_id).where(emails.kind == "email")))
    )


def _join_by_known(people: Iterable[_Person]) -> list[_Person]:
    """Components that are the same known customer are one person."""
    by_id: dict[int, _Person] = {}
    result: list[_Person] = []
    for person in people:
        others = {id(by_id[known]): by_id[known] for known in person.known if known in by_id}
        for other in others.values():
            _absorb(person, other)
            result.remove(other)
        by_id.update(dict.fromkeys(person.known, person))
        result.append(person)
    return result


def _create_missing(work: Work, people: Sequence[_Person]) -> None:
    new = [person for person in people if not person.known]
    if not new:
        return
    now = work.now()
    ids = new_ids(work.session, Customer, len(new))
    rows: list[dict[str, Any]] = [
        {
            **_describe(person),
            "id": customer_id,
            "account_id": work.account_id,
            "first_seen_at": min(order.placed_at for order in person.orders),
            "updated_at": now,
            "merged_into": None,
            "tags": [],
            "redacted_at": None,
        }
        for person, customer_id in zip(new, ids, strict=True)
    ]
    insert_rows(work.session, Customer, rows)
    for person, customer_id in zip(new, ids, strict=True):
        person.known.add(customer_id)
        person.is_new = True


def _describe(person: _Person) -> dict[str, str | None]:
    """Name, language and country from the newest order that knows them."""
    newest = sorted(person.orders, key=lambda order: order.placed_at, reverse=True)
    names = [
        name
        for order in newest
        for name in (
            order.customer.name if order.customer else "",
            order.shipping_address.name if order.shipping_address else "",
            order.billing_address.name if order.billing_address else "",
        )
        if name
    ]
    locales = [order.locale or (order.customer.locale if order.customer else None) for order in newest]
    countries = [order.shipping_address.country for order in newest if order.shipping_address]
    return {
        "name": next(iter(names), ""),
        "locale": next((locale for locale in locales if locale), None),
        "country": next((country for country in countries if country), None),
    }


def _merge(work: Work, keeper: int, others: set[int]) -> None:
    """Everything of `others` now belongs to `keeper`; the old ids keep leading to the person."""
    if not others:
        return
    session = work.session
    _describe_by_newest(work, keeper, others)
    contacts = session.execute(
        select(ContactPoint.kind, ContactPoint.value).where(ContactPoint.customer_id == keeper)
    )
    kept = {(row.kind, row.value) for row in contacts}
    for point in session.scalars(select(ContactPoint).where(ContactPoint.customer_id.in_(others))).all():
        if (point.kind, point.value) in kept:
            session.execute(delete(ContactPoint).where(ContactPoint.id == point.id))
        else:
            kept.add((point.kind, point.value))
            session.execute(
                update(ContactPoint).where(ContactPoint.id == point.id).values(customer_id=keeper)
            )
    for table in (Order, StoreCustomer, Contact):
        session.execute(update(table).where(table.customer_id.in_(others)).values(customer_id=keeper))
    session.execute(
        update(Customer)
        .where((Customer.id.in_(others)) | (Customer.merged_into.in_(others)))
        .values(merged_into=keeper, updated_at=work.now())
    )


def _describe_by_newest(work: Work, keeper: int, others: set[int]) -> None:
    """Name, language and country of whoever of them bought last, where that one has any."""
    newest = _newest_orders(work, {keeper, *others})
    rows = work.session.scalars(select(Customer).where(Customer.id.in_({keeper, *others})))
    by_age = sorted(rows, key=lambda row: (newest.get(row.id, row.first_seen_at), row.id), reverse=True)
    kept = next(row for row in by_age if row.id == keeper)
    kept.name = next((row.name for row in by_age if row.name), "")
    kept.locale = next((row.locale for row in by_age if row.locale), None)
    kept.country = next((row.country for row in by_age if row.country), None)
    kept.first_seen_at = min(row.first_seen_at for row in by_age)


def _newest_orders(work: Work, customer_ids: Iterable[int]) -> dict[int, datetime]:
    """When each of these people placed the newest of their cached orders."""
    rows: Iterable[Any] = work.session.execute(
        select(Order.customer_id, func.max(Order.placed_at))
        .where(among(work.session, Order.customer_id, list(customer_ids)))
        .group_by(Order.customer_id)
    )
    return {row[0]: row[1] for row in rows}


def _remember(work: Work, store: Store, people: Sequence[_Person]) -> None:
    """Write down the contacts and store records that the batch taught us, and fresher names."""
    ids = {min(person.known): person for person in people}
    old = {customer_id: person for customer_id, person in ids.items() if not person.is_new}
    have, known = _known_of(work, store, old) if old else (set(), set())
    work.insert(
        ContactPoint,
        [
            {"customer_id": customer_id, "kind": kind, "value": value, "shown": shown}
            for customer_id, person in ids.items()
            for kind, contacts in (("email", person.emails), ("phone", person.phones))
            for value, shown in contacts.items()
            if (customer_id, kind, value) not in have
        ],
    )
    work.insert(
        StoreCustomer,
        [
            {"store_id": store.id, "platform_id": platform_id, "customer_id": customer_id}
            for customer_id, person in ids.items()
            for platform_id in sorted(person.store_ids - known)
        ],
    )
    if old:
        _refresh_descriptions(work, old)


def _known_of(
    work: Work, store: Store, people: Mapping[int, _Person]
) -> tuple[set[tuple[int, str, str]], set[str]]:
    """What is written down of these people: (customer, kind, value) of contacts, ids of store records."""
    contacts = work.session.execute(
        select(ContactPoint.customer_id, ContactPoint.kind, ContactPoint.value).where(
            among(work.session, ContactPoint.customer_id, people)
        )
    )
    records = work.session.scalars(
        select(StoreCustomer.platform_id).where(
            StoreCustomer.store_id == store.id,
            among(
                work.session,
                StoreCustomer.platform_id,
                [one for person in people.values() for one in person.store_ids],
            ),
        )
    )
    return {(row[0], row[1], row[2]) for row in contacts}, set(records)


def _refresh_descriptions(work: Work, people: Mapping[int, _Person]) -> None:
    """The newest order that names a person says what they are called now; older ones fill gaps."""
    newest = _newest_orders(work, people)
    table = Customer.__table__.c
    rows = work.session.execute(
        select(table.id, table.name, table.locale, table.country, table.first_seen_at).where(
            among(work.session, Customer.id, people)
        )
    )
    changes: list[dict[str, Any]] = []
    for row in rows:
        person, seen = people[row.id], newest.get(row.id)
        placed = [order.placed_at for order in person.orders]
        is_newest = seen is None or max(placed) >= seen
        now: dict[str, Any] = {"first_seen_at": min(row.first_seen_at, *placed)}
        for name, value in _describe(person).items():
            was = getattr(row, name)
            now[name] = value if value and (is_newest or not was) else was
        if any(value != getattr(row, name) for name, value in now.items()):
            changes.append({"id": row.id, **now})
    if changes:
        work.session.execute(update(Customer), changes)


def redacted(work: Work, store: Store, records: Sequence[OrderRecord]) -> set[str]:
    """Platform ids of those orders whose person was redacted from this store and must stay unknown.

    Who buys again after having been forgotten is a new customer: only older orders stay hidden.
    """
    stones: dict[tuple[str, str], datetime] = {
        (row.kind, row.digest): row.created_at
        for row in work.session.execute(
            select(Tombstone.kind, Tombstone.digest, Tombstone.created_at).where(
                Tombstone.store_id == store.id
            )
        )
    }
    if not stones:
        return set()

    def covers(kind: str, value: str, record: OrderRecord) -> bool:
        since = stones.get((kind, tombstone_digest(store.id, kind, value)))
        return since is not None and (kind == "order" or record.placed_at <= since)

    found = set()
    for record in records:
        emails, phones, store_customer = _contacts_of(store, record)
        keys = [("order", record.platform_id), *(("email", email) for email in emails)]
        keys += [("phone", phone) for phone in phones]
        if store_customer:
            keys.append(("customer", store_customer))
        if any(covers(kind, value, record) for kind, value in keys):
            found.add(record.platform_id)
    return found
