"""One REST call: its real method, its parameters from query and body, and pages of lists."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from werkzeug.wrappers import Request

from connectors.demo.woocommerce.auth import NOBODY, Caller, must_run_the_shop
from connectors.demo.woocommerce.shop import Shop
from connectors.demo.woocommerce.wire import Answer, Json, RestError, invalid, read_moment, truth

LINK_LIMIT = 3400
"""Bytes of a `Link` header that the web server's buffer still holds; longer ones give 502. [measured]"""


@dataclass(slots=True)
class Call:
    shop: Shop
    request: Request
    method: str
    """After `_method` and `X-HTTP-Method-Override`."""
    query: Json
    """From the address alone; this is what `Link` headers repeat."""
    params: Json
    """Query and body together; the body wins."""
    who: Caller = NOBODY

    def may(self, doing: str) -> None:
        must_run_the_shop(self.who, doing)

    def text(self, name: str) -> str:
        value = self.params.get(name)
        return "" if value is None else str(value)

    def flag(self, name: str) -> bool:
        return truth(self.params.get(name))

    def integer(self, name: str, default: int, least: int, most: int | None = None) -> int:
        value = self.params.get(name)
        if value is None or value == "":
            return default
        if not str(value).lstrip("-").isdecimal():
            raise invalid(name, f"{name} is not of type integer.", "rest_invalid_type", {"param": name})
        if most is not None and not least <= int(value) <= most:
            message = f"{name} must be between {least} (inclusive) and {most} (inclusive)"
            raise invalid(name, message, "rest_out_of_bounds")
        if int(value) < least:
            raise invalid(name, f"{name} must be greater than or equal to {least}", "rest_out_of_bounds")
        return int(value)

    def words(self, name: str) -> list[str]:
        """A list parameter: comma text, `name[0]=…`, or a JSON list."""
        value = self.params.get(name)
        if value is None or value == "":
            return []
        parts = value if isinstance(value, list) else str(value).split(",")
        return [str(part).strip() for part in parts if str(part).strip()]

    def numbers(self, name: str) -> list[int]:
        try:
            return [int(word) for word in self.words(name)]
        except ValueError as error:
            message = f"{name}[0] is not of type integer."
            raise invalid(name, message, "rest_invalid_type", {"param": f"{name}[0]"}) from error

    def one_of(self, name: str, choices: Sequence[str], default: str) -> str:
        value = self.text(name) or default
        if value not in choices:
            message = f"{name} is not one of {listing(choices)}."
            raise invalid(name, message, "rest_not_in_enum")
        return value

    def moment(self, name: str) -> int | None:
        text = self.text(name)
        return read_moment(text, name, are_gmt=self.flag("dates_are_gmt")) if text else None


def listing(choices: Sequence[str]) -> str:
    return f"{', '.join(choices[:-1])}, and {choices[-1]}"


def read(shop: Shop, request: Request) -> Call:
    """Raises :exc:`RestError` 400 for a JSON body that cannot be read; other bodies are passed over."""
    query = php_query(request.query_string.decode("latin-1"))
    body = _body(request)
    method = request.method
    if method == "POST":
        method = str(query.get("_method") or request.headers.get("X-HTTP-Method-Override") or method).upper()
    return Call(shop, request, method, query, {**query, **body})


def php_query(text: str) -> Json:
    """As PHP reads it: the last of a repeated name wins, `a[0]=…` and `a[]=…` make lists."""
    result: Json = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        base, bracket, _ = name.partition("[")
        if bracket:
            old = result.get(base)
            result[base] = [*old, value] if isinstance(old, list) else [value]
        else:
            result[name] = value
    return result


def _body(request: Request) -> Json:
    if request.mimetype == "application/x-www-form-urlencoded":
        return php_query(request.get_data(as_text=True))
    if request.mimetype != "application/json" or not request.get_data():
        return {}
    try:
        loaded = json.loads(request.get_data())
    except ValueError as error:
        data = {"status": 400, "json_error_code": 4, "json_error_message": "Syntax error"}
        raise RestError(400, "rest_invalid_json", "Invalid JSON body passed.", data) from error
    return loaded if isinstance(loaded, dict) else {}


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a list that was asked for."""

    offset: int
    limit: int
    page: int


def window(call: Call) -> Window:
    limit = call.integer("per_page", 10, 1, 100)
    page = call.integer("page", 1, 1)
    offset = call.integer("offset", 0, 0) if call.text("offset") else (page - 1) * limit
    return Window(offset, limit, page)


def paged(call: Call, part: Window, rows: Sequence[Any], total: int, defaults: Json | None = None) -> Answer:
    """A list with its headers. A page beyond the end says there are none at all (HPOS). [measured]"""
    if not rows:
        total = 0
    pages = math.ceil(total / part.limit)
    headers = {"X-WP-Total": str(total), "X-WP-TotalPages": str(pages)}
    links = []
    if part.page > 1:
        links.append(f'<{_page(call, defaults or {}, min(part.page - 1, max(pages, 1)))}>; rel="prev"')
    if part.page < pages:
        links.append(f'<{_page(call, defaults or {}, part.page + 1)}>; rel="next"')
    if links:
        headers["Link"] = ", ".join(links)
    if len(headers.get("Link", "")) > LINK_LIMIT:
        raise HeaderTooBig
    return Answer(list(rows), headers=headers)


class HeaderTooBig(Exception):
    """The web server in front gives up on the answer: 502 with a page of HTML."""


def _page(call: Call, defaults: Json, page: int) -> str:
    pairs: list[tuple[str, str]] = []
    for name, value in {**call.query, **defaults, "page": page}.items():
        parts = value if isinstance(value, list) else None
        if parts is None and name in ("status", "include", "exclude", "parent") and isinstance(value, str):
            parts = value.split(",")
        if parts is None:
            pairs.append((name, "1" if value == "true" else str(value)))
        else:
            pairs += [(f"{name}[{place}]", str(part)) for place, part in enumerate(parts)]
    return f"{call.shop.url}{call.request.path}?{urlencode(pairs)}"
