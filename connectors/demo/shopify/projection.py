"""Reading documents by a selection, compiled once and run over many orders.

The executor of graphql-core asks for every field by itself, which is too slow for a hundred thousand
orders. Here a selection becomes nested functions from stored document to result. Bulk operations live on
it, the dump of all orders, and queries that only look things up (see `swift`); what a plan cannot do
raises :exc:`Unplanned`. A test holds plans and the executor to answer the same.
"""

from __future__ import annotations

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
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    value_from_ast_untyped,
)

from connectors.demo.shopify import paging
from connectors.demo.shopify.bags import Doc
from connectors.demo.shopify.desk import Desk

Fragments = dict[str, FragmentDefinitionNode]
Reader = Callable[[Doc, Desk], Any]

WORKED_OUT = {
    ("Order", "suggestedRefund"),
    ("Return", "suggestedFinancialOutcome"),
    ("Customer", "orders"),
    ("Customer", "storeCreditAccounts"),
}
"""Fields that are not looked up but worked out."""

WHOLE_BAG = {"shopMoney": {"amount", "currencyCode"}, "presentmentMoney": {"amount", "currencyCode"}}


class Unplanned(Exception):
    """This selection needs the executor."""


class Plan:
    """How to read one selection of one type.

    With `flat`, connections are left out of the result: :meth:`children` gives their members, which a
    bulk operation writes on lines of their own. With `whole`, pages and lists are not cut off.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Fragments,
        type_: GraphQLNamedType,
        *,
        flat: bool = False,
        whole: bool = False,
    ) -> None:
        self.schema = schema
        self.fragments = fragments
        self.type = type_
        self.flat = flat
        self.whole = whole
        self.readers: list[tuple[str, Reader]] = []
        self.connections: list[tuple[str, Plan]] = []
        self.guarded: list[tuple[str, Plan]] = []
        """Selections that hold for one concrete type only."""
        self.fields: set[tuple[str, str]] = set()
        """Type and name of every field read, here and below."""
        self.text = ""
        """The selection as it was written, where that matters."""

    def select(self, selections: SelectionSetNode | None) -> Plan:
        """Add these fields. Raises :exc:`Unplanned`."""
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode) and not node.directives:
                self._field(node)
            elif isinstance(node, FragmentSpreadNode) and not node.directives:
                fragment = self.fragments[node.name.value]
                self._condition(fragment.type_condition.name.value, fragment.selection_set)
            elif isinstance(node, InlineFragmentNode) and not node.directives:
                name = node.type_condition.name.value if node.type_condition else self.type.name
                self._condition(name, node.selection_set)
            else:
                raise Unplanned
        return self

    def read(self, source: Doc, desk: Desk) -> Doc:
        result = {key: reader(source, desk) for key, reader in self.readers}
        for name, plan in self.guarded:
            if typename(source) == name:
                result |= plan.read(source, desk)
        return result

    def children(self, source: Doc, desk: Desk) -> list[tuple[Plan, Doc]]:
        """The members of this document's connections, and how to read each."""
        found = [
            (plan, desk.follow(each)) for name, plan in self.connections for each in source.get(name) or ()
        ]
        for name, guarded in self.guarded:
            if typename(source) == name:
                found += guarded.children(source, desk)
        return found

    def _inner(self, type_: GraphQLNamedType, selections: SelectionSetNode | None) -> Plan:
        plan = Plan(self.schema, self.fragments, type_, flat=self.flat, whole=self.whole)
        plan.fields = self.fields
        return plan.select(selections)

    def _condition(self, name: str, selections: SelectionSetNode) -> None:
        if name == self.type.name or not isinstance(self.schema.type_map[name], GraphQLObjectType):
            self.select(selections)
        else:
            self.guarded.append((name, self._inner(self.schema.type_map[name], selections)))

    def _field(self, node: FieldNode) -> None:
        name = node.name.value
        key = (node.alias or node.name).value
        if node.selection_set and key in {known for known, _ in self.readers}:
            raise Unplanned  # two selections of one field would have to be merged
        if (self.type.name, name) in WORKED_OUT:
            raise Unplanned
        if name == "__typename":
            static = self.type.name if isinstance(self.type, GraphQLObjectType) else None
            self.readers.append((key, lambda source, desk: static or typename(source)))
            return
        self.fields.add((self.type.name, name))
        field = self.type.fields[name]  # type: ignore[attr-defined]  # only objects and interfaces have selections
        of = get_named_type(field.type)
        if name == "discountedTotalSet" and not arguments(node, {}).get("withCodeDiscounts"):
            name = "originalTotalSet"
        if of.name.endswith("Connection"):
            if self.flat:
                self.connections.append((name, self._inner(*_member(of, node))))
            else:
                self.readers.append((key, self._page(node, name, of)))
        elif is_leaf_type(of) or (of.name == "MoneyBag" and _is_whole(node.selection_set, self.fragments)):
            self.readers.append((key, lambda source, desk: source.get(name)))
        elif is_list_type(get_nullable_type(field.type)):
            self.readers.append((key, self._list(node, name, self._inner(of, node.selection_set))))
        else:
            self.readers.append((key, _object(name, self._inner(of, node.selection_set))))

    def _list(self, node: FieldNode, name: str, inner: Plan) -> Reader:
        if any(isinstance(each.value, VariableNode) for each in node.arguments or ()):
            raise Unplanned
        first = None if self.whole else arguments(node, {}).get("first")
        return lambda source, desk: [inner.read(desk.follow(each), desk) for each in source[name][:first]]

    def _page(self, node: FieldNode, name: str, of: GraphQLNamedType) -> Reader:
        shape = self.page_shape(node, of)

        def read(source: Doc, desk: Desk) -> Doc:
            items = [desk.follow(each) for each in source.get(name) or ()]
            args = arguments(node, desk.variables)
            page = (paging.whole if self.whole else paging.page)(items, args)
            found: Doc = shape(page, desk)
            return found

        return read

    def page_shape(self, node: FieldNode, of: GraphQLNamedType) -> Reader:
        """From a page of documents to what was selected of it."""
        parts = [child for child in node.selection_set.selections if isinstance(child, FieldNode)]  # type: ignore[union-attr]  # a connection has a selection
        names = [part.name.value for part in parts]
        if len(parts) != len(node.selection_set.selections) or {"nodes", "edges"} <= set(names):  # type: ignore[union-attr]  # as above
            raise Unplanned
        members = self._inner(*_member(of, node))

        def shape(page: Doc, desk: Desk) -> Doc:
            result: Doc = {}
            for part in parts:
                if part.name.value == "pageInfo":
                    result["pageInfo"] = {each: page["pageInfo"][each] for each in _plain_names(part)}
                else:
                    nodes = [members.read(each, desk) for each in page["nodes"]]
                    edges = part.name.value == "edges"
                    result[part.name.value] = [{"node": each} for each in nodes] if edges else nodes
            return result

        return shape


