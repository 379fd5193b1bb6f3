"""From a plan of the shared demo world to an order as this platform keeps it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta

from connectors.demo.goods import Kind
from connectors.demo.people import HEROES, Person
from connectors.demo.plans import (
    LinePlan,
    OrderPlan,
    Parcel,
    ParcelState,
    Payment,
    RefundPlan,
    ReturnPlan,
    ReturnState,
    Stage,
    Store,
)
from connectors.demo.shopify import payloads, refunds, returns, shipping
from connectors.demo.shopify.bags import Doc, Purse, minor
from connectors.demo.shopify.books import settle
from connectors.demo.shopify.shop import Shop, number, stamp
from connectors.demo.world import World
from integration.money import half_up

ABROAD = {"GB": ("GBP", "1.15"), "US": ("USD", "0.92"), "TH": ("THB", "0.0265")}
"""Buyers outside the story pay in their own money: currency, and its worth in the shop's."""

TENDERS = {
    Payment.CARD: ("shopify_payments", "Visa", False, "•••• •••• •••• 4242"),
    Payment.TRANSFER: ("Bank Deposit", "Bank Deposit", True, None),
    Payment.ON_DELIVERY: ("Cash on Delivery (COD)", "Cash on Delivery (COD)", True, None),
    Payment.GIFT_CARD: ("gift_card", "Gift card", False, "•••• 9f2c"),
}
"""Gateway, its display name, whether the merchant moves the money by hand, what of the account is shown."""

PROVINCES = {"TH": "Krung Thep Maha Nakhon", "RO": "Cluj", "US": "California"}


def seed(shop: Shop, world: World, batch: int = 500) -> int:
    """Fill an empty shop with the world's orders; returns how many it then has."""
    if shop.archive.kept("settings", "seeded"):
        return shop.archive.count()
    with shop.archive.change():  # a first start that was cut short begins again
        shop.archive.forget_everything()
    plans = enumerate(world.plans(Store.SHOPIFY), start=1001)
    while True:
        with shop.archive.change():
            done = 0
            for place, plan in plans:
                bear(shop, plan, place)
                done += 1
                if done == batch:
                    break
            else:
                shop.archive.keep("settings", "seeded", {"number": 1001 + shop.archive.count()})
                return shop.archive.count()


def next_number(shop: Shop) -> int:
    """The number for the next new order."""
    kept = shop.archive.kept("settings", "seeded") or {"number": 1001}
    shop.archive.keep("settings", "seeded", {"number": kept["number"] + 1})
    return int(kept["number"])


def bear(shop: Shop, plan: OrderPlan, place: int) -> Doc:
    """Write one plan down as order number `place`; only inside a change. Tells nobody."""
    customer = _customer(shop, plan)
    order = _order(shop, plan, place, customer)
    _payments(shop, plan, order)
    settle(order)
    for parcel in plan.parcels:
        _parcel(shop, order, parcel)
    settle(order)
    for back in sorted(plan.returns, key=lambda each: each.at):
        _return(shop, order, plan, back)
        settle(order)
    for refund in sorted(plan.refunds, key=lambda each: each.at):
        _refund(shop, order, plan, refund)
        settle(order)
    if plan.cancelled_at:
        order["cancelledAt"] = stamp(plan.cancelled_at)
        order["cancelReason"] = "CUSTOMER"
        order["cancellation"] = {"staffNote": None}
    if plan.settled and not plan.returns:
        order["closedAt"] = stamp(plan.last_event)
    order["updatedAt"] = stamp(plan.last_event)
    settle(order)
    shop.archive.save_order(order)
    if customer:
        shop.archive.count_purchase(customer["id"], _spent(shop, order))
    return order


def _spent(shop: Shop, order: Doc) -> int:

    return minor(order["netPaymentSet"]["shopMoney"])


def address(person: Person) -> Doc:
    where = person.address
    return {
        "id": f"gid://shopify/MailingAddress/{7_000_000_000_000 + person.index}?model_name=Address",
        "firstName": person.first_name,
        "lastName": person.last_name,
        "name": person.name,
        "company": where.company or None,
        "address1": where.address_1,
        "address2": where.address_2 or None,
        "city": where.city,
        "province": PROVINCES.get(where.country) if where.region else None,
        "provinceCode": where.region or None,
        "zip": where.postcode or None,
        "country": where.country,
        "countryCodeV2": where.country,
        "phone": person.phone_as_typed,
    }


