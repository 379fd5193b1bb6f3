"""The front door: from an HTTP request to the part of the store that answers it."""

from __future__ import annotations

import json
import re
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from werkzeug import Request, Response
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wsgi import FileWrapper

from connectors.demo.shopify import bulk, endpoint, faults, installation, oauth, pages
from connectors.demo.shopify.cost import Bucket
from connectors.demo.shopify.serving import BreakOff, HangUp
from connectors.demo.shopify.shop import Shop
from connectors.demo.shopify.signing import session_token
from connectors.demo.shopify.wire import LARGEST_BODY, body_of, json_answer, redirect

VERSIONS = ("2026-01", "2026-04", "2026-07", "2026-10", "unstable")
"""Served; any other is answered by the oldest of them. Source: fact sheet, 0."""

ROUTES = Map(
    [
        Rule("/__control__/<path:what>", endpoint="control"),
        Rule("/<shop>/admin/api/<version>/graphql.json", endpoint="graphql", methods=["POST"]),
        Rule("/<shop>/admin/oauth/authorize", endpoint="authorize", methods=["GET", "POST"]),
        Rule("/<shop>/admin/oauth/install", endpoint="app", methods=["GET", "POST"]),
        Rule("/<shop>/admin/oauth/access_token", endpoint="token", methods=["POST"]),
        Rule("/<shop>/admin/apps/<client_id>", endpoint="app", methods=["GET", "POST"]),
        Rule("/<shop>/admin/session-token", endpoint="session_token", methods=["GET"]),
        Rule("/<shop>/admin/orders/<int:order_id>", endpoint="order_page", methods=["GET"]),
        Rule("/<shop>/admin", endpoint="home", methods=["GET"]),
        Rule("/<shop>/bulk/<name>", endpoint="download", methods=["GET", "HEAD"]),
        Rule("/<shop>/pictures/<sku>.svg", endpoint="picture", methods=["GET"]),
    ],
    strict_slashes=False,
)


