"""What runs by the clock: the sweep first of all, which finds everything that is due, and who is late."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from redis import Redis
from rq.cron import CronScheduler
from sqlalchemy import delete, select

from integration import carrying, inbox, privacy, probing, settling, syncing
from integration.db.accounts import Account, OneTime
from integration.work import JobName
from jobs import stores
from jobs.boot import Services

log = logging.getLogger(__name__)

SWEEP_SECONDS = 3
"""How long a lost wake can delay anything."""
LATENESS_EVERY = 60
HOUSEKEEPING_EVERY = 3600


def sweep(services: Services) -> None:
    """Wake a worker for everything that is due: the database knows, the queue may have forgotten."""
    with services.everywhere(write=False) as work:
        due = [(JobName.DRAIN_INBOX, {"store_id": store}) for _, store in inbox.stores_with_due(work)]
        due += [
            (JobName.ACTION, {"account_id": account, "action_id": action})
            for account, action in carrying.due(work)
        ]
        due += [(JobName.SYNC, {"store_id": store}) for _, store in syncing.due(work)]
        due += [(JobName.PROVE, {"store_id": store}) for _, store in syncing.due_proofs(work)]
        due += [(JobName.PROBE, {"store_id": store}) for store in probing.due(work)]
        due += [
            (JobName.PRIVACY, {"account_id": account, "request_id": request})
            for account, request in privacy.open_requests(work)
        ]
    services.wake_all(due)
    if services.redis.set("deskside:lateness", b"1", nx=True, ex=LATENESS_EVERY):
        with services.everywhere() as work:
            for store_id in syncing.note_late(work):
                log.warning("store %s: its copy is late", store_id)
    if services.redis.set("deskside:housekeeping", b"1", nx=True, ex=HOUSEKEEPING_EVERY):
        housekeeping(services)


def housekeeping(services: Services) -> None:
    """Once an hour: tokens that would die of idleness, bodies and one-time words that were needed once."""
    stores.refresh_idle(services)
    with services.everywhere() as work:
        inbox.forget_old(work)
        work.session.execute(delete(OneTime).where(OneTime.expires_at < services.now() - timedelta(days=1)))
        accounts = work.session.scalars(select(Account.id)).all()
    for account_id in accounts:
        with services.transaction(account_id) as work:  # what was paid back in the store itself
            settling.close_paid(work)


def run_cron(redis: Redis, run: Callable[..., None]) -> None:
    """Queue the sweep every few seconds until told to stop. Source: python-rq.org, "Cron"."""
    scheduler = CronScheduler(connection=redis, logging_level="WARNING", name="deskside")
    scheduler.register(
        run,
        queue_name="inbox",
        kwargs={"name": JobName.SWEEP.value, "arguments": {}},
        interval=SWEEP_SECONDS,
        result_ttl=0,
        ttl=30,
        failure_ttl=600,
    )
    scheduler.start()  # type: ignore[no-untyped-call] # RQ has no annotation here
