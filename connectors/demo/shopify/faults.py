"""Misbehaviour on demand: what networks and stores do on bad days.

A rule names whom it hits (operation or mutation name, or a pattern of the path) and what happens:
`hangup_before` (nothing is done), `hangup_after` (it is done, and nobody hears of it), `status_before` and
`status_after` (an error status instead of the answer), `delay` and `delay_after` (slow, before or after doing
it), `html`, `truncated`, `throttled`, `429`, `wrong_version`, `denied_after` (it is done, and a part of the
answer is withheld for lack of a scope).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

ACTIONS = frozenset(
    [
        "hangup_before",
        "hangup_after",
        "status_before",
        "status_after",
        "delay",
        "delay_after",
        "html",
        "truncated",
        "throttled",
        "429",
        "wrong_version",
        "denied_after",
    ]
)


@dataclass(slots=True, kw_only=True)
class Rule:
    action: str
    operation: str | None = None
    """Name of the operation, or of a field at its top (`refundCreate`)."""
    path: str | None = None
    """A regular expression, searched in the path."""
    times: int = 1
    """How often it strikes; negative: always."""
    skip: int = 0
    """How many hits are let through first."""
    status: int = 500
    seconds: float = 1.0
    hits: int = field(default=0)

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"no such action: {self.action}")


OPERATION = re.compile(r"\b(?:query|mutation)\s+(\w+)")
TOP_FIELD = re.compile(r"\{\s*(\w+)")


def names_in(query: str) -> set[str]:
    """The operation's name and its first field, as far as a glance shows them."""
    names = set(OPERATION.findall(query)[:1])
    start = query.find("mutation")
    names.update(TOP_FIELD.findall(query[max(start, 0) :])[:1])
    return names


class Faults:
    """The rules in force. Safe between threads."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._lock = threading.Lock()

    def add(self, **rule: Any) -> Rule:
        made = Rule(**rule)
        with self._lock:
            self._rules.append(made)
        return made

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def rules(self) -> list[Rule]:
        with self._lock:
            return list(self._rules)

    def strike(self, path: str, names: Iterable[str]) -> Rule | None:
        """The first rule that hits this request, with one of its times used up."""
        with self._lock:
            for rule in self._rules:
                if rule.times == 0 or not _matches(rule, path, names):
                    continue
                if rule.skip > 0:
                    rule.skip -= 1
                    continue
                rule.times -= 1 if rule.times > 0 else 0
                rule.hits += 1
                return rule
        return None


def _matches(rule: Rule, path: str, names: Iterable[str]) -> bool:
    if rule.operation is not None and rule.operation not in set(names):
        return False
    return rule.path is None or re.search(rule.path, path) is not None
