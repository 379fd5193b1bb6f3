"""The control plane: what only tests and the demo may do. Every call needs the control token.

`GET state|ledger|deliveries|idle|faults` look, `POST faults|mischief` plan misfortune, `DELETE faults` ends
it, and `POST do/<verb>` lets something happen in the shop as if a merchant, carrier or customer had done it.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

from graphql import FieldNode, FragmentDefinitionNode, OperationDefinitionNode, parse
from werkzeug import Request, Response

from connectors.demo.shopify import (
    birth,
    catalogue,
    installation,
    orders,
    payloads,
    refunds,
    returns,
    shipping,
)
from connectors.demo.shopify.bags import Doc, Purse
from connectors.demo.shopify.delivering import Mischief, Postman
from connectors.demo.shopify.desk import Desk
from connectors.demo.shopify.faults import Faults
from connectors.demo.shopify.problems import Problem
from connectors.demo.shopify.projection import Plan
from connectors.demo.shopify.schema import schema
from connectors.demo.shopify.shop import SCOPES, Shop, UnknownOrder, number
from connectors.demo.shopify.wire import body_of, json_answer
from connectors.demo.world import World


@cache
def _whole_order() -> Plan:
    """Document 04 with every connection read to its end."""
    path = resources.files("connectors.shopify").joinpath("documents/04_order_by_id.graphql")
    document = parse(path.read_text("utf-8"))
    fragments = {
        each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
    }
    (operation,) = (each for each in document.definitions if isinstance(each, OperationDefinitionNode))
    (field,) = (each for each in operation.selection_set.selections if isinstance(each, FieldNode))
    return Plan(schema(), fragments, schema().type_map["Order"], whole=True).select(field.selection_set)


def state(shop: Shop) -> list[Doc]:
    """Every order as document 04 shows it to an app with all scopes, oldest first, with no page cut off."""
    desk = Desk(shop, SCOPES, {})
    plan = _whole_order()
    found = []
    for order in shop.archive.find("1", ()):
        desk.forget()
        found.append(plan.read(desk.meet(order), desk))
    return found


class Control:
    def __init__(
        self, shops: dict[str, Shop], worlds: Callable[[], World], token: str | None, faults: Faults
    ) -> None:
        self._shops = shops
        self._worlds = worlds
        self._token = token
        self._faults = faults
        self.postman: Postman | None = None

    def __call__(self, request: Request, what: str) -> Response:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not self._token or not hmac.compare_digest(given.encode(), self._token.encode()):
            return json_answer({"errors": "control token needed"}, 401)
        domain = request.args.get("shop") or next(iter(self._shops))
        shop = self._shops.get(domain)
        if shop is None:
            return json_answer({"errors": f"no shop {domain}"}, 404)
        try:
            return self._answer(request, what, shop)
        except (Problem, UnknownOrder, ValueError, KeyError, TypeError) as error:
            return json_answer({"errors": f"{type(error).__name__}: {error}"}, 422)

    def _answer(self, request: Request, what: str, shop: Shop) -> Response:
        assert self.postman is not None
        match (request.method, what):
            case ("GET", "state"):
                return json_answer({"orders": state(shop)})
            case ("GET", "ledger"):
                return json_answer({"ledger": shop.archive.ledger()})
            case ("GET", "deliveries"):
                return json_answer({"deliveries": shop.archive.deliveries()})
            case ("GET", "idle"):
                return json_answer({"idle": self.postman.idle})
            case ("GET", "faults"):
                return json_answer({"faults": [asdict(rule) for rule in self._faults.rules()]})
            case ("POST", "faults"):
                rules = body_of(request)["rules"]
                return json_answer({"faults": [asdict(self._faults.add(**rule)) for rule in rules]})
            case ("DELETE", "faults"):
                self._faults.clear()
                return json_answer({})
            case ("POST", "mischief"):
                self.postman.misbehave(Mischief(**body_of(request)))
                return json_answer({})
        verb = VERBS.get(what.removeprefix("do/")) if what.startswith("do/") else None
        if request.method != "POST" or verb is None:
            return json_answer({"errors": f"unknown: {what}; verbs are {', '.join(VERBS)}"}, 404)
        result = verb(
            shop, **({"world": self._worlds()} if what == "do/order" else {}), **(body_of(request) or {})
        )
        return json_answer({"result": result})


def _order(shop: Shop, world: World, serial: int | None = None) -> str:
    """A new order; `serial` makes it a certain one."""
    with shop.archive.change():
        serial = shop.archive.new_id() if serial is None else serial
        return str(birth.fresh(shop, world, serial)["id"])


def _fulfil(shop: Shop, order: str, lines: list[Doc] | None = None, tracking: list[Doc] | None = None) -> str:
    wanted = [(line["id"], line["quantity"]) for line in lines] if lines else None
    return shipping.fulfil(shop, order, wanted, tracking or [])


def _event(
    shop: Shop, fulfillment: str, status: str, at: str | None = None, message: str | None = None
) -> None:
    shipping.event(shop, fulfillment, status, datetime.fromisoformat(at) if at else None, message)


def _deliver(shop: Shop, order: str) -> None:
    """Every parcel of the order arrives now."""
    found = shop.archive.order(order)
    for parcel in found["fulfillments"] if found else ():
        if not parcel["deliveredAt"]:
            shipping.event(shop, parcel["id"], "DELIVERED", message="Delivered")


def _open_return(shop: Shop, order: str, lines: list[Doc], requested: bool = False) -> Doc:
    """`lines` are `{line, quantity, reason}` with line-item ids."""
    found = shop.archive.order(order)
    if found is None:
        raise UnknownOrder(order)
    wanted = [
        {
            "fulfillmentLineItemId": item,
            "quantity": quantity,
            "returnReasonDefinitionId": returns.BY_HANDLE[line.get("reason", "unwanted")]["id"],
        }
        for line in lines
        for item, quantity in returns.lines_from(found, [(line["line"], line["quantity"])])
    ]
    return returns.open_return(shop, {"orderId": order, "returnLineItems": wanted}, requested=requested)


def _refund(shop: Shop, order: str, amount: str | None = None, note: str = "by staff", **wanted: Any) -> str:
    """A refund made by staff: by `lines` `{lineItemId, quantity}` and `shipping`, or by `amount`."""
    with shop.editing(order) as change:
        suggestion = refunds.suggest(
            change.order, wanted.get("lines") or [], full_shipping=bool(wanted.get("shipping"))
        )
        sum_ = suggestion.amount if amount is None else Purse.of(change.order).parse(amount)
        if sum_ > suggestion.maximum:
            raise Problem("amount", "More than is left")
        payments = refunds.allocate(change.order, sum_)
        refund = refunds.write(shop, change.order, suggestion, payments, at=shop.stamp(), note=note)
        refunds.announce(shop, change, refund)
    return str(refund["id"])


def _set_customer(shop: Shop, customer: str, **values: Any) -> None:
    with shop.archive.change():
        found = shop.archive.customer(customer)
        if found is None:
            raise KeyError(customer)
        orders.save_customer(shop, found[0] | values)


def _comply(shop: Shop, topic: str, customer: str | None = None) -> None:
    """Send one of the three privacy topics."""
    with shop.archive.change():
        found = shop.archive.customer(customer) if customer else None
        mine = shop.archive.find("customer = ?", (number(customer),)) if customer else ()
        ids = [number(order["id"]) for order in mine]
        bodies = payloads.compliance_payload(shop, found[0] if found else None, ids, shop.archive.new_id())
        if shop.archive.kept("installation", "app") is None:  # shop/redact comes when all is over
            shop.archive.keep("installation", "app", {"scopes": [], "at": shop.stamp()})
            shop.announce(topic, bodies[topic])
            shop.archive.drop("installation")
        else:
            shop.announce(topic, bodies[topic])


def _touch(shop: Shop, order: str, **values: Any) -> None:
    """Change plain fields of an order, in the schema's names: note, tags, email, test …"""
    with shop.editing(order) as change:
        change.order |= values


