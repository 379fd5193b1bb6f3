"""One file per helpdesk: its handshake, and who may frame us.

To add one, write a module with a :class:`Door` called `DOOR` and name it in `DOORS`. A door checks
the helpdesk's own proof and answers with a :class:`sidebar.visit.Visit`; it decides nothing else.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, Request, request
from flask.typing import ResponseReturnValue

from integration import helpdesks
from integration.errors import NotFound
from sidebar.context import allow_framing, services
from sidebar.visit import Visit

bp = Blueprint("helpdesks", __name__, url_prefix="/sidebar")

DOORS = ("generic",)
"""Modules of this package, by the helpdesk's kind as it stands in addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The helpdesk at whose address somebody knocked; its secret opened, its account known."""

    id: int
    account_id: int
    key: str
    kind: str
    name: str
    origin: str
    settings: dict[str, str]
    secrets: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    kind: str
    open: Callable[[Request, Desk], Visit | None]
    """Raises :exc:`integration.errors.ForgedMessage` for a proof that does not hold.

    None: nothing was proven yet; the page waits for the host's context message.
    """
    framed_by: Callable[[Desk], tuple[str, ...]]
    """Origins that may frame this tenant's pages."""
    answer: Callable[[Desk, Visit], ResponseReturnValue] | None = None
    """How the door answers, where that is not the page: JSON cards."""
    sdk: tuple[str, ...] = ()
    """Script addresses of the vendor's SDK, loaded before ours; the door allows their host."""
    bridge: tuple[str, ...] = ()
    """Our own static files, loaded before panel.js: `window.desksideBridge` joins vendor and pane."""


def door(kind: str) -> Door:
    """Raises :exc:`NotFound` for a helpdesk we have no door for."""
    if kind not in DOORS:
        raise NotFound("no such helpdesk")
    found: Door = importlib.import_module(f"{__name__}.{kind}").DOOR
    return found


def desk_by_key(kind: str, key: str) -> Desk:
    """The tenant that an address names. Raises :exc:`NotFound`; a removed helpdesk is not found."""
    with services().everywhere(write=False) as work:
        row = helpdesks.by_key(work, key)
    if row is None or row.kind != kind:
        raise NotFound("no such helpdesk")
    return Desk(
        id=row.id,
        account_id=row.account_id,
        key=row.key,
        kind=row.kind,
        name=row.name,
        origin=row.origin,
        settings={name: str(value) for name, value in row.settings.items()},
        secrets=helpdesks.secret_settings(services().vault, row),
    )


@bp.route("/<kind>/<key>", methods=["GET", "POST"])
def knock(kind: str, key: str) -> ResponseReturnValue:
    """The page itself, at the configured address: no redirect, since some SDKs break on one."""
    from sidebar import panel

    entrance = door(kind)
    desk = desk_by_key(kind, key)
    allow_framing(*entrance.framed_by(desk))
    visit = entrance.open(request, desk)
    if entrance.answer is not None and visit is not None:
        return entrance.answer(desk, visit)
    return panel.page(desk, visit, entrance)
