"""The moments of an action that people see: look before the button, ask, approve, reject, settle.

Views and the API call these; workers carry out what was decided (see `jobs.carrying`).
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import msgspec

from integration import actions, carrying, deciding, limits, planning, settling, views
from integration.customers import find_order
from integration.db.accounts import Role
from integration.db.actions import Action, ActionStatus
from integration.db.orders import Order
from integration.errors import (
    AppError,
    Conflict,
    Forbidden,
    RateLimited,
    StoreError,
    Traced,
    Unprocessable,
)
from integration.money import Money
from integration.ports import ActionKind, ActionRequest, Quote, Receipt
from integration.recorded import record_of
from integration.wishes import Who, Wish
from integration.work import Work
from jobs import sync
from jobs.boot import Services

log = logging.getLogger(__name__)

DECIDERS = frozenset({Role.LEAD, Role.ADMIN})


def freshen(services: Services, account_id: int, order_id: int) -> str | None:
    """Make the cached picture a fresh one. Returns the reason if the store cannot be read just now."""
    with services.reading(account_id) as work:
        order = find_order(work, order_id)
        if not deciding.needs_reading(order, services.now()):
            return None
    try:
        sync.refresh_order(services, account_id, order_id)
    except StoreError as error:
        log.info("order %s not read through: %s", order_id, error.code)
        return error.code
    return None


def preview(services: Services, account_id: int, order_id: int, wish: Wish, who: Who) -> dict[str, Any]:
    """The calculated refund, nothing done: the contract's preview JSON.

    Raises :exc:`Unprocessable` for a wish that names things which the order does not have.
    """
    offline = freshen(services, account_id, order_id)
    with services.reading(account_id) as work:
        order = find_order(work, order_id)
        try:
            weighed = deciding.weigh(work, order, wish, who)
        except Unprocessable as error:
            return _refused_preview(work, order, error)
        reckoned = weighed.sum
        assert reckoned is not None
        draft = actions.Plan(
            request=_draft(order, wish, reckoned),
            amount=reckoned.given,
            order_version=deciding.money_version(order),
            verdict=reckoned.verdict,
            needs_approval=weighed.needs_approval,
        )
        record = record_of(order)
        reasons = list(weighed.reasons)
        forbidden = planning.ways(work, order)[wish.method]
    quote, problem = None, None
    if forbidden:
        problem = {"code": "not_possible", "text": forbidden}
    elif not offline:
        quote, problem = _quote(services, order.store_id, draft, record)
    if offline:
        reasons.append({"code": "store_unreachable", "text": "The store cannot be reached just now."})
    if problem:
        reasons.append(problem)
    difference = _difference(reckoned, quote)
    if quote is not None and reckoned.amount > quote.maximum:
        reasons.append({"code": "above_platform", "text": "The store would refund less than this."})
        problem = reasons[-1]
    if not who.may_act:
        reasons.append({"code": "not_proven", "text": "Pair this sidebar with your sign-in to refund."})
    blocked = (
        bool(problem)
        or weighed.needs_exception
        or weighed.needs_step_up
        or not who.may_act
        or (bool(offline) and not _queues_offline(services, account_id))
    )
    tenders = (
        [{"gateway": one.title or one.gateway, "amount": one.amount.json()} for one in quote.tenders]
        if quote and quote.tenders
        else [
            {"gateway": name, "amount": Money(minor, reckoned.amount.currency).json()}
            for name, minor in reckoned.tenders
        ]
    )
    return {
        "amount": reckoned.given.json(),
        "lines": list(reckoned.shown),
        "shipping": reckoned.shipping.json() if reckoned.shipping else None,
        "fees": reckoned.fees.json() if reckoned.fees else None,
        "tenders": tenders,
        "platform_amount": quote.amount.json() if quote else None,
        "difference": difference,
        "allowed": not blocked,
        "needs_approval": weighed.needs_approval,
        "needs_exception": weighed.needs_exception,
        "needs_step_up": weighed.needs_step_up,
        "most": weighed.most.json() if weighed.most else None,
        "granted": reckoned.verdict.get("granted"),
        "reasons": reasons,
        "order_version": draft.order_version,
    }


def _draft(order: Order, wish: Wish, reckoned: deciding.Sum) -> ActionRequest:
    return ActionRequest(
        key="preview",
        kind=ActionKind.REFUND,
        order_id=order.platform_id,
        currency=order.currency,
        lines=reckoned.lines,
        shipping=reckoned.shipping,
        amount=reckoned.amount,
        method=wish.method,
        tenders=reckoned.shares(wish.method),
        reason=wish.reason,
    )


def _refused_preview(work: Work, order: Order, error: Unprocessable) -> dict[str, Any]:
    if error.code == "unknown_line":
        raise error
    most = deciding.most_left(work, order)
    return {
        "amount": Money(0, most.currency).json(),
        "lines": [],
        "shipping": None,
        "fees": None,
        "tenders": [],
        "platform_amount": None,
        "difference": None,
        "allowed": False,
        "needs_approval": False,
        "needs_exception": False,
        "needs_step_up": False,
        "most": most.json(),
        "granted": None,
        "reasons": [{"code": error.code, "text": str(error), "next_step": error.next_step}],
        "order_version": deciding.money_version(order),
    }


def _quote(
    services: Services, store_id: int, draft: actions.Plan, record: Any
) -> tuple[Quote | None, dict[str, str] | None]:
    """What the platform would pay, and the reason if it would not."""
    try:
        api = services.api(store_id, True)
    except StoreError as error:
        return None, {"code": error.code, "text": error.next_step or str(error)}
    try:
        reason = api.supports(ActionKind.REFUND, record)
        if reason:
            return None, {"code": "not_possible", "text": reason}
        return api.quote(draft.request), None
    except StoreError as error:
        return None, {"code": error.code, "text": error.next_step or str(error)}
    finally:
        api.close()


def _difference(reckoned: deciding.Sum, quote: Quote | None) -> str | None:
    """Why the platform would pay another sum, in words; None where both agree."""
    if quote is None or quote.amount == reckoned.amount:
        return None
    apart = reckoned.amount - quote.amount
    word = "less" if apart.minor < 0 else "more"
    size = Money(abs(apart.minor), apart.currency)
    because = " because of fees" if reckoned.fees and apart.minor < 0 else ""
    if not reckoned.lines:
        because = " because the amount was chosen by hand"
    return f"{size.text} {size.currency} {word} than the store would calculate{because}."


def _queues_offline(services: Services, account_id: int) -> bool:
    with services.reading(account_id) as work:
        return limits.load(work).offline == "queue"


def ask(
    services: Services,
    account_id: int,
    order_id: int,
    kind: ActionKind | str,
    wish: Wish,
    who: Who,
    idempotency_key: str,
    *,
    shown: str = "",
) -> dict[str, Any]:
    """Write the decision down and answer at once; a worker carries it out. The contract's Action JSON.

    The same key with the same wish is the same action. `shown`: the sum that a person saw on the button;
    if the order as it now is gives another, they look again. Raises Unprocessable, Forbidden, Conflict,
    StoreUnavailable.
    """
    kind = ActionKind(kind)
    if not who.may_act:
        raise Forbidden(
            "who you are is not proven here",
            code="not_proven",
            next_step="Pair this sidebar with your own sign-in, then try again.",
        )
    with services.reading(account_id) as work:
        action = actions.again(work, who, kind, order_id, wish, idempotency_key)
        if action is not None:
            return views.action(action)
    offline = freshen(services, account_id, order_id)
    if offline and not _queues_offline(services, account_id):
        raise RateLimited("the store cannot be read just now, so nothing was asked of it", wait=10.0)
    if not offline:
        _check_support(services, account_id, order_id, kind)
    with services.transaction(account_id) as work:
        actions.lock_order(work, order_id)
        action = actions.again(work, who, kind, order_id, wish, idempotency_key)
        if action is None:
            order = find_order(work, order_id)
            plan = planning.decide(work, order, kind, wish, who, key=actions.new_key())
            if shown and plan.amount is not None and plan.amount.text != shown:
                raise Conflict("the sum is another one now", code="sum_changed")
            action = actions.add(work, who, order, kind, wish, idempotency_key, plan)
        return views.action(action)


def _check_support(services: Services, account_id: int, order_id: int, kind: ActionKind) -> None:
    with services.reading(account_id) as work:
        order = find_order(work, order_id)
        record, store_id = record_of(order), order.store_id
    api = services.api(store_id, True)
    try:
        reason = api.supports(kind, record)
    finally:
        api.close()
    if reason:
        raise Unprocessable(reason, code="not_possible", next_step=reason)


def view(services: Services, account_id: int, action_id: int) -> dict[str, Any]:
    with services.reading(account_id) as work:
        return views.action(actions.find(work, action_id))


def _must_decide(who: Who) -> None:
    if who.role not in DECIDERS or not who.may_act:
        raise Forbidden("a lead or admin decides this", code="not_a_lead")


def approve(services: Services, account_id: int, action_id: int, who: Who, note: str = "") -> dict[str, Any]:
    """A second person says yes. The order is read again; if its money changed, the request is stale."""
    _must_decide(who)
    with services.reading(account_id) as work:
        order_id = actions.find(work, action_id).order_id
    offline = freshen(services, account_id, order_id)
    if offline and not _queues_offline(services, account_id):
        raise RateLimited("the store cannot be read just now, so nothing was approved", wait=10.0)
    stale: AppError | None = None
    with services.transaction(account_id) as work:
        actions.lock_order(work, order_id)
        action = actions.find(work, action_id, lock=True)
        actions.must_await(action)
        actions.must_be_another(action, who)
        order = find_order(work, order_id)
        if deciding.is_stale(action, order):
            stale = Conflict("the order changed since this was asked", code="stale")
        else:
            try:
                plan = _again(work, action, order, who)
                actions.approve(work, action, who, plan, note)
            except Unprocessable as refused:
                stale = Conflict(f"it can no longer be done: {refused}", code="stale")
        if stale is not None:
            stale.next_step = "Look at the order as it is now and ask again."
            reason = {"code": "stale", "message": str(stale), "next_step": stale.next_step}
            actions.reject(work, action, who, note, error=reason)
        answer = views.action(action)
    if stale is not None:
        raise stale
    return answer


def _again(work: Work, action: Action, order: Order, who: Who) -> actions.Plan:
    """The plan, made anew on the order as it now is, within the approver's own limits."""
    wish = msgspec.convert(action.wish, Wish)
    plan = planning.decide(work, order, action.kind, wish, who, key=action.key, besides=action.id)
    sum_now = (plan.amount.minor, plan.amount.currency) if plan.amount else (None, None)
    if sum_now != (action.amount, action.currency):
        raise Unprocessable("the sum would be another one now", code="stale")
    beyond = [reason["code"] for reason in plan.reasons if reason["code"] in OWN_LIMITS]
    if beyond:
        raise Forbidden("this is above your own limit", code=beyond[0])
    # What the store reads beside it names who asked, as on the first day.
    asked = msgspec.convert(action.request, ActionRequest)
    return replace(plan, request=msgspec.structs.replace(plan.request, note=asked.note))


