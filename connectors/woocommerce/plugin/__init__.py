"""The WordPress plugin, and what it signs.

`deskside.php` and `readme.txt` beside this file are the whole plugin. It proves itself with the secret of
the API key that the store made for us: the store keeps that half as it is, and so do we, sealed.
"""

from __future__ import annotations

import hmac
import re
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import msgspec

from integration.errors import ForgedMessage

FOLDER = "deskside-agent-sidebar"
"""The plugin's folder in WordPress, which is also its text domain."""
CONTENTS = ("deskside.php", "readme.txt")
LIFE = timedelta(seconds=60)
"""How long a signed address is good. Clocks may differ by as much."""
FIELDS = ("site", "email", "name", "time", "nonce")


def build_zip(path: Path) -> Path:
    """Write the plugin as WordPress takes it for upload. The same sources always give the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in CONTENTS:
            entry = zipfile.ZipInfo(f"{FOLDER}/{name}", date_time=(2026, 1, 1, 0, 0, 0))
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, files(__name__).joinpath(name).read_bytes())
    return path


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """Someone who manages the shop, as the shop says. `nonce` must be taken once only."""

    site: str
    email: str
    name: str
    nonce: str
    at: datetime


def sign(purpose: str, said: Mapping[str, str], consumer_secret: str) -> str:
    """As `deskside_signed_url` in the plugin: purpose and fields, one a line, HMAC-SHA256 in hex."""
    message = "\n".join([purpose, *(said[name] for name in FIELDS)])
    return hmac.digest(consumer_secret.encode(), message.encode(), "sha256").hex()


def read_visit(purpose: str, query: Mapping[str, str], consumer_secret: str, *, now: datetime) -> Visit:
    """The visit that a signed address announces. `query["site"]` says whose secret to try.

    Purposes: "open" (this person comes in) and "status" (the plugin asks how the store is; nobody is
    named). Raises :exc:`ForgedMessage`; a good address can still be a repeated one, so keep `nonce`.
    """
    said = {name: query.get(name, "") for name in FIELDS}
    broken = any("\n" in text or len(text) > 500 for text in said.values())
    given = query.get("signature", "")
    expected = sign(purpose, said, consumer_secret)
    if broken or not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
        raise ForgedMessage("the plugin's signature does not match")
    if not re.fullmatch(r"[0-9]{1,11}", said["time"]) or not re.fullmatch(
        r"[A-Za-z0-9]{16,64}", said["nonce"]
    ):
        raise ForgedMessage("the plugin's address is malformed")
    at = datetime.fromtimestamp(int(said["time"]), UTC)
    if abs(now - at) > LIFE:
        raise ForgedMessage("the plugin's address is too old")
    return Visit(site=said["site"], email=said["email"], name=said["name"], nonce=said["nonce"], at=at)
