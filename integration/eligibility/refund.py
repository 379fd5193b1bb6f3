"""The sum to pay back: whole minor units, parts that always add up to what was paid.

The law's terms where the law is in the basis, else the policy's. Where both are silent the
product rules D1 to D16 hold; they are named where they are applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import msgspec

from integration.eligibility import calendar
from integration.eligibility.facts import Kind, LineFacts, OrderFacts, Request, Tender
from integration.eligibility.law import LawRow, Refund
from integration.eligibility.policy import Bound
from integration.eligibility.timeline import Timeline
from integration.eligibility.verdict import Basis, Ground, Outcome, RefundSum
from integration.money import half_up, split

HUNDRED_PERCENT = 10_000


class Judged(msgspec.Struct, frozen=True):
    """One line with its verdict, before money."""

    line: LineFacts
    bound: Bound
    quantity: int
    outcome: Outcome
    basis: Basis
    items: int

    @property
    def paid_back(self) -> bool:
        return self.outcome is Outcome.ACCEPT


def nets(order: OrderFacts) -> dict[str, int]:
    """What each line cost after its share of an order discount (D9).

    Cancelled lines carry no share: they were not charged. A discount is never larger
    than the lines it is for.
    """
    charged = [line for line in order.lines if not line.cancelled]
    discount = min(order.order_discount, sum(line.net for line in charged))
    shares = split(discount, [line.net for line in charged])
    return {line.id: line.net - share for line, share in zip(charged, shares, strict=True)}


def line_items(line: LineFacts, net: int, quantity: int) -> int:
    """What goes back for `quantity` more pieces: cumulative, so the parts add up to the line (D2)."""
    if line.gift_of is not None:
        return 0  # D7
    whole = max(line.quantity, 1)
    before = half_up(net * min(line.returned, whole), whole) if line.refunded is None else line.refunded
    return max(0, half_up(net * min(line.returned + quantity, whole), whole) - before)


def refund(
    order: OrderFacts,
    request: Request,
    timeline: Timeline,
    judged: Sequence[Judged],
    row: LawRow | None,
) -> RefundSum:
    """Add up what the accepted lines bring back, and take off what may be taken off."""
    accepted = [entry for entry in judged if entry.paid_back and entry.quantity]
    if not accepted:
        return RefundSum(currency=order.currency, store_credit_total=0 if request.store_credit else None)
    terms = row.refund if row else None
    fault = request.reason.seller_at_fault
    by_law = [entry for entry in accepted if entry.basis.has_law]
    by_policy = [entry for entry in accepted if entry.basis is Basis.POLICY]
    items = sum(entry.items for entry in accepted)
    grounds: list[Ground] = []

    outbound = _outbound(order, timeline, judged, accepted, terms if by_law else None, fault, grounds)
    restock = 0 if fault else _restocking(order, by_policy, timeline)
    diminished = 0 if fault else _diminished(order, accepted)
    keep_item = _kept(order, accepted, timeline, items - restock)
    fee_allowed = not by_law or (terms is not None and terms.return_cost == "consumer")
    posted = any(
        not timeline.lines[entry.line.id].unsent for entry in accepted if entry.line.kind is Kind.GOODS
    )
    label = 0
    if request.uses_label and posted and fee_allowed and not fault and not keep_item:
        label = max(_label_fee(order, entry.bound) for entry in accepted)
    if by_law and terms and terms.no_fee_rule and any(_has_fee(entry.bound) for entry in by_law):
        grounds.append(_law_ground(row, order, terms.no_fee_rule, "money_no_fee"))
    if restock:
        grounds.append(Ground("D5", "money_restocking", {"amount": restock}))
    if label:
        grounds.append(Ground("D5", "money_label", {"amount": label}))
    if diminished:
        rule = terms.deduction_rule if terms and by_law else ""
        key, params = "money_diminished", {"amount": diminished}
        grounds.append(
            _law_ground(row, order, rule, key, **params) if rule else Ground("policy", key, params)
        )
    if keep_item:
        grounds.append(Ground("D11", "money_keep_item"))

    total = max(0, items + outbound - restock - label - diminished)
    total, tenders = _tenders(order.tenders, total)
    due, send_back_by = None, None
    if by_law and terms and row:
        goods_move = posted and not keep_item
        due = _due(order, timeline, terms, goods_move)
        key = "money_due" if isinstance(due, date) else "money_due_waits" if due is None else "money_no_term"
        grounds.append(_law_ground(row, order, terms.rule, key, due=due))
        if goods_move and terms.send_back_days is not None:
            send_back_by = _send_back_by(timeline, row, terms.send_back_days, order.country or "")
            grounds.append(
                _law_ground(row, order, terms.send_back_rule, "money_send_back", until=send_back_by)
            )
    bonus = max(entry.bound.rule.bonus for entry in accepted)
    return RefundSum(
        currency=order.currency,
        items=items,
        outbound=outbound,
        restock=restock,
        label=label,
        diminished=diminished,
        total=total,
        due=due,
        send_back_by=send_back_by,
        tenders=tenders,
        keep_item=keep_item,
        store_credit_total=total + half_up(total * bonus, HUNDRED_PERCENT) if request.store_credit else None,
        grounds=tuple(grounds),
    )


def _law_ground(row: LawRow | None, order: OrderFacts, rule: str, key: str, **params: object) -> Ground:
    assert row is not None
    assert order.country is not None
    citation = row.rule(rule, order.country)
    return Ground(rule, key, params, citation.source, citation.status)


def _outbound(
    order: OrderFacts,
    timeline: Timeline,
    judged: Sequence[Judged],
    accepted: Sequence[Judged],
    terms: Refund | None,
    fault: bool,
    grounds: list[Ground],
) -> int:
    """The delivery cost goes back with the return that completes the order (D3).

    In full when nothing was shipped (D4), when the seller is at fault, and where a policy
    grants it; up to the cheapest standard delivery where the law says so.
    """
    shipping = order.shipping
    left = max(0, shipping.paid - shipping.refunded)
    if not left or not _completes(order, judged, accepted):
        if left:
            grounds.append(Ground("D3", "money_delivery_later"))
        return 0
    if timeline.untouched:
        grounds.append(Ground("D4", "money_delivery_unshipped"))
        return left
    if fault:
        return left
    if terms is None:
        if any(entry.bound.rule.refund_outbound for entry in accepted):
            return left
        grounds.append(Ground("D5", "money_delivery_stays"))
        return 0
    cap = shipping.cheapest if terms.outbound == "cheapest_standard" else shipping.paid
    return max(0, cap - shipping.refunded)


def _completes(order: OrderFacts, judged: Sequence[Judged], accepted: Sequence[Judged]) -> bool:
    """Whether all priced goods are back with this return: not cancelled, digital or free-gift lines."""
    now: Mapping[str, int] = {entry.line.id: entry.quantity for entry in accepted}
    priced = [
        line
        for line in order.lines
        if line.kind is Kind.GOODS and line.net > 0 and not line.cancelled and line.gift_of is None
    ]
    return any(line.id in now for line in priced) and all(
        line.returned + now.get(line.id, 0) >= line.quantity for line in priced
    )


def _restocking(order: OrderFacts, by_policy: Iterable[Judged], timeline: Timeline) -> int:
    """Only on goods that were sent, and only where the policy alone gives the right (D5).

    Rounded once for all lines of the same terms; never more than the items themselves.
    """
    groups: dict[int, tuple[Bound, int]] = {}
    for entry in by_policy:
        if not timeline.lines[entry.line.id].unsent:
            _, before = groups.get(id(entry.bound.rule), (entry.bound, 0))
            groups[id(entry.bound.rule)] = entry.bound, before + entry.items
    return sum(
        min(
            items,
            half_up(items * bound.rule.restocking, HUNDRED_PERCENT)
            + bound.rule.restocking_fee.get(order.currency, 0),
        )
        for bound, items in groups.values()
    )


def _diminished(order: OrderFacts, accepted: Iterable[Judged]) -> int:
    """Loss in value by handling, up to the line's own worth.

    Nothing at all by law from a buyer who was not told of the right before buying; being
    told later does not repair that (2011/83 art. 14(2) with 6(1)(h)).
    """
    return sum(
        min(entry.line.diminished, entry.items)
        for entry in accepted
        if order.informed is True or not entry.basis.has_law
    )


def _has_fee(bound: Bound) -> bool:
    rule = bound.rule
    return bool(rule.restocking or rule.restocking_fee or rule.label_fee)


def _label_fee(order: OrderFacts, bound: Bound) -> int:
    """Once a return. D5 names it for policy-only returns; by law it needs a row that says the
    consumer bears the return cost: what a law does not clearly allow is not deducted."""
    return bound.rule.label_fee.get(order.currency, 0) if bound.rule.label == "fee" else 0


def _kept(order: OrderFacts, accepted: Sequence[Judged], timeline: Timeline, worth: int) -> bool:
    """Whether the goods stay: items minus restocking, against the lowest ceiling (D11)."""
    posted = [
        entry
        for entry in accepted
        if entry.line.kind is Kind.GOODS and not timeline.lines[entry.line.id].unsent
    ]
    ceilings = [entry.bound.rule.keep_max.get(order.currency) for entry in posted]
    known = [ceiling for ceiling in ceilings if ceiling is not None]
    return bool(known) and len(known) == len(ceilings) and 0 < worth <= min(known)


def _due(order: OrderFacts, timeline: Timeline, terms: Refund, goods_move: bool) -> date | str | None:
    """Latest day to pay. The seller's own duties never move to a later working day (D13)."""
    if terms.days is None:
        return NO_TERM
    zone, asked = order.zone, timeline.asked
    seen = [calendar.local_day(event, zone) for event in (order.received, order.proof) if event is not None]
    back = min(seen, default=None)
    if terms.working_days:
        return calendar.plus_working_days(asked, terms.days, order.country or "")
    if terms.from_ == "goods_or_proof" and goods_move:
        return None if back is None else calendar.plus_days(back, terms.days)
    due = calendar.plus_days(asked, terms.days)
    if terms.may_hold and goods_move and back is not None:
        return max(due, back)
    return due


def _send_back_by(timeline: Timeline, row: LawRow, days: int, country: str) -> date:
    """The buyer's own act: it moves to a working day where the law moves periods."""
    last = calendar.plus_days(timeline.asked, days)
    moves = row.withdrawal is not None and row.withdrawal.roll_rule
    return calendar.roll(last, country) if moves else last


NO_TERM = "no fixed term in the sources"


def _tenders(tenders: Sequence[Tender], total: int) -> tuple[int, tuple[tuple[str, int], ...]]:
    """The refund by what each tender was charged, largest remainder (D10).

    No tender gets back more than it still holds; what it cannot take goes to the others.
    More than was ever paid never goes back.
    """
    if not tenders:
        return total, ()
    room = [max(0, tender.charged - tender.refunded) for tender in tenders]
    total = min(total, sum(room))
    shares = [0] * len(tenders)
    left = total
    while left:
        weights = [tender.charged if room[i] > shares[i] else 0 for i, tender in enumerate(tenders)]
        parts = split(left, weights)
        shares = [
            min(room[i], share + part) for i, (share, part) in enumerate(zip(shares, parts, strict=True))
        ]
        left = total - sum(shares)
    return total, tuple((tender.name, share) for tender, share in zip(tenders, shares, strict=True))
