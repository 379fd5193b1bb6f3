"""The cookies of the merchant's pages, and the token that proves a form to be ours.

Two cookies, both ours alone: one holds the session's secret, one a random value for visitors who are
not signed in yet, so that their forms are bound to their browser too. On https both carry the
`__Host-` prefix, which no neighbouring host can set.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from flask import Response, g, request
from markupsafe import Markup

from sidebar.context import derived_key, services

FIELD, HEADER = "csrf", "X-CSRF-Token"


def https() -> bool:
    return services().settings.app_url.startswith("https://")


def session_name() -> str:
    return "__Host-deskside" if https() else "deskside"


def visitor_name() -> str:
    return f"{session_name()}-form"


def session_secret() -> str:
    return request.cookies.get(session_name(), "")[:200]


def set_session(response: Response, secret: str) -> None:
    _set(response, session_name(), secret, max_age=7 * 24 * 3600)


def forget_session(response: Response) -> None:
    response.delete_cookie(session_name(), path="/", secure=https(), httponly=True, samesite="Lax")


def keep_visitor(response: Response) -> Response:
    """After a page with a form for somebody not signed in."""
    if made := g.get("visitor_made"):
        _set(response, visitor_name(), made, max_age=None)
    return response


def csrf_token() -> str:
    """What a form of this browser must carry."""
    basis = g.get("session_basis") or _visitor()
    return hmac.new(derived_key("admin forms"), basis.encode(), hashlib.sha256).hexdigest()


def csrf_field() -> Markup:
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, csrf_token())


def csrf_fits() -> bool:
    """Whether this request carries the token of its own browser. Compared in constant time."""
    given = request.headers.get(HEADER) or request.form.get(FIELD, "")
    if not g.get("session_basis") and not request.cookies.get(visitor_name()):
        return False
    return hmac.compare_digest(given.encode(), csrf_token().encode())


def _visitor() -> str:
    found = request.cookies.get(visitor_name(), "")[:100] or g.get("visitor_made", "")
    if not found:
        found = g.visitor_made = secrets.token_urlsafe(24)
    return str(found)


def _set(response: Response, name: str, value: str, *, max_age: int | None) -> None:
    response.set_cookie(name, value, max_age=max_age, path="/", secure=https(), httponly=True, samesite="Lax")
