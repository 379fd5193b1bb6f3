"""Each time personal data is looked up: counted, and written down with the conversation it was for.

Source: our helpdesk facts, "Reading is also a right".
"""

from __future__ import annotations

from integration import audit
from integration.standing import arrival
from sidebar.context import services
from sidebar.throttle import Limit, TooMany, within
from sidebar.visit import Visit, admit

WINDOW = 300
"""Seconds."""
OF_ONE_AGENT = 150
"""Lookups in a window: one every two seconds, which nobody reads."""
OF_ONE_DESK = 3000


def note(visit: Visit, event: str = "customer.looked_up", *, entering: bool = False) -> None:
    """Raises :exc:`TooMany`; then nothing was looked up. Ids and counts only: no address in the record.

    `entering`: who visits is checked first, and nothing is recorded of one who may not.
    """
    agent = visit.agent_external or str(visit.agent_id or visit.frame)
    mine = Limit("lookup", f"{visit.helpdesk_id}/{agent}", OF_ONE_AGENT)
    desks = Limit("desk-lookup", str(visit.helpdesk_id), OF_ONE_DESK)
    if not within(mine, desks, seconds=WINDOW):
        raise TooMany("too many lookups")
    end = None
    if entering:
        with services().reading(visit.account_id) as work:
            found = arrival(work, visit.helpdesk_id, visit.agent_id)
        admit(visit, found.standing)
        end = found.end
    audit.note(
        services().db,
        visit.account_id,
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
        end=end,
    )
