"""`integration demo`: the whole product on one machine, with two stores that live.

Everything in between is the real thing: the stores are reached over HTTP, installed through their
grant pages and copied by the worker. Only the two stores are simulators.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import httpx
import msgspec
from cryptography.fernet import Fernet
from sqlalchemy import select
from werkzeug.serving import make_server

from connectors.demo import merchant
from integration import customers, helpdesks, stores
from integration.cli.children import Children
from integration.db.accounts import Account, Role
from integration.db.actions import Contact
from integration.db.stores import Store, StoreStatus, SyncPhase, SyncState
from integration.errors import AppError, BadInput, SettingsError
from integration.people import agents, invitations
from integration.records import Platform
from integration.settings import Settings, port_of
from jobs.boot import Services, boot
from sidebar import demo_host

SHOP = "lumi-home.myshopify.com"
MERCHANT, AGENT, LEAD = "merchant@deskside.example", "marko@deskside.example", "liis@deskside.example"
LIVE_SECONDS = 20
READY_SECONDS = 60


class Kept(msgspec.Struct, kw_only=True):
    """What a second start must find again: keys, and the addresses that stores are known by."""

    secret_key: str
    encryption_key: str
    client_id: str
    client_secret: str
    shopify_port: int
    woocommerce_port: int
    desk_port: int
    helpdesk: str = ""
    helpdesk_secret: str = ""


@click.command()
@click.option("--orders", type=click.IntRange(1, 200_000), default=300, show_default=True)
@click.option(
    "--live/--still", default=True, help="Whether the stores keep living: orders, parcels, deliveries."
)
def demo(orders: int, live: bool) -> None:
    """Try the product: embedded database and queue, two demo stores, a conversation with the sidebar.

    Ctrl-C stops everything; the next start goes on with the same data.
    """
    # Imported here: processes registers this command.
    from integration.cli import processes

    data = Path(os.environ.get("DATA_DIR") or "instance").absolute()
    port = port_of(os.environ)
    kept = _kept(data)
    os.environ.update(_environment(kept, data, port))
    settings = Settings.from_env()
    _must_be_free(port)
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    _keep(kept, data)
    over = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: over.set())
    children = Children()
    try:
        _run(children, settings, kept, data, orders, live, over, processes)
    finally:
        click.echo("stopping …")
        children.stop()
        _stop_left_over_redis(settings)


def _run(
    children: Children,
    settings: Settings,
    kept: Kept,
    data: Path,
    orders: int,
    live: bool,
    over: threading.Event,
    processes: Any,
) -> None:
    logs = data / "logs"
    logs.mkdir(exist_ok=True)
    _start_stores(children, settings, kept, data, orders, live, logs)
    processes.start_redis(children, settings)
    services = boot(settings)
    try:
        processes.begin_alone(services)
        invitation = _people(services)
        children.start("worker", [*processes.MODULE, "worker"], os.environ, log=logs / "worker.log")
        children.start("cron", [*processes.MODULE, "cron"], os.environ, log=logs / "cron.log")
        _helpdesk(services, kept, data)
        children.start("web", [*processes.MODULE, "serve"], os.environ, log=logs / "web.log")
        _wait(f"{settings.app_url}/readyz", children, over, logs)
        _install(services, kept)
        _follow(services, over)
        if over.is_set():
            return
        _earlier_contact(services)
        _start_desk(settings, kept)
        _say(settings, kept, invitation)
        while not over.wait(1.0):
            if gone := children.ended():
                raise AppError(f"{', '.join(gone)} stopped by itself: see {logs}")
    finally:
        services.close()


def _kept(data: Path) -> Kept:
    """Of the start before, else new ones."""
    file = data / "demo.json"
    if file.is_file():
        try:
            return msgspec.json.decode(file.read_bytes(), type=Kept)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise BadInput(f"{file} cannot be read: remove {data} to begin anew") from None
    first, second, third = _free_ports(3)
    return Kept(
        secret_key=secrets.token_urlsafe(32),
        encryption_key=Fernet.generate_key().decode(),
        client_id=secrets.token_hex(16),
        client_secret="shpss_" + secrets.token_hex(16),
        shopify_port=first,
        woocommerce_port=second,
        desk_port=third,
    )


def _keep(kept: Kept, data: Path) -> None:
    file = data / "demo.json"
    new = file.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_bytes(msgspec.json.encode(kept))
    new.replace(file)


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in held]
    for server in held:
        server.close()
    return ports


def _must_be_free(port: int) -> None:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        raise SettingsError(f"PORT: {port} is taken; choose another, such as PORT={port + 1}") from None


def _environment(kept: Kept, data: Path, port: int) -> dict[str, str]:
    """The demo's own settings; DATABASE_URL and REDIS_URL of the caller are respected."""
    return {
        "APP_URL": f"http://127.0.0.1:{port}",
        "PORT": str(port),
        "DATA_DIR": str(data),
        "SECRET_KEY": kept.secret_key,
        "ENCRYPTION_KEYS": kept.encryption_key,
        "SHOPIFY_API_KEY": kept.client_id,
        "SHOPIFY_API_SECRET": kept.client_secret,
        "SHOPIFY_ORIGIN": f"http://127.0.0.1:{kept.shopify_port}/{{shop}}",
        "ALLOW_HTTP_STORES": "1",
        "WEB_CONCURRENCY": os.environ.get("WEB_CONCURRENCY") or "1",
        "PYTHONUNBUFFERED": "1",
    }


