"""The ways in from a store's admin: Shopify's two, WooCommerce's one. No page of ours asks for a key."""

from __future__ import annotations

import logging
from datetime import timedelta
from urllib.parse import urlsplit

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from connectors.shopify import install as shopify
from connectors.woocommerce import install as woocommerce
from integration import one_time, stores
from integration.errors import AppError, BadInput, ForgedMessage, NotFound, StoreError
from integration.people import SignedIn
from integration.records import Platform
from jobs import installing
from sidebar.admin.guard import signed_in
from sidebar.context import allow_framing, allow_scripts, services

log = logging.getLogger(__name__)
bp = Blueprint("install", __name__)

STATE_LIFE = timedelta(minutes=15)
SHOPIFY, WOOCOMMERCE = "install.shopify", "install.woocommerce"
COOKIE = "deskside_install"
APP_NAME = "Deskside"


def _starter() -> tuple[int | None, str]:
    """The account that the signed-in person connects the store to, and a name for the record."""
    person: SignedIn | None = signed_in()
    return (person.account_id, person.email) if person else (None, "install link")


# Shopify: authorization code


@bp.get("/shopify/install")
def shopify_install() -> ResponseReturnValue:
    """Send the merchant to the shop's grant page. A query signed by Shopify must be signed well."""
    shop = shopify.shop_domain(request.args.get("shop", ""))
    if "hmac" in request.args:
        shop = shopify.check_query(
            request.args.to_dict(), services().settings.shopify_secrets, now=services().now()
        )
    account_id, by = _starter()
    with services().everywhere() as work:
        state = one_time.make(work, SHOPIFY, {"shop": shop, "account": account_id, "by": by}, STATE_LIFE)
    address = shopify.authorize_url(services().settings, shop, state)
    if request.args.get("embedded") == "1":
        # The grant page refuses to be framed: the whole window has to go there.
        answer = make_response(render_template("admin/leave_frame.html", address=address))
    else:
        answer = make_response(redirect(address, 302))
    answer.set_cookie(
        COOKIE,
        state,
        max_age=int(STATE_LIFE.total_seconds()),
        path="/shopify/",
        secure=services().settings.app_url.startswith("https://"),
        httponly=True,
        samesite="Lax",
    )
    return answer


@bp.get("/shopify/callback")
def shopify_callback() -> ResponseReturnValue:
    """The shop sends the merchant back with a code: ours only if this browser left with this state."""
    params = request.args.to_dict()
    state = request.cookies.get(COOKIE, "")
    shop, code = shopify.check_callback(params, services().settings, state=state, now=services().now())
    with services().everywhere() as work:
        known = one_time.use(work, SHOPIFY, state)
    if known is None or known["shop"] != shop:
        raise ForgedMessage(
            "this installation was not begun here, or is over",
            next_step="Start again from the Stores page or the app's link.",
        )
    installing.exchange_code(services(), shop, code, account_id=known["account"], by=known["by"])
    answer = make_response(
        redirect(shopify.landing_page(services().settings, shop, params.get("host", "")), 302)
    )
    answer.delete_cookie(COOKIE, path="/shopify/")
    return answer


# Shopify: managed installation, token exchange in the embedded home


@bp.get("/shopify/app")
def shopify_app() -> ResponseReturnValue:
    """The embedded home. Its first authenticated load is the installation: Shopify sends no other word."""
    visit = shopify.open_home(
        services().settings,
        method=request.method,
        url=_asked_address(),
        headers=dict(request.headers),
        bounce_path="/shopify/bounce",
        now=services().now(),
    )
    if isinstance(visit, shopify.Detour):
        return _detour(visit)
    from sidebar.admin.shopify_home import render_shopify_home  # its page imports the admin's frame

    shop = visit.session.shop
    error: AppError | None = None
    try:
        store_id: int | None = installing.open_from_admin(services(), shop, visit.session.token)
    except (StoreError, BadInput) as problem:
        store_id, error = None, problem
    _speak_as_the_admin_does()
    allow_framing(f"https://{shop}", "https://admin.shopify.com", _simulated_admin(shop))
    allow_scripts("https://cdn.shopify.com")
    return render_shopify_home(shop, store_id, visit.session.user_id, error)


def _speak_as_the_admin_does() -> None:
    """Shopify names the language of its admin in `locale`. Source: fact sheet, 1.1."""
    g.language = request.args.get("locale", "").partition("-")[0]


def _simulated_admin(shop: str) -> str:
    """Where a simulator's admin frames us; empty for the real one."""
    origin = services().settings.shopify_origin.format(shop=shop)
    parts = urlsplit(origin)
    return "" if origin == f"https://{shop}" else f"{parts.scheme}://{parts.netloc}"


