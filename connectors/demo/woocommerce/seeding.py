"""The shop's past: every order plan of the demo world, written down the way WooCommerce would have it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC

from connectors.demo.woocommerce import amounts, catalogue, customers, orders, refunds, tracking
from connectors.demo.woocommerce.shop import Shop
from connectors.demo.woocommerce.wire import Json
from connectors.demo.world import (
    OrderPlan,
    ParcelState,
    Payment,
    RefundPlan,
    ReturnState,
    Stage,
    Store,
    World,
)

PAYMENTS = {
    Payment.CARD: ("testpay", "Card (Testpay)"),
    Payment.TRANSFER: ("bacs", "Direct bank transfer"),
    Payment.ON_DELIVERY: ("cod", "Cash on delivery"),
    Payment.GIFT_CARD: ("testpay", "Card (Testpay)"),
}

FIRST_ID = 5000
"""A shop that has been open for a while."""


def seed(shop: Shop, world: World) -> None:
    """Fill an empty shop; a shop that has its past already is left alone."""
    if shop.database.setting("seeded"):
        return
    with shop.database.change():
        for sequence, start in (("post", FIRST_ID), ("item", 20_000), ("meta", 60_000), ("user", 1)):
            shop.database.start_at(sequence, start)
        catalogue.seed(shop, int(world.now.timestamp()) - 700 * 86400)
        goods = Goods(shop)
        accounts: dict[int, int] = {}
        for plan in world.plans(Store.WOOCOMMERCE):
            write(shop, goods, plan, account(shop, accounts, plan))
        shop.database.set("seeded", world.now.isoformat())


def account(shop: Shop, accounts: dict[int, int], plan: OrderPlan) -> int:
    """The buyer's user id; 0 for a guest."""
    if plan.guest:
        return 0
    person = plan.person
    if person.index not in accounts:
        accounts[person.index] = customers.register(shop, person, int(plan.placed_at.timestamp()))
    return accounts[person.index]


class Goods:
    """Products and variations of the shop by SKU."""

    def __init__(self, shop: Shop) -> None:
        self.products = {row["sku"]: row for row in shop.database.all("product")}
        self.variations = {row["sku"]: row for row in shop.database.all("variation")}

    def line(self, shop: Shop, plan: OrderPlan, place: int) -> Json:
        want = plan.lines[place]
        variation = self.variations.get(want.variant.sku)
        off = amounts.net(want.discount, catalogue.HOME_RATE)
        made = orders.line(shop, self.products[want.product.sku], variation, want.quantity, discount=off)
        if want.engraving:
            made["meta_data"].append(orders.meta(shop, "Monogram", want.engraving, shown=True))
        return made


def write(shop: Shop, goods: Goods, plan: OrderPlan, customer_id: int) -> Json:
    """One order with everything that has become of it. Nobody is told: it is long past."""
    document = draft(shop, goods, plan, customer_id)
    for parcel in plan.parcels:
        whole = len(plan.parcels) == 1
        made = tracking.item(shop, parcel, document["line_items"], whole=whole)
        tracking.add(shop, document, made, tracking.whereabouts(parcel))
    document["status"] = status_of(plan)
    if document["status"] in ("completed", "delivered", "refunded"):
        document["completed"] = int(plan.last_event.timestamp())
    _returns(shop, document, plan)
    document["modified"] = int(plan.last_event.timestamp())
    orders.save(shop, document)
    if document["paid"] is not None:
        for refund in plan.refunds:
            _refund(shop, document, plan, refund)
    return document


def draft(shop: Shop, goods: Goods, plan: OrderPlan, customer_id: int) -> Json:
    """The order as the checkout left it, counted up but not saved."""
    document = orders.blank(shop, int(plan.placed_at.timestamp()))
    method, title = PAYMENTS[plan.tenders[0][0]]
    document |= {
        "customer_id": customer_id,
        "billing": customers.address(plan.person, billing=True) | {"email": plan.email},
        "shipping": customers.address(plan.person, billing=False),
        "payment_method": method,
        "payment_method_title": title,
        "created_via": "store-api",
        "customer_note": plan.note,
        "customer_ip_address": "192.0.2.10",
        "customer_user_agent": "Mozilla/5.0",
        "line_items": [goods.line(shop, plan, place) for place in range(len(plan.lines))],
        "needs_processing": any(line.product.shipped for line in plan.lines),
    }
    if plan.shipping:
        net = amounts.net(plan.shipping.price, catalogue.HOME_RATE)
        document["shipping_lines"] = [orders.shipping_line(shop, plan.shipping.title, net)]
    if _paid(plan):
        document["paid"] = int(plan.placed_at.timestamp()) + 120
        if method == "testpay":
            digest = hashlib.sha256(plan.key.encode()).hexdigest()
            document["transaction_id"] = f"tp_{digest[:8]}"
    orders.count_up(shop, document)
    if plan.discount_code:
        document["coupon_lines"] = [_coupon(shop, plan, document)]
    return document


