"""The mutations: each hands its input to the module that knows the trade, and forgets what was read."""

from __future__ import annotations

from typing import Any

from graphql import (
    GraphQLError,
    GraphQLObjectType,
    VariableNode,
    get_directive_values,
    get_named_type,
    print_ast,
)

from connectors.demo.shopify import bulk, credit, installation, orders, refunds, returns, shipping, webhooks
from connectors.demo.shopify.bags import Doc
from connectors.demo.shopify.desk import Info


def unsupported(type_: Any, _root: object, _info: Info, **_args: Any) -> Doc:
    """For what this store knows of but does not do."""
    payload = get_named_type(type_)
    assert isinstance(payload, GraphQLObjectType)
    errors = next(name for name in payload.fields if name.lower().endswith("usererrors"))
    return {errors: [{"field": None, "code": None, "message": "not supported by this demo store"}]}


def _refund_create(_root: object, info: Info, input: Doc) -> Doc:
    """Without `@idempotent` nothing happens at all. Source: fact sheet, 4.2."""
    field = info.field_nodes[0]
    given = get_directive_values(info.schema.get_directive("idempotent"), field, info.variable_values)  # type: ignore[arg-type]  # the SDL has it
    if not given:
        raise GraphQLError(
            "The @idempotent directive is required for this mutation but was not provided.",
            extensions={"code": "BAD_REQUEST"},
        )
    node = next(argument.value for argument in field.arguments or () if argument.name.value == "input")
    sent = info.context.variables.get(node.name.value) if isinstance(node, VariableNode) else print_ast(node)
    shop = info.context.shop
    status = (shop.archive.kept("settings", "refund_status") or {}).get("status", "SUCCESS")
    payload = refunds.create(shop, input, given["key"], refunds.fingerprint(sent), status)
    info.context.forget(people=True)
    return payload


def _by_input(action: Any, **fixed: Any) -> Any:
    def write(_root: object, info: Info, **args: Any) -> Doc:
        (wanted,) = args.values()
        payload: Doc = action(info.context.shop, wanted, **fixed)
        info.context.forget(people=True)
        return payload

    return write


def _move(wanted: str) -> Any:
    def write(_root: object, info: Info, **args: Any) -> Doc:
        given = args.get("input") or args
        more = (
            {"reason": given["declineReason"], "note": given.get("declineNote")}
            if wanted == "decline"
            else {}
        )
        payload = returns.move(info.context.shop, given["id"], wanted, **more)
        info.context.forget(people=True)
        return payload

    return write


def _cancel(_root: object, info: Info, **args: Any) -> Doc:
    return orders.cancel(info.context.shop, args)


def _retag(add: bool) -> Any:
    def write(_root: object, info: Info, id: str, tags: list[str]) -> Doc:
        payload = orders.retag(info.context.shop, id, tags, add=add)
        info.context.forget(people=True)
        return payload

    return write


def _give_credit(_root: object, info: Info, id: str, creditInput: Doc) -> Doc:
    return credit.credit(info.context.shop, id, creditInput)


def _tracking(_root: object, info: Info, **args: Any) -> Doc:
    payload = shipping.update_tracking(info.context.shop, args["fulfillmentId"], args["trackingInfoInput"])
    info.context.forget(people=True)
    return payload


def _run_bulk(_root: object, info: Info, query: str, groupObjects: bool = False) -> Doc:
    return bulk.run(info.context.shop, info.context.scopes, query, grouped=groupObjects)


def _cancel_bulk(_root: object, info: Info, id: str) -> Doc:
    return bulk.cancel(info.context.shop, id)


def _subscribe(_root: object, info: Info, topic: str, webhookSubscription: Doc) -> Doc:
    return webhooks.subscribe(info.context.shop, topic, webhookSubscription)


def _unsubscribe(_root: object, info: Info, id: str) -> Doc:
    return webhooks.unsubscribe(info.context.shop, id)


def _revoke(_root: object, info: Info, scopes: list[str]) -> Doc:
    return installation.revoke_optional(info.context.shop, scopes)


MUTATIONS: dict[str, Any] = {
    "refundCreate": _refund_create,
    "orderCancel": _cancel,
    "orderUpdate": _by_input(orders.update),
    "tagsAdd": _retag(add=True),
    "tagsRemove": _retag(add=False),
    "storeCreditAccountCredit": _give_credit,
    "returnCreate": _by_input(returns.open_return, requested=False),
    "returnRequest": _by_input(returns.open_return, requested=True),
    "returnApproveRequest": _move("approve"),
    "returnDeclineRequest": _move("decline"),
    "returnClose": _move("close"),
    "returnCancel": _move("cancel"),
    "returnProcess": _by_input(returns.process),
    "fulfillmentTrackingInfoUpdate": _tracking,
    "bulkOperationRunQuery": _run_bulk,
    "bulkOperationCancel": _cancel_bulk,
    "webhookSubscriptionCreate": _subscribe,
    "webhookSubscriptionDelete": _unsubscribe,
    "appRevokeAccessScopes": _revoke,
}
