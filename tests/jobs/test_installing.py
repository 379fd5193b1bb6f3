"""How stores come in, over HTTP, as a merchant's browser walks it; and how everybody else is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import func, select

from connectors.demo import merchant
from connectors.demo.shopify import installation
from connectors.demo.shopify.control import VERBS
from connectors.demo.shopify.signing import session_token, signed_query
from connectors.demo.shopify.store import SHOP
from integration import stores
from integration.db.accounts import Role
from integration.db.customers import Customer
from integration.db.orders import Order
from integration.db.stores import Store, StoreStatus, SyncPhase
from integration.errors import Forbidden, StoreDenied
from integration.people import links
from integration.people.agents import add_agent
from integration.ports import ShopifyCredentials
from jobs.stores import open_store, refresh_idle
from tests.jobs.conftest import copy


@pytest.fixture
def plain() -> Iterator[httpx.Client]:
    """Follows nothing by itself."""
    with httpx.Client(timeout=30) as found:
        yield found


@pytest.fixture
def found(services: Any) -> Callable[[], list[Store]]:
    def read() -> list[Store]:
        with services.everywhere(write=False) as work:
            return list(work.session.scalars(select(Store).order_by(Store.id)))

    return read


@pytest.fixture
def key_of(services: Any, account_id: int) -> Callable[[Store], Any]:
    def open_(store: Store) -> Any:
        with services.reading(account_id) as work:
            return stores.credentials(services.vault, stores.find(work, store.id))

    return open_


# Shopify, authorization code


def test_a_shop_installs_from_a_link_and_is_copied(
    account_id: int, site: Any, shopify: Any, found: Any, key_of: Any, services: Any
) -> None:
    installation.uninstall(shopify.shop())
    last = merchant.install_shopify(site.url, SHOP)
    (store,) = found()

    assert str(last.url).startswith(shopify.origin)
    assert (store.domain, store.status, store.account_id) == (SHOP, StoreStatus.INSTALLING, account_id)
    assert key_of(store).refresh_token
    copy(services, store.id)


def _begun(plain: httpx.Client, site: Any) -> str:
    """The state of an installation that was begun in this browser."""
    answer = plain.get(f"{site.url}/shopify/install", params={"shop": SHOP})
    assert answer.status_code == 302
    return parse_qs(urlsplit(answer.headers["location"]).query)["state"][0]


def _callback(shopify: Any, state: str, *, now: Any, secret: str | None = None, **more: str) -> str:
    query = {
        "code": installation.authorize_code(shopify.shop(), shopify.app.scopes, "", online=False),
        "shop": SHOP,
        "state": state,
        "timestamp": str(int(now().timestamp())),
        **more,
    }
    return str(signed_query(secret or shopify.app.client_secret, query))


@pytest.mark.parametrize(
    "spoil",
    ["hmac", "state", "another browser", "replayed", "wrong shop", "too old", "no shop of ours", "unsigned"],
)
def test_a_callback_that_is_not_the_answer_to_our_question_is_refused(
    spoil: str, account_id: int, site: Any, shopify: Any, plain: httpx.Client, found: Any, time: Any
) -> None:
    state = _begun(plain, site)
    given = {"state": state, "now": time}
    if spoil == "hmac":
        given["secret"] = "not the secret of this app at all"
    elif spoil == "state":
        given["state"] = "somebody-elses-state"
    elif spoil == "wrong shop":
        given["shop"] = "other-shop.myshopify.com"
    elif spoil == "no shop of ours":
        given["shop"] = "lumi-home.myshopify.com.evil.example"
    elif spoil == "too old":
        given["now"] = lambda: time() - timedelta(minutes=30)
    query = _callback(shopify, **given)
    if spoil == "replayed":
        assert plain.get(f"{site.url}/shopify/callback?{query}").status_code == 302
        plain.cookies.set("deskside_install", state)
        query = _callback(shopify, **given)
    elif spoil == "another browser":
        plain.cookies.clear()
    elif spoil == "unsigned":
        query = re.sub(r"&?hmac=[0-9a-f]+", "", query)
    before = len(found())
    answer = plain.get(f"{site.url}/shopify/callback?{query}")

    assert answer.status_code in (400, 401)
    assert len(found()) == before == (1 if spoil == "replayed" else 0)
    assert shopify.app.client_secret not in answer.text


def test_a_state_is_over_after_a_quarter_of_an_hour(
    account_id: int, site: Any, shopify: Any, plain: httpx.Client, found: Any, time: Any
) -> None:
    state = _begun(plain, site)
    time.advance(timedelta(minutes=16))
    query = _callback(shopify, state, now=time)
    plain.cookies.set("deskside_install", state)

    assert plain.get(f"{site.url}/shopify/callback?{query}").status_code == 401
    assert found() == []


@pytest.mark.parametrize(
    "shop", ["", "evil.example", "lumi-home.myshopify.com.evil.example", "a b.myshopify.com"]
)
def test_an_install_link_leads_to_no_other_place_than_a_shop(
    shop: str, account_id: int, site: Any, plain: httpx.Client
) -> None:
    answer = plain.get(f"{site.url}/shopify/install", params={"shop": shop})

    assert answer.status_code == 400
    assert "location" not in answer.headers


def test_a_shop_that_withholds_a_permission_is_told_so(
    account_id: int, site: Any, shopify: Any, plain: httpx.Client, found: Any, time: Any
) -> None:
    state = _begun(plain, site)
    code = installation.authorize_code(shopify.shop(), ["read_orders"], "", online=False)
    answer = plain.get(f"{site.url}/shopify/callback?{_callback(shopify, state, now=time, code=code)}")

    assert answer.status_code in (401, 403, 502)
    assert "permission" in answer.text
    assert found() == []


def test_a_reinstallation_takes_over_the_data_with_a_new_key(
    site: Any, services: Any, connected: dict[str, int], shopify: Any, found: Any, run_due: Any
) -> None:
    run_due()
    store_id = connected["shopify"]
    installation.uninstall(shopify.shop())
    shopify.settle_down(10)
    run_due()
    (gone,) = [store for store in found() if store.id == store_id]
    assert (gone.status, gone.credentials) == (StoreStatus.DISCONNECTED, None)

    merchant.install_shopify(site.url, SHOP)
    back = [store for store in found() if store.domain == SHOP]
    assert [(store.id, store.status) for store in back] == [(store_id, StoreStatus.INSTALLING)]
    copy(services, store_id)


def test_a_store_of_another_tenant_is_not_taken_over(
    world: Any, site: Any, services: Any, connected: dict[str, int], shopify: Any, found: Any
) -> None:
    from integration.errors import Conflict
    from jobs import installing

    rival = world.account("Rival")
    token = installation.offline_token(shopify.shop(), shopify.app.scopes, expiring=False)["access_token"]
    with pytest.raises(Conflict):
        installing.connect_shopify(
            services,
            ShopifyCredentials(shop=SHOP, access_token=token, scopes=tuple(shopify.app.scopes)),
            by="the rival",
            account_id=rival,
        )
    assert {store.account_id for store in found()} == {found()[0].account_id} != {rival}


# Shopify, managed installation


def test_the_embedded_home_installs_at_its_first_visit(
    account_id: int, site: Any, shopify: Any, found: Any, key_of: Any
) -> None:
    page = merchant.open_in_admin(shopify.origin_template, SHOP, shopify.app.client_id)
    (store,) = found()
    first = key_of(store).access_token
    again = merchant.open_in_admin(shopify.origin_template, SHOP, shopify.app.client_id)

    assert (page.status_code, again.status_code) == (200, 200)
    head = page.text[: page.text.index("</head>")]
    assert head.index("https://cdn.shopify.com/shopifycloud/app-bridge.js") == head.index("https://cdn")
    assert f'<meta name="shopify-api-key" content="{shopify.app.client_id}">' in head
    assert head.index("app-bridge.js") < head.index("<link")
    policy = page.headers["content-security-policy"]
    assert f"frame-ancestors https://{SHOP} https://admin.shopify.com" in policy
    assert "script-src 'self' https://cdn.shopify.com" in policy
    assert "x-frame-options" not in page.headers
    assert page.headers["cache-control"] == "no-store"
    assert "set-cookie" not in page.headers
    assert key_of(store).access_token == first


def test_two_tabs_make_one_store(
    account_id: int, site: Any, shopify: Any, found: Any, kind_of_database: str
) -> None:
    with ThreadPoolExecutor(4) as tabs:
        pages = list(
            tabs.map(
                lambda _: merchant.open_in_admin(shopify.origin_template, SHOP, shopify.app.client_id),
                range(4),
            )
        )

    assert {page.status_code for page in pages} == {200}
    assert len(found()) == 1


@pytest.mark.parametrize("kind", ["stale", "of another app", "of another shop", "garbage", "none"])
def test_the_embedded_home_believes_only_a_fresh_session_token_of_its_shop(
    kind: str, account_id: int, site: Any, shopify: Any, plain: httpx.Client, found: Any, time: Any
) -> None:
    token = session_token(shopify.shop())
    if kind == "stale":
        time.advance(timedelta(minutes=5))
    elif kind == "of another app":
        import jwt

        claims = jwt.decode(token, options={"verify_signature": False})
        token = jwt.encode(claims, "the secret of some other app, long enough", algorithm="HS256")
    elif kind == "garbage":
        token = "a.b.c"
    shop = "other-shop.myshopify.com" if kind == "of another shop" else SHOP
    params = {"shop": shop, "host": "YWRtaW4", "embedded": "1"} | (
        {} if kind == "none" else {"id_token": token}
    )
    answer = plain.get(f"{site.url}/shopify/app", params=params)

    assert answer.status_code in (302, 401)
    if answer.status_code == 302:
        assert urlsplit(answer.headers["location"]).path == "/shopify/bounce"
    assert found() == []


def test_the_home_polls_with_a_token_of_its_own(
    site: Any, connected: dict[str, int], shopify: Any, plain: httpx.Client
) -> None:
    def poll(token: str) -> httpx.Response:
        return plain.get(f"{site.url}/shopify/app/state", headers={"Authorization": f"Bearer {token}"})

    assert poll(session_token(shopify.shop())).json()["status"] in ("installing", "active")
    refused = poll("nonsense")
    assert refused.status_code == 401
    assert refused.headers["x-shopify-retry-invalid-session-request"] == "1"


def test_the_bounce_page_reloads_only_our_own_pages(site: Any, plain: httpx.Client) -> None:
    def bounce(target: str) -> httpx.Response:
        return plain.get(f"{site.url}/shopify/bounce", params={"shop": SHOP, "shopify-reload": target})

    good = bounce(f"{site.url}/shopify/app?shop={SHOP}")
    assert (good.status_code, "app-bridge.js" in good.text) == (200, True)
    assert bounce("https://evil.example/shopify/app").status_code == 400
    assert bounce("//evil.example/").status_code == 400


# Shopify's tokens


@pytest.fixture
def expiring(services: Any, account_id: int, site: Any, shopify: Any, found: Any) -> Store:
    """A shop whose token expires, as all of public apps do."""
    merchant.open_in_admin(shopify.origin_template, SHOP, shopify.app.client_id)
    store: Store = found()[0]
    return store


def test_a_token_is_refreshed_before_it_is_over_and_by_one_process(
    services: Any, expiring: Store, key_of: Any, shopify: Any, time: Any
) -> None:
    first = key_of(expiring)
    time.advance(timedelta(minutes=57))
    refreshed = shopify.faults.add(action="delay", path="access_token", times=-1, seconds=0.2)

    def shop_name(_: int) -> str:
        api = open_store(services, expiring.id)
        try:
            return api.shop().domain
        finally:
            api.close()

    with ThreadPoolExecutor(4) as workers:
        assert set(workers.map(shop_name, range(4))) == {SHOP}
    assert refreshed.hits == 1
    assert key_of(expiring).access_token != first.access_token


def test_a_token_that_the_shop_ended_early_is_renewed_once_for_all_who_use_it(
    services: Any, expiring: Store, key_of: Any, shopify: Any
) -> None:
    """Clients that were opened with it go on with the next one; the call that failed is made again."""
    refreshes = shopify.faults.add(action="delay", path="access_token", times=-1, seconds=0.2)
    first = key_of(expiring)
    clients = [open_store(services, expiring.id) for _ in range(4)]
    installation.expire_tokens(shopify.shop())

    with ThreadPoolExecutor(8) as workers:
        named = list(workers.map(lambda number: clients[number % 4].shop().domain, range(8)))
    for client in clients:
        client.close()

    assert named == [SHOP] * 8
    assert refreshes.hits == 1
    assert key_of(expiring).access_token != first.access_token


@pytest.mark.parametrize("kind", ["expiring", "lasting"])
def test_a_token_that_is_dead_is_noticed_by_the_first_who_uses_it(
    kind: str, services: Any, account_id: int, site: Any, shopify: Any, request: Any, found: Any
) -> None:
    """Whoever that is: no worker need come by before the store says so. And nobody waits for a refresh."""
    store_id = (
        request.getfixturevalue("expiring").id
        if kind == "expiring"
        else request.getfixturevalue("connect_both")()["shopify"]
    )
    api = open_store(services, store_id, interactive=True)
    installation.revoke_tokens(shopify.shop())
    for _ in range(2):
        with pytest.raises(StoreDenied):
            api.shop()
    api.close()

    with services.reading(account_id) as work:
        store, state = stores.find(work, store_id), stores.state(work, store_id)
        assert (store.status, store.credentials_held_until) == (StoreStatus.DEGRADED, None)
        code, step = (
            ("reopen_app", "Open the Deskside app") if kind == "expiring" else ("store_denied", "Stores")
        )
        assert state.error["code"] == code
        assert step in state.error["next_step"]


def test_a_lost_answer_to_a_refresh_costs_nothing(
    services: Any, expiring: Store, key_of: Any, shopify: Any, time: Any
) -> None:
    time.advance(timedelta(minutes=57))
    shopify.faults.add(action="hangup_after", path="access_token", times=1)
    for _ in range(2):
        try:
            open_store(services, expiring.id).close()
            break
        except Exception:
            time.advance(timedelta(seconds=61))  # the hold of the one who heard nothing ends
    api = open_store(services, expiring.id)
    assert api.shop().domain == SHOP
    api.close()


def test_a_refresh_token_that_is_dead_degrades_the_store_and_a_visit_heals_it(
    services: Any,
    expiring: Store,
    key_of: Any,
    shopify: Any,
    time: Any,
    found: Any,
    account_id: int,
) -> None:
    installation.revoke_tokens(shopify.shop())
    time.advance(timedelta(hours=2))
    with pytest.raises(StoreDenied):
        open_store(services, expiring.id)
    assert found()[0].status is StoreStatus.DEGRADED
    with services.reading(account_id) as work:
        error = stores.state(work, expiring.id).error
    assert error["next_step"]

    time.ahead = timedelta()
    merchant.open_in_admin(shopify.origin_template, SHOP, shopify.app.client_id)
    api = open_store(services, expiring.id)
    assert api.shop().domain == SHOP
    api.close()


def test_a_quiet_shop_is_kept_by_refreshing_before_ninety_days(
    services: Any, expiring: Store, key_of: Any, time: Any
) -> None:
    first = key_of(expiring)
    assert refresh_idle(services) == 0
    time.advance(timedelta(days=61))

    assert refresh_idle(services) == 1
    assert key_of(expiring).refresh_token != first.refresh_token


# WooCommerce


def test_a_woocommerce_store_connects_from_a_link_and_is_copied(
    account_id: int, site: Any, woocommerce: Any, found: Any, services: Any
) -> None:
    last = merchant.connect_woocommerce(site.url, woocommerce.url)
    (store,) = found()

    assert (last.status_code, last.url.path) == (200, "/woocommerce/return")
    assert (store.account_id, store.url) == (account_id, woocommerce.url)
    copy(services, store.id)


@pytest.fixture
def in_use(services: Any, account_id: int) -> None:
    """The account has an admin, who has been here."""
    with services.transaction(account_id) as work:
        agent, _secret = add_agent(work, "mari@lumi.example", "Mari", Role.ADMIN)
        agent.last_seen_at = services.now()


@pytest.fixture
def cached(services: Any, account_id: int) -> Callable[[], tuple[int, int]]:
    """Orders and customers in the account's cache."""

    def count() -> tuple[int, int]:
        with services.reading(account_id) as work:
            return tuple(work.session.scalar(select(func.count(table.id))) for table in (Order, Customer))

    return count


