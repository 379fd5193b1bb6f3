"""The law towards one line: withdrawal, late shipment, conformity. Rows in, assessments out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import msgspec

from integration.eligibility import calendar
from integration.eligibility.categories import relevant
from integration.eligibility.facts import Buyer, Kind, LineFacts, OrderFacts
from integration.eligibility.law import LawRow, Withdrawal
from integration.eligibility.timeline import LineDays
from integration.eligibility.verdict import (
    OPEN_ENDED,
    Assessment,
    Ground,
    Missing,
    Standing,
    Status,
)

UNCHECKED = Assessment(
    Standing.UNKNOWN,
    grounds=(Ground("law", "law_unchecked", {}, "", Status.UNCHECKED),),
    missing=(Missing("law"),),
)
"""Towards lines that go to a country without a row."""
NOWHERE = Assessment(
    Standing.UNKNOWN,
    grounds=(Ground("law", "law_no_country", {}, "", Status.UNCHECKED),),
    missing=(Missing("country"),),
)
"""Towards lines of which nobody knows where they go."""


class Claim(msgspec.Struct, frozen=True):
    """One line before one country's law."""

    order: OrderFacts
    line: LineFacts
    days: LineDays
    row: LawRow
    country: str

    @property
    def silence(self) -> str:
        """Why our data says nothing of faults here: of no buyer, or of none but consumers."""
        return "fault_unchecked" if self.row.conformity is None else "fault_consumers_only"

    def ground(self, rule: str, key: str, **params: object) -> Ground:
        citation = self.row.rule(rule, self.country)
        return Ground(rule, key, params, citation.source, citation.status)


def withdrawal(claim: Claim) -> Assessment:
    """The right to return without a reason, or to cancel what was not shipped in time."""
    scope = _out_of_scope(claim)
    if scope is None:
        return _within(claim)
    if scope.standing is not Standing.UNKNOWN:
        return scope
    inside = _within(claim)
    if inside.standing in (Standing.OPEN, Standing.UNKNOWN):
        return Assessment(
            Standing.UNKNOWN, None, (*scope.grounds, *inside.grounds), (*scope.missing, *inside.missing)
        )
    return inside  # whether the law binds this seller or not, it gives nothing


def _within(claim: Claim) -> Assessment:
    """The right, for a seller and a buyer whom the law binds."""
    row, right = claim.row, claim.row.withdrawal
    late = _late_shipment(claim)
    if late is not None and late.standing is Standing.OPEN:
        return late
    if right is None:
        note = Ground(row.id, "law_no_right", {}, row.citation(claim.country), row.checked(claim.country))
        return Assessment(Standing.NONE, grounds=(note,))
    missing: list[Missing] = []
    grounds: list[Ground] = []
    rules = right.exceptions
    for category in relevant(rules, claim.line):
        applies = category.applies(claim.line, claim.days.unsent)
        if applies:
            ground = claim.ground(rules[category.name], "law_excepted", category=category.name)
            return Assessment(Standing.EXCEPTED, grounds=(ground, *(late.grounds if late else ())))
        if applies is None:
            missing.append(Missing(category.missing))
            grounds.append(claim.ground(rules[category.name], "law_exception_open", category=category.name))
    period = _period(claim, right)
    if missing and period.standing is not Standing.EXPIRED:
        return Assessment(Standing.UNKNOWN, None, (*grounds, *period.grounds), tuple(missing))
    if period.standing is Standing.OPEN and (unfiled := _not_on_file(claim, rules)):
        return msgspec.structs.replace(period, missing=(*period.missing, *unfiled))
    return period


def _not_on_file(claim: Claim, rules: Mapping[str, str]) -> tuple[Missing, ...]:
    """What would end an open right if the seller had it on file. Not known is not on file: nothing waits."""
    names = [name for category in relevant(rules, claim.line) for name in category.not_on_file(claim.line)]
    return tuple(Missing(name, decides=False) for name in dict.fromkeys(names))


def _out_of_scope(claim: Claim) -> Assessment | None:
    """Why the law does not bind this seller towards this buyer, if so."""
    row = claim.row
    if row.consumer_only and claim.order.buyer is Buyer.BUSINESS:
        return Assessment(Standing.NONE, grounds=(claim.ground(row.scope_rule, "law_consumers_only"),))
    if row.store_fact:
        bound = claim.order.store_facts.get(row.store_fact)
        ground = claim.ground(row.store_fact_rule, f"law_{row.store_fact}")
        if bound is None:
            return Assessment(Standing.UNKNOWN, None, (ground,), (Missing(row.store_fact),))
        if not bound:
            return Assessment(Standing.NONE, grounds=(ground,))
    return None


def _late_shipment(claim: Claim) -> Assessment | None:
    """Goods that were not shipped when promised, unless the customer agreed to wait."""
    late, order = claim.row.late_shipment, claim.order
    if late is None or not claim.days.unsent or order.delay_consent:
        return None
    if order.promised is not None:
        last = calendar.local_day(order.promised, order.zone)
    elif late.default_days is not None:
        last = calendar.plus_days(claim.days.bought, late.default_days)
    else:
        return None
    last = calendar.plus_days(last, late.grace_days)
    if claim.days.asked <= last:
        return None
    if late.after_more_time:
        note = claim.ground(late.rule, "law_late_more_time", promised=last)
        return Assessment(Standing.UNKNOWN, None, (note,))
    return Assessment(
        Standing.OPEN, OPEN_ENDED, (claim.ground(late.rule, "law_late_shipment", promised=last),)
    )