class Front:
    """The WSGI application for all shops of one store."""

    def __init__(self, shops: dict[str, Shop], control: Callable[[Request, str], Response]) -> None:
        self.shops = shops
        self.faults = faults.Faults()
        self.buckets = {
            name: Bucket(shop.conduct.bucket, shop.conduct.restore) for name, shop in shops.items()
        }
        self._control = control

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        request.max_content_length = LARGEST_BODY
        try:
            response = self.answer(request)
        except HTTPException as error:
            response = json_answer({"errors": error.name}, error.code or 500)
        except (HangUp, BreakOff):
            raise
        except Exception:  # the process's edge: a bug shows itself and the store stays up
            traceback.print_exc()
            response = json_answer({"errors": "Internal Server Error"}, 500)
        return response(environ, start_response)

    def answer(self, request: Request) -> Response:
        """Route the request, with whatever misfortune is due to it."""
        request.get_data(cache=True)
        if request.path.startswith("/__control__/"):
            return self._route(request)
        names: set[str] = set()
        if request.path.endswith("/graphql.json"):
            body = body_of(request)
            if isinstance(body, dict) and isinstance(body.get("query"), str):
                names = faults.names_in(body["query"])
        rule = self.faults.strike(request.path, names)
        return self._route(request) if rule is None else self._unlucky(request, rule)

    def _unlucky(self, request: Request, rule: faults.Rule) -> Response:
        match rule.action:
            case "hangup_before":
                raise HangUp
            case "status_before":
                return json_answer({"errors": "Internal Server Error"}, rule.status)
            case "429":
                return json_answer(
                    {"errors": "Too many requests"}, 429, {"Retry-After": f"{rule.seconds:.1f}"}
                )
            case "html":
                return Response(
                    "<!doctype html><title>Something went wrong</title>", 200, mimetype="text/html"
                )
            case "throttled":
                return self._throttled(request)
            case "delay":
                time.sleep(rule.seconds)
                return self._route(request)
        response = self._route(request)
        match rule.action:
            case "hangup_after":
                raise HangUp
            case "status_after":
                return json_answer({"errors": "Internal Server Error"}, rule.status)
            case "delay_after":
                time.sleep(rule.seconds)
            case "truncated":
                raise BreakOff(response)
            case "denied_after":
                error = {"message": "Access denied for order field.", "path": ["refundCreate", "order"]}
                denied = {"errors": [error | {"extensions": {"code": "ACCESS_DENIED"}}]}
                return json_answer(json.loads(response.get_data()) | denied)
            case "wrong_version":
                response.headers["X-Shopify-API-Version"] = VERSIONS[0]
        return response

    def _throttled(self, request: Request) -> Response:
        bucket = self.buckets.get(request.path.split("/")[1]) or Bucket(0, 1)
        status = bucket.status() | {"currentlyAvailable": 0}
        cost = {"requestedQueryCost": 100, "actualQueryCost": None, "throttleStatus": status}
        error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
        return json_answer({"errors": [error], "extensions": {"cost": cost}})

    def _route(self, request: Request) -> Response:
        name, found = ROUTES.bind_to_environ(request.environ).match()
        values = dict(found)
        if name == "control":
            return self._control(request, values["what"])
        shop = self.shops.get(values.pop("shop"))
        if shop is None:
            return json_answer({"errors": "Not Found"}, 404)
        answer: Response = getattr(self, f"_{name}")(shop, request, **values)
        return answer

    def _graphql(self, shop: Shop, request: Request, version: str) -> Response:
        scopes = installation.scopes_of(shop, request.headers.get("X-Shopify-Access-Token", ""))
        if scopes is None:
            message = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return json_answer({"errors": message}, 401)
        served = version if version in VERSIONS else VERSIONS[0]
        value = endpoint.answer(shop, self.buckets[shop.domain], scopes, body_of(request))
        return json_answer(value, 200, {"X-Shopify-API-Version": served, "Cache-Control": "no-store"})

    def _authorize(self, shop: Shop, request: Request) -> Response:
        return oauth.authorize(shop, request)

    def _token(self, shop: Shop, request: Request) -> Response:
        return oauth.token(shop, request)

    def _app(self, shop: Shop, request: Request, client_id: str | None = None) -> Response:
        """The app inside the admin; where it is not installed yet, the grant page of managed installation."""
        if (client_id or request.args.get("client_id")) != shop.app.client_id or not shop.app.url:
            return pages.problem(shop, "Unknown application", 404)
        if request.method == "POST" and request.form.get("decision") == "install":
            installation.install(shop, shop.app.scopes)
            return redirect(f"{shop.address}/admin/apps/{shop.app.client_id}")
        if installation.installed(shop) is None:
            return pages.grant(shop, shop.app.scopes, request.url)
        return pages.app_frame(shop)

    def _session_token(self, shop: Shop, request: Request) -> Response:
        """Mint what App Bridge would, installing the app if need be; for programs that play the merchant."""
        if installation.installed(shop) is None:
            installation.install(shop, shop.app.scopes)
        seconds = request.args.get("seconds", 60, type=int)
        return json_answer({"id_token": session_token(shop, seconds=seconds)})

    def _home(self, shop: Shop, request: Request) -> Response:
        return pages.home(shop, list(shop.archive.find("1", (), "processed DESC", 50)))

    def _order_page(self, shop: Shop, request: Request, order_id: int) -> Response:
        order = shop.archive.order(f"gid://shopify/Order/{order_id}")
        return pages.order(shop, order) if order else pages.problem(shop, "No such order", 404)

    def _picture(self, shop: Shop, request: Request, sku: str) -> Response:
        return pages.image(sku) or json_answer({"errors": "Not Found"}, 404)

    def _download(self, shop: Shop, request: Request, name: str) -> Response:
        """A bulk result; a range from some byte on is answered as such."""
        path = bulk.file_for(shop, name, request.args.get("expires", ""), request.args.get("signature", ""))
        if path is None:
            return Response("<Error><Code>ExpiredToken</Code></Error>", 400, mimetype="application/xml")
        size = path.stat().st_size
        match = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        start = int(match.group(1)) if match else 0
        if match and start >= size:
            return Response(b"", 416, {"Content-Range": f"bytes */{size}"})
        headers = {"Content-Length": str(size - start), "Accept-Ranges": "bytes"}
        if match:
            headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        return Response(
            _chunks(path, start),
            206 if match else 200,
            headers,
            mimetype="application/jsonl",
            direct_passthrough=True,
        )


def _chunks(path: Path, start: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        yield from FileWrapper(file, 256 * 1024)
