"""Secrets that we hand out once and keep only as a hash."""

from __future__ import annotations

import hashlib
import secrets


def new_secret(prefix: str = "") -> str:
    """256 random bits as url-safe text."""
    return prefix + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """SHA-256 hex. The secrets are random, so a plain hash cannot be guessed back."""
    return hashlib.sha256(secret.encode()).hexdigest()
