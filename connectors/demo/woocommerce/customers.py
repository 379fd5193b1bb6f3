"""Registered buyers. Guests are not here: they only exist on their orders."""

from __future__ import annotations

import hashlib

from connectors.demo.people import Person
from connectors.demo.woocommerce.shop import Shop
from connectors.demo.woocommerce.wire import Json, RestError

ORDERED = (
    "first_name",
    "last_name",
    "company",
    "address_1",
    "address_2",
    "city",
    "postcode",
    "country",
    "state",
)


def address(person: Person, *, billing: bool) -> Json:
    """An address as orders carry it; only the billing one has the e-mail."""
    home = person.address
    made = {
        "first_name": person.first_name,
        "last_name": person.last_name,
        "company": home.company,
        "address_1": home.address_1,
        "address_2": home.address_2,
        "city": home.city,
        "state": home.region,
        "postcode": home.postcode,
        "country": home.country,
    }
    if billing:
        return made | {"email": person.email, "phone": person.phone_as_typed}
    return made | {"phone": ""}


def register(shop: Shop, person: Person, at: int) -> int:
    """Make an account for a person; the id of it."""
    id_ = shop.database.next("user")
    document = {
        "id": id_,
        "created": at,
        "modified": at,
        "email": person.email,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "username": person.email.split("@")[0],
        "billing": address(person, billing=True),
        "shipping": address(person, billing=False),
        "meta_data": [],
    }
    shop.database.put("customer", document, name=person.email.lower(), modified=at)
    return id_


def fetch(shop: Shop, id_: int) -> Json:
    found = shop.database.get("customer", id_)
    if found is None:
        raise RestError(404, "wc_user_invalid_id", "Invalid user ID.")
    return found


def save(shop: Shop, document: Json) -> None:
    document["modified"] = shop.now()
    shop.database.put("customer", document, name=document["email"].lower(), modified=document["modified"])


def view(shop: Shop, document: Json) -> Json:
    face = hashlib.sha256(document["email"].lower().encode()).hexdigest()
    sql = "SELECT COUNT(*) FROM shop_order WHERE customer_id = ? AND status IN ('completed', 'processing')"
    return {
        "id": document["id"],
        **shop.created_and_modified(document["created"], document["modified"]),
        "email": document["email"],
        "first_name": document["first_name"],
        "last_name": document["last_name"],
        "role": "customer",
        "username": document["username"],
        "billing": {key: document["billing"][key] for key in (*ORDERED, "email", "phone")},
        "shipping": {key: document["shipping"][key] for key in (*ORDERED, "phone")},
        "is_paying_customer": shop.database.count(sql, document["id"]) > 0,
        "avatar_url": f"https://secure.gravatar.com/avatar/{face}?s=96&d=mm&r=g",
        "meta_data": document["meta_data"],
        "_links": shop.links(f"customers/{document['id']}"),
    }
