"""What came of the crash runs: a line for each scene, and the sum of all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.torture.crash_probe import is_effect
from tests.torture.crash_scenes import Scene


@dataclass
class Result:
    """How one run ended."""

    scene: Scene
    at: int | None
    killed: bool
    asked_person: bool
    status: str = ""
    refunds: int = 0
    problems: list[str] = field(default_factory=list)


def report(found: Sequence[Scene], results: Sequence[Result], seconds: float) -> None:
    """Print the table, and as the last line the sum as JSON."""
    print(
        f"{'scene':52} {'steps':>6} {'effects':>8} {'runs':>5} {'killed':>6} {'0':>5} {'1':>5} {'2+':>4}"
        f" {'person':>6}  ends"
    )
    for scene in found:
        mine = [result for result in results if result.scene == scene]
        ends = Counter(result.status for result in mine)
        count = Counter(min(result.refunds, 2) for result in mine)
        print(
            f"{scene.name:52} {len(scene.boundaries):6} {sum(map(is_effect, scene.boundaries)):8}"
            f" {len(mine):5} {sum(r.killed for r in mine):6}"
            f" {count[0]:5} {count[1]:5} {count[2]:4} {sum(r.asked_person for r in mine):6}  "
            + ", ".join(f"{status} {number}" for status, number in sorted(ends.items()))
        )
    print(json.dumps(summary(found, results, seconds)))


def summary(found: Sequence[Scene], results: Sequence[Result], seconds: float) -> dict[str, object]:
    killed = {(result.scene, result.at) for result in results if result.killed}
    steady = [scene for scene in found if scene.fault == "none"]
    return {
        "runs": len(results),
        "killed": sum(result.killed for result in results),
        "scenes": len(found),
        "boundaries": sum(len(scene.boundaries) for scene in found),
        "effects": sum(len(_effects(scene)) for scene in found),
        "effects killed at": sum((scene, at) in killed for scene in found for at in _effects(scene)),
        "effects without fault": sum(len(_effects(scene)) for scene in steady),
        "killed at without fault": sum((scene, at) in killed for scene in steady for at in _effects(scene)),
        "refunds": dict(Counter(result.refunds for result in results)),
        "asked a person": sum(result.asked_person for result in results),
        "ends": dict(Counter(result.status for result in results)),
        "violations": sum(bool(result.problems) for result in results),
        "seconds": round(seconds),
    }


def _effects(scene: Scene) -> list[int]:
    return [number for number, name in enumerate(scene.boundaries, 1) if is_effect(name)]
