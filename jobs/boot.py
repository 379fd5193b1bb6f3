"""Where everything meets: what a process needs, built once and handed on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from integration.ports import StoreApi
from integration.settings import Settings
from integration.vault import Vault
from integration.work import Database, JobName, Work, utc_now

log = logging.getLogger(__name__)


@dataclass
class Services:
    """Everything that outlives a request or a job. Tests build their own with a clock and simulators."""

    settings: Settings
    db: Database
    vault: Vault
    redis: Redis
    now: Callable[[], datetime] = utc_now
    open_store: Callable[[Services, int, bool], StoreApi] | None = None
    """(services, store id, interactive) → StoreApi; set by `boot`."""
    enqueue: Callable[[JobName, Mapping[str, Any]], None] = field(default=lambda name, arguments: None)

    def transaction(self, account_id: int) -> AbstractContextManager[Work]:
        return self.db.transaction(account_id)

    def reading(self, account_id: int) -> AbstractContextManager[Work]:
        return self.db.reading(account_id)

    def everywhere(self, *, write: bool = True) -> AbstractContextManager[Work]:
        return self.db.everywhere(write=write)

    def close(self) -> None:
        self.redis.close()
        self.db.dispose()

    def wake_all(self, wakes: Sequence[tuple[JobName, dict[str, Any]]]) -> None:
        """Hand wakes to the queue. A queue that is down loses nothing: the sweep finds what is due."""
        for name, arguments in wakes:
            try:
                self.enqueue(name, arguments)
            except RedisError as error:
                log.warning("queue unreachable, %s waits for the sweep: %s", name, type(error).__name__)


def connect_redis(url: str) -> Redis:
    """A client that gives up quickly: an agent's request must not wait for a dead queue."""
    return Redis.from_url(
        url,
        socket_connect_timeout=1.0,
        socket_timeout=5.0,
        retry=Retry(NoBackoff(), 1),
        health_check_interval=30,
    )
