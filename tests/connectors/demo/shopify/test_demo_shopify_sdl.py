"""What the demo store can say is a part of what Shopify says, with the same types everywhere."""

from __future__ import annotations

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    parse,
    validate,
    validate_schema,
)

from connectors.demo.shopify.schema import schema

from .conftest import DOCUMENTS

OURS = schema()
NAMED = sorted(
    (each for each in OURS.type_map.values() if not each.name.startswith("__")), key=lambda each: each.name
)


def test_the_sdl_is_a_schema() -> None:
    assert validate_schema(OURS) == []


@pytest.mark.parametrize("ours", NAMED, ids=lambda each: each.name)
def test_type_is_part_of_the_official_one(ours: GraphQLNamedType, admin_schema: GraphQLSchema) -> None:
    official = admin_schema.type_map[ours.name]
    assert type(ours) is type(official)
    if isinstance(ours, GraphQLObjectType | GraphQLInterfaceType):
        assert isinstance(official, GraphQLObjectType | GraphQLInterfaceType)
        assert {each.name for each in ours.interfaces} <= {each.name for each in official.interfaces}
        for name, field in ours.fields.items():
            assert str(field.type) == str(official.fields[name].type), name
            assert official.fields[name].deprecation_reason is None, name
            for argument, value in field.args.items():
                assert str(value.type) == str(official.fields[name].args[argument].type), (name, argument)
                assert value.default_value == official.fields[name].args[argument].default_value
    elif isinstance(ours, GraphQLInputObjectType):
        assert isinstance(official, GraphQLInputObjectType)
        for name, field in ours.fields.items():
            assert str(field.type) == str(official.fields[name].type), name
        missing = set(official.fields) - set(ours.fields)
        assert not [name for name in missing if str(official.fields[name].type).endswith("!")]
    elif isinstance(ours, GraphQLEnumType):
        assert isinstance(official, GraphQLEnumType)
        assert set(ours.values) <= set(official.values)
    elif isinstance(ours, GraphQLUnionType):
        assert isinstance(official, GraphQLUnionType)
        assert {each.name for each in ours.types} <= {each.name for each in official.types}


def test_the_idempotency_directive_is_the_official_one(admin_schema: GraphQLSchema) -> None:
    ours, official = OURS.get_directive("idempotent"), admin_schema.get_directive("idempotent")
    assert ours is not None
    assert official is not None
    assert ours.locations == official.locations
    assert {name: str(value.type) for name, value in ours.args.items()} == {
        name: str(value.type) for name, value in official.args.items()
    }


def test_every_document_is_understood() -> None:
    wrong = {
        path.name: [error.message for error in validate(OURS, parse(path.read_text("utf-8")))]
        for folder in DOCUMENTS
        for path in folder.glob("*.graphql")
    }
    assert {name: errors for name, errors in wrong.items() if errors} == {}
