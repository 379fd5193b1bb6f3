"""`python -m migrations.check`: the models and the last migration describe the same database."""

from __future__ import annotations

import sys
import tempfile

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import migrations
from integration.db import Base
from integration.work import make_engine


def main() -> int:
    with tempfile.TemporaryDirectory() as home:
        engine = make_engine(f"sqlite:///{home}/check.sqlite3")
        migrations.upgrade(engine)
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            differences = compare_metadata(context, Base.metadata)
        engine.dispose()
    for difference in differences:
        print(f"models and migrations differ: {difference}", file=sys.stderr)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
