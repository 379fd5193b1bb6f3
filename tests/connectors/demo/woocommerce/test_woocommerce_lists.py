"""Lists of orders: filters, pages, moments, and the places where they mislead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from connectors.demo.woocommerce import DemoWooCommerce


@pytest.fixture
def everything(store: DemoWooCommerce) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = store.command("state")["orders"]
    return found


def test_pages_by_id_have_every_order_once(api: httpx.Client, everything: list[dict[str, Any]]) -> None:
    first = api.head("/orders?per_page=7")
    pages = range(1, int(first.headers["X-WP-TotalPages"]) + 1)

    rows = [
        row
        for page in pages
        for row in api.get(f"/orders?per_page=7&orderby=id&order=asc&page={page}").json()
    ]

    assert [row["id"] for row in rows] == [order["id"] for order in everything if order["status"] != "trash"]
    assert int(first.headers["X-WP-Total"]) == len(rows)
    assert rows[0] == everything[0]


def test_links_lead_on_and_back(api: httpx.Client) -> None:
    middle = api.get("/orders?per_page=5&page=2&status=any")

    assert "page=3" in middle.links["next"]["url"]
    assert "page=1" in middle.links["prev"]["url"]
    assert "status%5B0%5D=any" in middle.links["next"]["url"]


def test_beyond_the_end_is_empty_and_counts_nothing(api: httpx.Client) -> None:
    answer = api.get("/orders?per_page=100&page=9")

    assert (answer.status_code, answer.json(), answer.headers["X-WP-Total"]) == (200, [], "0")


def test_trash_is_never_any(store: DemoWooCommerce, api: httpx.Client, order: dict[str, Any]) -> None:
    api.delete(f"/orders/{order['id']}")

    any_and_trash = api.get("/orders?status=any,trash&per_page=100").json()
    trash = api.get("/orders?status=trash&per_page=100").json()

    assert order["id"] not in [row["id"] for row in any_and_trash]
    assert order["id"] in [row["id"] for row in trash]
    store.command("orders/untrash", id=order["id"])
    assert api.get(f"/orders/{order['id']}").json()["status"] == "completed"


def test_unknown_filters_are_ignored(api: httpx.Client) -> None:
    """The most dangerous look-up: everybody's orders."""
    everybodys = api.get("/orders?email=kadri.tamm@example.ee&per_page=1")

    assert everybodys.headers["X-WP-Total"] == api.get("/orders?per_page=1").headers["X-WP-Total"]


def test_search_finds_people_by_what_is_on_the_order(api: httpx.Client) -> None:
    found = api.get("/orders", params={"search": "kadri.tamm@EXAMPLE.ee", "per_page": 100}).json()

    assert {row["billing"]["email"].lower() for row in found} == {"kadri.tamm@example.ee"}
    assert len(found) >= 3
    assert api.get("/orders", params={"search": "ณัฐยา"}).json()[0]["billing"]["country"] == "TH"
    typed = found[0]["billing"]["phone"]
    assert api.get("/orders", params={"search": typed}).json()
    assert api.get("/orders", params={"search": typed.replace(" ", "")}).json() == []


def test_guests_and_members(api: httpx.Client, everything: list[dict[str, Any]]) -> None:
    member = next(order["customer_id"] for order in everything if order["customer_id"])

    guests = api.get("/orders?customer=0&per_page=100").json()
    theirs = api.get(f"/orders?customer={member}&per_page=100").json()

    assert {row["customer_id"] for row in guests} == {0}
    assert {row["customer_id"] for row in theirs} == {member}


FLAG = {"dates_are_gmt": "true"}


@pytest.mark.parametrize(
    ("bound", "seconds", "zone", "sign", "flag", "found"),
    [
        ("after", 0, "UTC", "", FLAG, False),
        ("before", 0, "UTC", "", FLAG, False),
        ("after", -1, "UTC", "", FLAG, True),
        ("before", 1, "UTC", "", FLAG, True),
        ("after", -1, "UTC", "Z", {}, True),
        ("after", 0, "UTC", "Z", {}, False),
        ("after", -1, "UTC", "Z", FLAG, False),
        ("after", -1, "Europe/Tallinn", "", {}, True),
        ("after", 0, "Europe/Tallinn", "", {}, False),
    ],
)
def test_moments_are_read_as_recorded(
    bound: str,
    seconds: int,
    zone: str,
    sign: str,
    flag: dict[str, str],
    found: bool,
    api: httpx.Client,
    order: dict[str, Any],
) -> None:
    """As in `incremental/*`: bounds leave their own second out; Z beside the flag is off by the offset."""
    modified = datetime.fromisoformat(order["date_modified_gmt"]).replace(tzinfo=UTC)
    moment = (modified + timedelta(seconds=seconds)).astimezone(ZoneInfo(zone))
    query = {f"modified_{bound}": f"{moment:%Y-%m-%dT%H:%M:%S}{sign}", **flag, "include": str(order["id"])}

    rows = api.get("/orders", params=query).json()

    assert [row["id"] for row in rows] == ([order["id"]] if found else [])


def test_pages_by_time_of_modification_lose_rows_on_ties(
    store: DemoWooCommerce, api: httpx.Client, everything: list[dict[str, Any]]
) -> None:
    """Nothing changes between the pages, as many rows come as there are, and yet some are missing."""
    with store.shop.database.change():
        store.shop.database.run("UPDATE shop_order SET modified = 1700000000")
    query = "/orders?per_page=9&orderby=modified&order=asc"
    pages = range(1, int(api.head(query).headers["X-WP-TotalPages"]) + 1)

    rows = [row["id"] for page in pages for row in api.get(f"{query}&page={page}").json()]

    assert len(rows) == int(api.head(query).headers["X-WP-Total"])
    assert len(set(rows)) < len(rows)


def test_the_whole_shop_s_refunds_since_a_moment(api: httpx.Client, order: dict[str, Any]) -> None:
    api.post(f"/orders/{order['id']}/refunds", json={"amount": "1.00", "api_refund": False})
    since = order["date_created_gmt"]

    new = api.get("/refunds", params={"after": "2020-01-01T00:00:00", "per_page": 100}).json()
    before = datetime.fromisoformat(since) - timedelta(seconds=1)
    newest = api.get(
        "/refunds", params={"after": before.isoformat(), "dates_are_gmt": "true", "per_page": 100}
    ).json()

    assert order["id"] in [row["parent_id"] for row in newest]
    assert len(newest) < len(new)
