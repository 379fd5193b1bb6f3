"""Three games of chaos, one of them on Postgres, and a small one of the large; `make torture` plays on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HOME = Path(__file__).parents[2]


def _played(game: str, *words: str) -> list[dict[str, Any]]:
    """In a process of its own: it kills workers and queues, and its web app logs every forged webhook."""
    command = [sys.executable, "-m", f"tests.torture.{game}", *words]
    done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_after_chaos_the_cache_equals_the_stores() -> None:
    *games, told = _played("chaos_sync", "--seeds", "3", "--first", "2")

    assert told == {"games": 3, "lost": []}
    assert {game["database"] for game in games} == {"sqlite", "postgres"}
    assert all(game["changes"] > 30 and game["kills"] for game in games)


def test_an_unreadable_order_and_a_lost_key_stop_nobody_and_heal() -> None:
    """Also with an order of 300 lines, beyond any page of nested results."""
    bounds = ("--orders", "16", "--outlet", "110", "--rounds", "12", "--database", "sqlite")
    (game,) = _played("chaos_large", *bounds)

    assert game["differences"] == []
    assert len(game["poisoned"]) == 2
    assert min(game["longest_order"][name] for name in ("shopify", "woocommerce")) >= 300
    assert (game["lost_key"]["code"], game["lost_key"]["in_the_middle"]) == ("store_denied", True)
    assert game["compared"]["outlet"] == 110
    assert all(game["misfortunes"][name] for name in ("worker", "queue", "flush", "web"))
