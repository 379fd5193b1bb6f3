"""What speaks for and against a wish for money: the sum, the verdict, the limits. Changes nothing.

Refusals that no reason can lift (more than is left, not proven, not possible) raise; everything else
is weighed: beyond the verdict needs a reason, beyond a limit needs a second person.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import select

from integration import actions, limits, order_facts, returns
from integration.db.accounts import Account, Role
from integration.db.actions import Action
from integration.db.orders import Order
from integration.eligibility import Verdicts
from integration.eligibility.tenders import share_out
from integration.errors import Unprocessable
from integration.ids import child_id
from integration.limits import Limits
from integration.money import Money, total
from integration.ports import RefundLineWish, Tender
from integration.returns import RefundPlan
from integration.wishes import Who, Wish
from integration.work import Work


@dataclass(frozen=True)
class Sum:
    """A refund, reckoned: whole minor units of the order's currency."""

    amount: Money
    lines: tuple[RefundLineWish, ...] = ()
    shown: tuple[dict[str, Any], ...] = ()
    """The same lines for people: public ids."""
    shipping: Money | None = None
    fees: Money | None = None
    tenders: tuple[tuple[str, int], ...] = ()
    """Gateway → its share of the amount."""
    beyond: tuple[str, ...] = ()
    beyond_by: int = 0
    """How much of it no verdict grants."""
    verdict: dict[str, Any] = field(default_factory=dict)
    store_credit: Money | None = None
    """What the customer gets instead as store credit, bonus included."""

    def shares(self, method: str) -> tuple[Tender, ...]:
        """The payments that it goes back to, as the store is asked; none for credit or by hand."""
        if method != "original":
            return ()
        return tuple(
            Tender(gateway=name, amount=Money(minor, self.amount.currency)) for name, minor in self.tenders
        )

    @property
    def given(self) -> Money:
        """What the shop gives away: the amount, or the store credit in its place."""
        return self.store_credit or self.amount


@dataclass(frozen=True)
class Weighed:
    """The sum with everything that speaks for or against it."""

    sum: Sum | None
    most: Money | None
    needs_exception: bool
    needs_approval: bool
    needs_step_up: bool
    reasons: tuple[dict[str, str], ...]


def money_version(order: Order) -> str:
    """Changes with whatever a decision about money rests on; the progress of parcels changes nothing."""
    facts = [
        order.currency,
        order.total,
        order.refunded,
        order.cancelled_at.isoformat() if order.cancelled_at else None,
        order.gone_at is not None,
        [(line.platform_id, line.quantity, line.current_quantity, line.total) for line in order.lines],
        sorted((refund.platform_id, refund.amount) for refund in order.refunds),
        sorted(
            (payment.platform_id, payment.kind, payment.status, payment.amount)
            for payment in order.transactions
        ),
    ]
    return hashlib.blake2b(msgspec.json.encode(facts), digest_size=12).hexdigest()


def most_left(work: Work, order: Order, *, besides: int | None = None) -> Money:
    """What may still be paid back: paid, less refunded, less what is under way or unclear."""
    received = [
        Money(payment.amount, payment.currency)
        for payment in order.transactions
        if payment.kind in ("sale", "capture")
        and payment.status == "success"
        and payment.currency == order.currency
    ]
    paid = total(received, order.currency) if received else _paid_without_payments(order)
    under_way = sum(row.amount or 0 for row in actions.reserved(work, order, besides=besides))
    return Money(max(0, paid.minor - order.refunded - under_way), order.currency)


def _paid_without_payments(order: Order) -> Money:
    paid = order.financial_status.value in ("paid", "partially_refunded", "refunded")
    return Money(order.total if paid else 0, order.currency)


def reckon(work: Work, order: Order, wish: Wish, *, besides: int | None = None) -> Sum:
    """The sum of a refund wish. Raises :exc:`Unprocessable` for what the order cannot give."""
    for amount in (wish.amount, wish.shipping):
        if amount is not None and amount.currency != order.currency:
            raise Unprocessable(
                f"this order is in {order.currency}",
                code="wrong_currency",
                next_step="Name the amount in the currency that the customer paid in.",
            )
    _check_spoken_for(work, order, wish, besides)
    result = (_by_amount if wish.amount is not None else _by_lines)(work, order, wish, besides)
    most = most_left(work, order, besides=besides)
    if result.amount > most:
        raise Unprocessable(
            f"only {most.text} {most.currency} can still be refunded on this order",
            code="too_much_money",
            next_step="Look at the order again: part of it was refunded, or a refund is under way.",
        )
    if result.amount.minor == 0:
        raise Unprocessable("there is nothing to refund", code="nothing_to_refund")
    return result


