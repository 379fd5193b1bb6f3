"""Refunds and the other actions: looked at, asked for once, followed, decided."""

from __future__ import annotations

from typing import Annotated

from flask import Response, url_for
from msgspec import Meta, Struct

from integration import views, wishes
from integration.ids import row_id
from integration.ports import ActionKind
from integration.wishes import Wish
from jobs import actions
from sidebar.api import arguments
from sidebar.api.callers import Caller, must_lead
from sidebar.api.calls import answer, call
from sidebar.context import services


class Decision(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a request was approved or rejected."""

    note: Annotated[str, Meta(max_length=2000)] = ""


@call(
    "POST",
    "/orders/{order_id}/refunds/preview",
    "The calculated refund; nothing is done.",
    body=Wish,
    answers=views.PreviewShape,
)
def preview_refund(caller: Caller, order_id: str) -> Response:
    wish = wishes.parse(ActionKind.REFUND, arguments.json_body())
    return answer(actions.preview(services(), caller.account_id, row_id(order_id), wish, caller.who))


@call(
    "POST",
    "/orders/{order_id}/refunds",
    "Ask for a refund. The same Idempotency-Key again gives the same action.",
    body=Wish,
    needs_key=True,
    answers=views.ActionShape,
    status=202,
)
def ask_refund(caller: Caller, order_id: str) -> Response:
    return _ask(caller, order_id, ActionKind.REFUND)


@call(
    "POST",
    "/orders/{order_id}/cancel",
    "Ask for the order to be cancelled, and what was paid to go back.",
    body=Wish,
    needs_key=True,
    answers=views.ActionShape,
    status=202,
)
def ask_cancel(caller: Caller, order_id: str) -> Response:
    return _ask(caller, order_id, ActionKind.CANCEL, may_be_empty=True)


@call(
    "POST",
    "/orders/{order_id}/returns",
    "Ask for a return to be opened in the store.",
    body=Wish,
    needs_key=True,
    answers=views.ActionShape,
    status=202,
)
def ask_return(caller: Caller, order_id: str) -> Response:
    return _ask(caller, order_id, ActionKind.RETURN)


@call(
    "POST",
    "/orders/{order_id}/note",
    "Ask for a note on the order in the store.",
    body=Wish,
    needs_key=True,
    answers=views.ActionShape,
    status=202,
)
def ask_note(caller: Caller, order_id: str) -> Response:
    return _ask(caller, order_id, ActionKind.NOTE)


@call("GET", "/actions/{action_id}", "How far an action has come.", answers=views.ActionShape)
def get_action(caller: Caller, action_id: str) -> Response:
    return answer(actions.view(services(), caller.account_id, row_id(action_id)))


@call(
    "POST",
    "/actions/{action_id}/approve",
    "Say yes to a request that awaits approval. Not to one's own.",
    body=Decision,
    answers=views.ActionShape,
    leads=True,
)
def approve_action(caller: Caller, action_id: str) -> Response:
    must_lead(caller)
    note = arguments.read_body(Decision).note
    return answer(actions.approve(services(), caller.account_id, row_id(action_id), caller.who, note))


@call(
    "POST",
    "/actions/{action_id}/reject",
    "Say no to a request that awaits approval; or, with the token that asked, withdraw it.",
    body=Decision,
    answers=views.ActionShape,
    leads=True,
)
def reject_action(caller: Caller, action_id: str) -> Response:
    note = arguments.read_body(Decision).note
    return answer(actions.reject(services(), caller.account_id, row_id(action_id), caller.who, note))


def _ask(caller: Caller, order_id: str, kind: ActionKind, *, may_be_empty: bool = False) -> Response:
    key = arguments.idempotency_key()
    wish = wishes.parse(kind, arguments.json_body(may_be_empty=may_be_empty))
    action = actions.ask(services(), caller.account_id, row_id(order_id), kind, wish, caller.who, key)
    return answer(action, 202, location=url_for("api.get_action", action_id=action["id"]))
