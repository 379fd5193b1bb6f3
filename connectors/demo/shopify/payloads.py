"""Webhook bodies: the older, REST-like pictures of orders, refunds, shipments and returns.

Ids are integers, money is text with the currency's digits, enums are lower case, times carry the shop's
own offset. Source: fact sheet, 5.1 and 5.3; a test holds the bodies against the published schemas.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from connectors.demo.shopify.archive import number
from connectors.demo.shopify.bags import Doc, Purse, minor, paid
from connectors.demo.shopify.books import line_tax
from integration.money import Money

if TYPE_CHECKING:
    from connectors.demo.shopify.shop import Shop

ZONE = ZoneInfo("Europe/Tallinn")
LOCATION = 70_001
USER = 80_001


def local(text: str | None) -> str | None:
    """A stored UTC time as the shop's clock shows it."""
    if text is None:
        return None
    return datetime.fromisoformat(text).astimezone(ZONE).isoformat()


def _text(side: Doc) -> str:
    return Money(minor(side), side["currencyCode"]).text


def price(bag: Doc) -> str:
    """The shop's side, as the plain price fields show it."""
    return _text(bag["shopMoney"])


def price_set(bag: Doc) -> Doc:
    return {
        side: {"amount": _text(bag[key]), "currency_code": bag[key]["currencyCode"]}
        for side, key in (("shop_money", "shopMoney"), ("presentment_money", "presentmentMoney"))
    }


def _id(ref: Doc | None) -> int | None:
    return number(ref["id"]) if ref else None


def _address(where: Doc | None) -> Doc | None:
    if where is None:
        return None
    return {
        "first_name": where["firstName"] or "",
        "last_name": where["lastName"] or "",
        "name": where["name"],
        "company": where["company"],
        "address1": where["address1"] or "",
        "address2": where["address2"],
        "city": where["city"] or "",
        "province": where["province"] or "",
        "province_code": where["provinceCode"] or "",
        "zip": where["zip"] or "",
        "country": where["country"] or "",
        "country_code": where["countryCodeV2"] or "",
        "phone": where["phone"] or "",
        "latitude": None,
        "longitude": None,
    }


def _taxes(taxes: Sequence[Doc]) -> list[Doc]:
    return [
        {
            "title": tax["title"],
            "rate": round(tax["ratePercentage"] / 100, 4),
            "price": price(tax["priceSet"]),
            "price_set": price_set(tax["priceSet"]),
            "channel_liable": False,
        }
        for tax in taxes
    ]


def _line(order: Doc, line: Doc) -> Doc:
    bag = Purse.of(order).bag
    off = bag(paid(line["originalTotalSet"]) - paid(line["discountedTotalSet"]))
    shipped = line["quantity"] - line["unfulfilledQuantity"] - line["nonFulfillableQuantity"]
    status = None if not shipped else "partial" if line["unfulfilledQuantity"] else "fulfilled"
    shares = [{"amount": price(off), "amount_set": price_set(off), "discount_application_index": 0}]
    return {
        "id": number(line["id"]),
        "admin_graphql_api_id": line["id"],
        "attributed_staffs": [],
        "current_quantity": line["currentQuantity"],
        "fulfillable_quantity": line["unfulfilledQuantity"],
        "fulfillment_service": "manual",
        "fulfillment_status": status,
        "gift_card": line["isGiftCard"],
        "grams": 500 if line["requiresShipping"] else 0,
        "name": line["name"],
        "price": price(line["originalUnitPriceSet"]),
        "price_set": price_set(line["originalUnitPriceSet"]),
        "product_exists": line["product"] is not None,
        "product_id": _id(line["product"]),
        "properties": [{"name": each["key"], "value": each["value"]} for each in line["customAttributes"]],
        "quantity": line["quantity"],
        "requires_shipping": line["requiresShipping"],
        "sku": line["sku"] or "",
        "taxable": bool(line["taxLines"]),
        "title": line["title"],
        "total_discount": "0.00",
        "total_discount_set": price_set(bag(0)),
        "variant_id": _id(line["variant"]),
        "variant_inventory_management": "shopify",
        "variant_title": line["variantTitle"],
        "vendor": line["vendor"],
        "tax_lines": _taxes(line["taxLines"]),
        "duties": [],
        "discount_allocations": shares if paid(off) else [],
    }


