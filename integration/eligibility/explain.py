"""From grounds to text in the reader's language, and to the API's JSON (contract §5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

import msgspec

from integration.eligibility import messages
from integration.eligibility.engine import Ruling
from integration.eligibility.facts import OrderFacts
from integration.eligibility.verdict import (
    OPEN_ENDED,
    Basis,
    Ground,
    LineVerdict,
    Missing,
    Outcome,
    RefundSum,
    Standing,
    Status,
    Until,
    Verdicts,
)
from integration.money import Money

Translate = Callable[[str], str]
Show = Callable[[object], str]


class Span(msgspec.Struct, frozen=True):
    """A length of time with its unit: number and word go together, and not by the same rule everywhere."""

    count: int
    unit: str
    """days or months."""
    start: str = ""
    """What it is counted from, where a policy says so: delivery, fulfilment, order."""

    def __str__(self) -> str:
        unit = self.unit.removesuffix("s") if self.count == 1 else self.unit
        return f"{self.count} {unit}{STARTS[self.start]}"


SPANS = ("days", "months")
"""Names of parameters that are lengths of time."""
STARTS = {"": "", "delivery": " from delivery", "fulfilment": " from fulfilment", "order": " from the order"}


def english(message: str) -> str:
    return message


def plain(value: object) -> str:
    """Dates as ISO, anything else as it prints. Readers' own formats are handed in instead."""
    return value.isoformat() if isinstance(value, date) else str(value)


def render(ground: Ground, translate: Translate = english, show: Show = plain) -> str:
    """One step of the reasoning as a sentence. `show` writes dates, numbers and `Money`."""
    return _fill(messages.GROUNDS[ground.key], ground.params, translate, show)


def source(ground: Ground, translate: Translate = english) -> str:
    """Where a step of the reasoning comes from. What nobody looked up is no rule of ours."""
    unchecked = ground.status is Status.UNCHECKED
    return ground.source or translate(messages.NO_SOURCE if unchecked else messages.OUR_RULE)


def _fill(template: str, params: Mapping[str, object], translate: Translate, show: Show) -> str:
    written = {
        name: translate(messages.WORDS[value])
        if isinstance(value, str) and value in messages.WORDS
        else show(_span(name, value, params) if name in SPANS else value)
        for name, value in params.items()
    }
    return (translate(template) % written).replace("..", ".")  # a short month has a point of its own


def _span(name: str, value: object, params: Mapping[str, object]) -> object:
    start = params.get("start")
    return Span(value, name, start if isinstance(start, str) else "") if isinstance(value, int) else value


def ask(missing: Missing, translate: Translate = english) -> str:
    """How to get a missing fact."""
    return translate(messages.MISSING[missing.fact])


def summary(line: LineVerdict, translate: Translate = english, show: Show = plain) -> str:
    """The verdict in one sentence."""
    key, params = _summary(line)
    return _fill(messages.SUMMARIES[key], params, translate, show)


def _summary(line: LineVerdict) -> tuple[str, dict[str, object]]:
    if line.outcome is Outcome.REVIEW:
        return ("review_ask" if line.basis is Basis.NONE else "review_weigh"), {}
    dates = [end for end in (line.law_until, line.policy_until) if isinstance(end, date)]
    if line.line.cancelled:
        return "refuse_cancelled", {}
    if line.outcome is Outcome.REFUSE and not line.quantity and line.refused_quantity:
        return "refuse_gone", {}  # whatever the dates say: there is nothing left
    if line.outcome is Outcome.REFUSE:
        return ("refuse_since", {"until": max(dates)}) if dates else ("refuse", {})
    if line.basis is Basis.CONFORMITY:
        return ("accept_reject" if line.law.refund_now else "accept_fault"), {}
    if any(ground.key in ("law_before_delivery", "policy_unshipped") for ground in line.grounds):
        return "accept_unsent", {}
    until = last_day(line)
    return ("accept_until", {"until": until}) if isinstance(until, date) else ("accept", {})


