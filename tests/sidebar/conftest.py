"""The app on a database, a desk that frames it, and the customer of the sample conversation."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.fernet import Fernet
from flask import Flask
from playwright.sync_api import Browser, Page, expect, sync_playwright

from integration import helpdesks
from integration.db.accounts import Agent, Role
from integration.db.actions import Contact
from integration.db.customers import Customer
from integration.db.orders import Order
from integration.db.policies import Withdrawal
from integration.db.stores import Product, SyncState
from integration.errors import StoreUnavailable
from integration.money import Money
from integration.ports import ActionRequest, Quote
from integration.records import (
    Address,
    CustomerRecord,
    FulfillmentStatus,
    Platform,
    RefundLineRecord,
    RefundRecord,
    ReturnLineRecord,
    ReturnRecord,
    ShipmentEvent,
    Tracking,
)
from integration.settings import Settings
from integration.vault import Vault
from jobs.boot import Services, connect_redis
from tests import browser as chromium
from tests.listener import Listener
from tests.sidebar.windows import FLAGS, PATIENCE, Window, Windows

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
EMAIL = "kadri.tamm@example.ee"
HOME = Address(name="Kadri Tamm", address1="Ringtee 75", zip="50501", city="Tartu", country="EE")


def ago(days: float) -> datetime:
    return NOON - timedelta(days=days)


class PaperStore:
    """A store that calculates and does what it is told, in memory."""

    def __init__(self) -> None:
        self.down = False
        self.sent: list[ActionRequest] = []

    def _check(self) -> None:
        if self.down:
            raise StoreUnavailable("no answer")

    def order(self, platform_id: str) -> Any:
        self._check()
        raise StoreUnavailable("paper keeps no orders")

    def supports(self, kind: Any, order: Any) -> str | None:
        return None

    def quote(self, request: ActionRequest) -> Quote:
        self._check()
        assert request.amount is not None
        return Quote(amount=request.amount, maximum=Money(10**6, request.currency))

    def close(self) -> None:
        pass


@pytest.fixture
def paper() -> PaperStore:
    return PaperStore()


@pytest.fixture
def services(tmp_path: Path, database: Any, clock: Any, paper: PaperStore) -> Services:
    settings = Settings(
        app_url="http://127.0.0.1:1",
        secret_key="a secret key of the tests",
        encryption_keys=(Fernet.generate_key().decode(),),
        database_url=str(database.engine.url),
        redis_url="unix:///nowhere",
        data_dir=tmp_path,
    )
    return Services(
        settings=settings,
        db=database,
        vault=Vault(settings.encryption_keys),
        redis=connect_redis("unix:///nowhere"),
        now=clock,
        open_store=lambda services, store_id, interactive: paper,
    )


@pytest.fixture
def app(services: Services, web_app: Callable[[Services], Flask]) -> Flask:
    return web_app(services)


class DeskSide:
    """A helpdesk of one account, and what it signs."""

    def __init__(self, services: Services, account_id: int, origin: str = "https://desk.example") -> None:
        self.services = services
        self.account_id = account_id
        with services.transaction(account_id) as work:
            row, self.url, self.secret = helpdesks.add(
                work,
                services.vault,
                "generic",
                "Support",
                origin,
                app_url=services.settings.app_url,
            )
            self.key, self.id = row.key, row.id
        self.path = f"/sidebar/generic/{self.key}"

    def claims(self, **more: Any) -> dict[str, Any]:
        now = int(self.services.now().timestamp())
        self.number = getattr(self, "number", 0) + 1
        return {
            "iss": self.key,
            "aud": self.services.settings.app_url,
            "sub": "agent-7",
            "email": "liis@lumi.example",
            "name": "Liis Kask",
            "conversation": "48211",
            "subject": "Where is my lamp? #1042",
            "language": "et",
            "customer": {"emails": [EMAIL], "phones": [], "external_id": "u1"},
            "iat": now,
            "exp": now + 60,
            "jti": f"jti-{self.number}",
            **more,
        }

    def token(self, *, secret: str | None = None, algorithm: str = "HS256", **more: Any) -> str:
        claims = {name: value for name, value in self.claims(**more).items() if value is not None}
        return jwt.encode(claims, secret if secret is not None else self.secret, algorithm=algorithm)


@pytest.fixture
def desk(services: Services, account: int) -> DeskSide:
    return DeskSide(services, account)


@pytest.fixture
def agent(services: Services, account: int) -> int:
    """Liis, who answers the conversation."""
    with services.transaction(account) as work:
        row = Agent(
            email="liis@lumi.example",
            name="Liis Kask",
            role=Role.AGENT,
            created_at=work.now(),
            token_version=1,
            locale="",
            failed_logins=0,
            limits={},
        )
        work.add(row)
        work.session.flush()
        return row.id


def kadri(world: Any, account: int) -> dict[str, int]:
    """Two stores, three orders, a late parcel, a refund that is due, a hand-over. Row ids by name."""
    home = world.store(account, name="Lumi Home", domain="lumi-home.myshopify.com")
    outlet = world.store(
        account,
        Platform.WOOCOMMERCE,
        name="Lumi Outlet",
        domain="outlet.example",
        url="https://outlet.example",
    )
    who = {
        "email": EMAIL,
        "phone": "+37255512345",
        "customer": CustomerRecord(
            name="Kadri Tamm", email=EMAIL, phone="+37255512345", locale="et", tags=("VIP",)
        ),
        "shipping_address": HOME,
        "locale": "et",
    }

    def line(number: str, title: str, total: int, quantity: int = 1, **more: Any) -> Any:
        return world.line(
            number, title=title, total=Money(total, "EUR"), quantity=quantity, product_id=f"p{number}", **more
        )

    throw = line("11", "Wool throw Saar", 8900, variant_title="Grey, 130 × 200")
    scrub = line("12", "Sauna scrub, honey", 2480, 2, variant_title="200 ml")
    towel = line("13", "Bath towel, monogram", 2900, variant_title="White", properties={"Initials": "K.T."})
    lamp = line("14", "Table lamp Kuu", 5540, variant_title="Oak, E14")
    first = world.record(
        throw,
        scrub,
        towel,
        lamp,
        shipping=490,
        **who,
        name="#1042",
        number="1042",
        placed_at=ago(17),
        payment_methods=("Visa", "Gift card"),
        fulfillment_status=FulfillmentStatus.IN_TRANSIT,
        fulfillments=(
            world.parcel(
                throw,
                scrub,
                towel,
                number="f1",
                shipped_at=ago(9.6),
                delivered_at=ago(8) + timedelta(hours=0.33),
                estimated_delivery_at=ago(7),
                shipment_status="delivered",
                tracking=(Tracking(company="DPD", number="05308712345678", url="https://track.example/dpd"),),
            ),
            world.parcel(
                lamp,
                number="f2",
                shipped_at=ago(9),
                delivered_at=None,
                delivered_source=None,
                shipment_status="in_transit",
                estimated_delivery_at=ago(3),
                tracking=(
                    Tracking(company="Omniva", number="CC123456789EE", url="https://track.example/omniva"),
                ),
                events=(
                    ShipmentEvent(status="label_printed", at=ago(9.4)),
                    ShipmentEvent(status="in_transit", at=ago(7), place="Tallinn"),
                ),
            ),
        ),
    )
    slippers = line("21", "Felt slippers", 6490, variant_title="39")
    second = world.record(
        slippers,
        shipping=0,
        **who,
        name="L-5531",
        number="5531",
        placed_at=ago(26),
        payment_methods=("Bank transfer",),
        fulfillment_status=FulfillmentStatus.DELIVERED,
        fulfillments=(world.parcel(slippers, number="f3", shipped_at=ago(24), delivered_at=ago(22)),),
    )
    curtain = line("31", "Linen curtain", 4800)
    cup = line("32", "Cup Käsmu", 9400, 4)
    third = world.record(
        curtain,
        cup,
        **who,
        name="#0913",
        number="0913",
        placed_at=ago(252),
        refunded=Money(4800, "EUR"),
        note="Please leave it in the parcel locker at Lõunakeskus.",
        fulfillment_status=FulfillmentStatus.DELIVERED,
        fulfillments=(world.parcel(curtain, cup, number="f4", shipped_at=ago(250), delivered_at=ago(248)),),
        returns=(
            ReturnRecord(
                platform_id="r1",
                status="closed",
                created_at=ago(244),
                lines=(ReturnLineRecord(platform_id="rl1", quantity=1, line_id="31", reason="size_small"),),
            ),
        ),
        refunds=(
            RefundRecord(
                platform_id="m1",
                created_at=ago(240),
                amount=Money(4800, "EUR"),
                lines=(RefundLineRecord(line_id="31", quantity=1, amount=Money(4800, "EUR")),),
            ),
        ),
    )
    [a, c] = world.sell(account, home, first, third)
    [b] = world.sell(account, outlet, second)
    with world.database.transaction(account) as work:
        session = work.session
        customer = session.query(Order.customer_id).where(Order.id == a).scalar()
        session.get_one(Customer, customer).tags = ["VIP", "newsletter"]
        for sync in session.query(SyncState):
            sync.last_reconciled_at = NOON - timedelta(seconds=12)
        for number, tags in (("12", ["hygiene-seal"]), ("13", ["personalised"])):
            work.add(
                Product(
                    store_id=home,
                    platform_id=f"p{number}",
                    title="",
                    tags=tags,
                    categories=[],
                    product_type="",
                    downloadable=False,
                    virtual=False,
                    synced_at=NOON,
                )
            )
        work.add(
            Withdrawal(
                order_id=b,
                lines=[],
                received_at=ago(12),
                channel="form",
                recorded_at=ago(12),
                recorded_by="Marko",
                acknowledged_at=ago(12),
                acknowledged_how="email",
                refund_due=date(2026, 11, 23),
            )
        )
        work.add(
            Contact(
                customer_id=customer,
                order_id=a,
                helpdesk="generic",
                conversation="48107",
                at=ago(4),
                agent="Marko",
                asked="Where is the lamp?",
                promised="An answer today by 17:00",
                promised_by=NOON + timedelta(hours=3),
                done="Enquiry opened with Omniva",
                open="Omniva has not answered yet",
            )
        )
    return {"home": home, "outlet": outlet, "lamp": a, "slippers": b, "curtain": c, "customer": customer}


@pytest.fixture
def shop(world: Any, account: int) -> dict[str, int]:
    return kadri(world, account)


@pytest.fixture
def neighbours(world: Any, account: int) -> str:
    """Three others bought throw and candle; Anu has the throw alone. Returns her e-mail."""
    store = world.store(account, name="Quiet", domain="quiet.myshopify.com")
    for number in range(4):
        email = f"buyer{number}@example.ee" if number else "anu@example.ee"
        throw = world.line("1", title="Wool throw", product_id="throw")
        candle = world.line("2", title="Beeswax candle", product_id="candle")
        lines = (throw, candle) if number else (throw,)
        world.sell(
            account,
            store,
            world.record(*lines, email=email, customer=CustomerRecord(name=f"B{number}", email=email)),
        )
    return "anu@example.ee"


class Frame:
    """The pane of one opened frame, without a browser: keeps the app token, asks for pieces."""

    def __init__(self, app: Flask, desk: DeskSide, token: str) -> None:
        self.client = app.test_client()
        self.answer = self.client.post(desk.path, data={"token": token})
        self.text = self.answer.get_data(as_text=True)
        self.token = self.start.get("token", "") if self.answer.status_code == 200 else ""

    @property
    def start(self) -> dict[str, Any]:
        found = re.search(r'<script type="application/json" id="start">(.*?)</script>', self.text, re.DOTALL)
        assert found
        start: dict[str, Any] = json.loads(found.group(1))
        return start

    def get(self, path: str) -> Any:
        return self.client.get(f"/sidebar{path}", headers=self.headers())

    def post(self, path: str, key: str = "", **form: str) -> Any:
        extra = {"Idempotency-Key": key} if key else {}
        return self.client.post(f"/sidebar{path}", data=form, headers=self.headers() | extra)

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Accept": "text/html, application/problem+json"}


@pytest.fixture
def frame(app: Flask, desk: DeskSide, agent: int, shop: dict[str, int]) -> Frame:
    """Kadri's conversation, opened by Liis."""
    return Frame(app, desk, desk.token())


