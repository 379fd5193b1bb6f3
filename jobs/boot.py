"""Where everything meets: what a process needs, built once and handed on."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from integration.errors import SettingsError
from integration.ports import StoreApi
from integration.settings import Settings
from integration.vault import Vault
from integration.work import Database, JobName, Work, utc_now
from jobs import observe, queues

log = logging.getLogger(__name__)


@dataclass
class Services:
    """Everything that outlives a request or a job. Tests build their own with a clock and simulators."""

    settings: Settings
    db: Database
    vault: Vault
    redis: Redis
    now: Callable[[], datetime] = utc_now
    open_store: Callable[..., StoreApi] | None = None
    """`jobs.stores.open_store`; set by `boot`."""
    enqueue: Callable[[Redis, JobName, Mapping[str, Any]], None] = queues.enqueue

    def __post_init__(self) -> None:
        self.db.on_commit = self.wake_all
        self.db.now = self.now
        self.db.vault = self.vault

    def api(self, store_id: int, interactive: bool = False, **more: Any) -> StoreApi:
        """A client for a connected store, with fresh credentials. Close it when done. Raises StoreError."""
        assert self.open_store is not None
        return self.open_store(self, store_id, interactive, **more)

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
                self.enqueue(self.redis, name, arguments)
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


def boot(settings: Settings | None = None) -> Services:
    """Services from the environment. Raises SettingsError before anything is touched."""
    from jobs.stores import open_store  # stores.py is typed with Services

    settings = settings or Settings.from_env()
    observe.set_up_logging(settings.log_level, settings.log_format)
    if settings.uses_sqlite:
        try:
            settings.data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"DATA_DIR: {settings.data_dir}: {error.strerror}") from None
    return Services(
        settings=settings,
        db=Database(settings.database_url),
        vault=Vault(settings.encryption_keys),
        redis=connect_redis(settings.redis_url),
        open_store=open_store,
    )


def set_apart() -> None:
    """What is there when a process begins to serve stays there, and is not looked through for garbage again.

    A full collection would stop all requests of the process for a tenth of a second, to look at some
    200,000 objects of which none can go. Source: docs.python.org, `gc.freeze`.
    """
    gc.collect()
    gc.freeze()
