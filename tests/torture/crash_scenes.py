"""What crash runs are about: every action that moves money, and everything that can befall its calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integration.ports import ActionKind
from tests.torture.crash_stage import Stage

PATIENCE = 0.5
"""Seconds a client waits for an answer where the store is slow on purpose; elsewhere as in earnest."""
SLOW = 0.9
"""Seconds such a store takes: longer than that."""

DOWN = "down"
"""... until somebody mends it: the money went back, and the order cannot be cancelled."""

Rules = Mapping[str, Mapping[str, Any] | None]

SHOPIFY_FAULTS: Rules = {
    "none": None,
    "reset before": {"action": "hangup_before"},
    "reset after": {"action": "hangup_after"},
    "500 before": {"action": "status_before"},
    "500 after commit": {"action": "status_after"},
    "answer cut off": {"action": "truncated"},
    "time-out, then done": {"action": "delay", "seconds": SLOW},
    "done, then time-out": {"action": "delay_after", "seconds": SLOW},
    "HTML page": {"action": "html"},
    "throttled": {"action": "throttled"},
    "429": {"action": "429", "seconds": 0.1},
}
WOOCOMMERCE_FAULTS: Rules = {
    "none": None,
    "reset before": {"action": "hangup_before"},
    "reset after": {"action": "hangup_after"},
    "500 before": {"action": "status_before"},
    "error although stored": {"action": "status_after"},
    "answer cut off": {"action": "truncated"},
    "time-out, then done": {"action": "delay", "seconds": SLOW},
    "done, then time-out": {"action": "delay_after", "seconds": SLOW},
    "HTML page": {"action": "html"},
    "HTML page after": {"action": "html_after"},
    "429": {"action": "too_many"},
}
"""Of the money call. The gateway's own misfortunes are below."""
GATEWAY = {"slow gateway": "15.15", "declined": "13.13", "gateway reset": "14.14", "gateway death": "2.00"}
"""What befalls the payment behind WooCommerce, and the amount by which the demo gateway knows."""
BLIND = ", then blind"
"""The money call fails, and so do the first looks at what became of it."""
STATUS = "status: "
"""A WooCommerce cancel is two calls: this befalls the second, which sets the order's status."""


def _refund(order: Any, **more: Any) -> dict[str, Any]:
    return {"exception": "torture", **more}


def _one_piece(order: Any) -> list[dict[str, Any]]:
    tail = order.lines[0].platform_id.rpartition("/")[2]
    return [{"line_id": f"{order.id}.{tail}", "quantity": 1, "restock": True}]


def _euros(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


WISHES: dict[str, Any] = {
    "refund lines": lambda order: _refund(order, lines=_one_piece(order)),
    "refund lines and shipping": lambda order: _refund(
        order, lines=_one_piece(order), shipping=_euros("1.00")
    ),
    "refund shipping": lambda order: _refund(order, shipping=_euros("1.00")),
    "refund amount": lambda order: _refund(order, amount=_euros("2.00")),
    "store credit": lambda order: _refund(order, lines=_one_piece(order), method="store_credit"),
    "manual": lambda order: _refund(order, amount=_euros("2.00"), method="manual"),
    "cancel": lambda order: {"restock": True, "refund": True},
    "cancel for store credit": lambda order: {"restock": True, "refund": True, "method": "store_credit"},
}
ACTIONS = {
    "shopify": (
        "refund lines",
        "refund lines and shipping",
        "refund shipping",
        "refund amount",
        "store credit",
        "cancel",
        "cancel for store credit",
    ),
    "woocommerce": (
        "refund lines",
        "refund lines and shipping",
        "refund shipping",
        "refund amount",
        "manual",
        "cancel",
    ),
}


@dataclass(frozen=True)
class Scene:
    platform: str
    action: str
    fault: str

    @property
    def name(self) -> str:
        return f"{self.platform} {self.action} / {self.fault}"

    @property
    def kind(self) -> ActionKind:
        return ActionKind.CANCEL if self.action.startswith("cancel") else ActionKind.REFUND

    @property
    def is_slow(self) -> bool:
        return "time-out" in self.fault or self.fault == "slow gateway"

    def wish(self, order: Any) -> dict[str, Any]:
        body: dict[str, Any] = WISHES[self.action](order)
        if self.fault in GATEWAY:
            body["amount"] = _euros(GATEWAY[self.fault])
        return body


def scenes() -> list[Scene]:
    """All of them."""
    found = [
        Scene(platform, action, fault)
        for platform, faults in (("shopify", SHOPIFY_FAULTS), ("woocommerce", WOOCOMMERCE_FAULTS))
        for action in ACTIONS[platform]
        for fault in (*faults, "reset after" + BLIND, "reset before" + BLIND)
    ]
    found += [Scene("woocommerce", "refund amount", fault) for fault in GATEWAY]
    found += [
        Scene("woocommerce", "cancel", STATUS + fault)
        for fault in ("reset before", "reset after", "error although stored", "429", DOWN)
    ]
    return found


def misfortune(stage: Stage, scene: Scene) -> None:
    """Plan what befalls the money call of this run."""
    stage.clear_faults()
    if scene.platform == "shopify":
        stage.control("shopify", "faults", {"rules": _shopify_rules(scene)})
    elif scene.fault in GATEWAY:
        stage.control("woocommerce", "gateway", {"deaths": 1 if scene.fault == "gateway death" else 0})
    else:
        stage.control("woocommerce", "faults", {"rules": _woocommerce_rules(scene)})


def _shopify_rules(scene: Scene) -> list[dict[str, Any]]:
    operation = "orderCancel" if scene.kind is ActionKind.CANCEL else "refundCreate"
    rule = SHOPIFY_FAULTS[scene.fault.removesuffix(BLIND)]
    rules = [{**rule, "operation": operation}] if rule else []
    if scene.fault.endswith(BLIND):
        rules.append({"action": "status_before", "operation": "OrderRefundReadback", "times": 6})
    return rules


def _woocommerce_rules(scene: Scene) -> list[dict[str, Any]]:
    on_status = scene.fault.startswith(STATUS)
    name = scene.fault.removesuffix(BLIND).removeprefix(STATUS)
    rule = {"action": "status_before", "times": 1000} if name == DOWN else WOOCOMMERCE_FAULTS[name]
    path = r"/orders/\d+$" if on_status else r"/orders/\d+/refunds$"
    rules = [{**rule, "method": "POST|PUT", "path": path}] if rule else []
    if scene.fault.endswith(BLIND):
        rules.append(
            {"action": "status_before", "method": "GET", "path": r"/refunds$", "times": 6, "skip": 2}
        )
    return rules
