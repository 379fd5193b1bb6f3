"""Files that other systems take: the WordPress plugin, Shopify's app file, Zendesk's app."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import click

from connectors.shopify import install as shopify
from connectors.woocommerce.plugin import build_zip
from integration import helpdesks
from integration.cli.output import opened


def register(group: click.Group) -> None:
    group.add_command(build_group)


@click.group("build")
def build_group() -> None:
    """Make the files that stores and helpdesks install."""


@build_group.command("wordpress-plugin")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default="deskside.zip")
def wordpress_plugin(file: Path) -> None:
    """Zip the WordPress plugin."""
    build_zip(file)
    click.echo(str(file))


@build_group.command("shopify-app")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default="shopify.app.toml")
def shopify_app(file: Path) -> None:
    """Write shopify.app.toml from the settings, for Shopify's own command line."""
    with opened() as services:
        file.write_text(shopify.toml(services.settings))
    click.echo(str(file))


@build_group.command("zendesk-app")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default="deskside-zendesk.zip")
@click.option(
    "--helpdesk", required=True, metavar="ID", help="Id of the Zendesk, as `helpdesks add` printed it."
)
@click.option("--email", default="", help="Whom Zendesk names as the app's author.")
@click.pass_obj
def zendesk_app(account: int | None, file: Path, helpdesk: str, email: str) -> None:
    """Zip the app that a Zendesk admin uploads. It opens this installation's own address."""
    from sidebar import zendesk_app as app

    with opened() as services, services.reading(services.db.the_account(account)) as work:
        found = [desk for desk in helpdesks.everyone(work) if helpdesk in (desk.key, str(desk.id))]
        if not found or found[0].kind != "zendesk":
            raise click.UsageError(f"no Zendesk {helpdesk}: `integration helpdesks list` shows them")
        address = helpdesks.address(services.settings.app_url, found[0])
        author = email or f"deskside@{urlsplit(services.settings.app_url).hostname}"
    app.build_zip(file, address, email=author)
    click.echo(str(file))
