"""Decisions: what a person may alone, what needs a second, what no longer holds. On the cache alone."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from integration import actions, carrying, deciding, limits, planning, policies, wishes
from integration.customers import find_order
from integration.db.accounts import Role
from integration.db.actions import ActionStatus
from integration.errors import BadInput, Conflict, Forbidden, Unprocessable
from integration.limits import Ceiling, Choices
from integration.money import Money
from integration.ports import ActionKind, Receipt
from integration.records import FulfillmentStatus, Platform, RefundRecord
from integration.wishes import Who


def person(role=Role.AGENT, number=1, **more):
    return Who(
        **{
            "name": f"{role}{number}@lumi.example",
            "role": role,
            "caller": f"agent:{number}",
            "proof": "session",
            "agent_id": number,
            **more,
        }
    )


class Till:
    """One account's decisions, as `jobs.actions` makes them, without a store."""

    def __init__(self, world, account):
        self.world, self.account = world, account
        self.store = world.store(account, features={"store_credit": True})
        self.keys = (f"key-{number}" for number in range(1000))

    def sell(self, *lines, **more):
        lines = lines or (self.world.line("11", quantity=5, total=Money(10_000, "EUR")),)
        more.setdefault("fulfillments", (self.world.parcel(*lines),))
        more.setdefault("fulfillment_status", FulfillmentStatus.DELIVERED)
        return self.world.sell(self.account, self.store, self.world.record(*lines, **more))[0]

    def wish(self, order_id, quantity=1, **more):
        return wishes.parse(
            ActionKind.REFUND, {"lines": [{"line_id": f"{order_id}.11", "quantity": quantity}], **more}
        )

    def ask(self, order_id, wish, who, kind=ActionKind.REFUND, key=None):
        """Raises what the decision raises. Returns the action's id and the codes of its reasons."""
        with self.world.database.transaction(self.account) as work:
            actions.lock_order(work, order_id)
            order = find_order(work, order_id)
            plan = planning.decide(work, order, kind, wish, who, key=actions.new_key())
            row = actions.add(work, who, order, kind, wish, key or next(self.keys), plan)
            return row.id, [reason["code"] for reason in plan.reasons]

    def action(self, action_id):
        with self.world.database.reading(self.account) as work:
            return actions.find(work, action_id)

    def allow(self, **choices):
        with self.world.database.transaction(self.account) as work:
            limits.save(work, Choices(**choices), by="admin@lumi.example")

    def end(self, action_id, *, receipt=None, error=None):
        """What a worker would write down."""
        with self.world.database.transaction(self.account) as work:
            claim = carrying.claim(work, action_id)
            assert carrying.about_to_send(work, claim, "sent")
            if receipt:
                carrying.finish(work, claim, receipt)
            else:
                carrying.refuse(work, claim, error or {"code": "declined"})


@pytest.fixture
def till(world, account):
    return Till(world, account)


def eur(minor):
    return {"EUR": minor}


# What one may alone


@pytest.mark.parametrize(
    ("ceiling", "quantity", "codes"),
    [
        (Ceiling(action=2000), 1, []),
        (Ceiling(action=1999), 1, ["limit_action"]),
        (Ceiling(day=2000), 1, []),
        (Ceiling(day=1999), 1, ["limit_day"]),
        (Ceiling(order=2000), 1, []),
        (Ceiling(order=1999), 1, ["limit_order"]),
        (Ceiling(action=1, day=1, order=1), 1, ["limit_action", "limit_day", "limit_order"]),
        (Ceiling(), 5, []),
    ],
)
def test_a_limit_is_reached_by_the_last_cent_and_passed_by_the_next(till, ceiling, quantity, codes):
    till.allow(ceilings={Role.AGENT: {"EUR": ceiling}})
    order_id = till.sell()
    action_id, found = till.ask(order_id, till.wish(order_id, quantity), person())
    assert found == codes
    status = ActionStatus.AWAITING_APPROVAL if codes else ActionStatus.PENDING
    assert till.action(action_id).status is status


