"""All that a pane is drawn from, once it is known whose it is, by one statement.

Each part can be read by itself; together they spare the way to the database and back for each.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Select, bindparam, select

from integration.customers import Bought, write_bought
from integration.db.accounts import Account
from integration.db.as_json import Writer
from integration.dossier import Dossier, write_dossier
from integration.plain_orders import ShownOrder, write_history
from integration.prepared import Prepared
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


def _write(writer: Writer) -> Select[Any]:
    parts = [write(writer) for write in (write_history, write_bought, write_dossier, write_terms)]
    # From the account, so that what is written below it is confined to the account as well.
    return select(writer.row(*map(writer.all, parts))).where(Account.id == bindparam(ACCOUNT))


_whole = Prepared(WholePerson, _write)
