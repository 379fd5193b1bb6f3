"""The executable schema: the SDL beside this file, and how each field finds its value.

Most fields are looked up in stored documents. Connections are paged, references followed, and scopes
checked where the table says so.
"""

from __future__ import annotations

from functools import cache, partial
from importlib import resources
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from connectors.demo.shopify import credit, paging, reading, suggestions, writing
from connectors.demo.shopify.bags import Doc
from connectors.demo.shopify.desk import Desk, Info
from connectors.demo.shopify.problems import Problem
from connectors.demo.shopify.webhooks import grants

NEEDS: dict[tuple[str, str], str] = {
    ("QueryRoot", "orders"): "read_orders",
    ("QueryRoot", "order"): "read_orders",
    ("QueryRoot", "ordersCount"): "read_orders",
    ("QueryRoot", "fulfillment"): "read_orders",
    ("QueryRoot", "customer"): "read_customers",
    ("QueryRoot", "customerByIdentifier"): "read_customers",
    ("QueryRoot", "return"): "read_returns",
    ("QueryRoot", "returnableFulfillments"): "read_returns",
    ("QueryRoot", "returnCalculate"): "read_returns",
    ("QueryRoot", "returnReasonDefinitions"): "read_returns",
    ("QueryRoot", "reverseFulfillmentOrder"): "read_returns",
    ("Order", "customer"): "read_customers",
    ("Order", "returns"): "read_returns",
    ("Customer", "orders"): "read_orders",
    ("Customer", "storeCreditAccounts"): "read_store_credit_accounts",
    ("Shop", "shopPolicies"): "read_legal_policies",
    ("Mutation", "refundCreate"): "write_orders",
    ("Mutation", "orderCancel"): "write_orders",
    ("Mutation", "orderUpdate"): "write_orders",
    ("Mutation", "tagsAdd"): "write_orders",
    ("Mutation", "tagsRemove"): "write_orders",
    ("Mutation", "orderInvoiceSend"): "write_orders",
    ("Mutation", "returnCreate"): "write_returns",
    ("Mutation", "returnRequest"): "write_returns",
    ("Mutation", "returnApproveRequest"): "write_returns",
    ("Mutation", "returnDeclineRequest"): "write_returns",
    ("Mutation", "returnProcess"): "write_returns",
    ("Mutation", "returnClose"): "write_returns",
    ("Mutation", "returnCancel"): "write_returns",
    ("Mutation", "reverseDeliveryCreateWithShipping"): "write_returns",
    ("Mutation", "reverseFulfillmentOrderDispose"): "write_returns",
    ("Mutation", "storeCreditAccountCredit"): "write_store_credit_account_transactions",
    ("Mutation", "giftCardCreate"): "write_gift_cards",
    ("Mutation", "draftOrderCreateFromOrder"): "write_draft_orders",
    ("Mutation", "orderEditBegin"): "write_order_edits",
    ("Mutation", "orderEditSetQuantity"): "write_order_edits",
    ("Mutation", "orderEditAddVariant"): "write_order_edits",
    ("Mutation", "orderEditCommit"): "write_order_edits",
    ("Mutation", "fulfillmentTrackingInfoUpdate"): "write_fulfillments",
}
"""The scope that a field asks for. Source: fact sheet, 1.6."""


@cache
def schema() -> GraphQLSchema:
    """Built once for all shops: what differs is in the context."""
    text = resources.files(__package__).joinpath("schema.graphqls").read_text("utf-8")
    built = build_schema(text, assume_valid=True)
    for kind in built.type_map.values():
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__"):
            for name, field in kind.fields.items():
                special = SPECIAL.get((kind.name, name))
                if kind.name.endswith("Connection") and name == "edges":
                    special = _edges
                if kind.name == "QueryRoot":
                    special = reading.ROOT[name]
                elif kind.name == "Mutation":
                    special = writing.MUTATIONS.get(name, partial(writing.unsupported, field.type))
                field.resolve = partial(
                    _resolve, NEEDS.get((kind.name, name)), special or _reader(field.type)
                )
        elif isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
            kind.resolve_type = _type_of
    return built


def _resolve(scope: str | None, read: Any, source: Any, info: Info, **args: Any) -> Any:
    desk: Desk = info.context
    if scope:
        desk.demand(scope, info.field_name)
    try:
        return read(source, info, **args)
    except Problem as problem:
        raise GraphQLError(problem.message, extensions={"code": "BAD_REQUEST"}) from None


def _type_of(value: Doc, info: Info, _of: object) -> str:
    """From a note on the document, else from its gid."""
    return str(value.get("__typename") or value["id"].split("/")[3])


def _reader(type_: Any) -> Any:
    if get_named_type(type_).name.endswith("Connection"):
        return _connection
    if is_list_type(get_nullable_type(type_)):
        return _list
    return _value


def _value(source: Doc, info: Info, **_args: Any) -> Any:
    value = source.get(info.field_name)
    return info.context.follow(value) if isinstance(value, dict) else value


def _list(source: Doc, info: Info, first: int | None = None, **_args: Any) -> Any:
    values = source.get(info.field_name)
    return None if values is None else [info.context.follow(value) for value in values[:first]]


def _connection(source: Doc, info: Info, **args: Any) -> Doc:
    items = source.get(info.field_name) or []
    if isinstance(items, dict):  # a mutation that made the page itself
        return items
    return paging.page([info.context.follow(item) for item in items], args)


def _edges(page: Doc, info: Info) -> list[Doc]:
    return paging.edges(page)


def _discounted_total(line: Doc, info: Info, withCodeDiscounts: bool = False) -> Doc:
    """Every discount of this store comes from a code, so without codes the line costs what it said."""
    bag: Doc = line["discountedTotalSet"] if withCodeDiscounts else line["originalTotalSet"]
    return bag


def _customer_orders(customer: Doc, info: Info, query: str | None = None, **args: Any) -> Doc:
    extra = f"customer_id:{customer['legacyResourceId']}"
    return reading.orders(None, info, query=f"({query}) AND {extra}" if query else extra, **args)


def _accounts(customer: Doc, info: Info, **args: Any) -> Doc:
    return paging.page(credit.accounts(info.context.shop, customer["id"]), args)


def _suggested_refund(order: Doc, info: Info, **args: Any) -> Doc:
    try:
        return suggestions.suggested_refund(order, args)
    except ValueError:
        raise Problem("shippingAmount", "Shipping amount is not a number") from None


def _outcome(back: Doc, info: Info, **args: Any) -> Doc:
    order = info.context.order(back["order"]["id"])
    assert order is not None  # the return was found in it
    to_credit = args.get("refundMethodAllocation") == "STORE_CREDIT"
    return suggestions.outcome(order, back, args["returnLineItems"], args.get("refundShipping"), to_credit)


def _plans(order: Doc, info: Info, **args: Any) -> Doc:
    """Without the scope the rows are simply absent. Source: fact sheet, 1.6."""
    seen = grants(info.context.scopes, "read_merchant_managed_fulfillment_orders")
    return paging.page(order["fulfillmentOrders"] if seen else [], args)


SPECIAL: dict[tuple[str, str], Any] = {
    ("LineItem", "discountedTotalSet"): _discounted_total,
    ("Customer", "orders"): _customer_orders,
    ("Customer", "storeCreditAccounts"): _accounts,
    ("Order", "suggestedRefund"): _suggested_refund,
    ("Order", "fulfillmentOrders"): _plans,
    ("Return", "suggestedFinancialOutcome"): _outcome,
}