def test_limits_of_a_day_count_what_is_asked_on_every_order(till):
    till.allow(ceilings={Role.AGENT: {"EUR": Ceiling(day=5000)}})
    first, second = till.sell(), till.sell()
    assert till.ask(first, till.wish(first, 2), person())[1] == []
    assert till.ask(second, till.wish(second, 1), person())[1] == ["limit_day"]
    till.world.clock.advance(timedelta(hours=12))  # midnight in the account's zone has passed
    assert till.ask(second, till.wish(second, 1), person())[1] == []


def test_what_was_declined_or_rejected_uses_no_limit_up(till):
    till.allow(ceilings={Role.AGENT: {"EUR": Ceiling(day=2000)}})
    order_id = till.sell()
    first, codes = till.ask(order_id, till.wish(order_id), person())
    assert codes == []
    till.end(first)
    assert till.action(first).status is ActionStatus.FAILED
    assert till.ask(order_id, till.wish(order_id), person())[1] == []


def test_each_currency_has_limits_of_its_own(till):
    till.allow(ceilings={Role.AGENT: {"EUR": Ceiling(action=1, day=1)}})
    yen = till.world.line("11", quantity=5, total=Money(10_000, "JPY"))
    order_id = till.sell(yen, shipping=0)
    assert till.ask(order_id, till.wish(order_id), person())[1] == []
    in_euros = wishes.parse(ActionKind.REFUND, {"amount": {"amount": "20.00", "currency": "EUR"}})
    with pytest.raises(Unprocessable) as refused:
        till.ask(order_id, in_euros, person())
    assert refused.value.code == "wrong_currency"


def test_the_policys_own_limit_binds_agents_only(till):
    with till.world.database.transaction(till.account) as work:
        document = policies.ensure_policy(work).document
        rules = [{**rule, "agent_limit": eur(1500)} for rule in document["rules"]]
        policies.save_policy(work, {**document, "rules": rules}, by="admin@lumi.example")
    order_id = till.sell(placed_at=till.world.clock() + timedelta(seconds=1))
    assert till.ask(order_id, till.wish(order_id), person())[1] == ["limit_action"]
    assert till.ask(order_id, till.wish(order_id), person(Role.LEAD, 2))[1] == []


def test_beyond_the_verdict_wants_a_reason_and_counts_against_the_budget(till):
    till.allow(exception_budget=eur(2000))
    old = {"placed_at": till.world.clock() - timedelta(days=400)}
    parcel = {
        "shipped_at": till.world.clock() - timedelta(days=398),
        "delivered_at": till.world.clock() - timedelta(days=396),
    }
    line = till.world.line("11", quantity=5, total=Money(10_000, "EUR"))
    order_id = till.sell(line, fulfillments=(till.world.parcel(line, **parcel),), **old)
    with pytest.raises(Unprocessable) as refused:
        till.ask(order_id, till.wish(order_id), person())
    assert refused.value.code == "needs_exception"
    with pytest.raises(Unprocessable):
        till.ask(order_id, till.wish(order_id, exception="   "), person())
    kind = "a loyal customer"
    assert till.ask(order_id, till.wish(order_id, exception=kind), person())[1] == ["exception"]
    action_id, codes = till.ask(order_id, till.wish(order_id, exception=kind), person(number=2))
    assert codes == ["exception", "budget"]
    assert till.action(action_id).status is ActionStatus.AWAITING_APPROVAL


def test_what_a_verdict_grants_it_grants_once(till):
    order_id = till.sell(total=Money(30_000, "EUR"), transactions=())  # paid more than the goods cost
    amount = wishes.parse(ActionKind.REFUND, {"amount": {"amount": "100.00", "currency": "EUR"}})
    first, codes = till.ask(order_id, amount, person())
    assert codes == []
    for again in (amount, till.wish(order_id, quantity=5)):
        with pytest.raises(Unprocessable) as refused:
            till.ask(order_id, again, person())
        assert refused.value.code == "needs_exception"
    till.end(first, error={"code": "declined"})
    assert till.ask(order_id, amount, person())[1] == []


