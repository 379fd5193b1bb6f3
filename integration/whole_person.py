"""All that a pane is drawn from, by one statement: once it is known whose it is, or with the question whose.

Each part can be read by itself; together they spare the way to the database and back for each.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, bindparam, distinct, func, select

from integration import matching
from integration.customers import Bought, write_bought
from integration.db.accounts import Account
from integration.db.as_json import Writer
from integration.dossier import Dossier, write_dossier
from integration.matching import Match, Owners
from integration.plain_orders import ShownOrder, write_history
from integration.prepared import CUSTOMER, Prepared
from integration.terms import Terms, write_terms
from integration.work import ACCOUNT, Work


class WholePerson(msgspec.Struct, frozen=True, array_like=True):
    orders: list[ShownOrder]
    """As `customers.history`."""
    bought: list[Bought]
    dossiers: list[Dossier]
    all_terms: list[Terms]

    @property
    def dossier(self) -> Dossier:
        return self.dossiers[0]

    @property
    def terms(self) -> Terms:
        return self.all_terms[0]


def read_whole_person(work: Work, customer_id: int, *, limit: int) -> WholePerson:
    """One query. `customer_id`: of the row that stands for the person today, which is there."""
    (whole,) = _whole.rows(work, customer=customer_id, most=limit)
    return whole


class Met(msgspec.Struct, frozen=True, array_like=True):
    """Who has what was looked for; and if it is one person, all of them."""

    owners: Owners
    alone: int | None
    whole: WholePerson


def meet(
    work: Work, *, emails: Iterable[str], phones: Iterable[str], orders: Iterable[str], limit: int
) -> tuple[list[Match], dict[int, WholePerson]]:
    """Who fits, as `matching.match`, and what `read_whole_person` says of them, by the same query.

    Nothing of the second where several people have the contacts, or none.
    """
    whole: dict[int, WholePerson] = {}

    def ask(work: Work, emails: list[str], phones: list[str]) -> Owners:
        (met,) = _met.rows(work, emails=emails, phones=phones, most=limit)
        if met.alone is not None and met.whole.dossiers:
            whole[met.alone] = met.whole
        return met.owners

    matches = matching.match(work, emails=emails, phones=phones, orders=orders, ask=ask)
    return matches, whole


def _parts(writer: Writer, person: ColumnElement[int]) -> ColumnElement[Any]:
    parts = [write(writer, person) for write in (write_history, write_bought, write_dossier)]
    return writer.row(*map(writer.all, (*parts, write_terms(writer))))


def _write(writer: Writer) -> Select[Any]:
    # From the account, so that what is written below it is confined to the account as well.
    return select(_parts(writer, CUSTOMER)).where(Account.id == bindparam(ACCOUNT))


_whole = Prepared(WholePerson, _write)


def _write_met(writer: Writer) -> Select[Any]:
    owner = matching.contact_owners(writer)
    alone = (
        select(func.min(owner.c.customer_id).label("customer_id"))
        .having(func.count(distinct(owner.c.customer_id)) == 1)
        .cte("alone")
        .prefix_with("MATERIALIZED")
    )
    person = select(alone.c.customer_id).scalar_subquery()
    parts = (matching.write_owners(writer, owner), person, _parts(writer, person))
    return select(writer.row(*parts)).where(Account.id == bindparam(ACCOUNT))


_met = Prepared(Met, _write_met)
