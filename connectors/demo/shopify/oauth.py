"""Installing and tokens over HTTP: the grant page, the redirect back, the token endpoint.

Source: fact sheet, 1.2 to 1.4.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from werkzeug import Request, Response

from connectors.demo.shopify import installation, pages
from connectors.demo.shopify.bags import Doc
from connectors.demo.shopify.shop import Shop
from connectors.demo.shopify.signing import host, is_session_token, signed_query
from connectors.demo.shopify.wire import json_answer, redirect, sent

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - the name of a kind
OFFLINE = "urn:shopify:params:oauth:token-type:offline-access-token"
ONLINE = "urn:shopify:params:oauth:token-type:online-access-token"


def authorize(shop: Shop, request: Request) -> Response:
    """The page where a merchant sees what the app asks for; approving leads back to the app."""
    wish = request.args
    scopes = [scope.strip() for scope in wish.get("scope", "").split(",") if scope.strip()]
    target = wish.get("redirect_uri", "")
    if wish.get("client_id") != shop.app.client_id:
        return pages.problem(shop, "Unknown application", 400)
    if not _belongs(shop, target):
        return pages.problem(shop, "The redirect_uri is not whitelisted", 400)
    if request.method == "GET" and "approve" not in wish:
        return pages.grant(shop, scopes, request.url)
    if request.form.get("decision") == "cancel":
        return redirect(shop.address + "/admin")
    online = "per-user" in wish.getlist("grant_options[]")
    code = installation.authorize_code(shop, scopes, target, online=online)
    query = {
        "code": code,
        "host": host(shop),
        "shop": shop.domain,
        "state": wish.get("state", ""),
        "timestamp": str(int(time.time())),
    }
    joint = "&" if urlsplit(target).query else "?"
    return redirect(f"{target}{joint}{signed_query(shop.app.client_secret, query)}")


def _belongs(shop: Shop, target: str) -> bool:
    """Redirects go to the app's own address; without one configured, to this machine only."""
    if shop.app.url:
        return target == shop.app.url or target.startswith(f"{shop.app.url}/")
    return urlsplit(target).hostname in ("127.0.0.1", "localhost", "::1")


def token(shop: Shop, request: Request) -> Response:
    """The token endpoint: four grants, each with its own refusals (always 400)."""
    given = sent(request)
    if given is None:
        return _no("invalid_request", "The body is neither JSON nor a form")
    known = hmac.compare_digest(str(given.get("client_secret", "")), shop.app.client_secret)
    if given.get("client_id") != shop.app.client_id or not known:
        return _no("invalid_client", "Client authentication failed")
    grant = given.get("grant_type")
    if grant == EXCHANGE:
        return _exchange(shop, given)
    if grant == "refresh_token":
        pair = installation.refresh(shop, str(given.get("refresh_token", "")))
        return json_answer(pair) if pair else _no("invalid_grant", "The refresh token is invalid or expired")
    if grant == "client_credentials":
        return _own(shop)
    if "code" in given:
        return _redeem(shop, given)
    return _no("unsupported_grant_type", "Unknown grant type")


def _no(error: str, description: str) -> Response:
    return json_answer({"error": error, "error_description": description}, 400)


def _expiring(given: Mapping[str, object]) -> bool:
    return str(given.get("expiring", "")).lower() in ("1", "true")


def _redeem(shop: Shop, given: Doc) -> Response:
    """A code installs the app: the scopes granted are those that the merchant saw."""
    grant = installation.redeem_code(shop, str(given["code"]))
    if grant is None:
        return _no("invalid_request", "The authorization code was not found or was already used")
    installation.install(shop, grant["scopes"])
    if grant["online"]:
        return json_answer(installation.online_token(shop, grant["scopes"]))
    return json_answer(installation.offline_token(shop, grant["scopes"], expiring=_expiring(given)))


def _exchange(shop: Shop, given: Doc) -> Response:
    """Token exchange; also turns a permanent offline token into an expiring one."""
    scopes = (installation.installed(shop) or {}).get("scopes")
    subject = str(given.get("subject_token", ""))
    kind = given.get("subject_token_type")
    if kind == OFFLINE:
        if installation.scopes_of(shop, subject) is None or not _expiring(given):
            return _no("invalid_subject_token", "The subject token is invalid")
    elif kind != ID_TOKEN or not is_session_token(shop, subject):
        return _no("invalid_subject_token", "The subject token is invalid or expired")
    if scopes is None:
        return _no("invalid_subject_token", "The app is not installed")
    if given.get("requested_token_type") == ONLINE:
        return json_answer(installation.online_token(shop, scopes))
    return json_answer(installation.offline_token(shop, scopes, expiring=_expiring(given)))


def _own(shop: Shop) -> Response:
    """Client credentials: an app of one's own organisation, on one's own shop."""
    installation.install(shop, (installation.installed(shop) or {}).get("scopes") or shop.app.scopes)
    scopes = (installation.installed(shop) or {})["scopes"]
    answer = installation.online_token(shop, scopes)
    kept = ("access_token", "scope", "expires_in")
    return json_answer({name: answer[name] for name in kept})
