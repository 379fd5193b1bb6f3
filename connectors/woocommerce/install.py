"""Connecting a store: the address a merchant types, the grant page, the store's callback, the first look.

The callback is not signed and does not say which store it is from (measured), so everything hangs on
the one-time state in `user_id`: remember which address it was made for, take it once, and only trust
keys after that very address has answered to them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from connectors.transport import Line
from connectors.woocommerce.calls import BadCertificate, Calls
from connectors.woocommerce.shop import read_shop
from connectors.woocommerce.walks import objects
from integration.errors import (
    BadInput,
    StoreDenied,
    StoreError,
    StoreForbidden,
    StoreRefused,
    StoreUnavailable,
    UnreadableAnswer,
)
from integration.ports import WooCommerceCredentials
from integration.records import ShopRecord

STATE = re.compile(r"[A-Za-z0-9_-]{16,200}")
"""The store strips other characters from `user_id` and takes "0" for nothing (measured)."""
KEY = re.compile(r"ck_[0-9a-zA-Z]{16,128}")
SECRET = re.compile(r"cs_[0-9a-zA-Z]{16,128}")
ADMIN_PARTS = re.compile(r"/(wp-admin|wp-json|wp-login\.php|wc-auth|index\.php)(/.*)?$")
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*", re.ASCII)


def normalise_url(text: str, *, allow_http: bool) -> str:
    """The base address of the site that a merchant means; :exc:`BadInput` in words for the merchant.

    "Shop.example/wp-admin/" and "https://shop.example" are one store. International names become
    punycode. A site in a folder keeps its path.
    """
    typed = text.strip()
    if not typed or len(typed) > 500 or re.search(r"[\s\x00-\x1f\\]", typed):
        raise BadInput("Enter the address of your store, such as https://shop.example.com")
    if "://" not in typed:
        typed = f"https://{typed}"
    try:
        parts = urlsplit(typed)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise BadInput("That is not an address of a store.") from None
    scheme = parts.scheme.lower()
    if scheme not in ("https", "http"):
        raise BadInput("The address must begin with https://")
    if scheme == "http" and not allow_http:
        raise BadInput("The store must be reached by https. Switch https on in the store, then try again.")
    if "@" in parts.netloc:
        raise BadInput("Leave the user name and password out of the address.")
    path = ADMIN_PARTS.sub("", re.sub(r"/{2,}", "/", parts.path)).rstrip("/")
    if not PATH.fullmatch(path) or ".." in path.split("/"):
        raise BadInput("Enter the address of the store's front page only.")
    default = {"https": 443, "http": 80}[scheme]
    where = _host(host)
    return f"{scheme}://{where}{f':{port}' if port and port != default else ''}{path}"


def _host(host: str) -> str:
    """A host that a shop can have.

    Private networks are allowed: people run both on their own. Link-local addresses, where clouds
    keep their secrets, are not, nor are those that belong to no single host.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _name(host)
    mapped = getattr(address, "ipv4_mapped", None) or address
    nobodys = mapped.is_link_local or mapped.is_unspecified or mapped.is_multicast or mapped.is_reserved
    if nobodys and not mapped.is_loopback:
        raise BadInput("That address belongs to no store.")
    return f"[{address}]" if address.version == 6 else str(address)


def _name(host: str) -> str:
    try:
        name = host.rstrip(".").encode("idna").decode().lower()
    except UnicodeError:
        raise BadInput("That is not a name of a host.") from None
    labels = name.split(".")
    if not name or len(name) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        raise BadInput("That is not a name of a host.")
    if len(labels) == 1 and name != "localhost":
        raise BadInput("Enter the whole address of your store, such as https://shop.example.com")
    if labels[-1].isdigit():
        raise BadInput("That is not a name of a host.")
    return name


