"""Where the demo store keeps things: one SQLite file per shop, JSON documents with a few searchable columns.

Every change is one transaction that also holds the webhooks it causes, so a store that is killed in the
middle of anything knows afterwards exactly what happened and still tells it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from connectors.demo.shopify.bags import Doc, minor

SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, customer INTEGER, confirmation TEXT,
  created TEXT NOT NULL, processed TEXT NOT NULL, updated TEXT NOT NULL,
  financial TEXT NOT NULL, fulfillment TEXT NOT NULL, returns TEXT NOT NULL, status TEXT NOT NULL,
  test INTEGER NOT NULL, total INTEGER NOT NULL,
  tags TEXT NOT NULL, skus TEXT NOT NULL, gateways TEXT NOT NULL,
  doc BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS orders_updated ON orders (updated, id);
CREATE INDEX IF NOT EXISTS orders_processed ON orders (processed, id);
CREATE INDEX IF NOT EXISTS orders_created ON orders (created, id);
CREATE INDEX IF NOT EXISTS orders_customer ON orders (customer);
CREATE INDEX IF NOT EXISTS orders_email ON orders (email);
CREATE INDEX IF NOT EXISTS orders_name ON orders (name);
CREATE TABLE IF NOT EXISTS parts (gid TEXT PRIMARY KEY, order_id INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS customers (
  id INTEGER PRIMARY KEY, email TEXT UNIQUE, phone TEXT, orders INTEGER NOT NULL DEFAULT 0,
  spent INTEGER NOT NULL DEFAULT 0, doc BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS customers_phone ON customers (phone);
CREATE TABLE IF NOT EXISTS things (
  kind TEXT NOT NULL, key TEXT NOT NULL, doc BLOB NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger (
  id INTEGER PRIMARY KEY, at TEXT, order_id TEXT, refund_id TEXT, kind TEXT, gateway TEXT,
  amount TEXT, currency TEXT, key TEXT, note TEXT);
CREATE TABLE IF NOT EXISTS outbox (
  id INTEGER PRIMARY KEY, due REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL,
  headers BLOB NOT NULL, body BLOB NOT NULL, address TEXT NOT NULL, answer TEXT);
CREATE INDEX IF NOT EXISTS outbox_due ON outbox (state, due);
CREATE TABLE IF NOT EXISTS rendered (
  of_order INTEGER NOT NULL, plan TEXT NOT NULL, own BLOB NOT NULL, below BLOB NOT NULL,
  PRIMARY KEY (of_order, plan)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counter (n INTEGER NOT NULL);
"""

PARTS = ("fulfillments", "refunds", "returns")
"""Lists of an order whose members can be asked for by id on their own."""


def number(gid: str) -> int:
    """The numeric id at the end of a gid; -1 if it has none."""
    tail = gid.rsplit("/", 1)[-1]
    return int(tail) if tail.isdecimal() else -1


