"""Errors as people and programs read them: never a trace, never a secret."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, json, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from integration.errors import AppError, BadInput, StoreUnavailable

log = logging.getLogger(__name__)

API = "/api/"
UNREACHED = "database_unavailable"


def install(app: Flask) -> None:
    app.register_error_handler(AppError, _expected)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(OperationalError, _unreached)
    app.register_error_handler(PoolTimeout, _unreached)
    app.register_error_handler(DataError, _unkept)
    app.register_error_handler(Exception, _unexpected)


def problem(status: int, code: str, detail: str, next_step: str = "", **more: Any) -> Response:
    """RFC 9457. `code` is the stable word to act on; `detail` is for people."""
    body = {
        "type": f"urn:deskside:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": getattr(g, "request_id", ""),
    }
    if next_step:
        body["next_step"] = next_step
    return Response(json.dumps(body | more), status, mimetype="application/problem+json")


def _expected(error: AppError) -> ResponseReturnValue:
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("%s %s: %s", request.method, request.endpoint, error.code)
    answer = _answer(error.status, error.code, str(error), error.next_step)
    if isinstance(error, StoreUnavailable):
        answer.headers["Retry-After"] = "20"
    return answer


def _http(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return error  # a redirect, or a response of its own
    code = HTTPStatus(error.code).name.lower()
    answer = _answer(error.code, code, error.description or HTTPStatus(error.code).phrase, "")
    if error.code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = getattr(error, "valid_methods", None) or ()
        answer.headers["Allow"] = ", ".join(allowed)
    return answer


def _unreached(error: OperationalError | PoolTimeout) -> ResponseReturnValue:
    """The database is away, or busy beyond waiting: it passes, and says nothing of what is in it."""
    log.error("%s %s: no answer of the database: %s", request.method, request.endpoint, type(error).__name__)
    answer = _answer(503, UNREACHED, "The database did not answer.", "Wait some minutes, then try again.")
    answer.headers["Retry-After"] = "5"
    return answer


def _unkept(_: DataError) -> ResponseReturnValue:
    """A value that no database keeps, such as a NUL in a text: whoever sent it can mend it."""
    return _answer(400, BadInput.code, "A value in this request cannot be kept.", "")


def _unexpected(error: Exception) -> ResponseReturnValue:
    log.exception("%s %s failed", request.method, request.endpoint)
    return _answer(500, "internal", "Something went wrong on our side.", "")


def wants_problem() -> bool:
    """Programs get problem+json: all of /api, and the pane's own script where it asks for it."""
    return request.path.startswith(API) or "problem+json" in request.headers.get("Accept", "")


def _answer(status: int, code: str, detail: str, next_step: str) -> Response:
    if wants_problem():
        spoken = headline(status, code) if request.path.startswith("/sidebar/") else ""
        shown = _(next_step) if next_step and spoken else next_step
        return problem(status, code, detail, shown, **({"headline": spoken} if spoken else {}))
    page = render_template(
        "error.html",
        status=status,
        headline=headline(status, code),
        next_step=_(next_step) if next_step else "",
        reference=getattr(g, "request_id", "")[:8],
    )
    return Response(page, status, mimetype="text/html")


def headline(status: int, code: str) -> str:
    """One plain sentence for a person."""
    known = {
        "forged": _("We could not verify where this came from."),
        "store_unavailable": _("The store cannot be reached."),
        "rate_limited": _("The store is busy."),
        UNREACHED: _("Our own database did not answer."),
        "expired": _("This page is out of date. Reload it."),
        "access_ended": _("Your access has ended. An admin can restore it."),
    }
    if code in known:
        return known[code]
    if status == HTTPStatus.NOT_FOUND:
        return _("There is nothing here.")
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return _("This is not allowed.")
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return _("This could not be done.")
    return _("Something went wrong on our side.")