def _check_spoken_for(work: Work, order: Order, wish: Wish, besides: int | None) -> None:
    """Pieces of refunds under way are not there to be refunded again."""
    taken: dict[str, int] = {}
    for row in actions.reserved(work, order, besides=besides):
        for line in (row.request or {}).get("lines", ()):
            public = child_id(order.id, line["line_id"])
            taken[public] = taken.get(public, 0) + int(line["quantity"])
    left = {child_id(order.id, line.platform_id): line for line in order.lines}
    for wanted in wish.lines:
        line = left.get(wanted.line_id)
        if line is None:
            raise Unprocessable("this order has no such line", code="unknown_line")
        if wanted.line_id in taken and wanted.quantity > line.refundable_quantity - taken[wanted.line_id]:
            raise Unprocessable(
                "a refund of this item is already under way",
                code="under_way",
                next_step="Wait for it to end, or look at it in the list of actions.",
            )


def _by_lines(work: Work, order: Order, wish: Wish, besides: int | None) -> Sum:
    plan = returns.refund_sum(
        work,
        order,
        {line.line_id: line.quantity for line in wish.lines},
        shipping=wish.shipping.money().minor if wish.shipping else 0,
        reason=wish.reason,
        store_credit=wish.method == "store_credit",
    )
    restock = {line.line_id: line.restock for line in wish.lines}
    currency = plan.currency
    granted = min(plan.verdicts.refund.total, plan.total)
    beyond, beyond_by = plan.beyond, plan.total - granted if plan.beyond else 0
    if loose := actions.granted_loosely(work, order.id, besides=besides):
        whole = returns.judge_order(work, order, reason=wish.reason).refund.total
        if (over := min(plan.total, loose + plan.total - whole)) > 0:
            beyond, beyond_by = (*beyond, "amount"), max(beyond_by, over)
    return Sum(
        amount=Money(plan.total, currency),
        lines=tuple(
            RefundLineWish(
                line_id=line.platform_id,
                quantity=line.quantity,
                amount=Money(line.amount, currency),
                restock=restock[line.line_id],
            )
            for line in plan.lines
        ),
        shown=tuple(
            {
                "line_id": line.line_id,
                "quantity": line.quantity,
                "amount": Money(line.amount, currency).json(),
                "verdict": line.verdict.outcome.value,
            }
            for line in plan.lines
        ),
        shipping=Money(plan.shipping, currency) if plan.shipping else None,
        fees=Money(plan.fees, currency) if plan.fees else None,
        tenders=plan.tenders,
        beyond=beyond,
        beyond_by=beyond_by,
        verdict=_verdict(plan.verdicts, plan),
        store_credit=(
            Money(plan.store_credit_total, currency) if plan.store_credit_total is not None else None
        ),
    )


def _by_amount(work: Work, order: Order, wish: Wish, besides: int | None) -> Sum:
    """An amount without lines is within the verdict as far as what is left may all come back, once."""
    assert wish.amount is not None
    amount = wish.amount.money()
    verdicts = returns.judge_order(work, order, reason=wish.reason)
    granted = max(0, verdicts.refund.total - actions.granted_loosely(work, order.id, besides=besides))
    over = max(0, amount.minor - granted)
    return Sum(
        amount=amount,
        tenders=tuple(share for share in share_out(order_facts.tenders(order), amount.minor)[1] if share[1]),
        beyond=("amount",) if over else (),
        beyond_by=over,
        verdict=_verdict(verdicts, None),
    )


def _verdict(verdicts: Verdicts, plan: RefundPlan | None) -> dict[str, Any]:
    """What is kept with the action: enough to see later what it was decided on."""
    return {
        "law": verdicts.law.id,
        "policy_version": next((line.policy_version for line in verdicts.lines if line.policy_version), None),
        "lines": [
            {
                "line_id": line.line_id,
                "verdict": line.outcome.value,
                "basis": line.basis.value,
                "quantity": line.quantity,
            }
            for line in verdicts.lines
        ],
        "granted": verdicts.refund.total,
        "beyond_codes": list(plan.beyond) if plan else [],
    }


WORDS = {
    "beyond": "This goes beyond the verdict: give the reason.",
    "exception": "Beyond the verdict, with a reason.",
    "limit_action": "Above your limit for one refund: a lead must approve.",
    "limit_day": "Above your limit for one day: a lead must approve.",
    "limit_order": "Above your limit for one order: a lead must approve.",
    "approval_above": "Above the amount that needs a second person.",
    "budget": "The month's budget for exceptions is used up: a lead must approve.",
    "step_up": "Confirm with your passkey or code first.",
    "law_delivery": "The law also gives back the delivery cost with this return.",
}