FULFILLMENT_STATUS = {
    "FULFILLED": "fulfilled",
    "PARTIALLY_FULFILLED": "partial",
    "RESTOCKED": "restocked",
}


def _embedded_customer(shop: Shop, order: Doc) -> Doc | None:
    found = shop.archive.customer(order["customer"]["id"]) if order["customer"] else None
    if found is None:
        return None
    full = customer_payload(found[0])
    kept = "id admin_graphql_api_id created_at updated_at first_name last_name state note verified_email"
    return {name: full[name] for name in kept.split()} | {
        "tax_exempt": False,
        "email": full["email"],
        "phone": full["phone"],
        "currency": full["currency"],
        "multipass_identifier": None,
        "tax_exemptions": [],
        "default_address": full["default_address"],
    }


def order_payload(shop: Shop, order: Doc) -> Doc:
    bag = Purse.of(order).bag
    lines, zero = order["lineItems"], bag(0)
    discounts = order["totalDiscountsSet"]
    tax = bag(sum(line_tax(line) for line in lines))
    items = bag(sum(paid(line["originalTotalSet"]) for line in lines))
    email = order["email"] or ""
    money = {
        name: order[field]
        for name, field in (
            ("subtotal_price", "subtotalPriceSet"),
            ("total_price", "totalPriceSet"),
            ("total_discounts", "totalDiscountsSet"),
            ("total_tax", "totalTaxSet"),
            ("current_subtotal_price", "currentSubtotalPriceSet"),
            ("current_total_price", "currentTotalPriceSet"),
        )
    } | {"current_total_discounts": discounts, "current_total_tax": tax, "total_line_items_price": items}
    body: Doc = {name: price(each) for name, each in money.items()}
    body |= {f"{name}_set": price_set(each) for name, each in money.items()}
    return body | {
        "id": number(order["id"]),
        "admin_graphql_api_id": order["id"],
        "app_id": 580_111,
        "billing_address": _address(order["billingAddress"]),
        "browser_ip": None,
        "buyer_accepts_marketing": False,
        "cancel_reason": order["cancelReason"].lower() if order["cancelReason"] else None,
        "cancelled_at": local(order["cancelledAt"]),
        "cart_token": None,
        "checkout_token": None,
        "client_details": None,
        "closed_at": local(order["closedAt"]),
        "confirmation_number": order["confirmationNumber"],
        "confirmed": True,
        "contact_email": email,
        "created_at": local(order["createdAt"]),
        "currency": order["currencyCode"],
        "current_shipping_price_set": price_set(order["currentShippingPriceSet"]),
        "current_total_additional_fees_set": None,
        "current_total_duties_set": None,
        "customer": _embedded_customer(shop, order),
        "customer_locale": "en",
        "device_id": None,
        "discount_applications": [
            {
                "target_type": "line_item",
                "type": "discount_code",
                "value": price(discounts),
                "value_type": "fixed_amount",
                "allocation_method": "across",
                "target_selection": "all",
                "code": code,
            }
            for code in order["discountCodes"]
        ],
        "discount_codes": [
            {"code": code, "amount": price(discounts), "type": "percentage"}
            for code in order["discountCodes"]
        ],
        "duties_included": False,
        "email": email,
        "estimated_taxes": False,
        "financial_status": (order["displayFinancialStatus"] or "pending").lower(),
        "fulfillment_status": FULFILLMENT_STATUS.get(order["displayFulfillmentStatus"]),
        "fulfillments": [_fulfillment(order, each) for each in order["fulfillments"]],
        "landing_site": None,
        "landing_site_ref": None,
        "line_item_groups": [],
        "line_items": [_line(order, line) for line in lines],
        "location_id": None,
        "merchant_business_entity_id": "MTU0ODM4MDAwOQ",
        "merchant_of_record_app_id": None,
        "name": order["name"],
        "note": order["note"],
        "note_attributes": [
            {"name": each["key"], "value": each["value"]} for each in order["customAttributes"]
        ],
        "number": int(order["name"].lstrip("#")) - 1000,
        "order_number": int(order["name"].lstrip("#")),
        "order_status_url": order["statusPageUrl"],
        "original_total_additional_fees_set": None,
        "original_total_duties_set": None,
        "payment_gateway_names": order["paymentGatewayNames"],
        "payment_terms": None,
        "phone": order["phone"],
        "po_number": order["poNumber"],
        "presentment_currency": order["presentmentCurrencyCode"],
        "processed_at": local(order["processedAt"]),
        "reference": None,
        "referring_site": None,
        "refunds": [refund_payload(order, each) for each in order["refunds"]],
        "returns": [],
        "shipping_address": _address(order["shippingAddress"]),
        "shipping_lines": [_shipping(each, zero) for each in order["shippingLines"]],
        "source_identifier": None,
        "source_name": order["sourceName"],
        "source_url": None,
        "tags": ", ".join(order["tags"]),
        "tax_exempt": False,
        "tax_lines": [tax for line in lines for tax in _taxes(line["taxLines"])],
        "taxes_included": order["taxesIncluded"],
        "test": order["test"],
        "token": order["_token"],
        "total_cash_rounding_payment_adjustment_set": price_set(zero),
        "total_cash_rounding_refund_adjustment_set": price_set(zero),
        "total_outstanding": price(order["totalOutstandingSet"]),
        "total_shipping_price_set": price_set(order["totalShippingPriceSet"]),
        "total_tip_received": "0.00",
        "total_weight": sum(500 * line["quantity"] for line in lines if line["requiresShipping"]),
        "updated_at": local(order["updatedAt"]),
        "user_id": None,
    }


