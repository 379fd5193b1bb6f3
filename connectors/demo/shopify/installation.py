"""Whether the app is installed, what it was granted, and the tokens that prove it.

Source: fact sheet, 1.2 to 1.6.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any

from connectors.demo.shopify import payloads
from connectors.demo.shopify.bags import Doc
from connectors.demo.shopify.shop import Shop


def installed(shop: Shop) -> Doc | None:
    return shop.archive.kept("installation", "app")


def install(shop: Shop, scopes: Sequence[str]) -> None:
    """The merchant said yes. Installing sends no webhook; other scopes than before do."""
    with shop.archive.change():
        old = installed(shop)
        shop.archive.keep("installation", "app", {"scopes": list(scopes), "at": shop.stamp()})
        if old and sorted(old["scopes"]) != sorted(scopes):
            shop.announce("app/scopes_update", payloads.scopes_payload(shop, old["scopes"], scopes))


def uninstall(shop: Shop) -> None:
    """The merchant threw the app out: tokens die at once, API subscriptions with them, the app is told."""
    with shop.archive.change():
        if installed(shop):
            shop.announce("app/uninstalled", payloads.shop_payload(shop))
        for kind in ("installation", "token", "refresh", "code", "subscription"):
            shop.archive.drop(kind)


def change_scopes(shop: Shop, scopes: Sequence[str]) -> None:
    """Grant exactly these; tokens already given see the change at once."""
    install(shop, scopes)
    with shop.archive.change():
        for token in shop.archive.all_kept("token"):
            token["scopes"] = list(scopes)
            shop.archive.keep("token", token["key"], token)


def revoke_optional(shop: Shop, scopes: Sequence[str]) -> Doc:
    """`appRevokeAccessScopes`: scopes of the configuration file are mandatory and stay."""
    granted = (installed(shop) or {"scopes": []})["scopes"]
    unknown = [scope for scope in scopes if scope not in granted]
    required = [scope for scope in scopes if scope in shop.app.scopes]
    if unknown or required:
        code = "UNKNOWN_SCOPES" if unknown else "CANNOT_REVOKE_REQUIRED_SCOPES"
        message = f"Cannot revoke {', '.join(unknown or required)}"
        return {"revoked": None, "userErrors": [{"code": code, "field": ["scopes"], "message": message}]}
    change_scopes(shop, [scope for scope in granted if scope not in scopes])
    return {"revoked": [{"handle": scope} for scope in scopes], "userErrors": []}


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _now(shop: Shop) -> float:
    return shop.now().timestamp()


def authorize_code(shop: Shop, scopes: Sequence[str], redirect_uri: str, *, online: bool) -> str:
    """A one-time code, good for ten minutes."""
    code = secrets.token_hex(16)
    grant = {
        "scopes": list(scopes),
        "redirect_uri": redirect_uri,
        "online": online,
        "until": _now(shop) + 600,
    }
    with shop.archive.change():
        shop.archive.keep("code", _hashed(code), grant)
    return code


def redeem_code(shop: Shop, code: str) -> Doc | None:
    """The grant behind a code, once."""
    with shop.archive.change():
        grant = shop.archive.kept("code", _hashed(code))
        shop.archive.drop("code", _hashed(code))
    return grant if grant and grant["until"] > _now(shop) else None


def offline_token(shop: Shop, scopes: Sequence[str], *, expiring: bool) -> Doc:
    """A new offline token. An expiring one retires the refresh token of the one before.

    The old access token lives until its own expiry. Source: fact sheet, 1.3.
    """
    with shop.archive.change():
        if not expiring:
            return {"access_token": _issue(shop, scopes, None), "scope": ",".join(scopes)}
        shop.archive.drop("refresh")
        return _pair(shop, scopes, former=None)


def _issue(shop: Shop, scopes: Sequence[str], seconds: int | None, **more: Any) -> str:
    token = f"shpat_{secrets.token_hex(16)}"
    key = _hashed(token)
    until = None if seconds is None else _now(shop) + seconds
    shop.archive.keep("token", key, {"key": key, "scopes": list(scopes), "until": until, **more})
    return token


def _pair(shop: Shop, scopes: Sequence[str], former: str | None) -> Doc:
    refresh = f"shprt_{secrets.token_hex(16)}"
    seconds = shop.conduct.token_seconds
    token = _issue(shop, scopes, seconds, refresh=_hashed(refresh))
    until = _now(shop) + shop.conduct.refresh_seconds
    record = {
        "scopes": list(scopes),
        "until": until,
        "former": former,
        "successor": None,
        "key": _hashed(refresh),
    }
    shop.archive.keep("refresh", _hashed(refresh), record)
    return {
        "access_token": token,
        "scope": ",".join(scopes),
        "expires_in": seconds,
        "refresh_token": refresh,
        "refresh_token_expires_in": shop.conduct.refresh_seconds,
    }


def refresh(shop: Shop, token: str) -> Doc | None:
    """A new pair for a refresh token; None where it is unknown, expired or retired.

    After a refresh the former token may be tried again until something of the new pair has been used:
    an answer that got lost costs nothing. Source: fact sheet, 1.3 (changelog of 2026-08-28).
    """
    with shop.archive.change():
        key = _hashed(token)
        record = shop.archive.kept("refresh", key)
        if record is None or record["until"] < _now(shop):
            return None
        if record["former"]:  # the new pair is in use: the one before it is over
            shop.archive.drop("refresh", record["former"])
            record["former"] = None
        if record["successor"]:  # an answer was lost: what it carried is void
            shop.archive.drop("refresh", record["successor"])
        installation = installed(shop)
        if installation is None:
            return None
        pair = _pair(shop, installation["scopes"], former=key)
        record["successor"] = _hashed(pair["refresh_token"])
        shop.archive.keep("refresh", key, record)
        return pair


def online_token(shop: Shop, scopes: Sequence[str]) -> Doc:
    with shop.archive.change():
        token = _issue(shop, scopes, 86_399)
    return {
        "access_token": token,
        "scope": ",".join(scopes),
        "expires_in": 86_399,
        "associated_user_scope": ",".join(scopes),
        "associated_user": {
            "id": 90_001,
            "first_name": "Lumi",
            "last_name": "Owner",
            "email": "owner@lumi.example",
            "account_owner": True,
            "locale": "en",
            "collaborator": False,
            "email_verified": True,
        },
    }


def scopes_of(shop: Shop, token: str) -> tuple[str, ...] | None:
    """What an access token may do; None where it is not valid (any more)."""
    key = _hashed(token)
    record = shop.archive.kept("token", key)
    if record is None or (record["until"] is not None and record["until"] < _now(shop)):
        return None
    mine = shop.archive.kept("refresh", record["refresh"]) if record.get("refresh") else None
    if mine and mine["former"]:  # first use of a new pair ends the retry of the former
        with shop.archive.change():
            shop.archive.drop("refresh", mine["former"])
            mine["former"] = None
            shop.archive.keep("refresh", mine["key"], mine)
    return tuple(record["scopes"])


def expire_tokens(shop: Shop) -> None:
    """Every access token is over now; refresh tokens still work."""
    with shop.archive.change():
        for token in shop.archive.all_kept("token"):
            if token["until"] is not None:
                shop.archive.keep("token", token["key"], token | {"until": 0})


def revoke_tokens(shop: Shop) -> None:
    """Every token is dead, though the app stays installed."""
    with shop.archive.change():
        shop.archive.drop("token")
        shop.archive.drop("refresh")
