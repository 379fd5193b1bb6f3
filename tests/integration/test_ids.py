"""Public ids and the rows behind them; addresses and their time zones."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from integration.errors import NotFound
from integration.ids import child_id, public_id, row_id, tail
from integration.zones import PROVINCES, zone_of


def test_ids_lead_back_to_their_row():
    assert row_id(public_id(77)) == 77
    assert row_id(str(2**63 - 1)) == 2**63 - 1


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "+1", " 1", "1.0", "٧", "x", "9223372036854775808", "9" * 5000]
)
def test_other_text_names_nothing(text):
    with pytest.raises(NotFound):
        row_id(text)


def test_children_carry_the_tail_of_the_stores_id():
    assert tail("gid://shopify/LineItem/77") == "77"
    assert tail("gid://shopify/MailingAddress/1?model_name=Address") == "1"
    assert child_id(12, "gid://shopify/LineItem/77") == "12.77"
    assert child_id(12, "77") == "12.77"


@pytest.mark.parametrize(
    ("address", "zone"),
    [
        ({"country": "EE"}, "Europe/Tallinn"),
        ({"country": "th", "province": "TH-10"}, "Asia/Bangkok"),
        ({"country": "US"}, "America/New_York"),
        ({"country": "US", "province": "CA"}, "America/Los_Angeles"),
        ({"country": "US", "province": "US-HI"}, "Pacific/Honolulu"),
        ({"country": "AU", "province": "wa"}, "Australia/Perth"),
        ({"country": "AU"}, "Australia/Sydney"),
        ({"country": "ES", "province": "TF"}, "Atlantic/Canary"),
        ({"country": "XX"}, "Europe/Riga"),
        ({"country": ""}, "Europe/Riga"),
        (None, "Europe/Riga"),
    ],
)
def test_an_address_has_a_zone(address, zone):
    assert zone_of(address, "Europe/Riga") == ZoneInfo(zone)


@pytest.mark.parametrize(
    ("name", "hours"), [("UTC+03:00", 3), ("UTC-05:00", -5), ("+02:00", 2), ("../../etc/passwd", 0), ("", 0)]
)
def test_a_store_that_knows_only_an_offset_keeps_it(name, hours):
    from datetime import UTC, datetime, timedelta

    moment = datetime(2026, 7, 1, tzinfo=UTC)
    assert moment.astimezone(zone_of(None, name)).utcoffset() == timedelta(hours=hours)


def test_every_zone_of_a_province_exists():
    assert all(ZoneInfo(zone) for zones in PROVINCES.values() for zone in zones)
