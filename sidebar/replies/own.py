"""A merchant's own wording, tried out on a sample before it is kept."""

from __future__ import annotations

import re
from datetime import UTC, date, timedelta
from typing import Any

from flask_babel import gettext as _

from integration.errors import BadInput
from integration.money import Money
from sidebar.replies import LONGEST, text_of
from sidebar.replies.dates import Writing
from sidebar.replies.facts import NO_PARCEL, Item
from sidebar.replies.language import TextError, read

PLACES = (
    "name", "full_name", "agent", "store", "order", "item", "carrier", "number", "link", "seen", "place",
    "due", "late", "delivered", "collect", "went_back", "failed", "packed", "unsent", "parcels",
    "late_parcels", "may", "ask", "no", "instead", "money", "amount", "sent", "arrives", "arrived", "by_hand",
    "as_credit", "address", "cancelled", "today", "received", "received_time", "withdrawn", "send_back",
    "refund_by", "may_wait", "law", "refund_law", "policy",
)  # fmt: skip
"""Everything that a reply may name."""
COUNTRIES = {"en": "GB", "et": "EE", "ro": "RO", "th": "TH", "ar": "AE"}
TODAY = date(2026, 11, 21)
"""Where and when the sample's customer reads."""

UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
"""Control characters; a database keeps no zero byte."""


def check(text: str, language: str, situation: str) -> str:
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
    preview(text, language, situation)
    return text + "\n"


def preview(text: str, language: str, situation: str) -> str:
    """The text with a sample's facts. Raises :exc:`BadInput` when it cannot be filled."""
    try:
        return text_of(text, sample(language, situation))
    except TextError:
        raise BadInput("cannot be filled", next_step=_("This text cannot be filled in.")) from None


def sample(language: str, situation: str) -> dict[str, Any]:
    """Facts of a made-up order, written as the language's readers write: every place has a value.

    Only where that is the matter, the order was cancelled.
    """
    write = Writing(language, COUNTRIES[language], UTC, TODAY)

    def day(days: int, case: str = "on") -> str:
        return write.day(TODAY + timedelta(days=days), case)

    def euros(cents: int) -> str:
        return write.money(Money(cents, "EUR"))

    parcel = {
        **NO_PARCEL, "item": _("Wool throw"), "carrier": "DPD", "number": write.token("05308712345678"),
        "link": write.token("https://track.example/1"), "seen": day(-14), "place": "Tartu", "due": day(-12),
        "late": write.days(3),
    }  # fmt: skip
    item = Item(
        title=_("Wool throw"), until=day(22, "until"), open=False, fault=False, amount=euros(8900), why="…"
    )
    return {
        **parcel, "name": "Kadri", "full_name": "Kadri Tamm", "agent": "Liis", "store": "Lumi",
        "order": write.token("#1042"), "unsent": False, "parcels": [parcel], "late_parcels": [parcel],
        "may": [item], "ask": [item], "no": [item],
        "instead": euros(5540), "money": True, "amount": euros(8900), "sent": day(0),
        "arrives": day(7, "until"), "arrived": False, "by_hand": False, "as_credit": False,
        "address": "Ringtee 75, Tartu", "cancelled": day(-1) if situation == "cancelled" else "",
        "today": day(0, ""), "received": day(0), "received_time": write.token(write.digits("10:00")),
        "withdrawn": item.title,
        "send_back": day(16), "refund_by": day(14), "may_wait": True, "law": "VÕS § 56",
        "refund_law": "VÕS § 56¹", "policy": True,
    }  # fmt: skip
