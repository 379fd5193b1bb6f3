"""Stores, customers, orders, rights of return and the record of deeds. From the cache alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Response
from sqlalchemy import or_, select
from sqlalchemy.orm import selectinload

from integration import audit, customers, returns, shapes, views
from integration.customers import ORDER_PARTS
from integration.db.audit import AuditEntry
from integration.db.orders import Order
from integration.db.stores import Store
from integration.eligibility import ReturnReason
from integration.errors import BadInput, NotFound
from integration.ids import row_id
from integration.work import Work
from sidebar.api import arguments
from sidebar.api.callers import Caller, must_lead
from sidebar.api.calls import Argument, answer, call
from sidebar.api.paging import EPOCH, cursor, place_of
from sidebar.context import services

MOST_ORDERS = 250
USUAL_ORDERS = 50
MOST_CONTACTS = 20
"""E-mails, phones or numbers in one call."""

CURSOR = Argument("cursor", "`next_cursor` of the page before.")
LIMIT = Argument("limit", f"Rows on a page, up to {MOST_ORDERS}.", "integer")


@call("GET", "/stores", "The connected stores and how far their copies are.", answers=shapes.StoreList)
def list_stores(caller: Caller) -> Response:
    with services().reading(caller.account_id) as work:
        rows = work.session.scalars(select(Store).options(selectinload(Store.sync)).order_by(Store.id)).all()
        return answer({"items": views.stores(work, rows)})


@call("GET", "/stores/{store_id}", "One store.", answers=shapes.Store)
def get_store(caller: Caller, store_id: str) -> Response:
    with services().reading(caller.account_id) as work:
        query = select(Store).where(Store.id == row_id(store_id)).options(selectinload(Store.sync))
        rows = work.session.scalars(query).all()
        if not rows:
            raise NotFound("there is no store with this id")
        return answer(views.stores(work, rows)[0])


@call(
    "GET",
    "/customers",
    "People who fit any of what is given, best first, each with the reasons.",
    takes=(
        Argument("email", "An e-mail address, in any writing.", many=True),
        Argument("phone", "A phone number, best with its country code.", many=True),
        Argument("order", "An order or tracking number.", many=True),
        Argument("q", "Free text: a name, or any of the above."),
    ),
    answers=shapes.MatchList,
)
def find_customers(caller: Caller) -> Response:
    emails, phones, orders = (arguments.several(name) for name in ("email", "phone", "order"))
    q = arguments.one("q") or ""
    if not (emails or phones or orders or q):
        raise BadInput("give at least one of email, phone, order and q", code="nothing_to_look_for")
    if max(len(emails), len(phones), len(orders)) > MOST_CONTACTS:
        raise BadInput(f"at most {MOST_CONTACTS} of a kind in one call", code="bad_argument")
    with services().transaction(caller.account_id) as work:
        found = customers.match(work, emails=emails, phones=phones, orders=orders, q=q)
        asked = {"email": len(emails), "phone": len(phones), "order": len(orders), "q": int(bool(q))}
        _note(work, caller, "customers.looked_up", {"asked": asked}, [match.customer_id for match in found])
        return answer({"items": [views.match(match) for match in found]})


@call("GET", "/customers/{customer_id}", "One person across stores.", answers=shapes.Customer)
def get_customer(caller: Caller, customer_id: str) -> Response:
    with services().transaction(caller.account_id) as work:
        person = customers.profile(work, row_id(customer_id))
        _note(work, caller, "customer.viewed", {}, [person.id])
        return answer(views.customer(person))


@call(
    "GET",
    "/orders",
    "Orders by the time of their last change, oldest first. Those in a store's trash only with `gone=true`.",
    takes=(
        Argument("customer", "Only of this person, by any id they ever had."),
        Argument("store", "Only of this store."),
        Argument("updated_after", "Only those that changed later than this.", form="date-time"),
        Argument("gone", "Also those that the store has trashed or deleted.", "boolean"),
        CURSOR,
        LIMIT,
    ),
    answers=shapes.OrderPage,
)
def list_orders(caller: Caller) -> Response:
    after = arguments.a_moment("updated_after")
    limit = arguments.a_limit(MOST_ORDERS, USUAL_ORDERS)
    place = place_of(arguments.one("cursor"))
    query = select(Order).options(*ORDER_PARTS)
    if not arguments.a_switch("gone"):
        query = query.where(Order.gone_at.is_(None))
    if after is not None:
        query = query.where(Order.updated_at > after)
    if place is not None:
        # The first condition lets the index find the place; the second settles equal times.
        behind = or_(Order.updated_at > place.moment, Order.id > place.id)
        query = query.where(Order.updated_at >= place.moment, behind)
    store_id, customer_id = arguments.an_id("store"), arguments.an_id("customer")
    with services().reading(caller.account_id) as work:
        if customer_id is not None:
            query = query.where(Order.customer_id == customers.current_id(work, customer_id))
        if store_id is not None:
            query = query.where(Order.store_id == store_id)
        query = query.order_by(Order.updated_at, Order.id).limit(limit + 1)
        rows = list(work.session.scalars(query))
        stores = _stores(work, rows)
        if store_id is not None and not rows:
            _must_exist(work, store_id)
    page = rows[:limit]
    more = cursor(page[-1].updated_at, page[-1].id) if len(rows) > limit else None
    return answer({"items": [views.order(row, stores[row.store_id]) for row in page], "next_cursor": more})


@call(
    "GET",
    "/orders/{order_id}",
    "One order with its lines, parcels, returns and refunds.",
    answers=shapes.Order,
)
def get_order(caller: Caller, order_id: str) -> Response:
    with services().reading(caller.account_id) as work:
        row = customers.find_order(work, row_id(order_id))
        store = _stores(work, [row])[row.store_id]
    return answer(views.order(row, store))


@call(
    "GET",
    "/orders/{order_id}/eligibility",
    "May each line come back, until when, why, and what goes back. Information, not legal advice.",
    takes=(
        Argument(
            "notice_at",
            "When the customer said so: a time, or a day at the delivery address.",
            form="date-time",
        ),
        Argument("reason", f"One of {', '.join(ReturnReason)}. Default: changed_mind."),
    ),
    answers=shapes.Eligibility,
)
def get_eligibility(caller: Caller, order_id: str) -> Response:
    notice = arguments.a_moment_or_day("notice_at")
    reason = arguments.one("reason") or ReturnReason.CHANGED_MIND
    with services().reading(caller.account_id) as work:
        row = customers.find_order(work, row_id(order_id))
        facts, verdicts = returns.weigh_order(work, row, notice_at=notice, reason=reason)
        return answer(views.eligibility(verdicts, facts, row.id, work.now()))


@call(
    "GET",
    "/audit",
    "Who did what, when and why, newest first. An agent's token sees one order at a time.",
    takes=(Argument("order", "Only what was done about this order."), CURSOR, LIMIT),
    answers=shapes.AuditPage,
    leads=True,
)
def list_audit(caller: Caller) -> Response:
    order_id = arguments.an_id("order")
    if order_id is None:
        must_lead(caller)
    limit = arguments.a_limit(MOST_ORDERS, USUAL_ORDERS)
    place = place_of(arguments.one("cursor"))
    query = (
        select(AuditEntry).where(AuditEntry.number > 0).order_by(AuditEntry.number.desc()).limit(limit + 1)
    )
    if place is not None:
        query = query.where(AuditEntry.number < place.id)
    with services().reading(caller.account_id) as work:
        if order_id is not None:
            customers.find_order(work, order_id)  # another account's order does not exist
            query = query.where(AuditEntry.order_id == order_id)
        rows = list(work.session.scalars(query))
    page = rows[:limit]
    more = cursor(EPOCH, page[-1].number) if len(rows) > limit else None
    return answer({"items": [views.audit_entry(row) for row in page], "next_cursor": more})


def _stores(work: Work, orders: Iterable[Order]) -> dict[int, Store]:
    ids = {order.store_id for order in orders}
    return {store.id: store for store in work.session.scalars(select(Store).where(Store.id.in_(ids)))}


def _must_exist(work: Work, store_id: int) -> None:
    if work.session.scalar(select(Store.id).where(Store.id == store_id)) is None:
        raise NotFound("there is no store with this id")


def _note(work: Work, caller: Caller, event: str, detail: dict[str, Any], people: list[int]) -> None:
    """Who looked at whose data. What was typed is not kept."""
    detail = {**detail, "customers": people}
    audit.record(work, event, actor=caller.who.name, proof=caller.who.proof, detail=detail)