def _period(claim: Claim, right: Withdrawal) -> Assessment:
    """Start event, days, information, weekend: in this order."""
    days, asked = claim.days, claim.days.asked
    start, grounds = _start(claim, right)
    if start is None:
        first = claim.ground(right.rule, "law_days", days=right.days)
        if days.unsent:
            return Assessment(
                Standing.OPEN,
                OPEN_ENDED,
                (first, claim.ground(right.before_delivery_rule, "law_before_delivery")),
            )
        note = claim.ground(right.rule, "law_waits_for_others" if days.last else "law_not_started")
        missing = () if days.last else (Missing("delivered", decides=False),)
        return Assessment(Standing.OPEN, OPEN_ENDED, (first, *grounds, note), missing)
    end = calendar.plus_days(start, right.days)
    grounds = (claim.ground(right.rule, "law_window", days=right.days, start=start, until=end), *grounds)
    end, more = _information(claim, right, end)
    grounds += more
    if right.roll_rule and (rolled := calendar.roll(end, claim.country)) != end:
        grounds = (*grounds, claim.ground(right.roll_rule, "law_rolled", end=end, until=rolled))
        end = rolled
    return Assessment(Standing.OPEN if asked <= end else Standing.EXPIRED, end, grounds)


def _start(claim: Claim, right: Withdrawal) -> tuple[date | None, tuple[Ground, ...]]:
    """The day that is not counted, and why this one; None while it has not provably come.

    Judgement calls: a piece received in an exchange has its own period (product rule D6)
    and leaves the others' alone; a line added by an edit of the order belongs to the order;
    digital content and gift cards without a parcel count from the contract in every country.
    """
    line, days = claim.line, claim.days
    if line.kind is not Kind.GOODS and not line.delivered:
        rule = right.contract_rule or right.rule
        return days.bought, (claim.ground(rule, "law_from_contract", start=days.bought),)
    if days.exchanged is not None:
        start = max(days.exchanged, days.last or days.exchanged)
        return start, (Ground("D6", "law_from_exchange", {"start": start}),)
    if line.regular and right.regular_rule:
        return days.first, (claim.ground(right.regular_rule, "law_from_first_good"),)
    if line.kind is Kind.GOODS and right.per == "order" and not line.regular and days.order_last != days.last:
        return days.order_last, (claim.ground(right.per_rule, "law_from_last_good"),)
    if len(line.delivered) > 1 and days.first != days.last and right.pieces_rule:
        return days.last, (claim.ground(right.pieces_rule, "law_from_last_piece"),)
    return days.last, ()


def _information(claim: Claim, right: Withdrawal, end: date) -> tuple[date, tuple[Ground, ...]]:
    """The end of the period for a buyer who was told of the right too late, or never."""
    informed, rules = claim.order.informed, right.not_informed
    if informed is True or rules is None:
        return end, ()
    longest = calendar.plus_months(end, rules.months)
    if informed is not False:
        told = calendar.local_day(informed, claim.order.zone)
        if told <= longest:
            end = max(end, calendar.plus_days(told, rules.late_days))
            return end, (
                claim.ground(
                    rules.late_rule, "law_informed_late", days=rules.late_days, told=told, until=end
                ),
            )
    return longest, (claim.ground(rules.rule, "law_not_informed", months=rules.months, until=longest),)


def conformity(claim: Claim) -> Assessment | None:
    """The claim for goods that are not what was sold; None where our data says nothing of it.

    Counted from the line's own delivery, and not moved by weekends: it is the time in which
    a defect must show, not a day on which something must be done.
    """
    rules, line, days, asked = claim.row.conformity, claim.line, claim.days, claim.days.asked
    if rules is None or (rules.consumer_only and claim.order.buyer is Buyer.BUSINESS):
        return None
    if rules.months is None:
        return Assessment(Standing.OPEN, None, (claim.ground(rules.rule, "fault_no_term"),), refund_now=False)
    grounds = (claim.ground(rules.order_rule, "fault_repair_first"),)
    start = days.bought if line.kind is not Kind.GOODS and not line.delivered else days.last
    if days.exchanged is not None:
        start = max(days.exchanged, start or days.exchanged)
    if start is None:
        ground = claim.ground(rules.rule, "fault_not_started", months=rules.months)
        return Assessment(Standing.OPEN, OPEN_ENDED, (ground, *grounds), refund_now=False)
    until = calendar.plus_months(start, rules.months)
    first = claim.ground(rules.rule, "fault_window", months=rules.months, start=start, until=until)
    if asked > until:
        return Assessment(Standing.EXPIRED, until, (first,))
    presumed = calendar.plus_months(start, rules.presumed_months)
    key = "fault_presumed" if asked <= presumed else "fault_to_prove"
    burden = claim.ground(rules.presumed_rule, key, until=presumed)
    reject = calendar.plus_days(start, rules.reject_days) if rules.reject_days else None
    if reject is not None and asked <= reject:
        early = claim.ground(rules.reject_rule, "fault_reject", until=reject)
        return Assessment(Standing.OPEN, until, (first, burden, early), refund_now=True)
    return Assessment(Standing.OPEN, until, (first, burden, *grounds), refund_now=False)