@pytest.fixture
def frame_of(app: Flask, desk: DeskSide) -> Callable[[str], Frame]:
    """A frame opened with this token."""
    return lambda token: Frame(app, desk, token)


@pytest.fixture
def frame_at(app: Flask) -> Callable[[DeskSide], Frame]:
    """A frame of another desk."""
    return lambda desk: Frame(app, desk, desk.token())


@pytest.fixture
def another_desk(services: Services, world: Any) -> Callable[[], DeskSide]:
    """A desk of an account of its own."""
    return lambda: DeskSide(services, world.account("Other"))


# A real browser

SUBMIT = """([address, token]) => {
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action: address });
  form.append(Object.assign(document.createElement("input"), { name: "token", value: token }));
  document.documentElement.append(form);
  form.submit();
}"""
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = chromium.find()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def windows(browser: Browser) -> Iterator[Windows]:
    found = Windows(browser)
    yield found
    found.close()


@pytest.fixture(scope="session")
def home() -> Iterator[Listener]:
    """Where the apps of all tests are served, one after another."""
    found = Listener()
    yield found
    found.close()


@pytest.fixture
def served(home: Listener, app: Flask, services: Services) -> Iterator[str]:
    """The app at a real address."""
    services.settings = dataclasses.replace(services.settings, app_url=home.url)
    with home.serving(app):
        yield home.url


@pytest.fixture
def open_pane(
    windows: Windows, served: str, desk: DeskSide, agent: int, shop: dict[str, int]
) -> Iterator[Callable[..., Page]]:
    """Open Kadri's pane as a desk does, by a form; the page fails the test on any script error."""
    with ExitStack() as lent:
        used: list[Window] = []

        def opened(width: int = 320, height: int = 640, *, scheme: Any = "light", **claims: Any) -> Page:
            window = lent.enter_context(windows.lent())
            used.append(window)
            page = window.show(width, height, scheme)
            with page.expect_navigation():
                page.evaluate(SUBMIT, [f"{served}{desk.path}", desk.token(**claims)])
            page.get_by_test_id("freshness").wait_for()
            return page

        yield opened
        errors = [error for window in used for error in window.errors]
        errors += [line.text for window in used for line in window.said if line.type == "error"]
        assert errors == []
