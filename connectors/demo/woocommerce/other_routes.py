"""The rest of the REST API that a helpdesk needs: customers, products, webhooks, the shop about itself."""

from __future__ import annotations

import json
import re
from typing import Any

from connectors.demo.woocommerce import catalogue, customers, hooks, orders
from connectors.demo.woocommerce.call import Call, paged, window
from connectors.demo.woocommerce.database import marks
from connectors.demo.woocommerce.wire import (
    SITE_ZONE,
    VERSION,
    WORDPRESS,
    Answer,
    Json,
    RestError,
    invalid,
    missing,
)

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def list_customers(call: Call) -> Answer:
    """`email` is exact but for case; `search` looks at login and e-mail only. [measured]"""
    part = window(call)
    call.one_of("orderby", ["id", "include", "name", "registered_date"], "name")
    where, values = ["kind = 'customer'"], list[Any]()
    email = call.text("email")
    if email:
        if not EMAIL.fullmatch(email):
            raise invalid("email", "Invalid email address.", "rest_invalid_email")
        where.append("name = ?")
        values.append(email.lower())
    if call.text("search"):
        where.append("instr(name, ?) > 0")
        values.append(call.text("search").lower())
    after = call.moment("modified_after")
    if after is not None:
        where.append("modified > ?")
        values.append(after)
    call.may("view")
    return _documents(call, where, values, part, "customer", "ORDER BY id")


def one_customer(call: Call, id_: int) -> Answer:
    found = customers.fetch(call.shop, id_)
    call.may("view one")
    return Answer(customers.view(call.shop, found))


def create_customer(call: Call) -> Answer:
    shop = call.shop
    email = call.text("email")
    if not email:
        raise missing("email")
    call.may("create")
    if shop.database.count(
        "SELECT COUNT(*) FROM document WHERE kind = 'customer' AND name = ?", email.lower()
    ):
        message = "An account is already registered with that email."
        raise RestError(400, "registration-error-email-exists", message)
    with shop.database.change():
        document: Json = {
            "id": shop.database.next("user"),
            "created": shop.now(),
            "email": email,
            "first_name": call.text("first_name"),
            "last_name": call.text("last_name"),
            "username": call.text("username") or email.split("@")[0],
            "billing": orders.empty_address(billing=True),
            "shipping": orders.empty_address(billing=False),
            "meta_data": [],
        }
        customers.save(shop, document)
        shop.tell("customer.created", document["id"])
        shop.tell("customer.updated", document["id"])
    location = {"Location": shop.api(f"customers/{document['id']}")}
    return Answer(customers.view(shop, document), 201, location)


def update_customer(call: Call, id_: int) -> Answer:
    document = customers.fetch(call.shop, id_)
    call.may("edit")
    for name in ("email", "first_name", "last_name"):
        if call.text(name):
            document[name] = call.text(name)
    for name in ("billing", "shipping"):
        if isinstance(call.params.get(name), dict):
            known = {key: str(value) for key, value in call.params[name].items() if key in document[name]}
            document[name] = {**document[name], **known}
    with call.shop.database.change():
        customers.save(call.shop, document)
        call.shop.tell("customer.updated", id_)
    return Answer(customers.view(call.shop, document))


def delete_customer(call: Call, id_: int) -> Answer:
    """The orders stay, as a guest's, and nobody tells of them. [measured]"""
    shop = call.shop
    document = customers.fetch(shop, id_)
    call.may("delete")
    if not call.flag("force"):
        raise RestError(501, "woocommerce_rest_trash_not_supported", "Customers do not support trashing.")
    gone = customers.view(shop, document)
    with shop.database.change():
        shop.database.remove("customer", id_)
        for row in shop.database.rows("SELECT document FROM shop_order WHERE customer_id = ?", id_):
            orders.save(shop, {**json.loads(row[0]), "customer_id": 0})
        shop.tell("customer.deleted", id_)
    return Answer(gone)


