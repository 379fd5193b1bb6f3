"""Withdrawal statements, written down in the pane: received, acknowledged, goods or proof here, settled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from flask import Blueprint, Response, jsonify, render_template, request
from flask_babel import gettext as _

from integration import customers, withdrawals
from integration.db.orders import Order
from integration.errors import BadInput, Forbidden
from integration.ids import child_id, row_id
from sidebar.context import services
from sidebar.dialogs import LARGEST_FORM
from sidebar.formats import zone
from sidebar.pane import visit_orders
from sidebar.panel import fragment
from sidebar.statements import channels, durable_media
from sidebar.visit import Visit, visitor_required

bp = Blueprint("withdrawals", __name__, url_prefix="/sidebar")

DIALOGUES = {"acknowledge": "_withdrawal_acknowledge.html", "goods": "_withdrawal_goods.html"}


@bp.get("/orders/<order_id>/withdrawal")
@visitor_required
def begin(visit: Visit, order_id: str) -> Response:
    """The form for a statement that has arrived."""
    _must_be_known(visit)
    with services().reading(visit.account_id) as work:
        order = customers.find_order(work, row_id(order_id))
        [card] = visit_orders(work, visit, [order])
    now = services().now().astimezone(zone())
    return fragment(
        render_template(
            "_withdrawal_record.html",
            order=card,
            channels=channels(),
            now=now.strftime("%Y-%m-%dT%H:%M"),
            may=True,
        )
    )


@bp.post("/orders/<order_id>/withdrawal")
@visitor_required
def record(visit: Visit, order_id: str) -> Response:
    """Write the statement down. The same one sent twice is one."""
    _must_be_known(visit)
    request.max_content_length = LARGEST_FORM
    form = request.form
    with services().transaction(visit.account_id) as work:
        order = customers.find_order(work, row_id(order_id))
        withdrawals.record_once(
            work,
            order,
            received_at=_moment(form.get("received", "")),
            channel=form.get("channel", ""),
            by=visit.actor,
            quantities=_pieces(order, form),
            conversation=visit.conversation or None,
            proof=visit.proof,
        )
    return jsonify(ok=True)


@bp.get("/orders/<order_id>/withdrawals/<withdrawal_id>/<step>")
@visitor_required
def ask(visit: Visit, order_id: str, withdrawal_id: str, step: str) -> Response:
    """The dialogue of one step."""
    _must_be_known(visit)
    with services().reading(visit.account_id) as work:
        order = customers.find_order(work, row_id(order_id))
        [card] = visit_orders(work, visit, [order])
    found = next((one for one in card.statements if str(one.id) == withdrawal_id), None)
    if found is None or step not in DIALOGUES:
        raise BadInput("no such step of this order")
    return fragment(
        render_template(
            DIALOGUES[step],
            order=card,
            statement=found,
            media=durable_media(),
            today=services().now().astimezone(zone()).date().isoformat(),
            may=True,
        )
    )


@bp.post("/withdrawals/<withdrawal_id>/acknowledge")
@visitor_required
def acknowledge(visit: Visit, withdrawal_id: str) -> Response:
    """The customer was told, on a medium that can be kept; date and time are now."""
    _must_be_known(visit)
    how = request.form.get("how", "")
    if how not in durable_media():
        raise BadInput("not a durable medium", next_step=_("Choose how the customer was told."))
    with services().transaction(visit.account_id) as work:
        withdrawals.acknowledge(work, row_id(withdrawal_id), how, visit.actor, proof=visit.proof)
    return jsonify(ok=True)


@bp.post("/withdrawals/<withdrawal_id>/goods")
@visitor_required
def goods(visit: Visit, withdrawal_id: str) -> Response:
    """The day on which the goods, or the proof that they were sent, arrived: the clocks move."""
    _must_be_known(visit)
    days = {name: request.form.get(name, "").strip() for name in ("goods", "sent")}
    if not any(days.values()):
        raise BadInput("no day given", next_step=_("Give at least one day."))
    today = services().now().astimezone(zone()).date().isoformat()
    if any(day > today for day in days.values()):
        raise BadInput("a day to come", next_step=_("This day is still to come."))
    with services().transaction(visit.account_id) as work:
        withdrawals.goods_or_proof(
            work,
            row_id(withdrawal_id),
            visit.actor,
            goods=days["goods"] or None,
            sent=days["sent"] or None,
            proof=visit.proof,
        )
    return jsonify(ok=True)


@bp.post("/withdrawals/<withdrawal_id>/close")
@visitor_required
def close(visit: Visit, withdrawal_id: str) -> Response:
    _must_be_known(visit)
    with services().transaction(visit.account_id) as work:
        withdrawals.close(work, row_id(withdrawal_id), visit.actor, proof=visit.proof)
    return jsonify(ok=True)


def _must_be_known(visit: Visit) -> None:
    if not visit.may_search:
        raise Forbidden("only a known agent keeps statements", code="not_proven")


def _pieces(order: Order, form: Mapping[str, str]) -> dict[str, int] | None:
    """Public line id → pieces; None when it is all of the order."""
    found: dict[str, int] = {}
    for name, value in form.items():
        text = value.strip()
        if name.startswith("q:") and text not in ("", "0"):
            if not text.isascii() or not text.isdigit():
                raise BadInput("a quantity is a whole number")
            found[name[2:]] = int(text[:6])
    if not found:
        raise BadInput("nothing is named", next_step=_("Name what the customer gives back."))
    whole = {child_id(order.id, line.platform_id): line.quantity for line in order.lines}
    return None if found == whole else found


def _moment(text: str) -> datetime:
    """A form's local date and time, in the agent's zone."""
    try:
        return datetime.fromisoformat(text[:16]).replace(tzinfo=zone()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput(
            "a time that is none", next_step=_("Say on which day and at what time it arrived.")
        ) from None
