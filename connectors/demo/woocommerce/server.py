"""The demo shop as a server: routes, threads, start and stop."""

from __future__ import annotations

import hmac
import json
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from connectors.demo.goods import BY_SKU, picture
from connectors.demo.woocommerce import (
    auth,
    authorize,
    call,
    control,
    hooks,
    order_routes,
    orders,
    other_routes,
    pages,
    refund_routes,
    refunds,
    seeding,
)
from connectors.demo.woocommerce.database import Database
from connectors.demo.woocommerce.faults import Faults, befall
from connectors.demo.woocommerce.life import Life
from connectors.demo.woocommerce.shop import Shop
from connectors.demo.woocommerce.wire import Answer, Json, RestError, encode, no_route, only_fields
from connectors.demo.world import STORE_NAME, Store, World

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)

API = "/wp-json/wc/v3"
Route = Callable[..., Answer]

ROUTES: Mapping[str, Mapping[str, Route]] = {
    "/orders": {"GET": order_routes.listed, "POST": order_routes.create},
    "/orders/batch": {"POST": order_routes.batch, "PUT": order_routes.batch},
    "/orders/statuses": {"GET": order_routes.statuses},
    "/orders/<int:id_>": {
        "GET": order_routes.one, "PUT": order_routes.update, "POST": order_routes.update,
        "PATCH": order_routes.update, "DELETE": order_routes.delete,
    },
    "/orders/<int:id_>/notes": {"GET": order_routes.list_notes, "POST": order_routes.write_note},
    "/orders/<int:id_>/fulfillments": {
        "GET": order_routes.list_fulfillments, "POST": order_routes.create_fulfillment,
    },
    "/orders/<int:order_id>/refunds": {"GET": refund_routes.listed, "POST": refund_routes.create},
    "/orders/<int:order_id>/refunds/<int:id_>": {"GET": refund_routes.one, "DELETE": refund_routes.delete},
    "/refunds": {"GET": refund_routes.everywhere},
    "/customers": {"GET": other_routes.list_customers, "POST": other_routes.create_customer},
    "/customers/<int:id_>": {
        "GET": other_routes.one_customer, "PUT": other_routes.update_customer,
        "POST": other_routes.update_customer, "DELETE": other_routes.delete_customer,
    },
    "/products": {"GET": other_routes.list_products},
    "/products/<int:id_>": {"GET": other_routes.one_product, "PUT": other_routes.update_product},
    "/products/<int:id_>/variations": {"GET": other_routes.list_variations},
    "/products/<int:id_>/variations/<int:variation_id>": {"GET": other_routes.one_variation},
    "/webhooks": {"GET": other_routes.list_webhooks, "POST": other_routes.create_webhook},
    "/webhooks/<int:id_>": {
        "GET": other_routes.one_webhook, "PUT": other_routes.update_webhook,
        "POST": other_routes.update_webhook, "DELETE": other_routes.delete_webhook,
    },
    "/payment_gateways": {"GET": other_routes.gateways},
    "/payment_gateways/<id_>": {"GET": other_routes.one_gateway},
    "/system_status": {"GET": other_routes.system_status},
    "/settings/<group>": {"GET": other_routes.settings},
    "/settings/general/<name>": {"GET": other_routes.one_setting},
    "/shipping/zones": {"GET": other_routes.zones},
    "/shipping/zones/<int:_id>/methods": {"GET": other_routes.zone_methods},
    "/shipping_methods": {"GET": other_routes.shipping_methods},
    "/taxes": {"GET": other_routes.taxes},
    "/data/currencies/current": {"GET": other_routes.currency},
    "/reports/orders/totals": {"GET": order_routes.totals},
    "": {"GET": other_routes.namespace},
}  # fmt: skip

HEADERS = {
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
    "Access-Control-Expose-Headers": "X-WP-Total, X-WP-TotalPages, Link",
    "Access-Control-Allow-Headers": "Authorization, X-WP-Nonce, Content-MD5, Content-Type",
    "Expires": "Wed, 11 Jan 1984 05:00:00 GMT",
    "Cache-Control": "no-cache, must-revalidate, max-age=0, no-store, private",
}


