"""One line's verdict as the agent reads it: chip, until when, and the reasoning that opens below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from integration.eligibility import explain, messages
from integration.eligibility.verdict import (
    OPEN_ENDED,
    Basis,
    Ground,
    LineVerdict,
    Outcome,
    RefundSum,
    Standing,
    Status,
    Until,
)
from integration.money import Money
from sidebar.citations import citation
from sidebar.formats import day, local, money_text, short_day, today
from sidebar.languages import current, enumerated
from sidebar.languages import gettext as _
from sidebar.spans import span_text

ON_FILE = ("consent", "acknowledged", "started", "confirmed")
ASKED = {"unsealed": ("no", "yes"), "used": ("no", "yes"), **dict.fromkeys(ON_FILE, ("yes", "no"))}
"""Facts that an agent may add with one press: the values that stand for the good and the bad answer."""

ASKABLE = frozenset({*ASKED, "delivered"})
"""Facts with a field of their own; of the others it is said how to get them."""

NAMELESS = frozenset({"law", "policy", "reason", "notice"})
"""Rules that are no rows of a table: what there is to say stands in their text."""

BAR = 100.0


@dataclass(frozen=True, slots=True)
class Rule:
    icon: str
    text: str
    rule: str = ""
    source: str = ""
    status: str = ""
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    word: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Question:
    fact: str
    text: str
    choices: tuple[Choice, ...]
    """Empty: the answer is a date."""


@dataclass(frozen=True, slots=True)
class Row:
    """One bar of the clock; numbers are percent of its width, empty when the right has no bar."""

    label: str
    start: float
    end: float
    open: bool
    says: str


@dataclass(frozen=True, slots=True)
class Clock:
    rows: tuple[Row, ...]
    now: float
    since: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictCard:
    verdict: str
    basis: str
    until: str
    """For programs: a date, `open`, or empty."""
    word: str
    until_text: str
    lead: str
    clock: Clock | None
    rules: tuple[Rule, ...]
    questions: tuple[Question, ...]
    money: Money | None
    ways: str
    last_day: Until
    line: LineVerdict
    """The engine's own answer, for texts in another language."""


def show(value: object) -> str:
    """Parameters of the reasoning in the reader's language."""
    if isinstance(value, explain.Span):
        return span_text(value)
    if isinstance(value, Money):
        return money_text(value, current())
    if isinstance(value, datetime | date):
        return day(value)
    return str(value)


def verdict_card(line: LineVerdict, said: Mapping[str, str], ordered: date, refund: RefundSum) -> VerdictCard:
    """`said`: facts that people added to this line, by name."""
    last = explain.last_day(line)
    return VerdictCard(
        verdict=line.outcome.value,
        basis=line.basis.value,
        until=last.isoformat() if isinstance(last, date) else (last or ""),
        word=chip(line.outcome),
        until_text=_until_text(line, last),
        lead=explain.summary(line, _, show),
        clock=_clock(line, ordered),
        rules=tuple(_rules(line)),
        questions=tuple(_questions(line, said)),
        money=Money(line.items, refund.currency) if line.items else None,
        ways=enumerated(way(name) for name in line.resolutions),
        last_day=last,
        line=line,
    )


def chip(outcome: Outcome) -> str:
    """Three words only."""
    return {
        Outcome.ACCEPT: _("May return"),
        Outcome.REVIEW: _("Ask first"),
        Outcome.REFUSE: _("No return"),
    }[outcome]


def way(name: str) -> str:
    match name:
        case "refund":
            return _("Refund")
        case "store_credit":
            return _("Store credit")
        case "exchange":
            return _("Exchange")
        case "replacement":
            return _("Replacement")
        case "repair":
            return _("Repair")
    return name


def _until_text(line: LineVerdict, last: Until) -> str:
    if line.outcome is Outcome.REFUSE:
        return short_refusal(line)
    if line.outcome is Outcome.REVIEW:
        return short_question(line)
    if any(ground.key in ("law_before_delivery", "policy_unshipped") for ground in line.grounds):
        return _("before it arrives, too")
    if last == OPEN_ENDED:
        return _("no end date yet")
    if isinstance(last, date):
        if line.basis is Basis.CONFORMITY:
            return _("faults until %(day)s", day=day(last))
        return _("until %(day)s", day=day(last))
    return _("no last day")


def short_question(line: LineVerdict) -> str:
    words = {
        "unsealed": _("is the seal unbroken?"),
        "used": _("was it used?"),
        "delivered": _("when did it arrive?"),
        "reason": _("why does it come back?"),
        "law": _("law not checked"),
        "country": _("which country?"),
        "th_direct_marketer": _("registered marketer?"),
    }
    deciding = [missing.fact for missing in line.missing if missing.decides]
    return words.get(deciding[0], _("a person decides")) if deciding else _("a person decides")


def short_refusal(line: LineVerdict, day_of: Callable[[date], str] = short_day) -> str:
    """Why not, in two or three words; `day_of` writes a day for the reader."""
    keys = {ground.key: ground for ground in line.grounds}
    for key, words in (
        ("nothing_left", _("all returned")),
        ("line_cancelled", _("cancelled")),
    ):
        if key in keys:
            return words
    ends = [end for end in (line.law_until, line.policy_until) if isinstance(end, date)]
    for key in ("law_excepted", "policy_excluded"):
        if key in keys and (category := keys[key].params.get("category")) in messages.WORDS:
            return _(messages.WORDS[str(category)])
    if ends:
        return _("period ended %(day)s", day=day_of(max(ends)))
    if "policy_final_sale" in keys:
        return _("final sale")
    return _("no right to return")


