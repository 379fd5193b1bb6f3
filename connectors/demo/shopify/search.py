"""Shopify's search syntax, as far as the documents use it: `field:value`, AND, OR, NOT and brackets.

An unknown field matches everything and leaves a warning, exactly the trap of the real one.
Source: fact sheet, 2.3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from connectors.demo.shopify.bags import Doc

TOKEN = re.compile(
    r"""\s*(?:
      (?P<open>\() | (?P<close>\)) |
      (?P<word>AND|OR|NOT)(?=[\s(]|$) |
      (?P<minus>-)(?=\S) |
      (?:(?P<field>[A-Za-z_][\w.]*):)? (?P<op>>=|<=|>|<)?
      (?: "(?P<double>(?:[^"\\]|\\.)*)" | '(?P<single>(?:[^'\\]|\\.)*)' | (?P<bare>[^\s()]+) )
    )""",
    re.VERBOSE,
)

TIMES = {"created_at": "created", "updated_at": "updated", "processed_at": "processed"}
WORDS = {"tag": "tags", "sku": "skus", "gateway": "gateways"}
STATES = {
    "financial_status": "financial",
    "fulfillment_status": "fulfillment",
    "return_status": "returns",
    "status": "status",
}
FULFILLMENT_WORDS = {"shipped": "fulfilled", "unshipped": "unfulfilled", "partial": "partially_fulfilled"}


@dataclass(slots=True)
class Search:
    """A query turned into SQL over the columns of an archive's orders."""

    sql: str = "1"
    values: list[object] = field(default_factory=list)
    warnings: list[Doc] = field(default_factory=list)


def parse(query: str | None) -> Search:
    result = Search()
    tokens = [match for match in TOKEN.finditer(query or "") if match.group().strip()]
    if tokens:
        result.sql = _Parser(tokens, result).alternatives()
    return result


class _Parser:
    def __init__(self, tokens: list[re.Match[str]], result: Search) -> None:
        self.tokens = tokens
        self.place = 0
        self.result = result

    def _peek(self, group: str) -> str | None:
        return self.tokens[self.place].group(group) if self.place < len(self.tokens) else None

    def alternatives(self) -> str:
        parts = [self._together()]
        while self._peek("word") == "OR":
            self.place += 1
            parts.append(self._together())
        return f"({' OR '.join(parts)})"

    def _together(self) -> str:
        parts: list[str] = []
        while self.place < len(self.tokens) and not self._peek("close") and self._peek("word") != "OR":
            if self._peek("word") == "AND":
                self.place += 1
                continue
            parts.append(self._term())
        return f"({' AND '.join(parts)})" if parts else "1"

    def _term(self) -> str:
        if self._peek("word") == "NOT" or self._peek("minus"):
            self.place += 1
            return f"NOT {self._term()}" if self.place < len(self.tokens) else "1"
        if self._peek("open"):
            self.place += 1
            inner = self.alternatives()
            self.place += 1  # the closing bracket, or the end
            return inner
        token = self.tokens[self.place]
        self.place += 1
        value = next(
            (token.group(kind) for kind in ("double", "single", "bare") if token.group(kind) is not None), ""
        )
        if token.group("double") is not None or token.group("single") is not None:
            value = re.sub(r"\\(.)", r"\1", value)
        return self._condition(token.group("field"), token.group("op"), value)

    def _condition(self, name: str | None, op: str | None, value: str) -> str:
        if name is None:
            return self._sql("(name = ? OR name = ? OR email = ?)", value, f"#{value}", value.lower())
        if name in TIMES:
            moment = _moment(value)
            return (
                self._sql(f"{TIMES[name]} {op or '='} ?", moment)
                if moment
                else self._warn(name, "invalid_value")
            )
        if name in STATES:
            word = value.lower()
            word = FULFILLMENT_WORDS.get(word, word) if name == "fulfillment_status" else word
            if name == "status" and word == "any":
                return "1"
            return self._sql(f"{STATES[name]} = ?", word)
        if name in WORDS:
            return self._sql(f"instr({WORDS[name]}, ?) > 0", f"|{value.lower()}|")
        if name in ("id", "customer_id"):
            column = "id" if name == "id" else "customer"
            return self._sql(f"{column} {op or '='} ?", int(value) if value.isdecimal() else -1)
        if name == "name":
            return self._sql("(name = ? OR name = ?)", value, f"#{value}")
        if name == "email":
            return self._sql("email = ?", value.lower())
        if name == "confirmation_number":
            return self._sql("confirmation = ?", value)
        if name == "test":
            return self._sql("test = ?", int(value.lower() == "true"))
        return self._warn(name, "invalid_field")

    def _sql(self, clause: str, *values: object) -> str:
        self.result.values += values
        return clause

    def _warn(self, name: str, code: str) -> str:
        self.result.warnings.append(
            {"field": name, "message": "Invalid search field for this query.", "code": code}
        )
        return "1"


def _moment(value: str) -> str | None:
    """Any ISO time or date, in the archive's own writing."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
