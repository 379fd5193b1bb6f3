"""Approvals: what the second person sees, and that a decision is asked of the domain and nothing else."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from integration.customers import find_order
from integration.db.accounts import Role
from integration.db.actions import Action, ActionStatus
from integration.deciding import money_version
from integration.limits import Choices, save
from integration.money import Money
from integration.people import disable_agent
from integration.ports import ActionKind, ActionRequest, RefundLineWish
from jobs.boot import Services

NUMBERS = itertools.count(1)


@pytest.fixture
def order(world: Any, account: int) -> int:
    store = world.store(account)
    line = world.line("11", title="Wool coat Talv", total=Money(18_900, "EUR"))
    [found] = world.sell(account, store, world.record(line, fulfillments=(world.parcel(line),)))
    return found


def refund_of(order: Any, key: str) -> ActionRequest:
    """The coat, back the way it was paid."""
    amount = Money(18_900, "EUR")
    return ActionRequest(
        key=key,
        kind=ActionKind.REFUND,
        order_id=order.platform_id,
        currency="EUR",
        lines=(RefundLineWish(line_id="11", quantity=1, amount=amount),),
        amount=amount,
    )


@pytest.fixture
def ask(services: Services, account: int, order: int, member: int) -> Callable[..., int]:
    """A request of Somchai's on the order, waiting unless said otherwise."""

    def made(**more: Any) -> int:
        number = next(NUMBERS)
        with services.transaction(account) as work:
            picture = find_order(work, order)
            values: dict[str, Any] = {
                "key": f"ds_{number}",
                "caller": f"agent:{member}",
                "idempotency_key": str(number),
                "body_hash": "x",
                "kind": ActionKind.REFUND,
                "store_id": picture.store_id,
                "order_id": order,
                "status": ActionStatus.AWAITING_APPROVAL,
                "amount": 18_900,
                "currency": "EUR",
                "wish": {
                    "lines": [{"line_id": f"{order}.11", "quantity": 1}],
                    "note": "Parcel stood at the locker for nine days.",
                },
                "request": msgspec.to_builtins(refund_of(picture, f"ds_{number}")),
                "order_version": money_version(picture),
                "verdict": {
                    "lines": [{"line_id": "11", "verdict": "refuse", "basis": "none", "quantity": 1}],
                    "policy_version": "3",
                    "law": "EU-CRD",
                },
                "requested_by": "somchai@lumi.example",
                "requested_by_id": member,
                "requested_role": "agent",
                "assurance": {"proof": "signed"},
                "created_at": work.now() - timedelta(hours=1),
                "due_at": work.now(),
                **more,
            }
            row = Action(**values)
            work.add(row)
            work.session.flush()
            return row.id

    return made


def status_of(services: Services, account: int, action_id: int) -> ActionStatus:
    with services.reading(account) as work:
        return work.session.get_one(Action, action_id).status


def test_with_nothing_to_do_the_page_says_so(lead: int, sign_in: Callable[[int], Any]) -> None:
    browser = sign_in(lead)
    browser.get("/admin/approvals")
    assert "Nothing waits for you" in browser.text


def test_the_request_shows_what_the_first_person_saw(
    ask: Callable[..., int], lead: int, sign_in: Callable[[int], Any]
) -> None:
    action = ask()
    browser = sign_in(lead)
    browser.get("/admin/approvals")
    for words in (
        "What Somchai Wattana saw",
        "Parcel stood at the locker for nine days.",
        "No return",
        "Policy version 3",
        "Wool coat Talv",
        "€189.00",
        "Agent signed by the helpdesk",
        "The limit is",
        "No other request is waiting on this order.",
        "Approve and refund",
        "Sat 14 Nov",
    ):
        assert words in browser.text, words
    assert '<span class="count">1<span class="vh"> waiting</span></span>' in browser.text
    assert f'formaction="/admin/approvals/{action}/reject"' in browser.text


def test_a_no_needs_a_reason_and_ends_the_request(
    services: Services, account: int, ask: Callable[..., int], lead: int, sign_in: Callable[[int], Any]
) -> None:
    action, browser = ask(), sign_in(lead)
    silent = browser.post(f"/admin/approvals/{action}/reject", {"note": "  "})
    assert silent.status_code == 400
    assert "Write why: the person who asked reads it." in silent.get_data(as_text=True)
    assert status_of(services, account, action) is ActionStatus.AWAITING_APPROVAL
    assert browser.post(f"/admin/approvals/{action}/reject", {"note": "Too late"}).status_code == 303
    assert status_of(services, account, action) is ActionStatus.REJECTED
    late = browser.post(f"/admin/approvals/{action}/reject", {"note": "Again"})
    assert late.status_code == 409
    assert "Somebody has decided this already." in late.get_data(as_text=True)


