"""The dialogues: what would happen, explained, then one button that carries the sum.

They compose a wish from a form and hand it to `jobs.actions`; nothing is decided here.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select

from integration import customers, deciding, limits, planning, returns, wishes
from integration.db.accounts import Account, Agent, Role
from integration.db.actions import Action
from integration.db.orders import Order
from integration.db.stores import Store
from integration.errors import AppError, BadInput, Conflict, Forbidden, NotFound
from integration.ids import child_id, row_id
from integration.money import Money, digits
from integration.people import sessions
from integration.ports import ActionKind
from integration.records import Platform
from integration.wishes import Who, Wish
from integration.work import Work
from jobs import actions
from sidebar import words
from sidebar.cards import PLATFORM_NAMES, OrderCard, reasons
from sidebar.context import services
from sidebar.offers import RETURN_STEPS, offers
from sidebar.pane import action_view, visit_orders
from sidebar.panel import fragment
from sidebar.verdicts import Rule, sum_rules
from sidebar.visit import Visit, visitor_required

bp = Blueprint("dialogs", __name__, url_prefix="/sidebar")

KINDS = {
    ActionKind.REFUND: "_refund.html",
    ActionKind.CANCEL: "_cancel.html",
    ActionKind.RETURN: "_return.html",
    ActionKind.ADDRESS: "_address.html",
    ActionKind.NOTE: "_note.html",
    **dict.fromkeys(RETURN_STEPS, "_return_step.html"),
}
LARGEST_FORM = 64 * 1024
LONGEST_KEY = 64


def who(work: Work, visit: Visit) -> Who:
    """Who acts, as the record will say. Never more than the visit proved."""
    proof = visit.proof if visit.may_move_money else "claimed"
    assurance = {
        "tenant": visit.assurance.tenant.value,
        "agent": visit.assurance.agent.value,
        "customer": visit.assurance.customer.value,
        "helpdesk": visit.helpdesk_id,
        "helpdesk_agent": visit.agent_external,
    }
    agent = None
    if visit.agent_id is not None:
        agent = work.session.scalar(select(Agent).where(Agent.id == visit.agent_id))
    if agent is None:
        caller = f"desk:{visit.helpdesk_id}:{visit.agent_external}"
        return Who(name=visit.actor, role=Role.AGENT, caller=caller, proof="claimed", assurance=assurance)
    return Who(
        name=agent.email,
        role=agent.role,
        caller=f"agent:{agent.id}",
        proof=proof,
        agent_id=agent.id,
        limits=agent.limits,
        assurance=assurance,
        stepped_up=sessions.proven_lately(work, agent.id),
    )


def _kind(text: str) -> ActionKind:
    try:
        kind = ActionKind(text)
    except ValueError:
        raise NotFound("no such action") from None
    if kind not in KINDS:
        raise NotFound("no such action")
    return kind


@bp.get("/orders/<order_id>/<kind>")
@visitor_required
def begin(visit: Visit, order_id: str, kind: str) -> Response:
    """The dialogue, on a picture of the order that is seconds old, or with the reason why it is not."""
    chosen = _kind(kind)
    row = row_id(order_id)
    if not visit.may_search:
        raise Forbidden("only a known agent acts", code="not_proven")
    stale = actions.freshen(services(), visit.account_id, row)
    with services().reading(visit.account_id) as work:
        order = customers.find_order(work, row)
        [card] = visit_orders(work, visit, [order])
        store = work.session.get_one(Store, order.store_id)
        act = next((act for act in offers(order, store, visit) if act.kind is chosen), None)
        because = act.because if act else _("no return was asked for.")
        if because:
            raise Conflict(because, code="not_possible", next_step=because)
        account = work.session.get_one(Account, visit.account_id)
        actor = who(work, visit)
        mine = limits.limits_for(account.settings, actor.role, actor.limits, order.currency)
        html = render_template(
            KINDS[chosen],
            order=card,
            key=secrets.token_hex(16),
            stale=words.reason(stale) if stale else "",
            platform=PLATFORM_NAMES[store.platform],
            reasons=reasons(),
            kind=chosen,
            step_word=act.word if act else "",
            returns=_returns_for(order, card, chosen),
            prefilled=_prefilled(order, card),
            limit=Money(mine.action, order.currency) if mine.action is not None else None,
            left_today=deciding.left_today(work, actor, mine, order.currency),
            most=deciding.most_left(work, order),
            shipping_left=_shipping_left(order),
            has_tags=store.platform is Platform.SHOPIFY,
            ways=planning.ways(work, order),
            may=visit.may_move_money,
            address=order.shipping_address or {},
        )
    return fragment(html)


def _prefilled(order: Order, card: OrderCard) -> dict[str, int]:
    """Quantities to begin with: what an open return names; the only thing there is; else nothing."""
    found: dict[str, int] = {}
    for row in order.returns:
        if row.status in ("requested", "open"):
            for line in row.lines:
                if line.get("line_id"):
                    found[child_id(order.id, line["line_id"])] = line.get("quantity", 0)
    left = [line for line in card.lines if line.refundable > 0]
    if not found and len(left) == 1 and left[0].refundable == 1:
        found[left[0].id] = 1
    return {line.id: min(found.get(line.id, 0), line.refundable) for line in card.lines}


def _returns_for(order: Order, card: OrderCard, kind: ActionKind) -> dict[str, str]:
    """The returns that this step can be taken on: public id → what comes back."""
    status = RETURN_STEPS.get(kind)
    return {
        child_id(order.id, row.platform_id): back.what or row.platform_id.rpartition("/")[2]
        for row, back in zip(order.returns, card.returns, strict=True)
        if row.status == status
    }


def _shipping_left(order: Order) -> Money:
    back = sum(refund.shipping or 0 for refund in order.refunds)
    return Money(max(0, order.shipping - back), order.currency)


def read_wish(kind: ActionKind, order: Order, form: Mapping[str, str], visit: Visit, work: Work) -> Wish:
    """The form's wish. Raises :exc:`BadInput` naming what is wrong."""
    body: dict[str, Any] = {"note": form.get("note", "").strip(), "notify": form.get("notify") == "yes"}
    if reason := form.get("reason"):
        body["reason"] = reason
    if visit.conversation:
        body["conversation"] = {"helpdesk": visit.helpdesk, "id": visit.conversation}
    if kind in (ActionKind.REFUND, ActionKind.RETURN):
        body["lines"] = _lines(form)
    if kind is ActionKind.REFUND:
        body["method"] = form.get("method", "original")
        if exception := form.get("exception", "").strip():
            body["exception"] = exception
        if form.get("by") == "amount":
            body["lines"] = []
            body["amount"] = {
                "amount": _plain_amount(form.get("amount", ""), order),
                "currency": order.currency,
            }
        elif shipping := _shipping(work, order, form, body):
            body["shipping"] = shipping.json()
    elif kind is ActionKind.CANCEL:
        body["restock"] = form.get("restock") == "yes"
        body["refund"] = form.get("refund") == "yes"
        body["shipping"] = None
    elif kind is ActionKind.ADDRESS:
        fields = ("name", "company", "address1", "address2", "city", "province", "zip", "country", "phone")
        body["address"] = {name: form.get(name, "").strip() for name in fields}
        body["address"]["country"] = body["address"]["country"].upper()
    elif kind is ActionKind.NOTE:
        body["public"] = form.get("public") == "yes"
    elif kind in RETURN_STEPS:
        body["return_id"] = form.get("return_id") or None
    return wishes.parse(kind, body)


