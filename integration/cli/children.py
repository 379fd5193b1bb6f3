"""Child processes that end when their parent does, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

WATCH = "DESKSIDE_END_WITH_PARENT"
"""Set for children: their standard input is a pipe that closes when the parent is gone."""


def end_with_parent() -> None:
    """Called early by every command: ask to stop when the pipe to the parent closes."""
    if os.environ.pop(WATCH, "") != "1":
        return

    stop_when_closed(0)


def stop_when_closed(pipe: int) -> None:
    """Ask this process to stop once nobody holds the other end of the pipe any more."""

    def wait() -> None:
        while True:
            try:
                if not os.read(pipe, 1024):
                    break
            except OSError:
                break
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(12)
        os._exit(1)  # asked politely and still here

    threading.Thread(target=wait, name="parent", daemon=True).start()


class Children:
    """Some processes, started one by one and ended together, the last one first."""

    def __init__(self) -> None:
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def start(
        self, name: str, arguments: Sequence[str], env: Mapping[str, str], *, log: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Run this Python with `arguments`. Its output goes to `log`, else where ours goes."""
        out = log.open("ab") if log else None
        try:
            process = subprocess.Popen(  # noqa: S603 - our own modules, no shell
                [sys.executable, *arguments],
                env={**env, WATCH: "1"},
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                # Ctrl-C in the terminal is for the parent, which ends its children in order.
                start_new_session=True,
            )
        finally:
            if out:
                out.close()
        self._running.append((name, process))
        return process

    def ended(self) -> list[str]:
        """Names of those that are no longer running."""
        return [name for name, process in self._running if process.poll() is not None]

    def stop(self, patience: float = 10.0) -> None:
        """Ask each to stop, the last started first; after `patience` seconds insist."""
        until = time.monotonic() + patience
        for _, process in reversed(self._running):
            if process.poll() is None:
                process.terminate()
        for _, process in reversed(self._running):
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdin:
                process.stdin.close()
        self._running.clear()
