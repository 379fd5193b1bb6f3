"""Secrets at rest: sealed with the newest key, opened with any, rotated without downtime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from integration.errors import AppError

T = TypeVar("T")


class Vault:
    """Seals text, bytes and credential records. Source: cryptography, "Fernet", MultiFernet."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, secret: bytes | str) -> bytes:
        return self._fernet.encrypt(secret.encode() if isinstance(secret, str) else secret)

    def open(self, sealed: bytes) -> bytes:
        """Raises :exc:`AppError` (no detail) when none of the keys fits."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            raise AppError(
                "a stored secret cannot be opened with any of ENCRYPTION_KEYS", code="vault"
            ) from None

    def seal_record(self, record: msgspec.Struct) -> bytes:
        return self.seal(msgspec.json.encode(record))

    def open_record(self, sealed: bytes, kind: type[T]) -> T:
        return msgspec.json.decode(self.open(sealed), type=kind)

    def rotate(self, sealed: bytes) -> bytes:
        """The same secret under the newest key."""
        return self._fernet.rotate(sealed)
