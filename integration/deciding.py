"""What becomes of a wish: the sum, the grounds, who must agree. Reads the cache; changes nothing.

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

from integration import actions, limits, returns
from integration.actions import Plan
from integration.db.accounts import Account
from integration.db.actions import Action
from integration.db.customers import StoreCustomer
from integration.db.orders import Order
from integration.db.stores import Store, StoreStatus
from integration.eligibility import Verdicts
from integration.errors import Forbidden, Unprocessable
from integration.ids import child_id
from integration.limits import Limits
from integration.money import Money, total
from integration.ports import ActionKind, ActionRequest, RefundLineWish
from integration.records import Address
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
    beyond: tuple[str, ...] = ()
    beyond_by: int = 0
    """How much of it no verdict grants."""
    verdict: dict[str, Any] = field(default_factory=dict)
    store_credit: Money | None = None
    """What the customer gets instead as store credit, bonus included."""


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
    result = _by_amount(work, order, wish) if wish.amount is not None else _by_lines(work, order, wish)
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


def _by_lines(work: Work, order: Order, wish: Wish) -> Sum:
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
        beyond=plan.beyond,
        beyond_by=plan.total - granted if plan.beyond else 0,
        verdict=_verdict(plan.verdicts, plan),
        store_credit=(
            Money(plan.store_credit_total, currency) if plan.store_credit_total is not None else None
        ),
    )


def _by_amount(work: Work, order: Order, wish: Wish) -> Sum:
    """An amount without lines is within the verdict as far as what is left may all come back."""
    assert wish.amount is not None
    amount = wish.amount.money()
    verdicts = returns.judge_order(work, order, reason=wish.reason)
    granted = verdicts.refund.total
    over = max(0, amount.minor - granted)
    return Sum(
        amount=amount,
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


def _reason(code: str) -> dict[str, str]:
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
        reasons.append(_reason("beyond" if needs_exception else "exception"))
    over = _over_limits(work, order, who, account, mine, reckoned, besides)
    reasons += [_reason(code) for code in over]
    amount = reckoned.amount.minor
    step_up = mine.step_up_above is not None and amount > mine.step_up_above and not who.stepped_up
    if step_up and who.proof != "token":
        reasons.append(_reason("step_up"))
    else:
        step_up = False
    return Weighed(
        sum=reckoned,
        most=most_left(work, order, besides=besides),
        needs_exception=needs_exception,
        needs_approval=bool(over),
        needs_step_up=step_up,
        reasons=tuple(reasons),
    )


def _over_limits(
    work: Work,
    order: Order,
    who: Who,
    account: Account,
    mine: Limits,
    reckoned: Sum,
    besides: int | None,
) -> list[str]:
    amount, currency = reckoned.amount.minor, order.currency
    day, month = _starts(work.now(), account.timezone)
    found = []
    if mine.action is not None and amount > mine.action:
        found.append("limit_action")
    spent = actions.spent_today(work, who, currency, day, besides=besides)
    if mine.day is not None and spent + amount > mine.day:
        found.append("limit_day")
    on_order = actions.spent_on_order(work, who, order.id, besides=besides)
    if mine.order is not None and on_order + amount > mine.order:
        found.append("limit_order")
    if mine.approval_above is not None and amount > mine.approval_above:
        found.append("approval_above")
    if reckoned.beyond_by:
        used = actions.exceptions_since(work, currency, month, besides=besides)
        if used + reckoned.beyond_by > mine.exception_budget:
            found.append("budget")
    return found


def _starts(now: datetime, timezone: str) -> tuple[datetime, datetime]:
    """Start of today and of this month in the account's zone, in UTC."""
    local = now.astimezone(ZoneInfo(timezone))
    day = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return day.astimezone(UTC), day.replace(day=1).astimezone(UTC)


def decide(
    work: Work,
    order: Order,
    kind: ActionKind,
    wish: Wish,
    who: Who,
    *,
    key: str,
    besides: int | None = None,
) -> Plan:
    """The plan for a wish, or the refusal. Hold `actions.lock_order` while it matters."""
    if not who.may_act:
        raise Forbidden(
            "who you are is not proven here",
            code="not_proven",
            next_step="Pair this sidebar with your own sign-in, then try again.",
        )
    store = work.session.scalars(select(Store).where(Store.id == order.store_id)).one()
    if store.status == StoreStatus.DISCONNECTED:
        raise Unprocessable("the store is disconnected", next_step="An admin can reconnect it under Stores.")
    if order.gone_at is not None and kind != ActionKind.NOTE:
        raise Unprocessable("the store no longer has this order", code="order_gone")
    if kind == ActionKind.REFUND:
        return _decide_refund(work, order, wish, who, key, besides)
    if kind == ActionKind.CANCEL:
        return _decide_cancel(work, order, wish, who, key, besides)
    return Plan(
        request=_other_request(work, order, kind, wish, who, key),
        amount=None,
        order_version=money_version(order),
        verdict={},
        needs_approval=False,
    )


