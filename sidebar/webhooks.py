"""The doors that stores knock on: verify, write down, wake a worker, answer.

The row is the promise: a lost wake only waits for the next sweep. Nothing is believed but that
something changed; a worker asks the store what it looks like now.

They stand in front of the Flask app and not in it. A store in a burst knocks hundreds of times a second, and
what a page has around it (contexts, routing, languages, hooks) takes longer than taking a delivery in.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge
from werkzeug.wsgi import get_content_length, get_input_stream

from connectors.shopify import webhooks as shopify
from connectors.woocommerce import webhooks as woocommerce
from integration import ids, inbox, stores
from integration.errors import AppError, ForgedMessage, NotFound
from integration.ports import Topic, WebhookEvent
from integration.records import Platform
from jobs import observe
from jobs.boot import Services
from jobs.observe import WEBHOOKS
from sidebar import headers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

DOORS = re.compile(r"/webhooks/(?:(shopify)(?:/compliance)?|(woocommerce)/([0-9]+))", re.ASCII)
MOST_BYTES = 2 * 1024 * 1024
"""An order of several hundred lines has a few hundred KB."""
COMPLIANCE = frozenset({Topic.DATA_REQUEST, Topic.REDACT_CUSTOMER, Topic.REDACT_SHOP})
FINAL = COMPLIANCE | {Topic.UNINSTALLED}
"""Topics that forget something. Only the body is signed: a header alone must not say whose it is."""
Answer = tuple[int, str]


class Doors:
    """A WSGI app that answers deliveries itself and hands everything else on to the pages."""

    def __init__(self, pages: WSGIApplication, services: Services) -> None:
        self.pages = pages
        self._services = services
        self._secrets: dict[int, tuple[bytes, str]] = {}
        """WooCommerce store → its secret as its row has it, and opened. One entry a store that is there."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        door = DOORS.fullmatch(environ.get("PATH_INFO", ""))
        if door is None:
            return self.pages(environ, start_response)
        request_id = headers.request_id(environ.get("HTTP_X_REQUEST_ID", ""))
        with observe.request(request_id):
            status, text = self._answer(environ, door)
        body = text.encode()
        more = [("Allow", "POST")] if status == HTTPStatus.METHOD_NOT_ALLOWED else []
        start_response(
            f"{status} {HTTPStatus(status).phrase}",
            [
                ("Content-Type", "text/plain; charset=utf-8"),
                ("Content-Length", str(len(body))),
                ("X-Request-Id", request_id),
                *headers.FOR_PROGRAMS,
                *more,
            ],
        )
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _answer(self, environ: WSGIEnvironment, door: re.Match[str]) -> Answer:
        """Whatever happens, an answer; no 2xx unless the delivery stands in the database."""
        platform = door[1] or door[2]
        if environ["REQUEST_METHOD"] != "POST":
            return HTTPStatus.METHOD_NOT_ALLOWED, "only POST"
        try:
            body = _body(environ)
            if platform == Platform.SHOPIFY:
                return self._shopify(_headers(environ), body)
            return self._woocommerce(ids.row_id(door[3]), _headers(environ), body)
        except ForgedMessage:
            WEBHOOKS.labels(platform, "forged").inc()
            return HTTPStatus.UNAUTHORIZED, "the signature does not match"
        except NotFound:
            return HTTPStatus.NOT_FOUND, "unknown store"
        except AppError as error:
            if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                log.warning("%s delivery: %s", platform, error.code)
            return error.status, str(error)
        except HTTPException as error:  # too large, or broken off
            return error.code or HTTPStatus.BAD_REQUEST, error.name.lower()
        except Exception:
            log.exception("%s delivery failed", platform)
            return HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong on our side"

    def _shopify(self, given: Mapping[str, str], body: bytes) -> Answer:
        """Every Shopify topic. 401 for a signature that does not fit; 404 for a shop that is not ours.

        Source: shopify.dev, "HTTPS webhook delivery": whole answer within 5 s, anything but 2xx is repeated.
        """
        event = shopify.read(given, body, self._services.settings.shopify_secrets)
        if event.topic in FINAL and event.domain not in _shops_named(event):
            raise ForgedMessage("a delivery that ends something, for another shop than its body names")
        if self._taken(Platform.SHOPIFY, {"domain": event.domain}, event, body):
            return HTTPStatus.OK, ""
        # A repetition, or a shop that is not there, or no longer: seldom enough to look twice.
        with self._services.everywhere(write=False) as work:
            store = stores.by_domain(work, Platform.SHOPIFY, event.domain)
            found = (store.account_id, store.id) if store else None
        if found is None:
            # Compliance topics are sent for shops that are long gone: nothing is held, nothing is left to do.
            WEBHOOKS.labels("shopify", "unknown_shop").inc()
            return (
                (HTTPStatus.OK, "") if event.topic in COMPLIANCE else (HTTPStatus.NOT_FOUND, "unknown shop")
            )
        return self._accepted(Platform.SHOPIFY, *found, event, body)

    def _woocommerce(self, store_id: int, given: Mapping[str, str], body: bytes) -> Answer:
        """Every WooCommerce topic, signed with the secret that we gave this store.

        A secret that this process has seen need not be read again: the delivery is only taken in while the
        store's row still holds that very secret.
        """
        if (known := self._secrets.get(store_id)) is not None:
            sealed, secret = known
            try:
                event = woocommerce.read(given, body, secret)
            except ForgedMessage:
                return self._woocommerce_looked_up(store_id, given, body)  # it may have another by now
            sender: dict[str, int | bytes] = {"id": store_id, "webhook_secret": sealed}
            if event.topic != Topic.PING and self._taken(Platform.WOOCOMMERCE, sender, event, body):
                return HTTPStatus.OK, ""
        return self._woocommerce_looked_up(store_id, given, body)

    def _woocommerce_looked_up(self, store_id: int, given: Mapping[str, str], body: bytes) -> Answer:
        """A store's first delivery here, a repetition, a forgery, or a store that is gone."""
        with self._services.everywhere(write=False) as work:
            store = stores.find(work, store_id)
            account_id, platform, sealed = store.account_id, store.platform, store.webhook_secret
        if platform != Platform.WOOCOMMERCE or sealed is None:
            raise NotFound(f"store {store_id} signs nothing with a secret of ours")
        secret = self._services.vault.open(sealed).decode()
        event = woocommerce.read(given, body, secret)
        self._secrets[store_id] = sealed, secret
        if event.topic == Topic.PING:
            return HTTPStatus.OK, ""
        return self._accepted(Platform.WOOCOMMERCE, account_id, store_id, event, body)

    def _taken(
        self, platform: Platform, sender: Mapping[str, object], event: WebhookEvent, body: bytes
    ) -> bool:
        """The way of nearly every delivery: one statement, for a store that is connected."""
        sender = {"platform": platform, **sender}
        if not inbox.take(self._services.db, self._services.vault, event, body, sender=sender):
            return False
        _note_unknown(event, event.domain)
        WEBHOOKS.labels(platform.value, "accepted").inc()
        return True

    def _accepted(
        self, platform: Platform, account_id: int, store_id: int, event: WebhookEvent, body: bytes
    ) -> Answer:
        _note_unknown(event, store_id)
        with self._services.transaction(account_id) as work:
            store = stores.find(work, store_id)
            if store.credentials is None and event.topic not in COMPLIANCE:
                WEBHOOKS.labels(platform.value, "disconnected").inc()
                return HTTPStatus.NOT_FOUND, "disconnected"
            fresh = inbox.accept(work, self._services.vault, store, event, body)
        WEBHOOKS.labels(platform.value, "accepted" if fresh else "repeated").inc()
        return HTTPStatus.OK, ""


def _body(environ: WSGIEnvironment) -> bytes:
    """The raw bytes, never more than allowed, whether or not the sender says how many there are."""
    length = get_content_length(environ)
    if length is None:
        return get_input_stream(environ, max_content_length=MOST_BYTES).read()
    if length > MOST_BYTES:
        raise RequestEntityTooLarge
    body: bytes = environ["wsgi.input"].read(length)
    if len(body) < length:
        raise ClientDisconnected
    return body


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    """As they were sent, but in capitals."""
    return {
        name[len("HTTP_") :].replace("_", "-"): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }


def _shops_named(event: WebhookEvent) -> tuple[object, ...]:
    """Compliance payloads say `shop_domain`; `app/uninstalled` brings the shop object."""
    return event.payload.get("shop_domain"), event.payload.get("myshopify_domain")


def _note_unknown(event: WebhookEvent, store: str | int) -> None:
    if event.topic == Topic.UNKNOWN:
        log.info("store %s: a delivery of topic %r is not ours to act on", store, event.platform_topic)
