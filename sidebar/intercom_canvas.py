"""Intercom's canvas: its components, and the size it may have.

Source: Intercom's "Canvas Kit", "Components".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

LARGEST = 64 * 1024
"""Bytes of a canvas that Intercom takes."""
LONGEST = 500
"""Characters of one text: more is no card any more."""


def title(words: str) -> dict[str, Any]:
    return {"type": "text", "text": _short(words), "style": "header"}


def text(words: str, *, muted: bool = False) -> dict[str, Any]:
    return {"type": "text", "text": _short(words), "style": "muted" if muted else "paragraph"}


def rows(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    items = [{"type": "field-value", "field": _short(name), "value": _short(value)} for name, value in pairs]
    return {"type": "data-table", "items": items}


def button(name: str, label: str, *, primary: bool = False) -> dict[str, Any]:
    style = "primary" if primary else "secondary"
    return {"type": "button", "id": name, "label": label, "style": style, "action": {"type": "submit"}}


def link(name: str, label: str, url: str) -> dict[str, Any]:
    return {
        "type": "button",
        "id": name,
        "label": label,
        "style": "link",
        "action": {"type": "url", "url": url},
    }


def checks(
    name: str, label: str, options: Sequence[tuple[str, str]], chosen: Sequence[str]
) -> dict[str, Any]:
    return {
        "type": "checkbox",
        "id": name,
        "label": label,
        "option": [{"type": "option", "id": key, "text": _short(words)} for key, words in options],
        "value": list(chosen),
    }


def choice(name: str, label: str, options: Sequence[tuple[str, str]], chosen: str) -> dict[str, Any]:
    return {
        "type": "dropdown",
        "id": name,
        "label": label,
        "options": [{"type": "option", "id": key, "text": _short(words)} for key, words in options],
        "value": chosen,
    }


def canvas(components: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Within the size that Intercom takes: what is too much goes from the end, before the last three."""
    kept = list(components)
    while len(kept) > 4 and len(msgspec.json.encode(kept)) > LARGEST - 1024:
        del kept[-4]
    return {"canvas": {"content": {"components": kept}}}


def _short(words: str) -> str:
    return words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"
