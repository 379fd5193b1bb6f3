"""Who did what, when and why, as a chain: any change to any row is found and located.

Each entry's hash covers its own content and the hash before it, under a key that the account's
chain begins with, sealed with `ENCRYPTION_KEYS`: who can write to the database alone cannot reckon a
chain of their own. Personal text is not hashed itself but through a salted digest, so that erasing it
(a redaction) leaves the chain valid; a later entry must say that it was erased, and about which orders.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import ScalarResult, Select, Table, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import aliased

from integration.alone import Alone
from integration.db.accounts import Account
from integration.db.actions import Action, ActionStatus
from integration.db.as_json import Writer
from integration.db.audit import AuditEntry
from integration.errors import AppError
from integration.prepared import Prepared
from integration.vault import Vault
from integration.work import ACCOUNT, Database, Work

ROOT = "0" * 64
"""What the first entry of an account follows."""
BEGUN = "chain.begun"
"""The event of entry 0, which holds the sealed key."""

REDACTED = "privacy.redacted"
"""The event that accounts for erased text. Its detail names the orders."""

ENDINGS = {
    ActionStatus.SUCCEEDED: {"succeeded", "settled.done"},
    ActionStatus.FAILED: {"failed", "settled.not_done"},
    ActionStatus.REJECTED: {"rejected", "withdrawn", "stale"},
}
"""How a status was come to: one of these entries is there."""

_encode = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True)
class Fault:
    """The first entry that does not fit, and why."""

    number: int
    reason: str


def record(
    work: Work,
    event: str,
    *,
    actor: str,
    proof: str,
    order_id: int | None = None,
    action_id: int | None = None,
    detail: Mapping[str, Any] | None = None,
    personal: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Append one entry. `detail` must hold nothing personal: ids, codes, sums; text goes to `personal`.

    One at a time for an account: the account's row is locked until the transaction ends.
    """
    session = work.session
    session.execute(_lock, {"account": work.account_id})
    last, previous = _join(work)
    if previous == ROOT:
        previous = _begin(work)
    entry = _entry(
        work, last + 1, previous, event, actor, proof, order_id, action_id, detail=detail, personal=personal
    )
    work.add(entry)
    session.flush()
    return entry


def note(
    database: Database,
    account_id: int,
    event: str,
    *,
    actor: str,
    proof: str,
    detail: Mapping[str, Any],
    end: End | None = None,
) -> None:
    """Append an entry that belongs to no other change: as `record`, and without a transaction around it.

    Two statements, each for itself: where the chain ends (`end`, if that was asked just now), and the entry,
    which finds its number taken when somebody else was quicker. Written twice if the server let go without
    an answer.
    """
    for _ in range(TRIES):
        with database.reading(account_id) as work:
            end = end or _newest(work)
            if end is None:
                break
            _know_key(work, end)
            entry = _entry(work, end.number + 1, end.hash, event, actor, proof, detail=detail)
        values = {name: getattr(entry, name) for name in GIVEN} | {ACCOUNT: account_id}
        if database.lines.first(_appending(database.engine.dialect), values) is not None:
            return
        end = None
    with database.transaction(account_id) as work:  # the first entry, or one of very many at once: in turn
        record(work, event, actor=actor, proof=proof, detail=detail)


TRIES = 3
GIVEN = [column.name for column in AuditEntry.__table__.c if column.name not in ("id", ACCOUNT)]


@lru_cache
def _appending(dialect: Dialect) -> Alone:
    """Waits for whoever holds the account's row, as `record` does, so that it never gets between the two."""
    table, account = AuditEntry.__table__, Account.__table__
    assert isinstance(table, Table)
    names = [ACCOUNT, *GIVEN]
    entry = (
        select(*(bindparam(name, type_=table.c[name].type) for name in names))
        .select_from(account)
        .where(account.c.id == bindparam(ACCOUNT, type_=account.c.id.type))
        .with_for_update(key_share=True)
    )
    insert = postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)
    filled = insert.from_select(names, entry, include_defaults=False)
    return Alone(filled.on_conflict_do_nothing().returning(table.c.number), dialect)


