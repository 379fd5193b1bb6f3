"""Bulk operations: a query run in the background, its result a file of JSON lines behind a signed link.

Source for the rules: fact sheet, 2.4.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLNamedType,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
    parse,
    print_ast,
    validate,
)

from connectors.demo.shopify import payloads, search
from connectors.demo.shopify.archive import number
from connectors.demo.shopify.bags import Doc
from connectors.demo.shopify.desk import Desk
from connectors.demo.shopify.projection import Plan, arguments
from connectors.demo.shopify.shop import Shop

AT_ONCE = 5
CONNECTIONS = 5
NESTING = 2
LONGEST = 65_535
BLOCK = 50
"""Orders are written in blocks, their children after them: a child follows its parent, but not directly."""


class Refused(Exception):
    """The query breaks a rule of bulk operations."""


def run(shop: Shop, scopes: tuple[str, ...], query: str, *, grouped: bool) -> Doc:
    """`bulkOperationRunQuery`."""

    def refused(code: str, message: str) -> Doc:
        return {"bulkOperation": None, "userErrors": [{"code": code, "field": ["query"], "message": message}]}

    try:
        compile_query(query)
    except (Refused, GraphQLError) as error:
        return refused("INVALID", str(error))
    with shop.archive.change():
        active = [each for each in shop.archive.all_kept("bulk") if each["status"] in ("CREATED", "RUNNING")]
        if len(active) >= AT_ONCE:
            return refused(
                "LIMIT_REACHED", "A bulk query operation for this app and shop is already in progress."
            )
        operation: Doc = {
            "id": shop.archive.gid("BulkOperation"),
            "type": "QUERY",
            "status": "CREATED",
            "errorCode": None,
            "createdAt": shop.stamp(),
            "completedAt": None,
            "objectCount": "0",
            "rootObjectCount": "0",
            "fileSize": None,
            "query": query,
            "_scopes": list(scopes),
            "_grouped": grouped,
            "_file": False,
            "_until": 0,
        }
        shop.archive.keep("bulk", operation["id"], operation)
    answer: Doc = {"bulkOperation": shown(shop, operation["id"]), "userErrors": []}
    shop.errand(partial(_run, shop, operation["id"]))
    return answer


def resume(shop: Shop) -> None:
    """After a restart, operations that were on their way begin anew."""
    for operation in shop.archive.all_kept("bulk"):
        if operation["status"] in ("CREATED", "RUNNING", "CANCELING"):
            shop.errand(partial(_run, shop, operation["id"]))


def cancel(shop: Shop, gid: str) -> Doc:
    """`bulkOperationCancel`."""
    with shop.archive.change():
        operation = shop.archive.kept("bulk", gid)
        if operation is None or operation["status"] not in ("CREATED", "RUNNING"):
            error = {"field": ["id"], "message": "A bulk operation cannot be canceled when it is completed"}
            return {"bulkOperation": shown(shop, gid), "userErrors": [error]}
        operation["status"] = "CANCELING"
        shop.archive.keep("bulk", gid, operation)
    return {"bulkOperation": shown(shop, gid), "userErrors": []}


def shown(shop: Shop, gid: str) -> Doc | None:
    """The operation as the API shows it, with its link signed for now."""
    operation = shop.archive.kept("bulk", gid)
    if operation is None:
        return None
    link = _link(shop, operation) if operation["_file"] else None
    whole = operation["status"] == "COMPLETED"
    return operation | {"url": link if whole else None, "partialDataUrl": None if whole else link}


def listed(shop: Shop, query: str) -> list[Doc]:
    """Newest first; `status:` and `operation_type:` are the filters that the documents use."""
    found = [shown(shop, each["id"]) or each for each in shop.archive.all_kept("bulk")]
    for word in query.replace(" AND ", " ").split():
        field, _, value = word.partition(":")
        if field == "status":
            wanted = {"running": ("RUNNING", "CREATED")}.get(value.lower(), (value.upper(),))
            found = [each for each in found if each["status"] in wanted]
        elif field == "operation_type":
            found = [each for each in found if each["type"] == value.upper()]
    return sorted(found, key=lambda each: -number(each["id"]))


def folder(shop: Shop) -> Path:
    return shop.archive.folder / "bulk"


def _signature(shop: Shop, name: str, until: int) -> str:
    text = f"{shop.domain}/{name}?{until}".encode()
    return hmac.new(shop.app.client_secret.encode(), text, hashlib.sha256).hexdigest()


def _link(shop: Shop, operation: Doc) -> str:
    name, until = f"{number(operation['id'])}.jsonl", operation["_until"]
    return f"{shop.address}/bulk/{name}?expires={until}&signature={_signature(shop, name, until)}"


def file_for(shop: Shop, name: str, expires: str, signature: str) -> Path | None:
    """The file behind a link; None where the link is forged or over."""
    if not expires.isdecimal() or not hmac.compare_digest(_signature(shop, name, int(expires)), signature):
        return None
    path = folder(shop) / name
    return path if int(expires) > shop.now().timestamp() and path.is_file() else None


def _update(shop: Shop, gid: str, **values: Any) -> Doc:
    with shop.archive.change():
        operation = shop.archive.kept("bulk", gid)
        assert operation is not None
        operation |= values
        shop.archive.keep("bulk", gid, operation)
        if operation["completedAt"] and "completedAt" in values:
            shop.announce("bulk_operations/finish", payloads.bulk_payload(operation))
    return operation


def _run(shop: Shop, gid: str) -> None:
    began = time.monotonic()
    operation = _update(shop, gid, **({} if _is_cancelled(shop, gid) else {"status": "RUNNING"}))
    fault = _take_fault(shop)
    path = folder(shop) / f"{number(gid)}.jsonl"
    path.parent.mkdir(exist_ok=True)
    status, error = "COMPLETED", None
    roots = objects = 0
    try:
        with path.open("wb") as file:
            for block, count in _blocks(shop, operation):
                file.writelines(block)
                roots, objects = roots + count, objects + sum(text.count(b"\n") for text in block)
                if shop.closing.is_set():
                    return
                if _is_cancelled(shop, gid):
                    status = "CANCELED"
                    break
                if fault is not None and roots >= fault["after"]:
                    status, error = "FAILED", fault.get("code", "INTERNAL_SERVER_ERROR")
                    break
    except GraphQLError as denied:
        status = "FAILED"
        error = (
            "ACCESS_DENIED"
            if (denied.extensions or {}).get("code") == "ACCESS_DENIED"
            else "INTERNAL_SERVER_ERROR"
        )
    if shop.closing.wait(max(0.0, shop.conduct.bulk_seconds - (time.monotonic() - began))):
        return  # it begins anew after the next start
    if _is_cancelled(shop, gid):
        status = "CANCELED"
    _update(
        shop,
        gid,
        status=status,
        errorCode=error,
        completedAt=shop.stamp(),
        objectCount=str(objects),
        rootObjectCount=str(roots),
        fileSize=str(path.stat().st_size),
        _file=objects > 0,
        _until=int(shop.now().timestamp()) + shop.conduct.download_seconds,
    )


def _is_cancelled(shop: Shop, gid: str) -> bool:
    return (shop.archive.kept("bulk", gid) or {}).get("status") == "CANCELING"


def _take_fault(shop: Shop) -> Doc | None:
    """A failure that was asked for: `{"after": orders, "times": n, "code": …}`."""
    with shop.archive.change():
        fault = shop.archive.kept("settings", "bulk_fault")
        if fault is None:
            return None
        if fault.get("times", 1) <= 1:
            shop.archive.drop("settings", "bulk_fault")
        else:
            shop.archive.keep("settings", "bulk_fault", fault | {"times": fault["times"] - 1})
    return fault


def _blocks(shop: Shop, operation: Doc) -> Iterator[tuple[list[bytes], int]]:
    """The result as pieces of text, a block of orders at a time, and how many orders are in it."""
    plan, args, needed = compile_query(operation["query"])
    desk = Desk(shop, tuple(operation["_scopes"]), {})
    for scope, where in needed:
        desk.demand(scope, where)
    found = search.parse(args.get("query"))
    if desk.oldest:
        found.sql += " AND processed >= ?"
        found.values.append(desk.oldest)
    order_by = {
        "UPDATED_AT": "updated, id",
        "CREATED_AT": "created, id",
        "PROCESSED_AT": "processed, id",
    }.get(args.get("sortKey", ""), "id")
    name = hashlib.sha256(f"{plan.text} {sorted(desk.scopes)}".encode()).hexdigest()
    rows = shop.archive.find_rendered(
        name if shop.conduct.prerender else "", found.sql, found.values, order_by
    )
    while block := list(islice(rows, BLOCK)):
        fresh = [(row[0], *_render(plan, row[3], desk)) for row in block if row[3] is not None]
        if shop.conduct.prerender and fresh:
            with shop.archive.change():
                shop.archive.keep_rendered(name, fresh)
        texts = {order_id: (own, below) for order_id, own, below in fresh}
        pairs = [texts.get(row[0]) or (row[1] or b"", row[2] or b"") for row in block]
        if operation["_grouped"]:
            yield [text for pair in pairs for text in pair], len(block)
        else:
            yield [*(own for own, _ in pairs), *(below for _, below in pairs)], len(block)


def _render(plan: Plan, doc: bytes, desk: Desk) -> tuple[bytes, bytes]:
    """The line of an order, and the lines of everything below it."""
    order = msgspec.json.decode(doc)
    desk.forget()
    desk.meet(order)
    lines = [msgspec.json.encode(line) + b"\n" for line in _below(plan, order, desk)]
    return msgspec.json.encode(plan.read(order, desk)) + b"\n", b"".join(lines)


def _below(plan: Plan, parent: Doc, desk: Desk) -> Iterator[Doc]:
    """The lines of a document's connections, and of theirs."""
    for inner, child in plan.children(parent, desk):
        yield inner.read(child, desk) | {"__parentId": parent["id"]}
        yield from _below(inner, child, desk)


