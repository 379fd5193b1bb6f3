"""The store itself: its settings, its clock, its ways of being paid."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, timedelta, timezone, tzinfo
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.woocommerce.calls import Calls
from connectors.woocommerce.decode import Setting
from connectors.woocommerce.raw import Raw, decimal, text
from connectors.woocommerce.walks import objects
from integration.errors import StoreDenied, StoreError, UnreadableAnswer
from integration.records import ShopRecord

COUNTRY = re.compile(r"([A-Z]{2})(:|$)")


def read_setting(calls: Calls) -> Setting:
    """What decoding needs. Half of it missing is no reason to stop: firewalls like to hide the index."""
    return Setting(zone=zone_of(site_index(calls)), gateways=gateways(calls))


def site_index(calls: Calls) -> Raw:
    try:
        index = calls.index()
    except StoreError:
        return {}
    return index if isinstance(index, Mapping) else {}


def gateways(calls: Calls) -> dict[str, bool]:
    """Gateway id → whether it pays back by itself. Source: `method_supports`, measured."""
    try:
        found = objects(calls.read("payment_gateways", _fields="id,enabled,method_supports"))
    except StoreDenied:
        raise
    except StoreError:
        return {}
    return {
        text(row, "id"): "refunds" in (row.get("method_supports") or ()) for row in found if row.get("id")
    }


def zone_of(index: Raw) -> tzinfo:
    """The site's zone by name, else by its offset of today."""
    try:
        return ZoneInfo(text(index, "timezone_string"))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        offset = float(text(index, "gmt_offset") or 0) if _is_number(index.get("gmt_offset")) else 0.0
        return timezone(timedelta(minutes=round(offset * 60))) if offset and abs(offset) < 24 else UTC


def _is_number(value: object) -> bool:
    return bool(re.fullmatch(r"-?\d{1,2}(\.\d{1,4})?", str(value), re.ASCII))


def zone_name(index: Raw) -> str:
    zone = zone_of(index)
    return zone.key if isinstance(zone, ZoneInfo) else str(zone)


def decimals(status: Raw) -> int:
    settings = status.get("settings")
    return int(decimal(settings, "number_of_decimals")) if isinstance(settings, Mapping) else 2


def read_shop(calls: Calls) -> ShopRecord:
    """Also the cheapest proof that the key works: `system_status` needs a shop manager's rights."""
    status = calls.read("system_status", _fields="settings,environment.version,environment.store_id")
    if not isinstance(status, Mapping) or not isinstance(status.get("settings"), Mapping):
        raise UnreadableAnswer("system status without settings")
    settings: Raw = status["settings"]
    environment: Raw = status["environment"] if isinstance(status.get("environment"), Mapping) else {}
    index = site_index(calls)
    general, tax = options(calls, "general"), options(calls, "tax")
    country = COUNTRY.match(general.get("woocommerce_default_country", ""))
    host = urlsplit(calls.url)
    enabled = settings.get("enabled_features")
    return ShopRecord(
        platform_id=text(environment, "store_id") or calls.url,
        domain=(host.hostname or "") + host.path,
        name=text(index, "name") or host.hostname or "",
        currency=text(settings, "currency").upper(),
        timezone=zone_name(index),
        country=country[1] if country else "",
        version=text(environment, "version"),
        gateways=gateways(calls),
        taxes_included=tax.get("woocommerce_prices_include_tax", "") == "yes" if tax else None,
        features={
            "hpos": settings.get("HPOS_enabled") is True,
            "fulfillments": isinstance(enabled, list) and "fulfillments" in enabled,
        },
    )


def options(calls: Calls, group: str) -> dict[str, str]:
    """A page of the store's settings. A shop manager may be kept from them."""
    try:
        found: list[Any] = objects(calls.read(f"settings/{group}", _fields="id,value"))
    except StoreDenied:
        raise
    except StoreError:
        return {}
    return {text(row, "id"): text(row, "value") for row in found}
