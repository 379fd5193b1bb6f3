"""The return policy's versions: kept, never overwritten, each bound to the orders of its time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import select

from integration import audit
from integration.db.policies import LawConfirmation, PolicyVersion
from integration.eligibility import DEFAULT_POLICY, Policy
from integration.eligibility.law import row_for
from integration.errors import BadInput
from integration.identity import lock_account
from integration.work import Work

SLACK = timedelta(minutes=5)
"""How far back "from now on" may reach: a form stays open a while."""


def ensure_policy(work: Work) -> PolicyVersion:
    """The first version, if the account has none: a policy exists from the first minute."""
    lock_account(work)
    newest = current_policy(work)
    if newest is not None:
        return newest
    now = work.now()
    row = PolicyVersion(
        number=1,
        valid_from=now,
        document=_document(DEFAULT_POLICY, 1),
        note="",
        created_at=now,
        created_by="Deskside",
    )
    work.add(row)
    work.session.flush()
    return row


def current_policy(work: Work) -> PolicyVersion | None:
    """The newest version, in force now or soon."""
    return work.session.scalar(select(PolicyVersion).order_by(PolicyVersion.number.desc()).limit(1))


def policy_versions(work: Work) -> list[PolicyVersion]:
    """Newest first."""
    return list(work.session.scalars(select(PolicyVersion).order_by(PolicyVersion.number.desc())))


def find_policy(work: Work, number: int) -> PolicyVersion | None:
    return work.session.scalar(select(PolicyVersion).where(PolicyVersion.number == number))


def save_policy(
    work: Work,
    document: Policy | Mapping[str, Any],
    by: str,
    note: str = "",
    *,
    valid_from: datetime | None = None,
    proof: str = "session",
) -> PolicyVersion:
    """A new version that is in force from `valid_from` (now unless said otherwise).

    Raises :exc:`BadInput` for a document that cannot be read, naming the place, and for a start in the
    past: what customers were promised is not rewritten.
    """
    lock_account(work)
    now = work.now()
    start = valid_from or now
    if start < now - SLACK:
        raise BadInput("a policy cannot start in the past", code="policy_in_the_past")
    newest = current_policy(work)
    if newest is not None and start < newest.valid_from:
        raise BadInput("a later version is already planned", code="policy_out_of_order")
    number = newest.number + 1 if newest is not None else 1
    row = PolicyVersion(
        number=number,
        valid_from=start,
        document=_document(document, number),
        note=note[:2000],
        created_at=now,
        created_by=by,
    )
    work.add(row)
    work.session.flush()
    audit.record(work, "policy.saved", actor=by, proof=proof, detail={"version": number, "from": start})
    return row


def confirm_law(work: Work, country: str, by: str, *, proof: str = "session") -> LawConfirmation:
    """The store owner's word that the row of this country's law was checked. Said once."""
    row = row_for(country.upper())
    if row is None:
        raise BadInput("there is no data for this country's law", code="law_unknown")
    known = law_confirmations(work).get((row.id, country.upper()))
    if known is not None:
        return known
    confirmation = LawConfirmation(
        law_id=row.id, country=country.upper(), confirmed_by=by, confirmed_at=work.now()
    )
    work.add(confirmation)
    work.session.flush()
    audit.record(
        work, "law.confirmed", actor=by, proof=proof, detail={"law": row.id, "country": confirmation.country}
    )
    return confirmation


def law_confirmations(work: Work) -> dict[tuple[str, str], LawConfirmation]:
    """By law id and country."""
    rows = work.session.scalars(select(LawConfirmation))
    return {(row.law_id, row.country): row for row in rows}


def read(row: PolicyVersion, *, first: bool = False) -> Policy:
    """The version as the engine takes it."""
    return dated(msgspec.convert(row.document, Policy), row.number, row.valid_from, first=first)


def dated(document: Policy, number: int, valid_from: datetime, *, first: bool) -> Policy:
    """When it is in force the row says, not the document. The first counts for all sold before it, too."""
    start = None if first else valid_from
    return msgspec.structs.replace(document, version=number, valid_from=start, valid_to=None)


def _document(document: Policy | Mapping[str, Any], number: int) -> dict[str, Any]:
    plain = msgspec.to_builtins(document) if isinstance(document, Policy) else dict(document)
    plain = {**plain, "version": number}
    try:
        policy = msgspec.convert(plain, Policy)
    except (msgspec.ValidationError, ValueError) as error:
        raise BadInput(f"this policy cannot be read: {error}", code="policy_unreadable") from error
    result: dict[str, Any] = msgspec.to_builtins(policy)
    result.pop("valid_from", None)  # the row says when
    result.pop("valid_to", None)
    return result
