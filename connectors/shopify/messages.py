"""What an action sends, written down before it is sent; and how the shop's answer is judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from connectors.shopify.shapes import UserError
from integration.errors import BadInput, StoreRefused, StoreUnavailable, UnreadableAnswer


class Step(Struct):
    """One mutation. Its variables are sent in exactly this order: Shopify fingerprints them with the key."""

    document: str
    variables: dict[str, Any]


class Message(Struct):
    """The prepared text of an action. `expect` is what the shop shows once it is done."""

    kind: str
    steps: list[Step]
    expect: dict[str, Any] = {}

    @property
    def text(self) -> str:
        return msgspec.json.encode(self).decode()


def read(prepared: str, kind: str) -> Message:
    try:
        message = msgspec.json.decode(prepared, type=Message)
    except msgspec.DecodeError as error:
        raise BadInput("the prepared message cannot be read") from error
    if message.kind != kind:
        raise BadInput("the prepared message belongs to another kind of action")
    return message


def refuse_if(errors: Sequence[UserError]) -> None:
    """`userErrors` mean that nothing was done, except where they speak of our key: then ask again.

    A parallel call with the same key is "in progress"; refundCreate's errors carry no code for that.
    Source: shopify.dev, "Idempotent requests".
    """
    if not errors:
        return
    said = "; ".join(error.message[:200] for error in errors)
    if any(_is_about_the_key(error) for error in errors):
        raise StoreUnavailable(said, code="key_in_use")
    raise StoreRefused(said)


def _is_about_the_key(error: UserError) -> bool:
    text = f"{error.code or ''} {error.message}".lower()
    return "idempoten" in text or "in progress" in text or "concurrent" in text


def nothing(document: str) -> UnreadableAnswer:
    """A mutation answered with null and without an error: unclear."""
    return UnreadableAnswer(f"{document}: no answer to the mutation")
