"""Statements that are written once: confined to their account, and aware of the transaction they run in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from integration import customers, policies
from integration.db.orders import Order
from integration.db.policies import Fact
from integration.db.stores import Store
from integration.dossier import read_dossier
from integration.eligibility import DEFAULT_POLICY
from integration.records import CustomerRecord
from integration.terms import read_terms
from integration.whole_person import meet, read_whole_person


@pytest.fixture
def store(world: Any, account: int) -> int:
    found: int = world.store(account)
    return found


@pytest.fixture
def person(world: Any, account: int, store: int) -> int:
    """Mari with two orders; of one, somebody said something."""
    first, _second = world.sell(
        account, store, world.record(), world.record(placed_at=world.clock() - timedelta(days=3))
    )
    with world.database.transaction(account) as work:
        work.add(Fact(order_id=first, name="used", value="no", said_at=world.clock(), said_by="Kaja"))
        work.add(Fact(order_id=first, name="used", value="yes", said_at=world.clock(), said_by="Kaja"))
        found: int = work.session.query(Order.customer_id).distinct().scalar()
    return found


def test_all_of_a_person_at_once_is_what_its_parts_say(
    world: Any, account: int, person: int, count_queries: Any
) -> None:
    with world.database.reading(account) as work:
        count_queries()
        whole = read_whole_person(work, person, limit=1)
        assert len(count_queries()) == 1
        assert whole.orders == customers.history(work, person, limit=1)
        assert whole.bought == customers.read_bought(work, person)
        assert whole.dossier == read_dossier(work, person)
        assert whole.terms.stores == read_terms(work).stores
        assert whole.terms.policies == read_terms(work).policies
    assert len(whole.dossier.digests) == 2
    (words,) = whole.dossier.words.values()
    assert words == {None: {"used": "yes"}}


def test_whoever_alone_has_the_contact_is_met_with_all_of_theirs_by_one_query(
    world: Any, account: int, person: int, count_queries: Any
) -> None:
    with world.database.reading(account) as work:
        count_queries()
        matches, people = meet(work, emails=["Mari@example.ee"], phones=(), orders=(), limit=1)
        assert len(count_queries()) == 1
        assert matches == customers.match(work, emails=["mari@example.ee"])
        assert people == {person: read_whole_person(work, person, limit=1)}


def test_several_people_and_strangers_are_met_without_anything_of_theirs(
    world: Any, account: int, store: int, person: int
) -> None:
    anna = CustomerRecord(name="Anna", email="anna@example.ee")
    world.sell(account, store, world.record(email="anna@example.ee", customer=anna))
    both = ["mari@example.ee", "anna@example.ee"]
    with world.database.reading(account) as work:
        matches, people = meet(work, emails=both, phones=(), orders=(), limit=5)
        assert matches == customers.match(work, emails=both)
        assert (len(matches), people) == (2, {})
        assert meet(work, emails=["nobody@example.ee"], phones=(), orders=(), limit=5) == ([], {})
        assert meet(work, emails=(), phones=(), orders=(), limit=5) == ([], {})
    with world.database.reading(world.account("Other")) as work:
        assert meet(work, emails=both, phones=(), orders=(), limit=5) == ([], {})


def test_nothing_is_read_across_accounts(world: Any, account: int, person: int) -> None:
    with world.database.transaction(account) as work:
        policies.ensure_policy(work)
    with world.database.reading(world.account("Other")) as work:
        whole = read_whole_person(work, person, limit=5)
        assert whole.orders == whole.bought == whole.dossiers == []
        assert whole.terms.stores == {}
        assert whole.terms.policies.versions == (DEFAULT_POLICY,)
        assert read_dossier(work, person).digests == ()


def test_what_the_transaction_changed_is_seen(world: Any, account: int, store: int) -> None:
    with world.database.transaction(account) as work:
        work.session.get_one(Store, store).name = "Lumi Abroad"
        assert read_terms(work).stores[store].name == "Lumi Abroad"


def test_a_new_policy_counts_at_once_and_the_old_one_for_what_was_sold_before(
    world: Any, account: int
) -> None:
    with world.database.transaction(account) as work:
        policies.ensure_policy(work)
        assert [version.version for version in read_terms(work).policies.versions] == [1]
        policies.save_policy(work, DEFAULT_POLICY, "Kaja", valid_from=world.clock() + timedelta(days=1))
        book = read_terms(work).policies
    assert book.version_for(world.clock() - timedelta(days=900)).version == 1
    assert book.version_for(world.clock() + timedelta(days=2)).version == 2
