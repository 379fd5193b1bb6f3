"""What another policy would have changed: two policies over the same requests, side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

import msgspec

from integration.eligibility.engine import (
    Binding,
    Hearing,
    asked_for,
    hear,
    items_of,
    judge_line,
    law_towards,
)
from integration.eligibility.facts import Kind, LineFacts, OrderFacts, Request
from integration.eligibility.policy import Bound, Rule
from integration.eligibility.refund import Judged, total_only
from integration.eligibility.rights import NOWHERE, UNCHECKED
from integration.eligibility.timeline import LineDays
from integration.eligibility.verdict import Basis, LineVerdict, Outcome, Standing
from integration.money import split

MOST_KNOWN = 50_000
"""Verdicts kept for lines that are alike; then the book is begun anew, so that memory stays flat."""
NONE: frozenset[str] = frozenset()
UNTOLD = (None, None)
"""Stands for one piece, or for several: when they were delivered is in the timeline."""


@dataclass(slots=True)
class ProductChange:
    lines: int = 0
    refused: int = 0
    """Accepted before, not accepted after."""
    money: Counter[str] = field(default_factory=Counter)
    """Currency → minor units paid back more (or, negative, less)."""


@dataclass(slots=True)
class Comparison:
    """Counts of lines, and money by currency in minor units."""

    orders: int = 0
    lines: int = 0
    changed: int = 0
    """Another verdict, basis or sum."""
    outcomes: Counter[tuple[Outcome, Outcome]] = field(default_factory=Counter)
    """(before, after) → lines, those that stay the same included."""
    accepted_for_less: int = 0
    money_before: Counter[str] = field(default_factory=Counter)
    money_after: Counter[str] = field(default_factory=Counter)
    products: dict[str, ProductChange] = field(default_factory=dict)
    """Product id → what changes for it."""
    below_law: int = 0
    """Lines the new policy alone would no longer take back, and the law does: they stay accepted."""
    below_law_rules: Counter[str] = field(default_factory=Counter)
    """Law rule id → lines it keeps."""
    unchecked: int = 0
    """Lines whose country's law is not checked, so nothing is said of the law."""
    by_day: dict[int, Counter[tuple[Outcome, Outcome]]] = field(default_factory=dict)
    """Days from delivery to notice → (before, after) → lines."""

    @property
    def refused(self) -> int:
        return sum(
            count
            for (before, after), count in self.outcomes.items()
            if before is Outcome.ACCEPT and after is not Outcome.ACCEPT
        )


def compare(cases: Iterable[tuple[OrderFacts, Request]], before: Binding, after: Binding) -> Comparison:
    """Judge every request by both policies. Nothing is saved and nobody is told."""
    result = Comparison()
    bench = Bench(before, after)
    for order, request in cases:
        hearing = hear(order, request)
        pairs = bench.judge(hearing)
        if not pairs:
            continue
        sums = bench.sums(hearing, pairs)
        result.orders += 1
        result.money_before[order.currency] += sums[0]
        result.money_after[order.currency] += sums[1]
        for pair, paid, pays in zip(pairs, *_shares(pairs, sums), strict=True):
            _count(result, pair, pays - paid, order.currency)
    return result


class Side(msgspec.Struct, frozen=True):
    """What one policy makes of a line, whatever it cost."""

    outcome: Outcome
    basis: Basis
    payable: bool
    by_policy: bool
    """The policy alone would take it back."""

    @classmethod
    def of(cls, verdict: LineVerdict) -> Side:
        open_ = verdict.policy.standing is Standing.OPEN
        return cls(verdict.outcome, verdict.basis, verdict.payable, open_)


class Sides(msgspec.Struct, frozen=True):
    was: Side
    now: Side
    law_checked: bool
    law_rule: str
    """By which the law alone takes it back, if it does."""


class Pair(msgspec.Struct, frozen=True):
    """One line by both policies, with its price."""

    line: LineFacts
    days: LineDays
    quantity: int
    sides: Sides
    terms: tuple[Bound, Bound]
    items: tuple[int, int]

    def weighed(self, which: int) -> Judged:
        side = self.sides.now if which else self.sides.was
        return Judged(
            self.line,
            self.terms[which],
            self.quantity,
            side.basis,
            self.items[which],
            payable=side.payable,
            unsent=self.days.unsent,
        )


