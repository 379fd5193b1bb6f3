"""The GraphQL endpoint: from a request body to an answer, with cost, throttling and errors.

Source: fact sheet, 4.1 and 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    execute_sync,
    parse,
    validate,
)

from connectors.demo.shopify import swift
from connectors.demo.shopify.bags import Doc
from connectors.demo.shopify.cost import HIGHEST, Bucket, Estimate
from connectors.demo.shopify.desk import Desk
from connectors.demo.shopify.schema import schema
from connectors.demo.shopify.shop import Shop


@dataclass(frozen=True, slots=True)
class Prepared:
    """A text that was sent, as far as it can be known without variables."""

    document: DocumentNode
    errors: tuple[GraphQLError, ...]
    plans: tuple[tuple[OperationDefinitionNode, swift.Query | None], ...]


@lru_cache(maxsize=512)
def prepare(query: str) -> Prepared:
    """Parse and validate, once per text. Raises :exc:`GraphQLSyntaxError`."""
    document = parse(query)
    errors = tuple(validate(schema(), document))
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    plans = () if errors else tuple((each, swift.compiled(document, each)) for each in operations)
    return Prepared(document, errors, plans)


def answer(shop: Shop, bucket: Bucket, scopes: tuple[str, ...], body: Any) -> Doc:
    """The JSON answer; its HTTP status is always 200."""
    if not isinstance(body, dict) or not isinstance(body.get("query"), str):
        return _failed("Parameter Missing or Invalid", "BAD_REQUEST")
    try:
        prepared = prepare(body["query"])
    except GraphQLSyntaxError as error:
        return {"errors": [error.formatted | {"extensions": {"code": "PARSE_ERROR"}}]}
    if prepared.errors:
        return {"errors": [_formatted(error) for error in prepared.errors]}
    variables = body.get("variables") or {}
    if not isinstance(variables, dict):
        return _failed("Variables must be an object", "BAD_REQUEST")
    chosen = _chosen(prepared, body.get("operationName"))
    if chosen is None:
        return _failed("An operation name is required", "BAD_REQUEST")
    operation, plan = chosen
    fragments = {
        each.name.value: each
        for each in prepared.document.definitions
        if isinstance(each, FragmentDefinitionNode)
    }
    requested = Estimate(schema(), fragments, variables).operation(operation)
    if requested > HIGHEST:
        return _failed(
            f"Query cost is {requested}, which exceeds the single query max cost limit ({HIGHEST}).",
            "MAX_COST_EXCEEDED",
        )
    if not bucket.take(requested):
        return _failed("Throttled", "THROTTLED") | {"extensions": _cost(bucket, requested, None)}
    desk = Desk(shop, scopes, variables)
    data = swift.answer(plan, desk)
    errors: list[GraphQLError] = []
    if data is None:
        data, errors = by_executor(prepared.document, desk, body.get("operationName"))
    actual = min(requested, max(1, _weigh(data)))
    bucket.give_back(requested - actual)
    found: Doc = {"data": data}
    if errors:
        found["errors"] = [_formatted(error) for error in errors]
    found["extensions"] = _cost(bucket, requested, actual)
    if desk.warnings:
        found["extensions"]["search"] = desk.warnings
    return found


def by_executor(
    document: DocumentNode, desk: Desk, name: str | None
) -> tuple[Doc | None, list[GraphQLError]]:
    """Data and errors of one operation, as graphql-core finds them."""
    result = execute_sync(
        schema(), document, context_value=desk, variable_values=desk.variables, operation_name=name
    )
    assert isinstance(result, ExecutionResult)
    return result.data, result.errors or []


def _chosen(prepared: Prepared, name: object) -> tuple[OperationDefinitionNode, swift.Query | None] | None:
    """The operation of that name, or the only one."""
    found = [
        (operation, plan)
        for operation, plan in prepared.plans
        if not name or (operation.name and operation.name.value == name)
    ]
    return found[0] if len(found) == 1 else None


def _weigh(value: object) -> int:
    """What an answer really cost: a point for each object with an id in it, so that short lists are cheap."""
    if isinstance(value, dict):
        return ("id" in value) + sum(_weigh(each) for each in value.values() if isinstance(each, dict | list))
    if isinstance(value, list):
        return sum(_weigh(each) for each in value)
    return 0


def _cost(bucket: Bucket, requested: int, actual: int | None) -> Doc:
    return {
        "cost": {
            "requestedQueryCost": requested,
            "actualQueryCost": actual,
            "throttleStatus": bucket.status(),
        }
    }


def _failed(message: str, code: str) -> Doc:
    return {"errors": [{"message": message, "extensions": {"code": code}}]}


def _formatted(error: GraphQLError) -> Doc:
    """Errors of validation and of variables carry the platform's codes; crashes say nothing."""
    shown: Doc = {**error.formatted}
    if error.extensions:
        return shown
    if error.original_error is not None:
        return shown | {"message": "Internal error", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}
    code = "INVALID_VARIABLE" if error.message.startswith("Variable ") else "undefinedField"
    return shown | {"extensions": {"code": code}}
