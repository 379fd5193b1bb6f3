"""The platform's signatures towards the app: query HMAC and session tokens.

Source: fact sheet, 1.4 and 1.5.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
import uuid
from collections.abc import Mapping
from urllib.parse import urlencode

import jwt

from connectors.demo.shopify.shop import Shop

USER = "90001"


def signed_query(secret: str, parameters: Mapping[str, str]) -> str:
    """Parameters with their `hmac`: hex, over the sorted rest."""
    message = "&".join(f"{key}={value}" for key, value in sorted(parameters.items()))
    digest = hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()
    return urlencode({**parameters, "hmac": digest})


def host(shop: Shop) -> str:
    """Base64 without padding, as the platform sends it."""
    return base64.b64encode(f"{shop.domain}/admin".encode()).decode().rstrip("=")


def session_token(shop: Shop, *, seconds: int = 60, user: str = USER) -> str:
    """What App Bridge hands to the app's page; good for a minute."""
    now = int(time.time())
    claims = {
        "iss": f"https://{shop.domain}/admin",
        "dest": f"https://{shop.domain}",
        "aud": shop.app.client_id,
        "sub": user,
        "exp": now + seconds,
        "nbf": now - 5,
        "iat": now - 5,
        "jti": str(uuid.uuid4()),
        "sid": hashlib.sha256(user.encode()).hexdigest(),
    }
    return jwt.encode(claims, shop.app.client_secret, algorithm="HS256")


def is_session_token(shop: Shop, token: str) -> bool:
    """Whether this is a live token of this shop for this app."""
    try:
        claims = jwt.decode(
            token, shop.app.client_secret, algorithms=["HS256"], audience=shop.app.client_id, leeway=10
        )
    except jwt.InvalidTokenError:
        return False
    return claims.get("dest") == f"https://{shop.domain}"