def _customer(shop: Shop, plan: OrderPlan) -> Doc | None:
    """The buyer's record; guests have none until they ever registered."""
    person = plan.person
    known = shop.archive.customer_by_email(person.email)
    if known:
        return None if plan.guest else known[0]
    if plan.guest:
        return None
    gid = shop.archive.gid("Customer")
    customer = {
        "id": gid,
        "legacyResourceId": str(number(gid)),
        "displayName": person.name,
        "firstName": person.first_name,
        "lastName": person.last_name,
        "locale": person.locale,
        "state": "ENABLED" if person.hero else "DISABLED",
        "note": None,
        "tags": ["hero"] if person.hero else [],
        "createdAt": stamp(plan.placed_at),
        "updatedAt": stamp(plan.last_event),
        "defaultEmailAddress": {"emailAddress": person.email.lower()},
        "defaultPhoneNumber": {"phoneNumber": person.phone},
        "defaultAddress": address(person),
    }
    shop.archive.save_customer(customer)
    return customer


def purse_for(shop: Shop, person: Person) -> Purse:
    currency, rate = ABROAD.get(person.country, (shop.currency, "1"))
    if person.index < len(HEROES):
        currency, rate = shop.currency, "1"
    return Purse(currency, shop.currency, rate)


def _exchange(purse: Purse, cents: int) -> int:
    """A price of the world (euro cents) in the buyer's money."""
    if purse.currency == purse.shop_currency:
        return cents
    return half_up(cents * 10_000, int(float(purse.rate) * 10_000))


def _order(shop: Shop, plan: OrderPlan, place: int, customer: Doc | None) -> Doc:
    gid = shop.archive.gid("Order")
    purse = purse_for(shop, plan.person)
    placed = stamp(plan.placed_at)
    secret = hashlib.sha256(f"{shop.domain} {plan.key}".encode()).hexdigest()
    rate = shop.tax_percent.get(plan.person.country, 0)
    order: Doc = {
        "id": gid,
        "legacyResourceId": str(number(gid)),
        "name": f"#{place}",
        "confirmationNumber": secret[:9].upper(),
        "createdAt": placed,
        "processedAt": placed,
        "updatedAt": placed,
        "closedAt": None,
        "cancelledAt": None,
        "cancelReason": None,
        "cancellation": None,
        "test": False,
        "edited": False,
        "currencyCode": shop.currency,
        "presentmentCurrencyCode": purse.currency,
        "taxesIncluded": True,
        "email": plan.email,
        "phone": None,
        "note": plan.note or None,
        "tags": list(plan.tags),
        "poNumber": None,
        "sourceName": "web",
        "discountCodes": [plan.discount_code] if plan.discount_code else [],
        "customAttributes": [],
        "statusPageUrl": f"{shop.address}/orders/{secret[:32]}/authenticate?key={secret[32:]}",
        "app": {"name": "Online Store"},
        "attribution": None,
        "billingAddress": address(plan.person),
        "shippingAddress": address(plan.person) if plan.shipping else None,
        "risk": {"recommendation": "ACCEPT", "assessments": []},
        "disputes": [],
        "customer": {"id": customer["id"]} if customer else None,
        "lineItems": [_line(shop, purse, line, rate) for line in plan.lines],
        "shippingLines": [],
        "fulfillments": [],
        "refunds": [],
        "returns": [],
        "transactions": [],
        "fulfillmentOrders": [],
        "_rate": purse.rate,
        "_on_hold": False,
        "_token": secret[:32],
    }
    if plan.shipping:
        price = purse.bag(_exchange(purse, plan.shipping.price))
        order["shippingLines"].append({
            "id": shop.archive.gid("ShippingLine"),
            "title": plan.shipping.title,
            "code": plan.shipping.carrier.slug,
            "carrierIdentifier": None,
            "isRemoved": False,
            "originalPriceSet": price,
            "discountedPriceSet": price,
        })  # fmt: skip
        order["fulfillmentOrders"].append({
            "id": shop.archive.gid("FulfillmentOrder"),
            "status": "OPEN",
            "requestStatus": "UNSUBMITTED",
            "fulfillAt": placed,
            "fulfillments": [],
            "lineItems": [
                {
                    "id": shop.archive.gid("FulfillmentOrderLineItem"),
                    "totalQuantity": line["quantity"],
                    "remainingQuantity": line["quantity"],
                    "lineItem": {"id": line["id"]},
                }
                for line in order["lineItems"]
                if line["requiresShipping"]
            ],
        })  # fmt: skip
    return order


