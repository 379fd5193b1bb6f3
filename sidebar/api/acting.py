"""Refunds and the other actions: looked at, asked for once, followed, decided."""

from __future__ import annotations

from typing import Annotated

from flask import Response, url_for
from msgspec import Meta, Struct

from integration import shapes, wishes
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
    answers=shapes.Preview,
)
def preview_refund(caller: Caller, order_id: str) -> Response:
    wish = wishes.parse(ActionKind.REFUND, arguments.json_body())
    return answer(actions.preview(services(), caller.account_id, row_id(order_id), wish, caller.who))


ASKS = (
    ("ask_refund", "refunds", ActionKind.REFUND, "Ask for a refund."),
    ("ask_cancel", "cancel", ActionKind.CANCEL, "Ask for the order to be cancelled and paid back."),
    ("ask_return", "returns", ActionKind.RETURN, "Ask for a return to be opened in the store."),
    ("ask_return_approve", "returns/approve", ActionKind.RETURN_APPROVE, "Ask for a return to be approved."),
    ("ask_return_decline", "returns/decline", ActionKind.RETURN_DECLINE, "Ask for a return to be declined."),
    ("ask_return_receive", "returns/receive", ActionKind.RETURN_RECEIVE, "Ask for goods to be booked in."),
    ("ask_return_close", "returns/close", ActionKind.RETURN_CLOSE, "Ask for a return to be closed."),
    ("ask_replacement", "replacement", ActionKind.REPLACEMENT, "Ask for a replacement to be drafted."),
    ("ask_address", "address", ActionKind.ADDRESS, "Ask for another delivery address."),
    ("ask_note", "note", ActionKind.NOTE, "Ask for a note on the order in the store."),
    ("ask_tags", "tags", ActionKind.TAGS, "Ask for tags to be put on or taken off."),
)
"""Name, path below the order, kind and what it does: all of one pattern."""

SAME_KEY = "The same Idempotency-Key with the same body again gives the same action; nothing is done twice."


def _declare(name: str, path: str, kind: ActionKind, about: str) -> None:
    def ask(caller: Caller, order_id: str) -> Response:
        key = arguments.idempotency_key()
        body = arguments.json_body(may_be_empty=kind is ActionKind.CANCEL)
        wish = wishes.parse(kind, body)
        found = row_id(order_id)
        action = actions.ask(services(), caller.account_id, found, kind, wish, caller.who, key)
        return answer(action, 202, location=url_for("api.get_action", action_id=action["id"]))

    ask.__name__ = name
    declare = call(
        "POST",
        f"/orders/{{order_id}}/{path}",
        f"{about} {SAME_KEY}",
        body=Wish,
        needs_key=True,
        answers=shapes.Action,
        status=202,
    )
    declare(ask)


for entry in ASKS:
    _declare(*entry)


@call("GET", "/actions/{action_id}", "How far an action has come.", answers=shapes.Action)
def get_action(caller: Caller, action_id: str) -> Response:
    return answer(actions.view(services(), caller.account_id, row_id(action_id)))


@call(
    "POST",
    "/actions/{action_id}/approve",
    "Say yes to a request that awaits approval. Not to one's own.",
    body=Decision,
    answers=shapes.Action,
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
    answers=shapes.Action,
    leads=True,
)
def reject_action(caller: Caller, action_id: str) -> Response:
    note = arguments.read_body(Decision).note
    return answer(actions.reject(services(), caller.account_id, row_id(action_id), caller.who, note))