def test_above_an_amount_a_fresh_proof_is_asked_for(till):
    till.allow(step_up_above=eur(1999))
    order_id = till.sell()
    with pytest.raises(Forbidden) as refused:
        till.ask(order_id, till.wish(order_id), person(Role.ADMIN))
    assert refused.value.code == "step_up"
    assert till.ask(order_id, till.wish(order_id), person(Role.ADMIN, stepped_up=True))[1] == []
    program = person(Role.ADMIN, caller="token:1", proof="token", agent_id=None)
    assert till.ask(order_id, till.wish(order_id), program)[1] == ["step_up"]


def test_who_is_not_proven_changes_nothing(till):
    order_id = till.sell()
    for kind in ActionKind:
        for proof in ("claimed", "none", "", "shared_secret", "api_verified"):
            with pytest.raises(Forbidden):
                till.ask(order_id, till.wish(order_id), person(Role.ADMIN, proof=proof), kind)


# What the order can give


def test_money_under_way_is_not_there_a_second_time(till):
    order_id = till.sell()
    till.ask(order_id, till.wish(order_id, 4), person(Role.ADMIN))
    with pytest.raises(Unprocessable) as refused:
        till.ask(order_id, till.wish(order_id, 2), person(Role.ADMIN))
    assert refused.value.code == "under_way"
    with till.world.database.reading(till.account) as work:
        assert deciding.most_left(work, find_order(work, order_id)) == Money(10_450 - 8000, "EUR")


def test_a_finished_refund_stays_spoken_for_until_the_picture_shows_it(till):
    order_id = till.sell()
    action_id, _ = till.ask(order_id, till.wish(order_id, 5), person(Role.ADMIN))
    till.end(action_id, receipt=Receipt(platform_id="r-9", amount=Money(10_000, "EUR")))
    assert till.action(action_id).status is ActionStatus.SUCCEEDED
    with pytest.raises(Unprocessable):
        till.ask(order_id, till.wish(order_id, 1), person(Role.ADMIN))


def test_a_way_of_paying_that_the_platform_does_not_know_is_refused_with_the_reason(till, world, account):
    order_id = till.sell()
    with pytest.raises(Unprocessable, match="Shopify pays back itself"):
        till.ask(order_id, till.wish(order_id, method="manual"), person(Role.ADMIN))
    with pytest.raises(Unprocessable, match="customer account"):
        till.ask(order_id, till.wish(order_id, method="store_credit"), person(Role.ADMIN))
    till.store = world.store(account, Platform.WOOCOMMERCE)
    other = till.sell()
    with pytest.raises(Unprocessable, match="no store credit"):
        till.ask(other, till.wish(other, method="store_credit"), person(Role.ADMIN))


def test_a_cancel_with_money_is_held_against_the_limits(till):
    till.allow(ceilings={Role.AGENT: {"EUR": Ceiling(action=5000)}})
    waiting = {"fulfillments": (), "fulfillment_status": FulfillmentStatus.UNFULFILLED}
    order_id = till.sell(**waiting)
    wish = wishes.parse(ActionKind.CANCEL, {})
    action_id, codes = till.ask(order_id, wish, person(), ActionKind.CANCEL)
    assert codes == ["limit_action"]
    assert till.action(action_id).amount == 10_450
    free = wishes.parse(ActionKind.CANCEL, {"refund": False})
    assert till.ask(till.sell(**waiting), free, person(), ActionKind.CANCEL)[1] == []
    with pytest.raises(Unprocessable) as refused:
        till.ask(till.sell(), wish, person(), ActionKind.CANCEL)
    assert refused.value.code == "already_sent"


def test_an_order_is_not_cancelled_while_a_refund_of_it_is_under_way(till):
    """The store would pay back all that is left, which is more than what was weighed."""
    order_id = till.sell(fulfillments=(), fulfillment_status=FulfillmentStatus.UNFULFILLED)
    first, _ = till.ask(order_id, till.wish(order_id), person(Role.ADMIN))
    wish = wishes.parse(ActionKind.CANCEL, {})
    with pytest.raises(Unprocessable) as refused:
        till.ask(order_id, wish, person(Role.ADMIN), ActionKind.CANCEL)
    assert (refused.value.code, bool(refused.value.next_step)) == ("under_way", True)
    till.end(first)
    till.ask(order_id, wish, person(Role.ADMIN), ActionKind.CANCEL)


