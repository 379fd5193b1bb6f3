"""Kill the worker at every boundary of every money action while the store misbehaves; count the money.

    python -m tests.torture.crash_actions --runs 2000

Each run: a fresh order, one decision, a worker that is killed with SIGKILL at one boundary while the
store fails in one way, then the next worker. The store's own ledger says how often money moved.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from connectors import transport
from connectors.shopify import editing
from connectors.woocommerce import calls
from integration import wishes
from integration.db.accounts import Role
from integration.db.actions import FINAL, Action, ActionStatus
from integration.ports import ActionKind
from integration.wishes import Who
from integration.work import JobName
from jobs import actions, run
from tests.torture.crash_probe import EFFECTS, Probe
from tests.torture.crash_stage import Stage, opened

PATIENCE = 0.35
"""Seconds a client waits here for an answer; a slow store takes longer."""
SLOW = 0.7
ASKER = Who(name="mari@lumi.example", role=Role.ADMIN, caller="agent:1", proof="session", agent_id=1)
LEAD = Who(name="lead@lumi.example", role=Role.LEAD, caller="agent:2", proof="session", agent_id=2)


@dataclass(frozen=True)
class Scene:
    platform: str
    action: str
    fault: str
    boundaries: tuple[str, ...] = field(default=(), compare=False)
    """What each boundary is, as counted in a run that nobody killed."""

    @property
    def name(self) -> str:
        return f"{self.platform} {self.action} / {self.fault}"


SHOPIFY_FAULTS: dict[str, list[dict[str, Any]]] = {
    "none": [],
    "reset before": [{"action": "hangup_before"}],
    "reset after": [{"action": "hangup_after"}],
    "500 before": [{"action": "status_before"}],
    "500 after commit": [{"action": "status_after"}],
    "answer cut off": [{"action": "truncated"}],
    "time-out, then done": [{"action": "delay", "seconds": SLOW}],
    "HTML page": [{"action": "html"}],
    "throttled": [{"action": "throttled"}],
    "429": [{"action": "429", "seconds": 0.1}],
}
WOOCOMMERCE_FAULTS: dict[str, list[dict[str, Any]]] = {
    "none": [],
    "reset before": [{"action": "hangup_before"}],
    "reset after": [{"action": "hangup_after"}],
    "500 before": [{"action": "status_before"}],
    "error although stored": [{"action": "status_after"}],
    "answer cut off": [{"action": "truncated"}],
    "time-out, then done": [{"action": "delay", "seconds": SLOW}],
    "done, then time-out": [{"action": "delay_after", "seconds": SLOW}],
    "HTML page": [{"action": "html"}],
    "HTML page after": [{"action": "html_after"}],
    "429": [{"action": "too_many"}],
}
"""Of the money call. The gateway's own misfortunes are below."""
GATEWAY = ("slow gateway", "gateway death", "declined", "gateway reset")
BLIND = ("reset after, then blind", "reset before, then blind")
"""The money call fails, and so do the first looks at what became of it."""

WISHES: dict[str, Any] = {
    "refund lines": lambda order: {
        "lines": [{"line_id": _line(order), "quantity": 1, "restock": True}],
        "shipping": None,
        "exception": "torture",
    },
    "refund amount": lambda order: {"amount": _money("2.00"), "exception": "torture"},
    "store credit": lambda order: {
        "lines": [{"line_id": _line(order), "quantity": 1}],
        "method": "store_credit",
        "exception": "torture",
    },
    "manual": lambda order: {"amount": _money("2.00"), "method": "manual", "exception": "torture"},
    "cancel": lambda order: {"restock": True, "refund": True},
}
SPECIAL = {"slow gateway": "15.15", "declined": "13.13", "gateway reset": "14.14"}
"""Amounts by which the demo gateway knows what to do."""


def _line(order: Any) -> str:
    return f"{order.id}.{order.lines[0].platform_id.rpartition('/')[2]}"