def _rules(line: LineVerdict) -> list[Rule]:
    rules = [_rule(ground) for ground in line.grounds]
    rules += [
        Rule("info", explain.ask(missing, _)) for missing in line.missing if missing.fact not in ASKABLE
    ]
    for fact in line.facts:
        if fact.name == "delivered" and isinstance(fact.value, date):
            sources = {
                "carrier": _("carrier scan"),
                "store": _("as the store says"),
                "agent": _("as an agent noted"),
            }
            by = sources.get(fact.source or "", "")
            text = _("Delivered %(day)s", day=day(fact.value))
            rules.append(Rule("lines", enumerated(filter(None, (text, by))).removesuffix(".") + "."))
            break
    return rules


def sum_rules(refund: RefundSum) -> tuple[Rule, ...]:
    """Why the sum is what it is, and until when it is to be paid."""
    return tuple(_rule(ground, explain.amounts(refund, show)) for ground in refund.grounds)


def _rule(ground: Ground, shown: explain.Show = show) -> Rule:
    by_store = ground.status is Status.STORE
    unsure = ground.status in (Status.BELIEF, Status.PARTLY, Status.UNCHECKED)
    return Rule(
        icon="doc" if by_store else "scales",
        text=explain.render(ground, _, shown),
        rule=_version(ground.rule),
        source=_default_names().get(ground.source) or citation(explain.source(ground, _)),
        status=_how_sure(ground.status),
        unsure=unsure,
    )


def _how_sure(status: Status) -> str:
    match status:
        case Status.VERIFIED:
            return _("checked")
        case Status.CONFIRMED:
            return _("confirmed by your team")
        case Status.PARTLY:
            return _("partly checked, not yet confirmed by your team")
        case Status.BELIEF:
            return _("not yet confirmed by your team")
        case Status.UNCHECKED:
            return _("not checked")
        case Status.STORE:
            return ""


def _version(rule: str) -> str:
    """`policy 3` in words; other rules keep their ids, by which they are looked up. Some have none."""
    kind, _space, number = rule.partition(" ")
    if kind == "policy" and number:
        return _("Version %(number)s", number=number)
    return "" if rule in NAMELESS else rule


def _default_names() -> dict[str, str]:
    """Rules of the default policy. What a merchant called a rule stays as it was written."""
    return {"Everything else": _("Everything else"), "Final sale": _("Final sale")}


def _questions(line: LineVerdict, said: Mapping[str, str]) -> list[Question]:
    asked = [missing.fact for missing in line.missing]
    asked += [name for name in said if name in ASKED and name not in asked]
    found = []
    for fact in dict.fromkeys(asked):
        if fact in ASKED:
            found.append(Question(fact, _fact_question(fact), _choices(fact, said.get(fact, "unknown"))))
        elif fact == "delivered":
            found.append(Question(fact, _fact_question(fact), ()))
    return found


def _fact_question(fact: str) -> str:
    return {
        "unsealed": _("Is the seal unbroken?"),
        "used": _("Was it used?"),
        "delivered": _("When did it arrive?"),
        "consent": _("Agreed that it begins at once?"),
        "acknowledged": _("Acknowledged that the right is lost then?"),
        "started": _("Downloaded or begun?"),
        "confirmed": _("Both confirmed by the store, to keep?"),
    }[fact]


def _choices(fact: str, chosen: str) -> tuple[Choice, ...]:
    words = {
        "unsealed": {"no": _("Yes"), "yes": _("Broken")},
        "used": {"no": _("No"), "yes": _("Yes")},
    }.get(fact, {"no": _("No"), "yes": _("Yes")})
    values = [*ASKED[fact], "unknown"]
    picked = chosen if chosen in values else "unknown"
    return tuple(Choice(value, words.get(value, _("Not known")), value == picked) for value in values)


def _clock(line: LineVerdict, ordered: date) -> Clock | None:
    """Law above policy on the same days; nothing to draw when neither has a last day."""
    rights = [(_("Law"), line.law), (_("Policy"), line.policy)]
    if line.basis is Basis.CONFORMITY or not any(right.until for _label, right in rights):
        return None
    dates = [right.until for _label, right in rights if isinstance(right.until, date)]
    last = max([today(), *dates])
    span = max(1, (last - ordered).days)
    endless = any(
        right.until == OPEN_ENDED or (right.standing is Standing.OPEN and right.until is None)
        for _label, right in rights
    )
    width = span / 0.8 if endless else span * 1.08
    delivered = next(
        (local(f.value) for f in line.facts if f.name == "delivered" and isinstance(f.value, date)), ordered
    )

    def place(when: date) -> float:
        return round(max(0.0, min(BAR, (when - ordered).days * BAR / width)), 1)

    rows = []
    for label, right in rights:
        starts = place(delivered) if right is line.policy else 0.0
        if right.until == OPEN_ENDED:
            rows.append(Row(label, starts, 80.0, True, _("no end yet")))
        elif isinstance(right.until, date):
            rows.append(Row(label, starts, place(right.until), False, short_day(right.until)))
        elif right.standing is Standing.OPEN:
            rows.append(Row(label, starts, 80.0, True, _("no last day")))
        else:
            none = right.standing in (Standing.NONE, Standing.EXCEPTED)
            nothing = _("no right") if right is line.law else _("no return")
            rows.append(Row(label, 0, 0, False, nothing if none else _("not known")))
    spoken = enumerated(f"{row.label}: {row.says}" for row in rows)
    since = _("from %(day)s", day=short_day(ordered))
    return Clock(tuple(rows), min(place(today()), 99.1), since, f"{since}. {spoken}.")