# The second person


@pytest.fixture
def waiting(till):
    """An agent's request of 20.00 that waits for a lead."""
    till.allow(ceilings={Role.AGENT: {"EUR": Ceiling(action=1)}})
    order_id = till.sell()
    return till.ask(order_id, till.wish(order_id), person())[0]


def plan_of(till, work, action, who):
    order = find_order(work, action.order_id)
    wish = msgspec.convert(action.wish, wishes.Wish)
    return planning.decide(work, order, action.kind, wish, who, key=action.key, besides=action.id)


@pytest.mark.parametrize(
    "who",
    [
        person(Role.LEAD, 1),  # the same agent, promoted meanwhile
        person(Role.ADMIN, 9, caller="agent:1"),  # the same caller under another number
        person(Role.ADMIN, 1, caller="token:4"),  # the same agent by another door
    ],
)
def test_nobody_approves_their_own_request(till, waiting, who):
    with till.world.database.transaction(till.account) as work:
        action = actions.find(work, waiting, lock=True)
        with pytest.raises(Forbidden) as refused:
            actions.approve(work, action, who, plan_of(till, work, action, who), "")
    assert refused.value.code == "own_request"
    assert till.action(waiting).status is ActionStatus.AWAITING_APPROVAL


def test_a_decision_is_made_once(till, waiting):
    lead = person(Role.LEAD, 2)
    with till.world.database.transaction(till.account) as work:
        action = actions.find(work, waiting, lock=True)
        actions.reject(work, action, lead, "no")
        for decide in (
            lambda: actions.reject(work, action, lead, ""),
            lambda: actions.approve(work, action, lead, plan_of(till, work, action, lead), ""),
        ):
            with pytest.raises(Conflict) as refused:
                decide()
            assert refused.value.code == "already_decided"
    assert till.action(waiting).status is ActionStatus.REJECTED


def test_an_order_whose_money_changed_makes_a_request_stale(till, waiting, world):
    action = till.action(waiting)
    with world.database.reading(till.account) as work:
        assert not deciding.is_stale(action, find_order(work, action.order_id))
        record_id = find_order(work, action.order_id).platform_id
    line = world.line("11", quantity=5, total=Money(10_000, "EUR"))
    changed = world.record(
        line,
        platform_id=record_id,
        updated_at=world.clock(),
        refunded=Money(450, "EUR"),
        refunds=(RefundRecord(platform_id="r1", created_at=world.clock(), amount=Money(450, "EUR")),),
    )
    world.sell(till.account, till.store, changed)
    with world.database.reading(till.account) as work:
        assert deciding.is_stale(action, find_order(work, action.order_id))


# Carrying out


def test_one_worker_at_a_time_and_the_next_when_its_hold_is_over(till):
    order_id = till.sell()
    action_id, _ = till.ask(order_id, till.wish(order_id), person(Role.ADMIN))
    with till.world.database.transaction(till.account) as work:
        first = carrying.claim(work, action_id)
    with till.world.database.transaction(till.account) as work:
        assert carrying.claim(work, action_id) is None
        assert carrying.due(work) == []
    till.world.clock.advance(carrying.HOLD + timedelta(seconds=1))
    with till.world.database.transaction(till.account) as work:
        assert carrying.due(work) == [(till.account, action_id)]
        second = carrying.claim(work, action_id)
        assert second is not None
        assert second.hold != first.hold
    with till.world.database.transaction(till.account) as work:
        assert not carrying.about_to_send(work, first, "late")  # it lost its hold: it sends nothing
        assert carrying.about_to_send(work, second, "in time")
        carrying.refuse(work, first, {"code": "late"})
    assert till.action(action_id).status is ActionStatus.RUNNING


