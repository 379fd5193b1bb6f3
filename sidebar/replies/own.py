"""A merchant's own wording, tried out on a sample before it is kept."""

from __future__ import annotations

import re
from typing import Any

from flask_babel import gettext as _

from integration.errors import BadInput
from sidebar.replies import LONGEST, text_of
from sidebar.replies.facts import NO_PARCEL, Item
from sidebar.replies.language import TextError, read

PLACES = (
    "name", "full_name", "agent", "store", "order", "item", "carrier", "number", "link", "seen", "place",
    "due", "late", "delivered", "collect", "went_back", "failed", "packed", "unsent", "parcels", "may", "ask",
    "no", "instead", "money", "amount", "sent", "arrives", "arrived", "by_hand", "as_credit", "address",
    "cancelled", "today", "received", "received_time", "withdrawn", "send_back", "refund_by", "may_wait",
    "law", "refund_law", "policy",
)  # fmt: skip
"""Everything that a reply may name."""

UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
"""Control characters; a database keeps no zero byte."""


def check(text: str, situation: str) -> str:
    """The text as it is kept. Raises :exc:`BadInput` with what is wrong, for the person who wrote it."""
    text = UNPRINTABLE.sub("", text.replace("\r\n", "\n")).strip()
    if not text or len(text) > LONGEST:
        raise BadInput("too long or empty", next_step=_("A reply has 1 to 8000 characters."))
    try:
        unknown = read(text) - set(PLACES)
    except TextError as error:
        raise BadInput(
            "no template",
            next_step=_(
                "Line %(line)s cannot be read. Check the brackets; "
                "a text can only fill in, choose with “if” and repeat with “for”.",
                line=error.line,
            ),
        ) from None
    if unknown:
        raise BadInput(
            "unknown places",
            next_step=_("There is no %(names)s to fill in.", names=", ".join(sorted(unknown)[:5])),
        )
    preview(text, situation)
    return text + "\n"


def preview(text: str, situation: str) -> str:
    """The text with a sample's facts. Raises :exc:`BadInput` when it cannot be filled."""
    try:
        return text_of(text, sample(situation))
    except TextError:
        raise BadInput("cannot be filled", next_step=_("This text cannot be filled in.")) from None


def sample(situation: str) -> dict[str, Any]:
    """Facts of a made-up order: every place has a value. Only where that is the matter, it was cancelled."""
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
        "address": "Ringtee 75, Tartu", "cancelled": "20.11." if situation == "cancelled" else "",
        "today": "21.11.", "received": "21.11.", "received_time": "10:00",
        "withdrawn": item.title,
        "send_back": "7.12.", "refund_by": "5.12.", "may_wait": True, "law": "VÕS § 56",
        "refund_law": "VÕS § 56¹", "policy": True,
    }  # fmt: skip