def _documents(call: Call, where: list[str], values: list[Any], part: Any, kind: str, order: str) -> Answer:
    rule = " AND ".join(where)
    total = call.shop.database.count(f"SELECT COUNT(*) FROM document WHERE {rule}", *values)  # noqa: S608
    sql = f"SELECT document FROM document WHERE {rule} {order} LIMIT ? OFFSET ?"  # noqa: S608
    rows = [json.loads(row[0]) for row in call.shop.database.rows(sql, *values, part.limit, part.offset)]
    show = customers.view if kind == "customer" else catalogue.view
    return paged(call, part, [show(call.shop, row) for row in rows], total)


def list_products(call: Call) -> Answer:
    part = window(call)
    where, values = ["kind = 'product'"], list[Any]()
    if call.text("sku"):
        names = call.words("sku")
        where.append(f"name IN ({marks(names)})")
        values += names
    ids = call.numbers("include")
    if ids:
        where.append(f"id IN ({marks(ids)})")
        values += ids
    after = call.moment("modified_after")
    if after is not None:
        where.append("modified > ?")
        values.append(after)
    call.may("view")
    return _documents(call, where, values, part, "product", "ORDER BY id DESC")


def one_product(call: Call, id_: int) -> Answer:
    found = call.shop.database.get("product", id_) or call.shop.database.get("variation", id_)
    if found is None:
        raise RestError(404, "woocommerce_rest_product_invalid_id", "Invalid ID.")
    call.may("view one")
    return Answer(catalogue.view(call.shop, found))


def update_product(call: Call, id_: int) -> Answer:
    found = call.shop.database.get("product", id_)
    if found is None:
        raise RestError(404, "woocommerce_rest_product_invalid_id", "Invalid ID.")
    call.may("edit")
    for name in ("name", "description", "status"):
        if call.text(name):
            found[name] = call.text(name)
    if call.text("regular_price"):
        found["price"] = found["regular_price"] = call.text("regular_price")
    with call.shop.database.change():
        found["modified"] = call.shop.now()
        call.shop.database.put("product", found, name=found["sku"], modified=found["modified"])
        call.shop.tell("product.updated", id_)
    return Answer(catalogue.view(call.shop, found))


def list_variations(call: Call, id_: int) -> Answer:
    part = window(call)
    call.may("view")
    rows = call.shop.database.all("variation", parent=id_)[::-1]
    shown = [catalogue.view(call.shop, row) for row in rows[part.offset : part.offset + part.limit]]
    return paged(call, part, shown, len(rows))


def one_variation(call: Call, id_: int, variation_id: int) -> Answer:
    found = call.shop.database.get("variation", variation_id)
    if found is None or found["parent_id"] != id_:
        raise RestError(404, "woocommerce_rest_product_variation_invalid_id", "Invalid ID.")
    call.may("view one")
    return Answer(catalogue.view(call.shop, found))


def list_webhooks(call: Call) -> Answer:
    part = window(call)
    wanted = call.one_of("status", ["all", "active", "paused", "disabled"], "all")
    call.may("view")
    rows = [row for row in call.shop.database.all("webhook")[::-1] if wanted in ("all", row["status"])]
    shown = [hooks.view(call.shop, row) for row in rows[part.offset : part.offset + part.limit]]
    return paged(call, part, shown, len(rows))


def _webhook(call: Call, id_: int) -> Json:
    found = call.shop.database.get("webhook", id_)
    if found is None:
        raise RestError(404, "woocommerce_rest_shop_webhook_invalid_id", "Invalid ID.")
    return found


def one_webhook(call: Call, id_: int) -> Answer:
    found = _webhook(call, id_)
    call.may("view one")
    return Answer(hooks.view(call.shop, found))


def create_webhook(call: Call) -> Answer:
    if not call.text("delivery_url"):
        raise missing("delivery_url")
    call.may("create")
    made = hooks.create(call.shop, call.params)
    answer = Answer(hooks.view(call.shop, made), 201, {"Location": call.shop.api(f"webhooks/{made['id']}")})
    call.shop.greet(made)
    hooks.save(call.shop, {**made, "modified": call.shop.now()})
    return answer


