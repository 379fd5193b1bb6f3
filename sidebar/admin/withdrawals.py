"""Withdrawal statements of the whole account and the legal clocks that they run. Reads only: statements
are acknowledged and settled beside the conversation."""

from __future__ import annotations

from collections.abc import Sequence

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from integration import stores as connected
from integration import withdrawals
from integration.db.accounts import Role
from integration.db.orders import Order
from integration.db.policies import Withdrawal
from integration.notices import statements_of
from integration.people import SignedIn
from integration.withdrawals import WARN
from integration.work import Work
from sidebar.admin import guard
from sidebar.admin.frame import bp
from sidebar.context import services
from sidebar.statements import Statement, statements
from sidebar.urgent import days_left

MOST = 200
"""Rows on the page: the most pressing ones."""


@bp.get("/withdrawals", endpoint="withdrawals")
@guard.person_required(Role.LEAD)
def show(person: SignedIn) -> ResponseReturnValue:
    """Those that run, refunds due within days first; or those that are settled, newest first."""
    settled = request.args.get("settled") == "1"
    with services().reading(person.account_id) as work:
        rows = _settled(work) if settled else withdrawals.listed(work, running=True, limit=1000)
        orders = _orders(work, rows)
        kept = statements_of(work, orders)
        found = [one for mine in statements(kept, orders.values(), work.now()).values() for one in mine]
        stores = {store.id: store for store in connected.everyone(work)}
    wanted = {row.id: row.order_id for row in rows}
    shown = [one for one in found if one.id in wanted]
    shown.sort(key=(lambda one: -one.id) if settled else _pressing)
    return render_template(
        "admin/withdrawals.html",
        rows=shown[:MOST],
        more=max(0, len(shown) - MOST),
        due_soon=sum(_refund_left(one) <= WARN for one in shown),
        orders={one.id: orders[wanted[one.id]] for one in shown},
        stores=stores,
        settled=settled,
        warn=WARN,
        days_left=days_left,
    )


def _pressing(one: Statement) -> tuple[bool, int, int]:
    """Refunds due within days, or overdue, come first; then whatever ends next."""
    left = _refund_left(one)
    first = min((clock.left for clock in one.clocks), default=NEVER)
    return left > WARN, left if left <= WARN else first, one.id


NEVER = 10**6


def _refund_left(one: Statement) -> int:
    return next((clock.left for clock in one.clocks if clock.kind == "refund"), NEVER)


def _settled(work: Work) -> list[Withdrawal]:
    query = select(Withdrawal).where(Withdrawal.closed_at.is_not(None))
    return list(work.session.scalars(query.order_by(Withdrawal.id.desc()).limit(MOST)))


def _orders(work: Work, rows: Sequence[Withdrawal]) -> dict[int, Order]:
    wanted = select(Order).where(Order.id.in_({row.order_id for row in rows}))
    return {order.id: order for order in work.session.scalars(wanted.options(selectinload(Order.lines)))}
