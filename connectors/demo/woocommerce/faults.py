"""What can go wrong between the shop and its callers, on order: for tests of those who must survive it.

A rule names the requests it is meant for and what befalls them. `times` of them are hit, after `skip`
were let by.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from werkzeug.wrappers import Request, Response

from connectors.demo.woocommerce.wire import Json, encode

ACTIONS = (
    "hangup_before",  # the connection is closed, nothing was done
    "hangup_after",  # it was done, and the connection is closed without a word
    "status_before",  # an error answer, nothing was done
    "status_after",  # it was done and stored, and the answer is an error all the same
    "delay",  # slow, before doing it
    "delay_after",  # slow, having done it
    "html",  # a page instead of JSON (a firewall, a host's maintenance), nothing was done
    "html_after",
    "truncated",  # done, and the answer breaks off in the middle
    "too_many",  # 429 from the host
)

ERROR_BODY = {
    "code": "internal_server_error",
    "message": "<p>There has been a critical error on this website.</p>",
    "data": {"status": 500},
}


@dataclass(slots=True)
class Rule:
    action: str
    method: str = ".*"
    """Regular expressions for the whole method, and for anything in the path."""
    path: str = ""
    times: int = 1
    skip: int = 0
    status: int = 500
    seconds: float = 1.0
    hits: int = 0

    @classmethod
    def read(cls, wish: Json) -> Rule:
        """Raises :exc:`ValueError` for an unknown action or field."""
        unknown = set(wish) - {"action", "method", "path", "times", "skip", "status", "seconds"}
        if unknown or wish.get("action") not in ACTIONS:
            raise ValueError(f"no such fault: {wish}")
        return cls(**wish)

    def meets(self, request: Request) -> bool:
        return bool(re.fullmatch(self.method, request.method) and re.search(self.path, request.path))


class Faults:
    """The rules in force, in the order they were given; the first that meets a request is spent on it."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self._lock = threading.Lock()

    def replace(self, rules: list[Rule]) -> None:
        with self._lock:
            self.rules = rules

    def add(self, rules: list[Rule]) -> None:
        with self._lock:
            self.rules += rules

    def strike(self, request: Request) -> Rule | None:
        with self._lock:
            for rule in self.rules:
                if rule.times <= 0 or not rule.meets(request):
                    continue
                if rule.skip:
                    rule.skip -= 1
                    continue
                rule.times -= 1
                rule.hits += 1
                return rule
        return None


def befall(rule: Rule, request: Request, serve: Callable[[Request], Response]) -> Response:
    """Serve the request the way the rule says. Hanging up raises :exc:`ConnectionAbortedError`."""
    match rule.action:
        case "hangup_before":
            raise ConnectionAbortedError
        case "status_before":
            return _error(rule.status)
        case "too_many":
            return Response("Too Many Requests", 429, {"Retry-After": "1"}, mimetype="text/html")
        case "html":
            return _page(rule.status)
        case "delay":
            time.sleep(rule.seconds)
    response = serve(request)
    match rule.action:
        case "hangup_after":
            raise ConnectionAbortedError
        case "status_after":
            return _error(rule.status)
        case "html_after":
            return _page(rule.status)
        case "delay_after":
            time.sleep(rule.seconds)
        case "truncated":
            return _broken_off(response)
    return response


def _error(status: int) -> Response:
    body = {**ERROR_BODY, "data": {"status": status}}
    return Response(encode(body), status, content_type="application/json; charset=UTF-8")


def _page(status: int) -> Response:
    text = "<!DOCTYPE html><html><head><title>Just a moment…</title></head><body>Checking…</body></html>"
    return Response(text, status, content_type="text/html; charset=UTF-8")


def _broken_off(response: Response) -> Response:
    whole = response.get_data()

    def half() -> Iterator[bytes]:
        yield whole[: len(whole) // 2]

    response.response = half()
    response.headers["Content-Length"] = str(len(whole))
    return response
