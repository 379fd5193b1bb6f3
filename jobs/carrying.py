"""The worker's side of an action: look, prepare, promise, send, finish. Each is committed before the next.

No path repeats a money call blindly: a message that was prepared is looked for at the store before it
is sent, and it is sent again only where the store itself knows its key.
"""

from __future__ import annotations

import logging

from integration import actions, carrying, deciding, planning, stores
from integration.carrying import Claim
from integration.customers import find_order
from integration.db.actions import ActionStatus
from integration.errors import (
    HalfDone,
    NotFound,
    RateLimited,
    StoreDenied,
    StoreError,
    StoreForbidden,
    StoreRefused,
    Unprocessable,
)
from integration.ports import ActionKind, Receipt, StoreApi
from jobs import sync
from jobs.boot import Services

log = logging.getLogger(__name__)

NO_TRACE = (
    "the store shows no trace of it, and nobody knows whether the message arrived",
    "Look at the order in the store, then say whether it was done.",
)

STALE = "Look at the order as it is now and ask again."


def carry_out(services: Services, *, account_id: int, action_id: int) -> None:
    """Take one action towards its end, however often this is run and wherever an earlier run died."""
    with services.transaction(account_id) as work:
        claim = carrying.claim(work, action_id)
    if claim is None:
        return  # finished, not due, or in another worker's hands
    try:
        api = services.api(claim.store_id)
    except StoreError as error:
        _put_off(services, claim, error)
        return
    try:
        _advance(services, claim, api)
    finally:
        api.close()
    _show(services, claim)


def _advance(services: Services, claim: Claim, api: StoreApi) -> None:
    if claim.prepared is not None:
        _look(services, claim, api, claim.prepared)
        return
    try:
        _must_hold(services, claim)
        prepared = api.prepare(claim.request)
    except Unprocessable as stale:
        _refuse(services, claim, StoreRefused(str(stale), code="stale", next_step=STALE))
    except StoreRefused as error:
        _refuse(services, claim, error)
    except StoreError as error:
        _put_off(services, claim, error)
    else:
        _send(services, claim, api, prepared)


def _must_hold(services: Services, claim: Claim) -> None:
    """It may have waited for the store, for a worker: money is held against a fresh picture of the order.

    Raises Unprocessable, StoreError.
    """
    if claim.request.kind not in (ActionKind.REFUND, ActionKind.CANCEL):
        return
    with services.reading(claim.account_id) as work:
        is_old = deciding.needs_reading(find_order(work, claim.order_id), services.now())
    if is_old:
        sync.refresh_order(services, claim.account_id, claim.order_id, interactive=False)
    with services.reading(claim.account_id) as work:
        planning.must_hold(work, actions.find(work, claim.action_id), find_order(work, claim.order_id))


def _look(services: Services, claim: Claim, api: StoreApi, prepared: str) -> None:
    """What became of the message that may have been sent? If the store has nothing, wait and look again."""
    try:
        receipt = api.find(claim.request, prepared)
    except HalfDone:
        _complete(services, claim, api, prepared)
        return
    except StoreError as error:
        _unclear(services, claim, error)
        return
    if receipt is not None:
        _finish(services, claim, receipt)
    elif claim.sent_at is None or _may_repeat(services, claim, api):
        _send(services, claim, api, prepared)
    else:
        _unclear(services, claim, StoreError(NO_TRACE[0], code="unclear", next_step=NO_TRACE[1]))


def _complete(services: Services, claim: Claim, api: StoreApi, prepared: str) -> None:
    """The store shows that the money moved: only what comes after it is left to do."""
    with services.transaction(claim.account_id) as work:
        mine = carrying.about_to_complete(work, claim)
    if not mine:
        return
    try:
        receipt = api.complete(claim.request, prepared)
    except StoreError as error:
        _unclear(services, claim, error)
    else:
        _finish(services, claim, receipt)


def _may_repeat(services: Services, claim: Claim, api: StoreApi) -> bool:
    """Whether the store itself sees to it that a repetition does no more than the first message did."""
    assert claim.sent_at is not None
    young = services.now() - claim.sent_at < carrying.KEY_LIFE
    return young and api.repeatable(claim.request)


def _send(services: Services, claim: Claim, api: StoreApi, prepared: str) -> None:
    with services.transaction(claim.account_id) as work:
        mine = carrying.about_to_send(work, claim, prepared)
    if not mine:
        return
    try:
        receipt = api.send(claim.request, prepared)
    except (StoreRefused, StoreDenied, StoreForbidden) as error:
        if claim.sent_at is None:
            _refuse(services, claim, error)
        else:
            _refused_again(services, claim, api, prepared, error)
    except RateLimited as error:
        with services.transaction(claim.account_id) as work:
            carrying.not_sent(work, claim, stores.problem(error, work.now()), error.wait)
    except StoreError as error:
        _unclear(services, claim, error)
    else:
        _finish(services, claim, receipt)


def _refused_again(
    services: Services, claim: Claim, api: StoreApi, prepared: str, refused: StoreError
) -> None:
    """A no to a repetition says nothing of the message before it, which may have been done meanwhile.

    Only when that one can no longer be on its way, and the store still shows no trace, is it a no to both.
    """
    try:
        receipt = api.find(claim.request, prepared)
    except StoreError as error:
        _unclear(services, claim, error)
        return
    assert claim.last_sent_at is not None
    if receipt is not None:
        _finish(services, claim, receipt)
    elif services.now() - claim.last_sent_at > carrying.REQUEST_LIFE and isinstance(refused, StoreRefused):
        _refuse(services, claim, refused)
    else:
        _unclear(services, claim, refused)


def _finish(services: Services, claim: Claim, receipt: Receipt) -> None:
    with services.transaction(claim.account_id) as work:
        carrying.finish(work, claim, receipt)


def _refuse(services: Services, claim: Claim, error: StoreError) -> None:
    with services.transaction(claim.account_id) as work:
        carrying.refuse(work, claim, stores.problem(error, work.now()))


def _unclear(services: Services, claim: Claim, error: StoreError) -> None:
    log.info("action %s: unclear: %s", claim.action_id, error.code)
    with services.transaction(claim.account_id) as work:
        carrying.unclear(work, claim, stores.problem(error, work.now()))


def _put_off(services: Services, claim: Claim, error: StoreError) -> None:
    """The store could not be asked in this try."""
    log.info("action %s: put off: %s", claim.action_id, error.code)
    wait = error.wait if isinstance(error, RateLimited) else 5.0
    with services.transaction(claim.account_id) as work:
        problem = stores.problem(error, work.now())
        if claim.sent_at is not None:
            carrying.unclear(work, claim, problem)
        elif claim.attempts >= carrying.TRIES and claim.prepared is None:
            carrying.refuse(work, claim, problem)
        else:
            carrying.not_sent(work, claim, problem, min(wait * claim.attempts, 300.0))


def _show(services: Services, claim: Claim) -> None:
    """Bring the changed order home at once; the store's webhook will say the same later."""
    with services.reading(claim.account_id) as work:
        done = actions.find(work, claim.action_id).status == ActionStatus.SUCCEEDED
    if not done:
        return
    try:
        sync.refresh_order(services, claim.account_id, claim.order_id, interactive=False)
    except (StoreError, NotFound) as error:
        log.info("order %s not read after its action: %s", claim.order_id, error.code)
