"""Refunds and returns as Shopify tells them → ours. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from connectors.shopify.reasons import code_of
from connectors.shopify.shapes import Bag, RefundShape, ReturnShape
from connectors.shopify.values import maybe_utc, paid, unmark, utc
from integration.money import Money, total
from integration.records import RefundLineRecord, RefundRecord, ReturnLineRecord, ReturnRecord


def refund(shape: RefundShape, *, taxes_included: bool) -> RefundRecord:
    note, key = unmark(shape.note)
    amount = paid(shape.totalRefundedSet)
    shipping = [
        _with_tax(each.subtotalAmountSet, each.taxAmountSet, taxes_included)
        for each in shape.refundShippingLines.nodes
    ]
    return RefundRecord(
        platform_id=shape.id,
        created_at=utc(shape.createdAt or shape.processedAt),
        amount=amount,
        lines=tuple(
            RefundLineRecord(
                line_id=each.lineItem.id,
                quantity=each.quantity,
                amount=_with_tax(each.subtotalSet, each.totalTaxSet, taxes_included),
                restocked=each.restocked,
            )
            for each in shape.refundLineItems.nodes
        ),
        shipping=total(shipping, amount.currency) if shipping else None,
        note=note,
        marker=key,
        return_id=shape.return_.id if shape.return_ else None,
        paid_back=_paid_back(shape),
    )


def _paid_back(shape: RefundShape) -> bool | None:
    """A refund row is no proof of money: its transactions are. Source: fact sheet, 2.1."""
    moves = shape.transactions.nodes
    if any(each.status in ("PENDING", "AWAITING_RESPONSE", "UNKNOWN") for each in moves):
        return None
    return bool(moves) and all(each.status == "SUCCESS" and not each.manualPaymentGateway for each in moves)


def _with_tax(net: Bag, tax: Bag, taxes_included: bool) -> Money:
    return paid(net) if taxes_included else paid(net) + paid(tax)


def return_(shape: ReturnShape) -> ReturnRecord:
    decline = shape.decline
    return ReturnRecord(
        platform_id=shape.id,
        status=shape.status.lower(),
        name=shape.name,
        created_at=maybe_utc(shape.createdAt),
        closed_at=maybe_utc(shape.closedAt),
        decline_reason=": ".join(filter(None, (decline.reason.lower(), decline.note))) if decline else "",
        lines=tuple(
            ReturnLineRecord(
                platform_id=each.id,
                line_id=each.fulfillmentLineItem.lineItem.id if each.fulfillmentLineItem else None,
                quantity=each.quantity,
                reason=code_of(each.returnReasonDefinition.handle) if each.returnReasonDefinition else "",
                note=unmark(each.customerNote or each.returnReasonNote)[0],
                processed_quantity=each.processedQuantity,
                refunded_quantity=each.refundedQuantity,
            )
            for each in shape.returnLineItems.nodes
        ),
    )


def by_age(returns: Iterable[ReturnShape]) -> list[ReturnShape]:
    return sorted(returns, key=lambda each: (each.createdAt or datetime.min.replace(tzinfo=UTC), each.id))
