"""Query strings and bodies, read strictly: what is not known or not right is refused with its name."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import TypeVar

import msgspec
from flask import request

from integration.errors import BadInput
from integration.ids import row_id

T = TypeVar("T", bound=msgspec.Struct)

LONGEST = 500
"""Characters of one argument."""
KEY = re.compile(r"[\x21-\x7e]{1,200}", re.ASCII)


class UnsupportedBody(BadInput):
    code, status = "not_json", 415


def known(*names: str) -> None:
    """Refuse arguments that the call does not have, and values that no call takes."""
    for name, values in request.args.lists():
        if name not in names:
            raise BadInput(f"no such argument: {name[:40]}", code="unknown_argument")
        if any(len(value) > LONGEST or "\x00" in value for value in values):
            raise BadInput(f"{name}: too long or not text", code="bad_argument")


def one(name: str) -> str | None:
    """The argument, if it was given with a value; once at most."""
    values = [value for value in request.args.getlist(name) if value.strip()]
    if len(values) > 1:
        raise BadInput(f"{name}: once at most", code="bad_argument")
    return values[0].strip() if values else None


def several(name: str) -> list[str]:
    return [value for value in request.args.getlist(name) if value.strip()]


def an_id(name: str) -> int | None:
    """Raises :exc:`NotFound` for text that names nothing of ours."""
    text = one(name)
    return None if text is None else row_id(text)


def a_limit(most: int, usual: int) -> int:
    text = one("limit")
    if text is None:
        return usual
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= most):
        raise BadInput(f"limit: want 1 to {most}", code="bad_argument")
    return int(text)


def a_moment(name: str) -> datetime | None:
    """An RFC 3339 time. A plus sign that a program forgot to escape arrives as a space."""
    text = one(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise BadInput(f"{name}: want a time such as 2026-11-21T09:00:00Z", code="bad_argument")


def a_moment_or_day(name: str) -> datetime | date | None:
    """An RFC 3339 time, or a bare day: that of the delivery address."""
    text = one(name)
    if text is None or len(text) != 10:
        return a_moment(name)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{name}: want a day such as 2026-11-21, or a time", code="bad_argument") from None


def a_switch(name: str) -> bool:
    text = one(name)
    if text not in (None, "true", "false"):
        raise BadInput(f"{name}: want true or false", code="bad_argument")
    return text == "true"


def json_body(*, may_be_empty: bool = False) -> bytes:
    """The body's bytes. Raises :exc:`UnsupportedBody` (415), or 413 through Flask."""
    body = request.get_data(cache=False)
    if not body.strip() and may_be_empty:
        return b"{}"
    if not request.is_json:
        raise UnsupportedBody("send JSON, with Content-Type: application/json")
    return body


def read_body(kind: type[T]) -> T:
    """The body as `kind`. Raises :exc:`BadInput` that names the field."""
    try:
        return msgspec.json.decode(json_body(may_be_empty=True), type=kind)
    except UnicodeDecodeError:
        raise BadInput("the body is not UTF-8") from None
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as error:
        raise BadInput(f"the body does not fit: {str(error)[:200]}") from None


def idempotency_key() -> str:
    """The header, quoted or not. Source: IETF draft "The Idempotency-Key HTTP Header Field"."""
    text = request.headers.get("Idempotency-Key", "").strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if not text:
        raise BadInput(
            "the header Idempotency-Key is needed",
            code="no_idempotency_key",
            next_step="Send a random value, and the same one again when you repeat this request.",
        )
    if not KEY.fullmatch(text):
        raise BadInput("Idempotency-Key: want 1 to 200 visible ASCII characters", code="bad_idempotency_key")
    return text
