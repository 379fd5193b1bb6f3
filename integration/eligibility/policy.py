"""The store's own terms: versions that are never overwritten, each a list of rules.

A line is bound by the version in force when it was bought; within a version the first rule
whose scope fits the line decides. Amounts are minor units by currency and are never
converted: a fee that is not given in the order's currency is not charged.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from integration.eligibility.categories import CATEGORIES
from integration.eligibility.facts import LineFacts, OrderFacts, When

Days = Annotated[int, Meta(ge=0, le=36_500)]
HundredthsOfPercent = Annotated[int, Meta(ge=0, le=100_000)]
"""1050 is 10.5 %."""
Share = Annotated[int, Meta(ge=0, le=10_000)]
"""Hundredths of a percent, of something that it cannot be more than."""
Minor = Annotated[int, Meta(ge=0, le=10**15)]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$")]
Amounts = dict[Currency, Minor]
"""Currency → minor units."""
Words = tuple[Annotated[str, Meta(max_length=200)], ...]
Resolution = Literal["refund", "store_credit", "exchange", "replacement", "repair"]

EXCLUDED_BY_DEFAULT = (
    "personalised",
    "perishable",
    "broken_hygiene_seal",
    "broken_media_seal",
    "digital",
    "mixed",
    "periodical",
    "gift_card",
    "dated_service",
    "performed_service",
    "alcohol_deferred",
)


class Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Policies come from forms and files: a misspelt name is an error with its place."""


class Scope(Struct, frozen=True, kw_only=True):
    """Which lines a rule is for. An empty list fits everything; lists that are given must all fit."""

    products: Words = ()
    collections: Words = ()
    categories: Words = ()
    tags: Words = ()
    countries: tuple[Annotated[str, Meta(pattern="^[A-Z]{2}$")], ...] = ()
    channels: Words = ()
    customer_groups: Words = ()

    def fits(self, order: OrderFacts, line: LineFacts) -> bool:
        return (
            (not self.products or line.product_id in self.products)
            and (not self.collections or not line.collections.isdisjoint(self.collections))
            and (not self.categories or not line.categories.isdisjoint(self.categories))
            and (not self.tags or not line.tags.isdisjoint(self.tags))
            and (not self.countries or order.country in self.countries)
            and (not self.channels or order.channel in self.channels)
            and (not self.customer_groups or not order.customer_groups.isdisjoint(self.customer_groups))
        )


class HolidayRange(Struct, frozen=True, kw_only=True):
    """Lines bought from `first` to `last` may come back until `until`, if that is later."""

    first: date
    last: date
    until: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError("a holiday range ends before it begins")


class Rule(Struct, frozen=True, kw_only=True):
    """Return terms for the lines in one scope."""

    name: Annotated[str, Meta(max_length=200)] = ""
    scope: Scope = Scope()
    returns: bool = True
    """False: sold without any return by the store's own terms (the law goes first)."""
    start: Literal["delivery", "fulfilment", "order"] = "delivery"
    days: Days | None = 30
    """None: no last day."""
    buffer: Days | None = None
    """Transit days from fulfilment to an estimated delivery, where delivery is not known."""
    holidays: tuple[HolidayRange, ...] = ()
    cancel_unshipped: bool = True
    final_sale_returns: bool = False
    """Whether products marked as final sale may come back after all."""
    exclusions: Words = EXCLUDED_BY_DEFAULT
    """Names of `categories.CATEGORIES`."""
    part_prices: bool = False
    """The policy lists what each part of a bundle costs, so parts may come back alone."""
    resolutions: tuple[Resolution, ...] = ("refund", "store_credit", "exchange")
    bonus: HundredthsOfPercent = 0
    """On top of the refund, when the customer takes store credit."""
    restocking: Share = 0
    """Of the items."""
    restocking_fee: Amounts = {}
    """A flat fee once a return, on top of the percentage."""
    label: Literal["customer", "fee", "free"] = "customer"
    """Who pays the way back: the customer buys a label, we send one for a fee, we send one free."""
    label_fee: Amounts = {}
    refund_outbound: bool = False
    """Whether the delivery cost goes back too, beyond what a law asks for."""
    keep_max: Amounts = {}
    """Goods worth up to this stay with the customer."""
    proof_required: bool = False
    """A photo, before anything is decided about a fault."""
    agent_limit: Amounts = {}
    """What an agent may refund without another's approval."""
    conditions: Annotated[str, Meta(max_length=2000)] = ""
    """In words the customer reads: unused, tags on, original packaging."""

    def __post_init__(self) -> None:
        if unknown := set(self.exclusions) - CATEGORIES.keys():
            raise ValueError(f"unknown exclusion categories: {', '.join(sorted(unknown))}")