OWN_LIMITS = frozenset({"limit_action", "limit_day", "limit_order", "step_up"})
"""What nobody can approve beyond. A budget, and a sum above which two must agree, a second person lifts."""


def reject(services: Services, account_id: int, action_id: int, who: Who, note: str = "") -> dict[str, Any]:
    """Say no; or withdraw, if it is one's own request."""
    with services.transaction(account_id) as work:
        action = actions.find(work, action_id, lock=True)
        if who.caller != action.caller or not who.may_act:
            _must_decide(who)
        actions.reject(work, action, who, note)
        return views.action(action)


def settle(
    services: Services, account_id: int, action_id: int, who: Who, decision: str, note: str = ""
) -> dict[str, Any]:
    """A lead settles what reading back did not: "done", "not_done" or "send_again".

    The store is asked once more first: if it shows the action, that settles it, whatever the person thought.
    If it shows a part of it, raises :exc:`Conflict` where the person says that nothing was done.
    """
    _must_decide(who)
    with services.reading(account_id) as work:
        action = actions.find(work, action_id)
        claim = carrying.looking(action)
    receipt = None
    if action.status is ActionStatus.NEEDS_ATTENTION:
        try:
            receipt = _found(services, claim)
        except Traced as trace:
            if decision == "not_done":
                said = f"the store shows it: {trace}"
                raise Conflict(said, code=trace.code, next_step=trace.next_step) from trace
    with services.transaction(account_id) as work:
        if receipt is not None:
            carrying.finish(work, claim, receipt)
        action = actions.find(work, action_id, lock=True)
        if receipt is None or action.status is not ActionStatus.SUCCEEDED:
            actions.settle_by_person(work, action, who, decision, note)
            work.session.flush()
            settling.close_paid(work, order_id=action.order_id)
        return views.action(action)


def _found(services: Services, claim: carrying.Claim) -> Receipt | None:
    """What the store shows of it now. A store that cannot be read leaves it to the person's word.

    Raises :exc:`Traced` where it shows a part.
    """
    if claim.prepared is None:
        return None
    try:
        api = services.api(claim.store_id, True)
    except StoreError:
        return None
    try:
        return api.find(claim.request, claim.prepared)
    except Traced:
        raise
    except StoreError as error:
        log.info("action %s: not looked up before it was settled: %s", claim.action_id, error.code)
        return None
    finally:
        api.close()
