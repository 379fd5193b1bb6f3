"""`integration policy …` and `integration audit …`: rules in files, and the record."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from integration import audit, policies
from integration.cli.output import ROW_ID, json_option, opened, show_json
from integration.eligibility import check as cases
from integration.eligibility import policy as documents
from integration.errors import BadInput


def register(group: click.Group) -> None:
    group.add_command(policy_group)
    group.add_command(audit_group)


@click.group("policy")
def policy_group() -> None:
    """Return policies."""


@policy_group.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(file: Path) -> int:
    """Judge the cases of a JSON-lines file with the engine that serves the sidebar.

    Prints one JSON line a case. Exit 1 if any differs from what it expects, 2 if one cannot be read.
    """
    return cases.check_file(file, sys.stdout)


@policy_group.command("export")
@click.option("--version", type=ROW_ID, help="Which version; the newest if not said.")
@click.pass_obj
def export(account: int | None, version: int | None) -> None:
    """Print a version of the policy as JSON."""
    with opened() as services, services.reading(services.db.the_account(account)) as work:
        row = policies.current_policy(work) if version is None else policies.find_policy(work, version)
        if row is None:
            raise BadInput("there is no such version")
        show_json(row.document)


@policy_group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--note", default="", help="Why, for the history.")
@click.pass_obj
def import_policy(account: int | None, file: Path, note: str) -> None:
    """Save a file as a new version of the policy. Orders keep the version they were bought under."""
    try:
        found = documents.load(b"[" + file.read_bytes().strip().strip(b"[]") + b"]")
    except ValueError as error:
        raise BadInput(f"{file.name}: {error}") from None
    if len(found) != 1:
        raise BadInput(f"{file.name}: want one policy")
    with opened() as services, services.transaction(services.db.the_account(account)) as work:
        row = policies.save_policy(work, found[0], by="command", note=note)
        click.echo(f"version {row.number}, in force from now")


@click.group("audit")
def audit_group() -> None:
    """The record of who did what."""


@audit_group.command()
@click.option("--since", metavar="NUMBER:HASH", help="an end printed earlier, which must still be there")
@json_option
@click.pass_obj
def verify(account: int | None, since: str | None, as_json: bool) -> int:
    """Walk the chain of the record; exit 1 and name the entry if anything was tampered with.

    Keep the printed last number and hash elsewhere, and give them with --since: then no end can be cut off
    unseen.
    """
    earlier, _colon, hash_ = (since or "").partition(":")
    if since and not (earlier.isascii() and earlier.isdigit() and len(earlier) < 19 and hash_):
        raise BadInput("--since: want NUMBER:HASH as an earlier verify printed them")
    with opened() as services, services.reading(services.db.the_account(account)) as work:
        entries, fault = audit.verify(work)
        number, last = audit.head(work)
        if fault is None and since:
            fault = audit.remembers(work, int(earlier), hash_)
    if as_json:
        show_json(
            {
                "ok": fault is None,
                "entries": entries,
                "head": last,
                "fault": {"entry": fault.number, "reason": fault.reason} if fault else None,
            }
        )
    elif fault is None:
        click.echo(f"{entries} entries, unbroken. Last: {number}:{last}")
    else:
        click.echo(f"entry {fault.number}: {fault.reason}", err=True)
    return 0 if fault is None else 1
