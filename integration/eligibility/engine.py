"""Facts, policy, law and a notice in; verdicts and money out. Pure: no clock, database or network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

import msgspec

from integration.eligibility import rights, windows
from integration.eligibility.facts import LineFacts, OrderFacts, Request, Route
from integration.eligibility.law import LawRow, row_for
from integration.eligibility.policy import Bound
from integration.eligibility.refund import Judged, line_items, nets, refund
from integration.eligibility.timeline import Timeline
from integration.eligibility.verdict import (
    Assessment,
    Basis,
    Ground,
    LawNote,
    LineVerdict,
    Missing,
    Outcome,
    Standing,
    Status,
    Verdicts,
)

Binding = Callable[[OrderFacts, LineFacts], Bound]
"""Which terms bind a line: usually `PolicyBook.bound`."""

NOTHING_LEFT = Ground("D14", "nothing_left")
FAULT_OR_MONEY = Ground("reason", "fault_or_money")
GONE = Assessment(Standing.NONE)
"""The policy towards a cancelled line."""


class Hearing(msgspec.Struct, frozen=True, dict=True):
    """One request with everything in it that no policy can change."""

    order: OrderFacts
    request: Request
    row: LawRow | None
    timeline: Timeline
    lines: tuple[LineFacts, ...]
    """The lines asked for."""

    @cached_property
    def nets(self) -> Mapping[str, int]:
        """What each line cost."""
        return nets(self.order)


class Ruling(msgspec.Struct, frozen=True):
    """What is decided of one line. A verdict says also why, and what comes of it."""

    line: LineFacts
    asked: int
    quantity: int
    """Pieces that are judged: never more than are left."""
    law: Assessment
    policy: Assessment
    outcome: Outcome
    basis: Basis
    notes: tuple[Ground, ...]
    """Why it is another outcome than that of the open rights."""


def hear(order: OrderFacts, request: Request) -> Hearing:
    lines = tuple(line for line in order.lines if _concerned(line, request))
    return Hearing(order, request, row_for(order.country), Timeline.of(order, request), lines)


def judge(order: OrderFacts, request: Request, binding: Binding) -> Verdicts:
    """Judge every line that `request` names, and what goes back for all of them together.

    A free gift whose line comes back is judged too, named or not.
    """
    hearing = hear(order, request)
    bounds = [binding(order, line) for line in hearing.lines]
    lines = tuple(
        judge_line(hearing, line, law_towards(hearing, line), bound)
        for line, bound in zip(hearing.lines, bounds, strict=True)
    )
    judged = [_weighed(line, bound) for line, bound in zip(lines, bounds, strict=True)]
    return Verdicts(
        country=order.country,
        notice=request.notice,
        law=law_note(hearing.row, order.country),
        lines=lines,
        refund=refund(order, request, hearing.timeline, judged, hearing.row),
    )


def rule(order: OrderFacts, request: Request, binding: Binding) -> tuple[Ruling, ...]:
    """What `judge` would decide of the same lines, in less than half of its time: no sum and no reasoning.

    Neither the order's money nor that of its lines is looked at. A line like the one before it, as most are
    that were bought together, is decided like it.
    """
    hearing = hear(order, request)
    rulings: list[Ruling] = []
    before: tuple[object, ...] = ()
    for line in hearing.lines:
        bound = binding(order, line)
        alike = _alike(hearing, line, bound)
        if rulings and alike == before:
            rulings.append(msgspec.structs.replace(rulings[-1], line=line))
        else:
            rulings.append(rule_line(hearing, line, law_towards(hearing, line), bound))
        before = alike
    return tuple(rulings)


def _alike(hearing: Hearing, line: LineFacts, bound: Bound) -> tuple[object, ...]:
    """Equal for two lines of a request that are decided alike: they differ in name, price and goods only."""
    same = msgspec.structs.replace(line, id="", net=0, refunded=None, product_id="")
    request = hearing.request
    asked = asked_for(request, line), request.notices.get(line.id)
    return same, hearing.timeline.lines[line.id], id(bound.rule), bound.version, asked


def _weighed(verdict: LineVerdict, bound: Bound) -> Judged:
    """What the sum needs of one verdict."""
    return Judged(
        verdict.line,
        bound,
        verdict.quantity,
        verdict.basis,
        verdict.items,
        payable=verdict.payable,
        unsent=verdict.days.unsent,
        law_unknown=verdict.law.standing is Standing.UNKNOWN,
    )


def law_note(row: LawRow | None, country: str | None) -> LawNote:
    if row is None or country is None:
        return LawNote(id=None, citation="", status=Status.UNCHECKED)
    return LawNote(id=row.id, citation=row.citation(country), status=row.checked(country))


def asked_for(request: Request, line: LineFacts) -> int:
    """Pieces; nobody sends back less than none."""
    return max(0, request.quantities.get(line.id, 0))


def _concerned(line: LineFacts, request: Request) -> bool:
    return line.id in request.quantities or (
        line.gift_of is not None and bool(request.quantities.get(line.gift_of))
    )


def judge_line(
    hearing: Hearing, line: LineFacts, by_law: tuple[Assessment, bool], bound: Bound
) -> LineVerdict:
    """The verdict on one line of the hearing, by what `law_towards` says and the terms that bind it."""
    ruling = rule_line(hearing, line, by_law, bound)
    law, policy, outcome, basis = ruling.law, ruling.policy, ruling.outcome, ruling.basis
    asked, quantity, notes = ruling.asked, ruling.quantity, ruling.notes
    days = hearing.timeline.lines[line.id]
    if quantity < asked and quantity and not line.cancelled:
        notes += (Ground("D14", "quantity_capped", {"left": quantity, "refused": asked - quantity}),)
    if basis is Basis.CONFORMITY and _money_too(law, policy):
        notes += (FAULT_OR_MONEY,)
    claims = _claim_left(hearing, line) if outcome is Outcome.REFUSE and quantity else ()
    if quantity and line.id in hearing.request.notices:
        notes = (Ground("notice", "notice_on_file", {"notice": days.asked}), *notes)
    payable = outcome is Outcome.ACCEPT and (basis is not Basis.CONFORMITY or law.refund_now)
    return LineVerdict(
        line=line,
        days=days,
        quantity=quantity,
        refused_quantity=asked - quantity,
        outcome=outcome,
        basis=basis,
        law=law,
        policy=policy,
        policy_version=bound.version,
        grounds=(*notes, *law.grounds, *policy.grounds, *claims),
        missing=_missing(law, policy, outcome, basis),
        resolutions=_resolutions(bound, outcome, basis, law, policy),
        payable=payable,
        items=items_of(hearing, line, quantity) if payable else 0,
    )


def rule_line(hearing: Hearing, line: LineFacts, by_law: tuple[Assessment, bool], bound: Bound) -> Ruling:
    law, is_claim = by_law
    asked = asked_for(hearing.request, line)
    quantity = min(asked, line.left)
    days = hearing.timeline.lines[line.id]
    policy = GONE if line.cancelled else windows.policy(bound, line, days, days.asked)
    outcome, basis = decide(law, policy, is_claim)
    outcome, notes = _weigh(hearing, line, bound, outcome)
    if asked and not quantity and not line.cancelled:
        outcome, basis, notes = Outcome.REFUSE, Basis.NONE, (NOTHING_LEFT,)
    return Ruling(line, asked, quantity, law, policy, outcome, basis, notes)


def items_of(hearing: Hearing, line: LineFacts, quantity: int) -> int:
    """What `quantity` pieces of an accepted line bring back."""
    return line_items(line, hearing.nets.get(line.id, 0), quantity) if quantity else 0


def decide(law: Assessment, policy: Assessment, is_claim: bool = False) -> tuple[Outcome, Basis]:
    """Accept if law or policy is open; else review if one is unknown; else refuse."""
    by_law, by_policy = law.standing is Standing.OPEN, policy.standing is Standing.OPEN
    if by_law and is_claim:
        return Outcome.ACCEPT, Basis.CONFORMITY
    if by_law or by_policy:
        both = Basis.BOTH if by_law and by_policy else Basis.LAW if by_law else Basis.POLICY
        return Outcome.ACCEPT, both
    if Standing.UNKNOWN in (law.standing, policy.standing):
        return Outcome.REVIEW, Basis.NONE
    return Outcome.REFUSE, Basis.NONE


def law_towards(hearing: Hearing, line: LineFacts) -> tuple[Assessment, bool]:
    """The law on the route the reason calls on, and whether that is a claim for a fault.

    A fault in a country for which our data says nothing of faults falls back on withdrawal,
    and a "no" from there is only "not checked". A reason nobody asked for is asked when it
    would decide.
    """
    order, row = hearing.order, hearing.row
    if line.cancelled:
        return Assessment(Standing.NONE, grounds=(Ground("D14", "line_cancelled"),)), False
    if row is None or not order.country:
        return (rights.UNCHECKED if order.country else rights.NOWHERE), False
    claim = _claim(hearing, line, row, order.country)
    route = hearing.request.reason.route
    fault = None if route is Route.WITHDRAWAL else rights.conformity(claim)
    if route is Route.CONFORMITY and fault is not None:
        also = rights.withdrawal(claim).standing is Standing.OPEN
        return (msgspec.structs.replace(fault, withdrawal_open=True) if also else fault), True
    law = rights.withdrawal(claim)
    if law.standing is Standing.OPEN or route is Route.WITHDRAWAL:
        return law, False
    if route is Route.ASK:
        if fault is None or fault.standing is not Standing.OPEN:
            return law, False
        note, fact = Ground("reason", "reason_decides"), "reason"
    else:
        note, fact = Ground("law", claim.silence, {}, "", Status.UNCHECKED), "law"
    missing = (*law.missing, Missing(fact))
    return Assessment(Standing.UNKNOWN, law.until, (*law.grounds, note), missing), False


def _claim(hearing: Hearing, line: LineFacts, row: LawRow, country: str) -> rights.Claim:
    return rights.Claim(hearing.order, line, hearing.timeline.lines[line.id], row, country)


def _claim_left(hearing: Hearing, line: LineFacts) -> tuple[Ground, ...]:
    """That a "no" to a change of mind is no "no" to a claim for a fault."""
    row, country = hearing.row, hearing.order.country
    if row is None or row.conformity is None or not country:
        return ()
    if hearing.request.reason.route is not Route.WITHDRAWAL:
        return ()
    claim = _claim(hearing, line, row, country)
    fault = rights.conformity(claim)
    if fault is None or fault.standing is not Standing.OPEN:
        return ()
    return (claim.ground(row.conformity.rule, "fault_possible"),)


def _weigh(
    hearing: Hearing, line: LineFacts, bound: Bound, outcome: Outcome
) -> tuple[Outcome, tuple[Ground, ...]]:
    """What a person must weigh although a right is open. The basis keeps naming what is open.

    The directive does not say that goods sent back late end the right, so nor do we.
    """
    if outcome is not Outcome.ACCEPT:
        return outcome, ()
    parent_returns = line.gift_of is not None and bool(hearing.request.quantities.get(line.gift_of))
    if parent_returns and not line.gift_returned:
        return Outcome.REVIEW, (Ground("D7", "gift_kept"),)
    if line.bundle_part and not bound.rule.part_prices:
        return Outcome.REVIEW, (Ground("D8", "bundle_part"),)
    if line.sent_late:
        return Outcome.REVIEW, (_sent_late(hearing),)
    return outcome, (Ground("D7", "gift_returned"),) if line.gift_of is not None else ()


def _sent_late(hearing: Hearing) -> Ground:
    row, country = hearing.row, hearing.order.country
    if row is None or country is None or row.refund is None or not row.refund.send_back_rule:
        return Ground("policy", "sent_late")
    citation = row.rule(row.refund.send_back_rule, country)
    return Ground(row.refund.send_back_rule, "sent_late", {}, citation.source, citation.status)


def _missing(law: Assessment, policy: Assessment, outcome: Outcome, basis: Basis) -> tuple[Missing, ...]:
    """Each missing fact once; it decides only while the answer is not yes."""
    if not law.missing and not policy.missing:
        return ()
    open_question = outcome is Outcome.REVIEW and basis is Basis.NONE
    found = {entry.fact: entry for entry in (*policy.missing, *law.missing)}
    return tuple(Missing(fact, open_question and entry.decides) for fact, entry in found.items())


def _money_too(law: Assessment, policy: Assessment) -> bool:
    """Whether goods with a fault may also come back for money, by a right that asks for no fault.

    The sum stays that of the claim; the customer may choose the other way.
    """
    return not law.refund_now and (law.withdrawal_open or policy.standing is Standing.OPEN)


def _resolutions(
    bound: Bound, outcome: Outcome, basis: Basis, law: Assessment, policy: Assessment
) -> tuple[str, ...]:
    """Store credit is an offer, never the only choice where the law applies (D12)."""
    if outcome is not Outcome.ACCEPT:
        return ()
    if basis is Basis.CONFORMITY:
        money = law.refund_now or _money_too(law, policy)
        return ("refund", "replacement", "repair") if money else ("replacement", "repair")
    offered = bound.rule.resolutions or ("refund",)
    return ("refund", *(kind for kind in offered if kind != "refund")) if basis.has_law else offered