def test_an_unclear_end_is_looked_up_and_then_shown_to_a_person(till):
    order_id = till.sell()
    action_id, _ = till.ask(order_id, till.wish(order_id), person(Role.ADMIN))
    problem = {"code": "unclear"}
    with till.world.database.transaction(till.account) as work:
        claim = carrying.claim(work, action_id)
        carrying.about_to_send(work, claim, "sent")
        carrying.unclear(work, claim, problem)
    statuses = []
    for _ in range(carrying.LOOKS + 1):
        till.world.clock.advance(timedelta(seconds=max(carrying.LOOK_WAITS)))
        with till.world.database.transaction(till.account) as work:
            claim = carrying.claim(work, action_id)
            if claim is not None:
                assert claim.prepared == "sent"
                assert claim.sent_at is not None
                carrying.unclear(work, claim, problem)
        statuses.append(till.action(action_id).status)
    assert statuses[:-2] == [ActionStatus.RUNNING] * (carrying.LOOKS - 1)
    assert statuses[-1] is ActionStatus.NEEDS_ATTENTION
    assert till.action(action_id).error == problem
    till.world.clock.advance(carrying.ATTENTION_EVERY)
    with till.world.database.transaction(till.account) as work:
        claim = carrying.claim(work, action_id)  # it is looked up even then: the truth may show by itself
        carrying.finish(work, claim, Receipt(platform_id="r1", amount=Money(2000, "EUR")))
    assert till.action(action_id).status is ActionStatus.SUCCEEDED


def test_a_refund_that_paid_less_than_meant_is_no_success(till):
    order_id = till.sell()
    action_id, _ = till.ask(order_id, till.wish(order_id), person(Role.ADMIN))
    till.end(action_id, receipt=Receipt(platform_id="r1", amount=Money(0, "EUR")))
    action = till.action(action_id)
    assert action.status is ActionStatus.NEEDS_ATTENTION
    assert action.error["code"] == "paid_less"


def test_a_cancelled_order_whose_money_stayed_is_no_success(till):
    order_id = till.sell(fulfillments=(), fulfillment_status=FulfillmentStatus.UNFULFILLED)
    action_id, _ = till.ask(
        order_id, wishes.parse(ActionKind.CANCEL, {}), person(Role.ADMIN), kind=ActionKind.CANCEL
    )
    till.end(action_id, receipt=Receipt(platform_id="o1", amount=Money(0, "EUR")))
    action = till.action(action_id)
    assert (action.status, action.error["code"]) == (ActionStatus.NEEDS_ATTENTION, "paid_less")


@pytest.mark.parametrize(
    ("decision", "status"),
    [
        ("done", ActionStatus.SUCCEEDED),
        ("not_done", ActionStatus.FAILED),
        ("send_again", ActionStatus.PENDING),
    ],
)
def test_a_lead_settles_what_no_look_could(till, decision, status):
    order_id = till.sell()
    action_id, _ = till.ask(order_id, till.wish(order_id), person())
    till.end(action_id, receipt=Receipt(platform_id="r1", amount=Money(1, "EUR")))
    with till.world.database.transaction(till.account) as work:
        action = actions.find(work, action_id, lock=True)
        with pytest.raises(BadInput):
            actions.settle_by_person(work, action, person(Role.LEAD, 2), "guess", "")
        actions.settle_by_person(work, action, person(Role.LEAD, 2), decision, "looked")
        assert action.status is status
        if decision == "send_again":
            claim = carrying.claim(work, action_id)
            assert (claim.prepared, claim.sent_at) == ("sent", None)  # looked for before it is sent