def _shipping(each: Doc, zero: Doc) -> Doc:
    return {
        "id": number(each["id"]),
        "carrier_identifier": each["carrierIdentifier"],
        "code": each["code"],
        "current_discounted_price_set": price_set(zero if each["isRemoved"] else each["discountedPriceSet"]),
        "discounted_price": price(each["discountedPriceSet"]),
        "discounted_price_set": price_set(each["discountedPriceSet"]),
        "is_removed": each["isRemoved"],
        "phone": None,
        "price": price(each["originalPriceSet"]),
        "price_set": price_set(each["originalPriceSet"]),
        "requested_fulfillment_service_id": None,
        "source": "shopify",
        "title": each["title"],
        "tax_lines": [],
        "discount_allocations": [],
    }


def _fulfillment(order: Doc, each: Doc) -> Doc:
    lines = {line["id"]: line for line in order["lineItems"]}
    tracking = each["trackingInfo"]
    first = tracking[0] if tracking else {"company": None, "number": None, "url": None}
    return {
        "id": number(each["id"]),
        "admin_graphql_api_id": each["id"],
        "created_at": local(each["createdAt"]),
        "location_id": LOCATION,
        "name": each["name"].replace("-F", "."),
        "order_id": number(order["id"]),
        "origin_address": {},
        "receipt": {},
        "service": "manual",
        "shipment_status": each["events"][-1]["status"].lower() if each["events"] else None,
        "status": each["status"].lower(),
        "tracking_company": first["company"],
        "tracking_number": first["number"],
        "tracking_numbers": [info["number"] for info in tracking],
        "tracking_url": first["url"],
        "tracking_urls": [info["url"] for info in tracking],
        "updated_at": local(each["updatedAt"]),
        "line_items": [
            _line(order, lines[item["lineItem"]["id"]]) | {"quantity": item["quantity"]}
            for item in each["fulfillmentLineItems"]
        ],
    }


def fulfillment_payload(order: Doc, each: Doc) -> Doc:
    body = _fulfillment(order, each)
    return body | {"email": order["email"] or "", "destination": _address(order["shippingAddress"])}


