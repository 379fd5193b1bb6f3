"""Finds the boundaries between steps by watching the process, and kills it at one of them.

A boundary is the end of whatever the world outside sees, or by which it is seen: a transaction committed,
bytes sent to or received from a socket. None of them is named by hand, whoever makes the call. Between one
and the next nothing happens but in the memory that dies with the process: a kill anywhere between them is
the same as one at the first.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

EFFECTS = frozenset({"commit", "send", "sendall", "recv", "recv_into"})
"""Built-in functions that reach out of the process: to SQLite, to a socket."""


class Probe:
    """Counts boundaries; behind number `at` (1, 2, …) the process is gone."""

    def __init__(self, at: int | None) -> None:
        self.at = at
        self.seen: list[str] = []

    def watch(self, work: Callable[[], None]) -> list[str]:
        """Run `work`. Returns what each boundary was, if the process lives."""
        sys.setprofile(self._event)
        try:
            work()
        finally:
            sys.setprofile(None)
        return self.seen

    def _event(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_return" and argument.__name__ in EFFECTS:
            self.seen.append(argument.__name__)
            if len(self.seen) == self.at:
                os.kill(os.getpid(), signal.SIGKILL)
