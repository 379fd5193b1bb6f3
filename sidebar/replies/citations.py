"""Citations in the language of the letter: our data names laws and their parts in English."""

from __future__ import annotations

import re

from integration.eligibility.messages import N_
from sidebar.languages import gettext as _

PARTS = (
    (r", (?:exceptions|prompt refund)$", ""),
    (r"Directive (?P<number>\d+/\d+)/EU", N_("Directive %(number)s/EU")),
    (r"Directive \(EU\) (?P<number>\d+/\d+)", N_("Directive (EU) %(number)s")),
    (r"Regulation \(EEC, Euratom\) (?P<number>\d+/\d+)", N_("Regulation (EEC, Euratom) %(number)s")),
    (
        r"Direct Sale and Direct Marketing Act B\.E\. (?P<year>\d+)",
        N_("Thai direct marketing act of %(year)s"),
    ),
    (r"Ministerial regulation in force since .*", N_("Thai ministerial regulation on direct marketing")),
    (r"E-Commerce Law, Royal Decree M/(?P<number>\d+),?", N_("Saudi e-commerce law (M/%(number)s)")),
    (r"Federal Law (?P<number>\d+) of (?P<year>\d+)", N_("Federal Law %(number)s of %(year)s")),
    (r"Cabinet Decision (?P<number>\d+) of (?P<year>\d+)", N_("Cabinet Decision %(number)s of %(year)s")),
    (r"Consumer Rights Act (?P<year>\d+)", N_("UK Consumer Rights Act %(year)s")),
    (r"\bart\. (?P<number>\d)", N_("art. %(number)s")),
    (r"\bs\. (?P<number>\d)", N_("s. %(number)s")),
    (r"\breg\. (?P<number>\d)", N_("reg. %(number)s")),
    (r"\brecital (?P<number>\d)", N_("recital %(number)s")),
)
"""How `eligibility/law` writes a law or a place in one, and how readers do. Paragraphs that a country's own
rows cite in its own language ("VÕS § 56") have no such part and stay."""


def citation(source: str) -> str:
    """`Directive 2011/83/EU art. 9(1)` as the language of the request at hand writes it."""
    for pattern, name in PARTS:
        if found := re.search(pattern, source):
            written = _(name, **found.groupdict()) if name else ""
            source = source[: found.start()] + written + source[found.end() :]
    return source
