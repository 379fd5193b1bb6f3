"""The one function that the queue sees: name → handler.

Nothing is retried by the queue. What must be done stands in the database with the time it is due, so a
job that dies is found by the next sweep.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker

from integration.errors import NotFound
from integration.work import JobName
from jobs import boot, carrying, inbox, observe, privacy, probing, proving, queues, schedule, sync
from jobs.boot import Services

log = logging.getLogger(__name__)

HANDLERS: dict[JobName, Callable[..., object]] = {
    JobName.DRAIN_INBOX: inbox.drain,
    JobName.SYNC: sync.run,
    JobName.PROVE: proving.run,
    JobName.PROBE: probing.run,
    JobName.ACTION: carrying.carry_out,
    JobName.PRIVACY: privacy.carry_out,
    JobName.SWEEP: schedule.sweep,
}


QUEUE_AWAY_SECONDS = 1.0

_services: Services | None = None
"""This worker process's own; RQ hands its jobs names and numbers only."""


def process_services() -> Services:
    global _services
    if _services is None:
        _services = boot.boot()
    return _services


def run(name: str, arguments: Mapping[str, Any]) -> None:
    """Do one job. Its failure is written down here and goes no further."""
    services = process_services()
    handle(services, JobName(name), arguments)


def work(services: Services, queue_names: Sequence[str], *, burst: bool = False) -> None:
    """Take jobs off these queues until told to stop; with `burst` until there are none.

    Not RQ's forking worker: jobs are short, many, and lose nothing when a process dies with them.
    """
    global _services
    _services = services
    while True:
        connection: Redis = Redis.from_url(services.settings.redis_url, health_check_interval=30)
        try:
            # A worker greets the queue as soon as it is made.
            worker = SimpleWorker(
                [Queue(name, connection=connection) for name in queue_names],
                connection=connection,
                log_job_description=False,
            )
            worker.work(burst=burst, logging_level="WARNING")
        except RedisError as error:
            # RQ waits for a queue that is away, but not at every place where it may miss it.
            log.warning("the queue is away: %s", type(error).__name__)
            time.sleep(QUEUE_AWAY_SECONDS)
            continue
        return


def handle(services: Services, name: JobName, arguments: Mapping[str, Any]) -> None:
    """`run` with services at hand: also how tests and the embedded mode run jobs."""
    queues.started(services.redis, name.value, arguments)
    began = perf_counter()
    outcome = "ok"
    with observe.job(uuid.uuid4().hex[:12], name.value):
        try:
            HANDLERS[name](services, **arguments)
        except NotFound:
            outcome = "gone"
            log.info("%s %s: no longer there", name, dict(arguments))
        except Exception:  # the process's edge: the row stays due, the worker lives on
            outcome = "failed"
            log.exception("%s %s failed", name, dict(arguments))
        finally:
            observe.JOBS.labels(name.value, outcome).inc()
            observe.JOB_SECONDS.labels(name.value).observe(perf_counter() - began)
