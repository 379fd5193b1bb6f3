"""The proof that cache and store are equal: order by order, window by window, and what differs repaired.

Modification times alone miss deleted orders and deleted refunds, so ids are compared both ways. A proof
of a large store takes many turns; how far it came stands in the row, and a killed one goes on from there.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from time import monotonic
from typing import Any

import msgspec
from msgspec import Struct

from integration import stores, sync, syncing
from integration.errors import StoreDenied, StoreError
from integration.ports import OrderVersion, StoreApi
from integration.sync import Version
from integration.work import JobName
from jobs.boot import Services
from jobs.stores import account_of
from jobs.sync import mend

SLICE_SECONDS = 40.0
"""One store's turn."""
MANY, FEW = 4000, 400
"""Orders in a window above which the next one is half as long, and below which twice."""
SHORTEST, LONGEST = 1, 120
"""Days of a window."""


class Progress(Struct, kw_only=True):
    """How far a proof has come. JSON, kept in `SyncState.proof` between turns."""

    began_at: datetime
    since: datetime
    next: datetime
    """Start of the next window, by the day orders were placed."""
    until: datetime
    days: int = 30
    compared: int = 0
    repaired: int = 0
    unreadable: int = 0
    differences: dict[str, dict[str, int]] = {}
    """Day → kind of difference (missing, stale, extra) → how many."""

    @property
    def over(self) -> bool:
        return self.next >= self.until


def run(services: Services, *, store_id: int) -> None:
    """One turn of a store's proof, and a wake for the next."""
    account_id = account_of(services, store_id)
    with services.transaction(account_id) as work:
        kept = syncing.claim_proof(work, store_id)
    if kept is None:
        return
    progress = _go_on(kept) or _begin(services, account_id, store_id, None)
    _finish(services, account_id, store_id, progress, until=monotonic() + SLICE_SECONDS)


def prove(services: Services, *, store_id: int, days: int | None = None) -> dict[str, Any]:
    """The whole proof at once, of the orders of the last `days` or of all; what it found."""
    account_id = account_of(services, store_id)
    progress = _begin(services, account_id, store_id, days)
    return _finish(services, account_id, store_id, progress, until=None)


def _begin(services: Services, account_id: int, store_id: int, days: int | None) -> Progress:
    now = services.now()
    with services.reading(account_id) as work:
        oldest = stores.state(work, store_id).oldest_order_at
    since = now - timedelta(days=days) if days is not None else (oldest or now) - timedelta(days=1)
    since = datetime.combine(since.date(), time.min, tzinfo=UTC)
    return Progress(began_at=now, since=since, next=since, until=now + timedelta(days=1))


def _go_on(kept: dict[str, Any]) -> Progress | None:
    try:
        return msgspec.convert(kept["running"], Progress) if kept.get("running") else None
    except msgspec.ValidationError:
        return None  # of an older release: begin anew


def _finish(
    services: Services, account_id: int, store_id: int, progress: Progress, *, until: float | None
) -> dict[str, Any]:
    """Go on with the proof until it or the time is over, and write down how far it came."""
    began = services.now()
    try:
        api = services.api(store_id)
        try:
            while not progress.over:
                if not _window(services, account_id, store_id, api, progress, until):
                    break
        finally:
            api.close()
    except StoreError as error:
        with services.transaction(account_id) as work:
            if isinstance(error, StoreDenied):
                stores.denied(work, stores.find(work, store_id), error, asked_at=began)
            syncing.proof_failed(work, store_id, stores.problem(error, work.now()), _kept(progress))
        return {"error": error.code, "compared": progress.compared}
    result = {
        "at": progress.began_at.isoformat(),
        "since": progress.since.isoformat(),
        "compared": progress.compared,
        "differences": progress.differences,
        "repaired": progress.repaired,
        "unreadable": progress.unreadable,
    }
    with services.transaction(account_id) as work:
        if progress.over:
            syncing.proved(work, store_id, result)
        else:
            syncing.proof_goes_on(work, store_id, _kept(progress))
            work.wake(JobName.PROVE, store_id=store_id)
    return result


def _kept(progress: Progress) -> dict[str, Any]:
    kept: dict[str, Any] = msgspec.to_builtins(progress)
    return kept


def _window(
    services: Services,
    account_id: int,
    store_id: int,
    api: StoreApi,
    progress: Progress,
    until: float | None,
) -> bool:
    """Compare and repair one window; False if the time was over before that was done.

    What was repaired by then no longer differs when the window is read again.
    """
    start = progress.next
    end = min(start + timedelta(days=progress.days), progress.until)
    theirs = {version.platform_id: version for page in api.versions(start, end) for version in page}
    with services.reading(account_id) as work:
        ours = sync.versions(work, store_id, start, end)
    for platform_id, (kind, day) in differing(ours, theirs).items():
        if until is not None and monotonic() > until:
            return False
        if mend(services, account_id, store_id, api, platform_id):
            progress.repaired += 1
        else:
            progress.unreadable += 1
        progress.differences[day] = dict(Counter(progress.differences.get(day, {})) + Counter([kind]))
    progress.compared += len(theirs)
    progress.next = end
    if len(theirs) > MANY:
        progress.days = max(SHORTEST, progress.days // 2)
    elif len(theirs) < FEW:
        progress.days = min(LONGEST, progress.days * 2)
    return until is None or monotonic() <= until


def differing(ours: dict[str, Version], theirs: dict[str, OrderVersion]) -> dict[str, tuple[str, str]]:
    """What to read again: platform id → (kind of difference, day the order was placed)."""
    wrong: dict[str, tuple[str, str]] = {}
    for platform_id, version in theirs.items():
        mine = ours.get(platform_id)
        day = version.placed_at.date().isoformat()
        if mine is None:
            wrong[platform_id] = ("missing", day)
        elif (
            mine.updated_at < version.updated_at
            or mine.gone is not version.gone
            or version.refunds not in (None, mine.refunds)
        ):
            wrong[platform_id] = ("stale", day)
    for platform_id, mine in ours.items():
        if platform_id not in theirs and not mine.gone:
            wrong[platform_id] = ("extra", mine.placed_at.date().isoformat())
    return wrong
