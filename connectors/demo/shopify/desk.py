"""One request's view of the shop: what the token may see, and how references lead to what they name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo

from connectors.demo.shopify import catalogue
from connectors.demo.shopify.bags import Doc, money_v2
from connectors.demo.shopify.shop import Shop, stamp
from connectors.demo.shopify.webhooks import grants

VISIBLE = timedelta(days=60)
"""How far back orders are seen without `read_all_orders`."""


class Desk:
    """Reads for one GraphQL request. Not shared between threads."""

    def __init__(self, shop: Shop, scopes: tuple[str, ...], variables: Doc) -> None:
        self.shop = shop
        self.scopes = scopes
        self.variables = variables
        self.warnings: list[Doc] = []
        self._known: dict[str, Doc] = {}
        self._people: dict[str, Doc] = {}

    def demand(self, scope: str, where: str) -> None:
        """Raise the platform's own error where `scope` was not granted. Source: fact sheet, 1.6."""
        if not grants(self.scopes, scope):
            raise GraphQLError(
                f"Access denied for {where} field. Required access: `{scope}` access scope.",
                extensions={"code": "ACCESS_DENIED", "requiredAccess": f"`{scope}` access scope."},
            )

    @property
    def oldest(self) -> str | None:
        """Orders placed before this are invisible; None where all are seen."""
        return None if grants(self.scopes, "read_all_orders") else stamp(self.shop.now() - VISIBLE)

    def forget(self, *, people: bool = False) -> None:
        """Let go of the orders met so far: something was changed, or they are done with."""
        self._known.clear()
        if people:
            self._people.clear()

    def meet(self, order: Doc) -> Doc:
        """Remember an order and all its parts, so that references to them are followed without a search."""
        for part in parts(order):
            self._known[part["id"]] = part
        return order

    def order(self, gid: str) -> Doc | None:
        known = self._known.get(gid)
        if known:
            return known
        order = self.shop.archive.order(gid) if "/Order/" in gid else None
        if order is None or (self.oldest and order["processedAt"] < self.oldest):
            return None
        return self.meet(order)

    def customer(self, gid: str) -> Doc | None:
        known = self._people.get(gid)
        if known:
            return known
        found = self.shop.archive.customer(gid) if "/Customer/" in gid else None
        return self.greet(found) if found else None

    def greet(self, found: tuple[Doc, int, int]) -> Doc:
        """A customer with the figures that orders give them."""
        customer, orders, spent = found
        customer["numberOfOrders"] = str(orders)
        customer["amountSpent"] = money_v2(spent, self.shop.currency)
        self._people[customer["id"]] = customer
        return customer

    def find(self, gid: str) -> Doc | None:
        """Anything that has an id of its own."""
        known = self._known.get(gid)
        if known:
            return known
        if "/Order/" in gid:
            return self.order(gid)
        if "/Customer/" in gid:
            return self.customer(gid)
        if "/Product/" in gid:
            return catalogue.find(self.shop, gid)
        owner = self.shop.archive.owner_of(gid)
        if owner and (self.oldest is None or owner["processedAt"] >= self.oldest):
            self.meet(owner)
        return self._known.get(gid)

    def follow(self, value: Any) -> Any:
        """Where a value is only a reference, what it names (or itself, where nobody knows more)."""
        if isinstance(value, dict) and len(value) == 1 and "id" in value and value["id"]:
            return self.find(value["id"]) or value
        return value


def parts(order: Doc) -> Iterator[Doc]:
    """The order and everything in it that references may name."""
    yield order
    yield from order["lineItems"]
    yield from order["transactions"]
    for fulfillment in order["fulfillments"]:
        yield fulfillment
        yield from fulfillment["fulfillmentLineItems"]
    yield from order["refunds"]
    for back in order["returns"]:
        yield back
        yield from back["returnLineItems"]
        for reverse in back["reverseFulfillmentOrders"]:
            yield reverse
            yield from reverse["lineItems"]


Info = GraphQLResolveInfo[Desk]
"""What a resolver is told beside its arguments."""
