"""The parts of a new order: buyer, address, lines, payments, in this platform's words."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from connectors.demo.goods import Kind
from connectors.demo.people import HEROES, Person
from connectors.demo.plans import LinePlan, OrderPlan, Payment, Stage
from connectors.demo.shopify import catalogue
from connectors.demo.shopify.bags import Doc, Purse
from connectors.demo.shopify.books import settle
from connectors.demo.shopify.shop import Shop, number, stamp
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


def customer(shop: Shop, plan: OrderPlan) -> Doc | None:
    """The buyer's record; guests have none until they ever registered."""
    person = plan.person
    known = shop.archive.customer_by_email(person.email)
    if known:
        return None if plan.guest else known[0]
    if plan.guest:
        return None
    gid = shop.archive.gid("Customer")
    made: Doc = {
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
    shop.archive.save_customer(made)
    return made


def purse_for(shop: Shop, person: Person) -> Purse:
    currency, rate = ABROAD.get(person.country, (shop.currency, "1"))
    if person.index < len(HEROES):
        currency, rate = shop.currency, "1"
    return Purse(currency, shop.currency, rate)


def exchange(purse: Purse, cents: int) -> int:
    """A price of the world (euro cents) in the buyer's money."""
    if purse.currency == purse.shop_currency:
        return cents
    return half_up(cents * 10_000, int(float(purse.rate) * 10_000))


def order(shop: Shop, plan: OrderPlan, place: int, buyer: Doc | None) -> Doc:
    """The order as it is at the checkout: sold, not yet paid, nothing sent."""
    gid = shop.archive.gid("Order")
    purse = purse_for(shop, plan.person)
    placed = stamp(plan.placed_at)
    secret = hashlib.sha256(f"{shop.domain} {plan.key}".encode()).hexdigest()
    rate = shop.tax_percent.get(plan.person.country, 0)
    made: Doc = {
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
        "customer": {"id": buyer["id"]} if buyer else None,
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
        price = purse.bag(exchange(purse, plan.shipping.price))
        made["shippingLines"].append({
            "id": shop.archive.gid("ShippingLine"),
            "title": plan.shipping.title,
            "code": plan.shipping.carrier.slug,
            "carrierIdentifier": None,
            "isRemoved": False,
            "originalPriceSet": price,
            "discountedPriceSet": price,
        })  # fmt: skip
        made["fulfillmentOrders"].append({
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
                for line in made["lineItems"]
                if line["requiresShipping"]
            ],
        })  # fmt: skip
    return made


def _line(shop: Shop, purse: Purse, line: LinePlan, tax_percent: int) -> Doc:
    each = exchange(purse, line.product.price)
    return make_line(
        shop,
        purse,
        title=line.product.title,
        variant_title=line.variant.title or None,
        sku=line.variant.sku,
        product_sku=line.product.sku,
        quantity=line.quantity,
        unit=each,
        discount=min(exchange(purse, line.discount), each * line.quantity),
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
    product_sku: str | None = None,
    quantity: int,
    unit: int,
    discount: int = 0,
    tax_percent: int = 0,
    ships: bool = True,
    gift_card: bool = False,
    attributes: list[Doc] | None = None,
) -> Doc:
    """A line item; prices are in minor units of the customer's money, tax included.

    A custom line, of no product, has no `product_sku`.
    """
    total = unit * quantity - discount
    tax = half_up(total * tax_percent, 100 + tax_percent)
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
        "product": {"id": catalogue.product_gid(product_sku)} if product_sku else None,
        "variant": {"id": catalogue.variant_gid(sku)} if product_sku else None,
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


def pay(shop: Shop, plan: OrderPlan, order: Doc) -> None:
    """One SALE per tender; some card payments were authorised first and captured later."""
    purse = Purse.of(order)
    exact = sum(exchange(purse, cents) for _, cents in plan.tenders)
    settle(order)
    wanted = purse.parse(order["totalPriceSet"]["presentmentMoney"]["amount"])
    for index, (payment, cents) in enumerate(plan.tenders):
        amount = exchange(purse, cents) + (wanted - exact if index == 0 else 0)
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
