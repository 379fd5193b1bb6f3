"""The sum to pay back: whole minor units, parts that always add up to what was paid.

The law's terms where the law is in the basis, else the policy's. Where both are silent the
product rules D1 to D16 hold; they are named where they are applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

import msgspec

from integration.eligibility import paydates, tenders
from integration.eligibility.facts import Kind, LineFacts, OrderFacts, Request
from integration.eligibility.law import LawRow, Refund
from integration.eligibility.policy import Bound, Rule
from integration.eligibility.timeline import Timeline
from integration.eligibility.verdict import Basis, Ground, RefundSum, Status
from integration.money import half_up, split

HUNDRED_PERCENT = 10_000


class Judged(msgspec.Struct, frozen=True):
    """One line with its verdict, before money."""

    line: LineFacts
    bound: Bound
    quantity: int
    basis: Basis
    items: int
    payable: bool
    """Accepted, and by a right that brings money rather than a repair."""
    unsent: bool
    law_unknown: bool = False
    """Whether the law gives the right too is an open question."""

    @property
    def posted(self) -> bool:
        """Goods that have to travel back."""
        return self.line.kind is Kind.GOODS and not self.unsent


class Reckoning(msgspec.Struct, frozen=True):
    """What every part of the sum looks at."""

    order: OrderFacts
    request: Request
    timeline: Timeline
    row: LawRow | None
    paid: tuple[Judged, ...]
    """The lines for which money goes back."""
    by_law: bool
    terms: Refund | None
    """The law's terms, where the law is in the basis."""
    fault: bool
    """Of the seller, by the reason."""
    posted: bool
    """Some goods have to travel back."""

    @classmethod
    def of(
        cls,
        order: OrderFacts,
        request: Request,
        timeline: Timeline,
        judged: Iterable[Judged],
        row: LawRow | None,
    ) -> Reckoning | None:
        """None where no line brings money back."""
        paid = tuple(entry for entry in judged if entry.payable and entry.quantity)
        if not paid:
            return None
        by_law = any(entry.basis.has_law for entry in paid)
        return cls(
            order,
            request,
            timeline,
            row,
            paid,
            by_law=by_law,
            terms=row.refund if row and by_law else None,
            fault=request.reason.seller_at_fault,
            posted=any(entry.posted for entry in paid),
        )

    def law_ground(self, rule: str, key: str, **params: object) -> Ground:
        assert self.row is not None
        assert self.order.country is not None
        citation = self.row.rule(rule, self.order.country)
        return Ground(rule, key, params, citation.source, citation.status)


def nets(order: OrderFacts) -> dict[str, int]:
    """What each line cost after its share of an order discount (D9).

    Cancelled lines carry no share: they were not charged. A discount is never larger
    than the lines it is for.
    """
    charged = [line for line in order.lines if not line.cancelled]
    discount = max(0, min(order.order_discount, sum(line.net for line in charged)))
    shares = split(discount, [line.net for line in charged])
    return {line.id: line.net - share for line, share in zip(charged, shares, strict=True)}


