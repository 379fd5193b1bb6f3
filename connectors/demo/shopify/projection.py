"""Reading documents by a selection, compiled once and run over many orders.

The executor of graphql-core asks for every field by itself, which is right for answers and too slow for
a hundred thousand orders. Here a selection becomes nested functions from stored document to result:
bulk operations live on it, and the control plane's dump of all orders. A test holds both to be the same.
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

WHOLE_BAG = {"shopMoney": {"amount", "currencyCode"}, "presentmentMoney": {"amount", "currencyCode"}}


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

    def select(self, selections: SelectionSetNode | None) -> Plan:
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode):
                self._field(node)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self.fragments[node.name.value]
                self._condition(fragment.type_condition.name.value, fragment.selection_set)
            elif isinstance(node, InlineFragmentNode):
                name = node.type_condition.name.value if node.type_condition else self.type.name
                self._condition(name, node.selection_set)
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
        return Plan(self.schema, self.fragments, type_, flat=self.flat, whole=self.whole).select(selections)

    def _condition(self, name: str, selections: SelectionSetNode) -> None:
        if name == self.type.name or not isinstance(self.schema.type_map[name], GraphQLObjectType):
            self.select(selections)
        else:
            self.guarded.append((name, self._inner(self.schema.type_map[name], selections)))

    def _field(self, node: FieldNode) -> None:
        name = node.name.value
        key = (node.alias or node.name).value
        if name == "__typename":
            static = self.type.name if isinstance(self.type, GraphQLObjectType) else None
            self.readers.append((key, lambda source, desk: static or typename(source)))
            return
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
        first = None if self.whole else arguments(node, {}).get("first")
        return lambda source, desk: [inner.read(desk.follow(each), desk) for each in source[name][:first]]

    def _page(self, node: FieldNode, name: str, of: GraphQLNamedType) -> Reader:
        parts = [child for child in node.selection_set.selections if isinstance(child, FieldNode)]  # type: ignore[union-attr]  # a connection has a selection
        members = self._inner(*_member(of, node))
        edges = any(part.name.value == "edges" for part in parts)

        def read(source: Doc, desk: Desk) -> Doc:
            items = [desk.follow(each) for each in source.get(name) or ()]
            args = arguments(node, desk.variables)
            if self.whole:
                args["first"] = len(items)
            page = paging.page(items, args)
            nodes = [members.read(each, desk) for each in page["nodes"]]
            result: Doc = {}
            for part in parts:
                if part.name.value == "pageInfo":
                    wanted = part.selection_set.selections  # type: ignore[union-attr]  # as above
                    names = [each.name.value for each in wanted if isinstance(each, FieldNode)]
                    result["pageInfo"] = {each: page["pageInfo"][each] for each in names}
            result["edges" if edges else "nodes"] = [{"node": each} for each in nodes] if edges else nodes
            return result

        return read


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
            for edge in child.selection_set.selections if child.selection_set else ():
                if isinstance(edge, FieldNode) and edge.name.value == "node":
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
