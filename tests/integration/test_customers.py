"""Who is asking, and what they bought."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integration import customers
from integration.customers import Proof
from integration.db.customers import ContactPoint
from integration.errors import NotFound
from integration.money import Money
from integration.records import (
    CustomerRecord,
    FinancialStatus,
    Platform,
    RefundLineRecord,
    RefundRecord,
    ReturnRecord,
    Tracking,
    TransactionRecord,
)


def found(world, account, **wanted):
    with world.database.reading(account) as work:
        return customers.match(work, **wanted)


def only(world, account, **wanted):
    (match,) = found(world, account, **wanted)
    return match


@pytest.fixture
def store(world, account):
    return world.store(account)


def buyer(world, email, name, **more):
    return world.record(email=email, customer=CustomerRecord(name=name, email=email), **more)


class TestMatch:
    def test_an_email_is_found_in_any_writing_and_says_why(self, world, account, store):
        world.sell(account, store, world.record())
        match = only(world, account, emails=["  MARI@Example.ee "])
        assert (match.name, match.why, match.proof) == ("Mari Mets", ("email:mari@example.ee",), Proof.EMAIL)

    def test_a_phone_without_country_code_is_at_home_in_the_stores_country(self, world, account, store):
        world.sell(account, store, world.record(phone="+372 5551 2345"))
        match = only(world, account, phones=["5551 2345"])
        assert match.why == ("phone:+37255512345",)

    def test_order_and_tracking_numbers_find_the_buyer(self, world, account, store):
        line = world.line()
        parcel = world.parcel(line, tracking=(Tracking(company="Omniva", number="CE123456789EE"),))
        record = world.record(line, fulfillments=(parcel,))
        world.sell(account, store, record)
        assert only(world, account, orders=[record.name]).why == (f"order:{record.name}",)
        assert only(world, account, orders=["ce 123 456 789 ee"]).why == ("tracking:CE123456789EE",)
        assert only(world, account, q=f"Where is {record.name}?").why == (f"order:{record.name}",)

    @pytest.mark.parametrize("quoted", ["L-5531", "l5531", "#5531", "5531"])
    def test_a_number_with_letters_is_found_without_them_too(self, world, account, store, quoted):
        world.sell(account, store, world.record(name="L-5531", number="L-5531"))
        assert only(world, account, orders=[quoted]).why == ("order:L-5531",)

    def test_several_contacts_of_one_person_are_one_match_with_every_reason(self, world, account, store):
        world.sell(account, store, world.record(phone="+37255512345"))
        match = only(world, account, emails=["mari@example.ee", "nobody@example.ee"], phones=["+37255512345"])
        assert match.why == ("email:mari@example.ee", "phone:+37255512345")
        assert match.orders_count == 1

    def test_an_email_goes_before_a_shared_phone(self, world, account, store):
        world.sell(
            account,
            store,
            buyer(world, "jaan@example.ee", "Jaan Mets", phone="+37255512345"),
            buyer(world, "mari@example.ee", "Mari Mets", phone="+37255512345"),
        )
        matches = found(world, account, emails=["mari@example.ee"], phones=["+37255512345"])
        assert [match.name for match in matches] == ["Mari Mets", "Jaan Mets"]
        chosen = customers.chosen(matches)
        assert chosen is not None
        assert chosen.name == "Mari Mets"

    def test_two_people_behind_one_phone_are_left_to_the_agent(self, world, account, store):
        world.sell(
            account,
            store,
            buyer(world, "jaan@example.ee", "Jaan Mets", phone="+37255512345"),
            buyer(world, "mari@example.ee", "Mari Mets", phone="+37255512345"),
        )
        matches = found(world, account, phones=["+37255512345"])
        assert len(matches) == 2
        assert customers.chosen(matches) is None

    @pytest.mark.parametrize("q", ["mets", "METS mari", "Mari"])
    def test_names_are_found_but_never_open_by_themselves(self, world, account, store, q):
        world.sell(account, store, world.record())
        matches = found(world, account, q=q)
        assert [match.name for match in matches] == ["Mari Mets"]
        assert customers.chosen(matches) is None

    def test_names_with_letters_beyond_ascii_are_found_in_either_case(self, world, account, store):
        world.sell(account, store, buyer(world, "o@example.ee", "Õie Ülane"))
        assert found(world, account, q="õie")
        assert found(world, account, q="ÜLANE")

    def test_wildcards_in_the_text_mean_themselves(self, world, account, store):
        world.sell(account, store, world.record())
        assert found(world, account, q="%%%") == []
        assert found(world, account, q="M_ri") == []

    @pytest.mark.parametrize(
        "text", ["", "\x00", "\x00abc", "\ud800abc", "'; drop table customer; --", "٪", "a" * 100_000]
    )
    def test_hostile_text_finds_nobody(self, world, account, store, text):
        world.sell(account, store, world.record())
        assert found(world, account, emails=[text], phones=[text], orders=[text], q=text) == []

    def test_nothing_of_another_account_is_ever_found(self, world, account, store):
        record = world.record(phone="+37255512345")
        world.sell(account, store, record)
        other = world.account("Other")
        assert (
            found(
                world,
                other,
                emails=["mari@example.ee"],
                phones=["+37255512345"],
                orders=[record.name],
                q="mari",
            )
            == []
        )

    def test_it_costs_the_same_for_one_hit_or_many(self, world, account, store, count_queries):
        world.sell(account, store, world.record(phone="+37255512345"))
        count_queries()
        found(world, account, emails=["mari@example.ee"], phones=["+37255512345"])
        few = len(count_queries())
        world.sell(
            account,
            store,
            *(buyer(world, f"p{number}@example.ee", "P", phone="+37255512345") for number in range(20)),
        )
        count_queries()
        assert len(found(world, account, emails=["mari@example.ee"], phones=["+37255512345"])) == 21
        assert len(count_queries()) == few


class TestProfile:
    def of(self, world, account, email="mari@example.ee"):
        match = only(world, account, emails=[email])
        with world.database.reading(account) as work:
            return customers.profile(work, match.customer_id)

    def test_one_person_in_two_stores(self, world, account, store):
        woo = world.store(account, Platform.WOOCOMMERCE, domain="shop.example.ee", name="Outlet")
        early = world.record(placed_at=world.clock() - timedelta(days=400))
        world.sell(account, store, early, world.record())
        world.sell(account, woo, world.record(world.line(total=Money(12000, "SEK")), email="Mari@example.ee"))
        profile = self.of(world, account)
        assert profile.orders_count == 3
        assert [(shop.name, shop.orders_count) for shop in profile.stores] == [
            ("Lumi Home", 2),
            ("Outlet", 1),
        ]
        assert profile.total_spent == (Money(4900, "EUR"), Money(12450, "SEK"))
        assert profile.first_order_at == early.placed_at
        assert profile.last_order_at == world.clock() - timedelta(days=11)

    def test_what_was_not_spent_does_not_count(self, world, account, store):
        refund = RefundRecord(platform_id="r", created_at=world.clock(), amount=Money(1000, "EUR"))
        world.sell(
            account,
            store,
            world.record(refunded=Money(1000, "EUR"), refunds=(refund,)),
            world.record(cancelled_at=world.clock()),
            world.record(financial_status=FinancialStatus.VOIDED),
            world.record(financial_status=FinancialStatus.PENDING),
            world.record(test=True),
            world.record(gone=True),
        )
        profile = self.of(world, account)
        assert profile.total_spent == (Money(1450, "EUR"),)
        assert profile.orders_count == 4

    def test_of_a_partly_paid_order_the_payments_count(self, world, account, store):
        paid = TransactionRecord(
            platform_id="t", kind="sale", status="success", amount=Money(500, "EUR"), gateway="card"
        )
        record = world.record(financial_status=FinancialStatus.PARTIALLY_PAID, transactions=(paid,))
        world.sell(account, store, record)
        assert self.of(world, account).total_spent == (Money(500, "EUR"),)

    def test_returns_are_counted_in_both_kinds_of_store(self, world, account, store):
        woo = world.store(account, Platform.WOOCOMMERCE, domain="shop.example.ee")
        back = RefundRecord(
            platform_id="r",
            created_at=world.clock(),
            amount=Money(2000, "EUR"),
            lines=(RefundLineRecord(line_id="1", quantity=1, amount=Money(2000, "EUR")),),
        )
        sorry = RefundRecord(platform_id="s", created_at=world.clock(), amount=Money(500, "EUR"))
        world.sell(
            account,
            store,
            world.record(
                returns=(
                    ReturnRecord(platform_id="a", status="closed"),
                    ReturnRecord(platform_id="b", status="declined"),
                )
            ),
        )
        world.sell(account, woo, world.record(refunds=(back, sorry)))
        assert self.of(world, account).returns_count == 2

    def test_an_old_id_leads_to_the_merged_person(self, world, account, store):
        world.sell(account, store, buyer(world, "a@example.ee", "Mari"), buyer(world, "b@example.ee", "Mari"))
        old = {only(world, account, emails=[email]).customer_id for email in ("a@example.ee", "b@example.ee")}
        both = CustomerRecord(name="Mari", email="b@example.ee")
        world.sell(account, store, world.record(email="a@example.ee", customer=both))
        with world.database.reading(account) as work:
            profiles = {customers.profile(work, customer_id).id for customer_id in old}
            orders = customers.history(work, *profiles)
        assert profiles == {min(old)}
        assert len(orders) == 3

    def test_another_accounts_person_does_not_exist(self, world, account, store):
        world.sell(account, store, world.record())
        mari = only(world, account, emails=["mari@example.ee"]).customer_id
        with world.database.reading(world.account("Other")) as work, pytest.raises(NotFound):
            customers.profile(work, mari)

    def test_a_ring_of_merged_rows_ends(self, world, account, store):
        from integration.db.customers import Customer

        world.sell(account, store, world.record())
        mari = only(world, account, emails=["mari@example.ee"]).customer_id
        with world.database.transaction(account) as work:
            work.session.get_one(Customer, mari).merged_into = mari
        with world.database.reading(account) as work, pytest.raises(NotFound):
            customers.current_id(work, mari)


class TestHistory:
    def test_newest_first_with_every_part_in_a_constant_number_of_queries(
        self, world, account, store, count_queries
    ):
        def sell(count):
            for number in range(count):
                line = world.line(str(number))
                placed = world.clock() - timedelta(days=20 + number)
                world.sell(
                    account, store, world.record(line, placed_at=placed, fulfillments=(world.parcel(line),))
                )

        def read():
            mari = only(world, account, emails=["mari@example.ee"]).customer_id
            count_queries()
            with world.database.reading(account) as work:
                orders = customers.history(work, mari)
                parts = [(order.lines[0].title, order.fulfillments[0].status) for order in orders]
            return orders, parts, len(count_queries())

        sell(1)
        _, _, few = read()
        sell(8)
        orders, parts, many = read()
        assert many == few == 1
        assert len(parts) == 9
        placed = [order.placed_at for order in orders]
        assert placed == sorted(placed, reverse=True)

    def test_the_newest_where_not_all_are_wanted(self, world, account, store):
        records = [world.record(placed_at=world.clock() - timedelta(days=days)) for days in range(5)]
        ids = world.sell(account, store, *records)
        mari = only(world, account, emails=["mari@example.ee"]).customer_id
        with world.database.reading(account) as work:
            assert [order.id for order in customers.history(work, mari, limit=2)] == ids[:2]

    def test_another_accounts_orders_are_not_there(self, world, account, store):
        world.sell(account, store, world.record())
        mari = only(world, account, emails=["mari@example.ee"]).customer_id
        with world.database.reading(world.account("Other")) as work:
            assert customers.history(work, mari) == []

    def test_trashed_orders_are_left_out_but_can_be_opened(self, world, account, store):
        (gone,) = world.sell(account, store, world.record(gone=True))
        with world.database.reading(account) as work:
            owner = work.session.query(ContactPoint.customer_id).scalar()
            assert customers.history(work, owner) == []
            assert customers.find_order(work, gone).gone_at is not None

    def test_a_guest_without_any_contact_is_found_by_number(self, world, account, store):
        record = world.record(email=None, customer=None)
        (order_id,) = world.sell(account, store, record)
        with world.database.reading(account) as work:
            (order,) = customers.orders_by_reference(work, [record.name])
        assert order.id == order_id
        assert found(world, account, orders=[record.name]) == []