class Bench:
    """Judges lines side by side, and lines that differ in nothing but price and number only once."""

    def __init__(self, before: Binding, after: Binding) -> None:
        self.before, self.after = before, after
        self.known: dict[tuple[object, ...], Sides] = {}
        self.rules: dict[int, Rule] = {}
        """By the identity that stands for them in keys: kept, so that no other takes their place."""

    def judge(self, hearing: Hearing) -> list[Pair]:
        circumstances = _circumstances(hearing)
        return [self._pair(hearing, line, circumstances) for line in hearing.lines]

    def sums(self, hearing: Hearing, pairs: list[Pair]) -> tuple[int, int]:
        """What goes back in all, before and after."""
        was = _total(hearing, [pair.weighed(0) for pair in pairs])
        if all(pair.sides.was is pair.sides.now for pair in pairs):
            return was, was
        return was, _total(hearing, [pair.weighed(1) for pair in pairs])

    def _pair(self, hearing: Hearing, line: LineFacts, circumstances: tuple[object, ...] | None) -> Pair:
        terms = self.before(hearing.order, line), self.after(hearing.order, line)
        quantity = min(asked_for(hearing.request, line), line.left)
        key = None
        if circumstances is not None and line.gift_of is None:
            old, new = self._identity(terms[0]), self._identity(terms[1])
            key = circumstances, *_alike(hearing, line, (terms[0].rule, terms[1].rule)), *old, *new
        sides = None if key is None else self.known.get(key)
        if sides is None:
            sides = _sides(hearing, line, terms)
            if key is not None:
                if len(self.known) >= MOST_KNOWN:
                    self.known.clear()
                self.known[key] = sides
        items = [items_of(hearing, line, quantity) if side.payable else 0 for side in (sides.was, sides.now)]
        days = hearing.timeline.lines[line.id]
        return Pair(line, days, quantity, sides, terms, (items[0], items[1]))

    def _identity(self, bound: Bound) -> tuple[int, str | None]:
        self.rules[id(bound.rule)] = bound.rule
        return id(bound.rule), bound.version


def _sides(hearing: Hearing, line: LineFacts, terms: tuple[Bound, Bound]) -> Sides:
    law = law_towards(hearing, line)
    old, new = terms
    was = judge_line(hearing, line, law, old)
    before = Side.of(was)
    if old.rule is new.rule and old.version == new.version:
        now, after = was, before
    else:
        now = judge_line(hearing, line, law, new)
        after = Side.of(now)
    checked = now.law.grounds not in (UNCHECKED.grounds, NOWHERE.grounds)
    held = now.law.standing is Standing.OPEN and not after.by_policy
    return Sides(before, after, checked, now.law.grounds[-1].rule if held else "")


def _circumstances(hearing: Hearing) -> tuple[object, ...] | None:
    """What a line's verdict takes from its order; None where lines have notices of their own."""
    order, request = hearing.order, hearing.request
    if request.notices:
        return None
    return (
        order.country,
        order.zone,
        order.buyer,
        order.informed,
        order.promised,
        order.delay_consent,
        tuple(order.store_facts.items()),
        request.reason,
    )


def _alike(hearing: Hearing, line: LineFacts, rules: tuple[Rule, Rule]) -> tuple[object, ...]:
    """Equal for lines that are judged equally under the same terms and circumstances.

    A field that is not blanked here counts, so that a new one is never overlooked. Moments are blanked: as
    local days they are in the timeline. Of the numbers it counts only whether some are left and asked for.
    """
    alike = msgspec.structs.replace(
        line,
        id="",
        net=0,
        quantity=0,
        returned=0,
        refunded=None,
        diminished=0,
        product_id="",
        collections=NONE,
        categories=NONE,
        tags=NONE,
        delivered=UNTOLD[: len(line.delivered)],
        delivered_source=None,
        shipped=None,
        added=None,
        exchanged_at=None,
    )
    asked, left = asked_for(hearing.request, line), line.left
    days = _deciding(hearing.timeline.lines[line.id], line, rules)
    return alike, days, asked > 0, left > 0, asked > left


def _deciding(days: LineDays, line: LineFacts, rules: tuple[Rule, Rule]) -> LineDays:
    """Goods that have all arrived are judged by their arrival: the days of order and dispatch count only for
    terms that count from them."""
    if days.last is None or days.unsent or line.kind is not Kind.GOODS:
        return days
    ordered = any(rule.start == "order" or rule.holidays for rule in rules)
    sent = any(rule.start == "fulfilment" for rule in rules)
    if ordered and sent:
        return days
    return msgspec.structs.replace(
        days, bought=days.bought if ordered else date.min, shipped=days.shipped if sent else None
    )


def _total(hearing: Hearing, judged: list[Judged]) -> int:
    return total_only(hearing.order, hearing.request, hearing.timeline, judged, hearing.row)


def _shares(pairs: list[Pair], sums: tuple[int, int]) -> tuple[list[int], list[int]]:
    """Each line's part of both sums, fees and delivery included."""
    old, new = ([pair.items[which] for pair in pairs] for which in (0, 1))
    return split(sums[0], old), split(sums[1], new)


def _count(result: Comparison, pair: Pair, money: int, currency: str) -> None:
    sides = pair.sides
    was, now = sides.was, sides.now
    step = was.outcome, now.outcome
    result.lines += 1
    result.outcomes[step] += 1
    if not sides.law_checked:
        result.unchecked += 1
    elif was.by_policy and sides.law_rule:
        result.below_law += 1
        result.below_law_rules[sides.law_rule] += 1
    if pair.days.latest is not None:
        day = (pair.days.asked - pair.days.latest).days
        if (counts := result.by_day.get(day)) is None:
            counts = result.by_day[day] = Counter()
        counts[step] += 1
    if was.outcome is now.outcome and was.basis is now.basis and not money:
        return
    result.changed += 1
    result.accepted_for_less += step == (Outcome.ACCEPT, Outcome.ACCEPT) and money < 0
    if (change := result.products.get(pair.line.product_id)) is None:
        change = result.products[pair.line.product_id] = ProductChange()
    change.lines += 1
    change.refused += was.outcome is Outcome.ACCEPT and now.outcome is not Outcome.ACCEPT
    change.money[currency] += money