def _start_stores(
    children: Children, settings: Settings, kept: Kept, data: Path, orders: int, live: bool, logs: Path
) -> None:
    common = ["--orders", str(orders), *(["--live", str(LIVE_SECONDS)] if live else [])]
    app = [
        "--app-url",
        settings.app_url,
        "--client-id",
        kept.client_id,
        "--client-secret",
        kept.client_secret,
    ]
    for name, port, more in (
        ("shopify", kept.shopify_port, ["--shop", SHOP, *app]),
        ("woocommerce", kept.woocommerce_port, ["--allow-http"]),
    ):
        where = ["--port", str(port), "--data", str(data / f"demo-{name}")]
        children.start(
            name,
            ["-m", f"connectors.demo.{name}", *where, *more, *common],
            os.environ,
            log=logs / f"{name}.log",
        )


def _people(services: Services) -> str | None:
    """A merchant, a lead and an agent to try things as; the merchant's invitation if still open."""
    account_id = services.db.the_account()
    with services.transaction(account_id) as work:
        account = work.session.scalars(select(Account).where(Account.id == account_id)).one()
        if account.name == "Deskside":
            account.name, account.timezone = "Lumi", "Europe/Tallinn"
        for email, name, role in (
            (AGENT, "Marko", Role.AGENT),
            (LEAD, "Liis", Role.LEAD),
            (MERCHANT, "Mari Merchant", Role.ADMIN),
        ):
            if agents.agent_by_email(work, email) is None:
                agents.add_agent(work, email, name, role)
        admin = agents.agent_by_email(work, MERCHANT)
        if admin is None or admin.password_hash is not None or admin.disabled_at is not None:
            return None
        return invitations.address(services.settings.app_url, invitations.invite(work, admin.id))


def _helpdesk(services: Services, kept: Kept, data: Path) -> None:
    """The generic helpdesk that the sample conversation plays."""
    with services.transaction(services.db.the_account()) as work:
        if any(desk.key == kept.helpdesk for desk in helpdesks.everyone(work)):
            return
        desk, _, secret = helpdesks.add(
            work,
            services.vault,
            "generic",
            "Demo conversations",
            f"http://127.0.0.1:{kept.desk_port}",
            {},
            app_url=services.settings.app_url,
        )
        kept.helpdesk, kept.helpdesk_secret = desk.key, secret
    _keep(kept, data)