def _decide_refund(work: Work, order: Order, wish: Wish, who: Who, key: str, besides: int | None) -> Plan:
    weighed = weigh(work, order, wish, who, besides=besides)
    assert weighed.sum is not None
    if weighed.needs_exception:
        raise Unprocessable(
            "this goes beyond the verdict",
            code="needs_exception",
            next_step="Give the reason for the exception, or choose less.",
        )
    if weighed.needs_step_up:
        raise Forbidden(
            "this amount needs a fresh proof of who you are",
            code="step_up",
            next_step="Confirm with your passkey or code, then send again.",
        )
    reckoned = weighed.sum
    credit = reckoned.store_credit if wish.method == "store_credit" else None
    amount = credit or reckoned.amount
    request = ActionRequest(
        key=key,
        kind=ActionKind.REFUND,
        order_id=order.platform_id,
        currency=order.currency,
        lines=reckoned.lines,
        shipping=reckoned.shipping,
        amount=amount,
        method=wish.method,
        note=_note(wish, who, key),
        notify=wish.notify,
        reason=wish.reason,
        customer_id=_store_customer(work, order),
    )
    return Plan(
        request=request,
        amount=amount,
        order_version=money_version(order),
        verdict={**reckoned.verdict, "beyond": reckoned.beyond_by},
        needs_approval=weighed.needs_approval,
        reasons=weighed.reasons,
    )


def _decide_cancel(work: Work, order: Order, wish: Wish, who: Who, key: str, besides: int | None) -> Plan:
    """Before shipping all money goes back, so a cancel with money is held against the limits too."""
    if order.cancelled_at is not None:
        raise Unprocessable("the order is cancelled already", code="already_cancelled")
    most = most_left(work, order, besides=besides)
    amount = most if wish.refund and most.minor else None
    over: list[str] = []
    if amount is not None:
        account = work.session.scalars(select(Account).where(Account.id == work.account_id)).one()
        mine = limits.limits_for(account.settings, who.role, who.limits, order.currency)
        over = _over_limits(work, order, who, account, mine, Sum(amount=amount), besides)
        if (
            mine.step_up_above is not None
            and amount.minor > mine.step_up_above
            and not who.stepped_up
            and who.proof != "token"
        ):
            raise Forbidden("this amount needs a fresh proof of who you are", code="step_up")
    request = ActionRequest(
        key=key,
        kind=ActionKind.CANCEL,
        order_id=order.platform_id,
        currency=order.currency,
        amount=amount,
        method=wish.method,
        note=_note(wish, who, key),
        notify=wish.notify,
        reason=wish.reason,
        restock=wish.restock,
        refund_on_cancel=wish.refund,
        customer_id=_store_customer(work, order),
    )
    return Plan(
        request=request,
        amount=amount,
        order_version=money_version(order),
        verdict={},
        needs_approval=bool(over),
        reasons=tuple(_reason(code) for code in over),
    )


def _other_request(
    work: Work, order: Order, kind: ActionKind, wish: Wish, who: Who, key: str
) -> ActionRequest:
    """Kinds that move no money."""
    if kind == ActionKind.ADDRESS and order.fulfillment_status.value != "unfulfilled":
        raise Unprocessable("the address can only be changed before anything is sent", code="already_sent")
    by_public = {child_id(order.id, line.platform_id): line for line in order.lines}
    lines = []
    for wanted in wish.lines:
        line = by_public.get(wanted.line_id)
        if line is None:
            raise Unprocessable("this order has no such line", code="unknown_line")
        if wanted.quantity > line.quantity:
            raise Unprocessable("more pieces than were ordered", code="too_many_pieces")
        lines.append(
            RefundLineWish(
                line_id=line.platform_id,
                quantity=wanted.quantity,
                amount=Money(0, order.currency),
                restock=wanted.restock,
            )
        )
    return ActionRequest(
        key=key,
        kind=kind,
        order_id=order.platform_id,
        currency=order.currency,
        lines=tuple(lines),
        note=wish.note if kind == ActionKind.NOTE else _note(wish, who, key),
        notify=wish.notify,
        reason=wish.reason,
        return_id=_return_id(order, wish.return_id),
        customer_id=_store_customer(work, order),
        address=_address(order, wish) if wish.address else None,
        tags_add=wish.tags_add,
        tags_remove=wish.tags_remove,
        public=wish.public,
    )


def _address(order: Order, wish: Wish) -> Address:
    assert wish.address is not None
    return msgspec.convert(msgspec.to_builtins(wish.address), Address)


def _return_id(order: Order, public: str | None) -> str | None:
    if public is None:
        return None
    for item in order.returns:
        if public in (child_id(order.id, item.platform_id), item.platform_id):
            return item.platform_id
    raise Unprocessable("this order has no such return", code="unknown_return")


def _note(wish: Wish, who: Who, key: str) -> str:
    """What the store keeps beside the refund: who, where, why, and the mark by which it is found again."""
    where = f"{wish.conversation.helpdesk} {wish.conversation.id}" if wish.conversation else ""
    parts = [wish.note.strip(), ", ".join(part for part in (who.name, where, wish.reason) if part)]
    return " | ".join(part for part in parts if part)


def _store_customer(work: Work, order: Order) -> str | None:
    """The store's own id of the buyer, for store credit."""
    record = order.customer_record or {}
    if record.get("platform_id"):
        return str(record["platform_id"])
    return work.session.scalar(
        select(StoreCustomer.platform_id).where(
            StoreCustomer.store_id == order.store_id, StoreCustomer.customer_id == order.customer_id
        )
    )


def is_stale(action: Action, order: Order) -> bool:
    """Whether the order's money changed since the first person saw it."""
    return action.order_version != money_version(order)


FRESH = timedelta(seconds=5)
"""A picture older than this is read through before the button."""


def needs_reading(order: Order, now: datetime) -> bool:
    return now - max(order.synced_at, order.fetched_at) > FRESH
