"""How often one address, agent or desk may try. Counted in Redis; without Redis nothing is counted."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import request
from redis.exceptions import RedisError

from integration.errors import AppError
from sidebar.context import services

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


class TooMany(AppError):
    code, status = "too_many", 429
    next_step = "Wait some minutes, then try again."


def allowed(purpose: str, who: str, *, times: int, seconds: int) -> bool:
    """Count one try; False once there were more than `times` within `seconds`."""
    key = f"deskside:tries:{purpose}:{hashlib.sha256(who.encode()).hexdigest()[:24]}"
    try:
        with services().redis.pipeline() as pipe:
            pipe.incr(key)
            pipe.expire(key, seconds, nx=True)
            count = pipe.execute()[0]
    except RedisError as error:
        log.warning("tries not counted, queue unreachable: %s", type(error).__name__)
        return True
    return int(count) <= times


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
