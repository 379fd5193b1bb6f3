"""create_app(): the web process, built from services that somebody else made."""

from __future__ import annotations

import importlib
from pathlib import Path

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, Map

from integration.ids import LARGEST
from jobs.boot import Services, boot
from sidebar import formats, headers, icons, languages, problems, stills
from sidebar.context import EXTENSION
from sidebar.webhooks import Doors

DOORS_AND_PAGES = (
    "sidebar.helpdesks",
    "sidebar.panel",
    "sidebar.dialogs",
    "sidebar.withdrawals",
    "sidebar.stepping_up",
    "sidebar.fitting",
    "sidebar.pairing",
    "sidebar.opened",
    "sidebar.api",
    "sidebar.admin",
    "sidebar.entrances",
    "sidebar.install",
    "sidebar.ops",
)
"""Modules with a blueprint `bp`."""

LARGEST_BODY = 5 * 1024 * 1024
"""Bytes of any request. Doors that take less say so themselves."""


class RowNumber(IntegerConverter):
    """`<int:…>` in a route: a number that a row can have. Greater ones are no page of ours."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=LARGEST)


def create_app(services: Services | None = None) -> Flask:
    """The app. Without services it builds its own from the environment."""
    services = services or boot()
    here = Path(__file__).parent
    app = Flask(__name__, template_folder=str(here / "templates"), static_folder=str(here / "static"))
    app.extensions[EXTENSION] = services
    # No SECRET_KEY: Flask's own sessions are not used (see sidebar/admin/session.py), and it opens none.
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.url_map.converters["int"] = RowNumber
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    headers.install(app)
    languages.install(app)
    formats.install(app)
    icons.install(app)
    stills.install(app)
    problems.install(app)
    for name in DOORS_AND_PAGES:
        app.register_blueprint(importlib.import_module(name).bp)
    if near := services.settings.trusted_proxies:  # their word on scheme, host and client is taken
        trusted = ProxyFix(app.wsgi_app, x_for=near, x_proto=near, x_host=near)
        app.wsgi_app = trusted  # type: ignore[method-assign] # as Flask's documentation has it
    app.wsgi_app = Doors(app.wsgi_app, services)  # type: ignore[method-assign] # before any hook of a page
    return app
