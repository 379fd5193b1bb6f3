"""What is known about one order and one wish to return, as frozen values.

Whoever builds these (the cache, or a case file) translates and does not decide: a fact
that nobody knows is `None` and stays `None`. Amounts are whole minor units of the order's
currency. A moment is an aware `datetime`, or a bare `date` that is already the local day
at the delivery address. Structs and not dataclasses: a what-if makes them by the hundred thousand.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec

When = datetime | date


class Route(StrEnum):
    """Which right a reason calls on."""

    WITHDRAWAL = "withdrawal"  # change of mind: no reason needed, a short clock
    CONFORMITY = "conformity"  # not what was sold: another clock, other money
    ASK = "ask"


class ReturnReason(StrEnum):
    """Why the customer wants to return, in our own words (each platform's codes map to these)."""

    CHANGED_MIND = "changed_mind"
    SIZE_SMALL = "size_small"
    SIZE_LARGE = "size_large"
    FIT = "fit"
    COLOUR = "colour"
    STYLE = "style"
    DEFECTIVE = "defective"
    DAMAGED_IN_TRANSIT = "damaged_in_transit"
    NOT_AS_DESCRIBED = "not_as_described"
    WRONG_ITEM = "wrong_item"
    MISSING_ITEM = "missing_item"
    ARRIVED_LATE = "arrived_late"
    ORDERED_TWICE = "ordered_twice"
    BETTER_PRICE = "better_price"
    UNKNOWN = "unknown"

    @property
    def route(self) -> Route:
        if self in CONFORMITY_REASONS:
            return Route.CONFORMITY
        return Route.ASK if self is ReturnReason.UNKNOWN else Route.WITHDRAWAL

    @property
    def seller_at_fault(self) -> bool:
        """No return cost, no restocking fee, delivery cost refunded, whatever the policy says."""
        return self in CONFORMITY_REASONS or self is ReturnReason.ARRIVED_LATE


CONFORMITY_REASONS = frozenset(
    {
        ReturnReason.DEFECTIVE,
        ReturnReason.DAMAGED_IN_TRANSIT,
        ReturnReason.NOT_AS_DESCRIBED,
        ReturnReason.WRONG_ITEM,
        ReturnReason.MISSING_ITEM,
    }
)


class Kind(StrEnum):
    GOODS = "goods"
    DIGITAL = "digital"  # content not on a carrier, supplied at once
    GIFT_CARD = "gift_card"


class Buyer(StrEnum):
    CONSUMER = "consumer"
    BUSINESS = "business"


class LineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One order line."""

    id: str
    quantity: int
    net: int
    """Charged for the whole line after its discounts, tax included."""
    kind: Kind = Kind.GOODS
    returned: int = 0
    """Pieces returned before this notice."""
    refunded: int | None = None
    """Money that already went back for this line; None: computed from `returned`."""
    delivered: tuple[When | None, ...] = ()
    """One entry a piece (or a parcel of the line); None while its delivery is not known.
    Estimated deliveries are no facts: leave them None."""
    delivered_source: str | None = None
    shipped: When | None = None
    """Fulfilment; None: not shipped."""
    added: When | None = None
    """When the order was edited to add this line; None: bought with the order."""
    cancelled: bool = False
    final_sale: bool = False
    traits: frozenset[str] = frozenset()
    """Product flags, see `categories.TRAITS`."""
    unsealed: bool | None = None
    """Whether the seal was broken after delivery."""
    used: bool | None = None
    consent: bool = False
    acknowledged: bool = False
    confirmed: bool = False
    started: bool = False
    regular: bool = False
    """One of regular deliveries over a period (a subscription box)."""
    exchanged_at: When | None = None
    """When the piece now in the customer's hands was received in an exchange."""
    bundle_part: bool = False
    gift_of: str | None = None
    """Id of the line that this free gift came with."""
    gift_returned: bool = True
    sent_late: bool = False
    """The goods were sent back after the period for sending them back."""
    diminished: int = 0
    """Loss in value by handling beyond what is needed to see how the goods work."""
    product_id: str = ""
    collections: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()

    @property
    def left(self) -> int:
        """Pieces that may still come back."""
        return 0 if self.cancelled else max(0, self.quantity - max(0, self.returned))


class Shipping(msgspec.Struct, frozen=True, kw_only=True):
    """What the customer paid for delivery, and what the cheapest standard one would have cost."""

    paid: int = 0
    standard: int | None = None
    """None: not known, so taken as what was paid."""
    refunded: int = 0

    @property
    def cheapest(self) -> int:
        return self.paid if self.standard is None else min(self.paid, self.standard)


class Tender(msgspec.Struct, frozen=True, kw_only=True):
    """One means of payment of the order."""

    name: str
    charged: int
    refunded: int = 0


class OrderFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One order, as far as rights to return depend on it."""

    country: str | None
    """ISO 3166 code of the delivery address: whose law, whose public holidays."""
    zone: ZoneInfo
    """Of the delivery address: whose calendar days are counted."""
    currency: str
    ordered: When
    lines: tuple[LineFacts, ...]
    shipping: Shipping = Shipping()
    tenders: tuple[Tender, ...] = ()
    order_discount: int = 0
    """Discount of the order that is in no line's `net` yet."""
    promised: When | None = None
    """Promised ship date."""
    delay_consent: bool = False
    """The customer agreed to wait longer."""
    buyer: Buyer | None = None
    """None counts as a consumer (product rule D15)."""
    informed: bool | When = True
    """Of the right of withdrawal: yes, no, or the day on which it was made up for."""
    proof: When | None = None
    """Proof of sending was supplied."""
    received: When | None = None
    """The goods were back."""
    store_facts: Mapping[str, bool] = {}
    """What only the store can say of itself and a law asks for: `th_direct_marketer`."""
    channel: str = ""
    customer_groups: frozenset[str] = frozenset()


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the customer asked for, and when."""

    notice: When
    """When they said so. Deadlines are tested against this, not against the parcel's way back."""
    quantities: Mapping[str, int]
    """Line id → pieces to send back now. Lines that are not named are not judged."""
    notices: Mapping[str, When] = {}
    """Line id → the notice on file for it, where it came earlier than this one."""
    reason: ReturnReason = ReturnReason.CHANGED_MIND
    store_credit: bool = False
    """The customer prefers store credit."""
    uses_label: bool = False
    """The parcel travels on the store's label."""
