"""Citations in the reader's language: our data names laws and their parts in English."""

from __future__ import annotations

import re
from functools import lru_cache

from integration.eligibility.messages import N_
from sidebar.languages import current
from sidebar.languages import gettext as _

PARTS = (
    (r"Directive (?P<number>\d+/\d+)/EU", N_("Directive %(number)s/EU")),
    (r"Directive \(EU\) (?P<number>\d+/\d+)", N_("Directive (EU) %(number)s")),
    (r"Regulation \(EEC, Euratom\) (?P<number>\d+/\d+)", N_("Regulation (EEC, Euratom) %(number)s")),
    (
        r"Direct Sale and Direct Marketing Act B\.E\. (?P<year>\d+)",
        N_("Direct Sale and Direct Marketing Act B.E. %(year)s"),
    ),
    (
        r"Ministerial regulation in force since 20 November 2018, under B\.E\. (?P<year>\d+)",
        N_("Ministerial regulation in force since 20 November 2018, under B.E. %(year)s"),
    ),
    (
        r"E-Commerce Law, Royal Decree M/(?P<number>\d+),",
        N_("E-Commerce Law, Royal Decree M/%(number)s,"),
    ),
    (r"Federal Law (?P<number>\d+) of (?P<year>\d+)", N_("Federal Law %(number)s of %(year)s")),
    (r"Cabinet Decision (?P<number>\d+) of (?P<year>\d+)", N_("Cabinet Decision %(number)s of %(year)s")),
    (r"Consumer Rights Act (?P<year>\d+)", N_("Consumer Rights Act %(year)s")),
    (r"\bart\. (?P<number>\d)", N_("art. %(number)s")),
    (r"\bs\. (?P<number>\d)", N_("s. %(number)s")),
    (r"\breg\. (?P<number>\d)", N_("reg. %(number)s")),
    (r"\brecital (?P<number>\d)", N_("recital %(number)s")),
    (r"\bB\.E\. (?P<year>\d+)", N_("B.E. %(year)s")),
    (r"; national law not checked$", N_("; national law not checked")),
    (r", exceptions$", N_(", exceptions")),
    (r", prompt refund$", N_(", prompt refund")),
)
"""How `eligibility/law` writes a law or a place in one, and how readers do. Paragraphs that a country's own
rows cite in its own language ("VÕS § 56") have no such part and stay."""


def citation(source: str) -> str:
    """`Directive 2011/83/EU art. 9(1)` as the language of the request at hand writes it."""
    return _cited(source, current())


@lru_cache(maxsize=1024)
def _cited(source: str, language: str) -> str:
    """Kept by language, which is the one at hand: a pane cites the same few laws with every item."""
    for pattern, name in PARTS:
        if found := re.search(pattern, source):
            source = source[: found.start()] + _(name, **found.groupdict()) + source[found.end() :]
    return source
