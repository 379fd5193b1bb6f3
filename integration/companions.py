"""What else fits: what other customers who bought the same product also bought. Bounded, or nothing.

One plain rule, said with its counts: no profile is kept, and what is shown is read off orders on the spot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from integration import audit
from integration.account_settings import held
from integration.db.orders import Order, OrderLine
from integration.plain_orders import SeenOrder
from integration.work import Work

SETTING = "companions"
LATEST = 2000
"""Orders of each store that are looked at, the newest: so the time never grows with the shop."""
FEWEST = 3
"""Other customers who must have bought both before we say so."""
MINE = 20
"""Products of the customer that are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """A product that goes with one the customer has."""

    title: str
    product_id: str
    store_id: int
    customers: int
    """Other customers who bought both."""
    because: str
    """Title of the product that the customer has."""


def switched_on(settings: dict[str, Any]) -> bool:
    return settings.get(SETTING) != "off"


def switch(work: Work, on: bool, *, by: str, proof: str = "session") -> None:
    """For the whole account, on the record."""
    account = held(work)
    if switched_on(account.settings) == on:
        return
    account.settings = {**account.settings, SETTING: "on" if on else "off"}
    audit.record(work, "companions.switched", actor=by, proof=proof, detail={"on": on})


def companions(work: Work, orders: Sequence[SeenOrder], *, limit: int = 2) -> list[Companion]:
    """Of the store where the customer bought last. Two queries, over the newest orders of that store only."""
    if not orders or orders[0].customer_id is None:
        return []
    store_id, customer_id = orders[0].store_id, orders[0].customer_id
    mine = {
        line.product_id: line.title
        for order in orders
        if order.store_id == store_id and order.cancelled_at is None
        for line in order.lines
        if line.product_id
    }
    looked_at = list(mine)[:MINE]
    if not looked_at:
        return []
    latest = (
        select(Order.id, Order.customer_id)
        .where(
            Order.store_id == store_id,
            Order.gone_at.is_(None),
            Order.cancelled_at.is_(None),
            Order.test.is_(False),
        )
        .order_by(Order.placed_at.desc())
        .limit(LATEST)
        .subquery()
    )
    has, also = aliased(OrderLine), aliased(OrderLine)
    people = func.count(func.distinct(latest.c.customer_id))
    found = work.session.execute(
        select(has.product_id, also.product_id, people)
        .select_from(latest)
        .join(has, has.order_id == latest.c.id)
        .join(also, also.order_id == latest.c.id)
        .where(
            latest.c.customer_id != customer_id,
            has.product_id.in_(looked_at),
            also.product_id.is_not(None),
            also.product_id.not_in(list(mine)),
            also.is_gift_card.is_(False),
        )
        .group_by(has.product_id, also.product_id)
        .having(people >= FEWEST)
        .order_by(people.desc(), also.product_id)
        .limit(limit * MINE)
    ).all()
    best: dict[str, tuple[str, int]] = {}
    for own, other, count in found:
        best.setdefault(str(other), (str(own), count))
    chosen = list(best)[:limit]
    titles = _titles(work, chosen, latest)
    return [
        Companion(
            title=titles[product],
            product_id=product,
            store_id=store_id,
            customers=best[product][1],
            because=mine[best[product][0]],
        )
        for product in chosen
        if titles.get(product)
    ]


def _titles(work: Work, products: list[str], latest: Any) -> dict[str, str]:
    if not products:
        return {}
    rows = work.session.execute(
        select(OrderLine.product_id, func.max(OrderLine.title))
        .join(latest, latest.c.id == OrderLine.order_id)
        .where(OrderLine.product_id.in_(products))
        .group_by(OrderLine.product_id)
    )
    return {str(product): title for product, title in rows}