class Archive:
    """One shop's memory. Reading is free for all threads; writing happens inside :meth:`change`."""

    def __init__(self, path: Path, first_id: int) -> None:
        self._path = path
        self.folder = path.parent / path.stem
        """For what the shop keeps in files."""
        self._local = threading.local()
        self._open: list[tuple[threading.Thread, sqlite3.Connection]] = []
        self._writing = threading.RLock()
        self._depth = 0
        self._posted = False
        self.on_post: Callable[[], None] = _nothing
        """Called after a committed change that put webhooks into the outbox."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._db.executescript(SCHEMA)
        row = self._db.execute("SELECT n FROM counter").fetchone()
        if row is None:
            self._db.execute("INSERT INTO counter VALUES (?)", (first_id,))
        self._next = row[0] if row else first_id

    @property
    def _db(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "db", None)
        if connection is None:
            # Each thread works on its own, and closes it, or leaves it to be closed when it has ended.
            connection = sqlite3.connect(
                self._path, timeout=30, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            self._local.db = connection
            with self._writing:
                self._open.append((threading.current_thread(), connection))
        return connection

    def release(self) -> None:
        """Close this thread's connection: to be called by threads that end."""
        connection: sqlite3.Connection | None = getattr(self._local, "db", None)
        if connection is not None:
            self._local.db = None
            with self._writing:
                self._open = [kept for kept in self._open if kept[1] is not connection]
            connection.close()

    def close(self) -> None:
        """Close what no other thread can be using: closed under its hands, SQLite ends the whole process.

        Threads that still run close their own, see :meth:`release`.
        """
        with self._writing:
            here = threading.current_thread()
            elsewhere = [kept for kept in self._open if kept[0] is not here and kept[0].is_alive()]
            for kept in self._open:
                if kept not in elsewhere:
                    kept[1].close()
            self._open = elsewhere
            self._local.__dict__.pop("db", None)

    @contextmanager
    def change(self) -> Iterator[None]:
        """One transaction; changes inside changes belong to the outermost."""
        with self._writing:
            if self._depth:
                yield
                return
            self._depth = 1
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("UPDATE counter SET n = ?", (self._next,))
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            finally:
                self._depth = 0
                posted, self._posted = self._posted, False
        if posted:
            self.on_post()

    def new_id(self) -> int:
        with self._writing:
            self._next += 1
            return self._next

    def gid(self, kind: str) -> str:
        return f"gid://shopify/{kind}/{self.new_id()}"

    # Orders

    def save_order(self, order: Doc) -> None:
        customer = order["customer"]
        row = (
            number(order["id"]),
            order["name"],
            (order["email"] or "").lower(),
            number(customer["id"]) if customer else None,
            order["confirmationNumber"],
            order["createdAt"],
            order["processedAt"],
            order["updatedAt"],
            order["displayFinancialStatus"].lower(),
            order["displayFulfillmentStatus"].lower(),
            order["returnStatus"].lower(),
            "cancelled" if order["cancelledAt"] else "closed" if order["closedAt"] else "open",
            int(order["test"]),
            minor(order["totalPriceSet"]["shopMoney"]),
            _words(order["tags"]),
            _words(line["sku"] or "" for line in order["lineItems"]),
            _words(order["paymentGatewayNames"]),
            msgspec.json.encode(order),
        )
        self._db.execute(f"INSERT OR REPLACE INTO orders VALUES ({','.join('?' * len(row))})", row)  # noqa: S608 - only question marks are put in
        order_id = number(order["id"])
        self._db.execute("DELETE FROM rendered WHERE of_order = ?", (order_id,))
        parts = [part["id"] for name in PARTS for part in order[name]]
        parts += [each["id"] for back in order["returns"] for each in back["reverseFulfillmentOrders"]]
        if parts:
            self._db.executemany(
                "INSERT OR IGNORE INTO parts VALUES (?, ?)", [(part, order_id) for part in parts]
            )

    def order(self, gid: str) -> Doc | None:
        row = self._db.execute("SELECT doc FROM orders WHERE id = ?", (number(gid),)).fetchone()
        return msgspec.json.decode(row[0]) if row else None

    def owner_of(self, gid: str) -> Doc | None:
        """The order that a fulfillment, refund, return or reverse fulfillment order belongs to."""
        row = self._db.execute("SELECT order_id FROM parts WHERE gid = ?", (gid,)).fetchone()
        return self.order(f"gid://shopify/Order/{row[0]}") if row else None

    def delete_order(self, gid: str) -> None:
        self._db.execute("DELETE FROM orders WHERE id = ?", (number(gid),))
        self._db.execute("DELETE FROM parts WHERE order_id = ?", (number(gid),))
        self._db.execute("DELETE FROM rendered WHERE of_order = ?", (number(gid),))

    def find(
        self, where: str, values: Sequence[object], order_by: str = "id", limit: int = -1
    ) -> Iterator[Doc]:
        """Order documents, decoded one at a time."""
        rows = self._db.execute(
            f"SELECT doc FROM orders WHERE {where} ORDER BY {order_by} LIMIT ?",  # noqa: S608 - clauses come from search.py, values apart
            (*values, limit),
        )
        return (msgspec.json.decode(row[0]) for row in rows)

    def find_rendered(
        self, plan: str, where: str, values: Sequence[object], order_by: str
    ) -> Iterator[tuple[int, bytes | None, bytes | None, bytes | None]]:
        """Id, the two texts kept under `plan`, or else the order's document, encoded."""
        return self._db.execute(
            "SELECT id, own, below, CASE WHEN own IS NULL THEN doc END FROM orders "  # noqa: S608 - as above
            f"LEFT JOIN rendered ON of_order = id AND plan = ? WHERE {where} ORDER BY {order_by}",
            (plan, *values),
        )

    def keep_rendered(self, plan: str, rows: Sequence[tuple[int, bytes, bytes]]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO rendered VALUES (?, ?, ?, ?)",
            [(order_id, plan, own, below) for order_id, own, below in rows],
        )

    def count(self, where: str = "1", values: Sequence[object] = ()) -> int:
        row = self._db.execute(f"SELECT COUNT(*) FROM orders WHERE {where}", values).fetchone()  # noqa: S608 - as above
        return int(row[0])

    # Customers

    def save_customer(self, customer: Doc) -> None:
        email = (customer["defaultEmailAddress"] or {}).get("emailAddress")
        phone = (customer["defaultPhoneNumber"] or {}).get("phoneNumber")
        self._db.execute(
            "INSERT INTO customers (id, email, phone, doc) VALUES (?, ?, ?, ?) ON CONFLICT (id) "
            "DO UPDATE SET email = excluded.email, phone = excluded.phone, doc = excluded.doc",
            (number(customer["id"]), email, phone, msgspec.json.encode(customer)),
        )
        self._db.execute(
            "DELETE FROM rendered WHERE of_order IN (SELECT id FROM orders WHERE customer = ?)",
            (number(customer["id"]),),
        )

    def count_purchase(self, customer_id: str, spent: int) -> None:
        """One more order, for `spent` minor units of the shop's currency."""
        self._db.execute(
            "UPDATE customers SET orders = orders + 1, spent = spent + ? WHERE id = ?",
            (spent, number(customer_id)),
        )

    def customer(self, gid: str) -> tuple[Doc, int, int] | None:
        """The customer, the number of their orders, and what they spent in the shop's minor units."""
        return self._customer("id = ?", number(gid))

    def customer_by_email(self, email: str) -> tuple[Doc, int, int] | None:
        return self._customer("email = ?", email.strip().lower())

    def customer_by_phone(self, phone: str) -> tuple[Doc, int, int] | None:
        return self._customer("phone = ?", phone)

    def _customer(self, where: str, value: object) -> tuple[Doc, int, int] | None:
        row = self._db.execute(f"SELECT doc, orders, spent FROM customers WHERE {where}", (value,)).fetchone()  # noqa: S608 - three fixed clauses
        return (msgspec.json.decode(row[0]), row[1], row[2]) if row else None

    # Everything else

    def keep(self, kind: str, key: str, doc: object) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO things VALUES (?, ?, ?)", (kind, key, msgspec.json.encode(doc))
        )

    def kept(self, kind: str, key: str) -> Doc | None:
        row = self._db.execute("SELECT doc FROM things WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        return msgspec.json.decode(row[0]) if row else None

    def all_kept(self, kind: str) -> list[Doc]:
        rows = self._db.execute("SELECT doc FROM things WHERE kind = ? ORDER BY key", (kind,))
        return [msgspec.json.decode(row[0]) for row in rows]

    def drop(self, kind: str, key: str | None = None) -> None:
        """Forget one thing, or all of its kind."""
        if key is None:
            self._db.execute("DELETE FROM things WHERE kind = ?", (kind,))
        else:
            self._db.execute("DELETE FROM things WHERE kind = ? AND key = ?", (kind, key))

    def enter(self, **entry: str | None) -> None:
        """Write a movement of money into the ledger."""
        names = ", ".join(entry)
        self._db.execute(
            f"INSERT INTO ledger ({names}) VALUES ({', '.join('?' * len(entry))})",  # noqa: S608 - names are our own keywords
            tuple(entry.values()),
        )

    def ledger(self) -> list[Doc]:
        rows = self._db.execute(
            "SELECT at, order_id, refund_id, kind, gateway, amount, currency, key, note "
            "FROM ledger ORDER BY id"
        )
        names = [column[0] for column in rows.description]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def forget_everything(self) -> None:
        """Back to an empty shop."""
        for table in ("orders", "parts", "customers", "things", "ledger", "outbox", "rendered"):
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - our own tables

    # Deliveries

    def post(self, address: str, headers: Doc, body: bytes, due: float) -> None:
        """Put a webhook into the outbox, in the same transaction as its cause."""
        self._posted = True
        self._db.execute(
            "INSERT INTO outbox (due, state, headers, body, address) VALUES (?, 'waiting', ?, ?, ?)",
            (due, msgspec.json.encode(headers), body, address),
        )

    def due(self, now: float, limit: int = 100) -> list[tuple[int, str, Doc, bytes, int]]:
        """Deliveries to make now: id, address, headers, body, tries so far."""
        rows = self._db.execute(
            "SELECT id, address, headers, body, tries FROM outbox WHERE state = 'waiting' AND due <= ? "
            "ORDER BY due, id LIMIT ?",
            (now, limit),
        )
        return [(row[0], row[1], msgspec.json.decode(row[2]), row[3], row[4]) for row in rows]

    def delivered(self, delivery: int, state: str, answer: str, due: float = 0.0) -> None:
        self._db.execute(
            "UPDATE outbox SET state = ?, answer = ?, due = ?, tries = tries + 1 WHERE id = ?",
            (state, answer, due, delivery),
        )

    def put_off(self, delivery: int, due: float) -> None:
        self._db.execute("UPDATE outbox SET due = ? WHERE id = ?", (due, delivery))

    def deliveries(self, limit: int = 1000) -> list[Doc]:
        """The latest deliveries, newest first."""
        rows = self._db.execute(
            "SELECT id, state, tries, answer, headers, address FROM outbox ORDER BY id DESC LIMIT ?", (limit,)
        )
        return [
            {"id": row[0], "state": row[1], "tries": row[2], "answer": row[3], "address": row[5]}
            | {"topic": msgspec.json.decode(row[4])["X-Shopify-Topic"]}
            for row in rows
        ]

    def waiting(self) -> int:
        return int(self._db.execute("SELECT COUNT(*) FROM outbox WHERE state = 'waiting'").fetchone()[0])


def _nothing() -> None:
    pass


def _words(words: Iterable[str]) -> str:
    """Lower-case words between bars, so that one of them can be looked for whole."""
    return "|" + "|".join(word.lower() for word in words) + "|"
