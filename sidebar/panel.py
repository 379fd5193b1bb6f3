"""What the agent sees: the whole page at the door, and the pieces that the page asks for later."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from flask import (
    Blueprint,
    Response,
    g,
    get_template_attribute,
    jsonify,
    make_response,
    render_template,
    request,
)
from flask_babel import gettext as _
from flask_babel import refresh
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from integration import customers, returns, withdrawals, wording
from integration.db.accounts import Agent
from integration.errors import BadInput, Forbidden, NotFound
from integration.ids import child_id, row_id
from integration.terms import read_terms
from integration.wording import Wording
from integration.work import Work
from jobs.sync import refresh_order
from sidebar import handover, languages, lookups, tokens
from sidebar.cards import OrderCard
from sidebar.context import services
from sidebar.doors import Desk, Door
from sidebar.glimpse import glimpse
from sidebar.pane import SHOWN, Pane, freshness, look, picture, visit_orders
from sidebar.replies import draft
from sidebar.visit import State, Visit, account_settings, enter, visitor_required

log = logging.getLogger(__name__)
bp = Blueprint("panel", __name__, url_prefix="/sidebar")

MOST_ORDERS = 100
"""Orders of one person that the pane can show."""
LARGEST_FORM = 64 * 1024
OPEN_ORDERS = "X-Open-Orders"
"""Header of the page's own requests: ids of the orders that are open in it, with commas."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A rendered pane, and the title that announces it."""

    html: str
    title: str


def page(desk: Desk, visit: Visit, entrance: Door) -> Response:
    """The answer of a door: the page, complete with the customer's orders if they may be read.

    A page that is already there and tells its conversation gets the pane alone.
    """
    shown, token = found(visit, entering=True), tokens.mint(visit)
    told = {"token": token, "conversation": visit.conversation, "capabilities": list(visit.capabilities)}
    if request.accept_mimetypes.best == "application/json":
        return jsonify(html=shown.html, title=shown.title, **told)
    start = {"kind": desk.kind, "origin": desk.origin, "framers": entrance.framed_by(desk), **told}
    return fragment(render_template("sidebar.html", shown=shown, door=entrance, start=start))


def fragment(html: str) -> Response:
    response = make_response(html)
    response.headers["Cache-Control"] = "no-store"
    return response


def found(visit: Visit, *, customer_id: int | None = None, entering: bool = False) -> Shown:
    """The pane of a conversation that was just opened or proven: a lookup, counted and kept on record.

    `entering`: nobody has looked yet whether helpdesk and agent still are who they were.
    """
    if visit.state is State.SINGLE and visit.may_read:
        lookups.note(visit, entering=entering)
    elif entering:
        with services().reading(visit.account_id) as work:
            enter(work, visit)
    return show(visit, customer_id=customer_id)


def show(visit: Visit, *, customer_id: int | None = None, query: str = "", limit: int = SHOWN) -> Shown:
    """Render the pane. A lookup that fails says so, and never reads "no orders"."""
    if visit.state is State.UNKNOWN:
        return Shown(render_template("_wait.html"), "Deskside")
    if visit.state is not State.SINGLE:
        return Shown(render_template("_no_conversation.html", visit=visit), "Deskside")
    if not visit.may_read:
        return _unproven(visit)
    try:
        with services().reading(visit.account_id) as work:
            pane = look(work, visit, customer_id=customer_id, query=query, limit=limit, whole=_open_there())
            pane = pane.with_reply(draft(pane, own=own_wording()) if pane.state == "one" else None)
    except (SQLAlchemyError, OSError) as error:
        log.error("lookup failed: %s", type(error).__name__)
        return Shown(
            render_template(
                "_failed.html", headline=_("Our own database did not answer."), reference=g.request_id[:8]
            ),
            _("The lookup failed"),
        )
    return _rendered(pane)


def _open_there() -> frozenset[str]:
    """Orders that stand open in the page which asks: they come whole again, so that nothing moves there."""
    return frozenset(request.headers.get(OPEN_ORDERS, "").split(",")[:SHOWN])


def _unproven(visit: Visit) -> Shown:
    """The way to sign in; above it, where the helpdesk vouches for the conversation, the masked order."""
    seen = None
    if visit.may_glimpse:
        lookups.note(visit, "customer.glimpsed")
        with services().reading(visit.account_id) as work:
            seen = glimpse(work, visit)
    return Shown(render_template("_unproven.html", visit=visit, glimpse=seen), "Deskside")


def _rendered(pane: Pane) -> Shown:
    html = render_template(
        "_pane.html" if pane.state == "one" else "_choose.html",
        pane=pane,
        why_word=why_word,
        may_search=pane.visit.may_search,
    )
    return Shown(html, f"Deskside: {pane.profile.name}" if pane.profile else "Deskside")


def own_wording() -> Wording:
    """The merchant's own texts."""
    return wording.read(account_settings())


def why_word(code: str) -> str:
    """Why a customer matches, in words."""
    kind, _sep, value = code.partition(":")
    if kind == "email":
        return _("same e-mail: %(value)s", value=value)
    if kind == "phone":
        return _("same phone number: %(value)s", value=value)
    if kind == "order":
        return _("order %(value)s was named", value=value)
    if kind == "tracking":
        return _("parcel %(value)s was named", value=value)
    return _("similar name")


@bp.get("/pane")
@visitor_required
def pane(visit: Visit) -> Response:
    """The pane once more, of another customer, or of what a search finds."""
    query = " ".join(request.args.get("q", "").split())[:200]
    customer = request.args.get("customer", "")
    customer_id = row_id(customer) if customer else None
    if query:
        _note_search(visit)
    elif customer_id is not None and not visit.may_search:
        _only_named(visit, customer_id)
    limit = MOST_ORDERS if request.args.get("all") else SHOWN
    return fragment(show(visit, customer_id=customer_id, query=query, limit=limit).html)


