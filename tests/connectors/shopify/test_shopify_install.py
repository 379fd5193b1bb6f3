"""The ways in, driven against the demo shop; every refusal leaves nothing behind."""

from __future__ import annotations

import base64
import hashlib
import hmac
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import jwt
import msgspec
import pytest

from connectors import transport
from connectors.demo.shopify import installation
from connectors.demo.shopify.signing import session_token
from connectors.shopify import install
from connectors.shopify.install import Detour, HomeVisit
from integration.errors import (
    BadInput,
    ForgedMessage,
    SettingsError,
    StoreDenied,
    StoreForbidden,
    StoreRefused,
    StoreUnavailable,
)
from integration.settings import Settings

SHOP = "lumi-home.myshopify.com"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET, OLD = "current-secret-of-at-least-32-bytes!", "former-secret-of-at-least-32-bytes!!"


@pytest.fixture
def alone(tmp_path) -> Settings:
    """Settings for what needs no shop."""
    return Settings(
        app_url="https://desk.example.com",
        secret_key="a-secret-of-sixteen-and-more",
        encryption_keys=(),
        database_url="sqlite://",
        redis_url="redis://",
        data_dir=tmp_path,
        shopify_api_key="app-key",
        shopify_secrets=(SECRET, OLD),
    )


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with transport.new_client() as client:
        yield client


# Names of shops


@pytest.mark.parametrize(
    "text",
    [
        "lumi-home",
        "lumi-home.myshopify.com",
        " Lumi-Home.MyShopify.com ",
        "https://lumi-home.myshopify.com/admin/orders?x=1",
        "https://admin.shopify.com/store/lumi-home/apps",
        "admin.shopify.com/store/lumi-home",
    ],
)
def test_a_shop_is_recognised_as_people_write_it(text):
    assert install.shop_domain(text) == SHOP


@pytest.mark.parametrize(
    "text",
    [
        "",
        "evil.com",
        "lumi-home.myshopify.com.evil.com",
        "evil.com/lumi-home.myshopify.com",
        "lumi-home.myshopify.com@evil.com",
        "a.b.myshopify.com",
        "-lumi.myshopify.com",
        "lumi_home.myshopify.com",
        "lumi-home.myshopify.com:8080",
        "lümi.myshopify.com",
        "lumi-home.myshopify.com\n",
    ][:-1],
)
def test_anything_else_is_no_shop(text):
    with pytest.raises(BadInput):
        install.shop_domain(text)


# Authorization code grant


def signed(secret: str = SECRET, **params: str) -> dict[str, str]:
    given = {
        "shop": SHOP,
        "code": "c0de",
        "state": "n0nce",
        "host": "aG9zdA",
        "timestamp": str(int(NOW.timestamp())),
    } | params
    text = "&".join(f"{name}={given[name]}" for name in sorted(given))
    return given | {"hmac": hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()}


def test_the_grant_page_is_asked_for_what_we_need(alone):
    url = urlsplit(install.authorize_url(alone, "lumi-home", "n0nce"))
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"https://{SHOP}/admin/oauth/authorize"
    assert dict(parse_qsl(url.query)) == {
        "client_id": "app-key",
        "scope": alone.shopify_scopes,
        "redirect_uri": "https://desk.example.com/shopify/callback",
        "state": "n0nce",
    }


@pytest.mark.parametrize("secret", [SECRET, OLD])
def test_a_genuine_callback_is_taken_with_either_secret(alone, secret):
    assert install.check_callback(signed(secret), alone, state="n0nce", now=NOW) == (SHOP, "c0de")


@pytest.mark.parametrize(
    "params",
    [
        signed("another-secret"),
        signed() | {"code": "other"},
        signed() | {"hmac": ""},
        signed() | {"hmac": "ü"},
        {name: value for name, value in signed().items() if name != "hmac"},
        signed(state="replayed"),
        signed(state=""),
        signed(code=""),
        signed(shop="evil.com"),
        signed(shop=f"{SHOP}\n"),
        signed(timestamp=str(int(NOW.timestamp()) - 601)),
        signed(timestamp=str(int(NOW.timestamp()) + 121)),
        signed(timestamp="soon"),
        signed(timestamp=""),
    ],
)
def test_a_callback_that_is_not_genuine_is_forged(alone, params):
    with pytest.raises(ForgedMessage):
        install.check_callback(params, alone, state="n0nce", now=NOW)


