"""Pages by the last row seen, so that nothing is skipped or doubled while the data changes.

A cursor is opaque to callers. It holds a position, never a right: the account is always the token's.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta

import msgspec

from integration.errors import BadInput
from integration.ids import LARGEST

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Of the last row of a page: when it changed (microseconds since 1970), and its number."""

    at: int
    id: int

    @property
    def moment(self) -> datetime:
        return EPOCH + timedelta(microseconds=self.at)


def cursor(moment: datetime, row_id: int) -> str:
    """Where the next page begins: behind this row."""
    place = Place((moment - EPOCH) // timedelta(microseconds=1), row_id)
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(place)).decode().rstrip("=")


def place_of(text: str | None) -> Place | None:
    """Raises :exc:`BadInput` for anything that `cursor` did not make."""
    if text is None:
        return None
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        place = msgspec.msgpack.decode(data, type=Place)
        if not 0 < place.id <= LARGEST:
            raise ValueError("no such row")
        place.moment  # noqa: B018 - out of range raises
    except (binascii.Error, ValueError, OverflowError, msgspec.DecodeError):
        raise BadInput("cursor: not one of ours; begin without it", code="bad_cursor") from None
    return place
