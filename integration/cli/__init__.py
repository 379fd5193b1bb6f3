"""The `integration` command: the top of the tree, so it may import everyone.

A command does what a view would do, through the same functions. Bad input is one line on stderr and
exit code 2; a job that could not be done is one line and exit code 1.
"""

from __future__ import annotations

import sys

import click
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from integration.cli import desks, files, people, policy, processes, shops
from integration.errors import AppError, BadInput, SettingsError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--account", type=int, metavar="ID", help="Which account; not needed where there is only one.")
@click.pass_context
def group(context: click.Context, account: int | None) -> None:
    """Deskside: orders, parcels, return rights and refunds beside every conversation."""
    context.obj = account


for _module in (processes, shops, people, desks, policy, files):
    _module.register(group)


def main(arguments: list[str] | None = None) -> None:
    """Console script. Ends the process with 0, 1 (could not) or 2 (bad input)."""
    try:
        code = group.main(args=arguments, prog_name="integration", standalone_mode=False)
    except click.ClickException as error:
        _fail(error.format_message(), 2)
    except click.Abort:
        _fail("stopped", 130)
    except (BadInput, SettingsError) as error:
        _fail(_line(error), 2)
    except AppError as error:
        _fail(_line(error), 1)
    except DBAPIError as error:
        # The statement and its values stay out of the message, and so does what Postgres says below.
        problem = str(error.orig).strip().partition("\n")[0]
        _fail(f"database: {problem}. Run `integration migrate`, or check DATABASE_URL.", 1)
    except RedisError as error:
        _fail(f"redis: {error}. Check REDIS_URL.", 1)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        # A file that was named and cannot be read or written is input like any other.
        where = f"{error.filename}: " if error.filename else ""
        _fail(f"{where}{error.strerror or type(error).__name__}", 2 if where else 1)
    sys.exit(code if isinstance(code, int) else 0)


def _line(error: AppError) -> str:
    return " ".join(part for part in (str(error), error.next_step) if part)


def _fail(message: str, code: int) -> None:
    print("integration: " + " ".join(message.split()), file=sys.stderr)
    sys.exit(code)
