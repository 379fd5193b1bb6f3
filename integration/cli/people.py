"""`integration tokens …` and `integration agents …`: programs and persons."""

from __future__ import annotations

import click

from integration.cli.output import ROW_ID, json_option, opened, show, show_json
from integration.db.accounts import Role
from integration.ids import row_id
from integration.people import agents, invitations, tokens

ROLE = click.Choice([role.value for role in Role])


def register(group: click.Group) -> None:
    group.add_command(tokens_group)
    group.add_command(agents_group)


@click.group("tokens")
def tokens_group() -> None:
    """Bearer tokens for programs that use the JSON API."""


@tokens_group.command("create")
@click.option("--name", required=True)
@click.option("--role", type=ROLE, required=True)
@json_option
@click.pass_obj
def create_token(account: int | None, name: str, role: str, as_json: bool) -> None:
    """Make a token and print it, this once."""
    with opened() as services, services.transaction(services.db.the_account(account)) as work:
        row, token = tokens.create_token(work, name, Role(role))
        work.session.flush()
        made = {"id": row.id, "name": row.name, "role": role, "token": token}
    if as_json:
        show_json(made)
    else:
        click.echo(token)


@tokens_group.command("list")
@json_option
@click.pass_obj
def list_tokens(account: int | None, as_json: bool) -> None:
    """Tokens, without their secret part."""
    with opened() as services, services.reading(services.db.the_account(account)) as work:
        rows = [
            {
                "id": row.id,
                "name": row.name,
                "role": row.role.value,
                "starts": row.prefix,
                "last_used_at": row.last_used_at,
                "revoked": row.revoked_at is not None,
            }
            for row in tokens.list_tokens(work)
        ]
    show(rows, as_json, empty="no token yet")


@tokens_group.command("revoke")
@click.argument("token_id", type=ROW_ID)
@click.pass_obj
def revoke_token(account: int | None, token_id: int) -> None:
    """End a token at once. Safe to run twice."""
    with opened() as services, services.transaction(services.db.the_account(account)) as work:
        row = tokens.revoke_token(work, token_id)
        click.echo(f"{row.name}: revoked")


@click.group("agents")
def agents_group() -> None:
    """The people of the account."""


@agents_group.command("add")
@click.argument("email")
@click.option("--name", required=True)
@click.option("--role", type=ROLE, required=True)
@json_option
@click.pass_obj
def add_agent(account: int | None, email: str, name: str, role: str, as_json: bool) -> None:
    """Add a person and print a one-time invitation address."""
    with opened() as services, services.transaction(services.db.the_account(account)) as work:
        agent, token = agents.add_agent(work, email, name, Role(role))
        address = invitations.address(services.settings.app_url, token)
        made = {"id": agent.id, "email": agent.email, "role": role, "invitation": address}
    if as_json:
        show_json(made)
    else:
        click.echo(address)


@agents_group.command("invite")
@click.argument("email")
@click.pass_obj
def invite(account: int | None, email: str) -> None:
    """Print a new invitation address; the one before stops working."""
    with opened() as services, services.transaction(services.db.the_account(account)) as work:
        agent = agents.agent_by_email(work, email)
        if agent is None or agent.disabled_at is not None:
            raise click.UsageError(f"no enabled agent {email}")
        click.echo(invitations.address(services.settings.app_url, invitations.invite(work, agent.id)))


@agents_group.command("list")
@json_option
@click.pass_obj
def list_agents(account: int | None, as_json: bool) -> None:
    """Everybody, disabled ones last."""
    with opened() as services, services.reading(services.db.the_account(account)) as work:
        rows = [
            {
                "id": agent.id,
                "email": agent.email,
                "name": agent.name,
                "role": agent.role.value,
                "disabled": agent.disabled_at is not None,
                "last_seen_at": agent.last_seen_at,
            }
            for agent in agents.list_agents(work)
        ]
    show(rows, as_json, empty="no agent yet: `integration agents add EMAIL --name N --role admin`")


@agents_group.command("disable")
@click.argument("who")
@click.pass_obj
def disable(account: int | None, who: str) -> None:
    """End a person's access at once, everywhere. WHO is an id or e-mail. Safe to run twice."""
    with opened() as services, services.transaction(services.db.the_account(account)) as work:
        agent = agents.agent_by_email(work, who) if "@" in who else None
        if agent is None:
            agent = agents.find_agent(work, row_id(who))
        agents.disable_agent(work, agent.id)
        click.echo(f"{agent.email}: disabled")