@lru_cache(maxsize=64)
def compile_query(query: str) -> tuple[Plan, Doc, list[tuple[str, str]]]:
    """The plan for each order, the arguments of `orders`, and the scopes that the selection needs.

    Raises :exc:`Refused` or a GraphQL error.
    """
    from connectors.demo.shopify.schema import NEEDS, schema

    if len(query.encode()) > LONGEST:
        raise Refused("Query is too long")
    document = parse(query)
    if errors := validate(schema(), document):
        raise errors[0]
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    if len(operations) != 1 or operations[0].operation is not OperationType.QUERY:
        raise Refused("Bulk queries must contain exactly one query")
    fields = operations[0].selection_set.selections
    if len(fields) != 1 or not isinstance(fields[0], FieldNode):
        raise Refused("Bulk queries must have exactly one top-level field")
    root = fields[0]
    if root.name.value != "orders":
        raise Refused("This demo store runs bulk queries on orders only")
    check = _Rules(NEEDS)
    check.field(root, schema().type_map["QueryRoot"], 0, in_list=False, has_id=True)
    if check.connections > CONNECTIONS:
        raise Refused("Bulk queries cannot contain more than 5 connections")
    plan = Plan(schema(), {}, schema().type_map["QueryRoot"], flat=True).select(operations[0].selection_set)
    ((_, members),) = plan.connections
    members.text = print_ast(root.selection_set) if root.selection_set else ""
    return members, arguments(root, {}), check.needed


