"""The hand-over card: what was asked, promised, done and is open, for the next agent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from integration import audit, customers
from integration.db.actions import Contact
from integration.errors import BadInput
from integration.ids import row_id
from integration.work import Work
from sidebar.formats import zone
from sidebar.visit import Visit

LONGEST = 500
FIELDS = ("asked", "promised", "done", "open")


def write(work: Work, visit: Visit, form: Mapping[str, str]) -> Contact:
    """Keep the card. Raises :exc:`BadInput` when it says nothing."""
    customer_id = customers.current_id(work, row_id(form.get("customer", "")))
    texts = {name: " ".join(form.get(name, "").split())[:LONGEST] for name in FIELDS}
    if not any(texts.values()):
        raise BadInput("an empty hand-over", next_step="Write at least one line.")
    order = form.get("order", "")
    contact = Contact(
        customer_id=customer_id,
        order_id=customers.find_order(work, row_id(order)).id if order else None,
        helpdesk=visit.helpdesk,
        conversation=visit.conversation,
        at=work.now(),
        agent=visit.agent_name or visit.actor,
        promised_by=_moment(form.get("promised_by", "")),
        **texts,
    )
    work.add(contact)
    audit.record(
        work,
        "contact.noted",
        actor=visit.actor,
        proof=visit.proof,
        order_id=contact.order_id,
        detail={"customer": customer_id, "conversation": visit.conversation},
    )
    return contact


def _moment(text: str) -> datetime | None:
    """A form's local date and time, in the agent's zone."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text[:16]).replace(tzinfo=zone()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput("a time that is none", next_step="Give the promise a date and a time.") from None