def _lines(form: Mapping[str, str]) -> list[dict[str, Any]]:
    restock = form.get("restock") == "yes"
    lines = []
    for name, value in form.items():
        if name.startswith("q:") and value.strip() not in ("", "0"):
            if not value.strip().isascii() or not value.strip().isdigit():
                raise BadInput("a quantity is a whole number")
            lines.append({"line_id": name[2:], "quantity": int(value.strip()[:6]), "restock": restock})
    return lines


def _plain_amount(text: str, order: Order) -> str:
    """What people type to decimal text: `12,50` and `12.50` alike; `1,500` means what? It is refused."""
    text = "".join(text.split())
    if text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    if not text:
        return "0"
    if len(text.partition(".")[2]) <= digits(order.currency):
        with suppress(ValueError):
            return Money.parse(text, order.currency).text
    raise BadInput("not an amount", code="bad_amount", next_step=_("Write the amount like 12.50."))


def _shipping(work: Work, order: Order, form: Mapping[str, str], body: dict[str, Any]) -> Money | None:
    """Delivery that goes back: what is due with these pieces, none, or all that is left."""
    choice = form.get("shipping", "due")
    if choice == "all":
        money = _shipping_left(order)
    elif choice == "due" and body["lines"]:
        wanted = {line["line_id"]: line["quantity"] for line in body["lines"]}
        plan = returns.refund_sum(work, order, wanted, reason=body.get("reason", "changed_mind"))
        money = Money(plan.granted_shipping, order.currency)
    else:
        return None
    return money if money else None


