"""Copying a store that goes on selling: nothing skipped, nothing read twice, nothing made up."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from connectors.demo.woocommerce import DemoWooCommerce
from connectors.transport import Line
from connectors.woocommerce import decode
from connectors.woocommerce.calls import BadCertificate
from connectors.woocommerce.client import WooCommerceStore
from integration.errors import RateLimited, StoreDenied, StoreUnavailable, UnreadableAnswer
from integration.ports import Batch, WooCommerceCredentials
from integration.records import OrderRecord

LONG_AGO = datetime(2015, 1, 1, tzinfo=UTC)
MANY = pytest.mark.parametrize("demo", [260], indirect=True)
FIRST_PAGE = {
    "since": None,
    "until": "2026-11-21T19:00:00+00:00",
    "stretch": "orders",
    "page": 1,
    "done": 0,
    "total": 2,
}


def truth(demo: Any, setting: decode.Setting) -> dict[str, OrderRecord]:
    """What the store holds, decoded from behind its counter."""
    state = demo.command("state")
    refunds: dict[int, list[Any]] = {}
    for refund in state["refunds"]:
        refunds.setdefault(refund["parent_id"], []).append(refund)
    return {
        str(raw["id"]): decode.order(raw, refunds.get(raw["id"], []), fetched_at=LONG_AGO, setting=setting)
        for raw in state["orders"]
        if decode.is_order(raw)
    }


def comparable(order: OrderRecord) -> dict[str, Any]:
    """Everything but when we looked, and the order in which a list of refunds comes."""
    values = {name: getattr(order, name) for name in order.__struct_fields__ if name != "fetched_at"}
    values["refunds"] = sorted(order.refunds, key=lambda refund: refund.platform_id)
    return values


def collected(batches: Iterable[Batch]) -> dict[str, OrderRecord]:
    found: dict[str, OrderRecord] = {}
    for batch in batches:
        assert batch.poisoned == ()
        found |= {order.platform_id: order for order in batch.orders}
    return found


@pytest.fixture
def setting(shop: WooCommerceStore) -> decode.Setting:
    return shop._reads.setting


@MANY
def test_a_backfill_equals_the_store(demo: Any, shop: WooCommerceStore, setting: decode.Setting) -> None:
    batches = list(shop.backfill(None, {}))

    found, held = collected(batches), truth(demo, setting)
    assert found.keys() == held.keys()
    for platform_id in held:
        if not held[platform_id].fulfillments or "fulfillment:" not in repr(found[platform_id].fulfillments):
            assert comparable(found[platform_id]) == comparable(held[platform_id])
    assert len(found) > 200
    assert batches[-1].done == batches[-1].total
    assert batches[-1].cursor["finished"] is True


def test_a_backfill_read_twice_reads_the_same(shop: WooCommerceStore) -> None:
    first, second = collected(shop.backfill(None, {})), collected(shop.backfill(None, {}))
    assert {key: comparable(one) for key, one in first.items()} == {
        key: comparable(one) for key, one in second.items()
    }


@MANY
def test_a_backfill_goes_on_behind_any_batch(shop: WooCommerceStore) -> None:
    whole = list(shop.backfill(None, {}))
    for place, batch in enumerate(whole):
        rest = collected(shop.backfill(None, batch.cursor))
        assert rest.keys() == collected(whole[place + 1 :]).keys()


def test_a_backfill_starts_where_it_is_told(
    demo: Any, shop: WooCommerceStore, setting: decode.Setting
) -> None:
    held = truth(demo, setting)
    since = sorted(order.placed_at for order in held.values())[len(held) // 2]
    found = collected(shop.backfill(since, {}))
    assert found.keys() == {key for key, order in held.items() if order.placed_at >= since}


def test_trashed_orders_are_kept_as_gone(demo: Any, shop: WooCommerceStore, setting: decode.Setting) -> None:
    wanted = next(iter(truth(demo, setting)))
    demo.command("orders/trash", id=int(wanted))
    found = collected(shop.backfill(None, {}))
    assert found[wanted].gone is True


@MANY
def test_orders_that_leave_during_a_walk_take_no_others_with_them(
    demo: Any, shop: WooCommerceStore, setting: decode.Setting
) -> None:
    """The first pages shrink while the last ones are being read: walked forwards, that loses orders."""
    before = truth(demo, setting)
    oldest = sorted(before, key=int)
    leaving = [key for key in oldest if not before[key].gone][:40]
    found: dict[str, OrderRecord] = {}
    for number, batch in enumerate(shop.backfill(None, {})):
        found |= {order.platform_id: order for order in batch.orders}
        for key in leaving[number * 20 : (number + 1) * 20]:
            demo.command("orders/delete", id=int(key))
    assert before.keys() - set(leaving) <= found.keys()


@MANY
def test_changes_are_found_whatever_changes_meanwhile(
    demo: Any, shop: WooCommerceStore, setting: decode.Setting
) -> None:
    """Every order that is touched leaves the window; those that stay must all be seen."""
    held = {key: order for key, order in truth(demo, setting).items() if not order.gone}
    changed, leaving = set[str](), set[str]()
    for number, batch in enumerate(shop.changed(LONG_AGO, {})):
        changed |= {order.platform_id for order in batch.orders}
        touched = sorted(held, key=int)[number * 15 : (number + 1) * 15]
        leaving |= set(touched)
        for key in touched:
            demo.command("orders/change", id=int(key), customer_note="touched")
    assert held.keys() - leaving <= changed
    assert len(leaving) > 30


def test_only_what_changed_is_read(demo: Any, shop: WooCommerceStore) -> None:
    since = datetime.now(UTC).replace(microsecond=0)
    (touched, trashed) = sorted(order["id"] for order in demo.command("state")["orders"])[5:7]
    demo.command("orders/change", id=touched, customer_note="Ring twice")
    demo.command("orders/trash", id=trashed)
    late = WooCommerceStoreLater(shop)
    found = collected(late.changed(since))
    assert set(found) == {str(touched), str(trashed)}
    assert found[str(touched)].note == "Ring twice"
    assert found[str(trashed)].gone is True


class WooCommerceStoreLater:
    """The same store asked a minute later, when its windows have closed over what just happened."""

    def __init__(self, shop: WooCommerceStore) -> None:
        self._shop = shop

    def changed(self, since: datetime) -> Iterable[Batch]:
        until = (datetime.now(UTC) + timedelta(seconds=30)).replace(microsecond=0)
        cursor = {
            "since": since.isoformat(),
            "until": until.isoformat(),
            "stretch": "orders",
            "page": 1,
            "done": 0,
            "total": 1,
        }
        return self._shop.changed(since, cursor)


def test_versions_list_every_order_once(demo: Any, shop: WooCommerceStore, setting: decode.Setting) -> None:
    held = truth(demo, setting)
    versions = [
        version for part in shop.versions(LONG_AGO, datetime.now(UTC) + timedelta(days=1)) for version in part
    ]
    assert len(versions) == len(held)
    assert {(one.platform_id, one.placed_at, one.updated_at, one.gone) for one in versions} == {
        (order.platform_id, order.placed_at, order.updated_at, order.gone) for order in held.values()
    }


def test_versions_of_a_day_are_of_that_day(
    demo: Any, shop: WooCommerceStore, setting: decode.Setting
) -> None:
    placed = sorted(order.placed_at for order in truth(demo, setting).values())
    since, until = placed[10], placed[60]
    found = [version.placed_at for part in shop.versions(since, until) for version in part]
    assert sorted(found) == [at for at in placed if since <= at < until]


def test_one_order_with_its_refunds(demo: Any, shop: WooCommerceStore, setting: decode.Setting) -> None:
    held = truth(demo, setting)
    refunded = next(order for order in held.values() if order.refunds and not order.gone)
    found = shop.order(refunded.platform_id)
    assert found is not None
    assert comparable(found) == comparable(refunded)


def test_an_order_that_never_was_is_none(shop: WooCommerceStore) -> None:
    assert shop.order("99999999") is None
    assert shop.order("../webhooks") is None


def test_an_order_deleted_for_good_is_none(demo: Any, shop: WooCommerceStore) -> None:
    gone = demo.command("state")["orders"][0]["id"]
    demo.command("orders/delete", id=gone)
    assert shop.order(str(gone)) is None


def test_a_site_whose_addresses_are_off_has_not_lost_its_orders(
    scripted: Any, store: WooCommerceStore
) -> None:
    scripted.on("GET", "orders/5", b"<html>Not Found</html>", status=404, kind="text/html")
    with pytest.raises(UnreadableAnswer):
        store.order("5")


def test_products_are_those_that_were_asked_for(demo: Any, shop: WooCommerceStore) -> None:
    rows = [line for order in demo.command("state")["orders"] for line in order["line_items"]]
    wanted = sorted({str(line["product_id"]) for line in rows if line["product_id"]})[:3]
    found = shop.products([*wanted, "99999999", "x"])
    assert sorted(product.platform_id for product in found) == wanted
    assert all(product.title for product in found)


def test_the_shop_tells_its_settings(shop: WooCommerceStore, demo: Any) -> None:
    record = shop.shop()
    assert (record.currency, record.timezone, record.country) == ("EUR", "Europe/Tallinn", "EE")
    assert record.gateways == {"bacs": False, "cheque": False, "cod": False, "testpay": True}
    assert record.version == "10.2.4"
    assert record.features["hpos"] is True


def test_a_revoked_key_is_noticed(demo: Any, shop: WooCommerceStore) -> None:
    batches = shop.backfill(None, {})
    next(batches)
    demo.command("keys/revoke")
    with pytest.raises(StoreDenied):
        list(batches)


def test_pages_instead_of_json_end_in_words(demo: Any, shop: WooCommerceStore) -> None:
    demo.command("faults", rules=[{"action": "html", "path": "/orders", "times": 100, "status": 200}])
    with pytest.raises(UnreadableAnswer):
        list(shop.backfill(None, {}))


@pytest.mark.parametrize(
    "rule",
    [
        {"action": "hangup_before"},
        {"action": "truncated"},
        {"action": "html", "status": 503},
        {"action": "html", "status": 403},
        {"action": "status_before", "status": 502},
        {"action": "too_many"},
    ],
)
def test_a_backfill_survives_a_sick_store(
    demo: Any, shop: WooCommerceStore, setting: decode.Setting, rule: dict[str, Any]
) -> None:
    demo.command(
        "faults", rules=[{**rule, "path": "/orders", "times": 1, "skip": skip} for skip in (0, 2, 5)]
    )
    assert collected(shop.backfill(None, {})).keys() == truth(demo, setting).keys()


def test_a_store_that_is_down_is_unavailable(demo: Any, shop: WooCommerceStore) -> None:
    demo.command("faults", rules=[{"action": "hangup_before", "times": 1000}])
    with pytest.raises(StoreUnavailable):
        shop.shop()


def test_an_unreadable_order_is_set_aside(scripted: Any, store: WooCommerceStore, sample: Any) -> None:
    good = sample("orders_single/status_completed.json")["response"]["body"] | {"meta_data": []}
    scripted.on("GET", "orders", [good, good | {"id": 94, "total": "12,50"}])
    batch = next(iter(store.backfill(None, FIRST_PAGE)))
    assert [order.platform_id for order in batch.orders] == ["93"]
    assert [(one.platform_id, one.reason) for one in batch.poisoned] == [("94", "total: not a sum")]


def test_a_page_that_the_store_cannot_print_is_read_one_by_one(
    scripted: Any, store: WooCommerceStore, sample: Any
) -> None:
    good = sample("orders_single/status_completed.json")["response"]["body"] | {"meta_data": []}
    for _ in range(4):
        scripted.on("GET", "orders", b"<b>Fatal error</b>", status=500, kind="text/html")
    scripted.on("GET", "orders", [{"id": 93}, {"id": 94}])
    scripted.on("GET", "orders/93", good)
    scripted.on("GET", "orders/94", b"<b>Fatal error</b>", status=500, kind="text/html")

    batch = next(iter(store.backfill(None, FIRST_PAGE)))

    assert [order.platform_id for order in batch.orders] == ["93"]
    assert [one.platform_id for one in batch.poisoned] == ["94"]


def test_hosts_that_strip_the_counting_headers_are_counted(scripted: Any, store: WooCommerceStore) -> None:
    scripted.on("GET", "orders", [])
    (end,) = store.backfill(None, {})
    assert (end.done, end.total) == (0, 0)


def test_a_wait_longer_than_patience_is_passed_on(scripted: Any, store: WooCommerceStore) -> None:
    scripted.on("GET", "orders", b"slow down", status=429, kind="text/plain")
    with pytest.raises(RateLimited):
        next(iter(store.backfill(None, {})))


def test_a_store_with_its_own_authority_is_trusted_when_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: Line
) -> None:
    certificate, key = own_authority(tmp_path)
    with DemoWooCommerce(tmp_path / "data", orders=5, ssl_context=(certificate, key)) as demo:
        consumer_key, consumer_secret = demo.key()
        credentials = WooCommerceCredentials(
            url=demo.url, consumer_key=consumer_key, consumer_secret=consumer_secret
        )
        shop = WooCommerceStore(credentials, now=lambda: datetime.now(UTC), line=line)
        with pytest.raises(BadCertificate):
            shop.shop()
        monkeypatch.setenv("SSL_CERT_FILE", certificate)
        assert shop.shop().currency == "EUR"


def own_authority(folder: Path) -> tuple[str, str]:
    """A certificate for 127.0.0.1 that only those trust who are told to, and its key: two files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(certificate), str(private)


def test_a_store_whose_clock_runs_behind_loses_nothing(
    demo: Any, keys: Any, line: Line, setting: decode.Setting
) -> None:
    """Our clock says an hour later than the store's: a change of just now is old by our reckoning."""
    hasty = WooCommerceStore(
        keys, now=lambda: datetime.now(UTC) + timedelta(hours=1), allow_http=True, line=line
    )
    first = next(iter(hasty.changed(datetime.now(UTC) + timedelta(hours=1), {})))
    since = datetime.fromisoformat(first.cursor["since"])
    assert timedelta(seconds=-5) < since - datetime.now(UTC) < timedelta(seconds=5)
