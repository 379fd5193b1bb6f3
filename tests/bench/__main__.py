"""`make bench`: every figure in one run, as ratios against floors measured beside it.

Names choose some: `python -m tests.bench backfill intake`.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

import tests.bench


def main() -> None:
    wanted = sys.argv[1:]
    for name in sorted(each.name for each in pkgutil.iter_modules(tests.bench.__path__)):
        if name == "__main__" or (wanted and name not in wanted):
            continue
        module = importlib.import_module(f"tests.bench.{name}")
        if hasattr(module, "main"):  # others are what benches stand on
            print(f"\n== {name} ==", flush=True)
            module.main()


if __name__ == "__main__":
    main()
