"""Shipments of an order: core fulfilments where the store uses them, else what tracking plugins wrote.

Each plugin keeps its parcels in order meta of its own (facts, §8). All of it is optional, hand-edited
and from many versions, so everything here is read defensively: what makes no sense is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any

from connectors.woocommerce.carriers import carrier_of, tracking_link, web_address
from connectors.woocommerce.raw import Raw, count, entries, epoch, identity, meta, rows, text, unfold
from integration.records import FulfillmentRecord, QuantityOf, ShipmentEvent, Tracking

TRACKSHIP = {
    "pre_transit": "label_printed",
    "label_created": "label_printed",
    "info_received": "confirmed",
    "in_transit": "in_transit",
    "out_for_delivery": "out_for_delivery",
    "available_for_pickup": "ready_for_pickup",
    "delivered": "delivered",
    "failure": "failure",
    "exception": "failure",
    "return_to_sender": "failure",
    "delivery_attempt": "attempted_delivery",
    "failed_attempt": "attempted_delivery",
    "on_hold": "delayed",
}
"""TrackShip's words to ours (those of Shopify's FulfillmentEventStatus)."""


def shipments(
    order: Raw, *, fulfillments: Sequence[Raw], zone: tzinfo, products: Mapping[str, Sequence[str]]
) -> tuple[FulfillmentRecord, ...]:
    """Every parcel that the store knows of, each once.

    `fulfillments` are the core's own, if the store has that feature. `products` maps product and
    variation ids to the order lines that sold them. A parcel that both the core and a plugin know by the
    same number is the core's.
    """
    found = [core_fulfillment(row, zone) for row in fulfillments]
    numbers = {tracking.number for record in found for tracking in record.tracking}
    for record in plugin_parcels(order, zone, products):
        new = {tracking.number for tracking in record.tracking}
        if not new & numbers:
            found.append(record)
            numbers |= new
    return tuple(found)


def core_fulfillment(row: Raw, zone: tzinfo) -> FulfillmentRecord:
    """Source: measured, `GET /orders/{id}/fulfillments` of 10.2: its dates are site time."""
    own = meta(row)
    done = row.get("is_fulfilled") is True
    updated = local_time(text(row, "date_updated"), zone)
    return FulfillmentRecord(
        platform_id=f"fulfillment:{identity(row) or identity(row, 'fulfillment_id') or '0'}",
        status="success" if done else "open",
        shipped_at=(local_time(_word(own.get("_date_fulfilled")), zone) or updated) if done else None,
        updated_at=updated,
        tracking=_parcel(
            provider=_word(own.get("_shipment_provider")) or _word(own.get("_provider_name")),
            number=_word(own.get("_tracking_number")),
            url=_word(own.get("_tracking_url")),
        ),
        lines=tuple(
            QuantityOf(line_id=identity(item, "item_id"), quantity=count(item, "qty"))
            for item in entries(own.get("_items"))
            if identity(item, "item_id")
        ),
    )


def plugin_parcels(
    order: Raw, zone: tzinfo, products: Mapping[str, Sequence[str]]
) -> Iterator[FulfillmentRecord]:
    own = meta(order)
    yield from shipment_tracking(own, products)
    yield from aftership(own, zone)
    yield from orders_tracking(order)
    yield from yith(own, zone)
    yield from shipping_labels(own)


def shipment_tracking(own: Raw, products: Mapping[str, Sequence[str]]) -> Iterator[FulfillmentRecord]:
    """Shipment Tracking and Advanced Shipment Tracking, with what TrackShip heard from the carriers."""
    heard = unfold(own.get("shipment_status"))
    for position, item in enumerate(entries(own.get("_wc_shipment_tracking_items"))):
        provider = text(item, "custom_tracking_provider") or text(item, "tracking_provider")
        number = text(item, "tracking_number")
        links = ("custom_tracking_link", "ast_tracking_link", "tracking_page_link", "formatted_tracking_link")
        url = next((text(item, link) for link in links if web_address(text(item, link))), "")
        news = carrier_news(_at(heard, position))
        yield FulfillmentRecord(
            platform_id=f"tracking:{text(item, 'tracking_id') or number or position}",
            status="success",
            shipped_at=epoch(item.get("date_shipped")),
            shipment_status=news.shipment_status,
            delivered_at=news.delivered_at,
            delivered_source=news.delivered_source,
            estimated_delivery_at=news.estimated_delivery_at,
            tracking=_parcel(provider=provider, number=number, url=url),
            events=news.events,
            lines=_listed(item, products),
        )


def carrier_news(entry: object) -> FulfillmentRecord:
    """TrackShip's view of a parcel: `{status, status_date, est_delivery_date, tracking_events[]}` or a word.

    Source: the plugin's public code; its times carry no zone, so they are taken as UTC.
    """
    row: Raw = entry if isinstance(entry, Mapping) else {"status": entry}
    word = TRACKSHIP.get(text(row, "status").lower().replace("-", "_").replace(" ", "_"), "")
    events = tuple(
        sorted(
            (
                ShipmentEvent(
                    status=TRACKSHIP.get(text(event, "status").lower(), "in_transit"),
                    at=at,
                    message=text(event, "message")[:500],
                )
                for event in rows(row, "tracking_events")
                if (at := local_time(text(event, "datetime"), UTC))
            ),
            key=lambda event: event.at,
        )
    )
    delivered = word == "delivered"
    scans = [event.at for event in events if event.status == "delivered"]
    known = [local_time(text(row, key), UTC) for key in ("last_event_time", "status_date")]
    return FulfillmentRecord(
        platform_id="",
        status="",
        shipment_status=word,
        delivered_at=(scans[0] if scans else next(filter(None, known), None)) if delivered else None,
        delivered_source="carrier" if delivered else None,
        estimated_delivery_at=local_time(text(row, "est_delivery_date"), UTC),
        events=events,
    )


def aftership(own: Raw, zone: tzinfo) -> Iterator[FulfillmentRecord]:
    items = list(entries(own.get("_aftership_tracking_items")))
    if not items and _word(own.get("_aftership_tracking_number")):
        items = [
            {
                "tracking_number": own.get("_aftership_tracking_number"),
                "slug": own.get("_aftership_tracking_provider_name"),
            }
        ]
    for item in items:
        if number := text(item, "tracking_number"):
            yield FulfillmentRecord(
                platform_id=f"aftership:{text(item, 'tracking_id') or number}",
                status="success",
                shipped_at=local_time(text(item, "date_shipped"), zone) or epoch(item.get("date_shipped")),
                tracking=_parcel(provider=text(item, "slug"), number=number),
            )


def orders_tracking(order: Raw) -> Iterator[FulfillmentRecord]:
    """Orders Tracking keeps a JSON text in each line; lines that share a number travel together."""
    parcels: dict[str, FulfillmentRecord] = {}
    for line in rows(order, "line_items"):
        for item in entries(meta(line).get("_vi_wot_order_item_tracking_data")):
            number = text(item, "tracking_number")
            if not number or not identity(line):
                continue
            here = (QuantityOf(line_id=identity(line), quantity=max(count(line, "quantity"), 0)),)
            known = parcels.get(number)
            parcels[number] = FulfillmentRecord(
                platform_id=f"orders-tracking:{number}",
                status="success",
                shipped_at=epoch(item.get("time")),
                tracking=_parcel(
                    provider=text(item, "carrier_name") or text(item, "carrier_slug"),
                    number=number,
                    url=text(item, "carrier_url").replace("{tracking_number}", number),
                ),
                lines=(known.lines if known else ()) + here,
            )
    yield from parcels.values()


def yith(own: Raw, zone: tzinfo) -> Iterator[FulfillmentRecord]:
    if number := _word(own.get("ywot_tracking_code")):
        provider = _word(own.get("ywot_carrier_name")) or _word(own.get("ywot_carrier_id"))
        yield FulfillmentRecord(
            platform_id=f"yith:{number}",
            status="success",
            shipped_at=local_time(_word(own.get("ywot_pick_up_date")), zone),
            tracking=_parcel(provider=provider, number=number),
        )


def shipping_labels(own: Raw) -> Iterator[FulfillmentRecord]:
    """Labels bought through WooCommerce Shipping. A refunded label carries no parcel."""
    for label in entries(own.get("wcshipping_labels")) or entries(own.get("wc_connect_labels")):
        number = text(label, "tracking")
        if number and not label.get("refund"):
            created = label.get("created") or label.get("created_date")
            milliseconds = isinstance(created, int | float) and created > 10_000_000_000
            yield FulfillmentRecord(
                platform_id=f"label:{identity(label, 'label_id') or number}",
                status="success",
                shipped_at=epoch(int(created) // 1000 if milliseconds else created),  # type: ignore[arg-type]  # a number there
                tracking=_parcel(provider=text(label, "carrier_id"), number=number),
            )


def local_time(written: str, zone: tzinfo) -> datetime | None:
    """A date or time as people and plugins write it, in the site's zone unless it names one."""
    try:
        moment = datetime.fromisoformat(written.replace(" ", "T", 1)) if written else None
        if moment is None and written:
            moment = datetime.combine(date.fromisoformat(written), time())
        if moment is None:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _parcel(*, provider: str, number: str, url: str = "") -> tuple[Tracking, ...]:
    if not (provider or number or url):
        return ()
    carrier = carrier_of(provider)
    link = web_address(url) or tracking_link(provider, number)
    return (Tracking(company=carrier.name if carrier else provider[:100], number=number[:200], url=link),)


def _listed(item: Raw, products: Mapping[str, Sequence[str]]) -> tuple[QuantityOf, ...]:
    """`products_list` of Advanced Shipment Tracking: by line where it says so, else by product."""
    found = []
    for entry in entries(item.get("products_list")):
        by_line = identity(entry, "item_id")
        lines = [by_line] if by_line else products.get(identity(entry, "product"), ())
        if lines:
            found.append(QuantityOf(line_id=lines[0], quantity=count(entry, "qty")))
    return tuple(found)


def _at(heard: Any, position: int) -> object:
    if isinstance(heard, Mapping):
        return heard.get(str(position), heard if "status" in heard and position == 0 else None)
    if isinstance(heard, list):
        return heard[position] if position < len(heard) else None
    return heard if position == 0 else None


def _word(value: object) -> str:
    return text({"value": value}, "value")
