"""Looking before a change is sent: what goes wrong while looking is known to have changed nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from integration.errors import RateLimited, StoreUnavailable, UnreadableAnswer

LONGEST_LOOK = 40.0
"""Seconds. With the 95 s of a write it stays within a worker's hold (see `integration.carrying.HOLD`)."""


@contextmanager
def nothing_sent_yet() -> Iterator[None]:
    """Reads before a change: if they fail, nothing was asked of the store, and that is known.

    Nor if they drag on: by then another worker, or a person, may have taken the action for lost.
    """
    began = time.monotonic()
    try:
        yield
    except RateLimited:
        raise
    except (StoreUnavailable, UnreadableAnswer) as error:
        raise RateLimited(f"not sent: {error}", wait=5.0) from error
    if time.monotonic() - began > LONGEST_LOOK:
        raise RateLimited("not sent: looking first took too long", wait=5.0)
