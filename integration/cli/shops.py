"""`integration stores …`: connect, follow, copy, let go."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import click

from connectors.shopify import install as shopify
from integration import inbox, store_status, stores, syncing
from integration.cli.output import ROW_ID, json_option, opened, show, show_json
from integration.db.stores import Store, StoreStatus, SyncPhase, SyncState
from integration.errors import BadInput, StoreError
from integration.people import links
from integration.ports import ShopifyCredentials, WooCommerceCredentials
from jobs import installing, proving, sync


def register(group: click.Group) -> None:
    group.add_command(stores_group)


@click.group("stores")
def stores_group() -> None:
    """Connected stores and the state of their copy."""


def _row(store: Store, state: SyncState, now: datetime) -> dict[str, Any]:
    reconciled = state.last_reconciled_at
    return {
        "id": store.id,
        "platform": store.platform.value,
        "domain": store.domain,
        "status": store.status.value,
        "phase": state.phase.value,
        "done": state.done,
        "total": state.total,
        "behind": None if reconciled is None else f"{int((now - reconciled).total_seconds())}s",
        "error": (state.error or {}).get("message"),
    }


def _pace(state: SyncState, now: datetime) -> dict[str, float | None]:
    rate, left = store_status.pace(state, now)
    return {
        "orders_per_second": None if rate is None else round(rate, 1),
        "seconds_left": None if left is None else round(left),
    }


@stores_group.command("list")
@json_option
@click.pass_obj
def list_stores(account: int | None, as_json: bool) -> None:
    """Every store of the account."""
    with opened() as services, services.reading(services.db.the_account(account)) as work:
        rows = [_row(store, stores.state(work, store.id), services.now()) for store in stores.everyone(work)]
    show(rows, as_json, empty="no store yet: see `integration stores --help`")


@stores_group.command()
@click.argument("store_id", type=ROW_ID, required=False)
@json_option
@click.pass_obj
def status(account: int | None, store_id: int | None, as_json: bool) -> None:
    """How far the copy of a store (or of every store) has come."""
    with opened() as services, services.reading(services.db.the_account(account)) as work:
        wanted = [stores.find(work, store_id)] if store_id is not None else stores.everyone(work)
        found = []
        for store in wanted:
            state = stores.state(work, store.id)
            found.append(
                {
                    **_row(store, state, services.now()),
                    **_pace(state, services.now()),
                    "oldest_order_at": _iso(state.oldest_order_at),
                    "last_event_at": _iso(state.last_event_at),
                    "last_reconciled_at": _iso(state.last_reconciled_at),
                    "next_step": (state.error or {}).get("next_step"),
                    "proof": state.proof or None,
                }
            )
    if as_json:
        show_json(found if store_id is None else found[0])
        return
    for row in found:
        for name, value in row.items():
            click.echo(f"{name:>18}  {'-' if value is None else value}")
        click.echo("")


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


@stores_group.command("sync")
@click.argument("store_id", type=ROW_ID)
@click.option("--full", is_flag=True, help="Copy everything again, not only what changed.")
@click.option("--prove", is_flag=True, help="Also compare cache and store order by order.")
@click.pass_obj
def sync_store(account: int | None, store_id: int, full: bool, prove: bool) -> None:
    """Copy a store now, in the foreground, with a progress bar."""
    with opened() as services:
        account_id = services.db.the_account(account)
        with services.transaction(account_id) as work:
            store = stores.find(work, store_id)
            if store.status == StoreStatus.DISCONNECTED:
                raise BadInput(f"store {store_id} is disconnected: reconnect it first")
            state = stores.state(work, store_id)
            if state.phase is SyncPhase.WAITING:
                raise BadInput(f"store {store_id} waits for `integration stores confirm {store_id}`")
            if full:
                stores.copy_again(work, store_id)
            state.due_at = services.now()
            windows = state.last_reconciled_at
        with click.progressbar(length=1000, label=store.domain, show_pos=False) as bar:
            shown = 0
            while True:
                sync.run(services, store_id=store_id)
                with services.reading(account_id) as work:
                    state = stores.state(work, store_id)
                if state.error:
                    click.echo("", err=True)
                    raise StoreError(state.error["message"], next_step=state.error["next_step"])
                part = (
                    1.0 if state.phase == SyncPhase.LIVE else min(1.0, state.done / max(state.total or 1, 1))
                )
                bar.update(int(part * 1000) - shown)
                shown = int(part * 1000)
                if state.phase == SyncPhase.LIVE and state.last_reconciled_at != windows:
                    break
                if state.held_until and state.held_until > services.now():
                    time.sleep(0.5)  # a worker is at it: watch
        click.echo(f"{store.domain}: {state.done} orders, in step since {_iso(state.last_reconciled_at)}")
        if prove:
            show_json(proving.prove(services, store_id=store_id))


@stores_group.command()
@click.argument("store_id", type=ROW_ID)
@click.pass_obj
def prove(account: int | None, store_id: int) -> None:
    """Compare cache and store order by order, repair what differs, print the result as JSON."""
    with opened() as services:
        with services.reading(services.db.the_account(account)) as work:
            stores.find(work, store_id)
        result = proving.prove(services, store_id=store_id)
        show_json(result)
        if "error" in result:
            raise StoreError("the store could not be read to the end")


@stores_group.command()
@click.argument("store_id", type=ROW_ID)
@click.pass_obj
def confirm(account: int | None, store_id: int) -> None:
    """Say that a store which came by an open link is yours: its copy begins. Safe to run twice."""
    with opened() as services, services.transaction(services.db.the_account(account)) as work:
        store = stores.find(work, store_id)
        stores.confirm(work, store_id, by="command")
        links.vouch(work, store_id)
        click.echo(f"{store.domain}: confirmed")


@stores_group.command()
@click.argument("store_id", type=ROW_ID)
@click.pass_obj
def disconnect(account: int | None, store_id: int) -> None:
    """Forget a store's key and stop its jobs. What was copied stays until it is erased. Safe to run twice."""
    with opened() as services, services.transaction(services.db.the_account(account)) as work:
        store = stores.find(work, store_id)
        stores.disconnect(work, store, by="command")
        click.echo(f"{store.domain}: disconnected")


