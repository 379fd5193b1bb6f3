"""Withdrawal statements under consumer law: written down, acknowledged, followed, settled.

A statement is an object of its own, apart from returns. Source: Directive 2011/83/EU art. 11, 11a and 13.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Literal

from flask import Response, url_for
from msgspec import Meta, Struct

from integration import customers, shapes, views, withdrawals
from integration.ids import row_id
from sidebar.api import arguments
from sidebar.api.callers import Caller
from sidebar.api.calls import Argument, answer, call
from sidebar.api.paging import EPOCH, cursor, place_of
from sidebar.api.reading import CURSOR, LIMIT, MOST_ORDERS, USUAL_ORDERS
from sidebar.context import services


class Body(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a caller sends: a misspelt name is refused, not overlooked."""


class StatedPieces(Body, frozen=True, kw_only=True):
    line_id: shapes.Id
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)]


class Statement(Body, frozen=True, kw_only=True):
    """What the customer declared, when it arrived and how."""

    order_id: shapes.Id
    received_at: Annotated[datetime, Meta(tz=True)]
    channel: Literal["form", "email", "chat", "phone", "letter", "other"]
    lines: Annotated[list[StatedPieces], Meta(max_length=500)] = []
    """Empty: the whole order."""


class Acknowledgement(Body, frozen=True, kw_only=True):
    how: Literal["email", "letter", "account"]
    """The durable medium on which the customer was told that the statement arrived, with date and time."""


class Arrival(Body, frozen=True, kw_only=True):
    """Goods that came back, or proof that they were sent: at least one of them."""

    goods_at: date | None = None
    proof_at: date | None = None


class Nothing(Body, frozen=True, kw_only=True):
    pass


@call(
    "GET",
    "/withdrawals",
    "Withdrawal statements in the order they were written down. Information, not legal advice.",
    takes=(
        Argument("order", "Only those about this order."),
        Argument("running", "Only those that are not settled.", "boolean"),
        CURSOR,
        LIMIT,
    ),
    answers=shapes.WithdrawalPage,
)
def list_withdrawals(caller: Caller) -> Response:
    order_id = arguments.an_id("order")
    limit = arguments.a_limit(MOST_ORDERS, USUAL_ORDERS)
    place = place_of(arguments.one("cursor"))
    with services().reading(caller.account_id) as work:
        if order_id is not None:
            customers.find_order(work, order_id)  # another account's order does not exist
        rows = withdrawals.listed(
            work,
            order_id=order_id,
            running=arguments.a_switch("running"),
            after=place.id if place else 0,
            limit=limit + 1,
        )
    page = rows[:limit]
    more = cursor(EPOCH, page[-1].id) if len(rows) > limit else None
    return answer({"items": [views.withdrawal(row) for row in page], "next_cursor": more})


@call(
    "POST",
    "/withdrawals",
    "Write down a statement that has arrived; the clocks of the delivery country's law begin. "
    "The same one sent again is the same one.",
    body=Statement,
    answers=shapes.Withdrawal,
    status=201,
)
def record_withdrawal(caller: Caller) -> Response:
    told = arguments.read_body(Statement)
    quantities: dict[str, int] = {}
    for part in told.lines:
        quantities[part.line_id] = quantities.get(part.line_id, 0) + part.quantity
    with services().transaction(caller.account_id) as work:
        order = customers.find_order(work, row_id(told.order_id))
        row = withdrawals.record_once(
            work,
            order,
            received_at=told.received_at.astimezone(UTC),
            channel=told.channel,
            by=caller.who.name,
            quantities=quantities or None,
            proof=caller.who.proof,
        )
        return answer(
            views.withdrawal(row), 201, location=url_for("api.get_withdrawal", withdrawal_id=str(row.id))
        )


@call("GET", "/withdrawals/{withdrawal_id}", "One statement.", answers=shapes.Withdrawal)
def get_withdrawal(caller: Caller, withdrawal_id: str) -> Response:
    with services().reading(caller.account_id) as work:
        return answer(views.withdrawal(withdrawals.find(work, row_id(withdrawal_id), lock=False)))


@call(
    "POST",
    "/withdrawals/{withdrawal_id}/acknowledge",
    "The customer was told now, on something that can be kept. Said once.",
    body=Acknowledgement,
    answers=shapes.Withdrawal,
)
def acknowledge_withdrawal(caller: Caller, withdrawal_id: str) -> Response:
    how = arguments.read_body(Acknowledgement).how
    with services().transaction(caller.account_id) as work:
        row = withdrawals.acknowledge(
            work, row_id(withdrawal_id), how, caller.who.name, proof=caller.who.proof
        )
        return answer(views.withdrawal(row))


@call(
    "POST",
    "/withdrawals/{withdrawal_id}/goods",
    "The goods are back, or were shown to be sent; the day to pay back may move.",
    body=Arrival,
    answers=shapes.Withdrawal,
)
def move_withdrawal(caller: Caller, withdrawal_id: str) -> Response:
    came = arguments.read_body(Arrival)
    with services().transaction(caller.account_id) as work:
        row = withdrawals.goods_or_proof(
            work,
            row_id(withdrawal_id),
            caller.who.name,
            goods=came.goods_at.isoformat() if came.goods_at else None,
            sent=came.proof_at.isoformat() if came.proof_at else None,
            proof=caller.who.proof,
        )
        return answer(views.withdrawal(row))


@call(
    "POST",
    "/withdrawals/{withdrawal_id}/close",
    "Settled: paid back by other means, or found to be none. Closes by itself when all of it was refunded.",
    body=Nothing,
    answers=shapes.Withdrawal,
)
def close_withdrawal(caller: Caller, withdrawal_id: str) -> Response:
    arguments.read_body(Nothing)
    with services().transaction(caller.account_id) as work:
        row = withdrawals.close(work, row_id(withdrawal_id), caller.who.name, proof=caller.who.proof)
        return answer(views.withdrawal(row))