def _set(shop: Shop, name: str, value: Doc | None) -> None:
    """A setting of this shop: `refund_status` `{"status"}`, `bulk_fault` `{"after", "times", "code"}`."""
    with shop.archive.change():
        if value is None:
            shop.archive.drop("settings", name)
        else:
            shop.archive.keep("settings", name, value)


VERBS: dict[str, Callable[..., Any]] = {
    "order": _order,
    "fulfil": _fulfil,
    "event": _event,
    "deliver": _deliver,
    "edit": lambda shop, order, set_quantity=None, add=(): orders.edit(
        shop, order, set_quantity=set_quantity, add=add
    ),
    "touch": _touch,
    "delete": lambda shop, order: orders.delete(shop, order),
    "pay": lambda shop, order: orders.capture(shop, order),
    "return": _open_return,
    "move_return": lambda shop, id, move, **more: returns.move(shop, id, move, **more),
    "refund": _refund,
    "settle": lambda shop, order, transaction, status: refunds.settle_transaction(
        shop, order, transaction, status
    ),
    "customer": _set_customer,
    "install": lambda shop, scopes=None: installation.install(shop, scopes or shop.app.scopes),
    "uninstall": lambda shop: installation.uninstall(shop),
    "scopes": lambda shop, scopes: installation.change_scopes(shop, scopes),
    "expire_tokens": lambda shop: installation.expire_tokens(shop),
    "revoke_tokens": lambda shop: installation.revoke_tokens(shop),
    "comply": _comply,
    "product": lambda shop, product, **values: catalogue.change(shop, product, values),
    "set": _set,
}
"""What may happen, by the name under `/__control__/do/`."""
