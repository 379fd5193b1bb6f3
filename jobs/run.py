"""The one function that the queue sees: name → handler.

Nothing is retried by the queue. What must be done stands in the database with the time it is due, so a
job that dies is found by the next sweep.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from functools import cache
from time import perf_counter
from typing import Any

from integration.errors import NotFound
from integration.work import JobName
from jobs import boot, carrying, inbox, observe, privacy, proving, queues, schedule, sync
from jobs.boot import Services

log = logging.getLogger(__name__)

HANDLERS: dict[JobName, Callable[..., object]] = {
    JobName.DRAIN_INBOX: inbox.drain,
    JobName.SYNC: sync.run,
    JobName.PROVE: proving.run,
    JobName.ACTION: carrying.carry_out,
    JobName.PRIVACY: privacy.carry_out,
    JobName.SWEEP: schedule.sweep,
}


@cache
def process_services() -> Services:
    """This worker process's services, built at its first job."""
    return boot.boot()


def run(name: str, arguments: Mapping[str, Any]) -> None:
    """Do one job. Its failure is written down here and goes no further."""
    services = process_services()
    handle(services, JobName(name), arguments)


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
