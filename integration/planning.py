"""What a wish becomes: the request to the store, frozen, or a refusal. Reads the cache; changes nothing."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import select

from integration import actions, deciding, limits
from integration.actions import Plan
from integration.db.accounts import Account
from integration.db.actions import Action
from integration.db.customers import StoreCustomer
from integration.db.orders import Order
from integration.db.stores import Store, StoreStatus
from integration.deciding import Sum
from integration.eligibility.messages import N_
from integration.errors import Forbidden, Unprocessable
from integration.ids import child_id
from integration.money import Money
from integration.ports import ActionKind, ActionRequest, RefundLineWish
from integration.records import Address, FulfillmentStatus, Platform
from integration.wishes import Who, Wish
from integration.work import Work

METHODS = {
    Platform.SHOPIFY: {
        "manual": N_("Shopify pays back itself: to the original payments or as store credit.")
    },
    Platform.WOOCOMMERCE: {"store_credit": N_("WooCommerce has no store credit.")},
}
"""Ways of paying back that a platform does not know, and why."""
NO_CREDIT = N_("This shop has store credit switched off.")
NO_BUYER = N_("Store credit needs a customer account on the order.")


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
    if order.gone_at is not None:
        raise Unprocessable("the store no longer has this order", code="order_gone")
    if kind == ActionKind.REFUND:
        return _decide_refund(work, store, order, wish, who, key, besides)
    if kind == ActionKind.CANCEL:
        return _decide_cancel(work, store, order, wish, who, key, besides)
    return _decide_other(work, order, kind, wish, who, key)


def _decide_refund(
    work: Work, store: Store, order: Order, wish: Wish, who: Who, key: str, besides: int | None
) -> Plan:
    buyer = _store_customer(work, order)
    if because := method_forbids(store, wish.method, buyer):
        raise Unprocessable(because, code="not_possible", next_step=because)
    weighed = deciding.weigh(work, order, wish, who, besides=besides)
    assert weighed.sum is not None
    if weighed.needs_exception:
        raise Unprocessable(
            "this goes beyond the verdict",
            code="needs_exception",
            next_step="Give the reason for the exception, or choose less.",
        )
    if weighed.needs_step_up:
        raise _step_up()
    reckoned = weighed.sum
    request = ActionRequest(
        key=key,
        kind=ActionKind.REFUND,
        order_id=order.platform_id,
        currency=order.currency,
        lines=reckoned.lines,
        shipping=reckoned.shipping,
        amount=reckoned.given,
        bonus=reckoned.given - reckoned.amount if reckoned.given > reckoned.amount else None,
        method=wish.method,
        tenders=reckoned.shares(wish.method),
        note=_note(wish, who),
        notify=wish.notify,
        reason=wish.reason,
        customer_id=buyer,
    )
    return Plan(
        request=request,
        amount=reckoned.given,
        order_version=deciding.money_version(order),
        verdict={**reckoned.verdict, "beyond": reckoned.beyond_by},
        needs_approval=weighed.needs_approval,
        reasons=weighed.reasons,
        before=_money_before(work, order, besides),
    )


def ways(work: Work, order: Order) -> dict[str, str | None]:
    """Each way of paying back this order: None, or why it is not possible."""
    store = work.session.scalars(select(Store).where(Store.id == order.store_id)).one()
    buyer = _store_customer(work, order)
    return {method: method_forbids(store, method, buyer) for method in ("original", "store_credit", "manual")}


def method_forbids(store: Store, method: str, buyer: str | None) -> str | None:
    """Why this store cannot pay this order back in that way, or None."""
    if because := METHODS[store.platform].get(method):
        return because
    if method == "store_credit":
        if not store.features.get("store_credit", True):
            return NO_CREDIT
        return None if buyer else NO_BUYER
    return None


def _decide_cancel(
    work: Work, store: Store, order: Order, wish: Wish, who: Who, key: str, besides: int | None
) -> Plan:
    """Before shipping all money goes back, so a cancel with money is held against the limits too."""
    buyer = _store_customer(work, order)
    amount = _cancel_sum(work, order, wish, besides)
    over: list[str] = []
    if amount is not None:
        if because := method_forbids(store, wish.method, buyer):
            raise Unprocessable(because, code="not_possible", next_step=because)
        over = deciding.over_limits(work, order, who, Sum(amount=amount), besides=besides)
        account = work.session.scalars(select(Account).where(Account.id == work.account_id)).one()
        mine = limits.limits_for(account.settings, who.role, who.limits, order.currency)
        if deciding.needs_step_up(mine, who, amount):
            raise _step_up()
    request = ActionRequest(
        key=key,
        kind=ActionKind.CANCEL,
        order_id=order.platform_id,
        currency=order.currency,
        amount=amount,
        method=wish.method,
        note=_note(wish, who),
        notify=wish.notify,
        reason=wish.reason,
        restock=wish.restock,
        refund_on_cancel=wish.refund,
        customer_id=buyer,
    )
    return Plan(
        request=request,
        amount=amount,
        order_version=deciding.money_version(order),
        verdict={},
        needs_approval=bool(over),
        reasons=tuple(deciding.reason(code) for code in over),
        before=_money_before(work, order, besides),
    )


def _cancel_sum(work: Work, order: Order, wish: Wish, besides: int | None) -> Money | None:
    """What goes back with the order; None for nothing. Raises :exc:`Unprocessable` if it cannot be."""
    if order.cancelled_at is not None:
        raise Unprocessable("the order is cancelled already", code="already_cancelled")
    if order.fulfillment_status is not FulfillmentStatus.UNFULFILLED:
        raise Unprocessable("part of the order was sent: refund or return it instead", code="already_sent")
    if any(row.status in actions.OPEN for row in actions.reserved(work, order, besides=besides)):
        # A store pays back all that is left when it cancels, whatever was weighed here.
        raise Unprocessable(
            "a refund of this order is already under way",
            code="under_way",
            next_step="Wait for it to end, or look at it in the list of actions.",
        )
    most = deciding.most_left(work, order, besides=besides)
    return most if wish.refund and most.minor else None


def must_hold(work: Work, action: Action, order: Order) -> None:
    """What was decided about money, held against the order as it is when it is carried out, maybe days later.

    Who asked was let in and kept to their limits then. But the sum must still be that one, and no more of it
    beyond the verdict. Raises :exc:`Unprocessable`.
    """
    if order.gone_at is not None:
        raise Unprocessable("the store no longer has this order", code="order_gone")
    wish = msgspec.convert(action.wish, Wish)
    amount: Money | None
    beyond = 0
    if action.kind == ActionKind.CANCEL:
        amount = _cancel_sum(work, order, wish, action.id)
    elif deciding.is_stale(action, order):
        reckoned = deciding.reckon(work, order, wish, besides=action.id)
        amount, beyond = reckoned.given, reckoned.beyond_by
    else:
        return
    found = (amount.minor, amount.currency) if amount else (None, None)
    if found != (action.amount, action.currency) or beyond > int(action.verdict.get("beyond", 0)):
        raise Unprocessable("the sum would be another one now", code="stale")


def _step_up() -> Forbidden:
    return Forbidden(
        "this amount needs a fresh proof of who you are",
        code="step_up",
        next_step="Confirm with your passkey or code, then send again.",
    )


def _money_before(work: Work, order: Order, besides: int | None) -> dict[str, Any]:
    return {
        "refunded": order.refunded,
        "left": deciding.most_left(work, order, besides=besides).minor,
        "status": order.financial_status.value,
    }


def _decide_other(work: Work, order: Order, kind: ActionKind, wish: Wish, who: Who, key: str) -> Plan:
    """Kinds that move no money."""
    if kind == ActionKind.ADDRESS and order.fulfillment_status is not FulfillmentStatus.UNFULFILLED:
        raise Unprocessable("the address can only be changed before anything is sent", code="already_sent")
    request = ActionRequest(
        key=key,
        kind=kind,
        order_id=order.platform_id,
        currency=order.currency,
        lines=_pieces(order, wish),
        note=wish.note if kind in SAID_TO_CUSTOMER else _note(wish, who),
        notify=wish.notify,
        reason=wish.reason,
        return_id=_return_id(order, wish.return_id),
        customer_id=_store_customer(work, order),
        address=_address(wish) if wish.address else None,
        tags_add=wish.tags_add,
        tags_remove=wish.tags_remove,
        public=wish.public,
    )
    before, personal = _other_before(order, kind, request)
    return Plan(
        request=request,
        amount=None,
        order_version=deciding.money_version(order),
        verdict={},
        needs_approval=False,
        before=before,
        personal=personal,
    )


SAID_TO_CUSTOMER = frozenset({ActionKind.NOTE, ActionKind.RETURN_DECLINE})
"""Their words are what the customer or the shop reads: nothing is added to them."""


def _pieces(order: Order, wish: Wish) -> tuple[RefundLineWish, ...]:
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
    return tuple(lines)


def _other_before(
    order: Order, kind: ActionKind, request: ActionRequest
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What it was and what it becomes: codes for the detail, what is about a person apart."""
    if kind == ActionKind.ADDRESS:
        after = msgspec.to_builtins(request.address)
        return {}, {"before": _one_line(order.shipping_address or {}), "after": _one_line(after)}
    if kind == ActionKind.TAGS:
        return {"tags": list(order.tags)}, {}
    if request.return_id is not None:
        found = next(row for row in order.returns if row.platform_id == request.return_id)
        return {"return": found.platform_id, "status": found.status}, {}
    return {}, {}


def _one_line(address: dict[str, Any]) -> str:
    return ", ".join(str(part) for part in address.values() if part)


def _address(wish: Wish) -> Address:
    assert wish.address is not None
    return msgspec.convert(msgspec.to_builtins(wish.address), Address)


def _return_id(order: Order, public: str | None) -> str | None:
    if public is None:
        return None
    for item in order.returns:
        if public in (child_id(order.id, item.platform_id), item.platform_id):
            return item.platform_id
    raise Unprocessable("this order has no such return", code="unknown_return")


def _note(wish: Wish, who: Who) -> str:
    """What the store keeps beside the action: who, where, why. Its mark is added by the connector."""
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
