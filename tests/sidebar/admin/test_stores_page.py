"""Stores: the state of each copy in words, what to do when it is broken, and forms that lead to the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from integration import store_status
from integration import stores as connected
from integration.db.inbox import Delivery, DeliveryStatus, Poison
from integration.db.stores import Store, StoreStatus, SyncPhase, SyncState
from integration.errors import AppLeftAlone
from integration.people import links
from integration.ports import Topic
from integration.records import Platform
from jobs.boot import Services


def change(services: Services, account: int, store_id: int, **values: Any) -> None:
    with services.transaction(account) as work:
        sync = work.session.get_one(SyncState, store_id)
        store = work.session.get_one(Store, store_id)
        for name, value in values.items():
            setattr(store if name in ("status", "scopes", "credentials") else sync, name, value)


def test_without_a_store_the_page_says_what_to_do(admin: int, sign_in: Callable[[int], Any]) -> None:
    browser = sign_in(admin)
    browser.get("/admin/stores")
    assert "No store yet" in browser.text
    assert "Continue to Shopify" in browser.text


def test_a_copy_under_way_shows_how_far_it_is(
    services: Services, world: Any, account: int, clock: Any, admin: int, sign_in: Callable[[int], Any]
) -> None:
    store = world.store(account, name="Kadakas Atelier", status=StoreStatus.INSTALLING)
    change(
        services,
        account,
        store,
        phase=SyncPhase.BACKFILL,
        done=38_412,
        total=61_900,
        backfill_started_at=clock() - timedelta(seconds=356),
    )
    browser = sign_in(admin)
    browser.get("/admin/stores")
    assert "<strong>38,412</strong> of 61,900 orders" in browser.text
    assert "108 orders a second · about 4 minutes left" in browser.text
    assert 'max="61900" value="38412"' in browser.text
    assert f'data-follow="/admin/stores/{store}/state"' in browser.text
    piece = browser.get(f"/admin/stores/{store}/state").get_data(as_text=True)
    assert "38,412" in piece
    assert "<html" not in piece


def test_a_slow_copy_is_told_with_the_comma_of_the_language(
    services: Services, world: Any, account: int, clock: Any, admin: int, sign_in: Callable[[int], Any]
) -> None:
    store = world.store(account, status=StoreStatus.INSTALLING)
    begun = clock() - timedelta(seconds=100)
    change(services, account, store, phase=SyncPhase.BACKFILL, done=340, total=900, backfill_started_at=begun)
    browser = sign_in(admin)
    browser.post("/admin/you/language", {"language": "et"})
    browser.get("/admin/stores")
    assert "3,4 tellimust sekundis" in browser.text


def test_a_refused_key_says_what_still_works_and_leads_to_a_new_one(
    services: Services, world: Any, account: int, clock: Any, admin: int, sign_in: Callable[[int], Any]
) -> None:
    store = world.store(account, Platform.WOOCOMMERCE, domain="outlet.example", url="https://outlet.example")
    error = {"code": "store_denied", "message": "401", "next_step": "", "at": clock().isoformat()}
    change(
        services,
        account,
        store,
        error=error,
        due_at=clock() + timedelta(minutes=13),
        status=StoreStatus.DEGRADED,
    )
    browser = sign_in(admin)
    browser.get("/admin/stores")
    assert "The store refuses our key, last tried 12:00" in browser.text
    assert "Refunds for this store wait until the key works again." in browser.text
    assert "Next try 12:13." in browser.text
    answer = browser.post("/admin/stores/connect/woocommerce", {"url": "https://outlet.example"})
    assert answer.location == "/woocommerce/install?url=https%3A%2F%2Foutlet.example"


def test_worst_first_then_busy_then_well(services: Services, world: Any, account: int, clock: Any) -> None:
    well, busy, broken = world.store(account), world.store(account), world.store(account)
    gone = world.store(account, status=StoreStatus.DISCONNECTED)
    change(services, account, busy, phase=SyncPhase.BACKFILL)
    change(services, account, broken, error={"code": "store_denied"})
    with services.reading(account) as work:
        assert [view.id for view in store_status.overview(work)] == [broken, busy, well, gone]


def test_the_usual_delay_is_that_of_95_in_a_hundred(
    services: Services, world: Any, account: int, clock: Any
) -> None:
    store = world.store(account)
    with services.transaction(account) as work:
        for number in range(100):
            seconds = 2 if number < 95 else 40
            work.add(
                Delivery(
                    store_id=store,
                    delivery_id=str(number),
                    topic=Topic.ORDER,
                    platform_topic="orders/updated",
                    received_at=clock(),
                    status=DeliveryStatus.DONE,
                    due_at=clock(),
                    done_at=clock() + timedelta(seconds=seconds),
                )
            )
    with services.reading(account) as work:
        assert store_status.one(work, store).arrives_within == timedelta(seconds=40)
        assert store_status.one(work, store).set_aside == 0


def test_what_was_set_aside_is_shown_and_tried_again(
    services: Services, world: Any, account: int, clock: Any, admin: int, sign_in: Callable[[int], Any]
) -> None:
    store = world.store(account)
    with services.transaction(account) as work:
        work.add(
            Poison(
                store_id=store,
                platform_id="gid://shopify/Order/13",
                reason="lines: expected a list",
                first_seen_at=clock(),
                last_seen_at=clock(),
                due_at=clock() + timedelta(days=1),
            )
        )
    browser = sign_in(admin)
    browser.get(f"/admin/stores/{store}")
    assert "lines: expected a list" in browser.text
    assert browser.post(f"/admin/stores/{store}/retry").status_code == 303
    with services.reading(account) as work:
        assert work.session.scalars(select(Poison)).one().due_at == clock()
        assert work.session.get_one(SyncState, store).due_at == clock()


def test_checking_now_makes_the_sync_due_and_wakes_a_worker(
    services: Services, world: Any, account: int, clock: Any, admin: int, sign_in: Callable[[int], Any]
) -> None:
    store = world.store(account)
    woken: list[Any] = []
    services.db.on_commit = woken.extend
    assert sign_in(admin).post(f"/admin/stores/{store}/check").status_code == 303
    assert ("sync", {"store_id": store}) in [(str(name), arguments) for name, arguments in woken]
    with services.reading(account) as work:
        assert work.session.get_one(SyncState, store).due_at == clock()


def test_a_store_that_a_strangers_link_brought_waits_for_an_admins_word(
    services: Services, world: Any, account: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    store = world.store(account, status=StoreStatus.INSTALLING)
    change(services, account, store, phase=SyncPhase.WAITING)
    with services.transaction(account) as work:
        links.doubt(work, store)
    browser = sign_in(admin)
    browser.get("/admin/stores")
    assert "Is this store yours?" in browser.text
    assert "New orders arrive within" not in browser.text
    for order in ("check", "copy-again"):
        assert browser.post(f"/admin/stores/{store}/{order}").status_code == 404

    assert browser.post(f"/admin/stores/{store}/confirm").status_code == 303
    with services.reading(account) as work:
        assert work.session.get_one(SyncState, store).phase is SyncPhase.BACKFILL
        links.must_be_vouched_for(work, store)
    browser.get("/admin/stores")
    assert "Is this store yours?" not in browser.text


def test_a_dead_token_of_shopify_says_to_open_the_app_once_more(
    services: Services, world: Any, account: int, clock: Any, admin: int, sign_in: Callable[[int], Any]
) -> None:
    store = world.store(account, status=StoreStatus.DEGRADED)
    change(services, account, store, error=connected.problem(AppLeftAlone("the token is dead"), clock()))
    browser = sign_in(admin)
    browser.get("/admin/stores")

    assert "The store refuses our key" in browser.text
    assert "Open the Deskside app in Shopify’s admin: opening it renews the key." in browser.text


def test_copying_again_starts_the_backfill_over(
    services: Services, world: Any, account: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    store = world.store(account)
    change(services, account, store, done=10, total=10)
    assert sign_in(admin).post(f"/admin/stores/{store}/copy-again").status_code == 303
    with services.reading(account) as work:
        sync = work.session.get_one(SyncState, store)
        assert (sync.phase, sync.done, sync.total) == (SyncPhase.BACKFILL, 0, None)


def test_disconnecting_drops_the_key_and_says_what_stays(
    services: Services, world: Any, account: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    store = world.store(account, credentials=b"sealed")
    browser = sign_in(admin)
    browser.get(f"/admin/stores/{store}")
    assert "Our key is dropped at once" in browser.text
    assert browser.post(f"/admin/stores/{store}/disconnect").status_code == 303
    with services.reading(account) as work:
        row = work.session.get_one(Store, store)
        assert (row.status, row.credentials) == (StoreStatus.DISCONNECTED, None)
    browser.get("/admin/stores")
    assert "Its key was dropped on" in browser.text
    for order in ("check", "copy-again"):
        assert browser.post(f"/admin/stores/{store}/{order}").status_code == 404
    with services.reading(account) as work:
        assert work.session.get_one(SyncState, store).phase is SyncPhase.STOPPED


@pytest.mark.parametrize(
    ("typed", "leads"),
    [
        ("lumi", "/shopify/install?shop=lumi.myshopify.com"),
        (" https://Lumi.myshopify.com/ ", "/shopify/install?shop=lumi.myshopify.com"),
        ("lumi-2.myshopify.com", "/shopify/install?shop=lumi-2.myshopify.com"),
    ],
)
def test_a_shop_address_leads_to_its_installation(
    admin: int, sign_in: Callable[[int], Any], typed: str, leads: str
) -> None:
    assert sign_in(admin).post("/admin/stores/connect/shopify", {"shop": typed}).location == leads


@pytest.mark.parametrize(
    "typed", ["", "lumi.example.com", "-x", "lumi.myshopify.com.evil.example", "a b", "löwe"]
)
def test_another_address_is_refused_and_kept_in_the_form(
    admin: int, sign_in: Callable[[int], Any], typed: str
) -> None:
    answer = sign_in(admin).post("/admin/stores/connect/shopify", {"shop": typed})
    assert answer.status_code == 400
    assert "This is not a myshopify.com address." in answer.get_data(as_text=True)
    assert f'value="{typed}"' in answer.get_data(as_text=True)


def test_a_store_without_https_is_told_why(admin: int, sign_in: Callable[[int], Any]) -> None:
    answer = sign_in(admin).post("/admin/stores/connect/woocommerce", {"url": "http://kadakas.example"})
    assert answer.status_code == 400
    assert "This address has no https." in answer.get_data(as_text=True)


@pytest.mark.parametrize("typed", ["", "shop", "https://a@b.example", "https://b.example?x=1"])
def test_what_is_no_site_is_refused(admin: int, sign_in: Callable[[int], Any], typed: str) -> None:
    answer = sign_in(admin).post("/admin/stores/connect/woocommerce", {"url": typed})
    assert answer.status_code == 400


def test_the_page_may_send_its_forms_on_to_stores(admin: int, sign_in: Callable[[int], Any]) -> None:
    policy = sign_in(admin).get("/admin/stores").headers["Content-Security-Policy"]
    assert "form-action 'self' https:;" in policy
    assert "frame-ancestors 'none'" in policy


def test_only_the_seller_can_say_whether_thai_law_binds_them(
    services: Services, world: Any, account: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    store = world.store(account)
    browser = sign_in(admin)
    for answer, kept in (("yes", True), ("no", False), ("", None)):
        browser.post(f"/admin/stores/{store}/law", {"th_direct_marketer": answer})
        with services.reading(account) as work:
            assert work.session.get_one(Store, store).th_direct_marketer is kept
