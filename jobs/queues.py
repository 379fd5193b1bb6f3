"""The queue that wakes workers. It may forget everything: what must be done stands in the database.

Source: python-rq.org, "Jobs", "Cron". A wake for the same thing that is still waiting is not queued
twice, so a burst of webhooks costs one job a store.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue

from integration.work import JobName

QUEUE_OF = {
    JobName.ACTION: "actions",
    JobName.DRAIN_INBOX: "inbox",
    JobName.SWEEP: "inbox",
    JobName.PRIVACY: "sync",
    JobName.SYNC: "sync",
    JobName.PROVE: "sync",
    JobName.PROBE: "sync",
}
"""A worker takes money first, then what stores just said, then the long copying."""

FAST = ("actions", "inbox")
ALL = ("actions", "inbox", "sync")

JOB_SECONDS = 180
"""Longest life of a job; every handler bounds itself well below."""
WOKEN_SECONDS = 10
"""How long a lost wake can keep the same wake from being queued again."""
JUST_WOKEN_SECONDS = 0.05
"""A process that just woke a store's inbox does not ask the queue about it again: bursts cost one question.

Should the worker be done within so short a time, the next delivery or the sweep wakes it.
"""
SLOW_SECONDS = 300
"""How long a store that kept a worker waiting is served from the patient queue."""


def _mark(name: str, arguments: Mapping[str, Any]) -> str:
    return "deskside:woken:" + name + ":" + ",".join(f"{key}={arguments[key]}" for key in sorted(arguments))


_just_woken: dict[str, float] = {}
"""Mark → when this process last asked for it; one entry a store."""


def enqueue(redis: Redis, name: JobName, arguments: Mapping[str, Any]) -> None:
    """Queue one wake, unless the same one is waiting already. Raises RedisError when the queue is down."""
    mark = _mark(name, arguments)
    if name == JobName.DRAIN_INBOX:
        now = time.monotonic()
        if now - _just_woken.get(mark, -1e9) < JUST_WOKEN_SECONDS:
            return
        _just_woken[mark] = now
    if not redis.set(mark, b"1", nx=True, ex=WOKEN_SECONDS):
        return
    place = QUEUE_OF[name]
    if name == JobName.DRAIN_INBOX and redis.exists(_slow(arguments["store_id"])):
        place = "sync"
    queue = Queue(place, connection=redis)
    queue.enqueue_call(
        "jobs.run.run",
        kwargs={"name": name.value, "arguments": dict(arguments)},
        timeout=JOB_SECONDS,
        result_ttl=0,
        failure_ttl=3600,
    )


def _slow(store_id: int) -> str:
    return f"deskside:slow:{store_id}"


def note_slow(redis: Redis, store_id: int) -> None:
    """This store keeps workers waiting: let its webhooks wait with the copying, and nobody behind them."""
    try:
        redis.set(_slow(store_id), b"1", ex=SLOW_SECONDS)
    except RedisError:
        return  # only an order of service is lost


def started(redis: Redis, name: str, arguments: Mapping[str, Any]) -> None:
    """The wake has been heard: from now on a new one counts again."""
    _just_woken.pop(_mark(name, arguments), None)
    redis.delete(_mark(name, arguments))
