"""What axe finds on a page, and whether the page is wider than its window."""

from __future__ import annotations

from functools import cache

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Frame, Page

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
LOOK = """async (tags) =>
  (await axe.run({ resultTypes: ["violations"], runOnly: tags })).violations
    .flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 120)}`))"""
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@cache
def _script() -> str:
    return str(Axe().axe_script)


def barriers(page: Page | Frame) -> list[str]:
    """Every violation of WCAG 2.2 AA and of good practice, and how much is cut off at the side."""
    if page.evaluate("typeof axe") == "undefined":  # once a document: it takes a fifth of a second
        page.evaluate(_script())
    found: list[str] = page.evaluate(LOOK, TAGS)
    wide = page.evaluate(WIDER)
    return [*found, *([f"{wide} px too wide"] if wide > 0 else [])]
