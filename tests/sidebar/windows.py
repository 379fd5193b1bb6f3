"""Windows of a real browser, kept from test to test.

A new window costs half a second of work; what a test may have left behind in one is cleared away instead.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page
from playwright.sync_api import Error as BrowserError

from tests import browser as chromium

PATIENCE = 60_000
"""Milliseconds until a page that never shows what is waited for fails its test: a guard, not a measure."""
FLAGS = ("--no-sandbox", "--disable-gpu")


class Window:
    """One page in a context of its own, and what went wrong in it."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.errors: list[str] = []
        """Errors of scripts that nobody caught."""
        self.said: list[ConsoleMessage] = []
        """What the page wrote to the console."""
        context.set_default_timeout(PATIENCE)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        context.on("console", lambda line: self.said.append(line))
        self.page: Page = context.pages[0] if context.pages else context.new_page()

    @property
    def troubles(self) -> list[str]:
        """Errors of scripts, and what the page's own policy refused."""
        refused = [line.text for line in self.said if "Content Security Policy" in line.text]
        return [*self.errors, *refused]

    def show(self, width: int, height: int, scheme: Any = "light", motion: Any = "no-preference") -> Page:
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.emulate_media(color_scheme=scheme, reduced_motion=motion)
        return self.page

    def clear(self) -> None:
        """As new: one empty page, no cookies, no routes, no pointer over it, nothing said."""
        for page in self.context.pages:
            if page is not self.page:
                page.close()
        self.context.unroute_all()
        self.page.unroute_all()
        self.page.mouse.move(-1, -1)
        # Not asked for from inside: an empty page inherits the policy of the page that asked for it.
        self.page.goto("about:blank")
        self.page.set_extra_http_headers({})
        self.context.clear_cookies()
        self.context.clear_permissions()
        self.errors.clear()
        self.said.clear()


class Windows:
    """Those of one process. Each test gets as many as it asks for and hands them back at its end."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self._free: dict[str, list[Window]] = {}
        self._profiles = TemporaryDirectory(prefix="deskside-profiles-")

    @contextmanager
    def lent(self, kind: str = "") -> Iterator[Window]:
        """A window until the end of the block: of a language, of a mode of third-party cookies, or one
        whose `clock` a test can hurry."""
        free = self._free.setdefault(kind, [])
        window = free.pop() if free else Window(self._made(kind))
        try:
            yield window
        finally:
            try:
                window.clear()
            except BrowserError:  # it was closed, or hangs in what the test left open
                window.context.close()
            else:
                free.append(window)

    def _made(self, kind: str) -> BrowserContext:
        if kind.startswith("cookies"):
            return self._with_preferences(kind)
        if kind == "clock":
            context = self.browser.new_context()
            context.clock.install()  # it goes on by itself
            return context
        return self.browser.new_context(**({"locale": kind} if kind else {}))

    def _with_preferences(self, kind: str) -> BrowserContext:
        """A browser of its own: third-party cookies are a preference of the whole profile."""
        blocked = kind == "cookies-blocked"
        profile = Path(mkdtemp(dir=self._profiles.name))
        (profile / "Default").mkdir()
        wish = {"profile": {"cookie_controls_mode": int(blocked), "block_third_party_cookies": blocked}}
        (profile / "Default" / "Preferences").write_text(json.dumps(wish))
        return self.browser.browser_type.launch_persistent_context(
            profile, executable_path=chromium.find(), args=list(FLAGS)
        )

    def close(self) -> None:
        for windows in self._free.values():
            for window in windows:
                window.context.close()
        self._profiles.cleanup()
