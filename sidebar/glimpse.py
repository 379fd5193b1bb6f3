"""What an unproven agent may see where the helpdesk vouches for the conversation: that there is an order.

No name, no address, no goods, no money: the last order's number and how far it has come. Source: our helpdesk
facts, "Reading is also a right".
"""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import gettext as _

from integration import customers
from integration.plain_orders import ShownOrder
from integration.records import FulfillmentStatus
from integration.work import Work
from sidebar.visit import Visit


@dataclass(frozen=True, slots=True)
class Glimpse:
    order: str
    state: str


def glimpse(work: Work, visit: Visit) -> Glimpse | None:
    """None when nobody fits, or more than one does."""
    matches = customers.match(work, emails=visit.emails, phones=visit.phones)
    found = customers.chosen(matches)
    if found is None:
        return None
    orders = customers.history(work, found.customer_id, limit=1)
    return Glimpse(orders[0].name, _state(orders[0])) if orders else None


def _state(order: ShownOrder) -> str:
    if order.cancelled_at is not None:
        return str(_("Cancelled"))
    known: dict[FulfillmentStatus, str] = {
        FulfillmentStatus.DELIVERED: _("Delivered"),
        FulfillmentStatus.IN_TRANSIT: _("On its way"),
        FulfillmentStatus.FULFILLED: _("On its way"),
        FulfillmentStatus.PARTIALLY_FULFILLED: _("Partly sent"),
    }
    return known.get(order.fulfillment_status, str(_("Not sent yet")))
