"""Every GraphQL document is valid against the official schema, and so are its example variables."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from graphql import (
    GraphQLSchema,
    OperationDefinitionNode,
    get_variable_values,
    parse,
    validate,
)
from graphql.validation import NoDeprecatedCustomRule

import connectors.shopify

CONNECTORS = Path(connectors.shopify.__file__).parents[1]
OURS = sorted((CONNECTORS / "shopify" / "documents").glob("*.graphql"))
DOCUMENTS = [*OURS, *sorted((Path(__file__).parents[2] / "samples/shopify/documents").glob("*.graphql"))]


def example_of(text: str) -> dict[str, object] | None:
    """The variables in the header comment, where there are any."""
    header = " ".join(line.removeprefix("#").strip() for line in text.splitlines() if line.startswith("#"))
    start = header.find("Variables: {")
    if start < 0:
        return None
    found, _ = json.JSONDecoder().raw_decode(header[start + len("Variables: ") :])
    assert isinstance(found, dict)
    return found


def test_every_document_of_the_product_is_asked_with() -> None:
    code = "".join(path.read_text("utf-8") for path in CONNECTORS.rglob("*.py"))
    assert [path.stem for path in OURS if path.stem not in code] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_document_is_valid_and_uses_nothing_deprecated(path: Path, admin_schema: GraphQLSchema) -> None:
    document = parse(path.read_text("utf-8"))
    assert [error.message for error in validate(admin_schema, document)] == []
    assert [error.message for error in validate(admin_schema, document, [NoDeprecatedCustomRule])] == []


@pytest.mark.parametrize(
    "path", [path for path in DOCUMENTS if example_of(path.read_text("utf-8"))], ids=lambda path: path.stem
)
def test_example_variables_are_what_the_operation_takes(path: Path, admin_schema: GraphQLSchema) -> None:
    text = path.read_text("utf-8")
    (operation,) = (each for each in parse(text).definitions if isinstance(each, OperationDefinitionNode))
    example = example_of(text)
    assert example is not None
    coerced = get_variable_values(admin_schema, operation.variable_definitions or (), example)
    assert not isinstance(coerced, list), coerced


def test_money_goes_out_only_with_a_key_on_the_field() -> None:
    (refund,) = (path for path in DOCUMENTS if path.name.startswith("40_"))
    assert re.search(r"refundCreate\(input: \$input\) @idempotent\(key: \$key\)", refund.read_text("utf-8"))