class _Rules:
    """Walks a selection and refuses what a bulk operation cannot do."""

    def __init__(self, needs: dict[tuple[str, str], str]) -> None:
        self.needs = needs
        self.connections = 0
        self.needed: list[tuple[str, str]] = []

    def field(
        self, node: FieldNode, parent: GraphQLNamedType, depth: int, *, in_list: bool, has_id: bool
    ) -> None:
        name = node.name.value
        if name.startswith("__"):
            return
        type_ = parent.fields[name].type  # type: ignore[attr-defined]  # validated: only types with fields are selected from
        of = get_named_type(type_)
        if (parent.name, name) in self.needs:
            self.needed.append((self.needs[parent.name, name], name))
        if not is_composite_type(of):
            return
        if of.name.endswith("Connection"):
            self._connection(node, of, depth, in_list=in_list, has_id=has_id)
        else:
            within = in_list or is_list_type(get_nullable_type(type_))
            self.selections(node.selection_set, of, depth, in_list=within)

    def _connection(
        self, node: FieldNode, of: GraphQLNamedType, depth: int, *, in_list: bool, has_id: bool
    ) -> None:
        self.connections += 1
        if in_list:
            raise Refused(
                "Queries that contain a connection field within a list field are not currently supported."
            )
        if depth > NESTING:
            raise Refused("Bulk queries cannot nest connections more than 2 levels deep")
        if not has_id:
            raise Refused(
                "The parent 'node' field for a nested connection must select the 'id' field without an alias"
            )
        for child in node.selection_set.selections if node.selection_set else ():
            if not isinstance(child, FieldNode) or child.name.value != "edges":
                raise Refused("Connections in bulk queries must be read through 'edges'")
            for edge in child.selection_set.selections if child.selection_set else ():
                if isinstance(edge, FieldNode) and edge.name.value == "node":
                    member: Any = get_named_type(of.fields["nodes"].type)  # type: ignore[attr-defined]  # a connection is an object
                    interfaces = {member.name, *(each.name for each in member.interfaces)}
                    if "Node" not in interfaces:
                        raise Refused("Connections in bulk queries must have members that are Nodes")
                    self.selections(edge.selection_set, member, depth + 1, in_list=False)

    def selections(
        self, selections: SelectionSetNode | None, parent: GraphQLNamedType, depth: int, *, in_list: bool
    ) -> None:
        nodes = selections.selections if selections else ()
        has_id = any(
            isinstance(each, FieldNode) and each.name.value == "id" and not each.alias for each in nodes
        )
        for node in nodes:
            if isinstance(node, FragmentSpreadNode):
                raise Refused("This demo store reads no named fragments in bulk queries")
            if isinstance(node, InlineFragmentNode):
                from connectors.demo.shopify.schema import schema

                inner = schema().type_map[node.type_condition.name.value] if node.type_condition else parent
                self.selections(node.selection_set, inner, depth, in_list=in_list)
            elif isinstance(node, FieldNode):
                self.field(node, parent, depth, in_list=in_list, has_id=has_id)
