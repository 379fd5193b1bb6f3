"""Lengths of time in the reader's language: the word follows the number, and each language has its rule."""

from __future__ import annotations

from integration.eligibility.explain import Span
from sidebar.languages import ngettext


def span_text(span: Span) -> str:
    """`14 days`, `24 months`, `30 days from delivery`."""
    number = span.count
    match span.unit, span.start:
        case "months", _:
            return ngettext("%(num)s month", "%(num)s months", number)
        case _, "delivery":
            return ngettext("%(num)s day from delivery", "%(num)s days from delivery", number)
        case _, "fulfilment":
            return ngettext("%(num)s day from fulfilment", "%(num)s days from fulfilment", number)
        case _, "order":
            return ngettext("%(num)s day from the order", "%(num)s days from the order", number)
    return ngettext("%(num)s day", "%(num)s days", number)
