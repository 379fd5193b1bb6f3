"""Role × limit × kind, every cell by the API with a program's token; crafted requests reach nothing."""

from __future__ import annotations

import itertools

import pytest

from integration import limits
from integration.db.accounts import Role
from integration.db.actions import Action
from integration.limits import Ceiling, Choices
from integration.ports import ActionKind
from integration.records import FulfillmentStatus, ReturnLineRecord, ReturnRecord

pytestmark = pytest.mark.one_database

PATHS = {
    ActionKind.REFUND: "refunds",
    ActionKind.CANCEL: "cancel",
    ActionKind.RETURN: "returns",
    ActionKind.RETURN_APPROVE: "returns/approve",
    ActionKind.RETURN_DECLINE: "returns/decline",
    ActionKind.RETURN_RECEIVE: "returns/receive",
    ActionKind.RETURN_CLOSE: "returns/close",
    ActionKind.REPLACEMENT: "replacement",
    ActionKind.ADDRESS: "address",
    ActionKind.NOTE: "note",
    ActionKind.TAGS: "tags",
}
MOVES_MONEY = {ActionKind.REFUND, ActionKind.CANCEL}
LEVELS = {
    "within": Choices(),
    "above the limit": Choices(ceilings={role: {"EUR": Ceiling(action=100)} for role in Role}),
    "above the day": Choices(ceilings={role: {"EUR": Ceiling(day=100)} for role in Role}),
    "above the order": Choices(ceilings={role: {"EUR": Ceiling(order=100)} for role in Role}),
    "above what one decides": Choices(approval_above={"EUR": 100}),
    "above what wants a fresh proof": Choices(step_up_above={"EUR": 100}),
}


@pytest.fixture
def allow(services, account):
    def set_choices(choices):
        with services.transaction(account) as work:
            limits.save(work, choices, by="admin@lumi.example")

    return set_choices


@pytest.fixture
def orders(world, account, shelf):
    """A new order for each request: one that was sent and has returns, or one that waits."""
    store = world.store(account)

    def sell(kind):
        line = world.line("11", quantity=2)
        waiting = kind in (ActionKind.CANCEL, ActionKind.ADDRESS)
        record = world.record(
            line,
            fulfillments=() if waiting else (world.parcel(line),),
            fulfillment_status=FulfillmentStatus.UNFULFILLED if waiting else FulfillmentStatus.DELIVERED,
            returns=tuple(
                ReturnRecord(
                    platform_id=f"gid://shopify/Return/{number}",
                    status=status,
                    lines=(ReturnLineRecord(platform_id=f"rl{number}", line_id="11", quantity=1),),
                )
                for number, status in ((1, "requested"), (2, "open"))
            ),
        )
        shelf.orders[record.platform_id] = record
        return world.sell(account, store, record)[0]

    return sell


def body(kind, order_id):
    lines = {"lines": [{"line_id": f"{order_id}.11", "quantity": 1}]}
    return {
        ActionKind.REFUND: lines,
        ActionKind.RETURN: lines,
        ActionKind.RETURN_APPROVE: {"return_id": f"{order_id}.1"},
        ActionKind.RETURN_DECLINE: {"return_id": f"{order_id}.1", "note": "too late"},
        ActionKind.RETURN_RECEIVE: {"return_id": f"{order_id}.2"},
        ActionKind.RETURN_CLOSE: {"return_id": f"{order_id}.2"},
        ActionKind.REPLACEMENT: lines,
        ActionKind.ADDRESS: {"address": {"name": "Mari Mets", "city": "Tartu", "country": "EE"}},
        ActionKind.NOTE: {"note": "called back"},
        ActionKind.TAGS: {"tags_add": ["vip"]},
    }.get(kind, {})


def count(world):
    with world.database.everywhere(write=False) as work:
        return work.session.query(Action).count()


def test_every_role_at_every_limit_with_every_kind(world, program, allow, orders):
    programs = {role: program(role) for role in Role}
    found, wanted = {}, {}
    for (level, choices), role, kind in itertools.product(LEVELS.items(), Role, ActionKind):
        allow(choices)
        order_id = orders(kind)
        answer = programs[role].post(
            f"/orders/{order_id}/{PATHS[kind]}", body(kind, order_id), key=f"{level}-{kind}".replace(" ", "-")
        )
        found[level, role, kind] = (answer.status_code, (answer.get_json() or {}).get("status"))
        waits = level != "within" and kind in MOVES_MONEY
        wanted[level, role, kind] = (202, "awaiting_approval" if waits else "pending")
    assert found == wanted
    assert len(found) == len(LEVELS) * len(Role) * len(ActionKind)
    assert count(world) == len(found)


