"""`make bench`: every figure in one run, as ratios against floors measured beside it."""

from __future__ import annotations

import importlib
import pkgutil

import tests.bench


def main() -> None:
    for module in sorted(each.name for each in pkgutil.iter_modules(tests.bench.__path__)):
        if module == "__main__":
            continue
        print(f"\n== {module} ==", flush=True)
        importlib.import_module(f"tests.bench.{module}").main()


if __name__ == "__main__":
    main()
