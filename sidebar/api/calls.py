"""The calls of the API: each declared once, with what it takes and what it answers.

From the declaration follow the route, the refusal of arguments that the call does not have, and the
description that programs read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec

import msgspec
from flask import Blueprint, Response, request

from sidebar.api import arguments
from sidebar.api.callers import Caller, caller_of_request

bp = Blueprint("api", __name__, url_prefix="/api/v1")

LARGEST_BODY = 64 * 1024
"""Bytes. The largest wish names a few hundred lines."""

P = ParamSpec("P")
View = Callable[Concatenate[Caller, P], Response]


@dataclass(frozen=True, slots=True)
class Argument:
    """One name of the query string."""

    name: str
    about: str
    kind: str = "string"
    """Of JSON schema."""
    form: str = ""
    many: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a program may ask."""

    method: str
    path: str
    """As OpenAPI writes it, below /api/v1."""
    name: str
    about: str
    answers: type[msgspec.Struct]
    status: int
    takes: tuple[Argument, ...]
    body: type[msgspec.Struct] | None
    needs_key: bool
    leads: bool


CALLS: list[Call] = []
"""Every declared call, in the order of its declaration."""


def call(
    method: str,
    path: str,
    about: str,
    *,
    answers: type[msgspec.Struct],
    status: int = 200,
    takes: tuple[Argument, ...] = (),
    body: type[msgspec.Struct] | None = None,
    needs_key: bool = False,
    leads: bool = False,
) -> Callable[[View[P]], View[P]]:
    """Declare a call. The view gets its :class:`Caller` first; nobody else gets in.

    `leads`: not for an agent's token; the view says in which case.
    """

    def declare(view: View[P]) -> View[P]:
        CALLS.append(
            Call(
                method=method,
                path=path,
                name=view.__name__,
                about=about,
                answers=answers,
                status=status,
                takes=takes,
                body=body,
                needs_key=needs_key,
                leads=leads,
            )
        )

        @wraps(view)
        def checked(*args: Any, **kwargs: Any) -> Response:
            caller = caller_of_request()
            arguments.known(*(argument.name for argument in takes))
            return view(caller, *args, **kwargs)

        rule = path.replace("{", "<").replace("}", ">")
        bp.add_url_rule(rule, view.__name__, checked, methods=[method])
        return view

    return declare


def answer(value: Any, status: int = 200, *, location: str = "") -> Response:
    response = Response(msgspec.json.encode(value), status, mimetype="application/json")
    if location:
        response.headers["Location"] = location
    return response


@bp.before_request
def bound_body() -> None:
    request.max_content_length = LARGEST_BODY


@bp.after_request
def say_what_is_missing(response: Response) -> Response:
    """Source: RFC 6750, section 3; RFC 9110, section 10.2.3."""
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="deskside"'
    if response.status_code == 429:
        response.headers["Retry-After"] = "60"
    return response
