"""The control plane: how a test looks behind the shop's counter and makes things happen there.

Only with a token, only by POST to `/__control__/<what>` with a JSON object. Not part of any real store.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from connectors.demo.woocommerce import auth, hooks, life, notes, orders, refunds, status, tracking
from connectors.demo.woocommerce.faults import Rule
from connectors.demo.woocommerce.wire import Json, RestError
from connectors.demo.world import SHIPPING

if TYPE_CHECKING:
    from connectors.demo.woocommerce.server import DemoWooCommerce

Command = Callable[["DemoWooCommerce", Json], Any]


def state(store: DemoWooCommerce, _wish: Json) -> Json:
    """Every order and refund in REST shape: what a cache must be equal to, field by field."""
    shop = store.shop
    documents = [
        json.loads(row[0]) for row in shop.database.rows("SELECT document FROM shop_order ORDER BY id")
    ]
    rows = [json.loads(row[0]) for row in shop.database.rows("SELECT document FROM refund ORDER BY id")]
    return {
        "orders": [view for part in batched(documents, 500) for view in orders.views(shop, part)],
        "refunds": [refunds.view(shop, row, with_parent=True) for row in rows],
    }  # fmt: skip


def batched(rows: list[Json], size: int) -> Iterator[list[Json]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def ledger(store: DemoWooCommerce, _wish: Json) -> Json:
    """How often money moved: every payment of the gateway, and the refund rows per order."""
    rows = store.shop.database.rows("SELECT order_id, COUNT(*) FROM refund GROUP BY order_id")
    return {"moves": refunds.ledger(store.shop), "refunds": {str(row[0]): row[1] for row in rows}}


def change_order(store: DemoWooCommerce, wish: Json) -> Json:
    """Any of `status`, `billing`, `shipping`, `customer_note`, `meta`, in one change of order `id`."""
    shop = store.shop
    document = orders.fetch(shop, wish["id"])
    for name in ("billing", "shipping"):
        document[name] = {**document[name], **wish.get(name, {})}
    document["customer_note"] = wish.get("customer_note", document["customer_note"])
    for key, value in wish.get("meta", {}).items():
        orders.set_meta(shop, document, key, value)
    status.change(shop, document, str(wish.get("status") or document["status"]))
    return orders.view(shop, document)


def add_tracking(store: DemoWooCommerce, wish: Json) -> Json:
    """A parcel `number` with everything in it on order `id`; the order becomes shipped."""
    shop = store.shop
    document = orders.fetch(shop, wish["id"])
    carrier = SHIPPING[document["shipping"]["country"] or "EE"][0].carrier
    inside = tracking.everything(document)
    at = store.now()
    parcel = tracking.entry(
        carrier, str(wish.get("number", f"CC{shop.now()}EE")), shop.now(), inside, whole=True
    )
    events = [tracking.event("in_transit", at, "Accepted")]
    known = tracking.status("in_transit", at, at.date().isoformat(), events)
    tracking.add(shop, document, parcel, known)
    status.change(shop, document, "shipped")
    return orders.view(shop, document)


def deliver(store: DemoWooCommerce, wish: Json) -> Json:
    """Parcel `parcel` (default the first) of order `id` reaches the buyer."""
    document = orders.fetch(store.shop, wish["id"])
    life.deliver_or_scan(store.shop, document, int(wish.get("parcel", 0)), at_once=True)
    return orders.view(store.shop, document)


def trash(store: DemoWooCommerce, wish: Json) -> Json:
    status.trash(store.shop, orders.fetch(store.shop, wish["id"]))
    return {}


def untrash(store: DemoWooCommerce, wish: Json) -> Json:
    status.restore(store.shop, orders.fetch(store.shop, wish["id"]))
    return {}


def delete_order(store: DemoWooCommerce, wish: Json) -> Json:
    orders.fetch(store.shop, wish["id"])
    status.erase(store.shop, wish["id"])
    return {}


def delete_refund(store: DemoWooCommerce, wish: Json) -> Json:
    refunds.delete(store.shop, wish["order_id"], wish["id"])
    return {}


def add_note(store: DemoWooCommerce, wish: Json) -> Json:
    orders.fetch(store.shop, wish["id"])
    return notes.write(store.shop, wish["id"], str(wish["note"]), to_customer=bool(wish.get("to_customer")))


def anonymise(store: DemoWooCommerce, wish: Json) -> Json:
    """The privacy eraser on order `id`: names masked, customer gone, marker set. [measured]"""
    shop = store.shop
    document = orders.fetch(shop, wish["id"])
    for name in ("billing", "shipping"):
        document[name] = {key: "[deleted]" if value else "" for key, value in document[name].items()}
    document["billing"] |= {"email": "deleted@site.invalid", "country": ""}
    document["shipping"]["country"] = ""
    document["customer_id"] = 0
    orders.set_meta(shop, document, "_anonymized", "yes")
    orders.touch(shop, document)
    return orders.view(shop, document)


def tick(store: DemoWooCommerce, wish: Json) -> Json:
    """So many steps of the shop's life."""
    return {"steps": [store.life.tick() for _ in range(int(wish.get("times", 1)))]}


