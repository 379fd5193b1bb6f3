"""The store's policy towards one line: open until when, or why not."""

from __future__ import annotations

from datetime import date

from integration.eligibility.calendar import plus_days
from integration.eligibility.categories import relevant
from integration.eligibility.facts import LineFacts
from integration.eligibility.policy import Bound, Rule
from integration.eligibility.timeline import LineDays
from integration.eligibility.verdict import Assessment, Ground, Missing, Standing


def policy(bound: Bound, line: LineFacts, days: LineDays, asked: date) -> Assessment:
    """Exclusions first, then what was not sent yet, then the period.

    A store that takes no returns may still let an order be cancelled before it is sent.
    """
    rule = bound.rule

    def ground(key: str, **params: object) -> Ground:
        name = f"policy {bound.version}" if bound.version else "policy"
        return Ground(name, key, params, rule.name or name)

    if not rule.returns and not (days.unsent and rule.cancel_unshipped):
        return Assessment(Standing.EXCEPTED, grounds=(ground("policy_none"),))
    if line.final_sale and not rule.final_sale_returns:
        return Assessment(Standing.EXCEPTED, grounds=(ground("policy_final_sale"),))
    excluded, missing = exclusion(rule, line, days)
    if excluded:
        return Assessment(Standing.EXCEPTED, grounds=(ground("policy_excluded", category=excluded),))
    if days.unsent and rule.cancel_unshipped:
        return Assessment(Standing.OPEN, grounds=(ground("policy_unshipped"),))
    if days.unsent and rule.start != "order":
        return Assessment(Standing.EXCEPTED, grounds=(ground("policy_not_before_delivery"),))
    if rule.days is None:
        standing = Standing.UNKNOWN if missing else Standing.OPEN
        return Assessment(standing, grounds=(ground("policy_no_last_day"),), missing=missing)

    until, estimated = last_day(rule, rule.days, line, days)
    extended = max(
        (entry.until for entry in rule.holidays if entry.first <= days.bought <= entry.last), default=None
    )
    params = {"days": rule.days, "start": rule.start}
    if extended and (until is None or extended >= until):
        known, until, estimated = until is not None, extended, False
        grounds = (ground("policy_holiday", until=until, **params),)
    else:
        known = until is not None
        grounds = (ground("policy_estimated" if estimated else "policy_window", until=until, **params),)
    if until is None:
        return Assessment(
            Standing.UNKNOWN,
            grounds=(ground("policy_start_unknown", **params),),
            missing=(*missing, Missing("delivered")),
        )
    if asked > until and not known:
        return Assessment(Standing.UNKNOWN, grounds=grounds, missing=(*missing, Missing("delivered")))
    if asked > until:
        return Assessment(Standing.EXPIRED, until, grounds, estimated=estimated)
    if missing:
        return Assessment(Standing.UNKNOWN, grounds=grounds, missing=missing)
    return Assessment(Standing.OPEN, until, grounds, estimated=estimated)


def exclusion(rule: Rule, line: LineFacts, days: LineDays) -> tuple[str, tuple[Missing, ...]]:
    """The category that excludes the line, and the facts that might show another one to."""
    missing: list[Missing] = []
    for category in relevant(rule.exclusions, line):
        applies = category.applies(line, days.unsent)
        if applies:
            return category.name, ()
        if applies is None:
            missing.append(Missing(category.missing))
    return "", tuple(missing)


def last_day(rule: Rule, length: int, line: LineFacts, days: LineDays) -> tuple[date | None, bool]:
    """The end of the period, and whether it rests on an estimated delivery.

    The newest of regular deliveries counts: the policy has no rule that says otherwise.
    Digital content and gift cards without a parcel are delivered when they are bought.
    """
    match rule.start:
        case "order":
            return plus_days(days.bought, length), False
        case "fulfilment" if days.shipped:
            return plus_days(days.shipped, length), False
        case "delivery" if arrival := days.latest if line.regular else days.last:
            return plus_days(arrival, length), False
        case "delivery" if days.shipped and rule.buffer is not None:
            arrival = plus_days(days.shipped, rule.buffer)
            return plus_days(max(arrival, days.latest or arrival), length), True
    if line.kind != "goods" and not line.delivered:
        return plus_days(days.bought, length), False
    return None, False
