"""Small things of HTTP that several doors share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
from werkzeug import Request, Response

from connectors.demo.shopify.bags import Doc

LARGEST_BODY = 4 * 1024 * 1024


def json_answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, headers, mimetype="application/json")


def redirect(address: str) -> Response:
    return Response(b"", 302, {"Location": address})


def body_of(request: Request) -> Any:
    """The JSON in a request's body; None where it is none."""
    try:
        return json.loads(request.get_data(cache=True))
    except ValueError:
        return None


def sent(request: Request) -> Doc | None:
    """A JSON object or a form, whichever was sent."""
    if request.mimetype == "application/json":
        value = body_of(request)
        return value if isinstance(value, dict) else None
    return request.form.to_dict()
