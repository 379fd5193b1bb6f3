"""What happens in two shops, and what goes wrong between them and us. All of it by dice."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from typing import Any

from redis.exceptions import RedisError

from connectors.demo.shopify.control import VERBS
from connectors.demo.shopify.delivering import Mischief
from connectors.demo.shopify.life import Life
from connectors.demo.shopify.problems import Problem
from connectors.demo.shopify.shop import UnknownOrder
from connectors.demo.woocommerce.wire import RestError
from tests.torture.chaos_stage import Stage

NOT_POSSIBLE = (Problem, UnknownOrder, RestError, ValueError, KeyError, IndexError, StopIteration)
"""What a shop answers to a wish that does not fit an order's state."""
NAMES = ("Mari", "จันทร์", "ليلى", "Ștefan", "Õnne")


class Shopify:
    """A merchant, carriers and customers at work in the Shopify-like shop."""

    def __init__(self, stage: Stage, dice: Random) -> None:
        self.stage, self.dice = stage, dice
        self.shop = stage.shopify.shop()
        self.life = Life(self.shop, stage.shopify.world(), 1.0, dice.randrange(10**6))

    def happen(self) -> None:
        self.dice.choice(self.THINGS)(self)

    def _order(self) -> dict[str, Any]:
        return self.dice.choice(list(self.shop.archive.find("1", ())))

    def _do(self, verb: str, **more: Any) -> Any:
        return VERBS[verb](self.shop, **more)

    def _life(self) -> None:
        self.life.happen()

    def _touch(self) -> None:
        order = self._order()["id"]
        values: dict[str, Any] = self.dice.choice(
            [
                {"note": f"{self.dice.choice(NAMES)} {self.dice.random()}"},
                {"tags": [f"tag{self.dice.randrange(9)}", "seen"]},
                {"email": f"person{self.dice.randrange(5)}@example.ee"},
                {"test": self.dice.random() < 0.5},
            ]
        )
        self._do("touch", order=order, **values)

    def _refund(self) -> None:
        order = self._order()
        line = self.dice.choice(order["lineItems"])
        if self.dice.random() < 0.5:
            self._do("refund", order=order["id"], lines=[{"lineItemId": line["id"], "quantity": 1}])
        else:
            self._do("refund", order=order["id"], amount=f"{self.dice.randrange(1, 9)}.00")

    def _fulfil(self) -> None:
        tracking = [{"company": "Omniva", "number": f"CC{self.dice.randrange(10**6)}EE", "url": None}]
        self._do("fulfil", order=self._order()["id"], tracking=tracking)

    def _scan(self) -> None:
        parcel = self.dice.choice(self._order()["fulfillments"])
        status = self.dice.choice(["IN_TRANSIT", "OUT_FOR_DELIVERY", "DELIVERED", "ATTEMPTED_DELIVERY"])
        self._do("event", fulfillment=parcel["id"], status=status, message=status.lower())

    def _deliver(self) -> None:
        self._do("deliver", order=self._order()["id"])

    def _ask_back(self) -> None:
        order = self._order()
        line = self.dice.choice(order["lineItems"])
        self._do(
            "return",
            order=order["id"],
            lines=[{"line": line["id"], "quantity": 1}],
            requested=self.dice.random() < 0.5,
        )

    def _move_return(self) -> None:
        back = self.dice.choice(self._order()["returns"])
        move = self.dice.choice(["approve", "decline", "close", "reopen", "cancel"])
        self._do(
            "move_return", id=back["id"], move=move, **({"reason": "OTHER"} if move == "decline" else {})
        )

    def _edit(self) -> None:
        order = self._order()
        add = [{"title": "Extra mug", "sku": "MUG", "quantity": 1, "price": "5.00"}]
        self._do("edit", order=order["id"], add=add)

    def _delete(self) -> None:
        self._do("delete", order=self._order()["id"])

    def _rename(self) -> None:
        customer = self._order()["customer"]
        if customer:
            self._do("set_customer", customer=customer["id"], note=f"met {self.dice.random()}")

    THINGS: tuple[Callable[[Shopify], None], ...] = (
        _life, _life, _life, _touch, _touch, _refund, _fulfil, _fulfil, _scan, _scan, _deliver, _ask_back,
        _move_return, _edit, _delete, _rename,
    )  # fmt: skip