@bp.post("/orders/<order_id>/refund/preview")
@visitor_required
def preview(visit: Visit, order_id: str) -> ResponseReturnValue:
    """The sum for the form as it stands, explained; nothing is done."""
    row = row_id(order_id)
    if not visit.may_search:
        raise Forbidden("only a known agent acts", code="not_proven")
    request.max_content_length = LARGEST_FORM
    with services().reading(visit.account_id) as work:
        order = customers.find_order(work, row)
        store = work.session.get_one(Store, order.store_id)
        actor = who(work, visit)
        try:
            wish = read_wish(ActionKind.REFUND, order, request.form, visit, work)
        except AppError as error:
            return _empty_sum(order, error)
        why = _why(work, order, wish)
    try:
        found = actions.preview(services(), visit.account_id, row, wish, actor)
    except AppError as error:
        return _empty_sum(order, error)
    return fragment(_sum_html(order, store, wish, found, why))


def _why(work: Work, order: Order, wish: Wish) -> tuple[Rule, ...]:
    """What law and policy say of the money for these pieces; nothing of an amount chosen by hand."""
    pieces = {line.line_id: line.quantity for line in wish.lines if line.quantity}
    if not pieces:
        return ()
    credit = wish.method == "store_credit"
    verdicts = returns.judge_order(work, order, quantities=pieces, reason=wish.reason, store_credit=credit)
    return sum_rules(verdicts.refund)


def _empty_sum(order: Order, error: AppError) -> Response:
    nothing = Money(0, order.currency)
    code = error.code if error.code != "bad_input" else "nothing_to_refund"
    return fragment(
        render_template(
            "_sum.html",
            total=nothing,
            parts=(),
            tenders=(),
            said=words.reason(code, error.next_step),
            allowed=False,
        )
    )


def _sum_html(order: Order, store: Store, wish: Wish, found: dict[str, Any], why: tuple[Rule, ...]) -> str:
    total = _money(found["amount"])
    titles = {child_id(order.id, line.platform_id): line.title for line in order.lines}
    means = {payment.gateway: payment.gateway_title for payment in order.transactions}
    asked = {line["line_id"]: line for line in found["lines"]}
    within = [line for line in asked.values() if line.get("verdict") == "accept"]
    beyond = [line for line in asked.values() if line.get("verdict") != "accept"]
    fees = _money(found["fees"]) if found["fees"] else None
    shipping = _money(found["shipping"]) if found["shipping"] else None
    suggested = _money(found["platform_amount"]) if found["platform_amount"] else None
    notes = words.reasons(found["reasons"])
    return render_template(
        "_sum.html",
        total=total,
        lines=[
            {
                "title": titles.get(line["line_id"], ""),
                "quantity": line["quantity"],
                "amount": _money(line["amount"]),
                "beyond": line in beyond,
            }
            for line in (*within, *beyond)
        ],
        shipping=shipping,
        asked_shipping=order.shipping,
        fees=fees,
        by_amount=wish.amount is not None,
        tenders=[
            (means.get(tender["gateway"]) or tender["gateway"], _money(tender["amount"]))
            for tender in found["tenders"]
        ],
        suggested=suggested if suggested and suggested != total else None,
        apart=suggested - total if suggested else None,
        platform=PLATFORM_NAMES[store.platform],
        needs_exception=found.get("needs_exception", False)
        or any(code == "exception" for code, _text in notes),
        needs_approval=found["needs_approval"],
        allowed=found["allowed"],
        notes=notes,
        why=why,
        said="",
    )


