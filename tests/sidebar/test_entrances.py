"""From a store's own admin into the merchant's pages: only with that store's proof, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from flask import Flask

from connectors.woocommerce import plugin
from integration.db.accounts import Role
from integration.db.stores import Store
from integration.people import links
from integration.people.agents import add_agent, list_agents
from integration.ports import WooCommerceCredentials
from integration.records import Platform
from jobs.boot import Services

SECRET = "cs_0123456789abcdef"


@pytest.fixture
def wordpress(services: Services, world: Any, account: int) -> int:
    """A WooCommerce store whose key we hold."""
    store: int = world.store(
        account, Platform.WOOCOMMERCE, domain="outlet.example", url="https://outlet.example"
    )
    held = WooCommerceCredentials(url="https://outlet.example", consumer_key="ck_1", consumer_secret=SECRET)
    with services.transaction(account) as work:
        work.session.get_one(Store, store).credentials = services.vault.seal_record(held)
    return store


@pytest.fixture
def signed(services: Services) -> Callable[..., str]:
    def address(purpose: str, secret: str = SECRET, **more: str) -> str:
        said = {
            "site": "https://outlet.example",
            "email": "liis@outlet.example",
            "name": "Liis Kask",
            "time": str(int(services.now().timestamp())),
            "nonce": "0123456789abcdefghij",
            **more,
        }
        said["signature"] = more.get("signature") or plugin.sign(purpose, said, secret)
        return f"/woocommerce/plugin/{purpose}?{urlencode(said)}"

    return address


def test_the_plugin_leads_to_a_link_that_signs_in(app: Flask, wordpress: int, signed: Any) -> None:
    client = app.test_client()
    answer = client.get(signed("open"))
    assert answer.status_code == 303
    assert answer.location.startswith("http://127.0.0.1:1/admin/enter/")
    assert client.get(answer.location.removeprefix("http://127.0.0.1:1")).status_code == 200


def test_a_signed_address_works_once(app: Flask, wordpress: int, signed: Any) -> None:
    client, address = app.test_client(), signed("open")
    assert client.get(address).status_code == 303
    assert client.get(address).status_code == 401


@pytest.mark.parametrize(
    "more",
    [
        {"secret": "cs_another"},
        {"signature": "0" * 64},
        {"signature": "é"},
        {"time": "1"},
        {"time": "x"},
        {"nonce": "short"},
        {"email": ""},
    ],
)
def test_a_forged_or_old_address_opens_nothing(
    app: Flask, wordpress: int, signed: Any, more: dict[str, str]
) -> None:
    assert app.test_client().get(signed("open", **more)).status_code == 401


def test_an_address_for_another_purpose_opens_nothing(app: Flask, wordpress: int, signed: Any) -> None:
    address = signed("status").replace("/status?", "/open?")
    assert app.test_client().get(address).status_code == 401


def test_an_unknown_store_is_not_found(app: Flask, wordpress: int, signed: Any) -> None:
    assert app.test_client().get(signed("open", site="https://other.example")).status_code == 404


def test_the_plugin_reads_how_the_copy_is(app: Flask, wordpress: int, signed: Any) -> None:
    answer = app.test_client().get(signed("status"))
    assert answer.status_code == 200
    assert (answer.json["status"], answer.json["done"]) == ("active", 0)


@pytest.fixture
def shopify(services: Services, world: Any, account: int) -> Callable[..., str]:
    """A connected shop; gives session tokens as App Bridge would."""
    services.settings = replace(
        services.settings, shopify_api_key="key", shopify_secrets=("a secret of the app that is long enough",)
    )
    store = world.store(account, domain="lumi.myshopify.com")
    with services.transaction(account) as work:
        work.session.get_one(Store, store).credentials = b"sealed"

    def token(shop: str = "lumi.myshopify.com", secret: str = "", late: int = 0) -> str:
        now = int((services.now() + timedelta(seconds=late)).timestamp())
        claims = {
            "iss": f"https://{shop}/admin",
            "dest": f"https://{shop}",
            "aud": "key",
            "sub": "77",
            "exp": now + 60,
            "nbf": now,
            "iat": now,
            "jti": "j",
            "sid": "s",
        }
        return jwt.encode(claims, secret or services.settings.shopify_secrets[0], algorithm="HS256")

    return token


def test_whoever_has_the_app_open_in_shopify_gets_a_link(app: Flask, shopify: Any) -> None:
    client = app.test_client()
    answer = client.post("/shopify/app/enter", headers={"Authorization": f"Bearer {shopify()}"})
    assert answer.status_code == 200
    path = answer.json["address"].removeprefix("http://127.0.0.1:1")
    assert client.get(path).status_code == 200
    assert not answer.headers.getlist("Set-Cookie"), "the frame gets no cookie"


@pytest.mark.parametrize(
    "more", [{"secret": "another secret that is long enough"}, {"late": -3600}, {"late": 3600}]
)
def test_a_session_token_that_does_not_hold_gets_another_chance_and_no_link(
    app: Flask, shopify: Any, more: dict[str, Any]
) -> None:
    answer = app.test_client().post(
        "/shopify/app/enter", headers={"Authorization": f"Bearer {shopify(**more)}"}
    )
    assert answer.status_code == 401
    assert answer.headers["X-Shopify-Retry-Invalid-Session-Request"] == "1"


def test_a_shop_that_is_not_connected_gets_no_link(app: Flask, shopify: Any) -> None:
    headers = {"Authorization": f"Bearer {shopify(shop='other.myshopify.com')}"}
    assert app.test_client().post("/shopify/app/enter", headers=headers).status_code == 404


# Stores that came in by an install link, which anybody can open


@pytest.fixture
def admin_at_work(services: Services, account: int) -> None:
    with services.transaction(account) as work:
        agent, _secret = add_agent(work, "mari@lumi.example", "Mari", Role.ADMIN)
        agent.last_seen_at = services.now()


def test_a_strangers_store_opens_no_account_that_is_in_use(
    app: Flask, services: Services, account: int, wordpress: int, signed: Any, admin_at_work: None
) -> None:
    with services.transaction(account) as work:
        links.doubt(work, wordpress)

    assert app.test_client().get(signed("open")).status_code == 403
    with services.reading(account) as work:
        assert [agent.email for agent in list_agents(work)] == ["mari@lumi.example"]


def test_an_admin_who_confirms_the_store_vouches_for_it(
    app: Flask, services: Services, account: int, wordpress: int, signed: Any, admin_at_work: None
) -> None:
    with services.transaction(account) as work:
        links.doubt(work, wordpress)
        links.vouch(work, wordpress)

    assert app.test_client().get(signed("open")).status_code == 303
