"""Requests of the past for a what-if: as they were asked for, or as if all had asked on one day.

Only reads. What was sent back later is put back first, so that each request is judged on the day it
was made.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace
from sqlalchemy import ColumnElement, func, select

from integration.customers import ORDER_PARTS
from integration.db.orders import Order, OrderLine, OrderReturn, Refund
from integration.db.policies import PolicyVersion
from integration.db.stores import Store
from integration.eligibility import Policy, Request, ReturnReason
from integration.eligibility.engine import Binding
from integration.eligibility.facts import LineFacts, OrderFacts
from integration.eligibility.policy import NO_RULE, Bound
from integration.eligibility.whatif import Comparison, compare
from integration.ids import child_id
from integration.order_facts import order_facts, product_keys
from integration.plain_orders import PlainOrder, PlainProduct, read_orders, read_products
from integration.said import NOTHING, OrderSaid, understood, words_of
from integration.work import Work

BATCH = 1000
MOST_PRODUCTS = 20_000
"""Kept from batch to batch: most lines sell the same goods."""
Case = tuple[OrderFacts, Request]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Over which requests two policies are compared."""

    since: datetime
    store_id: int | None = None
    day: int | None = None
    """Days after delivery on which every customer is taken to ask; None: as they really asked."""


def compare_policies(work: Work, before: Policy, after: Policy, question: Question) -> Comparison:
    """Judge the same requests by both. Each policy is taken to bind every order, whenever it was placed."""
    with _no_collecting():
        return compare(cases(work, question), binds(before), binds(after))


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Millions of small values come and go here and none is part of a cycle: looking for cycles among them
    took a third of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def cases(work: Work, question: Question) -> Iterator[Case]:
    """Batch by batch: memory stays flat."""
    shelf = Shelf(stores={store.id: store for store in work.session.scalars(select(Store))})
    for orders in _batches(work, question):
        shelf.fetch(work, orders)
        for order in orders:
            found = _asked(shelf, order) if question.day is None else _on_day(shelf, order, question.day)
            if found is not None:
                yield found


@dataclass(slots=True)
class Shelf:
    """What orders are judged by beside themselves. Statements on file are left out: they move no verdict of
    a request that is judged on its own day."""

    stores: Mapping[int, Store]
    products: dict[int, dict[str, PlainProduct]] = field(default_factory=dict)
    said: Mapping[int, OrderSaid] = field(default_factory=dict)

    def fetch(self, work: Work, orders: Sequence[PlainOrder]) -> None:
        if sum(map(len, self.products.values())) > MOST_PRODUCTS:
            self.products.clear()
        for store_id, names in product_keys(orders).items():
            known = self.products.setdefault(store_id, {})
            known.update(read_products(work, store_id, names - known.keys()))
        words = words_of(work, [order.id for order in orders])
        self.said = {order_id: understood(facts) for order_id, facts in words.items()}

    def facts(self, order: PlainOrder) -> OrderFacts:
        return order_facts(
            order,
            store=self.stores.get(order.store_id),
            products=self.products.get(order.store_id),
            said=self.said.get(order.id, NOTHING),
        )


def saved(work: Work, number: int) -> Policy | None:
    """One version as it was saved."""
    row = work.session.scalar(select(PolicyVersion).where(PolicyVersion.number == number))
    return None if row is None else msgspec.convert(row.document, Policy)


def recent_deliveries(work: Work, *, limit: int = 3) -> list[Order]:
    """Orders that were delivered lately, for a preview: each of another customer where there are some."""
    query = (
        select(Order)
        .options(*ORDER_PARTS)
        .where(Order.gone_at.is_(None), Order.cancelled_at.is_(None), Order.test.is_(False))
        .order_by(Order.placed_at.desc())
        .limit(150)
    )
    chosen: list[Order] = []
    people: set[int | None] = set()
    for order in work.session.scalars(query):
        delivered = any(sent.delivered_at for sent in order.fulfillments)
        if delivered and order.lines and order.customer_id not in people:
            chosen.append(order)
            people.add(order.customer_id)
        if len(chosen) == limit:
            break
    return chosen


def product_titles(work: Work, product_ids: Sequence[str]) -> dict[str, str]:
    """What the goods are called, from any line that sold them."""
    rows = work.session.execute(
        select(OrderLine.product_id, func.max(OrderLine.title))
        .where(OrderLine.product_id.in_(product_ids))
        .group_by(OrderLine.product_id)
    )
    return {str(row[0]): str(row[1]) for row in rows}


