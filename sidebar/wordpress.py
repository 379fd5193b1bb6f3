"""The doors of the WordPress plugin: how the store is, and the way in for who manages it.

Each address is signed by the store's backend with the secret of the key that it made for us, for one
purpose, one minute and one use.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from connectors.woocommerce import plugin
from connectors.woocommerce.plugin import Visit
from integration import audit, one_time, stores
from integration.db.stores import Store
from integration.errors import BadInput, ForgedMessage, NotFound
from integration.people import agent_from_store, make_link
from integration.ports import WooCommerceCredentials
from integration.records import Platform
from jobs import installing
from sidebar.context import services

bp = Blueprint("wordpress", __name__, url_prefix="/woocommerce/plugin")

SEEN_FOR = timedelta(minutes=5)
"""Longer than a signed address is good, so that none is good twice."""


def _visit(purpose: str) -> tuple[Visit, int, int]:
    """The visit and whose store it is: (visit, account, store). Raises ForgedMessage."""
    query = request.args.to_dict()
    try:
        url = installing.check_store_address(services(), query.get("site", ""))
    except BadInput:
        raise ForgedMessage("the plugin names no store") from None
    with services().everywhere(write=False) as work:
        store = work.session.scalar(
            select(Store).where(Store.platform == Platform.WOOCOMMERCE, Store.url == url)
        )
        if store is None or store.credentials is None:
            raise ForgedMessage("this store is not connected")
        credentials = stores.credentials(work, services().vault, store)
        account_id, store_id = store.account_id, store.id
    assert isinstance(credentials, WooCommerceCredentials)
    visit = plugin.read_visit(purpose, query, credentials.consumer_secret, now=services().now())
    with services().everywhere() as work:
        if not one_time.first_time(work, f"wordpress.{purpose}", f"{store_id} {visit.nonce}", SEEN_FOR):
            raise ForgedMessage("the plugin's address was used before")
    return visit, account_id, store_id


@bp.get("/status")
def status() -> ResponseReturnValue:
    """`{status, done, total}` of the store's copy, for the plugin's page."""
    _, account_id, store_id = _visit("status")
    with services().reading(account_id) as work:
        store, state = stores.find(work, store_id), stores.state(work, store_id)
        return {"status": store.status.value, "done": state.done, "total": state.total}


@bp.get("/open")
def enter() -> ResponseReturnValue:
    """Signs in whoever manages the shop, by a one-time link of our own that asks once more."""
    visit, account_id, store_id = _visit("open")
    if not visit.email:
        raise NotFound("the plugin names nobody")
    with services().transaction(account_id) as work:
        store = stores.find(work, store_id)
        # Known by the store's word for the person, never by the bare address: see agent_from_store.
        who = "wp-" + hashlib.sha256(visit.email.lower().encode()).hexdigest()[:12]
        domain = store.domain.replace("/", ".").replace(":", ".")
        agent = agent_from_store(work, domain=domain, external_id=who, name=visit.name or "WordPress")
        link = make_link(work, agent, "wordpress")
        audit.record(
            work, "agent.entered_from_store", actor=agent.email, proof="signed", detail={"store": store_id}
        )
    return redirect(url_for("admin.enter", token=link), 303)