class WooCommerce:
    """The same in the WooCommerce-like shop."""

    def __init__(self, stage: Stage, dice: Random) -> None:
        self.stage, self.dice = stage, dice
        self.store = stage.woocommerce

    def happen(self) -> None:
        self.dice.choice(self.THINGS)(self)

    def _id(self) -> int:
        rows = self.store.shop.database.rows("SELECT id FROM shop_order ORDER BY id")
        return int(self.dice.choice(rows)[0])

    def _tick(self) -> None:
        self.store.command("tick", times=self.dice.randrange(1, 4))

    def _change(self) -> None:
        wish: dict[str, Any] = self.dice.choice(
            [
                {"status": self.dice.choice(["processing", "completed", "on-hold", "cancelled"])},
                {"customer_note": f"{self.dice.choice(NAMES)} {self.dice.random()}"},
                {"billing": {"email": f"person{self.dice.randrange(5)}@example.ee"}},
                {"meta": {"gift_wrap": f"paper {self.dice.randrange(9)}"}},
            ]
        )
        self.store.command("orders/change", id=self._id(), **wish)

    def _track(self) -> None:
        self.store.command("orders/track", id=self._id(), number=f"RR{self.dice.randrange(10**6)}EE")

    def _deliver(self) -> None:
        self.store.command("orders/deliver", id=self._id())

    def _trash(self) -> None:
        self.store.command("orders/trash", id=self._id())

    def _untrash(self) -> None:
        self.store.command("orders/untrash", id=self._id())

    def _delete(self) -> None:
        self.store.command("orders/delete", id=self._id())

    def _note(self) -> None:
        self.store.command("orders/note", id=self._id(), note="<b>called</b>")

    def _anonymise(self) -> None:
        self.store.command("orders/anonymise", id=self._id())

    def _delete_refund(self) -> None:
        refund = self.dice.choice(self.store.command("state")["refunds"])
        self.store.command("refunds/delete", order_id=refund["parent_id"], id=refund["id"])

    THINGS: tuple[Callable[[WooCommerce], None], ...] = (
        _tick, _tick, _tick, _change, _change, _change, _track, _deliver, _trash, _untrash, _delete, _note,
        _anonymise, _delete_refund,
    )  # fmt: skip


class Misfortune:
    """What goes wrong: on the way, at the stores, and among our own processes."""

    KINDS = ("shopify", "shopify", "woocommerce", "woocommerce", "worker", "worker", "flush", "queue", "web")

    def __init__(self, stage: Stage, dice: Random) -> None:
        self.stage, self.dice = stage, dice
        self.seen: dict[str, int] = {}

    def weather(self) -> None:
        """Webhooks are dropped, doubled, delayed and shuffled from now on."""
        dice = self.dice
        self.stage.shopify.postman.misbehave(
            Mischief(seed=dice.randrange(10**6), drop=0.25, double=0.25, delay=0.3, shuffle=True)
        )
        self.stage.woocommerce.command(
            "webhooks/weather", seed=dice.randrange(10**6), drop=0.25, double=0.25, delay=0.3, shuffle=0.5
        )

    def happen(self, name: str = "") -> None:
        """Something; by its name, or any."""
        name = name or self.dice.choice(self.KINDS)
        self.seen[name] = self.seen.get(name, 0) + 1
        getattr(self, name)()

    def shopify(self) -> None:
        action = self.dice.choice(
            ["hangup_before", "hangup_after", "status_before", "html", "truncated", "throttled", "429"]
        )
        self.stage.shopify.faults.add(
            action=action, path=r"graphql|bulk", times=self.dice.randrange(1, 4), status=503
        )

    def woocommerce(self) -> None:
        action = self.dice.choice(
            ["hangup_before", "hangup_after", "status_before", "html", "truncated", "too_many", "delay"]
        )
        rule = {"action": action, "path": "/orders", "times": self.dice.randrange(1, 4), "seconds": 0.2}
        self.stage.woocommerce.command("faults", add=[rule])

    def worker(self) -> None:
        self.stage.kill_worker()
        self.stage.start_worker()

    def flush(self) -> None:
        try:
            self.stage.services.redis.flushall()
        except RedisError:
            return

    def queue(self) -> None:
        self.stage.queue.kill()
        time.sleep(0.05)
        self.stage.queue.start()

    def web(self) -> None:
        self.stage.web.up = not self.stage.web.up

    def lost_webhooks(self) -> int:
        """How many deliveries never arrived, whoever was to blame."""
        shopify = self.stage.shopify.shop().archive.deliveries(10**6)
        answers = self.stage.woocommerce.command("webhooks/sent")
        return (
            sum(each["state"] in ("dropped", "failed") for each in shopify)
            + answers["lost"]
            + sum(not 200 <= sent["status"] < 300 for sent in answers["sent"])
        )

    def end(self) -> None:
        """Calm: whatever was planned to go wrong does not."""
        self.stage.web.up = True
        self.stage.shopify.faults.clear()
        self.stage.shopify.postman.misbehave(Mischief())
        self.stage.woocommerce.command("faults", rules=[])
        self.stage.woocommerce.command("webhooks/weather")