def test_a_store_from_an_open_link_waits_where_somebody_is_in_charge(
    in_use: None,
    account_id: int,
    site: Any,
    woocommerce: Any,
    found: Any,
    cached: Any,
    services: Any,
    run_due: Any,
) -> None:
    """A stranger's orders must not stand beside the account's own: nothing is copied, nobody comes in."""
    page = merchant.connect_woocommerce(site.url, woocommerce.url)
    assert "has to confirm it under Stores" in page.text
    again = merchant.connect_woocommerce(site.url, woocommerce.url)  # nor does insisting help
    assert "has to confirm it under Stores" in again.text
    run_due()

    (store,) = found()
    with services.reading(account_id) as work:
        state = stores.state(work, store.id)
        assert (state.phase, state.due_at, store.status) == (SyncPhase.WAITING, None, StoreStatus.INSTALLING)
        with pytest.raises(Forbidden):
            links.must_be_vouched_for(work, store.id)
    assert cached() == (0, 0)
    assert list(woocommerce.shop.database.all("webhook")) == []


def test_a_shops_webhooks_change_nothing_while_it_waits(
    in_use: None, account_id: int, site: Any, shopify: Any, found: Any, cached: Any, run_due: Any
) -> None:
    """Shopify sends them for every shop that installed the app, whether or not we asked."""
    page = merchant.open_in_admin(shopify.origin_template, SHOP, shopify.app.client_id)
    assert "has to confirm it under Stores" in page.text
    order = next(iter(shopify.shop().archive.find("1", ())))["id"]
    VERBS["touch"](shopify.shop(), order=order, note="from a stranger")
    shopify.settle_down(10)
    assert run_due() > 0
    assert cached() == (0, 0)

    installation.uninstall(shopify.shop())  # this is still heard
    shopify.settle_down(10)
    run_due()
    assert found()[0].status is StoreStatus.DISCONNECTED


