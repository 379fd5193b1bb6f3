"""Requests of the past for a what-if: as they were asked for, or as if all had asked on one day.

Only reads. What was sent back later is put back first, so that each request is judged on the day it
was made.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import func, select

from integration.customers import ORDER_PARTS
from integration.db.orders import Order, OrderLine, OrderReturn, Refund
from integration.db.policies import PolicyVersion
from integration.eligibility import Policy, PolicyBook, Request, ReturnReason
from integration.eligibility.engine import Binding
from integration.eligibility.facts import OrderFacts
from integration.eligibility.whatif import Comparison, compare
from integration.ids import child_id
from integration.returns import Books, open_books
from integration.work import Work

BATCH = 500
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
    for orders in _batches(work, question):
        books = open_books(work, orders)
        for order in orders:
            found = _asked(books, order) if question.day is None else _on_day(books, order, question.day)
            if found is not None:
                yield found


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
    """The policy as if it had always been in force."""
    return PolicyBook((msgspec.structs.replace(policy, valid_from=None, valid_to=None),)).bound


def _batches(work: Work, question: Question) -> Iterator[Sequence[Order]]:
    last = 0
    while True:
        query = (
            select(Order)
            .options(*ORDER_PARTS)
            .where(Order.placed_at >= question.since, Order.id > last)
            .where(Order.gone_at.is_(None), Order.test.is_(False))
            .order_by(Order.id)
            .limit(BATCH)
        )
        if question.store_id is not None:
            query = query.where(Order.store_id == question.store_id)
        if question.day is None:
            sent_back = select(OrderReturn.order_id).where(OrderReturn.account_id == work.account_id)
            paid_back = select(Refund.order_id).where(Refund.account_id == work.account_id)
            query = query.where(Order.id.in_(sent_back.union(paid_back)))
        orders = list(work.session.scalars(query))
        if not orders:
            return
        yield orders
        last = orders[-1].id
        work.session.expunge_all()


def _asked(books: Books, order: Order) -> Case | None:
    """The first request of the order: its earliest return, else its earliest refund of goods."""
    wanted = _first_request(order)
    if wanted is None:
        return None
    notice, pieces = wanted
    facts = _unreturned(books.facts(order))
    left = {line.id: line.quantity for line in facts.lines if not line.cancelled}
    asked = {
        public: min(quantity, left[public])
        for line_id, quantity in pieces.items()
        if (public := child_id(order.id, line_id)) in left and quantity > 0
    }
    return (facts, Request(notice=notice, quantities=asked)) if asked else None


def _first_request(order: Order) -> tuple[datetime, dict[str, int]] | None:
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
    return (notice, pieces) if pieces else None


def _on_day(books: Books, order: Order, day: int) -> Case | None:
    delivered = max((sent.delivered_at for sent in order.fulfillments if sent.delivered_at), default=None)
    if delivered is None or order.cancelled_at is not None:
        return None
    facts = _unreturned(books.facts(order))
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
