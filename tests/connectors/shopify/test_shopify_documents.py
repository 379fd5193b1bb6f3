"""Every document is valid, and what goes into bulk operations keeps their rules."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

import pytest
from graphql import (
    FieldNode,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    InlineFragmentNode,
    build_schema,
    get_named_type,
    parse,
    validate,
)

from connectors.shopify import documents

NAMES = sorted(
    each.name.removesuffix(".graphql")
    for each in files("connectors.shopify.documents").iterdir()
    if each.name.endswith(".graphql")
)
SCHEMA = build_schema(
    files("connectors.demo.shopify").joinpath("schema.graphqls").read_text("utf-8"), assume_valid=True
)
BULK = [name for name in NAMES if "_bulk_inner_" in name]


@pytest.mark.parametrize("name", NAMES)
def test_a_document_is_valid(name: str):
    assert validate(SCHEMA, parse(documents.text(name))) == []


@pytest.mark.parametrize("name", [name for name in NAMES if name not in BULK])
def test_a_document_has_one_operation_for_the_library_knows_no_names(name: str):
    operations = [
        each for each in parse(documents.text(name)).definitions if each.kind == "operation_definition"
    ]
    assert len(operations) == 1


@pytest.mark.parametrize("name", BULK)
def test_a_bulk_query_keeps_the_rules(name: str):
    """At most five connections, two levels below the first, none inside a plain list, parents with ids."""
    query = parse(documents.text(name)).definitions[0]
    connections = list(_connections(SCHEMA.query_type, query, 0, in_list=False))
    assert 1 <= len(connections) <= 5
    assert max(depth for depth, _, _ in connections) <= 2
    assert not any(in_list for _, in_list, _ in connections)
    assert all(element.interfaces or element.name.endswith("Type") for _, _, element in connections)
    assert len(documents.text(name).encode()) < 65_535


def _connections(parent, node, depth: int, *, in_list: bool) -> Iterator[tuple[int, bool, GraphQLObjectType]]:
    for child in node.selection_set.selections:
        if isinstance(child, InlineFragmentNode):
            yield from _connections(
                SCHEMA.type_map[child.type_condition.name.value], child, depth, in_list=in_list
            )
        elif isinstance(child, FieldNode) and child.selection_set:
            field = parent.fields[child.name.value]
            kind = get_named_type(field.type)
            if kind.name.endswith("Connection"):
                element = get_named_type(get_named_type(kind.fields["edges"].type).fields["node"].type)
                yield depth, in_list, element
                (edges,) = child.selection_set.selections
                (node_field,) = edges.selection_set.selections
                assert [edges.name.value, node_field.name.value] == ["edges", "node"]
                names = {
                    each.name.value
                    for each in node_field.selection_set.selections
                    if isinstance(each, FieldNode)
                }
                assert "id" in names
                yield from _connections(element, node_field, depth + 1, in_list=False)
            else:
                yield from _connections(kind, child, depth, in_list=in_list or _is_list(field.type))


def _is_list(kind: object) -> bool:
    return isinstance(kind, GraphQLList) or (isinstance(kind, GraphQLNonNull) and _is_list(kind.of_type))