def test_a_confirmed_store_is_copied_and_stays_confirmed(
    in_use: None, account_id: int, site: Any, woocommerce: Any, found: Any, cached: Any, services: Any
) -> None:
    merchant.connect_woocommerce(site.url, woocommerce.url)
    (store,) = found()
    for _ in range(2):
        with services.transaction(account_id) as work:
            stores.confirm(work, store.id, by="mari@lumi.example")
            links.vouch(work, store.id)
    copy(services, store.id)
    assert cached()[0] > 0

    merchant.connect_woocommerce(site.url, woocommerce.url)  # a new key, by the same open link
    copy(services, store.id)
    with services.reading(account_id) as work:
        links.must_be_vouched_for(work, store.id)


def test_connecting_again_doubles_neither_store_nor_webhooks(
    account_id: int, site: Any, woocommerce: Any, found: Any, services: Any, time: Any
) -> None:
    for _ in range(2):
        merchant.connect_woocommerce(site.url, woocommerce.url)
        copy(services, found()[0].id)
        time.advance(timedelta(minutes=1))
    hooks = woocommerce.shop.database.all("webhook")

    assert len(found()) == 1
    assert len({webhook["topic"] for webhook in hooks}) == len(hooks) > 0


def test_a_declined_connection_changes_nothing(
    account_id: int, site: Any, woocommerce: Any, plain: httpx.Client, found: Any
) -> None:
    state = _begin_woocommerce(plain, site, woocommerce)
    answer = plain.get(f"{site.url}/woocommerce/return", params={"success": "0", "user_id": state})

    assert answer.status_code == 409
    assert "declined" in answer.text
    assert found() == []


