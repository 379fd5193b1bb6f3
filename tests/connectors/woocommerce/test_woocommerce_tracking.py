"""Parcels as the common plugins write them, and as they should not but do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.woocommerce.carriers import carrier_of, carriers, tracking_link, web_address
from connectors.woocommerce.tracking import shipments
from integration.records import FulfillmentRecord, QuantityOf

TALLINN = ZoneInfo("Europe/Tallinn")


def parcels(*meta: tuple[str, Any], lines: Any = (), products: Any = None) -> tuple[FulfillmentRecord, ...]:
    order = {"meta_data": [{"key": key, "value": value} for key, value in meta], "line_items": list(lines)}
    return shipments(order, fulfillments=(), zone=TALLINN, products=products or {})


def test_advanced_shipment_tracking_with_its_carriers_news() -> None:
    item = {
        "tracking_provider": "omniva",
        "custom_tracking_link": "",
        "tracking_number": "CC006130005EE",
        "date_shipped": "1771961196",
        "tracking_id": "5b76",
        "products_list": [{"product": "76", "qty": "2"}],
    }
    heard = [
        {
            "status": "delivered",
            "status_date": "2026-02-27 10:00:00",
            "est_delivery_date": "2026-02-28",
            "tracking_events": [
                {"status": "delivered", "message": "Handed over", "datetime": "2026-02-26T15:30:00Z"},
                {"status": "in_transit", "message": "Accepted", "datetime": "2026-02-25T08:00:00Z"},
            ],
        }
    ]
    (parcel,) = parcels(
        ("_wc_shipment_tracking_items", [item]), ("shipment_status", heard), products={"76": ["10"]}
    )
    assert parcel.platform_id == "tracking:5b76"
    assert parcel.shipped_at == datetime(2026, 2, 24, 19, 26, 36, tzinfo=UTC)
    assert (parcel.shipment_status, parcel.delivered_source) == ("delivered", "carrier")
    assert parcel.delivered_at == datetime(2026, 2, 26, 15, 30, tzinfo=UTC)
    assert parcel.estimated_delivery_at == datetime(2026, 2, 28, tzinfo=UTC)
    assert [event.status for event in parcel.events] == ["in_transit", "delivered"]
    assert parcel.lines == (QuantityOf(line_id="10", quantity=2),)
    assert parcel.tracking[0].url == "https://minu.omniva.ee/track/CC006130005EE"


def test_two_parcels_have_two_fates() -> None:
    items = [
        {"tracking_provider": "dpd", "tracking_number": str(number), "tracking_id": str(number)}
        for number in (1, 2)
    ]
    heard = {"0": {"status": "in_transit"}, "1": {"status": "delivered", "status_date": "2026-02-27"}}
    first, second = parcels(("_wc_shipment_tracking_items", items), ("shipment_status", heard))
    assert (first.shipment_status, first.delivered_at) == ("in_transit", None)
    assert (second.shipment_status, second.delivered_at) == ("delivered", datetime(2026, 2, 27, tzinfo=UTC))


def test_one_word_for_one_parcel() -> None:
    items = [{"tracking_provider": "dpd", "tracking_number": "1", "tracking_id": "1"}]
    (parcel,) = parcels(("_wc_shipment_tracking_items", items), ("shipment_status", "out_for_delivery"))
    assert parcel.shipment_status == "out_for_delivery"


def test_aftership() -> None:
    items = [{"slug": "dhl", "tracking_number": "JD01", "tracking_id": "x"}]
    (parcel,) = parcels(("_aftership_tracking_items", items))
    assert (parcel.tracking[0].company, parcel.tracking[0].number) == ("DHL", "JD01")


def test_aftership_of_old() -> None:
    (parcel,) = parcels(("_aftership_tracking_number", "JD02"), ("_aftership_tracking_provider_name", "ups"))
    assert parcel.tracking[0].company == "UPS"


def test_orders_tracking_keeps_json_text_in_lines() -> None:
    value = (
        '[{"tracking_number":"Z1","carrier_name":"Sameday","carrier_slug":"sameday",'
        '"carrier_url":"https://x.test/{tracking_number}","time":1771961196}]'
    )
    lines = [
        {
            "id": number,
            "quantity": 2,
            "meta_data": [{"key": "_vi_wot_order_item_tracking_data", "value": value}],
        }
        for number in (5, 6)
    ]
    (parcel,) = parcels(lines=lines)
    assert parcel.tracking[0].url == "https://x.test/Z1"
    assert parcel.lines == (QuantityOf(line_id="5", quantity=2), QuantityOf(line_id="6", quantity=2))


def test_yith_writes_site_time() -> None:
    (parcel,) = parcels(
        ("ywot_tracking_code", "Y1"),
        ("ywot_carrier_name", "Fan Courier"),
        ("ywot_pick_up_date", "2026-02-24"),
    )
    assert parcel.shipped_at == datetime(2026, 2, 23, 22, 0, tzinfo=UTC)
    assert parcel.tracking[0].company == "FAN Courier"


def test_labels_of_woocommerce_shipping() -> None:
    labels = [
        {"label_id": 1, "tracking": "9400", "carrier_id": "usps", "created": 1771961196000},
        {"label_id": 2, "tracking": "9401", "carrier_id": "usps", "refund": {"status": "complete"}},
    ]
    (parcel,) = parcels(("wcshipping_labels", labels))
    assert parcel.shipped_at == datetime(2026, 2, 24, 19, 26, 36, tzinfo=UTC)
    assert parcel.tracking[0].company == "USPS"


@pytest.mark.parametrize(
    "value",
    [
        "",
        None,
        [],
        {},
        'a:1:{i:0;a:2:{s:3:"foo";}}',
        "[{",
        "[1, 2]",
        "[" * 5000,
        [None, 1, "x"],
        7,
        True,
        {"a": "b"},
    ],
)
@pytest.mark.parametrize(
    "key",
    ["_wc_shipment_tracking_items", "shipment_status", "_aftership_tracking_items", "wcshipping_labels",
     "ywot_tracking_code", "_aftership_tracking_number"],
)  # fmt: skip
def test_nonsense_is_no_reason_to_stop(key: str, value: Any) -> None:
    for parcel in parcels((key, value)):
        assert all(tracking.url is None for tracking in parcel.tracking)


def test_the_same_parcel_in_two_plugins_is_one() -> None:
    items = [{"tracking_provider": "dpd", "tracking_number": "D1", "tracking_id": "1"}]
    found = parcels(
        ("_wc_shipment_tracking_items", items),
        ("_aftership_tracking_items", [{"slug": "dpd", "tracking_number": "D1"}]),
    )
    assert [parcel.platform_id for parcel in found] == ["tracking:1"]


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://track.example/1", True),
        ("HTTP://track.example/1", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//track.example/1", False),
        ("https://user:pass@track.example", False),
        ('https://x.example/"><script>', False),
        ("https://", False),
        ("https://[bad", False),
        ("https://x.example/a b", False),
    ],
)
def test_only_web_addresses_become_links(url: str, kept: bool) -> None:
    assert web_address(url) == (url if kept else None)


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("omniva", "Omniva"),
        ("DPD UK", "DPD"),
        ("fan-courier", "FAN Courier"),
        ("Thailand Post", "Thailand Post"),
        ("royal_mail", "Royal Mail"),
        ("UPS Standard", "UPS"),
        ("Groups Ltd", None),
        ("", None),
    ],
)
def test_a_provider_is_known_by_its_word(provider: str, name: str | None) -> None:
    found = carrier_of(provider)
    assert (found.name if found else None) == name


def test_every_carriers_page_is_a_web_address() -> None:
    assert len(carriers()) > 20
    for carrier in carriers():
        link = tracking_link(carrier.word, "A1 /?&#")
        assert link is not None
        assert web_address(link) == link
        assert "A1%20%2F%3F%26%23" in link
