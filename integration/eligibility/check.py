"""`integration policy check FILE.jsonl`: judge written cases with the engine that serves the sidebar."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, TextIO

from integration.eligibility import caseform
from integration.eligibility.caseform import Case
from integration.eligibility.engine import judge
from integration.eligibility.fields import CaseError
from integration.eligibility.verdict import LineVerdict, Status, Verdicts
from integration.money import Money

AMOUNTS = frozenset(("items", "outbound", "restock", "label", "diminished", "total", "store_credit_total"))
UNWRITTEN: Mapping[str, object] = {
    "policy_estimated": False,
    "refused_qty": 0,
    "law_note": None,
    "due": None,
    "tenders": {},
    "store_credit_total": None,
    "keep_item": False,
}
"""What a name means where the answer leaves it out."""


def check_file(path: Path, out: TextIO, err: TextIO | None = None) -> int:
    """Judge every case of a file; one JSON line a case on `out`.

    0: all agree. 1: an answer differs from what the case expects. 2: a case, or the file,
    cannot be read; its line and field are on `err` and the other cases are still judged.
    """
    err = err or sys.stderr
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        print(f"{path}: cannot be read: {type(error).__name__}", file=err)
        return 2
    differs = unreadable = False
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            case = caseform.read(line)
        except CaseError as error:
            print(f"{path}: line {number}: {error}", file=err)
            unreadable = True
            continue
        for name in case.unknown:
            print(f"{path}: line {number}: {name}: unknown name, not used", file=err)
        answer = check(case)
        differs = differs or answer.get("ok") is False
        print(json.dumps(answer), file=out)
    return 2 if unreadable else 1 if differs else 0


def check(case: Case) -> dict[str, Any]:
    """The answer in the form of `expect`, and, where one was given, whether it agrees."""
    verdicts = judge(case.order, case.request, lambda _order, line: case.terms[line.id])
    answer = written(case, verdicts)
    result: dict[str, Any] = {"id": case.id, **answer}
    if case.expect is not None:
        found = dict(differences(case.expect, answer, case.order.currency))
        result["ok"] = not found
        if found:
            result["differs"] = found
    return result


def written(case: Case, verdicts: Verdicts) -> dict[str, Any]:
    """Only what there is to say is written: no tenders where one paid, no date where there is none."""
    refund = verdicts.refund
    currency = refund.currency
    unchecked = verdicts.law.status is Status.UNCHECKED
    answer: dict[str, Any] = {
        "lines": {line.line_id: _line(line, currency, unchecked) for line in verdicts.lines},
        "items": _amount(refund.items, currency),
        "outbound": _amount(refund.outbound, currency),
        "restock": _amount(refund.restock, currency),
        "label": _amount(refund.label, currency),
        "diminished": _amount(refund.diminished, currency),
        "total": _amount(refund.total, currency),
    }
    if refund.due is not None:
        answer["due"] = _day(refund.due)
    if len(case.order.tenders) > 1:
        answer["tenders"] = _tenders(case, verdicts)
    if refund.store_credit_total is not None:
        answer["store_credit_total"] = _amount(refund.store_credit_total, currency)
    if any(bound.rule.keep_max for bound in case.terms.values()):
        answer["keep_item"] = refund.keep_item
    return answer


def _tenders(case: Case, verdicts: Verdicts) -> dict[str, str]:
    """By name; two cards of the same name are one tender here."""
    sums = {tender.name: 0 for tender in case.order.tenders}
    for name, minor in verdicts.refund.tenders:
        sums[name] += minor
    return {name: _amount(minor, verdicts.refund.currency) for name, minor in sums.items()}


def _line(line: LineVerdict, currency: str, unchecked: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "verdict": line.outcome.value,
        "basis": line.basis.value,
        "law_until": _day(line.law_until),
        "policy_until": _day(line.policy_until),
        "items": _amount(line.items, currency),
    }
    if line.policy_estimated:
        answer["policy_estimated"] = True
    if line.refused_quantity:
        answer["refused_qty"] = line.refused_quantity
    if unchecked:
        answer["law_note"] = "no data for country"
    return answer


def _day(value: date | str | None) -> str | None:
    return value.isoformat() if isinstance(value, date) else value


def _amount(minor: int, currency: str) -> str:
    """Nothing is written "0", as in the published cases."""
    return Money(minor, currency).text if minor else "0"


def differences(
    expect: Mapping[str, Any], answer: Mapping[str, Any], currency: str, place: str = ""
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of `expect` that the answer gives otherwise; amounts are compared by value."""
    for name, expected in expect.items():
        got = answer.get(name, UNWRITTEN.get(name))
        where = f"{place}{name}"
        if isinstance(expected, dict) and isinstance(got, dict):
            yield from differences(expected, got, currency, f"{where}.")
        elif not _same(name, place, expected, got, currency):
            yield where, {"expected": _plain(expected), "got": got}


def _same(name: str, place: str, expected: object, got: object, currency: str) -> bool:
    if name not in AMOUNTS and place != "tenders.":
        return expected == got and (got is not None or expected is None)
    try:
        return Money.parse(str(expected), currency) == Money.parse(str(got), currency)
    except ValueError:
        return expected == got


def _plain(value: object) -> object:
    """What JSON can write: decimals become text."""
    return value if value is None or isinstance(value, bool | int | str) else str(value)
