"""The actions taken, as lists: what waits, what was done, by whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select
from sqlalchemy.orm import selectinload

from integration.db.actions import Action, ActionStatus
from integration.db.orders import Order
from integration.db.stores import Store
from integration.errors import NotFound
from integration.ports import ActionKind
from integration.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which actions a list shows. What is None does not narrow it."""

    status: ActionStatus | None = None
    kind: ActionKind | None = None
    store_id: int | None = None
    agent_id: int | None = None
    text: str = ""
    """Part of an order's name or of the asker's name."""
    since: datetime | None = None


def actions(
    work: Work, wanted: Wanted, *, before: int | None = None, limit: int = 50
) -> tuple[list[Action], int | None]:
    """A page, newest first, with orders; and where the next page begins."""
    query = select(Action).options(selectinload(Action.order)).order_by(Action.id.desc())
    if wanted.status is not None:
        query = query.where(Action.status == wanted.status)
    if wanted.kind is not None:
        query = query.where(Action.kind == wanted.kind)
    if wanted.store_id is not None:
        query = query.where(Action.store_id == wanted.store_id)
    if wanted.agent_id is not None:
        query = query.where(Action.requested_by_id == wanted.agent_id)
    if wanted.since is not None:
        query = query.where(Action.created_at >= wanted.since)
    if wanted.text:
        named = select(Order.id).where(
            Order.account_id == work.account_id, Order.name.icontains(wanted.text, autoescape=True)
        )
        query = query.where(
            or_(Action.order_id.in_(named), Action.requested_by.icontains(wanted.text, autoescape=True))
        )
    if before is not None:
        query = query.where(Action.id < before)
    rows = list(work.session.scalars(query.limit(limit + 1)))
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def queue(work: Work) -> list[Action]:
    """What waits for a second person, and what no answer has settled; oldest first."""
    return list(
        work.session.scalars(
            select(Action)
            .options(selectinload(Action.order))
            .where(Action.status.in_([ActionStatus.AWAITING_APPROVAL, ActionStatus.NEEDS_ATTENTION]))
            .order_by(Action.id)
            .limit(200)
        )
    )


def waiting(work: Work) -> int:
    """How many wait for a person."""
    found = work.session.scalar(
        select(func.count())
        .select_from(Action)
        .where(Action.status.in_([ActionStatus.AWAITING_APPROVAL, ActionStatus.NEEDS_ATTENTION]))
    )
    return found or 0


def decided_since(work: Work, since: datetime) -> int:
    """How many a second person has decided."""
    found = work.session.scalar(
        select(func.count())
        .select_from(Action)
        .where(Action.decided_at >= since, Action.approved_by.is_not(None))
    )
    return found or 0


def action(work: Work, action_id: int) -> Action:
    """One, with its order and the order's lines. Raises :exc:`NotFound`."""
    found = work.session.scalar(
        select(Action)
        .options(
            selectinload(Action.order).selectinload(Order.lines),
            selectinload(Action.order).selectinload(Order.refunds),
        )
        .where(Action.id == action_id)
    )
    if found is None:
        raise NotFound("no such action")
    return found


def others_on_order(work: Work, mine: Action) -> Sequence[Action]:
    """Other actions on the same order that are not over, or ended after this one was asked for."""
    return work.session.scalars(
        select(Action)
        .where(
            Action.order_id == mine.order_id,
            Action.id != mine.id,
            or_(Action.finished_at.is_(None), Action.finished_at > mine.created_at),
        )
        .order_by(Action.id)
    ).all()


def refunded_today(work: Work, agent_id: int, currency: str, since: datetime) -> int:
    """Minor units that the person's refunds of the day add up to, those under way included."""
    found = work.session.scalar(
        select(func.sum(Action.amount)).where(
            Action.requested_by_id == agent_id,
            Action.currency == currency,
            Action.created_at >= since,
            Action.status.in_(
                [
                    ActionStatus.PENDING,
                    ActionStatus.RUNNING,
                    ActionStatus.SUCCEEDED,
                    ActionStatus.NEEDS_ATTENTION,
                ]
            ),
        )
    )
    return int(found or 0)


def stores_of(work: Work, rows: Sequence[Action]) -> Sequence[Store]:
    return work.session.scalars(select(Store).where(Store.id.in_({row.store_id for row in rows}))).all()


def starts(now: datetime, timezone: str) -> tuple[datetime, datetime]:
    """Start of the day and of the month in the account's zone: what limits and budgets count from."""
    day = now.astimezone(ZoneInfo(timezone)).replace(hour=0, minute=0, second=0, microsecond=0)
    return day, day.replace(day=1)
