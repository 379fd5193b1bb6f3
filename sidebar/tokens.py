"""The app token: what a framed page holds instead of a cookie.

Signed by us, ten minutes long, kept in the page's memory. Renewed while the frame lives, up to a
working day after the helpdesk's own proof; then the helpdesk has to prove again.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import msgspec

from integration.errors import Forbidden
from sidebar.context import derived_key, services

if TYPE_CHECKING:
    from sidebar.visit import Visit

LIFETIME = timedelta(minutes=10)
WORKING_DAY = timedelta(hours=8)
AUDIENCE = "sidebar"
LONGEST = 16_384
"""Characters: a token is our own work and never longer."""


def mint(visit: Visit) -> str:
    now = services().now()
    claims = {
        "aud": AUDIENCE,
        "iat": int(now.timestamp()),
        "exp": int(min(now + LIFETIME, visit.born + WORKING_DAY).timestamp()),
        "visit": msgspec.to_builtins(visit),
    }
    return jwt.encode(claims, derived_key("app token"), algorithm="HS256")


def read(token: str) -> Visit:
    """Raises :exc:`Forbidden` (`expired`) for anything that is not ours and alive."""
    from sidebar.visit import Visit

    try:
        if len(token) > LONGEST:
            raise jwt.InvalidTokenError("too long")
        claims: dict[str, Any] = jwt.decode(
            token,
            derived_key("app token"),
            algorithms=["HS256"],
            audience=AUDIENCE,
            options={"require": ["exp", "iat", "aud"], "verify_exp": False, "verify_iat": False},
        )
        if datetime.fromtimestamp(claims["exp"], UTC) <= services().now():
            raise jwt.ExpiredSignatureError("over")
        return msgspec.convert(claims["visit"], Visit)
    except (jwt.InvalidTokenError, msgspec.ValidationError, KeyError, TypeError, ValueError):
        raise Forbidden("the app token is not valid any more", code="expired") from None


def renew(visit: Visit) -> str:
    """A new token for a living frame. Raises :exc:`Forbidden` once the working day is over."""
    if services().now() >= visit.born + WORKING_DAY:
        raise Forbidden("the frame is older than a working day", code="expired")
    return mint(visit)
