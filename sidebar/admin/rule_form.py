"""A rule of the return policy as a form, and the form as a rule; and a rule in one line of words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext
from werkzeug.datastructures import MultiDict

from integration.eligibility import Rule, Scope
from integration.eligibility.explain import Span
from integration.errors import BadInput
from integration.money import Money
from integration.policy_draft import read
from sidebar import formats
from sidebar.admin.amounts import minor_from
from sidebar.languages import enumerated
from sidebar.spans import span_text

SCOPES = ("tags", "collections", "categories", "products", "countries", "channels", "customer_groups")
STARTS = {
    "delivery": lazy_gettext("Arrival"),
    "fulfilment": lazy_gettext("Fulfilment"),
    "order": lazy_gettext("Order"),
}
LABELS = {
    "customer": lazy_gettext("The customer buys their own"),
    "fee": lazy_gettext("We send one, the fee is deducted"),
    "free": lazy_gettext("We send one, free"),
}
RESOLUTIONS = {
    "refund": lazy_gettext("Money back, the way it was paid"),
    "store_credit": lazy_gettext("Store credit"),
    "exchange": lazy_gettext("Exchange"),
    "replacement": lazy_gettext("Replacement"),
    "repair": lazy_gettext("Repair"),
}
EXCLUSIONS = {
    "personalised": lazy_gettext("Made to order or personalised"),
    "perishable": lazy_gettext("Spoils quickly"),
    "broken_hygiene_seal": lazy_gettext("Hygiene seal broken"),
    "broken_media_seal": lazy_gettext("Seal of media or software broken"),
    "digital": lazy_gettext("Digital goods"),
    "gift_card": lazy_gettext("Gift cards"),
    "mixed": lazy_gettext("Mixed with other goods after delivery"),
    "periodical": lazy_gettext("Newspapers and magazines"),
    "dated_service": lazy_gettext("Services on a set date"),
    "performed_service": lazy_gettext("Services that were performed"),
    "alcohol_deferred": lazy_gettext("Wine delivered later at a price agreed before"),
    "used": lazy_gettext("Used goods"),
    "hazardous": lazy_gettext("Hazardous goods"),
    "oversized": lazy_gettext("Oversized goods"),
}
HOLIDAYS = 3
"""Rows of holiday ranges in the form."""


def rule_from(form: MultiDict[str, str], currencies: Sequence[str], before: Rule | None = None) -> Rule:
    """The rule that was typed, its sums in each of these currencies.

    Raises :exc:`BadInput`, its message beginning with the field that is wrong.
    """
    name = " ".join(form.get("name", "").split())
    if not name:
        raise BadInput("name: missing", code="rule_name")
    document: dict[str, Any] = {
        "name": name,
        "scope": {field: _words(form.get(f"scope.{field}", ""), field) for field in SCOPES},
        "returns": form.get("returns") != "no",
        "start": form.get("start", "delivery"),
        "days": _days(form, "days"),
        "buffer": _days(form, "buffer"),
        "holidays": _holidays(form),
        "cancel_unshipped": "cancel_unshipped" in form,
        "final_sale_returns": "final_sale_returns" in form,
        "exclusions": [
            *(key for key in form.getlist("exclusions") if key in EXCLUSIONS),
            *(key for key in (before.exclusions if before else ()) if key not in EXCLUSIONS),
        ],
        "resolutions": [key for key in RESOLUTIONS if key in form.getlist("resolutions")],
        "bonus": _percent(form, "bonus"),
        "restocking": _percent(form, "restocking"),
        "restocking_fee": _sums(form, "restocking_fee", currencies, before),
        "label": form.get("label", "customer"),
        "label_fee": _sums(form, "label_fee", currencies, before),
        "refund_outbound": "refund_outbound" in form,
        "keep_max": _sums(form, "keep_max", currencies, before),
        "proof_required": "proof_required" in form,
        "part_prices": "part_prices" in form,
        "agent_limit": _sums(form, "agent_limit", currencies, before),
        "conditions": form.get("conditions", "").strip(),
    }
    return read({"version": 1, "rules": [document]}).rules[0]


def in_words(rule: Rule) -> str:
    """The rule in one line, its scope first: "Tag bespoke: no returns"."""
    scope = _scope_words(rule.scope)
    terms = _terms(rule)
    return f"{scope}: {terms}" if scope else terms


def _terms(rule: Rule) -> str:
    if not rule.returns:
        return str(_("no returns"))
    parts = [_window(rule)]
    if rule.restocking:
        fee = _("%(percent)s %% restocking", percent=percent_text(rule.restocking))
        parts.append(fee.replace(" %", "\u00a0%"))  # the sign stays with its number
    if rule.label == "free":
        parts.append(_("free label"))
    if rule.holidays:
        last = max(rule.holidays, key=lambda one: one.until)
        parts.append(_("holidays until %(day)s", day=formats.short_day(last.until)))
    return enumerated(str(part) for part in parts)


def _window(rule: Rule) -> str:
    if rule.days is None:
        return str(_("no last day"))
    return span_text(Span(rule.days, "days", rule.start))


def _scope_words(scope: Scope) -> str:
    titles = {
        "tags": _("Tag"),
        "collections": _("Collection"),
        "categories": _("Category"),
        "products": _("Product"),
        "countries": _("Country"),
        "channels": _("Channel"),
        "customer_groups": _("Customer group"),
    }
    parts = [f"{titles[field]} {', '.join(words)}" for field in SCOPES if (words := getattr(scope, field))]
    return "; ".join(parts)


def percent_text(hundredths: int) -> str:
    """1050 → "10.5"."""
    return f"{hundredths / 100:.2f}".rstrip("0").rstrip(".")


def sum_in(amounts: Mapping[str, int], currency: str) -> str:
    return Money(amounts[currency], currency).text if currency in amounts else ""


def _words(text: str, field: str) -> list[str]:
    words = [" ".join(word.split()) for word in text.split(",")]
    found = list(dict.fromkeys(word for word in words if word))
    if field == "countries":
        found = [word.upper() for word in found]
        if any(len(word) != 2 or not word.isascii() or not word.isalpha() for word in found):
            raise BadInput("scope.countries: two letters each", code="rule_countries")
    return found


def _days(form: MultiDict[str, str], name: str) -> int | None:
    text = form.get(name, "").strip()
    if not text:
        return None
    if not (text.isdecimal() and int(text) <= 36_500):
        raise BadInput(f"{name}: want whole days", code="rule_days")
    return int(text)


def _percent(form: MultiDict[str, str], name: str) -> int:
    try:
        found = minor_from(form.get(name, ""), "EUR") or 0
    except BadInput:
        raise BadInput(f"{name}: want a percentage", code="rule_percent") from None
    if found > 100_00:
        raise BadInput(f"{name}: at most 100", code="rule_percent")
    return found


def _sums(
    form: MultiDict[str, str], name: str, currencies: Sequence[str], before: Rule | None
) -> dict[str, int]:
    """The sums that were typed; those of currencies that the form did not ask for stay."""
    found = dict(getattr(before, name, {}))
    for currency in currencies:
        typed = form.get(f"{name}.{currency}")
        if typed is None:
            continue
        try:
            minor = minor_from(typed, currency)
        except BadInput:
            raise BadInput(f"{name}: want a sum", code="bad_limit") from None
        found.pop(currency, None)
        if minor is not None:
            found[currency] = minor
    return found


def _holidays(form: MultiDict[str, str]) -> list[dict[str, date]]:
    found = []
    for number in range(HOLIDAYS):
        texts = [form.get(f"holiday{number}.{part}", "") for part in ("first", "last", "until")]
        if not any(texts):
            continue
        try:
            first, last, until = (date.fromisoformat(text) for text in texts)
        except ValueError:
            raise BadInput("holidays: want three dates", code="rule_holidays") from None
        if not first <= last <= until:
            raise BadInput("holidays: out of order", code="rule_holidays")
        found.append({"first": first, "last": last, "until": until})
    return found