def _money(value: Mapping[str, str]) -> Money:
    return Money.parse(value["amount"], value["currency"])


@bp.post("/orders/<order_id>/<kind>")
@visitor_required
def ask(visit: Visit, order_id: str, kind: str) -> ResponseReturnValue:
    """Write the decision down and answer at once; the pane asks for the outcome later.

    The key was made when the dialogue opened: a second press, or a repeated request, is the same action.
    """
    chosen, row = _kind(kind), row_id(order_id)
    request.max_content_length = LARGEST_FORM
    key = request.headers.get("Idempotency-Key", "")
    if not key or len(key) > LONGEST_KEY:
        raise BadInput("an Idempotency-Key is needed")
    if not visit.may_move_money:
        raise Forbidden("who you are is not proven here", code="not_proven")
    with services().reading(visit.account_id) as work:
        order = customers.find_order(work, row)
        actor = who(work, visit)
        wanted = _wishes(chosen, order, request.form, visit, work)
    shown = request.form.get("sum", "")
    # A note and tags are two changes of the store: each has its own row, and its own key made from the one.
    asked = [
        actions.ask(
            services(),
            visit.account_id,
            row,
            kind,
            wish,
            actor,
            f"{key}:{number}" if number else key,
            shown=shown,
        )
        for number, (kind, wish) in enumerate(wanted)
    ]
    return "".join(_action_html(visit, int(found["id"])) for found in asked), 202


def _wishes(
    kind: ActionKind, order: Order, form: Mapping[str, str], visit: Visit, work: Work
) -> list[tuple[ActionKind, Wish]]:
    """What the dialogue asks for: one change, or a note and tags together."""
    tags = _tags(form, visit) if kind is ActionKind.NOTE else None
    if tags is None:
        return [(kind, read_wish(kind, order, form, visit, work))]
    if not form.get("note", "").strip():
        return [(ActionKind.TAGS, tags)]
    return [(kind, read_wish(kind, order, form, visit, work)), (ActionKind.TAGS, tags)]


def _tags(form: Mapping[str, str], visit: Visit) -> Wish | None:
    """What the person changed of the tags they saw; others' changes since then stay."""
    before, after = (
        {tag: None for part in form.get(name, "").split(",") if (tag := " ".join(part.split()))}
        for name in ("tags_before", "tags")
    )
    added = [tag for tag in after if tag not in before]
    removed = [tag for tag in before if tag not in after]
    if not added and not removed:
        return None
    body: dict[str, Any] = {"tags_add": added, "tags_remove": removed}
    if visit.conversation:
        body["conversation"] = {"helpdesk": visit.helpdesk, "id": visit.conversation}
    return wishes.parse(ActionKind.TAGS, body)


@bp.get("/actions/<action_id>")
@visitor_required
def follow(visit: Visit, action_id: str) -> str:
    if not visit.may_search:
        raise Forbidden("only a known agent sees actions", code="not_proven")
    return _action_html(visit, row_id(action_id))


@bp.post("/actions/<action_id>/withdraw")
@visitor_required
def withdraw(visit: Visit, action_id: str) -> str:
    """Take back a request that waits for a lead."""
    if not visit.may_move_money:
        raise Forbidden("who you are is not proven here", code="not_proven")
    with services().reading(visit.account_id) as work:
        actor = who(work, visit)
    actions.reject(services(), visit.account_id, row_id(action_id), actor)
    return _action_html(visit, row_id(action_id))


def _action_html(visit: Visit, action_id: int) -> str:
    with services().reading(visit.account_id) as work:
        action = work.session.scalar(select(Action).where(Action.id == action_id))
        if action is None:
            raise NotFound("no such action")
        view = action_view(action)
    return render_template("_action.html", action=view)
