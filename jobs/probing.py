"""Asking a store for its newest change, and fetching what did not come by itself."""

from __future__ import annotations

import logging

from integration import probing
from integration.errors import StoreError
from jobs.boot import Services
from jobs.stores import account_of

log = logging.getLogger(__name__)


def run(services: Services, *, store_id: int) -> None:
    """One probe. A store that does not answer is told of by its reconciliation."""
    account_id = account_of(services, store_id)
    with services.transaction(account_id) as work:
        if not probing.claim(work, store_id):
            return
    try:
        api = services.api(store_id)
        try:
            newest = api.newest()
        finally:
            api.close()
    except StoreError as error:
        log.info("store %s: not probed: %s", store_id, error.code)
        return
    with services.transaction(account_id) as work:
        overdue = probing.note(work, store_id, newest)
    if overdue is not None:
        log.warning("store %s: a change of %d s ago has not come", store_id, overdue.total_seconds())
