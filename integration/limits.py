"""The merchant's own choices about money: who may pay back how much, and what then happens.

Kept in `Account.settings`, beside what other parts keep there. Sums are minor units by currency;
no row, no limit of its own: then the defaults below apply, scaled roughly to the currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from integration import audit
from integration.account_settings import held
from integration.db.accounts import Account, Role
from integration.errors import BadInput
from integration.money import digits
from integration.work import Work

Sums = dict[str, int]
"""Currency → minor units."""


class Ceiling(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far one may go without a second person, in minor units of one currency. None: no limit."""

    action: int | None = None
    day: int | None = None
    order: int | None = None


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What the merchant has set. Every field has a default that is safe to start with."""

    offline: Literal["refuse", "queue"] = "refuse"
    """When the store cannot be reached before a refund: refuse it, or keep it until the store answers."""
    ceilings: dict[Role, dict[str, Ceiling]] = {}
    approval_above: Sums = {}
    """Above this a second person decides, whoever asks."""
    step_up_above: Sums = {}
    """Above this a fresh passkey or code is asked for, whoever asks."""
    exception_budget: Sums = {}
    """What may be paid back beyond the verdict in a calendar month without a second person."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for one person in one currency, in minor units. None: no limit."""

    action: int | None
    day: int | None
    order: int | None
    approval_above: int | None
    step_up_above: int | None
    exception_budget: int


DEFAULT_CEILINGS: Mapping[Role, tuple[int | None, int | None, int | None]] = {
    Role.AGENT: (500, 2000, 500),
    Role.LEAD: (2000, 10000, 2000),
    Role.ADMIN: (None, None, None),
}
"""Action, day and order in whole euros."""
DEFAULT_BUDGET = 500
"""Whole euros a month."""

ROUGHLY = {
    "BHD": 0.4,
    "KWD": 0.3,
    "OMR": 0.4,
    "JOD": 0.7,
    "TND": 3,
    "AED": 4,
    "SAR": 4,
    "QAR": 4,
    "ILS": 4,
    "PLN": 4,
    "RON": 5,
    "BRL": 6,
    "CNY": 8,
    "DKK": 7.5,
    "SEK": 11,
    "NOK": 11,
    "HKD": 9,
    "MXN": 20,
    "ZAR": 20,
    "CZK": 25,
    "TRY": 45,
    "EGP": 50,
    "THB": 40,
    "INR": 95,
    "JPY": 160,
    "HUF": 400,
    "KRW": 1500,
    "IDR": 17000,
    "VND": 27000,
}
"""Units that are about worth a euro. Only scales the defaults; a currency not here counts as a euro."""

_KEY = "money"


def read(settings: Mapping[str, Any]) -> Choices:
    """The choices in an account's settings. Settings that cannot be read are an error, never no limit."""
    return msgspec.convert(settings.get(_KEY, {}), Choices, strict=True)


def limits_for(
    account_settings: Mapping[str, Any], role: Role, agent_limits: Mapping[str, Any], currency: str
) -> Limits:
    """What holds for a person: their own limits, else those of the role, else the defaults."""
    choices = read(account_settings)
    own = agent_limits.get(currency)
    if own is not None:
        ceiling = msgspec.convert(own, Ceiling)
    else:
        ceiling = choices.ceilings.get(role, {}).get(currency) or default_ceiling(role, currency)
    return Limits(
        action=ceiling.action,
        day=ceiling.day,
        order=ceiling.order,
        approval_above=choices.approval_above.get(currency),
        step_up_above=choices.step_up_above.get(currency),
        exception_budget=choices.exception_budget.get(currency, scaled(DEFAULT_BUDGET, currency) or 0),
    )


def default_ceiling(role: Role, currency: str) -> Ceiling:
    action, day, order = (scaled(euros, currency) for euros in DEFAULT_CEILINGS[role])
    return Ceiling(action=action, day=day, order=order)


def scaled(euros: int | None, currency: str) -> int | None:
    """Whole euros as minor units of about the same worth."""
    if euros is None:
        return None
    return round(euros * ROUGHLY.get(currency, 1)) * int(10 ** digits(currency))


def load(work: Work) -> Choices:
    """The choices of the account at hand."""
    return read(work.session.get_one(Account, work.account_id).settings)


def save(work: Work, choices: Choices, *, by: str) -> None:
    """Keep them, with what they were before in the audit log. Other settings of the account stay."""
    for sums in (choices.approval_above, choices.step_up_above, choices.exception_budget):
        _check(sums)
    for ceilings in choices.ceilings.values():
        for currency, ceiling in ceilings.items():
            _check({currency: max(ceiling.action or 0, ceiling.day or 0, ceiling.order or 0)})
            _check({currency: min(ceiling.action or 0, ceiling.day or 0, ceiling.order or 0)})
    account = held(work)
    before = account.settings.get(_KEY, {})
    after = msgspec.to_builtins(choices)
    account.settings = {**account.settings, _KEY: after}
    audit.record(work, "limits.changed", actor=by, proof="session", detail={"before": before, "after": after})


def _check(sums: Sums) -> None:
    for currency, minor in sums.items():
        if not (len(currency) == 3 and currency.isascii() and currency.isupper()):
            raise BadInput("a currency has three letters", code="bad_currency")
        if not 0 <= minor <= 10**15:
            raise BadInput("a limit is not below zero", code="bad_limit")
