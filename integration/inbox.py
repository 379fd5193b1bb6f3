"""Webhooks, accepted once: written down before they are answered, settled by asking the store.

A delivery only says that something changed. All pending deliveries of one order are settled by one
fetch that began after they arrived, so bursts, repetitions and disorder cost little and harm nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect

from integration.alone import Alone
from integration.db.bulk import upsert
from integration.db.inbox import Delivery, DeliveryStatus
from integration.db.stores import Store, SyncState
from integration.identity import lock_account
from integration.ports import Topic, WebhookEvent
from integration.vault import Vault
from integration.work import Database, JobName, Work

HOLD = timedelta(seconds=90)
"""How long a worker may take with a resource before another one may."""
KEEP_BODIES = timedelta(days=3)
KEEP_SETTLED = timedelta(days=30)
GIVE_UP_AFTER = 12
"""Tries before a delivery is set aside as poison; with doubling waits that is about an hour."""
LONGEST_WAIT = 11
"""As a power of two seconds: half an hour."""


@dataclass(frozen=True)
class Claim:
    """Deliveries of one resource that one worker now settles."""

    ids: tuple[int, ...]
    topic: Topic
    resource: str | None


def take(
    database: Database, vault: Vault, event: WebhookEvent, body: bytes, *, sender: Mapping[str, Any]
) -> bool:
    """Write a connected store's delivery down, in one statement. `sender`: columns that tell the store.

    False: it is a repetition, or no connected store fits. The account is the store's own, so a door that has
    yet to learn it need not ask first. Wakes a worker.
    """
    row = _row(database.now(), vault, event, body)
    row.update((f"store_{name}", value) for name, value in sender.items())
    statement = _taking(database.engine.dialect, tuple(sender))
    store_id = database.lines.first(statement, row)
    if store_id is not None:
        database.on_commit([(JobName.DRAIN_INBOX, {"store_id": store_id})])
    return store_id is not None


def _row(now: datetime, vault: Vault, event: WebhookEvent, body: bytes) -> dict[str, Any]:
    return {
        "delivery_id": event.delivery_id,
        "topic": event.topic,
        "platform_topic": event.platform_topic,
        "resource": event.resource_id,
        "triggered_at": event.triggered_at,
        "received_at": now,
        "body": vault.seal_raw(body),
        "status": DeliveryStatus.PENDING,
        "due_at": now,
        "attempts": 0,
    }


@lru_cache
def _taking(dialect: Dialect, sender: tuple[str, ...]) -> Alone:
    """The statement of `take`, built once: a store in a burst sends hundreds of deliveries a second."""
    table, store = Delivery.__table__, Store.__table__
    given = [table.c[name] for name in COLUMNS]
    source = select(
        store.c.account_id, store.c.id, *(bindparam(column.name, type_=column.type) for column in given)
    ).where(
        *(store.c[name] == bindparam(f"store_{name}", type_=store.c[name].type) for name in sender),
        store.c.credentials.is_not(None),
    )
    into = postgresql.insert(Delivery) if dialect.name == "postgresql" else sqlite.insert(Delivery)
    return Alone(
        into.from_select([table.c.account_id, table.c.store_id, *given], source, include_defaults=False)
        .on_conflict_do_nothing(index_elements=["store_id", "delivery_id"])
        .returning(table.c.store_id),
        dialect,
    )


COLUMNS = (
    "delivery_id", "topic", "platform_topic", "resource", "triggered_at", "received_at", "body", "status",
    "due_at", "attempts",
)  # fmt: skip
"""What a new delivery consists of, beside its store."""


def accept(work: Work, vault: Vault, store: Store, event: WebhookEvent, body: bytes) -> bool:
    """Write the delivery down; False if we have it already. Wakes a worker after the commit."""
    statement = (
        upsert(work.session, Delivery)
        .values(work.stamped({**_row(work.now(), vault, event, body), "store_id": store.id}))
        .on_conflict_do_nothing(index_elements=["store_id", "delivery_id"])
        .returning(Delivery.id)
    )
    fresh = work.session.scalar(statement) is not None
    if fresh:
        work.wake(JobName.DRAIN_INBOX, store_id=store.id)
    return fresh


def claim(work: Work, store_id: int, *, limit: int = 20) -> list[Claim]:
    """Up to `limit` resources with due deliveries, oldest first, for this worker alone."""
    now = work.now()
    free = or_(Delivery.held_until.is_(None), Delivery.held_until < now)
    pending = and_(Delivery.store_id == store_id, Delivery.status == DeliveryStatus.PENDING)
    rows = work.session.execute(
        select(Delivery.id, Delivery.topic, Delivery.resource)
        .where(pending, Delivery.due_at <= now, free)
        .order_by(Delivery.id)
        .limit(2000)
        .with_for_update(skip_locked=True)
    ).all()
    groups: dict[tuple[Topic, str | None, int], list[int]] = {}
    for row in rows:
        # Deliveries without a resource are not alike: each is settled by itself.
        key = (row.topic, row.resource, 0 if row.resource else row.id)
        if key in groups or len(groups) < limit:
            groups.setdefault(key, []).append(row.id)
    claims = [
        Claim(ids=tuple(ids), topic=topic, resource=resource) for (topic, resource, _), ids in groups.items()
    ]
    taken = [delivery_id for item in claims for delivery_id in item.ids]
    if taken:
        work.session.execute(
            update(Delivery)
            .where(Delivery.id.in_(taken))
            .values(held_until=now + HOLD, attempts=Delivery.attempts + 1)
        )
    return claims


def settle(work: Work, ids: Sequence[int]) -> None:
    """These deliveries have had their effect: nobody needs their bodies any more."""
    work.session.execute(
        update(Delivery)
        .where(Delivery.id.in_(ids), Delivery.status == DeliveryStatus.PENDING)
        .values(status=DeliveryStatus.DONE, done_at=work.now(), held_until=None, error=None, body=None)
    )


def give_back(work: Work, claims: Sequence[Claim], *, wait: float) -> None:
    """Leave these for a later turn: they were claimed, and nobody has tried them."""
    work.session.execute(
        update(Delivery)
        .where(Delivery.id.in_([one for claim in claims for one in claim.ids]))
        .where(Delivery.status == DeliveryStatus.PENDING)
        .values(
            held_until=None,
            due_at=work.now() + timedelta(seconds=wait),
            attempts=Delivery.attempts - 1,
        )
    )


def postpone(
    work: Work,
    ids: Sequence[int],
    error: dict[str, Any],
    *,
    wait: float | None = None,
    patient: bool = False,
) -> None:
    """Try these again later, ever more rarely; after many tries keep them aside with the reason.

    `patient`: it was not their fault, so they are never given up. `wait`: they were told how long.
    """
    now = work.now()
    rows = work.session.execute(select(Delivery.id, Delivery.attempts).where(Delivery.id.in_(ids))).all()
    for row in rows:
        gave_up = not patient and row.attempts >= GIVE_UP_AFTER
        delay = wait if wait is not None else 2.0 ** min(row.attempts, LONGEST_WAIT)
        work.session.execute(
            update(Delivery)
            .where(Delivery.id == row.id, Delivery.status == DeliveryStatus.PENDING)
            .values(
                status=DeliveryStatus.POISONED if gave_up else DeliveryStatus.PENDING,
                due_at=now + timedelta(seconds=delay),
                held_until=None,
                error=error,
                attempts=row.attempts - 1 if wait is not None else row.attempts,
            )
        )


def retry_poisoned(work: Work, store_id: int) -> int:
    """Give set-aside deliveries another round; returns how many."""
    lock_account(work)  # orders that were set aside are retried in the same breath
    done = work.session.execute(
        update(Delivery)
        .where(Delivery.store_id == store_id, Delivery.status == DeliveryStatus.POISONED)
        .values(status=DeliveryStatus.PENDING, attempts=0, due_at=work.now(), held_until=None)
    )
    work.wake(JobName.DRAIN_INBOX, store_id=store_id)
    return int(done.rowcount)  # type: ignore[attr-defined] # an UPDATE has one


def note_arrival(work: Work, store_id: int, at: datetime) -> None:
    """Remember when the store was last heard."""
    work.session.execute(
        update(SyncState)
        .where(
            SyncState.store_id == store_id,
            or_(SyncState.last_event_at.is_(None), SyncState.last_event_at < at),
        )
        .values(last_event_at=at)
    )


def newest_trigger(work: Work, ids: Sequence[int]) -> datetime | None:
    """When the newest of these deliveries says that it happened."""
    return work.session.scalar(select(func.max(Delivery.triggered_at)).where(Delivery.id.in_(ids)))


def stores_with_due(work: Work) -> Sequence[tuple[int, int]]:
    """(account, store) of every store with something due, longest waiting first. For the sweep."""
    now = work.now()
    rows = work.session.execute(
        select(Delivery.account_id, Delivery.store_id, func.min(Delivery.due_at).label("oldest"))
        .where(
            Delivery.status == DeliveryStatus.PENDING,
            Delivery.due_at <= now,
            or_(Delivery.held_until.is_(None), Delivery.held_until < now),
        )
        .group_by(Delivery.account_id, Delivery.store_id)
        .order_by("oldest")
    )
    return [(row.account_id, row.store_id) for row in rows]


def forget_old(work: Work) -> None:
    """Drop what is only kept to look into: bodies of deliveries set aside, then settled deliveries.

    Not at once: a settled one is what a repetition is recognised by, for as long as platforms repeat.
    """
    now = work.now()
    work.session.execute(
        update(Delivery)
        .where(
            Delivery.status == DeliveryStatus.POISONED,
            Delivery.received_at < now - KEEP_BODIES,
            Delivery.body.is_not(None),
        )
        .values(body=None)
    )
    work.session.execute(
        delete(Delivery).where(Delivery.status == DeliveryStatus.DONE, Delivery.done_at < now - KEEP_SETTLED)
    )