def _begin_woocommerce(plain: httpx.Client, site: Any, woocommerce: Any) -> str:
    answer = plain.get(f"{site.url}/woocommerce/install", params={"url": woocommerce.url})
    assert answer.status_code == 302
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query["scope"] == ["read_write"]
    return query["user_id"][0]


def _grant(woocommerce: Any, state: str, permissions: str = "read_write", **more: Any) -> dict[str, Any]:
    key, secret = woocommerce.key(permissions=permissions)
    return {
        "key_id": 1,
        "user_id": state,
        "consumer_key": key,
        "consumer_secret": secret,
        "key_permissions": permissions,
        **more,
    }


@pytest.mark.parametrize(
    "kind", ["unknown state", "used twice", "too late", "key of another store", "read only", "garbage"]
)
def test_a_woocommerce_callback_is_believed_once_and_only_with_a_good_key(
    kind: str, account_id: int, site: Any, woocommerce: Any, plain: httpx.Client, found: Any, time: Any
) -> None:
    state = _begin_woocommerce(plain, site, woocommerce)
    body: Any = _grant(woocommerce, state, "read" if kind == "read only" else "read_write")
    if kind == "unknown state":
        body["user_id"] = "made-up-state"
    elif kind == "used twice":
        assert plain.post(f"{site.url}/woocommerce/callback", json=body).status_code == 200
    elif kind == "too late":
        time.advance(timedelta(minutes=16))
    elif kind == "key of another store":
        body |= {"consumer_key": f"ck_{'a' * 40}", "consumer_secret": f"cs_{'b' * 40}"}
    elif kind == "garbage":
        body = ["not", "a", "grant"]
    before = len(found())
    answer = plain.post(f"{site.url}/woocommerce/callback", content=json.dumps(body))

    assert answer.status_code in (400, 401, 422)
    assert len(found()) == before
    if kind == "read only":
        page = plain.get(f"{site.url}/woocommerce/return", params={"success": "1", "user_id": state})
        assert (page.status_code, "read" in page.text.lower()) == (409, True)


@pytest.mark.parametrize(
    "url", ["", "not an address", "ftp://shop.example", "https://user:pw@shop.example", "x" * 600]
)
def test_an_address_that_cannot_be_a_store_is_refused_with_words(
    url: str, account_id: int, site: Any, plain: httpx.Client
) -> None:
    answer = plain.get(f"{site.url}/woocommerce/install", params={"url": url})

    assert answer.status_code == 400
    assert "location" not in answer.headers
