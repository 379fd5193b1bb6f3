"""The API's own description: OpenAPI 3.1, generated from the declared calls and their shapes."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from flask import Response

from integration import shapes
from sidebar.api.calls import CALLS, Argument, Call, answer, bp
from sidebar.context import services

VERSION = "1"
REF = "#/components/schemas/{name}"
Json = dict[str, Any]

PROBLEMS = {
    "400": "What was sent cannot be used; `detail` names it.",
    "401": "No living token.",
    "403": "The token's role or limit does not allow it.",
    "404": "There is nothing with this id in the token's account.",
    "429": "Too many calls in a minute.",
}
ACTION_PROBLEMS = {
    "409": "The order or the request changed meanwhile.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "422": "Well formed, but this order, policy or limit cannot grant it; or the key was used otherwise.",
    "503": "The store or our own database did not answer. Ask again: one key does nothing twice.",
}


@bp.get("/openapi.json")
def openapi() -> Response:
    return answer(document(services().settings.app_url))


def document(app_url: str) -> Json:
    """The whole description. Every call that `calls.call` declared is in it."""
    known = {shape for call in CALLS for shape in (call.answers, call.body) if shape is not None}
    _, schemas = msgspec.json.schema_components(
        sorted(known | {shapes.Problem}, key=lambda shape: shape.__name__), ref_template=REF
    )
    paths: dict[str, Json] = {}
    for call in CALLS:
        paths.setdefault(call.path, {})[call.method.lower()] = _operation(call)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Deskside",
            "version": VERSION,
            "description": "Orders, parcels, rights of return and refunds of the connected stores. "
            "Money is decimal text with its currency, times are RFC 3339 in UTC, ids are text.",
        },
        "servers": [{"url": f"{app_url}/api/v1"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(call: Call) -> Json:
    problems = PROBLEMS | (ACTION_PROBLEMS if call.method == "POST" else {})
    about = f"{call.about} Needs a lead's or admin's token." if call.leads else call.about
    operation: Json = {
        "operationId": call.name,
        "summary": call.about.split(". ")[0].rstrip("."),
        "description": about,
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in _in_path(call)
            ),
            *(_parameter(argument) for argument in call.takes),
        ],
        "responses": {
            str(call.status): _response("Done." if call.status == 200 else "Written down.", call.answers),
            **{status: _problem(text) for status, text in problems.items()},
        },
    }
    if call.needs_key:
        operation["parameters"].append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": True,
                "description": "Random; the same one for every repetition of one request.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 200},
            }
        )
    if call.body is not None:
        operation["requestBody"] = {
            "required": any(field.required for field in msgspec.structs.fields(call.body)),
            "content": {"application/json": {"schema": _ref(call.body)}},
        }
    return operation


def _in_path(call: Call) -> list[str]:
    return re.findall(r"{(\w+)}", call.path)


def _parameter(argument: Argument) -> Json:
    schema: Json = {"type": argument.kind}
    if argument.form:
        schema["format"] = argument.form
    if argument.many:
        schema = {"type": "array", "items": schema}
    return {"name": argument.name, "in": "query", "description": argument.about, "schema": schema}


def _response(text: str, shape: type[msgspec.Struct]) -> Json:
    return {"description": text, "content": {"application/json": {"schema": _ref(shape)}}}


def _problem(text: str) -> Json:
    return {
        "description": text,
        "content": {"application/problem+json": {"schema": _ref(shapes.Problem)}},
    }


def _ref(shape: type[msgspec.Struct]) -> Json:
    return {"$ref": REF.format(name=shape.__name__)}
