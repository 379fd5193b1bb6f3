"""What platforms and people may ask of the copied data: give it out, forget a person, forget a shop.

Source: shopify.dev, "Privacy law compliance": answer within 30 days; a redacted person must not come
back through reconciliation, hence the tombstones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import delete, or_, select, update

from integration import audit, identity, stores, sync
from integration.contacts import email_key, phone_key
from integration.db.actions import Action, Contact
from integration.db.bulk import upsert
from integration.db.customers import ContactPoint, Customer, StoreCustomer, Tombstone
from integration.db.inbox import Delivery, DeliveryStatus, Poison, PrivacyRequest
from integration.db.orders import (
    Fulfillment,
    Order,
    OrderLine,
    OrderReturn,
    PaymentTransaction,
    Refund,
)
from integration.db.policies import Fact, Withdrawal
from integration.db.stores import Product, Store
from integration.ports import Topic
from integration.recorded import loaded, record_of
from integration.records import Platform
from integration.vault import Vault
from integration.work import JobName, Work

TERM = timedelta(days=30)
COMPLIANCE = (Topic.DATA_REQUEST, Topic.REDACT_CUSTOMER, Topic.REDACT_SHOP)


class _Customer(msgspec.Struct):
    id: int | str | None = None
    email: str | None = None
    phone: str | None = None


class _Asked(msgspec.Struct):
    """The compliance webhooks' common shape. Source: shopify.dev, same page."""

    customer: _Customer = msgspec.field(default_factory=_Customer)
    orders_requested: list[int | str] = []
    orders_to_redact: list[int | str] = []


def receive(work: Work, store: Store, delivery_ids: Sequence[int]) -> None:
    """Turn stored compliance deliveries into requests with a term; a worker carries them out."""
    for row in work.session.scalars(select(Delivery).where(Delivery.id.in_(delivery_ids))).all():
        request = PrivacyRequest(
            store_id=store.id,
            kind=row.topic.value,
            received_at=row.received_at,
            due_at=row.received_at + TERM,
            # The body is needed until the request is answered; the inbox forgets its copy earlier.
            answer=row.body,
            detail={"delivery": row.id},
        )
        work.add(request)
        work.session.flush()
        audit.record(
            work,
            f"privacy.{row.topic.value}",
            actor="store",
            proof="signed",
            detail={"store": store.id, "request": request.id},
        )
        work.wake(JobName.PRIVACY, request_id=request.id, account_id=work.account_id)


def open_requests(work: Work) -> Sequence[tuple[int, int]]:
    """(account, request) of every request that was not carried out yet."""
    rows = work.session.execute(
        select(PrivacyRequest.account_id, PrivacyRequest.id).where(PrivacyRequest.done_at.is_(None))
    )
    return [(row.account_id, row.id) for row in rows]


def carry_out(work: Work, vault: Vault, request_id: int) -> None:
    """Do what was asked, once. A second run finds it done."""
    request = work.session.scalar(select(PrivacyRequest).where(PrivacyRequest.id == request_id))
    if request is None or request.done_at is not None:
        return
    store = stores.find(work, request.store_id)
    asked = _read(vault, request.answer)
    if request.kind == Topic.DATA_REQUEST:
        found = orders_of(work, store, asked.customer, asked.orders_requested)
        request.answer = vault.seal(msgspec.json.encode(collect(work, found)))
        request.detail = {**request.detail, "orders": found}
    elif request.kind == Topic.REDACT_CUSTOMER:
        found = orders_of(work, store, asked.customer, asked.orders_to_redact)
        request.answer = None
        request.detail = {**request.detail, "orders": found}
        redact(work, store, found, asked.customer)
    else:
        request.answer = None
        # 48 hours after uninstalling; a shop that came back meanwhile keeps its data.
        if store.credentials is None:
            erase_store(work, store)
            request.detail = {**request.detail, "erased": True}
    request.done_at = work.now()


def _read(vault: Vault, sealed: bytes | None) -> _Asked:
    if sealed is None:
        return _Asked()
    try:
        return msgspec.json.decode(vault.open(sealed), type=_Asked)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Asked()


