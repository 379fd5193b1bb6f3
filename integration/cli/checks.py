"""What `integration doctor` looks at, each with what to do."""

from __future__ import annotations

from typing import Any

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

import migrations
from integration import stores
from integration.db.stores import Store, StoreStatus
from integration.errors import AppError, NotFound, SettingsError
from jobs.boot import Services

Row = dict[str, Any]


def run(services: Services, account: int | None) -> list[Row]:
    """One row a check: {check, result: "ok" or "problem", detail, next_step}."""
    rows = [_row("settings", "")]
    database = _database(services)
    rows.append(database)
    rows.append(_redis(services))
    if database["result"] == "ok":
        rows += _stores(services, account)
    return rows


def without_settings(error: SettingsError) -> list[Row]:
    """Nothing else can be looked at."""
    return [_row("settings", str(error), "Correct it in the environment, then run this again.")]


def _row(check: str, problem: str, next_step: str = "", detail: str = "") -> Row:
    return {
        "check": check,
        "result": "problem" if problem else "ok",
        "detail": problem or detail,
        "next_step": next_step if problem else "",
    }


def _database(services: Services) -> Row:
    try:
        current = migrations.is_current(services.db.engine)
    except SQLAlchemyError as error:
        return _row("database", type(error).__name__, "Check DATABASE_URL and that the server runs.")
    return _row("database", "" if current else "not up to date", "Run `integration migrate`.")


def _redis(services: Services) -> Row:
    try:
        services.redis.ping()
    except (RedisError, OSError) as error:
        return _row(
            "redis", type(error).__name__, "Check REDIS_URL, or start with `integration serve --embedded`."
        )
    return _row("redis", "")


def _stores(services: Services, account: int | None) -> list[Row]:
    try:
        account_id = services.db.the_account(account)
    except NotFound as error:
        return [_row("account", str(error), "Run `integration migrate`.")]
    with services.reading(account_id) as work:
        listed = [store for store in stores.everyone(work) if store.status != StoreStatus.DISCONNECTED]
    return [row for store in listed for row in _store(services, store)]


def _store(services: Services, store: Store) -> list[Row]:
    name = f"store {store.id} {store.domain}"
    try:
        api = services.api(store.id, True)
    except AppError as error:
        return [_row(f"{name}: credentials", str(error), error.next_step)]
    try:
        api.shop()
        rows = [_row(f"{name}: credentials", "")]
        secret = services.vault.open(store.webhook_secret).decode() if store.webhook_secret else ""
        changes = api.subscribe(stores.webhook_address(services.settings.app_url, store), secret)
        rows.append(_row(f"{name}: webhooks", "", detail="; ".join(changes)))
    except AppError as error:  # the store's word, or a secret that none of our keys opens
        return [_row(f"{name}: {error.code}", str(error), error.next_step)]
    finally:
        api.close()
    return rows