def event_payload(shop: Shop, order: Doc, fulfillment: Doc, event: Doc) -> Doc:
    return {
        "id": number(event["id"]),
        "admin_graphql_api_id": event["id"],
        "fulfillment_id": number(fulfillment["id"]),
        "order_id": number(order["id"]),
        "shop_id": shop.shop_id,
        "status": event["status"].lower(),
        "message": event["message"] or "",
        "happened_at": local(event["happenedAt"]),
        "created_at": local(shop.stamp()),
        "updated_at": local(shop.stamp()),
        "estimated_delivery_at": local(event["estimatedDeliveryAt"]),
        "city": event["city"],
        "province": event["province"],
        "country": event["country"] or "EE",
        "address1": None,
        "zip": None,
        "latitude": None,
        "longitude": None,
    }


def transaction_payload(order: Doc, each: Doc) -> Doc:
    side = each["amountSet"]["presentmentMoney"]
    zero = price_set(Purse.of(order).bag(0))
    return {
        "id": number(each["id"]),
        "admin_graphql_api_id": each["id"],
        "amount": _text(side),
        "amount_rounding": None,
        "authorization": "ch_" + each["id"].rsplit("/", 1)[-1],
        "created_at": local(each["createdAt"]),
        "currency": side["currencyCode"],
        "device_id": 1,
        "error_code": each["errorCode"] and each["errorCode"].lower(),
        "gateway": each["gateway"],
        "kind": each["kind"].lower(),
        "location_id": None,
        "manual_payment_gateway": each["manualPaymentGateway"],
        "message": None,
        "order_id": number(order["id"]),
        "parent_id": _id(each["parentTransaction"]),
        "payment_details": {
            "avs_result_code": None,
            "buyer_action_info": None,
            "credit_card_bin": None,
            "credit_card_company": each["formattedGateway"],
            "credit_card_expiration_month": None,
            "credit_card_expiration_year": None,
            "credit_card_name": None,
            "credit_card_number": each["accountNumber"] or "",
            "credit_card_wallet": None,
            "cvv_result_code": None,
            "payment_method_name": each["gateway"],
        },
        "payment_id": f"{order['name']}.{number(each['id']) % 100}",
        "processed_at": local(each["processedAt"]),
        "receipt": {},
        "source_name": "web",
        "status": each["status"].lower(),
        "test": each["test"],
        "total_unsettled_set": {
            side: {"amount": "0.00", "currency": money["currency_code"]} for side, money in zero.items()
        },
        "user_id": None,
    }


def refund_payload(order: Doc, refund: Doc) -> Doc:
    lines = {line["id"]: line for line in order["lineItems"]}
    mine = {each["id"] for each in refund["transactions"]}
    return {
        "id": number(refund["id"]),
        "admin_graphql_api_id": refund["id"],
        "order_id": number(order["id"]),
        "created_at": local(refund["createdAt"]),
        "processed_at": local(refund["processedAt"]),
        "note": refund["note"] or "",
        "user_id": USER,
        "restock": any(item["restocked"] for item in refund["refundLineItems"]),
        "return": {"id": _id(refund["return"]), "admin_graphql_api_id": refund["return"]["id"]}
        if refund["return"]
        else None,
        "duties": [],
        "total_duties_set": price_set(Purse.of(order).bag(0)),
        "order_adjustments": [
            {
                "id": number(each["id"]),
                "order_id": number(order["id"]),
                "refund_id": number(refund["id"]),
                "kind": "refund_discrepancy",
                "reason": "Refund discrepancy",
                "amount": price(each["amountSet"]),
                "amount_set": price_set(each["amountSet"]),
                "tax_amount": price(each["taxAmountSet"]),
                "tax_amount_set": price_set(each["taxAmountSet"]),
            }
            for each in refund["orderAdjustments"]
        ],
        "refund_line_items": [
            {
                "id": number(item["id"]),
                "line_item_id": _id(item["lineItem"]),
                "line_item": _line(order, lines[item["lineItem"]["id"]]),
                "location_id": _id(item["location"]),
                "quantity": item["quantity"],
                "restock_type": item["restockType"].lower(),
                "subtotal": float(price(item["subtotalSet"])),
                "subtotal_set": price_set(item["subtotalSet"]),
                "total_tax": float(price(item["totalTaxSet"])),
                "total_tax_set": price_set(item["totalTaxSet"]),
            }
            for item in refund["refundLineItems"]
        ],
        "refund_shipping_lines": [
            {
                "id": number(each["id"]),
                "subtotal_amount_set": price_set(each["subtotalAmountSet"]),
                "tax_amount_set": price_set(each["taxAmountSet"]),
            }
            for each in refund["refundShippingLines"]
        ],
        "transactions": [
            {
                name: value
                for name, value in transaction_payload(order, each).items()
                if name != "payment_details"
            }
            for each in order["transactions"]
            if each["id"] in mine
        ],
    }


