"""Whether this process lives, can serve, and how it fares."""

from __future__ import annotations

import logging
import os
from datetime import timedelta

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from redis.exceptions import RedisError
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

import migrations
from integration.db.actions import Action
from integration.db.inbox import Delivery, DeliveryStatus, Poison
from integration.db.stores import Store, SyncState
from sidebar.context import services

log = logging.getLogger(__name__)
bp = Blueprint("ops", __name__)


@bp.get("/healthz")
def healthz() -> ResponseReturnValue:
    """Alive. Says nothing of what it needs."""
    return {"status": "ok"}


@bp.get("/readyz")
def readyz() -> ResponseReturnValue:
    """Can serve: database, queue, migrations. 503 with the reasons otherwise."""
    reasons = problems()
    return ({"status": "ready"}, 200) if not reasons else ({"status": "not ready", "reasons": reasons}, 503)


def problems() -> list[str]:
    found = []
    try:
        if not migrations.is_current(services().db.engine):
            found.append("migrations: run `integration migrate`")
    except SQLAlchemyError as error:
        found.append(f"database: {type(error).__name__}")
    try:
        services().redis.ping()
    except (RedisError, OSError) as error:
        found.append(f"redis: {type(error).__name__}")
    return found


@bp.get("/metrics")
def metrics() -> ResponseReturnValue:
    """Prometheus text: the counters, and what the database says of the work to do."""
    lines = [generate_latest(_counters()).decode(), *_from_database()]
    return Response("".join(lines), content_type="text/plain; version=0.0.4; charset=utf-8")


def _counters() -> CollectorRegistry:
    """Of all processes that share PROMETHEUS_MULTIPROC_DIR (web and workers); without it, of this one.

    Source: prometheus_client, "Multiprocess Mode".
    """
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not folder:
        return REGISTRY
    shared = CollectorRegistry()
    MultiProcessCollector(shared, folder)  # type: ignore[no-untyped-call] # its own package leaves it so
    return shared


def _from_database() -> list[str]:
    """What is true whichever process is asked. An unreachable database is itself a figure."""
    out: list[str] = []

    def gauge(name: str, text: str, values: list[tuple[str, float]]) -> None:
        out.append(f"# HELP deskside_{name} {text}\n# TYPE deskside_{name} gauge\n")
        out.extend(f"deskside_{name}{labels} {value:g}\n" for labels, value in values)

    try:
        with services().everywhere(write=False) as work:
            session, now = work.session, services().now()
            waiting = session.execute(
                select(Delivery.status, func.count())
                .where(Delivery.status != DeliveryStatus.DONE)
                .group_by(Delivery.status)
            ).all()
            oldest = session.scalar(
                select(func.min(Delivery.received_at)).where(Delivery.status == DeliveryStatus.PENDING)
            )
            acts = session.execute(select(Action.status, func.count()).group_by(Action.status)).all()
            poison = session.scalar(select(func.count()).select_from(Poison)) or 0
            states = session.execute(
                select(SyncState.store_id, SyncState.last_reconciled_at, Store.status).join(
                    Store, Store.id == SyncState.store_id
                )
            ).all()
    except SQLAlchemyError as error:
        log.warning("metrics without a database: %s", type(error).__name__)
        gauge("database_up", "Whether the database answered", [("", 0)])
        return out
    gauge("database_up", "Whether the database answered", [("", 1)])
    gauge(
        "inbox_deliveries",
        "Deliveries that wait or were set aside",
        [(f'{{status="{status.value}"}}', count) for status, count in waiting],
    )
    age = max(now - oldest, timedelta(0)).total_seconds() if oldest else 0
    gauge("inbox_oldest_seconds", "Age of the oldest waiting delivery", [("", age)])
    gauge("actions", "Actions by status", [(f'{{status="{status.value}"}}', count) for status, count in acts])
    gauge("poisoned_orders", "Orders that could not be read", [("", poison)])
    gauge("stores", "Stores by status", _counted([status.value for _, _, status in states]))
    gauge(
        "reconciled_seconds",
        "Time since a store was last reconciled",
        [
            (f'{{store="{store_id}"}}', (now - reconciled).total_seconds())
            for store_id, reconciled, _ in states
            if reconciled
        ],
    )
    return out


def _counted(words: list[str]) -> list[tuple[str, float]]:
    return [(f'{{status="{word}"}}', words.count(word)) for word in sorted(set(words))]
