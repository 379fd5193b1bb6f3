"""The page inside Shopify's admin: how the copy stands, how far back it reaches, what to do next.

No cookie is set or read there; each call carries a session token that App Bridge adds.
Source: shopify.dev, "App Bridge", "Set up session tokens".
"""

from __future__ import annotations

from flask import g, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from integration import helpdesks, store_status
from integration.errors import AppError
from integration.people.agents import list_agents
from integration.store_status import StoreView
from integration.work import Work
from jobs.stores import account_of
from sidebar.admin.frame import roughly
from sidebar.context import services
from sidebar.formats import number


def render_shopify_home(
    shop: str, store_id: int | None, user_id: str = "", error: AppError | None = None
) -> str:
    """The whole page. `error`: why the shop could not be connected at this visit."""
    g.now = services().now()
    view, steps = None, []
    if store_id is not None:
        with services().reading(account_of(services(), store_id)) as work:
            view = store_status.one(work, store_id)
            steps = _steps(work)
    return render_template(
        "admin/shopify_home.html",
        api_key=services().settings.shopify_api_key,
        shop=shop,
        store=view,
        error=error,
        state=_spoken(view) if view else None,
        steps=steps,
    )


def _steps(work: Work) -> list[dict[str, str]]:
    """What is left to do, with what is done struck off: `state` is done, now, or empty for later."""
    done = [True, bool(helpdesks.everyone(work)), len(list_agents(work)) > 1]
    words = [
        (_("Connect the store"), ""),
        (
            _("Set up your helpdesk"),
            _(
                "The sidebar opens in Zendesk, Front, Help Scout, Chatwoot and others."
                " It takes about ten minutes."
            ),
        ),
        (
            _("Invite your agents"),
            _("Each with a role and limits. Above a limit a second person decides."),
        ),
    ]
    first = done.index(False) if False in done else -1
    return [
        {
            "title": title,
            "text": text,
            "state": "done" if done[number] else "now" if number == first else "",
        }
        for number, (title, text) in enumerate(words)
    ]


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
        "trouble": _trouble(store),
    }


def _trouble(store: StoreView) -> str:
    """What is wrong and what to do about it on this very page; empty while all is well."""
    if not store.connected or not store.error:
        return ""
    if store.key_refused:
        return str(_("Reload this page: opening the app renews the key."))
    step = str(store.error.get("next_step") or "")
    return str(_(step) if step else _("We try again by ourselves."))


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
        said = [_("%(done)s of %(total)s orders", done=number(store.done), total=number(store.total))]
        if store.per_second:
            said.append(_("%(count)s orders a second", count=number(round(store.per_second))))
        if store.seconds_left:
            said.append(_("%(span)s left", span=roughly(store.seconds_left)))
        return " · ".join(map(str, said))
    if store.copying:
        return str(_("%(done)s orders so far", done=number(store.done)))
    return str(_("%(count)s orders copied", count=number(store.orders)))