def update_webhook(call: Call, id_: int) -> Answer:
    """Setting it active again keeps its count of failures. [measured]"""
    found = _webhook(call, id_)
    call.may("edit")
    found["status"] = call.one_of("status", ["active", "paused", "disabled"], found["status"])
    for name in ("name", "topic", "delivery_url", "secret"):
        if call.text(name):
            found[name] = call.text(name)
    found["modified"] = call.shop.now()
    hooks.save(call.shop, found)
    return Answer(hooks.view(call.shop, found))


def delete_webhook(call: Call, id_: int) -> Answer:
    found = _webhook(call, id_)
    call.may("delete")
    if not call.flag("force"):
        raise RestError(501, "woocommerce_rest_trash_not_supported", "Webhooks do not support trashing.")
    call.shop.database.remove("webhook", id_)
    call.shop.database.run("DELETE FROM queue WHERE webhook_id = ?", id_)
    return Answer(hooks.view(call.shop, found))


def gateways(call: Call) -> Answer:
    call.may("view")
    return whole([_gateway(call, id_) for id_ in orders.GATEWAYS])


def whole(rows: list[Json]) -> Answer:
    """A list that has no pages, and counts itself all the same."""
    return Answer(rows, headers={"X-WP-Total": str(len(rows)), "X-WP-TotalPages": "1"})


def one_gateway(call: Call, id_: str) -> Answer:
    if id_ not in orders.GATEWAYS:
        raise RestError(404, "woocommerce_rest_payment_gateway_invalid", "Resource does not exist.")
    call.may("view one")
    return Answer(_gateway(call, id_))


def _gateway(call: Call, id_: str) -> Json:
    title, method_title, supports = orders.GATEWAYS[id_]
    return {
        "id": id_,
        "title": title,
        "description": "",
        "order": "",
        "enabled": True,
        "method_title": method_title,
        "method_description": "",
        "method_supports": supports,
        "settings": {},
        "_links": call.shop.links(f"payment_gateways/{id_}"),
    }


def system_status(call: Call) -> Answer:
    call.may("view")
    shop = call.shop
    environment = {
        "home_url": shop.url,
        "site_url": shop.url,
        "version": VERSION,
        "wp_version": WORDPRESS,
        "wp_multisite": False,
        "wp_debug_mode": False,
        "wp_cron": True,
        "language": "en_US",
        "server_info": "nginx/1.22.1",
        "php_version": "8.2.36",
        "default_timezone": "UTC",
    }
    settings = {
        "api_enabled": True,
        "force_ssl": False,
        "currency": "EUR",
        "currency_symbol": "&euro;",
        "currency_position": "left",
        "thousand_separator": ",",
        "decimal_separator": ".",
        "number_of_decimals": 2,
        "geolocation_enabled": False,
        "woocommerce_com_connected": "no",
        "order_datastore": "Automattic\\WooCommerce\\Internal\\DataStores\\Orders\\OrdersTableDataStore",
        "HPOS_enabled": True,
        "HPOS_sync_enabled": False,
        "enabled_features": ["order_attribution", "fulfillments", "custom_order_tables"],
    }
    database = {"wc_database_version": VERSION, "database_prefix": "wp_"}
    plugins = [{"plugin": "woocommerce/woocommerce.php", "name": "WooCommerce", "version": VERSION}]
    return Answer(
        {"environment": environment, "database": database, "active_plugins": plugins, "settings": settings}
    )


SETTINGS = {
    "woocommerce_store_address": ("", "Pikk 12"),
    "woocommerce_store_city": ("", "Tallinn"),
    "woocommerce_default_country": ("US:CA", "EE"),
    "woocommerce_store_postcode": ("", "10123"),
    "woocommerce_calc_taxes": ("no", "yes"),
    "woocommerce_currency": ("USD", "EUR"),
    "woocommerce_price_thousand_sep": (",", ","),
    "woocommerce_price_decimal_sep": (".", "."),
    "woocommerce_price_num_decimals": ("2", "2"),
}


