"""The page inside Shopify's admin: how the copy stands, how far back it reaches, what to do next.

No cookie is set or read there; each call carries a session token that App Bridge adds.
Source: shopify.dev, "App Bridge", "Set up session tokens".
"""

from __future__ import annotations

from flask import g, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from integration import store_status
from integration.errors import AppError
from integration.store_status import StoreView
from jobs.stores import account_of
from sidebar.context import services
from sidebar.formats import number


def render_shopify_home(
    shop: str, store_id: int | None, user_id: str = "", error: AppError | None = None
) -> str:
    """The whole page. `error`: why the shop could not be connected at this visit."""
    g.now = services().now()
    view = None
    if store_id is not None:
        with services().reading(account_of(services(), store_id)) as work:
            view = store_status.one(work, store_id)
    return render_template(
        "admin/shopify_home.html",
        api_key=services().settings.shopify_api_key,
        shop=shop,
        store=view,
        error=error,
        state=_spoken(view) if view else None,
    )


def home_state(account_id: int, store_id: int) -> ResponseReturnValue:
    """What the page asks for every few seconds, as words that it puts in place."""
    g.now = services().now()
    with services().reading(account_id) as work:
        return _spoken(store_status.one(work, store_id))


def _spoken(store: StoreView) -> dict[str, object]:
    return {
        "status": store.status.value,
        "copying": store.copying,
        "done": store.done,
        "total": store.total,
        "line": _line(store),
        "title": _title(store),
    }


def _title(store: StoreView) -> str:
    if not store.connected:
        return str(_("Disconnected"))
    if store.waiting:
        return str(_("To be confirmed"))
    if store.key_refused:
        return str(_("The store refuses our key"))
    if store.copying:
        return str(_("Copying orders"))
    return str(_("Late") if store.status.value == "degraded" else _("In step"))


def _line(store: StoreView) -> str:
    if store.copying and store.total:
        return str(_("%(done)s of %(total)s orders", done=number(store.done), total=number(store.total)))
    if store.copying:
        return str(_("%(done)s orders so far", done=number(store.done)))
    return str(_("%(count)s orders copied", count=number(store.orders)))