def _wait(address: str, children: Children, over: threading.Event, logs: Path) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until and not over.is_set():
        if gone := children.ended():
            raise AppError(f"{', '.join(gone)} did not start: see {logs}")
        try:
            if httpx.get(address, timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        over.wait(0.2)
    if not over.is_set():
        raise AppError(f"not ready after {READY_SECONDS} s: see {logs}")


def _install(services: Services, kept: Kept) -> None:
    """Through the real install flows, as the merchant's browser."""
    app_url = services.settings.app_url
    store_url = f"http://127.0.0.1:{kept.woocommerce_port}"
    plans: list[tuple[str, Platform, str, Callable[[], httpx.Response]]] = [
        (SHOP, Platform.SHOPIFY, SHOP, lambda: merchant.install_shopify(app_url, SHOP)),
        (
            store_url,
            Platform.WOOCOMMERCE,
            store_url.removeprefix("http://"),
            lambda: merchant.connect_woocommerce(app_url, store_url),
        ),
    ]
    for label, platform, domain, walk in plans:
        with services.everywhere(write=False) as work:
            store = stores.by_domain(work, platform, domain)
            if store is not None and store.credentials is not None:
                continue
        click.echo(f"installing in {label} …")
        try:
            walk()
        except (merchant.FlowError, httpx.HTTPError) as error:
            raise AppError(f"{label} could not be installed: {error or type(error).__name__}") from error


def _follow(services: Services, over: threading.Event) -> None:
    """A progress bar a store, until its orders are copied."""
    with services.reading(services.db.the_account()) as work:
        listed = [(store.id, store.name) for store in stores.everyone(work) if store.credentials]
    for store_id, name in listed:
        with click.progressbar(length=1000, label=f"{name[:24]:24}", show_pos=False) as bar:
            shown = 0
            while not over.is_set():
                store, state = _state(services, store_id)
                copied = state.phase == SyncPhase.LIVE or store.status == StoreStatus.ACTIVE
                part = 1000 if copied else int(min(0.99, state.done / max(state.total or 10**9, 1)) * 1000)
                bar.update(max(0, part - shown))
                shown = max(shown, part)
                if copied:
                    break
                if state.error:
                    click.echo(f"\n  {state.error.get('message')} {state.error.get('next_step')}")
                over.wait(0.3)


def _state(services: Services, store_id: int) -> tuple[Store, SyncState]:
    with services.reading(services.db.the_account()) as work:
        return stores.find(work, store_id), stores.state(work, store_id)


def _earlier_contact(services: Services) -> None:
    """What a colleague wrote down the last time: the hand-over card of the first conversation."""
    with services.transaction(services.db.the_account()) as work:
        found = customers.match(work, emails=[demo_host.CONVERSATIONS[0].emails[0]])
        known = work.session.scalar(select(Contact.id).limit(1))
        if not found or known is not None:
            return
        now = services.now()
        work.add(
            Contact(
                customer_id=found[0].customer_id,
                helpdesk="generic",
                conversation="48107",
                at=now - timedelta(days=2),
                agent="Liis",
                asked="Where is the lamp?",
                promised="An answer within two days",
                promised_by=now + timedelta(hours=5),
                done="Enquiry opened with Omniva",
                open="Omniva has not answered yet",
            )
        )


def _start_desk(settings: Settings, kept: Kept) -> None:
    """The pretended helpdesk, on an origin of its own as helpdesks are, in a thread of this process."""
    desk = demo_host.create_host(
        door=f"{settings.app_url}/sidebar/generic/{kept.helpdesk}",
        app_url=settings.app_url,
        key=kept.helpdesk,
        secret=kept.helpdesk_secret,
        agent=demo_host.DeskAgent(id="7", email=AGENT, name="Marko"),
    )
    server = make_server("127.0.0.1", kept.desk_port, desk, threaded=True)
    threading.Thread(target=server.serve_forever, name="desk", daemon=True).start()


def _say(settings: Settings, kept: Kept, invitation: str | None) -> None:
    click.echo("")
    if invitation:
        click.echo(f"  merchant's pages (one-time invitation): {invitation}")
    else:
        click.echo(f"  merchant's pages: {settings.app_url}/admin/")
    click.echo("  Ctrl-C stops everything; the next start goes on from here.")
    click.echo(f"  a conversation with the sidebar beside it: http://127.0.0.1:{kept.desk_port}/")
    sys.stdout.flush()


def _stop_left_over_redis(settings: Settings) -> None:
    """An embedded server of an earlier start that was killed is not our child: end it, too."""
    from integration.cli.processes import answers
    from jobs.boot import connect_redis

    if settings.redis_url.startswith("unix://") and answers(settings.redis_url):
        client = connect_redis(settings.redis_url)
        try:
            client.shutdown(nosave=True)
        finally:
            client.close()
