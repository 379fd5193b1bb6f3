"""Who is the same person: joined by what proves it, whatever the order of arrival."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from integration import identity, sync
from integration.db.actions import Contact
from integration.db.customers import ContactPoint, Customer, StoreCustomer
from integration.db.orders import Order
from integration.db.stores import Store
from integration.records import Address, CustomerRecord, OrderRecord, Platform


class People:
    """The people of one account with two stores."""

    def __init__(self, world: Any, account_id: int) -> None:
        self.world, self.account_id = world, account_id
        self.shop = world.store(account_id)
        self.outlet = world.store(account_id, Platform.WOOCOMMERCE, domain="outlet.example")

    def order(
        self,
        number: int,
        email: str | None = None,
        phone: str | None = None,
        account: str | None = None,
        name: str = "",
        **more: Any,
    ) -> OrderRecord:
        found: OrderRecord = self.world.record(
            platform_id=str(number),
            email=email,
            phone=phone,
            customer=CustomerRecord(platform_id=account, name=name),
            shipping_address=Address(country="EE"),
            **more,
        )
        return found

    def apply(self, records: Sequence[OrderRecord], store_id: int | None = None) -> None:
        with self.world.database.transaction(self.account_id) as work:
            sync.apply(work, work.session.get_one(Store, store_id or self.shop), records)

    def groups(self) -> set[frozenset[tuple[int, str]]]:
        """(store, order) of each person."""
        people: dict[int | None, set[tuple[int, str]]] = {}
        with self.world.database.reading(self.account_id) as work:
            for order in work.session.scalars(select(Order)):
                people.setdefault(order.customer_id, set()).add((order.store_id, order.platform_id))
        return {frozenset(orders) for person, orders in people.items() if person is not None} | {
            frozenset([order]) for order in people.get(None, ())
        }

    def together(self, *numbers: int) -> frozenset[tuple[int, str]]:
        return frozenset((self.shop, str(number)) for number in numbers)

    def customers(self) -> list[Customer]:
        with self.world.database.reading(self.account_id) as work:
            return list(
                work.session.scalars(
                    select(Customer).where(Customer.merged_into.is_(None)).order_by(Customer.id)
                )
            )

    def clear(self) -> None:
        with self.world.database.transaction(self.account_id) as work:
            for table in (Order, Contact, ContactPoint, StoreCustomer, Customer):
                work.session.execute(delete(table))


@pytest.fixture
def people(world: Any, account: int) -> People:
    return People(world, account)


def test_writing_an_address_differently_does_not_make_two_people(people: People) -> None:
    people.apply([people.order(1, "Mari@Example.ee"), people.order(2, " mari@example.EE ")])

    assert people.groups() == {people.together(1, 2)}


def test_one_person_across_two_stores(people: People) -> None:
    people.apply([people.order(1, "mari@example.ee")])
    people.apply([people.order(9, "mari@example.ee")], people.outlet)

    assert people.groups() == {frozenset([(people.shop, "1"), (people.outlet, "9")])}


def test_two_people_who_turn_out_to_be_one_are_joined_with_all_they_have(people: People) -> None:
    people.apply([people.order(1, "work@example.ee", name="Mari Mets")])
    people.apply([people.order(2, "home@example.ee", account="c7")])
    first, second = people.customers()
    with people.world.database.transaction(people.account_id) as work:
        work.add(Contact(customer_id=second.id, at=work.now(), agent="Liis"))
    people.apply([people.order(3, "work@example.ee", account="c7")])

    assert people.groups() == {people.together(1, 2, 3)}
    (kept,) = people.customers()
    assert kept.id == first.id
    with people.world.database.reading(people.account_id) as work:
        emails = set(work.session.scalars(select(ContactPoint.value)))
        assert emails == {"work@example.ee", "home@example.ee"}
        assert work.session.scalars(select(Contact.customer_id)).one() == first.id
        assert work.session.get_one(Customer, second.id).merged_into == first.id


def test_an_old_id_still_leads_to_the_person_after_two_merges(people: People) -> None:
    for number, email in enumerate(["a@example.ee", "b@example.ee", "c@example.ee"]):
        people.apply([people.order(number, email)])
    ids = [customer.id for customer in people.customers()]
    people.apply(
        [people.order(10, "b@example.ee", account="x"), people.order(11, "c@example.ee", account="x")]
    )
    people.apply([people.order(12, "a@example.ee", account="x")])

    (kept,) = people.customers()
    with people.world.database.reading(people.account_id) as work:
        merged = work.session.scalars(select(Customer.merged_into).where(Customer.id.in_(ids[1:]))).all()
    assert (kept.id, merged) == (ids[0], [ids[0], ids[0]])


def test_a_shared_phone_joins_nobody(people: People) -> None:
    people.apply([people.order(1, "mari@example.ee", "+3725551234")])
    people.apply([people.order(2, "jaan@example.ee", "+3725551234")])

    assert people.groups() == {people.together(1), people.together(2)}


def test_orders_with_a_phone_only_are_of_a_person_by_themselves(people: People) -> None:
    people.apply([people.order(1, "mari@example.ee", "+3725551234"), people.order(2, None, "555 1234")])
    people.apply([people.order(3, None, "+372 555 1234"), people.order(4)])

    assert people.groups() == {people.together(1), people.together(2, 3), people.together(4)}


def test_guests_without_any_contact_are_not_one_person(people: People) -> None:
    people.apply([people.order(1), people.order(2, "not an address")])

    assert people.groups() == {people.together(1), people.together(2)}
    assert people.customers() == []


def test_an_order_that_changes_hands_moves(people: People) -> None:
    first = people.order(1, "wrong@example.ee")
    people.apply([first, people.order(2, "right@example.ee")])
    corrected = people.order(1, "right@example.ee", updated_at=first.updated_at + timedelta(seconds=1))
    people.apply([corrected])

    assert people.groups() == {people.together(1, 2)}


def test_the_newest_order_says_what_a_person_is_called(people: People) -> None:
    def at(days: int, number: int, name: str) -> OrderRecord:
        placed = people.world.clock() - timedelta(days=days)
        return people.order(number, "mari@example.ee", name=name, placed_at=placed)

    orders = [at(300, 1, "Mari Mets"), at(5, 2, "Mari Kask"), at(100, 3, "M. Mets"), at(1, 4, "")]
    for order in orders:
        people.apply([order])
    (person,) = people.customers()

    assert person.name == "Mari Kask"
    assert person.first_seen_at == orders[0].placed_at


def test_tenants_never_share_a_person(world: Any) -> None:
    ours = People(world, world.account("Lumi"))
    ours.apply([ours.order(1, "mari@example.ee")])
    rival = world.account("Rival")
    store = world.store(rival)
    world.sell(rival, store, world.record(platform_id="1", email="mari@example.ee"))
    with world.database.everywhere() as work:
        owners = {row.account_id: row.customer_id for row in work.session.scalars(select(Order))}

    assert len(set(owners.values())) == 2


CONTACTS = st.tuples(
    st.none() | st.sampled_from(["a@x.ee", "b@x.ee", "c@x.ee", "d@x.ee"]),
    st.none() | st.sampled_from(["+3725551111", "+3725552222", "+3725553333"]),
    st.none() | st.sampled_from(["c1", "c2", "c3"]),
)


@given(contacts=st.lists(CONTACTS, min_size=2, max_size=8), data=st.data())
@settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_who_is_one_person_does_not_depend_on_the_order_of_arrival(
    people: People, contacts: list[tuple[str | None, str | None, str | None]], data: st.DataObject
) -> None:
    orders = [people.order(number, *contact) for number, contact in enumerate(contacts)]
    people.clear()
    people.apply(orders)
    at_once = people.groups()
    people.clear()
    for order in data.draw(st.permutations(orders)):
        people.apply([order])

    assert people.groups() == at_once == _expected(people, contacts)


def _expected(
    people: People, contacts: list[tuple[str | None, str | None, str | None]]
) -> set[frozenset[tuple[int, str]]]:
    """By hand: whoever shares an e-mail or account; with neither, whoever shares the phone."""
    groups: list[tuple[set[str], set[int]]] = []
    for number, (email, phone, account) in enumerate(contacts):
        keys = {key for key in (email, account) if key} or {f"only {phone}" if phone else f"nobody {number}"}
        mine = {number}
        for group in [group for group in groups if group[0] & keys]:
            groups.remove(group)
            keys, mine = keys | group[0], mine | group[1]
        groups.append((keys, mine))
    return {people.together(*numbers) for _, numbers in groups}


def test_what_is_kept_of_a_redacted_person_differs_by_store() -> None:
    digests = {identity.tombstone_digest(store, "email", "mari@example.ee") for store in (1, 2)}

    assert len(digests) == 2
    assert not any("mari" in digest for digest in digests)