def _entry(
    work: Work,
    number: int,
    previous: str,
    event: str,
    actor: str,
    proof: str,
    order_id: int | None = None,
    action_id: int | None = None,
    *,
    detail: Mapping[str, Any] | None = None,
    personal: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """The entry that follows `previous`, with its hash."""
    # Through JSON, so that what is hashed now is what is read back later.
    plain = msgspec.json.decode(_encode(dict(detail or {})))
    text = msgspec.json.decode(_encode(dict(personal))) if personal else None
    salt = secrets.token_hex(16) if text else None
    entry = AuditEntry(
        number=number,
        at=work.now(),
        event=event,
        actor=actor,
        proof=proof,
        order_id=order_id,
        action_id=action_id,
        detail=plain,
        personal=text,
        personal_digest=_personal_digest(salt, text),
        salt=salt,
        previous=previous,
        hash="",
    )
    entry.hash = _hash(entry, work.account_id, _key(work))
    return entry


_lock = select(Account.id).where(Account.id == bindparam("account")).with_for_update(key_share=True)


class End(msgspec.Struct, frozen=True, array_like=True):
    """Where a chain may be continued: its newest entry, and entry 0 with the sealed key."""

    number: int
    hash: str
    beginning: dict[str, Any] | None


def write_end(writer: Writer) -> Select[Any]:
    zero = aliased(AuditEntry)
    beginning = writer.one(select(zero.detail).where(zero.number == 0))
    return (
        select(writer.row(AuditEntry.number, AuditEntry.hash, beginning))
        .order_by(AuditEntry.number.desc())
        .limit(1)
    )


_end = Prepared(End, write_end)


def _join(work: Work) -> tuple[int, str]:
    """Number and hash of the newest entry, as `head`; the chain's key is known from then on."""
    end = _newest(work)
    if end is None:
        return 0, ROOT
    _know_key(work, end)
    return end.number, end.hash


def _newest(work: Work) -> End | None:
    found = _end.rows(work)
    return found[0] if found else None


def _know_key(work: Work, end: End) -> None:
    if work.chain_key is None:
        work.chain_key = _opened_key(work, end.beginning)


def _begin(work: Work) -> str:
    """Write entry 0 with a new key. Returns its hash; without a vault (a bare database) there is no key."""
    if work.vault is None:
        return ROOT
    key = secrets.token_hex(32)
    entry = AuditEntry(
        number=0,
        at=work.now(),
        event=BEGUN,
        actor="Deskside",
        proof="system",
        # Named in it: what was sealed for another purpose or account is no key here.
        detail={"key": work.vault.seal(f"{_purpose(work)}{key}").decode()},
        personal_digest="",
        previous=ROOT,
        hash="",
    )
    entry.hash = _hash(entry, work.account_id, bytes.fromhex(key))
    work.add(entry)
    work.session.flush()
    return entry.hash


def _purpose(work: Work) -> str:
    return f"audit log of account {work.account_id}: "


def _key(work: Work) -> bytes:
    """The key of the account's chain. Raises :exc:`AppError` if it is gone or not ours."""
    if work.chain_key is None:
        detail = work.session.scalar(select(AuditEntry.detail).where(AuditEntry.number == 0))
        work.chain_key = _opened_key(work, detail)
    return work.chain_key


def _opened_key(work: Work, detail: Mapping[str, Any] | None) -> bytes:
    """`detail`: of entry 0."""
    if work.vault is None:
        return b""
    text = _opened(work.vault, str((detail or {}).get("key", "")))
    if not text.startswith(_purpose(work)):
        raise AppError("the audit log's key was sealed for something else", code="vault")
    return bytes.fromhex(text.removeprefix(_purpose(work)))


@lru_cache(maxsize=256)
def _opened(vault: Vault, sealed: str) -> str:
    """Opened once: a pane that opens writes an entry, and its key takes longer to open than to use."""
    return vault.open(sealed.encode()).decode()


def verify(work: Work) -> tuple[int, Fault | None]:
    """Walk the chain of the account: (entries that fit, the first fault or None).

    A cut-off end cannot be seen from the chain alone. The actions know what ought to be there, so what
    is missing about one of them is found; for the rest keep the printed last number and hash elsewhere.
    """
    if work.session.scalar(select(AuditEntry.id).limit(1)) is None:
        return 0, _cut_off(work, {}, 1)
    try:
        key = _key(work)
    except AppError:
        return 0, Fault(0, "the beginning with the chain's key is missing or was changed")
    expected, previous = 0 if work.vault else 1, ROOT
    told: dict[int, set[str]] = {}
    erased: dict[int | None, int] = {}
    with _entries(work) as entries:
        for entry in entries:
            fault = _check(entry, work.account_id, key, expected, previous)
            if fault:
                return max(0, expected - 1), fault
            expected, previous = expected + 1, entry.hash
            if entry.action_id is not None:
                told.setdefault(entry.action_id, set()).add(entry.event.partition(".")[2])
            if entry.personal is None and entry.personal_digest:
                erased.setdefault(entry.order_id, entry.number)
            elif entry.event == REDACTED:
                for order_id in entry.detail.get("orders", ()):
                    erased.pop(order_id, None)
    if fault := _unaccounted(erased):
        return fault.number - 1, fault
    return expected - 1, _cut_off(work, told, expected)


def _unaccounted(erased: Mapping[int | None, int]) -> Fault | None:
    """Text that is gone, and no redaction of its order came after it. Order → its first such entry."""
    first = min(erased.values(), default=None)
    return None if first is None else Fault(first, "its text was erased, and no redaction accounts for that")


def _cut_off(work: Work, told: Mapping[int, set[str]], expected: int) -> Fault | None:
    """An action that happened, and of which the entries that it wrote are not there."""
    for action_id, status in work.session.execute(select(Action.id, Action.status).order_by(Action.id)):
        steps = told.get(action_id, set())
        if "requested" not in steps or steps.isdisjoint(ENDINGS.get(status, steps)):
            return Fault(expected, f"entries about action {action_id} are missing at the end")
    return None


def remembers(work: Work, number: int, hash_: str) -> Fault | None:
    """Whether a number and hash that were kept elsewhere are still in the chain: finds any cut-off end."""
    found = work.session.scalar(select(AuditEntry.hash).where(AuditEntry.number == number))
    if found is None:
        return Fault(number, f"entry {number} is missing, which was there before")
    same = hmac.compare_digest(found.encode(), hash_.encode())
    return None if same else Fault(number, "is not the entry that was there before")


def head(work: Work) -> tuple[int, str]:
    """Number and hash of the newest entry."""
    last = work.session.execute(
        select(AuditEntry.number, AuditEntry.hash).order_by(AuditEntry.number.desc()).limit(1)
    ).first()
    return (last.number, last.hash) if last else (0, ROOT)


def redact(work: Work, order_ids: Sequence[int], *, store_id: int) -> None:
    """Forget the personal text of entries about these orders, and write down that it was done."""
    work.session.execute(
        update(AuditEntry).where(AuditEntry.order_id.in_(order_ids)).values(personal=None, salt=None)
    )
    record(
        work,
        REDACTED,
        actor="system",
        proof="system",
        detail={"store": store_id, "orders": list(order_ids)},
    )


def _entries(work: Work) -> ScalarResult[AuditEntry]:
    """Read as they are needed; close it, or use it in a `with`."""
    query = select(AuditEntry).order_by(AuditEntry.number, AuditEntry.id)
    return work.session.scalars(query.execution_options(yield_per=500))


def _check(entry: AuditEntry, account_id: int, key: bytes, expected: int, previous: str) -> Fault | None:
    if entry.number != expected:
        return Fault(expected, f"entry {expected} is missing" if entry.number > expected else "doubled")
    if entry.previous != previous:
        return Fault(entry.number, "does not follow the entry before it")
    if entry.hash != _hash(entry, account_id, key):
        return Fault(entry.number, "was changed after it was written")
    if entry.personal is not None and entry.personal_digest != _personal_digest(entry.salt, entry.personal):
        return Fault(entry.number, "its text was changed after it was written")
    return None


def _personal_digest(salt: str | None, personal: Any) -> str:
    if personal is None or salt is None:
        return ""
    return hashlib.sha256(salt.encode() + _encode(personal)).hexdigest()


def _time(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")


def _hash(entry: AuditEntry, account_id: int, key: bytes) -> str:
    content = _encode(
        [
            account_id,
            entry.number,
            _time(entry.at),
            entry.event,
            entry.actor,
            entry.proof,
            entry.order_id,
            entry.action_id,
            # The seal of the key may change (see `integration.resealing`); another key does not fit the hash.
            entry.detail if entry.number else sorted(entry.detail),
            entry.personal_digest,
            entry.previous,
        ]
    )
    return hmac.new(key, content, hashlib.sha256).hexdigest()
