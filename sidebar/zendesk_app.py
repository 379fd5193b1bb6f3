"""The zip that a Zendesk admin uploads: a manifest that points at our door, words, and two pictures.

Source: our helpdesk facts, "Package and installation"; Zendesk's "Apps framework", "Manifest".
"""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

from integration.errors import BadInput
from integration.helpdesks import framable

LOGOS = {"assets/logo.png": 320, "assets/logo-small.png": 128}
"""File → pixels a side. Source: Zendesk's "Formatting your app's files"."""
GROUND, PAPER, LINE = (15, 92, 92), (255, 255, 255), (127, 200, 188)
DATE = (2026, 1, 1, 0, 0, 0)
"""Of the files in the zip: the same app is the same bytes."""


def manifest(address: str, *, email: str) -> dict[str, Any]:
    """`address`: our door for this Zendesk. Raises :exc:`BadInput` for one that Zendesk would not take."""
    if not framable(address):
        raise BadInput("Zendesk opens https addresses only: set APP_URL", code="not_https")
    place = {"url": address, "flexible": True, "autoLoad": True}
    return {
        "name": "Deskside",
        "author": {"name": "Deskside", "email": email},
        "defaultLocale": "en",
        "private": True,
        "signedUrls": True,
        "location": {"support": {"ticket_sidebar": place, "new_ticket_sidebar": place}},
        "version": "1.0.0",
        "frameworkVersion": "2.0",
    }


def words() -> dict[str, Any]:
    return {
        "app": {
            "name": "Deskside",
            "short_description": "Orders, parcels, return rights and refunds beside every ticket.",
            "long_description": "Who is asking, what they bought, where it is, what they may return.",
            "installation_instructions": "Install it, then go on in Deskside, under Helpdesks.",
        }
    }


def build_zip(file: Path, address: str, *, email: str) -> None:
    """Write the zip. Raises :exc:`BadInput`; then nothing is written."""
    contents = {
        "manifest.json": _json(manifest(address, email=email)),
        "translations/en.json": _json(words()),
        **{name: logo(side) for name, side in LOGOS.items()},
    }
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name, DATE), content, zipfile.ZIP_DEFLATED)


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


def logo(side: int) -> bytes:
    """A conversation with a pane beside it, as a PNG of `side` by `side` pixels."""
    rows = b"".join(
        b"\0" + b"".join(bytes(_colour(x / side, y / side)) for x in range(side)) for y in range(side)
    )
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)  # eight bits, red green blue
    pieces = (_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(rows, 9)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(pieces)


def _colour(x: float, y: float) -> tuple[int, int, int]:
    """Of one point of the unit square."""
    if not (0.18 <= x < 0.82 and 0.24 <= y < 0.76):
        return GROUND
    if x >= 0.60:  # the pane
        return LINE
    if x >= 0.57:
        return GROUND
    in_line = any(abs(y - at) < 0.022 for at in (0.38, 0.5, 0.62))
    return GROUND if in_line and 0.24 <= x < 0.51 else PAPER


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
