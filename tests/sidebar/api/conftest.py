"""A program with a token, and a store that answers from memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from integration.db.accounts import Role
from integration.errors import StoreUnavailable
from integration.money import Money
from integration.people import create_token
from integration.ports import ActionKind, ActionRequest, Quote
from integration.records import OrderRecord
from jobs.boot import Services


class Program:
    """Calls the API with one token."""

    def __init__(self, client: FlaskClient, token: str) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str, **arguments: Any) -> TestResponse:
        return self.client.get(f"/api/v1{path}", query_string=arguments, headers=self.headers)

    def post(
        self, path: str, body: Any = None, *, key: str | None = None, headers: Mapping[str, str] = {}
    ) -> TestResponse:
        more = {"Idempotency-Key": key} if key is not None else {}
        return self.client.post(
            f"/api/v1{path}", json={} if body is None else body, headers={**self.headers, **more, **headers}
        )


@pytest.fixture
def program(app: Flask, services: Services, account: int) -> Callable[..., Program]:
    """Make a program with a new token of a role, in this account or another."""

    def make(role: Role = Role.ADMIN, of: int | None = None) -> Program:
        with services.transaction(of or account) as work:
            _, token = create_token(work, f"{role} program", role, by="admin@lumi.example")
        return Program(app.test_client(), token)

    return make


@pytest.fixture
def admin(program: Callable[..., Program]) -> Program:
    return program()


@dataclass
class Shelf:
    """One store's orders as it would answer them; counts what was asked of it."""

    orders: dict[str, OrderRecord] = field(default_factory=dict)
    reachable: bool = True
    closed: int = 0

    def order(self, platform_id: str) -> OrderRecord | None:
        if not self.reachable:
            raise StoreUnavailable("no answer")
        return self.orders.get(platform_id)

    def products(self, platform_ids: Any) -> tuple[()]:
        return ()

    def supports(self, kind: ActionKind, order: OrderRecord | None) -> str | None:
        return None

    def quote(self, request: ActionRequest) -> Quote:
        if not self.reachable:
            raise StoreUnavailable("no answer")
        assert request.amount is not None
        return Quote(amount=request.amount, maximum=request.amount)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def shelf(services: Services) -> Shelf:
    """The store behind every store row of the test."""
    found = Shelf()
    services.open_store = lambda *ignored: found  # type: ignore[assignment,return-value]
    return found


@pytest.fixture
def sold(world: Any, account: int, shelf: Shelf) -> tuple[int, OrderRecord]:
    """Two mugs and a jug, delivered a week ago: the row's id, and the order as the store has it."""
    mugs, jug = world.line("11", quantity=2), world.line("12", title="Jug")
    record = world.record(mugs, jug, fulfillments=(world.parcel(mugs, jug),))
    shelf.orders[record.platform_id] = record
    (order_id,) = world.sell(account, world.store(account), record)
    return order_id, record


@pytest.fixture
def dear(world: Any, account: int, shelf: Shelf) -> int:
    """The id of an order whose one piece costs more than an agent may pay back alone."""
    line = world.line("11", quantity=2, total=Money(120_000, "EUR"))
    record = world.record(line, fulfillments=(world.parcel(line),))
    shelf.orders[record.platform_id] = record
    (order_id,) = world.sell(account, world.store(account), record)
    return int(order_id)
