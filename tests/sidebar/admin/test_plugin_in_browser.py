"""The WordPress plugin's screens in Chromium: whole, labelled, and at home in narrow windows.

WordPress itself and its style sheets are not here; around the screens stands a plain page of our own.
"""

from __future__ import annotations

from tests.connectors.woocommerce import plugin_screens
from tests.sidebar.barriers import barriers
from tests.sidebar.windows import Windows

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Agent sidebar</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body {{ font: 13px/1.5 sans-serif; margin: 1rem }} input {{ max-width: 100% }}
th {{ text-align: start; padding-inline-end: 1rem }} .button {{ display: inline-block; padding: .4rem .8rem }}
.notice {{ border-inline-start: 4px solid #b32d2e; padding: 0 1rem; background: #f6f7f7 }}</style></head>
<body><main>{}</main></body></html>"""


def test_every_screen_is_accessible_and_fits(windows: Windows) -> None:
    with windows.lent() as window:
        page = window.show(320, 800)
        found = {}
        for name, screen in plugin_screens.recorded().items():
            page.set_content(PAGE.format(screen))
            broken = barriers(page)
            if name == "not allowed":  # there is nothing on it at all
                broken = [one for one in broken if not one.startswith("page-has-heading-one")]
            if broken:
                found[name] = broken
        assert found == {}
