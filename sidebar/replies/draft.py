"""A reply as the pane shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Used:
    """One fact of the text, and where it comes from."""

    what: str
    source: str


@dataclass(frozen=True, slots=True)
class Situation:
    code: str
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    situation: str
    title: str
    language: str
    language_name: str
    conversation: str
    """Language of the conversation, or empty."""
    text: str
    order_id: str
    used: tuple[Used, ...] = ()
    situations: tuple[Situation, ...] = ()
