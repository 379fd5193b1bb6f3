"""Kinds of goods that a law or a policy may except, with the facts that decide.

Both name categories from this one table: a law's exception is a category with a citation,
a policy's exclusion a category without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from integration.eligibility.facts import Kind, LineFacts

TRAITS = (
    "personalised",
    "perishable",
    "hygiene_seal",
    "media_seal",
    "mixed",
    "market_price",
    "alcohol_deferred",
    "urgent_repair",
    "periodical",
    "auction",
    "dated_service",
    "performed_service",
    "hazardous",
    "oversized",
)
"""Flags a product may carry. `mixed` and `performed_service` are facts of the purchase."""


@dataclass(frozen=True, slots=True)
class Category:
    name: str
    applies: Callable[[LineFacts, bool], bool | None]
    """Of a line, and whether it is still in the store's hands. None: a deciding fact is missing."""
    missing: str = ""
    """The fact that is missing then."""
    on_file: tuple[str, ...] = ()
    """What the seller must have on file for it to apply, of the goods that `concerns` names."""
    concerns: Callable[[LineFacts], bool] = lambda line: False

    def not_on_file(self, line: LineFacts) -> tuple[str, ...]:
        """Without them it does not apply: nobody knows of them, or nobody wrote them down."""
        if not self.on_file or not self.concerns(line):
            return ()
        return tuple(fact for fact in self.on_file if not getattr(line, fact))


def _trait(name: str) -> Category:
    return Category(name, lambda line, unsent: name in line.traits)


def _broken(trait: str) -> Callable[[LineFacts, bool], bool | None]:
    def applies(line: LineFacts, unsent: bool) -> bool | None:
        """A seal cannot have been broken after a delivery that never happened."""
        return trait in line.traits and (False if unsent else line.unsealed)

    return applies


def _used(line: LineFacts, unsent: bool) -> bool | None:
    return False if unsent or line.kind is not Kind.GOODS else line.used


def _agreed(name: str, concerns: Callable[[LineFacts], bool], *on_file: str) -> Category:
    """What the buyer gave the right up for, in so many words: it applies with all of that on file."""

    def applies(line: LineFacts, _unsent: bool) -> bool:
        return concerns(line) and all(getattr(line, fact) for fact in on_file)

    return Category(name, applies, on_file=on_file, concerns=concerns)


def _digital(line: LineFacts) -> bool:
    return line.kind is Kind.DIGITAL


def _performed(line: LineFacts) -> bool:
    return "performed_service" in line.traits


CATEGORIES: Mapping[str, Category] = {
    category.name: category
    for category in (
        *(_trait(name) for name in TRAITS if not name.endswith("_seal")),
        Category("broken_hygiene_seal", _broken("hygiene_seal"), "unsealed"),
        Category("broken_media_seal", _broken("media_seal"), "unsealed"),
        Category("used", _used, "used"),
        Category("digital", lambda line, unsent: _digital(line)),
        _agreed("digital_agreed", _digital, "consent", "acknowledged", "started"),
        _agreed("digital_begun", _digital, "consent", "acknowledged", "started", "confirmed"),
        _agreed("performed_agreed", _performed, "consent", "acknowledged"),
        Category("gift_card", lambda line, unsent: line.kind is Kind.GIFT_CARD),
    )
}

ONLY_FACTS = frozenset({"used"})
"""Categories that may hold for goods without any trait."""


def relevant(names: Iterable[str], line: LineFacts) -> Iterator[Category]:
    """The named categories that may hold for this line at all: for plain goods, hardly any."""
    plain = line.kind is Kind.GOODS and not line.traits
    return (CATEGORIES[name] for name in names if not plain or name in ONLY_FACTS)
