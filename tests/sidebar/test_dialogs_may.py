"""Assurance × role × limit × kind, every cell by the pane's own addresses with tokens the server made."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from integration import limits
from integration.db.accounts import Agent, Role
from integration.db.actions import Action
from integration.limits import Ceiling, Choices
from integration.people import sessions
from integration.ports import ActionKind
from integration.records import FulfillmentStatus, ReturnLineRecord, ReturnRecord
from sidebar import dialogs, tokens
from sidebar.offers import RETURN_STEPS
from sidebar.visit import Assurance, Proof, Visit

pytestmark = pytest.mark.one_database

KINDS = {
    ActionKind.REFUND: {"reason": "changed_mind"},
    ActionKind.CANCEL: {"refund": "yes", "restock": "yes"},
    ActionKind.RETURN: {"reason": "changed_mind"},
    ActionKind.ADDRESS: {"name": "Mari Mets", "city": "Tartu", "country": "ee"},
    ActionKind.NOTE: {"note": "called back"},
    ActionKind.RETURN_APPROVE: {"return_id": "1"},
    ActionKind.RETURN_DECLINE: {"return_id": "1", "note": "too late"},
    ActionKind.RETURN_RECEIVE: {"return_id": "2"},
    ActionKind.RETURN_CLOSE: {"return_id": "2"},
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
PROVEN = {Proof.SIGNED, Proof.SESSION}


@pytest.fixture
def people(services, account):
    """An agent of each role."""
    with services.transaction(account) as work:
        rows = {
            role: Agent(
                email=f"{role}@lumi.example",
                name=str(role),
                role=role,
                created_at=work.now(),
                token_version=1,
                locale="",
                failed_logins=0,
                limits={},
            )
            for role in Role
        }
        for row in rows.values():
            work.add(row)
        work.session.flush()
        return {role: row.id for role, row in rows.items()}


@pytest.fixture
def press(app, services, account, desk, world):
    """Press the button of a kind in a visit: status of the answer, and of the action that came of it."""
    store = world.store(account)
    client = app.test_client()
    numbers = itertools.count()

    def record(kind):
        line = world.line("11", quantity=1)
        waiting = kind in (ActionKind.CANCEL, ActionKind.ADDRESS)
        return world.record(
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
                if kind in RETURN_STEPS
            ),
        )

    untouched = {kind: [] for kind in KINDS}

    def send(visit, kind):
        if not untouched[kind]:
            untouched[kind] = list(world.sell(account, store, *(record(kind) for _ in range(12))))
        order_id = untouched[kind].pop()
        form = dict(KINDS[kind])
        if kind in (ActionKind.REFUND, ActionKind.RETURN):
            form[f"q:{order_id}.11"] = "1"
        if "return_id" in form:
            form["return_id"] = f"{order_id}.{form['return_id']}"
        with app.app_context():
            token = tokens.mint(visit)
        answer = client.post(
            f"/sidebar/orders/{order_id}/{kind}",
            data=form,
            headers={"Authorization": f"Bearer {token}", "Idempotency-Key": f"key-{next(numbers)}"},
        )
        with services.reading(account) as work:
            row = work.session.query(Action).filter(Action.order_id == order_id).one_or_none()
        if row is None:
            untouched[kind].append(order_id)
        return answer.status_code, row.status.value if row else None

    return send


@pytest.fixture
def visit(services, account, desk):
    return Visit(
        account_id=account,
        helpdesk_id=desk.id,
        helpdesk="generic",
        assurance=Assurance(tenant=Proof.SIGNED, agent=Proof.SIGNED, customer=Proof.SIGNED),
        born=services.now(),
        agent_version=1,
        agent_external="agent-7",
        conversation="48211",
    )


def allow(services, account, choices):
    with services.transaction(account) as work:
        limits.save(work, choices, by="admin@lumi.example")


def test_every_assurance_role_limit_and_kind(press, visit, people, services, account):
    """Limits are about money: above them a note stands for all kinds that move none."""
    found, wanted = {}, {}
    above = [*MOVES_MONEY, ActionKind.NOTE]
    for level, choices in LEVELS.items():
        allow(services, account, choices)
        for proof, role, kind in itertools.product(Proof, Role, KINDS if level == "within" else above):
            seen = msgspec.structs.replace(
                visit,
                agent_id=people[role],
                assurance=Assurance(tenant=Proof.SIGNED, agent=proof, customer=Proof.SIGNED),
            )
            cell = (level, proof, role, kind)
            found[cell] = press(seen, kind)
            if proof not in PROVEN or (level.endswith("proof") and kind in MOVES_MONEY):
                wanted[cell] = (403, None)
            elif level != "within" and kind in MOVES_MONEY:
                wanted[cell] = (202, "awaiting_approval")
            else:
                wanted[cell] = (202, "pending")
    assert found == wanted
    assert len(found) == len(Proof) * len(Role) * (len(KINDS) + (len(LEVELS) - 1) * len(above))
    assert KINDS.keys() == dialogs.KINDS.keys()


@pytest.mark.parametrize("kind", list(KINDS))
def test_an_agent_without_a_record_or_with_a_used_proof_changes_nothing(press, visit, people, kind):
    replace = msgspec.structs.replace
    admin = people[Role.ADMIN]
    assert press(visit, kind) == (403, None)  # signed by the helpdesk, but nobody of ours
    assert press(replace(visit, agent_id=admin, fresh=False), kind) == (403, None)
    assert press(replace(visit, agent_id=admin, agent_version=0), kind) == (403, None)
    assert press(replace(visit, agent_id=admin), kind)[0] == 202


def test_signing_in_beside_the_frame_lifts_the_step_up_for_minutes(
    press, visit, people, services, account, clock
):
    allow(services, account, LEVELS["above what wants a fresh proof"])
    seen = msgspec.structs.replace(visit, agent_id=people[Role.LEAD])
    assert press(seen, ActionKind.REFUND) == (403, None)
    with services.transaction(account) as work:
        sessions.start(work, work.session.get_one(Agent, people[Role.LEAD]), "passkey")
    assert press(seen, ActionKind.REFUND) == (202, "pending")
    other = msgspec.structs.replace(visit, agent_id=people[Role.ADMIN])
    assert press(other, ActionKind.REFUND) == (403, None)
    clock.advance(sessions.FRESH * 2)
    with services.transaction(account) as work:
        assert not sessions.proven_lately(work, people[Role.LEAD])


@pytest.mark.parametrize("kind", ["refund", "note"])
def test_the_title_keeps_the_orders_name_from_being_turned(frame, shop, kind):
    """In Arabic "#1042" would read "1042#", were it not set apart."""
    title = frame.get(f"/orders/{shop['lamp']}/{kind}").get_data(as_text=True).partition("</h2>")[0]
    assert title.endswith("<bdi>#1042</bdi>")
