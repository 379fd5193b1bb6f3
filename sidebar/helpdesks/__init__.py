"""One file per helpdesk: its handshake, and who may frame us.

To add one, write a module named after its kind, with a :class:`sidebar.doors.Door` called `DOOR`, and one
line in :data:`integration.helpdesks.KINDS` for its settings. A door checks the helpdesk's own proof and
answers with a :class:`sidebar.visit.Visit`; it decides nothing else.
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from integration import helpdesks
from integration.errors import BadInput, Forbidden, ForgedMessage, NotFound
from integration.helpdesks import AnyHelpdesk
from sidebar import arrivals, panel, remembered, tokens
from sidebar.context import allow_framing, allow_scripts, services
from sidebar.doors import Desk, Door
from sidebar.visit import Visit

bp = Blueprint("helpdesks", __name__, url_prefix="/sidebar")

LARGEST_KNOCK = 256 * 1024
"""Bytes of what a helpdesk sends us. Source: facts on helpdesks; an Intercom canvas comes back with 64 KB."""


def door(kind: str) -> Door:
    """Raises :exc:`NotFound` for a helpdesk we have no door for."""
    if kind not in helpdesks.KINDS or find_spec(f"{__name__}.{kind}") is None:
        raise NotFound("no such helpdesk")
    found: Door = importlib.import_module(f"{__name__}.{kind}").DOOR
    return found


def desk_by_key(kind: str, key: str) -> Desk:
    """The tenant that an address names. Raises :exc:`NotFound`; a removed helpdesk is not found."""
    with services().everywhere(write=False) as work:
        row = helpdesks.by_key(work, key)
    if row is None or row.kind != kind:
        raise NotFound("no such helpdesk")
    return desk_of(row)


def desk_of(row: AnyHelpdesk) -> Desk:
    """A helpdesk's row as its door sees it."""
    return Desk(
        id=row.id,
        account_id=row.account_id,
        key=row.key,
        kind=row.kind,
        name=row.name,
        origin=row.origin,
        settings={name: str(value) for name, value in row.settings.items()},
        secrets=helpdesks.secret_settings(services().vault, row),
        refused=helpdesks.last_refusal(row) is not None,
        noted=helpdesks.opening_noted(row, services().now()),
    )


@bp.route("/<kind>/<key>", methods=["GET", "POST"], strict_slashes=False)
def knock(kind: str, key: str) -> ResponseReturnValue:
    """The page itself, at the configured address: no redirect, since some SDKs break on one.

    With a slash behind it too: some desks put one there, and their agents would meet an empty frame.
    """
    request.max_content_length = LARGEST_KNOCK
    entrance = door(kind)
    desk = desk_by_key(kind, key)
    allow_framing(*entrance.framed_by(desk))
    allow_scripts(*entrance.sdk)
    try:
        if entrance.answer is not None and (answer := entrance.answer(request, desk)) is not None:
            return answer
        visit = _visit(entrance, desk)
    except (ForgedMessage, Forbidden) as error:
        arrivals.note_refusal(desk, error.code)
        raise
    except RecursionError:
        raise BadInput("nested deeper than anything we are told") from None
    return panel.page(desk, visit, entrance)


def _visit(entrance: Door, desk: Desk) -> Visit:
    """By its proof, when a frame opens; by its own token and the host's word, when it says where it is."""
    if request.method == "GET" or "context" not in request.form or "token" in request.form:
        return remembered.recall(entrance.open(request, desk), desk)
    context = arrivals.read_context(request.form["context"])
    visit = _living(desk)
    return entrance.tell(visit, desk, context) if entrance.tell else arrivals.tell(visit, context)


def _living(desk: Desk) -> Visit:
    """The visit of the frame that speaks; one that proves nothing, if it brings no token."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not token:
        return arrivals.bare(desk)
    visit = tokens.read(token)
    if (visit.account_id, visit.helpdesk_id) != (desk.account_id, desk.id):
        raise Forbidden("a token of another helpdesk", code="expired")
    return visit
