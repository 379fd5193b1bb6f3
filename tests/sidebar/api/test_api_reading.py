"""What programs read: the contract's shapes, pages that stay stable, rights of return."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration.db.inbox import Delivery, DeliveryStatus
from integration.db.stores import SyncPhase, SyncState
from integration.errors import BadInput
from integration.money import Money
from integration.ports import Topic
from integration.records import (
    FinancialStatus,
    Platform,
    RefundLineRecord,
    RefundRecord,
    ReturnLineRecord,
    ReturnRecord,
    ShipmentEvent,
    Tracking,
)
from sidebar.api.paging import EPOCH, Place, cursor, place_of

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@pytest.fixture
def store(world, account):
    return world.store(account, url="https://lumi-home.myshopify.com", domain="lumi-home.myshopify.com")


class TestOrder:
    def test_has_every_part_in_the_contracts_shape(self, world, account, store, admin, clock):
        line = world.line("gid://shopify/LineItem/77", quantity=3, current_quantity=2, sku="MUG-1")
        parcel = world.parcel(
            line,
            number="gid://shopify/Fulfillment/5",
            tracking=(Tracking(company="Omniva", number="CE1", url="https://omniva.ee/CE1"),),
            events=(ShipmentEvent(status="in_transit", at=clock() - timedelta(days=9), place="Tartu"),),
        )
        record = world.record(
            line,
            platform_id="gid://shopify/Order/9001",
            fulfillments=(parcel,),
            refunded=Money(2000, "EUR"),
            financial_status=FinancialStatus.PARTIALLY_REFUNDED,
            refunds=(
                RefundRecord(
                    platform_id="gid://shopify/Refund/3",
                    created_at=clock() - timedelta(days=2),
                    amount=Money(2000, "EUR"),
                    lines=(
                        RefundLineRecord(line_id=line.platform_id, quantity=1, amount=Money(2000, "EUR")),
                    ),
                    note="broken",
                ),
            ),
            returns=(
                ReturnRecord(
                    platform_id="gid://shopify/Return/4",
                    status="open",
                    lines=(
                        ReturnLineRecord(
                            platform_id="1", quantity=1, line_id=line.platform_id, reason="defective"
                        ),
                    ),
                ),
            ),
        )
        (order_id,) = world.sell(account, store, record)
        order = admin.get(f"/orders/{order_id}").get_json()
        line_id = f"{order_id}.77"
        assert order["id"] == str(order_id)
        assert order["store_id"] == str(store)
        assert order["total"] == {"amount": "64.50", "currency": "EUR"}
        assert order["placed_at"] == "2026-11-10T12:00:00Z"
        assert order["financial_status"] == "partially_refunded"
        assert order["admin_url"] == "https://lumi-home.myshopify.com/admin/orders/9001"
        assert order["shipping_address"]["country"] == "EE"
        assert order["lines"] == [
            {
                "id": line_id,
                "platform_id": "gid://shopify/LineItem/77",
                "sku": "MUG-1",
                "title": "Ceramic mug",
                "variant_title": "",
                "image_url": None,
                "quantity": 3,
                "current_quantity": 2,
                "refundable_quantity": 3,
                "returned_quantity": 1,
                "unit_price": {"amount": "20.00", "currency": "EUR"},
                "total": {"amount": "60.00", "currency": "EUR"},
            }
        ]
        (shipment,) = order["fulfillments"]
        assert shipment["id"] == f"{order_id}.5"
        assert (shipment["status"], shipment["delivered_source"]) == ("delivered", "carrier")
        assert shipment["tracking"] == [
            {"company": "Omniva", "number": "CE1", "url": "https://omniva.ee/CE1"}
        ]
        assert shipment["lines"] == [{"line_id": line_id, "quantity": 3}]
        assert shipment["events"] == [{"status": "in_transit", "at": "2026-11-12T12:00:00Z", "message": ""}]
        assert order["refunds"] == [
            {
                "id": f"{order_id}.3",
                "platform_id": "gid://shopify/Refund/3",
                "created_at": "2026-11-19T12:00:00Z",
                "amount": {"amount": "20.00", "currency": "EUR"},
                "lines": [
                    {"line_id": line_id, "quantity": 1, "amount": {"amount": "20.00", "currency": "EUR"}}
                ],
                "shipping": None,
                "note": "broken",
            }
        ]
        assert order["returns"] == [
            {
                "id": f"{order_id}.4",
                "platform_id": "gid://shopify/Return/4",
                "status": "open",
                "lines": [{"line_id": line_id, "quantity": 1, "reason": "defective", "note": ""}],
            }
        ]

    @pytest.mark.parametrize(("currency", "text"), [("JPY", "1200"), ("KWD", "1.200"), ("EUR", "12.00")])
    def test_money_has_the_currencys_own_digits(self, world, account, store, admin, currency, text):
        record = world.record(world.line(total=Money(1200, currency)), shipping=0)
        (order_id,) = world.sell(account, store, record)
        assert admin.get(f"/orders/{order_id}").get_json()["total"] == {"amount": text, "currency": currency}

    def test_a_woocommerce_order_leads_to_its_own_admin(self, world, account, admin):
        woo = world.store(account, Platform.WOOCOMMERCE, domain="s.ee", url="https://s.ee/pood")
        (order_id,) = world.sell(account, woo, world.record(platform_id="512"))
        assert (
            admin.get(f"/orders/{order_id}").get_json()["admin_url"]
            == "https://s.ee/pood/wp-admin/admin.php?page=wc-orders&action=edit&id=512"
        )


class TestPages:
    def read(self, admin, **arguments):
        seen, more = [], {}
        while True:
            page = admin.get("/orders", limit=3, **arguments, **more).get_json()
            seen += [int(order["id"]) for order in page["items"]]
            if page["next_cursor"] is None:
                return seen
            more = {"cursor": page["next_cursor"]}

    def test_every_order_once_by_its_last_change(self, world, account, store, admin, clock):
        records = [world.record(updated_at=clock() - timedelta(days=number // 4)) for number in range(11)]
        ids = world.sell(account, store, *records)
        assert self.read(admin) == sorted(ids, key=lambda order_id: (-(ids.index(order_id) // 4), order_id))

    def test_an_order_that_changes_meanwhile_comes_again_and_none_is_skipped(
        self, world, account, store, admin, clock
    ):
        records = [world.record(updated_at=clock() - timedelta(days=20 - number)) for number in range(7)]
        ids = world.sell(account, store, *records)
        first = admin.get("/orders", limit=3).get_json()
        changed = world.record(
            platform_id=records[0].platform_id, updated_at=clock(), fetched_at=clock() + timedelta(seconds=1)
        )
        world.sell(account, store, changed)
        rest, more = [], first["next_cursor"]
        while more:
            page = admin.get("/orders", limit=3, cursor=more).get_json()
            rest += [int(order["id"]) for order in page["items"]]
            more = page["next_cursor"]
        assert rest == [*ids[3:], ids[0]]

    def test_filters(self, world, account, store, admin, clock):
        woo = world.store(account, Platform.WOOCOMMERCE, domain="s.ee")
        old = world.record(updated_at=clock() - timedelta(days=9))
        (first,) = world.sell(account, store, old)
        (second,) = world.sell(account, woo, world.record(email="jaan@example.ee", customer=None))
        (gone,) = world.sell(account, store, world.record(gone=True))
        mari = admin.get("/customers", email="mari@example.ee").get_json()["items"][0]["id"]
        assert self.read(admin) == [first, second]
        assert self.read(admin, gone="true") == [first, second, gone]
        assert self.read(admin, store=str(woo)) == [second]
        assert self.read(admin, customer=mari) == [first]
        after = (clock() - timedelta(days=9)).isoformat()
        assert self.read(admin, updated_after=after) == [second]
        assert self.read(admin, updated_after=after.replace("+00:00", "Z"), store=str(store)) == []

    def test_unknown_stores_and_customers_are_not_empty_but_absent(self, admin):
        assert admin.get("/orders", store="77").status_code == 404
        assert admin.get("/orders", customer="77").status_code == 404

    def test_what_cannot_be_used_is_named(self, admin):
        wrong = [
            {"limit": "0"},
            {"limit": "251"},
            {"limit": "x"},
            {"limit": "-1"},
            {"cursor": "x"},
            {"cursor": "%%%"},
            {"cursor": "A" * 400},
            {"cursor": "\x00"},
            {"updated_after": "yesterday"},
            {"updated_after": "2026-11-21T00:00:00"},
            {"updated_after": "2026-11-21"},
            {"gone": "1"},
            {"store": ["1", "2"]},
        ]
        for arguments in wrong:
            response = admin.get("/orders", **arguments)
            assert response.status_code == 400
            assert next(iter(arguments)) in response.get_json()["detail"]

    def test_a_page_costs_the_same_for_one_order_and_for_many(
        self, world, account, store, admin, count_queries
    ):
        line = world.line()
        world.sell(account, store, world.record(line, fulfillments=(world.parcel(line),)))
        admin.get("/orders")
        count_queries()
        assert len(admin.get("/orders").get_json()["items"]) == 1
        few = len(count_queries())
        world.sell(
            account, store, *(world.record(line, fulfillments=(world.parcel(line),)) for _ in range(30))
        )
        count_queries()
        assert len(admin.get("/orders", limit=250).get_json()["items"]) == 31
        assert len(count_queries()) == few


class TestCursors:
    @given(
        moment=st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)),
        row=st.integers(1, 2**63 - 1),
    )
    def test_lead_back_to_their_place(self, moment, row):
        aware = moment.replace(tzinfo=EPOCH.tzinfo)
        place = place_of(cursor(aware, row))
        assert place is not None
        assert (place.moment, place.id) == (aware, row)

    @given(st.text(max_size=60))
    def test_no_text_breaks_them(self, text):
        try:
            place = place_of(text)
        except BadInput:
            return
        assert isinstance(place, Place)

    @settings(
        max_examples=8,
        deadline=None,
        # The same method runs once on each database.
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(days=st.lists(st.integers(0, 3), max_size=12), limit=st.integers(1, 5))
    def test_pages_of_any_size_hold_every_order_once_in_order(self, world, account, admin, days, limit):
        shop = world.store(account)
        records = [world.record(updated_at=world.clock() - timedelta(days=day)) for day in days]
        ids = world.sell(account, shop, *records)
        seen, more = [], {}
        while True:
            page = admin.get("/orders", store=str(shop), limit=limit, **more).get_json()
            assert len(page["items"]) <= limit
            seen += [int(order["id"]) for order in page["items"]]
            if page["next_cursor"] is None:
                break
            more = {"cursor": page["next_cursor"]}
        by_change = sorted(zip(days, ids, strict=True), key=lambda entry: (-entry[0], entry[1]))
        assert seen == [order_id for _, order_id in by_change]


class TestCustomers:
    def test_matches_say_why(self, world, account, store, admin):
        record = world.record(phone="+372 5551 2345")
        world.sell(account, store, record)
        items = admin.get("/customers", email="MARI@example.ee", order=record.name).get_json()["items"]
        assert [(item["name"], item["match"]) for item in items] == [
            ("Mari Mets", ["email:mari@example.ee", f"order:{record.name}"])
        ]
        assert items[0]["orders_count"] == 1

    def test_a_search_for_nothing_is_refused(self, admin):
        assert admin.get("/customers").status_code == 400
        assert admin.get("/customers", email=" ").status_code == 400
        assert admin.get("/customers", email=["a@b.ee"] * 21).status_code == 400

    def test_a_profile_has_the_contracts_fields(self, world, account, store, admin):
        world.sell(account, store, world.record())
        found = admin.get("/customers", q="mari").get_json()["items"][0]
        profile = admin.get(f"/customers/{found['id']}").get_json()
        assert profile == {
            "id": found["id"],
            "name": "Mari Mets",
            "emails": ["mari@example.ee"],
            "phones": [],
            "locale": None,
            "country": "EE",
            "orders_count": 1,
            "total_spent": [{"amount": "24.50", "currency": "EUR"}],
            "first_order_at": "2026-11-10T12:00:00Z",
            "last_order_at": "2026-11-10T12:00:00Z",
            "returns_count": 0,
            "stores": [
                {
                    "id": str(store),
                    "platform": "shopify",
                    "domain": "lumi-home.myshopify.com",
                    "name": "Lumi Home",
                    "orders_count": 1,
                }
            ],
        }


class TestStores:
    def test_a_store_says_how_far_its_copy_is(self, world, account, store, admin, clock):
        with world.database.transaction(account) as work:
            sync = work.session.get_one(SyncState, store)
            sync.done, sync.total = 40, 50
            sync.backfilled_at = sync.last_reconciled_at = clock() - timedelta(minutes=3)
        (item,) = admin.get("/stores").get_json()["items"]
        assert item == admin.get(f"/stores/{store}").get_json()
        assert item == {
            "id": str(store),
            "platform": "shopify",
            "domain": "lumi-home.myshopify.com",
            "name": "Lumi Home",
            "status": "active",
            "sync": {
                "phase": "live",
                "done": 40,
                "total": 50,
                "orders_per_second": None,
                "seconds_left": None,
                "lag_seconds": 0.0,
                "last_event_at": None,
                "last_reconciled_at": "2026-11-21T11:57:00Z",
                "oldest_order_at": None,
                "error": None,
            },
        }

    def test_its_lag_is_the_age_of_the_oldest_event_that_waits(self, world, account, store, admin, clock):
        with world.database.transaction(account) as work:
            work.session.get_one(SyncState, store).backfilled_at = clock()
            work.add(
                Delivery(
                    store_id=store,
                    delivery_id="d",
                    topic=Topic.ORDER,
                    platform_topic="orders/updated",
                    received_at=clock() - timedelta(seconds=42),
                    status=DeliveryStatus.PENDING,
                    due_at=clock(),
                )
            )
        assert admin.get(f"/stores/{store}").get_json()["sync"]["lag_seconds"] == 42

    def test_a_store_that_cannot_be_read_says_since_when_and_what_to_do(
        self, world, account, store, admin, clock
    ):
        with world.database.transaction(account) as work:
            sync = work.session.get_one(SyncState, store)
            sync.backfilled_at = clock() - timedelta(minutes=25)
            sync.last_event_at = clock() - timedelta(minutes=20)
            sync.error = {"code": "store_denied", "message": "401", "next_step": "Reconnect it."}
        sync = admin.get(f"/stores/{store}").get_json()["sync"]
        assert sync["lag_seconds"] == 1200
        assert sync["error"] == {
            "code": "store_denied",
            "message": "401",
            "next_step": "Reconnect it.",
            "at": None,
        }

    def test_a_store_that_nobody_has_reconciled_is_behind_whoever_is_asleep(
        self, world, account, store, admin, clock
    ):
        with world.database.transaction(account) as work:
            sync = work.session.get_one(SyncState, store)
            sync.backfilled_at = clock() - timedelta(days=9)
            sync.last_reconciled_at = clock() - timedelta(hours=2)
            sync.last_event_at = clock() - timedelta(minutes=1)
        assert admin.get(f"/stores/{store}").get_json()["sync"]["lag_seconds"] == 7200

    def test_a_copy_under_way_says_how_fast_it_is_and_how_long_it_will_take(
        self, world, account, store, admin, clock
    ):
        with world.database.transaction(account) as work:
            sync = work.session.get_one(SyncState, store)
            sync.phase, sync.done, sync.total = SyncPhase.BACKFILL, 400, 1000
            sync.backfill_started_at = clock() - timedelta(seconds=4)
        sync = admin.get(f"/stores/{store}").get_json()["sync"]
        assert (sync["orders_per_second"], sync["seconds_left"]) == (100.0, 6.0)

    def test_before_the_first_copy_is_finished_nobody_knows_the_lag(self, admin, store):
        assert admin.get(f"/stores/{store}").get_json()["sync"]["lag_seconds"] is None


class TestEligibility:
    def test_verdicts_per_line_with_dates_reasons_and_the_sum(self, admin, sold):
        order_id, _ = sold
        body = admin.get(f"/orders/{order_id}/eligibility").get_json()
        assert body["order_id"] == str(order_id)
        assert (body["country"], body["law"]["id"]) == ("EE", "EU-CRD")
        lines = {line["line_id"]: line for line in body["lines"]}
        mugs = lines[f"{order_id}.11"]
        assert (mugs["verdict"], mugs["basis"], mugs["quantity"]) == ("accept", "law+policy", 2)
        assert (mugs["law_until"], mugs["policy_until"]) == ("2026-11-30", "2026-12-14")
        assert mugs["policy_version"] == "1"
        assert all(reason["text"] and reason["rule"] for reason in mugs["reasons"])
        assert body["refund"]["items"] == {"amount": "60.00", "currency": "EUR"}
        assert body["refund"]["outbound"] == {"amount": "4.50", "currency": "EUR"}
        assert body["refund"]["total"] == {"amount": "64.50", "currency": "EUR"}
        assert body["refund"]["tenders"] == [
            {"gateway": "card", "amount": {"amount": "64.50", "currency": "EUR"}}
        ]
        assert body["refund"]["due"] == "2026-12-05"

    def test_notice_and_reason_change_the_verdict(self, admin, sold):
        order_id, _ = sold

        def verdicts(**arguments):
            body = admin.get(f"/orders/{order_id}/eligibility", **arguments).get_json()
            return {(line["verdict"], line["basis"]) for line in body["lines"]}

        assert verdicts(notice_at="2026-12-10T10:00:00Z") == {("accept", "policy")}
        assert verdicts(notice_at="2027-03-01") == {("refuse", "none")}
        assert verdicts(notice_at="2027-03-01T00:00:00+02:00", reason="defective") == {
            ("accept", "conformity")
        }

    @pytest.mark.parametrize(
        "arguments",
        [
            {"reason": "because"},
            {"notice_at": "soon"},
            {"notice_at": "2026-13-01"},
            {"notice_at": "2025-11-21"},  # a year before the order
        ],
    )
    def test_what_cannot_be_used_is_refused(self, admin, sold, arguments):
        assert admin.get(f"/orders/{sold[0]}/eligibility", **arguments).status_code == 400


class TestAudit:
    def test_newest_first_page_by_page(self, admin, sold):
        order_id, _ = sold
        for number in range(5):
            admin.get("/customers", q=f"person {number}")
        first = admin.get("/audit", limit=4).get_json()
        second = admin.get("/audit", limit=4, cursor=first["next_cursor"]).get_json()
        numbers = [entry["number"] for entry in first["items"] + second["items"]]
        assert numbers == [6, 5, 4, 3, 2, 1]
        assert second["next_cursor"] is None
        assert MOMENT.fullmatch(first["items"][0]["at"])
        assert admin.get("/audit", order=str(order_id)).get_json() == {"items": [], "next_cursor": None}
