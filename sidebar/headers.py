"""Security headers, request ids, compression and caching: the same for every answer, in one place."""

from __future__ import annotations

import gzip
import hashlib
import re
import secrets
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, request

from jobs import observe

COMPRESSIBLE = (
    "text/",
    "application/json",
    "application/problem+json",
    "application/javascript",
    "image/svg",
)
WORTH_COMPRESSING = 1024
"""Bytes: below this the header costs more than it saves."""
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
FOREVER = "public, max-age=31536000, immutable"
FOR_PROGRAMS = (("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"))
"""For plain text that only programs read: there is nothing in it to run, frame or follow."""


def install(app: Flask) -> None:
    app.before_request(_name_request)
    app.after_request(_finish)
    app.teardown_request(_end_request)
    app.url_defaults(_stamp_static(app))


def request_id(given: str) -> str:
    """A proxy's own id is kept where it is harmless, so that one id leads through all logs."""
    return given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _name_request() -> None:
    g.request_id = request_id(request.headers.get("X-Request-Id", ""))
    g.log_context = ExitStack()
    g.log_context.enter_context(observe.request(g.request_id))


def _end_request(_: BaseException | None) -> None:
    if "log_context" in g:
        g.log_context.close()


def content_policy() -> str:
    """Who may frame us is the tenant's own answer; scripts and styles are ours alone.

    Pictures of goods come from the stores' own hosts. Source: w3.org, "Content Security Policy Level 3".
    """
    framers = getattr(g, "frame_ancestors", ()) or ("'none'",)
    scripts = ("'self'", *getattr(g, "script_hosts", ()))
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(scripts)}",
            "style-src 'self'",
            "img-src 'self' https: data:",
            "font-src 'self'",
            f"connect-src {' '.join(scripts)}",
            "form-action 'self'",
            "base-uri 'none'",
            "object-src 'none'",
            f"frame-ancestors {' '.join(framers)}",
        )
    )


def _finish(response: Response) -> Response:
    headers = response.headers
    headers["X-Request-Id"] = getattr(g, "request_id", "-")
    headers.setdefault("Content-Security-Policy", content_policy())
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=()"
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    if request.is_secure:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    if request.endpoint == "static":
        headers["Cache-Control"] = FOREVER if "v" in request.args else "public, max-age=300"
    elif "Cache-Control" not in headers:
        headers["Cache-Control"] = "no-store"
    return _compressed(response)


def _compressed(response: Response) -> Response:
    kind = response.mimetype or ""
    if (
        response.status_code != 200
        or not kind.startswith(COMPRESSIBLE)
        or "Content-Encoding" in response.headers
        or "gzip" not in request.headers.get("Accept-Encoding", "")
        or (response.is_streamed and not response.direct_passthrough)
    ):
        return response
    response.direct_passthrough = False
    source = response.response
    body = response.get_data()
    if (close := getattr(source, "close", None)) is not None:
        close()  # the file behind a static answer: all of it has been read
    response.vary.add("Accept-Encoding")
    if len(body) < WORTH_COMPRESSING:
        return response
    packed = _squeeze(body) if request.endpoint == "static" else gzip.compress(body, 5, mtime=0)
    response.set_data(packed)
    response.headers["Content-Encoding"] = "gzip"
    etag, _ = response.get_etag()
    if etag:
        response.set_etag(f"{etag}-gzip")
    return response


@lru_cache(maxsize=64)
def _squeeze(body: bytes) -> bytes:
    return gzip.compress(body, 9, mtime=0)


def _stamp_static(app: Flask) -> Any:
    """Addresses of static files carry the digest of their content: they may be kept for ever."""

    @lru_cache(maxsize=256)
    def digest(path: Path, changed: float) -> str:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:12]

    def add(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "filename" in values and "v" not in values:
            path = Path(str(app.static_folder), values["filename"])
            if path.is_file():
                values["v"] = digest(path, path.stat().st_mtime)

    return add