def return_payload(shop: Shop, order: Doc, back: Doc, topic: str = "returns/request") -> Doc:
    """Each topic of a return shows another part of it; `returns/process` shows nothing at all."""
    identity: Doc = {"id": number(back["id"]), "admin_graphql_api_id": back["id"]}
    owner = {"id": number(order["id"]), "admin_graphql_api_id": order["id"]}
    status = back["status"].lower()
    if topic == "returns/process":
        return {}
    if topic in ("returns/cancel", "returns/close", "returns/reopen"):
        return identity | {"order_id": owner["id"], "status": status}
    if topic == "returns/decline":
        decline = {"note": back["decline"]["note"] or "", "reason": back["decline"]["reason"].lower()}
        return identity | {"order": owner, "status": status, "decline": decline}
    return identity | {
        "name": None,
        "order": owner,
        "status": status,
        "exchange_line_items": [],
        "return_line_items": [
            {
                "id": number(item["id"]),
                "admin_graphql_api_id": item["id"],
                "fulfillment_line_item": {
                    "id": _id(item["fulfillmentLineItem"]),
                    "admin_graphql_api_id": item["fulfillmentLineItem"]["id"],
                },
                "quantity": item["quantity"],
            }
            for item in back["returnLineItems"]
        ],
        "return_shipping_fees": [
            {
                "id": number(fee["id"]),
                "admin_graphql_api_id": fee["id"],
                "price": price_set(fee["amountSet"]),
            }
            for fee in back["returnShippingFees"]
        ],
        "total_exchange_line_items": 0,
        "total_return_line_items": len(back["returnLineItems"]),
    }


def customer_payload(customer: Doc) -> Doc:
    """Without tags, count of orders and sum spent: those have topics of their own."""
    where = _address(customer["defaultAddress"])
    home = None
    if where:
        home = {name: value for name, value in where.items() if name not in ("latitude", "longitude")} | {
            "id": number(customer["id"]) + 1,
            "customer_id": number(customer["id"]),
            "country_name": where["country"],
            "default": True,
        }
    flat = home and home | {"company": home["company"] or "", "address2": home["address2"] or ""}
    return {
        "id": number(customer["id"]),
        "admin_graphql_api_id": customer["id"],
        "created_at": local(customer["createdAt"]),
        "updated_at": local(customer["updatedAt"]),
        "first_name": customer["firstName"] or "",
        "last_name": customer["lastName"] or "",
        "email": (customer["defaultEmailAddress"] or {}).get("emailAddress", ""),
        "phone": (customer["defaultPhoneNumber"] or {}).get("phoneNumber"),
        "state": customer["state"].lower(),
        "note": customer["note"] or "",
        "verified_email": True,
        "multipass_identifier": None,
        "tax_exempt": False,
        "tax_exemptions": [],
        "currency": "EUR",
        "addresses": [flat] if flat else [],
        "default_address": home,
    }


