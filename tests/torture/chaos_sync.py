"""Chaos: orders change in both stores while everything fails; then calm, and the cache must equal them.

`python -m tests.torture.chaos_sync --seeds 100` plays as many games as it is told and prints, for each that
ends with a difference, its seed and what differs. One seed is one game, with its own databases by turns.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
import traceback
from random import Random
from typing import Any

from sqlalchemy import func, select

from integration.db.inbox import Delivery, DeliveryStatus
from integration.db.stores import SyncPhase, SyncState
from integration.syncing import PROOF_HOLD
from tests.jobs import stores_state
from tests.torture.chaos_events import NOT_POSSIBLE, Misfortune, Shopify, WooCommerce
from tests.torture.chaos_stage import Stage, databases, staged

KINDS = ["sqlite", "postgres"]
PATIENCE = 90.0
"""Seconds until a game whose cache does not come to rest is lost."""


def play(address: str, seed: int, *, orders: int = 12, rounds: int = 40) -> dict[str, Any]:
    """One game: what happened, and the differences that were left (none, if all is well)."""
    dice = Random(f"chaos {seed}")
    began = time.monotonic()
    with staged(address, orders=orders, seed=seed, events_touch_orders=dice.random() < 0.5) as stage:
        shops = (Shopify(stage, dice), WooCommerce(stage, dice))
        misfortune = Misfortune(stage, dice)
        stage.connect()
        for _ in range(2):
            stage.start_worker()
        misfortune.weather()
        changes = 0
        for _ in range(rounds):
            for _ in range(dice.randrange(1, 5)):
                changes += happened(dice.choice(shops))
            if dice.random() < 0.35:
                misfortune.happen()
            time.sleep(dice.random() * 0.1)
        misfortune.end()
        differences = settle(stage)
        return {
            "seed": seed,
            "changes": changes,
            "misfortunes": misfortune.seen,
            "kills": stage.kills,
            "seconds": round(time.monotonic() - began, 1),
            "differences": differences,
        }


def happened(shop: Shopify | WooCommerce) -> int:
    """1 if the shop let it happen."""
    try:
        shop.happen()
    except NOT_POSSIBLE:
        return 0
    return 1


def settle(stage: Stage) -> list[str]:
    """Calm, and enough time: what still differs once copying, reconciling and proving have ended."""
    while stage.workers:
        stage.kill_worker()
    setting = stores_state.setting_of(stage.woocommerce.url, *stage.keys)
    for _ in range(2):
        stage.start_worker()
    stage.shopify.settle_down(20)
    stage.woocommerce.command("webhooks/drain", seconds=20)
    for step in (stage.let_time_pass, stage.forget_having_looked, lambda: prove_soon(stage)):
        reconciled = _reconciled(stage)
        step()
        stage.let_time_pass()
        if not wait(lambda: _rests(stage, reconciled)):  # noqa: B023 - waited for in this round
            return ["does not come to rest", json.dumps(_why(stage), default=str)]
    held = stores_state.held_by(stage.shopify, stage.woocommerce, setting)
    return [
        difference
        for platform, records in held.items()
        for difference in stores_state.differences(
            records, stores_state.cached(stage.services.db, stage.account_id, stage.ids[platform])
        )
    ]


def prove_soon(stage: Stage) -> None:
    now = stage.services.now()
    with stage.services.transaction(stage.account_id) as work:
        for state in work.session.scalars(select(SyncState)):
            state.proof_due_at, state.proof = now, {}


def _reconciled(stage: Stage) -> dict[int, Any]:
    with stage.services.reading(stage.account_id) as work:
        return {state.store_id: state.last_reconciled_at for state in work.session.scalars(select(SyncState))}


def _rests(stage: Stage, before: dict[int, Any]) -> bool:
    """Nothing waits, every store was reconciled once more, and no proof is under way."""
    now = stage.services.now()
    with stage.services.reading(stage.account_id) as work:
        states = work.session.scalars(select(SyncState)).all()
        pending = work.session.scalar(
            select(func.count()).select_from(Delivery).where(Delivery.status == DeliveryStatus.PENDING)
        )
    return not pending and all(
        state.phase is SyncPhase.LIVE
        and state.held_until is None
        and state.error is None
        and state.last_reconciled_at not in (None, before[state.store_id])
        and (state.proof_due_at is None or state.proof_due_at > now + PROOF_HOLD)  # sooner: one is under way
        and "running" not in state.proof
        and "error" not in state.proof
        for state in states
    )


def _why(stage: Stage) -> Any:
    with stage.services.reading(stage.account_id) as work:
        return [
            (state.store_id, state.phase, state.due_at, state.held_until, state.error, state.proof)
            for state in work.session.scalars(select(SyncState))
        ] + [
            (row.topic, row.resource, row.attempts, row.due_at, row.error)
            for row in work.session.scalars(
                select(Delivery).where(Delivery.status != DeliveryStatus.DONE).limit(10)
            )
        ]


def wait(condition: Any) -> bool:
    """Whether it came true in time."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture.chaos_sync", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--databases", default=",".join(KINDS))
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    kinds = given.databases.split(",")
    lost = []
    with databases(kinds) as make:
        for seed in range(given.first, given.first + given.seeds):
            kind = kinds[seed % len(kinds)]
            try:
                result = play(make(kind), seed)
            except Exception:  # the edge of one game: the others are still worth playing
                result = {"seed": seed, "differences": [traceback.format_exc(limit=-6)]}
            if result["differences"]:
                lost.append(seed)
            print(json.dumps({"database": kind, **result}, ensure_ascii=False), flush=True)
    print(json.dumps({"games": given.seeds, "lost": lost}))
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
