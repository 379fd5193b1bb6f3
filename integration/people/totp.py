"""Codes from an authenticator app: RFC 6238, six digits, thirty seconds, each good once."""

from __future__ import annotations

import hmac
import unicodedata
from datetime import datetime

import pyotp

ISSUER = "Deskside"
STEP = 30
DRIFT = 1
"""Steps that a phone's clock may be off, either way."""


def new_secret() -> str:
    """160 bits in base32, as apps take it."""
    return pyotp.random_base32()


def address(secret: str, email: str) -> str:
    """The ``otpauth://`` address that goes into the QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)


def matching_step(secret: str, code: str, now: datetime, last_step: int | None) -> int | None:
    """The time step whose code this is, or None. Steps up to `last_step` were used and are not good again."""
    digits = ascii_digits(code)
    totp = pyotp.TOTP(secret)
    current = int(now.timestamp()) // STEP
    found = None
    for step in range(current - DRIFT, current + DRIFT + 1):
        fits = hmac.compare_digest(totp.generate_otp(step), digits)
        if fits and (last_step is None or step > last_step):
            found = step
    return found


def ascii_digits(code: str) -> str:
    """The digits of what a person typed: spaces dropped, digits of any script taken."""
    kept = (character for character in code[:32] if not character.isspace() and character != "-")
    return "".join(str(unicodedata.decimal(character, "?")) for character in kept)
