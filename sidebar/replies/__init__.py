"""Answers to what customers really ask, built from what is on screen, in the customer's language.

The wording is in one text file a language; a merchant's own (`integration.wording`) goes first. Both are
templates in a small language of their own: they can show the facts and nothing else.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask_babel import force_locale
from jinja2 import Template, TemplateError

from integration.wording import Wording
from sidebar.cards import OrderCard
from sidebar.formats import locale_of, today, zone
from sidebar.languages import LANGUAGES, current, known
from sidebar.languages import gettext as _
from sidebar.replies.dates import Writing
from sidebar.replies.draft import Draft, Situation, Used
from sidebar.replies.facts import facts, used
from sidebar.replies.language import TextError, texts

if TYPE_CHECKING:
    from sidebar.pane import Pane

__all__ = ["SITUATIONS", "Draft", "Situation", "Used", "draft", "suggest", "wording"]

log = logging.getLogger(__name__)

SITUATIONS = (
    "where",
    "late",
    "may_return",
    "how_return",
    "refund_sent",
    "not_eligible",
    "cancelled",
    "replacement",
    "address_changed",
    "withdrawal",
)
NO_ORDER = "no_order"
"""Heading of the text that asks for the order; no situation to choose."""
ARABIC_SPEAKING = ("AE", "BH", "EG", "IQ", "JO", "KW", "LB", "LY", "OM", "PS", "QA", "SA", "SD", "SY", "YE")
BY_COUNTRY = {"EE": "et", "RO": "ro", "MD": "ro", "TH": "th", **dict.fromkeys(ARABIC_SPEAKING, "ar")}
HEADING = re.compile(r"^== (\w+) ==$", re.MULTILINE)
BLOCK = re.compile(r"\{%.*?%\}")
LONGEST = 8000


def draft(
    pane: Pane,
    *,
    situation: str | None = None,
    language: str | None = None,
    order_id: str | None = None,
    own: Wording | None = None,
) -> Draft:
    """The reply that fits the open order best, or the situation and language that were asked for."""
    order = _order(pane, order_id)
    chosen = situation if situation in SITUATIONS else suggest(order)
    conversation = known(pane.visit.language)
    language = language or conversation or _language_of(pane)
    write = Writing(language, pane.country, zone(), today())
    with force_locale(language):
        values = facts(pane, order, write)
        if order:
            mine = (own or Wording()).choices(language, chosen, order.store_id)
            text = _fill(language, chosen, values, mine)
        else:
            text = _asking(language, values)
    words = situation_words()
    return Draft(
        situation=chosen,
        title=words[chosen],
        language=language,
        language_name=language_name(language),
        conversation=conversation or "",
        text=text,
        order_id=order.id if order else "",
        used=tuple(used(chosen, order)),
        situations=tuple(Situation(code, words[code]) for code in _sorted(chosen)),
    )


def language_name(code: str) -> str:
    """`Estonian`, in the agent's language."""
    return str(locale_of(current()).languages.get(code, LANGUAGES[code]))


def suggest(order: OrderCard | None) -> str:
    """What the conversation is probably about, judged by the state of the order."""
    if order is None:
        return "where"
    done = {action["kind"] for action in order.actions if action["status"] == "succeeded"}
    if any(one.acknowledged_at is None and one.closed_at is None for one in order.statements):
        return "withdrawal"
    if order.cancelled_at is not None:
        return "cancelled"
    if "address" in done:
        return "address_changed"
    if order.late:
        return "late"
    if order.refunds or "refund" in done:
        return "refund_sent"
    if any(row.status in ("requested", "open") for row in order.returns):
        return "how_return"
    if order.unsent or any(parcel.delivered_at is None for parcel in order.parcels):
        return "where"
    verdicts = {line.verdict.verdict for line in order.lines if line.verdict}
    return "not_eligible" if verdicts == {"refuse"} else "may_return"


def situation_words() -> dict[str, str]:
    return {
        "where": _("Where is it"),
        "late": _("Late parcel"),
        "may_return": _("May I return it"),
        "how_return": _("How to return"),
        "refund_sent": _("Refund sent"),
        "not_eligible": _("No return"),
        "cancelled": _("Cancelled"),
        "replacement": _("Replacement"),
        "address_changed": _("Address changed"),
        "withdrawal": _("Withdrawal received"),
    }


def _sorted(chosen: str) -> list[str]:
    return [chosen, *(code for code in SITUATIONS if code != chosen)]


def _order(pane: Pane, order_id: str | None) -> OrderCard | None:
    """The named one if its body was asked for (`look(whole=...)`), else the open one."""
    whole = (order for order in pane.orders if isinstance(order, OrderCard))
    return next((order for order in whole if order.id == order_id), None) or pane.open_order


def _language_of(pane: Pane) -> str:
    """Of the person's orders, else of their country, else the agent's own."""
    locale = pane.profile.locale if pane.profile else None
    return known(locale) or BY_COUNTRY.get(pane.country) or current()


def _asking(language: str, values: Mapping[str, Any]) -> str:
    """Without an order there is nothing to say about it: the reply asks which one is meant."""
    return text_of(wording(language)[NO_ORDER], values)


def _fill(language: str, situation: str, values: Mapping[str, Any], own: Sequence[str]) -> str:
    """The text. A merchant's own wording that fails falls back to the next, and says so in the log."""
    for mine in own:
        try:
            return text_of(mine, values)
        except TextError as error:
            log.warning("reply %s/%s cannot be filled: %s", language, situation, error)
    return text_of(wording(language)[situation], values)


def text_of(text: str, values: Mapping[str, Any]) -> str:
    """A template with its facts. Raises :exc:`TextError`."""
    try:
        return tidy(_compiled(text[:LONGEST]).render(values))
    except TextError:
        raise
    except (TemplateError, TypeError) as error:  # a place that is not there; two kinds compared by size
        raise TextError(str(error)) from None


@lru_cache(maxsize=256)
def _compiled(text: str) -> Template:
    return texts.from_string(with_line_ends(text))


def with_line_ends(text: str) -> str:
    """A line of text that ends in a block keeps its line end; a line of blocks alone leaves no trace."""
    lines = []
    for line in text.splitlines():
        words = BLOCK.sub("", line).strip()
        lines.append(f"{line}{{{{ '' }}}}" if words and line.endswith("%}") else line)
    return "\n".join(lines)


def tidy(text: str) -> str:
    """No more than one empty line, none at the ends, no spaces at line ends: optional parts leave gaps."""
    lines = [line.rstrip() for line in text.splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


@cache
def wording(language: str) -> dict[str, str]:
    """Situation → template, from the language's text file."""
    parts = HEADING.split((Path(__file__).parent / f"{language}.txt").read_text("utf-8"))
    return dict(zip(parts[1::2], parts[2::2], strict=True))
