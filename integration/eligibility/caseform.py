"""Cases as text: one JSON object a line, `{"in": {…}, "expect": {…}}` (contract §6), to facts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from babel.numbers import is_currency

from integration.eligibility.facts import (
    Buyer,
    Kind,
    LineFacts,
    OrderFacts,
    Request,
    ReturnReason,
    Shipping,
    Tender,
    When,
)
from integration.eligibility.fields import CaseError, Fields
from integration.eligibility.policy import Bound, HolidayRange, Rule

PLATFORM_REASONS = {
    "COLOR": ReturnReason.COLOUR,
    "DEFECTIVE": ReturnReason.DEFECTIVE,
    "NOT_AS_DESCRIBED": ReturnReason.NOT_AS_DESCRIBED,
    "OTHER": ReturnReason.CHANGED_MIND,
    "SIZE_TOO_LARGE": ReturnReason.SIZE_LARGE,
    "SIZE_TOO_SMALL": ReturnReason.SIZE_SMALL,
    "STYLE": ReturnReason.STYLE,
    "UNKNOWN": ReturnReason.UNKNOWN,
    "UNWANTED": ReturnReason.CHANGED_MIND,
    "WRONG_ITEM": ReturnReason.WRONG_ITEM,
}
"""Source: shopify.dev, enum ReturnReason."""
REASONS = {**{reason.value: reason for reason in ReturnReason}, **PLATFORM_REASONS}
Start = Literal["delivery", "fulfilment", "order"]
STARTS: dict[str, Start] = {
    "delivery": "delivery",
    "fulfilment": "fulfilment",
    "fulfillment": "fulfilment",
    "order": "order",
}
SEALS = {"hygiene": "hygiene_seal", "media": "media_seal"}
MOST_LINES = 1000


@dataclass(frozen=True, slots=True)
class Case:
    id: str
    order: OrderFacts
    request: Request
    terms: Mapping[str, Bound]
    """Line id → the terms that bind it."""
    expect: Mapping[str, Any] | None
    unknown: tuple[str, ...]
    """Names that nobody reads."""


def read(text: str) -> Case:
    """One line of a case file. Raises :exc:`CaseError` that names the field."""
    try:
        whole = json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise CaseError("line", "not JSON") from error
    case = Fields.of(whole, "case")
    given = case.get("in")
    if given is None:
        raise CaseError("in", "missing")
    expect = case.get("expect")
    if expect is not None and not isinstance(expect, dict):
        raise CaseError("expect", "not an object")
    fields = Fields.of(given, "in")
    fields.zone = _zone(fields)
    fields.currency = _currency(fields)
    default = _bound(fields.part("policy", fields.need("policy")))
    order, quantities, terms = _order(fields, default)
    request = Request(
        notice=fields.must_when("notice"),
        reason=fields.choice("reason", REASONS, ReturnReason.CHANGED_MIND),
        quantities=quantities,
        store_credit=fields.flag("store_credit"),
        uses_label=fields.flag("uses_label"),
    )
    return Case(
        id=fields.text("id", ""),
        order=order,
        request=request,
        terms=terms,
        expect=expect,
        unknown=tuple(fields.unknown()),
    )


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _zone(fields: Fields) -> ZoneInfo:
    name = fields.text("tz")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise fields.error("tz", "not a time zone") from error


def _currency(fields: Fields) -> str:
    code = fields.text("cur", "EUR")
    if not is_currency(code):
        raise fields.error("cur", "not an ISO 4217 currency")
    return code


def _order(fields: Fields, default: Bound) -> tuple[OrderFacts, dict[str, int], dict[str, Bound]]:
    given = fields.need("lines")
    if not isinstance(given, list) or not 0 < len(given) <= MOST_LINES:
        raise fields.error("lines", f"not a list of 1 to {MOST_LINES} lines")
    parts = [fields.part(f"lines[{index}]", value) for index, value in enumerate(given)]
    lines = tuple(_line(part) for part in parts)
    ids = [line.id for line in lines]
    for part, line in zip(parts, lines, strict=True):
        if ids.count(line.id) > 1:
            raise part.error("id", "used twice")
        if line.gift_of is not None and (line.gift_of not in ids or line.gift_of == line.id):
            raise part.error("gift_parent", "no such line")
    quantities = {
        line.id: wanted for part, line in zip(parts, lines, strict=True) if (wanted := part.count("ret", 0))
    }
    terms = {line.id: _line_terms(part, default) for part, line in zip(parts, lines, strict=True)}
    return _order_facts(fields, lines), quantities, terms


def _order_facts(fields: Fields, lines: tuple[LineFacts, ...]) -> OrderFacts:
    exempt = fields.get("th_exempt")
    outside = fields.answer("th_exempt")
    return OrderFacts(
        country=fields.text("country"),
        zone=fields.zone or ZoneInfo("UTC"),
        currency=fields.currency,
        ordered=fields.must_when("ordered"),
        lines=lines,
        shipping=_shipping(fields),
        tenders=_tenders(fields),
        order_discount=fields.amount("order_discount", 0),
        promised=fields.when("promised"),
        delay_consent=fields.flag("delay_consent"),
        buyer=fields.choice("buyer", {**{buyer.value: buyer for buyer in Buyer}, "unknown": None}, None),
        informed=_informed(fields),
        proof=fields.when("proof"),
        received=fields.when("received"),
        store_facts={} if exempt == "unknown" else {"th_direct_marketer": not outside},
    )


def _informed(fields: Fields) -> bool | When:
    value = fields.get("informed")
    if isinstance(value, str) and value[:1].isdigit():
        return fields.moment(value, "informed")
    return fields.flag("informed", True)


def _shipping(fields: Fields) -> Shipping:
    value = fields.get("ship")
    if value is None:
        return Shipping()
    ship = fields.part("ship", value)
    paid = ship.amount("paid", 0)
    return Shipping(paid=paid, standard=ship.amount("std", paid))


def _tenders(fields: Fields) -> tuple[Tender, ...]:
    value = fields.get("pay")
    if value is None:
        return ()
    if not isinstance(value, list):
        raise fields.error("pay", "not a list")
    tenders = []
    for index, entry in enumerate(value):
        place = f"pay[{index}]"
        if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[0], str):
            raise fields.error(place, "not [tender, amount]")
        tenders.append(Tender(name=entry[0], charged=fields.minor(entry[1], place)))
    return tuple(tenders)


def _line(part: Fields) -> LineFacts:
    seal = part.choice("seal", SEALS, None)
    named = {name for name in ("personalised", "perishable") if part.flag(name)}
    gift = part.text("gift_parent", "") or None
    quantity = part.count("qty", 1)
    if quantity < 1:
        raise part.error("qty", "not at least 1")
    return LineFacts(
        id=part.text("id"),
        quantity=quantity,
        net=part.amount("net", 0 if gift else None),
        kind=part.choice("kind", {kind.value: kind for kind in Kind}, Kind.GOODS),
        returned=part.count("already", 0),
        delivered=_deliveries(part),
        shipped=part.when("shipped"),
        added=part.when("added"),
        cancelled=part.flag("cancelled"),
        final_sale=part.flag("final_sale"),
        traits=frozenset(named | ({seal} if seal else set())),
        unsealed=part.answer("unsealed"),
        used=part.answer("used"),
        consent=part.flag("consent"),
        acknowledged=part.flag("ack"),
        confirmed=part.flag("confirmed"),
        started=part.flag("started"),
        regular=part.flag("regular"),
        exchanged_at=part.when("exchanged_at"),
        bundle_part=part.flag("bundle_part"),
        gift_of=gift,
        gift_returned=part.flag("returned", True),
        sent_late=part.flag("sent_late"),
        diminished=part.amount("diminished", 0),
    )


def _deliveries(part: Fields) -> tuple[When | None, ...]:
    value = part.get("deliv")
    if value is None:
        return ()
    if not isinstance(value, list):
        raise part.error("deliv", "not a list")
    return tuple(
        None if entry is None else part.moment(entry, f"deliv[{index}]") for index, entry in enumerate(value)
    )


def _line_terms(part: Fields, default: Bound) -> Bound:
    """The line's own version: a whole policy, or the name of the order's."""
    value = part.get("policy")
    if value is None:
        return default
    if isinstance(value, dict):
        return _bound(part.part("policy", value))
    if part.text("policy") != default.version:
        raise part.error("policy", "not a policy, and not the version of the order's")
    return default


def _bound(policy: Fields) -> Bound:
    """No days means no last day. A store without returns lets nothing be cancelled unless it says so."""
    none = policy.flag("none")
    label_fee = policy.get("label_fee")
    keep_max = policy.get("keep_max")
    currency = policy.currency
    rule = Rule(
        returns=not none,
        start=policy.choice("start", STARTS, "delivery"),
        days=policy.days("window"),
        buffer=policy.days("buffer"),
        holidays=_holidays(policy),
        cancel_unshipped=policy.flag("cancel_unshipped", not none),
        bonus=policy.percent("bonus_pct"),
        restocking=policy.percent("restock_pct"),
        label="customer" if label_fee is None else "fee",
        label_fee={} if label_fee is None else {currency: policy.amount("label_fee")},
        refund_outbound=policy.flag("refund_outbound"),
        keep_max={} if keep_max is None else {currency: policy.amount("keep_max")},
    )
    return Bound(rule, policy.text("version", "") or None)


def _holidays(policy: Fields) -> tuple[HolidayRange, ...]:
    value = policy.get("holiday")
    if value is None:
        return ()
    given = value if isinstance(value, list) else [value]
    ranges = [policy.part("holiday", entry) for entry in given]
    for entry in ranges:
        first, last = entry.day("from"), entry.day("to")
        if last < first:
            raise entry.error("to", "before from")
    return tuple(
        HolidayRange(first=entry.day("from"), last=entry.day("to"), until=entry.day("until"))
        for entry in ranges
    )
