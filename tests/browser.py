"""A real Chromium for the pages: the machine's own, else installed where that is possible.

`python tests/browser.py` makes sure that there is one, or says in one line what to do.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
APT = {"DEBIAN_FRONTEND": "noninteractive"}


def find() -> str | None:
    """Path of a Chromium, or None. CHROMIUM names another one."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named
    for name in NAMES:
        if path := shutil.which(name):
            return path
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install() -> None:
    """By Debian's package manager where we may use it, else by Playwright's own download."""
    if shutil.which("apt-get") and os.geteuid() == 0:
        print("installing Chromium with apt-get …", flush=True)
        wanted = ["chromium", "fonts-noto-core"]  # the fonts are for Thai and Arabic pages
        if _run(["apt-get", "update", "-q"]) and _run(["apt-get", "install", "-y", "-q", *wanted]):
            return
    print("installing Chromium with Playwright …", flush=True)
    _run([sys.executable, "-m", "playwright", "install", "chromium"])


def _run(command: list[str]) -> bool:
    return subprocess.run(command, env={**os.environ, **APT}, stdout=subprocess.DEVNULL).returncode == 0


def main() -> int:
    if find() is None:
        install()
    if find() is None:
        print("no Chromium: install the package `chromium`, or set CHROMIUM to one", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