def _plain_names(node: FieldNode) -> list[str]:
    """The fields selected of an object that has only plain ones."""
    nodes = node.selection_set.selections if node.selection_set else ()
    return [each.name.value for each in nodes if isinstance(each, FieldNode)]


def _object(name: str, inner: Plan) -> Reader:
    only_id = [key for key, _ in inner.readers] == ["id"] and not inner.guarded and not inner.connections

    def read(source: Doc, desk: Desk) -> Doc | None:
        value = source.get(name)
        if value is None:
            return None
        return {"id": value["id"]} if only_id else inner.read(desk.follow(value), desk)

    return read


def _member(of: GraphQLNamedType, node: FieldNode) -> tuple[GraphQLNamedType, SelectionSetNode | None]:
    """The type of a connection's members, and what is selected of them by `nodes` or `edges { node }`."""
    fields = of.fields  # type: ignore[attr-defined]  # a connection is an object
    for child in node.selection_set.selections if node.selection_set else ():
        if isinstance(child, FieldNode) and child.name.value == "nodes":
            return get_named_type(fields["nodes"].type), child.selection_set
        if isinstance(child, FieldNode) and child.name.value == "edges":
            if _plain_names(child) != ["node"]:
                raise Unplanned
            (edge,) = child.selection_set.selections  # type: ignore[union-attr]  # it has a name
            assert isinstance(edge, FieldNode)
            return get_named_type(fields["nodes"].type), edge.selection_set
    return get_named_type(fields["nodes"].type), None


def arguments(node: FieldNode, variables: Doc) -> Doc:
    return {each.name.value: value_from_ast_untyped(each.value, variables) for each in node.arguments or ()}


def typename(source: Doc) -> str:
    return str(source.get("__typename") or source["id"].split("/")[3])


def _is_whole(selections: SelectionSetNode | None, fragments: Fragments) -> bool:
    """Whether a selection of a money bag takes all of it: then the stored value is handed on as it is."""
    found = {}
    nodes = selections.selections if selections else ()
    if len(nodes) == 1 and isinstance(nodes[0], FragmentSpreadNode):
        return _is_whole(fragments[nodes[0].name.value].selection_set, fragments)
    for node in nodes:
        if not isinstance(node, FieldNode) or node.alias or node.selection_set is None:
            return False
        found[node.name.value] = {
            inner.name.value for inner in node.selection_set.selections if isinstance(inner, FieldNode)
        }
    return found == WHOLE_BAG
