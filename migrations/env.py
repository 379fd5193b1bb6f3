"""Alembic's entry: runs the versions on the connection that migrations.upgrade hands in."""

from __future__ import annotations

from alembic import context

from integration.db import Base


def run() -> None:
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
