"""The moments of an action: look before the button, ask, decide, carry out.

Views and the API call these; workers call `carry_out`. No path repeats a money call blindly.
"""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from sqlalchemy import select

from integration import actions, deciding, limits, stores, views
from integration.actions import Claim
from integration.customers import find_order
from integration.db.accounts import Account, Role
from integration.db.actions import Action, ActionStatus
from integration.db.orders import Order
from integration.errors import (
    AppError,
    Conflict,
    Forbidden,
    NotFound,
    RateLimited,
    StoreError,
    StoreRefused,
    Unprocessable,
)
from integration.money import Money
from integration.ports import ActionKind, ActionRequest, Quote, Receipt, StoreApi
from integration.recorded import record_of
from integration.wishes import Who, Wish
from integration.work import Work
from jobs import sync
from jobs.boot import Services

log = logging.getLogger(__name__)

DECIDERS = frozenset({Role.LEAD, Role.ADMIN})


def _kind(kind: ActionKind | str) -> ActionKind:
    return ActionKind(kind)


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
            amount=reckoned.amount,
            order_version=deciding.money_version(order),
            verdict=reckoned.verdict,
            needs_approval=weighed.needs_approval,
        )
        record = record_of(order)
        reasons = list(weighed.reasons)
    quote, problem = (None, None) if offline else _quote(services, order.store_id, draft, record)
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
        "amount": (reckoned.store_credit or reckoned.amount).json(),
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
) -> dict[str, Any]:
    """Write the decision down and answer at once; a worker carries it out. The contract's Action JSON.

    The same key with the same wish is the same action. Raises Unprocessable, Forbidden, StoreUnavailable.
    """
    kind = _kind(kind)
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
            plan = deciding.decide(work, order, kind, wish, who, key=actions.new_key())
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
        raise Unprocessable(reason, code="not_possible")


def possible(
    services: Services, order: Order, kinds: tuple[ActionKind, ...], api: StoreApi | None
) -> dict[str, str | None]:
    """For the buttons: kind → None if it can be done, else why not. Asks no store over the network."""
    record = record_of(order)
    if api is None:
        return dict.fromkeys(kinds, "The store cannot be reached just now.")
    return {kind.value: api.supports(kind, record) for kind in kinds}


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

    from integration.wishes import Wish as WishType

    wish = msgspec.convert(action.wish, WishType)
    plan = deciding.decide(work, order, action.kind, wish, who, key=action.key, besides=action.id)
    if plan.amount is not None and (plan.amount.minor, plan.amount.currency) != (
        action.amount,
        action.currency,
    ):
        raise Unprocessable("the sum would be another one now", code="stale")
    account = work.session.scalars(select(Account).where(Account.id == work.account_id)).one()
    mine = limits.limits_for(account.settings, who.role, who.limits, order.currency)
    if plan.amount is not None and mine.action is not None and plan.amount.minor > mine.action:
        raise Forbidden("this is above your own limit", code="limit_action")
    return plan


def reject(services: Services, account_id: int, action_id: int, who: Who, note: str = "") -> dict[str, Any]:
    """Say no; or withdraw, if it is one's own request."""
    with services.transaction(account_id) as work:
        action = actions.find(work, action_id, lock=True)
        if who.caller != action.caller:
            _must_decide(who)
        actions.reject(work, action, who, note)
        return views.action(action)


def settle(
    services: Services, account_id: int, action_id: int, who: Who, decision: str, note: str = ""
) -> dict[str, Any]:
    """A lead settles what reading back did not: "done", "not_done" or "send_again"."""
    _must_decide(who)
    with services.transaction(account_id) as work:
        action = actions.find(work, action_id, lock=True)
        actions.settle_by_person(work, action, who, decision, note)
        return views.action(action)


# The worker


