"""The doors that stores knock on: verify, write down, wake a worker, answer.

The row is the promise: a lost wake only waits for the next sweep. Nothing is believed but that
something changed; a worker asks the store what it looks like now.
"""

from __future__ import annotations

import logging

from flask import Blueprint, request
from werkzeug.exceptions import RequestEntityTooLarge

from connectors.shopify import webhooks as shopify
from connectors.woocommerce import webhooks as woocommerce
from integration import inbox, stores
from integration.db.stores import Store
from integration.errors import ForgedMessage, NotFound
from integration.ports import Topic, WebhookEvent
from integration.records import Platform
from jobs.observe import WEBHOOKS
from sidebar.context import services

log = logging.getLogger(__name__)
bp = Blueprint("webhooks", __name__, url_prefix="/webhooks")

MOST_BYTES = 2 * 1024 * 1024
"""An order of several hundred lines has a few hundred KB."""
COMPLIANCE = frozenset({Topic.DATA_REQUEST, Topic.REDACT_CUSTOMER, Topic.REDACT_SHOP})
FINAL = COMPLIANCE | {Topic.UNINSTALLED}
"""Topics that forget something. Only the body is signed: a header alone must not say whose it is."""
Answer = tuple[str, int]


def _body() -> bytes:
    """The raw bytes, never more than allowed, whether or not the sender says how many there are."""
    request.max_content_length = MOST_BYTES
    if (request.content_length or 0) > MOST_BYTES:
        raise RequestEntityTooLarge
    return request.get_data(cache=False, parse_form_data=False)


def _headers() -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers}


@bp.post("/shopify")
@bp.post("/shopify/compliance")
def shopify_delivery() -> Answer:
    """Every Shopify topic. 401 for a signature that does not fit; 404 for a shop that is not ours.

    Source: shopify.dev, "HTTPS webhook delivery": whole answer within 5 s, anything but 2xx is repeated.
    """
    body = _body()
    event = shopify.read(_headers(), body, services().settings.shopify_secrets)
    if event.topic in FINAL and event.domain not in _shops_named(event):
        raise ForgedMessage("a delivery that ends something, for another shop than its body names")
    if inbox.take(services().db, services().vault, event, body, platform=Platform.SHOPIFY):
        _note_unknown(event, event.domain)
        WEBHOOKS.labels("shopify", "accepted").inc()
        return "", 200
    # A repetition, or a shop that is not there, or no longer: seldom enough to look twice.
    with services().everywhere(write=False) as work:
        store = stores.by_domain(work, Platform.SHOPIFY, event.domain)
        found = (store.account_id, store.id) if store else None
    if found is None:
        # Compliance topics are sent for shops that are long gone: nothing is held, so nothing is left to do.
        known = event.topic in COMPLIANCE
        WEBHOOKS.labels("shopify", "unknown_shop").inc()
        return ("", 200) if known else ("unknown shop", 404)
    return _accept("shopify", *found, event, body)


def _shops_named(event: WebhookEvent) -> tuple[object, ...]:
    """Compliance payloads say `shop_domain`; `app/uninstalled` brings the shop object."""
    return event.payload.get("shop_domain"), event.payload.get("myshopify_domain")


@bp.post("/woocommerce/<int:store_id>")
def woocommerce_delivery(store_id: int) -> Answer:
    """Every WooCommerce topic, signed with the secret that we gave this store."""
    body = _body()
    with services().everywhere(write=False) as work:
        try:
            store = stores.find(work, store_id)
        except NotFound:
            return "unknown store", 404
        found = _secret_of(store)
        account_id = store.account_id
    if found is None:
        return "unknown store", 404
    event = woocommerce.read(_headers(), body, found)
    if event.topic == Topic.PING:
        return "", 200
    return _accept("woocommerce", account_id, store_id, event, body)


def _secret_of(store: Store) -> str | None:
    if store.platform != Platform.WOOCOMMERCE or store.webhook_secret is None:
        return None
    return services().vault.open(store.webhook_secret).decode()


def _accept(platform: str, account_id: int, store_id: int, event: WebhookEvent, body: bytes) -> Answer:
    _note_unknown(event, store_id)
    with services().transaction(account_id) as work:
        store = stores.find(work, store_id)
        if store.credentials is None and event.topic not in COMPLIANCE:
            WEBHOOKS.labels(platform, "disconnected").inc()
            return "disconnected", 404
        fresh = inbox.accept(work, services().vault, store, event, body)
    WEBHOOKS.labels(platform, "accepted" if fresh else "repeated").inc()
    return "", 200


def _note_unknown(event: WebhookEvent, store: int | str) -> None:
    if event.topic == Topic.UNKNOWN:
        log.info("store %s: a delivery of topic %r is not ours to act on", store, event.platform_topic)


@bp.errorhandler(ForgedMessage)
def forged(error: ForgedMessage) -> Answer:
    WEBHOOKS.labels(request.path.split("/")[2], "forged").inc()
    return "the signature does not match", 401


@bp.errorhandler(RequestEntityTooLarge)
def too_large(error: RequestEntityTooLarge) -> Answer:
    return "too large", 413