class Quiet(WSGIRequestHandler):
    """Requests go to our log, without their queries: keys and signatures are in them."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        log.debug("%s %s %s %s", self.command, self.path.partition("?")[0], code, size)

    def connection_dropped(self, error: BaseException, environ: WSGIEnvironment | None = None) -> None:
        """Hang up for good: werkzeug would keep the caller waiting on a line that stays open."""
        self.close_connection = True


class DemoWooCommerce:
    """The whole shop. In a test: `with DemoWooCommerce(tmp_path, orders=20) as store: … store.url`."""

    def __init__(
        self,
        data_dir: Path,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        orders: int = 300,
        seed: int = 1,
        live: float | None = None,
        allow_http: bool = False,
        control: str = "",
        name: str = STORE_NAME[Store.WOOCOMMERCE],
        number_prefix: str = "",
        webhook_pause: float = 0.2,
        clock: Callable[[], float] = time.time,
        ssl_context: tuple[str, str] | None = None,
    ) -> None:
        """`control` is the token of the control plane; empty closes it. `live` is seconds between events."""
        database = Database(Path(data_dir) / "woocommerce.db")
        self.shop = Shop(
            database,
            Path(data_dir),
            name=name,
            number_prefix=number_prefix,
            allow_http=allow_http,
            clock=clock,
        )
        self.deliveries = hooks.Deliveries(self.shop, pause=webhook_pause)
        self.shop.tell, self.shop.greet = self.deliveries.enqueue, self.deliveries.ping
        self.faults = Faults()
        self._control, self._live, self._orders, self._seed = control, live, orders, seed
        self._address, self._tls = (host, port), ssl_context
        self._server: BaseWSGIServer | None = None
        self._routes = Map([Rule(f"{API}{path}", endpoint=path) for path in ROUTES])
        self.life: Life

    @property
    def url(self) -> str:
        """Known once the store has started."""
        return self.shop.url

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.shop.now(), UTC)

    def start(self) -> Self:
        """Listen, fill the shop if it is new, and serve in the background."""
        server = make_server(
            *self._address, self, threaded=True, request_handler=Quiet, ssl_context=self._tls
        )
        server.daemon_threads = True  # type: ignore[attr-defined]  # of ThreadingMixIn, which the stub leaves out
        self._server = server
        self.shop.url = f"{'https' if self._tls else 'http'}://{self._address[0]}:{server.port}"
        if not self.shop.database.setting("salt"):
            self.shop.database.set("salt", secrets.token_hex(16))
        world = World(now=self.now() - timedelta(minutes=1), seed=self._seed, orders=self._orders)
        seeding.seed(self.shop, world)
        self.life = Life(self.shop, world)
        self.deliveries.start()
        threading.Thread(target=server.serve_forever, args=(0.05,), name="shop", daemon=True).start()
        if self._live:
            self.life.start(self._live)
        return self

    def stop(self) -> None:
        if self._server is None:
            return
        self.life.stop()
        self._server.shutdown()
        self._server.server_close()
        self.deliveries.stop()
        self.shop.database.close()
        self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def key(self, user: str = "merchant", permissions: str = "read_write") -> tuple[str, str]:
        """A key made by hand, as a merchant makes one in the settings: consumer key and secret."""
        made = auth.make_key(self.shop, user, permissions, "made by hand")
        return str(made["consumer_key"]), str(made["consumer_secret"])

    def command(self, what: str, **wish: Any) -> Any:
        """The control plane without HTTP, for tests in the same process."""
        return control.run(self, what, wish)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        if request.path.startswith("/__control__/"):
            response = self._control_plane(request)
        else:
            rule = self.faults.strike(request)
            response = befall(rule, request, self._serve) if rule else self._serve(request)
        return response(environ, start_response)

    def _control_plane(self, request: Request) -> Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not self._control or not hmac.compare_digest(token.encode(), self._control.encode()):
            return Response("no", 404)
        try:
            wish = json.loads(request.get_data() or b"{}")
            done = control.run(self, request.path.removeprefix("/__control__/"), wish)
        except RestError as error:
            return Response(json.dumps(error.body), error.status, content_type="application/json")
        return Response(json.dumps(done), content_type="application/json")

    def _serve(self, request: Request) -> Response:
        if request.path.startswith("/wp-json"):
            return self._rest(request)
        return self._page(request)

    def _rest(self, request: Request) -> Response:
        allow = ""
        try:
            inner = call.read(self.shop, request)
            if request.path.rstrip("/") == "/wp-json":
                return self._json(request, inner, other_routes.index(inner))
            inner.who = auth.caller(self.shop, request, inner.method)
            methods, arguments = self._match(request)
            allow = ", ".join(methods)
            if inner.method == "OPTIONS":
                return self._json(
                    request, inner, Answer({"namespace": "wc/v3", "methods": list(methods)}), allow
                )
            route = methods.get("GET" if inner.method == "HEAD" else inner.method)
            if route is None:
                raise no_route()
            return self._json(request, inner, route(inner, **arguments), allow)
        except RestError as error:
            return Response(encode(error.body), error.status, self._headers(allow), content_type=JSON_TYPE)
        except call.HeaderTooBig:
            return Response(BAD_GATEWAY, 502, content_type="text/html")
        except Exception:  # the edge of the process, where PHP has its "critical error"
            log.exception("%s %s", request.method, request.path)
            body = {"code": "internal_server_error", "message": refunds.CRITICAL, "data": {"status": 500}}
            return Response(encode(body), 500, content_type=JSON_TYPE)

    def _match(self, request: Request) -> tuple[Mapping[str, Route], Mapping[str, Any]]:
        adapter = self._routes.bind("shop")
        try:
            path, arguments = adapter.match(request.path.rstrip("/"), method="GET")
        except HTTPException as error:
            raise no_route() from error
        return ROUTES[path], arguments

    def _headers(self, allow: str) -> dict[str, str]:
        extra = {"Allow": allow} if allow else {}
        return {**HEADERS, "Link": f'<{self.shop.url}/wp-json/>; rel="https://api.w.org/"', **extra}

    def _json(self, request: Request, inner: call.Call, answer: Answer, allow: str = "") -> Response:
        headers = {**self._headers(allow), **answer.headers}
        if inner.method == "HEAD":
            return Response(b"", answer.status, headers, content_type=JSON_TYPE)
        body = only_fields(answer.body, inner.text("_fields"))
        return Response(encode(body), answer.status, headers, content_type=JSON_TYPE)

    def _page(self, request: Request) -> Response:
        path = request.path
        if path.startswith("/wc-auth/v1/"):
            route = path.removeprefix("/wc-auth/v1/").strip("/")
            if route in ("authorize", "login", "access_granted"):
                return authorize.serve(self.shop, request, route)
        if path.startswith("/wp-content/uploads/") and path.endswith(".svg"):
            product = BY_SKU.get(path.removeprefix("/wp-content/uploads/").removesuffix(".svg"))
            if product:
                return Response(picture(product), content_type="image/svg+xml")
        if path == "/wp-admin/admin.php":
            return self._admin(request)
        if path == "/wp-login.php":
            return self._log_in(request)
        if path == "/" and "rest_route" in request.args:  # key auth only knows pretty addresses. [measured]
            sorry = RestError(401, "woocommerce_rest_cannot_view", auth.SORRY["view"])
            return Response(encode(sorry.body), 401, content_type=JSON_TYPE)
        if path == "/":
            return Response(pages.front(self.shop), content_type=HTML_TYPE)
        return Response(pages.nothing(self.shop), 404, content_type=HTML_TYPE)

    def _log_in(self, request: Request) -> Response:
        target = request.args.get("redirect_to", "/wp-admin/admin.php?page=wc-orders")
        safe = target if target.startswith("/wp-admin/") else "/wp-admin/admin.php?page=wc-orders"
        response = redirect(safe)
        if request.method == "POST" and authorize.log_in(self.shop, request, response):
            return response
        form = pages.login(self.shop, "The merchant’s desk", "/", wrong=request.method == "POST")
        return Response(form, content_type=HTML_TYPE)

    def _admin(self, request: Request) -> Response:
        if authorize.logged_in(self.shop, request) is None:
            return redirect(f"/wp-login.php?redirect_to={quote(request.full_path, safe='')}")
        wanted = request.args.get("id", "")
        if request.args.get("action") == "edit" and wanted.isdecimal():
            document = orders.load(self.shop, int(wanted))
            if document is None:
                return Response(pages.nothing(self.shop), 404, content_type=HTML_TYPE)
            return Response(pages.order(self.shop, document), content_type=HTML_TYPE)
        sql = "SELECT document FROM shop_order WHERE status != 'trash' ORDER BY created DESC LIMIT 100"
        documents: list[Json] = [json.loads(row[0]) for row in self.shop.database.rows(sql)]
        return Response(pages.order_list(self.shop, documents), content_type=HTML_TYPE)


JSON_TYPE = "application/json; charset=UTF-8"
HTML_TYPE = "text/html; charset=UTF-8"
BAD_GATEWAY = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"
)