def faults(store: DemoWooCommerce, wish: Json) -> Json:
    """Replace (`rules`) or add to (`add`) what goes wrong; always tells the rules in force."""
    if "rules" in wish:
        store.faults.replace([Rule.read(rule) for rule in wish["rules"]])
    store.faults.add([Rule.read(rule) for rule in wish.get("add", [])])
    return {
        "rules": [
            {"action": rule.action, "times": rule.times, "hits": rule.hits} for rule in store.faults.rules
        ]
    }


def weather(store: DemoWooCommerce, wish: Json) -> Json:
    """Chances of `drop`, `double`, `shuffle`, longest `delay` of webhooks, and the `seed` of the dice."""
    seed = int(wish.pop("seed", 0))
    store.deliveries.weather(hooks.Weather(**wish), seed)
    return {}


def drain(store: DemoWooCommerce, wish: Json) -> Json:
    """Wait until every webhook has been sent."""
    return {"empty": store.deliveries.drain(float(wish.get("seconds", 10)))}


def deliveries(store: DemoWooCommerce, _wish: Json) -> Json:
    return {"sent": store.deliveries.sent, "lost": store.deliveries.lost}


def make_key(store: DemoWooCommerce, wish: Json) -> Json:
    user, permissions = wish.get("user", "merchant"), wish.get("permissions", "read_write")
    return auth.make_key(store.shop, user, permissions, "made by a test")


def revoke_key(store: DemoWooCommerce, wish: Json) -> Json:
    """Of `consumer_key`, or all of them."""
    for key in auth.keys(store.shop):
        if wish.get("consumer_key") in (None, key["consumer_key"]):
            auth.revoke(store.shop, key["consumer_key"])
    return {}


def gateway(store: DemoWooCommerce, wish: Json) -> Json:
    """`delay`: seconds the slow amount takes. `deaths`: how many refunds end in the middle, having paid."""
    store.shop.gateway_delay = float(wish.get("delay", store.shop.gateway_delay))
    store.shop.deaths = int(wish.get("deaths", store.shop.deaths))
    return {}


COMMANDS: dict[str, Command] = {
    "state": state,
    "ledger": ledger,
    "orders/change": change_order,
    "orders/track": add_tracking,
    "orders/deliver": deliver,
    "orders/trash": trash,
    "orders/untrash": untrash,
    "orders/delete": delete_order,
    "orders/note": add_note,
    "orders/anonymise": anonymise,
    "refunds/delete": delete_refund,
    "tick": tick,
    "faults": faults,
    "webhooks/weather": weather,
    "webhooks/drain": drain,
    "webhooks/sent": deliveries,
    "keys/make": make_key,
    "keys/revoke": revoke_key,
    "gateway": gateway,
}
WHOLE = ("webhooks/drain", "state", "ledger")
"""Commands that must not hold the database while they work."""


def run(store: DemoWooCommerce, name: str, wish: Json) -> Any:
    """Raises :exc:`RestError` for an unknown command or one that does not fit."""
    command = COMMANDS.get(name)
    if command is None:
        raise RestError(404, "no_such_command", f"one of {', '.join(COMMANDS)}")
    try:
        if name in WHOLE:
            return command(store, wish)
        with store.shop.database.change():
            return command(store, wish)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise RestError(400, "bad_command", f"{type(error).__name__}: {error}") from error
