"""Keys change: what an old key sealed is sealed anew, and the old key is needed no longer."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import LargeBinary

from integration import audit
from integration.db import Base
from integration.db.accounts import Agent, Role
from integration.db.helpdesks import Helpdesk
from integration.db.inbox import Delivery, DeliveryStatus, PrivacyRequest
from integration.ports import Topic
from integration.resealing import SEALED, reseal
from integration.vault import Vault

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
OPEN = {"passkey.credential_id", "passkey.public_key"}
"""Bytes that are no secret."""


def test_no_sealed_column_is_forgotten() -> None:
    stored = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }

    assert {f"{column.class_.__tablename__}.{column.key}" for column in SEALED} == stored - OPEN


@pytest.fixture
def sealed(world, account):
    """One secret in each sealed column, and a chain, all under the old key."""
    vault = world.database.vault = Vault([OLD])
    store_id = world.store(account, credentials=vault.seal("token"), webhook_secret=vault.seal("hook"))
    now = world.clock()
    with world.database.transaction(account) as work:
        work.add(
            Helpdesk(key="k", kind="generic", name="", origin="", secret=vault.seal("desk"), created_at=now)
        )
        work.add(
            Agent(
                email="mari@lumi.example",
                name="Mari",
                role=Role.LEAD,
                created_at=now,
                totp_secret=vault.seal("totp"),
            )
        )
        work.add(
            Delivery(
                store_id=store_id,
                delivery_id="1",
                topic=Topic.ORDER,
                platform_topic="orders/updated",
                received_at=now,
                body=vault.seal_raw(b"body"),
                status=DeliveryStatus.PENDING,
                due_at=now,
            )
        )
        work.add(
            PrivacyRequest(
                store_id=store_id, kind="data_request", received_at=now, due_at=now, answer=vault.seal("who")
            )
        )
        audit.record(work, "refund.requested", actor="mari", proof="session", detail={"amount": 100})
    return world


def secrets(world, vault):
    with world.database.everywhere(write=False) as work:
        return {
            f"{column.class_.__tablename__}.{column.key}": vault.open(value).decode()
            for column in SEALED
            for value in work.session.scalars(column.class_.__table__.select().with_only_columns(column))
        }


def test_the_old_key_is_needed_no_longer(sealed, account) -> None:
    results = reseal(sealed.database, Vault([NEW, OLD]))

    assert {result.what: (result.sealed_anew, result.unreadable) for result in results} == {
        "store.credentials": (1, 0),
        "store.webhook_secret": (1, 0),
        "helpdesk.secret": (1, 0),
        "agent.totp_secret": (1, 0),
        "delivery.body": (1, 0),
        "privacy_request.answer": (1, 0),
        "audit_entry.key": (1, 0),
    }
    vault = sealed.database.vault = Vault([NEW])
    assert sorted(secrets(sealed, vault).values()) == ["body", "desk", "hook", "token", "totp", "who"]
    with sealed.database.transaction(account) as work:
        assert audit.verify(work) == (1, None)
        audit.record(work, "refund.approved", actor="liis", proof="session")
        assert audit.verify(work) == (2, None)


def test_what_no_key_opens_is_counted_and_left(sealed) -> None:
    results = reseal(sealed.database, Vault([NEW]))

    assert all((result.sealed_anew, result.unreadable) == (0, 1) for result in results)
    assert secrets(sealed, Vault([OLD]))["store.credentials"] == "token"


def test_another_key_put_in_the_place_of_the_chains_own_is_found(sealed, account) -> None:
    forged = Vault([OLD]).seal(f"audit log of account {account}: {'00' * 32}").decode()
    with sealed.database.transaction(account) as work:
        begun = work.session.query(audit.AuditEntry).filter_by(number=0).one()
        begun.detail = {"key": forged}
        work.session.flush()
        work.session.expire_all()

    with sealed.database.reading(account) as work:
        _, fault = audit.verify(work)
    assert fault is not None
    assert fault.number == 0
