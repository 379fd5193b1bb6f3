"""A bounded sample of the crash runs; `make torture` plays all of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).parents[2]
RUNS = 24


def test_no_kill_at_any_boundary_moves_money_twice() -> None:
    """In a process of its own: it forks workers, which a process with threads must not."""
    command = [sys.executable, "-m", "tests.torture.crash_actions", "--runs", str(RUNS), "--scenes", "8"]
    done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["runs"] == RUNS
    assert told["killed"] > RUNS // 3
    assert told["violations"] == 0
    assert set(told["refunds"]) <= {"0", "1"}
