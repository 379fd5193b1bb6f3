"""A webhook delivery, verified and read. Pure: writes nothing, asks nobody.

Only the body is signed: topic and shop come from headers that anybody could have set, so they are
only good for looking things up. Source: shopify.dev, "Verify webhook deliveries", "Webhook headers".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from connectors.shopify.domains import is_shop_domain
from integration.errors import ForgedMessage
from integration.ports import Topic, WebhookEvent

Payload = dict[str, Any]


def read(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> WebhookEvent:
    """The event in a delivery signed with one of `secrets`; :exc:`ForgedMessage` for anything else.

    Header names in any case, with or without `X-`. A body that is signed but cannot be read gives a
    :attr:`Topic.UNKNOWN` with no payload: Shopify would repeat it for hours, and it would stay so.
    """
    given = {name.lower().removeprefix("x-"): value for name, value in headers.items()}
    verify(given.get("shopify-hmac-sha256", ""), body, secrets)
    domain = given.get("shopify-shop-domain", "").strip().lower()
    name = given.get("shopify-topic", "")[:100]
    payload = _payload(body)
    topic, find = TOPICS.get(name, (Topic.UNKNOWN, _nothing))
    if payload is None or not is_shop_domain(domain):
        topic, find = Topic.UNKNOWN, _nothing
    resource_id = find(payload or {})
    if topic is Topic.ORDER and resource_id is None:
        topic, resource_id = _without_order(payload or {})
    return WebhookEvent(
        topic=topic,
        platform_topic=name,
        delivery_id=given.get("shopify-webhook-id", "")[:100] or _digest(name, domain, body),
        domain=domain if is_shop_domain(domain) else "",
        resource_id=resource_id,
        triggered_at=_moment(given.get("shopify-triggered-at", "")),
        api_version=given.get("shopify-api-version", "")[:20],
        payload=payload or {},
    )


def verify(signature: str, body: bytes, secrets: Sequence[str]) -> None:
    """Base64 of HMAC-SHA256 over the raw bytes, compared in constant time, with every secret in turn.

    Ours and not the library's: that one takes text only, and a signed body need not be text.
    """
    good = False
    for secret in secrets:
        digest = hmac.digest(secret.encode(), body, "sha256")
        good |= hmac.compare_digest(base64.b64encode(digest), signature.strip().encode())
    if not good:
        raise ForgedMessage("the signature of a Shopify delivery does not match")


def _payload(body: bytes) -> Payload | None:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found if isinstance(found, dict) else None


def gid(kind: str, value: object) -> str | None:
    """`gid://shopify/Order/1` of the number 1, the text "1", or the gid itself."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int) and value > 0:
        return f"gid://shopify/{kind}/{value}"
    if isinstance(value, str):
        if re.fullmatch(r"[0-9]{1,20}", value, re.ASCII):
            return f"gid://shopify/{kind}/{value}"
        if re.fullmatch(rf"gid://shopify/{kind}/[0-9]{{1,20}}", value, re.ASCII):
            return value
    return None


def _own(kind: str) -> Callable[[Payload], str | None]:
    """The payload is the thing itself."""
    return lambda payload: gid(kind, payload.get("admin_graphql_api_id")) or gid(kind, payload.get("id"))


def _order_of(payload: Payload) -> str | None:
    """The order that something hangs on, as the various payloads name it."""
    order = payload.get("order")
    inside = order if isinstance(order, dict) else {}
    return (
        gid("Order", payload.get("order_id"))
        or gid("Order", inside.get("admin_graphql_api_id"))
        or gid("Order", inside.get("id"))
    )


def _edited_order(payload: Payload) -> str | None:
    edit = payload.get("order_edit")
    return _order_of(edit) if isinstance(edit, dict) else None


def _without_order(payload: Payload) -> tuple[Topic, str | None]:
    """Some return topics name only the return, or the goods under way: their order is asked for later."""
    inside = payload.get("return")
    candidates = (payload, inside if isinstance(inside, dict) else {})
    for each in candidates:
        for kind in ("Return", "ReverseFulfillmentOrder"):
            if found := gid(kind, each.get("admin_graphql_api_id")) or _full(kind, each.get("id")):
                return Topic.RETURN, found
    if (return_id := gid("Return", candidates[1].get("id"))) is not None:
        return Topic.RETURN, return_id
    return Topic.UNKNOWN, None


