"""Kill the worker at every boundary of every money action while the store misbehaves; count the money.

    python -m tests.torture.crash_actions --runs 2000

Each run: a fresh order, one decision, a worker that is killed with SIGKILL at one boundary while the
store fails in one way, then the next worker. The store's own ledger says how often money moved.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from itertools import count, repeat
from multiprocessing import get_context
from typing import Any

import httpx

from connectors import transport
from connectors.shopify import editing
from connectors.woocommerce import calls
from integration import wishes
from integration.db.accounts import Role
from integration.db.actions import FINAL, Action, ActionStatus
from integration.wishes import Who
from integration.work import JobName
from jobs import actions, run
from tests.torture.crash_probe import Probe
from tests.torture.crash_report import Result, report
from tests.torture.crash_scenes import PATIENCE, SLOW, Scene, misfortune, scenes
from tests.torture.crash_stage import Stage, opened

ASKER = Who(name="mari@lumi.example", role=Role.ADMIN, caller="agent:1", proof="session", agent_id=1)
LEAD = Who(name="lead@lumi.example", role=Role.LEAD, caller="agent:2", proof="session", agent_id=2)
ROUNDS = 12
"""How often the next workers come by: more often than an unclear end is looked up by itself."""


def play(stage: Stage, scene: Scene, at: int) -> Result:
    """One run, in which the first worker is killed at boundary `at`, if it has so many."""
    order = stage.order(scene.platform)
    action_id = ask(stage, scene, order)
    misfortune(stage, scene)
    killed = worker(stage, scene, action_id, at, rounds=1) == -9
    worker(stage, scene, action_id, None, rounds=ROUNDS)
    action = read(stage, action_id)
    result = Result(scene, at, killed, asked_person=action.status is ActionStatus.NEEDS_ATTENTION)
    judge(stage, order, action, result)
    if result.asked_person:
        settle(stage, scene, order, action_id, result)
    result.status = read(stage, action_id).status.value
    return result


def ask(stage: Stage, scene: Scene, order: Any) -> int:
    wish = wishes.parse(scene.kind, scene.wish(order))
    key = f"crash-{order.id}"
    asked = actions.ask(stage.services, stage.account_id, order.id, scene.kind, wish, ASKER, key)
    assert asked["status"] == "pending", asked
    return int(asked["id"])


def settle(stage: Stage, scene: Scene, order: Any, action_id: int, result: Result) -> None:
    """A lead looks into the store, says what is there, and the machine must agree.

    What is not there is sent once more. Where a gateway never answers, that is unclear again, and has
    to say so: then the lead ends it by what the gateway's own books show.
    """
    stage.clear_faults()
    for unless_there in ("send_again", "not_done"):
        decision = "done" if _is_there(stage, scene, order) else unless_there
        actions.settle(stage.services, stage.account_id, action_id, LEAD, decision, "looked into the store")
        worker(stage, scene, action_id, None, rounds=ROUNDS)
        action = read(stage, action_id)
        judge(stage, order, action, result)
        if action.status in FINAL:
            return
    result.problems.append(f"not settled by a person: {action.status.value}")


def _is_there(stage: Stage, scene: Scene, order: Any) -> bool:
    """Whether what was asked has been done, by the store's and the gateway's own books."""
    if scene.action.startswith("cancel"):
        return stage.is_cancelled(scene.platform, order.platform_id)
    if scene.action == "manual":
        return stage.rows(order.platform_id) > 0
    return bool(stage.refunds(scene.platform, order.platform_id))


def worker(stage: Stage, scene: Scene, action_id: int, at: int | None, *, rounds: int) -> int:
    """A worker process of its own; killed at boundary `at`. Returns its exit status as a shell would."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _work(stage, scene, action_id, at, rounds)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _work(stage: Stage, scene: Scene, action_id: int, at: int | None, rounds: int) -> None:
    """In the child: carry the action out as the queue would have it, skipping the waits."""
    _impatient(scene)
    services = stage.services
    services.db.dispose(close=False)  # the parent's connections are not this process's
    arguments = {"account_id": stage.account_id, "action_id": action_id}
    if at is not None:
        Probe(at).watch(lambda: run.handle(services, JobName.ACTION, arguments))
        return
    for _ in range(rounds):
        stage.clock.ahead += timedelta(seconds=200)
        with services.reading(stage.account_id) as work:
            status = work.session.get_one(Action, action_id).status
        if status in (*FINAL, ActionStatus.NEEDS_ATTENTION):
            return
        run.handle(services, JobName.ACTION, arguments)


def _impatient(scene: Scene) -> None:
    """Time limits and pauses of seconds would make two thousand runs take a day."""
    gc.disable()  # the child lives for a moment; collecting would only copy the parent's memory
    transport.pause = lambda number, chance: 0.002
    editing.CANCEL_POLLS = (0.02,) * 30  # type: ignore[assignment] # of the same kind, only longer
    if scene.is_slow:
        transport.TIMEOUT = httpx.Timeout(PATIENCE)
        calls.WRITING = PATIENCE  # type: ignore[misc] # Final for everybody else


def read(stage: Stage, action_id: int) -> Action:
    with stage.services.reading(stage.account_id) as work:
        return work.session.get_one(Action, action_id)


