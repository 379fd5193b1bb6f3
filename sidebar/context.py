"""What a request can reach: the app's services, its place in the tree of pages, who may frame it."""

from __future__ import annotations

import hashlib
import hmac
from typing import cast

from flask import current_app, g

from jobs.boot import Services

EXTENSION = "deskside"


def services() -> Services:
    """The services that `create_app` was given."""
    return cast(Services, current_app.extensions[EXTENSION])


def derived_key(purpose: str) -> bytes:
    """A key of our own for one purpose, so that what is signed for one never opens another."""
    return hmac.new(services().settings.secret_key.encode(), purpose.encode(), hashlib.sha256).digest()


def allow_framing(*origins: str) -> None:
    """Let these origins frame the answer to this request; everything else stays `'none'`."""
    g.frame_ancestors = tuple(origin for origin in origins if origin)


def allow_scripts(*hosts: str) -> None:
    """Let this page load scripts from a vendor's host besides our own."""
    g.script_hosts = (*getattr(g, "script_hosts", ()), *hosts)