def _note_search(visit: Visit) -> None:
    """Searching by hand needs a proven agent, and goes on the record with the conversation."""
    if not visit.may_search:
        raise Forbidden("searching needs a proven agent", code="not_proven")
    lookups.note(visit, "customer.searched")


def _must_read(visit: Visit) -> None:
    if not visit.may_read:
        raise Forbidden("who you are is not proven here", code="not_proven")


def _only_named(visit: Visit, customer_id: int) -> None:
    """Without the right to search: only people whom the conversation itself names."""
    _must_read(visit)
    with services().reading(visit.account_id) as work:
        named = _named(work, visit)
    if customer_id not in named:
        raise NotFound("no such customer in this conversation")


def _named(work: Work, visit: Visit) -> set[int]:
    """Customers whom the conversation's own addresses lead to."""
    found = customers.match(work, emails=visit.emails, phones=visit.phones)
    return {match.customer_id for match in found}


@bp.get("/freshness")
@visitor_required
def how_fresh(visit: Visit) -> Response:
    """How old the picture is, and which picture it is: asked often, so it is cheap."""
    customer = request.args.get("customer", "")
    with services().reading(visit.account_id) as work:
        version = picture(work, row_id(customer)) if customer and visit.may_read else ""
        fresh, _troubles = freshness(work.now(), read_terms(work).stores)
    return jsonify(age=fresh.seconds, state=fresh.state, at=fresh.clock, version=version)


@bp.post("/token")
@visitor_required
def renew(visit: Visit) -> Response:
    return jsonify(token=tokens.renew(visit))


@bp.post("/language")
@visitor_required
def speak(visit: Visit) -> Response:
    """Another language from now on, for this frame and for the agent's next ones."""
    language = languages.known(request.form.get("language"))
    if language is None:
        raise BadInput("no such language")
    visit = visit.speaking(language)
    if visit.agent_id is not None:
        with services().transaction(visit.account_id) as work:
            agent = work.session.scalar(select(Agent).where(Agent.id == visit.agent_id))
            if agent is not None:
                agent.locale = language
    g.language = language
    refresh()
    customer = request.form.get("customer", "")
    shown = show(visit, customer_id=row_id(customer) if customer and visit.may_search else None)
    return jsonify(html=shown.html, title=shown.title, token=tokens.mint(visit))


@bp.post("/facts")
@visitor_required
def say(visit: Visit) -> Response:
    """A fact that only a person knows; the order's verdicts are another after it."""
    order_id, line_id = _line_of(request.form.get("line", ""))
    if not visit.may_search:
        raise Forbidden("only a known agent adds facts")
    with services().transaction(visit.account_id) as work:
        order = customers.find_order(work, order_id)
        line = next((row for row in order.lines if child_id(order.id, row.platform_id) == line_id), None)
        if line is None:
            raise NotFound("no such line")
        returns.say_fact(
            work,
            order,
            line,
            request.form.get("name", ""),
            request.form.get("value", ""),
            visit.actor,
            visit.conversation or None,
            visit.proof,
        )
        withdrawals.follow(work, order, visit.actor, proof=visit.proof)
    return fragment(order_html(visit, order_id))


def _line_of(public: str) -> tuple[int, str]:
    return row_id(public.partition(".")[0]), public


@bp.get("/orders/<order_id>")
@visitor_required
def order(visit: Visit, order_id: str) -> Response:
    return fragment(order_html(visit, row_id(order_id)))


def order_html(visit: Visit, order_id: int) -> str:
    """One order, open, as the pane shows it. Without the right to search: of people of the conversation."""
    _must_read(visit)
    with services().reading(visit.account_id) as work:
        found = customers.find_order(work, order_id)
        if not visit.may_search and found.customer_id not in _named(work, visit):
            raise NotFound("no such order in this conversation")
        [card] = visit_orders(work, visit, [found])
    draw: Callable[[OrderCard], str] = get_template_attribute("_order.html", "draw")
    return draw(card)


@bp.post("/orders/<order_id>/look")
@visitor_required
def look_again(visit: Visit, order_id: str) -> Response:
    """Read the order from its store now. Raises StoreError, which the pane shows with what to do."""
    if not visit.may_search:
        raise Forbidden("only a known agent asks the store")
    refresh_order(services(), visit.account_id, row_id(order_id), interactive=True)
    return fragment(order_html(visit, row_id(order_id)))


@bp.get("/reply")
@visitor_required
def reply(visit: Visit) -> Response:
    """The draft for another situation or language."""
    customer_id = row_id(request.args.get("customer", ""))
    if not visit.may_search:
        _only_named(visit, customer_id)
    order_id = request.args.get("order") or None
    with services().reading(visit.account_id) as work:
        pane = look(work, visit, customer_id=customer_id, whole=(order_id,) if order_id else ())
        chosen = draft(
            pane,
            situation=request.args.get("situation") or None,
            language=languages.known(request.args.get("language")),
            order_id=order_id,
            own=own_wording(),
        )
    return fragment(render_template("_reply.html", pane=pane.with_reply(chosen)))


@bp.post("/contacts")
@visitor_required
def hand_over(visit: Visit) -> Response:
    """What the next agent needs to know of this contact."""
    if not visit.may_search:
        raise Forbidden("only a known agent hands over")
    request.max_content_length = LARGEST_FORM
    with services().transaction(visit.account_id) as work:
        handover.write(work, visit, request.form)
    return jsonify(ok=True)
