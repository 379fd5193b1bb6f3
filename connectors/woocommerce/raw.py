"""Reading JSON that PHP and two hundred plugins have written.

A number may come as text, a list as an object with gaps, an empty field as `""`, `null`, `[]` or
`false`. Each reader takes what can be meant and refuses the rest with :exc:`Unreadable`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from integration.money import DECIMAL_TEXT

Raw = Mapping[str, Any]

GMT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}", re.ASCII)
LONGEST = 20_000
"""Characters kept of any one text."""


class Unreadable(ValueError):
    """A field that must be there is missing or is not what it should be."""


def mapping(value: object, what: str) -> Raw:
    if not isinstance(value, Mapping):
        raise Unreadable(f"{what}: want an object")
    return value


def rows(raw: Raw, key: str) -> list[Raw]:
    """A list of objects. PHP turns a list with gaps into an object; anything else counts as empty."""
    value = raw.get(key)
    if isinstance(value, Mapping):
        value = list(value.values())
    if not isinstance(value, list):
        return []
    return [row for row in value if isinstance(row, Mapping)]


def clean(value: str) -> str:
    """Text that every database takes: no NUL, no half characters, no end of the world."""
    whole = value[:LONGEST].replace("\x00", "")
    return whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def text(raw: Raw, key: str) -> str:
    value = raw.get(key)
    if isinstance(value, str):
        return clean(value).strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def identity(raw: Raw, key: str = "id") -> str:
    """An id as text; empty where there is none (0, null, "")."""
    found = text(raw, key)
    return found if found.isascii() and found.isdigit() and int(found) > 0 else ""


def required_id(raw: Raw, what: str) -> str:
    found = identity(raw)
    if not found:
        raise Unreadable(f"{what}: no id")
    return found


def decimal(raw: Raw, key: str, what: str = "") -> Decimal:
    """A sum. Missing and empty are zero; anything that is not a plain number is refused."""
    value = raw.get(key)
    if value is None or value == "":
        return Decimal(0)
    if isinstance(value, float):
        value = f"{value:.6f}"
    if isinstance(value, bool) or not DECIMAL_TEXT.fullmatch(str(value)):
        raise Unreadable(f"{what or key}: not a sum")
    return Decimal(str(value))


def count(raw: Raw, key: str) -> int:
    """A quantity, rounded to whole pieces (plugins sell 0.5 m of cloth: that is one piece to return)."""
    value = decimal(raw, key)
    whole = int(value)
    return whole + (1 if value > whole else -1 if value < whole else 0)


def moment(raw: Raw, key: str) -> datetime | None:
    """A `…_gmt` date: GMT without saying so. Source: facts of store A, `date_created_gmt`."""
    found = text(raw, key)[:19]
    if not GMT.fullmatch(found):
        return None
    try:
        return datetime.fromisoformat(found).replace(tzinfo=UTC)
    except ValueError:
        return None


def epoch(value: object) -> datetime | None:
    """Unix seconds, as number or as text. Nonsense and zero are None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    digits = str(value).strip().partition(".")[0]
    if not (digits.isascii() and digits.isdigit() and 0 < int(digits) < 4_102_444_800):
        return None
    return datetime.fromtimestamp(int(digits), UTC)


def meta(raw: Raw) -> dict[str, Any]:
    """`meta_data` as a dictionary. The last value of a repeated key wins."""
    return {text(row, "key"): row.get("value") for row in rows(raw, "meta_data") if text(row, "key")}


def unfold(value: Any) -> Any:
    """A plugin's value: real JSON, or JSON in a text. A text that is no JSON stays a text."""
    if isinstance(value, str) and value[:1] in "[{" and len(value) <= 200_000:
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def entries(value: Any) -> Sequence[Raw]:
    """The objects of a plugin's list, whatever it is wrapped in."""
    return rows({"value": unfold(value)}, "value")
