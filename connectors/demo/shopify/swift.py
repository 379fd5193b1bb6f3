"""Queries that only look things up, answered by compiled plans instead of the executor.

Everything unusual (a field that is worked out, a missing scope, wrong variables, any error) is left to
the executor, whose answer is the same where both can give one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLNamedType,
    OperationDefinitionNode,
    OperationType,
    get_argument_values,
    get_named_type,
    get_nullable_type,
    get_variable_values,
    is_leaf_type,
    is_list_type,
)

from connectors.demo.shopify.bags import Doc
from connectors.demo.shopify.desk import Desk
from connectors.demo.shopify.problems import Problem
from connectors.demo.shopify.projection import Plan, Reader, Unplanned
from connectors.demo.shopify.reading import ROOT
from connectors.demo.shopify.schema import NEEDS, schema
from connectors.demo.shopify.webhooks import grants


@dataclass(frozen=True, slots=True)
class Asked:
    """As much of the executor's info as the roots of queries look at."""

    context: Desk
    field_name: str
    return_type: Any


@dataclass(frozen=True, slots=True)
class Root:
    key: str
    node: FieldNode
    read: Reader


@dataclass(frozen=True, slots=True)
class Query:
    operation: OperationDefinitionNode
    roots: tuple[Root, ...]
    scopes: frozenset[str]


def answer(query: Query | None, desk: Desk) -> Doc | None:
    """The data of the answer; None where the executor has to give it."""
    if query is None or not all(grants(desk.scopes, scope) for scope in query.scopes):
        return None
    operation = query.operation
    variables = get_variable_values(schema(), operation.variable_definitions or (), desk.variables)
    if isinstance(variables, list):
        return None
    root_type = schema().query_type
    assert root_type is not None
    data: Doc = {}
    for root in query.roots:
        name = root.node.name.value
        field = root_type.fields[name]
        try:
            args = get_argument_values(field, root.node, variables)
            value = ROOT[name](None, Asked(desk, name, field.type), **args)
            data[root.key] = root.read(value, desk)
        except (GraphQLError, Problem):
            return None
    return data


def compiled(document: DocumentNode, operation: OperationDefinitionNode) -> Query | None:
    """The plan of one operation of a valid document; None where there can be none."""
    if operation.operation is not OperationType.QUERY:
        return None
    fragments = {
        each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
    }
    root_type = schema().query_type
    assert root_type is not None
    base = Plan(schema(), fragments, root_type)
    roots = []
    try:
        for node in operation.selection_set.selections:
            if not isinstance(node, FieldNode) or node.directives or node.name.value.startswith("__"):
                return None
            base.fields.add(("QueryRoot", node.name.value))
            field = root_type.fields[node.name.value]
            roots.append(Root((node.alias or node.name).value, node, _reader(base, node, field.type)))
    except Unplanned:
        return None
    needed = frozenset(NEEDS[each] for each in base.fields if each in NEEDS)
    return Query(operation, tuple(roots), needed)


def _reader(base: Plan, node: FieldNode, type_: Any) -> Reader:
    """From what a root finds to what was selected of it."""
    of: GraphQLNamedType = get_named_type(type_)
    many = is_list_type(get_nullable_type(type_))
    if is_leaf_type(of):
        return lambda value, desk: value
    if of.name.endswith("Connection"):
        return base.page_shape(node, of)
    plan = Plan(base.schema, base.fragments, of)
    plan.fields = base.fields
    plan.select(node.selection_set)

    def read(value: Any, desk: Desk) -> Any:
        if value is None:
            return None
        return [read_one(each, desk) for each in value] if many else plan.read(value, desk)

    def read_one(value: Doc | None, desk: Desk) -> Doc | None:
        return None if value is None else plan.read(value, desk)

    return read
