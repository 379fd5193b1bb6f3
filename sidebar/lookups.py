"""Each time personal data is looked up: counted, and written down with the conversation it was for.

Source: our helpdesk facts, "Reading is also a right".
"""

from __future__ import annotations

from integration import audit
from sidebar.context import services
from sidebar.throttle import TooMany, allowed
from sidebar.visit import Visit, enter

WINDOW = 300
"""Seconds."""
OF_ONE_AGENT = 150
"""Lookups in a window: one every two seconds, which nobody reads."""
OF_ONE_DESK = 3000


def note(visit: Visit, event: str = "customer.looked_up", *, entering: bool = False) -> None:
    """Raises :exc:`TooMany`; then nothing was looked up. Ids and counts only: no address in the record.

    `entering`: who visits is checked in the same transaction, and nothing is recorded of one who may not.
    """
    agent = visit.agent_external or str(visit.agent_id or visit.frame)
    mine = allowed("lookup", f"{visit.helpdesk_id}/{agent}", times=OF_ONE_AGENT, seconds=WINDOW)
    desks = allowed("desk-lookup", str(visit.helpdesk_id), times=OF_ONE_DESK, seconds=WINDOW)
    if not (mine and desks):
        raise TooMany("too many lookups")
    with services().transaction(visit.account_id) as work:
        if entering:
            enter(work, visit)
        audit.record(
            work,
            event,
            actor=visit.actor,
            proof=visit.proof,
            detail={
                "helpdesk": visit.helpdesk_id,
                "conversation": visit.conversation,
                "customer_proof": visit.assurance.customer.value,
                "emails": len(visit.emails),
                "phones": len(visit.phones),
            },
        )
