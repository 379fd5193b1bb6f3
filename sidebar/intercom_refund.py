"""A refund from Intercom's inbox in two canvases: choose, confirm. What matters stays on our side.

Each canvas carries the random name of a step that we keep. The name of the last step is the action's key:
pressing twice, or sending the same call again, is the same refund.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import refresh
from msgspec.structs import replace

from integration import customers, one_time, wishes
from integration.errors import AppError, BadInput, Forbidden
from integration.ids import child_id, row_id
from integration.money import Money
from integration.ports import ActionKind
from jobs import actions
from sidebar import words
from sidebar.cards import reasons
from sidebar.context import services
from sidebar.dialogs import who
from sidebar.formats import money_text
from sidebar.intercom_canvas import button, canvas, checks, choice, text, title
from sidebar.languages import current
from sidebar.visit import Visit, enter

PURPOSE = "intercom-step"
LIFETIME = timedelta(minutes=15)


def choose(visit: Visit, order: str, _inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Which items, and why."""
    try:
        _must_act(visit)
        with services().transaction(visit.account_id) as work:
            enter(work, visit)
            refresh()
            found = customers.find_order(work, row_id(order))
            left = [line for line in found.lines if line.refundable_quantity > 0]
            step = _keep(work, visit, {"order": found.id})
            options = [
                (child_id(found.id, line.platform_id), f"{line.refundable_quantity} × {line.title}")
                for line in left
            ]
            name = found.name
    except AppError as error:
        return _failed(error)
    parts = [title(_("Refund %(order)s", order=name))]
    if not options:
        return canvas([*parts, text(_("all money has gone back.")), button("look", _("Back"))])
    chosen = [options[0][0]] if len(options) == 1 else []
    why = [(str(code), str(word)) for code, word in reasons().items()]
    return canvas(
        [
            *parts,
            checks("lines", _("What"), options, chosen),
            choice("reason", _("Reason"), why, why[0][0]),
            button(f"review.{step}", _("Go on"), primary=True),
            button("look", _("Back")),
        ]
    )


def review(visit: Visit, step: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The sum, explained, and the one button that carries it."""
    try:
        data = _step(visit, step)
        visit = replace(visit, fresh=True)
        lines, reason = _chosen(inputs)
        with services().reading(visit.account_id) as work:
            enter(work, visit)
            refresh()
            order = customers.find_order(work, data["order"])
            left = {child_id(order.id, line.platform_id): line.refundable_quantity for line in order.lines}
            actor = who(work, visit)
        body = {
            "lines": [{"line_id": line, "quantity": left[line]} for line in lines if left.get(line, 0) > 0],
            "reason": reason,
            "conversation": {"helpdesk": visit.helpdesk, "id": visit.conversation}
            if visit.conversation
            else None,
        }
        wish = wishes.parse(ActionKind.REFUND, body)
        found = actions.preview(services(), visit.account_id, order.id, wish, actor)
        if not found["allowed"] or any(one.get("code") == "exception" for one in found["reasons"]):
            return _declined(found)
        with services().transaction(visit.account_id) as work:
            last = _keep(work, visit, {"order": order.id, "body": body, "sum": found["amount"]})
    except AppError as error:
        return _failed(error)
    verb = _("Ask for approval") if found["needs_approval"] else _("Refund")
    return canvas(
        [
            title(_("Refund %(order)s", order=order.name)),
            *(text(said, muted=True) for _code, said in words.reasons(found["reasons"])),
            button(f"confirm.{last}", f"{verb} {_sum(found['amount'])}", primary=True),
            button("look", _("Back")),
        ]
    )


def confirm(visit: Visit, step: str, _inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Write the decision down. The same step again is the same action."""
    try:
        data = _step(visit, step)
        if "body" not in data:
            raise BadInput("nothing was reviewed", code="step_over")
        visit = replace(visit, fresh=True)
        with services().reading(visit.account_id) as work:
            enter(work, visit)
            refresh()
            actor = who(work, visit)
        wish = wishes.parse(ActionKind.REFUND, data["body"])
        key = hashlib.sha256(step.encode()).hexdigest()[:40]
        found = actions.ask(
            services(),
            visit.account_id,
            data["order"],
            ActionKind.REFUND,
            wish,
            actor,
            key,
            shown=data["sum"]["amount"],
        )
    except AppError as error:
        return _failed(error)
    return _follow(found)


def follow(visit: Visit, action: str, _inputs: Mapping[str, Any]) -> dict[str, Any]:
    try:
        _must_act(visit)
        with services().reading(visit.account_id) as work:
            enter(work, visit)
            refresh()
        return _follow(actions.view(services(), visit.account_id, row_id(action)))
    except AppError as error:
        return _failed(error)


STEPS: dict[str, Callable[[Visit, str, Mapping[str, Any]], dict[str, Any]]] = {
    "refund": choose,
    "review": review,
    "confirm": confirm,
    "follow": follow,
}


def _must_act(visit: Visit) -> None:
    if visit.agent_id is None:
        raise Forbidden("no agent record", code="not_proven")


def _keep(work: Any, visit: Visit, data: Mapping[str, Any]) -> str:
    whose = {"desk": visit.helpdesk_id, "agent": visit.agent_id, "conversation": visit.conversation}
    return one_time.make(work, PURPOSE, {**whose, **data}, LIFETIME)


def _step(visit: Visit, step: str) -> dict[str, Any]:
    """The step, if it is this agent's at this conversation. Raises :exc:`BadInput` otherwise."""
    _must_act(visit)
    with services().reading(visit.account_id) as work:
        data = one_time.peek(work, PURPOSE, step[:100])
    whose = (visit.helpdesk_id, visit.agent_id, visit.conversation)
    if data is None or (data["desk"], data["agent"], data["conversation"]) != whose:
        raise BadInput("this step is over", code="step_over")
    return data


def _chosen(inputs: Mapping[str, Any]) -> tuple[list[str], str]:
    lines, reason = inputs.get("lines"), inputs.get("reason")
    if isinstance(lines, str):
        lines = [lines]
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        lines = []
    return lines[:250], reason if isinstance(reason, str) else "changed_mind"


def _follow(action: Mapping[str, Any]) -> dict[str, Any]:
    said = {
        "awaiting_approval": _("Waits for a lead to approve."),
        "succeeded": _("Refunded."),
        "failed": _("The store declined this refund. No money moved."),
        "rejected": _("A lead did not approve. No money moved."),
        "needs_attention": _(
            "The store has not confirmed this refund. A team lead will look before anything is repeated."
        ),
    }.get(action["status"], _("On its way to the store."))
    parts = [title(_sum(action["amount"]) if action.get("amount") else _("Refund")), text(said)]
    return canvas([*parts, button(f"follow.{action['id']}", _("Look again")), button("look", _("Back"))])


def _declined(found: Mapping[str, Any]) -> dict[str, Any]:
    said = [text(sentence) for _code, sentence in words.reasons(found["reasons"])]
    hint = text(_("Exceptions are made in the sidebar itself."), muted=True)
    return canvas([title(_("This could not be done.")), *said, hint, button("look", _("Back"))])


def _failed(error: AppError) -> dict[str, Any]:
    return canvas(
        [
            title(_("This could not be done.")),
            text(words.reason(str(error.code), error.next_step)),
            button("look", _("Back")),
        ]
    )


def _sum(value: Mapping[str, str]) -> str:
    return money_text(Money.parse(value["amount"], value["currency"]), current())
