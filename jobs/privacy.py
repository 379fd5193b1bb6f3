"""Compliance requests, carried out."""

from __future__ import annotations

from integration import identity, privacy
from jobs.boot import Services


def carry_out(services: Services, *, account_id: int, request_id: int) -> None:
    with services.transaction(account_id) as work:
        identity.lock_account(work)  # a shop that is being connected again must not be erased
        privacy.carry_out(work, services.vault, request_id)
