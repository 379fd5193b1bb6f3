"""What was written down of a person and their orders here: facts, actions, statements, notes.

Most people have none of it. One query says so, and what must be read beside it; it also says when a
picture of the person is out of date.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, select

from integration.db.actions import Action, Contact
from integration.db.as_json import Writer
from integration.db.customers import Customer, StoreCustomer
from integration.db.orders import Order
from integration.db.policies import Fact, Withdrawal
from integration.prepared import CUSTOMER, Prepared
from integration.said import Words, newest
from integration.work import Work


class Dossier(msgspec.Struct, frozen=True, array_like=True):
    digests: tuple[tuple[str], ...]
    """Of all their orders, the trashed ones too."""
    facts: tuple[tuple[int, str | None, str, str], ...]
    """Order, line, name, value; oldest first."""
    actions: tuple[tuple[int, str], ...]
    """Id and status."""
    withdrawals: tuple[tuple[int, datetime | None, date | None, date | None, datetime | None], ...]
    """Id, then what moves it: acknowledged, goods, proof, closed."""
    contacts: tuple[tuple[int], ...]
    notes: tuple[tuple[str], ...]
    """What the stores have noted of the person."""

    @property
    def words(self) -> Mapping[int, Words]:
        """As `said.words_of`, of all the person's orders."""
        return newest(self.facts)

    @property
    def version(self) -> str:
        """A short word that changes whenever a picture of this person would."""
        shown = (self.digests, len(self.facts), self.actions, self.withdrawals, len(self.contacts))
        return hashlib.sha256(msgspec.json.encode(shown)).hexdigest()[:16]


def read_dossier(work: Work, customer_id: int) -> Dossier:
    """One query. `customer_id`: of the row that stands for the person today."""
    found = _dossier.rows(work, customer=customer_id)
    return found[0] if found else Dossier((), (), (), (), (), ())


def write_dossier(writer: Writer, person: ColumnElement[int] = CUSTOMER) -> Any:
    mine = select(Order.id).where(Order.customer_id == person)
    moves = (
        Withdrawal.acknowledged_at, Withdrawal.goods_at, Withdrawal.proof_at, Withdrawal.closed_at
    )  # fmt: skip
    parts = (
        select(writer.row(Order.digest)).where(Order.customer_id == person).order_by(Order.id),
        select(writer.row(Fact.order_id, Fact.line_id, Fact.name, Fact.value))
        .where(Fact.order_id.in_(mine))
        .order_by(Fact.said_at, Fact.id),
        select(writer.row(Action.id, Action.status)).where(Action.order_id.in_(mine)).order_by(Action.id),
        select(writer.row(Withdrawal.id, *moves))
        .where(Withdrawal.order_id.in_(mine))
        .order_by(Withdrawal.id),
        select(writer.row(Contact.id)).where(Contact.customer_id == person),
        select(writer.row(StoreCustomer.note))
        .where(StoreCustomer.customer_id == person, StoreCustomer.note != "")
        .order_by(StoreCustomer.id),
    )
    return select(writer.row(*map(writer.all, parts))).where(Customer.id == person)


_dossier = Prepared(Dossier, write_dossier)
