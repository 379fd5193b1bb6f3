"""What an operator asks: is it alive, can it serve, how does it fare; and what every answer carries."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from jobs import observe
from jobs.boot import Services, connect_redis


@pytest.fixture
def ready(services: Services, redis_url: str) -> Services:
    services.redis = connect_redis(redis_url)
    return services


def test_alive_needs_nothing(app: Flask) -> None:
    assert app.test_client().get("/healthz").json == {"status": "ok"}


def test_ready_with_database_queue_and_migrations(app: Flask, ready: Services) -> None:
    answer = app.test_client().get("/readyz")

    assert (answer.status_code, answer.json) == (200, {"status": "ready"})


def test_not_ready_says_why(app: Flask, services: Services) -> None:
    with services.db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    try:
        answer = app.test_client().get("/readyz")
    finally:
        with services.db.engine.begin() as connection:  # Postgres keeps its tables between tests
            connection.execute(text("UPDATE alembic_version SET version_num = '0002'"))

    assert answer.status_code == 503
    assert answer.json is not None
    assert [reason.split(":")[0] for reason in answer.json["reasons"]] == ["migrations", "redis"]


def test_figures_tell_of_every_store(app: Flask, world: Any, account: int) -> None:
    world.store(account)

    figures = app.test_client().get("/metrics").text

    assert "deskside_database_up 1\n" in figures
    assert 'deskside_stores{status="active"} 1\n' in figures


def test_lines_of_the_log_carry_the_request(
    app: Flask, services: Services, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = logging.getLogger().handlers[:], logging.getLogger().level
    observe.set_up_logging("INFO", "json")

    def fail() -> None:
        logging.getLogger("deskside").warning("half way: token=abc")

    try:
        monkeypatch.setattr("sidebar.ops.problems", lambda: fail() or [])
        app.test_client().get("/readyz", headers={"X-Request-Id": "of-the-proxy-1"})
        fail()
    finally:
        logging.getLogger().handlers[:], level = before
        logging.getLogger().setLevel(level)

    inside, outside = (json.loads(line) for line in capsys.readouterr().err.splitlines()[-2:])
    assert inside["request_id"] == "of-the-proxy-1"
    assert inside["message"] == "half way: token=…"
    assert "request_id" not in outside


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/stores", "/nothing/here"])
def test_every_answer_is_guarded(app: Flask, path: str) -> None:
    headers = app.test_client().get(path).headers

    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("given", ["short", "a" * 65, "of a person", "x" * 7])
def test_a_strange_request_id_is_replaced(app: Flask, given: str) -> None:
    kept = app.test_client().get("/healthz", headers={"X-Request-Id": given}).headers["X-Request-Id"]

    assert kept != given


def test_a_number_that_no_row_can_have_is_no_page(app: Flask) -> None:
    assert app.test_client().post(f"/webhooks/woocommerce/{2**63}", data=b"{}").status_code == 404


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/orders/1/nothing"])
def test_programs_read_problems(app: Flask, path: str) -> None:
    answer = app.test_client().get(path)

    assert answer.mimetype == "application/problem+json"
    assert answer.status_code == 404
    told = json.loads(answer.text)
    assert {"type", "title", "status", "detail"} <= set(told)
