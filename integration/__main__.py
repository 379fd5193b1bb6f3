"""`python -m integration` is the `integration` command."""

from integration.cli import main

main()
