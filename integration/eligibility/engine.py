"""Facts, policy, law and a notice in; verdicts and money out. Pure: no clock, database or network."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from integration.eligibility import rights, windows
from integration.eligibility.facts import LineFacts, OrderFacts, Request, Route
from integration.eligibility.law import LawRow, row_for
from integration.eligibility.policy import Bound
from integration.eligibility.refund import Judged, line_items, nets, refund
from integration.eligibility.timeline import LineDays, Timeline
from integration.eligibility.verdict import (
    Assessment,
    Basis,
    Fact,
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


def judge(order: OrderFacts, request: Request, binding: Binding) -> Verdicts:
    """Judge every line that `request` names, and what goes back for all of them together.

    A free gift whose line comes back is judged too, named or not.
    """
    row = row_for(order.country)
    timeline = Timeline.of(order, request)
    net = nets(order)
    lines: list[LineVerdict] = []
    judged: list[Judged] = []
    for line in order.lines:
        if not _concerned(line, request):
            continue
        bound = binding(order, line)
        verdict = _judge_line(order, line, request, timeline, row, bound, net.get(line.id, 0))
        lines.append(verdict)
        judged.append(Judged(line, bound, verdict.quantity, verdict.outcome, verdict.basis, verdict.items))
    return Verdicts(
        country=order.country,
        notice=request.notice,
        law=law_note(row, order.country),
        lines=tuple(lines),
        refund=refund(order, request, timeline, judged, row),
    )


def law_note(row: LawRow | None, country: str | None) -> LawNote:
    if row is None or country is None:
        return LawNote(id=None, citation="", status=Status.UNCHECKED)
    return LawNote(id=row.id, citation=row.citation(country), status=row.checked(country))


def _concerned(line: LineFacts, request: Request) -> bool:
    return line.id in request.quantities or (
        line.gift_of is not None and bool(request.quantities.get(line.gift_of))
    )


def _judge_line(
    order: OrderFacts,
    line: LineFacts,
    request: Request,
    timeline: Timeline,
    row: LawRow | None,
    bound: Bound,
    net: int,
) -> LineVerdict:
    days = timeline.lines[line.id]
    asked = request.quantities.get(line.id, 0)
    quantity = min(asked, line.left)
    if line.cancelled:
        closed = Assessment(Standing.NONE)
        law, policy, outcome, basis = closed, closed, Outcome.REFUSE, Basis.NONE
        notes: tuple[Ground, ...] = (Ground("D14", "line_cancelled"),)
    else:
        law, is_claim = _law(order, line, request, timeline, row, days)
        policy = windows.policy(bound, line, days, timeline.asked)
        outcome, basis = decide(law, policy, is_claim)
        outcome, notes = _weigh(line, request, bound, outcome)
        if asked and not quantity:
            outcome, basis, notes = Outcome.REFUSE, Basis.NONE, (NOTHING_LEFT,)
        elif asked > quantity:
            notes += (Ground("D14", "quantity_capped", {"left": quantity, "refused": asked - quantity}),)
    accepted = outcome is Outcome.ACCEPT
    payable = accepted and (basis is not Basis.CONFORMITY or law.refund_now)
    return LineVerdict(
        line_id=line.id,
        quantity=quantity,
        refused_quantity=asked - quantity,
        outcome=outcome,
        basis=basis,
        law=law,
        policy=policy,
        policy_version=bound.version,
        grounds=(*notes, *law.grounds, *policy.grounds),
        facts=_facts(order, line, days, timeline),
        missing=_missing(law, policy, outcome, basis),
        resolutions=_resolutions(bound, outcome, basis, law),
        items=line_items(line, net, quantity) if payable else 0,
    )


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


def _law(
    order: OrderFacts,
    line: LineFacts,
    request: Request,
    timeline: Timeline,
    row: LawRow | None,
    days: LineDays,
) -> tuple[Assessment, bool]:
    """The law on the route the reason calls on, and whether that is a claim for a fault.

    A fault in a country for which our data says nothing of faults falls back on withdrawal,
    and a "no" from there is only "not checked". A reason nobody asked for is asked when it
    would decide.
    """
    if row is None or order.country is None:
        return rights.UNCHECKED, False
    claim = rights.Claim(order, line, days, timeline, row, order.country)
    route = request.reason.route
    fault = None if route is Route.WITHDRAWAL else rights.conformity(claim)
    if route is Route.CONFORMITY and fault is not None:
        return fault, True
    law = rights.withdrawal(claim)
    if law.standing is Standing.OPEN or route is Route.WITHDRAWAL:
        return law, False
    if route is Route.ASK:
        if fault is None or fault.standing is not Standing.OPEN:
            return law, False
        note, fact = Ground("reason", "reason_decides"), "reason"
    else:
        note, fact = Ground("law", "fault_unchecked", {}, "", Status.UNCHECKED), "law"
    missing = (*law.missing, Missing(fact))
    return Assessment(Standing.UNKNOWN, law.until, (*law.grounds, note), missing), False


def _weigh(
    line: LineFacts, request: Request, bound: Bound, outcome: Outcome
) -> tuple[Outcome, tuple[Ground, ...]]:
    """What a person must weigh although a right is open. The basis keeps naming what is open."""
    if outcome is not Outcome.ACCEPT:
        return outcome, ()
    parent_returns = line.gift_of is not None and bool(request.quantities.get(line.gift_of))
    if parent_returns and not line.gift_returned:
        return Outcome.REVIEW, (Ground("D7", "gift_kept"),)
    if line.bundle_part and not bound.rule.part_prices:
        return Outcome.REVIEW, (Ground("D8", "bundle_part"),)
    if line.sent_late:
        return Outcome.REVIEW, (Ground("EU-B1", "sent_late"),)
    return outcome, (Ground("D7", "gift_returned"),) if line.gift_of is not None else ()


def _missing(law: Assessment, policy: Assessment, outcome: Outcome, basis: Basis) -> tuple[Missing, ...]:
    """Each missing fact once; it decides only while the answer is not yes."""
    open_question = outcome is Outcome.REVIEW and basis is Basis.NONE
    found = {entry.fact: entry for entry in (*policy.missing, *law.missing)}
    return tuple(Missing(fact, open_question and entry.decides) for fact, entry in found.items())


def _resolutions(bound: Bound, outcome: Outcome, basis: Basis, law: Assessment) -> tuple[str, ...]:
    """Store credit is an offer, never the only choice where the law applies (D12)."""
    if outcome is not Outcome.ACCEPT:
        return ()
    if basis is Basis.CONFORMITY:
        return ("refund", "replacement", "repair") if law.refund_now else ("replacement", "repair")
    offered = bound.rule.resolutions
    return ("refund", *(kind for kind in offered if kind != "refund")) if basis.has_law else offered


def _facts(order: OrderFacts, line: LineFacts, days: LineDays, timeline: Timeline) -> tuple[Fact, ...]:
    """What the verdict was made from, as far as it is known."""
    known: list[tuple[str, date | str | None]] = [
        ("ordered", days.bought),
        ("shipped", days.shipped),
        ("delivered", days.latest),
        ("last_delivery_of_order", timeline.last_good if timeline.last_good != days.latest else None),
        ("exchanged", days.exchanged),
        ("notice", timeline.asked),
        ("country", order.country),
        ("unsealed", _answer(line.unsealed)),
        ("used", _answer(line.used)),
    ]
    return tuple(
        Fact(name, value, line.delivered_source if name == "delivered" else None)
        for name, value in known
        if value is not None
    )


def _answer(value: bool | None) -> str | None:
    return None if value is None else "yes" if value else "no"
