"""A merchant's own wording, tried out on a sample before it is kept."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from jinja2 import TemplateError, TemplateSyntaxError, UndefinedError, meta

from integration.errors import BadInput
from sidebar.replies import LONGEST, text_of, texts
from sidebar.replies.facts import NO_PARCEL, Item

PLACES = (
    "name", "full_name", "agent", "store", "order", "item", "carrier", "number", "link", "seen", "place",
    "due", "late", "delivered", "collect", "went_back", "failed", "packed", "unsent", "parcels", "may", "ask",
    "no", "instead", "money", "amount", "sent", "arrives", "arrived", "by_hand", "as_credit", "address",
    "cancelled", "today", "received", "received_time", "withdrawn", "send_back", "refund_by", "may_wait",
    "law", "refund_law", "policy",
)  # fmt: skip
"""Everything that a reply may name."""


def check(text: str, language: str) -> str:
    """The text as it is kept. Raises :exc:`BadInput` with what is wrong, for the person who wrote it."""
    text = text.replace("\r\n", "\n").strip()
    if not text or len(text) > LONGEST:
        raise BadInput("too long or empty", next_step=_("A reply has 1 to 8000 characters."))
    try:
        unknown = meta.find_undeclared_variables(texts.parse(text)) - set(PLACES)
    except TemplateSyntaxError as error:
        raise BadInput(
            "no template",
            next_step=_("Line %(line)s cannot be read: check the brackets.", line=error.lineno or 1),
        ) from None
    if unknown:
        raise BadInput(
            "unknown places",
            next_step=_("There is no %(names)s to fill in.", names=", ".join(sorted(unknown)[:5])),
        )
    preview(text, language)
    return text + "\n"


def preview(text: str, language: str) -> str:
    """The text with a sample's facts. Raises :exc:`BadInput` when it cannot be filled."""
    try:
        return text_of(text, sample(language))
    except UndefinedError as error:
        raise BadInput(
            "unknown place", next_step=_("There is no %(names)s to fill in.", names=str(error.message)[:80])
        ) from None
    except (TemplateError, TypeError, ValueError, ArithmeticError):
        raise BadInput("cannot be filled", next_step=_("This text cannot be filled in.")) from None


def sample(language: str) -> dict[str, Any]:
    """Facts of a made-up order: every place has a value."""
    parcel = {
        **NO_PARCEL, "item": _("Wool throw"), "carrier": "DPD", "number": "05308712345678",
        "link": "https://track.example/1", "seen": "7.11.", "place": "Tartu", "due": "9.11.", "late": "3",
    }  # fmt: skip
    item = Item(title=_("Wool throw"), until="13.12.", open=False, fault=False, amount="€89.00", why="…")
    return {
        **parcel, "name": "Kadri", "full_name": "Kadri Tamm", "agent": "Liis", "store": "Lumi",
        "order": "#1042", "unsent": False, "parcels": [parcel], "may": [item], "ask": [item], "no": [item],
        "instead": "€55.40", "money": True, "amount": "€89.00", "sent": "21.11.", "arrives": "28.11.",
        "arrived": False, "by_hand": False, "as_credit": False,
        "address": "Ringtee 75, Tartu", "cancelled": "20.11.",
        "today": "21.11.", "received": "21.11.", "received_time": "10:00",
        "withdrawn": item.title,
        "send_back": "7.12.", "refund_by": "5.12.", "may_wait": True, "law": "VÕS § 56",
        "refund_law": "VÕS § 56¹", "policy": True,
    }  # fmt: skip
