"""`integration helpdesks …`: where the sidebar opens."""

from __future__ import annotations

from pathlib import Path

import click

from integration import helpdesks
from integration.cli.output import json_option, opened, show, show_json


def register(group: click.Group) -> None:
    group.add_command(helpdesks_group)


@click.group("helpdesks")
def helpdesks_group() -> None:
    """Helpdesks that show the sidebar."""


@helpdesks_group.command("add")
@click.argument("kind", type=click.Choice(sorted(helpdesks.KINDS)))
@click.option("--name", required=True)
@click.option("--origin", default="", metavar="URL", help="Where the helpdesk is served; it may frame us.")
@click.option(
    "--set", "pairs", multiple=True, metavar="KEY=VALUE", help="A setting; @file reads the value from a file."
)
@json_option
@click.pass_obj
def add(
    account: int | None, kind: str, name: str, origin: str, pairs: tuple[str, ...], as_json: bool
) -> None:
    """Add a helpdesk; print its id, the address to enter there, and its secret, this once."""
    settings = dict(_pair(text) for text in pairs)
    with opened() as services, services.transaction(services.db.the_account(account)) as work:
        desk, url, secret = helpdesks.add(
            work,
            services.vault,
            kind,
            name,
            origin,
            settings,
            app_url=services.settings.app_url,
        )
        made = {"id": desk.key, "kind": kind, "url": url, "secret": secret}
    if as_json:
        show_json(made)
    else:
        for label, value in made.items():
            click.echo(f"{label:>7}  {value or '-'}")


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise click.UsageError(f"--set: want KEY=VALUE, not {text[:40]!r}")
    if not value.startswith("@"):
        return name.strip(), value
    try:
        return name.strip(), Path(value[1:]).read_text()
    except (OSError, UnicodeDecodeError):
        raise click.UsageError(f"--set {name}: cannot read {value[1:]}") from None


@helpdesks_group.command("list")
@json_option
@click.pass_obj
def list_desks(account: int | None, as_json: bool) -> None:
    """Helpdesks of the account."""
    with opened() as services, services.reading(services.db.the_account(account)) as work:
        rows = [
            {
                "id": desk.key,
                "kind": desk.kind,
                "name": desk.name,
                "origin": desk.origin,
                "last_opened_at": desk.last_opened_at,
            }
            for desk in helpdesks.everyone(work)
        ]
    show(rows, as_json, empty="no helpdesk yet: `integration helpdesks add KIND --name N`")


@helpdesks_group.command("remove")
@click.argument("helpdesk_id")
@click.pass_obj
def remove(account: int | None, helpdesk_id: str) -> None:
    """Take a helpdesk away: its address stops working at once."""
    with opened() as services, services.transaction(services.db.the_account(account)) as work:
        for desk in helpdesks.everyone(work):
            if helpdesk_id in (desk.key, str(desk.id)):
                helpdesks.remove(work, desk.id)
                click.echo(f"{desk.name}: removed")
                return
        raise click.UsageError(f"no helpdesk {helpdesk_id}")
