"""The WordPress plugin's screens in Chromium: whole, labelled, and at home in narrow windows.

WordPress itself and its style sheets are not here; around the screens stands a plain page of our own.
"""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.connectors.woocommerce import plugin_screens

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Agent sidebar</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body {{ font: 13px/1.5 sans-serif; margin: 1rem }} input {{ max-width: 100% }}
th {{ text-align: start; padding-inline-end: 1rem }} .button {{ display: inline-block; padding: .4rem .8rem }}
.notice {{ border-inline-start: 4px solid #b32d2e; padding: 0 1rem; background: #f6f7f7 }}</style></head>
<body><main>{}</main></body></html>"""


def test_every_screen_is_accessible_and_fits(browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 320, "height": 800})
    try:
        found = {}
        for name, screen in plugin_screens.recorded().items():
            page.set_content(PAGE.format(screen))
            too_wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            broken = {violation["id"] for violation in Axe().run(page).response["violations"]}
            if name == "not allowed":
                broken -= {"page-has-heading-one"}  # there is nothing on it at all
            if broken or too_wide > 0:
                found[name] = (broken, too_wide)
        assert found == {}
    finally:
        page.close()
