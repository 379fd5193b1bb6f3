"""What a reply's text can do: show a fact, choose by one, repeat for each of several. Nothing else.

A sandbox keeps a template away from the server, and does not keep it from running for hours or filling the
memory (loops in loops, `{{ "x" * 10**10 }}`). A merchant's text is written by somebody else, so only what is
named here is understood, and what is understood ends.
"""

from __future__ import annotations

import re
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from sidebar.replies.facts import NO_PARCEL, Item

UNDERSTOOD = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.CondExpr,
    nodes.Name, nodes.Getattr, nodes.Const, nodes.Not, nodes.And, nodes.Or, nodes.Compare, nodes.Operand,
    nodes.Concat, nodes.Filter,
)  # fmt: skip
FILTERS = frozenset({"capitalize", "first", "last", "length", "lower", "title", "trim", "upper"})
LISTS = frozenset({"parcels", "late_parcels", "may", "ask", "no"})
PARTS = frozenset({*NO_PARCEL, *Item.__slots__, "first", "last", "index", "length"})
"""What stands behind a point: of a parcel, of an item, of `loop`."""
LARGEST = 10_000
"""Numbers in a text: parcels and items are counted with them."""
UNSENDABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
"""What a text may name by its number (`"\\ud800"`, half a letter) and no page can hold."""
DEEPEST = 40
"""Levels of a text: far more than a person writes, and less than Python reads."""


class TextError(Exception):
    """A text that is not understood, or cannot be filled. `line`: where, counted from 1."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


class Texts(ImmutableSandboxedEnvironment):
    """Jinja, cut down to what a reply needs."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """What stands behind a point is a fact: `name.title` would print what a text can do, and where."""
        return super().is_safe_attribute(obj, attr, value) and not callable(value)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        try:
            tree = super()._parse(source, name, filename)
        except TemplateSyntaxError as error:
            raise TextError(str(error.message), error.lineno) from None
        except RecursionError:  # thousands of brackets
            raise TextError("too deep") from None
        except ValueError:  # a number of thousands of digits
            raise TextError("a number too long") from None
        _must_end(tree)
        return tree


def _must_end(tree: nodes.Template) -> None:
    """Everything is understood and nothing is too deep, neither for us nor for those who read on."""
    open_nodes: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while open_nodes:
        node, depth = open_nodes.pop()
        if depth > DEEPEST:
            raise TextError("too deep", node.lineno)
        _must_be_understood(node)
        open_nodes += [(inner, depth + 1) for inner in node.iter_child_nodes()]


def _must_be_understood(node: nodes.Node) -> None:
    match node:
        case nodes.For():
            of_facts = isinstance(node.iter, nodes.Name) and node.iter.name in LISTS
            fits = of_facts and not node.recursive and node.find(nodes.For) is None
        case nodes.Getattr():
            fits = node.attr in PARTS
        case nodes.Const():
            fits = _is_short(node.value)
        case nodes.Filter():
            fits = node.name in FILTERS
        case _:
            fits = isinstance(node, UNDERSTOOD)
    if not fits:
        raise TextError(f"{type(node).__name__} is not understood here", node.lineno)


def _is_short(value: object) -> bool:
    """A word that can be sent, or a number to count with."""
    if isinstance(value, str):
        return UNSENDABLE.search(value) is None
    return value is None or (isinstance(value, int) and abs(value) < LARGEST)


texts = Texts(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)


def read(text: str) -> set[str]:
    """The places that a text names. Raises :exc:`TextError`."""
    found: Any = meta.find_undeclared_variables(texts.parse(text))
    return set(found)
