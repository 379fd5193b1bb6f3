"""Pieces of the pages in which nothing but the language changes: drawn once for each language."""

from __future__ import annotations

from functools import cache

from flask import Flask
from markupsafe import Markup

from sidebar.languages import current


def install(app: Flask) -> None:
    """`still("_foot.html")` in a template: instead of an include, for a template that expects nothing."""

    @cache
    def drawn(template: str, _language: str) -> Markup:
        # The language is that of the request, so it is all that two drawings may differ in.
        return Markup(app.jinja_env.get_template(template).render())  # noqa: S704 - escaped by the template

    def still(template: str) -> Markup:
        return drawn(template, current())

    app.jinja_env.globals["still"] = still
