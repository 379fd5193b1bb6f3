"""Finds the boundaries between steps by watching the process, and kills it at one of them.

A boundary is the beginning or end of any function that carries an action out, of any statement sent to
the database, and of anything sent to or received from a socket. None of them is named by hand.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WATCHED = tuple(
    os.path.join(ROOT, part)
    for part in (
        "jobs/carrying.py",
        "jobs/sync.py",
        "integration/carrying.py",
        "integration/actions.py",
        "integration/audit.py",
        "integration/work.py",
        "connectors/transport.py",
        "connectors/shopify/actions.py",
        "connectors/shopify/client.py",
        "connectors/shopify/editing.py",
        "connectors/shopify/graphql.py",
        "connectors/shopify/refunding.py",
        "connectors/woocommerce/actions.py",
        "connectors/woocommerce/calls.py",
        "connectors/woocommerce/client.py",
        "connectors/woocommerce/desk.py",
        "connectors/woocommerce/editing.py",
        "connectors/woocommerce/paying.py",
    )
)
OUTSIDE = frozenset({"execute", "executemany", "commit", "send", "sendall", "recv", "recv_into", "connect"})
"""Built-in functions that reach out of the process: to SQLite, to a socket."""


class Probe:
    """Counts boundaries; at number `at` the process is gone."""

    def __init__(self, at: int | None) -> None:
        self.at = at
        self.seen = 0

    def watch(self, work: Callable[[], None]) -> int:
        """Run `work`. Returns how many boundaries it had, if it lives."""
        sys.setprofile(self._event)
        try:
            work()
        finally:
            sys.setprofile(None)
        return self.seen

    def _event(self, frame: FrameType, event: str, argument: Any) -> None:
        if event in ("c_call", "c_return"):
            if argument.__name__ not in OUTSIDE:
                return
        elif event not in ("call", "return") or frame.f_code.co_filename not in WATCHED:
            return
        self.seen += 1
        if self.seen == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
