"""What-if: another version of the policy over the past year's requests, before anything is saved."""

from __future__ import annotations

import time
from collections import Counter
from datetime import timedelta

import msgspec
from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from integration import policies, policy_draft, store_status, what_if
from integration.db.accounts import Role
from integration.eligibility import Outcome, Policy
from integration.eligibility.law import rows as law_rows
from integration.eligibility.whatif import Comparison, ProductChange
from integration.people import SignedIn
from integration.work import Work
from sidebar.admin import guard
from sidebar.admin.frame import bp
from sidebar.citations import citation
from sidebar.context import services

YEAR = timedelta(days=365)
AT_ONCE = 2_000
"""Orders that are judged while the page is made: well under a second. More are fetched by the open page."""
DAYS = (7, 14, 21, 30, 45, 60, 90)
"""Days after delivery that can be tried."""
TOP, FLOOR = 12.0, 196.0
"""The chart's inner edges in pixels; across it is as wide as its place, and measured in percent."""


@bp.get("/what-if", endpoint="what_if")
@guard.person_required(Role.LEAD)
def show(person: SignedIn) -> ResponseReturnValue:
    with services().reading(person.account_id) as work:
        draft, in_force = policy_draft.draft(work), policy_draft.in_force(work)
        choices = _choices(work, draft)
        before_key = request.args.get("before", str(in_force.version))
        after_key = request.args.get("after", "draft" if draft else str(in_force.version))
        before = _chosen(work, before_key, draft, in_force)
        after = _chosen(work, after_key, draft, in_force)
        day = request.args.get("over", type=int)
        store_id = request.args.get("store", type=int)
        question = what_if.Question(
            since=work.now() - YEAR, store_id=store_id, day=day if day in DAYS else None
        )
        part = request.args.get("part") == "result"
        orders = what_if.count_orders(work, question)
        shown = _result(work, before, after, question) if part or orders <= AT_ONCE else {"later": orders}
        stores = store_status.overview(work)
    return render_template(
        "admin/_what_if_result.html" if part and "fragment" in request.args else "admin/what_if.html",
        choices=choices,
        before=before_key,
        after=after_key,
        after_name=_("the draft") if after_key == "draft" else _("version %(number)s", number=after.version),
        stores=stores,
        store_id=store_id,
        day=question.day,
        days=DAYS,
        asked={"before": before_key, "after": after_key, "over": day, "store": store_id},
        **shown,
    )


def _result(work: Work, before: Policy, after: Policy, question: what_if.Question) -> dict[str, object]:
    began = time.perf_counter()
    result = what_if.compare_policies(work, before, after, question)
    seconds = time.perf_counter() - began
    bars = _bars(result)
    return {
        "result": result,
        "money": _money(result),
        "products": _products(work, result),
        "sources": _sources(),
        "bars": bars,
        "ticks": _ticks(bars),
        "seconds": seconds,
        "judged_at": services().now(),
    }


class Product(msgspec.Struct, frozen=True):
    title: str
    change: ProductChange


class Bar(msgspec.Struct, frozen=True):
    """Lines asked for in one span of days, kept ones below and lost ones above."""

    span: str
    label: str
    all: int
    lost: int
    x: float
    width: float
    kept_y: float
    kept_height: float
    lost_y: float
    lost_height: float
    most: int


class Tick(msgspec.Struct, frozen=True):
    value: int
    y: float


def _choices(work: Work, draft: Policy | None) -> list[tuple[str, str]]:
    found = [
        (str(row.number), str(_("Version %(number)s", number=row.number)))
        for row in policies.policy_versions(work)
    ] or [("1", str(_("Default policy")))]
    return [("draft", str(_("The draft"))), *found] if draft else found


def _chosen(work: Work, key: str, draft: Policy | None, in_force: Policy) -> Policy:
    if key == "draft" and draft is not None:
        return draft
    saved = what_if.saved(work, int(key)) if key.isascii() and key.isdigit() and len(key) < 9 else None
    return saved or in_force


def _money(result: Comparison) -> list[tuple[str, int]]:
    """(currency, paid back more or less), the currency that moves most first."""
    moved = {
        currency: result.money_after[currency] - result.money_before[currency]
        for currency in result.money_before
    }
    return sorted(moved.items(), key=lambda one: -result.money_before[one[0]])


def _products(work: Work, result: Comparison) -> list[Product]:
    ranked = sorted(result.products.items(), key=lambda one: (-one[1].refused, -one[1].lines))[:8]
    titles = what_if.product_titles(work, [product for product, _change in ranked])
    return [Product(titles.get(product, product or "–"), change) for product, change in ranked]


def _sources() -> dict[str, str]:
    """Law rule id → where it stands."""
    return {name: citation(rule.source) for row in law_rows() for name, rule in row.rules.items()}


def _bars(result: Comparison) -> list[Bar]:
    """One bar a day up to thirty, then the rest together."""
    if not result.by_day:
        return []
    days = range(min(0, *result.by_day), 31)
    counts: list[tuple[str, str, Counter[tuple[Outcome, Outcome]]]] = [
        (str(day), str(day) if day % 7 == 0 else "", result.by_day.get(day, Counter())) for day in days
    ]
    later: Counter[tuple[Outcome, Outcome]] = Counter()
    for day, counter in result.by_day.items():
        if day > 30:
            later += counter
    counts.append(("31+", "31+", later))
    most = max(counter.total() for _span, _label, counter in counts) or 1
    step = 100 / len(counts)
    return [
        _bar(span, label, counter, most, number * step, step)
        for number, (span, label, counter) in enumerate(counts)
    ]


def _bar(
    span: str, label: str, counter: Counter[tuple[Outcome, Outcome]], most: int, x: float, step: float
) -> Bar:
    lost = sum(
        count
        for (before, after), count in counter.items()
        if before is Outcome.ACCEPT and after is not Outcome.ACCEPT
    )
    scale = (FLOOR - TOP) / most
    kept_height, lost_height = (counter.total() - lost) * scale, lost * scale
    return Bar(
        span=span,
        label=label,
        all=counter.total(),
        lost=lost,
        x=round(x + step * 0.1, 3),
        width=round(step * 0.8, 3),
        kept_y=round(FLOOR - kept_height, 1),
        kept_height=round(kept_height, 1),
        lost_y=round(FLOOR - kept_height - lost_height, 1),
        lost_height=round(lost_height, 1),
        most=most,
    )


def _ticks(bars: list[Bar]) -> list[Tick]:
    """Zero, the half and the most."""
    if not bars:
        return []
    most = bars[0].most
    return [
        Tick(value, round(FLOOR - (FLOOR - TOP) * value / most, 1)) for value in sorted({0, most // 2, most})
    ]