def judge(stage: Stage, order: Any, action: Action, result: Result) -> None:
    """What the store's ledger says against what the action says."""
    scene, problems = result.scene, result.problems
    time.sleep(SLOW if scene.is_slow else 0.005)
    moved = stage.refunds(scene.platform, order.platform_id)
    result.refunds = max(result.refunds, len(moved))
    if len(moved) > 1:
        problems.append(f"money moved {len(moved)} times: {moved}")
    if scene.action == "manual":
        moved = {"row": 2.0} if stage.rows(order.platform_id) else {}
        if stage.rows(order.platform_id) > 1:
            problems.append("written down twice")
    if action.status is ActionStatus.SUCCEEDED and not moved:
        problems.append("succeeded, but no money moved")
    if action.status is ActionStatus.FAILED and moved:
        problems.append("failed, but money moved")
    if action.status not in (*FINAL, ActionStatus.NEEDS_ATTENTION):
        problems.append(f"left {action.status.value}")
    if moved and action.amount is not None and next(iter(moved.values())) != action.amount / 100:
        problems.append(f"{moved} instead of {action.amount / 100}")
    if scene.action.startswith("cancel") and action.status in FINAL and not _said_by_person(action):
        cancelled = stage.is_cancelled(scene.platform, order.platform_id)
        if cancelled is not (action.status is ActionStatus.SUCCEEDED):
            problems.append(f"{action.status.value}, but the order is {'' if cancelled else 'not '}cancelled")
    sure = scene.fault == "none" and not result.killed
    if sure and action.status is not ActionStatus.SUCCEEDED:
        problems.append(f"{action.status.value} although nothing went wrong: {action.error}")


def _said_by_person(action: Action) -> bool:
    return "said_by" in (action.receipt or {})


def warm_up(stage: Stage) -> None:
    """Carry out one refund of each store in this process: workers forked from it find their caches full."""
    for platform in stage.store_ids:
        scene = Scene(platform, "refund lines", "none")
        action_id = ask(stage, scene, stage.order(platform))
        arguments = {"account_id": stage.account_id, "action_id": action_id}
        run.handle(stage.services, JobName.ACTION, arguments)
    gc.collect()
    gc.freeze()


SPARE = 6
"""So many boundaries more than without a fault are tried where something goes wrong."""


def play_part(wanted: Sequence[Scene], runs: int, seed: int, until: float) -> list[Result]:
    """Play these scenes on a stage of their own, `runs` times or until the time `until`.

    First each action that only the kill disturbs is killed at every boundary it has: at 1, 2, … until it
    lives. Then all scenes in which more goes wrong take turns, at boundaries drawn by the seed.
    """
    results: list[Result] = []
    with opened() as stage:
        warm_up(stage)
        for scene, at in _turns(wanted, results, random.Random(seed)):
            if len(results) >= runs or time.time() > until:
                break
            results.append(play(stage, scene, at))
            if results[-1].problems:
                print(f"VIOLATION {scene.name} at {at}: {results[-1].problems}", flush=True)
            if len(results) % 50 == 0:
                print(f"{len(results)} of {runs} runs", file=sys.stderr, flush=True)
    return results


def _turns(
    wanted: Sequence[Scene], results: Sequence[Result], dice: random.Random
) -> Iterator[tuple[Scene, int]]:
    """Which scene is played next, and where its worker is killed. Looks at how the last run ended."""
    boundaries: dict[str, int] = {}
    for scene in wanted:
        if scene.fault == "none":
            for at in count(1):
                yield scene, at
                boundaries[scene.action] = at
                if not results[-1].killed:
                    break
    decks = {
        scene: dice.sample(range(1, (most := boundaries.get(scene.action, 40) + SPARE)), most - 1)
        for scene in wanted
        if scene.fault != "none"
    }
    while any(decks.values()):
        for scene, deck in decks.items():
            if deck:
                yield scene, deck.pop()


def torture(runs: int, seed: int, *, minutes: float, processes: int, sample: int | None = None) -> int:
    """Play `runs` runs and print the table. Returns the number of violations."""
    began = time.time()
    until = began + minutes * 60
    chosen = random.Random(seed).sample(scenes(), sample) if sample else scenes()
    actions_ = list(dict.fromkeys((scene.platform, scene.action) for scene in chosen))
    parts = [
        [scene for scene in chosen if actions_.index((scene.platform, scene.action)) % processes == number]
        for number in range(processes)
    ]
    each = -(-runs // processes)
    if processes == 1:
        results = play_part(chosen, runs, seed, until)
    else:
        # Spawned, not forked: the pool has threads, and the players must have none to fork workers.
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            played = pool.map(play_part, parts, repeat(each), repeat(seed), repeat(until))
            results = [result for part in played for result in part]
    report(results, time.time() - began)
    return sum(bool(result.problems) for result in results)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=2000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--minutes", type=float, default=240.0, help="stop then, and say what was tried")
    options.add_argument(
        "--processes", type=int, default=1, help="players side by side, each with its stores"
    )
    options.add_argument("--scenes", type=int, help="only so many, drawn by the seed")
    given = options.parse_args()
    found = torture(
        given.runs,
        given.seed,
        minutes=given.minutes,
        processes=given.processes,
        sample=given.scenes,
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