def _full(kind: str, value: object) -> str | None:
    return gid(kind, value) if isinstance(value, str) and value.startswith("gid:") else None


def _return(payload: Payload) -> str | None:
    return _order_of(payload)


def _customer(payload: Payload) -> str | None:
    customer = payload.get("customer")
    return gid("Customer", customer.get("id")) if isinstance(customer, dict) else None


def _kept_customer(payload: Payload) -> str | None:
    return gid("Customer", payload.get("admin_graphql_api_customer_kept_id"))


def _summarised_customer(payload: Payload) -> str | None:
    return gid("Customer", payload.get("customerId")) or gid("Customer", payload.get("customer_id"))


def _nothing(_: Payload) -> str | None:
    return None


_ORDER = (Topic.ORDER, _own("Order"))
_HANGS_ON_ORDER = (Topic.ORDER, _order_of)

TOPICS: dict[str, tuple[Topic, Callable[[Payload], str | None]]] = {
    "orders/create": _ORDER,
    "orders/updated": _ORDER,
    "orders/paid": _ORDER,
    "orders/cancelled": _ORDER,
    "orders/fulfilled": _ORDER,
    "orders/partially_fulfilled": _ORDER,
    "orders/edited": (Topic.ORDER, _edited_order),
    "orders/delete": (Topic.ORDER_GONE, _own("Order")),
    "orders/risk_assessment_changed": _HANGS_ON_ORDER,
    "refunds/create": _HANGS_ON_ORDER,
    "order_transactions/create": _HANGS_ON_ORDER,
    "fulfillments/create": _HANGS_ON_ORDER,
    "fulfillments/update": _HANGS_ON_ORDER,
    "fulfillment_events/create": _HANGS_ON_ORDER,
    "fulfillment_events/delete": _HANGS_ON_ORDER,
    "disputes/create": _HANGS_ON_ORDER,
    "disputes/update": _HANGS_ON_ORDER,
    "returns/request": _HANGS_ON_ORDER,
    "returns/approve": _HANGS_ON_ORDER,
    "returns/decline": _HANGS_ON_ORDER,
    "returns/cancel": _HANGS_ON_ORDER,
    "returns/close": _HANGS_ON_ORDER,
    "returns/reopen": _HANGS_ON_ORDER,
    "returns/process": _HANGS_ON_ORDER,
    "returns/update": _HANGS_ON_ORDER,
    "reverse_deliveries/attach_deliverable": _HANGS_ON_ORDER,
    "reverse_fulfillment_orders/dispose": _HANGS_ON_ORDER,
    "customers/create": (Topic.CUSTOMER, _own("Customer")),
    "customers/update": (Topic.CUSTOMER, _own("Customer")),
    "customers/delete": (Topic.CUSTOMER, _own("Customer")),
    "customers/merge": (Topic.CUSTOMER, _kept_customer),
    "customers/purchasing_summary": (Topic.CUSTOMER, _summarised_customer),
    "customer.tags_added": (Topic.CUSTOMER, _summarised_customer),
    "customer.tags_removed": (Topic.CUSTOMER, _summarised_customer),
    "products/update": (Topic.PRODUCT, _own("Product")),
    "products/delete": (Topic.PRODUCT, _own("Product")),
    "bulk_operations/finish": (Topic.BULK, _own("BulkOperation")),
    "app/uninstalled": (Topic.UNINSTALLED, _nothing),
    "app/scopes_update": (Topic.SCOPES, _nothing),
    "shop/update": (Topic.SHOP, _own("Shop")),
    "customers/data_request": (Topic.DATA_REQUEST, _customer),
    "customers/redact": (Topic.REDACT_CUSTOMER, _customer),
    "shop/redact": (Topic.REDACT_SHOP, _nothing),
}
"""What each topic means to us, and where its payload names the resource. Source: fact sheet, 5.1."""


def _moment(text: str) -> datetime | None:
    """A time with nanoseconds; None for what is none."""
    found = re.fullmatch(
        r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", text.strip(), re.ASCII
    )
    if not found:
        return None
    try:
        fraction = (found[2] or "")[:7]
        return datetime.fromisoformat(f"{found[1]}{fraction}{found[3]}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _digest(name: str, domain: str, body: bytes) -> str:
    """Stands in for a missing delivery id, so that a repetition is still recognised."""
    return "sha256:" + hashlib.sha256(b"\0".join((name.encode(), domain.encode(), body))).hexdigest()