def test_who_may_decide_in_every_cell(world, program, allow, orders):
    """Asker × decider × level: agents never, nobody their own, programs never where a person must prove."""
    found, wanted = {}, {}
    askers = {role: program(role) for role in Role}
    deciders = {role: program(role) for role in Role}
    for level, asker, decider in itertools.product(list(LEVELS)[1:], Role, Role):
        allow(LEVELS[level])
        order_id = orders(ActionKind.REFUND)
        key = f"{level}-{decider}".replace(" ", "-")
        wish = body(ActionKind.REFUND, order_id)
        asked = askers[asker].post(f"/orders/{order_id}/refunds", wish, key=key).get_json()
        own = askers[asker].post(f"/actions/{asked['id']}/approve")
        answer = deciders[decider].post(f"/actions/{asked['id']}/approve")
        found[level, asker, decider] = (own.status_code, answer.status_code, answer.get_json().get("status"))
        lifted = level == "above what one decides"  # the other levels bind the second person as well
        done = decider is not Role.AGENT and lifted
        wanted[level, asker, decider] = (403, 200, "pending") if done else (403, 403, 403)
    assert found == wanted


def test_no_crafted_request_gets_further(world, program, allow, orders, account):
    allow(LEVELS["above the limit"])
    agent, other = program(Role.AGENT), program(Role.ADMIN, of=world.account("Another"))
    order_id = orders(ActionKind.REFUND)
    honest = body(ActionKind.REFUND, order_id)
    path = f"/orders/{order_id}/refunds"
    before = count(world)
    for extra in (
        {"status": "pending"},
        {"role": "admin"},
        {"approved_by": "lead@lumi.example"},
        {"stepped_up": True},
        {"who": {"role": "admin"}},
        {"limits": {}},
        {"order_id": "1"},
        {"kind": "note"},
    ):
        assert agent.post(path, {**honest, **extra}, key="k").status_code == 400, extra
    for wrong in (
        {"lines": [{"line_id": f"{order_id}.11", "quantity": -1}]},
        {"lines": [{"line_id": f"{order_id}.11", "quantity": 10**9}]},
        {"lines": [{"line_id": f"{order_id}.11", "quantity": 1, "amount": "0.01"}]},
        {"amount": {"amount": "-1.00", "currency": "EUR"}},
        {"amount": {"amount": "1e9", "currency": "EUR"}},
        {"amount": {"amount": "1,00", "currency": "EUR"}},
        {"amount": {"amount": "NaN", "currency": "EUR"}},
        {"amount": {"amount": 1.5, "currency": "EUR"}},
        {"amount": {"amount": "1.00", "currency": "eur"}},
        {"amount": {"amount": "1.00", "currency": "EUR"}, "lines": honest["lines"]},
        {"lines": honest["lines"] * 2},
        {},
    ):
        assert agent.post(path, wrong, key="k").status_code == 400, wrong
    for refused in (
        {"amount": {"amount": "9999.00", "currency": "EUR"}},
        {"amount": {"amount": "1.00", "currency": "USD"}},
        {"lines": [{"line_id": f"{order_id}.99", "quantity": 1}]},
        {"lines": [{"line_id": "77.11", "quantity": 1}]},
    ):
        assert agent.post(path, refused, key="k").status_code == 422, refused
    assert agent.post(path, honest).status_code == 400  # no key, no refund
    assert other.post(path, honest, key="k").status_code == 404
    assert (
        agent.client.post(f"/api/v1{path}", json=honest, headers={"Idempotency-Key": "k"}).status_code == 401
    )
    assert count(world) == before
    asked = agent.post(
        path, honest, key="k", headers={"X-Role": "admin", "X-Forwarded-User": "lead"}
    ).get_json()
    assert asked["status"] == "awaiting_approval"
    for stranger in (other, agent):
        assert stranger.post(f"/actions/{asked['id']}/approve").status_code in (403, 404)
    assert other.post(f"/actions/{asked['id']}/reject").status_code == 404
    assert agent.get(f"/actions/{asked['id']}").get_json()["status"] == "awaiting_approval"
