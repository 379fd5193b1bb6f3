"""How often one address, agent, desk or token may try.

Counted in Redis for all processes together; while Redis does not answer, in each process by itself.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import NamedTuple, ParamSpec, TypeVar

from flask import current_app, request
from redis.exceptions import RedisError

from integration.errors import AppError
from sidebar.context import services

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

EXTENSION = "deskside.tries"
WITHOUT_REDIS = 10.0
"""Seconds to count by ourselves after Redis was not there."""
MOST_KEPT = 10_000
"""Keys that one process remembers by itself; beyond, what has run out is forgotten."""


TAKE_BACK = "if redis.call('decr', KEYS[1]) < 0 then redis.call('del', KEYS[1]) end"
"""A span may end between a try and its being taken back; what is counted below nothing would never end."""


class TooMany(AppError):
    code, status = "too_many", 429
    next_step = "Wait some minutes, then try again."


class Counted(NamedTuple):
    """Numbers of tries, and where they were counted."""

    tries: list[int]
    together: bool
    """In Redis; False: by this process alone."""


class Counter:
    """Tries in running spans of time, of one process."""

    def __init__(self) -> None:
        self._alone_until = 0.0
        self._own: dict[str, tuple[float, int]] = {}
        """key → (end of its span, tries so far)"""

    def count(self, keys: Sequence[str], seconds: int) -> Counted:
        """The numbers of these tries within the spans that the first ones began. One way to Redis for all."""
        if time.monotonic() >= self._alone_until:
            try:
                with services().redis.pipeline(transaction=False) as pipe:
                    for key in keys:
                        pipe.incr(key)
                        pipe.expire(key, seconds, nx=True)
                    return Counted([int(number) for number in pipe.execute()[::2]], together=True)
            except RedisError as error:
                log.warning("tries are counted by each process alone: %s", type(error).__name__)
                self._alone_until = time.monotonic() + WITHOUT_REDIS
        return Counted([self._count_alone(key, seconds) for key in keys], together=False)

    def take_back(self, keys: Sequence[str], *, together: bool) -> None:
        """Tries that were counted and then not made; taken from where they were counted."""
        if not together:
            for key in keys:
                if kept := self._own.get(key):
                    end, tries = kept
                    self._own[key] = end, tries - 1
            return
        try:
            with services().redis.pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.eval(TAKE_BACK, 1, key)
                pipe.execute()
        except RedisError as error:
            log.warning("a try that was not made stays counted: %s", type(error).__name__)

    def _count_alone(self, key: str, seconds: int) -> int:
        now = services().now().timestamp()
        if len(self._own) >= MOST_KEPT:
            self._own = {each: kept for each, kept in self._own.items() if kept[0] > now}
        end, tries = self._own.get(key, (0.0, 0))
        if end <= now:
            end, tries = now + seconds, 0
        self._own[key] = end, tries + 1
        return tries + 1


class Limit(NamedTuple):
    """How often somebody may try something."""

    purpose: str
    who: str
    times: int

    @property
    def key(self) -> str:
        name = hashlib.sha256(self.who.encode()).hexdigest()[:24]
        return f"deskside:tries:{self.purpose}:{name}"


def within(*limits: Limit, seconds: int) -> bool:
    """Count one try for each; False once one of them had more within `seconds` than it may.

    What one limit refuses is no try for the others: one agent's page gone wild uses up nobody else's.
    """
    counter: Counter = current_app.extensions.setdefault(EXTENSION, Counter())
    tries, together = counter.count([limit.key for limit in limits], seconds)
    kept = [limit.key for limit, count in zip(limits, tries, strict=True) if count <= limit.times]
    if len(kept) == len(limits):
        return True
    if kept:
        counter.take_back(kept, together=together)
    return False


def allowed(purpose: str, who: str, *, times: int, seconds: int) -> bool:
    """Count one try; False once there were more than `times` within `seconds`."""
    return within(Limit(purpose, who, times), seconds=seconds)


def limited(purpose: str, *, times: int, seconds: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Raise :exc:`TooMany` when one address asks too often."""

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            if not allowed(purpose, request.remote_addr or "", times=times, seconds=seconds):
                raise TooMany("too many tries from this address")
            return view(*args, **kwargs)

        return checked

    return decorate
