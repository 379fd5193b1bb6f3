"""Walking long lists that change underfoot, without skipping or repeating what stays.

Measured: sorted by `modified`, a quiet store repeats some rows and leaves others out; walked forwards,
rows that leave the window pull later rows over page borders. So a list is cut by a closed window, sorted
by `id`, counted once and read from its last page to its first: rows can only leave such a window, and
what leaves moves the rest towards pages that are still to be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from connectors.transport import Answer
from connectors.woocommerce.calls import Calls, Parameter
from connectors.woocommerce.raw import Raw
from integration.errors import UnreadableAnswer

PAGE = 100
"""The most that the store gives at once."""


class Page(Struct, frozen=True, kw_only=True):
    number: int
    rows: list[Raw]
    begun_at: datetime
    """Our clock, before the request was sent."""


def objects(value: Any) -> list[Raw]:
    if not isinstance(value, list):
        raise UnreadableAnswer("want a list of objects")
    return [row for row in value if isinstance(row, Mapping)]


def window(kind: str, since: datetime | None, until: datetime, **more: Parameter) -> dict[str, Parameter]:
    """Parameters for [since, until) by creation (`kind=""`) or modification (`kind="modified_"`).

    Both ends of the store's filter leave out the exact second (measured), hence one second earlier.
    """
    cut: dict[str, Parameter] = {
        f"{kind}before": until,
        "dates_are_gmt": True,
        "orderby": "id",
        "order": "asc",
        **more,
    }
    if since is not None:
        cut[f"{kind}after"] = since.replace(microsecond=0) - timedelta(seconds=1)
    return cut


def size(calls: Calls, path: str, parameters: Mapping[str, Parameter]) -> tuple[int, int]:
    """How many rows and pages a list has now."""
    _, answer = calls.answer(path, **{**parameters, "per_page": 1, "page": 1, "_fields": "id"})
    total = _header(answer, "x-wp-total")
    if total is None:
        return _count_by_walking(calls, path, parameters)
    return total, -(-total // PAGE)


def _header(answer: Answer, name: str) -> int | None:
    text = answer.headers.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None


def _count_by_walking(calls: Calls, path: str, parameters: Mapping[str, Parameter]) -> tuple[int, int]:
    """Some hosts strip the headers that count. Ids are cheap, and nothing is read from this walk."""
    total, number = 0, 1
    while found := objects(
        calls.read(path, **{**parameters, "per_page": PAGE, "page": number, "_fields": "id"})
    ):
        total, number = total + len(found), number + 1
        if len(found) < PAGE:
            break
    return total, -(-total // PAGE)


def backwards(
    calls: Calls, path: str, parameters: Mapping[str, Parameter], *, first: int
) -> Iterator[list[Raw]]:
    """The rows of pages `first`, `first` - 1, … 1."""
    for number in range(first, 0, -1):
        yield objects(calls.read(path, **{**parameters, "per_page": PAGE, "page": number}))


def everything(calls: Calls, path: str, **parameters: Parameter) -> list[Raw]:
    """A short list, whole: refunds of an order, webhooks, gateways."""
    found: list[Raw] = []
    for number in range(1, 101):
        rows = objects(calls.read(path, **{**parameters, "per_page": PAGE, "page": number}))
        found += rows
        if len(rows) < PAGE:
            break
    return found