def binds(policy: Policy) -> Binding:
    """The policy as if it had always been in force: its rules alone decide, and no date."""
    rules = [(rule, Bound(rule, str(policy.version))) for rule in policy.rules]
    none = Bound(NO_RULE, str(policy.version))

    def bound(order: OrderFacts, line: LineFacts) -> Bound:
        return next((terms for rule, terms in rules if rule.scope.fits(order, line)), none)

    return bound


def count_orders(work: Work, question: Question) -> int:
    """How many a run would read."""
    return work.session.scalar(select(func.count(Order.id)).where(*_wanted(work, question))) or 0


def _wanted(work: Work, question: Question) -> list[ColumnElement[bool]]:
    wanted = [Order.placed_at >= question.since, Order.gone_at.is_(None), Order.test.is_(False)]
    if question.store_id is not None:
        wanted.append(Order.store_id == question.store_id)
    if question.day is None:
        sent_back = select(OrderReturn.order_id).where(OrderReturn.account_id == work.account_id)
        paid_back = select(Refund.order_id).where(Refund.account_id == work.account_id)
        wanted.append(Order.id.in_(sent_back.union(paid_back)))
    return wanted


def _batches(work: Work, question: Question) -> Iterator[list[PlainOrder]]:
    wanted = _wanted(work, question)
    last = 0
    while orders := read_orders(work, *wanted, Order.id > last, limit=BATCH):
        yield orders
        last = orders[-1].id


def _asked(shelf: Shelf, order: PlainOrder) -> Case | None:
    """The first request of the order: its earliest return, else its earliest refund of goods."""
    wanted = _first_request(order)
    if wanted is None:
        return None
    notice, pieces, reason = wanted
    facts = _unreturned(shelf.facts(order))
    left = {line.id: line.quantity for line in facts.lines if not line.cancelled}
    asked = {
        public: min(quantity, left[public])
        for line_id, quantity in pieces.items()
        if (public := child_id(order.id, line_id)) in left and quantity > 0
    }
    return (facts, Request(notice=notice, quantities=asked, reason=reason)) if asked else None


def _first_request(order: PlainOrder) -> tuple[datetime, dict[str, int], ReturnReason] | None:
    found: list[tuple[datetime, list[dict[str, object]]]] = [
        (row.created_at, row.lines) for row in order.returns if row.created_at and row.lines
    ] or [(row.created_at, row.lines) for row in order.refunds if row.lines]
    if not found:
        return None
    notice, lines = min(found, key=lambda one: one[0])
    pieces: dict[str, int] = {}
    for line in lines:
        if line.get("line_id"):
            name = str(line["line_id"])
            pieces[name] = pieces.get(name, 0) + int(str(line.get("quantity") or 0))
    return (notice, pieces, _reason(lines)) if pieces else None


def _reason(lines: Sequence[Mapping[str, object]]) -> ReturnReason:
    """What the customer gave for all of it; a change of mind where it was not one that we know."""
    given = {str(line.get("reason") or "") for line in lines if line.get("line_id")}
    word = given.pop() if len(given) == 1 else ""
    known = word in ReturnReason.__members__.values() and word != ReturnReason.UNKNOWN
    return ReturnReason(word) if known else ReturnReason.CHANGED_MIND


def _on_day(shelf: Shelf, order: PlainOrder, day: int) -> Case | None:
    delivered = max((sent.delivered_at for sent in order.fulfillments if sent.delivered_at), default=None)
    if delivered is None or order.cancelled_at is not None:
        return None
    facts = _unreturned(shelf.facts(order))
    asked = {line.id: line.quantity for line in facts.lines if not line.cancelled}
    if not asked:
        return None
    request = Request(
        notice=delivered + timedelta(days=day), quantities=asked, reason=ReturnReason.CHANGED_MIND
    )
    return facts, request


def _unreturned(facts: OrderFacts) -> OrderFacts:
    """As it stood before anything came back."""
    if not any(line.returned or line.refunded for line in facts.lines):
        return facts
    lines = tuple(replace(line, returned=0, refunded=None) for line in facts.lines)
    return replace(facts, lines=lines)
