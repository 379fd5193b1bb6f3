"""How WordPress writes things down: JSON with escaped slashes, times in pairs, errors as objects.

Source: recordings of WooCommerce 10.2.4 on WordPress 6.8.8 (`tests/samples/woocommerce`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

Json = dict[str, Any]
"""A JSON object of the wire. What is inside is the wire's business."""

SITE_ZONE = ZoneInfo("Europe/Tallinn")
"""The shop's own time, in which every `date_x` without `_gmt` is written."""

VERSION = "10.2.4"
WORDPRESS = "6.8.8"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route gives back, before it becomes bytes."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class RestError(Exception):
    """An error in WordPress' own shape. `data` is usually `{"status": …}`, but refunds send a bare number."""

    def __init__(self, status: int, code: str, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.body: Json = {"code": code, "message": message, "data": data or {"status": status}}


def invalid(param: str, message: str, code: str, data: Any = None) -> RestError:
    """A parameter that does not pass the route's schema: 400 with the reason per parameter."""
    details = {param: {"code": code, "message": message, "data": data}}
    body = {"status": 400, "params": {param: message}, "details": details}
    return RestError(400, "rest_invalid_param", f"Invalid parameter(s): {param}", body)


def missing(param: str) -> RestError:
    data = {"status": 400, "params": [param]}
    return RestError(400, "rest_missing_callback_param", f"Missing parameter(s): {param}", data)


def no_route() -> RestError:
    return RestError(404, "rest_no_route", "No route was found matching the URL and request method.")


def encode(value: Any) -> bytes:
    """JSON as PHP writes it: ASCII only, slashes escaped, no spaces."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode()


def pair(name: str, moment: int | None) -> Json:
    """`name` in site time and `name_gmt`, both without a zone; null for no moment (Unix seconds)."""
    return {name: site_time(moment), f"{name}_gmt": gmt(moment)}


def site_time(moment: int | None) -> str | None:
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, SITE_ZONE).strftime("%Y-%m-%dT%H:%M:%S")


def gmt(moment: int | None) -> str | None:
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S")


DATE_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:?\d\d)?")


def read_moment(text: str, param: str, *, are_gmt: bool) -> int:
    """A filter's time as Unix seconds, with the store's own misreading.

    Bare times are site time, or GMT when `are_gmt`. A zone in the text is honoured when `are_gmt` is
    absent; together with it the moment is turned into site time and then taken for GMT. [measured]
    """
    found = DATE_TIME.fullmatch(text)
    if not found:
        raise invalid(param, "Invalid date.", "rest_invalid_date")
    day, clock, zone = found.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone == 'Z' else zone or ''}")
    except ValueError as error:
        raise invalid(param, "Invalid date.", "rest_invalid_date") from error
    if zone and are_gmt:
        moment = moment.astimezone(SITE_ZONE).replace(tzinfo=None)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC if are_gmt else SITE_ZONE)
    return int(moment.timestamp())


def number(value: float) -> float | int:
    """A JSON number as PHP writes a float: whole ones without a point."""
    return int(value) if value == int(value) else value


def truth(value: Any) -> bool:
    """A boolean parameter: WordPress takes several spellings of no."""
    return value not in (False, None, 0, "", "0", "false", "FALSE", "no", "off")


def only_fields(value: Any, fields: str) -> Any:
    """`_fields=a,b.c`: the named parts of an object, or of each in a list; inner lists are not entered."""
    if isinstance(value, list):
        return [only_fields(item, fields) for item in value]
    if not isinstance(value, dict) or not fields:
        return value
    result: Json = {}
    names = [name.strip() for name in fields.split(",") if name.strip()]
    for key, item in value.items():
        inner = [name.split(".", 1)[1] for name in names if name.startswith(f"{key}.")]
        if key in names:
            result[key] = item
        elif inner and isinstance(item, dict):
            result[key] = only_fields(item, ",".join(inner))
    return result