def last_day(line: LineVerdict | Ruling) -> Until:
    """Until when the line may come back by whatever right is open: the later one; "open" beats dates."""
    granting = [right for right in (line.law, line.policy) if right.standing is Standing.OPEN]
    dates = [right.until for right in granting if isinstance(right.until, date)]
    if len(dates) < len(granting):
        return OPEN_ENDED
    return max(dates, default=None)


def to_json(
    verdicts: Verdicts,
    order: OrderFacts,
    *,
    order_id: str,
    evaluated_at: datetime,
    translate: Translate = english,
    show: Show = plain,
) -> dict[str, Any]:
    """The API's answer. Dates are local to the delivery address, moments UTC, money decimal text."""
    return {
        "order_id": order_id,
        "evaluated_at": _utc(evaluated_at, order),
        "notice_at": _utc(verdicts.notice, order),
        "country": verdicts.country,
        "law": {
            "id": verdicts.law.id,
            "citation": verdicts.law.citation,
            "status": verdicts.law.status.value,
            "confirmed_by": verdicts.law.confirmed_by,
            "confirmed_on": _until(verdicts.law.confirmed_on),
        },
        "lines": [_line(line, translate, show) for line in verdicts.lines],
        "refund": _refund(verdicts.refund, translate, show),
        "disclaimer": translate(messages.NOT_LEGAL_ADVICE),
    }


def _line(line: LineVerdict, translate: Translate, show: Show) -> dict[str, Any]:
    return {
        "line_id": line.line_id,
        "quantity": line.quantity,
        "refused_quantity": line.refused_quantity,
        "verdict": line.outcome.value,
        "basis": line.basis.value,
        "summary": summary(line, translate, show),
        "law_until": _until(line.law_until),
        "policy_until": _until(line.policy_until),
        "policy_estimated": line.policy_estimated,
        "policy_version": line.policy_version,
        "reasons": [_reason(ground, translate, show) for ground in line.grounds],
        "facts": [
            {"name": fact.name, "value": plain(fact.value), "source": fact.source} for fact in line.facts
        ],
        "missing": [
            {"fact": missing.fact, "how": ask(missing, translate), "decides": missing.decides}
            for missing in line.missing
        ],
        "resolutions": list(line.resolutions),
    }


def _reason(ground: Ground, translate: Translate, show: Show) -> dict[str, Any]:
    return {
        "rule": ground.rule,
        "text": render(ground, translate, show),
        "source": source(ground, translate),
        "status": ground.status.value,
    }


def _refund(refund: RefundSum, translate: Translate, show: Show) -> dict[str, Any]:
    def money(minor: int) -> dict[str, str]:
        return Money(minor, refund.currency).json()

    return {
        "items": money(refund.items),
        "outbound": money(refund.outbound),
        "restock": money(refund.restock),
        "label": money(refund.label),
        "diminished": money(refund.diminished),
        "total": money(refund.total),
        "due": _until(refund.due),
        "send_back_by": _until(refund.send_back_by),
        "tenders": [{"gateway": name, "amount": money(minor)} for name, minor in refund.tenders],
        "keep_item": refund.keep_item,
        "store_credit_total": None if refund.store_credit_total is None else money(refund.store_credit_total),
        "reasons": [_reason(ground, translate, amounts(refund, show)) for ground in refund.grounds],
    }


def amounts(refund: RefundSum, show: Show) -> Show:
    """How the grounds of a sum are shown: the only whole numbers among them are amounts."""
    return lambda value: show(Money(value, refund.currency) if isinstance(value, int) else value)


def _until(value: Until | str) -> str | None:
    return None if value is None else plain(value)


def _utc(moment: date, order: OrderFacts) -> str:
    """A bare local day is written as its first moment."""
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time.min, tzinfo=order.zone)
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
