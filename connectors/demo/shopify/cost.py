"""What a query costs, and the leaky bucket it is taken from.

The estimate follows what recorded answers show: values and money are free, another object costs one
point, a connection `2 + m(first) x (1 + children)` with `m = max(1, floor(2 ln first))`, a mutation ten.
Source: fact sheet, 6.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_composite_type,
)

from connectors.demo.shopify.bags import Doc

FREE = {"MoneyBag", "MoneyV2", "MailingAddress", "Image", "PageInfo"}
HIGHEST = 1000
"""The most points that one query may request, whatever the plan."""


class Estimate:
    """Counts the points of one operation."""

    def __init__(
        self, schema: GraphQLSchema, fragments: dict[str, FragmentDefinitionNode], variables: Doc
    ) -> None:
        self.schema = schema
        self.fragments = fragments
        self.variables = variables

    def operation(self, node: OperationDefinitionNode) -> int:
        root = self.schema.get_root_type(node.operation)
        assert root is not None
        fixed = 10 if node.operation is OperationType.MUTATION else 0
        return max(1, fixed + self._selections(node.selection_set, root))

    def _selections(self, selections: SelectionSetNode | None, parent: GraphQLNamedType) -> int:
        points = 0
        for node in selections.selections if selections else ():
            if isinstance(node, FragmentSpreadNode):
                fragment = self.fragments[node.name.value]
                points += self._selections(
                    fragment.selection_set, self.schema.type_map[fragment.type_condition.name.value]
                )
            elif isinstance(node, InlineFragmentNode):
                inner = (
                    self.schema.type_map[node.type_condition.name.value] if node.type_condition else parent
                )
                points += self._selections(node.selection_set, inner)
            elif isinstance(node, FieldNode):
                points += self._field(node, parent)
        return points

    def _field(self, node: FieldNode, parent: GraphQLNamedType) -> int:
        definition = getattr(parent, "fields", {}).get(node.name.value)
        if definition is None:
            return 0
        of = get_named_type(definition.type)
        if of.name == "Count":
            return 10
        if not is_composite_type(of) or of.name in FREE:
            return 0
        if not of.name.endswith("Connection"):
            return 1 + self._selections(node.selection_set, of)
        assert isinstance(of, GraphQLObjectType)
        inner = 0
        for child in node.selection_set.selections if node.selection_set else ():
            if isinstance(child, FieldNode) and child.name.value in ("nodes", "edges"):
                inner += self._selections(
                    child.selection_set, get_named_type(of.fields[child.name.value].type)
                )
        many = max(1, math.floor(2 * math.log(max(1, self._first(node)))))
        return 2 + many * (1 + inner)

    def _first(self, node: FieldNode) -> int:
        for argument in node.arguments or ():
            if argument.name.value in ("first", "last"):
                value: Any = argument.value
                if isinstance(value, IntValueNode):
                    return int(value.value)
                if isinstance(value, VariableNode):
                    given = self.variables.get(value.name.value)
                    return given if isinstance(given, int) else 1
        return 1


class Bucket:
    """Points flow in at `restore` a second up to `size`. Safe between threads."""

    def __init__(self, size: float, restore: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.size, self.restore = size, restore
        self._clock = clock
        self._level = size
        self._at = clock()
        self._lock = threading.Lock()

    def _flow(self) -> None:
        now = self._clock()
        self._level = min(self.size, self._level + (now - self._at) * self.restore)
        self._at = now

    def take(self, points: float) -> bool:
        """Reserve `points`, or leave the bucket as it is and say no."""
        with self._lock:
            self._flow()
            if points > self._level:
                return False
            self._level -= points
            return True

    def give_back(self, points: float) -> None:
        with self._lock:
            self._flow()
            self._level = min(self.size, self._level + points)

    def drain(self) -> None:
        """Leave nothing: the next query is throttled."""
        with self._lock:
            self._flow()
            self._level = 0.0

    def status(self) -> Doc:
        with self._lock:
            self._flow()
            return {
                "maximumAvailable": self.size,
                "currentlyAvailable": math.floor(self._level),
                "restoreRate": self.restore,
            }