def _line(shop: Shop, purse: Purse, line: LinePlan, tax_percent: int) -> Doc:
    each = _exchange(purse, line.product.price)
    return make_line(
        shop,
        purse,
        title=line.product.title,
        variant_title=line.variant.title or None,
        sku=line.variant.sku,
        quantity=line.quantity,
        unit=each,
        discount=min(_exchange(purse, line.discount), each * line.quantity),
        tax_percent=tax_percent,
        ships=line.product.shipped,
        gift_card=line.product.kind is Kind.GIFT_CARD,
        attributes=[{"key": "Engraving", "value": line.engraving}] if line.engraving else [],
    )


def make_line(
    shop: Shop,
    purse: Purse,
    *,
    title: str,
    variant_title: str | None,
    sku: str,
    quantity: int,
    unit: int,
    discount: int = 0,
    tax_percent: int = 0,
    ships: bool = True,
    gift_card: bool = False,
    attributes: list[Doc] | None = None,
) -> Doc:
    """A line item; prices are in minor units of the customer's money, tax included."""
    total = unit * quantity - discount
    tax = half_up(total * tax_percent, 100 + tax_percent)
    goods = int.from_bytes(hashlib.sha256(sku.encode()).digest()[:5])
    return {
        "id": shop.archive.gid("LineItem"),
        "name": f"{title} - {variant_title}" if variant_title else title,
        "title": title,
        "variantTitle": variant_title,
        "sku": sku,
        "vendor": shop.name,
        "quantity": quantity,
        "requiresShipping": ships,
        "isGiftCard": gift_card,
        "image": {"url": f"{shop.address}/pictures/{sku}.svg", "altText": title},
        "product": {"id": f"gid://shopify/Product/{goods // 8}"},
        "variant": {"id": f"gid://shopify/ProductVariant/{goods}"},
        "customAttributes": attributes or [],
        "originalUnitPriceSet": purse.bag(unit),
        "originalTotalSet": purse.bag(unit * quantity),
        "discountedTotalSet": purse.bag(total),
        "discountedUnitPriceAfterAllDiscountsSet": purse.bag(half_up(total, quantity)),
        "taxLines": [{"title": "VAT", "ratePercentage": float(tax_percent), "priceSet": purse.bag(tax)}]
        if tax_percent
        else [],
        "_removed": 0,
        "_added": False,
    }


def _payments(shop: Shop, plan: OrderPlan, order: Doc) -> None:
    """One SALE per tender; some card payments were authorised first and captured later, as shops may choose."""
    purse = Purse.of(order)
    exact = sum(_exchange(purse, cents) for _, cents in plan.tenders)
    settle(order)
    wanted = purse.parse(order["totalPriceSet"]["presentmentMoney"]["amount"])
    for index, (payment, cents) in enumerate(plan.tenders):
        amount = _exchange(purse, cents) + (wanted - exact if index == 0 else 0)
        status = "SUCCESS" if plan.stage in (Stage.PAID, Stage.CANCELLED) else "PENDING"
        gateway, label, manual, account = TENDERS[payment]
        common: Doc = {
            "gateway": gateway,
            "formattedGateway": label,
            "manualPaymentGateway": manual,
            "accountNumber": account,
            "status": "FAILURE" if plan.stage is Stage.FAILED else status,
            "errorCode": "CARD_DECLINED" if plan.stage is Stage.FAILED and not manual else None,
        }
        authorised = payment is Payment.CARD and status == "SUCCESS" and len(plan.key) % 3 == 0
        parent: str | None = None
        if authorised:
            parent = _transact(
                shop, order, purse.bag(amount), order["createdAt"], None, kind="AUTHORIZATION", **common
            )
        later = stamp(plan.placed_at + timedelta(minutes=2)) if authorised else order["createdAt"]
        kind = "CAPTURE" if authorised else "SALE"
        _transact(shop, order, purse.bag(amount), later, parent, kind=kind, **common)