class Policy(Struct, frozen=True, kw_only=True):
    """One saved version."""

    version: Annotated[int, Meta(ge=1, le=1_000_000)]
    rules: Annotated[tuple[Rule, ...], Meta(min_length=1, max_length=200)]
    """In order of priority; the last one should fit everything."""
    valid_from: datetime | None = None
    """In force from this moment; None: since ever."""
    valid_to: datetime | None = None
    """Until just before this moment; None: still."""
    name: Annotated[str, Meta(max_length=200)] = ""

    def __post_init__(self) -> None:
        for moment in (self.valid_from, self.valid_to):
            if moment is not None and moment.tzinfo is None:
                raise ValueError("validity needs a time zone")
        if self.valid_from and self.valid_to and self.valid_to <= self.valid_from:
            raise ValueError("a version ends before it begins")

    def begun(self, moment: datetime) -> bool:
        return self.valid_from is None or self.valid_from <= moment

    def in_force(self, moment: datetime) -> bool:
        return self.begun(moment) and (self.valid_to is None or moment < self.valid_to)


class Bound(msgspec.Struct, frozen=True):
    """The rule that binds one line, and the version it belongs to."""

    rule: Rule
    version: str | None


NO_RULE = Rule(name="", returns=False, cancel_unshipped=False, exclusions=())
"""What binds a line that no rule of its version fits."""


@dataclass(frozen=True, slots=True)
class PolicyBook:
    """A store's versions, from which each line finds its own terms."""

    versions: Sequence[Policy]

    def version_for(self, bought: datetime) -> Policy:
        """The newest version in force at `bought`; in a gap the one before it, before the first the first."""
        if in_force := [version for version in self.versions if version.in_force(bought)]:
            return max(in_force, key=lambda version: version.version)
        if begun := [version for version in self.versions if version.begun(bought)]:
            return max(begun, key=lambda version: version.version)
        return min(self.versions, key=lambda version: version.version)

    def bound(self, order: OrderFacts, line: LineFacts) -> Bound:
        """The terms at the moment when this very line was bought."""
        version = self.version_for(_moment(line.added or order.ordered, order))
        rule = next((rule for rule in version.rules if rule.scope.fits(order, line)), NO_RULE)
        return Bound(rule, str(version.version))


def _moment(bought: When, order: OrderFacts) -> datetime:
    """A bare local day is taken at its end: the version saved on that day counts for all of it."""
    if isinstance(bought, datetime):
        return bought
    return datetime.combine(bought, time.max, tzinfo=order.zone).astimezone(UTC)


DEFAULT_POLICY = Policy(
    version=1,
    name="Default policy",
    rules=(
        Rule(name="Final sale", scope=Scope(tags=("final-sale",)), returns=False),
        Rule(name="Everything else", days=30, buffer=5),
    ),
)
"""In force from the first minute: 30 days from delivery, no fees, the customer's own label."""


def dump(policies: Sequence[Policy]) -> bytes:
    """The file of the export."""
    return msgspec.json.format(msgspec.json.encode(policies))


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two values for one name nobody can say which was meant; and no database keeps a NUL in a text."""
    twice = sorted(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
    if twice:
        raise ValueError(f"named twice: {', '.join(twice)[:200]}")
    for name, value in pairs:
        texts = value if isinstance(value, list) else [value]
        if any(isinstance(text, str) and "\0" in text for text in (name, *texts)):
            raise ValueError(f"a NUL character in {name!r}"[:200])
    return dict(pairs)


def load(data: bytes) -> tuple[Policy, ...]:
    """Read an export. Raises :exc:`ValueError` that names the place of what is wrong."""
    versions = msgspec.json.decode(data, type=tuple[Policy, ...])
    json.loads(data, object_pairs_hook=_each_name_once)
    if not versions:
        raise ValueError("no policy version in this file")
    if len({version.version for version in versions}) != len(versions):
        raise ValueError("two policies with the same version")
    return versions
