"""The ways from a store's own admin into the merchant's pages: proven there, then a link that works once."""

from __future__ import annotations

from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue

from connectors.shopify.home import RETRY, verify_session_token
from connectors.woocommerce import plugin
from integration import one_time, store_status, stores
from integration.db.stores import Store
from integration.errors import ForgedMessage, NotFound
from integration.people import agent_from_store, make_link
from integration.people.links import must_be_vouched_for
from integration.ports import WooCommerceCredentials
from integration.records import Platform
from sidebar.context import services

bp = Blueprint("entrances", __name__)

SEEN = "plugin-visit"


@bp.post("/shopify/app/enter")
def from_shopify() -> ResponseReturnValue:
    """Whoever has the app open in the shop's admin comes in as that shop's person. No cookie: a token."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        session = verify_session_token(token, services().settings, services().now())
    except ForgedMessage:
        return {"error": "session"}, 401, RETRY
    store = _store(Platform.SHOPIFY, session.shop)
    name = f"Shopify {session.user_id}"
    return {"address": _link(store, session.user_id, name, "shopify")}


@bp.get("/woocommerce/plugin/open")
def from_wordpress() -> ResponseReturnValue:
    """A signed address of the shop's own backend; good once and for a minute."""
    store, visit = _plugin_visit("open")
    if not visit.email:
        raise ForgedMessage("the plugin named nobody")
    name = visit.name or visit.email
    return redirect(_link(store, f"wp.{visit.email}", name, "wordpress"), 303)


@bp.get("/woocommerce/plugin/status")
def plugin_status() -> ResponseReturnValue:
    """What the plugin's page shows of the copy."""
    store, _visit = _plugin_visit("status")
    with services().reading(store.account_id) as work:
        view = store_status.one(work, store.id)
    return {
        "status": "waiting" if view.waiting else view.status.value,
        "done": view.done,
        "total": view.total,
        "orders": view.orders,
        "oldest_order_at": view.oldest_order_at.isoformat() if view.oldest_order_at else None,
        "last_event_at": view.last_event_at.isoformat() if view.last_event_at else None,
        "next_step": (view.error or {}).get("next_step", ""),
    }


def _link(store: Store, external_id: str, name: str, method: str) -> str:
    with services().transaction(store.account_id) as work:
        must_be_vouched_for(work, store.id)
        agent = agent_from_store(work, domain=store.domain, external_id=external_id, name=name[:120])
        secret = make_link(work, agent, method)
    return f"{services().settings.app_url}/admin/enter/{secret}"


def _plugin_visit(purpose: str) -> tuple[Store, plugin.Visit]:
    """The store that signed, and what it says. Raises :exc:`ForgedMessage`, also for a second use."""
    site = request.args.get("site", "").partition("://")[2].rstrip("/").lower()
    store = _store(Platform.WOOCOMMERCE, site)
    with services().reading(store.account_id) as work:
        held = stores.credentials(services().vault, stores.find(work, store.id))
    if not isinstance(held, WooCommerceCredentials):
        raise NotFound("not a store of this kind")
    visit = plugin.read_visit(purpose, request.args, held.consumer_secret, now=services().now())
    with services().everywhere() as work:
        if not one_time.first_time(work, SEEN, f"{store.id}\n{visit.nonce}", 3 * plugin.LIFE):
            raise ForgedMessage("this address was used before")
    return store, visit


def _store(platform: Platform, domain: str) -> Store:
    with services().everywhere(write=False) as work:
        store = stores.by_domain(work, platform, domain)
    if store is None or store.credentials is None:
        raise NotFound("this store is not connected")
    return store