def reason(code: str) -> dict[str, str]:
    return {"code": code, "text": WORDS[code]}


def weigh(work: Work, order: Order, wish: Wish, who: Who, *, besides: int | None = None) -> Weighed:
    """Reckon a refund and hold it against the verdict, the limits and the budget."""
    reckoned = reckon(work, order, wish, besides=besides)
    account = work.session.scalars(select(Account).where(Account.id == work.account_id)).one()
    mine = limits.limits_for(account.settings, who.role, who.limits, order.currency)
    reasons: list[dict[str, str]] = []
    reasoned = bool(wish.exception and wish.exception.strip())
    needs_exception = bool(reckoned.beyond) and not reasoned
    if reckoned.beyond:
        reasons.append(reason("beyond" if needs_exception else "exception"))
    over = over_limits(work, order, who, reckoned, besides=besides)
    reasons += [reason(code) for code in over]
    step_up = needs_step_up(mine, who, reckoned.given)
    if step_up:
        reasons.append(reason("step_up"))
    return Weighed(
        sum=reckoned,
        most=most_left(work, order, besides=besides),
        needs_exception=needs_exception,
        needs_approval=bool(over),
        needs_step_up=step_up,
        reasons=tuple(reasons),
    )


def needs_step_up(mine: Limits, who: Who, amount: Money) -> bool:
    """Whether the amount wants a fresh proof first. Programs cannot give one: a person approves instead."""
    above = mine.step_up_above is not None and amount.minor > mine.step_up_above
    return above and not who.stepped_up and who.proof != "token"


def over_limits(
    work: Work, order: Order, who: Who, reckoned: Sum, *, besides: int | None = None
) -> list[str]:
    """Codes of what the person may not do alone. Hold the account's lock where it matters."""
    account = work.session.scalars(select(Account).where(Account.id == work.account_id)).one()
    mine = limits.limits_for(account.settings, who.role, who.limits, order.currency)
    amount, currency = reckoned.given.minor, order.currency
    alone = [limit for limit in (mine.action, _rule_limit(work, order, who, reckoned)) if limit is not None]
    day, month = _starts(work.now(), account.timezone)
    found = []
    if alone and amount > min(alone):
        found.append("limit_action")
    spent = actions.spent_today(work, who, currency, day, besides=besides)
    if mine.day is not None and spent + amount > mine.day:
        found.append("limit_day")
    on_order = actions.spent_on_order(work, who, order.id, besides=besides)
    if mine.order is not None and on_order + amount > mine.order:
        found.append("limit_order")
    if mine.approval_above is not None and amount > mine.approval_above:
        found.append("approval_above")
    if mine.step_up_above is not None and amount > mine.step_up_above and who.proof == "token":
        found.append("step_up")
    if reckoned.beyond_by:
        used = actions.exceptions_since(work, currency, month, besides=besides)
        if used + reckoned.beyond_by > mine.exception_budget:
            found.append("budget")
    return found


def left_today(work: Work, who: Who, mine: Limits, currency: str) -> Money | None:
    """What a person may still pay back today without a second one. None: they have no limit for a day."""
    if mine.day is None:
        return None
    account = work.session.scalars(select(Account).where(Account.id == work.account_id)).one()
    day, _month = _starts(work.now(), account.timezone)
    return Money(max(0, mine.day - actions.spent_today(work, who, currency, day)), currency)


def _rule_limit(work: Work, order: Order, who: Who, reckoned: Sum) -> int | None:
    """What the policy lets an agent pay back alone for these lines; for all of them where none is named."""
    if who.role is not Role.AGENT:
        return None
    books = returns.open_books(work, [order])
    facts = books.facts(order)
    named = {line["line_id"] for line in reckoned.shown}
    rules = [books.policies.bound(facts, line).rule for line in facts.lines if not named or line.id in named]
    return min(
        (rule.agent_limit[order.currency] for rule in rules if order.currency in rule.agent_limit),
        default=None,
    )


def _starts(now: datetime, timezone: str) -> tuple[datetime, datetime]:
    """Start of today and of this month in the account's zone, in UTC."""
    local = now.astimezone(ZoneInfo(timezone))
    day = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return day.astimezone(UTC), day.replace(day=1).astimezone(UTC)


def is_stale(action: Action, order: Order) -> bool:
    """Whether the order's money changed since the first person saw it."""
    return action.order_version != money_version(order)


FRESH = timedelta(seconds=5)
"""A picture older than this is read through before the button."""


def needs_reading(order: Order, now: datetime) -> bool:
    return now - max(order.synced_at, order.fetched_at) > FRESH
