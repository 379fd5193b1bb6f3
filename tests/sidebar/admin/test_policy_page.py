"""The policy editor, from the first version to the second, and the what-if over real orders."""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from werkzeug.datastructures import MultiDict

from integration import policies, policy_draft, what_if
from integration.eligibility import Policy, Rule, Scope
from integration.eligibility.policy import HolidayRange, load
from integration.money import Money
from integration.records import ReturnLineRecord, ReturnRecord
from jobs.boot import Services
from sidebar.admin import rule_form

EVERYTHING = {
    "name": "Swimwear",
    "returns": "yes",
    "start": "fulfilment",
    "days": "45",
    "buffer": "4",
    "restocking": "10,5",
    "restocking_fee.EUR": "1.50",
    "resolutions": ["refund", "exchange"],
    "bonus": "5",
    "label": "fee",
    "label_fee.EUR": "4.90",
    "keep_max.EUR": "12",
    "agent_limit.EUR": "100",
    "conditions": "Unworn, with its tags",
    "scope.tags": "swim, summer ,",
    "scope.countries": "ee, ro",
    "scope.customer_groups": "Friends",
    "holiday0.first": "2026-11-15",
    "holiday0.last": "2026-12-24",
    "holiday0.until": "2027-01-31",
    "exclusions": ["broken_hygiene_seal", "used"],
    "refund_outbound": "1",
    "proof_required": "1",
}


PLAIN = {"name": "Everything else", "resolutions": ["refund"]}


def draft_of(services: Services, account: int) -> Policy | None:
    with services.reading(account) as work:
        return policy_draft.draft(work)


def test_before_anything_is_saved_the_default_policy_is_shown(
    admin: int, sign_in: Callable[[int], Any]
) -> None:
    browser = sign_in(admin)
    browser.get("/admin/policy")
    for words in (
        "Default policy",
        "30 days from delivery",
        "Tag final-sale: no returns",
        "not legal advice",
    ):
        assert words in browser.text, words