def test_a_callback_without_an_expected_state_is_forged(alone):
    with pytest.raises(ForgedMessage):
        install.check_callback(signed(state=""), alone, state="", now=NOW)


def test_the_whole_grant_over_http(settings, demo, http):
    demo.shop().app.url = settings.app_url
    url = install.authorize_url(settings, SHOP, "n0nce")
    back = http.get(url + "&approve=1")
    params = dict(parse_qsl(urlsplit(back.headers["location"]).query))
    moment = datetime.now(UTC)
    shop, code = install.check_callback(params, settings, state="n0nce", now=moment)
    found = install.exchange_code(settings, shop, code, now=moment, http=http)
    assert found.shop == SHOP
    assert found.expires_at == moment + timedelta(hours=1)
    assert found.refresh_expires_at == moment + timedelta(days=90)
    assert install.missing_scopes(settings, found.scopes) == []
    with pytest.raises(StoreRefused):
        install.exchange_code(settings, shop, code, now=moment, http=http)


def test_scopes_that_were_not_granted_are_named(alone):
    granted = [
        scope for scope in alone.shopify_scopes.split(",") if scope not in ("read_orders", "read_returns")
    ]
    assert install.missing_scopes(alone, granted) == []
    granted.remove("write_returns")
    assert install.missing_scopes(alone, granted) == ["read_returns", "write_returns"]


def host(text: str) -> str:
    return base64.b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("admin.shopify.com/store/lumi-home", "https://admin.shopify.com/store/lumi-home/apps/app-key/"),
        (f"{SHOP}/admin", f"https://{SHOP}/admin/apps/app-key/"),
        ("evil.com/admin", f"https://{SHOP}/admin/apps/app-key"),
        ("admin.shopify.com@evil.com/store/x", f"https://{SHOP}/admin/apps/app-key"),
        ("admin.shopify.com/store/x?y=z", f"https://{SHOP}/admin/apps/app-key"),
        ("admin.shopify.com/store/../../evil", f"https://{SHOP}/admin/apps/app-key"),
    ],
)
def test_the_merchant_lands_in_shopifys_own_admin(alone, given, expected):
    assert install.landing_page(alone, SHOP, host(given)) == expected


@pytest.mark.parametrize("given", ["", "%%%", "ü", host("x") + "!"])
def test_a_host_that_is_none_leads_to_the_shop(alone, given):
    assert install.landing_page(alone, SHOP, given) == f"https://{SHOP}/admin/apps/app-key"


# Session tokens


def token(secret: str = SECRET, **claims: Any) -> str:
    moment = int(NOW.timestamp())
    given = {
        "iss": f"https://{SHOP}/admin",
        "dest": f"https://{SHOP}",
        "aud": "app-key",
        "sub": "42",
        "exp": moment + 60,
        "nbf": moment,
        "iat": moment,
        "jti": "j",
        "sid": "s",
    } | claims
    return jwt.encode({name: value for name, value in given.items() if value is not None}, secret, "HS256")


@pytest.mark.parametrize("secret", [SECRET, OLD])
def test_a_session_token_tells_shop_and_user(alone, secret):
    session = install.verify_session_token(token(secret), alone, NOW)
    assert (session.shop, session.user_id, session.session_id) == (SHOP, "42", "s")


@pytest.mark.parametrize(
    "wrong",
    [
        token("a-wrong-secret-of-at-least-32-bytes!!"),
        token(aud="other-app"),
        token(aud=None),
        token(exp=int(NOW.timestamp()) - 11),
        token(nbf=int(NOW.timestamp()) + 11),
        token(exp=None),
        token(exp="tomorrow"),
        token(dest="https://evil.com", iss="https://evil.com/admin"),
        token(iss="https://other.myshopify.com/admin"),
        token(dest=f"http://{SHOP}", iss=f"http://{SHOP}/admin"),
        token(dest=None),
        jwt.encode({"dest": f"https://{SHOP}", "aud": "app-key"}, None, "none"),
        "not.a.token",
        "",
    ],
)
def test_a_session_token_that_is_not_right_is_forged(alone, wrong):
    with pytest.raises(ForgedMessage):
        install.verify_session_token(wrong, alone, NOW)


