"""The pane's drawings in place. What they look like is in templates/_icons.html, once a page."""

from __future__ import annotations

from functools import cache

from flask import Flask
from markupsafe import Markup


@cache
def icon(name: str, style: str = "", flip: bool = False) -> Markup:
    """`flip`: it points the way one reads, so right-to-left pages mirror it."""
    classes = " ".join(filter(None, ("i", style, "flip" if flip else "")))
    return Markup('<svg class="{}" aria-hidden="true"><use href="#i-{}"/></svg>').format(classes, name)


@cache
def chev() -> Markup:
    """The arrow of what opens."""
    return Markup('<svg class="chev i" aria-hidden="true"><use href="#i-chev"/></svg>')


def install(app: Flask) -> None:
    app.jinja_env.globals.update(icon=icon, chev=chev)