def test_every_field_of_the_form_reaches_the_rule(
    services: Services, account: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    assert sign_in(admin).post("/admin/policy/rules/add", EVERYTHING).status_code == 303
    draft = draft_of(services, account)
    assert draft is not None
    assert draft.rules[1] == Rule(
        name="Swimwear",
        scope=Scope(tags=("swim", "summer"), countries=("EE", "RO"), customer_groups=("Friends",)),
        start="fulfilment",
        days=45,
        buffer=4,
        holidays=(HolidayRange(first=date(2026, 11, 15), last=date(2026, 12, 24), until=date(2027, 1, 31)),),
        cancel_unshipped=False,
        exclusions=("broken_hygiene_seal", "used"),
        resolutions=("refund", "exchange"),
        bonus=500,
        restocking=1050,
        restocking_fee={"EUR": 150},
        label="fee",
        label_fee={"EUR": 490},
        refund_outbound=True,
        keep_max={"EUR": 1200},
        proof_required=True,
        agent_limit={"EUR": 10_000},
        conditions="Unworn, with its tags",
    )
    assert draft.rules[2].name == "Everything else", "the rule that fits everything stays last"


def test_the_form_shows_what_it_would_save(
    services: Services, account: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    browser = sign_in(admin)
    browser.post("/admin/policy/rules/add", EVERYTHING)
    before = draft_of(services, account)
    browser.get("/admin/policy/rules/1")
    fields = _fields_of(browser.text)
    assert browser.post("/admin/policy/rules/1", fields).status_code == 303
    assert draft_of(services, account) == before


def test_a_sum_is_kept_for_each_currency_that_the_stores_sell_in(
    services: Services, world: Any, account: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    for currency in ("EUR", "RON", "RON", "KWD"):
        world.store(account, currency=currency)
    browser = sign_in(admin)
    sums = {"keep_max.RON": "12.50", "keep_max.EUR": "3", "keep_max.KWD": "1.234", "keep_max.USD": "9"}
    assert browser.post("/admin/policy/rules/add", {**PLAIN, "scope.tags": "swim", **sums}).status_code == 303
    draft = draft_of(services, account)
    assert draft is not None
    assert draft.rules[1].keep_max == {"RON": 1250, "EUR": 300, "KWD": 1234}
    browser.get("/admin/policy/rules/1")
    shown = _fields_of(browser.text)
    assert browser.post("/admin/policy/rules/1", shown).status_code == 303
    assert draft_of(services, account) == draft

    without = {name: value for name, value in shown.items() if not name.endswith(".RON")}
    browser.post("/admin/policy/rules/1", without)
    assert draft_of(services, account) == draft, "what the form did not show is not taken for emptied"
    browser.post("/admin/policy/rules/1", {**shown, "keep_max.RON": ""})
    emptied = draft_of(services, account)
    assert emptied is not None
    assert emptied.rules[1].keep_max == {"EUR": 300, "KWD": 1234}


def _fields_of(text: str) -> dict[str, Any]:
    """What a browser would send back of the open form, untouched."""
    from html.parser import HTMLParser

    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.inside, self.select, self.found = False, "", {}

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            named = dict(attrs)
            if tag == "form":
                self.inside = named.get("id") == "rule"
            if not self.inside:
                return
            if tag == "input" and named.get("name") and named["name"] != "csrf":
                ticks = named.get("type") in ("checkbox", "radio")
                if not ticks or "checked" in named:
                    self.found.setdefault(named["name"], []).append(named.get("value", ""))
            if tag == "select":
                self.select = named.get("name", "")
            if tag == "option" and "selected" in named:
                self.found[self.select] = [named.get("value", "")]

    reader = Reader()
    reader.feed(text)
    return reader.found


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": " "}, "A rule needs a name."),
        ({"days": "thirty"}, "A period is a whole number of days"),
        ({"days": "-1"}, "A period is a whole number of days"),
        ({"restocking": "120"}, "A percentage is a number from 0 to 100."),
        ({"label_fee.EUR": "1.234"}, "A sum is a number"),
        ({"scope.countries": "Estonia"}, "A country is two letters"),
        ({"holiday0.until": ""}, "A holiday range has three dates"),
        ({"holiday0.first": "2027-01-01"}, "A holiday range has three dates"),
    ],
)
def test_a_wrong_field_is_said_and_nothing_is_kept(
    services: Services,
    account: int,
    admin: int,
    sign_in: Callable[[int], Any],
    wrong: dict[str, str],
    words: str,
) -> None:
    answer = sign_in(admin).post("/admin/policy/rules/add", {**EVERYTHING, **wrong})
    text = answer.get_data(as_text=True)
    assert answer.status_code == 400
    assert words in text
    assert 'value="Unworn, with its tags"' in text, "what was typed is kept"
    draft = draft_of(services, account)
    assert draft is None or all(rule.name != "Swimwear" for rule in draft.rules)


def test_from_the_first_policy_to_the_second_version(
    services: Services, account: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    browser = sign_in(admin)
    browser.post("/admin/policy/rules/1", {**PLAIN, "days": "21"})
    browser.get("/admin/policy")
    assert "Draft, 1 change" in browser.text
    assert browser.post("/admin/policy/save", {"note": "Three weeks"}).status_code == 303
    assert draft_of(services, account) is None
    with services.reading(account) as work:
        versions = policies.policy_versions(work)
        assert [(row.number, row.note, row.created_by) for row in versions] == [
            (2, "Three weeks", "Maarja Tamm"),
            (1, "", "Deskside"),
        ]
        assert policies.read(versions[0]).rules[-1].days == 21
        assert policies.read(versions[1]).rules[-1].days == 30
    browser.get("/admin/policy?version=1")
    assert "30 days from delivery" in browser.text
    assert "21 days from delivery" not in browser.text


def test_a_version_may_begin_later_and_never_earlier(
    services: Services, account: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    browser = sign_in(admin)
    browser.post("/admin/policy/rules/1/move/up")
    early = browser.post("/admin/policy/save", {"note": "x", "valid_from": "2026-11-20"})
    assert early.status_code == 400
    assert "A version cannot start in the past" in early.get_data(as_text=True)
    assert browser.post("/admin/policy/save", {"note": "x", "valid_from": "2027-01-01"}).status_code == 303
    with services.reading(account) as work:
        newest = policies.current_policy(work)
        assert newest is not None
        assert newest.valid_from.isoformat() == "2027-01-01T00:00:00+00:00"
    browser.get("/admin/policy")
    assert "Planned" in browser.text


def test_rules_are_moved_and_removed_in_the_draft_alone(
    services: Services, account: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    browser = sign_in(admin)
    browser.post("/admin/policy/rules/1/move/up")
    draft = draft_of(services, account)
    assert draft is not None
    assert [rule.name for rule in draft.rules] == ["Everything else", "Final sale"]
    browser.post("/admin/policy/rules/0/move/up")
    browser.post("/admin/policy/rules/0/remove")
    assert browser.post("/admin/policy/rules/0/remove").status_code == 400, "one rule stays"
    assert browser.post("/admin/policy/rules/7/remove").status_code == 404
    with services.reading(account) as work:
        assert len(policy_draft.in_force(work).rules) == 2
    browser.post("/admin/policy/discard")
    assert draft_of(services, account) is None


def test_what_is_exported_can_be_brought_in_again(
    services: Services, account: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    browser = sign_in(admin)
    browser.post("/admin/policy/rules/add", EVERYTHING)
    browser.post("/admin/policy/save", {"note": "Swimwear"})
    file = browser.client.get("/admin/policy/export").get_data()
    assert [version.version for version in load(file)] == [1, 2]
    browser.post("/admin/policy/rules/1/remove")
    upload = {"file": (io.BytesIO(file), "policy.json")}
    assert browser.post("/admin/policy/import", upload, content_type="multipart/form-data").status_code == 303
    draft = draft_of(services, account)
    assert draft is not None
    assert draft.rules == load(file)[1].rules


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"not json",
        b"\xff\xfe",
        b'[{"version": 1, "rules": []}]',
        b'[{"version": 1, "rules": [{"dayz": 3}]}]',
        b" " * 1_000_001,
        json.dumps([{"version": 1, "rules": [{"exclusions": ["unheard of"]}]}]).encode(),
    ],
)
def test_a_file_that_is_no_policy_is_refused(
    services: Services, account: int, admin: int, sign_in: Callable[[int], Any], data: bytes
) -> None:
    browser = sign_in(admin)
    upload = {"file": (io.BytesIO(data), "policy.json")}
    answer = browser.post("/admin/policy/import", upload, content_type="multipart/form-data")
    answer.request.input_stream.close()  # the test client spools a large upload into a file of its own
    assert answer.status_code == 400
    assert "This file cannot be read as a policy." in answer.get_data(as_text=True)
    assert draft_of(services, account) is None


def test_the_law_of_countries_delivered_to_stands_beside_the_policy(
    services: Services, world: Any, account: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    from integration.records import Address

    store = world.store(account)
    world.sell(
        account,
        store,
        world.record(),
        world.record(shipping_address=Address(country="GB")),
        world.record(shipping_address=Address(country="JP")),
    )
    browser = sign_in(admin)
    browser.get("/admin/policy")
    assert "We have no data. Agents see “law not checked”, never “no right”." in browser.text
    assert "/admin/policy/law/GB/confirm" in browser.text
    assert "/admin/policy/law/JP/confirm" not in browser.text
    assert browser.post("/admin/policy/law/GB/confirm").status_code == 303
    browser.get("/admin/policy")
    assert "Confirmed by you" in browser.text
    assert "Maarja Tamm, Sat 21 Nov" in browser.text
    assert browser.post("/admin/policy/law/JP/confirm").status_code == 400


# -- what-if ---------------------------------------------------------------------------------------


@pytest.fixture
def sold(world: Any, account: int, clock: Any) -> list[int]:
    """Two orders of last month; one was sent back on day 3, the other was kept."""
    store = world.store(account)
    mug = world.line("1", title="Ceramic mug", product_id="p1")
    bowl = world.line("2", title="Bowl", product_id="p2", total=Money(5000, "EUR"))
    delivered = clock() - timedelta(days=30)
    back = ReturnRecord(
        platform_id="r1",
        status="closed",
        created_at=delivered + timedelta(days=20),
        lines=(ReturnLineRecord(platform_id="rl1", quantity=1, line_id="1", reason="changed_mind"),),
    )
    placed = clock() - timedelta(days=35)
    kept = world.parcel(bowl, delivered_at=delivered, shipped_at=placed)
    sent_back = world.parcel(mug, delivered_at=delivered, shipped_at=placed)
    return world.sell(
        account,
        store,
        world.record(mug, placed_at=placed, fulfillments=(sent_back,), returns=(back,)),
        world.record(bowl, placed_at=placed, fulfillments=(kept,)),
    )


def compared(services: Services, account: int, days: int, day: int | None) -> Any:
    after = Policy(version=2, rules=(Rule(name="All", days=days),))
    with services.reading(account) as work:
        question = what_if.Question(since=work.now() - timedelta(days=365), day=day)
        return what_if.compare_policies(work, policy_draft.in_force(work), after, question)


def test_returns_are_judged_on_the_day_they_were_asked_for(
    services: Services, account: int, sold: list[int]
) -> None:
    result = compared(services, account, days=15, day=None)
    assert (result.orders, result.lines, result.refused) == (1, 1, 1)
    assert result.products["p1"].money["EUR"] < 0
    assert compared(services, account, days=25, day=None).changed == 0


@pytest.mark.parametrize(
    ("reasons", "refused"),
    [
        (("defective",), 0),  # a claim for a fault stands whatever the policy says
        (("defective", "defective"), 0),
        (("defective", "changed_mind"), 1),
        (("size_small",), 1),
        (("a shop's own word",), 1),
        (("unknown",), 1),
        (("",), 1),
    ],
)
def test_a_return_is_judged_by_the_reason_it_was_asked_for(
    services: Services, account: int, world: Any, clock: Any, reasons: tuple[str, ...], refused: int
) -> None:
    mug = world.line("1", quantity=2, product_id="p1")
    delivered = clock() - timedelta(days=30)
    lines = tuple(
        ReturnLineRecord(platform_id=f"rl{number}", quantity=1, line_id="1", reason=reason)
        for number, reason in enumerate(reasons)
    )
    back = ReturnRecord(
        platform_id="r1", status="closed", created_at=delivered + timedelta(days=20), lines=lines
    )
    parcel = world.parcel(mug, delivered_at=delivered, shipped_at=delivered - timedelta(days=2))
    placed = delivered - timedelta(days=5)
    world.sell(
        account,
        world.store(account),
        world.record(mug, placed_at=placed, fulfillments=(parcel,), returns=(back,)),
    )
    assert compared(services, account, days=15, day=None).refused == refused


def test_all_orders_can_be_judged_as_if_asked_on_one_day(
    services: Services, account: int, sold: list[int]
) -> None:
    assert (late := compared(services, account, days=15, day=21)).lines == 2
    assert late.refused == 2
    assert compared(services, account, days=15, day=7).refused == 0


def test_what_the_law_keeps_open_is_counted_apart(services: Services, account: int, sold: list[int]) -> None:
    result = compared(services, account, days=5, day=7)
    assert (result.refused, result.below_law) == (0, 2)


def test_nothing_is_changed_by_asking(services: Services, account: int, sold: list[int]) -> None:
    before = _rows(services)
    compared(services, account, days=5, day=7)
    assert _rows(services) == before


def _rows(services: Services) -> dict[str, list[Any]]:
    from sqlalchemy import text

    tables = ("sales_order", "order_line", "policy_version", "fact", "account")
    with services.db.engine.connect() as connection:
        return {
            name: list(connection.execute(text(f"SELECT * FROM {name} ORDER BY 1, 2")).all())
            for name in tables
        }


def test_the_page_shows_what_a_draft_would_have_changed(
    services: Services, account: int, sold: list[int], admin: int, sign_in: Callable[[int], Any]
) -> None:
    browser = sign_in(admin)
    browser.post("/admin/policy/rules/1", {**PLAIN, "days": "15"})
    browser.get("/admin/what-if")
    for words in ("What the draft would have changed", "100 % of 1", "Ceramic mug", "As a table"):
        assert words in browser.text, words
    browser.get("/admin/what-if?over=21")
    assert "100 % of 2" in browser.text
    browser.get("/admin/what-if?before=99&after=x&over=3&store=abc")
    assert "What version 1 would have changed" in browser.text


def test_a_year_that_takes_long_is_fetched_by_the_open_page(
    services: Services,
    account: int,
    sold: list[int],
    admin: int,
    sign_in: Callable[[int], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sidebar.admin.whatif.AT_ONCE", 1)
    browser = sign_in(admin)
    browser.post("/admin/policy/rules/1", {**PLAIN, "days": "15"})
    browser.get("/admin/what-if?over=21")
    assert "2 orders are being judged" in browser.text
    assert "Lines that change" not in browser.text
    [where] = re.findall(r'data-load="([^"]+)"', browser.text)
    fragment = browser.get(html.unescape(where))
    assert "100 % of 2" in browser.text
    assert "<html" not in fragment.text
    browser.get(html.unescape(where).replace("&fragment=1", ""))
    assert "100 % of 2" in browser.text
    assert "<html" in browser.text


def test_without_orders_the_page_says_so(admin: int, sign_in: Callable[[int], Any]) -> None:
    browser = sign_in(admin)
    browser.get("/admin/what-if")
    assert "Nothing to judge" in browser.text


def test_a_what_if_never_reads_another_account(
    services: Services, world: Any, account: int, sold: list[int]
) -> None:
    other = world.account("Other")
    assert compared(services, other, days=5, day=7).lines == 0


def test_an_exclusion_that_no_box_shows_survives_an_edit() -> None:
    before = Rule(name="Auctions", exclusions=("auction", "used"))
    form = MultiDict([("name", "Auctions"), ("exclusions", "perishable")])

    assert rule_form.rule_from(form, "EUR", before).exclusions == ("perishable", "auction")