@bp.get("/shopify/app/state")
def shopify_app_state() -> ResponseReturnValue:
    """What the home polls: the state of this shop's copy. Proven by the session token of each call."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        session = shopify.verify_session_token(token, services().settings, services().now())
    except ForgedMessage:
        return {"error": "session"}, 401, {"X-Shopify-Retry-Invalid-Session-Request": "1"}
    from sidebar.admin.shopify_home import home_state

    with services().everywhere(write=False) as work:
        store = stores.by_domain(work, Platform.SHOPIFY, session.shop)
        if store is None:
            raise NotFound("this shop is not connected")
        found = store.account_id, store.id
    _speak_as_the_admin_does()
    return home_state(*found)


@bp.get("/shopify/bounce")
def shopify_bounce() -> ResponseReturnValue:
    """Reloads one of our own pages with a fresh session token."""
    return _detour(shopify.bounce_page(services().settings, _asked_address()))


def _asked_address() -> str:
    """The address as the browser asked for it: our public one, whatever the proxy calls us."""
    query = f"?{request.query_string.decode('latin-1')}" if request.query_string else ""
    return f"{services().settings.app_url}{request.path}{query}"


def _detour(detour: shopify.Detour) -> Response:
    return Response(detour.body, detour.status, detour.headers)


# WooCommerce


@bp.get("/woocommerce/install")
def woocommerce_install() -> ResponseReturnValue:
    """Send the merchant to their own store's grant page. What comes back is bound to this start."""
    url = installing.check_store_address(services(), request.args.get("url", ""))
    account_id, by = _starter()
    app_url = services().settings.app_url
    with services().everywhere() as work:
        state = one_time.make(work, WOOCOMMERCE, {"url": url, "account": account_id, "by": by}, STATE_LIFE)
    return redirect(
        woocommerce.authorize_url(
            url,
            app_name=APP_NAME,
            state=state,
            return_url=f"{app_url}/woocommerce/return",
            callback_url=f"{app_url}/woocommerce/callback",
        ),
        302,
    )


@bp.post("/woocommerce/callback")
def woocommerce_callback() -> ResponseReturnValue:
    """The store hands over a key. Only 200 keeps it; anything else makes the store delete it again.

    The call is unsigned and names no store, so it is believed only as the answer to a start of ours,
    once, and the key is tried on the store that we sent the merchant to. Source: measured.
    """
    request.max_content_length = 64 * 1024
    grant = woocommerce.read_callback(request.get_data(cache=False))
    with services().everywhere() as work:
        known = one_time.use(work, WOOCOMMERCE, grant.state)
    if known is None:
        raise ForgedMessage("no installation waits for this callback")
    outcome = _try_grant(grant, known)
    with services().everywhere() as work:
        # What the return page tells the merchant who comes back with the same state.
        one_time.note(work, WOOCOMMERCE, grant.state, outcome)
    return ("connected", 200) if "store" in outcome else (str(outcome["message"]), 422)


def _try_grant(grant: woocommerce.Grant, known: dict[str, object]) -> dict[str, object]:
    account = known["account"]
    try:
        store_id = installing.connect_woocommerce(
            services(),
            grant.credentials(str(known["url"])),
            by=str(known["by"]),
            account_id=account if isinstance(account, int) else None,
        )
    except AppError as error:
        log.info("a WooCommerce store was not connected: %s", error.code)
        return {"code": error.code, "message": str(error)[:300], "next_step": error.next_step}
    return {"store": store_id}


@bp.get("/woocommerce/return")
def woocommerce_return() -> ResponseReturnValue:
    """The merchant comes back from the store: say what became of it."""
    state = request.args.get("user_id", "")
    with services().everywhere(write=False) as work:
        outcome = one_time.outcome(work, WOOCOMMERCE, state)
    if request.args.get("success") != "1":
        outcome = {
            "message": _("The connection was declined in the store. Nothing was changed."),
            "next_step": _("Start again when you are ready."),
        }
    elif outcome is None:
        outcome = {
            "message": _("The store has not handed over its key."),
            "next_step": _("Start again; the link is good for 15 minutes."),
        }
    if signed_in() is not None and "store" in outcome:
        return redirect(url_for("admin.stores_one", store_id=outcome["store"]), 303)
    g.setdefault("zone", None)
    waits = "store" in outcome and installing.waits_for_confirmation(services(), outcome["store"])
    page = render_template("admin/connected.html", outcome=outcome, waits=waits)
    return page, 200 if "store" in outcome else 409
