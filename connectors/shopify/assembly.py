"""An order put together again from its bulk rows and the details that bulk cannot bring. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import field

from connectors.shopify.orders import reason
from connectors.shopify.shapes import (
    DetailShape,
    LineShape,
    Nodes,
    OrderShape,
    Ref,
    ReturnLineShape,
    ReturnShape,
    ShippingLineShape,
)
from connectors.shopify.spool import OrderRows
from connectors.shopify.values import paid
from integration.ports import Poisoned


class BulkOrder(OrderShape):
    """An order's own row. Of shipments and refunds it only tells that they are there."""

    shippingLine: ShippingLineShape | None = None
    shipments: list[Ref] = field(default_factory=list)
    paidBack: list[Ref] = field(default_factory=list)


_order = msgspec.json.Decoder(BulkOrder)
_line = msgspec.json.Decoder(LineShape)
_return = msgspec.json.Decoder(ReturnShape)
_return_line = msgspec.json.Decoder(ReturnLineShape)
_detail = msgspec.json.Decoder(DetailShape)


def orders(groups: Iterable[OrderRows]) -> tuple[list[BulkOrder], list[Poisoned]]:
    """The orders of these rows, and those with a row that cannot be read."""
    good: list[BulkOrder] = []
    poisoned: list[Poisoned] = []
    for rows in groups:
        if rows.order is None:
            poisoned.append(Poisoned(platform_id=rows.id, reason="its own row is missing"))
            continue
        try:
            good.append(_assembled(rows.order, rows))
        except (msgspec.DecodeError, ValueError) as error:
            poisoned.append(Poisoned(platform_id=rows.id, reason=reason(error)))
    return good, poisoned


def _assembled(row: bytes, rows: OrderRows) -> BulkOrder:
    shape = _order.decode(row)
    if shape.shippingLine is not None:
        shape.shippingLines = Nodes(nodes=[shape.shippingLine])
    shape.lineItems = Nodes(nodes=[_line.decode(each) for each in rows.lines])
    returns = {each.id: each for each in map(_return.decode, rows.returns)}
    for return_id, each in rows.return_lines:
        returns[return_id].returnLineItems.nodes.append(_return_line.decode(each))
    shape.returns = Nodes(nodes=list(returns.values()))
    return shape


def is_incomplete(shape: BulkOrder) -> bool:
    """Whether document 19 has more to tell. Several delivery charges show in their sum."""
    if shape.shipments or shape.paidBack:
        return True
    first = shape.shippingLine
    charged = paid(first.discountedPriceSet).minor if first and not first.isRemoved else 0
    return charged != paid(shape.totalShippingPriceSet).minor


def add_details(shape: BulkOrder, raw: bytes) -> bool:
    """Hang the details on. False if the order changed after bulk saw it: the parts would not fit together."""
    detail = _detail.decode(raw)
    if detail.updatedAt != shape.updatedAt:
        return False
    shape.shippingLines = detail.shippingLines
    shape.fulfillments = detail.fulfillments
    shape.refunds = detail.refunds
    return True