TAX_SETTINGS = {
    "woocommerce_prices_include_tax": ("no", "no"),
    "woocommerce_tax_based_on": ("shipping", "shipping"),
    "woocommerce_tax_round_at_subtotal": ("no", "no"),
    "woocommerce_tax_total_display": ("itemized", "itemized"),
}


def settings(call: Call, group: str) -> Answer:
    if group not in ("general", "tax"):
        raise RestError(404, "rest_setting_setting_group_invalid", "Invalid setting group.")
    call.may("view")
    return Answer([_setting(name) for name in (SETTINGS if group == "general" else TAX_SETTINGS)])


def one_setting(call: Call, name: str) -> Answer:
    if name not in SETTINGS:
        raise RestError(404, "rest_setting_setting_invalid", "Invalid setting.")
    call.may("view one")
    return Answer(_setting(name))


def _setting(name: str) -> Json:
    default, value = {**SETTINGS, **TAX_SETTINGS}[name]
    return {"id": name, "label": name, "description": "", "type": "text", "default": default, "value": value}


def zones(call: Call) -> Answer:
    call.may("view")
    names = ("Locations not covered by your other zones", "Eesti", "România")
    rows = [{"id": id_, "name": name, "order": 0} for id_, name in enumerate(names)]
    return whole([{**row, "_links": _zone_links(call, row["id"])} for row in rows])


def _zone_links(call: Call, id_: Any) -> Json:
    described = [{"href": call.shop.api(f"shipping/zones/{id_}/locations")}]
    return {**call.shop.links(f"shipping/zones/{id_}"), "describedby": described}


def zone_methods(call: Call, _id: int) -> Answer:
    call.may("view")
    row = {"id": 1, "instance_id": 1, "title": "Flat rate", "enabled": True, "method_id": "flat_rate"}
    return whole([{**row, "order": 1, "method_title": "Flat rate"}])


def shipping_methods(call: Call) -> Answer:
    call.may("view")
    names = {"flat_rate": "Flat rate", "free_shipping": "Free shipping", "local_pickup": "Local pickup"}
    return Answer([{"id": id_, "title": title, "description": ""} for id_, title in names.items()])


def taxes(call: Call) -> Answer:
    part = window(call)
    call.may("view")
    rows = [
        {"id": id_, "country": country, "state": "", "postcode": "", "city": "", "rate": f"{rate}.0000",
         "name": label, "priority": 1, "compound": False, "shipping": True, "order": 0, "class": "standard",
         "postcodes": [], "cities": [], "_links": call.shop.links(f"taxes/{id_}")}
        for country, (id_, label, rate) in orders.RATES.items()
    ]  # fmt: skip
    return paged(call, part, rows[part.offset : part.offset + part.limit], len(rows))


def currency(call: Call) -> Answer:
    call.may("view")
    return Answer(
        {"code": "EUR", "name": "Euro", "symbol": "&euro;", "_links": call.shop.links("data/currencies/EUR")}
    )


def namespace(call: Call) -> Answer:
    return Answer({"namespace": "wc/v3", "routes": {"/wc/v3/orders": {"methods": ["GET", "POST"]}}})


def index(call: Call) -> Answer:
    """The site's front door: name, zone and namespaces, for anybody."""
    shop = call.shop
    return Answer(
        {
            "name": shop.name,
            "description": "",
            "url": shop.url,
            "home": shop.url,
            "gmt_offset": 2,
            "timezone_string": str(SITE_ZONE),
            "namespaces": ["wc/v3", "wc/v2", "wc/v1", "wp/v2"],
            "authentication": {},
            "routes": {"/wc/v3": {"methods": ["GET"]}, "/wc/v3/orders": {"methods": ["GET", "POST"]}},
        }
    )