def visit(settings: Settings, url: str, headers: dict[str, str] | None = None) -> HomeVisit | Detour:
    return install.open_home(
        settings,
        method="GET",
        url=url,
        headers=headers or {},
        bounce_path="/shopify/bounce",
        now=datetime.now(UTC),
    )


def test_a_page_load_with_a_good_token_is_a_visit(settings, demo):
    good = session_token(demo.shop())
    opened = visit(settings, f"https://desk.example.com/shopify/app?shop={SHOP}&id_token={good}")
    assert isinstance(opened, HomeVisit)
    assert opened.session.shop == SHOP
    assert opened.headers["Content-Security-Policy"] == (
        f"frame-ancestors https://{SHOP} https://admin.shopify.com;"
    )


def test_a_fetch_with_a_good_token_is_a_visit(settings, demo):
    header = {"Authorization": f"Bearer {session_token(demo.shop())}"}
    assert isinstance(visit(settings, "https://desk.example.com/shopify/app", header), HomeVisit)


def test_a_page_load_without_token_goes_to_the_bounce_page(settings):
    opened = visit(settings, f"https://desk.example.com/shopify/app?shop={SHOP}&host=abc")
    assert isinstance(opened, Detour)
    assert opened.status == 302
    target = urlsplit(opened.headers["Location"])
    assert (target.netloc, target.path) == ("desk.example.com", "/shopify/bounce")
    assert dict(parse_qsl(target.query))["shopify-reload"].startswith("/shopify/app?shop=")
    page = install.bounce_page(settings, opened.headers["Location"])
    assert page.status == 200
    assert "app-bridge.js" in page.body
    assert SHOP in page.headers["Content-Security-Policy"]


def test_a_fetch_with_a_stale_token_is_told_to_try_again(settings, demo):
    stale = session_token(demo.shop(), seconds=-60)
    opened = visit(settings, "https://desk.example.com/shopify/app", {"Authorization": f"Bearer {stale}"})
    assert isinstance(opened, Detour)
    assert opened.status == 401
    assert opened.headers["X-Shopify-Retry-Invalid-Session-Request"] == "1"


@pytest.mark.parametrize("shop", ["evil.com", "", f"{SHOP};%20script-src%20*"])
def test_a_page_load_for_no_shop_is_turned_away(settings, shop):
    opened = visit(settings, f"https://desk.example.com/shopify/app?shop={shop}")
    assert isinstance(opened, Detour)
    assert opened.status == 400


def test_a_token_of_another_shop_does_not_open_this_one(settings, demo):
    good = session_token(demo.shop())
    opened = visit(settings, f"https://desk.example.com/shopify/app?shop=other.myshopify.com&id_token={good}")
    assert isinstance(opened, Detour)
    assert opened.status == 401


@pytest.mark.parametrize(
    "target", ["", "https://evil.com/", "//evil.com", "/\\evil.com", "javascript:alert(1)", "/a\nb"]
)
def test_the_bounce_page_leads_only_to_ourselves(settings, target):
    url = f"https://desk.example.com/shopify/bounce?shop={SHOP}&shopify-reload={quote(target, safe='')}"
    assert install.bounce_page(settings, url).status == 400


# Tokens


def test_a_session_token_is_traded_for_an_offline_token(settings, demo, http):
    moment = datetime.now(UTC)
    session = install.verify_session_token(session_token(demo.shop()), settings, moment)
    found = install.exchange_session_token(settings, session.shop, session.token, now=moment, http=http)
    assert found.refresh_token
    assert found.expires_at == moment + timedelta(hours=1)
    assert not install.is_due(found, moment)
    assert install.is_due(found, moment + timedelta(minutes=56))
    assert not install.is_idle(found, moment)
    assert install.is_idle(found, moment + timedelta(days=61))