def _transact(shop: Shop, order: Doc, bag: Doc, at: str, parent: str | None, **rest: object) -> str:
    gid = shop.archive.gid("OrderTransaction")
    order["transactions"].append(
        {
            "id": gid,
            "createdAt": at,
            "processedAt": at,
            "test": False,
            "amountSet": bag,
            "parentTransaction": {"id": parent} if parent else None,
            **rest,
        }
    )
    return gid


SCANS = {
    ParcelState.LABEL: "LABEL_PRINTED",
    ParcelState.IN_TRANSIT: "IN_TRANSIT",
    ParcelState.OUT_FOR_DELIVERY: "OUT_FOR_DELIVERY",
    ParcelState.DELIVERED: "DELIVERED",
    ParcelState.RETURNED: "FAILURE",
}


def _parcel(shop: Shop, order: Doc, parcel: Parcel) -> None:
    lines = [(order["lineItems"][index]["id"], quantity) for index, quantity in parcel.lines]
    tracking = {"company": parcel.carrier.company, "number": parcel.number, "url": parcel.url}
    fulfillment = shipping.pack(shop, order, lines, [tracking], parcel.packed_at, parcel.estimate)
    for scan in parcel.scans:
        shipping.add_event(shop, fulfillment, SCANS[scan.state], scan.at, scan.message)


REASONS = {
    "changed_mind": "unwanted",
    "too_small": "size-too-small",
    "not_as_described": "not-as-described",
    "defective": "defective",
    "wrong_item": "wrong-item",
    "arrived_late": "arrived-late",
}


def _return(shop: Shop, order: Doc, plan: OrderPlan, back: ReturnPlan) -> None:
    wanted = list(
        returns.lines_from(order, [(order["lineItems"][index]["id"], many) for index, many in back.lines])
    )
    if not wanted:
        return
    made = returns.make(
        shop,
        order,
        [
            {
                "fulfillmentLineItemId": item,
                "quantity": many,
                "reason": REASONS[back.reason],
                "note": back.note,
            }
            for item, many in wanted
        ],
        status="REQUESTED" if back.state in (ReturnState.REQUESTED, ReturnState.DECLINED) else "OPEN",
        at=back.at,
    )
    if back.state is ReturnState.DECLINED:
        made["status"] = "DECLINED"
        made["decline"] = {"reason": "RETURN_PERIOD_ENDED", "note": "Asked too late"}
    elif back.state is ReturnState.CLOSED:
        for item in made["returnLineItems"]:
            item["processedQuantity"] = item["refundedQuantity"] = item["quantity"]
        made["status"], made["closedAt"] = "CLOSED", stamp(plan.last_event)
        for reverse in made["reverseFulfillmentOrders"]:
            reverse["status"] = "CLOSED"


def _refund(shop: Shop, order: Doc, plan: OrderPlan, refund: RefundPlan) -> None:
    restock = "CANCEL" if plan.stage is Stage.CANCELLED else "RETURN" if plan.returns else "NO_RESTOCK"
    lines = [
        {"lineItemId": order["lineItems"][index]["id"], "quantity": many, "restockType": restock}
        for index, many in refund.lines
    ]
    suggestion = refunds.suggest(order, lines, full_shipping=refund.shipping)
    purse = Purse.of(order)
    amount = suggestion.amount if refund.amount is None else _exchange(purse, refund.amount)
    closed = [each for each in order["returns"] if each["status"] == "CLOSED" and not each["refunds"]]
    refunds.write(
        shop,
        order,
        suggestion,
        refunds.allocate(order, min(amount, suggestion.maximum)),
        at=stamp(refund.at),
        note=refund.reason,
        return_id=closed[0]["id"] if closed and refund.lines else None,
    )


def fresh(shop: Shop, world: World, serial: int) -> Doc:
    """A new order, placed this moment, told to every subscriber."""
    with shop.archive.change():
        order = bear(shop, world.fresh(Store.SHOPIFY, serial, shop.now()), next_number(shop))

        shop.announce("orders/create", payloads.order_payload(shop, order))
        for transaction in order["transactions"]:
            payload = payloads.transaction_payload(order, transaction)
            shop.announce("order_transactions/create", payload)
    return order


def people(world: World) -> Iterator[Person]:
    return world.people()