def test_a_worker_that_still_looks_sends_nothing_past_a_leads_word(till):
    order_id = till.sell()
    action_id, _ = till.ask(order_id, till.wish(order_id), person())
    till.end(action_id, receipt=Receipt(platform_id="r1", amount=Money(1, "EUR")))
    lead = person(Role.LEAD, 2)
    till.world.clock.advance(carrying.ATTENTION_EVERY)
    with till.world.database.transaction(till.account) as work:
        claim = carrying.claim(work, action_id)
        action = actions.find(work, action_id, lock=True)
        with pytest.raises(Conflict, match="just now"):  # it may be sent once more at this moment
            actions.settle_by_person(work, action, lead, "not_done", "looked")
    till.world.clock.advance(carrying.HOLD + timedelta(seconds=1))
    with till.world.database.transaction(till.account) as work:
        action = actions.find(work, action_id, lock=True)
        actions.settle_by_person(work, action, lead, "not_done", "looked")
    with till.world.database.transaction(till.account) as work:
        assert not carrying.about_to_send(work, claim, "sent")
        carrying.unclear(work, claim, {"code": "unclear"})
    assert till.action(action_id).status is ActionStatus.FAILED


def test_settling_is_no_approval_and_leaves_the_budget_as_it_was(till):
    order_id = till.sell()
    wish = till.wish(order_id, quantity=1, exception="goodwill")
    action_id, _ = till.ask(order_id, wish, person(Role.LEAD))
    till.end(action_id, receipt=Receipt(platform_id="r1", amount=Money(1, "EUR")))
    with till.world.database.transaction(till.account) as work:
        action = actions.find(work, action_id, lock=True)
        action.verdict = {**action.verdict, "beyond": 700}
        actions.settle_by_person(work, action, person(Role.LEAD), "done", "looked")
        work.session.flush()
        assert (action.approved_by, action.receipt["said_by"]) == (None, person(Role.LEAD).name)
        assert actions.exceptions_since(work, "EUR", work.now() - timedelta(days=1)) == 700


def test_what_was_asked_yesterday_and_approved_today_is_of_the_approvers_day(till, waiting):
    lead = person(Role.LEAD, 2)
    till.world.clock.advance(timedelta(days=1))
    with till.world.database.transaction(till.account) as work:
        action = actions.find(work, waiting, lock=True)
        actions.approve(work, action, lead, plan_of(till, work, action, lead), "")
    midnight = till.world.clock().replace(hour=0)
    with till.world.database.reading(till.account) as work:
        assert actions.spent_today(work, lead, "EUR", midnight) == 2000
        assert actions.spent_today(work, person(), "EUR", midnight) == 0


def cheaper(order):
    order.lines[0].total = 9_000


def deleted(order):
    order.gone_at = order.placed_at


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda order: setattr(order, "note", "called"), None),  # nothing about money
        (lambda order: setattr(order, "refunded", 100), None),  # the same sum is still there
        (lambda order: setattr(order, "refunded", 9_000), "too_much_money"),
        (cheaper, "stale"),
        (deleted, "order_gone"),
    ],
)
def test_what_was_decided_is_carried_out_only_while_it_holds(till, change, code):
    order_id = till.sell()
    action_id, _ = till.ask(order_id, till.wish(order_id), person())
    with till.world.database.transaction(till.account) as work:
        order = find_order(work, order_id)
        change(order)
        action = actions.find(work, action_id)
        if code is None:
            planning.must_hold(work, action, order)
        else:
            with pytest.raises(Unprocessable) as refused:
                planning.must_hold(work, action, order)
            assert refused.value.code == code


def test_what_no_verdict_grants_any_more_waits_for_nobody(till):
    """Asked for within the verdict; meanwhile all but a little went back: the same sum goes beyond it."""
    order_id = till.sell()
    wish = wishes.parse(ActionKind.REFUND, {"amount": {"amount": "40.00", "currency": "EUR"}})
    action_id, _ = till.ask(order_id, wish, person())
    with till.world.database.transaction(till.account) as work:
        order = find_order(work, order_id)
        order.fulfillments[0].delivered_at = order.placed_at - timedelta(days=400)
        order.refunded = 1
        with pytest.raises(Unprocessable) as refused:
            planning.must_hold(work, actions.find(work, action_id), order)
        assert refused.value.code == "stale"


def test_only_unclear_ends_can_be_settled(till, waiting):
    with till.world.database.transaction(till.account) as work, pytest.raises(Conflict):
        actions.settle_by_person(work, actions.find(work, waiting), person(Role.LEAD, 2), "done", "")