@stores_group.command()
@click.argument("store_id", type=ROW_ID)
@click.pass_obj
def retry(account: int | None, store_id: int) -> None:
    """Give deliveries and orders that were set aside another try."""
    with opened() as services, services.transaction(services.db.the_account(account)) as work:
        stores.find(work, store_id)
        count = inbox.retry_poisoned(work, store_id)
        again = syncing.retry_poison(work, store_id)
        click.echo(f"{count} deliveries and {again} orders will be tried again")


@stores_group.command("connect-woocommerce")
@click.argument("url")
@click.option("--key", required=True, metavar="CK", help="Consumer key, ck_…")
@click.option("--secret", required=True, metavar="CS", help="Consumer secret, cs_…")
@json_option
@click.pass_obj
def connect_woocommerce(account: int | None, url: str, key: str, secret: str, as_json: bool) -> None:
    """Connect a WooCommerce store with a key that was made by hand (WooCommerce, Settings, Advanced)."""
    with opened() as services:
        address = installing.check_store_address(services, url)
        credentials = WooCommerceCredentials(
            url=address, consumer_key=key.strip(), consumer_secret=secret.strip()
        )
        store_id = installing.connect_woocommerce(
            services,
            credentials,
            by="command",
            account_id=services.db.the_account(account),
            hand_made=True,
        )
        _show_id(store_id, as_json)


@stores_group.command("connect-shopify")
@click.argument("shop")
@click.option("--token", required=True, help="Admin API access token, shpat_…")
@json_option
@click.pass_obj
def connect_shopify(account: int | None, shop: str, token: str, as_json: bool) -> None:
    """Connect a Shopify shop with a token that was made in its admin."""
    with opened() as services:
        credentials = ShopifyCredentials(shop=shopify.shop_domain(shop), access_token=token.strip())
        store_id = installing.connect_shopify(
            services,
            credentials,
            by="command",
            account_id=services.db.the_account(account),
            hand_made=True,
        )
        _show_id(store_id, as_json)


def _show_id(store_id: int, as_json: bool) -> None:
    if as_json:
        show_json({"id": store_id})
    else:
        click.echo(str(store_id))