def edit_payload(shop: Shop, order: Doc, additions: list[Doc], removals: list[Doc]) -> Doc:
    now = local(shop.stamp())
    return {
        "order_edit": {
            "id": number(order["id"]) + 1,
            "app_id": None,
            "order_id": number(order["id"]),
            "user_id": USER,
            "created_at": now,
            "committed_at": now,
            "notify_customer": False,
            "staff_note": "",
            "line_items": {"additions": additions, "removals": removals},
            "discounts": {"line_item": {"additions": [], "removals": []}},
            "shipping_lines": {"additions": [], "removals": []},
        }
    }


def bulk_payload(operation: Doc) -> Doc:
    return {
        "admin_graphql_api_id": operation["id"],
        "created_at": local(operation["createdAt"]),
        "completed_at": local(operation["completedAt"]),
        "error_code": operation["errorCode"] and operation["errorCode"].lower(),
        "status": operation["status"].lower(),
        "type": "query",
    }


def scopes_payload(shop: Shop, previous: Sequence[str], current: Sequence[str]) -> Doc:
    return {
        "id": 1,
        "previous": list(previous),
        "current": list(current),
        "updated_at": local(shop.stamp()),
        "shop_id": f"gid://shopify/Shop/{shop.shop_id}",
    }


def shop_payload(shop: Shop) -> Doc:
    """The body of `app/uninstalled`."""
    yes = dict.fromkeys(
        [
            "checkout_api_supported",
            "eligible_for_payments",
            "finances",
            "has_gift_cards",
            "has_storefront",
            "taxes_included",
            "tax_shipping",
            "has_discounts",
            "multi_location_enabled",
        ],
        True,
    )
    no = dict.fromkeys(
        [
            "password_enabled",
            "pre_launch_enabled",
            "requires_extra_payments_agreement",
            "setup_required",
            "transactional_sms_disabled",
            "marketing_sms_consent_enabled_at_checkout",
        ],
        False,
    )
    formats = dict.fromkeys(
        [
            "money_format",
            "money_in_emails_format",
            "money_with_currency_format",
            "money_with_currency_in_emails_format",
        ],
        "€{{amount}}",
    )
    unknown = dict.fromkeys(
        [
            "address2",
            "auto_configure_tax_inclusivity",
            "county_taxes",
            "google_apps_domain",
            "google_apps_login_enabled",
            "latitude",
            "longitude",
            "source",
        ]
    )
    return {
        **yes, **no, **formats, **unknown,
        "id": shop.shop_id,
        "name": shop.name,
        "email": "owner@lumi.example",
        "customer_email": "hello@lumi.example",
        "domain": shop.domain,
        "myshopify_domain": shop.domain,
        "address1": "Telliskivi 60a",
        "city": "Tallinn",
        "province": "Harju",
        "province_code": "EE-37",
        "zip": "10412",
        "country": "EE",
        "country_code": "EE",
        "country_name": "Estonia",
        "phone": "+3726000000",
        "created_at": "2021-03-01T10:00:00+02:00",
        "updated_at": local(shop.stamp()),
        "currency": shop.currency,
        "enabled_presentment_currencies": [shop.currency, "GBP", "THB", "USD"],
        "iana_timezone": str(ZONE),
        "timezone": "(GMT+02:00) Europe/Tallinn",
        "plan_display_name": "Developer Preview",
        "plan_name": "partner_test",
        "primary_locale": "en",
        "primary_location_id": LOCATION,
        "shop_owner": "Lumi",
        "weight_unit": "kg",
    }  # fmt: skip


def compliance_payload(
    shop: Shop, customer: Doc | None, orders: Sequence[int], request: int
) -> dict[str, Doc]:
    """The bodies of the three mandatory privacy topics."""
    where: Doc = {"shop_id": shop.shop_id, "shop_domain": shop.domain}
    bodies = {"shop/redact": where}
    if customer:
        full = customer_payload(customer)
        person = {"id": full["id"], "email": full["email"], "phone": full["phone"] or ""}
        bodies["customers/redact"] = where | {"customer": person, "orders_to_redact": list(orders)}
        bodies["customers/data_request"] = where | {
            "customer": person,
            "orders_requested": list(orders),
            "data_request": {"id": request},
        }
    return bodies
