"""Passwords: argon2id with the library's current defaults (RFC 9106, low-memory profile)."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from integration.errors import BadInput

_hasher = PasswordHasher()
NOBODY = _hasher.hash("nobody has this password")
"""Checked when there is nobody to check, so that an unknown address takes as long as a known one."""

SHORTEST, LONGEST = 12, 256


def hash_password(password: str, *, email: str = "") -> str:
    """Raises :exc:`BadInput` for one that is too easy. Length counts, kinds of characters do not.

    Source: NIST SP 800-63B-4, "Password verifiers".
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadInput(f"a password has at least {SHORTEST} characters", code="password_length")
    easy = {email.lower(), email.partition("@")[0].lower()} - {""}
    if len(set(password.lower())) < 5 or password.lower() in easy:
        raise BadInput("this password is too easy to guess", code="password_easy")
    return _hasher.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Takes the same time whether or not there is a stored hash."""
    try:
        _hasher.verify(stored or NOBODY, password[: LONGEST + 1])
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None