def _platform_ids(store: Store, kind: str, ids: Sequence[int | str | None]) -> list[str]:
    """Ids as the cache has them: Shopify's compliance payloads carry bare numbers."""
    texts = [str(one) for one in ids if one is not None]
    if store.platform == Platform.SHOPIFY:
        return [text if text.startswith("gid:") else f"gid://shopify/{kind}/{text}" for text in texts]
    return texts


def orders_of(work: Work, store: Store, customer: _Customer, order_ids: Sequence[int | str]) -> list[int]:
    """Rows of this store's orders that belong to the person, by any of id, e-mail, phone, order id."""
    ways = [Order.platform_id.in_(_platform_ids(store, "Order", order_ids))]
    person = select(StoreCustomer.customer_id).where(
        StoreCustomer.store_id == store.id,
        StoreCustomer.platform_id.in_(_platform_ids(store, "Customer", [customer.id])),
    )
    if customer.id is not None:
        ways.append(Order.customer_id.in_(person))
    for kind, value in (
        ("email", email_key(customer.email or "")),
        ("phone", phone_key(customer.phone or "", store.country or None)),
    ):
        if value:
            owner = select(ContactPoint.customer_id).where(
                ContactPoint.kind == kind, ContactPoint.value == value
            )
            ways.append(Order.customer_id.in_(owner))
    query = select(Order.id).where(Order.store_id == store.id, or_(*ways)).order_by(Order.id)
    return list(work.session.scalars(query))


def collect(work: Work, order_ids: Sequence[int]) -> dict[str, Any]:
    """Everything held about these orders, as one document for the merchant to hand on."""
    result: dict[str, Any] = {"made_at": work.now(), "tables": {}}
    owners = select(Order.customer_id).where(Order.id.in_(order_ids))
    plans: list[tuple[Any, Any]] = [
        (Order, Order.id.in_(order_ids)),
        (Customer, Customer.id.in_(owners)),
        (ContactPoint, ContactPoint.customer_id.in_(owners)),
        *(
            (child, child.order_id.in_(order_ids))
            for child in (OrderLine, Fulfillment, OrderReturn, Refund, PaymentTransaction, Withdrawal)
        ),
        (Action, Action.order_id.in_(order_ids)),
        (Contact, Contact.customer_id.in_(owners)),
        (Fact, Fact.order_id.in_(order_ids)),
    ]
    for table, where in plans:
        names = [column.key for column in table.__mapper__.column_attrs if column.key != "account_id"]
        rows = work.session.scalars(select(table).where(where)).all()
        result["tables"][table.__tablename__] = [{name: getattr(row, name) for name in names} for row in rows]
    return result


def redact(work: Work, store: Store, order_ids: Sequence[int], customer: _Customer) -> None:
    """Remove the person from every table. Sums, goods and the audit chain stay valid. Repeatable."""
    session = work.session
    identity.lock_account(work)
    orders = session.scalars(loaded(select(Order)).where(Order.id.in_(order_ids))).all()
    people = {order.customer_id for order in orders if order.customer_id is not None}
    resources = [order.platform_id for order in orders]
    stones = {("order", platform_id) for platform_id in resources}
    stones |= {("customer", one) for one in _platform_ids(store, "Customer", [customer.id])}
    if customer.email and (email := email_key(customer.email)):
        stones.add(("email", email))
    _leave_tombstones(work, store, stones)
    # From here on the way into the cache lets these orders in without their person: also as they are now.
    sync.apply(work, store, [record_of(order) for order in orders])
    _forget_actions(work, order_ids)
    _forget_people(work, store, people)
    _forget_messages(work, store, order_ids, resources)
    audit.redact(work, order_ids, store_id=store.id)


def _forget_messages(work: Work, store: Store, order_ids: Sequence[int], resources: Sequence[str]) -> None:
    """What arrived about them and waits, and files that were made for an earlier request."""
    session = work.session
    # A waiting delivery only says that something changed; its text is not needed to find out what.
    session.execute(
        update(Delivery)
        .where(Delivery.store_id == store.id, Delivery.body.is_not(None))
        .where(Delivery.topic.not_in(COMPLIANCE) | (Delivery.status == DeliveryStatus.DONE))
        .values(body=None)
    )
    session.execute(delete(Poison).where(Poison.store_id == store.id, Poison.platform_id.in_(resources)))
    files = session.scalars(
        select(PrivacyRequest).where(
            PrivacyRequest.store_id == store.id,
            PrivacyRequest.done_at.is_not(None),
            PrivacyRequest.answer.is_not(None),
        )
    )
    for request in files:
        if set(request.detail.get("orders", ())) & set(order_ids):
            request.answer = None