def line_items(line: LineFacts, net: int, quantity: int) -> int:
    """What goes back for `quantity` more pieces: cumulative, so the parts add up to the line (D2)."""
    if line.gift_of is not None:
        return 0  # D7
    whole, returned = max(line.quantity, 1), max(0, line.returned)
    before = half_up(net * min(returned, whole), whole) if line.refunded is None else line.refunded
    return max(0, half_up(net * min(returned + quantity, whole), whole) - max(0, before))


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a sum and what they come to, before anybody asks why."""

    items: int
    outbound: int
    restock: int
    label: int
    diminished: int
    keep_item: bool
    delivery_grounds: tuple[Ground, ...]

    @property
    def total(self) -> int:
        return max(0, self.items + self.outbound - self.restock - self.label - self.diminished)


def refund(
    order: OrderFacts,
    request: Request,
    timeline: Timeline,
    judged: Iterable[Judged],
    row: LawRow | None,
) -> RefundSum:
    """Add up what the accepted lines bring back, and take off what may be taken off."""
    reckoning = Reckoning.of(order, request, timeline, judged, row)
    if reckoning is None:
        return RefundSum(currency=order.currency, store_credit_total=0 if request.store_credit else None)
    sums = _sums(reckoning)
    total, shares = tenders.share_out(order.tenders, sums.total)
    due, send_back_by, date_grounds = _dates(reckoning, sums.keep_item)
    bonus = max(entry.bound.rule.bonus for entry in reckoning.paid)
    return RefundSum(
        currency=order.currency,
        items=sums.items,
        outbound=sums.outbound,
        restock=sums.restock,
        label=sums.label,
        diminished=sums.diminished,
        total=total,
        due=due,
        send_back_by=send_back_by,
        tenders=shares,
        keep_item=sums.keep_item,
        store_credit_total=total + half_up(total * bonus, HUNDRED_PERCENT) if request.store_credit else None,
        grounds=(
            *sums.delivery_grounds,
            *_fee_grounds(reckoning, sums.restock, sums.label, sums.diminished),
            *((Ground("D11", "money_keep_item"),) if sums.keep_item else ()),
            *date_grounds,
        ),
    )


def total_only(
    order: OrderFacts,
    request: Request,
    timeline: Timeline,
    judged: Iterable[Judged],
    row: LawRow | None,
) -> int:
    """The total of `refund`, without its reasons and dates."""
    reckoning = Reckoning.of(order, request, timeline, judged, row)
    if reckoning is None:
        return 0
    total = _sums(reckoning).total
    return min(total, tenders.room(order.tenders)) if order.tenders else total


def _sums(reckoning: Reckoning) -> Sums:
    items = sum(entry.items for entry in reckoning.paid)
    outbound, grounds = _outbound(reckoning)
    restock = _restocking(reckoning)
    keep_item = _kept(reckoning, items - restock)
    return Sums(
        items=items,
        outbound=outbound,
        restock=restock,
        label=0 if keep_item else _label(reckoning),
        diminished=_diminished(reckoning),
        keep_item=keep_item,
        delivery_grounds=grounds,
    )


def _outbound(reckoning: Reckoning) -> tuple[int, tuple[Ground, ...]]:
    """The delivery cost goes back with the return that completes the order (D3).

    In full when nothing was shipped (D4), when the seller is at fault, and where a policy
    grants it; up to the cheapest standard delivery where the law says so.
    """
    shipping, terms = reckoning.order.shipping, reckoning.terms
    left = max(0, shipping.paid - shipping.refunded)
    if not left:
        return 0, ()
    if not _completes(reckoning):
        return 0, (Ground("D3", "money_delivery_later"),)
    if reckoning.timeline.untouched:
        return left, (Ground("D4", "money_delivery_unshipped"),)
    if reckoning.fault:
        return left, ()
    if terms is None:
        if any(entry.bound.rule.refund_outbound for entry in reckoning.paid):
            return left, ()
        return 0, (Ground("D5", "money_delivery_stays"),)
    if terms.outbound == "cheapest_standard" and shipping.cheapest < shipping.paid:
        ground = reckoning.law_ground(terms.outbound_rule, "money_delivery_cheapest")
        return max(0, shipping.cheapest - shipping.refunded), (ground,)
    return left, ()


def _completes(reckoning: Reckoning) -> bool:
    """Whether all priced goods are back with this return: not cancelled, digital or free-gift lines."""
    now = {entry.line.id: entry.quantity for entry in reckoning.paid}
    priced = [
        line
        for line in reckoning.order.lines
        if line.kind is Kind.GOODS and line.net > 0 and not line.cancelled and line.gift_of is None
    ]
    return any(line.id in now for line in priced) and all(
        line.returned + now.get(line.id, 0) >= line.quantity for line in priced
    )


def _restocking(reckoning: Reckoning) -> int:
    """Only on goods that were sent, and only where the policy alone gives the right (D5).

    Rounded once for all lines of the same terms; never more than the items themselves.
    """
    if reckoning.fault:
        return 0
    groups: dict[int, tuple[Rule, int]] = {}
    for entry in reckoning.paid:
        if entry.basis is Basis.POLICY and not entry.unsent:
            rule = entry.bound.rule
            _, before = groups.get(id(rule), (rule, 0))
            groups[id(rule)] = rule, before + entry.items
    currency = reckoning.order.currency
    return sum(
        min(
            items,
            half_up(items * rule.restocking, HUNDRED_PERCENT) + rule.restocking_fee.get(currency, 0),
        )
        for rule, items in groups.values()
    )


def _label(reckoning: Reckoning) -> int:
    """The store's own label, once a return.

    D5 names the fee for policy-only returns; by law it needs a row that says the consumer
    bears the return cost: what a law does not clearly allow is not deducted.
    """
    terms = reckoning.terms
    allowed = not reckoning.by_law or (terms is not None and terms.return_cost == "consumer")
    if not (allowed and reckoning.request.uses_label and reckoning.posted) or reckoning.fault:
        return 0
    rules = [entry.bound.rule for entry in reckoning.paid]
    return max(
        rule.label_fee.get(reckoning.order.currency, 0) if rule.label == "fee" else 0 for rule in rules
    )


def _diminished(reckoning: Reckoning) -> int:
    """Loss in value by handling, up to the line's own worth.

    By law only where the row allows it, and nothing at all from a buyer who was not told of
    the right before buying; being told later does not repair that (2011/83 art. 14(2) with 6(1)(h)).
    """
    if reckoning.fault:
        return 0
    terms = reckoning.terms
    by_law = reckoning.order.informed is True and terms is not None and bool(terms.deduction_rule)
    return sum(
        max(0, min(entry.line.diminished, entry.items))
        for entry in reckoning.paid
        if by_law or not entry.basis.has_law
    )


def _kept(reckoning: Reckoning, worth: int) -> bool:
    """Whether the goods stay: items minus restocking, against the lowest ceiling (D11)."""
    currency = reckoning.order.currency
    ceilings = [entry.bound.rule.keep_max.get(currency) for entry in reckoning.paid if entry.posted]
    known = [ceiling for ceiling in ceilings if ceiling is not None]
    return bool(known) and len(known) == len(ceilings) and 0 < worth <= min(known)


def _fee_grounds(reckoning: Reckoning, restock: int, label: int, diminished: int) -> Iterator[Ground]:
    terms = reckoning.terms
    if terms and terms.no_fee_rule and any(_has_fee(entry.bound.rule) for entry in reckoning.paid):
        yield reckoning.law_ground(terms.no_fee_rule, "money_no_fee")
    if restock:
        yield Ground("D5", "money_restocking", {"amount": restock})
    if label:
        yield Ground("D5", "money_label", {"amount": label})
    if (restock or label) and any(entry.law_unknown for entry in reckoning.paid):
        yield _fee_unsure(reckoning)
    if diminished and terms and terms.deduction_rule:
        yield reckoning.law_ground(terms.deduction_rule, "money_diminished", amount=diminished)
    elif diminished:
        yield Ground("policy", "money_diminished", {"amount": diminished})


def _fee_unsure(reckoning: Reckoning) -> Ground:
    """A fee that the law forbids is not taken because nobody asked whether the law applies."""
    row = reckoning.row
    if row is not None and row.refund is not None and row.refund.no_fee_rule:
        return reckoning.law_ground(row.refund.no_fee_rule, "money_fee_unsure")
    return Ground("law", "money_fee_unsure", {}, "", Status.UNCHECKED)


def _has_fee(rule: Rule) -> bool:
    return bool(rule.restocking or rule.restocking_fee or rule.label_fee)


def _dates(
    reckoning: Reckoning, keep_item: bool
) -> tuple[date | str | None, date | None, tuple[Ground, ...]]:
    """When the seller must pay and the buyer must send, as far as the law says."""
    row, terms = reckoning.row, reckoning.terms
    if row is None or terms is None:
        return None, None, ()
    order = reckoning.order
    asked = min(
        reckoning.timeline.lines[entry.line.id].asked for entry in reckoning.paid if entry.basis.has_law
    )
    goods_move = reckoning.posted and not keep_item
    due = paydates.due(order, asked, terms, goods_move)
    key = "money_due" if isinstance(due, date) else "money_due_waits" if due is None else "money_no_term"
    ground = reckoning.law_ground(terms.rule, key, due=due)
    if not goods_move or terms.send_back_days is None:
        return due, None, (ground,)
    send_by = paydates.send_back_by(asked, row, terms.send_back_days, order.country or "")
    return (
        due,
        send_by,
        (ground, reckoning.law_ground(terms.send_back_rule, "money_send_back", until=send_by)),
    )
