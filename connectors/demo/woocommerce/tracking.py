"""Parcels in an order's metadata, as the tracking plugins of this shop write them.

`_wc_shipment_tracking_items` in the form of Advanced Shipment Tracking, which names the products inside, and
`shipment_status` as TrackShip keeps it, one entry per tracking item. Source: `facts` of both plugins' public
code; that a carrier's events reach the order only this way is why core has no date of delivery.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from connectors.demo.woocommerce import orders
from connectors.demo.woocommerce.shop import Shop
from connectors.demo.woocommerce.wire import SITE_ZONE, Json
from connectors.demo.world import Carrier, Parcel, ParcelState

ITEMS = "_wc_shipment_tracking_items"
STATUS = "shipment_status"

TRACKSHIP = {
    ParcelState.LABEL: "pre_transit",
    ParcelState.IN_TRANSIT: "in_transit",
    ParcelState.OUT_FOR_DELIVERY: "out_for_delivery",
    ParcelState.DELIVERED: "delivered",
    ParcelState.LATE: "in_transit",
    ParcelState.LOST: "exception",
    ParcelState.RETURNED: "return_to_sender",
}


def item(shop: Shop, parcel: Parcel, lines: list[Json], *, whole: bool) -> Json:
    """`lines` are the order's lines in the plan's order; `whole` when nothing is left to send."""
    inside = [
        {"product": str(lines[place]["variation_id"] or lines[place]["product_id"]),
         "item_id": lines[place]["id"], "qty": str(count)}
        for place, count in parcel.lines
    ]  # fmt: skip
    shipped = int((parcel.shipped_at or parcel.packed_at).timestamp())
    return entry(parcel.carrier, parcel.number, shipped, inside, whole=whole)


def everything(document: Json) -> list[Json]:
    """A `products_list` with all lines of an order."""
    return [
        {
            "product": str(item["variation_id"] or item["product_id"]),
            "item_id": item["id"],
            "qty": str(item["quantity"]),
        }
        for item in document["line_items"]
    ]


def entry(carrier: Carrier, number: str, shipped: int, inside: list[Json], *, whole: bool) -> Json:
    return {
        "tracking_provider": carrier.slug,
        "custom_tracking_provider": "",
        "custom_tracking_link": "",
        "tracking_number": number,
        "tracking_product_code": "",
        "date_shipped": shipped,
        "products_list": inside,
        "status_shipped": 1 if whole else 2,  # 2: partially shipped
        "user_id": 1,
        "tracking_id": hashlib.md5(number.encode(), usedforsecurity=False).hexdigest(),
        "source": "REST_API",
    }


def whereabouts(parcel: Parcel) -> Json:
    """What TrackShip knows of one parcel."""
    last = parcel.scans[-1]
    events = [event(TRACKSHIP[scan.state], scan.at, scan.message) for scan in parcel.scans]
    estimate = parcel.estimate.astimezone(SITE_ZONE).date().isoformat()
    return status(TRACKSHIP[parcel.state], last.at, estimate, events)


def status(state: str, at: datetime, estimate: str, events: list[Json]) -> Json:
    return {
        "status": state,
        "status_date": at.astimezone(SITE_ZONE).strftime("%Y-%m-%d %H:%M:%S"),
        "est_delivery_date": estimate,
        "tracking_events": events,
    }


def event(state: str, at: datetime, message: str) -> Json:
    return {
        "status": state,
        "message": message,
        "datetime": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "tracking_location": {"city": "", "country": ""},
    }


def add(shop: Shop, document: Json, parcel: Json, known: Json) -> None:
    """Another parcel on an order."""
    orders.set_meta(shop, document, ITEMS, [*(orders.meta_value(document, ITEMS) or []), parcel])
    orders.set_meta(shop, document, STATUS, [*(orders.meta_value(document, STATUS) or []), known])


def scan(shop: Shop, document: Json, place: int, state: str, message: str) -> None:
    """The carrier scanned parcel number `place` of an order again."""
    known = list(orders.meta_value(document, STATUS) or [])
    at = datetime.fromtimestamp(shop.now(), UTC)
    events = [*known[place]["tracking_events"], event(state, at, message)]
    known[place] = status(state, at, known[place]["est_delivery_date"], events)
    orders.set_meta(shop, document, STATUS, known)
