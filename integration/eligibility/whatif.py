"""What another policy would have changed: two policies over the same requests, side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from integration.eligibility.engine import Binding, decide_all, hear
from integration.eligibility.facts import OrderFacts, Request
from integration.eligibility.rights import UNCHECKED
from integration.eligibility.verdict import LineVerdict, Outcome, Standing, Verdicts
from integration.money import split


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
    for order, request in cases:
        hearing = hear(order, request)
        old, new = decide_all(hearing, before), decide_all(hearing, after)
        result.orders += 1
        result.money_before[order.currency] += old.refund.total
        result.money_after[order.currency] += new.refund.total
        changes = zip(old.lines, new.lines, _shares(old), _shares(new), strict=True)
        for was, now, paid, pays in changes:
            _count(result, was, now, pays - paid, was.line.product_id, order.currency)
    return result


def _shares(verdicts: Verdicts) -> list[int]:
    """Each line's part of the sum, fees and delivery included."""
    return split(verdicts.refund.total, [line.items for line in verdicts.lines])


def _count(
    result: Comparison, was: LineVerdict, now: LineVerdict, money: int, product: str, currency: str
) -> None:
    step = was.outcome, now.outcome
    result.lines += 1
    result.outcomes[step] += 1
    if now.law.grounds == UNCHECKED.grounds:
        result.unchecked += 1
    elif was.policy.standing is Standing.OPEN and _kept_by_law(now):
        result.below_law += 1
        result.below_law_rules[now.law.grounds[-1].rule] += 1
    if (day := _day(now)) is not None:
        result.by_day.setdefault(day, Counter())[step] += 1
    if was.outcome is now.outcome and was.basis is now.basis and not money:
        return
    result.changed += 1
    result.accepted_for_less += step == (Outcome.ACCEPT, Outcome.ACCEPT) and money < 0
    change = result.products.setdefault(product, ProductChange())
    change.lines += 1
    change.refused += was.outcome is Outcome.ACCEPT and now.outcome is not Outcome.ACCEPT
    change.money[currency] += money


def _kept_by_law(now: LineVerdict) -> bool:
    return now.law.standing is Standing.OPEN and now.policy.standing is not Standing.OPEN


def _day(line: LineVerdict) -> int | None:
    delivered = line.days.latest
    return None if delivered is None else (line.days.asked - delivered).days
