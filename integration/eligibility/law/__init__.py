"""The law as data: one file a jurisdiction, every rule with its source and how sure we are.

No code here or elsewhere knows a country by name. A country without a row is "not
checked", never "no right". This is engineering data, not legal advice.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

from integration.eligibility.categories import CATEGORIES
from integration.eligibility.verdict import Status


class Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Data files are read strictly: a misspelt name is an error, not a rule that is never applied."""


class Citation(Struct, frozen=True, kw_only=True):
    source: str
    status: Status


class LegalRule(Citation, frozen=True, kw_only=True):
    national: dict[str, Citation] = {}
    """Country → the paragraph that puts the rule into its law."""


class NotInformed(Struct, frozen=True, kw_only=True):
    """What happens to the period of a buyer who was not told of the right."""

    rule: str
    months: int
    """Added to the end of the first period."""
    late_rule: str
    late_days: int
    """Counted from the day on which the information came late."""


class Withdrawal(Struct, frozen=True, kw_only=True):
    """The right to return without a reason."""

    rule: str
    days: int
    per: Literal["order", "line"]
    """Whether the clock of a line waits for the last good of the order."""
    per_rule: str = ""
    pieces_rule: str = ""
    regular_rule: str = ""
    """Where set, regular deliveries are counted from the first good."""
    contract_rule: str = ""
    before_delivery_rule: str = ""
    roll_rule: str = ""
    """Where set, a period that ends on a weekend or public holiday ends with the next working day."""
    not_informed: NotInformed | None = None
    exceptions: dict[str, str] = {}
    """Category of goods that the right does not cover → the rule that says so."""


class LateShipment(Struct, frozen=True, kw_only=True):
    """What becomes of goods that were not sent in time, whatever kind of goods they are."""

    rule: str
    default_days: int | None = None
    """Counted from the order, where no ship date was promised; None: without a promise nothing is late."""
    grace_days: int = 0
    """How late it must be."""
    after_more_time: bool = False
    """The buyer must first give the seller more time: nobody knows whether they did, so it is only said."""


class Conformity(Struct, frozen=True, kw_only=True):
    """Claims for goods that are not what was sold."""

    rule: str
    months: int | None
    """None: no period in the sources."""
    presumed_months: int = 0
    """A defect that shows this early is presumed to have been there at delivery."""
    presumed_rule: str = ""
    order_rule: str = ""
    """Where set, repair or replacement come before money."""
    reject_days: int = 0
    """Where set, the buyer may reject the goods for their money this many days long."""
    reject_rule: str = ""
    consumer_only: bool = True


class Refund(Struct, frozen=True, kw_only=True):
    """The law's terms of repayment."""

    rule: str
    days: int | None
    """None: no fixed term in the sources."""
    working_days: bool = False
    from_: Literal["notice", "goods_or_proof"] = msgspec.field(name="from", default="notice")
    may_hold: bool = False
    """The seller may wait for goods or proof of sending, whichever is first."""
    send_back_days: int | None = None
    send_back_rule: str = ""
    outbound: Literal["cheapest_standard", "paid"] = "paid"
    outbound_rule: str = ""
    no_fee_rule: str = ""
    deduction_rule: str = ""
    """Loss in value by handling may be deducted, unless the buyer was not told of the right."""
    return_cost: Literal["consumer", "unsettled"] = "unsettled"
    """Only "consumer" lets a label fee be deducted from a refund by law."""


class LawRow(Struct, frozen=True, kw_only=True):
    id: str
    countries: tuple[str, ...]
    cite: dict[str, str]
    """Country → citation; "*" for the others."""
    status: dict[str, Status]
    """Country → how sure we are; "*" for the others."""
    directive: bool = False
    """The rules are those of a directive, which each country puts into its own law."""
    consumer_only: bool = False
    store_fact: str = ""
    """What must be true of the store for the law to bind it."""
    store_fact_rule: str = ""
    scope_rule: str = ""
    withdrawal: Withdrawal | None = None
    late_shipment: LateShipment | None = None
    conformity: Conformity | None = None
    refund: Refund | None = None
    rules: dict[str, LegalRule]

    def citation(self, country: str) -> str:
        return self.cite.get(country) or self.cite["*"]

    def checked(self, country: str) -> Status:
        return self.status.get(country) or self.status["*"]

    def rule(self, rule_id: str, country: str) -> Citation:
        """Source and status of a rule as it applies in `country`.

        Where a country's own paragraph was not looked up, a verified directive is only half
        of the proof.
        """
        rule = self.rules[rule_id]
        if national := rule.national.get(country):
            return national
        if self.directive and rule.status is Status.VERIFIED and self.checked(country) is Status.PARTLY:
            return Citation(source=rule.source, status=Status.PARTLY)
        return rule


@cache
def rows() -> tuple[LawRow, ...]:
    """Every row, in the order of their files' names."""
    data = sorted(entry.name for entry in files(__name__).iterdir() if entry.name.endswith(".json"))
    found = tuple(msgspec.json.decode((files(__name__) / name).read_bytes(), type=LawRow) for name in data)
    for row in found:
        check_row(row)
    return found


def check_row(row: LawRow) -> None:
    """Every rule that a row applies has a source, and every exception a known category."""
    named = {name for name in _rule_ids(row) if name}
    if unknown := named - row.rules.keys():
        raise ValueError(f"{row.id}: no source for {sorted(unknown)}")
    exceptions = row.withdrawal.exceptions if row.withdrawal else {}
    if odd := exceptions.keys() - CATEGORIES.keys():
        raise ValueError(f"{row.id}: unknown categories {sorted(odd)}")


def _rule_ids(row: LawRow) -> list[str]:
    """Every rule id that the row's parts name: by convention in fields called `rule` or `…_rule`."""
    right = row.withdrawal
    parts: list[msgspec.Struct | None] = [row, right, row.late_shipment, row.conformity, row.refund]
    if right:
        parts.append(right.not_informed)
    named = [
        value
        for part in parts
        if part is not None
        for name, value in msgspec.structs.asdict(part).items()
        if name == "rule" or name.endswith("_rule")
    ]
    return [*named, *right.exceptions.values()] if right else named


@cache
def row_for(country: str | None) -> LawRow | None:
    """The row of a delivery country (ISO 3166, upper case), or None: not checked."""
    return next((row for row in rows() if country in row.countries), None)
