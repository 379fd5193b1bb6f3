"""Where the demo store keeps everything: one SQLite file, so kill -9 loses nothing and a restart goes on."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from connectors.demo.woocommerce.wire import Json

SCHEMA = """
CREATE TABLE IF NOT EXISTS sequence (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS shop_order (
    id INTEGER PRIMARY KEY, status TEXT NOT NULL, created INTEGER NOT NULL, modified INTEGER NOT NULL,
    customer_id INTEGER NOT NULL, created_via TEXT NOT NULL, search TEXT NOT NULL, document TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS shop_order_modified ON shop_order (modified);
CREATE INDEX IF NOT EXISTS shop_order_status ON shop_order (status);
CREATE INDEX IF NOT EXISTS shop_order_customer ON shop_order (customer_id);
CREATE TABLE IF NOT EXISTS refund (
    id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, created INTEGER NOT NULL, document TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS refund_order ON refund (order_id);
CREATE TABLE IF NOT EXISTS note (
    id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, created INTEGER NOT NULL, document TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS note_order ON note (order_id);
CREATE TABLE IF NOT EXISTS document (
    kind TEXT NOT NULL, id INTEGER NOT NULL, parent INTEGER NOT NULL DEFAULT 0,
    name TEXT NOT NULL DEFAULT '', modified INTEGER NOT NULL DEFAULT 0, document TEXT NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX IF NOT EXISTS document_name ON document (kind, name);
CREATE TABLE IF NOT EXISTS ledger (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, order_id INTEGER NOT NULL, refund_id INTEGER NOT NULL,
    amount TEXT NOT NULL, gateway TEXT NOT NULL, document TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS queue (
    id INTEGER PRIMARY KEY, webhook_id INTEGER NOT NULL, arg TEXT NOT NULL, due REAL NOT NULL,
    UNIQUE (webhook_id, arg)
);
CREATE TABLE IF NOT EXISTS nonce (value TEXT PRIMARY KEY, at INTEGER NOT NULL);
"""


class Database:
    """One connection behind one lock: a shop of this size needs no more, and it keeps changes whole."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(
            "PRAGMA synchronous = NORMAL"
        )  # a killed process loses nothing; a power cut may
        self._connection.executescript(SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def change(self) -> Iterator[None]:
        """All of it or nothing. Inside another change it belongs to that one."""
        with self._lock:
            outermost = self._depth == 0
            self._depth += 1
            try:
                if outermost:
                    self._connection.execute("BEGIN IMMEDIATE")
                yield
                if outermost:
                    self._connection.execute("COMMIT")
            except BaseException:
                if outermost:
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                self._depth -= 1

    def run(self, sql: str, *values: Any) -> int:
        with self._lock:
            return self._connection.execute(sql, values).rowcount

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        found = self.rows(sql, *values)
        return found[0] if found else None

    def count(self, sql: str, *values: Any) -> int:
        found = self.row(sql, *values)
        return int(found[0]) if found else 0

    def next(self, name: str) -> int:
        """The next id of a sequence. Orders, refunds and products share one, as WordPress posts do."""
        sql = (
            "INSERT INTO sequence VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1"
            " RETURNING value"
        )
        return self.count(sql, name)

    def start_at(self, name: str, value: int) -> None:
        self.run("INSERT OR IGNORE INTO sequence VALUES (?, ?)", name, value)

    def setting(self, name: str, default: str = "") -> str:
        found = self.row("SELECT value FROM setting WHERE name = ?", name)
        return str(found[0]) if found else default

    def set(self, name: str, value: str) -> None:
        self.run("INSERT OR REPLACE INTO setting VALUES (?, ?)", name, value)

    def put(self, kind: str, document: Json, *, parent: int = 0, name: str = "", modified: int = 0) -> None:
        sql = "INSERT OR REPLACE INTO document VALUES (?, ?, ?, ?, ?, ?)"
        self.run(sql, kind, document["id"], parent, name, modified, json.dumps(document))

    def get(self, kind: str, id_: int) -> Json | None:
        found = self.row("SELECT document FROM document WHERE kind = ? AND id = ?", kind, id_)
        return _object(found[0]) if found else None

    def all(self, kind: str, *, parent: int | None = None) -> list[Json]:
        sql = "SELECT document FROM document WHERE kind = ? AND (? IS NULL OR parent = ?) ORDER BY id"
        return [_object(row[0]) for row in self.rows(sql, kind, parent, parent)]

    def remove(self, kind: str, id_: int) -> None:
        self.run("DELETE FROM document WHERE kind = ? AND id = ?", kind, id_)


def marks(values: Sequence[Any]) -> str:
    """As many question marks as there are values, for `IN (…)`."""
    return ",".join("?" * len(values))


def _object(text: str) -> Json:
    loaded: Json = json.loads(text)
    return loaded
