"""The policy version that is being written: kept with the account until it is saved or thrown away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from integration.account_settings import held
from integration.db.accounts import Account
from integration.eligibility import DEFAULT_POLICY, Policy, Rule
from integration.errors import BadInput, NotFound
from integration.policies import current_policy
from integration.work import Work

KEY = "policy_draft"


def in_force(work: Work) -> Policy:
    """The newest saved version, or the default one while nothing was saved."""
    row = current_policy(work)
    return msgspec.convert(row.document, Policy) if row is not None else DEFAULT_POLICY


def draft(work: Work) -> Policy | None:
    found = work.session.get_one(Account, work.account_id).settings.get(KEY)
    return msgspec.convert(found, Policy) if found else None


def keep(work: Work, rules: Sequence[Rule], name: str = "") -> Policy:
    """Keep these rules as the draft of the next version."""
    number = in_force(work).version + 1
    policy = read({"version": number, "rules": msgspec.to_builtins(tuple(rules)), "name": name})
    account = held(work)
    account.settings = {**account.settings, KEY: msgspec.to_builtins(policy)}
    return policy


def drop(work: Work) -> None:
    account = held(work)
    account.settings = {name: value for name, value in account.settings.items() if name != KEY}


def begun(work: Work) -> Policy:
    """The draft, begun from the version in force if there is none yet."""
    return draft(work) or keep(work, in_force(work).rules)


def put(work: Work, position: int | None, rule: Rule) -> None:
    """Put a rule in the place of another; None: before the last one, which fits everything."""
    rules = list(begun(work).rules)
    if position is None:
        rules.insert(len(rules) - 1, rule)
    else:
        rules[_within(rules, position)] = rule
    keep(work, rules)


def move(work: Work, position: int, by: int) -> None:
    """Up (-1) or down (+1) in priority."""
    rules = list(begun(work).rules)
    there = _within(rules, position) + by
    if 0 <= there < len(rules):
        rules[position], rules[there] = rules[there], rules[position]
        keep(work, rules)


def remove(work: Work, position: int) -> None:
    rules = list(begun(work).rules)
    del rules[_within(rules, position)]
    if not rules:
        raise BadInput("a policy has at least one rule", code="last_rule")
    keep(work, rules)


def changes(old: Policy, new: Policy) -> dict[int, str]:
    """Position in the new version → "new" or "changed"; a rule is known by its name."""
    before = {rule.name: rule for rule in old.rules}
    found = {}
    for position, rule in enumerate(new.rules):
        if rule.name not in before:
            found[position] = "new"
        elif before[rule.name] != rule:
            found[position] = "changed"
    return found


def read(document: Any) -> Policy:
    """A document as a policy. Raises :exc:`BadInput` that names the place of what is wrong."""
    try:
        return msgspec.convert(document, Policy)
    except (msgspec.ValidationError, ValueError) as error:
        raise BadInput(f"this policy cannot be read: {error}", code="policy_unreadable") from error


def _within(rules: Sequence[Rule], position: int) -> int:
    if not 0 <= position < len(rules):
        raise NotFound("no such rule")
    return position