def authorize_url(url: str, *, app_name: str, state: str, return_url: str, callback_url: str) -> str:
    """Where to send the merchant's browser. `url` is normalised.

    The store decodes both addresses twice (measured), so they must be plain: no query with encoded parts.
    """
    if not STATE.fullmatch(state):
        raise ValueError("state: want 16 to 200 of A-Z a-z 0-9 _ -")
    for address in (return_url, callback_url):
        if not address.isascii() or "%" in address or "&" in address:
            raise ValueError("return and callback address: want plain ASCII without encoded parts")
    query = {
        "app_name": app_name,
        "scope": "read_write",
        "user_id": state,
        "return_url": return_url,
        "callback_url": callback_url,
    }
    return f"{url}/wc-auth/v1/authorize?{urlencode(query)}"


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a store hands over after the merchant approved. Unproven until the store answers to it."""

    state: str
    consumer_key: str
    consumer_secret: str
    permissions: str

    def credentials(self, url: str) -> WooCommerceCredentials:
        return WooCommerceCredentials(
            url=url,
            consumer_key=self.consumer_key,
            consumer_secret=self.consumer_secret,
            permissions=self.permissions,
        )


class _Callback(msgspec.Struct):
    user_id: str | int
    consumer_key: str
    consumer_secret: str
    key_permissions: str
    key_id: Any = None


def read_callback(body: bytes) -> Grant:
    """Raises :exc:`BadInput` for anything but a well-formed callback. Says nothing of who sent it."""
    try:
        found = msgspec.json.decode(body, type=_Callback)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadInput("not a WooCommerce callback") from None
    state = str(found.user_id)
    if not STATE.fullmatch(state):
        raise BadInput("not a WooCommerce callback of ours")
    if not KEY.fullmatch(found.consumer_key) or not SECRET.fullmatch(found.consumer_secret):
        raise BadInput("not a pair of WooCommerce keys")
    return Grant(
        state=state,
        consumer_key=found.consumer_key,
        consumer_secret=found.consumer_secret,
        permissions=found.key_permissions[:20],
    )


def check(
    credentials: WooCommerceCredentials,
    *,
    now: Callable[[], datetime],
    allow_http: bool = False,
    line: Line | None = None,
) -> ShopRecord:
    """The first look at a store with its new keys. Raises StoreErrors with a `next_step` for merchants.

    Reads the shop and its orders, and makes one write that changes nothing: the only way to learn
    whether a key may write is to write.
    """
    calls = Calls(credentials, now=now, allow_http=allow_http, line=line)
    try:
        shop = read_shop(calls)
        objects(calls.read("orders", per_page=1, _fields="id"))
        _try_to_write(calls)
    except StoreError as error:
        raise explained(error, credentials, calls) from error
    return shop


def _try_to_write(calls: Calls) -> None:
    """An empty batch passes the check of rights and does nothing."""
    try:
        calls.write("POST", "orders/batch", {})
    except StoreRefused:
        return  # rights were checked first; whatever else it minds is no matter of the key


def explained(error: StoreError, credentials: WooCommerceCredentials, calls: Calls) -> StoreError:
    """The same kind of error, with what the merchant can do about it."""
    words = str(error)
    if isinstance(error, BadCertificate):
        return error
    if isinstance(error, StoreForbidden):
        if credentials.permissions != "read_write" or error.code == "key_permissions":
            step = "This key may not read and write. Make a key with Read/Write permission and connect again."
        else:
            step = "The user of this key may not manage the shop. Connect as a shop manager or administrator."
        return StoreForbidden(words, code=error.code, next_step=step)
    if isinstance(error, StoreDenied):
        step = "The store does not accept this key. Check it for missing letters, or make a new one."
        if credentials.url.startswith("http://"):
            step += " Over plain http the store must also have the right time."
        return StoreDenied(words, code=error.code, next_step=step)
    if isinstance(error, UnreadableAnswer) or error.code == "no_route":
        return StoreRefused(words, code="not_woocommerce", next_step=_what_is_there(calls))
    if isinstance(error, StoreUnavailable):
        step = "We could not reach the store. Check the address, and that no firewall keeps us out."
        return StoreUnavailable(words, code=error.code, next_step=step)
    return error


def _what_is_there(calls: Calls) -> str:
    """Something answered that is not WooCommerce's API: find out what to say about it."""
    try:
        index = calls.index()
    except StoreError:
        return (
            "This site does not open its REST API. In WordPress, under Settings, Permalinks, choose anything "
            "but Plain, and let no firewall or security plugin block /wp-json/."
        )
    spaces = index.get("namespaces") if isinstance(index, dict) else None
    if isinstance(spaces, list) and "wc/v3" not in spaces:
        return "This is a WordPress site without WooCommerce. Activate WooCommerce, then connect again."
    return "The address answers, but not as a WooCommerce store. Enter the address as in your browser."
