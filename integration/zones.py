"""Whose calendar day counts: the time zone of a delivery address.

A country with one zone needs nothing but its code. In the others the province decides, and without
one the zone of most people there. Source: IANA tz database, zone.tab; ISO 3166-2 codes of provinces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

UTC = ZoneInfo("UTC")

MOST_PEOPLE = {
    "AU": "Australia/Sydney",
    "BR": "America/Sao_Paulo",
    "CA": "America/Toronto",
    "RU": "Europe/Moscow",
    "UA": "Europe/Kyiv",
    "UZ": "Asia/Tashkent",
}
"""Where the first zone of zone.tab is not the one of most people."""

PROVINCES: Mapping[str, Mapping[str, str]] = {
    "US": {
        "America/Chicago": "AL AR IL IA KS LA MN MS MO NE ND OK SD TN TX WI",
        "America/Denver": "CO ID MT NM UT WY",
        "America/Phoenix": "AZ",
        "America/Los_Angeles": "CA NV OR WA",
        "America/Anchorage": "AK",
        "Pacific/Honolulu": "HI",
        "America/Puerto_Rico": "PR VI",
        "Pacific/Guam": "GU MP",
        "Pacific/Pago_Pago": "AS",
    },
    "CA": {
        "America/St_Johns": "NL",
        "America/Halifax": "NS NB PE",
        "America/Winnipeg": "MB",
        "America/Regina": "SK",
        "America/Edmonton": "AB NT",
        "America/Vancouver": "BC",
        "America/Whitehorse": "YT",
        "America/Iqaluit": "NU",
    },
    "AU": {
        "Australia/Melbourne": "VIC",
        "Australia/Brisbane": "QLD",
        "Australia/Adelaide": "SA",
        "Australia/Darwin": "NT",
        "Australia/Perth": "WA",
        "Australia/Hobart": "TAS",
    },
    "BR": {
        "America/Manaus": "AM",
        "America/Rio_Branco": "AC",
        "America/Cuiaba": "MT",
        "America/Campo_Grande": "MS",
        "America/Porto_Velho": "RO",
        "America/Boa_Vista": "RR",
    },
    "MX": {
        "America/Tijuana": "BC BCN",
        "America/Hermosillo": "SO SON",
        "America/Mazatlan": "BS BCS NA NAY SI SIN",
        "America/Cancun": "QR ROO",
    },
    "ES": {"Atlantic/Canary": "GC TF CN", "Africa/Ceuta": "CE ML"},
    "PT": {"Atlantic/Azores": "20", "Atlantic/Madeira": "30"},
    "ID": {
        "Asia/Makassar": "BA NB NT KI KS KU SN SG ST SA GO SR",
        "Asia/Jayapura": "PA PB PS PT PE PD MA MU",
    },
    "RU": {
        "Europe/Kaliningrad": "KGD",
        "Europe/Samara": "SAM UD",
        "Asia/Yekaterinburg": "SVE CHE TYU PER BA KHM YAN ORE KGN",
        "Asia/Omsk": "OMS",
        "Asia/Novosibirsk": "NVS TOM",
        "Asia/Krasnoyarsk": "KYA KEM KK TY",
        "Asia/Irkutsk": "IRK BU",
        "Asia/Yakutsk": "SA AMU ZAB",
        "Asia/Vladivostok": "PRI KHA YEV",
        "Asia/Magadan": "MAG SAK",
        "Asia/Kamchatka": "KAM CHU",
    },
}
"""Country → zone → codes of the provinces in it that differ from the country's main zone."""


def zone_of(address: Mapping[str, Any] | None, fallback: str = "UTC") -> ZoneInfo:
    """Of `records.Address` as JSON; `fallback`: IANA name for an address without a country we know."""
    country = str((address or {}).get("country") or "").upper()
    province = str((address or {}).get("province") or "").upper().removeprefix(f"{country}-")
    name = _provinces(country).get(province) or _main_zones().get(country)
    return _open(name) if name else _open(fallback)


@cache
def _provinces(country: str) -> dict[str, str]:
    zones = PROVINCES.get(country, {})
    return {code: zone for zone, codes in zones.items() for code in codes.split()}


@cache
def _main_zones() -> dict[str, str]:
    """Country → its main zone."""
    zones: dict[str, str] = {}
    for row in (files("tzdata") / "zoneinfo" / "zone.tab").read_text("utf-8").splitlines():
        if not row.startswith("#"):
            country, _, zone, *_ = row.split("\t")
            zones.setdefault(country, zone)
    return zones | MOST_PEOPLE


@cache
def _open(name: str) -> ZoneInfo:
    """By IANA name, or by an offset in whole hours ("UTC+03:00"): some stores know no more."""
    if offset := re.fullmatch(r"(?:UTC)?([+-])(\d\d):00", name):
        sign, hours = offset.groups()
        name = f"Etc/GMT{'-' if sign == '+' else '+'}{int(hours)}"  # POSIX signs are the other way round
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC
