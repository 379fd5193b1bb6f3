"""Files that other systems take: the WordPress plugin, Shopify's app file, Zendesk's app."""

from __future__ import annotations

from pathlib import Path

import click

from connectors.shopify import install as shopify
from connectors.woocommerce.plugin import build_zip
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