def _paid(plan: OrderPlan) -> bool:
    """A cancelled order was paid or not, half and half."""
    if plan.stage is Stage.CANCELLED:
        return len(plan.key) % 2 == 0
    return plan.stage is Stage.PAID


def _coupon(shop: Shop, plan: OrderPlan, document: Json) -> Json:
    gross = sum(line.gross for line in plan.lines)
    percent = round(100 * sum(line.discount for line in plan.lines) / gross)
    code = plan.discount_code.lower()
    info = json.dumps([87, code, "percent", percent], separators=(",", ":"))
    return {
        "id": shop.database.next("item"),
        "code": code,
        "discount": document["discount_total"],
        "discount_tax": document["discount_tax"],
        "meta_data": [orders.meta(shop, "coupon_info", info, shown=True)],
        "discount_type": "percent",
        "nominal_amount": percent,
        "free_shipping": False,
    }


def status_of(plan: OrderPlan) -> str:
    """The status that a shop with tracking plugins would show."""
    if plan.stage is Stage.PENDING:
        return "on-hold" if plan.tenders[0][0] is Payment.TRANSFER else "pending"
    if plan.stage is Stage.FAILED:
        return "failed"
    if plan.stage is Stage.CANCELLED:
        return "refunded" if _paid(plan) else "cancelled"
    if any(ret.state in (ReturnState.REQUESTED, ReturnState.OPEN) for ret in plan.returns):
        return "return-request"
    if not any(line.product.shipped for line in plan.lines):
        return "completed"
    sent = [parcel for parcel in plan.parcels if parcel.state is not ParcelState.LABEL]
    if not sent:
        return "processing"
    packed = sum(count for parcel in sent for _, count in parcel.lines)
    if packed < sum(line.quantity for line in plan.lines if line.product.shipped):
        return "partial-shipped"
    if not plan.settled:
        return "shipped"
    return "completed" if plan.placed_at.second % 5 < 3 else "delivered"


def _refund(shop: Shop, order: Json, plan: OrderPlan, refund: RefundPlan) -> None:
    """A refund of the past, in this store's own sums: each line's share of what it really charged."""
    wishes = [_wish(order["line_items"][place], count) for place, count in refund.lines]
    if refund.shipping:
        wishes += [_wish(item, 1) for item in order["shipping_lines"]]
    taxes = [tax for wish in wishes for tax in wish["refund_tax"]]
    cents = sum(wish["refund_total"] for wish in wishes) + sum(tax["refund_total"] for tax in taxes)
    cents = refund.amount if refund.amount is not None else cents
    paid_back = order["payment_method"] == "testpay"
    document = refunds.past(shop, order, cents, wishes, int(refund.at.timestamp()), refund.reason, paid_back)
    refunds.save(shop, document)
    if orders.remaining(shop, order) <= 0:
        order |= {"status": "refunded"}
        orders.save(shop, order)


def _wish(item: Json, count: int) -> Json:
    quantity = item.get("quantity", 1)
    total = amounts.cents(item["total"]) * count // quantity
    taxes = [
        {"id": tax["id"], "refund_total": amounts.cents(tax["total"]) * count // quantity}
        for tax in item["taxes"]
    ]
    return {"id": item["id"], "quantity": count, "refund_total": total, "refund_tax": taxes}


def _returns(shop: Shop, document: Json, plan: OrderPlan) -> None:
    """Requests for return as the widespread returns plugin keeps them: a map by the second of the request."""
    requests: Json = {}
    for ret in plan.returns:
        products = [
            {
                "product_id": document["line_items"][place]["product_id"],
                "variation_id": document["line_items"][place]["variation_id"],
                "item_id": document["line_items"][place]["id"],
                "qty": count,
            }
            for place, count in ret.lines
        ]
        done = {ReturnState.CLOSED: "complete", ReturnState.DECLINED: "cancel"}.get(ret.state, "pending")
        requests[str(int(ret.at.timestamp()))] = {
            "products": products,
            "status": done,
            "subject": ret.reason.replace("_", " "),
            "reason": ret.note,
            "request_date": ret.at.astimezone(UTC).strftime("%d-%m-%Y"),
        }
    if requests:
        orders.set_meta(shop, document, "wps_rma_return_product", requests)