def test_nobody_approves_their_own_request(
    services: Services, account: int, ask: Callable[..., int], lead: int, sign_in: Callable[[int], Any]
) -> None:
    action = ask(requested_by_id=lead, caller=f"agent:{lead}")
    browser = sign_in(lead)
    browser.get(f"/admin/approvals/{action}")
    assert "You asked for this yourself: another lead or admin decides." in browser.text
    assert f"/admin/approvals/{action}/approve" not in browser.text
    assert browser.post(f"/admin/approvals/{action}/approve").status_code in (403, 409, 503)
    assert status_of(services, account, action) is ActionStatus.AWAITING_APPROVAL


def test_what_ones_own_token_asked_is_ones_own_request(
    services: Services, account: int, order: int, admin: int, people: Any, sign_in: Callable[[int], Any]
) -> None:
    """Else an admin could be the first person by a program and the second one by hand."""
    with services.transaction(account) as work:
        save(work, Choices(approval_above={"EUR": 100}), by="x")
    browser = sign_in(admin)

    def program(role: str) -> Callable[[str, Any], Any]:
        page = browser.post("/admin/agents/tokens", {"name": role, "role": role}).get_data(as_text=True)
        [token] = re.findall(r'value="(ds_[\w-]{40,})"', page)
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k"}
        client = people.browser().client
        return lambda path, body: client.post(f"/api/v1{path}", json=body, headers=headers)

    wish = {"lines": [{"line_id": f"{order}.11", "quantity": 1}], "exception": "goodwill"}
    asked = program("agent")(f"/orders/{order}/refunds", wish).get_json()
    assert asked["status"] == "awaiting_approval", asked
    action = int(asked["id"])
    assert f"/admin/approvals/{action}/approve" not in browser.get(f"/admin/approvals/{action}").text
    assert browser.post(f"/admin/approvals/{action}/approve").status_code == 403
    by_program = program("admin")(f"/actions/{action}/approve", {})
    assert (by_program.status_code, by_program.get_json()["code"]) == (403, "own_request")
    assert status_of(services, account, action) is ActionStatus.AWAITING_APPROVAL
    other = sign_in(people.add("Anna Second", Role.ADMIN))
    assert other.post(f"/admin/approvals/{action}/approve", {"note": "Agreed"}).status_code == 303
    assert status_of(services, account, action) is ActionStatus.PENDING


def test_when_the_store_cannot_be_read_nothing_is_approved(
    services: Services,
    account: int,
    ask: Callable[..., int],
    lead: int,
    clock: Any,
    sign_in: Callable[[int], Any],
) -> None:
    action, browser = ask(), sign_in(lead)
    clock.advance(timedelta(minutes=1))
    answer = browser.post(f"/admin/approvals/{action}/approve")
    assert answer.status_code >= 400
    assert status_of(services, account, action) is ActionStatus.AWAITING_APPROVAL
    assert 'role="alert"' in answer.get_data(as_text=True)


def test_a_fresh_picture_is_approved_at_once(
    services: Services, account: int, ask: Callable[..., int], admin: int, sign_in: Callable[[int], Any]
) -> None:
    action = ask(exception="Carrier's fault")
    answer = sign_in(admin).post(f"/admin/approvals/{action}/approve", {"note": "Agreed"})
    assert answer.status_code == 303
    with services.reading(account) as work:
        row = work.session.get_one(Action, action)
        assert (row.status, row.approved_by_id, row.decision_note) == (ActionStatus.PENDING, admin, "Agreed")


def test_above_the_step_up_sum_a_fresh_proof_comes_first(
    services: Services,
    account: int,
    ask: Callable[..., int],
    admin: int,
    clock: Any,
    world: Any,
    order: int,
    sign_in: Callable[[int], Any],
) -> None:
    with services.transaction(account) as work:
        save(work, Choices(step_up_above={"EUR": 100}, offline="queue"), by="x")
    action, browser = ask(exception="Carrier's fault"), sign_in(admin)
    clock.advance(timedelta(minutes=10))
    answer = browser.post(f"/admin/approvals/{action}/approve")
    assert status_of(services, account, action) is not ActionStatus.PENDING
    assert (answer.status_code, answer.location) == (303, f"/admin/prove?next=/admin/approvals/{action}")


