"""Give out what is held of a person, forget a person, forget a shop: in every table, and for good."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select

from integration import audit, identity, inbox, privacy, stores, sync
from integration.db import Base
from integration.db.accounts import Account
from integration.db.actions import Action, ActionStatus, Contact
from integration.db.customers import ContactPoint, Customer, Tombstone
from integration.db.inbox import Delivery, PrivacyRequest
from integration.db.orders import Order
from integration.db.policies import Fact, Withdrawal
from integration.db.stores import Store, StoreStatus
from integration.money import Money
from integration.ports import ActionKind, Topic, WebhookEvent
from integration.records import (
    Address,
    CustomerRecord,
    OrderRecord,
    Platform,
    RefundRecord,
    ReturnLineRecord,
    ReturnRecord,
    ShipmentEvent,
    Tracking,
    TransactionRecord,
)
from integration.vault import RAW, Vault

SECRETS = (
    "kadri",
    "tamm",
    "5551234",
    "ringtee",
    "gift for my",
    "cc777ee",
    "• 4242",
    "doorstep",
    "too small for",
)
"""What tells who Kadri is, wherever it stands."""


@pytest.fixture
def vault() -> Vault:
    return Vault([Fernet.generate_key().decode()])


class House:
    """One account with a shop and an outlet, both of which know Kadri."""

    def __init__(self, world: Any, account_id: int, vault: Vault) -> None:
        self.world, self.account_id, self.vault = world, account_id, vault
        self.shop = world.store(account_id, domain="lumi.myshopify.com", credentials=b"sealed")
        self.outlet = world.store(account_id, Platform.WOOCOMMERCE, domain="outlet.example")

    def order(self, number: int, **more: Any) -> OrderRecord:
        line = self.world.line("1", properties={"engraving": "For Kadri"})
        home = Address(
            name="Kadri Tamm", address1="Ringtee 75", city="Tartu", country="EE", phone="+3725551234"
        )
        values: dict[str, Any] = {
            "platform_id": f"gid://shopify/Order/{number}",
            "email": "kadri.tamm@example.ee",
            "phone": "+3725551234",
            "customer": CustomerRecord(
                platform_id="gid://shopify/Customer/7", name="Kadri Tamm", email="kadri.tamm@example.ee"
            ),
            "shipping_address": home,
            "billing_address": home,
            "note": "gift for my sister Kadri",
            "attributes": {"to": "Kadri"},
            "fulfillments": (
                self.world.parcel(
                    line,
                    tracking=(Tracking(company="Omniva", number="CC777EE"),),
                    events=(
                        ShipmentEvent(
                            status="delivered",
                            at=self.world.clock(),
                            message="doorstep of Tamm",
                            place="Tartu",
                        ),
                    ),
                ),
            ),
            "returns": (
                ReturnRecord(
                    platform_id="r1",
                    status="open",
                    lines=(
                        ReturnLineRecord(
                            platform_id="rl1", quantity=1, line_id="1", note="too small for Kadri"
                        ),
                    ),
                ),
            ),
            "refunds": (
                RefundRecord(
                    platform_id="f1",
                    created_at=self.world.clock(),
                    amount=Money(100, "EUR"),
                    note="Kadri called",
                ),
            ),
            "transactions": (
                TransactionRecord(
                    platform_id="t1",
                    kind="sale",
                    status="success",
                    amount=Money(2450, "EUR"),
                    gateway="card",
                    account="•••• 4242",
                ),
            ),
            **more,
        }
        found: OrderRecord = self.world.record(line, **values)
        return found

    def sell(self, store_id: int, *records: OrderRecord) -> list[int]:
        ids: list[int] = self.world.sell(self.account_id, store_id, *records)
        return ids

    def surround(self, order_id: int) -> None:
        """All that grows around an order: a refund, notes, facts, a withdrawal, the audit log, mail."""
        with self.world.database.transaction(self.account_id) as work:
            order = work.session.get_one(Order, order_id)
            now = work.now()
            values = {column.key: None for column in Action.__mapper__.column_attrs if column.key != "id"}
            values |= {
                "key": f"key-{order_id}",
                "caller": "agent:1",
                "idempotency_key": f"i-{order_id}",
                "body_hash": "x",
                "kind": ActionKind.REFUND,
                "store_id": order.store_id,
                "order_id": order_id,
                "status": ActionStatus.SUCCEEDED,
                "amount": 100,
                "currency": "EUR",
                "wish": {"amount": {"amount": "1.00", "currency": "EUR"}, "note": "Kadri asked"},
                "request": {"note": "Kadri asked", "address": {"name": "Kadri Tamm"}},
                "prepared": '{"note": "Kadri asked"}',
                "order_version": "v",
                "verdict": {},
                "exception": "Kadri is a friend",
                "requested_by": "Liis",
                "requested_role": "agent",
                "assurance": {},
                "conversation": {"helpdesk": "desk", "id": "about-kadri"},
                "decision_note": "fine, Kadri",
                "created_at": now,
                "due_at": now,
                "attempts": 1,
            }
            action = Action(**values)
            work.add(action)
            work.session.flush()
            work.add(
                Contact(
                    customer_id=order.customer_id, order_id=order_id, at=now, agent="Liis", asked="Kadri asks"
                )
            )
            work.add(
                Fact(order_id=order_id, name="used", value="yes, says Kadri", said_at=now, said_by="Liis")
            )
            work.add(
                Withdrawal(
                    order_id=order_id,
                    lines=[],
                    received_at=now,
                    channel="email",
                    recorded_at=now,
                    recorded_by="Liis",
                    conversation="kadri-1",
                )
            )
            for name in ("refund.requested", "refund.succeeded"):
                audit.record(
                    work,
                    name,
                    actor="Liis",
                    proof="session",
                    order_id=order_id,
                    action_id=action.id,
                    detail={"order": order_id},
                    personal={"note": "Kadri Tamm asked"},
                )
            event = WebhookEvent(
                topic=Topic.CUSTOMER, platform_topic="customers/update", delivery_id=f"d{order_id}", domain=""
            )
            store = work.session.get_one(Store, order.store_id)
            inbox.accept(work, self.vault, store, event, b'{"name": "Kadri Tamm"}')

    def ask(self, topic: Topic, body: dict[str, Any], store_id: int | None = None) -> int:
        """A compliance request arrives and is carried out; its row id."""
        with self.world.database.transaction(self.account_id) as work:
            store = work.session.get_one(Store, store_id or self.shop)
            event = WebhookEvent(topic=topic, platform_topic=topic.value, delivery_id=f"{topic}-1", domain="")
            inbox.accept(work, self.vault, store, event, msgspec.json.encode(body))
            (claim,) = [one for one in inbox.claim(work, store.id) if one.topic == topic]
            privacy.receive(work, store, claim.ids)
            inbox.settle(work, claim.ids)
        with self.world.database.transaction(self.account_id) as work:
            request_id = work.session.scalars(
                select(PrivacyRequest.id).order_by(PrivacyRequest.id.desc())
            ).first()
            privacy.carry_out(work, self.vault, request_id or 0)
        return request_id or 0

    def redact(self, orders: list[int], **customer: Any) -> None:
        who = {"id": 7, "email": "Kadri.Tamm@example.ee", "phone": None, **customer}
        self.ask(Topic.REDACT_CUSTOMER, {"customer": who, "orders_to_redact": orders})

    def everything(self) -> list[str]:
        """Every value of every row of every table, sealed ones opened, as text in lower case."""
        found = []
        with self.world.database.everywhere(write=False) as work:
            for table in Base.metadata.tables.values():
                for row in work.session.connection().execute(table.select()).mappings():
                    for name, value in row.items():
                        if isinstance(value, bytes) and value.startswith((b"gAAAA", RAW)):
                            value = self.vault.open(value).decode()
                        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
                        found.append(f"{table.name}.{name}: {text.lower()}")
        return found

    def traces(self) -> list[str]:
        return [text for text in self.everything() if any(secret in text for secret in SECRETS)]


@pytest.fixture
def house(world: Any, account: int, vault: Vault) -> House:
    return House(world, account, vault)


def test_a_redacted_person_is_in_no_table(house: House) -> None:
    ids = house.sell(house.shop, house.order(1), house.order(2))
    for order_id in ids:
        house.surround(order_id)
    assert len({text.split(":")[0] for text in house.traces()}) > 20
    house.redact([1])

    assert house.traces() == []


def test_sums_goods_and_the_audit_chain_stay(house: House, world: Any, account: int) -> None:
    (order_id,) = house.sell(house.shop, house.order(1))
    house.surround(order_id)
    house.redact([1])
    with world.database.reading(account) as work:
        order = work.session.get_one(Order, order_id)
        action = work.session.scalars(select(Action)).one()
        checked = audit.verify(work)

    assert (order.total, order.currency, order.shipping_address) == (2450, "EUR", {"country": "EE"})
    assert (order.name, order.redacted_at) == (house.world.record().name[:1] + order.number, world.clock())
    assert (action.amount, action.status) == (100, ActionStatus.SUCCEEDED)
    assert checked == (4, None)


def test_a_redacted_person_does_not_come_back(house: House, world: Any) -> None:
    record = house.order(1)
    house.sell(house.shop, record)
    house.redact([1])
    newer = msgspec.structs.replace(
        record,
        updated_at=record.updated_at + timedelta(days=1),
        fetched_at=record.fetched_at + timedelta(days=1),
    )
    house.sell(house.shop, newer)
    other = house.order(3, platform_id="gid://shopify/Order/3")  # of before, and never copied till now
    house.sell(house.shop, other)

    assert house.traces() == []


def test_who_buys_again_later_is_a_new_customer(house: House, world: Any, account: int) -> None:
    house.sell(house.shop, house.order(1))
    house.redact([1])
    again = house.order(2, placed_at=world.clock() + timedelta(days=30))
    (order_id,) = house.sell(house.shop, again)
    with world.database.reading(account) as work:
        order = work.session.get_one(Order, order_id)

    assert (order.email, order.customer_id is None) == ("kadri.tamm@example.ee", False)


def test_another_store_keeps_what_it_knows_and_nothing_more(house: House, world: Any, account: int) -> None:
    house.sell(house.shop, house.order(1))
    outlet = world.record(
        email="kadri.tamm@example.ee", customer=CustomerRecord(name="K. Outlet"), phone=None
    )
    (order_id,) = house.sell(house.outlet, outlet)
    house.redact([1])
    with world.database.reading(account) as work:
        kept = work.session.get_one(Order, order_id)
        person = work.session.get_one(Customer, kept.customer_id)
        contacts = set(work.session.execute(select(ContactPoint.kind, ContactPoint.value)))

    assert (kept.email, person.name, person.redacted_at) == ("kadri.tamm@example.ee", "K. Outlet", None)
    assert contacts == {("email", "kadri.tamm@example.ee")}


def test_a_person_is_found_by_phone_and_by_order_alone(house: House) -> None:
    house.sell(house.shop, house.order(1, email=None, customer=None))
    house.redact([], id=None, email=None, phone="+372 555 1234")

    assert house.traces() == []


def test_a_request_for_data_is_answered_with_a_file(
    house: House, world: Any, account: int, vault: Vault
) -> None:
    (order_id,) = house.sell(house.shop, house.order(1))
    house.surround(order_id)
    request_id = house.ask(
        Topic.DATA_REQUEST, {"customer": {"id": 7, "email": "kadri.tamm@example.ee"}, "orders_requested": [1]}
    )
    with world.database.reading(account) as work:
        request = work.session.get_one(PrivacyRequest, request_id)
    file = msgspec.json.decode(vault.open(request.answer))

    assert request.done_at == world.clock()
    assert file["tables"]["sales_order"][0]["email"] == "kadri.tamm@example.ee"
    assert file["tables"]["payment_transaction"][0]["account"] == "•••• 4242"
    assert file["tables"]["contact"][0]["asked"] == "Kadri asks"
    assert not [text for text in house.everything() if text.startswith("delivery.body") and "kadri" in text][
        1:
    ]
    house.redact([1])
    assert house.traces() == []


def test_a_request_is_carried_out_once(house: House, world: Any, account: int) -> None:
    (order_id,) = house.sell(house.shop, house.order(1))
    house.redact([1])
    with world.database.transaction(account) as work:
        request = work.session.scalars(select(PrivacyRequest)).one()
        before = request.done_at
        world.clock.advance(timedelta(hours=1))
        privacy.carry_out(work, house.vault, request.id)
        assert request.done_at == before
    assert order_id


def test_a_request_that_cannot_be_read_harms_nobody(house: House, world: Any, account: int) -> None:
    house.sell(house.shop, house.order(1))
    house.ask(Topic.REDACT_CUSTOMER, {"customer": "what?", "orders_to_redact": {"a": 1}})
    with world.database.reading(account) as work:
        assert work.session.scalars(select(Order.email)).all() == ["kadri.tamm@example.ee"]
        assert work.session.scalars(select(PrivacyRequest.done_at)).all() == [world.clock()]


def test_a_shop_that_left_is_forgotten_but_for_what_was_done(house: House, world: Any, account: int) -> None:
    plain, acted = house.sell(house.shop, house.order(1), house.order(2))
    house.surround(acted)
    outlet = world.record(email="other@example.ee", customer=CustomerRecord(name="Other"))
    house.sell(house.outlet, outlet)
    with world.database.transaction(account) as work:
        store = work.session.get_one(Store, house.shop)
        stores.disconnect(work, store, by="store", reason="uninstalled")
    house.ask(Topic.REDACT_SHOP, {"shop_domain": "lumi.myshopify.com"})
    with world.database.reading(account) as work:
        left = work.session.scalars(select(Order.id).where(Order.store_id == house.shop)).all()
        assert left == [acted]
        assert len(work.session.scalars(select(Action)).all()) == 1
        assert work.session.scalars(select(Delivery).where(Delivery.store_id == house.shop)).all() == []
        assert work.session.scalars(select(Tombstone)).all() == []
        assert audit.verify(work)[1] is None
        assert work.session.scalars(select(Order.email).where(Order.store_id == house.outlet)).one()
    assert house.traces() == []
    assert plain not in left


def test_a_shop_that_came_back_keeps_its_data(house: House, world: Any, account: int) -> None:
    house.sell(house.shop, house.order(1))
    house.ask(Topic.REDACT_SHOP, {"shop_domain": "lumi.myshopify.com"})
    with world.database.reading(account) as work:
        store = work.session.get_one(Store, house.shop)
        assert (store.status, len(work.session.scalars(select(Order)).all())) == (StoreStatus.ACTIVE, 1)


def test_a_tenant_redacts_nothing_of_another(house: House, world: Any) -> None:
    other = world.account("Rival")
    their_store = world.store(other)
    world.sell(other, their_store, house.order(1))
    house.sell(house.shop, house.order(1))
    house.redact([1])
    with world.database.reading(other) as work:
        assert work.session.scalars(select(Order.email)).all() == ["kadri.tamm@example.ee"]
        assert work.session.get_one(Account, other).name == "Rival"


def test_what_is_applied_of_a_redacted_order_is_found_unchanged_the_next_time(
    house: House, world: Any
) -> None:
    record = house.order(1)
    house.sell(house.shop, record)
    house.redact([1])
    with world.database.transaction(house.account_id) as work:
        again = sync.apply(work, work.session.get_one(Store, house.shop), [record])

    assert again.unchanged == [record.platform_id]
    assert identity.tombstone_digest(1, "order", "x") != identity.tombstone_digest(2, "order", "x")
