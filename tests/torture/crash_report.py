"""What came of the crash runs: a line for each scene, and the sum of all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.torture.crash_scenes import Scene


@dataclass
class Result:
    """How one run ended."""

    scene: Scene
    at: int
    """The boundary at which the worker was to be killed; it lived where it had fewer."""
    killed: bool
    asked_person: bool
    status: str = ""
    refunds: int = 0
    problems: list[str] = field(default_factory=list)


def report(results: Sequence[Result], seconds: float) -> None:
    """Print the table, and as the last line the sum as JSON."""
    print(f"{'scene':56} {'runs':>5} {'killed':>6} {'0':>5} {'1':>5} {'2+':>4} {'person':>6}  ends")
    for scene in dict.fromkeys(result.scene for result in results):
        mine = [result for result in results if result.scene == scene]
        count = Counter(min(result.refunds, 2) for result in mine)
        print(
            f"{scene.name:56} {len(mine):5} {sum(result.killed for result in mine):6}"
            f" {count[0]:5} {count[1]:5} {count[2]:4} {sum(result.asked_person for result in mine):6}"
            f"  {ends(mine)}"
        )
    print(json.dumps(summary(results, seconds)))


def ends(results: Sequence[Result]) -> str:
    count = Counter(result.status for result in results)
    return ", ".join(f"{status} {number}" for status, number in sorted(count.items()))


def summary(results: Sequence[Result], seconds: float) -> dict[str, object]:
    killed = {(result.scene, result.at) for result in results if result.killed}
    steady = [result for result in results if result.scene.fault == "none"]
    return {
        "runs": len(results),
        "killed": sum(result.killed for result in results),
        "actions": len({(result.scene.platform, result.scene.action) for result in results}),
        "scenes": len({result.scene for result in results}),
        "boundaries killed at": len(killed),
        "of which nothing else went wrong": sum(scene.fault == "none" for scene, _ in killed),
        "actions killed at every boundary": len({result.scene for result in steady if not result.killed}),
        "refunds": dict(Counter(result.refunds for result in results)),
        "asked a person": sum(result.asked_person for result in results),
        "ends": ends(results),
        "violations": sum(bool(result.problems) for result in results),
        "seconds": round(seconds),
    }