def _leave_tombstones(work: Work, store: Store, stones: set[tuple[str, str]]) -> None:
    for kind, value in sorted(stones):
        work.session.execute(
            upsert(work.session, Tombstone)
            .values(
                work.stamped(
                    {
                        "store_id": store.id,
                        "kind": kind,
                        "digest": identity.tombstone_digest(store.id, kind, value),
                        "created_at": work.now(),
                    }
                )
            )
            .on_conflict_do_nothing(index_elements=["store_id", "kind", "digest"])
        )


def _forget_actions(work: Work, order_ids: Sequence[int]) -> None:
    """Free text of actions goes; what was done to the money stays."""
    for action in work.session.scalars(select(Action).where(Action.order_id.in_(order_ids))).all():
        action.wish = {key: value for key, value in action.wish.items() if key not in ("note", "address")}
        action.request = (
            None
            if action.request is None
            else {key: value for key, value in action.request.items() if key not in ("note", "address")}
        )
        action.prepared = None
        action.exception = None if action.exception is None else "(erased)"
        action.conversation = None
        action.decision_note = None
    work.session.execute(delete(Fact).where(Fact.order_id.in_(order_ids)))
    work.session.execute(
        update(Withdrawal).where(Withdrawal.order_id.in_(order_ids)).values(conversation=None)
    )


def _forget_people(work: Work, store: Store, people: set[int]) -> None:
    """People who have no order left lose everything; others keep what their other orders say."""
    session = work.session
    session.execute(
        delete(StoreCustomer).where(StoreCustomer.store_id == store.id, StoreCustomer.customer_id.in_(people))
    )
    left = session.scalars(loaded(select(Order)).where(Order.customer_id.in_(people))).all()
    by_person: dict[int, list[Order]] = {}
    for order in left:
        by_person.setdefault(order.customer_id or 0, []).append(order)
    gone = people - by_person.keys()
    session.execute(delete(StoreCustomer).where(StoreCustomer.customer_id.in_(gone)))
    session.execute(delete(Contact).where(Contact.customer_id.in_(gone)))
    session.execute(
        update(Customer)
        .where(or_(Customer.id.in_(people), Customer.merged_into.in_(people)))
        .values(name="", locale=None, country=None, tags=[])
    )
    session.execute(
        update(Customer)
        .where(or_(Customer.id.in_(gone), Customer.merged_into.in_(gone)))
        .values(redacted_at=work.now())
    )
    session.execute(delete(ContactPoint).where(ContactPoint.customer_id.in_(people)))
    identity.learn_again(work, by_person)


def erase_store(work: Work, store: Store) -> None:
    """Forget everything copied from a store that was let go. Its actions and the audit chain stay."""
    session = work.session
    mine = Order.store_id == store.id
    kept = list(session.scalars(select(Order.id).where(mine, Order.id.in_(select(Action.order_id)))))
    for part in _parts(kept):
        redact(work, store, part, _Customer())
    rest = list(session.scalars(select(Order.id).where(mine, Order.id.not_in(kept))))
    people = set(session.scalars(select(Order.customer_id).where(mine, Order.customer_id.is_not(None))))
    for part in _parts(rest):
        audit.redact(work, part, store_id=store.id)
        session.execute(delete(Order).where(Order.id.in_(part)))
    for part in _parts(sorted(one for one in people if one is not None)):
        _forget_people(work, store, set(part))
    for table in (Delivery, Poison, Product, Tombstone):
        session.execute(delete(table).where(table.store_id == store.id))


def _parts(ids: Sequence[int], size: int = 500) -> Iterator[list[int]]:
    return (list(ids[start : start + size]) for start in range(0, len(ids), size))
