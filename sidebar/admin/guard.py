"""Who is signed in to the merchant's pages, and what their role opens."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlencode

from flask import g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from integration.db.accounts import Role
from integration.errors import Forbidden
from integration.people import SignedIn, sessions
from sidebar.admin import cookies
from sidebar.context import services
from sidebar.formats import zone_of

P = ParamSpec("P")

RANK = {Role.AGENT: 0, Role.LEAD: 1, Role.ADMIN: 2}


def signed_in() -> SignedIn | None:
    """Whoever this browser's session cookie belongs to, looked up once a request. For any blueprint."""
    if "signed_in" not in g:
        g.signed_in = _look_up()
    found: SignedIn | None = g.signed_in
    return found


def _look_up() -> SignedIn | None:
    secret = cookies.session_secret()
    if not secret:
        return None
    with services().everywhere(write=False) as work:
        person = sessions.find(work, secret)
    if person is None:
        return None
    g.session_basis = secret
    g.language, g.zone = person.locale, zone_of(person.timezone)
    if services().now() - person.seen_at > sessions.SEEN_EVERY:
        with services().transaction(person.account_id) as work:
            sessions.touch(work, person)
    return person


def person_required(
    least: Role = Role.AGENT,
) -> Callable[[Callable[Concatenate[SignedIn, P], ResponseReturnValue]], Callable[P, ResponseReturnValue]]:
    """Give the view the signed-in person; others go to the sign-in page, lower roles no further."""

    def decorate(view: Callable[Concatenate[SignedIn, P], ResponseReturnValue]) -> Callable[P, Any]:
        @wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            person = signed_in()
            if person is None:
                return redirect(sign_in_address(), 303)
            if not may(person, least):
                raise Forbidden("the role is too low", code="role")
            return view(person, *args, **kwargs)

        return checked

    return decorate


def may(person: SignedIn, least: Role) -> bool:
    return RANK[person.role] >= RANK[least]


def sign_in_address() -> str:
    """Back to the page that was asked for, if it was asked for and not sent to."""
    wanted = request.full_path.rstrip("?") if request.method == "GET" else ""
    query = f"?{urlencode({'next': wanted})}" if wanted else ""
    return url_for("admin.sign_in") + query


def local_target(text: str | None, otherwise: str) -> str:
    """`text` if it is a path of our own, else the other: nobody is sent elsewhere by a link to us."""
    path = text or ""
    strange = "\\" in path or not path.isprintable() or path.startswith("//")
    return path if path.startswith("/") and not strange and len(path) < 500 else otherwise