def test_an_unclear_refund_is_settled_by_a_lead_who_says_what_they_saw(
    services: Services, account: int, ask: Callable[..., int], lead: int, sign_in: Callable[[int], Any]
) -> None:
    action, browser = ask(status=ActionStatus.NEEDS_ATTENTION), sign_in(lead)
    browser.get(f"/admin/approvals/{action}")
    assert "The store never answered" in browser.text
    for incomplete in ({"decision": "done"}, {"note": "Seen"}, {"decision": "whatever", "note": "Seen"}):
        assert browser.post(f"/admin/approvals/{action}/settle", incomplete).status_code == 400
    assert status_of(services, account, action) is ActionStatus.NEEDS_ATTENTION
    said = {"decision": "done", "note": "Seen in the store"}
    settled = browser.post(f"/admin/approvals/{action}/settle", said)
    assert settled.status_code == 303
    assert status_of(services, account, action) is ActionStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("unclear", "The store never answered"),
        ("paid_less", "moved less money than was meant"),
        ("half_done", "the order is not cancelled"),
    ],
)
def test_what_is_known_of_an_unclear_end_is_on_its_page(
    code: str,
    said: str,
    services: Services,
    account: int,
    ask: Callable[..., int],
    lead: int,
    sign_in: Callable[[int], Any],
) -> None:
    action, browser = ask(status=ActionStatus.NEEDS_ATTENTION, error={"code": code}), sign_in(lead)
    browser.get(f"/admin/approvals/{action}")
    assert said in browser.text
    with services.reading(account) as work:
        assert work.session.get_one(Action, action).key in browser.text


def test_a_lead_who_was_disabled_meanwhile_decides_nothing(
    services: Services, account: int, ask: Callable[..., int], lead: int, sign_in: Callable[[int], Any]
) -> None:
    waiting, unclear = ask(), ask(status=ActionStatus.NEEDS_ATTENTION)
    browser = sign_in(lead)
    with services.transaction(account) as work:
        disable_agent(work, lead)
    for path in (f"{waiting}/approve", f"{waiting}/reject", f"{unclear}/settle"):
        answer = browser.post(f"/admin/approvals/{path}", {"note": "yes", "decision": "done"})
        assert answer.status_code in (303, 403), path  # to the sign-in page, or not even there
    assert status_of(services, account, waiting) is ActionStatus.AWAITING_APPROVAL
    assert status_of(services, account, unclear) is ActionStatus.NEEDS_ATTENTION


def test_an_agent_withdraws_their_own_request_and_nobody_elses(
    services: Services,
    account: int,
    ask: Callable[..., int],
    member: int,
    lead: int,
    sign_in: Callable[[int], Any],
) -> None:
    own, others = ask(), ask(requested_by_id=lead, caller=f"agent:{lead}")
    browser = sign_in(member)
    assert browser.post(f"/admin/approvals/{others}/withdraw").status_code == 403
    assert status_of(services, account, others) is ActionStatus.AWAITING_APPROVAL
    assert browser.post(f"/admin/approvals/{own}/withdraw").status_code == 303
    assert status_of(services, account, own) is ActionStatus.REJECTED


def test_an_agent_sees_their_own_actions_only(
    ask: Callable[..., int], member: int, lead: int, sign_in: Callable[[int], Any]
) -> None:
    own, others = ask(), ask(requested_by_id=lead, caller=f"agent:{lead}", amount=77_700)
    browser = sign_in(member)
    browser.get("/admin/actions?agent=" + str(lead))
    assert "€189.00" in browser.text
    assert "€777.00" not in browser.text
    assert browser.get(f"/admin/actions/{own}").status_code == 200
    assert browser.get(f"/admin/actions/{others}").status_code == 403
    assert browser.get(f"/admin/approvals/{own}").status_code == 403


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", {"waits", "done"}),
        ("status=succeeded", {"done"}),
        ("kind=cancel", set()),
        ("q=somchai", {"waits", "done"}),
        ("q=%25", set()),
        ("status=nonsense&store=x&before=-1&agent=9999999999999999999999", {"waits", "done"}),
    ],
)
def test_filters_narrow_the_list(
    ask: Callable[..., int], lead: int, sign_in: Callable[[int], Any], query: str, shown: set[str]
) -> None:
    ids = {"waits": ask(), "done": ask(status=ActionStatus.SUCCEEDED)}
    browser = sign_in(lead)
    assert browser.get(f"/admin/actions?{query}").status_code == 200
    assert {name for name, action in ids.items() if f"/admin/actions/{action}" in browser.text} == shown
    if not shown:
        assert "Nothing fits this filter" in browser.text


def test_older_actions_are_on_further_pages(
    ask: Callable[..., int], lead: int, sign_in: Callable[[int], Any]
) -> None:
    ids = [ask() for _ in range(51)]
    browser = sign_in(lead)
    browser.get("/admin/actions")
    assert f'/admin/actions/{ids[0]}"' not in browser.text
    browser.get(f"/admin/actions?before={ids[1]}")
    assert f'/admin/actions/{ids[0]}"' in browser.text
