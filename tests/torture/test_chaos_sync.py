"""Three games of chaos, one of them on Postgres; `make torture` plays a hundred."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).parents[2]


def test_after_chaos_the_cache_equals_the_stores() -> None:
    """In a process of its own: it kills workers and queues, and its web app logs every forged webhook."""
    command = [sys.executable, "-m", "tests.torture.chaos_sync", "--seeds", "3", "--first", "2"]
    done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    *games, told = map(json.loads, done.stdout.splitlines())

    assert told == {"games": 3, "lost": []}
    assert {game["database"] for game in games} == {"sqlite", "postgres"}
    assert all(game["changes"] > 30 and game["kills"] for game in games)