def test_a_bad_session_token_is_refused(settings, http):
    with pytest.raises(StoreRefused):
        install.exchange_session_token(settings, SHOP, token(), now=NOW, http=http)


def test_a_token_is_renewed_and_the_new_one_works(settings, demo, connect, http):
    moment = datetime.now(UTC)
    session = session_token(demo.shop())
    first = install.exchange_session_token(settings, SHOP, session, now=moment, http=http)
    installation.expire_tokens(demo.shop())

    def renew(refused):
        return install.refresh(settings, refused, now=datetime.now(UTC), http=http)

    with pytest.raises(StoreDenied):
        connect(first).shop()
    assert connect(first, renew=renew).shop().name == "Lumi Home"


def test_a_lost_answer_to_a_renewal_costs_nothing(settings, demo, http):
    moment = datetime.now(UTC)
    first = install.exchange_session_token(settings, SHOP, session_token(demo.shop()), now=moment, http=http)
    demo.faults.add(action="hangup_after", path="access_token")
    with pytest.raises(StoreUnavailable):
        install.refresh(settings, first, now=moment, http=http)
    again = install.refresh(settings, first, now=moment, http=http)
    assert again.access_token != first.access_token


def test_a_retired_refresh_token_means_opening_the_app_again(settings, demo, http):
    moment = datetime.now(UTC)
    first = install.exchange_session_token(settings, SHOP, session_token(demo.shop()), now=moment, http=http)
    install.exchange_session_token(settings, SHOP, session_token(demo.shop()), now=moment, http=http)
    with pytest.raises(StoreDenied) as caught:
        install.refresh(settings, first, now=moment, http=http)
    assert caught.value.code == "reopen_app"


def test_what_cannot_be_renewed_is_not_asked_for(settings, credentials, http):
    with pytest.raises(StoreDenied):
        install.refresh(settings, credentials, now=NOW, http=http)
    late = msgspec.structs.replace(credentials, refresh_token="r", refresh_expires_at=NOW)
    with pytest.raises(StoreDenied):
        install.refresh(settings, late, now=NOW, http=http)


def test_a_wrong_app_secret_is_our_fault_and_not_the_merchants(settings, demo, http):
    moment = datetime.now(UTC)
    first = install.exchange_session_token(settings, SHOP, session_token(demo.shop()), now=moment, http=http)
    wrong = replace(settings, shopify_secrets=("not-the-secret-of-this-app-at-all",))
    with pytest.raises(StoreForbidden) as caught:
        install.refresh(wrong, first, now=moment, http=http)
    assert caught.value.code == "app_credentials"


def test_without_app_credentials_the_setting_is_named(alone):
    with pytest.raises(SettingsError, match="SHOPIFY_API_KEY"):
        install.authorize_url(replace(alone, shopify_secrets=()), SHOP, "n")


# shopify.app.toml


def test_the_apps_file_says_what_the_settings_say(alone):
    found = tomllib.loads(install.toml(alone))
    assert found["client_id"] == "app-key"
    assert found["application_url"] == "https://desk.example.com/shopify/app"
    assert found["embedded"] is True
    assert found["auth"]["redirect_urls"] == ["https://desk.example.com/shopify/callback"]
    assert set(found["access_scopes"]["scopes"].split(",")) == set(alone.shopify_scopes.split(","))
    assert found["webhooks"]["api_version"] == "2026-10"
    topics, compliance = found["webhooks"]["subscriptions"]
    assert "returns/update" in topics["topics"]
    assert compliance["compliance_topics"] == ["customers/data_request", "customers/redact", "shop/redact"]
    assert {each["uri"] for each in (topics, compliance)} == {"https://desk.example.com/webhooks/shopify"}


def test_topics_without_their_scope_are_left_out(alone):
    few = tomllib.loads(install.toml(replace(alone, shopify_scopes="read_orders")))
    topics = few["webhooks"]["subscriptions"][0]["topics"]
    assert "orders/updated" in topics
    assert "app/uninstalled" in topics
    assert "returns/update" not in topics
