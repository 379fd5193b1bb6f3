"""How commands show things: a table for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click
import msgspec

from integration.ids import LARGEST
from jobs.boot import Services, boot

ROW_ID = click.IntRange(1, LARGEST)
"""A number that `list` printed. Greater ones no database looks for."""

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def show_json(value: Any) -> None:
    click.echo(msgspec.json.encode(value).decode())


def show(rows: Sequence[Mapping[str, Any]], as_json: bool, *, empty: str = "none") -> None:
    """Rows with the same keys: a table, or a JSON list."""
    if as_json:
        show_json(rows)
        return
    if not rows:
        click.echo(empty)
        return
    names = list(rows[0])
    cells = [[_plain(row[name]) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[i]) for line in cells)) for i, name in enumerate(names)]
    for line in [names, *cells]:
        click.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _plain(value: Any) -> str:
    text = "-" if value is None else str(value)
    return "".join(char if char.isprintable() else "?" for char in text)


@contextmanager
def opened() -> Iterator[Services]:
    """Services for one command."""
    services = boot()
    try:
        yield services
    finally:
        services.close()