def _money(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


def scenes() -> list[Scene]:
    found = [
        Scene("shopify", action, fault)
        for action in ("refund lines", "refund amount", "store credit", "cancel")
        for fault in (*SHOPIFY_FAULTS, *BLIND)
    ]
    found += [
        Scene("woocommerce", action, fault)
        for action in ("refund lines", "refund amount", "manual", "cancel")
        for fault in (*WOOCOMMERCE_FAULTS, *BLIND)
    ]
    return found + [Scene("woocommerce", "refund amount", fault) for fault in GATEWAY]


def misfortune(stage: Stage, scene: Scene) -> None:
    """Plan what befalls the money call of this run."""
    stage.clear_faults()
    first = scene.fault.removesuffix(", then blind")
    if scene.platform == "shopify":
        operation = "orderCancel" if scene.action == "cancel" else "refundCreate"
        rules = [{**rule, "operation": operation} for rule in SHOPIFY_FAULTS[first]]
        if scene.fault in BLIND:
            rules.append({"action": "status_before", "operation": "OrderRefundReadback", "times": 6})
        if rules:
            stage.control("shopify", "faults", {"rules": rules})
        return
    if scene.fault == "gateway death":
        stage.control("woocommerce", "gateway", {"deaths": 1})
    if scene.fault in GATEWAY:
        return
    path = r"/orders/\d+$" if scene.action == "cancel" and random.random() < 0.3 else r"/orders/\d+/refunds$"
    rules = [{**rule, "method": "POST|PUT", "path": path} for rule in WOOCOMMERCE_FAULTS[first]]
    if scene.fault in BLIND:
        rules.append(
            {"action": "status_before", "method": "GET", "path": r"/refunds$", "times": 6, "skip": 2}
        )
    stage.control("woocommerce", "faults", {"rules": rules})


@dataclass
class Result:
    scene: Scene
    at: int | None
    killed: bool
    status: str
    refunds: int
    asked_person: bool
    problems: list[str] = field(default_factory=list)


def play(stage: Stage, scene: Scene, at: int | None) -> Result:
    """One run. `at`: the boundary at which the worker is killed; None: it is not."""
    order = stage.order(scene.platform)
    kind = ActionKind.CANCEL if scene.action == "cancel" else ActionKind.REFUND
    body = WISHES[scene.action](order)
    if scene.fault in SPECIAL:
        body["amount"] = _money(SPECIAL[scene.fault])
    wish = wishes.parse(kind, body)
    key = f"crash-{order.id}"
    asked = actions.ask(stage.services, stage.account_id, order.id, kind, wish, ASKER, key)
    action_id = int(asked["id"])
    assert asked["status"] == "pending", asked
    misfortune(stage, scene)
    killed = worker(stage, action_id, at, rounds=1) == -9
    worker(stage, action_id, None, rounds=12)
    action = read(stage, action_id)
    asked_person = action.status is ActionStatus.NEEDS_ATTENTION
    result = Result(scene, at, killed, action.status.value, 0, asked_person)
    judge(stage, order, action, result)
    if asked_person:
        settle(stage, scene, order, action_id, result)
    result.status = read(stage, action_id).status.value
    return result


def settle(stage: Stage, scene: Scene, order: Any, action_id: int, result: Result) -> None:
    """A lead looks into the store, says what is there, and the machine must agree."""
    stage.clear_faults()
    moved = stage.refunds(scene.platform, order.platform_id)
    there = bool(moved) or (scene.action == "manual" and stage.rows(order.platform_id) > 0)
    decision = "done" if there else "send_again"
    actions.settle(stage.services, stage.account_id, action_id, LEAD, decision, "looked into the store")
    worker(stage, action_id, None, rounds=12)
    action = read(stage, action_id)
    if action.status not in FINAL:
        result.problems.append(f"not settled by a person: {action.status.value}")
    judge(stage, order, action, result)


def worker(stage: Stage, action_id: int, at: int | None, *, rounds: int) -> int:
    """A worker process of its own; killed at boundary `at`. Returns its exit status as a shell would."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _work(stage, action_id, at, rounds)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _work(stage: Stage, action_id: int, at: int | None, rounds: int) -> None:
    """In the child: carry the action out as the queue would have it, skipping the waits."""
    _impatient()
    services = stage.services
    services.db.engine.dispose(close=False)  # the parent's connections are not this process's
    arguments = {"account_id": stage.account_id, "action_id": action_id}
    if rounds == 1:
        seen = Probe(at).watch(lambda: run.handle(services, JobName.ACTION, arguments))
        if at is None:
            (stage.settings.data_dir / "boundaries").write_text(" ".join(seen))
        return
    for _ in range(rounds):
        stage.clock.ahead += timedelta(seconds=200)
        with services.reading(stage.account_id) as work:
            status = work.session.get_one(Action, action_id).status
        if status in (*FINAL, ActionStatus.NEEDS_ATTENTION):
            return
        run.handle(services, JobName.ACTION, arguments)


def _impatient() -> None:
    """Time limits and pauses of seconds would make two thousand runs take a day."""
    import httpx

    transport.TIMEOUT = httpx.Timeout(PATIENCE)
    calls.WRITING = PATIENCE  # type: ignore[misc]
    transport.pause = lambda number, chance: 0.002
    editing.CANCEL_POLLS = (0.02,) * 30  # type: ignore[assignment]


def read(stage: Stage, action_id: int) -> Action:
    with stage.services.reading(stage.account_id) as work:
        return work.session.get_one(Action, action_id)


def judge(stage: Stage, order: Any, action: Action, result: Result) -> None:
    """What the store's ledger says against what the action says."""
    scene, problems = result.scene, result.problems
    time.sleep(SLOW if "time-out" in scene.fault or scene.fault == "slow gateway" else 0.005)
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
    sure = scene.fault == "none" and not result.killed
    if sure and action.status is not ActionStatus.SUCCEEDED:
        problems.append(f"{action.status.value} although nothing went wrong: {action.error}")


def warm_up(stage: Stage) -> None:
    """Carry out one refund of each store in this process: workers forked from it find their caches full."""
    for platform in stage.store_ids:
        order = stage.order(platform)
        wish = wishes.parse(ActionKind.REFUND, WISHES["refund lines"](order))
        asked = actions.ask(
            stage.services, stage.account_id, order.id, ActionKind.REFUND, wish, ASKER, f"warm-{order.id}"
        )
        arguments = {"account_id": stage.account_id, "action_id": int(asked["id"])}
        run.handle(stage.services, JobName.ACTION, arguments)


def measured(stage: Stage, wanted: Sequence[Scene]) -> list[Scene]:
    """Each scene with its number of boundaries, counted in a run without a kill."""
    found = []
    for scene in wanted:
        result = play(stage, scene, None)
        if result.problems:
            raise SystemExit(f"{scene.name}, nobody killed: {result.problems}")
        boundaries = (stage.settings.data_dir / "boundaries").read_text().split()
        found.append(Scene(scene.platform, scene.action, scene.fault, tuple(boundaries)))
    return found


def plan(found: Sequence[Scene], runs: int, seed: int) -> Iterator[tuple[Scene, int]]:
    """Every boundary of every scene, all scenes evenly from the start.

    Those before and after something that the world outside sees come first, then all the others.
    """
    dice = random.Random(seed)
    decks = []
    for scene in found:
        deck = list(range(1, len(scene.boundaries) + 1))
        dice.shuffle(deck)
        deck.sort(key=lambda number: scene.boundaries[number - 1] in EFFECTS)
        decks.append((scene, deck))
    done = 0
    while done < runs and any(deck for _, deck in decks):
        for scene, deck in decks:
            if deck and done < runs:
                done += 1
                yield scene, deck.pop()


def torture(runs: int, seed: int, *, database_url: str | None = None, sample: int | None = None) -> int:
    """Play `runs` runs and print the table. Returns the number of violations."""
    began = time.monotonic()
    results: list[Result] = []
    with opened(database_url) as stage:
        chosen = scenes()
        if sample:
            chosen = random.Random(seed).sample(chosen, sample)
        warm_up(stage)
        found = measured(stage, chosen)
        try:
            for scene, at in plan(found, runs, seed):
                results.append(play(stage, scene, at))
                if results[-1].problems:
                    print(f"VIOLATION {scene.name} at {at}: {results[-1].problems}", flush=True)
                if len(results) % 100 == 0:
                    said = f"{len(results)} runs in {time.monotonic() - began:.0f} s"
                    print(said, file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            print("stopped early", file=sys.stderr)
    report(found, results, time.monotonic() - began)
    return sum(bool(result.problems) for result in results)


def report(found: Sequence[Scene], results: Sequence[Result], seconds: float) -> None:
    print(
        f"{'scene':48} {'steps':>6} {'runs':>5} {'killed':>6} {'0':>5} {'1':>5} {'2+':>4} {'person':>6}  ends"
    )
    for scene in found:
        mine = [result for result in results if result.scene == scene]
        ends = Counter(result.status for result in mine)
        count = Counter(min(result.refunds, 2) for result in mine)
        print(
            f"{scene.name:48} {len(scene.boundaries):6} {len(mine):5} {sum(r.killed for r in mine):6}"
            f" {count[0]:5} {count[1]:5} {count[2]:4} {sum(r.asked_person for r in mine):6}  "
            + ", ".join(f"{status} {number}" for status, number in sorted(ends.items()))
        )
    bad = sum(bool(result.problems) for result in results)
    summary = {
        "runs": len(results),
        "killed": sum(result.killed for result in results),
        "scenes": len(found),
        "effects": sum(name in EFFECTS for scene in found for name in scene.boundaries),
        "boundaries": sum(len(scene.boundaries) for scene in found),
        "refunds": dict(Counter(result.refunds for result in results)),
        "violations": bad,
        "seconds": round(seconds),
    }
    print(json.dumps(summary))


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=2000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--scenes", type=int, help="only so many, drawn by the seed")
    options.add_argument("--database-url", help="an empty Postgres database instead of SQLite")
    given = options.parse_args()
    return 1 if torture(given.runs, given.seed, database_url=given.database_url, sample=given.scenes) else 0


if __name__ == "__main__":
    sys.exit(main())
