"""Cached orders before the engine: the right facts, the right sum, in a constant number of queries."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration import customers, policies, returns, sync, withdrawals
from integration.db.stores import Store
from integration.eligibility import Policy, Rule
from integration.eligibility.explain import last_day
from integration.eligibility.verdict import Basis, Outcome, Status
from integration.errors import BadInput, Unprocessable
from integration.money import Money
from integration.records import (
    Address,
    FinancialStatus,
    FulfillmentStatus,
    Platform,
    ProductRecord,
    QuantityOf,
    RefundLineRecord,
    RefundRecord,
    ReturnLineRecord,
    ReturnRecord,
    TransactionRecord,
)


def eur(minor):
    return Money(minor, "EUR")


@pytest.fixture
def store(world, account):
    return world.store(account)


@pytest.fixture
def shop(world, account, store):
    """Sell one order and read it back; (work, order) inside a transaction that ends with the test."""
    with world.database.transaction(account) as work:

        def sell(*lines, products=(), **more):
            row = work.session.get_one(Store, store)
            sync.apply_products(work, row, products)
            record = world.record(*lines, **more)
            applied = sync.apply(work, row, [record])
            assert applied.written == [record.platform_id]
            order = customers.orders_by_reference(work, [record.name])[0]
            return work, order

        yield sell


def verdict(work, order, number="1", **more):
    lines = {line.line_id: line for line in returns.judge_order(work, order, **more).lines}
    return lines[f"{order.id}.{number}"]


def refund_of(number, *lines, amount=None, shipping=None):
    parts = tuple(
        RefundLineRecord(line_id=line, quantity=count, amount=eur(minor)) for line, count, minor in lines
    )
    total = sum(part.amount.minor for part in parts) + (shipping or 0) if amount is None else amount
    return RefundRecord(
        platform_id=number,
        created_at=datetime(2026, 11, 20, tzinfo=UTC),
        amount=eur(total),
        lines=parts,
        shipping=None if shipping is None else eur(shipping),
    )


class TestNoticesOnFile:
    """What was asked for in time stays in time, whatever day an agent looks at it."""

    def test_a_return_asked_for_in_the_store_keeps_its_day(self, world, shop):
        line, other = world.line(), world.line("2")
        asked = ReturnRecord(
            platform_id="r1",
            status="open",
            created_at=datetime(2026, 11, 20, tzinfo=UTC),
            lines=(ReturnLineRecord(platform_id="1", line_id="1", quantity=1),),
        )
        work, order = shop(line, other, fulfillments=(world.parcel(line, other),), returns=(asked,))
        world.clock.advance(timedelta(days=60))
        assert verdict(work, order).basis is Basis.BOTH
        assert verdict(work, order, "2").outcome is Outcome.REFUSE
        plan = returns.refund_sum(work, order, {f"{order.id}.1": 1})
        assert (plan.beyond, plan.verdicts.refund.due) == ((), date(2026, 12, 4))
        judged = returns.judge_whole(work, returns.open_books(work, [order]), order)
        assert [one.outcome for one in judged.lines] == [Outcome.ACCEPT, Outcome.REFUSE]

    def test_an_explicit_day_goes_before_it(self, world, shop):
        line = world.line()
        work, order = shop(line, fulfillments=(world.parcel(line),))
        withdrawals.record(work, order, received_at=world.clock(), channel="form", by="liis@lumi.example")
        world.clock.advance(timedelta(days=60))
        assert verdict(work, order).outcome is Outcome.ACCEPT
        assert verdict(work, order, notice_at=world.clock()).outcome is Outcome.REFUSE

    def test_a_statement_for_one_piece_does_not_hold_for_two(self, world, shop):
        line = world.line(quantity=2)
        work, order = shop(line, fulfillments=(world.parcel(line),))
        public = f"{order.id}.1"
        withdrawals.record(
            work,
            order,
            received_at=world.clock(),
            channel="form",
            by="liis@lumi.example",
            quantities={public: 1},
        )
        world.clock.advance(timedelta(days=60))
        assert verdict(work, order, quantities={public: 1}).outcome is Outcome.ACCEPT
        assert verdict(work, order, quantities={public: 2}).outcome is Outcome.REFUSE

    def test_goods_that_came_back_late_move_the_day_to_pay(self, world, shop):
        line = world.line()
        work, order = shop(line, fulfillments=(world.parcel(line),))
        row = withdrawals.record(
            work, order, received_at=world.clock(), channel="form", by="liis@lumi.example"
        )
        world.clock.advance(timedelta(days=18))
        withdrawals.goods_or_proof(work, row.id, "liis@lumi.example", goods="2026-12-09")
        assert returns.judge_order(work, order).refund.due == date(2026, 12, 9)

    def test_a_settled_statement_holds_nothing(self, world, shop):
        line = world.line()
        work, order = shop(line, fulfillments=(world.parcel(line),))
        row = withdrawals.record(
            work, order, received_at=world.clock(), channel="form", by="liis@lumi.example"
        )
        withdrawals.close(work, row.id, "liis@lumi.example")
        world.clock.advance(timedelta(days=60))
        assert verdict(work, order).outcome is Outcome.REFUSE


class TestFacts:
    def test_delivered_by_the_carrier_starts_both_clocks(self, world, shop):
        line = world.line()
        work, order = shop(line, fulfillments=(world.parcel(line),))
        found = verdict(work, order)
        assert (found.outcome, found.basis) == (Outcome.ACCEPT, Basis.BOTH)
        assert found.law_until == date(2026, 11, 30)  # 14 November + 14 is a Saturday
        assert found.policy_until == date(2026, 12, 14)

    def test_an_estimate_is_no_delivery(self, world, shop):
        line = world.line()
        parcel = world.parcel(line, delivered_source="estimate")
        work, order = shop(line, fulfillments=(parcel,))
        found = verdict(work, order)
        assert found.law_until == "open"
        assert found.policy_estimated

    def test_the_calendar_is_that_of_the_delivery_address(self, world, shop):
        line = world.line()
        late = datetime(2026, 11, 14, 23, 30, tzinfo=UTC)  # the 15th in Tallinn, the 14th in Los Angeles
        parcel = world.parcel(line, delivered_at=late)
        west = Address(name="A", country="US", province="CA")
        work, order = shop(line, fulfillments=(parcel,))
        assert verdict(work, order).policy_until == date(2026, 12, 15)
        work, order = shop(line, fulfillments=(parcel,), shipping_address=west)
        assert verdict(work, order).policy_until == date(2026, 12, 14)

    def test_a_line_in_two_parcels_waits_for_its_last_piece(self, world, shop):
        line = world.line(quantity=2)
        one = world.parcel(number="1", lines=(QuantityOf(line_id="1", quantity=1),))
        other = world.parcel(number="2", lines=(QuantityOf(line_id="1", quantity=1),), delivered_at=None)
        work, order = shop(line, fulfillments=(one, other))
        assert verdict(work, order).law_until == "open"

    def test_a_parcel_without_a_list_of_goods_holds_them_all(self, world, shop):
        work, order = shop(world.line(), fulfillments=(world.parcel(),))
        assert verdict(work, order).policy_until == date(2026, 12, 14)

    def test_sent_without_any_parcel_is_sent_all_the_same(self, world, shop):
        work, order = shop(world.line(), fulfillment_status=FulfillmentStatus.FULFILLED)
        found = verdict(work, order)
        assert "policy_unshipped" not in {ground.key for ground in found.grounds}
        assert found.law_until == "open"

    def test_a_label_that_was_only_printed_is_not_sent(self, world, shop):
        line = world.line()
        parcel = world.parcel(line, status="open", delivered_at=None, shipped_at=None)
        work, order = shop(line, fulfillments=(parcel,))
        assert "policy_unshipped" in {ground.key for ground in verdict(work, order).grounds}

    @pytest.mark.parametrize(
        ("tags", "outcome", "basis"),
        [
            (("home",), Outcome.ACCEPT, Basis.BOTH),
            (("Final Sale",), Outcome.ACCEPT, Basis.LAW),
            (("personalised",), Outcome.REFUSE, Basis.NONE),
            (("Made_to order",), Outcome.REFUSE, Basis.NONE),
            (("perishable",), Outcome.REFUSE, Basis.NONE),
            (("hygiene-seal",), Outcome.REVIEW, Basis.NONE),
            (("digital",), Outcome.ACCEPT, Basis.LAW),
            (("gift-card",), Outcome.ACCEPT, Basis.LAW),
        ],
    )
    def test_tags_say_what_kind_of_thing_it_is(self, world, shop, tags, outcome, basis):
        line = world.line(product_id="p")
        product = ProductRecord(platform_id="p", title="Thing", tags=tags)
        work, order = shop(
            line,
            fulfillments=(world.parcel(line),),
            products=[product],
            placed_at=world.clock() - timedelta(days=8),
        )
        found = verdict(work, order)
        assert (found.outcome, found.basis) == (outcome, basis)

    def test_categories_and_flags_of_woocommerce_say_it_too(self, world, shop):
        line = world.line(product_id="p")
        category = ProductRecord(platform_id="p", title="Thing", categories=("personalized",))
        work, order = shop(line, fulfillments=(world.parcel(line),), products=[category])
        assert verdict(work, order).outcome is Outcome.REFUSE
        download = ProductRecord(platform_id="p", title="Thing", downloadable=True)
        work, order = shop(line, products=[download])
        assert "policy_excluded" in {ground.key for ground in verdict(work, order).grounds}

    def test_an_engraving_makes_a_piece_personal(self, world, shop):
        line = world.line(properties={"Engraving": "Mari"})
        work, order = shop(line, fulfillments=(world.parcel(line),))
        assert verdict(work, order).outcome is Outcome.REFUSE

    def test_a_cancelled_order_has_nothing_to_return(self, world, shop):
        work, order = shop(cancelled_at=world.clock())
        assert verdict(work, order).outcome is Outcome.REFUSE

    def test_pieces_taken_out_of_the_order_are_gone(self, world, shop):
        line = world.line(quantity=3, current_quantity=2, refundable_quantity=2)
        work, order = shop(line, fulfillments=(world.parcel(lines=(QuantityOf(line_id="1", quantity=2),)),))
        found = verdict(work, order)
        assert found.quantity == 2
        assert found.items == 4000

    def test_no_address_means_the_law_is_not_checked(self, world, shop):
        line = world.line()
        work, order = shop(line, fulfillments=(world.parcel(line),), shipping_address=None)
        verdicts = returns.judge_order(work, order)
        assert verdicts.country is None
        assert verdicts.law.status is Status.UNCHECKED

    def test_the_law_of_thailand_asks_what_the_seller_is(self, world, shop, store):
        line = world.line()
        bangkok = Address(name="A", country="TH")
        work, order = shop(
            line,
            fulfillments=(world.parcel(line, delivered_at=world.clock() - timedelta(days=2)),),
            shipping_address=bangkok,
        )
        assert "th_direct_marketer" in {missing.fact for missing in verdict(work, order).missing}
        work.session.get_one(Store, store).th_direct_marketer = True
        assert verdict(work, order).basis is Basis.BOTH


class TestWhatPeopleSay:
    def sealed(self, world, shop):
        line = world.line(product_id="p")
        product = ProductRecord(platform_id="p", title="Scrub", tags=("hygiene-seal",))
        return shop(line, fulfillments=(world.parcel(line),), products=[product])

    def test_a_fact_decides_at_once_and_the_newest_word_counts(self, world, shop):
        work, order = self.sealed(world, shop)
        assert verdict(work, order).outcome is Outcome.REVIEW
        returns.say_fact(work, order, order.lines[0], "unsealed", "yes", "liis@lumi.example", "zendesk 7")
        assert verdict(work, order).outcome is Outcome.REFUSE
        world.clock.advance(timedelta(minutes=1))
        returns.say_fact(work, order, order.lines[0], "unsealed", "no", "liis@lumi.example")
        assert verdict(work, order).outcome is Outcome.ACCEPT

    def test_a_word_on_the_delivery_stands_in_where_the_store_knows_nothing(self, world, shop):
        line = world.line()
        work, order = shop(line, fulfillments=(world.parcel(line, delivered_at=None, delivered_source=None),))
        returns.say_fact(work, order, None, "delivered", "2026-11-16", "liis@lumi.example")
        found = verdict(work, order)
        assert found.law_until == date(2026, 11, 30)
        assert ("delivered", "agent") in {(fact.name, fact.source) for fact in found.facts}

    def test_but_it_does_not_overrule_the_carrier(self, world, shop):
        line = world.line()
        work, order = shop(line, fulfillments=(world.parcel(line),))
        returns.say_fact(work, order, order.lines[0], "delivered", "2026-11-20", "liis@lumi.example")
        assert verdict(work, order).policy_until == date(2026, 12, 14)

    def test_a_recorded_reason_stands_in_for_the_assumed_one(self, world, shop):
        line = world.line()
        work, order = shop(line, fulfillments=(world.parcel(line),))
        returns.say_fact(work, order, None, "reason", "defective", "liis@lumi.example")
        assert verdict(work, order).basis is Basis.CONFORMITY

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("unsealed", "maybe"),
            ("delivered", "yesterday"),
            ("delivered", "2026-11-20T10:00"),
            ("weather", "fine"),
            ("diminished", "-5"),
            ("diminished", "٥"),
            ("exchanged_at", "9999-99-99"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, world, shop, name, value):
        work, order = self.sealed(world, shop)
        with pytest.raises(BadInput):
            returns.say_fact(work, order, order.lines[0], name, value, "liis@lumi.example")
        with pytest.raises(BadInput):
            returns.say_fact(
                work, order, order.lines[0], "buyer", "business", "a fact of orders, not of lines"
            )


class TestPolicy:
    def test_the_default_one_is_there_from_the_first_minute(self, world, account):
        with world.database.transaction(account) as work:
            assert policies.current_policy(work) is None
            first = policies.ensure_policy(work)
            assert policies.ensure_policy(work).id == first.id
            assert first.number == 1

    def test_an_order_is_judged_by_the_version_of_its_day(self, world, shop):
        line = world.line(product_id="p")
        work, old = shop(line, fulfillments=(world.parcel(line),))
        policies.ensure_policy(work)
        returns.save_policy(work, Policy(version=9, rules=(Rule(days=100),)), "admin@lumi.example", "longer")
        work, new = shop(
            line, fulfillments=(world.parcel(line),), placed_at=world.clock() + timedelta(minutes=1)
        )
        assert verdict(work, old).policy_version == "1"
        assert verdict(work, new).policy_version == "2"
        assert verdict(work, new).policy_until == date(2027, 2, 22)
        assert [row.number for row in returns.policy_versions(work)] == [2, 1]

    def test_a_version_cannot_begin_in_the_past_or_before_a_later_one(self, world, account):
        with world.database.transaction(account) as work:
            now = world.clock()
            with pytest.raises(BadInput):
                policies.save_policy(work, {"rules": [{}]}, "a", valid_from=now - timedelta(days=1))
            policies.save_policy(work, {"rules": [{}]}, "a", valid_from=now + timedelta(days=7))
            with pytest.raises(BadInput):
                policies.save_policy(work, {"rules": [{}]}, "a")

    @pytest.mark.parametrize(
        "document", [{}, {"rules": []}, {"rules": [{"days": -1}]}, {"rules": [{"dayz": 3}]}]
    )
    def test_what_cannot_be_read_is_not_saved(self, world, account, document):
        with world.database.transaction(account) as work:
            with pytest.raises(BadInput):
                policies.save_policy(work, document, "a")
            assert policies.policy_versions(work) == []

    def test_the_owners_word_on_the_law_is_shown_with_name_and_day(self, world, shop):
        work, order = shop()
        policies.confirm_law(work, "ee", "owner@lumi.example")
        law = returns.judge_order(work, order).law
        assert (law.status, law.confirmed_by) == (Status.CONFIRMED, "owner@lumi.example")
        assert law.confirmed_on == date(2026, 11, 21)
        with pytest.raises(BadInput):
            policies.confirm_law(work, "XX", "owner@lumi.example")


SHARED = [HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]
"""The tests write orders of their own into one database, on each kind of it."""


class TestTheSum:
    def sold(self, world, shop, **more):
        mugs, jug = world.line("1", quantity=3, total=eur(1000)), world.line("2", total=eur(2500))
        return shop(mugs, jug, fulfillments=(world.parcel(mugs, jug),), **more)

    def test_parts_add_up_and_shipping_follows_the_last_piece(self, world, shop):
        work, order = self.sold(world, shop)
        one, two = f"{order.id}.1", f"{order.id}.2"
        part = returns.refund_sum(work, order, {one: 1})
        assert (part.total, part.granted_shipping, part.beyond) == (333, 0, ())
        everything = returns.refund_sum(work, order, {one: 3, two: 1})
        assert [line.amount for line in everything.lines] == [1000, 2500]
        assert (everything.shipping, everything.total, everything.most) == (450, 3950, 3950)
        assert everything.tenders == (("card", 3950),)

    def test_what_went_back_before_counts(self, world, shop):
        work, order = self.sold(world, shop, refunded=eur(333), refunds=(refund_of("r", ("1", 1, 333)),))
        plan = returns.refund_sum(work, order, {f"{order.id}.1": 2})
        assert plan.total == 667
        assert plan.most == 3617
        with pytest.raises(Unprocessable) as caught:
            returns.refund_sum(work, order, {f"{order.id}.1": 3})
        assert caught.value.code == "too_many_pieces"

    def test_a_fee_that_was_kept_back_is_not_paid_out_later(self, world, shop):
        work, order = self.sold(world, shop, refunded=eur(283), refunds=(refund_of("r", ("1", 1, 283)),))
        assert returns.refund_sum(work, order, {f"{order.id}.1": 2}).total == 667

    def test_money_given_back_without_a_piece_comes_off(self, world, shop):
        work, order = self.sold(world, shop, refunded=eur(500), refunds=(refund_of("r", ("2", 0, 500)),))
        assert returns.refund_sum(work, order, {f"{order.id}.2": 1}).total == 2000

    def test_a_goodwill_sum_without_lines_is_never_paid_twice(self, world, shop):
        work, order = self.sold(world, shop, refunded=eur(3000), refunds=(refund_of("r", amount=3000),))
        assert returns.refund_sum(work, order, {f"{order.id}.1": 1}).most == 950
        with pytest.raises(Unprocessable) as caught:
            returns.refund_sum(work, order, {f"{order.id}.2": 1})
        assert caught.value.code == "too_much_money"

    def test_pieces_on_their_way_back_may_be_refunded(self, world, shop):
        coming = ReturnRecord(
            platform_id="ret",
            status="open",
            lines=(ReturnLineRecord(platform_id="1", quantity=1, line_id="2"),),
        )
        work, order = self.sold(world, shop, returns=(coming,))
        assert returns.refund_sum(work, order, {f"{order.id}.2": 1}).total == 2500

    def test_nor_are_they_taken_for_removed_where_the_store_counts_them_out(self, world, shop):
        coming = ReturnRecord(
            platform_id="ret",
            status="open",
            lines=(ReturnLineRecord(platform_id="1", quantity=1, line_id="1"),),
        )
        line = world.line("1", quantity=2, current_quantity=1)
        work, order = shop(line, fulfillments=(world.parcel(line),), returns=(coming,))
        assert returns.refund_sum(work, order, {f"{order.id}.1": 2}).total == 4450

    def test_an_exchanged_piece_is_gone_once(self, world, shop):
        done = ReturnRecord(
            platform_id="ret",
            status="closed",
            lines=(ReturnLineRecord(platform_id="1", quantity=1, line_id="1"),),
        )
        line = world.line("1", quantity=2, current_quantity=1, refundable_quantity=1)
        work, order = shop(line, fulfillments=(world.parcel(line),), returns=(done,))
        assert returns.refund_sum(work, order, {f"{order.id}.1": 1}).items == 2000

    def test_pieces_that_were_exchanged_may_not(self, world, shop):
        done = ReturnRecord(
            platform_id="ret",
            status="closed",
            lines=(ReturnLineRecord(platform_id="1", quantity=1, line_id="2"),),
        )
        work, order = self.sold(world, shop, returns=(done,))
        with pytest.raises(Unprocessable):
            returns.refund_sum(work, order, {f"{order.id}.2": 1})

    def test_beyond_the_verdict_is_summed_and_named(self, world, shop):
        work, order = self.sold(world, shop)
        late = world.clock() + timedelta(days=200)
        plan = returns.refund_sum(work, order, {f"{order.id}.2": 1}, shipping=450, notice_at=late)
        assert plan.total == 2950
        assert plan.beyond == (f"verdict:refuse:{order.id}.2", "shipping")

    def test_fees_of_the_policy_are_spread_over_the_lines(self, world, shop):
        work, order = self.sold(world, shop, shipping_address=Address(name="A", country="US", province="NY"))
        returns.save_policy(work, {"rules": [{"restocking": 1000, "days": 90}]}, "admin@lumi.example")
        plan = returns.refund_sum(work, order, {f"{order.id}.1": 3, f"{order.id}.2": 1})
        assert (plan.items, plan.restock, plan.fees, plan.total) == (3500, 350, 350, 3150)
        assert [line.amount for line in plan.lines] == [900, 2250]
        assert sum(line.amount for line in plan.lines) + plan.shipping == plan.total

    def test_store_credit_brings_the_bonus(self, world, shop):
        work, order = self.sold(world, shop)
        returns.save_policy(work, {"rules": [{"bonus": 1000}]}, "admin@lumi.example")
        plan = returns.refund_sum(work, order, {f"{order.id}.2": 1}, store_credit=True)
        assert (plan.total, plan.store_credit_total) == (2500, 2750)

    def test_two_means_of_payment_share_the_refund(self, world, shop):
        paid = tuple(
            TransactionRecord(
                platform_id=name, kind="sale", status="success", amount=eur(minor), gateway=name
            )
            for name, minor in (("card", 2950), ("gift_card", 1000))
        )
        failed = TransactionRecord(
            platform_id="x", kind="sale", status="failure", amount=eur(9999), gateway="card"
        )
        work, order = self.sold(world, shop, transactions=(*paid, failed))
        plan = returns.refund_sum(work, order, {f"{order.id}.1": 3, f"{order.id}.2": 1})
        assert plan.tenders == (("card", 2950), ("gift_card", 1000))
        part = returns.refund_sum(work, order, {f"{order.id}.2": 1})
        assert part.tenders == (("card", 1867), ("gift_card", 633))

    def test_nothing_goes_back_that_was_never_paid(self, world, shop):
        work, order = self.sold(world, shop, financial_status=FinancialStatus.PENDING, transactions=())
        with pytest.raises(Unprocessable) as caught:
            returns.refund_sum(work, order, {f"{order.id}.2": 1})
        assert caught.value.code == "not_paid"

    @pytest.mark.parametrize("quantities", [{"1.99": 1}, {"x": 1}, {"1.2": -1}, {"1.2": 10**9}])
    def test_what_the_order_does_not_have_is_refused(self, world, shop, quantities):
        work, order = self.sold(world, shop)
        with pytest.raises(Unprocessable):
            returns.refund_sum(work, order, quantities)
        with pytest.raises(Unprocessable):
            returns.refund_sum(work, order, {}, shipping=451)

    def test_an_order_discount_that_no_line_carries_is_shared(self, world, shop):
        work, order = self.sold(world, shop, total=eur(3600), discount=eur(350))
        plan = returns.refund_sum(work, order, {f"{order.id}.1": 3, f"{order.id}.2": 1})
        assert [line.amount for line in plan.lines] == [900, 2250]
        assert plan.total == 3600

    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(total=st.integers(1, 99_999), steps=st.lists(st.integers(1, 3), min_size=1, max_size=6))
    def test_any_split_into_refunds_adds_up_to_what_was_paid(self, world, account, store, total, steps):
        quantity = sum(steps)
        line = world.line("1", quantity=quantity, total=eur(total))
        refunds, paid = [], 0
        record = world.record(line, fulfillments=(world.parcel(line),))
        for number, step in enumerate(steps):
            with world.database.transaction(account) as work:
                row = work.session.get_one(Store, store)
                picture = world.record(
                    line,
                    platform_id=record.platform_id,
                    name=record.name,
                    fulfillments=record.fulfillments,
                    refunds=tuple(refunds),
                    refunded=eur(paid),
                    updated_at=world.clock() + timedelta(seconds=number),
                )
                sync.apply(work, row, [picture])
                (order,) = customers.orders_by_reference(work, [record.name])
                plan = returns.refund_sum(work, order, {f"{order.id}.1": step})
            items = plan.lines[0].amount
            refunds.append(refund_of(f"r{number}", ("1", step, items), shipping=plan.shipping))
            paid += plan.total
        assert paid == total + 450


class TestCost:
    def test_judging_many_orders_costs_as_many_queries_as_judging_one(
        self, world, account, store, count_queries
    ):
        line = world.line(product_id="p")
        records = [world.record(line, fulfillments=(world.parcel(line),)) for _ in range(12)]
        world.sell(account, store, *records)
        with world.database.reading(account) as work:
            orders = customers.orders_by_reference(work, [record.name for record in records])
            count_queries()
            assert self.judged(work, orders[:1])
            few = len(count_queries())
            verdicts = self.judged(work, orders)
            assert len(count_queries()) == few == 4
        assert len(verdicts) == len(orders)

    def judged(self, work, orders):
        books = returns.open_books(work, orders)
        return [returns.judge_whole(work, books, order) for order in orders]

    def test_a_ruling_is_the_verdict_without_its_reasons(self, world, shop):
        sealed, plain, gone = world.line(), world.line("2", quantity=3), world.line("3", quantity=2)
        refund = refund_of("r", ("3", 2, 4000))
        work, order = shop(sealed, plain, gone, fulfillments=(world.parcel(sealed),), refunds=(refund,))
        for days in (0, 20, 40, 400):
            world.clock.advance(timedelta(days=days))
            books = returns.open_books(work, [order])
            verdicts = returns.judge_whole(work, books, order).lines
            rulings = returns.rule_order(work, books, order)
            assert [(one.line.id, one.outcome, one.basis, last_day(one)) for one in rulings] == [
                (one.line.id, one.outcome, one.basis, last_day(one)) for one in verdicts
            ]


def test_another_platform_makes_no_difference(world, account):
    woo = world.store(account, Platform.WOOCOMMERCE, domain="s.ee")
    line = world.line()
    (order_id,) = world.sell(account, woo, world.record(line, fulfillments=(world.parcel(line),)))
    with world.database.reading(account) as work:
        order = customers.find_order(work, order_id)
        assert returns.judge_order(work, order).refund.total == 2450
