"""Finds the boundaries between steps by watching the process, and kills it at one of them.

A boundary is the beginning or end of any function that carries an action out, of any statement sent to
the database, and of anything sent to or received from a socket. None of them is named by hand.

Between the end of one thing that the world outside sees and the beginning of the next, nothing happens
but in the memory that dies with the process: killing at those ends (`is_effect`) covers all others.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
WATCHED = frozenset(
    str(path)
    for part in ("jobs", "integration", "connectors/shopify", "connectors/woocommerce")
    for path in (ROOT / part).glob("*.py")
) | {str(ROOT / "connectors/transport.py")}
"""Where steps are: everything but the pure rules below `integration/eligibility`."""
OUTSIDE = frozenset({"execute", "executemany", "commit", "send", "sendall", "recv", "recv_into", "connect"})
"""Built-in functions that reach out of the process: to SQLite, to a socket."""
EFFECTS = frozenset({"commit", "send", "sendall", "recv", "recv_into"})
"""Those after which the world outside is another one, or is known to be."""
DONE = "after-"


def is_effect(boundary: str) -> bool:
    return boundary.startswith(DONE) and boundary.removeprefix(DONE) in EFFECTS


class Probe:
    """Notes boundaries; at number `at` (1, 2, …) the process is gone."""

    def __init__(self, at: int | None) -> None:
        self.at = at
        self.seen: list[str] = []

    def watch(self, work: Callable[[], None]) -> list[str]:
        """Run `work`. Returns the name of each boundary it had, if it lives."""
        sys.setprofile(self._event)
        try:
            work()
        finally:
            sys.setprofile(None)
        return self.seen

    def _event(self, frame: FrameType, event: str, argument: Any) -> None:
        if event in ("c_call", "c_return"):
            name = argument.__name__
            if name not in OUTSIDE:
                return
        elif event in ("call", "return") and frame.f_code.co_filename in WATCHED:
            name = frame.f_code.co_name
        else:
            return
        self.seen.append(DONE + name if event in ("c_return", "return") else name)
        if len(self.seen) == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