def carry_out(services: Services, *, account_id: int, action_id: int) -> None:
    """Take one action towards its end, however often this is run and wherever an earlier run died."""
    with services.transaction(account_id) as work:
        claim = actions.claim(work, action_id)
    if claim is None:
        return  # finished, not due, or in another worker's hands
    try:
        api = services.api(claim.store_id)
    except StoreError as error:
        _put_off(services, claim, error)
        return
    try:
        _advance(services, claim, api)
    finally:
        api.close()
    _show(services, claim)


def _advance(services: Services, claim: Claim, api: StoreApi) -> None:
    """Look, prepare, promise, send: each step committed before the next."""
    try:
        if claim.sent_at is not None:
            # An earlier try may have reached the store: only looking can tell.
            _look(services, claim, api)
            return
        prepared = claim.prepared or api.prepare(claim.request)
    except StoreRefused as error:
        _end(services, claim, refused=error)
        return
    except StoreError as error:
        _put_off(services, claim, error)
        return
    _send(services, claim, api, prepared)


def _send(services: Services, claim: Claim, api: StoreApi, prepared: str) -> None:
    with services.transaction(claim.account_id) as work:
        mine = actions.about_to_send(work, claim, prepared)
    if not mine:
        return
    try:
        receipt = api.send(claim.request, prepared)
    except StoreRefused as error:
        _end(services, claim, refused=error)
    except RateLimited as error:
        with services.transaction(claim.account_id) as work:
            actions.not_sent(work, claim, error.wait)
    except StoreError as error:
        _unclear(services, claim, error)
    else:
        _end(services, claim, receipt=receipt)


def _look(services: Services, claim: Claim, api: StoreApi) -> None:
    """What became of the message that may have been sent? If the store has nothing, wait and look again."""
    try:
        receipt = api.find(claim.request, claim.prepared or "")
    except StoreError as error:
        _unclear(services, claim, error)
        return
    if receipt is not None:
        _end(services, claim, receipt=receipt)
        return
    assert claim.sent_at is not None
    young = services.now() - claim.sent_at < actions.KEY_LIFE
    if young and claim.prepared and api.repeatable(claim.request):
        # The store itself answers a repeated key with what was done first: sending again is looking.
        _send(services, claim, api, claim.prepared)
        return
    missing = StoreError(
        "the store shows no trace of it, and nobody knows whether the message arrived",
        code="unclear",
        next_step="Look at the order in the store, then say whether it was done.",
    )
    _unclear(services, claim, missing)


def _end(
    services: Services, claim: Claim, *, receipt: Receipt | None = None, refused: StoreRefused | None = None
) -> None:
    with services.transaction(claim.account_id) as work:
        if receipt is not None:
            actions.finish(work, claim, receipt)
        elif refused is not None:
            actions.refuse(work, claim, stores.problem(refused, work.now()))


def _unclear(services: Services, claim: Claim, error: StoreError) -> None:
    log.info("action %s: unclear: %s", claim.action_id, error.code)
    with services.transaction(claim.account_id) as work:
        actions.unclear(work, claim, stores.problem(error, work.now()))


def _put_off(services: Services, claim: Claim, error: StoreError) -> None:
    """Nothing was sent in this try."""
    log.info("action %s: put off: %s", claim.action_id, error.code)
    wait = error.wait if isinstance(error, RateLimited) else 5.0
    with services.transaction(claim.account_id) as work:
        if claim.sent_at is not None:
            actions.unclear(work, claim, stores.problem(error, work.now()))
        elif claim.attempts >= 100:
            actions.refuse(work, claim, stores.problem(error, work.now()))
        else:
            actions.not_sent(work, claim, min(wait * claim.attempts, 300.0))


def _show(services: Services, claim: Claim) -> None:
    """Bring the changed order home at once; the store's webhook will say the same later."""
    with services.reading(claim.account_id) as work:
        done = actions.find(work, claim.action_id).status == ActionStatus.SUCCEEDED
    if not done:
        return
    try:
        sync.refresh_order(services, claim.account_id, claim.order_id, interactive=False)
    except (StoreError, NotFound) as error:
        log.info("order %s not read after its action: %s", claim.order_id, error.code)
