"""Our webhooks at a store: there, active, each once, with the secret we know.

The store disables a webhook after its seventh failure in a row, tells nobody, and keeps the count when it
is switched on again; so a disabled one is made anew. It never shows a secret; so the name carries a
few letters of the secret's hash, and one that was made with another secret is made anew too.
Source: facts, §9 (measured).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from connectors.woocommerce.calls import Calls
from connectors.woocommerce.raw import Raw, identity, text
from connectors.woocommerce.walks import everything
from integration.errors import StoreRefused

TOPICS = (
    "order.created",
    "order.updated",
    "order.deleted",
    "order.restored",
    "product.updated",
    "action.woocommerce_order_refunded",
    "action.woocommerce_before_delete_order",
)
"""`order.updated` already follows a refund; the action is the second witness. The last one is the only news
of an order that is deleted for good. Nothing at all is sent when a refund is deleted (measured)."""


def subscribe(calls: Calls, address: str, secret: str) -> Sequence[str]:
    """Create what is missing, replace what is broken, remove doubles. Returns the changes in words."""
    ours = [row for row in everything(calls, "webhooks") if text(row, "delivery_url") == address]
    changes: list[str] = []
    for topic in TOPICS:
        name = webhook_name(topic, secret)
        mine = [row for row in ours if text(row, "topic") == topic]
        good = [row for row in mine if text(row, "status") == "active" and text(row, "name") == name]
        for row in mine:
            if row not in good[:1]:
                changes += _remove(calls, row)
        if not good:
            body = {"name": name, "topic": topic, "delivery_url": address, "secret": secret}
            calls.write("POST", "webhooks", {**body, "status": "active"})
            changes.append(f"created {topic}")
    for row in ours:
        if text(row, "topic") not in TOPICS:
            changes += _remove(calls, row)
    return changes


def unsubscribe(calls: Calls, address: str) -> Sequence[str]:
    """Remove all of ours: they would outlive the key and keep sending (facts, §11)."""
    ours = [row for row in everything(calls, "webhooks") if text(row, "delivery_url") == address]
    return [change for row in ours for change in _remove(calls, row)]


def webhook_name(topic: str, secret: str) -> str:
    return f"Deskside {topic} {hashlib.sha256(secret.encode()).hexdigest()[:8]}"


def _remove(calls: Calls, row: Raw) -> list[str]:
    try:
        calls.write("DELETE", f"webhooks/{identity(row)}", None, force=True)
    except StoreRefused as error:
        if error.code != "not_found":
            raise
    return [f"removed {text(row, 'topic')} ({text(row, 'status')})"]
