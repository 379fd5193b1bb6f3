"""Stores: connect one, see how far its copy has come, mend what is broken, let it go."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from integration import inbox, store_status
from integration import stores as connected
from integration.db.accounts import Role
from integration.people import SignedIn, links
from sidebar.admin import guard
from sidebar.admin.frame import bp
from sidebar.context import services
from sidebar.headers import content_policy


@bp.get("/stores")
@guard.person_required(Role.LEAD)
def stores(person: SignedIn) -> ResponseReturnValue:
    with services().reading(person.account_id) as work:
        views = store_status.overview(work)
    page = render_template("admin/stores.html", stores=views, form={}, errors={})
    return _may_lead_to_stores(page)


@bp.get("/stores/<int:store_id>/state")
@guard.person_required(Role.LEAD)
def stores_state(person: SignedIn, store_id: int) -> ResponseReturnValue:
    """One store's entry, for the page that is open while orders are copied."""
    with services().reading(person.account_id) as work:
        return render_template("admin/_store.html", store=store_status.one(work, store_id))


@bp.post("/stores/connect/shopify")
@guard.person_required(Role.ADMIN)
def stores_connect_shopify(person: SignedIn) -> ResponseReturnValue:
    """Check the address here, where what was typed can be kept; then on to the store."""
    shop = request.form.get("shop", "").strip().lower()
    name = shop.removeprefix("https://").rstrip("/").removesuffix(".myshopify.com")
    if not (name.replace("-", "").isalnum() and name.isascii() and len(name) <= 60 and name[0] != "-"):
        return _again(
            person,
            shop=_(
                "This is not a myshopify.com address. It looks like your-shop.myshopify.com; "
                "you find it in Shopify under Settings, Domains."
            ),
        )
    return redirect(f"/shopify/install?shop={name}.myshopify.com", 303)


@bp.post("/stores/connect/woocommerce")
@guard.person_required(Role.ADMIN)
def stores_connect_woocommerce(person: SignedIn) -> ResponseReturnValue:
    url = request.form.get("url", "").strip().rstrip("/")
    parts = urlsplit(url if "//" in url else f"https://{url}")
    if not parts.hostname or parts.username or parts.query or "." not in parts.netloc:
        return _again(person, url=_("This is not an address. It looks like https://shop.example.com."))
    if parts.scheme != "https" and not services().settings.allow_http_stores:
        return _again(
            person,
            url=_(
                "This address has no https. Keys sent over http can be read on the way; "
                "ask your host for a certificate, then try again."
            ),
        )
    return redirect("/woocommerce/install?" + urlencode({"url": parts.geturl()}), 303)


@bp.post("/stores/<int:store_id>/check")
@guard.person_required(Role.ADMIN)
def stores_check(person: SignedIn, store_id: int) -> ResponseReturnValue:
    with services().transaction(person.account_id) as work:
        store_status.look_now(work, store_id)
    return redirect(url_for("admin.stores"), 303)


@bp.get("/stores/<int:store_id>")
@guard.person_required(Role.LEAD)
def stores_one(person: SignedIn, store_id: int) -> ResponseReturnValue:
    with services().reading(person.account_id) as work:
        return render_template(
            "admin/store.html",
            store=store_status.one(work, store_id),
            poisoned=store_status.poisoned_orders(work, store_id),
        )


@bp.post("/stores/<int:store_id>/copy-again")
@guard.person_required(Role.ADMIN)
def stores_copy_again(person: SignedIn, store_id: int) -> ResponseReturnValue:
    """Everything once more: what is in the cache stays and is compared."""
    with services().transaction(person.account_id) as work:
        connected.copy_again(work, store_id)
    return redirect(url_for("admin.stores"), 303)


@bp.post("/stores/<int:store_id>/confirm")
@guard.person_required(Role.ADMIN)
def stores_confirm(person: SignedIn, store_id: int) -> ResponseReturnValue:
    """A store that came by an open link is ours: copy it, and let its people in."""
    with services().transaction(person.account_id) as work:
        connected.confirm(work, store_id, by=person.email)
        links.vouch(work, store_id)
    return redirect(url_for("admin.stores_one", store_id=store_id), 303)


@bp.post("/stores/<int:store_id>/retry")
@guard.person_required(Role.ADMIN)
def stores_retry(person: SignedIn, store_id: int) -> ResponseReturnValue:
    """Try what was set aside once more."""
    with services().transaction(person.account_id) as work:
        inbox.retry_poisoned(work, store_id)
        store_status.retry_poisoned_orders(work, store_id)
    return redirect(url_for("admin.stores_one", store_id=store_id), 303)


@bp.post("/stores/<int:store_id>/law")
@guard.person_required(Role.ADMIN)
def stores_law(person: SignedIn, store_id: int) -> ResponseReturnValue:
    """Whether Thai distance-selling law covers this seller: only the seller knows."""
    answer = {"yes": True, "no": False}.get(request.form.get("th_direct_marketer", ""))
    with services().transaction(person.account_id) as work:
        connected.find(work, store_id).th_direct_marketer = answer
    return redirect(url_for("admin.stores_one", store_id=store_id), 303)


@bp.post("/stores/<int:store_id>/disconnect")
@guard.person_required(Role.ADMIN)
def stores_disconnect(person: SignedIn, store_id: int) -> ResponseReturnValue:
    with services().transaction(person.account_id) as work:
        connected.disconnect(work, connected.find(work, store_id), by=person.email)
    return redirect(url_for("admin.stores"), 303)


def _again(person: SignedIn, **errors: str) -> ResponseReturnValue:
    with services().reading(person.account_id) as work:
        views = store_status.overview(work)
    page = render_template("admin/stores.html", stores=views, form=request.form, errors=errors)
    return _may_lead_to_stores(page, 400)


def _may_lead_to_stores(page: str, status: int = 200) -> ResponseReturnValue:
    """Browsers apply form-action to redirects too, and these forms end at the store's own address."""
    plain = " http:" if services().settings.allow_http_stores or _simulated() else ""
    policy = content_policy().replace("form-action 'self'", f"form-action 'self' https:{plain}")
    return page, status, {"Content-Security-Policy": policy}


def _simulated() -> bool:
    return services().settings.shopify_origin.startswith("http://")
