"""One request as the second person needs to see it: what was asked, on which grounds, and what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integration import actions, deciding, ledger, limits
from integration.customers import Profile, find_order, profile
from integration.db.accounts import Account, Role
from integration.db.actions import FINAL, Action, ActionStatus
from integration.db.orders import Order, Refund
from integration.db.stores import Store
from integration.errors import NotFound
from integration.limits import Limits
from integration.people import find_agent
from integration.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemView:
    title: str
    quantity: int
    amount: int | None
    restock: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictView:
    title: str
    verdict: str
    basis: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestView:
    action: Action
    order: Order
    store: Store | None
    asked_by: str
    decided_by: str
    customer: Profile | None
    items: tuple[ItemView, ...]
    shipping: int | None
    verdicts: tuple[VerdictView, ...]
    policy_version: str | None
    law: str
    delivered_at: datetime | None
    limits: Limits | None
    """The asker's own, now."""
    spent_today: int
    beyond_budget: int
    beyond_used: int
    left: int
    """What may still be paid back on the order, this request not counted."""
    stale: bool
    others: tuple[Action, ...]
    refunds_since: tuple[Refund, ...]

    @property
    def beyond(self) -> bool:
        return bool(self.action.exception)

    @property
    def settled(self) -> bool:
        return self.action.status in FINAL


def look(work: Work, action: Action) -> RequestView:
    """Everything about one action, from the cache alone."""
    order = find_order(work, action.order_id)
    account = work.session.get(Account, work.account_id)
    assert account is not None
    asked = action.request or {}
    day, month = ledger.starts(work.now(), account.timezone)
    held = _limits(work, account, action)
    titles = {line.platform_id: _title(line.title, line.variant_title) for line in order.lines}
    money = action.currency or order.currency
    return RequestView(
        action=action,
        order=order,
        store=work.session.get(Store, action.store_id),
        asked_by=_name(work, action.requested_by_id, action.requested_by),
        decided_by=_said_by(action) or _name(work, action.approved_by_id, action.approved_by or ""),
        customer=_customer(work, order),
        items=tuple(
            ItemView(
                title=titles.get(str(line.get("line_id")), str(line.get("line_id"))),
                quantity=int(line.get("quantity", 0)),
                amount=_minor(line.get("amount")),
                restock=bool(line.get("restock")),
            )
            for line in asked.get("lines", ())
        ),
        shipping=_minor(asked.get("shipping")),
        verdicts=_verdicts(action.verdict or {}, titles),
        policy_version=(action.verdict or {}).get("policy_version"),
        law=str((action.verdict or {}).get("law") or ""),
        delivered_at=max(
            (sent.delivered_at for sent in order.fulfillments if sent.delivered_at), default=None
        ),
        limits=held,
        spent_today=ledger.refunded_today(work, action.requested_by_id or 0, money, day),
        beyond_budget=held.exception_budget if held else 0,
        beyond_used=actions.exceptions_since(work, money, month, besides=action.id),
        left=deciding.most_left(work, order, besides=action.id).minor,
        stale=action.status is ActionStatus.AWAITING_APPROVAL and deciding.is_stale(action, order),
        others=tuple(ledger.others_on_order(work, action)),
        refunds_since=tuple(refund for refund in order.refunds if refund.created_at > action.created_at),
    )


def _limits(work: Work, account: Account, action: Action) -> Limits | None:
    """Those of the person who asked; None for a program."""
    if action.requested_by_id is None or not action.currency:
        return None
    try:
        agent = find_agent(work, action.requested_by_id)
    except NotFound:
        return None
    return limits.limits_for(account.settings, Role(agent.role), agent.limits, action.currency)


def _name(work: Work, agent_id: int | None, otherwise: str) -> str:
    """The name of the agent, or what the record says of a program."""
    try:
        return find_agent(work, agent_id).name if agent_id is not None else otherwise
    except NotFound:
        return otherwise


def _said_by(action: Action) -> str:
    """Who settled it by their word, when no answer did."""
    return str((action.receipt or {}).get("said_by") or (action.error or {}).get("said_by") or "")


def _customer(work: Work, order: Order) -> Profile | None:
    if order.customer_id is None or order.redacted_at is not None:
        return None
    try:
        return profile(work, order.customer_id)
    except NotFound:
        return None


def _verdicts(verdict: Mapping[str, Any], titles: Mapping[str, str]) -> tuple[VerdictView, ...]:
    return tuple(
        VerdictView(
            title=titles.get(str(line.get("line_id")), ""),
            verdict=str(line.get("verdict", "")),
            basis=str(line.get("basis", "")),
            quantity=int(line.get("quantity", 0)),
        )
        for line in verdict.get("lines", ())
    )


def _minor(amount: Mapping[str, Any] | None) -> int | None:
    return int(amount["minor"]) if amount else None


def _title(title: str, variant: str) -> str:
    return f"{title}, {variant}" if variant and variant != title else title
