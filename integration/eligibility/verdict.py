"""What the engine answers: verdicts with their grounds, and the sum to pay back.

Structs and not dataclasses: a what-if makes them by the hundred thousand.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Literal

import msgspec

from integration.eligibility.facts import LineFacts
from integration.eligibility.timeline import LineDays

Until = date | Literal["open"] | None
"""Last day, to its end, local; "open" while the clock has not provably started; None: no date."""

OPEN_ENDED: Literal["open"] = "open"


class Outcome(StrEnum):
    ACCEPT = "accept"
    REFUSE = "refuse"
    REVIEW = "review"  # a deciding fact is missing, or a person must weigh it


class Basis(StrEnum):
    LAW = "law"
    POLICY = "policy"
    BOTH = "law+policy"
    CONFORMITY = "conformity"
    NONE = "none"

    @property
    def has_law(self) -> bool:
        return self in (Basis.LAW, Basis.BOTH)


class Standing(StrEnum):
    """How one law or one policy stands towards one line at the notice."""

    OPEN = "open"
    EXPIRED = "expired"
    EXCEPTED = "excepted"  # by a law's exception, or a policy's exclusion
    NONE = "none"  # it gives no such right
    UNKNOWN = "unknown"


class Status(StrEnum):
    """How sure we are of a rule."""

    VERIFIED = "verified"  # read in the named source
    PARTLY = "partly verified"
    BELIEF = "belief"  # general knowledge, not checked against a text
    UNCHECKED = "not checked"  # no data at all
    CONFIRMED = "confirmed"  # by the store, with name and date
    STORE = "store"  # the store's own policy


class Ground(msgspec.Struct, frozen=True):
    """One step of the reasoning. `key` and `params` become text in the reader's language."""

    rule: str  # "EU-W1", "policy 3", "D14"
    key: str  # of messages.GROUNDS
    params: Mapping[str, object] = {}
    source: str = ""
    status: Status = Status.STORE


class Fact(msgspec.Struct, frozen=True):
    """One fact that was used; `value` is a date, a word or a number."""

    name: str
    value: object
    source: str | None = None


class Missing(msgspec.Struct, frozen=True):
    """One fact that nobody gave; `messages.MISSING[fact]` says how to get it."""

    fact: str
    decides: bool = True
    """Whether the verdict may change with it."""


class Assessment(msgspec.Struct, frozen=True):
    """One right, as it stands towards one line."""

    standing: Standing
    until: Until = None
    grounds: tuple[Ground, ...] = ()
    missing: tuple[Missing, ...] = ()
    estimated: bool = False
    refund_now: bool = True
    """False where the law asks for repair or replacement before any money."""
    withdrawal_open: bool = False
    """Of a claim for a fault: whether the right to return without a reason is open beside it."""


class LineVerdict(msgspec.Struct, frozen=True, kw_only=True):
    line: LineFacts
    days: LineDays
    quantity: int
    """Pieces that were judged: never more than are left."""
    refused_quantity: int
    """Asked for beyond what is left."""
    outcome: Outcome
    basis: Basis
    law: Assessment
    policy: Assessment
    policy_version: str | None
    grounds: tuple[Ground, ...]
    missing: tuple[Missing, ...]
    resolutions: tuple[str, ...]
    payable: bool
    """Accepted, and by a right that brings money rather than a repair."""
    items: int
    """What goes back for the goods of this line, before fees, in minor units."""

    @property
    def line_id(self) -> str:
        return self.line.id

    @property
    def facts(self) -> tuple[Fact, ...]:
        """What the verdict was made from, as far as it is known."""
        days, line = self.days, self.line
        known: list[tuple[str, date | str | None]] = [
            ("ordered", days.bought),
            ("shipped", days.shipped),
            ("delivered", days.latest),
            ("last_delivery_of_order", days.order_last if days.order_last != days.latest else None),
            ("exchanged", days.exchanged),
            ("notice", days.asked),
            ("unsealed", _answer(line.unsealed)),
            ("used", _answer(line.used)),
        ]
        return tuple(
            Fact(name, value, line.delivered_source if name == "delivered" else None)
            for name, value in known
            if value is not None
        )

    @property
    def law_until(self) -> Until:
        return self.law.until

    @property
    def policy_until(self) -> date | None:
        return self.policy.until if isinstance(self.policy.until, date) else None

    @property
    def policy_estimated(self) -> bool:
        return self.policy.estimated


def _answer(value: bool | None) -> str | None:
    return None if value is None else "yes" if value else "no"


class RefundSum(msgspec.Struct, frozen=True, kw_only=True):
    """What goes back in all. total = items + outbound - restock - label - diminished, never below 0."""

    currency: str
    items: int = 0
    outbound: int = 0
    restock: int = 0
    label: int = 0
    diminished: int = 0
    total: int = 0
    due: date | str | None = None
    """Latest day to pay; a text where the law sets no term; None: no legal term, or it has not started."""
    send_back_by: date | None = None
    """Last day for the customer to send the goods."""
    tenders: tuple[tuple[str, int], ...] = ()
    keep_item: bool = False
    """Cheap enough to stay with the customer: no label, no parcel."""
    store_credit_total: int | None = None
    """What the customer gets if they take store credit instead, bonus included."""
    grounds: tuple[Ground, ...] = ()


class LawNote(msgspec.Struct, frozen=True, kw_only=True):
    """Whose law was looked at, and how sure we are of it."""

    id: str | None
    citation: str
    status: Status
    confirmed_by: str | None = None
    confirmed_on: date | None = None


class Verdicts(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer for one request."""

    country: str | None
    notice: date | datetime
    law: LawNote
    lines: tuple[LineVerdict, ...]
    refund: RefundSum


def confirm(verdicts: Verdicts, by: str, on: date) -> Verdicts:
    """The same answer after the store had this country's rows looked at: `by` whom, and when.

    What nobody has data for stays "not checked".
    """
    if verdicts.law.status is Status.UNCHECKED:
        return verdicts
    replace = msgspec.structs.replace
    return replace(
        verdicts,
        law=replace(verdicts.law, status=Status.CONFIRMED, confirmed_by=by, confirmed_on=on),
        lines=tuple(replace(line, grounds=_confirmed(line.grounds)) for line in verdicts.lines),
        refund=replace(verdicts.refund, grounds=_confirmed(verdicts.refund.grounds)),
    )


def _confirmed(grounds: tuple[Ground, ...]) -> tuple[Ground, ...]:
    return tuple(
        msgspec.structs.replace(ground, status=Status.CONFIRMED)
        if ground.status in (Status.PARTLY, Status.BELIEF)
        else ground
        for ground in grounds
    )
